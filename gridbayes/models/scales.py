"""First panels for scales, and the checks that a posterior exists, for all automatic grids."""

import numpy as np
from jaxtyping import Float

from gridbayes.models.pooling import Pooling
from gridbayes.priors import Flat, Prior

__all__ = ["power_at_zero", "refuse_improper", "scale_edges", "sizes_of"]


def sizes_of(model: Pooling) -> list[float]:
    """Sizes at which a scale may matter: the spread of the groups, of the rows, and the known errors; none without rows."""
    observations = model.observations
    if len(observations.values) == 0:
        return []
    if model.likelihood is not None:
        centres, widths = (x[observations.count > 0] for x in model.likelihood.location(observations))
        return [float(size) for size in (np.std(centres), widths.min(), np.median(widths)) if size > 0]
    measured = observations.mean[observations.count > 0]
    sizes = [np.std(observations.values), np.std(measured)]
    if observations.errors is not None:
        sizes += [observations.errors.min(), np.median(observations.errors)]
    else:
        sizes.append(np.sqrt(observations.sum_of_squares.sum() / len(observations.values)))
    return [float(size) for size in sizes if size > 0]


def scale_edges(prior: Prior, sizes: list[float]) -> Float[np.ndarray, " edge"]:
    """First panels for a scale: from 0 by factors of 4 across all sizes at which prior or data may change it."""
    marks = [*sizes, *(prior.ppf(np.array([0.05, 0.5, 0.95])) if prior.proper else ())]
    marks = [mark for mark in marks if np.isfinite(mark) and mark > 0] or [1.0]
    low, high = prior.support
    steps = np.ceil(np.log(max(marks) / min(marks)) / np.log(4))
    top = min(marks) / 4 * 4.0 ** np.arange(steps + 28)
    inner = top[(top > low) & (top < high)]
    return np.concatenate([[low], inner, [high] if np.isfinite(high) else []])


def refuse_improper(model: Pooling) -> None:
    """Raise where an improper prior leaves a posterior that cannot be normalised.

    As tau goes to infinity k groups say tau**-k, and tau**(1 - k) where mu is flat; times a prior of tau that is flat, or
    falls as 1 / tau (Jeffreys), that must fall faster than 1 / tau.
    """
    observations = model.observations
    informative = observations.count > 0
    if model.likelihood is not None:
        informative = model.likelihood.informative(observations)
    measured = int(informative.sum())
    location = "mu" if model.kind == "partial" else "theta"
    tau = model.priors.get("tau")
    if tau is not None and not tau.proper:
        needed = 1 + int(isinstance(tau, Flat)) + int(isinstance(model.priors["mu"], Flat))
        if measured < needed:
            raise ValueError(
                f"tau must have a proper prior here: {tau} with {measured} group{'s' * (measured != 1)} leaves an improper "
                f"posterior ({needed} are needed). Pass for example tau=gridbayes.HalfCauchy(5)."
            )
    if isinstance(model.priors[location], Flat) and measured < (len(observations) if model.kind == "no" else 1):
        group = observations.groups[int(np.argmin(informative))]
        why = "has no data" if observations.count[np.argmin(informative)] == 0 else "does not bound it on both sides"
        raise ValueError(f"{location} must have a proper prior: group {group!r} {why}. Pass gridbayes.Normal(0, 5).")
    _refuse_flat_sigma(model, isinstance(model.priors[location], Flat))
    _refuse_zero_spread(model)


def _refuse_flat_sigma(model: Pooling, flat_location: bool) -> None:
    """Raise where rows are too few for a flat prior of sigma: n rows fall as sigma**-n, less one for a flat location."""
    if not isinstance(model.priors.get("sigma"), Flat):
        return
    observations, count = model.observations, model.observations.count
    if model.own_sigma:
        rows, where = int(count.min()), f"in group {observations.groups[int(np.argmin(count))]!r}"
        needed = 3 if flat_location and (model.kind == "no" or len(count) == 1) else 2
    else:
        rows, where = len(observations.values), "in all"
        needed = 2 + int(isinstance(model.priors.get("tau"), Flat))
        needed += flat_location * (len(count) if model.kind == "no" else 1)
    if rows < needed:
        raise ValueError(
            f"sigma must have a proper prior here: a flat prior for sigma with {rows} row{'s' * (rows != 1)} {where} "
            f"leaves an improper posterior ({needed} are needed). Pass for example sigma=gridbayes.HalfCauchy(5)."
        )


def _refuse_zero_spread(model: Pooling) -> None:
    """Raise where rows without any spread pull a learned sigma to 0 and the posterior cannot be normalised.

    With theta summed out, n equal rows say sigma**(1 - n) as sigma goes to 0: too much for a prior sigma**a if a <= n - 2.
    If all N rows are equal and tau (a prior tau**b) can follow, the two together meet a power N - 1 in two dimensions.
    """
    if "sigma" not in model.priors or len(model.observations.values) == 0:
        return
    observations, power = model.observations, power_at_zero(model.priors["sigma"])
    groups, rows = int((observations.count > 0).sum()), len(observations.values)
    if model.own_sigma:
        flat = (observations.sum_of_squares == 0) & (power <= observations.count - 2)
        what = (
            f"sigma of group {observations.groups[int(np.argmax(flat))]!r} cannot be learned: its rows are all the same"
        )
        remedy = "shared_sigma=True, "
    else:
        equal = np.ptp(observations.values) == 0
        together = power + power_at_zero(model.priors["tau"]) <= rows - 3 if model.kind == "partial" else False
        shared = 1 if model.kind == "complete" else groups
        alone = (equal if shared == 1 else observations.sum_of_squares.sum() == 0) and power <= rows - shared - 1
        flat = np.array([alone or (equal and together)])
        what, remedy = "sigma cannot be learned: the rows of every group are all the same", ""
    if flat.any():
        raise ValueError(
            f"{what} and its prior does not vanish fast enough at 0, so the posterior is improper. Pass a known sigma, "
            f"{remedy}or a prior that vanishes at 0, like gridbayes.InverseGamma(2, 1)."
        )


def power_at_zero(prior: Prior) -> float:
    """The a of a density that goes to 0 as x**a; inf where it vanishes faster than any power."""
    low, high = prior.logpdf(np.array([1e-300, 1e-290]))
    return float((high - low) / np.log(1e10)) if np.isfinite(low) else np.inf
