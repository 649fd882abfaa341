"""The one door for regressions: anything becomes an output y and a matrix of inputs x, row by row.

Inputs are one array, a matrix, a table, or names of columns of a table. A row in which anything is missing is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from gridbayes._types import Label, PerRow
from gridbayes.tables import Table, cells_of, numbers_of, open_table, quoted, unique_labels

__all__ = [
    "Inputs",
    "Rows",
    "column_of",
    "counts_of",
    "design_of",
    "errors_of",
    "ordered",
    "read_inputs",
    "read_rows",
    "table_of",
]


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a row's output is explained by.

    Parameters
    ----------
    x : (row, input).
    labels : of the inputs; none where there is one, that needs no name.
    """

    x: Float[np.ndarray, "row input"]
    labels: tuple[Label, ...] | None


@dataclass(frozen=True, eq=False)
class Rows:
    """Complete rows of a regression.

    Parameters
    ----------
    inputs : x of each row.
    y : its output.
    known : its known error, exposure or number of trials; None where there is none.
    """

    inputs: Inputs
    y: PerRow
    known: PerRow | None


def read_rows(x: Any, y: Any, data: Any = None, known: Any = None, argument: str = "errors") -> Rows:
    """The rows of a call; `argument` names `known` in messages.

    Raises
    ------
    TypeError, ValueError
        When something is no number, not finite, or of another length; the message names the argument and the row.
    """
    table = None if data is None else table_of(data)
    inputs, output = read_inputs(x, data), column_of("y", y, table)
    others = [] if known is None else [column_of(argument, known, table, len(output))]
    for name, column in [("x", inputs.x), *((argument, other) for other in others)]:
        if len(column) != len(output):
            raise ValueError(f"{name} must have one entry a row; it has {len(column)}, y has {len(output)}.")
    present = ~np.isnan(np.column_stack([inputs.x, output, *others])).any(axis=1)
    if not present.any():
        raise ValueError("no row is complete: y, or an input, is missing in every row.")
    return Rows(Inputs(inputs.x[present], inputs.labels), output[present], others[0][present] if others else None)


def read_inputs(x: Any, data: Any = None, argument: str = "x") -> Inputs:
    """The inputs of a call, nan where one is missing; `argument` names them in messages."""
    table = open_table(x) if data is None else table_of(data)
    if isinstance(x, str):
        return Inputs(column_of(argument, x, table)[:, None], None)
    if table is None:
        return _matrix(x, argument)
    names = unique_labels(argument, list(table.names if data is None else x))
    return Inputs(np.stack([column_of(argument, name, table) for name in names], axis=1), names)


def design_of(x: Any, data: Any, wanted: Sequence[Label], argument: str = "x") -> Float[np.ndarray, "row input"]:
    """The inputs of new rows in the order of `wanted`, their labels; ValueError where one is not there, or missing."""
    columns = ordered(read_inputs(x, data, argument), wanted, argument)
    if np.isnan(columns).any():
        raise ValueError(
            f"{argument} must be complete; row {int(np.argmax(np.isnan(columns).any(axis=1)))} misses an input."
        )
    return columns


def ordered(inputs: Inputs, wanted: Sequence[Label], argument: str = "x") -> Float[np.ndarray, "row input"]:
    """The columns of the inputs in the order of `wanted`, their labels; ValueError where one is not there."""
    columns = inputs.x
    if inputs.labels is not None and None not in wanted:  # a slope without a label takes any one column
        absent = [label for label in wanted if label not in inputs.labels]
        if absent:
            raise ValueError(
                f"{argument} must have the inputs {list(wanted)}; {absent[0]!r} is not among {list(inputs.labels)}."
            )
        columns = columns[:, [inputs.labels.index(label) for label in wanted]]
    if columns.shape[1] != len(wanted):
        raise ValueError(f"{argument} must have {len(wanted)} inputs a row; it has {columns.shape[1]}.")
    return columns


def errors_of(rows: Rows) -> PerRow:
    """The known standard errors of the rows, 1 where none are; ValueError where one is not positive."""
    if rows.known is None:
        return np.ones(len(rows.y))
    if not (rows.known > 0).all():
        row = int(np.argmin(rows.known > 0))
        raise ValueError(f"errors must be positive; errors[{row}] is {rows.known[row]:g}. Pass standard errors.")
    return rows.known


def _matrix(x: Any, argument: str) -> Inputs:
    cells = cells_of(np.asarray(x) if not isinstance(x, np.ma.MaskedArray) else x)
    if cells.ndim not in (1, 2):
        raise ValueError(f"{argument} must have axes (row,) or (row, input); its shape is {cells.shape}.")
    numbers = _numbers(argument, cells.ravel()).reshape(cells.shape)
    if cells.ndim == 1:
        return Inputs(numbers[:, None], None)
    return Inputs(numbers, tuple(range(cells.shape[1])))


def table_of(data: Any) -> Table:
    """`data` as a table; TypeError where it is none."""
    table = open_table(data)
    if table is None:
        raise TypeError(
            f"data must be a table with named columns; it is a {type(data).__name__}. Pass x and y as arrays."
        )
    return table


def column_of(argument: str, column: Any, table: Table | None, rows: int | None = None) -> PerRow:
    """One number a row, of a column's name or of the numbers themselves; one number alone stands for all `rows`."""
    if isinstance(column, str) or (table is not None and not hasattr(column, "__len__") and column in table.names):
        if table is None:
            raise TypeError(f"{argument} is {column!r}, a column's name; pass the table that it is in as data=.")
        return _numbers(f"column {quoted(column)}", table.column(argument, column))
    cells = cells_of(column)
    if cells.ndim == 0 and rows is not None:
        cells = np.repeat(cells, rows)
    if cells.ndim != 1:
        raise ValueError(f"{argument} must have axes (row,); its shape is {cells.shape}.")
    return _numbers(argument, cells)


def _numbers(what: str, cells: np.ndarray) -> np.ndarray:
    numbers = numbers_of(cells, lambda at: f"{what}[{at}]", booleans=True)
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        raise ValueError(
            f"{what} must be finite; {what}[{infinite[0]}] is {numbers[infinite[0]]}. Mark it missing: NaN."
        )
    return numbers


def counts_of(y: PerRow) -> None:
    """ValueError where y is no count."""
    whole = (y >= 0) & (y == np.floor(y))
    if not whole.all():
        row = int(np.argmin(whole))
        raise ValueError(f"y must be counts: whole numbers from 0; y[{row}] is {y[row]:g}.")
