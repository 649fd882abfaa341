"""Linear regression with normal errors."""

import numpy as np

from gridbayes.models.coefficients import scale_of, sigma_of, terms_of
from gridbayes.models.linear import Linear, linear
from gridbayes.posterior import Posterior
from gridbayes.priors import Prior
from gridbayes.rows import read_rows

__all__ = ["linear_regression"]


def linear_regression(
    x: object,
    y: object,
    *,
    data: object = None,
    slope: Prior | object = None,
    intercept: Prior | object = None,
    sigma: Prior | object = None,
    errors: object = None,
) -> Posterior:
    """The posterior of intercept, slopes and sigma in y_i ~ N(intercept + x_i . slope, sigma e_i).

    Parameters
    ----------
    x : inputs: (row,), (row, input), a table, or with `data` the name of a column or a list of names. Slopes are labelled by
        input; one input given as (row,) or by one name has one slope without a label.
    y : outputs, (row,), or a column's name. Rows in which anything is missing are left out.
    data : a table with named columns (pandas, polars, a dict of columns).
    slope, intercept : priors, Normal or Flat; of the slopes one for all, or a dict by input. Left out: Normal on the data's
        own scale, 2.5 sd of y per sd of x, as in rstanarm; the summary's title states it.
    sigma : a number, or a prior on [0, inf). Left out: Exponential with mean sd(y); 1 where errors are known.
    errors : known standard errors e, (row,), a number, or a column's name, which sigma multiplies. 1 if left out.

    Returns
    -------
    Posterior of `intercept`, `slope`, and `sigma` where it is learned. `predict(x)` tells of new rows.

    Raises
    ------
    TypeError, ValueError
        When an argument cannot be read, a direction of flat coefficients is open, or rows without error meet a prior of
        sigma that does not vanish at 0.

    The coefficients leave in closed form given sigma: Gelman et al., Bayesian Data Analysis, 3rd ed., sections 14.2, 14.8.

    >>> from gridbayes.priors import Flat
    >>> post = linear_regression([0, 1, 2], [1.1, 2.9, 5.2], intercept=Flat(), slope=Flat(), sigma=0.1)
    >>> round(post.mean("slope"), 6), round(post.sd("slope"), 6)
    (2.05, 0.070711)
    """
    rows = read_rows(x, y, data, errors)
    if rows.known is not None and not (rows.known > 0).all():
        row = int(np.argmin(rows.known > 0))
        raise ValueError(f"errors must be positive; errors[{row}] is {rows.known[row]:g}. Pass standard errors.")
    terms = terms_of(rows, intercept, slope, *scale_of(rows.y))
    design = np.column_stack([np.ones(len(rows.y)), rows.inputs.x])
    e = np.ones(len(rows.y)) if rows.known is None else rows.known
    return linear(Linear(terms, design, rows.y, e, sigma_of(sigma, rows), "linear regression"))
