"""The accuracy statement: how far each reported number is from the continuous model's, and why.

An automatic grid is compared with a coarser rule in panels of its own: the difference bounds the error of the finer one.
To it comes what neither can see, the tail beyond the last panel, as the density and its slope there foretell it. An
explicit grid is compared with an automatic one of the same model, whose own error comes on top: the grid's price. Of a
user's memo nothing is known but its text: it is compared with itself on coarser grids, and the density at the ends is told.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from gridbayes.summaries import Marginal, checked_probability

if TYPE_CHECKING:
    from gridbayes.posterior import Posterior

__all__ = ["PROB", "Accuracy", "Comparison", "Error", "Tail"]

PROB = 0.89  # the probability of an interval unless the caller names another; it stands in every column name
ROUNDING = 1e-12  # of an sd: what sums of thousands of exponentials keep of double precision
RELATIVE = 1e-13  # of the number itself: the same, where it is many sds from 0
FINE = 1e-6  # an error, in sds, that needs no remark: what automatic grids promise

ENUMERATED = "enumerated on a coarser grid"
COARSER = "coarser grid"
FALLEN = 1e-3  # of its peak: a density that has fallen so far at a grid's end has its bulk inside

type Support = tuple[float, float]
type Statistic = str | float  # `mean`, `sd`, or the probability of a quantile


@dataclass(frozen=True)
class Error:
    """The error of one reported quantity.

    Parameters
    ----------
    quantity : `mu`, `theta[MATH]`, `log_evidence`.
    statistic : `mean` or a quantile, `eti89_lb` or `q0.975` (error in units of the sd), `sd` (relative), or `value`
        (absolute).
    size : the estimate of the error, not negative.
    source : what it comes from.
    """

    quantity: str
    statistic: str
    size: float
    source: str

    def __str__(self) -> str:
        unit = {"sd": " of the sd", "value": ""}.get(self.statistic, " sd")
        return f"{self.size:.2g}{unit} ({self.quantity}, {self.source})"


@dataclass(frozen=True)
class Tail:
    """What lies beyond the last panels at both ends, estimated.

    If the density p falls as x**-a, x the distance from the median, then beyond the last node X there are

        int x**k p(x) dx = p(X) X**(k + 1) / (a - k - 1),      a the slope of log p in log x at X.

    A lighter tail has a larger slope, and the same formula is its leading term; for a <= k + 1 the integral diverges. Where
    the support ends at S, it is at most p(X) |S - X| |S - median|**k. A marginal that has added its tail to its moments is
    wrong by what the power law neglects: width / X of them.

    Parameters
    ----------
    moments : these integrals for k = 0, 1, 2 in the unit of x to the power k, both ends together.
    end : the last node of the heavier end.
    """

    moments: tuple[float, float, float]
    end: float

    @classmethod
    def of(cls, marginal: Marginal, support: Support) -> "Tail":
        """The tail of a marginal on a grid with weights."""
        lower, upper = (cls._beyond(marginal, side, support[side]) for side in (0, -1))
        return cls._summed(lower + upper, marginal.grid.nodes[0 if lower[2] > upper[2] else -1])

    def with_scale(self, scale: "Tail") -> "Tail":
        """The tail of a location whose distance from its centre is of the size of this scale: both together."""
        heavier = scale if scale.moments[2] > self.moments[2] else self
        return self._summed(np.add(self.moments, scale.moments), heavier.end)

    def with_lost(self, other: "Tail", sd: float) -> "Tail":
        """The tail of a parameter of this sd when another's tail is lost too, in which it is taken to be as wide."""
        mass = other.moments[0]
        if mass == 0:
            return self
        both = self._summed(np.array(self.moments) + mass * np.array([1.0, sd, sd**2]), self.end)
        return both if self.moments[0] >= mass else Tail(both.moments, other.end)

    @classmethod
    def _summed(cls, moments: Float[np.ndarray, "3"], end: float | np.floating) -> "Tail":
        mass, first, second = (float(moment) for moment in moments)
        return cls((mass, first, second), float(end))

    @staticmethod
    def _beyond(marginal: Marginal, side: int, bound: float) -> Float[np.ndarray, "3"]:
        """The integrals beyond one end, for k = 0, 1, 2."""
        last, median, k = [0, 1] if side == 0 else [-1, -2], float(marginal.quantile(0.5)), np.arange(3)
        x = np.abs(marginal.grid.nodes[last] - median)
        p = marginal.masses[last] / np.exp(marginal.grid.log_weight[last])
        if p[0] == 0 or bound == (marginal.grid.edges if len(marginal.grid.edges) else marginal.grid.nodes)[side]:
            return np.zeros(3)
        with np.errstate(divide="ignore", over="ignore"):  # a density that does not fall has no end
            rest = -np.log(p[0] / p[1]) / np.log(x[0] / x[1]) - k - 1
            endless = np.where(rest > 0, p[0] * x[0] ** (k + 1) / np.maximum(rest, 1e-300), np.inf)
        beyond = np.minimum(endless, p[0] * abs(bound - marginal.grid.nodes[side]) * abs(bound - median) ** k)
        return beyond * np.where(k > 0, marginal.width / x[0], 1.0) if marginal.extended[side] else beyond


@dataclass(frozen=True, eq=False)
class Comparison:
    """One reported marginal beside a reference.

    Parameters
    ----------
    label : `mu`, `theta[MATH]`.
    reported, reference : marginals of the same parameter.
    source : what a difference comes from.
    tail : what is beyond the panels of both.
    own : of the reference with its own reference, where that is no coarser rule but an automatic grid.
    moments : what mean and sd of the reference are read from, where not from its quantiles' density.
    anywhere : whether a quantile is as wrong as the distribution function where it is most wrong: on grids that may not
        resolve the density a coarser one can have the same quantile by accident.
    """

    label: str
    reported: Marginal
    reference: Marginal
    source: str
    tail: Tail | None = None
    own: "Comparison | None" = None
    moments: Marginal | None = None
    anywhere: bool = False

    def error(self, statistic: Statistic, name: str | None = None) -> Error | None:
        """The error of a mean, an sd, or a quantile, under this name; None where the model has no such moment."""
        reference = self.moments if self.moments and isinstance(statistic, str) else self.reference
        found, expected = (_value(marginal, statistic) for marginal in (self.reported, reference))
        if not (math.isfinite(found) and math.isfinite(expected)):
            return None
        rest = 0.0
        if self.own is not None and (own := self.own.error(statistic)) is not None:
            rest = own.size
        beyond = self._beyond(statistic, found)
        refined = self._apart(statistic, found, expected) / self._unit + ROUNDING + RELATIVE * abs(found) / self._unit
        source = self.source if self.tail is None or beyond <= refined else f"tail beyond {self.tail.end:.3g}"
        return Error(self.label, name or str(statistic), refined + beyond + rest, source)

    def _apart(self, statistic: Statistic, found: float, expected: float) -> float:
        """The distance of both values."""
        if not self.anywhere or isinstance(statistic, str):
            return abs(found - expected)
        density = max(float(self.reported.density(found)), float(self.reference.density(expected)))
        return max(abs(found - expected), self._largest_difference / density if density > 0 else math.inf)

    @cached_property
    def _largest_difference(self) -> float:
        """Of the distribution functions, at the nodes and between them."""
        nodes = self.reported.grid.nodes
        x = np.concatenate([nodes, (nodes[1:] + nodes[:-1]) / 2])
        return float(np.abs(self.reported.cdf(x) - self.reference.cdf(x)).max())

    @cached_property
    def _unit(self) -> float:
        """The sd of the parameter, or a width where it has none."""
        return self.reference.sd if 0 < self.reference.sd < math.inf else self.reference.width or 1.0

    def _beyond(self, statistic: Statistic, found: float) -> float:
        """What the tail adds to the statistic: to a mean in sds, to an sd in parts of it, to a quantile in sds."""
        if self.tail is None:
            return 0.0
        mass, first, second = self.tail.moments
        if isinstance(statistic, str):
            return first / self._unit if statistic == "mean" else second / (2 * self._unit**2)
        if not mass < 1:
            return math.inf
        continuous = self.reference if self.reported.grid.rule == "points" else self.reported
        return mass / (max(float(continuous.density(found)), mass) * self._unit) if mass > 0 else 0.0


def _value(marginal: Marginal, statistic: Statistic) -> float:
    return getattr(marginal, statistic) if isinstance(statistic, str) else float(marginal.quantile(statistic))


@dataclass(frozen=True)
class Accuracy:
    """The errors of all reported quantities; prints as one line.

    Parameters
    ----------
    errors : one a quantity and statistic: mean, sd and the bounds of the interval that `summary()` shows.
    remedy : what to say when the largest is too large.
    comparisons : what the errors were read from, one a parameter and group.
    note : what is said whatever the errors are.
    """

    errors: tuple[Error, ...]
    remedy: str
    comparisons: tuple[Comparison, ...] = ()
    note: str = ""

    @classmethod
    def of(cls, comparisons: Iterable[Comparison], log_evidence: Error | None, remedy: str) -> "Accuracy":
        """The statement of mean, sd and the default interval of every parameter, and of log evidence where it is known."""
        comparisons = tuple(comparisons)
        errors = (*_errors(comparisons), *([log_evidence] if log_evidence else []))
        return cls(errors, remedy, comparisons)

    @classmethod
    def coarser(
        cls, reported: Mapping[str, Marginal], coarse: Mapping[str, Marginal] | None, continuous: Iterable[str]
    ) -> "Accuracy":
        """Of a posterior of which nothing but these marginals is known: its distance to one on coarser grids.

        Parameters
        ----------
        coarse : the same on coarser grids, or `reported` itself where no domain is a grid; None where there is no coarser
            grid, and with it no bound on the error.
        continuous : labels of the parameters on grids; the others are discrete, and their domains are all there is.
        """
        note = _at_the_ends({label: reported[label] for label in continuous})
        if coarse is None:
            errors = [Error(label, "mean", math.inf, "nothing coarser to compare with") for label in reported]
            return cls(tuple(errors), "use more nodes", (), note)
        source = "rounding: all domains are discrete" if coarse is reported else COARSER
        comparisons = tuple(Comparison(label, each, coarse[label], source) for label, each in reported.items())
        return cls(_errors(comparisons), "use a finer grid", comparisons, note)

    @classmethod
    def between(
        cls, posterior: "Posterior", reference: "Posterior", sources: Mapping[str, str], remedy: str
    ) -> "Accuracy":
        """Of a posterior on explicit grids: its distance to one on automatic grids, and the error of that.

        `sources` says for each parameter's name, and for `log_evidence`, where its error comes from.
        """
        own, pairs = reference.accuracy, zip(posterior.rows, reference.rows, strict=True)
        comparisons = [
            Comparison(label, reported, other, sources[_name(label)], own=of_other)
            for ((label, reported), (_, other)), of_other in zip(pairs, own.comparisons, strict=True)
        ]
        distance = abs(posterior.log_evidence - reference.log_evidence) + own.errors[-1].size
        known = not math.isnan(distance)
        log_evidence = Error("log_evidence", "value", distance, sources["log_evidence"]) if known else None
        return cls.of(comparisons, log_evidence, remedy)

    @classmethod
    def refined(
        cls,
        posterior: "Posterior",
        coarse: "Posterior",
        supports: Mapping[str, Support],
        follow: "Mapping[str, str | Tail] | None" = None,
    ) -> "Accuracy":
        """Of a posterior on automatic grids: its distance to a coarser one, and the tails beyond both.

        Parameters
        ----------
        supports : by parameter, of those that do not live on the whole line.
        follow : label of a location to that of the scale which is the size of its distance from its centre, or to the
            scale's tail where it is not a parameter here: what is cut off the one is missing in the other.
        """
        source = "refinement of nodes"
        continuous = {label: marginal for label, marginal in posterior.rows if not marginal.complete}
        tails = {label: Tail.of(each, supports.get(_name(label), REAL_LINE)) for label, each in continuous.items()}
        lost = {label: tails[of] if isinstance(of, str) else of for label, of in (follow or {}).items()}
        tails |= {label: tails[label].with_scale(tail) for label, tail in lost.items() if label in tails}
        comparisons = [
            Comparison(label, reported, other, source, tails.get(label))
            for (label, reported), (_, other) in zip(posterior.rows, coarse.rows, strict=True)
        ]
        distance = abs(posterior.log_evidence - coarse.log_evidence) + ROUNDING + RELATIVE * abs(posterior.log_evidence)
        log_evidence = None if math.isnan(distance) else Error("log_evidence", "value", distance, source)
        return cls.of(comparisons, log_evidence, f"automatic grids promise {FINE:g} and miss it here")

    @classmethod
    def inherited(cls, reported: Iterable[tuple[str, Marginal]], source: "Accuracy", expected: float) -> "Accuracy":
        """The statement of a quantity computed from a posterior, whose mean is also known from the posterior's means.

        Of each statistic the source's largest error is taken over, or what is seen of its own where that is larger: the
        distance of the mean to the expected one, and on points the jump of a quantile where its probability moves by a
        node's mass.
        """
        errors = []
        for label, marginal in reported:
            for name, statistic in _reported_statistics().items():
                worst = max((e for e in source.errors if e.statistic == name), key=lambda error: error.size)
                own = _jump(marginal, statistic) if isinstance(statistic, float) else abs(marginal.mean - expected)
                own = own / (marginal.width or 1.0)
                taken = worst.size >= own
                errors.append(Error(label, name, worst.size if taken else own, worst.source if taken else ENUMERATED))
        return cls(tuple(errors), source.remedy)

    def quantile(self, q: float) -> "Accuracy":
        """The errors of the q-quantiles, one a parameter and group, in units of the sd.

        >>> import gridbayes as gb
        >>> post = gb.no_pooling([1, 5], sigma=1, theta=gb.Normal(0, 5))
        >>> post.accuracy.quantile(0.975).largest.size < 1e-9
        True
        """
        checked_probability(q, "q")
        errors = [each.error(float(q), f"q{q:g}") for each in self.comparisons]
        return Accuracy(tuple(error for error in errors if error), self.remedy, self.comparisons, self.note)

    @property
    def largest(self) -> Error:
        """The largest error of all."""
        return max(self.errors, key=lambda error: error.size)

    @cached_property
    def of_means(self) -> dict[str, float]:
        """The error of each mean in units of its sd, by label."""
        return {error.quantity: error.size for error in self.errors if error.statistic == "mean"}

    def to_pandas(self):
        """A frame with one row an error."""
        import pandas as pd

        return pd.DataFrame([vars(error) for error in self.errors])

    def __str__(self) -> str:
        remedy = self.remedy if self.largest.size > FINE else ""
        return "; ".join(filter(None, (f"largest error {self.largest}", remedy, self.note)))

    def _repr_html_(self) -> str:
        return str(self.to_pandas()._repr_html_())


def _reported_statistics() -> dict[str, Statistic]:
    """What a summary reports of each parameter, by the names of its columns."""
    bounds = {f"eti{100 * PROB:g}_lb": (1 - PROB) / 2, f"eti{100 * PROB:g}_ub": (1 + PROB) / 2}
    return {"mean": "mean", "sd": "sd", **bounds}


def _errors(comparisons: Iterable[Comparison]) -> tuple[Error, ...]:
    """The errors of all that a summary reports of these parameters."""
    statistics = _reported_statistics()
    errors = [each.error(statistic, name) for each in comparisons for name, statistic in statistics.items()]
    return tuple(error for error in errors if error)


def _at_the_ends(marginals: Mapping[str, Marginal]) -> str:
    """What is to be said of densities that have not fallen where their grids end; nothing where all have."""
    left = []
    for label, marginal in marginals.items():
        density = marginal.masses / np.exp(marginal.grid.log_weight)
        for part, end in zip(density[[0, -1]] / density.max(), marginal.grid.nodes[[0, -1]], strict=True):
            left += [f"{label} {100 * part:.3g}% at {end:.3g}"] if part > FALLEN else []
    return (
        f"of the peak density is left {', '.join(left)}: widen the grid, unless the support ends there" if left else ""
    )


def _jump(marginal: Marginal, q: float) -> float:
    """How far the q-quantile moves, on points, when the probability moves either way by the largest mass near it."""
    if marginal.grid.rule != "points":
        return 0.0
    low, high = marginal.quantile(np.clip(q + np.array([-0.02, 0.02]), 0, 1))
    near = marginal.masses[(marginal.grid.nodes >= low) & (marginal.grid.nodes <= high)].max()
    low, high = marginal.quantile(np.clip(q + np.array([-near, near]), 0, 1))
    return float(high - low)


REAL_LINE = (-math.inf, math.inf)


def _name(label: str) -> str:
    """The parameter of a row's label: `theta` of `theta[MATH]`."""
    return label.partition("[")[0]
