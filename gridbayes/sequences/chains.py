"""The door for chains: outputs by step, with inputs where emissions need them, filled up to one length."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from gridbayes._types import Label
from gridbayes.tables import Ragged, cells_of, index_of, is_nested, quoted, ragged, unique_labels

__all__ = ["Chains", "read_chains"]


@dataclass(frozen=True, eq=False)
class Chains:
    """Outputs of chains side by side.

    Parameters
    ----------
    labels : of the chains. y : (chain, step), nan where a step is missing, and behind a chain's end.
    lengths : (chain,). x : inputs, (chain, step), 0 where y is nan; None where there are none.
    """

    labels: tuple[Label, ...]
    y: Float[np.ndarray, "chain step"]
    lengths: Int[np.ndarray, " chain"]
    x: Float[np.ndarray, "chain step"] | None

    @property
    def seen(self) -> Bool[np.ndarray, "chain step"]:
        """Where there is an output."""
        return ~np.isnan(self.y)

    @property
    def inside(self) -> Bool[np.ndarray, "chain step"]:
        """Where there is a step."""
        return np.arange(self.y.shape[1]) < self.lengths[:, None]

    @property
    def filled(self) -> Float[np.ndarray, "chain step"]:
        """y with 0 where it is missing: a number to compute with, and to leave out."""
        return np.nan_to_num(self.y, nan=0.0)

    def rows(self) -> tuple[Float[np.ndarray, " row"], Float[np.ndarray, " row"] | None]:
        """The outputs that there are, (row,), and their inputs."""
        return self.y[self.seen], None if self.x is None else self.x[self.seen]

    def place(self, chain: int, step: int) -> str:
        """A step as messages call it."""
        return f"y[{quoted(self.labels[chain])}][{step}]"


def read_chains(y: Any, x: Any = None) -> Chains:
    """Chains from a dict {label: numbers}, a list of lists, an array (chain, step), or the numbers of one chain, (step,).

    None and NaN are missing steps, at the end too. `x` has the form of `y`.

    >>> chains = read_chains([[1.0, None, 3.0], [4.0]])
    >>> chains.lengths.tolist(), chains.seen.tolist()
    ([3, 1], [[True, False, True], [True, False, False]])

    Raises
    ------
    TypeError, ValueError
        For what is no number or infinite, a chain of length 0, or inputs that do not fit: the step is named.
    """
    found = _ragged("y", y)
    if not len(found.labels):
        raise ValueError("y must have at least one chain; it is empty. Pass a list of numbers a chain.")
    if (found.sizes == 0).any():
        label = found.labels[int(np.argmin(found.sizes))]
        raise ValueError(f"y must have a step in every chain; y[{quoted(label)}] has length 0. Leave the chain out.")
    values = _finite(found)
    outputs = _filled(found, values, np.nan)
    inputs = None if x is None else _inputs(found, values, x)
    return Chains(found.labels, outputs, found.sizes, inputs)


def _ragged(argument: str, data: Any) -> Ragged:
    """Numbers by chain."""
    if isinstance(data, Mapping):
        return ragged(argument, unique_labels(argument, data.keys()), list(data.values()))
    cells = cells_of(data)
    if cells.ndim not in (1, 2):
        raise ValueError(f"{argument} must have axes (chain, step) or (step,); its shape is {cells.shape}.")
    if cells.ndim == 1 and not is_nested(cells):
        return ragged(argument, (0,), [cells])
    labels = range(len(cells)) if (index := index_of(data)) is None else index
    return ragged(argument, unique_labels("chains", list(labels)), list(cells))


def _finite(found: Ragged) -> Float[np.ndarray, " cell"]:
    """The numbers, none of them infinite."""
    values = found.numbers()
    if (infinite := np.isinf(values)).any():
        at = int(infinite.argmax())
        raise ValueError(
            f"{found.argument} must be finite; {found.place(at)} is {values[at]}. Mark a missing step NaN."
        )
    return values


def _filled(found: Ragged, values: Float[np.ndarray, " cell"], end: float) -> Float[np.ndarray, "chain step"]:
    """Numbers by chain and step, `end` behind the end of a chain."""
    table = np.full((len(found.sizes), int(found.sizes.max())), end)
    table[np.arange(table.shape[1]) < found.sizes[:, None]] = values
    return table


def _inputs(outputs: Ragged, y: Float[np.ndarray, " cell"], x: Any) -> Float[np.ndarray, "chain step"]:
    """Inputs, (chain, step), known wherever there is an output."""
    found = _ragged("x", x)
    if found.labels != outputs.labels or (found.sizes != outputs.sizes).any():
        lengths = [dict(zip(each.labels, each.sizes.tolist(), strict=True)) for each in (found, outputs)]
        raise ValueError(
            f"x must have the chains and steps of y; its lengths are {lengths[0]}, those of y {lengths[1]}."
        )
    values = _finite(found)
    if (lacking := np.isnan(values) & ~np.isnan(y)).any():
        place = found.place(int(lacking.argmax()))
        raise ValueError(f"x must be known wherever y is; {place} is missing. Mark that step of y NaN too.")
    return _filled(found, np.where(np.isnan(y), 0.0, values), 0.0)
