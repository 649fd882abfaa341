"""Poisson regression: rates that depend on inputs."""

import numpy as np

from gridbayes.models.coefficients import terms_of
from gridbayes.models.generalized import Generalized, generalized, known_of
from gridbayes.posterior import Posterior
from gridbayes.priors import Prior
from gridbayes.rows import read_rows

__all__ = ["poisson_regression"]


def poisson_regression(
    x: object,
    y: object,
    *,
    data: object = None,
    exposure: object = None,
    slope: Prior | object = None,
    intercept: Prior | object = None,
) -> Posterior:
    """The posterior of intercept and slopes in y_i ~ Poisson(exposure_i exp(intercept + x_i . slope)).

    Parameters
    ----------
    x, data : as in `linear_regression`.
    y : counts, (row,), or a column's name. Rows in which anything is missing are left out.
    exposure : time, area or number at risk of each count: a number, one a row, or a column's name. 1 if left out.
    slope, intercept : priors on the whole line; of the slopes one for all, or a dict by input. Left out: Normal, 2.5 per sd
        of an input; the summary's title states it.

    Returns
    -------
    Posterior of `intercept` and `slope`. `predict(x, exposure=...)` tells of new rows.

    Raises
    ------
    TypeError, ValueError
        When an argument cannot be read, or a count is not whole or negative.
    ModeError
        When flat priors meet rows that leave a direction open, as inputs that separate the outputs.

    Source: McCullagh & Nelder, Generalized Linear Models, 2nd ed. (1989), chapter 6.

    >>> from gridbayes.priors import Normal
    >>> post = poisson_regression([0, 1, 2], [1, 4, 11], slope=Normal(0, 2), intercept=Normal(0, 2))
    >>> bool(0.7 < post.mean("slope") < 1.5)
    True
    """
    rows = read_rows(x, y, data, exposure, "exposure")
    exposure = known_of("poisson", rows)
    middle = float(np.log((rows.y.sum() + 0.5) / exposure.sum()))
    terms = terms_of(rows, intercept, slope, middle, 1.0)
    return generalized(Generalized("poisson", terms, rows.inputs.x, rows.y, exposure))
