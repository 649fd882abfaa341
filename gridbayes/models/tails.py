"""How fast the posteriors of the pooling family fall: as which power of |x|, and so which of their moments exist.

Far out the parameters of a pooling model are large together or not at all. Let S be those that are of size r while the
others stay where they are, and let the prior of v fall as |v|**-p_v (0: flat; inf: faster than any power). The likelihood
falls as r**-q_S: the n_d rows of a group say r**-n_d where its sigma is in S, 1 / r where only tau is, and fall faster
than any power where only their location is. Integrated over the others of S, each v of S falls as

    p(v = r | t) ~ r**-(1 + sum over S of (p_v - 1) + q_S),

and the S with the smallest power wins. theta_d is large where mu or tau is and, if group d has rows, its sigma too.
A mean exists above the power 2, a variance above 3.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import numpy as np

from gridbayes.models.pooling import Pooling
from gridbayes.priors import Prior
from gridbayes.summaries import Marginal

__all__ = ["falls_as", "tail_power", "with_tails"]

FAR = np.array([1e30, 1e35, 1e40])  # beyond any unit of data; x**-7 is still a double there


def with_tails(model: Pooling, marginals: Mapping[str, tuple[Marginal, ...]]) -> dict[str, tuple[Marginal, ...]]:
    """The marginals of a fit, each with the powers at which its two ends fall."""
    _, first, kind = np.unique(model.observations.count, return_index=True, return_inverse=True)
    result = {}
    for name, of_name in marginals.items():
        alike = (
            first[kind] if name in model.per_group else np.zeros(1, int)
        )  # groups of as many rows have the same tails
        tails = {d: (tail_power(model, name, d, -1), tail_power(model, name, d, 1)) for d in set(alike.tolist())}
        result[name] = tuple(replace(m, tails=tails[d]) for m, d in zip(of_name, alike.tolist(), strict=True))
    return result


def falls_as(prior: Prior, side: int = 1) -> float:
    """The p of a density that falls as |x|**-p at its upper (side 1) or lower (-1) end; inf if faster than any power."""
    log_p = prior.logpdf(side * FAR)
    if not np.isfinite(log_p).all():
        return np.inf
    first, second = -np.diff(log_p) / np.diff(np.log(FAR))
    return float(second) if abs(first - second) < 1e-9 else np.inf


def tail_power(model: Pooling, name: str, d: int, side: int) -> float:
    """The power at which a parameter's posterior falls at one side; `d` is the group's index, 0 for a shared one."""
    if side < 0 and name in ("tau", "sigma"):
        return np.inf
    excess = _unpooled if model.kind == "no" else _pooled
    return 1.0 + float(excess(model, name, d, side))


def _pooled(model: Pooling, name: str, d: int, side: int) -> float:
    """The least sum of (p_v - 1) plus q over the sets that make the parameter large, for complete and partial pooling."""
    location = "mu" if model.kind == "partial" else "theta"
    own, heavier = _ends(model.priors[location], side)
    least = np.inf
    for mu, tau in product((False, True), (False, True) if model.kind == "partial" else (False,)):
        if {location: mu, "tau": tau, "sigma": True}.get(name, mu or tau):
            of_mu = own if name == location or (name == "theta" and not tau) else heavier
            needed = d if name == "theta" != location and model.observations.count[d] > 0 else None
            needed = d if name == "sigma" else needed
            least = min(least, _of_set(model, of_mu, mu, tau, needed))
    return least


def _of_set(model: Pooling, of_mu: float, mu: bool, tau: bool, needed: int | None) -> float:
    """The sum for the sets with these of mu and tau, and with whichever sigmas make it least: that of group `needed` is in.

    A group whose sigma stays where it is adds the 1 that tau costs it, or is left behind by its location.
    """
    count = model.observations.count
    total = (of_mu - 1 if mu else 0.0) + (falls_as(model.priors["tau"]) - 1 if tau else 0.0)
    staying = np.where(count > 0, 1.0 if tau else np.inf if mu else 0.0, 0.0)
    if needed is not None:
        staying[needed] = np.inf
    if "sigma" not in model.priors:
        return total + staying.sum()
    of_sigma = falls_as(model.priors["sigma"]) - 1
    if model.shared_sigma:
        return total + min(of_sigma + count.sum(), staying.sum())
    return total + np.minimum(of_sigma + count, staying).sum()


def _unpooled(model: Pooling, name: str, d: int, side: int) -> float:
    """The same without pooling: theta_d is large with its sigma; flat thetas of other groups follow a shared sigma."""
    count = model.observations.count
    own, heavier = _ends(model.priors["theta"], side)
    if name == "theta" and count[d] == 0:
        return own - 1
    if "sigma" not in model.priors:
        return np.inf
    following = np.count_nonzero(count) if model.shared_sigma else np.count_nonzero(count[d])
    rows = count.sum() if model.shared_sigma else count[d]
    of_sigma = falls_as(model.priors["sigma"]) - 1 + rows
    of_theta = own - 1 if name == "theta" else 0.0
    return of_sigma + of_theta + min(heavier - 1, 0.0) * (following - (name == "theta"))


def _ends(prior: Prior, side: int) -> tuple[float, float]:
    """The power of a location's prior at this side, and at its heavier one."""
    own = falls_as(prior, side)
    return own, min(own, falls_as(prior, -side))
