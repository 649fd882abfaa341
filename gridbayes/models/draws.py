"""Draws of a pooling model's parameters given others, in closed form or from the density of one number.

Each function takes arrays with one entry a draw and returns one draw for each.
"""

import numpy as np
from jaxtyping import Float

from gridbayes.conditional import Conditional, prior_edges
from gridbayes.evidence import EnumeratedSigma, Smooth
from gridbayes.likelihoods import NormalFactors, learned_sigma
from gridbayes.observations import Observations
from gridbayes.priors import Prior
from gridbayes.sampling import from_densities

__all__ = ["location_given", "noise_of_group", "rows_of", "theta_given", "theta_of_group"]

STEPS = np.arange(-30.0, 30.1, 2.5)  # panels about a normal, in sds: a polynomial of degree 15 follows it in each
NEAR = np.outer(
    [-1, 1], 2.0 ** np.arange(-12, 1)
).ravel()  # panels about the end of a prior, in sds of the rows' normal
WIDEST = 2.0  # of log sigma, that a panel may span where few rows speak of it


def location_given(conditional: Conditional, n: int, rng: np.random.Generator) -> Float[np.ndarray, " draw"]:
    """mu | scales, t, or theta with complete pooling; a cell a draw, or one for all."""
    m, s = (np.broadcast_to(part, n) for part in conditional.location)
    if conditional.is_normal:
        return m + s * rng.standard_normal(n)
    prior, (_, total, _) = conditional.prior, conditional.sums
    if not total.all():  # no rows
        return prior.ppf(rng.random(n))
    ends = np.array([end for end in prior.support if np.isfinite(end)])
    fixed = prior_edges(prior) if prior.proper else ends
    near = (ends[:, None] + s[:, None, None] * NEAR).reshape(n, -1)  # the rows may lie beyond an end
    edges = np.hstack([np.broadcast_to(fixed, (n, len(fixed))), near, m[:, None] + s[:, None] * STEPS])

    def log_density(span: slice, mu: np.ndarray) -> np.ndarray:
        return prior.logpdf(mu) - ((mu - m[span, None]) / s[span, None]) ** 2 / 2

    return from_densities(log_density, np.sort(np.clip(edges, *prior.support), axis=1), rng)


def theta_given(
    factors: NormalFactors,
    mu: Float[np.ndarray, "draw #group"],
    tau: Float[np.ndarray, "#draw"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "draw group"]:
    """theta_d | mu, tau, sigma, t of normal rows (conditional.py), mu one for all groups or one a group; a column of the
    factors a draw, or one for all."""
    w = factors.w.T
    b = 1 / (1 + w * tau[:, None] ** 2)
    mean = b * mu + (1 - b) * factors.c
    return mean + np.sqrt(b) * tau[:, None] * rng.standard_normal(mean.shape)


def theta_of_group(
    group: Smooth, mu: Float[np.ndarray, " draw"], tau: Float[np.ndarray, " draw"], rng: np.random.Generator
) -> Float[np.ndarray, " draw"]:
    """theta_d | mu, tau, t of rows that are not normal: p ~ N(theta; mu, tau) L_d(theta)."""
    own = np.broadcast_to(group.edges, (len(mu), len(group.edges)))
    edges = np.sort(np.hstack([own, mu[:, None] + tau[:, None] * STEPS]), axis=1)

    def log_density(span: slice, theta: np.ndarray) -> np.ndarray:
        return group.log_likelihood(theta) - ((theta - mu[span, None]) / tau[span, None]) ** 2 / 2

    return from_densities(log_density, edges, rng)


def rows_of(observations: Observations, d: int) -> Observations:
    """The rows of one group alone."""
    own = observations.codes == d
    errors = None if observations.errors is None else observations.errors[own]
    codes = np.zeros(int(own.sum()), int)
    return Observations((observations.groups[d],), observations.values[own], codes, errors, observations.name)


def noise_of_group(
    group: EnumeratedSigma,
    rows: Observations,
    prior: Prior,
    mu: Float[np.ndarray, " draw"],
    tau: Float[np.ndarray, "#draw"],
    rng: np.random.Generator,
) -> Float[np.ndarray, " draw"]:
    """sigma_d | mu, tau, t with theta_d summed out; with tau 0, sigma_d | theta_d = mu. `rows` are those of the group alone.

    In x = log sigma, with a, w and c of likelihoods.py, the density is
    p(sigma) sigma exp(a) (1 + w tau**2)**-0.5 exp(-w (c - mu)**2 / (1 + w tau**2) / 2).
    """
    log_sigma = np.log(group.sigma)
    breaks = np.log([x for x in (*prior.support, *prior.breakpoints) if 0 < x < np.inf])
    panels = np.arange(log_sigma[0], log_sigma[-1], WIDEST)
    edges = np.unique(np.concatenate([log_sigma[::8], log_sigma[-1:], panels, breaks]))

    def log_density(span: slice, x: np.ndarray) -> np.ndarray:
        sigma = np.exp(x)
        factor = learned_sigma(rows, sigma.ravel())
        a, w = factor.a.reshape(x.shape), factor.w.reshape(x.shape)
        spread = 1 + w * np.broadcast_to(tau, len(mu))[span, None] ** 2
        log_evidence = a - np.log(spread) / 2 - w * (factor.c[0] - mu[span, None]) ** 2 / spread / 2
        return prior.logpdf(sigma) + x + log_evidence

    return np.exp(from_densities(log_density, np.broadcast_to(edges, (len(mu), len(edges))), rng))
