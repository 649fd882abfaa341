"""Linking: a user's memo with the memos it calls, its functions and its domains, compiled once for these values."""

import builtins
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from types import FunctionType
from typing import Any

import jax.numpy as jnp
import numpy as np

from gridbayes.memos.domains import Domain
from gridbayes.memos.text import OPERATORS, MemoText, log_weight_name, weight_name
from gridbayes.program import define, library, translated

__all__ = ["PROGRAMS", "Linkage", "Written", "compiled", "linked"]

PROGRAMS = 64  # compiled programs that are kept; each holds about a megabyte
MISSING = object()
ENGINE = frozenset(["aux", "cost_", "return_aux", "return_pandas", "return_xarray", "return_cost", "print_table"])
MATHEMATICS = frozenset(["jax", "jaxlib", "numpy", "math"])  # whose exp, log and abs are memo's


@dataclass(frozen=True, eq=False)
class Written:
    """A memo where its author wrote it.

    Parameters
    ----------
    function : the decorated function; it never runs, but knows its module and the functions around it.
    text : its source.
    enclosing : what the names in the text stood for in the function around it, when it was defined.
    """

    function: Any
    text: MemoText
    enclosing: Mapping[str, Any]

    @classmethod
    def of(cls, function: Any) -> "Written":
        """The memo in a function; its text is checked by memo itself.

        Raises
        ------
        TypeError
            When the function has no source text, or is none.
        ValueError
            When a parameter has a name that the engine or gridbayes needs.
        memo's own error, at the user's file and line, when the text is not a legal memo.
        """
        text = MemoText.of(function)
        translated(text)
        for name in text.parameters:
            if name in ENGINE or name == "grids" or name in library():
                taken = "of gridbayes" if name == "grids" else "of the memo engine"
                raise ValueError(f"parameter {name} of memo {text.name} is a name {taken}. Give it another.")
        return cls(function, text, _enclosing(function, {*text.called, *text.inlined, *text.domains}))

    def lookup(self, name: str) -> Any:
        """What the name stands for here and now: in the functions around the memo, then in its module; or MISSING."""
        cells = zip(self.function.__code__.co_freevars, self.function.__closure__ or (), strict=True)
        for free, cell in cells:
            if free == name:
                try:
                    return cell.cell_contents
                except ValueError:  # not yet defined
                    break
        return self.enclosing.get(name, self.function.__globals__.get(name, MISSING))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of functions, memos and values that the text needs, domains left out."""
        return tuple(
            name for name in dict.fromkeys(self.text.called + self.text.inlined) if name not in self.text.domains
        )

    def resolved(self) -> dict[str, Any]:
        """The values of `names`; those that Python or the engine provides are left out.

        Raises
        ------
        NameError
            When a name is not defined.
        ValueError
            When the engine would hide the user's function behind its own.
        """
        found = {name: self if name == self.text.name else self.lookup(name) for name in self.names}
        for name, value in found.items():
            self._check(name, value)
        return {name: value for name, value in found.items() if value is not MISSING and name not in library()}

    def _check(self, name: str, value: Any) -> None:
        where = f"memo {self.text.name} ({self.text.file}, line {self.text.line})"
        if value is MISSING and name not in OPERATORS and name not in library() and not hasattr(builtins, name):
            raise NameError(f"{where} uses {name}, which is not defined. Define it before the memo is called.")
        hidden = name in library() and value is not MISSING and value is not library()[name]
        if name in OPERATORS and isinstance(value, FunctionType):
            hidden = value.__module__.partition(".")[0] not in MATHEMATICS
        if hidden:
            raise ValueError(
                f"{where} calls {name}, but the engine has a {name} of its own, which hides yours. Rename your function."
            )


def _enclosing(function: FunctionType, names: Iterable[str]) -> dict[str, Any]:
    """The values of names in the frame that defines the function, where that is a function itself."""
    frame = sys._getframe()
    while frame is not None and frame.f_globals is not function.__globals__:
        frame = frame.f_back
    if frame is None or frame.f_locals is frame.f_globals:
        return {}
    return {name: frame.f_locals[name] for name in names if name in frame.f_locals}


@dataclass(frozen=True)
class Same:
    """A value that equals itself alone: another function of the same name is another function."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


@dataclass(frozen=True)
class Linkage:
    """All that a compiled program depends on; equal linkages share one.

    Parameters
    ----------
    texts : the memo that is called, then those that it calls.
    names : for each text what its names stand for: the index of a text, or a value.
    domains : every domain of these texts.
    """

    texts: tuple[MemoText, ...]
    names: tuple[tuple[tuple[str, int | Same], ...], ...]
    domains: tuple[Domain, ...]

    @cached_property
    def by_name(self) -> dict[str, Domain]:
        return {domain.name: domain for domain in self.domains}

    @property
    def source(self) -> str:
        """The texts as the user wrote them, those that are called first."""
        return "\n\n".join(text.source for text in reversed(self.texts))

    @property
    def discrete(self) -> bool:
        """Whether no domain is a grid."""
        return all(domain.grid is None for domain in self.domains)

    @property
    def total(self) -> "Linkage | None":
        """The program whose value is the total mass of each cell (`MemoText.total`); the memo can still call itself."""
        total = self.texts[0].total
        if total is None:
            return None
        names = tuple(
            tuple((name, value + 1 if isinstance(value, int) else value) for name, value in found)
            for found in (self.names[0], *self.names)
        )
        return Linkage((total, *self.texts), names, self.domains)

    @property
    def scaled(self) -> "Linkage | None":
        """The program with all products made smaller (`MemoText.scaled`); None where it has none."""
        texts = tuple(text.scaled for text in self.texts)
        return None if texts == self.texts else replace(self, texts=texts)

    @property
    def coarser(self) -> "Linkage | None":
        """The same on coarser grids; None where a grid has too few nodes for that."""
        domains = [domain.coarser for domain in self.domains]
        return None if None in domains else replace(self, domains=tuple(domains))


def linked(memo: Written, grids: Mapping[str, Any]) -> Linkage:
    """The memo with everything it reaches, on these grids and the domains found beside the user's memos.

    Raises
    ------
    ValueError
        When a domain has no grid, a grid no domain, or one name stands for two domains.
    """
    memos, resolved = [memo], []
    for each in memos:  # grows while it runs
        resolved.append(each.resolved())
        memos += dict.fromkeys(v for v in resolved[-1].values() if isinstance(v, Written) and v not in memos)
    names = tuple(
        tuple((name, memos.index(v) if isinstance(v, Written) else Same(v)) for name, v in found.items())
        for found in resolved
    )
    linkage = Linkage(tuple(each.text for each in memos), names, _domains(memos, grids))
    for found in resolved:
        _check_plain_memos(found, linkage.by_name)
    return linkage


def _domains(memos: list[Written], grids: Mapping[str, Any]) -> tuple[Domain, ...]:
    users = {name: [m for m in memos if name in m.text.domains] for m in memos for name in m.text.domains}
    if spare := [name for name in grids if name not in users]:
        raise ValueError(
            f"memo {memos[0].text.name} has no domain {', '.join(map(repr, spare))}; its domains are "
            f"{', '.join(users) or 'none'}. Name the grids after them."
        )
    found = {name: _domain(name, using, grids) for name, using in users.items()}
    if bare := [name for name, domain in found.items() if domain is None]:
        example = ", ".join(f'"{name}": gb.linspace(...)' for name in bare)
        raise ValueError(f"memo {memos[0].text.name} needs a grid for {', '.join(bare)}. Pass grids={{{example}}}.")
    return tuple(domain for domain in found.values() if domain is not None)


def _domain(name: str, users: list[Written], grids: Mapping[str, Any]) -> Domain | None:
    """The grid given for the name, or else the one value that it has beside all memos that use it."""
    if name in grids:
        return Domain.of(name, grids[name])
    found = [(user, Domain.of(name, value)) for user in users if (value := user.lookup(name)) is not MISSING]
    if not found:
        return None
    for user, other in found[1:]:
        if other != found[0][1]:
            raise ValueError(
                f"domain {name} of memo {user.text.name} has other values than {name} of memo {found[0][0].text.name}: "
                "the same name means the same grid. Rename one of them."
            )
    return found[0][1]


def _check_plain_memos(found: Mapping[str, Any], domains: Mapping[str, Domain]) -> None:
    """A plain memo brings its own grids, and memo compares them by name only."""
    for name, value in found.items():
        for domain, values in zip(getattr(value, "_doms", ()), getattr(value, "_vals", ()), strict=True):
            ours = domains.get(domain)
            if ours and (ours.weighted or not np.array_equal(Domain.of(domain, values).numbers, ours.numbers)):
                raise ValueError(
                    f"{name} is a plain memo over a {domain} of its own, with other values or weights than this {domain}. "
                    "Decorate it with gridbayes.memo."
                )


@lru_cache(maxsize=PROGRAMS)
def compiled(linkage: Linkage) -> Callable[..., Any]:
    """The first memo as a function of its parameters. Call it inside `jax.enable_x64(True)`."""
    weighted = frozenset(domain.name for domain in linkage.domains if domain.weighted)
    namespaces = []
    for text, names in zip(linkage.texts, linkage.names, strict=True):
        namespace = _vocabulary([linkage.by_name[name] for name in text.domains])
        namespace |= {name: value.value for name, value in names if isinstance(value, Same)}
        callees = {name: linkage.texts[index] for name, index in names if isinstance(index, int)}
        define(_code(text.weighted(weighted, callees)), namespace)
        namespaces.append(namespace)
    memos = [namespace[text.name] for namespace, text in zip(namespaces, linkage.texts, strict=True)]
    for namespace, names in zip(namespaces, linkage.names, strict=True):
        namespace |= {name: memos[index] for name, index in names if isinstance(index, int)}
    return memos[0]


def _code(text: MemoText) -> str:
    with warnings.catch_warnings():  # memo has said at the definition what it had to say of this text
        warnings.simplefilter("ignore")
        return translated(text)


def _vocabulary(domains: Iterable[Domain]) -> dict[str, Any]:
    """The domains by name, and for those with weights the functions of a node's value that look its weight up."""
    names: dict[str, Any] = {"__name__": "gridbayes.user"}
    for domain in domains:
        names[domain.name] = domain.values
        if domain.grid is not None and domain.weighted:
            names[weight_name(domain.name)] = _lookup(domain.grid.nodes, np.exp(domain.grid.log_weight))
            names[log_weight_name(domain.name)] = _lookup(domain.grid.nodes, domain.grid.log_weight)
    return names


def _lookup(nodes: np.ndarray, table: np.ndarray) -> Callable[[Any], Any]:
    return lambda value: jnp.asarray(table)[jnp.searchsorted(jnp.asarray(nodes), value)]
