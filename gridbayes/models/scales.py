"""First panels for scales, and the checks that a posterior exists, for all automatic grids."""

import numpy as np
from jaxtyping import Float

from gridbayes.models.pooling import Pooling
from gridbayes.observations import Observations
from gridbayes.priors import Flat, Prior

__all__ = ["refuse_improper", "scale_edges", "sizes_of"]


def sizes_of(observations: Observations) -> list[float]:
    """Sizes at which a scale may matter: the spread of the groups, of the rows, and the known errors."""
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
    """Raise where a flat prior leaves a posterior that cannot be normalised."""
    observations = model.observations
    measured = int((observations.count > 0).sum())
    location = "mu" if model.kind == "partial" else "theta"
    if isinstance(model.priors.get("tau"), Flat):
        needed = 4 if isinstance(model.priors["mu"], Flat) else 3
        if measured < needed:
            raise ValueError(
                f"tau must have a proper prior here: a flat prior for tau with {measured} groups leaves an improper "
                f"posterior ({needed} are needed). Pass for example tau=gridbayes.HalfCauchy(5)."
            )
    if isinstance(model.priors[location], Flat) and model.kind == "no" and measured < len(observations):
        empty = observations.groups[int(np.argmin(observations.count > 0))]
        raise ValueError(f"theta must have a proper prior: group {empty!r} has no data. Pass gridbayes.Normal(0, 5).")
    _refuse_zero_spread(model)


def _refuse_zero_spread(model: Pooling) -> None:
    """Raise where rows without any spread pull a learned sigma to 0 and the posterior cannot be normalised."""
    if "sigma" not in model.priors or not np.isfinite(model.priors["sigma"].logpdf(np.array(1e-300))):
        return
    observations = model.observations
    flat = (observations.sum_of_squares == 0) & (observations.count > 1)
    if model.own_sigma and flat.any():
        label = observations.groups[int(np.argmax(flat))]
        raise ValueError(
            f"sigma of group {label!r} cannot be learned: its rows are all the same and its prior is positive at 0, so the "
            "posterior is improper. Pass a known sigma, shared_sigma=True, or a prior that vanishes at 0."
        )
    if model.shared_sigma and observations.count.max() > 1 and observations.sum_of_squares.sum() == 0:
        raise ValueError(
            "sigma cannot be learned: the rows of every group are all the same and its prior is positive at 0, so the "
            "posterior is improper. Pass a known sigma, or a prior that vanishes at 0."
        )
