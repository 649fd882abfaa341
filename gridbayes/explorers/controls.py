"""What a hand can move: sliders, choices, switches and tables of data, as plain data, and the values that they take.

A state is a value for each control, by name. `read` makes any input a value, or says in one sentence what is wrong with it.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

__all__ = [
    "Choice",
    "Control",
    "Slider",
    "State",
    "Switch",
    "Table",
    "data_table",
    "decade_of",
    "numbers_of",
    "start_of",
    "state_of",
    "text_of",
]

type State = Mapping[str, Any]  # the value of each control; read-only

LARGEST = 1e12  # of a value in a table: sums of squares keep their digits
BEYOND = 1e3  # a number may be typed so many times beyond the ends of a logarithmic slider
TEXT = 4000  # characters of a cell of a table


@dataclass(frozen=True)
class Slider:
    """A number from `low` to `high`.

    Parameters
    ----------
    label : what it is, for people.
    start : where it stands at first.
    log : whether equal steps of the hand are equal ratios; then numbers beyond the ends may be typed.
    whole : whether it takes whole numbers only.
    more : whether it is out of sight at first.
    """

    name: str
    label: str
    low: float
    high: float
    start: float
    log: bool = False
    whole: bool = False
    more: bool = False

    def read(self, value: Any) -> float:
        number = _number(self.name, value)
        low, high = (self.low / BEYOND, self.high * BEYOND) if self.log else (self.low, self.high)
        if not low <= number <= high:
            raise ValueError(
                f"{self.name} must be from {low:g} to {high:g}; {self.name} is {number:g}. Move it within."
            )
        if self.whole and number != int(number):
            raise ValueError(f"{self.name} must be a whole number; {self.name} is {number:g}. Try {round(number)}.")
        return int(number) if self.whole else number

    def positions(self, count: int) -> list[float]:
        """`count` values from one end to the other, as the hand spaces them; of a whole number no more than there are."""
        if self.whole:
            span = int(self.high - self.low) + 1
            return [int(x) for x in np.linspace(self.low, self.high, min(count, span)).round()]
        space = np.geomspace if self.log else np.linspace
        return [float(f"{x:.4g}") for x in space(self.low, self.high, count)]


@dataclass(frozen=True)
class Choice:
    """One of some names."""

    name: str
    label: str
    options: tuple[str, ...]
    start: str
    more: bool = False

    def read(self, value: Any) -> str:
        if value not in self.options:
            raise ValueError(f"{self.name} must be one of {', '.join(self.options)}; {self.name} is {value!r}.")
        return value


@dataclass(frozen=True)
class Switch:
    """On or off."""

    name: str
    label: str
    start: bool = False
    more: bool = False

    def read(self, value: Any) -> bool:
        if value not in (True, False):
            raise ValueError(f"{self.name} must be True or False; {self.name} is {value!r}.")
        return bool(value)


@dataclass(frozen=True)
class Table:
    """Numbers by group; a group may have none.

    Parameters
    ----------
    least : how many numbers there must be in all; a table that may be empty has no groups without any.
    positive : whether all must be above 0.
    fixed : whether no group can be added, and each has as many numbers as any other.
    """

    name: str
    label: str
    start: Mapping[str, Any]
    least: int = 1
    positive: bool = False
    fixed: bool = False
    more: bool = False

    def read(self, value: Any) -> Mapping[str, tuple[float, ...]]:
        if not isinstance(value, Mapping):
            raise TypeError(f"{self.name} must be numbers by group; {self.name} is {value!r}. Pass a dict of lists.")
        table = {str(group): numbers_of(self.name, group, cell) for group, cell in value.items()}
        table = {group: cell for group, cell in table.items() if cell or self.least}
        count = sum(map(len, table.values()))
        if count < self.least:
            raise ValueError(
                f"{self.name} must hold at least {self.least} values; {count} are left. Type some numbers."
            )
        if self.fixed and (set(table) != set(self.start) or len(set(map(len, table.values()))) > 1):
            counts = ", ".join(f"{len(cell)} of {group}" for group, cell in table.items())
            raise ValueError(f"{self.name} must hold equally many of {' and '.join(self.start)}; there are {counts}.")
        low = min((x for cell in table.values() for x in cell), default=1.0)
        if self.positive and low <= 0:
            raise ValueError(f"{self.name} must be positive; {low:g} is among them. Type numbers above 0.")
        return MappingProxyType(table)


type Control = Slider | Choice | Switch | Table


def data_table(label: str, data: Mapping[str, object], fixed: bool = False) -> Table:
    """The table `data`, whose values are read: numbers, or text."""
    return Table("data", label, Table("data", label, {}).read(data), fixed=fixed)


def start_of(controls: tuple[Control, ...]) -> State:
    """The state in which all controls stand as they did at first."""
    return MappingProxyType({control.name: control.read(control.start) for control in controls})


def state_of(controls: tuple[Control, ...], state: State, changes: Mapping[str, Any]) -> State:
    """The state with some controls moved. ValueError or TypeError when a value is none, or a control is not there."""
    known = {control.name: control for control in controls}
    for name in changes:
        if name not in known:
            raise ValueError(f"no control {name!r} here; there are {', '.join(known)}.")
    return MappingProxyType({**state, **{name: known[name].read(value) for name, value in changes.items()}})


def numbers_of(name: str, group: object, cell: Any) -> tuple[float, ...]:
    """The numbers of one group: a sequence, or text with spaces, commas or semicolons between them.

    >>> numbers_of("data", "MATH", "30; 28.5")
    (30.0, 28.5)
    """
    if isinstance(cell, str):
        cell = [part for part in re.split(r"[\s,;]+", cell[:TEXT]) if part]
    elif not isinstance(cell, (list, tuple, np.ndarray)):
        cell = [cell]
    numbers = tuple(_number(f"{name}[{group}]", part) for part in cell)
    large = [x for x in numbers if abs(x) > LARGEST]
    if large:
        rule = f"{name}[{group}] must be between -{LARGEST:g} and {LARGEST:g}"
        raise ValueError(f"{rule}; {large[0]:g} is among them. Change the unit of the data.")
    return numbers


def decade_of(table: Mapping[str, tuple[float, ...]]) -> float:
    """The power of ten below the range of all values of a table and 0: what sliders begin from."""
    values = [0.0, *(x for cell in table.values() for x in cell)]
    return 10.0 ** math.floor(math.log10(max(values) - min(values) or 1.0))


def text_of(numbers: tuple[float, ...]) -> str:
    """Numbers as `numbers_of` reads them."""
    return ", ".join(f"{x:.15g}" for x in numbers)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        shown = repr(value) if len(repr(value)) <= 40 else f"{repr(value)[:37]}..."
        raise ValueError(f"{name} must be a number; {name} is {shown}. Type digits, as 2.5.") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number; {name} is {number}. Type digits, as 2.5.")
    return number
