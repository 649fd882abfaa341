"""What a story says of a node given its parents, in three forms with one question: the log density at any values.

    gb.Normal(0, 1)                                   a distribution, of a node without parents
    lambda th1: gb.Normal(th1, 1)                     a function of the parents that returns a distribution,
    lambda rain: {"wet": 0.9, "dry": 0.1} if rain ... or the probabilities of the node's values
    lambda th2, th1: norm.logpdf(th2, th1, 1)         a function of the node and its parents: a log density, of arrays
    xarray.DataArray(p, dims=("rain", "grass"))       a table that sums to 1 over the node

Whichever it is, a node normalises it over its grid (node.py).
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from gridbayes._types import Floats
from gridbayes.graph.values import as_written, places, shown
from gridbayes.memos.domains import Domain

__all__ = ["Rule", "rule_of"]

ONE = 1e-9  # as close to 1 as probabilities must sum

type Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Rule(ABC):
    """What is said of a node given its parents.

    Parameters
    ----------
    domain, parents : the values of the node, and of its parents in the order of the rule.
    """

    domain: Domain
    parents: tuple[Domain, ...]

    @property
    @abstractmethod
    def tabular(self) -> bool:
        """Whether it knows probabilities of the nodes alone, and nothing between them."""

    @property
    def normalised(self) -> bool:
        """Whether its densities integrate to 1, so that what they lack on a grid lies beyond it."""
        return False

    @abstractmethod
    def log_density(self, own: Floats, given: tuple[Floats, ...], shape: Shape) -> Floats:
        """log p(own | given), (*shape, value), per unit of the grid's weights; up to a constant for each `given`.

        Parameters
        ----------
        own : numbers of the node, broadcastable to (*shape, value).
        given : numbers of each parent, broadcastable to `shape`.
        """


def rule_of(domain: Domain, density: Any, known: Mapping[str, Domain]) -> tuple[tuple[str, ...], Rule]:
    """The parents' names, and the rule, of what a user wrote as the density of a node.

    Parameters
    ----------
    known : the nodes that are in the story already.

    Raises
    ------
    TypeError, ValueError
        When it is none of the forms, or asks for a node that is not in the story.
    """
    if hasattr(density, "dims") and hasattr(density, "coords"):
        return _table_of(domain, density, known)
    if isinstance(density, (list, tuple, dict, np.ndarray)) or (_density_of(density) and not isinstance(density, type)):
        return (), _rows_of(domain, lambda: density, ())
    if not callable(density) or isinstance(density, type):
        raise TypeError(
            f"the density of {domain.name} must be a distribution, a function of its parents, or a table; it is "
            f"{density!r}. Write for example gb.Normal(0, 1), or lambda a: gb.Normal(a, 1)."
        )
    named = [p for p in inspect.signature(density).parameters.values() if p.kind is not p.VAR_KEYWORD]
    arguments = [p.name for p in named if p.default is p.empty]
    parents = tuple(name for name in arguments if name != domain.name)
    _check_known(domain.name, parents, known)
    domains = tuple(known[name] for name in parents)
    if domain.name in arguments:
        return parents, LogDensity(domain, domains, tuple(arguments), density)
    return parents, _rows_of(domain, density, domains)


def _check_known(name: str, parents: tuple[str, ...], known: Mapping[str, Domain]) -> None:
    if strangers := [parent for parent in parents if parent not in known]:
        raise ValueError(
            f"{name} depends on {', '.join(strangers)}, not in the story yet; it has {', '.join(known) or 'no node'}. "
            "Write causes before effects; a name of something else needs a default, lambda a, sigma=2: ..."
        )


# --- a function of node and parents ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class LogDensity(Rule):
    """A log density as a function of arrays that broadcast, one an argument.

    Parameters
    ----------
    arguments : the function's, in its order; the node's own name is one of them.
    """

    arguments: tuple[str, ...]
    function: Callable[..., Any]

    @property
    def tabular(self) -> bool:
        return False

    def log_density(self, own: Floats, given: tuple[Floats, ...], shape: Shape) -> Floats:
        values = [as_written(domain, x)[..., None] for domain, x in zip(self.parents, given, strict=True)]
        values.insert(self.arguments.index(self.domain.name), as_written(self.domain, own))
        with jax.enable_x64(True):
            found = np.asarray(self.function(*values), float)
        full = (*shape, own.shape[-1])
        try:
            return np.broadcast_to(found, full)
        except ValueError:
            raise ValueError(
                f"the log density of {self.domain.name} must be of the shape of its arguments, {full}; it is "
                f"{found.shape}. Sum nothing in it: write it as of numbers, in NumPy, SciPy or jax.numpy."
            ) from None


# --- a function of the parents --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Rows(Rule):
    """A distribution, or probabilities of the node's values, for each of the parents' values."""

    function: Callable[..., Any]
    of_probabilities: bool

    @property
    def tabular(self) -> bool:
        return self.of_probabilities

    @property
    def normalised(self) -> bool:
        return not self.tabular

    def log_density(self, own: Floats, given: tuple[Floats, ...], shape: Shape) -> Floats:
        own = np.broadcast_to(own, (*shape, own.shape[-1]))
        given = tuple(np.broadcast_to(numbers, shape) for numbers in given)
        result = np.empty(own.shape)
        for row in np.ndindex(*shape):
            result[row] = self._row(own[row], tuple(numbers[row] for numbers in given))
        return result

    def _row(self, own: Floats, given: tuple[Any, ...]) -> Floats:
        found = self.function(*_plain(self.parents, given))
        density = _density_of(found)
        if (density is None) != self.tabular:
            raise TypeError(
                f"the density of {self.domain.name} must return distributions, or probabilities, for all values of its "
                f"parents; given {_told(self.parents, given)} it returns {found!r}."
            )
        if density is not None:
            return np.asarray(density(own), float)
        p = _probabilities(self.domain, found, _told(self.parents, given))
        with np.errstate(divide="ignore"):
            return (np.log(p) - self.domain.nodes.log_weight)[places(self.domain, own)]


def _rows_of(domain: Domain, function: Callable[..., Any], parents: tuple[Domain, ...]) -> Rows:
    """The rule, told by what the function returns for the parents' first values."""
    first = _plain(parents, tuple(parent.numbers[0] for parent in parents))
    return Rows(domain, parents, function, _density_of(function(*first)) is None)


def _density_of(found: Any) -> Callable | None:
    """The log density of a distribution; None of anything else."""
    return getattr(found, "logpdf", None) or getattr(found, "logpmf", None)


def _plain(parents: tuple[Domain, ...], given: tuple[Any, ...]) -> list[Any]:
    """Numbers of the parents as a function takes them, one value each."""
    return [as_written(domain, np.asarray(x, float)).item() for domain, x in zip(parents, given, strict=True)]


def _told(parents: tuple[Domain, ...], given: tuple[Any, ...]) -> str:
    """`rain = yes, th1 = 0.5`."""
    pairs = zip(parents, given, strict=True)
    return ", ".join(f"{domain.name} = {shown(domain, x)}" for domain, x in pairs) or "nothing"


def _probabilities(domain: Domain, found: Any, told: str) -> Floats:
    """The probabilities of the node's values in a row, (value,)."""
    if isinstance(found, Mapping):
        keys = list(as_written(domain, domain.numbers.astype(float)).tolist())
        if set(found) != set(keys):
            raise ValueError(
                f"the probabilities of {domain.name} must have a key for each of its values, {keys}; given {told} they have "
                f"{list(found)}."
            )
        found = [found[key] for key in keys]
    try:
        p = np.asarray(found, float)
    except (TypeError, ValueError):
        p = np.array(np.nan)
    if p.shape != (len(domain),):
        raise TypeError(
            f"the density of {domain.name} must be a distribution or {len(domain)} probabilities; given {told} it is "
            f"{found!r}. A table over parents names its axes: xarray.DataArray(p, dims=('rain', 'grass'))."
        )
    return _checked_row(domain.name, p, told)


def _checked_row(name: str, p: Floats, told: str) -> Floats:
    if not (np.isfinite(p).all() and (p >= 0).all()):
        wrong = p[~(np.isfinite(p) & (p >= 0))][0]
        raise ValueError(f"the probabilities of {name} must not be negative; given {told} one is {wrong:g}.")
    if abs(p.sum() - 1) > ONE:
        raise ValueError(
            f"the probabilities of {name} must sum to 1; given {told} they sum to {p.sum():.10g}. Divide them by their sum."
        )
    return p


# --- a table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Table(Rule):
    """Probabilities, (*parents, value), that sum to 1 over the node's values."""

    masses: Floats

    @property
    def tabular(self) -> bool:
        return True

    def log_density(self, own: Floats, given: tuple[Floats, ...], shape: Shape) -> Floats:
        rows = tuple(places(domain, x)[..., None] for domain, x in zip(self.parents, given, strict=True))
        own = np.broadcast_to(places(self.domain, own), (*shape, own.shape[-1]))
        with np.errstate(divide="ignore"):
            return np.log(self.masses[(*rows, own)]) - self.domain.nodes.log_weight[own]


def _table_of(domain: Domain, table: Any, known: Mapping[str, Domain]) -> tuple[tuple[str, ...], Table]:
    """The rule of a labelled array: its axes are the node and its parents, in any order."""
    name = domain.name
    if name not in table.dims:
        raise ValueError(
            f"the table of {name} must have an axis {name}; its axes are {', '.join(map(str, table.dims))}."
        )
    parents = tuple(str(axis) for axis in table.dims if axis != name)
    _check_known(name, parents, known)
    domains = (*(known[parent] for parent in parents), domain)
    for each in domains:
        _check_axis(name, table, each)
    masses = np.asarray(table.transpose(*parents, name).values, float)
    wrong = ~(np.isfinite(masses) & (masses >= 0)).all(axis=-1) | (np.abs(masses.sum(axis=-1) - 1) > ONE)
    for row in np.argwhere(wrong)[:1]:
        given = tuple(each.nodes.nodes[i] for each, i in zip(domains[:-1], row, strict=True))
        _checked_row(name, masses[tuple(row)], _told(domains[:-1], given))
    return parents, Table(domain, domains[:-1], masses)


def _check_axis(name: str, table: Any, axis: Domain) -> None:
    """The length of an axis, and where it has coordinates, these."""
    if table.sizes[axis.name] != len(axis):
        raise ValueError(
            f"the table of {name} must have {len(axis)} values of {axis.name}; it has {table.sizes[axis.name]}."
        )
    if axis.name not in table.coords:
        return
    written = as_written(axis, axis.nodes.nodes)
    same = np.array_equal if written.dtype.kind == "U" else partial(np.allclose, rtol=1e-12, atol=0)
    if not same(table.coords[axis.name].values, written):
        raise ValueError(
            f"the table of {name} must have the values of {axis.name} in their order, {shown(axis)}; it has "
            f"{list(table.coords[axis.name].values[:6])}. Use .reindex or .sel."
        )
