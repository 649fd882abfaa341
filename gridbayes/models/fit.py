"""From a pooling model to its posterior: by explicit grids, automatic ones, or some of each."""

from gridbayes.models.continuous import continuous
from gridbayes.models.enumerated import enumerated
from gridbayes.models.placed import place
from gridbayes.models.pooling import Pooling
from gridbayes.posterior import Posterior

__all__ = ["fit"]


def fit(model: Pooling) -> Posterior:
    """The posterior; explicit grids say the discretised model, and without any the continuous one is computed."""
    if not model.grids:
        return continuous(model)
    missing = frozenset(model.names) - set(model.grids)
    grids = {**(place(continuous(model), missing) if missing else {}), **model.grids}
    return enumerated(model, grids, continuous, placed=missing)
