"""Mixture of normals."""

from gridbayes.models.coefficients import rounded, scale_of
from gridbayes.models.components import Components, location_prior, require_components, sigma_of, title_of, weight_of
from gridbayes.posterior import Posterior
from gridbayes.priors import Exponential, Normal, Prior
from gridbayes.quadrature.whitening import Plan
from gridbayes.rows import read_rows

__all__ = ["mixture"]

BUDGET = 200_000  # evaluations by one rule: order 11 of the five parameters of two components


def mixture(
    y: object,
    components: object = 2,
    *,
    data: object = None,
    mu: Prior | object = None,
    sigma: Prior | object = None,
    shared_sigma: bool = False,
    weight: object = None,
    labels: str = "ordered",
    rule: str = "auto",
    order: int | None = None,
    budget: int = BUDGET,
) -> Posterior:
    """The posterior of weight, mu and sigma in y_i ~ sum_k weight_k N(mu_k, sigma_k), mu_0 < mu_1 < ...

    Parameters
    ----------
    y : the sample, (row,), or a column's name of `data`. Missing values are left out.
    components : K, at least 2.
    mu : the prior of each component's mean, proper, on the whole line. Left out: Normal(mean, 2.5 sd) of the data, rounded;
        the summary's title states it.
    sigma : a number, known and the same for all components, or the prior of each component's. Left out: Exponential with
        mean sd(y). With `shared_sigma` one sigma is learned for all.
    weight : K concentrations of a Dirichlet, for K = 2 also a Beta, of the first component's weight. Left out: ones.
    labels : "ordered" by mu; or "mirrored": no one says which component is which, and each has the marginal of any.
    rule, order, budget : as in `quadrature`. Left out: the product rule of the highest order within the budget, up to two
        that agree; for many components a sparse rule, or weighted points where that fails.

    Returns
    -------
    Posterior of `weight`, `mu` and `sigma` where it is learned, by component 0 ... K - 1. The log evidence is that of the
    whole space: K! times the integral over ordered mu. Where concentrations differ they are those of mu's ranks.

    Raises
    ------
    TypeError, ValueError
        When an argument cannot be read or does not fit.
    ResolutionError
        When rules do not agree, as where components overlap; it has the figures. QuadratureWarning where they agree badly.

    Its rows have `loo`, `pit`, `predict` and `update` as those of other models.

    Stephens (2000), "Dealing with label switching in mixture models", J. R. Stat. Soc. B 62(4):795-809.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> post = mixture(np.append(rng.normal(0, 1, 70), rng.normal(6, 1, 30)), sigma=1, mu=Normal(0, 10))
    >>> post.mean("mu").round(2).values.tolist(), round(post.mean("weight", 0), 3)
    ([0.08, 6.08], 0.696)
    """
    y = read_rows(y, y, data).y
    count = require_components(components, y, labels)
    centre, spread = scale_of(y)
    prior = location_prior(mu, "mu", Normal(rounded(centre), rounded(2.5 * spread)))
    scale = sigma_of(sigma, Exponential(rounded(1 / spread)))
    concentration = weight_of(weight, count, labels)
    title = title_of(f"mixture of {count} normals", {"mu": prior, "sigma": scale}, concentration)
    plan = Plan(rule, order, budget)
    return Components(title, None, y, "mu", {"mu": prior}, scale, shared_sigma, concentration, labels, plan).posterior()
