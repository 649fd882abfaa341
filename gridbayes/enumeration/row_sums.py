"""Sums over many rows as sums over few nodes.

For f analytic on a panel that holds the rows y_i, the polynomial through f at K Chebyshev nodes is f to many digits, so

    sum_i f(y_i) = sum_k w_k f(x_k),     w_k = sum_i l_k(y_i),     l_k the Lagrange polynomials of the nodes x_k.

The weights depend on the rows alone. A log density of rows that costs an exponential and a log for each of 2,000 rows
costs them for 96 nodes: pass nodes and weights as the data. The integral over the rows takes the place of the rows: what
f is, and how many parameters it has, does not matter, only how fast it changes in y.

With u the place in the panel on [-1, 1] and T_j the Chebyshev polynomials (Trefethen, "Approximation Theory and
Approximation Practice", 2013, chapters 2 to 4)

    w_k = 2/K sum'_j T_j(u_k) m_j,     m_j = sum_i T_j(u_i) = sum_i cos(j arccos u_i),

the prime halving the term j = 0: sums of cosines, nothing cancels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gridbayes._types import Numbers

__all__ = ["RowSums", "compress", "compressed_for"]

FINER = 1.5  # times as many nodes: what a sum is compared with
MOST = 1000  # nodes of a panel; a function that needs more is not analytic there, or needs panels


@dataclass(frozen=True, eq=False)
class RowSums:
    """Nodes and weights that stand for rows.

    Parameters
    ----------
    nodes : (node,) in the unit of the rows, increasing.
    weights : (node,) summing to the number of rows; some may be negative.
    """

    nodes: Float[np.ndarray, "node"]
    weights: Float[np.ndarray, "node"]

    def __call__(self, f: Callable) -> Float[np.ndarray, "..."]:
        """sum_i f(y_i), f taking (node,) to (..., node)."""
        return np.asarray(np.asarray(f(self.nodes)) @ self.weights)


def compress(rows: Numbers, count: int = 96, panels: int = 1) -> RowSums:
    """`count` Chebyshev nodes in each of `panels` equal panels of the rows' range.

    Many panels serve a range that is long beside the distance over which f changes. A panel with no more rows than nodes
    keeps its rows.

    >>> import numpy as np
    >>> short = compress(np.linspace(-3, 3, 2000), count=40)
    >>> bool(abs(short(np.cosh) - np.cosh(np.linspace(-3, 3, 2000)).sum()) < 1e-9)
    True
    """
    y = _checked(rows)
    if count < 1 or panels < 1:
        raise ValueError(f"count and panels must be at least 1; they are {count} and {panels}.")
    edges = np.linspace(y[0], y[-1], panels + 1)
    parts = np.split(y, np.searchsorted(y, edges[1:-1], side="right"))
    found = [_panel(part, low, high, count) for part, low, high in zip(parts, edges[:-1], edges[1:], strict=True)]
    nodes, weights = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return RowSums(nodes, weights)


def compressed_for(f: Callable, rows: Numbers, tolerance: float = 1e-9, panels: int = 1) -> tuple[RowSums, float]:
    """The fewest of 12, 18, 27, ... nodes a panel whose sums of f have an error below `tolerance`, and that error.

    It is twice the largest difference from the sums by half as many nodes again: above the true error wherever these
    more nodes halve it.

    Parameters
    ----------
    f : takes (node,) to (..., node): log densities at the parameters that are hardest, the corners of their grids, say.
    tolerance : absolute, of the sum over the rows.

    Raises
    ------
    ValueError
        When no number of nodes gives it: f has a kink, a pole near the rows, or rounding errors as large.
    """
    count, sums = 12, compress(rows, 12, panels)
    while count <= MOST:
        count = int(np.ceil(FINER * count))
        finer = compress(rows, count, panels)
        error = 2 * float(np.abs(sums(f) - finer(f)).max())
        if error < tolerance:
            return sums, error
        sums = finer
    raise ValueError(
        f"{MOST} nodes a panel do not resolve f: the error is {error:.2g}, the tolerance {tolerance:g}. "
        "Use more panels, or sum the rows."
    )


def _panel(y: Float[np.ndarray, "row"], low: np.floating, high: np.floating, count: int) -> tuple:
    """Nodes and weights of the rows in one panel, both (node,)."""
    if len(y) <= count:
        return y, np.ones(len(y))
    if low == high:
        return y[:1], np.array([float(len(y))])
    at_nodes = np.pi * (np.arange(count)[::-1] + 0.5) / count
    at_rows = np.arccos(np.clip((2 * y - low - high) / (high - low), -1, 1))
    moments = np.array([np.cos(j * at_rows).sum() for j in range(count)])  # a row of the table at a time
    moments[0] /= 2
    weights = 2 / count * np.cos(np.outer(at_nodes, np.arange(count))) @ moments
    return (low + high) / 2 + (high - low) / 2 * np.cos(at_nodes), weights


def _checked(rows: Numbers) -> Float[np.ndarray, "row"]:
    """The rows as sorted numbers."""
    y = np.sort(np.asarray(rows, float), axis=None)
    if len(y) == 0 or not np.isfinite(y).all():
        raise ValueError("rows must be finite numbers, at least one. Drop missing rows first.")
    return y
