"""The continuous reading of the pooling family: automatic grids, placed from prior and data, with quadrature weights."""

from dataclasses import replace

from gridbayes.grids import FINE
from gridbayes.models.by_group import ByGroup
from gridbayes.models.given_scales import GivenScales
from gridbayes.models.pooling import Pooling
from gridbayes.models.tails import with_tails
from gridbayes.posterior import Posterior

__all__ = ["continuous"]


def continuous(model: Pooling) -> Posterior:
    """The posterior of the continuous model, on automatic grids."""
    tol, order = FINE
    if model.own_sigma or model.likelihood is not None:  # more is summed: it is resolved a little less finely
        posterior = ByGroup(model, 10 * tol, order).posterior()
    else:
        posterior = GivenScales(model, tol, order).posterior()
    if model.likelihood is not None:  # tails.py knows the powers of normal rows alone
        return posterior
    return replace(posterior, marginals=with_tails(model, posterior.marginals))
