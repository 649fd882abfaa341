"""Smoothing a density on panels by normals of any width, from far wider than a panel to far narrower."""

import numpy as np
from jaxtyping import Float, Int

from gridbayes.conditional import LOG_2PI, log_sum_exp
from gridbayes.grids import Grid, legendre_transform

__all__ = ["interpolated", "log_smoothed"]

RESOLVED = 3.0  # widths of the normal that a panel may span and still be summed over its own nodes
REACH = 8.0  # widths that hold all but 1e-15 of a normal
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
    weighted = log_g + grid.log_weight[:, None]
    parts = [_one_width(grid, log_g[:, k], weighted[:, k], at, s) for k, s in enumerate(width)]
    return np.stack(parts, axis=1) - np.log(width) - LOG_2PI / 2


def _one_width(grid: Grid, log_g: np.ndarray, weighted: np.ndarray, at: np.ndarray, width: float) -> np.ndarray:
    comb = np.diff(grid.edges) > RESOLVED * width
    summed = np.repeat(~comb, grid.order)
    result = np.full(len(at), -np.inf)
    if summed.any():
        result = log_sum_exp(weighted[summed] - ((at[:, None] - grid.nodes[summed]) / width) ** 2 / 2)
    panels = np.flatnonzero(comb)
    low = np.maximum(grid.edges[panels], at[:, None] - REACH * width)
    high = np.minimum(grid.edges[panels + 1], at[:, None] + REACH * width)
    point, which = np.nonzero(high > low)
    middle, half = (high + low)[point, which, None] / 2, (high - low)[point, which, None] / 2
    x = middle + half * U
    terms = interpolated(grid, log_g, x, panels[which]) - ((x - at[point, None]) / width) ** 2 / 2
    np.logaddexp.at(result, point, log_sum_exp(terms + np.log(U_WEIGHT * half)))
    return result


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
