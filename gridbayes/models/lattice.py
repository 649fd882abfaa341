"""Combinations of independent numbers on nodes at equal steps: of groups on explicit grids.

x_d lies on the nodes x_0 + j h, j from 0, and its masses depend on a cell k. Where all weights are whole multiples of one
number, w_d = m_d delta, the combination S = sum_d w_d x_d lies on a lattice of N points at the steps h delta, and

    P(S = .) = DFT**-1 [ sum_k p(k) prod_d P_dk(m_d f mod N) ],      P_dk = DFT of the masses of x_d in cell k,

f = 0 ... N - 1: in each cell a product, and one transform back for all of them. Nothing wraps around, since S has no more
than N values. Source: Abate & Whitt (1992), Queueing Systems 10:5-88, section 4, on probability generating functions.
"""

from collections.abc import Callable
from fractions import Fraction
from math import lcm

import numpy as np
from jaxtyping import Float, Int

from gridbayes.grids import Grid
from gridbayes.summaries import Marginal

__all__ = ["lattice_sum"]

SIMPLE = 1000  # the largest denominator of a ratio of weights
MOST = 2**16  # values that a combination may have
TOGETHER = 2**21  # complex numbers of one temporary


def lattice_sum(
    grid: Grid,
    weights: Float[np.ndarray, " group"],
    mass: Float[np.ndarray, " cell"],
    masses: Callable[[int, np.ndarray], Float[np.ndarray, "some node"]],
) -> Marginal:
    """The distribution of sum of weights[d] x_d.

    Parameters
    ----------
    grid : of every x_d.
    weights : not all 0.
    mass : p(cell).
    masses : of x_d in some of the cells, from d and their indices.
    """
    steps, used = np.diff(grid.nodes), np.flatnonzero(weights)
    if np.ptp(steps) > 1e-9 * steps.max():
        raise ValueError(
            f"contrast of a dict needs equal steps between the nodes of theta on explicit grids; they are "
            f"{steps.min():g} to {steps.max():g}. Pass gridbayes.linspace for theta, or leave grids out."
        )
    delta, multiple = _whole(weights[used])
    count = int(np.abs(multiple).sum()) * (len(grid) - 1) + 1
    if count > MOST:
        raise ValueError(
            f"contrast needs weights in simple ratios on explicit grids; {weights[used].tolist()} make {count:,} values, "
            f"more than the {MOST:,} allowed. Round them, pass fewer nodes of theta, or leave grids out."
        )
    f = np.arange(count)
    total = np.zeros(count, complex)
    for cells in np.array_split(np.arange(len(mass)), -(-len(mass) * count // TOGETHER)):
        product = np.ones((len(cells), count), complex)
        for d, m in zip(used.tolist(), multiple.tolist(), strict=True):
            product *= np.fft.fft(masses(d, cells), count)[:, m * f % count]
        total += mass[cells] @ product
    first = int(np.minimum(multiple, 0).sum()) * (
        len(grid) - 1
    )  # the place of the lowest value; below 0 it wraps around
    p = np.maximum(np.roll(np.fft.ifft(total).real, -first), 0.0)
    values = weights.sum() * grid.nodes[0] + delta * steps.mean() * (first + f)
    return Marginal(Grid(values), p / p.sum())


def _whole(weights: Float[np.ndarray, " used"]) -> tuple[float, Int[np.ndarray, " used"]]:
    """The largest delta of which all weights are whole multiples, and these; of ratios that are not simple very many."""
    most = float(np.abs(weights).max())
    ratios = [Fraction(weight / most).limit_denominator(SIMPLE) for weight in weights.tolist()]
    off = max(abs(float(ratio) * most - weight) for ratio, weight in zip(ratios, weights.tolist(), strict=True))
    whole = lcm(*(ratio.denominator for ratio in ratios)) if off < 1e-12 * most else MOST
    return most / whole, np.array([round(weight / most * whole) for weight in weights.tolist()])
