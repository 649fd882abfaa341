"""Sums over a scale: nodes that crowd towards both ends of its support in double-exponential steps.

On (low, inf) x = low + size exp(pi/2 sinh v), on a finite interval its logistic counterpart, and the integral over x is the
trapezoid sum over v. It converges exponentially for every prior that is smooth inside its support, whatever it does at the
ends: a few dozen nodes hold a posterior from 0 to its heavy tail. Source: Takahasi & Mori (1974), "Double exponential
formulas for numerical integration", Publ. RIMS 9:721-741.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gridbayes.grids import Grid

__all__ = ["double_exponential"]

REACH = 5.2  # |v| at which x / size is e**-142 or e**142
COUNT = 32  # nodes of the first look
FULL = 45.0  # e**-45 = 3e-20: what a node may weigh beside the heaviest and be left out of the window


@dataclass(frozen=True)
class _Segment:
    """A map from v to x on (low, high), centred at `size` above `low`."""

    low: float
    high: float
    size: float

    def at(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x and log dx/dv."""
        t, log_slope = np.pi / 2 * np.sinh(v), np.log(np.pi / 2 * np.cosh(v))
        if np.isinf(self.high):
            return self.low + self.size * np.exp(t), np.log(self.size) + t + log_slope
        width, odds = self.high - self.low, self._odds
        t = t + odds
        share = np.where(t < 0, np.exp(np.minimum(t, 0)), 1.0) / (1 + np.exp(-np.abs(t)))
        return self.low + width * share, np.log(width) - np.logaddexp(0, t) - np.logaddexp(0, -t) + log_slope

    @property
    def _odds(self) -> float:
        return float(np.log(self.size / (self.high - self.low - self.size)))


def double_exponential(
    log_density: Callable[[np.ndarray], np.ndarray],
    ends: Sequence[float],
    size: float,
    count: int,
    step: float = np.inf,
) -> Grid:
    """`count` nodes between each two ends or more, with their weights, for the window that holds `log_density`.

    Parameters
    ----------
    log_density : of (node,), unnormalised.
    ends : the ends of the support and the points inside at which the density is not smooth, increasing.
    size : where the first segment is centred, in the unit of x.
    step : in v, what nodes may be apart: a window that is wide needs more of them.
    """
    parts = []
    for low, high in pairwise(ends):
        width = high - low
        segment = _Segment(low, high, size if np.isinf(high) else min(max(size, 0.01 * width), 0.5 * width))
        first, last = _window(segment, log_density)
        v = np.linspace(first, last, max(count, math.ceil((last - first) / step)))
        x, log_slope = segment.at(v)
        inside = (x > low) & (x < high) & (np.diff(x, prepend=low) > 0)  # next to an end several nodes may round to one
        parts.append((x[inside], np.exp(log_slope[inside]) * (last - first) / (len(v) - 1)))
    nodes, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Grid(nodes, weights)


def _window(segment: _Segment, log_density: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
    """The v between which the density weighs anything, narrowed until half of the nodes do."""
    first, last = -REACH, REACH
    while True:
        v = np.linspace(first, last, COUNT)
        x, log_slope = segment.at(v)
        log_g = log_density(x) + log_slope
        log_g = np.where(log_g < np.inf, log_g, -np.inf)  # at a node that rounds to a pole at an end
        kept = np.flatnonzero(log_g > log_g.max() - FULL)
        low, high = v[max(kept[0] - 1, 0)], v[min(kept[-1] + 1, COUNT - 1)]
        if len(kept) > COUNT // 2 or high - low < 1e-12:
            return float(low), float(high)
        first, last = low, high
