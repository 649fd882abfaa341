"""The engine under every model that is stated by slots: p(parameters | t) from their priors and a table of log p(t | them).

A model states its parameters as slots (program.py) and hands over the log likelihood on the product of their grids. The
memo `hyper` multiplies the two; the memos of `each_memo` normalise one density a group. Pooling models, regressions and
the rest differ in how they come by the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from gridbayes.grids import Grid
from gridbayes.posterior import checked_masses
from gridbayes.program import Program, Slot, signature
from gridbayes.summaries import Marginal

__all__ = [
    "Arguments",
    "arguments_of",
    "each_memo",
    "hyper_memo",
    "log_prior",
    "marginal_of",
    "run_groups",
    "run_hyper",
    "shared_masses",
]

STEP = 32  # the least step between the lengths to which tables of automatic grids are padded


def hyper_memo(slots: tuple[Slot, ...]) -> str:
    """p(parameters | t): their priors times the likelihood, or the evidence of all groups, at each cell."""
    names = [slot.name for slot in slots]
    tables = [table for slot in slots for table in slot.tables]
    scalars = [scalar for slot in slots for scalar in slot.scalars]
    axes = ", ".join(f"_{slot.name}: {slot.domain}" for slot in slots)
    choices = ", ".join(f"{slot.name} in {slot.domain}" for slot in slots)
    terms = "\n        + ".join([*(slot.call for slot in slots), f"at(log_likelihood, {', '.join(names)})"])
    query = ", ".join(f"nature.{name} == _{name}" for name in names)
    return (
        f"@memo\ndef hyper[{axes}](\n        {signature([*tables, 'log_likelihood'], scalars)}):\n"
        f"    nature: chooses({choices}, wpp=exp(\n        {terms}))\n"
        f"    return Pr[{query}]\n"
    )


def each_memo(memo: str, parameter: str) -> str:
    """p(parameter_d | t) of each group, from one log density a group."""
    domain = parameter.capitalize()
    return (
        f"@memo\ndef {memo}[_d: Group, _{parameter}: {domain}](log_density: ...):\n"
        "    nature: knows(_d)\n"
        f"    nature: chooses({parameter} in {domain}, wpp=exp(at(log_density, _d, {parameter})))\n"
        f"    return Pr[nature.{parameter} == _{parameter}]\n"
    )


@dataclass(frozen=True)
class Arguments:
    """A slot without its values: only names, so that programs are compiled for names and shapes alone."""

    name: str
    tables: tuple[str, ...]
    scalars: tuple[str, ...]

    @classmethod
    def of(cls, slot: Slot) -> "Arguments":
        return cls(slot.name, slot.tables, slot.scalars)


def shared_masses(
    memos: SimpleNamespace,
    slots: tuple[Arguments, ...],
    arguments: Mapping[str, Array],
    explicit: Mapping[str, Array],
    log_m_total: Float[Array, "*shared"],
) -> dict[str, Array]:
    """p(shared parameters | t), by the program, and log evidence, from the same prior masses and the same table."""
    if not slots:
        return {"log_evidence": log_m_total}
    tables = [arguments[name] for slot in slots for name in slot.tables]
    scalars = [arguments[name] for slot in slots for name in slot.scalars]
    masses = memos.hyper(*tables, log_m_total, *scalars)
    log_joint, log_total = log_m_total, 0.0
    for axis, slot in enumerate(slots):
        log_p = log_prior(memos, slot, arguments)
        log_joint = log_joint + log_p.reshape([-1 if i == axis else 1 for i in range(len(slots))])
        log_total += explicit[slot.name] * logsumexp(log_p)
    return {"hyper": masses, "log_evidence": logsumexp(log_joint) - log_total}


def log_prior(
    memos: SimpleNamespace, slot: Arguments, arguments: Mapping[str, Array | np.ndarray]
) -> Float[Array, " node"]:
    """The log prior masses of a parameter's nodes, as the program states them."""
    memo = getattr(memos, f"log_prior_{slot.name}")
    return memo(*(jnp.asarray(arguments[name]) for name in (*slot.tables, *slot.scalars)))


def arguments_of(slot: Slot, grid: Grid) -> dict[str, np.ndarray]:
    """The slot's arguments on this grid, float64 all, so that another type never compiles the program again."""
    return {name: np.asarray(value, np.float64) for name, value in slot.arguments(grid).items()}


# --- automatic grids: their lengths follow the data, so tables are padded with nodes of no weight -----------------


def run_hyper(
    program: Program, slots: tuple[Slot, ...], grids: Mapping[str, Grid], log_likelihood: Float[np.ndarray, "*shared"]
) -> tuple[Float[np.ndarray, "*shared"], float]:
    """p(shared parameters | t) and log evidence by a program's memo `hyper`, on automatic grids.

    Parameters
    ----------
    grids : of the shared parameters, in the order of the program's axes.
    log_likelihood : log p(t | shared parameters) on their product.
    """
    with jax.enable_x64(True):
        return _run_hyper(program, slots, grids, log_likelihood)


def _run_hyper(
    program: Program, slots: tuple[Slot, ...], grids: Mapping[str, Grid], log_likelihood: np.ndarray
) -> tuple[np.ndarray, float]:
    shape = tuple(map(_padded_length, log_likelihood.shape))
    sizes = dict(zip((slot.domain for slot in slots), shape, strict=True))
    arguments = {}
    for slot in slots:
        for name, value in slot.arguments(grids[slot.name]).items():
            table = np.asarray(value, float)  # a node of no weight repeats the last: at 0 a density may have a pole
            fill = -np.inf if name.endswith("_log_weight") else float(table.flat[-1])
            arguments[name] = _padded(table, (_padded_length(len(grids[slot.name])),), fill)
    table = _padded(log_likelihood, shape, 0.0)
    result = _hyper(program, tuple(map(Arguments.of, slots)), tuple(sorted(sizes.items())))(arguments, table)
    masses = np.asarray(result["hyper"])[tuple(map(slice, log_likelihood.shape))]
    names = ", ".join(slot.name for slot in slots)
    return checked_masses(masses, names, axes=masses.ndim), float(result["log_evidence"])


@lru_cache(maxsize=64)
def _hyper(program: Program, slots: tuple[Arguments, ...], sizes: tuple[tuple[str, int], ...]):
    memos = program.compile(**dict(sizes))
    implicit = {slot.name: jnp.zeros(()) for slot in slots}
    return jax.jit(lambda arguments, table: shared_masses(memos, slots, arguments, implicit, table))


def run_groups(
    program: Program, memo: str, parameter: str, densities: list[tuple[Grid, Float[np.ndarray, " _node"]]]
) -> tuple[Marginal, ...]:
    """The masses of one parameter of every group, by a memo of `each_memo`, from log densities on grids."""
    length = _padded_length(max(len(grid) for grid, _ in densities))
    table = np.full((len(densities), length), -np.inf)
    for row, (grid, log_density) in zip(table, densities, strict=True):
        row[: len(grid)] = log_density + grid.log_weight
    sizes = {"Group": len(densities), parameter.capitalize(): length}
    with jax.enable_x64(True):
        masses = np.asarray(_groups(program, memo, tuple(sorted(sizes.items())))(jnp.asarray(table)))
    checked_masses(masses, parameter)
    return tuple(Marginal(grid, row[: len(grid)]) for (grid, _), row in zip(densities, masses, strict=True))


@lru_cache(maxsize=64)
def _groups(program: Program, memo: str, sizes: tuple[tuple[str, int], ...]):
    return jax.jit(getattr(program.compile(**dict(sizes)), memo))


def _padded_length(length: int) -> int:
    """32, 64, 96, 128, 192, 256, 384, 512, 768, ...: few lengths, since for each a program is compiled, most of a second."""
    step = max(STEP, 2 ** (length.bit_length() - 2))
    return -(-length // step) * step


def _padded(table: np.ndarray, shape: tuple[int, ...], fill: float) -> np.ndarray:
    if table.ndim == 0:
        return table
    return np.pad(table, [(0, n - m) for n, m in zip(shape, table.shape, strict=True)], constant_values=fill)


def marginal_of(masses: Float[np.ndarray, "*shared"], axis: int, grid: Grid) -> Marginal:
    """One parameter's marginal from masses of all shared ones."""
    return Marginal(grid, masses.sum(axis=tuple(i for i in range(masses.ndim) if i != axis)))
