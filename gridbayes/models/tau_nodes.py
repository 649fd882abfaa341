"""Nodes of tau at which every setting of a sweep is resolved."""

from collections.abc import Iterable

import numpy as np

from gridbayes.conditional import Conditional
from gridbayes.grids import Grid, adapt, in_panels
from gridbayes.likelihoods import NormalFactors
from gridbayes.models.pooling import Pooling
from gridbayes.models.ranges import Range
from gridbayes.models.scales import scale_edges, sizes_of
from gridbayes.priors import Flat, Normal, Prior

__all__ = ["BEYOND", "tau_nodes"]

BEYOND = 3  # panels of tau, each 4 times as long as the one before, past what settings need: a check that none lacks
MANY = 64  # priors of tau for which panels are placed: of more, which are alike, so many at equal steps


def tau_nodes(model: Pooling, factors: NormalFactors, mu: Iterable[Prior], tau: Range, tol: float, order: int) -> Grid:
    """Panels that resolve p(tau | t) with the priors of tau, at the settings of mu and sigma that are most unlike.

    All settings start from the same panels, and a panel is only ever halved: what they need together is little more than
    what one does. An endless tau ends `BEYOND` panels past the last that any of them needs.
    """
    if tau.known is not None:
        return _points(tau.known)
    first = _first_edges(model, tau.priors)
    corners = [(prior, column) for prior in _extremes(mu) for column in _columns(factors)]
    some = np.unique(np.linspace(0, len(tau) - 1, MANY).round().astype(int))
    settings = [(corner, tau.priors[i]) for corner in corners for i in some]

    def log_density(item: np.ndarray, x: np.ndarray) -> np.ndarray:
        panels, where = np.unique(x[:, [0, -1]], axis=0, return_index=True, return_inverse=True)[1:]
        nodes, result = x[panels], np.empty_like(x)
        log_m = {corner: _log_evidence(factors, *corner, nodes) for corner in corners}
        for i in np.unique(item):
            corner, prior = settings[i]
            own = np.flatnonzero(item == i)
            result[own] = log_m[corner][where.ravel()[own]] + prior.logpdf(x[own])
        return result

    grids = adapt(log_density, [first] * len(settings), tol, order)
    needed = np.searchsorted(first, max(grid.edges[-1] for grid, _ in grids))
    edges = np.concatenate([first[: needed + 1 + BEYOND], *(grid.edges for grid, _ in grids)])
    return in_panels(np.unique(edges), order)


def _points(tau: np.ndarray) -> Grid:
    """Known values as nodes of weight 1."""
    nodes = np.sort(tau)
    return Grid(nodes if len(nodes) > 1 else np.append(nodes, np.nextafter(nodes, np.inf)))


def _first_edges(model: Pooling, priors: tuple[Prior, ...]) -> np.ndarray:
    """From 0 by factors of 4 across all sizes at which the data or a prior may matter, with all ends and kinks."""
    middles = [size for prior in priors if prior.proper for size in prior.ppf(np.array([0.05, 0.5, 0.95])).tolist()]
    edges = scale_edges(Flat(0.0), [*sizes_of(model), *middles])
    marks = np.array([mark for prior in priors for mark in (*prior.support, *prior.breakpoints)])
    ends = [prior.support[1] for prior in priors]
    edges = edges[edges < max(ends)]
    return np.unique(np.concatenate([edges, marks[np.isfinite(marks)]]))


def _extremes(mu: Iterable[Prior]) -> list[Prior]:
    """The priors of mu whose evidence is least alike: the lowest and highest, the narrowest and widest."""
    normals = [prior for prior in mu if isinstance(prior, Normal)]
    keys = (lambda prior: prior.loc, lambda prior: -prior.loc, lambda prior: prior.scale, lambda prior: -prior.scale)
    flat = [prior for prior in mu if not isinstance(prior, Normal)][:1]
    return list(dict.fromkeys([*flat, *(min(normals, key=key) for key in keys if normals)]))


def _columns(factors: NormalFactors) -> list[int]:
    """The first, the smallest and the largest sigma."""
    total = factors.w.sum(axis=0)
    return list({int(np.argmin(total)), int(np.argmax(total))})


def _log_evidence(factors: NormalFactors, prior: Prior, column: int, tau: np.ndarray) -> np.ndarray:
    """log p(t | tau) with this prior of mu and this column of sigma, of the shape of tau."""
    own = NormalFactors(factors.a[:, [column]], factors.w[:, [column]], factors.c)
    return Conditional(prior, own, tau.ravel()).log_evidence.reshape(tau.shape)
