"""From a pooling model to its posterior: by explicit grids, automatic ones, or some of each."""

import numpy as np

from gridbayes.grids import Grid
from gridbayes.models.continuous import continuous
from gridbayes.models.covaried import Covaried
from gridbayes.models.enumerated import enumerated
from gridbayes.models.meta_regression import MetaRegression
from gridbayes.models.placed import place
from gridbayes.models.pooling import Pooling
from gridbayes.posterior import Posterior
from gridbayes.priors import Prior

__all__ = ["fit"]


def fit(model: Pooling) -> Posterior:
    """The posterior; explicit grids say the discretised model, and without any the continuous one is computed."""
    if isinstance(model, Covaried):
        return MetaRegression(model).posterior()
    if not model.grids:
        return continuous(model)
    for name, grid in model.grids.items():
        if name in model.priors:
            _require_overlap(name, model.priors[name], grid)
    missing = frozenset(model.names) - set(model.grids)
    grids = {**(place(continuous(model), missing) if missing else {}), **model.grids}
    return enumerated(model, grids, continuous, fit, placed=missing)


def _require_overlap(name: str, prior: Prior, grid: Grid) -> None:
    """Refuse a grid in a tail of the prior: normalised over its nodes that is another prior."""
    if not prior.proper:
        return
    low, high = grid.nodes[[0, -1]]
    first, last = prior.ppf(np.array([0.005, 0.995]))
    if low > last or (high < first and name in ("mu", "theta")):  # a scale near 0 is a limit that people ask for
        raise ValueError(
            f'grids["{name}"] from {low:g} to {high:g} lies in a tail of less than 1% of the prior {prior!r}, '
            f"whose middle half lies from {prior.ppf(0.25):g} to {prior.ppf(0.75):g}. Widen the grid or change the prior."
        )
