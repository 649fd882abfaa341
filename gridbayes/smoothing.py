"""Smoothing a density on panels by normals of any width, from far wider than a panel to far narrower."""

from itertools import product

import jax
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, Int

from gridbayes.conditional import LOG_2PI, log_sum_exp
from gridbayes.grids import Grid, legendre_transform

__all__ = ["interpolated", "log_smoothed"]

RESOLVED = 3.0  # widths of the normal that a panel may span and still be summed over its own nodes
REACH = 8.0  # widths that hold all but 1e-15 of a normal
TILE_POINTS, TILE_WIDTHS, TILE_NODES = 64, 32, 128  # compiled sums take tables of these shapes, and no others
U, U_WEIGHT = np.polynomial.legendre.leggauss(32)  # integrates a normal over 2 * REACH widths to 3e-12


def log_smoothed(
    grid: Grid,
    log_g: Float[np.ndarray, "node width"],
    at: Float[np.ndarray, " point"],
    width: Float[np.ndarray, " width"],
) -> Float[np.ndarray, "point width"]:
    """log int g_k(x) N(at; x, width_k) dx for each point and width, g_k densities by their logs at the nodes of panels.

    A panel that the normal is wide enough for is summed over its nodes. In a wider panel that sum would be a comb: there
    g is interpolated in log by the panel's polynomial, and integrated over the part that the normal reaches.
    """
    comb = np.diff(grid.edges)[:, None] > RESOLVED * width  # (panel, width)
    weighted = np.where(np.repeat(comb, grid.order, axis=0), -np.inf, log_g + grid.log_weight[:, None])
    result = _summed(grid.nodes, weighted, at, width)
    for k in np.flatnonzero(comb.any(axis=0)):
        _add_combs(result[:, k], grid, log_g[:, k], np.flatnonzero(comb[:, k]), at, width[k])
    return result - np.log(width) - LOG_2PI / 2


def _summed(nodes: np.ndarray, weighted: np.ndarray, at: np.ndarray, width: np.ndarray) -> np.ndarray:
    """log sum over the nodes, (point, width), in tiles of one shape."""
    result = np.empty((len(at), len(width)))
    more = -len(nodes) % TILE_NODES
    nodes, weighted = np.pad(nodes, (0, more)), np.pad(weighted, ((0, more), (0, 0)), constant_values=-np.inf)
    with jax.enable_x64(True):
        for i, k in product(range(0, len(at), TILE_POINTS), range(0, len(width), TILE_WIDTHS)):
            points, widths = at[i : i + TILE_POINTS], width[k : k + TILE_WIDTHS]
            table = np.full((TILE_WIDTHS, len(nodes)), -np.inf)
            table[: len(widths)] = weighted[:, k : k + TILE_WIDTHS].T
            tile = _log_sum(nodes, table, np.resize(points, TILE_POINTS), np.resize(widths, TILE_WIDTHS))
            result[i : i + TILE_POINTS, k : k + TILE_WIDTHS] = np.asarray(tile)[: len(widths), : len(points)].T
    return result


@jax.jit
def _log_sum(
    nodes: Float[Array, " node"],
    weighted: Float[Array, "width node"],
    at: Float[Array, " point"],
    width: Float[Array, " width"],
) -> Float[Array, "width point"]:
    def of_width(one: tuple[Array, Array]) -> Array:
        return logsumexp(one[0][:, None] - ((at - nodes[:, None]) / one[1]) ** 2 / 2, axis=0)

    return jax.lax.map(of_width, (weighted, width))


def _add_combs(
    result: Float[np.ndarray, " point"],
    grid: Grid,
    log_g: np.ndarray,
    panels: Int[np.ndarray, " comb"],
    at: np.ndarray,
    width: float,
) -> None:
    """Add to `result` the integrals over panels that are too wide to be summed over their nodes."""
    low = np.maximum(grid.edges[panels], at[:, None] - REACH * width)
    high = np.minimum(grid.edges[panels + 1], at[:, None] + REACH * width)
    point, which = np.nonzero(high > low)
    middle, half = (high + low)[point, which, None] / 2, (high - low)[point, which, None] / 2
    x = middle + half * U
    terms = interpolated(grid, log_g, x, panels[which]) - ((x - at[point, None]) / width) ** 2 / 2
    np.logaddexp.at(result, point, log_sum_exp(terms + np.log(U_WEIGHT * half)))


def interpolated(
    grid: Grid, log_g: Float[np.ndarray, " node"], x: Float[np.ndarray, "row point"], panel: Int[np.ndarray, " row"]
) -> Float[np.ndarray, "row point"]:
    """log g(x) by the polynomial of the panel that each row of x lies in."""
    coefficients = log_g.reshape(-1, grid.order)[panel] @ legendre_transform(grid.order).T
    low, high = grid.edges[panel, None], grid.edges[panel + 1, None]
    return _clenshaw(coefficients, (2 * x - low - high) / (high - low))


def _clenshaw(coefficients: np.ndarray, u: np.ndarray) -> np.ndarray:
    """sum_k c_k P_k(u) for rows of coefficients, by Clenshaw's recurrence."""
    one, two = np.zeros_like(u), np.zeros_like(u)
    for k in range(coefficients.shape[1] - 1, 0, -1):
        one, two = coefficients[:, k, None] + (2 * k + 1) / (k + 1) * u * one - (k + 1) / (k + 2) * two, one
    return coefficients[:, 0, None] + u * one - two / 2
