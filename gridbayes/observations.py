"""Observations: the one door for data.

Row r measures group d(r): t_r ~ N(theta_{d(r)}, sigma_r). `observe` takes whatever holds the t_r (a dict,
lists, an array, a data frame), checks it once, drops what is missing and labels what is left. Where rows
share one sigma, a normal model needs only the count n_d, mean m_d and centred sum of squares S_d of group d:

    sum_r (t_r - theta)^2 = S_d + n_d (m_d - theta)^2    (Gelman et al., Bayesian Data Analysis, 3rd ed., 3.2)

so a million rows cost no more than their groups. Nothing below this door checks data again.
"""

import ctypes
import difflib
import hashlib
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, KeysView, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import islice, pairwise
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

type Place = Callable[[int], str]  # names a cell in an error message: 3 -> 'values["MATH"][1]'
type Cells = Shaped[np.ndarray, "..."]  # dtype float, integer or object, as `_array` returns them


@dataclass(frozen=True, eq=False)
class Observations:
    """Validated data: finite values in labelled groups. Made by `observe`; its arrays are read-only.

    groups: labels of the groups, unique, in order.
    values: t_r, axes (row,), in the unit of the data. Finite: missing ones are gone.
    codes: d(r), axes (row,): the index into `groups` of each row.
    errors: sigma_r, axes (row,), the known standard deviation of each row, positive, in the unit of the data;
        None where sigma is to be learned.
    name: what was measured.
    """

    groups: tuple[Hashable, ...]
    values: Float[np.ndarray, " row"]
    codes: Int[np.ndarray, " row"]
    errors: Float[np.ndarray, " row"] | None
    name: str

    @cached_property
    def count(self) -> Int[np.ndarray, " group"]:
        """n_d, axes (group,): how many values each group has; 0 where it has none."""
        return _frozen(np.bincount(self.codes, minlength=len(self)))

    @cached_property
    def mean(self) -> Float[np.ndarray, " group"]:
        """m_d, axes (group,): the mean of each group's values; nan where it has none."""
        first = self._average(self.values)
        return _frozen(
            first + self._average(self.values - first[self.codes])
        )  # the second pass mends rounding

    @cached_property
    def sum_of_squares(self) -> Float[np.ndarray, " group"]:
        """S_d = sum_r (t_r - m_d)^2, axes (group,), in the data's unit squared; 0 below two values."""
        residuals = self.values - self.mean[self.codes]
        return _frozen(np.bincount(self.codes, residuals**2, minlength=len(self)))

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of groups, values, codes and errors: equal data, equal fingerprint."""
        errors = b"" if self.errors is None else self.errors.tobytes()
        parts = (repr(self.groups).encode(), self.values.tobytes(), self.codes.tobytes(), errors)
        digest = hashlib.blake2b(digest_size=16)
        for part in parts:
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
            raise ValueError(
                f"label must be one of the groups; {_quote(label)} is not. "
                + _known("Groups", self.groups, label)
            ) from None

    def __len__(self) -> int:
        return len(self.groups)

    def __repr__(self) -> str:
        shown = [f"{_quote(g)} {n}" for g, n in islice(zip(self.groups, self.count, strict=True), 4)]
        more = [f"... {len(self) - 4} more"] if len(self) > 4 else []
        sigma = "to be learned" if self.errors is None else "known"
        rows = f"{len(self.values)} values in {len(self)} groups ({', '.join(shown + more)})"
        return f"Observations of {self.name}: {rows}, sigma {sigma}"

    @cached_property
    def _index(self) -> dict[Hashable, int]:
        return {label: index for index, label in enumerate(self.groups)}

    def _average(self, values: Float[np.ndarray, " row"]) -> Float[np.ndarray, " group"]:
        sums = np.bincount(self.codes, values, minlength=len(self))
        return np.divide(sums, self.count, out=np.full(len(self), np.nan), where=self.count > 0)


def observe(
    data: Any, *, sigma: Any = None, value: Hashable = None, group: Any = None, groups: Any = None
) -> Observations:
    """Read data of any common form into labelled groups, once, and check it.

    data: one of
        - a dict {label: number or list of numbers};
        - a 2-D array or nested lists, axes (group, replicate), ragged or padded with NaN;
        - 1-D numbers, axes (group,): one value a group; a pandas index or an xarray coordinate labels them;
        - 1-D numbers with `group`, axes (row,): long form;
        - a table with `value`: pandas, polars, pyarrow, a dict of columns, a structured array, an xarray
          Dataset, or anything with `__dataframe__`. Booleans in a table count as 0 and 1.
      None, NaN, NaT, NA, null, "" and masked cells are missing. A group without values stays, empty.
    sigma: the known standard deviation of a value, in the unit of the data; None to learn it. A number; a
        dict {label: sd}; a list, axes (group,); the shape of the data; in long form a list, axes (row,),
        which goes before (group,) if both fit; a column. A Series labelled by group is matched by label.
    value: in a table, the column of the values.
    group: the labels of the rows, axes (row,), or in a table the column that holds them. Groups come in order
        of first appearance. A table without `group` has one group a row.
    groups: the labels of the groups, in order; with a dict or `group`, the order and the full set, so that a
        label without rows is a group without data. In a table without `group` also the column of row labels.

    Raises ValueError for values that are infinite or all missing, for wrong lengths, for unknown labels and
    columns, and for a sigma that is not positive; TypeError for what is no number (strings are never
    converted) or no data.

    >>> late = observe({"GOVERNMENT": [-10, 1, 11], "ENGLISH": [-16, -15, -14], "MATH": [30, None]}, sigma=15)
    >>> late
    Observations of value: 7 values in 3 groups ("GOVERNMENT" 3, "ENGLISH" 3, "MATH" 1), sigma known
    >>> late.mean.round(3).tolist(), late.sum_of_squares.round(3).tolist()
    ([0.667, -15.0, 30.0], [220.667, 2.0, 0.0])
    >>> table = {"minutes": [1, 30, -15], "department": ["G", "M", "G"]}
    >>> observe(table, value="minutes", group="department").count.tolist()
    [2, 1]
    """
    if isinstance(data, Observations):
        return _as_it_is(data, sigma, value, group, groups)
    table = _open_table(data)
    if value is None and not _is_plain_dict(data) and table is not None:
        raise _needs_value(data, table)
    if value is None:
        return _reduce(_read_numbers(data, group, groups), sigma, None)
    if table is None:
        raise TypeError(f"value names a column, so data must be a table; it is a {_type(data)}. Drop value=.")
    return _reduce(_read_table(table, data, value, group, groups), sigma, table)


# From rows to Observations


class _Rows(NamedTuple):
    """Rows as they came in: values may be nan (missing); codes are -1 where a missing value has no label."""

    groups: tuple[Hashable, ...]
    values: Float[np.ndarray, " row"]
    codes: Int[np.ndarray, " row"]
    place: Place
    name: str
    long: bool  # rows are listed with their labels, so that sigma may be listed by row
    index: Shaped[np.ndarray, " entry"] | None  # pandas' or xarray's own labels of what was passed


def _reduce(rows: _Rows, sigma: Any, table: "_Table | None") -> Observations:
    present = ~np.isnan(rows.values)
    _check_values(rows, present)
    errors = None if sigma is None else _known_errors(sigma, rows, present, table)
    return Observations(
        groups=rows.groups,
        values=_frozen(rows.values[present]),
        codes=_frozen(rows.codes[present]),
        errors=None if errors is None else _frozen(errors[present]),
        name=rows.name,
    )


def _check_values(rows: _Rows, present: Bool[np.ndarray, " row"]) -> None:
    if not len(rows.values):
        raise ValueError("data must hold at least one value; it is empty. Pass numbers.")
    if not present.any():
        raise ValueError(
            f"data must hold at least one value; every value is missing ({len(present)} of them)."
        )
    infinite = np.isinf(rows.values)
    if infinite.any():
        first = int(infinite.argmax())
        raise ValueError(
            f"values must be finite; {rows.place(first)} is {rows.values[first]}. Mark a missing value NaN."
        )


def _as_it_is(data: Observations, *others: Any) -> Observations:
    if any(other is not None for other in others):
        raise TypeError("data is Observations already, so sigma, value, group and groups must not be given.")
    return data


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


# Doors for numbers


def _read_numbers(data: Any, group: Any, groups: Any) -> _Rows:
    if isinstance(data, Mapping):
        return _read_dict(data, group, groups)
    cells = _array(data)
    if cells.ndim == 0:
        raise TypeError(
            f"data must be numbers in a dict, list, array or table; it is a {_type(data)}. {_unread(data)}"
        )
    if cells.ndim > 2:
        raise ValueError(f"data must have axes (group,) or (group, replicate); its shape is {cells.shape}.")
    if group is None:
        return _read_groups(data, cells, groups)
    if isinstance(group, str):
        raise TypeError(
            f"group must list the label of each row, since data is not a table; it is {group!r}. Pass a list."
        )
    return _read_long(data, cells, group, groups)


def _read_groups(data: Any, cells: Cells, groups: Any) -> _Rows:
    """Cells of axes (group,) or (group, replicate), the latter perhaps ragged."""
    index = _own_labels(data)
    labels = _labels_of(cells, index, groups)
    ragged = _ragged("values", labels, cells)
    codes = np.repeat(np.arange(len(labels)), ragged.sizes)
    return _Rows(labels, ragged.numbers(), codes, ragged.place, _name_of(data), False, index)


def _labels_of(cells: Cells, index: np.ndarray | None, groups: Any) -> tuple[Hashable, ...]:
    if groups is None and index is None:
        return tuple(range(len(cells)))
    labels = _labels("groups", index if groups is None else groups)
    if len(labels) != len(cells):
        raise ValueError(
            f"groups must label every group; it has {len(labels)} labels for {len(cells)} groups."
        )
    return labels


def _read_dict(data: Mapping[Any, Any], group: Any, groups: Any) -> _Rows:
    if group is not None:
        raise TypeError(
            'group goes with a table or long data; data is a dict. Pass value="column", or drop group=.'
        )
    entries = dict(zip(_labels("data", data.keys()), data.values(), strict=True))
    labels = tuple(entries) if groups is None else _labels("groups", groups)
    _check_known("data", entries, labels)
    ragged = _ragged("values", labels, [entries.get(label, ()) for label in labels])
    numbers = ragged.numbers(' If the dict is a table of columns, pass value="column".')
    codes = np.repeat(np.arange(len(labels)), ragged.sizes)
    return _Rows(labels, numbers, codes, ragged.place, "value", False, None)


def _read_long(data: Any, cells: Cells, group: Any, groups: Any) -> _Rows:
    if cells.ndim != 1 or _is_nested(cells):
        raise ValueError(
            "data must have axes (row,) with group=, one value a label; it has rows of lists. Drop group=."
        )
    index = _own_labels(data)
    values = _numbers(cells, _row_of("values"))
    labels, codes = _encode(group, groups, values, index)
    return _Rows(labels, values, codes, _row_of("values"), _name_of(data), True, index)


def _row_of(what: str) -> Place:
    return lambda row: f"row {row} of {what}"


# Labels


def _labels(argument: str, labels: Any) -> tuple[Hashable, ...]:
    """Unique labels, none of them missing, NumPy scalars as Python ones."""
    cells = _label_cells(argument, labels)
    missing = _missing(cells)
    if missing.any():
        raise ValueError(
            f"{argument} must not hold missing labels; label {int(missing.argmax())} is missing. Name it."
        )
    found = _plain(cells)
    twice, times = Counter(found).most_common(1)[0] if found else (None, 0)
    if times > 1:
        raise ValueError(
            f"{argument} must be unique; {_quote(twice)} is a duplicate. To gather rows by label, use group=."
        )
    return tuple(found)


def _label_cells(argument: str, labels: Any) -> Cells:
    cells = _array(list(labels) if isinstance(labels, KeysView) else labels)
    if cells.ndim != 1:
        raise TypeError(f"{argument} must be a list of labels; it is {labels!r:.60} ({_type(labels)}).")
    _check_hashable(argument, cells)
    return cells


def _check_hashable(argument: str, cells: Cells) -> None:
    for kind in _types(cells):
        if kind.__hash__ is None:
            raise TypeError(f"labels must be strings, numbers or tuples; {argument} holds a {kind.__name__}.")


def _encode(
    group: Any, groups: Any, values: Float[np.ndarray, " row"], index: np.ndarray | None
) -> tuple[tuple[Hashable, ...], Int[np.ndarray, " row"]]:
    """The groups and each row's place among them, by dictionary: for a million rows faster than a sort."""
    cells = _label_cells("group", group)
    _check_rows(cells, group, values, index)
    labelled = ~_missing(cells)
    if not (labelled | np.isnan(values)).all():
        row = int((~labelled & ~np.isnan(values)).argmax())
        raise ValueError(
            f"every value must have a group; row {row} has value {values[row]} and a missing label."
        )
    found = _plain(cells[labelled])
    labels = tuple(dict.fromkeys(found)) if groups is None else _labels("groups", groups)
    codes = np.full(len(values), -1)
    codes[labelled] = _look_up(found, labels, labelled)
    return labels, codes


def _look_up(found: list[Any], labels: tuple[Hashable, ...], labelled: np.ndarray) -> Int[np.ndarray, " row"]:
    index = {label: code for code, label in enumerate(labels)}
    try:
        return np.fromiter(map(index.__getitem__, found), np.int64, len(found))
    except KeyError:
        at, label = next((at, label) for at, label in enumerate(found) if label not in index)
        row = int(np.flatnonzero(labelled)[at])
        raise ValueError(
            f"groups must list every label of the data; row {row} is in group {_quote(label)}. "
            + _known("groups has", labels, label)
        ) from None


def _check_rows(cells: Cells, group: Any, values: np.ndarray, index: np.ndarray | None) -> None:
    if len(cells) != len(values):
        raise ValueError(
            f"group must have one label a row; it has {len(cells)} labels for {len(values)} values."
        )
    own = _own_labels(group)
    if not (own is None or index is None or _is_default(own) or np.array_equal(own, index)):
        raise ValueError(
            "group and data must have the same index; theirs differ. Align them, or pass group.to_numpy()."
        )


def _check_known(argument: str, entries: Iterable[Hashable], groups: Iterable[Hashable]) -> None:
    known = dict.fromkeys(groups)
    for label in entries:
        if label not in known:
            raise ValueError(
                f"{argument} must have labels that are groups; {_quote(label)} is not. "
                + _known("Groups", known, label)
            )


def _own_labels(data: Any) -> Shaped[np.ndarray, " entry"] | None:
    """The labels that a pandas object or a DataArray carries along its first axis."""
    if hasattr(data, "iloc"):
        return _array(data.index)
    dims = getattr(data, "dims", None)
    if isinstance(dims, tuple) and dims and dims[0] in data.coords:
        return _array(data.coords[data.dims[0]])
    return None


def _is_default(labels: Shaped[np.ndarray, " entry"]) -> bool:
    return labels.dtype.kind in "iu" and np.array_equal(labels, np.arange(len(labels)))


def _name_of(data: Any) -> str:
    name = getattr(data, "name", None)
    return name if isinstance(name, str) and name else "value"


# Numbers


class _Ragged(NamedTuple):
    """Cells by group, each group a list of them or one bare number; `numbers` and `place` go by cell."""

    argument: str
    labels: tuple[Hashable, ...]
    cells: Cells
    sizes: Int[np.ndarray, " group"]
    bare: Bool[np.ndarray, " group"]

    @property
    def starts(self) -> Int[np.ndarray, " group"]:
        return np.cumsum(self.sizes) - self.sizes

    def place(self, cell: int) -> str:
        code = int(np.searchsorted(self.starts, cell, side="right")) - 1
        name = f"{self.argument}[{_quote(self.labels[code])}]"
        return name if self.bare[code] else f"{name}[{cell - self.starts[code]}]"

    def numbers(self, remedy: str = "") -> Float[np.ndarray, " cell"]:
        return _numbers(self.cells, self.place, remedy=remedy)


def _ragged(argument: str, labels: tuple[Hashable, ...], entries: Any) -> _Ragged:
    """One entry a label: a number or a list of numbers."""
    if isinstance(entries, np.ndarray) and entries.ndim == 1 and not _is_nested(entries):
        ones = np.ones(len(entries), int)
        return _Ragged(argument, labels, entries, ones, ones.astype(bool))
    parts = [_array(entry) for entry in entries]
    for label, part in zip(labels, parts, strict=True):
        if part.ndim > 1:
            raise ValueError(
                f"{argument}[{_quote(label)}] must be a list of numbers; its shape is {part.shape}."
            )
    cells = np.concatenate([np.atleast_1d(part) for part in parts]) if parts else np.empty(0)
    sizes = np.array([part.size for part in parts], int)
    return _Ragged(argument, labels, cells, sizes, np.array([part.ndim == 0 for part in parts], bool))


def _numbers(
    cells: Cells, place: Place, *, booleans: bool = False, remedy: str = ""
) -> Float[np.ndarray, " cell"]:
    """Floats, nan where a cell is missing; TypeError at the first cell that is no number."""
    strange = {kind for kind in _types(cells) if not _is_number(kind, booleans)}
    if not strange:
        return _floats(cells)
    present = ~_missing(cells)
    if strange & _types(cells[present]):
        at = next(at for at in np.flatnonzero(present) if type(cells[at]) in strange)
        raise TypeError(f"{place(int(at))} is {cells[at]!r:.60}, not a number. {_cure(cells[at])}{remedy}")
    numbers = np.full(cells.shape, np.nan)
    numbers[present] = _floats(cells[present])
    return numbers


def _is_number(kind: type, booleans: bool) -> bool:
    if issubclass(kind, (bool, np.bool_)):
        return booleans
    return issubclass(kind, (Real, Decimal)) and not issubclass(
        kind, np.timedelta64
    )  # NumPy calls it an integer


def _cure(cell: Any) -> str:
    if isinstance(cell, (str, bytes)):
        return "Convert strings to numbers first; mark what is missing NaN."
    if isinstance(cell, (bool, np.bool_)):
        return "Write 1 for True and 0 for False."
    return "Pass real numbers."


def _floats(cells: Cells) -> Float[np.ndarray, "..."]:
    try:
        with np.errstate(over="ignore"):  # a long double beyond float64 becomes inf, which is refused by name
            return cells.astype(np.float64)
    except OverflowError:
        return np.fromiter(map(_float, cells), np.float64, len(cells))


def _float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _array(data: Any) -> Cells:
    """An array of kind float, integer or object. A list is never promoted: 1 beside 'abc' stays a number."""
    if isinstance(data, (list, tuple)):
        wrapped = any(hasattr(kind, "__array__") for kind in set(map(type, data)))
        return np.fromiter(map(_scalar, data) if wrapped else data, object, len(data))
    cells = _uniform(np.asarray(data))
    return _masked(cells, np.ma.getmaskarray(data)) if isinstance(data, np.ma.MaskedArray) else cells


def _uniform(array: np.ndarray) -> Cells:
    if array.dtype.kind in "Mm":  # astype(object) would turn nanoseconds into integers
        return np.fromiter(array.ravel(), object, array.size).reshape(array.shape)
    return array if array.dtype.kind in "iufO" else array.astype(object)


def _masked(cells: Cells, missing: Bool[np.ndarray, "..."]) -> Cells:
    """None where a cell is missing."""
    if not missing.any():
        return cells
    cells = cells.astype(object)
    cells[missing] = None
    return cells


def _scalar(entry: Any) -> Any:
    """An array without axes (a JAX scalar, say) as the number it is."""
    if entry is np.ma.masked:
        return None
    is_scalar = not isinstance(entry, np.generic) and getattr(entry, "ndim", None) == 0
    return entry.item() if is_scalar else entry


def _types(cells: Cells) -> set[type]:
    return set(map(type, cells)) if cells.dtype.kind == "O" else {cells.dtype.type}


def _is_nested(cells: Cells) -> bool:
    return any(hasattr(kind, "__len__") and not issubclass(kind, (str, bytes)) for kind in _types(cells))


def _missing(cells: Cells) -> Bool[np.ndarray, "..."]:
    if cells.dtype.kind in "iu":
        return np.zeros(cells.shape, bool)
    if cells.dtype.kind == "f":
        return np.isnan(cells)
    if _types(cells) <= {int, str}:  # most labels: no need to ask them one by one
        return np.asarray(cells == "", bool)
    return np.fromiter(map(_is_missing, cells), bool, len(cells))


def _is_missing(cell: Any) -> bool:
    if isinstance(cell, (str, bytes)):
        return not cell
    if isinstance(cell, (float, np.floating)):
        return bool(cell != cell)
    if isinstance(cell, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(cell))
    return cell is None or type(cell).__name__ in ("NAType", "NaTType")  # pandas' own, without importing it


def _plain(cells: Cells) -> list[Any]:
    """Labels as Python scalars, where they are NumPy strings, numbers or booleans."""
    plain = cells.tolist()
    if cells.dtype.kind != "O" or not any(issubclass(kind, np.generic) for kind in _types(cells)):
        return plain
    return [x.item() if isinstance(x, (np.str_, np.number, np.bool_)) else x for x in plain]


# Known standard errors


def _known_errors(
    sigma: Any, rows: _Rows, present: Bool[np.ndarray, " row"], table: "_Table | None"
) -> Float[np.ndarray, " row"]:
    errors, place = _errors_by_row(sigma, rows, table)
    bad = present & ~((errors > 0) & np.isfinite(errors))
    if not bad.any():
        return errors
    row = int(bad.argmax())
    rule = (
        "positive" if errors[row] <= 0 else "finite" if np.isinf(errors[row]) else "known wherever a value is"
    )
    found = "missing" if np.isnan(errors[row]) else errors[row]
    raise ValueError(f"sigma must be {rule}; {place(row)} is {found}. Pass standard errors.")


def _errors_by_row(
    sigma: Any, rows: _Rows, table: "_Table | None"
) -> tuple[Float[np.ndarray, " row"], Place]:
    if isinstance(sigma, str):
        return _errors_in_table(sigma, rows, table)
    if isinstance(sigma, Mapping):
        return _errors_by_label(dict(zip(_labels("sigma", sigma.keys()), sigma.values(), strict=True)), rows)
    cells = _array(sigma)
    if cells.ndim == 0:
        return np.full(len(rows.values), _one_error(sigma, cells)), lambda row: "sigma"
    own = _labels_to_match(sigma, rows)
    if own is not None:
        return _errors_by_label(dict(zip(own, cells, strict=True)), rows)
    if rows.long and cells.shape == rows.values.shape and not _is_nested(cells):
        return _numbers(cells, _row_of("sigma")), _row_of("sigma")
    return _errors_by_group(cells, rows)


def _one_error(sigma: Any, cells: Cells) -> float:
    if not all(_is_number(type(cell), False) for cell in cells.ravel()):
        raise TypeError(
            f"sigma must be a number, a dict, a list or an array; it is {sigma!r:.60} ({_type(sigma)})."
        )
    return float(_floats(cells.ravel())[0])


def _errors_in_table(
    sigma: str, rows: _Rows, table: "_Table | None"
) -> tuple[Float[np.ndarray, " row"], Place]:
    if table is None:
        raise TypeError(
            f"sigma must be a number, a dict, a list or an array; it is {sigma!r}, and data is not a table."
        )
    cells = table.column("sigma", sigma)
    if len(cells) != len(rows.values):
        raise ValueError(f"sigma must have one entry a row; it has {len(cells)} for {len(rows.values)} rows.")
    place = _row_of(f"column {_quote(sigma)}")
    return _numbers(cells, place), place


def _errors_by_label(entries: dict[Hashable, Any], rows: _Rows) -> tuple[Float[np.ndarray, " row"], Place]:
    _check_known("sigma", entries, rows.groups)
    return _spread(
        _ragged("sigma", rows.groups, [entries.get(label, math.nan) for label in rows.groups]), rows
    )


def _errors_by_group(cells: Cells, rows: _Rows) -> tuple[Float[np.ndarray, " row"], Place]:
    if cells.ndim > 2:
        raise ValueError(f"sigma must have the axes of the data; its shape is {cells.shape}.")
    if len(cells) != len(rows.groups):
        lengths = f"{len(rows.values)} rows or " * rows.long + f"{len(rows.groups)} groups"
        raise ValueError(
            f"sigma must have one entry a {'row or ' * rows.long}group; it has {len(cells)} for {lengths}."
        )
    return _spread(_ragged("sigma", rows.groups, cells), rows)


def _spread(ragged: _Ragged, rows: _Rows) -> tuple[Float[np.ndarray, " row"], Place]:
    """The error of each row: its group's bare number, or the entry of its rank within the group."""
    _check_sizes(ragged, rows)
    cell = ragged.starts[rows.codes] + np.where(ragged.bare[rows.codes], 0, _rank(rows.codes))
    labelled = rows.codes >= 0
    errors = np.full(len(rows.values), np.nan)
    errors[labelled] = ragged.numbers()[cell[labelled]]
    return errors, lambda row: ragged.place(int(cell[row]))


def _check_sizes(ragged: _Ragged, rows: _Rows) -> None:
    sizes = np.bincount(rows.codes[rows.codes >= 0], minlength=len(rows.groups))
    wrong = ~ragged.bare & (ragged.sizes != sizes)
    if wrong.any():
        code = int(wrong.argmax())
        raise ValueError(
            "sigma must have one entry a group or the shape of the data; "
            f"sigma[{_quote(rows.groups[code])}] has {ragged.sizes[code]} entries for {sizes[code]} values."
        )


def _rank(codes: Int[np.ndarray, " row"]) -> Int[np.ndarray, " row"]:
    """How many rows of the same group come before each row."""
    order = np.argsort(codes, kind="stable")
    rank = np.empty_like(codes)
    rank[order] = np.arange(len(codes)) - np.searchsorted(codes[order], codes[order])
    return rank


def _labels_to_match(sigma: Any, rows: _Rows) -> list[Any] | None:
    """Labels of a pandas or xarray sigma to go by, None to go by position; ValueError if it fits neither."""
    own = _own_labels(sigma)
    if own is None or _is_default(own) or (rows.index is not None and np.array_equal(own, rows.index)):
        return None
    labels = _plain(own)
    if len(set(labels)) == len(labels) and set(labels) <= set(rows.groups):
        return labels
    if rows.index is None:
        return None
    raise ValueError(
        "sigma and data must have the same index; theirs differ. Align them, or pass sigma.to_numpy()."
    )


# Tables


class _Table(NamedTuple):
    names: list[Any]
    read: Callable[[Any], Any]

    def column(self, argument: str, name: Any) -> Cells:
        """One column, axes (row,)."""
        if self.names.count(name) != 1:
            raise _not_one_column(argument, name, self.names)
        cells = _array(self.read(name))
        if cells.ndim != 1:
            raise ValueError(f"column {_quote(name)} must have axes (row,); its shape is {cells.shape}.")
        return cells

    def labels(self, argument: str, column: Any) -> Any:
        """Labels of the rows: those of a column, or the sequence itself."""
        if isinstance(column, str) or (_is_hashable(column) and column in set(self.names)):
            return self.column(argument, column)
        return column


def _read_table(table: _Table, data: Any, value: Any, group: Any, groups: Any) -> _Rows:
    place = _row_of(f"column {_quote(value)}")
    values = _numbers(table.column("value", value), place, booleans=True)
    index = _own_labels(data)
    if group is not None:
        labels, codes = _encode(table.labels("group", group), groups, values, index)
        return _Rows(labels, values, codes, place, str(value), True, index)
    labels = _labels_of(values, None, None if groups is None else table.labels("groups", groups))
    return _Rows(labels, values, np.arange(len(values)), place, str(value), False, index)


def _open_table(data: Any) -> _Table | None:
    if isinstance(data, Mapping):
        return _Table(list(getattr(data, "variables", data)), data.__getitem__)
    if isinstance(data, np.ndarray):
        return None if data.dtype.names is None else _Table(list(data.dtype.names), data.__getitem__)
    if hasattr(type(data), "collect"):
        return None  # lazy: polars would warn when asked for its columns
    for names in ("column_names", "columns"):  # pyarrow's `columns` are the columns themselves
        if hasattr(type(data), names) and hasattr(type(data), "__getitem__"):
            return _Table(list(getattr(data, names)), data.__getitem__)
    return _open_interchange(data.__dataframe__()) if hasattr(data, "__dataframe__") else None


def _is_plain_dict(data: Any) -> bool:
    return isinstance(data, Mapping) and not hasattr(data, "variables")


def _needs_value(data: Any, table: _Table) -> ValueError:
    columns = _known("Columns", table.names, None)
    return ValueError(
        f'value must name a column, since data is a table ({_type(data)}). Pass value="...". {columns}'
    )


def _not_one_column(argument: str, name: Any, names: list[Any]) -> ValueError:
    if name in names:
        return ValueError(
            f"{argument} must be one column; {names.count(name)} columns are duplicates of {_quote(name)}."
        )
    return ValueError(f"{argument} must be a column; {_quote(name)} is not. {_known('Columns', names, name)}")


def _is_hashable(thing: Any) -> bool:
    try:
        hash(thing)
    except TypeError:
        return False
    return True


# The dataframe interchange protocol, for what offers no other way to its columns. The numbers are its
# DtypeKind and ColumnNullType (https://data-apis.org/dataframe-protocol/latest/API.html).

_INTEGER, _UNSIGNED, _FLOAT, _BOOLEAN, _STRING, _CATEGORY = 0, 1, 2, 20, 21, 23
_NEVER_NULL, _NAN, _SENTINEL, _BITS, _BYTES = 0, 1, 2, 3, 4


def _open_interchange(frame: Any) -> _Table:
    return _Table(list(frame.column_names()), lambda name: _read_column(frame.get_column_by_name(name)))


def _read_column(column: Any) -> np.ndarray:
    """A column, axes (row,), None where it is null."""
    return np.concatenate([_read_chunk(chunk) for chunk in column.get_chunks()] or [np.empty(0)])


def _read_chunk(column: Any) -> np.ndarray:
    buffers = column.get_buffers()  # keeps the memory alive until it is copied
    kind = column.dtype[0]
    if kind == _STRING:
        raw = cells = _read_strings(column, buffers)
    elif kind == _CATEGORY:
        raw = _read_buffer(buffers["data"], column)
        cells = _read_column(column.describe_categorical["categories"]).astype(object)[np.maximum(raw, 0)]
    elif kind in (_INTEGER, _UNSIGNED, _FLOAT, _BOOLEAN):
        raw = cells = _read_buffer((buffers["data"][0], column.dtype), column)
    else:
        raise TypeError(
            f"a column must hold numbers, booleans, strings or categories; this one is of kind {kind!r}."
        )
    return _masked(cells, _nulls(column, buffers, raw))


def _nulls(column: Any, buffers: Any, raw: np.ndarray) -> Bool[np.ndarray, " row"]:
    kind, null = column.describe_null
    if kind in (_BITS, _BYTES):
        return _read_buffer(buffers["validity"], column) == null
    if kind == _SENTINEL:
        return np.asarray(raw == null)
    return raw != raw if kind == _NAN else np.zeros(len(raw), bool)


def _read_strings(column: Any, buffers: Any) -> np.ndarray:
    text = _bytes_of(buffers["data"][0]).tobytes()
    ends = _read_buffer(buffers["offsets"], column, extra=1).tolist()
    return np.array([text[i:j].decode() for i, j in pairwise(ends)], object)


def _read_buffer(part: tuple[Any, Any], column: Any, extra: int = 0) -> np.ndarray:
    """The column's stretch of a buffer; the last `extra` entries are the end of the last string."""
    buffer, (kind, bits, _, order) = part
    stretch = slice(column.offset, column.offset + column.size() + extra)
    if bits == 1:
        return np.unpackbits(_bytes_of(buffer), bitorder="little")[stretch].astype(bool)
    letter = {_INTEGER: "i", _FLOAT: "f", _CATEGORY: "i"}.get(kind, "u")
    cells = _bytes_of(buffer).view(f"{order}{letter}{bits // 8}")[stretch]
    return cells.astype(bool) if kind == _BOOLEAN else cells


def _bytes_of(buffer: Any) -> np.ndarray:
    if not buffer.bufsize:
        return np.empty(0, np.uint8)
    return np.frombuffer((ctypes.c_uint8 * buffer.bufsize).from_address(buffer.ptr), np.uint8).copy()


# Words for messages


def _quote(label: Any) -> str:
    return f'"{label}"' if isinstance(label, str) else repr(label)


def _type(data: Any) -> str:
    return type(data).__name__


def _unread(data: Any) -> str:
    if isinstance(data, (str, bytes)):
        return "Read the file first, for example with pandas.read_csv."
    if isinstance(data, (set, frozenset)):
        return "A set has no order; pass a list."
    return "Pass data.collect()." if hasattr(type(data), "collect") else "Pass a list of numbers."


def _known(what: str, labels: Iterable[Any], wanted: Any) -> str:
    """The labels there are, the first eight of them, and the one that was perhaps meant."""
    labels = list(labels)
    shown = ", ".join(map(_quote, labels[:8])) + (f", ... ({len(labels)} in all)" if len(labels) > 8 else "")
    folded = {str(label).casefold(): label for label in labels}
    if wanted is None:
        return f"{what}: {shown}."
    close = difflib.get_close_matches(str(wanted).casefold(), folded, n=1)
    return f"{what}: {shown}." + (f" Did you mean {_quote(folded[close[0]])}?" if close else "")
