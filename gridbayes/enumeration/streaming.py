"""Sums of a density over all cells of a product grid, block by block, in JAX and float64.

With p(x) = exp(log p(x)) and weights w_k(x_k) of each axis k, the sums kept are tables over some axes S,

    t_S[x_S] = sum over x_k, k not in S, of p(x) prod_{k not in S} w_k(x_k),

S empty for none, one axis for a marginal, two for a pair. A block is a product of runs of each axis: its log densities
are taken relative to their largest (the shift), and blocks are added relative to the largest shift so far. No table of all
cells is made unless it is asked for.

How a block is compiled decides how fast it is. The density is vmapped over one axis at a time, the last axis innermost, so
that what depends on few parameters is computed for few cells. Sums over rows are kept apart from what is done with them:
fused with it, XLA computes them cell by cell, one row after the other, five times slower.
"""

import itertools
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jaxtyping import Array, Float

from gridbayes.log_joint import LogJoint

__all__ = ["Axis", "Data", "Sums", "Table", "Traced", "stream"]

BLOCK = 2**18  # cells: the arrays of a block fit into a cache of a few MiB
TEMPORARY = 2**24  # bytes that a block may take for what it computes on the way, if smaller blocks can help it
WORK = 1e8  # operations of a block, at which calling it costs nothing beside them and all cores have some
AT_ONCE = min(os.cpu_count() or 1, 8)  # blocks
SMALLEST = 2**10  # cells: below this the calls cost more than the cells
PATIENCE = 1.0  # seconds before progress is shown
REFRESH = 0.2  # seconds between two lines of it
SUMS = {"reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "dot_general"}
INLINED = {"jit": "jaxpr", "pjit": "jaxpr", "custom_jvp_call": "call_jaxpr"}

type Table = tuple[bool, tuple[int, ...]]  # whether by the coarser weights, and the axes that are kept


@dataclass(frozen=True, eq=False)
class Axis:
    """A parameter's nodes with two sets of weights, all (node,)."""

    nodes: Float[np.ndarray, "node"]
    weights: Float[np.ndarray, "node"]
    coarser: Float[np.ndarray, "node"]

    def runs(self, length: int) -> list[tuple[Array, Array, Array]]:
        """The axis in runs of `length`; the last is filled up with its last node at weights 0."""
        more = -len(self.nodes) % length
        nodes = np.append(self.nodes, np.full(more, self.nodes[-1]))
        weights = [np.append(w, np.zeros(more)) for w in (self.weights, self.coarser)]
        cut = range(0, len(nodes), length)
        return [tuple(jnp.asarray(a[i : i + length]) for a in (nodes, *weights)) for i in cut]  # pyright: ignore


@dataclass(frozen=True, eq=False)
class Data:
    """What the density is given beside parameters: a tree of arrays, its leaves and its structure apart."""

    leaves: tuple[Array, ...]
    structure: Any

    @classmethod
    def of(cls, tree: object) -> "Data":
        """Floats as float64, other numbers as they are; a list of numbers is an array.

        Raises
        ------
        TypeError
            When a leaf is not an array of numbers.
        """
        leaves, structure = jax.tree.flatten(tree, is_leaf=_is_list_of_numbers)
        return cls(tuple(map(_array, leaves)), structure)

    @property
    def kind(self) -> tuple:
        """All that a compiled density depends on: structure, shapes and types, no values."""
        return self.structure, tuple((leaf.shape, str(leaf.dtype)) for leaf in self.leaves)


@dataclass(frozen=True, eq=False)
class Traced:
    """The user's density as JAX sees it: scalars and the leaves of the data in, a scalar out."""

    jaxpr: Any
    names: tuple[str, ...]

    @classmethod
    def of(cls, joint: LogJoint, data: Data) -> "Traced":
        """Traced once for each function and kind of data.

        Raises
        ------
        TypeError, ValueError
            When it returns anything but one real number, or does not use a parameter; whatever it raises itself.
        """
        return _traced(joint, *data.kind)

    def cells(self, nodes: tuple[Array, ...], leaves: tuple[Array, ...]) -> Float[Array, "*cell"]:
        """log p at every cell of the product of `nodes`."""
        function = partial(_evaluated, self.jaxpr.jaxpr, self.jaxpr.consts)
        for axis in reversed(range(len(nodes))):
            axes = [0 if i == axis else None for i in range(len(nodes))]
            function = jax.vmap(function, in_axes=(*axes, *(None for _ in leaves)))
        return function(*nodes, *leaves)[0]


@dataclass(frozen=True, eq=False)
class Sums:
    """The tables of all cells, each times exp(-shift).

    Parameters
    ----------
    shift : the largest log density.
    tables : by what they are; (node, ...) for the axes that are kept.
    """

    shift: float
    tables: dict[Table, np.ndarray]


def stream(
    joint: LogJoint, axes: tuple[Axis, ...], data: Data, wanted: tuple[Table, ...], memory: int, progress: bool
) -> Sums:
    """The sums `wanted` over all cells, within `memory` bytes.

    Raises
    ------
    MemoryError
        When the tables alone take more.
    FloatingPointError
        When a log density is NaN or +inf, with its cell.
    """
    lengths = tuple(len(axis.nodes) for axis in axes)
    _require_memory(joint.names, lengths, wanted, memory)
    block, tile = _fitting(joint, lengths, data, wanted, memory)
    runs = [axis.runs(length) for axis, length in zip(axes, tile, strict=True)]
    starts = itertools.product(*(range(0, n, t) for n, t in zip(lengths, tile, strict=True)))
    sums = _Running(lengths, wanted)
    line = _Line(math.prod(lengths), math.prod(map(len, runs)), progress)
    pending: deque = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:  # what XLA does not share out among the cores itself, threads do
        for start, picked in zip(starts, itertools.product(*runs), strict=True):
            pending.append((start, pool.submit(block, *zip(*picked, strict=True), data.leaves)))
            if len(pending) > AT_ONCE:
                _add(sums, pending.popleft(), line)
            if not sums.shift < math.inf:
                break
        while pending:
            _add(sums, pending.popleft(), line)
    line.end()
    if not sums.shift < math.inf:
        _raise_where(joint, axes, data, tile)
    return Sums(sums.shift, sums.tables)


def _add(sums: "_Running", block: tuple, line: "_Line") -> None:
    sums.add(block[0], block[1].result())
    line.step()


# --- the density ------------------------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _traced(joint: LogJoint, structure: Any, kinds: tuple) -> Traced:
    def function(parameters: dict, leaves: list) -> Any:
        return joint(parameters, jax.tree.unflatten(structure, leaves))

    scalars = {name: jax.ShapeDtypeStruct((), jnp.float64) for name in joint.names}
    leaves = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in kinds]
    _require_scalar(jax.eval_shape(function, scalars, leaves))

    def flat(*arguments: Array) -> Array:
        named = dict(zip(joint.names, arguments, strict=False))
        return jnp.asarray(function(named, list(arguments[len(joint.names) :])), jnp.float64)

    jaxpr = jax.make_jaxpr(flat)(*scalars.values(), *leaves)
    used = {id(v) for equation in jaxpr.jaxpr.eqns for v in equation.invars} | {id(v) for v in jaxpr.jaxpr.outvars}
    for name, variable in zip(joint.names, jaxpr.jaxpr.invars, strict=False):
        if id(variable) not in used:
            raise ValueError(f"log_joint does not use {name}: its posterior would be its grid. Leave it out of grids.")
    return Traced(jaxpr, joint.names)


def _require_scalar(result: Any) -> None:
    if not hasattr(result, "shape"):
        raise TypeError(f"log_joint must return a number; it returns {type(result).__name__}. Is a return missing?")
    if result.shape != ():
        raise ValueError(
            f"log_joint must return one number; it returns shape {result.shape}. Sum the rows: logpdf(...).sum()."
        )
    if not jnp.issubdtype(result.dtype, jnp.floating):
        raise TypeError(f"log_joint must return a real number, a log density; it returns {result.dtype}.")


def _evaluated(jaxpr: Any, constants: Any, *arguments: Any) -> list[Any]:
    """The function of a jaxpr, its sums kept apart from their consumers by barriers that XLA does not fuse over."""
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *arguments], strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, core.Literal) else values[atom]

    for equation in jaxpr.eqns:
        operands = list(map(read, equation.invars))
        if inner := INLINED.get(equation.primitive.name):
            body = equation.params[inner]
            results = _evaluated(body.jaxpr, body.consts, *operands)
        else:
            bound = equation.primitive.get_bind_params(equation.params)
            functions, parameters = bound if isinstance(bound, tuple) else ((), bound)  # before jax 0.11 a tuple
            results = equation.primitive.bind(*functions, *operands, **parameters)
            results = results if equation.primitive.multiple_results else [results]
        if equation.primitive.name in SUMS:
            results = list(map(jax.lax.optimization_barrier, results))
        values |= zip(equation.outvars, results, strict=True)
    return list(map(read, jaxpr.outvars))


# --- a block ----------------------------------------------------------------------------------------------------


def _fitting(
    joint: LogJoint, lengths: tuple[int, ...], data: Data, wanted: tuple[Table, ...], memory: int
) -> tuple[Callable, tuple[int, ...]]:
    """The compiled block and its lengths: fewer cells when what the density computes on the way takes too much."""
    free = max(memory - _bytes(lengths, wanted), 0) // (2 * AT_ONCE)  # half of it for what XLA does not count
    tile = _tile(lengths, min(BLOCK, free // 64))
    block, temporary, work = _block(joint, tile, wanted, *data.kind)
    share = min(1, min(TEMPORARY, free) / max(temporary, 1), WORK / max(work, 1))
    if share < 1 and math.prod(tile) > SMALLEST:
        tile = _tile(lengths, max(SMALLEST, int(share * math.prod(tile))))
        block, _, _ = _block(joint, tile, wanted, *data.kind)
    return block, tile


def _tile(lengths: tuple[int, ...], cells: int) -> tuple[int, ...]:
    """How long the runs of each axis are: the last axes whole, one in equal parts, the first a node at a time."""
    result, room = [], max(cells, 1)
    for n in reversed(lengths):
        length = math.ceil(n / math.ceil(n / min(n, room)))
        result.append(length)
        room = max(room // length, 1)
    return tuple(reversed(result))


@lru_cache(maxsize=32)
def _block(
    joint: LogJoint, tile: tuple[int, ...], wanted: tuple[Table, ...], structure: Any, kinds: tuple
) -> tuple[Callable, int, float]:
    """The compiled sums of a block of these lengths, the bytes they take on the way, and their operations."""
    traced = _traced(joint, structure, kinds)

    def sums(nodes: tuple, weights: tuple, coarser: tuple, leaves: tuple) -> tuple:
        log_p = jax.lax.optimization_barrier(traced.cells(nodes, leaves))
        shift = jnp.max(log_p)  # NaN where any is
        p = jax.lax.optimization_barrier(jnp.exp(log_p - jnp.where(jnp.isfinite(shift), shift, 0.0)))
        made = {False: {}, True: {}}
        return shift, [_table(p, keep, coarser if c else weights, made[c]) for c, keep in wanted]

    run = tuple(jax.ShapeDtypeStruct((n,), jnp.float64) for n in tile)
    leaves = tuple(jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in kinds)
    compiled = jax.jit(sums).lower(run, run, run, leaves).compile()
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis()
    return compiled, getattr(memory, "temp_size_in_bytes", 0), (cost or {}).get("flops", 0.0)


def _table(p: Array, keep: tuple[int, ...], weights: tuple, made: dict[tuple[int, ...], Array]) -> Array:
    """t_keep, from the table with one axis more, so that tables share the sums over the last axes."""
    if len(keep) == p.ndim:
        return p
    if keep not in made:
        axis = min(set(range(p.ndim)) - set(keep))
        larger = tuple(sorted((*keep, axis)))
        place = larger.index(axis)
        weight = weights[axis].reshape([-1 if i == place else 1 for i in range(len(larger))])
        made[keep] = jax.lax.optimization_barrier((_table(p, larger, weights, made) * weight).sum(axis=place))
    return made[keep]


# --- all blocks -------------------------------------------------------------------------------------------------


class _Running:
    """The sums of the blocks so far, relative to the largest log density so far."""

    def __init__(self, lengths: tuple[int, ...], wanted: tuple[Table, ...]):
        self.lengths, self.shift = lengths, -math.inf
        self.tables = {(c, keep): np.zeros([lengths[axis] for axis in keep]) for c, keep in wanted}

    def add(self, start: tuple[int, ...], block: tuple) -> None:
        """A block whose runs start at these nodes; NaN and inf stay as the shift."""
        shift = float(block[0])
        if not shift < math.inf or not self.shift < math.inf:
            self.shift = math.nan
            return
        if shift == -math.inf:
            return
        if shift > self.shift:
            for table in self.tables.values():
                table *= math.exp(self.shift - shift)
            self.shift = shift
        for ((_, keep), table), part in zip(self.tables.items(), block[1], strict=True):
            where = tuple(slice(start[axis], start[axis] + n) for axis, n in zip(keep, part.shape, strict=True))
            own = table[where]
            own += math.exp(shift - self.shift) * np.asarray(part)[tuple(slice(n) for n in own.shape)]


class _Line:
    """The line that says how many cells are done, from a second on."""

    def __init__(self, cells: int, blocks: int, wanted: bool):
        self.cells, self.blocks, self.wanted = cells, blocks, wanted
        self.done, self.start = 0, time.monotonic()
        self.next, self.width = self.start + PATIENCE, 0

    def step(self) -> None:
        """A block is done."""
        self.done += 1
        now = time.monotonic()
        if not self.wanted or now < self.next:
            return
        self.next = now + REFRESH
        left = (now - self.start) * (self.blocks / self.done - 1)
        self._print(f"enumerate: {self.cells * self.done // self.blocks:,} of {self.cells:,} cells, {left:.0f} s left")

    def end(self) -> None:
        """All are: a line that was begun says so."""
        if self.width:
            seconds = time.monotonic() - self.start
            self._print(f"enumerate: {self.cells:,} cells in {seconds:.1f} s")
            print(file=sys.stderr)

    def _print(self, text: str) -> None:
        print("\r" + text.ljust(self.width), end="", file=sys.stderr, flush=True)
        self.width = len(text)


def _raise_where(joint: LogJoint, axes: tuple[Axis, ...], data: Data, tile: tuple[int, ...]) -> None:
    """The error that names the first cell whose log density is NaN or +inf."""
    cells = jax.jit(Traced.of(joint, data).cells)
    for picked in itertools.product(*(axis.runs(length) for axis, length in zip(axes, tile, strict=True))):
        nodes = tuple(run[0] for run in picked)
        log_p = np.asarray(cells(nodes, data.leaves))
        if not (log_p < math.inf).all():
            bad = np.unravel_index(np.argmin(log_p < math.inf), log_p.shape)
            cell = ", ".join(f"{n} = {float(x[i]):g}" for n, x, i in zip(joint.names, nodes, bad, strict=True))
            raise FloatingPointError(
                f"log_joint is {log_p[bad]:g} at {cell}. Let it return -jnp.inf where the density is 0, or move the grid."
            )


# --- checks -----------------------------------------------------------------------------------------------------


def _bytes(lengths: tuple[int, ...], wanted: tuple[Table, ...]) -> int:
    """Of the tables on the way: the running sums, and two blocks' that are no larger."""
    return 3 * 8 * sum(math.prod(lengths[axis] for axis in keep) for _, keep in wanted)


def _require_memory(names: tuple[str, ...], lengths: tuple[int, ...], wanted: tuple[Table, ...], memory: int) -> None:
    if (need := _bytes(lengths, wanted)) > memory:
        largest = max((keep for _, keep in wanted), key=lambda keep: math.prod(lengths[axis] for axis in keep))
        size = " x ".join(f"{names[axis]} {lengths[axis]:,}" for axis in largest)
        raise MemoryError(
            f"the tables need {need / 2**20:,.0f} MiB, more than memory={memory} bytes ({memory / 2**20:,.0f} MiB): the "
            f"largest has {size} cells. Pass more memory, fewer pairs or coarser grids."
        )


def _is_list_of_numbers(tree: Any) -> bool:
    return isinstance(tree, list) and all(map(_is_number, _flat(tree)))


def _flat(tree: Any) -> Iterator[Any]:
    for item in tree:
        yield from _flat(item) if isinstance(item, list) else (item,)


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float, np.generic))


def _array(leaf: Any) -> Array:
    try:
        array = np.asarray(leaf)
    except ValueError:  # lists of unequal lengths
        array = np.asarray(leaf, object)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"data must be arrays of numbers; a part of it is {array.dtype}: {str(leaf)[:60]}.")
    return jnp.asarray(array.astype(np.float64) if array.dtype.kind == "f" else array)
