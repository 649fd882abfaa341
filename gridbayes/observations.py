"""Observations: the one door for data.

Row r measures group d(r): t_r ~ N(theta_{d(r)}, sigma_r). `observe` takes whatever holds the t_r (a dict,
lists, an array, a data frame), checks it once, drops what is missing and labels what is left. Where rows
share one sigma, a normal model needs only the count n_d, mean m_d and centred sum of squares S_d of group d:

    sum_r (t_r - theta)^2 = S_d + n_d (m_d - theta)^2    (Gelman et al., Bayesian Data Analysis, 3rd ed., 3.2)

so a million rows cost no more than their groups. Nothing below this door checks data again.
"""

import hashlib
import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from gridbayes._types import Label, PerGroup, PerRow, RowCodes
from gridbayes.tables import (
    Cells,
    Place,
    Ragged,
    Table,
    cells_of,
    index_of,
    is_nested,
    is_number,
    known,
    label_cells,
    missing,
    numbers_of,
    open_table,
    quoted,
    ragged,
    scalars,
    unique_labels,
)

__all__ = ["Observations", "observe", "observe_with"]


@dataclass(frozen=True, eq=False)
class Observations:
    """Validated data: finite values in labelled groups. Made by `observe`; its arrays are read-only.

    Parameters
    ----------
    groups : labels of the groups, unique, in order.
    values : (row,) t_r, in the unit of the data. Finite: missing ones are gone.
    codes : (row,) d(r), the index into `groups` of each row.
    errors : (row,) sigma_r, the known standard deviation of each row, positive, in the unit of the data; None
        where sigma is to be learned.
    name : what was measured.
    """

    groups: tuple[Label, ...]
    values: PerRow
    codes: RowCodes
    errors: PerRow | None
    name: str

    @cached_property
    def count(self) -> Int[np.ndarray, " group"]:
        """n_d, (group,): how many values each group has; 0 where it has none."""
        return _frozen(np.bincount(self.codes, minlength=len(self)))

    @cached_property
    def mean(self) -> PerGroup:
        """m_d, (group,): the mean of each group's values; nan where it has none."""
        first = self._average(self.values)
        rounding = self._average(self.values - first[self.codes])
        return _frozen(first + rounding)

    @cached_property
    def sum_of_squares(self) -> PerGroup:
        """S_d = sum_r (t_r - m_d)^2, (group,), in the data's unit squared; 0 below two values."""
        residuals = self.values - self.mean[self.codes]
        return _frozen(np.bincount(self.codes, residuals**2, minlength=len(self)).astype(float))  # of no rows: integers

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of groups, values, codes and errors: equal data, equal fingerprint."""
        errors = b"" if self.errors is None else self.errors.tobytes()
        digest = hashlib.blake2b(digest_size=16)
        for part in (repr(self.groups).encode(), self.values.tobytes(), self.codes.tobytes(), errors):
            digest.update(len(part).to_bytes(8, "little") + part)
        return digest.hexdigest()

    def where(self, label: Any) -> int:
        """The index of a group by its label. ValueError if there is no such group.

        >>> observe({"ENGLISH": -15, "MATH": 30}).where("MATH")
        1
        """
        try:
            return self._index[label]
        except (KeyError, TypeError):  # TypeError: an unhashable label is no label of ours
            groups = known("Groups", self.groups, label)
            raise ValueError(f"label must be one of the groups; {quoted(label)} is not. {groups}") from None

    def joined(self, new: "Observations") -> "Observations":
        """These rows and new ones: a label that both have is one group. ValueError where one knows errors and one not.

        >>> observe({"ENGLISH": -15, "MATH": 30}).joined(observe({"MATH": [28, 31], "GOVERNMENT": 1})).count.tolist()
        [1, 3, 1]
        """
        if (self.errors is None) != (new.errors is None):
            known = "of these rows and not of the new" if new.errors is None else "of the new rows and not of these"
            raise ValueError(f"errors must be known of all rows or none; they are {known}. Pass sigma for both.")
        groups = tuple(dict.fromkeys((*self.groups, *new.groups)))
        index = {label: code for code, label in enumerate(groups)}
        codes = np.append(self.codes, np.array([index[label] for label in new.groups])[new.codes])
        errors = None if self.errors is None else _frozen(np.append(self.errors, new.errors))  # pyright: ignore
        return Observations(groups, _frozen(np.append(self.values, new.values)), _frozen(codes), errors, self.name)

    def __len__(self) -> int:
        return len(self.groups)

    def __repr__(self) -> str:
        shown = [f"{quoted(g)} {n}" for g, n in islice(zip(self.groups, self.count, strict=True), 4)]
        more = [f"... {len(self) - 4} more"] if len(self) > 4 else []
        sigma = "to be learned" if self.errors is None else "known"
        rows = f"{len(self.values)} values in {len(self)} groups ({', '.join(shown + more)})"
        return f"Observations of {self.name}: {rows}, sigma {sigma}"

    @cached_property
    def _index(self) -> dict[Label, int]:
        return {label: index for index, label in enumerate(self.groups)}

    def _average(self, values: PerRow) -> PerGroup:
        sums = np.bincount(self.codes, values, minlength=len(self))
        return np.divide(sums, self.count, out=np.full(len(self), np.nan), where=self.count > 0)


def observe(
    data: Any, *, sigma: Any = None, value: Hashable = None, group: Any = None, groups: Any = None
) -> Observations:
    """Read data of any common form into labelled groups, once, and check it.

    Parameters
    ----------
    data : one of

        - a dict {label: number or list of numbers};
        - a 2-D array or nested lists, axes (group, replicate), ragged or padded with NaN;
        - 1-D numbers, axes (group,): one value a group; a pandas index or an xarray coordinate labels them;
        - 1-D numbers with `group`, axes (row,): long form;
        - a table with `value`: pandas, polars, pyarrow, a dict of columns, a structured array, an xarray
          Dataset, or anything with `__dataframe__`. Booleans in a table count as 0 and 1.

        None, NaN, NaT, NA, null, "" and masked cells are missing. A group without values stays, empty.
    sigma : the known standard deviation of a value, in the unit of the data; None to learn it. A number; a
        dict {label: sd}; a list, axes (group,); the shape of the data; in long form a list, axes (row,),
        which goes before (group,) if both fit; a column. A Series labelled by group is matched by label.
    value : in a table, the column of the values.
    group : the labels of the rows, axes (row,), or in a table their column. Groups come in order of first
        appearance. A table without `group` has one group a row.
    groups : the labels of the groups, in order; with a dict or `group`, the order and the full set, so that a
        label without rows is a group without data. In a table without `group` also the column of row labels.

    Raises
    ------
    ValueError
        For infinite values or none, wrong lengths, unknown labels and columns, a sigma that is not positive.
    TypeError
        For what is no number (strings are never converted) or no data.

    >>> late = observe({"GOVERNMENT": [-10, 1, 11], "ENGLISH": [-16, -15, -14], "MATH": [30, None]}, sigma=15)
    >>> late
    Observations of value: 7 values in 3 groups ("GOVERNMENT" 3, "ENGLISH" 3, "MATH" 1), sigma known
    >>> late.mean.round(3).tolist(), late.sum_of_squares.round(3).tolist()
    ([0.667, -15.0, 30.0], [220.667, 2.0, 0.0])
    >>> table = {"minutes": [1, 30, -15], "department": ["G", "M", "G"]}
    >>> observe(table, value="minutes", group="department").count.tolist()
    [2, 1]
    """
    return observe_with("sigma", data, sigma, value, group, groups)


def observe_with(argument: str, data: Any, numbers: Any, value: Hashable, group: Any, groups: Any) -> Observations:
    """The same where another positive number than sigma is known of each row: `argument` names it in errors."""
    if isinstance(data, Observations):
        if any(other is not None for other in (numbers, value, group, groups)):
            raise TypeError("data is Observations already: leave out sigma, value, group and groups.")
        return data
    table = open_table(data)
    kind = type(data).__name__
    if value is not None:
        if table is None:
            raise TypeError(f"value names a column, so data must be a table; it is a {kind}. Drop value=.")
        rows = _read_table(table, data, value, group, groups)
        return _checked(rows._replace(argument=argument), numbers, table)
    is_dict = isinstance(data, Mapping) and not hasattr(data, "variables")  # an xarray Dataset is a Mapping
    if table is not None and not is_dict:
        message = f'value must name a column, since data is a table ({kind}). Pass value="...".'
        raise ValueError(f"{message} {known('Columns', table.names)}")
    return _checked(_read_numbers(data, group, groups)._replace(argument=argument), numbers, None)


# --- from rows to Observations ------------------------------------------------------------------


class _Rows(NamedTuple):
    """Rows as they came in: values may be nan (missing); codes are -1 where a missing value has no label."""

    groups: tuple[Label, ...]
    values: PerRow
    codes: RowCodes
    place: Place
    name: str = "value"
    long: bool = False  # rows are listed with their labels, so that sigma may be listed by row
    index: Cells | None = None  # pandas' or xarray's own labels of what was passed
    argument: str = "sigma"  # the argument that says what is known of each row


def _checked(rows: _Rows, sigma: Any, table: Table | None) -> Observations:
    """The rows that are not missing, with their errors."""
    present = ~np.isnan(rows.values)
    if not present.any():
        found = f"every value is missing ({len(present)} of them)" if len(present) else "it is empty"
        raise ValueError(f"data must hold at least one value; {found}. Pass numbers.")
    infinite = np.isinf(rows.values)
    if infinite.any():
        where = rows.place(int(infinite.argmax()))
        found = rows.values[infinite][0]
        raise ValueError(f"values must be finite; {where} is {found}. Mark a missing value NaN.")
    errors = None if sigma is None else _frozen(_known_errors(sigma, rows, present, table)[present])
    values, codes = _frozen(rows.values[present]), _frozen(rows.codes[present])
    return Observations(rows.groups, values, codes, errors, rows.name)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


# --- doors --------------------------------------------------------------------------------------


def _read_numbers(data: Any, group: Any, groups: Any) -> _Rows:
    if isinstance(data, Mapping):
        return _read_dict(data, group, groups)
    cells = cells_of(data)
    if cells.ndim == 0:
        found = f"it is a {type(data).__name__}. {_unread(data)}"
        raise TypeError(f"data must be numbers in a dict, list, array or table; {found}")
    if cells.ndim > 2:
        raise ValueError(f"data must have axes (group,) or (group, replicate); its shape is {cells.shape}.")
    if group is None:
        return _read_groups(data, cells, groups)
    return _read_long(data, cells, group, groups)


def _unread(data: Any) -> str:
    if isinstance(data, (str, bytes)):
        return "Read the file first, for example with pandas.read_csv."
    if isinstance(data, (set, frozenset)):
        return "A set has no order; pass a list."
    return "Pass data.collect()." if hasattr(type(data), "collect") else "Pass a list of numbers."


def _read_dict(data: Mapping[Any, Any], group: Any, groups: Any) -> _Rows:
    if group is not None:
        raise TypeError('group goes with a table or long data; data is a dict. Pass value="column", or drop group=.')
    entries = dict(zip(unique_labels("data", data.keys()), data.values(), strict=True))
    labels = tuple(entries) if groups is None else unique_labels("groups", groups)
    _check_known("data", entries, labels)
    cells = ragged("values", labels, [entries.get(label, ()) for label in labels])
    values = cells.numbers(' If the dict is a table of columns, pass value="column".')
    return _Rows(labels, values, cells.codes, cells.place)


def _read_groups(data: Any, cells: Cells, groups: Any) -> _Rows:
    """Cells of axes (group,) or (group, replicate), the latter perhaps ragged."""
    index = index_of(data)
    labels = _labels_of(cells, index if groups is None else groups)
    found = ragged("values", labels, cells)
    return _Rows(labels, found.numbers(), found.codes, found.place, _name_of(data), index=index)


def _read_long(data: Any, cells: Cells, group: Any, groups: Any) -> _Rows:
    if isinstance(group, str):
        raise TypeError(
            f"group must list the label of each row, since data is not a table; it is {group!r}. Pass a list."
        )
    if cells.ndim != 1 or is_nested(cells):
        raise ValueError(
            "data must have axes (row,) with group=, one value a label; it has rows of lists. Drop group=."
        )
    place, index = _row_of("values"), index_of(data)
    values = numbers_of(cells, place)
    labels, codes = _encode(group, groups, values, index)
    return _Rows(labels, values, codes, place, _name_of(data), long=True, index=index)


def _read_table(table: Table, data: Any, value: Any, group: Any, groups: Any) -> _Rows:
    place, index = _row_of(f"column {quoted(value)}"), index_of(data)
    values = numbers_of(table.column("value", value), place, booleans=True)
    if group is None:
        labels = _labels_of(values, None if groups is None else table.labels("groups", groups))
        return _Rows(labels, values, np.arange(len(values)), place, str(value), index=index)
    labels, codes = _encode(table.labels("group", group), groups, values, index)
    return _Rows(labels, values, codes, place, str(value), long=True, index=index)


def _row_of(what: str) -> Place:
    return lambda row: f"row {row} of {what}"


def _name_of(data: Any) -> str:
    name = getattr(data, "name", None)
    return name if isinstance(name, str) and name else "value"


# --- groups of rows -----------------------------------------------------------------------------


def _labels_of(cells: Cells, groups: Any) -> tuple[Label, ...]:
    """One label an entry; numbers from 0 where there are none."""
    if groups is None:
        return tuple(range(len(cells)))
    labels = unique_labels("groups", groups)
    if len(labels) != len(cells):
        raise ValueError(f"groups must label every group; it has {len(labels)} labels for {len(cells)} groups.")
    return labels


def _encode(group: Any, groups: Any, values: PerRow, index: Cells | None) -> tuple[tuple[Label, ...], RowCodes]:
    """The groups and each row's place among them, by dictionary: for a million rows faster than a sort."""
    cells = label_cells("group", group)
    if len(cells) != len(values):
        raise ValueError(f"group must have one label a row; it has {len(cells)} labels for {len(values)} values.")
    own = index_of(group)
    if not (own is None or index is None or _is_default(own) or np.array_equal(own, index)):
        raise _misaligned("group")
    labelled = ~missing(cells)
    if (lost := ~labelled & ~np.isnan(values)).any():
        row = int(lost.argmax())
        raise ValueError(f"every value must have a group; row {row} has value {values[row]} and a missing label.")
    found = scalars(cells[labelled])
    labels = tuple(dict.fromkeys(found)) if groups is None else unique_labels("groups", groups)
    _check_known("group", dict.fromkeys(found), labels)
    code = {label: code for code, label in enumerate(labels)}
    codes = np.full(len(values), -1)
    codes[labelled] = np.fromiter(map(code.__getitem__, found), int, len(found))
    return labels, codes


def _check_known(argument: str, entries: Iterable[Label], groups: tuple[Label, ...]) -> None:
    index = set(groups)
    for label in entries:
        if label not in index:
            raise ValueError(
                f"{argument} must have labels that are groups; {quoted(label)} is not. "
                + known("Groups", groups, label)
            )


def _misaligned(argument: str) -> ValueError:
    remedy = f"Align them, or pass {argument}.to_numpy()."
    return ValueError(f"{argument} and data must have the same index; theirs differ. {remedy}")


def _is_default(index: Cells) -> bool:
    return index.dtype.kind in "iu" and np.array_equal(index, np.arange(len(index)))


# --- what is known of each row ---------------------------------------------------------------------


def _known_errors(sigma: Any, rows: _Rows, present: Bool[np.ndarray, " row"], table: Table | None) -> PerRow:
    """sigma_r of every row (or its trials or exposure), checked where a value is present."""
    errors, place = _errors_by_row(sigma, rows, table)
    bad = present & ~((errors > 0) & np.isfinite(errors))
    if not bad.any():
        return errors
    row = int(bad.argmax())
    if np.isnan(errors[row]):
        rule, found = "known wherever a value is", "missing"
    else:
        rule, found = "positive" if errors[row] <= 0 else "finite", errors[row]
    remedy = "standard errors" if rows.argument == "sigma" else "positive numbers"
    raise ValueError(f"{rows.argument} must be {rule}; {place(row)} is {found}. Pass {remedy}.")


def _errors_by_row(sigma: Any, rows: _Rows, table: Table | None) -> tuple[PerRow, Place]:
    if isinstance(sigma, str) and table is not None:
        return _errors_in_column(sigma, rows, table)
    if isinstance(sigma, Mapping):
        labels = unique_labels(rows.argument, sigma.keys())
        return _errors_by_label(dict(zip(labels, sigma.values(), strict=True)), rows)
    cells = cells_of(sigma)
    if cells.ndim == 0:
        return _one_error(sigma, rows), lambda row: rows.argument
    own = _labels_to_match(sigma, rows)
    if own is not None:
        return _errors_by_label(dict(zip(own, cells, strict=True)), rows)
    if rows.long and cells.shape == rows.values.shape and not is_nested(cells):
        return numbers_of(cells, _row_of(rows.argument)), _row_of(rows.argument)
    return _errors_by_group(cells, rows)


def _one_error(sigma: Any, rows: _Rows) -> PerRow:
    number = np.asarray(sigma)[()]
    if not is_number(type(number)):
        hint = ", and data is not a table" if isinstance(sigma, str) else f" ({type(sigma).__name__})"
        raise TypeError(f"{rows.argument} must be a number, a dict, a list or an array; it is {sigma!r:.60}{hint}.")
    return np.full(len(rows.values), float(number))


def _errors_in_column(sigma: str, rows: _Rows, table: Table) -> tuple[PerRow, Place]:
    cells, place = table.column(rows.argument, sigma), _row_of(f"column {quoted(sigma)}")
    if len(cells) != len(rows.values):
        raise ValueError(f"{rows.argument} must have one entry a row; it has {len(cells)} for {len(rows.values)} rows.")
    return numbers_of(cells, place), place


def _errors_by_label(entries: Mapping[Label, Any], rows: _Rows) -> tuple[PerRow, Place]:
    _check_known(rows.argument, entries, rows.groups)
    return _spread(ragged(rows.argument, rows.groups, [entries.get(label, math.nan) for label in rows.groups]), rows)


def _errors_by_group(cells: Cells, rows: _Rows) -> tuple[PerRow, Place]:
    if cells.ndim > 2:
        raise ValueError(f"{rows.argument} must have the axes of the data; its shape is {cells.shape}.")
    if len(cells) != len(rows.groups):
        lengths = f"{len(rows.values)} rows or " * rows.long + f"{len(rows.groups)} groups"
        raise ValueError(
            f"{rows.argument} must have one entry a {'row or ' * rows.long}group; it has {len(cells)} for {lengths}."
        )
    return _spread(ragged(rows.argument, rows.groups, cells), rows)


def _spread(found: Ragged, rows: _Rows) -> tuple[PerRow, Place]:
    """The error of each row: its group's bare number, or the entry of its rank within the group."""
    labelled = rows.codes >= 0
    sizes = np.bincount(rows.codes[labelled], minlength=len(rows.groups))
    wrong = ~found.bare & (found.sizes != sizes)
    if wrong.any():
        code = int(wrong.argmax())
        raise ValueError(
            f"{rows.argument} must have one entry a group or the shape of the data; "
            f"{rows.argument}[{quoted(rows.groups[code])}] has {found.sizes[code]} entries for {sizes[code]} values."
        )
    cell = found.starts[rows.codes] + np.where(found.bare[rows.codes], 0, _rank(rows.codes))
    errors = np.full(len(rows.values), np.nan)
    errors[labelled] = found.numbers()[cell[labelled]]
    return errors, lambda row: found.place(int(cell[row]))


def _rank(codes: RowCodes) -> RowCodes:
    """How many rows of the same group come before each row."""
    order = np.argsort(codes, kind="stable")
    rank = np.empty_like(codes)
    rank[order] = np.arange(len(codes)) - np.searchsorted(codes[order], codes[order])
    return rank


def _labels_to_match(sigma: Any, rows: _Rows) -> list[Any] | None:
    """Labels of a pandas or xarray sigma to go by, None to go by position; ValueError if it fits neither."""
    own = index_of(sigma)
    if own is None or _is_default(own) or (rows.index is not None and np.array_equal(own, rows.index)):
        return None
    labels = scalars(own)
    if len(set(labels)) == len(labels) and set(labels) <= set(rows.groups):
        return labels
    if rows.index is None:
        return None
    raise _misaligned(rows.argument)
