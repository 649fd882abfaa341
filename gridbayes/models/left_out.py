"""Pooling models without one row or one group: the rest's evidence by a factor removed, or by a new fit.

    p(t) = sum over cells of p(cell) prod_d M_d(cell)

Without a row of group d, M_d alone changes; without the group it is 1. The sum is renormalised on the grids of the whole
data where these resolve what is left, and the rest is fitted anew where they do not.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Int

from gridbayes.observations import Observations

__all__ = ["Swaps", "swaps_of"]

TOGETHER = 2**22  # rows and cells of the items that are worked upon at once

type Rows = Int[np.ndarray, " _row"]


@dataclass(frozen=True, eq=False)
class Swaps:
    """The data with one part left out, or with it twice, for several parts: the items.

    Parameters
    ----------
    observations : the data.
    group : (item,) index of the group that changes.
    row : (item,) index of the row that the part is; None where it is the whole group.
    twice : whether the part is there twice, or not at all.
    """

    observations: Observations
    group: Int[np.ndarray, " item"]
    row: Int[np.ndarray, " item"] | None
    twice: bool

    @cached_property
    def rows(self) -> list[Rows]:
        """For each item the indices of the rows that its group has."""
        data = self.observations
        own = dict(zip(np.unique(data.codes).tolist(), _runs(data.codes), strict=True))
        return [self._rows(item, own[d]) for item, d in enumerate(self.group.tolist())]

    def _rows(self, item: int, own: Rows) -> Rows:
        part = own if self.row is None else self.row[[item]]
        return np.append(own, part) if self.twice else own[~np.isin(own, part)]

    @property
    def as_groups(self) -> Observations:
        """The changed groups alone, each item as a group of its own."""
        codes = np.repeat(np.arange(len(self.rows)), [len(rows) for rows in self.rows])
        return replace(self._of(np.concatenate(self.rows)), groups=tuple(range(len(self.rows))), codes=codes)

    @property
    def extended(self) -> Observations:
        """The data, and the changed groups after their own."""
        data, more = self.observations, self.as_groups
        errors = None if data.errors is None else np.concatenate([data.errors, more.errors])  # pyright: ignore
        values, codes = np.concatenate([data.values, more.values]), np.concatenate([data.codes, len(data) + more.codes])
        return replace(data, groups=(*data.groups, *more.groups), values=values, codes=codes, errors=errors)

    def whole(self, item: int) -> Observations:
        """The data with one of the changes."""
        others = np.flatnonzero(self.observations.codes != self.group[item])
        return self._of(np.concatenate([others, self.rows[item]]))

    def named(self, item: int) -> str:
        """The part of an item, for messages."""
        label = repr(self.observations.groups[self.group[item]])
        return f"group {label}" if self.row is None else f"row {self.row[item]} (group {label})"

    def parts(self, cells: int) -> Iterator["Swaps"]:
        """Some items at a time, so that neither their rows nor a table of items and cells takes much memory."""
        part = np.cumsum(self.observations.count[self.group] + 1 + cells) // TOGETHER
        for items in np.split(np.arange(len(part)), np.flatnonzero(np.diff(part)) + 1):
            yield replace(self, group=self.group[items], row=None if self.row is None else self.row[items])

    def _of(self, index: Rows) -> Observations:
        data = self.observations
        errors = None if data.errors is None else data.errors[index]
        return replace(data, values=data.values[index], codes=data.codes[index], errors=errors)


def _runs(codes: Rows) -> list[Rows]:
    """The indices of the rows of each group that has any."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def swaps_of(observations: Observations, by: str) -> tuple[Swaps, Swaps]:
    """The data without each row or group, and with each twice; groups without rows are passed over."""
    group = observations.codes if by == "row" else np.flatnonzero(observations.count)
    row = np.arange(len(group)) if by == "row" else None
    return Swaps(observations, group, row, twice=False), Swaps(observations, group, row, twice=True)
