"""The continuous reading of the pooling family: automatic grids, placed from prior and data, with quadrature weights."""

from gridbayes.grids import FINE
from gridbayes.models.given_scales import GivenScales
from gridbayes.models.own_sigma import OwnSigma
from gridbayes.models.pooling import Pooling
from gridbayes.posterior import Posterior

__all__ = ["continuous"]


def continuous(model: Pooling, tol: float = FINE[0], order: int = FINE[1]) -> Posterior:
    """The posterior of the continuous model, on automatic grids that resolve every density to `tol`."""
    return (OwnSigma if model.own_sigma else GivenScales)(model, tol, order).posterior()
