"""Programs: memo source, compiled over grids whose sizes are known only at run time.

The one file that imports memo. A program's source names its domains (`Mu`, `Tau`, ...) and its log densities
(`normal_lpdf`, ...); domains are index ranges and the nodes are arrays that the program receives, so that a program is
compiled once for each combination of sizes, never for values.

A user's memo (`translated`, `define`) is compiled over the values of its grids instead: what it calls p is the node itself.
"""

import ast
import hashlib
import linecache
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from gridbayes.densities import LPDFS
from gridbayes.grids import Grid
from gridbayes.memos.text import MemoText
from gridbayes.priors import Prior

__all__ = ["Program", "Slot", "define", "library", "signature", "translated"]


@dataclass(frozen=True)
class Program:
    """The text of one or more memos. `print(program)` shows exactly what runs.

    >>> coin = Program('''
    ... @memo
    ... def coin[_p: P](p_nodes: ..., k, n):
    ...     nature: chooses(p in P, wpp=exp(binomial_kernel(at(p_nodes, p), k, n)))
    ...     return Pr[nature.p == _p]
    ... ''')
    >>> "chooses" in str(coin)
    True
    """

    source: str

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return self.source

    def compile(self, **sizes: int) -> SimpleNamespace:
        """The memos by name, over domains of these sizes, as functions of JAX arrays and scalars.

        A domain without a size has one value: a run that does not touch its memos need not know it.

        Raises
        ------
        memo's own error, with its line and caret, when the text is not a legal memo.
        """
        return _compiled(self.source, tuple(sorted((dict.fromkeys(self.domains, 1) | sizes).items())))

    @cached_property
    def domains(self) -> tuple[str, ...]:
        """The domains of its axes; none where the text is not Python, for compilation to say so."""
        try:
            memos = [node for node in ast.parse(self.source).body if isinstance(node, ast.FunctionDef)]
        except SyntaxError:
            return ()
        return tuple({ast.unparse(axis.bound) for memo in memos for axis in memo.type_params if axis.bound})


@lru_cache(maxsize=64)  # a compiled model holds about a megabyte
def _compiled(source: str, sizes: tuple[tuple[str, int], ...]) -> SimpleNamespace:
    domains = {name: range(size) for name, size in sizes}
    namespace: dict[str, object] = {"__name__": "gridbayes.compiled", **_vocabulary(), **domains}
    before = set(namespace)
    filename = f"<memo program {hashlib.sha256(repr((source, sizes)).encode()).hexdigest()[:12]}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec"), namespace)
    return SimpleNamespace(**{name: namespace[name] for name in namespace.keys() - before - {"__builtins__"}})


@lru_cache(maxsize=1)
def _vocabulary() -> dict[str, Callable]:
    """What a program's text may call: memo itself, `at(table, i, ...)`, and the log densities of densities.py."""
    hooks = sys.excepthook, warnings.showwarning  # importing memo replaces both
    try:
        from memo import memo
        from memo.lib import array_index
    finally:
        sys.excepthook, warnings.showwarning = hooks
    return {"memo": memo, "at": array_index, **LPDFS}


# --- memos that users write -------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def library() -> Mapping[str, Any]:
    """What memo puts beside the user's names in the code that it generates, where it hides a user's own."""
    _vocabulary()
    from memo import lib

    return {name: getattr(lib, name) for name in dir(lib) if not name.startswith("_")}


@lru_cache(maxsize=256)
def translated(memo: MemoText) -> str:
    """The Python that memo makes of a user's memo, in float64 and open to `vmap` and `grad`.

    Raises
    ------
    memo's own error, with its caret, at the file and line where the user wrote the text.
    """
    code: list[str] = []
    with _readable(memo) as file:
        tree = ast.increment_lineno(ast.parse(memo.source), memo.line - 1)
        (function,) = tree.body
        assert isinstance(function, ast.FunctionDef)
        function.decorator_list, function.args.defaults = [], []  # memo reads defaults from the text
        namespace: dict[str, Any] = {"__name__": "gridbayes.user"}
        exec(compile(tree, file, "exec"), namespace)
        _vocabulary()["memo"](
            namespace[function.name], install_module=lambda text: code.append(text) or {function.name: None}
        )
    return _in_float64(code[0])


@contextmanager
def _readable(memo: MemoText) -> Iterator[str]:
    """A file name under which `inspect` finds this very text at the user's line, whatever became of the user's file."""
    digest = hashlib.sha256(repr(memo).encode()).hexdigest()[:12]
    file = f"<memo {digest}>/{Path(memo.file).name}"  # memo's errors show the last part
    lines = ["\n"] * (memo.line - 1) + memo.text.splitlines(keepends=True)
    linecache.cache[file] = (len(memo.text), None, lines, file)
    try:
        yield file
    finally:
        del linecache.cache[file]


def _in_float64(code: str) -> str:
    """memo starts every choice with ones in float32, in which `wpp=1` over three values sums to 1 + 3e-8; and it makes
    Python numbers of calls whose arguments are all parameters, which no transformation of JAX can follow."""
    code = code.replace("dtype=jnp.float32", "dtype=jnp.float64")
    return re.sub(r"jnp\.array\((\w+)\)\.item\(\)", r"jnp.array(\1)", code)


def define(code: str, namespace: dict[str, Any]) -> None:
    """Run translated code: the memo is put under its name into the namespace, where it finds domains and functions."""
    exec(code, namespace)


@dataclass(frozen=True)
class Slot:
    """A parameter of a program: its name, its prior, and how the program's text states both.

    A slot `mu` with a Normal prior stands for the domain `Mu`, the memo `log_prior_mu[_mu: Mu]` and its arguments
    `mu_nodes`, `mu_log_weight`, `mu_loc`, `mu_scale`. A prior without a named density enters as the table
    `mu_log_density` instead.
    """

    name: str
    prior: Prior

    @property
    def domain(self) -> str:
        return self.name.capitalize()

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the array arguments."""
        density = () if self.prior.lpdf else (f"{self.name}_log_density",)
        return (f"{self.name}_nodes", f"{self.name}_log_weight", *density)

    @property
    def scalars(self) -> tuple[str, ...]:
        """Names of the scalar arguments: the prior's own parameters."""
        return tuple(f"{self.name}_{key}" for key in self.prior.parameters)

    @property
    def memo(self) -> str:
        """The memo that states the prior: the log mass of each node."""
        axis = f"_{self.name}"
        if self.prior.lpdf:
            density = f"{self.prior.lpdf}({', '.join([f'at({self.name}_nodes, {axis})', *self.scalars])})"
        else:
            density = f"at({self.name}_log_density, {axis})"
        return (
            f"@memo\ndef log_prior_{self.name}[{axis}: {self.domain}]({signature(self.tables, self.scalars)}):\n"
            f"    return {density} + at({self.name}_log_weight, {axis})\n"
        )

    @property
    def call(self) -> str:
        """The term by which another memo's frame, which has chosen the parameter, adds its log prior."""
        return f"log_prior_{self.name}[{self.name}]({', '.join(self.tables + self.scalars)})"

    def arguments(self, grid: Grid) -> dict[str, np.ndarray | float]:
        """Values of `tables` and `scalars` on this grid."""
        density = {} if self.prior.lpdf else {f"{self.name}_log_density": self.prior.logpdf(grid.nodes)}
        scalars = {f"{self.name}_{key}": value for key, value in self.prior.parameters.items()}
        return {f"{self.name}_nodes": grid.nodes, f"{self.name}_log_weight": grid.log_weight, **density, **scalars}


def signature(tables: Iterable[str], scalars: Iterable[str]) -> str:
    """The arguments of a memo: arrays are marked `: ...`."""
    return ", ".join([*(f"{table}: ..." for table in tables), *scalars])
