"""Clouds: a density summed over a rule's points, laid out by a centre and a root.

With u = m + A z, and a rule of points z_i and weights w_i (rules.py),

    log evidence = log sum_i w_i p(u_i) |det A|,        mass_i = w_i p(u_i) / sum of the same.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from gridbayes.grids import Grid
from gridbayes.quadrature.rules import Rule
from gridbayes.quadrature.supports import Space
from gridbayes.quadrature.target import Target
from gridbayes.summaries import Marginal

__all__ = ["SHARPER", "Cloud", "Component", "Frame", "OnDemand", "ResolutionError", "gap"]

type Masses = Float[np.ndarray, " point"]
type Component = tuple[str, int]  # a parameter, and the index of its component: 0 for a number

SHARPER = "Pass a higher order=, rule='points', or other parameters."


class ResolutionError(ArithmeticError):
    """A rule's points do not resolve a density."""


@dataclass(frozen=True, eq=False)
class Frame:
    """Where points go: u = centre + root z."""

    centre: Float[np.ndarray, " dimension"]
    root: Float[np.ndarray, "dimension dimension"]

    @classmethod
    def of(cls, centre: np.ndarray, covariance: np.ndarray) -> "Frame":
        """With root root' = covariance. LinAlgError where that is not positive definite."""
        scale = np.sqrt(np.maximum(np.diag(covariance), 0))
        if not (scale > 0).all():
            raise np.linalg.LinAlgError("a variance is not positive")
        return cls(centre, scale[:, None] * np.linalg.cholesky(covariance / scale[:, None] / scale))

    def given(self, at: list[int], u: Float[np.ndarray, "node given"]) -> "tuple[np.ndarray, np.ndarray, list[int]]":
        """Mean (node, other) and root of the other coordinates where those `at` are u, and which the others are."""
        covariance, others = self.root @ self.root.T, [i for i in range(len(self.centre)) if i not in at]
        slope = np.linalg.solve(covariance[np.ix_(at, at)], covariance[np.ix_(at, others)])
        rest = covariance[np.ix_(others, others)] - covariance[np.ix_(others, at)] @ slope
        root = Frame.of(np.zeros(len(others)), rest).root if others else np.zeros((0, 0))
        return self.centre[others] + (u - self.centre[at]) @ slope, root, others


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points and their masses, which sum to 1; the log of the integral, and the rule that laid them out."""

    target: Target
    u: Float[np.ndarray, "point dimension"]
    masses: Masses
    log_evidence: float
    rule: Rule

    @classmethod
    def of(cls, target: Target, frame: Frame, rule: Rule) -> "Cloud":
        """The target's density at the rule's points, laid out by the frame."""
        return cls.weighted(target, frame, rule, target.log_density(frame.centre + rule.z @ frame.root.T))

    @classmethod
    def weighted(cls, target: Target, frame: Frame, rule: Rule, log_p: Float[np.ndarray, " point"]) -> "Cloud":
        """The same where log p is known at the rule's points."""
        log_sum, share = _normalised(log_p + rule.log_weight, rule.sign)
        if not np.isfinite(log_sum):
            raise ResolutionError(f"the density is zero, or sums to less than zero, over {rule.name}. {SHARPER}")
        u = frame.centre + rule.z @ frame.root.T
        return cls(target, u, share, log_sum + float(np.log(np.diag(frame.root)).sum()), rule)

    @cached_property
    def own(self) -> dict[str, np.ndarray]:
        """The parameters at the points, in their own space: (point,) or (point, component)."""
        return self.target.space.own(self.u)

    @property
    def effective(self) -> float:
        """The effective sample size 1 / sum_i mass_i**2, Kong (1992)."""
        return float(1 / (self.masses**2).sum())

    def coordinates(self, space: Space) -> Float[np.ndarray, "point dimension"]:
        """The points in coordinates of this space, of the same parameters."""
        return self.u if space == self.target.space else space.line(self.own)

    def frame(self, space: Space | None = None) -> Frame:
        """The mean and covariance of the coordinates, of this space or another of the same parameters."""
        u = self.coordinates(space or self.target.space)
        centre = u[np.argmax(self.masses)]
        mean = centre + self.masses @ (u - centre)
        return Frame.of(mean, (self.masses[:, None] * (u - mean)).T @ (u - mean))

    def values(self, component: Component) -> Float[np.ndarray, " point"]:
        """One component at every point, in its own space."""
        return self._component(self.own, component)

    @cached_property
    def means(self) -> dict[str, np.ndarray]:
        """E[x] of each parameter, () or (component,), from the heaviest point on: values far from 0 keep their digits."""
        top = int(np.argmax(self.masses))
        return {name: np.asarray(x[top] + self.masses @ (x - x[top])) for name, x in self.own.items()}

    @cached_property
    def variances(self) -> dict[str, np.ndarray]:
        """Var[x] of each parameter, () or (component,)."""
        return {name: np.asarray(self.masses @ (x - self.means[name]) ** 2) for name, x in self.own.items()}

    def moments(self, component: Component) -> tuple[float, float]:
        """Mean and variance of a component."""
        mean, var = (self._component(each, component) for each in (self.means, self.variances))
        return float(mean), float(var)

    def _component(self, values: dict[str, np.ndarray], component: Component) -> np.ndarray:
        name, j = component
        return values[name] if self.target.space.support(name).size is None else values[name][..., j]


def gap(fine: Cloud, coarse: Cloud) -> float:
    """The largest distance between two clouds: of a mean in sds, of an sd in parts of it, of log evidence."""
    worst = abs(fine.log_evidence - coarse.log_evidence)
    for name, var in fine.variances.items():
        if not ((var > 0).all() and (coarse.variances[name] > 0).all()):
            return math.inf
        means = np.abs(fine.means[name] - coarse.means[name]) / var**0.5
        sds = np.abs((coarse.variances[name] / var) ** 0.5 - 1)
        worst = max(worst, float(np.max(means)), float(np.max(sds)))
    return worst


class OnDemand(Marginal):
    """A marginal whose mean and variance are known, and whose grid and masses are made when they are asked for."""

    tails = (math.inf, math.inf)  # mean and variance come from elsewhere

    def __init__(self, moments: tuple[float, float], made: Callable[[], tuple[Grid, np.ndarray]]) -> None:
        vars(self).update(moments=moments, made=made)

    @cached_property
    def _both(self) -> tuple[Grid, np.ndarray]:
        return vars(self)["made"]()

    @property
    def grid(self) -> Grid:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._both[0]

    @property
    def masses(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._both[1]

    @property
    def mean(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        return vars(self)["moments"][0]

    @property
    def var(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        return vars(self)["moments"][1]


def _normalised(log_w: Float[np.ndarray, " point"], sign: Float[np.ndarray, " point"]) -> tuple[float, np.ndarray]:
    """log sum_i sign_i exp(log_w_i), and the shares; -inf and zeros where the sum is not positive."""
    top = log_w.max()
    if not np.isfinite(top):
        return -math.inf, np.zeros(len(log_w))
    terms = sign * np.exp(log_w - top)
    total = float(terms.sum())
    return (float(top) + math.log(total), terms / total) if total > 0 else (-math.inf, terms)
