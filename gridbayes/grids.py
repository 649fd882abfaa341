"""Grids: the nodes at which a parameter is enumerated, and what each node weighs.

A grid has one of three rules, and the rule decides how masses at the nodes are read back.

- `points`: equal weights. The parameter *is* discrete and lives on the nodes: the reading of a memo program on `linspace`.
- `trapezoid`: the density is linear between neighbouring nodes.
- `panels`: Gauss-Legendre nodes in panels; in each panel the density is the polynomial through its nodes, of degree
  `order - 1`. Masses, quantiles and intervals are those of that density, so a resolved grid is the continuum.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

__all__ = [
    "Grid",
    "adapt",
    "as_grid",
    "fewest",
    "gauss_legendre",
    "geomspace",
    "linspace",
    "resolves",
    "stretched",
    "trapezoid",
]

ORDER = 16  # nodes a panel: degree 15 interpolates a normal density on a panel 2.5 sds wide to 1e-10
# Tolerance and order of automatic grids, between nodes (sums over nodes are far closer), and of the coarser rule that the
# accuracy statement compares them with.
FINE = (1e-9, ORDER)
COARSE = (1e-8, 12)
MAX_DEPTH = 60  # halvings of a panel before adapt gives up on a singular point: 2**-60 of the first panel is left there


@dataclass(frozen=True, eq=False)
class Grid:
    """Nodes of one parameter with their weights.

    Parameters
    ----------
    nodes : (node,) increasing, in the parameter's own unit.
    weights : (node,) quadrature weights in the same unit, or None for equal weights (`points`).
    edges : (panel + 1,) of the Gauss-Legendre panels; empty for the other rules.

    Raises
    ------
    TypeError, ValueError
        When nodes are not numbers, fewer than two, not finite, or not increasing.

    >>> Grid([0.0, 0.5, 1.0])
    Grid(3 points from 0 to 1)
    """

    __no_type_check__ = True  # a run-time type checker must not come before the checks below, whose errors teach
    nodes: Float[np.ndarray, "node"]
    weights: Float[np.ndarray, "node"] | None = None
    edges: Float[np.ndarray, "edge"] = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", _checked_nodes(self.nodes))
        if self.weights is not None:
            object.__setattr__(self, "weights", _checked_weights(self.weights, self.nodes))

    @property
    def rule(self) -> Literal["points", "trapezoid", "panels"]:
        """How the density between the nodes is read."""
        if self.weights is None:
            return "points"
        return "panels" if len(self.edges) else "trapezoid"

    @cached_property
    def log_weight(self) -> Float[np.ndarray, "node"]:
        """Log of the weights, (node,); zero for equal weights."""
        return np.zeros(len(self)) if self.weights is None else np.log(self.weights)

    @property
    def order(self) -> int:
        """Nodes in a panel (0 for the other rules)."""
        return len(self) // (len(self.edges) - 1) if len(self.edges) else 0

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        lowest, highest = (self.edges if len(self.edges) else self.nodes)[[0, -1]]
        what = {"points": "points", "trapezoid": "trapezoid nodes", "panels": f"nodes in panels of {self.order}"}
        return f"Grid({len(self)} {what[self.rule]} from {lowest:g} to {highest:g})"


def linspace(low: float, high: float, count: int) -> Grid:
    """`count` equally spaced points, both ends included, of equal weight.

    >>> linspace(-25, 25, 101)
    Grid(101 points from -25 to 25)
    """
    return Grid(np.linspace(*_span(low, high), _count(count)))


def geomspace(low: float, high: float, count: int) -> Grid:
    """`count` points of equal weight in constant ratio, both ends included; `low` must be positive.

    >>> geomspace(0.1, 10, 3).nodes.tolist()
    [0.1, 1.0, 10.0]
    """
    low, high = _span(low, high)
    if low <= 0:
        raise ValueError(f"low must be positive for a geometric grid; low is {low:g}. Use linspace.")
    return Grid(np.geomspace(low, high, _count(count)))


def trapezoid(low: float, high: float, count: int) -> Grid:
    """`count` equally spaced nodes with the weights of the trapezoid rule: half a cell at both ends.

    >>> float(trapezoid(0, 1, 5).weights.sum())
    1.0
    """
    return _trapezoid(np.linspace(*_span(low, high), _count(count)))


def stretched(low: float, high: float, count: int, centre: float = 0.0, scale: float = 1.0) -> Grid:
    """`count` nodes x = centre + scale sinh(u), u equally spaced, with the weights of the trapezoid rule.

    They are dense within a `scale` of the centre and in constant ratio far from it: few nodes hold a heavy tail. The
    distance of neighbours at x is about sqrt(scale**2 + (x - centre)**2) times that of u.

    >>> stretched(0, 1000, 5, scale=1).nodes.round(2).tolist()
    [0.0, 3.27, 22.35, 149.53, 1000.0]
    """
    low, high = _span(low, high)
    if not (np.isfinite(centre) and 0 < scale < np.inf):
        raise ValueError(
            f"a stretched grid needs a finite centre and a positive scale; got {centre} and {scale}. "
            "Pass the scale within which nodes shall be dense."
        )
    first, last = np.arcsinh((np.array([low, high]) - centre) / scale)
    u = np.linspace(first, last, _count(count))
    inner = centre + scale * np.sinh(u[1:-1])
    return _trapezoid(np.concatenate([[low], inner, [high]]))


def _trapezoid(nodes: Float[np.ndarray, "node"]) -> Grid:
    """The grid of these nodes, each with half of the distance between its neighbours; half a cell at both ends."""
    cells = np.concatenate([nodes[:1], (nodes[1:] + nodes[:-1]) / 2, nodes[-1:]])
    return Grid(nodes, np.diff(cells))


def gauss_legendre(low: float, high: float, panels: int = 8, order: int = ORDER) -> Grid:
    """Gauss-Legendre nodes and weights: `order` of them in each of `panels` equal panels from `low` to `high`.

    >>> gauss_legendre(0, 1, panels=2, order=4)
    Grid(8 nodes in panels of 4 from 0 to 1)
    """
    return in_panels(np.linspace(*_span(low, high), _count(panels, least=1) + 1), _count(order))


def in_panels(edges: Float[np.ndarray, "edge"], order: int = ORDER) -> Grid:
    """The Gauss-Legendre grid whose panels lie between consecutive `edges`, (panel + 1,)."""
    u, w = legendre_rule(order)
    half = np.diff(edges)[:, None] / 2
    middle = (edges[1:] + edges[:-1])[:, None] / 2
    return Grid((middle + half * u).ravel(), (half * w).ravel(), np.asarray(edges, float))


def as_grid(value: object, name: str) -> Grid:
    """`value` as the grid of parameter `name`: a Grid, or numbers to be taken as points of equal weight."""
    if isinstance(value, Grid):
        return value
    try:
        return Grid(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError) as error:
        raise type(error)(f'grids["{name}"]: {error}') from None


@lru_cache(maxsize=8)
def legendre_rule(order: int) -> tuple[Float[np.ndarray, "node"], Float[np.ndarray, "node"]]:
    """Nodes and weights of the Gauss-Legendre rule on [-1, 1]."""
    return np.polynomial.legendre.leggauss(order)


@lru_cache(maxsize=8)
def legendre_transform(order: int) -> Float[np.ndarray, "degree node"]:
    """The matrix from values at the nodes to Legendre coefficients, c_k = (2k + 1)/2 sum_i w_i P_k(u_i) f(u_i)."""
    u, w = legendre_rule(order)
    degrees = np.arange(order)
    return (2 * degrees[:, None] + 1) / 2 * np.polynomial.legendre.legvander(u, order - 1).T * w


# --- placing panels ---------------------------------------------------------------------------------------------


def adapt(
    log_density: Callable[[np.ndarray, np.ndarray], np.ndarray],
    edges: list[Float[np.ndarray, "_edge"]],
    tol: float = FINE[0],
    order: int = ORDER,
) -> list[tuple[Grid, Float[np.ndarray, "_node"]]]:
    """Panels that resolve several densities, each to `tol` of its own mass, with their log densities at the nodes.

    A panel is halved until the last Legendre coefficients of the density in it, times its width, fall below `tol` of
    the total mass, weighted by 1 + z**2 (z: distance from the mean in sds) so that the variance is resolved too. Panels
    whose mass, weighted by 1 + (r / the mean r)**2, r the distance from the heaviest panel, is below `tol`**1.5 are then
    cut off at both ends.

    Parameters
    ----------
    log_density : of (panel,) indices of the density and (panel, node) arguments; returns (panel, node), unnormalised.
    edges : for each density the edges of its first panels, wide enough to hold it.

    Raises
    ------
    ValueError
        When a density is nowhere positive between its edges.
    """
    panels = _Panels.between(edges, order).evaluated(log_density)
    for _ in range(MAX_DEPTH):
        poor = panels.unresolved(tol)
        if not poor.any():
            break
        panels = panels.halved(poor, log_density)
    return panels.by_item(tol)


def fewest(
    log_density: Callable[[np.ndarray], np.ndarray],
    edges: Float[np.ndarray, "edge"],
    tol: float = FINE[0],
    order: int = ORDER,
    ratio: float = math.inf,
) -> tuple[Grid, Float[np.ndarray, "node"]]:
    """Panels that resolve one density as `adapt` does, but fewer: for the grids that many others are multiplied with.

    What `adapt` finds by halving is laid out anew, each panel as wide as a quarter of the tolerance allows.

    Parameters
    ----------
    log_density : of (panel, node) arguments; returns (panel, node), unnormalised.
    edges : of its first panels, wide enough to hold it.
    ratio : no panel ends beyond this times its start, but the first: for a scale, whose small values must be told apart
        where something is as narrow as the scale itself.
    """
    ((grid, log_p),) = adapt(lambda _, x: log_density(x), [edges], tol, order)
    return adapt(lambda _, x: log_density(x), [_widened(grid, log_p, tol / 4, ratio)], tol, order)[0]


def _widened(grid: Grid, log_p: Float[np.ndarray, "node"], tol: float, ratio: float) -> Float[np.ndarray, "edge"]:
    """Edges of panels that are, from the left, as wide as `tol` and `ratio` allow, in the sense of `adapt`.

    A panel is judged by the polynomials of the grid's own panels. Edges are taken from those of the grid and the eighths
    of its panels, so an edge that is needed, as at a kink, can stay.
    """
    mass = np.exp(log_p - log_p.max()) * grid.weights
    mass /= mass.sum()
    mean = mass @ grid.nodes
    sd = np.sqrt(max(mass @ (grid.nodes - mean) ** 2, 1e-200))
    marks = np.append((grid.edges[:-1, None] + np.diff(grid.edges)[:, None] * np.arange(8) / 8).ravel(), grid.edges[-1])
    taken = [0]
    while taken[-1] < len(marks) - 1:
        low, high = marks[taken[-1]], marks[taken[-1] + 1 : taken[-1] + 33]
        half = (high - low) / 2
        p = _interpolated(grid, mass / grid.weights, low + half[:, None] * (1 + legendre_rule(grid.order)[0]))
        tail = np.abs(p @ legendre_transform(grid.order)[-2:].T).max(axis=1) * half
        z = np.maximum(np.abs(low - mean), np.abs(high - mean)) / sd
        near = (high / ratio <= np.abs(low)) | (high <= grid.edges[1])
        resolved = np.flatnonzero((tail * (1 + z**2) <= tol) & near)
        taken.append(taken[-1] + 1 + int(resolved[-1] if len(resolved) else 0))
    return marks[taken]


def _interpolated(
    grid: Grid, density: Float[np.ndarray, "node"], x: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """The density at x by the polynomials of the grid's panels."""
    panel = np.clip(np.searchsorted(grid.edges, x, side="right") - 1, 0, len(grid.edges) - 2)
    u = 2 * (x - grid.edges[panel]) / np.diff(grid.edges)[panel] - 1
    coefficients = density.reshape(-1, grid.order) @ legendre_transform(grid.order).T
    return np.sum(coefficients[panel] * np.polynomial.legendre.legvander(u, grid.order - 1), axis=-1)


def resolves(
    grid: Grid, masses: Float[np.ndarray, "item node"], support: tuple[float, float], tol: float = 1e-7
) -> Bool[np.ndarray, " item"]:
    """Whether panels placed for one density resolve others, each with these masses at their nodes, summing to 1.

    In the sense of `adapt`: the last Legendre coefficients in each panel, times its width, are below `tol`; and the density
    at the ends, times the width of their panels, is below `tol`**1.5, unless the support ends there. Sums over the nodes
    are far closer.
    """
    half = np.diff(grid.edges) / 2
    p = (masses / grid.weights).reshape(len(masses), len(half), grid.order)
    tail = (np.abs(p @ legendre_transform(grid.order)[-2:].T).max(axis=2) * half).max(axis=1)
    low, high = 2 * half[0] * p[:, 0, 0], 2 * half[-1] * p[:, -1, -1]
    beyond = low * (grid.edges[0] > support[0]) + high * (grid.edges[-1] < support[1])
    return (tail < tol) & (beyond < tol**1.5)


@dataclass(frozen=True)
class _Panels:
    """Panels of many densities side by side: `item` says whose, (panel,); log density f at (panel, node)."""

    item: np.ndarray
    low: np.ndarray
    high: np.ndarray
    order: int
    f: np.ndarray

    @classmethod
    def between(cls, edges: list[np.ndarray], order: int) -> "_Panels":
        item = np.repeat(np.arange(len(edges)), [len(e) - 1 for e in edges])
        low, high = (np.concatenate([e[part] for e in edges]) for part in (slice(None, -1), slice(1, None)))
        return cls(item, low, high, order, np.empty((len(item), order)))

    @property
    def half(self) -> np.ndarray:
        return (self.high - self.low) / 2

    @property
    def nodes(self) -> np.ndarray:
        return (self.low + self.half)[:, None] + self.half[:, None] * legendre_rule(self.order)[0]

    def evaluated(self, log_density: Callable) -> "_Panels":
        return _Panels(self.item, self.low, self.high, self.order, log_density(self.item, self.nodes))

    def part(self, keep: np.ndarray) -> "_Panels":
        return _Panels(self.item[keep], self.low[keep], self.high[keep], self.order, self.f[keep])

    def halved(self, poor: np.ndarray, log_density: Callable) -> "_Panels":
        good, split = self.part(~poor), self.part(poor)
        middle = split.low + split.half
        halves = _Panels(
            np.concatenate([split.item, split.item]),
            np.concatenate([split.low, middle]),
            np.concatenate([middle, split.high]),
            self.order,
            np.empty((2 * len(split.item), self.order)),
        ).evaluated(log_density)
        item, low, high, f = (
            np.concatenate([getattr(good, a), getattr(halves, a)]) for a in ("item", "low", "high", "f")
        )
        return _Panels(item, low, high, self.order, f)

    def density(self) -> np.ndarray:
        """exp(f - the largest f of the same item), (panel, node)."""
        top = np.full(self.item.max() + 1, -np.inf)
        np.maximum.at(top, self.item, self.f.max(axis=1))
        if not np.isfinite(top).all():
            raise ValueError(f"density {int(np.argmin(np.isfinite(top)))} is zero or not a number everywhere")
        return np.exp(self.f - top[self.item][:, None])

    def unresolved(self, tol: float) -> np.ndarray:
        p = self.density()
        x, mass = self.nodes, p * self.half[:, None] * legendre_rule(self.order)[1]
        total = np.bincount(self.item, mass.sum(axis=1))
        mean = np.bincount(self.item, (mass * x).sum(axis=1)) / total
        variance = np.bincount(self.item, (mass * (x - mean[self.item][:, None]) ** 2).sum(axis=1)) / total
        spread = np.sqrt(np.maximum(variance, 1e-200))[self.item]  # its inverse squared must not overflow
        z = np.maximum(np.abs(self.low - mean[self.item]), np.abs(self.high - mean[self.item])) / spread
        tail = np.abs(p @ legendre_transform(self.order)[-2:].T).max(axis=1) * self.half
        wide = self.half > 256 * np.finfo(float).eps * np.maximum(np.abs(self.low), np.abs(self.high))
        own = mass.sum(axis=1) / total[self.item]
        return ((tail * (1 + z**2) > tol * total[self.item]) | self._beside_finer(own > tol)) & wide

    def _beside_finer(self, heavy: np.ndarray) -> np.ndarray:
        """Panels beside one of a quarter of their width that has mass: its peak may reach over, unseen by their nodes."""
        order = np.lexsort([self.low, self.item])
        item, half, heavy = self.item[order], self.half[order], heavy[order]
        result = np.zeros(len(order), bool)
        same = item[1:] == item[:-1]
        result[1:] |= same & heavy[:-1] & (half[:-1] < half[1:] / 4)
        result[:-1] |= same & heavy[1:] & (half[1:] < half[:-1] / 4)
        return result[np.argsort(order)]

    def by_item(self, tol: float) -> list[tuple[Grid, np.ndarray]]:
        """For each density the grid of its panels, empty ends cut off, and its log density at the nodes."""
        panels = self.part(np.lexsort([self.low, self.item]))
        mass = (panels.density() * legendre_rule(self.order)[1]).sum(axis=1) * panels.half
        heaviest = np.lexsort([mass, panels.item])[np.cumsum(np.bincount(panels.item)) - 1]
        centre = (panels.low + panels.half)[heaviest][panels.item]
        reach = np.maximum(np.abs(panels.low - centre), np.abs(panels.high - centre))
        mean = np.bincount(panels.item, mass * reach) / np.bincount(panels.item, mass)
        reaching = mass * (1 + (reach / mean[panels.item]) ** 2)
        heavy = reaching > tol**1.5 * np.bincount(panels.item, mass)[panels.item]
        starts = np.searchsorted(panels.item, np.arange(panels.item[-1] + 2))
        return [panels._trimmed(a, b, heavy) for a, b in itertools.pairwise(starts)]

    def _trimmed(self, start: np.integer, stop: np.integer, heavy: np.ndarray) -> tuple[Grid, np.ndarray]:
        kept = start + np.flatnonzero(heavy[start:stop])
        run = slice(kept[0], kept[-1] + 1)
        return in_panels(np.append(self.low[run], self.high[kept[-1]]), self.order), self.f[run].ravel()


# --- checks -----------------------------------------------------------------------------------------------------


def _checked_nodes(nodes: object) -> np.ndarray:
    try:
        array = np.asarray(nodes)
    except ValueError:
        array = np.asarray(nodes, dtype=object)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"grid nodes must be numbers; got {array.dtype} in {_short(nodes)}.")
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"a grid needs at least two nodes in one dimension; got shape {array.shape}. Use linspace.")
    array = np.array(array, dtype=np.float64)
    if not np.isfinite(array).all():
        bad = int(np.argmin(np.isfinite(array)))
        raise ValueError(f"grid nodes must be finite; node {bad} is {array[bad]}.")
    if (steps := np.diff(array)).min() <= 0:
        bad = int(np.argmax(steps <= 0))
        raise ValueError(
            f"grid nodes must increase; node {bad + 1} is {array[bad + 1]:g} after {array[bad]:g}. Sort them, each once."
        )
    array.flags.writeable = False
    return array


def _checked_weights(weights: object, nodes: np.ndarray) -> np.ndarray:
    array = np.array(weights, dtype=np.float64)
    if array.shape != nodes.shape:
        raise ValueError(f"weights must have one entry a node; got shape {array.shape} for {len(nodes)} nodes.")
    if not (np.isfinite(array) & (array > 0)).all():
        bad = int(np.argmin(np.isfinite(array) & (array > 0)))
        raise ValueError(f"grid weights must be positive and finite; weight {bad} is {array[bad]}.")
    array.flags.writeable = False
    return array


def _span(low: float, high: float) -> tuple[float, float]:
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"a grid runs from a low to a higher finite number; got {low} to {high}.")
    return float(low), float(high)


def _count(count: int, least: int = 2) -> int:
    if int(count) != count or count < least:
        raise ValueError(f"a grid needs a whole number of at least {least}; got {count}.")
    return int(count)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
