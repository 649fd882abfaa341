"""Domains of a user's memo: a grid, or any list that memo enumerates, with the labels that results show."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np

from gridbayes.grids import Grid, as_grid, in_panels

__all__ = ["Domain"]


@dataclass(frozen=True)
class Domain:
    """The values over which a name like `P` runs.

    Two domains are equal when memo sees the same values with the same weights.

    Parameters
    ----------
    name : as the memo writes it.
    key : what tells its values and weights apart from others.
    values : what memo receives under the name: the nodes of a grid, an IntEnum, a product domain, a list.
    numbers : (value,) the values as numbers, in memo's order.
    grid : the nodes and weights of a continuous parameter; None for a discrete one, whose values are all there is.
    labels : (value,) names of an IntEnum's members; empty without names.
    fields : of a product domain: (value,) by field.
    """

    name: str
    key: object
    values: Any = field(compare=False)
    numbers: np.ndarray = field(compare=False)
    grid: Grid | None = field(default=None, compare=False)
    labels: tuple[str, ...] = field(default=(), compare=False)
    fields: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, name: str, value: Any) -> "Domain":
        """A domain from what the user gave it: a Grid or increasing floats are nodes of a continuous parameter; integers,
        booleans, an IntEnum, a memo `domain(...)` and other lists of numbers are discrete.

        Raises
        ------
        TypeError
            When the values are not numbers.
        """
        if isinstance(value, Grid):
            return cls._of_grid(name, value)
        if inspect.isclass(value) and issubclass(value, Enum):
            return cls._of_enum(name, value)
        if hasattr(value, "place_values"):
            return cls._of_product(name, value)
        numbers = _numbers(name, value)
        if numbers.dtype.kind == "f" and len(numbers) > 1 and (np.diff(numbers) > 0).all():
            return cls._of_grid(name, as_grid(numbers, name))
        return cls(name, _bytes(numbers), numbers, numbers)

    @classmethod
    def _of_grid(cls, name: str, grid: Grid) -> "Domain":
        weights = b"" if grid.weights is None else grid.weights.tobytes()
        return cls(name, (_bytes(grid.nodes), weights), grid.nodes, grid.nodes, grid)

    @classmethod
    def _of_enum(cls, name: str, members: type[Enum]) -> "Domain":
        numbers = _numbers(name, [member.value for member in members])
        return cls(name, members, members, numbers, labels=tuple(member.name for member in members))

    @classmethod
    def _of_product(cls, name: str, product: Any) -> "Domain":
        """Of memo's `domain(row=4, column=3)`: numbered by its last field first."""
        numbers = np.arange(len(product))
        fields = {key: np.array([int(product.unpack(z, key)) for z in numbers]) for key in product.keys}
        return cls(name, tuple(product.place_moduli.items()), product, numbers, fields=fields)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def weighted(self) -> bool:
        """Whether its nodes have weights."""
        return self.grid is not None and self.grid.weights is not None

    @property
    def coordinate(self) -> "np.ndarray | list[str]":
        """(value,) what labels an axis of a result."""
        return list(self.labels) or self.numbers

    def coordinates(self, axis: str) -> dict[str, Any]:
        """The coordinates of an axis of this domain: its values, and beside them the fields of a product."""
        beside = {f"{axis}_{key}": (axis, values) for key, values in self.fields.items()}
        return {axis: self.coordinate, **beside}

    @cached_property
    def order(self) -> np.ndarray:
        """(value,) the indices that sort the values."""
        return np.argsort(self.numbers, kind="stable")

    @property
    def distinct(self) -> bool:
        """Whether a marginal can be made: two values or more, each once."""
        return len(self) > 1 and len(np.unique(self.numbers)) == len(self)

    @property
    def nodes(self) -> Grid:
        """The grid itself, or the sorted values as points of equal weight."""
        return self.grid or Grid(self.numbers[self.order].astype(np.float64))

    @property
    def coarser(self) -> "Domain | None":
        """The domain with every other node of its grid, or panels of half the order; discrete domains stay as they are.
        None where too few nodes are left."""
        if self.grid is None:
            return self
        halved = _halved(self.grid)
        return None if halved is None else Domain._of_grid(self.name, halved)


def _halved(grid: Grid) -> Grid | None:
    if grid.rule == "panels":
        return in_panels(grid.edges, grid.order // 2) if grid.order > 3 else None
    if len(grid) < 4:
        return None
    nodes = grid.nodes[::2]
    if grid.rule == "points":
        return Grid(nodes)
    nodes = np.union1d(nodes, grid.nodes[-1:])
    steps = np.diff(nodes)
    return Grid(nodes, (np.append(steps, 0) + np.append(0, steps)) / 2)


def _numbers(name: str, value: Any) -> np.ndarray:
    """The values as an array of numbers, (value,)."""
    try:
        numbers = np.asarray(value if hasattr(value, "dtype") else [*value])
    except (TypeError, ValueError):
        numbers = np.array(None)
    if numbers.ndim != 1 or len(numbers) == 0 or numbers.dtype.kind not in "biuf":
        raise TypeError(
            f"domain {name} must be a Grid, a list of numbers, an IntEnum or memo's domain(...); it is {value!r}. "
            f'Pass grids={{"{name}": gb.linspace(...)}}.'
        )
    if not np.isfinite(numbers).all():
        raise ValueError(f"the values of domain {name} must be finite; they hold {numbers[~np.isfinite(numbers)][0]}.")
    return numbers.astype(np.float64) if numbers.dtype.kind == "f" else numbers


def _bytes(numbers: np.ndarray) -> tuple[str, bytes]:
    return str(numbers.dtype), numbers.tobytes()
