"""Whitening: from a mode to a cloud of points that resolves a density, and a coarser one that says how well.

The mode and its curvature lay out a first, small rule; the mean and covariance that it finds lay out all others, once. The
rules of a ladder follow one another until two agree, or the next would need more evaluations than the budget.
"""

import math
from dataclasses import dataclass

import numpy as np

from gridbayes.quadrature.clouds import Cloud, Frame, ResolutionError, gap
from gridbayes.quadrature.modes import Peak
from gridbayes.quadrature.rules import Rule, even, part, points, product, product_size, sparse, sparse_size
from gridbayes.quadrature.target import Target

__all__ = ["BUDGET", "Plan", "Resolved"]

BUDGET = 100_000  # evaluations of the density by one rule
ORDERS = (2, 3, 5, 7, 9, 11, 13, 15, 19, 23, 27, 31, 41, 63)
ENOUGH_ORDER = 15  # where product rules disagree beyond it, tails are not a normal's
EVEN = {1: ((30.0, 241), (60.0, 961)), 2: ((20.0, 81), (30.0, 241))}  # by dimension: sds, nodes
ALONE = ((30.0, 241), (20.0, 81))  # of the one coordinate that is summed, fine and coarse
LEVELS = (1, 2, 3, 4, 5)
AGREE = 1e-8  # of two rules, in sds: no finer one is tried
SLOW = 0.25  # of the distance of two rules to that of the two before: beyond it the distance is no bound of the error
ENOUGH = 0.01  # of two sparse rules: beyond that points are tried
FIRST = 1000  # evaluations of the rule that finds the frame, where it is a product
KNOWN = (48, 288)  # nodes of one coordinate, of two (twice the budget), at each of which the others are summed
RULES = ("auto", "product", "sparse", "points")


@dataclass(frozen=True)
class Plan:
    """Which rules may be tried.

    Parameters
    ----------
    rule : `product`, `sparse`, `points`, or `auto`: product up to 7 parameters or so, then sparse, points where that fails.
    order : of the product rule, or the level of the sparse one; None: the highest that the budget allows.
    budget : evaluations of the density by the largest rule.
    """

    rule: str = "auto"
    order: int | None = None
    budget: int = BUDGET

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(map(repr, RULES))}; rule is {self.rule!r}.")
        if self.order is not None and (int(self.order) != self.order or not 2 <= self.order <= ORDERS[-1]):
            raise ValueError(f"order must be a whole number from 2 to {ORDERS[-1]}; order is {self.order}. Pass 5.")
        if self.order is not None and self.rule == "points":
            raise ValueError("rule='points' has no order; pass budget=, the number of points.")
        if self.budget < 64:
            raise ValueError(f"budget must be at least 64 evaluations; budget is {self.budget}.")

    def ladder(self, dimension: int) -> list[Rule]:
        """Product or sparse rules, coarse to fine, at least two; empty where the budget has room for none."""
        if self.rule in ("auto", "product") and self.order is not None:
            return [product(order, dimension) for order in _pair(self.order)]
        if self.rule == "sparse" and self.order is not None:
            return [sparse(level, dimension) for level in (self.order - 1, self.order)]
        orders = [order for order in ORDERS if product_size(order, dimension) <= self.budget]
        if self.rule == "product" or (self.rule == "auto" and ORDERS[2] in orders):
            return self._products(orders, dimension)
        levels = [level for level in LEVELS if sparse_size(level, dimension) <= self.budget]
        return [sparse(level, dimension) for level in levels] if self.rule != "points" and len(levels) > 1 else []

    def _products(self, orders: list[int], dimension: int) -> list[Rule]:
        even_ones = [(reach, count) for reach, count in EVEN.get(dimension, ()) if count**dimension <= self.budget]
        if self.rule == "auto" and len(even_ones) > 1:
            tried = [product(order, dimension) for order in orders if order <= ENOUGH_ORDER]
            return [*tried, *(even(reach, count, dimension) for reach, count in even_ones)]
        return [product(order, dimension) for order in orders] if len(orders) > 1 else []

    def given(self, known: int, dimension: int) -> tuple[Rule, Rule]:
        """The rules, fine and coarse, that sum over the other coordinates at each node of the `known`: one or two."""
        room, others = self.budget / KNOWN[known - 1], dimension - known
        limit = self.order if self.order is not None and self.rule != "sparse" else ORDERS[-1]
        orders = [order for order in ORDERS if product_size(order, others) <= room and order <= limit]
        if others == 1 and self.order is None:
            return tuple(even(reach, count, 1) for reach, count in ALONE)
        if others == 0 or (orders and orders[-1] >= 3):
            return product(orders[-1], others), product(_pair(orders[-1])[0], others)
        return sparse(2, others), sparse(1, others)


def _pair(order: int) -> tuple[int, int]:
    """An order and the coarser one that it is compared with."""
    return (order - 2 if order > 3 else order - 1), order


@dataclass(frozen=True, eq=False)
class Resolved:
    """Two clouds of one density, fine and coarse, and the distance between them; `points`: theirs is no product."""

    fine: Cloud
    coarse: Cloud
    gap: float
    points: bool

    @classmethod
    def of(cls, target: Target, peak: Peak, plan: Plan) -> "Resolved":
        """The best that the plan finds from a mode.

        Raises
        ------
        ResolutionError
            Where the sums are not positive.
        """
        frame, rules = _recentred(target, peak, plan), plan.ladder(target.space.dimension)
        if plan.rule in ("product", "sparse") and not rules:
            raise ValueError(
                f"budget of {plan.budget:,} evaluations has no room for two {plan.rule} rules in {target.space.dimension} "
                "dimensions. Raise budget=, or pass rule='points'."
            )
        found = cls._climbed(target, frame, rules) if rules else None
        if found is not None and (
            found.gap <= ENOUGH or plan.rule != "auto" or plan.order or "level" not in found.fine.rule.name
        ):
            return found
        scattered = cls._scattered(target, frame, plan.budget)
        return scattered if found is None or scattered.gap < found.gap else found

    @classmethod
    def _climbed(cls, target: Target, frame: Frame, rules: list[Rule]) -> "Resolved":
        """The first rule that agrees with the one before, or the last; beside one yet coarser where they agree slowly."""
        clouds, before = [Cloud.of(target, frame, rules[0])], 0.0
        for rule in rules[1:]:
            clouds.append(Cloud.of(target, frame, rule))
            now = gap(clouds[-1], clouds[-2])
            slow, before = now > before * SLOW and len(clouds) > 2, now
            if now <= AGREE:
                break
        coarse = clouds[-3] if slow and "order" in clouds[-1].rule.name else clouds[-2]
        return cls(clouds[-1], coarse, gap(clouds[-1], coarse), False)

    @classmethod
    def _scattered(cls, target: Target, frame: Frame, budget: int) -> "Resolved":
        """Weighted points, beside their first half."""
        rule = points(2 ** int(math.log2(budget)), len(frame.centre))
        log_p = target.log_density(frame.centre + rule.z @ frame.root.T)
        first = np.arange(len(rule)) < len(rule) // 2
        fine = Cloud.weighted(target, frame, rule, log_p)
        coarse = Cloud.weighted(target, frame, part(rule, first, "half of them"), log_p[first])
        return cls(fine, coarse, gap(fine, coarse), True)


def _recentred(target: Target, peak: Peak, plan: Plan) -> Frame:
    """The frame of the density's own mean and covariance, as a small rule laid out by the mode finds them."""
    first, d = Frame(peak.u, peak.root), target.space.dimension
    if plan.rule == "points" or d > 10:
        rule = points(2 ** int(math.log2(max(plan.budget / 8, 64))), d)
    else:
        orders = [order for order in (7, 5) if product_size(order, d) <= FIRST]
        rule = product(orders[0], d) if orders else sparse(3, d)
    try:
        return Cloud.of(target, first, rule).frame()
    except (np.linalg.LinAlgError, ResolutionError):
        return first
