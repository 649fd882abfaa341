"""From the columns of a CSV file to the data of a model: what `gridbayes fit` and `gridbayes explore` are asked."""

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from gridbayes.csvfile import CsvTable, is_number, read_csv
from gridbayes.terminal import say

if TYPE_CHECKING:
    from gridbayes.observations import Observations
    from gridbayes.priors import Prior

__all__ = ["Question", "add_columns", "question_of"]


@dataclass(frozen=True)
class Question:
    """The data part of a call: what `gridbayes.observe` takes; `sigma` may also be a prior, or not stated."""

    columns: Mapping[str, object]
    value: str
    labels: dict[str, object]  # `group`, a column, or `groups`, a list
    sigma: object

    @property
    def data(self) -> dict[str, Any]:
        return {"data": self.columns, "value": self.value, **self.labels}

    @cached_property
    def observed(self) -> "Observations":
        from gridbayes.observations import observe

        return observe(**self.data, sigma=None if hasattr(self.sigma, "logpdf") else self.sigma)


def question_of(path: str, arguments: argparse.Namespace) -> Question:
    """The question that the file and the options of `add_columns` pose.

    Raises
    ------
    OSError, ValueError
        Where the file cannot be read, or options and columns do not go together.
    """
    table = read_csv(path, arguments.delimiter)
    return _effects(table, arguments) if arguments.effect else _measurements(table, arguments)


def add_columns(group: Any) -> None:
    """The options that name columns."""
    sigma = "standard deviation of a measurement: known, or a prior to learn one a group"
    group.add_argument("--value", metavar="COLUMN", help="measurements, a row each")
    group.add_argument("--group", metavar="COLUMN", help="the group of each row")
    group.add_argument("--effect", metavar="COLUMN", help="estimates, a row a group; needs --se")
    group.add_argument("--se", metavar="COLUMN", help="their standard errors")
    group.add_argument("--sigma", metavar="NUMBER|COLUMN|PRIOR", help=sigma)
    group.add_argument("--delimiter", help='between cells, or "tab"; by default what the header shows')


def _measurements(table: CsvTable, arguments: argparse.Namespace) -> Question:
    """One row a measurement: value, group, and sigma from wherever it comes."""
    if arguments.se:
        raise ValueError("--se goes with --effect. For measurements, name the column in --sigma.")
    value, group = _value_and_group(table, arguments)
    values, labels = table.numbers(value), table.labels(group)
    for row, label in enumerate(labels):
        if label is None and not math.isnan(values[row]):
            raise table.error(row, group, f"the value {values[row]:g} has no group. Name its group, or empty it.")
    columns: dict[str, object] = {value: values, group: labels}
    sigma = _sigma(table, arguments.sigma)
    if isinstance(sigma, str):
        columns[sigma] = _standard_errors(table, sigma, values)
    _mention_missing(value, values)
    return Question(columns, value, {"group": group}, sigma)


def _effects(table: CsvTable, arguments: argparse.Namespace) -> Question:
    """One row a group: an estimate with its standard error; groups are numbered where they have no labels."""
    if arguments.value:
        raise ValueError("--effect and --value exclude one another. Pass --effect for one row a group.")
    if not arguments.se:
        raise ValueError(f"--effect needs --se, the column of standard errors. {table.known()}")
    if arguments.sigma:
        raise ValueError("--se states the standard errors; leave out --sigma.")
    effects = table.numbers(arguments.effect)
    errors = _standard_errors(table, arguments.se, effects)
    labels = _own_labels(table, arguments.group) if arguments.group else range(1, len(effects) + 1)
    _mention_missing(arguments.effect, effects)
    columns = {arguments.effect: effects, arguments.se: errors}
    return Question(columns, arguments.effect, {"groups": list(labels)}, arguments.se)


def _value_and_group(table: CsvTable, arguments: argparse.Namespace) -> tuple[str, str]:
    if arguments.value and arguments.group:
        return arguments.value, arguments.group
    if arguments.value or arguments.group:
        missing = "--group" if arguments.value else "--value"
        raise ValueError(f"{missing} is missing. {table.known()}")
    value, group = _only_columns(table, arguments.sigma)
    say("note", f'using --value "{value}" --group "{group}"')
    return value, group


def _only_columns(table: CsvTable, sigma: str | None) -> tuple[str, str]:
    """The one column of numbers and the one other, where the file has no more."""
    named = [column for column in table.columns if column and column != sigma]
    numeric = [column for column in named if table.is_numeric(column)]
    headless = any(is_number(column) for column in named)
    if len(named) != 2 or len(numeric) != 1 or headless:
        hint = " Is the header missing?" if headless else ""
        raise ValueError(f"pass --value and --group, or --effect and --se. {table.known()}{hint}")
    return numeric[0], next(column for column in named if column != numeric[0])


def _sigma(table: CsvTable, text: str | None) -> "float | str | Prior | None":
    """A number, the name of a column, a prior, or nothing."""
    from gridbayes.priors import parse_prior

    if text is None:
        return None
    if is_number(text):
        return float(text)
    if text in table.columns:
        return text
    try:
        return parse_prior(text)
    except ValueError as error:
        raise ValueError(
            f'--sigma "{text}" is no number, no column and no prior. {table.known(text)} {error}'
        ) from None


def _standard_errors(table: CsvTable, column: str, values: Float[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
    """A column of standard deviations, positive wherever there is a value."""
    errors = table.numbers(column)
    bad = ~(errors > 0) & ~np.isnan(values)
    if bad.any():
        row = int(bad.argmax())
        found = "is missing" if math.isnan(errors[row]) else f"is {errors[row]:g}"
        raise table.error(
            row, column, f"a standard error must be positive; it {found}. Fill it in, or empty the value."
        )
    return errors


def _own_labels(table: CsvTable, column: str) -> list[str]:
    """The labels of a column, each of them there and there once."""
    first: dict[str, int] = {}
    for row, label in enumerate(table.labels(column)):
        if label is None:
            raise table.error(row, column, "the group has no name. Name it, or leave out --group.")
        if label in first:
            raise table.error(
                row,
                column,
                f'"{label}" is in line {table.lines[first[label]]} too; with --effect each row is a group. '
                "Rename it, or pass --value and --sigma in place of --effect and --se.",
            )
        first[label] = row
    return list(first)


def _mention_missing(column: str, values: Float[np.ndarray, " row"]) -> None:
    missing = int(np.isnan(values).sum())
    if missing:
        say("note", f'{missing} of {len(values)} rows have no "{column}" and are left out')
