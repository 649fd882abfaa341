"""Columns out of tables, and cells out of columns: numbers, labels, and what is missing.

A table is whatever has named columns: pandas, polars, pyarrow, a dict of columns, a structured array, an
xarray Dataset, or anything with `__dataframe__`. It is read without importing the library that made it.
"""

import difflib
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, KeysView, Mapping
from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from gridbayes._types import Label

__all__ = [
    "Cells",
    "Place",
    "Ragged",
    "Table",
    "cells_of",
    "index_of",
    "is_nested",
    "is_number",
    "known",
    "label_cells",
    "missing",
    "numbers_of",
    "open_table",
    "quoted",
    "ragged",
    "scalars",
    "unique_labels",
]

type Cells = Shaped[np.ndarray, "..."]  # of dtype float, integer or object
type Place = Callable[[int], str]  # names a cell in an error message: 3 -> 'values["MATH"][1]'


class Table(NamedTuple):
    """Names of columns, and how to read one."""

    names: list[Any]
    read: Callable[[Any], Any]

    def column(self, argument: str, name: Any) -> Cells:
        """One column, axes (row,); ValueError, naming the `argument`, if there is no such one."""
        times = self.names.count(name)
        if times > 1:
            raise ValueError(f"{argument} must be one column; {times} columns are duplicates of {quoted(name)}.")
        if times == 0:
            columns = known("Columns", self.names, name)
            raise ValueError(f"{argument} must be a column; {quoted(name)} is not. {columns}")
        cells = cells_of(self.read(name))
        if cells.ndim != 1:
            raise ValueError(f"column {quoted(name)} must have axes (row,); its shape is {cells.shape}.")
        return cells

    def labels(self, argument: str, column: Any) -> Any:
        """Labels of the rows: those of a column, or the sequence itself."""
        is_name = isinstance(column, str) or (isinstance(column, (int, tuple)) and column in self.names)
        return self.column(argument, column) if is_name else column


def open_table(data: Any) -> Table | None:
    """`data` as a table; None if it is none.

    >>> open_table({"minutes": [1, 30, -15]}).column("value", "minutes").tolist()
    [1, 30, -15]
    """
    if isinstance(data, Mapping):
        return Table(list(getattr(data, "variables", data)), data.__getitem__)
    if isinstance(data, np.ndarray):
        return None if data.dtype.names is None else Table(list(data.dtype.names), data.__getitem__)
    if hasattr(type(data), "collect"):
        return None  # lazy: polars would warn when asked for its columns
    for names in ("column_names", "columns"):  # pyarrow's `columns` are the columns themselves
        if hasattr(type(data), names) and hasattr(type(data), "__getitem__"):
            return Table(list(getattr(data, names)), data.__getitem__)
    return _open_interchange(data) if hasattr(data, "__dataframe__") else None


def _open_interchange(data: Any) -> Table:
    """By the dataframe interchange protocol: for what offers no other way to its columns."""
    import pandas as pd  # comes with xarray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas deprecates the protocol, which others still speak
        frame = pd.api.interchange.from_dataframe(data)
    return Table(list(frame.columns), frame.__getitem__)


# --- cells --------------------------------------------------------------------------------------


def cells_of(data: Any) -> Cells:
    """An array of kind float, integer or object, None where it is masked.

    A list is never promoted: 1 beside "abc" stays a number.
    """
    if isinstance(data, (list, tuple)):
        return np.fromiter(map(_scalar, data), object, len(data))
    array = np.asarray(data)
    if isinstance(data, np.ma.MaskedArray):
        array = array.astype(object)
        array[np.ma.getmaskarray(data)] = None
    if array.dtype.kind in "Mm":  # astype(object) would turn nanoseconds into integers
        return np.fromiter(array.ravel(), object, array.size).reshape(array.shape)
    return array if array.dtype.kind in "iufO" else array.astype(object)


def _scalar(entry: Any) -> Any:
    """An array without axes (a JAX scalar, say) as the number it is."""
    if entry is np.ma.masked:
        return None
    is_array = getattr(entry, "ndim", None) == 0 and not isinstance(entry, np.generic)
    return entry.item() if is_array else entry


def numbers_of(cells: Cells, place: Place, *, booleans: bool = False, remedy: str = "") -> Float[np.ndarray, " cell"]:
    """Floats, nan where a cell is missing; TypeError at the first cell that is no number.

    >>> numbers_of(cells_of([1, None, 2.5]), lambda cell: f"row {cell}").tolist()
    [1.0, nan, 2.5]
    """
    strange = {kind for kind in _types(cells) if not is_number(kind, booleans)}
    if not strange:
        return cells.astype(np.float64)
    present = ~missing(cells)
    if strange & _types(cells[present]):
        at = next(at for at in np.flatnonzero(present) if type(cells[at]) in strange)
        raise TypeError(f"{place(int(at))} is {cells[at]!r:.60}, not a number. {_cure(cells[at])}{remedy}")
    numbers = np.full(cells.shape, np.nan)
    numbers[present] = cells[present].astype(np.float64)
    return numbers


def is_number(kind: type, booleans: bool = False) -> bool:
    """Whether cells of this type are real numbers; `booleans` as well, where they count as 0 and 1."""
    if issubclass(kind, (bool, np.bool_)):
        return booleans
    return issubclass(kind, (Real, Decimal)) and not issubclass(kind, np.timedelta64)  # NumPy: an integer


def _cure(cell: Any) -> str:
    if isinstance(cell, (str, bytes)):
        return "Convert strings to numbers first; mark what is missing NaN."
    if isinstance(cell, (bool, np.bool_)):
        return "Write 1 for True and 0 for False."
    return "Pass real numbers."


def _types(cells: Cells) -> set[type]:
    return set(map(type, cells.ravel())) if cells.dtype.kind == "O" else {cells.dtype.type}


def is_nested(cells: Cells) -> bool:
    """Whether some cells are lists or arrays themselves."""
    return any(hasattr(kind, "__len__") and not issubclass(kind, (str, bytes)) for kind in _types(cells))


def missing(cells: Cells) -> Bool[np.ndarray, "..."]:
    """Where a cell is None, NaN, NaT, pandas' NA, or an empty string."""
    if cells.dtype.kind != "O":
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


# --- labels -------------------------------------------------------------------------------------


def unique_labels(argument: str, labels: Any) -> tuple[Label, ...]:
    """Unique labels, none of them missing, NumPy scalars as Python ones."""
    cells = label_cells(argument, labels)
    if (gone := missing(cells)).any():
        raise ValueError(f"{argument} must not hold missing labels; label {int(gone.argmax())} is missing. Name it.")
    found = scalars(cells)
    twice, times = Counter(found).most_common(1)[0] if found else (None, 0)
    if times > 1:
        raise ValueError(
            f"{argument} must be unique; {quoted(twice)} is a duplicate. To gather rows by label, use group=."
        )
    return tuple(found)


def label_cells(argument: str, labels: Any) -> Cells:
    """Labels as cells, axes (row,); TypeError for what is no list, and for what cannot be a label."""
    cells = cells_of(list(labels) if isinstance(labels, KeysView) else labels)
    if cells.ndim != 1:
        raise TypeError(f"{argument} must be a list of labels; it is {labels!r:.60} ({type(labels).__name__}).")
    for kind in _types(cells):
        if kind.__hash__ is None:
            raise TypeError(f"labels must be strings, numbers or tuples; {argument} holds a {kind.__name__}.")
    return cells


def scalars(cells: Cells) -> list[Any]:
    """Cells as Python scalars, where they are NumPy strings, numbers or booleans."""
    plain = cells.tolist()
    if not any(issubclass(kind, np.generic) for kind in set(map(type, plain))):
        return plain
    return [x.item() if isinstance(x, (np.str_, np.number, np.bool_)) else x for x in plain]


def index_of(data: Any) -> Cells | None:
    """The labels that a pandas object or a DataArray carries along its first axis."""
    if hasattr(data, "iloc"):
        return cells_of(data.index)
    dims = getattr(data, "dims", None)
    if isinstance(dims, tuple) and dims and dims[0] in data.coords:
        return cells_of(data.coords[dims[0]])
    return None


# --- cells by group -----------------------------------------------------------------------------


class Ragged(NamedTuple):
    """Cells by group, each group a list of them or one bare number; `numbers` and `place` go by cell."""

    argument: str
    labels: tuple[Label, ...]
    cells: Cells
    sizes: Int[np.ndarray, " group"]
    bare: Bool[np.ndarray, " group"]

    @property
    def starts(self) -> Int[np.ndarray, " group"]:
        return np.cumsum(self.sizes) - self.sizes

    @property
    def codes(self) -> Int[np.ndarray, " cell"]:
        return np.repeat(np.arange(len(self.labels)), self.sizes)

    def place(self, cell: int) -> str:
        code = int(np.searchsorted(self.starts, cell, side="right")) - 1
        name = f"{self.argument}[{quoted(self.labels[code])}]"
        return name if self.bare[code] else f"{name}[{cell - self.starts[code]}]"

    def numbers(self, remedy: str = "") -> Float[np.ndarray, " cell"]:
        return numbers_of(self.cells, self.place, remedy=remedy)


def ragged(argument: str, labels: tuple[Label, ...], entries: Any) -> Ragged:
    """One entry a label: a number or a list of numbers.

    >>> ragged("values", ("ENGLISH", "MATH"), [[-16, -15], 30]).place(1)
    'values["ENGLISH"][1]'
    """
    if isinstance(entries, np.ndarray) and entries.ndim == 1 and not is_nested(entries):
        ones = np.ones(len(entries), int)
        return Ragged(argument, labels, entries, ones, ones.astype(bool))
    parts = [cells_of(entry) for entry in entries]
    for label, part in zip(labels, parts, strict=True):
        if part.ndim > 1:
            raise ValueError(f"{argument}[{quoted(label)}] must be a list of numbers; its shape is {part.shape}.")
    cells = np.concatenate([np.atleast_1d(part) for part in parts]) if parts else np.empty(0)
    sizes = np.array([part.size for part in parts], int)
    return Ragged(argument, labels, cells, sizes, np.array([part.ndim == 0 for part in parts], bool))


# --- words for messages -------------------------------------------------------------------------


def quoted(label: Any) -> str:
    """A label as messages write it."""
    return f'"{label}"' if isinstance(label, str) else repr(label)


def known(what: str, labels: Iterable[Any], wanted: Any = None) -> str:
    """The labels there are, the first eight of them, and the one that was perhaps meant.

    >>> known("Groups", ["ENGLISH", "MATH"], "math")
    'Groups: "ENGLISH", "MATH". Did you mean "MATH"?'
    """
    labels = list(labels)
    more = f", ... ({len(labels)} in all)" if len(labels) > 8 else ""
    folded = {str(label).casefold(): label for label in labels}
    close = difflib.get_close_matches(str(wanted).casefold(), folded, n=1) if wanted is not None else []
    hint = f" Did you mean {quoted(folded[close[0]])}?" if close else ""
    return f"{what}: {', '.join(map(quoted, labels[:8]))}{more}.{hint}"
