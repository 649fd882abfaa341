"""The continuous reading of the pooling family: automatic grids, placed from prior and data, with quadrature weights."""

from gridbayes.grids import FINE
from gridbayes.models.by_group import ByGroup
from gridbayes.models.given_scales import GivenScales
from gridbayes.models.pooling import Pooling
from gridbayes.posterior import Posterior

__all__ = ["continuous"]


def continuous(model: Pooling) -> Posterior:
    """The posterior of the continuous model, on automatic grids."""
    tol, order = FINE
    if model.own_sigma or model.likelihood is not None:  # more is summed: it is resolved a little less finely
        return ByGroup(model, 10 * tol, order).reported()
    return GivenScales(model, tol, order).reported()
