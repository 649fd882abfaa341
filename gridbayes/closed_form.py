"""Pooling of normal rows with its scales given, written once for NumPy and for JAX.

Group d says a_d - w_d (c_d - theta_d)**2 / 2 of its theta (likelihoods.py). With theta_d ~ N(mu, tau) summed out,

    log p(t | mu, tau) = C - P (mu - m)**2 / 2,    P = sum_d p_d,   m = sum_d p_d c_d / P,   p_d = w_d / (1 + w_d tau**2),
    mu | tau, t ~ N(loc + P / (P + q) (m - loc), 1 / sqrt(P + q)),              q = 1 / scale**2 of mu ~ N(loc, scale),
    theta_d | mu, tau, t ~ N(B_d mu + (1 - B_d) c_d, sqrt(B_d) tau),            B_d = 1 / (1 + w_d tau**2).

Nothing cancels as tau goes to 0 or w to 0. Source: Gelman et al., Bayesian Data Analysis, 3rd ed., equations 5.17 to 5.21.
"""

from typing import Any

__all__ = ["effect", "location", "pooled"]

type Table = Any  # an array of NumPy or of JAX, its axes in each docstring


def pooled(
    a: Table, w: Table, c: Table, tau: Table, number: Table = 1.0, squares: Table = 0.0
) -> tuple[Table, Table, Table]:
    """C, P and m, each (cell,), from a and w (cell or 1, group), c (group,) and tau (cell,).

    With `number` and `squares` (group,) each column is that many groups of the same w: a is the sum of theirs, c the mean
    of their centres, squares those of the centres about it.
    """
    xp = w.__array_namespace__()
    spread = 1 + w * tau[:, None] ** 2
    p = w / spread
    total = (number * p).sum(axis=1)
    m = p @ (number * c) / xp.where(total > 0, total, 1)
    height = (a - number * xp.log(spread) / 2 - p * (squares + number * (c - m[:, None]) ** 2) / 2).sum(axis=1)
    return height, total, m


def location(total: Table, m: Table, loc: Table, scale: Table) -> tuple[Table, Table]:
    """Mean and sd of mu given tau, each (cell,); a flat prior has the scale inf."""
    weight = 1 / scale**2
    # written about the prior's location, so that a prior with tiny scale keeps all its digits
    return loc + total / (total + weight) * (m - loc), (total + weight) ** -0.5


def effect(w: Table, c: Table, tau: Table) -> tuple[Table, Table, Table]:
    """(1 - B) c, B and B tau**2 of theta = (1 - B) c + B mu + noise, of the broadcast shape."""
    spread = w * tau**2
    b = 1 / (1 + spread)
    return spread * b * c, b, b * tau**2
