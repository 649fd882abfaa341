"""Labels that may be permuted: the components of a mixture, of which no one is the first.

A density that does not change when the components of some vectors trade places, all vectors alike, has K! mirror modes
of the same mass. One is integrated, K! of it is the evidence. Reports number the components in the order of the first
named vector at the mode.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridbayes.quadrature.clouds import Cloud
from gridbayes.quadrature.supports import Ordered, Space
from gridbayes.quadrature.target import Target

__all__ = ["Exchange"]

MOST = 5  # components: 120 permutations
ALIKE = 1e-7  # of a log density at two permutations, in parts


@dataclass(frozen=True)
class Exchange:
    """Vectors of one length whose components trade places together; none where there is but one.

    Parameters
    ----------
    names : the vectors. size : their length.
    rows : vectors that trade places as wholes, one a component: the rows of a matrix, each a parameter of its own.
    """

    names: tuple[str, ...]
    size: int
    rows: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, space: Space, names: Any) -> "Exchange":
        """The exchange that a user declared.

        Raises
        ------
        ValueError
            When a name is no vector, or lengths differ.
        """
        names = (names,) if isinstance(names, str) else tuple(names)
        if strange := [name for name in names if name not in space.names]:
            raise ValueError(
                f"exchangeable names {strange[0]!r}, which is no parameter. It is: {', '.join(space.names)}."
            )
        sizes = {name: space.support(name).size for name in names}
        if len(set(sizes.values())) > 1 or None in sizes.values():
            raise ValueError(f"exchangeable parameters must be vectors of one length; lengths are {sizes}.")
        if ordered := [name for name in names if isinstance(space.support(name), Ordered)]:
            raise ValueError(
                f"exchangeable names {ordered[0]!r}, whose order is fixed by its support. Leave out one of both."
            )
        size = int(next(iter(sizes.values())) or 1) if names else 1
        if size > MOST:
            raise ValueError(f"exchangeable vectors may have {MOST} components at most; these have {size}. Order one.")
        return cls(names, size)

    @property
    def log_copies(self) -> float:
        """log K!"""
        return math.lgamma(self.size + 1)

    def permuted(self, own: Mapping[str, np.ndarray], order: tuple[int, ...] | list[int]) -> dict[str, np.ndarray]:
        """Parameters with their components in this order, (..., component), and their rows."""
        moved = {name: own[row[i]] for row in self.rows for name, i in zip(row, order, strict=True)}
        return {name: x[..., list(order)] if name in self.names else x for name, x in {**own, **moved}.items()}

    def _first(self, own: Mapping[str, np.ndarray]) -> np.ndarray:
        """What orders the components, (..., component): the first number of rows of another length, or the first vector."""
        other = [row for row in self.rows if row[0] not in self.names]
        return np.stack([own[name][..., 0] for name in other[0]], axis=-1) if other else own[self.names[0]]

    def canonical(self, space: Space, u: np.ndarray) -> np.ndarray:
        """u with components in the order of the first of them, (dimension,)."""
        if self.size == 1:
            return u
        own = {name: np.asarray(x) for name, x in space.own(u).items()}
        return space.line(self.permuted(own, np.argsort(self._first(own)).tolist()))

    def in_order(self, space: Space, u: np.ndarray) -> np.ndarray:
        """Whether the first of them increases with the component, (point,)."""
        if self.size == 1:
            return np.ones(len(u), bool)
        return (np.diff(self._first(space.own(u)), axis=-1) > 0).all(axis=-1)

    def require_invariance(self, target: Target, u: np.ndarray) -> None:
        """Refuse a density that changes when the components trade places at u, (dimension,).

        Raises
        ------
        ValueError
            With both values.
        """
        own = {name: np.asarray(x)[None] for name, x in target.space.own(u).items()}
        here = float(target.log_joint(own)[0])
        for order in self._others:
            there = float(target.log_joint(self.permuted(own, order))[0])
            if not abs(here - there) <= ALIKE * max(abs(here), 1.0):
                raise ValueError(
                    f"exchangeable={self.names}: log_joint changes from {here:.8g} to {there:.8g} when the components are "
                    f"taken in the order {order}. Name every vector that belongs to them, and no other."
                )

    def overlap(self, cloud: Cloud) -> float:
        """The mass of points that are nearer to a mirror image of the centre than to the centre, in sds of the cloud."""
        if self.size == 1:
            return 0.0
        frame = cloud.frame()

        def distance(u: np.ndarray) -> np.ndarray:
            return (np.linalg.solve(frame.root, (u - frame.centre).T) ** 2).sum(axis=0)

        own, nearest = cloud.own, distance(cloud.u)
        images = [distance(cloud.target.space.line(self.permuted(own, order))) for order in self._others]
        return float(np.abs(cloud.masses)[np.min(images, axis=0) < nearest].sum())

    @property
    def _others(self) -> list[tuple[int, ...]]:
        return list(itertools.permutations(range(self.size)))[1:]
