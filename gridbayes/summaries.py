"""Summaries of one parameter's posterior: mean, sd, quantiles and intervals of masses on a grid.

On `points` the parameter is discrete: F jumps at the nodes. On `trapezoid` and `panels` it is continuous: the masses
say a density at the nodes, the grid's rule says the density between them, and F is its integral.
"""

from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np
from jaxtyping import Float

from gridbayes._types import Floats, Values
from gridbayes.grids import Grid, legendre_rule, legendre_transform

__all__ = ["Marginal", "cell_coefficients", "checked_number", "checked_probability", "inverse", "positive"]

type Reals = np.ndarray | np.floating  # NumPy makes numbers of arrays without axes


@dataclass(frozen=True)
class _Tail:
    """An end of a density: p(centre + side u) = density (u / start)**-power for u > start."""

    side: int
    centre: float
    start: float
    density: float
    power: float

    def moment(self, n: int, about: float) -> float:
        """The integral of (x - about)**n over the tail, n of 1 or 2; it exists for a power above n + 1."""
        off = self.centre - about
        parts = [self.density * self.start ** (j + 1) / (self.power - 1 - j) for j in range(n + 1)]
        return sum(comb(n, j) * off ** (n - j) * self.side**j * part for j, part in enumerate(parts))


@dataclass(frozen=True, eq=False)
class Marginal:
    """The distribution of one number.

    Parameters
    ----------
    grid : its nodes, weights and rule.
    masses : (node,) p(node | t), summing to 1: probabilities on `points`, density times weight on the other rules.
    tails : the powers at which the density falls to the left and to the right, inf where faster than any, as the model
        knows them (models/tails.py); None: they are judged by the density in the end panels.
    """

    grid: Grid
    masses: Float[np.ndarray, "node"]
    tails: tuple[float, float] | None = None

    @cached_property
    def mean(self) -> float:
        """E[x] = c + sum_i m_i (x_i - c), c the heaviest node, so that values far from 0 keep their digits; nan where the
        density falls too slowly for E[x] to exist."""
        if not self._falls_faster_than(2.0):
            return float("nan")
        centre = float(self.grid.nodes[np.argmax(self.masses)])
        beyond = sum(tail.moment(1, centre) for tail in self._tails)
        return centre + float(self._inside @ (self.grid.nodes - centre) + beyond)

    @cached_property
    def var(self) -> float:
        """Var[x] = sum_i m_i (x_i - E[x])**2, centred first: nothing cancels; inf where the integral diverges."""
        if not self._falls_faster_than(3.0):
            return float("inf")
        beyond = sum(tail.moment(2, self.mean) for tail in self._tails)
        return float(self._inside @ (self.grid.nodes - self.mean) ** 2 + beyond)

    @property
    def complete(self) -> bool:
        """Whether nothing can lie beyond the nodes."""
        return self.grid.rule == "points"

    @property
    def width(self) -> float:
        """A scale that always exists: half the distance between the quantiles of a normal's mean plus and minus one sd."""
        return float(self._middle[2] - self._middle[0]) / 2

    @cached_property
    def _middle(self) -> np.ndarray:
        """The median between the quantiles of a normal's mean minus and plus one sd."""
        return np.asarray(self.quantile(np.array([0.15865525393145707, 0.5, 0.8413447460685429])))

    def _falls_faster_than(self, power: float) -> bool:
        """Whether the density falls faster than |x - median|**-power at both ends: exactly, where the powers are known."""
        if self.tails is not None:
            return bool(min(self.tails) > power + 1e-9)
        return all(tail.power > power + 1e-3 for tail in self._tails)

    @property
    def extended(self) -> tuple[bool, bool]:
        """Whether mean and variance hold what a power law leaves beyond the last panels, at the lower and the upper end."""
        sides = {tail.side for tail in self._tails}
        return -1 in sides, 1 in sides

    @cached_property
    def _inside(self) -> np.ndarray:
        """The masses before the tails, (node,)."""
        masses = self.masses.copy()
        for tail in self._tails:
            masses[tail.side * (self.grid.nodes - tail.centre) > tail.start] = 0.0
        return masses

    @cached_property
    def _tails(self) -> "list[_Tail]":
        """The ends of the density that fall as a power of the distance from the median."""
        if self.grid.rule != "panels" or self.tails == (np.inf, np.inf):
            return []
        powers = self.tails or (None, None)
        found = [self._tail(side, power) for side, power in zip((-1, 1), powers, strict=True)]
        return [tail for tail in found if tail is not None]

    def _tail(self, side: int, power: float | None) -> "_Tail | None":
        """The tail at one side; a power that is not known is the slope in the end panel.

        A known one starts at the panel whose slope is closest to it: in a mixture of normals the last panels fall as the
        widest of them. Only a power law reaches a thousand widths out: panels of lighter tails end long before.
        """
        if power == np.inf:
            return None
        centre = float(self._middle[1])
        panels = self.grid.nodes.reshape(-1, self.grid.order)[::side, ::side]  # outwards
        distance = side * (panels - centre)
        density = self._at_nodes.reshape(panels.shape)[::side, ::side]
        far = np.flatnonzero((distance[:, 0] > 1e3 * self.width) & (density.min(axis=1) > 0))
        if len(far) == 0:
            return None
        first, last = (np.log([distance[far, i], density[far, i]]) for i in (0, -1))
        slopes = -(last[1] - first[1]) / (last[0] - first[0])
        at = -1 if power is None else int(np.argmin(np.abs(slopes - power)))
        if power is not None and abs(slopes[at] - power) > 1e-2:
            return None
        power = float(slopes[at]) if power is None else power
        edges = self.grid.edges[1:] if side > 0 else self.grid.edges[-2::-1]
        start = float(side * (edges[far[at]] - centre))
        return _Tail(side, centre, start, float(np.exp(last[1, at] - power * (np.log(start) - last[0, at]))), power)

    @property
    def sd(self) -> float:
        """The square root of the variance."""
        return self.var**0.5

    def cdf(self, x: Values) -> Floats:
        """F(x) = p(parameter <= x | t), any shape."""
        x = np.asarray(x, float)
        cell = np.clip(np.searchsorted(self._knots, x, side="right") - 1, 0, len(self._knots) - 1)
        if self.grid.rule == "points":
            return np.where(x < self._knots[0], 0.0, self._cumulative[cell])
        cell = np.minimum(cell, len(self._knots) - 2)
        u = np.clip((x - self._knots[cell]) / (self._knots[cell + 1] - self._knots[cell]), 0.0, 1.0)
        below = np.clip(self._cumulative[cell] + _integral(self._coefficients[cell], u), 0.0, 1.0)
        return np.where(x >= self._knots[-1], 1.0, below)

    def density(self, x: Values) -> Floats:
        """The density at x, any shape; on `points` it does not exist and this raises."""
        if self.grid.rule == "points":
            raise ValueError("points carry probabilities, not a density; use a grid with weights or automatic grids.")
        x = np.asarray(x, float)
        cell = np.clip(np.searchsorted(self._knots, x, side="right") - 1, 0, len(self._knots) - 2)
        width = self._knots[cell + 1] - self._knots[cell]
        u = (x - self._knots[cell]) / width
        return np.where((u < 0) | (u > 1), 0.0, _slope(self._coefficients[cell], u) / width)

    def quantile(self, q: Values) -> Floats:
        """The smallest x with F(x) >= q; q in [0, 1], any shape."""
        q = checked_probability(q, "q")
        if self.grid.rule == "points":
            # a hair below q, or rounding in the sum makes the quantile of an exact 0.5 jump a node
            cell = np.searchsorted(self._cumulative, q * (1 - 1e-12) - 1e-300, side="left")
            return np.asarray(self._knots[np.minimum(cell, len(self._knots) - 1)])
        cell = np.clip(np.searchsorted(self._cumulative, q, side="left") - 1, 0, len(self._knots) - 2)
        u = inverse(self._coefficients[cell], q - self._cumulative[cell])
        return np.asarray(self._knots[cell] + u * (self._knots[cell + 1] - self._knots[cell]))

    def eti(self, prob: float = 0.89) -> Float[np.ndarray, "2"]:
        """The equal-tailed interval: the same probability is left out on both sides."""
        checked_probability(prob, "prob")
        return self.quantile(np.array([(1 - prob) / 2, (1 + prob) / 2]))

    def hdi(self, prob: float = 0.89) -> Float[np.ndarray, "2"]:
        """The shortest single interval that holds probability `prob`."""
        checked_probability(prob, "prob")
        if self.grid.rule == "points":
            return self._shortest_run(prob)
        left = self._shortest_start(prob)
        return self.quantile(np.array([left, min(left + prob, 1.0)]))

    def probability(self, above: float | None = None, below: float | None = None) -> float:
        """p(above < x < below | t); either bound may be left out."""
        if above is None and below is None:
            raise TypeError("probability needs a bound: pass above=, below= or both.")
        low = -np.inf if above is None else checked_number(above, "above")
        high = np.inf if below is None else checked_number(below, "below")
        if low >= high:
            raise ValueError(f"above must be less than below; above is {low:g} and below is {high:g}.")
        if self.grid.rule == "points":
            return float(self.masses[(self.grid.nodes > low) & (self.grid.nodes < high)].sum())
        return float(self.cdf(high) - self.cdf(low))

    # F is stored at the knots: nodes, or edges of panels; between them it is `_integral`, in u from 0 to 1 across a cell

    @cached_property
    def _knots(self) -> np.ndarray:
        return self.grid.edges if len(self.grid.edges) else self.grid.nodes

    @cached_property
    def _cumulative(self) -> np.ndarray:
        if self.grid.rule == "points":
            total = np.cumsum(self.masses)
        elif self.grid.rule == "trapezoid":
            steps = np.diff(self.grid.nodes) * (self._at_nodes[1:] + self._at_nodes[:-1]) / 2
            total = np.concatenate([[0.0], np.cumsum(steps)])
        else:
            total = np.concatenate([[0.0], np.cumsum(self.masses.reshape(-1, self.grid.order).sum(axis=1))])
        return total / total[-1]

    @cached_property
    def _at_nodes(self) -> np.ndarray:
        return self.masses / self.grid.weights

    @cached_property
    def _coefficients(self) -> np.ndarray:
        """The density in each cell, as `cell_coefficients` has it: (cell, degree)."""
        return cell_coefficients(self.grid, self.masses)

    def _shortest_run(self, prob: float) -> np.ndarray:
        """Nodes first and last of the shortest run of nodes that holds `prob`."""
        after = np.cumsum(self.masses)
        before = after - self.masses
        last = np.searchsorted(after, before + prob * (1 - 1e-12), side="left")
        fits = last < len(after)
        first = np.flatnonzero(fits)
        if len(first) == 0:
            return self.grid.nodes[[0, -1]]
        best = first[np.argmin(self.grid.nodes[last[fits]] - self.grid.nodes[first])]
        return self.grid.nodes[[best, last[best]]]

    def _shortest_start(self, prob: float) -> float:
        """The probability below the shortest interval: where the density at both its ends is the same, or 0."""
        from scipy.optimize import brentq  # here: a fifth of a second and 10 MB, for this alone

        room = 1 - prob
        starts = np.linspace(0.0, room, 201)
        lengths = np.diff(self.quantile(np.stack([starts, np.minimum(starts + prob, 1.0)])), axis=0)[0]
        best = int(np.argmin(lengths))
        low, high = starts[max(best - 1, 0)], starts[min(best + 1, 200)]

        def tilt(start: float) -> float:
            ends = self.quantile(np.array([start, min(start + prob, 1.0)]))
            return float(np.diff(self.density(ends))[0])

        if tilt(low) * tilt(high) >= 0:
            return float(starts[best])
        return float(brentq(tilt, low, high, xtol=1e-15))  # pyright: ignore[reportArgumentType]


# --- the density between nodes: a polynomial in each cell ---------------------------------------------------------------


def cell_coefficients(grid: Grid, masses: Float[np.ndarray, "*rows node"]) -> Float[np.ndarray, "*rows cell degree"]:
    """The density in each cell as f(u) = sum_k c_k P_k(2 u - 1), u from 0 to 1 across it, so that c_0 is the cell's mass.

    A cell is a panel; the step between two nodes, where f is linear; or on points a node itself.
    """
    if grid.rule == "points":
        return masses[..., None]
    if grid.rule == "trapezoid":
        density = masses / grid.weights
        left, right = density[..., :-1] * np.diff(grid.nodes), density[..., 1:] * np.diff(grid.nodes)
        return np.stack([left + right, right - left], axis=-1) / 2
    values = 2 * masses.reshape(*masses.shape[:-1], -1, grid.order) / legendre_rule(grid.order)[1]
    return values @ legendre_transform(grid.order).T


def inverse(coefficients: Float[np.ndarray, "*rows degree"], rest: Reals) -> Reals:
    """The u at which the integral of f from 0 reaches `rest`, by Newton steps inside a shrinking bracket."""
    shape, rest = np.shape(rest), np.ravel(rest)
    degrees = coefficients.shape[-1]
    if degrees == 2:
        return _inverse_of_linear(coefficients.reshape(-1, 2), rest).reshape(shape)
    coefficients = np.broadcast_to(coefficients, (*shape, degrees)).reshape(len(rest), degrees)
    low, high, u = np.zeros(len(rest)), np.ones(len(rest)), np.full(len(rest), 0.5)
    left = np.arange(len(rest))  # what has not converged
    for _ in range(80):
        at, c = u[left], coefficients[left]
        excess = _integral(c, at) - rest[left]
        low[left], high[left] = np.where(excess < 0, at, low[left]), np.where(excess < 0, high[left], at)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = at - excess / _slope(c, at)
        inside = (step > low[left]) & (step < high[left])
        u[left] = np.where(inside, step, (low[left] + high[left]) / 2)
        left = left[np.abs(u[left] - at) > 4 * np.finfo(float).eps]
        if len(left) == 0:
            break
    return u.reshape(shape)


def _inverse_of_linear(coefficients: Float[np.ndarray, "row 2"], rest: Reals) -> Reals:
    """The root of a u + c_1 u**2 = rest, a = f(0) = c_0 - c_1, in the form that does not cancel; 0 where f begins with 0."""
    a, c_1 = coefficients[:, 0] - coefficients[:, 1], coefficients[:, 1]
    below = a + np.sqrt(np.maximum(a**2 + 4 * c_1 * rest, 0.0))
    return np.clip(np.divide(2 * rest, below, out=np.zeros_like(below), where=below > 0), 0.0, 1.0)


def _slope(coefficients: Float[np.ndarray, "*rows degree"], u: Reals) -> Reals:
    """f(u)."""
    degrees = coefficients.shape[-1]
    polynomials = np.polynomial.legendre.legvander(2 * u - 1, degrees - 1).reshape(*u.shape, degrees)
    return np.sum(coefficients * polynomials, axis=-1)


def _integral(coefficients: Float[np.ndarray, "*rows degree"], u: Reals) -> Reals:
    """The integral of f from 0 to u, by int_{-1}^{v} P_k = (P_{k+1}(v) - P_{k-1}(v)) / (2k + 1)."""
    v, degrees = 2 * u - 1, coefficients.shape[-1]
    p = np.polynomial.legendre.legvander(v, degrees).reshape(*u.shape, degrees + 1)  # legvander has no 0-d case
    k = np.arange(1, degrees)
    integrals = np.concatenate([np.expand_dims(v + 1, -1), (p[..., 2:] - p[..., :-2]) / (2 * k + 1)], axis=-1)
    return np.sum(coefficients * integrals, axis=-1) / 2


# --- checks ---------------------------------------------------------------------------------------------------------


def checked_probability(q: object, name: str) -> Float[np.ndarray, "*shape"]:
    """`q` as an array of numbers in [0, 1], or an error that names it."""
    array = np.asarray(q, float)
    if not ((array >= 0) & (array <= 1)).all():
        raise ValueError(f"{name} must lie in [0, 1]; {name} is {q}. Pass a probability, not a percentage.")
    return array


def checked_number(value: object, name: str) -> float:
    """`value` as a float, or an error that names it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or np.isnan(value):
        raise TypeError(f"{name} must be a number; {name} is {value!r}.")
    return float(value)


def positive(value: float, name: str) -> float:
    """`value` if it is positive, or an error that names it: of a scale."""
    if not 0 < value < np.inf:
        raise ValueError(f"{name} must be positive; {name} is {value:g}. Pass a positive number.")
    return value
