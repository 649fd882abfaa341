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
REACH = 8.5  # standard deviations of an integrand that hold all but 1e-15 of it
NOTHING = 40.0  # e**-40 of a sum is left out
TILE_POINTS, TILE_WIDTHS, TILE_NODES, TILE_COMBS = 64, 32, 128, 1024  # the shapes of what compiled sums take
U, U_WEIGHT = np.polynomial.legendre.leggauss(32)  # integrates a normal over 2 * REACH widths to 3e-12
OVERSHOOT = 2.0  # how far a polynomial through a log density rises above its nodes, where it is to be believed
NEWTON = 4  # steps towards the top of an integrand


def log_smoothed(
    grid: Grid,
    log_g: Float[np.ndarray, "node width"],
    at: Float[np.ndarray, " point"],
    width: Float[np.ndarray, " width"],
) -> Float[np.ndarray, "point width"]:
    """log int g_k(x) N(at; x, width_k) dx for each point and width, g_k densities by their logs at the nodes of panels.

    A panel that the normal is wide enough for is summed over its nodes. In a wider panel that sum would be a comb: there
    g is interpolated in log by the panel's polynomial, and integrated about the top of its product with the normal.
    """
    comb = np.diff(grid.edges)[:, None] > RESOLVED * width  # (panel, width)
    weighted = np.where(np.repeat(comb, grid.order, axis=0), -np.inf, log_g + grid.log_weight[:, None])
    result = _summed(grid, weighted, at, width)
    if comb.any():
        i, k = (index.ravel() for index in np.indices(result.shape))
        parts = _log_integrals(grid, log_g, comb[:, k].T, at[i], width[k], k, result[i, k])
        result = np.logaddexp(result, parts.reshape(result.shape))
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


def _log_integrals(
    grid: Grid,
    log_g: Float[np.ndarray, "node column"],
    panels: Bool[np.ndarray, "pair panel"],
    at: Float[np.ndarray, " pair"],
    width: Float[np.ndarray, " pair"],
    column: Int[np.ndarray, " pair"],
    known: Float[np.ndarray, " pair"],
) -> Float[np.ndarray, " pair"]:
    """log of the integrals of g times an unnormalised normal over the panels asked for that can matter, summed.

    Parameters
    ----------
    column : which of log_g's columns each pair is about.
    known : log of what its other panels hold.
    """
    near = np.clip(np.searchsorted(grid.edges, at) - 1, 0, len(grid.edges) - 2)
    nearest = np.clip(at, grid.edges[near], grid.edges[near + 1])
    log_polynomials = np.einsum(
        "ij,pjk->pki", legendre_transform(grid.order), log_g.reshape(-1, grid.order, log_g.shape[1])
    )
    there = _evaluated(log_polynomials[near, column], grid, nearest[:, None], near)[:, 0]
    least = np.maximum(known, there - ((at - nearest) / width) ** 2 / 2 + np.log(width))
    asked = np.flatnonzero(panels.any(axis=0))
    away = np.maximum(np.maximum(grid.edges[asked] - at[:, None], at[:, None] - grid.edges[asked + 1]), 0)
    away /= width[:, None]
    top = log_g.reshape(-1, grid.order, log_g.shape[1])[asked].max(axis=1).T[column]
    least = least - np.log(width) - NOTHING
    pair, of_asked = np.nonzero(panels[:, asked] & (top - away**2 / 2 > least[:, None]))
    panel = asked[of_asked]
    columns = at[pair], width[pair], grid.edges[panel], grid.edges[panel + 1], top[pair, of_asked] + OVERSHOOT
    total, rows = np.full(len(at), -np.inf), log_polynomials[panel, column[pair]]
    with jax.enable_x64(True):
        for start in range(0, len(pair), TILE_COMBS):
            some = slice(start, start + TILE_COMBS)
            tile = [np.resize(values[some], TILE_COMBS) for values in columns]
            parts = np.asarray(_log_integral(*tile, np.resize(rows[some], (TILE_COMBS, grid.order))))
            np.logaddexp.at(total, pair[some], parts[: len(pair[some])])
    return total


@jax.jit
def _log_integral(
    at: Float[Array, " part"],
    width: Float[Array, " part"],
    first: Float[Array, " part"],
    last: Float[Array, " part"],
    most: Float[Array, " part"],
    log_polynomial: Float[Array, "part order"],
) -> Float[Array, " part"]:
    """log int of exp(the polynomial of the panel from first to last) times a normal, about the top of the two."""

    def log_p(x: Array) -> Array:
        log_g = _clenshaw(log_polynomial.T, (2 * x - first - last) / (last - first))
        return jnp.minimum(log_g, most) - ((x - at) / width) ** 2 / 2

    def slopes(x: Array) -> tuple[Array, Array]:
        ones = jnp.ones_like(x)
        return jax.jvp(lambda y: jax.jvp(log_p, (y,), (ones,))[1], (x,), (ones,))

    top = jnp.clip(at, first, last)
    for _ in range(NEWTON):
        slope, bend = slopes(top)
        top = jnp.clip(top - slope / jnp.minimum(bend, -0.1 / width**2), first, last)
    slope, bend = slopes(top)
    sd = 1 / jnp.sqrt(jnp.maximum(-bend, 0.5 / width**2))
    reach = jnp.minimum(REACH * sd, NOTHING / jnp.maximum(jnp.abs(slope), 1e-300))  # at a panel's end it may be steep
    reach = jnp.where((top > first) & (top < last), REACH * sd, reach)
    low, high = jnp.maximum(first, top - reach), jnp.minimum(last, top + reach)
    terms = log_p(((high + low) + (high - low) * U[:, None]) / 2) + jnp.log(U_WEIGHT)[:, None]
    return logsumexp(terms, axis=0) + jnp.log((high - low) / 2)


def interpolated(
    grid: Grid, log_g: Float[np.ndarray, " node"], x: Float[np.ndarray, "row point"], panel: Int[np.ndarray, " row"]
) -> Float[np.ndarray, "row point"]:
    """log g(x) by the polynomial of the panel that each row of x lies in."""
    return _evaluated(log_g.reshape(-1, grid.order)[panel] @ legendre_transform(grid.order).T, grid, x, panel)


def _evaluated(
    coefficients: Float[np.ndarray, "row degree"],
    grid: Grid,
    x: Float[np.ndarray, "row point"],
    panel: Int[np.ndarray, " row"],
) -> Float[np.ndarray, "row point"]:
    low, high = grid.edges[panel], grid.edges[panel + 1]
    return _clenshaw(coefficients.T[:, None], (2 * x.T - low - high) / (high - low)).T


def _clenshaw[T](coefficients: T, u: T) -> T:
    """sum_k c_k P_k(u), k along the first axis of the coefficients, by Clenshaw's recurrence."""
    one, two = 0 * u, 0 * u
    for k in range(len(coefficients) - 1, 0, -1):
        one, two = coefficients[k] + (2 * k + 1) / (k + 1) * u * one - (k + 1) / (k + 2) * two, one
    return coefficients[0] + u * one - two / 2
