"""Linear regression with normal errors."""

import numpy as np

from gridbayes.likelihoods import StudentTErrors
from gridbayes.models.coefficients import is_linear, scale_of, sigma_of, terms_of
from gridbayes.models.generalized import Generalized, generalized
from gridbayes.models.linear import Linear, linear
from gridbayes.posterior import Posterior
from gridbayes.priors import Prior
from gridbayes.rows import errors_of, read_rows

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
    likelihood: StudentTErrors | object = None,
) -> Posterior:
    """The posterior of intercept, slopes and sigma in y_i ~ N(intercept + x_i . slope, sigma e_i).

    Parameters
    ----------
    x : inputs: (row,), (row, input), a table, or with `data` the name of a column or a list of names. Slopes are labelled by
        input; one input given as (row,) or by one name has one slope without a label.
    y : outputs, (row,), or a column's name. Rows in which anything is missing are left out.
    data : a table with named columns (pandas, polars, a dict of columns).
    slope, intercept : priors on the whole line; of the slopes one for all, or a dict by input. Left out: Normal on the
        data's own scale, 2.5 sd of y per sd of x, as in rstanarm; the summary's title states it.
    sigma : a number, or a prior on [0, inf). Left out: Exponential with mean sd(y); 1 where errors are known.
    errors : known standard errors e, (row,), a number, or a column's name, which sigma multiplies. 1 if left out.
    likelihood : StudentTErrors(df) for rows with outliers. Normal if left out.

    Returns
    -------
    Posterior of `intercept`, `slope`, and `sigma` where it is learned. `predict(x)` tells of new rows.

    Raises
    ------
    TypeError, ValueError
        When an argument cannot be read, a direction of flat coefficients is open, or rows without error meet a prior of
        sigma that does not vanish at 0.

    With normal errors and Normal or Flat priors the coefficients leave in closed form given sigma: Gelman et al., Bayesian
    Data Analysis, 3rd ed., sections 14.2, 14.8. Otherwise all are integrated by quadrature about the mode.

    >>> from gridbayes.priors import Flat
    >>> post = linear_regression([0, 1, 2], [1.1, 2.9, 5.2], intercept=Flat(), slope=Flat(), sigma=0.1)
    >>> round(post.mean("slope"), 6), round(post.sd("slope"), 6)
    (2.05, 0.070711)
    """
    rows = read_rows(x, y, data, errors)
    e = errors_of(rows)
    terms = terms_of(rows, intercept, slope, *scale_of(rows.y))
    design = np.column_stack([np.ones(len(rows.y)), rows.inputs.x])
    learned = sigma_of(sigma, rows)
    if likelihood is not None and not isinstance(likelihood, StudentTErrors):
        raise TypeError(f"likelihood must be StudentTErrors(df), or left out; likelihood is {likelihood!r}.")
    if likelihood is None and all(is_linear(term.prior) for term in terms):
        return linear(Linear(terms, design, rows.y, e, learned, "linear regression"))
    family, df = ("normal", 1.0) if likelihood is None else ("student", float(likelihood.df))
    return generalized(Generalized(family, terms, rows.inputs.x, rows.y, e, learned, df))
