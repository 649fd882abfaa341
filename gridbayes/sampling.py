"""Draws: independent values from densities that are known at the nodes of grids, by inverting distribution functions.

Between its nodes a density is what the grid's rule says (grids.py): the polynomial through the nodes of a panel, linear
between the nodes of a trapezoid rule. On points the nodes themselves are drawn.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from gridbayes.grids import ORDER, Grid, legendre_rule, legendre_transform
from gridbayes.summaries import cell_coefficients, inverse

__all__ = ["as_count", "from_densities", "from_log_masses", "from_masses", "from_table", "product_nodes"]

TOGETHER = 2**21  # numbers of one temporary
NOTHING = 1e-22  # of the heaviest: what a node may weigh and be left out


def as_count(n: object) -> int:
    """`n` as a number of draws, or an error that names it."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(f"n must be a whole number of draws; n is {n!r}. Pass for example 1000.")
    if n < 1:
        raise ValueError(f"n must be at least 1; n is {n}. Pass a number of draws, for example 1000.")
    return int(n)


def from_table(
    masses: Float[np.ndarray, "*nodes"], grids: Sequence[Grid], n: int, rng: np.random.Generator
) -> list[Float[np.ndarray, " draw"]]:
    """n joint draws of all parameters from their masses on the product of grids, an axis a parameter.

    A cell of the product is drawn by its mass. Inside it the density is a product of polynomials, summed: the first
    parameter is drawn from its marginal there, the next from its density given the first, and so on.
    """
    if not grids:
        return []
    axes = range(len(grids))
    for axis, grid in enumerate(grids):  # (node, ...) becomes (cell, degree, ...), an axis at a time
        cells = cell_coefficients(grid, np.moveaxis(masses, 2 * axis, -1))
        masses = np.moveaxis(cells, (-2, -1), (2 * axis, 2 * axis + 1))
    masses = np.transpose(masses, (*(2 * axis for axis in axes), *(2 * axis + 1 for axis in axes)))
    shape, degrees = masses.shape[: len(grids)], masses.shape[len(grids) :]
    coefficients = masses.reshape(-1, *degrees)
    cells = from_masses(coefficients[(..., *(0 for _ in axes))], n, rng)
    step = max(1, TOGETHER // int(np.prod(degrees)))
    within = [_within(coefficients[cells[i : i + step]], rng) for i in range(0, n, step)]
    places = zip(grids, np.unravel_index(cells, shape), np.concatenate(within, axis=1), strict=True)
    return [_placed(grid, cell, u) for grid, cell, u in places]


def _within(
    coefficients: Float[np.ndarray, "draw *degrees"], rng: np.random.Generator
) -> Float[np.ndarray, "axis draw"]:
    """Where in its cell each draw lies, from 0 to 1 along each axis."""
    found = []
    while coefficients.ndim > 1:
        own = coefficients[(..., *(0 for _ in range(coefficients.ndim - 2)))]
        u = inverse(own, rng.random(len(own)) * own[:, 0])
        polynomials = np.polynomial.legendre.legvander(2 * u - 1, own.shape[1] - 1)
        coefficients = np.einsum("nk...,nk->n...", coefficients, polynomials)
        found.append(u)
    return np.stack(found)


def _placed(grid: Grid, cell: Int[np.ndarray, " draw"], u: Float[np.ndarray, " draw"]) -> Float[np.ndarray, " draw"]:
    """The value that lies at u in a cell of the grid."""
    if grid.rule == "points":
        return grid.nodes[cell]
    knots = grid.edges if grid.rule == "panels" else grid.nodes
    return knots[cell] + u * np.diff(knots)[cell]


def from_masses(masses: Float[np.ndarray, " node"], n: int, rng: np.random.Generator) -> Int[np.ndarray, " draw"]:
    """The indices of n nodes, drawn by their masses."""
    cumulative = np.cumsum(masses)
    return np.minimum(np.searchsorted(cumulative, rng.random(n) * cumulative[-1], side="right"), len(masses) - 1)


def from_log_masses(
    log_masses: Callable[[slice], Float[np.ndarray, "draw node"]], n: int, rng: np.random.Generator
) -> Int[np.ndarray, " draw"]:
    """The index of a node for each of n draws, by masses of its own: their logs for a slice of the draws, unnormalised."""
    step = max(1, TOGETHER // log_masses(slice(0, 1)).shape[1])
    tables = (log_masses(slice(i, min(i + step, n))) for i in range(0, n, step))
    return np.concatenate([_one_of_each(np.exp(log_p - log_p.max(axis=1, keepdims=True)), rng) for log_p in tables])


def _one_of_each(masses: Float[np.ndarray, "draw node"], rng: np.random.Generator) -> Int[np.ndarray, " draw"]:
    cumulative = np.cumsum(masses, axis=1)
    u = rng.random((len(masses), 1)) * cumulative[:, -1:]
    return np.minimum((cumulative <= u).sum(axis=1), masses.shape[1] - 1)


def from_densities(
    log_density: Callable[[slice, Float[np.ndarray, "draw point"]], Float[np.ndarray, "draw point"]],
    edges: Float[np.ndarray, "draw edge"],
    rng: np.random.Generator,
) -> Float[np.ndarray, " draw"]:
    """One draw from each of many densities, on panels of its own.

    Parameters
    ----------
    log_density : of a slice of the draws and (draw, point) arguments; unnormalised.
    edges : of panels that resolve the density of each draw and hold it, in increasing order; some may coincide.
    """
    step = max(1, TOGETHER // (edges.shape[1] * ORDER))
    spans = [slice(i, i + step) for i in range(0, len(edges), step)]
    return np.concatenate([_from_panels(log_density, edges[span], span, rng) for span in spans])


def _from_panels(
    log_density: Callable, edges: Float[np.ndarray, "draw edge"], span: slice, rng: np.random.Generator
) -> Float[np.ndarray, " draw"]:
    (u, weight), width = legendre_rule(ORDER), np.diff(edges, axis=1)[..., None]
    x = edges[:, :-1, None] + width * (1 + u) / 2
    log_p = np.where(width > 0, log_density(span, x.reshape(len(x), -1)).reshape(x.shape), -np.inf)
    p = np.exp(log_p - log_p.max(axis=(1, 2), keepdims=True)) * width
    panel, every = _one_of_each(p @ weight, rng), np.arange(len(p))
    coefficients = p[every, panel] @ legendre_transform(ORDER).T
    place = inverse(coefficients, rng.random(len(p)) * coefficients[:, 0])
    return edges[every, panel] + place * width[every, panel, 0]


def product_nodes(
    masses: Float[np.ndarray, "*nodes"], grids: Mapping[str, Grid]
) -> tuple[dict[str, Float[np.ndarray, " node"]], Float[np.ndarray, " node"]]:
    """Every combination of nodes that weighs anything: the parameters by name, and the masses."""
    mesh = np.meshgrid(*(grid.nodes for grid in grids.values()), indexing="ij")
    kept = masses.ravel() > NOTHING * masses.max()
    return {name: nodes.ravel()[kept] for name, nodes in zip(grids, mesh, strict=True)}, masses.ravel()[kept]
