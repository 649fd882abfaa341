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
    return {
        name: tuple(
            replace(marginal, tails=(tail_power(model, name, d, -1), tail_power(model, name, d, 1)))
            for d, marginal in enumerate(of_name)
        )
        for name, of_name in marginals.items()
    }


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
    if model.kind == "no":
        return _unpooled(model, name, d, side)
    name = "mu" if model.kind == "complete" and name == "theta" else name
    ends = _ends(model.priors["mu" if model.kind == "partial" else "theta"], side)
    return 1 + min(
        _excess(model, ends[name != "mu" and (tau or name != "theta")], name, d, mu, tau)
        for mu, tau in product((False, True), (False, True) if model.kind == "partial" else (False,))
        if {"mu": mu, "tau": tau, "theta": mu or tau, "sigma": True}[name]
    )


def _ends(prior: Prior, side: int) -> tuple[float, float]:
    """The power of a location's prior at this side, and at its heavier one."""
    own = falls_as(prior, side)
    return own, min(own, falls_as(prior, -side))


def _excess(model: Pooling, of_mu: float, name: str, d: int, mu: bool, tau: bool) -> float:
    """The least sum of (p_v - 1) and q over the sets S with these of mu and tau, for complete and partial pooling."""
    count = model.observations.count
    total = (of_mu - 1 if mu else 0.0) + (falls_as(model.priors["tau"]) - 1 if tau else 0.0)
    measured = int((count > 0).sum())
    of_one_group = 1.0 if tau else np.inf if mu else 0.0  # what a measured group adds whose sigma stays where it is
    if "sigma" not in model.priors:
        if name == "theta" and count[d] > 0:
            return np.inf
        return total + (of_one_group * measured if measured else 0.0)
    of_sigma = falls_as(model.priors["sigma"]) - 1
    forced = name == "sigma" or (name == "theta" and count[d] > 0)
    if model.shared_sigma:
        staying = np.inf if forced else of_one_group * measured if measured else 0.0
        return total + min(of_sigma + count.sum(), staying)
    staying = np.where(count > 0, of_one_group, 0.0)
    if forced:
        staying[d] = np.inf
    return total + float(np.minimum(of_sigma + count, staying).sum())


def _unpooled(model: Pooling, name: str, d: int, side: int) -> float:
    """No pooling: theta_d is large alone, or with its sigma; flat thetas of other groups follow a shared sigma for free."""
    count = model.observations.count
    own, heavier = _ends(model.priors["theta"], side)
    if name == "theta" and count[d] == 0:
        return own
    if "sigma" not in model.priors:
        return np.inf
    following = min(heavier - 1, 0.0)
    if model.shared_sigma:
        of_sigma = falls_as(model.priors["sigma"]) - 1 + count.sum() + following * ((count > 0).sum() - 1)
    else:
        of_sigma = falls_as(model.priors["sigma"]) - 1 + count[d]
    return float(1 + of_sigma + (own - 1 if name == "theta" else following * (count[d] > 0 or model.shared_sigma)))
