"""A node: its values, its parents, and its density given them, normalised over its grid.

With the rule's log density f and the grid's weights w (1 on points) the node says the discretised model,

    log p(x_i | pa) = f(x_i, pa) + log w_i - log Z(pa),     Z(pa) = sum_i w_i exp f(x_i, pa),

so that the masses of the grid sum to 1 in each row, that is, for each of the parents' values. Of an observed node
log p is f - log Z: a density per unit of the weights, a mass on points. Rows of observations are independent given the
parents: their log densities add up, each at its own values of the parents that are observed row by row too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import logsumexp

from gridbayes._types import Floats
from gridbayes.graph.rules import Rule
from gridbayes.graph.values import shown
from gridbayes.memos.domains import Domain
from gridbayes.priors import Prior

__all__ = ["Factor", "NoMass", "Node"]

LARGEST = 2**27  # numbers of one table: a gigabyte

type Factor = tuple[tuple[str, ...], Floats]  # the free nodes, and log p with an axis for each
type Fixed = Mapping[str, Floats]  # nodes that are known: () one value, (row,) one a row


class NoMass(ValueError):
    """A density that is 0 at all nodes of its grid, for some values of the parents."""


@dataclass(frozen=True, eq=False)
class Node:
    """p(node | parents).

    Parameters
    ----------
    domain : its values.
    parents : names of the nodes that stand for the parents of the rule, in its order.
    rule : its density.
    stated : what the user wrote as that.
    """

    name: str
    domain: Domain
    parents: tuple[str, ...]
    rule: Rule
    stated: Any = None

    @property
    def family(self) -> tuple[str, ...]:
        """The parents and the node itself."""
        return (*self.parents, self.name)

    @property
    def between(self) -> bool:
        """Whether it can be observed between two of its values."""
        return self.domain.weighted and not self.rule.tabular

    def factor(self, fixed: Fixed) -> Factor:
        """log p of the node, observed or free, given its parents, as a table over those of them that are free."""
        free, given, shape, rows = self._given(fixed)
        log_p, log_total = self._masses(fixed)
        if self.name not in fixed:
            return (*free, self.name), log_p - log_total[..., None]
        own = fixed[self.name]
        own = own[:, None] if rows else np.atleast_1d(own)
        log_p = self.rule.log_density(own, given, shape) - log_total[..., None]
        if np.isnan(log_p).any():
            raise ValueError(
                f"the log density of {self.name} is nan at {self.name} = {shown(self.domain, own.ravel())}."
            )
        return free, np.asarray(log_p.sum(axis=tuple(range(len(free), log_p.ndim))))

    def held(self, fixed: Fixed) -> Factor:
        """The share of the rule's density that the grid holds, as a table over the free parents, (*parents,).

        It is Z, but that points of a continuous node are read as the nodes of a trapezoid rule. Where parents have rows it
        is of the row of which least is held.
        """
        free, _, _, rows = self._given(fixed)
        log_p, _ = self._masses(fixed)
        nodes = self.domain.nodes
        on_points = self.domain.grid is not None and nodes.weights is None
        held = np.asarray(np.exp(log_p) @ (np.gradient(nodes.nodes) if on_points else np.ones(len(nodes))))
        return free, np.asarray(held.min(axis=-1)) if rows else held

    def _masses(self, fixed: Fixed) -> tuple[Floats, Floats]:
        """f + log w at all nodes, (*shape, node), and log Z, (*shape,), for the parents that are free or have rows."""
        if not set(self.parents) & set(fixed):
            return self._all_masses
        _, given, shape, _ = self._given(fixed)
        return self._at_nodes(given, shape)

    @cached_property
    def _all_masses(self) -> tuple[Floats, Floats]:
        """The same for all values of all parents."""
        _, given, shape, _ = self._given({})
        return self._at_nodes(given, shape)

    def _given(self, fixed: Fixed) -> tuple[tuple[str, ...], tuple[Floats, ...], tuple[int, ...], bool]:
        """The free parents; the numbers of all parents, broadcastable to the shape; that shape, with an axis for each
        free parent and one more where parents have rows; and whether they have."""
        domains = dict(zip(self.parents, self.rule.parents, strict=True))
        free = tuple(name for name in self.parents if name not in fixed)
        counts = [len(fixed[name]) for name in self.parents if name in fixed and np.ndim(fixed[name])]
        shape = (*(len(domains[name]) for name in free), *counts[:1])
        given = []
        for name, domain in domains.items():
            axis = free.index(name) if name in free else len(shape) - 1
            numbers = domain.nodes.nodes if name in free else fixed[name]
            given.append(numbers if np.ndim(numbers) == 0 else np.reshape(numbers, _along(axis, len(shape))))
        return free, tuple(given), shape, bool(counts)

    def _at_nodes(self, given: tuple[Floats, ...], shape: tuple[int, ...]) -> tuple[Floats, Floats]:
        """log of the rule's masses at all nodes, (*shape, node), and log Z, (*shape,).

        Raises
        ------
        ValueError
            When the table is too large, a log density is nan or +inf, or (NoMass) a row has no mass on the grid.
        """
        cells = int(np.prod([*shape, len(self.domain)], dtype=object))
        if cells > LARGEST:
            sizes = " x ".join(f"{n:,}" for n in (*shape, len(self.domain)))
            raise ValueError(
                f"the table of {self.name} given {', '.join(self.parents)} has {sizes} = {cells:.3g} cells, more than "
                f"{LARGEST:.3g}. Use coarser grids, or put a node between."
            )
        nodes = self.domain.nodes
        log_p = self.rule.log_density(nodes.nodes, given, shape)
        if (wrong := np.isnan(log_p) | (log_p == np.inf)).any():
            *row, i = map(int, np.argwhere(wrong)[0])
            raise ValueError(
                f"the log density of {self.name} must be a number or -inf; it is {log_p[(*row, i)]} at {self.name} = "
                f"{shown(self.domain, nodes.nodes[i])}{self._row(given, shape, tuple(row))}."
            )
        log_p = log_p + nodes.log_weight
        with np.errstate(divide="ignore"):
            log_total = np.asarray(logsumexp(log_p, axis=-1))
        if (empty := np.isneginf(log_total)).any():
            row = tuple(map(int, np.argwhere(empty)[0])) if shape else ()
            raise NoMass(
                f"the density of {self.name} must have mass on its grid, {shown(self.domain)}; it has none"
                f"{self._row(given, shape, row)}. Widen or move the grid."
            )
        return log_p, log_total

    def _row(self, given: tuple[Floats, ...], shape: tuple[int, ...], row: tuple[int, ...]) -> str:
        """` given th1 = 0.5`."""
        if not self.parents:
            return ""
        values = [np.broadcast_to(numbers, shape)[row] for numbers in given]
        pairs = zip(self.parents, self.rule.parents, values, strict=True)
        return " given " + ", ".join(f"{name} = {shown(domain, x)}" for name, domain, x in pairs)

    # --- the same node in another story -----------------------------------------------------------------------------

    def same(self, other: "Node") -> bool:
        """Whether both say the same: of functions and tables, whether they are one object."""
        alike = self.domain == other.domain and self.parents == other.parents
        stated = isinstance(self.stated, Prior) and self.stated == other.stated
        return self is other or (alike and (stated or (self.stated is not None and self.stated is other.stated)))

    def renamed(self, names: Mapping[str, str]) -> "Node":
        """The same of other nodes."""
        named = {name: names.get(name, name) for name in self.family}
        return replace(self, name=named[self.name], parents=tuple(named[parent] for parent in self.parents))

    def on(self, domains: Mapping[str, Domain]) -> "Node":
        """The same density on other grids, by the names of nodes."""
        own, parents = domains[self.name], tuple(domains[parent] for parent in self.parents)
        return replace(self, domain=own, rule=replace(self.rule, domain=own, parents=parents))  # pyright: ignore


def _along(axis: int, count: int) -> tuple[int, ...]:
    """The shape that puts values along one of `count` axes."""
    return tuple(-1 if i == axis else 1 for i in range(count))
