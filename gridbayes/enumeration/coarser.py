"""A grid with some of its nodes left out: what an enumeration on it is compared with, from the same pass over the cells.

Of the values f_i of a density at the nodes some are left out and put back by interpolation through the others, T f:

- `points` and `trapezoid`: every other node, linearly between its neighbours;
- `panels`: a quarter of the nodes of each panel, by the polynomial through the rest of the panel.

An integral becomes sum_i w_i (T f)_i = sum_i w'_i f_i with w' = T^t w, zero at the nodes left out. How far the sums by w'
are from those by w says how well the nodes resolve the density. It bounds the error of the sums by w from above, often far:
where these converge geometrically, half the nodes have the square root or the fourth root of their error.

Points carry equal weights. The continuous model that they stand for has its density in the index of the points, which the
trapezoid rule integrates: equal weights, but for halves at both ends.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Float

from gridbayes.grids import Grid, legendre_rule
from gridbayes.summaries import Marginal

__all__ = ["Coarser"]


@dataclass(frozen=True, eq=False)
class Coarser:
    """`grid` read as a continuous density through some of its nodes."""

    grid: Grid

    @cached_property
    def measure(self) -> Float[np.ndarray, "node"]:
        """w: what integrates the density by all nodes, in the index of the points or in the parameter's unit."""
        if self.grid.weights is not None:
            return self.grid.weights
        ends = np.ones(len(self.grid))
        ends[[0, -1]] = 0.5
        return ends

    @cached_property
    def weights(self) -> Float[np.ndarray, "node"]:
        """w' = T^t w."""
        if self.grid.rule == "panels":
            return (self.measure.reshape(-1, self.grid.order) @ _left_out(self.grid.order)).ravel()
        w = self.measure.copy()
        out, share = self._between
        w[out - 1] += share * w[out]
        w[out + 1] += (1 - share) * w[out]
        w[out] = 0.0
        return w

    def put_back(self, f: Float[np.ndarray, "node"]) -> Float[np.ndarray, "node"]:
        """T f."""
        if self.grid.rule == "panels":
            return (f.reshape(-1, self.grid.order) @ _left_out(self.grid.order).T).ravel()
        f, (out, share) = f.copy(), self._between
        f[out] = share * f[out - 1] + (1 - share) * f[out + 1]
        return f

    def marginal(self, f: Float[np.ndarray, "node"]) -> Marginal:
        """The continuous distribution whose density at the nodes is proportional to f, or 0 where polynomials fell below."""
        return Marginal(self._continuous, _shares(np.maximum(f, 0.0), self.measure))

    def moments(self, f: Float[np.ndarray, "node"]) -> Marginal:
        """Masses at the nodes that are kept, for sums with f: of `points` and `trapezoid`, whose weights are positive."""
        return Marginal(self._continuous, _shares(f, self.weights))

    @cached_property
    def _continuous(self) -> Grid:
        """The grid itself, or its points with the weights of the trapezoid rule in the parameter's unit."""
        if self.grid.weights is not None:
            return self.grid
        steps = np.diff(self.grid.nodes)
        return Grid(self.grid.nodes, (np.append(steps, 0.0) + np.append(0.0, steps)) / 2)

    @cached_property
    def _between(self) -> tuple[np.ndarray, np.ndarray]:
        """The nodes left out, and the share that the left neighbour has in each."""
        out = np.arange(1, len(self.grid) - 1, 2)
        x = np.arange(float(len(self.grid))) if self.grid.weights is None else self.grid.nodes
        return out, (x[out + 1] - x[out]) / (x[out + 1] - x[out - 1])


def _shares(f: Float[np.ndarray, "node"], weights: Float[np.ndarray, "node"]) -> Float[np.ndarray, "node"]:
    """Masses that sum to 1; evenly spread where no node has any, which is what such a rule knows of the density."""
    masses = f * weights if (f * weights).any() else weights
    return masses / masses.sum()


@lru_cache(maxsize=8)
def _left_out(order: int) -> Float[np.ndarray, "node node"]:
    """T of a panel: values at its nodes from those that are kept."""
    if order == 1:
        return np.eye(1)
    u, fewer = legendre_rule(order)[0], max(1, order // 4)
    out = ((np.arange(fewer) + 0.5) * order / fewer).astype(int)
    kept = np.setdiff1d(np.arange(order), out)
    result = np.zeros((order, order))
    values = np.polynomial.legendre.legvander(u, len(kept) - 1)
    result[:, kept] = np.linalg.solve(values[kept].T, values.T).T
    result[kept] = np.eye(order)[kept]
    return result
