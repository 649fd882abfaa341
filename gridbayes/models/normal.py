"""Mean and standard deviation of a normal sample."""

import numpy as np

from gridbayes.models.coefficients import Term, is_linear, scale_of, sigma_of
from gridbayes.models.linear import Linear, linear
from gridbayes.posterior import Posterior
from gridbayes.priors import Normal, Prior, as_prior
from gridbayes.rows import errors_of, read_rows

__all__ = ["normal"]


def normal(
    y: object,
    *,
    data: object = None,
    mu: Prior | object = None,
    sigma: Prior | object = None,
    errors: object = None,
) -> Posterior:
    """The posterior of mu and sigma in y_i ~ N(mu, sigma e_i).

    Parameters
    ----------
    y : the sample, (row,), or a column's name of `data`. Missing values are left out.
    mu : its prior, Normal or Flat. Left out: Normal(mean, 2.5 sd) of the data, rounded; the summary's title states it.
    data, sigma, errors : as in `linear_regression`.

    Returns
    -------
    Posterior of `mu`, and `sigma` where it is learned. `predict()` tells of one more value.

    Raises
    ------
    TypeError, ValueError
        As in `linear_regression`. For another prior of mu: `complete_pooling([y], ..., shared_sigma=True)`.

    Rows enter through their sums alone: Gelman et al., Bayesian Data Analysis, 3rd ed., section 3.3.

    >>> post = normal([1, 3, 2], mu=Normal(0, 10), sigma=1)
    >>> round(post.mean("mu"), 6), round(post.sd("mu"), 6)
    (1.993355, 0.57639)
    """
    rows = read_rows(y, y, data, errors)
    centre, spread = scale_of(rows.y)
    prior = Normal(*(float(f"{x:.2g}") for x in (centre, 2.5 * spread))) if mu is None else as_prior(mu, "mu")
    if not is_linear(prior):
        raise ValueError(
            f"mu must have a prior that is Normal or Flat here; mu is {prior}. For another: "
            "gridbayes.complete_pooling([y], theta=prior, sigma=..., shared_sigma=True)."
        )
    terms, ones = (Term("mu", None, prior),), np.ones((len(rows.y), 1))
    return linear(Linear(terms, ones, rows.y, errors_of(rows), sigma_of(sigma, rows), "normal sample"))
