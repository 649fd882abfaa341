"""Logistic regression: shares that depend on inputs."""

from scipy.special import logit

from gridbayes.models.coefficients import terms_of
from gridbayes.models.generalized import Generalized, generalized, known_of
from gridbayes.posterior import Posterior
from gridbayes.priors import Prior
from gridbayes.rows import read_rows

__all__ = ["logistic_regression"]


def logistic_regression(
    x: object,
    y: object,
    *,
    data: object = None,
    trials: object = None,
    slope: Prior | object = None,
    intercept: Prior | object = None,
) -> Posterior:
    """The posterior of intercept and slopes in y_i ~ Binomial(trials_i, 1 / (1 + exp(-(intercept + x_i . slope)))).

    Parameters
    ----------
    x, data : as in `linear_regression`.
    y : counts, (row,), or a column's name. Rows in which anything is missing are left out.
    trials : how many trials each count is out of: a number, one a row, or a column's name. 1 if left out: y is 0 or 1.
    slope, intercept : priors on the whole line; of the slopes one for all, or a dict by input. Left out: Normal, 2.5 per sd
        of an input; the summary's title states it.

    Returns
    -------
    Posterior of `intercept` and `slope`. `predict(x, trials=...)` tells of new rows.

    Raises
    ------
    TypeError, ValueError
        When an argument cannot be read, or a count is not whole or negative.
    ModeError
        When flat priors meet rows that leave a direction open, as inputs that separate the outputs.

    Source: Gelman, Jakulin, Pittau & Su (2008), "A weakly informative default prior distribution for logistic and other
    regression models", Annals of Applied Statistics 2(4):1360-1383, on priors in units of the inputs' spread.

    >>> from gridbayes.priors import Normal
    >>> post = logistic_regression([-1, 0, 1, 2], [0, 3, 5, 9], trials=10, slope=Normal(0, 2), intercept=Normal(0, 2))
    >>> bool(1.2 < post.mean("slope") < 2), bool(3 < post.predict([0.5], trials=10).mean("y")[0] < 6)
    (True, True)
    """
    rows = read_rows(x, y, data, trials, "trials")
    trials = known_of("logistic", rows)
    middle = float(logit((rows.y.sum() + 0.5) / (trials.sum() + 1)))
    terms = terms_of(rows, intercept, slope, middle, 1.0)
    return generalized(Generalized("logistic", terms, rows.inputs.x, rows.y, trials))
