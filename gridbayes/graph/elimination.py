"""Sums of products of tables, in log space, one node after the other: no table of all nodes is built.

What is asked of a story is log sum over x_free of exp sum_f log f(x_f), the sum over all free nodes but those that are kept.
The sum over a node is pulled in front of the tables in which it occurs. In which order is found by opt_einsum (Smith & Gray
2018, "opt_einsum - A Python package for optimizing contraction order for einsum-like expressions", J. Open Source Softw.
3(26):753), as for a product of matrices: by dynamic programming for a few tables, greedily for many.

A step adds two tables over the union of their nodes and sums over those that occur nowhere else,

    log t(r) = log sum_v exp(log a(r, v) + log b(r, v)),

relative to the largest term of each r, in slabs of r that stay in the processor's cache. Where both tables have nodes of
their own, r = (i, j), it is a product of matrices, exp(a(i, v) - max_v a) times exp(b(j, v) - max_v b), which takes far
fewer exponentials; what comes out too small there is summed again in the first way.
Draws go the steps backwards: given r, which is drawn by then, v has density a(r, v) b(r, v) / t(r).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import opt_einsum
from jaxtyping import Int

from gridbayes._types import Floats
from gridbayes.graph.node import Factor
from gridbayes.sampling import from_log_masses

__all__ = ["Plan", "Step"]

MOST = 10**9  # cells of a step: some ten seconds
LARGEST = 2**27  # numbers of a step's result: a gigabyte
SLAB = 2**17  # cells that are worked on at once
TINY = 1e-250  # a sum of products that may have lost terms to underflow
FEW = 18  # tables up to which the best order is searched for


@dataclass(frozen=True)
class Step:
    """Two tables, or one, become one.

    Parameters
    ----------
    inputs : their places in the list of tables, from which they are taken; the result is put at its end.
    kept, summed : the nodes of the result, and those that are summed over.
    cells : the cells that the step visits.
    """

    inputs: tuple[int, ...]
    kept: tuple[str, ...]
    summed: tuple[str, ...]
    cells: int

    def __str__(self) -> str:
        over = f"sum over {', '.join(self.summed)}" if self.summed else "product"
        left = f"a table of {', '.join(self.kept)}" if self.kept else "a number"
        return f"{over} in {self.cells:,} cells leaves {left}"


@dataclass(frozen=True)
class Plan:
    """The steps that lead from tables to one over the nodes that are kept; prints as a line a step.

    Parameters
    ----------
    keep : the nodes of the last table, in its order.
    sizes : number of values of each node.
    """

    keep: tuple[str, ...]
    steps: tuple[Step, ...]
    sizes: Mapping[str, int]

    @classmethod
    def of(cls, tables: Sequence[tuple[str, ...]], keep: tuple[str, ...], sizes: Mapping[str, int]) -> "Plan":
        """The plan for tables over these nodes."""
        if not tables:
            return cls(keep, (), sizes)
        steps, left = [], list(tables)
        for inputs in _path(tables, keep, sizes):
            names = tuple(dict.fromkeys(name for i in inputs for name in left[i]))
            left = [each for i, each in enumerate(left) if i not in inputs]
            needed = {*keep, *(name for each in left for name in each)}
            kept = tuple(name for name in names if name in needed)
            summed = tuple(name for name in names if name not in needed)
            steps.append(Step(inputs, kept, summed, _cells(names, sizes)))
            left.append(kept)
        return cls(keep, tuple(steps), sizes)

    @property
    def cells(self) -> int:
        """The cells of all steps together."""
        return sum(step.cells for step in self.steps)

    def __str__(self) -> str:
        return "\n".join(str(step) for step in self.steps) or "nothing to sum"

    __repr__ = __str__

    def check(self) -> None:
        """
        Raises
        ------
        ValueError
            When a step needs too many cells.
        """
        for step in self.steps:
            result = _cells(step.kept, self.sizes)
            if step.cells <= MOST and result <= LARGEST:
                continue
            names = (*step.kept, *step.summed)
            sizes = " x ".join(f"{self.sizes[name]:,}" for name in names)
            raise ValueError(
                f"{', '.join(names)} must be summed together, {sizes} = {step.cells:.3g} cells, and {result:.3g} are "
                f"left; at most {MOST:.0e} and {LARGEST:.1e} can be. Use coarser grids or fewer arrows."
            )

    # --- what is done with it -----------------------------------------------------------------------------------

    def run(self, tables: Sequence[Factor]) -> Floats:
        """log of the sum, with an axis for each node of `keep`."""
        names, table = ((), np.zeros(())) if not self.steps else [result for _, _, result in self._each(tables)][-1]
        return np.transpose(table, [names.index(name) for name in self.keep])

    def draw(self, tables: Sequence[Factor], n: int, rng: np.random.Generator) -> dict[str, Int[np.ndarray, " draw"]]:
        """The index of a value of each node, n times, jointly; of a plan that keeps none."""
        drawn: dict[str, np.ndarray] = {}
        for step, inputs, _ in reversed(list(self._each(tables))):
            if step.summed:
                self._draw_step(step, inputs, drawn, n, rng)
        return drawn

    def _draw_step(
        self, step: Step, inputs: list[Factor], drawn: dict[str, np.ndarray], n: int, rng: np.random.Generator
    ) -> None:
        """The nodes that a step has summed over, given those that it left."""
        lengths = [self.sizes[name] for name in step.summed]

        def log_masses(span: slice) -> Floats:
            known = {name: drawn[name][span] for name in step.kept}
            rows = len(range(*span.indices(n)))
            total = sum(_rows(names, table, step.summed, known) for names, table in inputs)
            return np.broadcast_to(total, (rows, *lengths)).reshape(rows, -1)

        found = np.unravel_index(from_log_masses(log_masses, n, rng), lengths)
        drawn |= dict(zip(step.summed, found, strict=True))

    def _each(self, tables: Sequence[Factor]) -> Iterator[tuple[Step, list[Factor], Factor]]:
        """The steps with their inputs and results."""
        self.check()
        left = list(tables)
        for step in self.steps:
            inputs = [left[i] for i in step.inputs]
            left = [each for i, each in enumerate(left) if i not in step.inputs]
            left.append((step.kept, _summed(inputs, step, self.sizes)))
            yield step, inputs, left[-1]


def _path(tables: Sequence[tuple[str, ...]], keep: tuple[str, ...], sizes: Mapping[str, int]) -> list[tuple[int, ...]]:
    """Which tables are taken together, step by step, as opt_einsum finds it."""
    if len(tables) == 1:
        return [(0,)]
    symbols = {name: opt_einsum.get_symbol(i) for i, name in enumerate(dict.fromkeys(n for t in tables for n in t))}
    terms = ["".join(symbols[name] for name in table) for table in tables]
    equation = f"{','.join(terms)}->{''.join(symbols[name] for name in keep)}"
    shapes = [tuple(sizes[name] for name in table) for table in tables]
    optimize = "dp" if len(tables) <= FEW else "greedy"
    path, _ = opt_einsum.contract_path(equation, *shapes, shapes=True, optimize=optimize)
    return [tuple(pair) for pair in path]


def _cells(names: Iterable[str], sizes: Mapping[str, int]) -> int:
    return math.prod(sizes[name] for name in names)


def _summed(inputs: list[Factor], step: Step, sizes: Mapping[str, int]) -> Floats:
    """log sum over the summed nodes of exp of the sum of the inputs, (*kept,)."""
    shared = set.intersection(*(set(names) for names, _ in inputs))
    own = [[name for name in names if name in step.kept and name not in shared] for names, _ in inputs]
    if step.summed and set(step.summed) <= shared and len(inputs) == 2 and all(own):
        return _multiplied(inputs, step, sizes, own, [name for name in step.kept if name in shared])
    return _added(inputs, step, sizes)


def _multiplied(
    inputs: list[Factor], step: Step, sizes: Mapping[str, int], own: list[list[str]], both: list[str]
) -> Floats:
    """The same as a product of matrices for each value of the nodes that both tables keep."""
    cells = [_cells(names, sizes) for names in (both, *own, step.summed)]
    a, b = (
        _aligned(each, (*both, *names, *step.summed)).reshape(cells[0], -1, cells[3])
        for each, names in zip(inputs, own, strict=True)
    )
    shifts = [np.where(np.isneginf(largest := table.max(axis=-1)), 0.0, largest) for table in (a, b)]
    scaled = [np.exp(table - shift[..., None]) for table, shift in zip((a, b), shifts, strict=True)]
    product = scaled[0] @ scaled[1].swapaxes(1, 2)
    with np.errstate(divide="ignore"):
        result = np.log(product) + shifts[0][:, :, None] + shifts[1][:, None, :]
    lost = np.argwhere(product < TINY)
    length = max(1, SLAB // cells[3])
    for start in range(0, len(lost), length):
        at, i, j = lost[start : start + length].T
        result[at, i, j] = _log_sum([a[at, i], b[at, j]], (len(at), cells[3]), 1)
    names = (*both, *own[0], *own[1])
    whole = result.reshape([sizes[name] for name in names])
    return np.transpose(whole, [names.index(name) for name in step.kept])


def _added(inputs: list[Factor], step: Step, sizes: Mapping[str, int]) -> Floats:
    """The same cell by cell, of any tables."""
    tables = [_aligned(each, (*step.kept, *step.summed)) for each in inputs]
    shape = tuple(sizes[name] for name in step.kept)
    if not step.kept:
        return _log_sum(tables, tuple(sizes[name] for name in step.summed), 0)
    result = np.empty(shape)
    longest = int(np.argmax(shape))
    length = max(1, SLAB * shape[longest] // step.cells)
    for start in range(0, shape[longest], length):
        slab = (slice(None),) * longest + (slice(start, start + length),)
        parts = [table[slab] if table.shape[longest] > 1 else table for table in tables]
        full = (*result[slab].shape, *(sizes[name] for name in step.summed))
        result[slab] = _log_sum(parts, full, len(shape))
    return result


def _log_sum(tables: list[Floats], shape: tuple[int, ...], kept: int) -> Floats:
    """log sum exp of the tables' sum, (*shape,), over all axes but the first `kept`."""
    total = np.array(np.broadcast_to(sum(tables), shape)).reshape(*shape[:kept], -1)
    largest = total.max(axis=-1)
    shift = np.where(np.isneginf(largest), 0.0, largest)
    total -= shift[..., None]
    with np.errstate(divide="ignore"):
        return np.asarray(shift + np.log(np.exp(total, out=total).sum(axis=-1)))


def _aligned(factor: Factor, names: tuple[str, ...]) -> Floats:
    """The table with an axis for each of the names, in their order, of length 1 where it does not depend on one."""
    own, table = factor
    order = [own.index(name) for name in names if name in own]
    return np.transpose(table, order).reshape([table.shape[own.index(name)] if name in own else 1 for name in names])


def _rows(
    own: tuple[str, ...], table: Floats, free: tuple[str, ...], known: Mapping[str, Int[np.ndarray, " draw"]]
) -> Floats:
    """The table at the drawn values of its known nodes, (draw or 1, *free)."""
    fixed = tuple(name for name in own if name in known)
    rest = tuple(name for name in free if name in own)
    moved = np.transpose(table, [own.index(name) for name in (*fixed, *rest)])
    taken = moved[tuple(known[name] for name in fixed)] if fixed else moved[None]
    lengths = [taken.shape[1 + rest.index(name)] if name in rest else 1 for name in free]
    return taken.reshape(len(taken), *lengths)
