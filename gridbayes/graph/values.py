"""The values of a node: a grid, numbers, or labels; inside they are numbers, those of labels being 0, 1, 2, ..."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from gridbayes._types import Floats
from gridbayes.grids import Grid
from gridbayes.memos.domains import Domain

__all__ = ["as_written", "domain_of", "ends", "numbers_of", "places", "shown"]

NEAR = 1e-9  # of the distance between neighbours: as close as a value must be to a node to be it


def domain_of(name: str, values: object) -> Domain:
    """The values of node `name`: a Grid, or increasing floats, of a continuous one; increasing integers, booleans, an Enum
    or texts of a discrete one.

    Raises
    ------
    TypeError, ValueError
        When they are none of these, fewer than two, or not increasing.
    """
    if isinstance(values, Sequence) and len(values) and all(isinstance(value, str) for value in values):
        labels = tuple(str(value) for value in values)
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise ValueError(f"the values of {name} must be two different texts or more; they are {list(labels)}.")
        return Domain(name, labels, labels, np.arange(len(labels)), labels=labels)
    if isinstance(values, Grid):
        return Domain.of(name, values)
    try:
        domain = Domain.of(name, values)
        Grid(domain.numbers.astype(float))
    except (TypeError, ValueError) as error:
        rule = "a Grid, increasing numbers, or texts"
        raise type(error)(f"the values of {name} must be {rule}; they are {values!r}. {_first(error)}") from None
    return domain


def _first(error: Exception) -> str:
    """What was wrong, but for the remedies of calls with grids=."""
    return "Pass for example gb.trapezoid(-5, 5, 101)." if isinstance(error, TypeError) else str(error)


def ends(domain: Domain) -> tuple[float, float]:
    """The lowest and the highest value that a node can have."""
    knots = domain.nodes.edges if len(domain.nodes.edges) else domain.nodes.nodes
    return float(knots[0]), float(knots[-1])


def numbers_of(domain: Domain, values: Any, between: bool) -> Floats:
    """Values as the user writes them, one or a row of them, as numbers, () or (row,).

    Parameters
    ----------
    between : whether a value may lie between two nodes.

    Raises
    ------
    TypeError, ValueError
        When a value is not the node's.
    """
    known = {label: float(number) for label, number in zip(domain.labels, domain.numbers, strict=False)}
    rows = np.ndim(values) == 1
    try:
        found = np.array([known[v] if isinstance(v, str) else float(v) for v in (values if rows else [values])])
    except KeyError as error:
        raise ValueError(f"{domain.name} has no value {error}; its values are {shown(domain)}.") from None
    except (TypeError, ValueError):
        raise TypeError(f"{domain.name} must be a number, a text or a list of them; it is {values!r}.") from None
    if rows and not len(found):
        raise ValueError(f"{domain.name} must have a row at least; it is {values!r}. Leave out what is not observed.")
    low, high = ends(domain)
    if (outside := ~((found >= low) & (found <= high))).any():
        raise ValueError(
            f"{domain.name} must lie on its grid, from {low:g} to {high:g}; it is {found[outside][0]:g}. Widen the grid."
        )
    if not between:
        places(domain, found)
    return found if rows else np.asarray(found[0])


def places(domain: Domain, numbers: Floats) -> Int[np.ndarray, "..."]:
    """The index of the node that each number is.

    Raises
    ------
    ValueError
        When one lies between two nodes.
    """
    nodes = domain.nodes.nodes
    right = np.clip(np.searchsorted(nodes, numbers), 1, len(nodes) - 1)
    found = np.where(numbers - nodes[right - 1] < nodes[right] - numbers, right - 1, right)
    if (apart := np.abs(nodes[found] - numbers) > NEAR * (nodes[right] - nodes[right - 1])).any():
        at, place = np.ravel(numbers)[np.argmax(apart)], int(np.ravel(right)[np.argmax(apart)])
        raise ValueError(
            f"{domain.name} must be one of its values: of points no other is possible, and a table says nothing between "
            f"them; it is {at:g}, between {nodes[place - 1]:g} and {nodes[place]:g}. Pass one of these, or give "
            f"{domain.name} a grid with weights, as gb.trapezoid, and a density."
        )
    return found


def as_written(domain: Domain, numbers: Floats) -> np.ndarray:
    """Numbers as the functions of the user take them: texts, or numbers of the type in which the values were given."""
    if isinstance(domain.values, tuple):
        return np.asarray(np.array(domain.labels)[numbers.astype(int)])
    return numbers if domain.numbers.dtype.kind == "f" else numbers.astype(domain.numbers.dtype)


def shown(domain: Domain, number: object = None) -> str:
    """A value, or all of them, as text."""
    if number is None:
        return ", ".join(domain.labels) if domain.labels else repr(domain.nodes)
    written = as_written(domain, np.asarray(number, float))
    if written.ndim:
        return ", ".join(shown(domain, value) for value in np.asarray(number))
    return str(written) if written.dtype.kind in "Ub" else f"{written:.4g}"
