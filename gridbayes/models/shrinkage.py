"""How far each group's estimate is drawn from its own mean towards the others.

With se_d the standard error of the mean m_d of group d (1 / sqrt(w_d), likelihoods.py),

    theta_d | mu, tau, t ~ N(s_d m_d + (1 - s_d) mu, ...),     s_d = tau**2 / (tau**2 + se_d**2),

and the weight of the group's own data is E[s_d | t]. Where sigma is learned, se_d = sigma / sqrt(n_d) and the mean is taken
over it too. Without pooling theta has a prior of its own, and the weight is
dE[theta_d | t] / dm_d = Var[theta_d | t] / se_d**2; where sigma is learned too, E[s_d | t] with the prior's scale for tau.

Of rows that are not normal the weight is what their group's mean is moved from mu by, and of normal rows the same:
E[1 - dE[theta_d | mu, tau, t] / dmu | t] = E[1 - Var[theta_d | mu, tau, t] / tau**2 | t]. The raw column is the empirical
logit log((y + 1/2) / (n - y + 1/2)), the log of (y + 1/2) / n, or the median, with about its standard error.

Sources: Gelman et al., Bayesian Data Analysis, 3rd ed., equation 5.17; Cox, Analysis of Binary Data (1970), section 3.2.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from gridbayes.likelihoods import NormalFactors, known_sigma, learned_sigma
from gridbayes.models.pooling import Pooling
from gridbayes.posterior import Posterior
from gridbayes.questions import unanswered

if TYPE_CHECKING:
    from gridbayes.table import Summary

__all__ = ["shrinkage"]


def shrinkage(model: Pooling, posterior: Posterior, prob: float) -> "Summary":
    """The table, a row a group; a group without rows has no raw mean and weight 0."""
    model.require_thetas("shrinkage")
    if model.likelihood is not None or model.own_sigma:
        weight = posterior._ask("weights_of_rows", "shrinkage")()
        return _table(model, posterior, prob, *_raw(model, posterior), weight)
    factors, share = _factors(model, posterior)
    error = 1 / np.sqrt(np.where(factors.w > 0, factors.w, np.nan)) @ share
    raw = np.where(factors.w[:, 0] > 0, factors.c, np.nan)
    return _table(model, posterior, prob, raw, error, _weight(model, posterior, factors, share))


def _raw(model: Pooling, posterior: Posterior) -> tuple[Float[np.ndarray, " group"], Float[np.ndarray, " group"]]:
    """Where the rows of each group alone put its theta, and how closely, where they are not normal or sigma is its own."""
    data = model.observations
    if model.likelihood is not None:
        raw, error = model.likelihood.location(data)
        return np.where(data.count > 0, raw, np.nan), np.where(data.count > 0, error, np.nan)
    sigma = np.array([marginal.mean for marginal in posterior.marginals["sigma"]])
    return data.mean, sigma / np.sqrt(np.where(data.count > 0, data.count, np.nan))


def _table(
    model: Pooling,
    posterior: Posterior,
    prob: float,
    raw: Float[np.ndarray, " group"],
    error: Float[np.ndarray, " group"],
    weight: Float[np.ndarray, " group"],
) -> "Summary":
    from gridbayes.table import Summary  # it loads pandas

    rows = {}
    for d, (label, theta) in enumerate(zip(posterior.groups, posterior.marginals["theta"], strict=True)):
        rows[str(label)] = [float(x) for x in (raw[d], error[d], theta.mean, theta.sd, *theta.eti(prob), weight[d])]
    columns = ["raw", "se", "estimate", "sd", *(f"eti{100 * prob:g}_{end}" for end in ("lb", "ub")), "weight"]
    return Summary.of(
        rows, columns, f"shrinkage in {model.title}", "weight: the share of an estimate that its own mean is"
    )


def _factors(model: Pooling, posterior: Posterior) -> tuple[NormalFactors, Float[np.ndarray, " sigma"]]:
    """What each group's rows say at each value of sigma, and p(sigma | t); one value where it is known."""
    if not model.shared_sigma:
        return known_sigma(model.observations), np.ones(1)
    (sigma,) = posterior.marginals["sigma"]
    return learned_sigma(model.observations, sigma.grid.nodes), sigma.masses


def _weight(
    model: Pooling, posterior: Posterior, factors: NormalFactors, share: Float[np.ndarray, " sigma"]
) -> Float[np.ndarray, " group"]:
    """The share of each estimate that is the group's own mean."""
    if model.kind == "no":
        if model.shared_sigma:
            raise unanswered(model.title, "shrinkage", "Instead post.summary() has the estimates")
        return np.array([theta.var for theta in posterior.marginals["theta"]]) * factors.w[:, 0]
    (tau,) = posterior.marginals["tau"]
    joint = posterior.joint("tau", "sigma").values if model.shared_sigma else tau.masses[:, None]
    of_cell = [w * tau.grid.nodes[:, None] ** 2 / (1 + w * tau.grid.nodes[:, None] ** 2) for w in factors.w]
    return np.array([np.sum(joint * part) for part in of_cell])
