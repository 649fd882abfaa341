"""Explicit grids taken from automatic ones."""

from collections.abc import Hashable, Iterable, Mapping

import numpy as np

from gridbayes.grids import Grid, in_panels
from gridbayes.models.enumerated import enumerated
from gridbayes.models.pooling import Pooling
from gridbayes.posterior import FittedModel, Posterior

__all__ = ["ROUGH", "discretised", "place"]

ROUGH = (1e-4, 8)  # tolerance and order of the fit whose grids are enumerated


def place(posterior: Posterior, names: Iterable[str]) -> dict[str, Grid]:
    """The automatic grids of some parameters of a posterior, one a parameter: for all its groups where each has its own."""
    return {name: _common(posterior.grids[name]) for name in names}


def discretised(model: Pooling, coarse: Posterior) -> FittedModel:
    """The model enumerated on the grids of a coarse fit: for the few questions that have no closed form."""
    names = frozenset(model.names)
    return enumerated(model, place(coarse, names), lambda _: coarse, lambda _: coarse, placed=names).model


def _common(grid: Grid | Mapping[Hashable, Grid]) -> Grid:
    """One grid of panels that resolves what each of several does."""
    if isinstance(grid, Grid):
        return grid
    edges = np.unique(np.concatenate([own.edges for own in grid.values()]))
    finest = min(np.diff(own.edges).min() for own in grid.values())
    kept = [edges[0]]
    for edge in edges[1:]:
        if edge - kept[-1] >= finest / 2:
            kept.append(edge)
    return in_panels(np.array(kept))
