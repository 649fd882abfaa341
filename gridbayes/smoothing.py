"""Smoothing a density on panels by normals of any width, from far wider than a panel to far narrower."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Bool, Float, Int

from gridbayes.conditional import LOG_2PI
from gridbayes.grids import Grid, legendre_transform

__all__ = ["interpolated", "log_smoothed"]

RESOLVED = 3.0  # widths of the normal that a panel may span and still be summed over its own nodes
REACH = 8.0  # widths that hold all but 1e-15 of a normal
NOTHING = 40.0  # e**-40 of a sum is left out
TILE_POINTS, TILE_WIDTHS, TILE_NODES, TILE_COMBS = 64, 32, 128, 1024  # the shapes of what compiled sums take
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
    result = _summed(grid, weighted, at, width)
    _add_combs(result, grid, log_g, comb, at, width)
    return result - np.log(width) - LOG_2PI / 2


def _summed(
    grid: Grid,
    weighted: Float[np.ndarray, "node width"],
    at: Float[np.ndarray, " point"],
    width: Float[np.ndarray, " width"],
) -> Float[np.ndarray, "point width"]:
    """log sum over the nodes, in tiles of one shape, each over the panels that can matter to it."""
    result = np.empty((len(at), len(width)))
    with jax.enable_x64(True):
        for i, k in product(range(0, len(at), TILE_POINTS), range(0, len(width), TILE_WIDTHS)):
            points, widths, log_g = (
                at[i : i + TILE_POINTS],
                width[k : k + TILE_WIDTHS],
                weighted[:, k : k + TILE_WIDTHS],
            )
            near = np.repeat(_near(grid, log_g, points, widths), grid.order)
            nodes = grid.nodes[near]
            padded = len(nodes) + -len(nodes) % TILE_NODES
            table = np.full((TILE_WIDTHS, padded), -np.inf)
            table[: len(widths), : len(nodes)] = log_g[near].T
            nodes = np.resize(nodes, padded)
            tile = _log_sum(nodes, table, np.resize(points, TILE_POINTS), np.resize(widths, TILE_WIDTHS))
            result[i : i + TILE_POINTS, k : k + TILE_WIDTHS] = np.asarray(tile)[: len(widths), : len(points)].T
    return result


def _near(
    grid: Grid,
    weighted: Float[np.ndarray, "node width"],
    at: Float[np.ndarray, " point"],
    width: Float[np.ndarray, " width"],
) -> Bool[np.ndarray, " panel"]:
    """Panels that may hold more than e**-NOTHING of a sum, by bounds from their highest nodes; the highest at least."""
    top = weighted.reshape(-1, grid.order, len(width)).max(axis=1)
    before, after = grid.edges[:-1] - at[:, None], at[:, None] - grid.edges[1:]
    nearest, farthest = np.maximum(np.maximum(before, after), 0), np.maximum(-before, -after)
    most = top.max(axis=1) - (nearest / width.max()) ** 2 / 2
    least = top.min(axis=1) - (farthest / width.min()) ** 2 / 2
    near = (most > least.max(axis=1, keepdims=True) - NOTHING).any(axis=0)
    near[np.argmax(top.max(axis=1))] = True
    return near


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
    result: Float[np.ndarray, "point width"],
    grid: Grid,
    log_g: Float[np.ndarray, "node width"],
    comb: Bool[np.ndarray, "panel width"],
    at: Float[np.ndarray, " point"],
    width: Float[np.ndarray, " width"],
) -> None:
    """Add to `result` the integrals over panels that are too wide to be summed over their nodes."""
    panel, k = np.nonzero(comb)
    low = np.maximum(grid.edges[panel], at[:, None] - REACH * width[k])
    high = np.minimum(grid.edges[panel + 1], at[:, None] + REACH * width[k])
    point, which = np.nonzero(high > low)
    if not len(point):
        return
    panel, k, ends = panel[which], k[which], (low[point, which], high[point, which])
    log_polynomials = log_g.reshape(-1, grid.order, len(width)).swapaxes(1, 2) @ legendre_transform(grid.order).T
    columns = *ends, at[point], width[k], grid.edges[panel], grid.edges[panel + 1]
    total = np.empty(len(point))
    with jax.enable_x64(True):
        for i in range(0, len(point), TILE_COMBS):
            some = slice(i, i + TILE_COMBS)
            tile = [np.resize(column[some], TILE_COMBS) for column in columns]
            rows = np.resize(log_polynomials[panel[some], k[some]], (TILE_COMBS, grid.order))
            total[some] = np.asarray(_log_part(*tile, rows))[: len(total[some])]
    np.logaddexp.at(result, (point, k), total)


@jax.jit
def _log_part(
    low: Float[Array, " part"],
    high: Float[Array, " part"],
    at: Float[Array, " part"],
    width: Float[Array, " part"],
    first: Float[Array, " part"],
    last: Float[Array, " part"],
    log_polynomial: Float[Array, "part order"],
) -> Float[Array, " part"]:
    """log int of exp(the polynomial of the panel from first to last) times a normal about `at`, from low to high."""
    x = ((high + low) + (high - low) * U[:, None]) / 2
    log_g = _clenshaw(log_polynomial.T[:, None], (2 * x - first - last) / (last - first))
    return logsumexp(log_g - ((x - at) / width) ** 2 / 2 + jnp.log(U_WEIGHT)[:, None], axis=0) + jnp.log(
        (high - low) / 2
    )


def interpolated(
    grid: Grid, log_g: Float[np.ndarray, " node"], x: Float[np.ndarray, "row point"], panel: Int[np.ndarray, " row"]
) -> Float[np.ndarray, "row point"]:
    """log g(x) by the polynomial of the panel that each row of x lies in."""
    coefficients = legendre_transform(grid.order) @ log_g.reshape(-1, grid.order)[panel].T
    low, high = grid.edges[panel], grid.edges[panel + 1]
    return _clenshaw(coefficients[:, None], (2 * x.T - low - high) / (high - low)).T


def _clenshaw[T](coefficients: T, u: T) -> T:
    """sum_k c_k P_k(u), k along the first axis of the coefficients, by Clenshaw's recurrence."""
    one, two = 0 * u, 0 * u
    for k in range(len(coefficients) - 1, 0, -1):
        one, two = coefficients[k] + (2 * k + 1) / (k + 1) * u * one - (k + 1) / (k + 2) * two, one
    return coefficients[0] + u * one - two / 2
