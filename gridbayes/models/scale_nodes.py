"""Nodes of tau, and of a learned sigma, at which every setting of a sweep is resolved."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from gridbayes.conditional import Conditional
from gridbayes.grids import Grid, adapt, in_panels
from gridbayes.likelihoods import NormalFactors, learned_sigma
from gridbayes.models.pooling import Pooling
from gridbayes.models.ranges import Range
from gridbayes.models.scales import scale_edges, sizes_of
from gridbayes.priors import Flat, Normal, Prior

__all__ = ["BEYOND", "scale_nodes", "tau_nodes"]

BEYOND = (
    3  # panels of a scale, each 4 times as long as the one before, past what settings need: a check that none lacks
)
MANY = 64  # priors of a scale for which panels are placed: of more, which are alike, so many at equal steps
OTHERS = 4  # priors of the other scale beside each of them, at equal steps
ROUGH = 6  # nodes of a panel of the other scale before it is placed itself

type LogEvidence = Callable[[np.ndarray], Sequence[np.ndarray]]  # log p(t | scale) of (panel, node), at some settings


def tau_nodes(model: Pooling, factors: NormalFactors, mu: Iterable[Prior], tau: Range, tol: float, order: int) -> Grid:
    """Panels that resolve p(tau | t) with each prior of tau, at the settings of mu and sigma that are most unlike."""
    if tau.known is not None:
        return _points(tau.known)
    priors, columns = _extremes(mu), _columns(factors)

    def log_evidence(nodes: np.ndarray) -> list[np.ndarray]:
        return [_log_evidence(factors, prior, column, nodes) for prior in priors for column in columns]

    return _resolved(model, tau, log_evidence, tol, order)


def scale_nodes(
    model: Pooling, mu: Iterable[Prior], tau: Range, sigma: Range, tol: float, order: int
) -> tuple[Grid, Grid]:
    """The same of tau and of a sigma that all groups learn: each is placed with the other summed out."""
    priors = _extremes(mu)
    rough = [in_panels(_first_edges(model, each.priors), ROUGH) for each in (tau, sigma) if each.known is None]
    of_tau, of_sigma = rough if tau.known is None else (_points(tau.known), *rough)

    def given_sigma(nodes: np.ndarray) -> list[np.ndarray]:
        return _summed(_tables(model, priors, nodes.ravel(), of_sigma.nodes), sigma, of_sigma, nodes.shape)

    def given_tau(nodes: np.ndarray) -> list[np.ndarray]:
        tables = [table.T for table in _tables(model, priors, of_tau.nodes, nodes.ravel())]
        return _summed(tables, tau, of_tau, nodes.shape)

    of_sigma = _resolved(model, sigma, given_tau, tol, order)
    if tau.known is None:
        of_tau = _resolved(model, tau, given_sigma, tol, order)
        of_sigma = _resolved(model, sigma, given_tau, tol, order)
    return of_tau, of_sigma


def _resolved(model: Pooling, scale: Range, log_evidence: LogEvidence, tol: float, order: int) -> Grid:
    """Panels that resolve the posterior of a scale at every setting of its prior and of `log_evidence`.

    All settings start from the same panels, and a panel is only ever halved: what they need together is little more than
    what one does. An endless scale ends `BEYOND` panels past the last that any of them needs.
    """
    first = _first_edges(model, scale.priors)
    some = _some(scale, MANY)
    count = len(log_evidence(first[None, 1:2]))
    settings = [(corner, prior) for corner in range(count) for prior in some]

    def log_density(item: np.ndarray, x: np.ndarray) -> np.ndarray:
        panels, where = np.unique(x[:, [0, -1]], axis=0, return_index=True, return_inverse=True)[1:]
        nodes, result = x[panels], np.empty_like(x)
        log_m = log_evidence(nodes)
        for i in np.unique(item):
            corner, prior = settings[i]
            own = np.flatnonzero(item == i)
            result[own] = log_m[corner][where.ravel()[own]] + prior.logpdf(x[own])
        return result

    grids = adapt(log_density, [first] * len(settings), tol, order)
    needed = np.searchsorted(first, max(grid.edges[-1] for grid, _ in grids))
    edges = np.concatenate([first[: needed + 1 + BEYOND], *(grid.edges for grid, _ in grids)])
    return in_panels(np.unique(edges), order)


def _some(scale: Range, most: int) -> list[Prior]:
    """Priors of a scale at equal steps through its settings, the first and the last among them."""
    return [scale.priors[i] for i in np.unique(np.linspace(0, len(scale) - 1, most).round().astype(int))]


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


def _tables(
    model: Pooling, priors: list[Prior], tau: Float[np.ndarray, " tau"], sigma: Float[np.ndarray, " sigma"]
) -> list[Float[np.ndarray, "tau sigma"]]:
    """log p(t | tau, sigma) with each prior of mu."""
    factors = learned_sigma(model.observations, np.tile(sigma, len(tau)))
    cells = np.repeat(tau, len(sigma))
    return [Conditional(prior, factors, cells).log_evidence.reshape(len(tau), -1) for prior in priors]


def _summed(tables: list[np.ndarray], other: Range, grid: Grid, shape: tuple[int, ...]) -> list[np.ndarray]:
    """log p(t | scale), of this shape, of tables (scale, other): the other summed out under some of its priors."""
    if other.known is not None:
        return [column.reshape(shape) for table in tables for column in table.T[_places(other.known, OTHERS)]]
    log_w = [prior.logpdf(grid.nodes) + grid.log_weight for prior in _some(other, OTHERS)]
    return [logsumexp(table + each, axis=1).reshape(shape) for table in tables for each in log_w]


def _places(known: np.ndarray, most: int) -> np.ndarray:
    """Some of the known values, by their places in order."""
    return np.unique(np.linspace(0, len(known) - 1, most).round().astype(int))
