"""CSV files as spreadsheets write them. Every cell keeps its line and column, so that an error can say where.

A line is numbered as a spreadsheet numbers its rows: blank lines count, line breaks inside a cell do not.
"""

import codecs
import csv
import difflib
import io
import math
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

__all__ = ["CsvTable", "is_number", "parse_csv", "read_csv"]

MISSING = frozenset(("", "na", "n/a", "#n/a", "nan", "null"))  # in any case, with spaces around
# float() would also take 1_000, inf and digits of other scripts
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
DELIMITERS = (",", ";", "\t")
BLANK = " \xa0,;\t\r\n"  # what a line without a cell is made of
# the csv module forgives spaces before a quote, not after one
AFTER_QUOTE = re.compile(r'"[ \xa0]+(?=[,;\t\r\n]|\Z)')


@dataclass(frozen=True, eq=False)
class CsvTable:
    """Cells as text, by row and column.

    Parameters
    ----------
    name : of the file, for messages.
    columns : names of the columns; "" where the header has none.
    rows : (row, column) cells, as they stand in the file; blank lines are left out.
    lines : (row,) the line of each row.
    decimal_comma : whether 1,5 is a number.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]
    decimal_comma: bool

    def numbers(self, column: str) -> Float[np.ndarray, " row"]:
        """The numbers of a column, nan where a cell is missing; ValueError at the first that is neither."""
        cells = self._cells(column)
        numbers = np.empty(len(cells))
        for row, cell in enumerate(cells):
            try:
                numbers[row] = _number(cell, self.decimal_comma)
            except ValueError as error:
                raise self.error(row, column, str(error)) from None
        if self.decimal_comma:
            self._check_decimals(column, cells)
        return numbers

    def labels(self, column: str) -> list[str | None]:
        """The labels of a column, (row,), without the spaces around them; None where a cell is missing."""
        return [None if is_missing(cell) else cell.strip() for cell in self._cells(column)]

    def is_numeric(self, column: str) -> bool:
        """Whether every cell that is not missing is a number, and one is there."""
        try:
            return not np.isnan(self.numbers(column)).all()
        except ValueError:
            return False

    def error(self, row: int, column: str, problem: str) -> ValueError:
        """An error that says where: file, line, column."""
        return ValueError(f'{self.name}, line {self.lines[row]}, column "{column}": {problem}')

    def _cells(self, column: str) -> list[str]:
        if not column or column not in self.columns:
            raise ValueError(f'{self.name} has no column "{column}". {self.known(column)}')
        at = self.columns.index(column)
        return [row[at] for row in self.rows]

    def known(self, wanted: str = "") -> str:
        """The columns there are, and the one that was perhaps meant."""
        named = [column for column in self.columns if column]
        folded = {column.casefold(): column for column in named}
        close = difflib.get_close_matches(wanted.casefold(), folded, n=1)
        listed = ", ".join(f'"{column}"' for column in named[:20]) + (", ..." if len(named) > 20 else "")
        return f"Its columns are {listed}." + (f' Did you mean "{folded[close[0]]}"?' if close else "")

    def _check_decimals(self, column: str, cells: Sequence[str]) -> None:
        """1.500 beside 2,5 is fifteen hundred to some and one and a half to others."""
        commas, points = ([row for row, cell in enumerate(cells) if mark in cell] for mark in ",.")
        if commas and points:
            raise self.error(
                points[0],
                column,
                f'"{cells[points[0]].strip()}" has a decimal point, and "{cells[commas[0]].strip()}" in line '
                f"{self.lines[commas[0]]} a decimal comma. Write all one way, without thousands separators.",
            )


def read_csv(path: str, delimiter: str | None = None) -> CsvTable:
    """The table in a file, or in standard input where `path` is "-".

    The first line that is not blank names the columns. UTF-8, or UTF-16 with a byte order mark. Without
    `delimiter` it is the one of comma, semicolon and tab that splits the header most. With semicolons, 1,5 is
    a number.

    Raises
    ------
    OSError
        When the file is not there, is a folder or cannot be read.
    ValueError
        When it is not text, is empty, has no rows, two columns of one name, or a row longer than its header.
    """
    name = "standard input" if path == "-" else Path(path).name
    return parse_csv(_decoded(_bytes(path), name), name, delimiter)


def parse_csv(text: str, name: str = "data", delimiter: str | None = None) -> CsvTable:
    r"""The table in a text; see `read_csv`.

    >>> table = parse_csv("department;minutes\r\nMATH;30,5\r\nENGLISH;\r\n")
    >>> table.labels("department"), table.numbers("minutes").tolist()
    (['MATH', 'ENGLISH'], [30.5, nan])
    """
    text = AFTER_QUOTE.sub('"', text)
    delimiter = _sniffed(text) if delimiter is None else _checked_delimiter(delimiter)
    records = _records(text, name, delimiter)
    lines = [line for line, record in enumerate(records, 1) if any(map(str.strip, record))]
    if not lines:
        raise ValueError(f"{name} is empty. Pass a file with a header and a row for each value.")
    header, *rows = (records[line - 1] for line in lines)
    columns = _columns(header, f"{name}, line {lines[0]}")
    if not rows:
        raise ValueError(f"{name} has a header and no rows. Pass a row for each value.")
    table = CsvTable(name, columns, rows, lines[1:], delimiter == ";")
    _fit_rows(table, rows)
    return table


def is_missing(cell: str) -> bool:
    """Whether a cell stands for a missing value: empty, NA, N/A, #N/A, NaN or null.

    >>> is_missing(" Na "), is_missing("0")
    (True, False)
    """
    return cell.strip().casefold() in MISSING


# From bytes to records


def is_number(text: str) -> bool:
    """Whether a word of the command line is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _bytes(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: no such file, seen from {Path.cwd()}.")
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a folder. Name a CSV file in it.")
    return Path(path).read_bytes()


def _decoded(data: bytes, name: str) -> str:
    if data.startswith(b"PK\x03\x04"):
        raise ValueError(f"{name} is a workbook or another zip archive, not text. Save it as CSV (UTF-8).")
    encoding = "UTF-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "UTF-8"
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{name} is not {encoding} text: byte {data[error.start]:#04x} in line {line}. Save it as CSV (UTF-8)."
        ) from None
    if "\0" in text:
        raise ValueError(f"{name} is a binary file, not text: it holds zero bytes. Save it as CSV (UTF-8).")
    return text


def _reader(text: str, delimiter: str):
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)


def _records(text: str, name: str, delimiter: str) -> list[list[str]]:
    records: list[list[str]] = []
    try:
        records.extend(_reader(text, delimiter))
    except csv.Error as error:
        raise ValueError(
            f"{name}, line {len(records) + 1}: {error}. Close every quote; double one inside a quoted cell."
        ) from None
    return records


def _sniffed(text: str) -> str:
    """The delimiter that splits the header into most columns; the comma where they are equal."""
    return max(DELIMITERS, key=lambda delimiter: _width(text, delimiter))


def _width(text: str, delimiter: str) -> int:
    try:
        return next((len(record) for record in _reader(text, delimiter) if "".join(record).strip(BLANK)), 0)
    except csv.Error:
        return 0


def _checked_delimiter(delimiter: str) -> str:
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError(f'the delimiter must be one character; it is {delimiter!r}. Write "," or ";" or "tab".')
    return delimiter


# From records to a table


def _columns(header: list[str], place: str) -> tuple[str, ...]:
    names = [name.strip() for name in header]
    while not names[-1]:
        names.pop()
    twice, times = Counter(filter(None, names)).most_common(1)[0]
    if times > 1:
        raise ValueError(f'{place}: {times} columns are named "{twice}". Rename them.')
    return tuple(names)


def _fit_rows(table: CsvTable, rows: list[list[str]]) -> None:
    """Fill short rows up with empty cells; what stands beyond the last named column must be empty."""
    width = len(table.columns)
    lengths = np.fromiter(map(len, rows), int, len(rows))
    for row in np.flatnonzero(lengths > width).tolist():
        if any(map(str.strip, rows[row][width:])):
            raise ValueError(
                f"{table.name}, line {table.lines[row]}: {lengths[row]} cells under {width} columns. "
                "Quote cells that hold the delimiter, or name the column."
            )
    for row in np.flatnonzero(lengths < width).tolist():
        rows[row].extend([""] * (width - lengths[row]))


def _number(cell: str, decimal_comma: bool) -> float:
    """The number in a cell, nan where it is missing; ValueError says what is wrong and what to write."""
    text = cell.strip()
    if text.casefold() in MISSING:
        return math.nan
    plain = text.replace(",", ".") if decimal_comma else text
    if not NUMBER.fullmatch(plain):
        raise ValueError(f'"{_short(text)}" is not a number. {_remedy(text, decimal_comma)}')
    number = float(plain)
    if math.isinf(number):
        raise ValueError(f'"{_short(text)}" is too large. Numbers end at 1.8e308.')
    return number


def _remedy(text: str, decimal_comma: bool) -> str:
    if NUMBER.fullmatch(text.replace(",", "").replace(".", "").replace(" ", "")):
        example = "1234.5 or 1234,5" if decimal_comma else "1234.5"
        return f"Write numbers like {example}, without thousands separators."
    return "Where a value is missing, leave the cell empty or write NA."


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
