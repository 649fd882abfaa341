"""The truth that benchmarks/accuracy.py measures by: pooling of normal rows in the continuum, without gridbayes' rules.

Scales by exp-sinh, tau = c exp(pi/2 sinh v), or up to a bound b by tau = b exp(-exp(v - exp(-v))); the location by
tanh-sinh pieces between the points where its density changes; what is normal given both in closed form. All are
trapezoid rules after a change of variable (Takahasi & Mori 1974), nothing is adaptive, and halving the step says how
far the numbers can be trusted. Only the log densities of priors are gridbayes' own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from scipy.special import expit, ndtr

import gridbayes as gb

__all__ = ["Continuum", "Rows", "exists"]

REACH = 12.0  # standard deviations on either side of a normal: beyond are 4e-33
FAINT = 100.0  # a cell of the scales whose weight is e**-FAINT of the largest is left out
NOTHING = 1e-20  # of the heaviest cell's weight: lighter ones say nothing of a distribution function
LOG_2PI = np.log(2 * np.pi)
TOGETHER = 2**22  # numbers in one temporary


@dataclass(frozen=True, eq=False)
class Rows:
    """Sufficient statistics of normal rows.

    Parameters
    ----------
    kind : `partial`, `no` or `complete` pooling.
    mean, count : of the rows of each group, (group,).
    squares : sums of squares within groups, (group,).
    errors : known standard error of each group's mean, (group,), or None where sigma is learned and shared.
    priors : of mu or theta, and of tau and sigma where the model has them.
    """

    kind: str
    mean: np.ndarray
    count: np.ndarray
    squares: np.ndarray
    errors: np.ndarray | None
    priors: Mapping[str, gb.Prior]

    @property
    def location(self) -> gb.Prior:
        """The prior of mu, or of theta where there is no mu."""
        return self.priors["mu" if self.kind == "partial" else "theta"]

    @property
    def size(self) -> float:
        """A typical size of a scale."""
        own = np.median(self.errors) if self.errors is not None else np.sqrt(self.squares.sum() / self.count.sum())
        return float(np.hypot(own, np.std(self.mean[self.count > 0])))


@dataclass(frozen=True, eq=False)
class Item:
    """A number x = a + b l + N(0, v) of a location l ~ prior * N(l; m, s), given each cell of the scales; all (cell,)."""

    m: np.ndarray
    s: np.ndarray
    a: np.ndarray
    b: np.ndarray
    v: np.ndarray


@dataclass(frozen=True)
class Continuum:
    """The continuous posterior by a rule of one step.

    Parameters
    ----------
    rows : the model and its data.
    step : of the trapezoid rules.
    cut : a scale and the value at which its integral ends, for distribution functions.
    """

    rows: Rows
    step: float
    cut: tuple[str, float] | None = None

    # --- cells of the scales ------------------------------------------------------------------------------------

    @cached_property
    def _cells(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Values of the scales (cell,), and the log of prior times weight; one cell where there are none."""
        names = [name for name in ("tau", "sigma") if name in self.rows.priors]
        values, log_weight = [], np.zeros(())
        for name in names:
            x, own = self._rule(name, self.cut[1] if self.cut and self.cut[0] == name else np.inf)
            values.append(x)
            log_weight = np.add.outer(log_weight, self.rows.priors[name].logpdf(x) + own)
        cells = {name: x.ravel() for name, x in zip(names, np.meshgrid(*values, indexing="ij"), strict=True)}
        return cells, log_weight.ravel()

    def _rule(self, name: str, cut: float) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and log weights of a scale up to the cut or the end of its support."""
        end = min(cut, self.rows.priors[name].support[1])
        return _half_line(self.rows.size, self.step) if np.isinf(end) else _up_to(end, self.step)

    @cached_property
    def _kept(self) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, list[Item]]:
        """Cells that weigh anything: scales, log weight, log p(t | cell), and the location's likelihoods."""
        cells, log_weight = self._cells
        height, places = _likelihoods(self.rows, cells, len(log_weight))
        flat = self.rows.location == gb.Flat()
        bound = log_weight + height + sum(np.log(place.s if flat else np.minimum(place.s, 1.0)) for place in places)
        keep = bound > bound.max() - FAINT
        cells = {name: values[keep] for name, values in cells.items()}
        places = [Item(*(getattr(place, key)[keep] for key in ("m", "s", "a", "b", "v"))) for place in places]
        log_p = height[keep] + sum(_integral(self.rows.location, place, self.step)[0] for place in places)
        return cells, log_weight[keep], log_p, places

    @cached_property
    def log_evidence(self) -> float:
        """log p(t); up to the cut where there is one."""
        _, log_weight, log_p, _ = self._kept
        top = (log_weight + log_p).max()
        return float(top + np.log(np.exp(log_weight + log_p - top).sum()))

    @cached_property
    def _weight(self) -> np.ndarray:
        _, log_weight, log_p, _ = self._kept
        return np.exp(log_weight + log_p - self.log_evidence)

    # --- numbers ------------------------------------------------------------------------------------------------

    @cached_property
    def items(self) -> dict[str, Item]:
        """mu and the thetas by label."""
        cells, _, _, places = self._kept
        if self.rows.kind == "no":
            return {f"theta[{d}]": place for d, place in enumerate(places)}
        if self.rows.kind == "complete":
            return {"theta": places[0]}
        w = _precision(self.rows, cells)
        spread = 1 + w * cells["tau"][:, None] ** 2
        centre = np.where(self.rows.count > 0, self.rows.mean, 0.0)
        m, s = places[0].m, places[0].s
        thetas = {
            f"theta[{d}]": Item(m, s, (1 - 1 / spread[:, d]) * centre[d], 1 / spread[:, d], cells["tau"] ** 2 / spread[:, d])
            for d in range(len(centre))
        }  # fmt: skip
        return {"mu": places[0], **thetas}

    @cached_property
    def moments(self) -> dict[str, tuple[float, float]]:
        """Mean and sd of every number, by label."""
        cells, weight = self._kept[0], self._weight
        given = {}
        for label, item in self.items.items():
            if label == "mu" or self.rows.kind != "partial":
                found = _integral(self.rows.location, item, self.step)[1:]
            given[label] = (item.a + item.b * found[0], item.v + item.b**2 * found[1])
        given |= {name: (values, np.zeros_like(values)) for name, values in cells.items()}
        result = {}
        for label, (mean, var) in given.items():
            total = weight @ mean
            result[label] = float(total), float(np.sqrt(weight @ (var + (mean - total) ** 2)))
        return result

    def distribution(self, label: str, x: float) -> tuple[float, float]:
        """F(x) and the density at x of one number."""
        if label in self._kept[0]:
            below = Continuum(self.rows, self.step, (label, x))
            return float(np.exp(below.log_evidence - self.log_evidence)), self._scale_density(label, x)
        heavy = self._weight > NOTHING * self._weight.max()
        item = Item(*(getattr(self.items[label], field.name)[heavy] for field in fields(Item)))
        below, at = _distribution(self.rows.location, item, x, self.step)
        return float(self._weight[heavy] @ below), float(self._weight[heavy] @ at)

    def quantile(self, label: str, q: float, start: float, unit: float) -> float:
        """The q-quantile, by Newton's method from `start`, bracketed; no step is longer than two units."""
        is_scale = label in self._kept[0]
        x, low, high = max(start, 1e-3 * unit) if is_scale else start, -np.inf, np.inf
        for _ in range(60):
            below, at = self.distribution(label, x)
            low, high = (x, high) if below < q else (low, x)
            move = (q - below) / at if at > 0 else np.inf
            move = float(np.clip(move, -2 * unit, 2 * unit))
            if abs(move) < 1e-7 * unit:  # the next would be of the order of its square
                return x + move
            new = x + move if low < x + move < high else (low + high) / 2
            x = max(new, x / 4) if is_scale else new
        return x

    def _scale_density(self, name: str, x: float) -> float:
        """The density of a scale: of one cell's width in it, the other scale summed."""
        log_weight, at = self.rows.priors[name].logpdf(np.array([x])), {name: np.array([x])}
        if np.isinf(log_weight[0]):
            return 0.0
        for other in set(self._kept[0]) - {name}:
            y, own = self._rule(other, np.inf)
            at = {name: np.full(len(y), x), other: y}
            log_weight = log_weight + self.rows.priors[other].logpdf(y) + own
        height, places = _likelihoods(self.rows, at, len(log_weight))
        bound = log_weight + height
        keep = bound > bound.max() - FAINT
        places = [Item(*(getattr(place, key)[keep] for key in ("m", "s", "a", "b", "v"))) for place in places]
        log_p = (bound[keep]) + sum(_integral(self.rows.location, place, self.step)[0] for place in places)
        return float(np.exp(log_p - self.log_evidence).sum())


# --- rules for scales -------------------------------------------------------------------------------------------


def _half_line(centre: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes on (0, inf) and log weights: x = centre exp(pi/2 sinh v)."""
    v = np.arange(-4.7, 4.7, step)
    x = centre * np.exp(np.pi / 2 * np.sinh(v))
    return x, np.log(step * np.pi / 2 * np.cosh(v) * x)


def _up_to(end: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes on (0, end) and log weights: x = end exp(-y), y = exp(v - exp(-v))."""
    v = np.arange(-4.0, 4.7, step)
    y = np.exp(v - np.exp(-v))
    x = end * np.exp(-y)
    return x, np.log(step * y * (1 + np.exp(-v)) * x)


# --- given the scales -------------------------------------------------------------------------------------------


def _precision(rows: Rows, cells: Mapping[str, np.ndarray]) -> np.ndarray:
    """1 / Var of each group's mean, (cell, group); 0 without data."""
    if rows.errors is None:
        return rows.count / cells["sigma"][:, None] ** 2
    return np.where(rows.count > 0, 1 / rows.errors**2, 0.0)[None, :]


def _likelihoods(rows: Rows, cells: Mapping[str, np.ndarray], count: int) -> tuple[np.ndarray, list[Item]]:
    """log p(t | cell, location) = height - sum over places of (l - m)**2 / (2 s**2); height (cell,)."""
    w = np.broadcast_to(_precision(rows, cells), (count, len(rows.mean)))
    some = rows.count > 0
    height = np.zeros(count)
    if rows.errors is None:  # rows about their group's mean
        sigma, left = cells["sigma"], (rows.count - some).sum()
        height = -left * (np.log(sigma) + LOG_2PI / 2) - rows.squares.sum() / (2 * sigma**2)
        height = height - np.log(np.maximum(rows.count, 1)).sum() / 2
    tau = cells.get("tau", np.zeros(count))[:, None]
    p = w / (1 + w * tau**2)
    with np.errstate(divide="ignore"):
        height = height + np.where(some, np.log(p) / 2 - LOG_2PI / 2, 0.0).sum(axis=1)
    centre = np.where(some, rows.mean, 0.0)
    if rows.kind == "no":
        return height, [_place(np.full(count, centre[d]), p[:, d]) for d in range(len(centre))]
    total = p.sum(axis=1)
    m = p @ centre / total
    return height - (p * (centre - m[:, None]) ** 2).sum(axis=1) / 2, [_place(m, total)]


def _place(m: np.ndarray, precision: np.ndarray) -> Item:
    with np.errstate(divide="ignore"):
        s = 1 / np.sqrt(precision)
    return Item(m, s, np.zeros(len(m)), np.ones(len(m)), np.zeros(len(m)))


def _parts(item: Item, step: float) -> list[Item]:
    """An item's cells, so many at a time that all nodes of the location in them fit into memory."""
    pieces = 4  # of the location, seven units of the rule's variable each
    count = max(1, -(-len(item.m) * pieces * round(7 / step) // TOGETHER))
    columns = (np.array_split(getattr(item, field.name), count) for field in fields(item))
    return [Item(*part) for part in zip(*columns, strict=True)]


def _integral(prior: gb.Prior, item: Item, step: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log int p(l) exp(-(l - m)**2 / (2 s**2)) dl, and mean and variance of l, each (cell,)."""
    if isinstance(prior, gb.Normal):
        total, loc = 1 / item.s**2 + 1 / prior.scale**2, prior.loc
        mean = loc + (item.m - loc) / (1 + (item.s / prior.scale) ** 2)
        ratio = 1 / (1 + (prior.scale / item.s) ** 2)
        return np.log(ratio) / 2 - (item.m - loc) ** 2 / (2 * (item.s**2 + prior.scale**2)), mean, 1 / total
    if prior == gb.Flat():
        return LOG_2PI / 2 + np.log(item.s), item.m, item.s**2
    if len(parts := _parts(item, step)) > 1:
        one, two, three = zip(*(_integral(prior, part, step) for part in parts), strict=True)
        return np.concatenate(one), np.concatenate(two), np.concatenate(three)
    x, log_p = _nodes(prior, item, None, step)
    top = log_p.max(axis=1, keepdims=True)
    p = np.exp(log_p - top)
    total = p.sum(axis=1)
    mean = (p * x).sum(axis=1) / total
    return top[:, 0] + np.log(total), mean, (p * (x - mean[:, None]) ** 2).sum(axis=1) / total


def _distribution(prior: gb.Prior, item: Item, x: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    """F(x) and the density at x of an item given each cell, (cell,)."""
    if isinstance(prior, gb.Normal) or prior == gb.Flat():
        _, mean, var = _integral(prior, item, step)
        sd = np.sqrt(item.v + item.b**2 * var)
        z = (x - item.a - item.b * mean) / sd
        return ndtr(z), np.exp(-(z**2) / 2 - LOG_2PI / 2) / sd
    if len(parts := _parts(item, step)) > 1:
        below, at = zip(*(_distribution(prior, part, x, step) for part in parts), strict=True)
        return np.concatenate(below), np.concatenate(at)
    turn = (x - item.a) / item.b
    at_nodes, log_p = _nodes(prior, item, turn, step)
    p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
    total = p.sum(axis=1)
    if not item.v.any():
        log_at = prior.logpdf(turn) - (turn - item.m) ** 2 / (2 * item.s**2) - log_p.max(axis=1) - np.log(item.b)
        return (p * (at_nodes < turn[:, None])).sum(axis=1) / total, np.exp(log_at) / total
    z = (x - item.a[:, None] - item.b[:, None] * at_nodes) / np.sqrt(item.v)[:, None]
    at = np.exp(-(z**2) / 2 - LOG_2PI / 2) / np.sqrt(item.v)[:, None]
    return (p * ndtr(z)).sum(axis=1) / total, (p * at).sum(axis=1) / total


def _nodes(prior: gb.Prior, item: Item, turn: np.ndarray | None, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of the location, (cell, node), and the log of density times weight.

    Tanh-sinh pieces between the ends of the window, the points where the density turns, and `turn`; in the coordinate
    u = asinh((l - loc) / scale) where the prior has heavy tails.
    """
    if isinstance(prior, gb.Uniform):
        loc, scale, heavy = prior.low, prior.high - prior.low, False
    else:
        loc, scale, heavy = prior.loc, prior.scale, isinstance(prior, (gb.StudentT, gb.Cauchy))
    s = np.minimum(item.s, scale * (1e100 if heavy else 1e9))
    peak = item.m
    if isinstance(prior, gb.Laplace):
        peak = np.clip(loc, item.m - s**2 / scale, item.m + s**2 / scale)
    elif isinstance(prior, gb.Uniform):
        peak = np.clip(item.m, prior.low, prior.high)
    low, high = peak - REACH * s, peak + REACH * s
    if heavy:  # its own peak may matter, forty sds of the likelihood away
        near = np.abs(loc - peak) < 40 * s
        low = np.where(near, np.minimum(low, loc - REACH * s), low)
        high = np.where(near, np.maximum(high, loc + REACH * s), high)
    low, high = np.maximum(low, prior.support[0]), np.minimum(high, prior.support[1])
    inner = [peak, np.full_like(peak, loc), *([turn] if turn is not None else [])]
    edges = np.sort(np.clip(np.stack([low, *inner, high], axis=1), low[:, None], high[:, None]), axis=1)
    u, log_w = _tanh_sinh(np.arcsinh((edges - loc) / scale) if heavy else edges, step)
    x = loc + scale * np.sinh(u) if heavy else u
    log_w = log_w + (np.log(scale * np.cosh(u)) if heavy else 0.0)
    return x, log_w + prior.logpdf(x) - ((x - item.m[:, None]) / item.s[:, None]) ** 2 / 2


def _tanh_sinh(edges: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and log weights, (cell, node), of the tanh-sinh rule in each piece between edges, (cell, piece + 1)."""
    t = np.arange(-3.5, 3.5, step)
    left, right = expit(np.pi * np.sinh(t)), expit(-np.pi * np.sinh(t))  # shares of a piece on either side of a node
    width = np.diff(edges, axis=1)[..., None]
    u = np.where(left < 0.5, edges[:, :-1, None] + width * left, edges[:, 1:, None] - width * right)
    with np.errstate(divide="ignore"):  # an empty piece has no weight
        log_w = np.log(width * step * np.pi * np.cosh(t) * left * right)
    return u.reshape(len(u), -1), log_w.reshape(len(u), -1)


# --- which moments there are ------------------------------------------------------------------------------------


def exists(rows: Rows, label: str, moment: int) -> bool:
    """Whether the integral of |x|**moment against the posterior of this number converges, by the powers of the tails."""
    return _power(rows, label) - 1 > moment


def _power(rows: Rows, label: str) -> float:
    """The a of a posterior density that falls as |x|**-a; inf where it falls faster than any power."""
    measured, location = int((rows.count > 0).sum()), _tail(rows.location)
    if label == "sigma":  # the likelihood falls as sigma**-rows, less one for each flat location summed out
        flat = (location == 0) * (measured if rows.kind == "no" else 1)
        return _tail(rows.priors["sigma"]) + rows.count.sum() - flat
    if label.startswith("theta") and (rows.kind == "complete" or rows.count[_index(label)] > 0):
        return np.inf if rows.errors is not None else _tail(rows.priors["sigma"]) + rows.count.sum() - 1 + location
    if rows.kind != "partial":
        return location
    tau = _tail(rows.priors["tau"]) + measured - (location == 0)
    mu = _tail(rows.priors["tau"]) + measured - 1 + location
    return {"mu": mu, "tau": tau}.get(label, min(mu, tau))


def _index(label: str) -> int:
    return int(label.removeprefix("theta[").removesuffix("]"))


def _tail(prior: gb.Prior) -> float:
    """The a of a density that falls as x**-a; inf where it falls faster than any power."""
    match prior:
        case gb.StudentT(df) | gb.HalfStudentT(df):
            return df + 1
        case gb.Cauchy() | gb.HalfCauchy():
            return 2.0
        case gb.InverseGamma(alpha):
            return alpha + 1
        case gb.Flat():
            return 0.0
    return np.inf
