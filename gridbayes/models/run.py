"""Running the memos that every pooling model has: the prior of a parameter, and the posterior of the shared ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from gridbayes.grids import Grid
from gridbayes.models.pooling import Pooling
from gridbayes.posterior import Posterior, checked_masses
from gridbayes.program import Program, Slot
from gridbayes.summaries import Marginal

__all__ = [
    "Arguments",
    "arguments_of",
    "as_posterior",
    "log_prior",
    "marginal_of",
    "run_groups",
    "run_hyper",
    "shared_masses",
]

STEP = 32  # tables of automatic grids are padded to a multiple of this, so that few programs are compiled
UNUSED = dict.fromkeys(("Mu", "Tau", "Theta", "Sigma", "Group"), 1)  # sizes of domains that a run does not touch


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
    model: Pooling, grids: Mapping[str, Grid], log_likelihood: Float[np.ndarray, "*shared"]
) -> tuple[Float[np.ndarray, "*shared"], float]:
    """p(shared parameters | t) and log evidence by the model's continuous program, on automatic grids.

    Parameters
    ----------
    grids : of the shared parameters, in the order of the program's axes.
    log_likelihood : log p(t | shared parameters) on their product.
    """
    with jax.enable_x64(True):
        return _run_hyper(model, grids, log_likelihood)


def _run_hyper(model: Pooling, grids: Mapping[str, Grid], log_likelihood: np.ndarray) -> tuple[np.ndarray, float]:
    shape = tuple(map(_padded_length, log_likelihood.shape))
    sizes = tuple(sorted({**UNUSED, **dict(zip((slot.domain for slot in model.hyper), shape, strict=True))}.items()))
    arguments = {}
    for slot in model.hyper:
        for name, value in slot.arguments(grids[slot.name]).items():
            table = np.asarray(value, float)  # a node of no weight repeats the last: at 0 a density may have a pole
            fill = -np.inf if name.endswith("_log_weight") else float(table.flat[-1])
            arguments[name] = _padded(table, (_padded_length(len(grids[slot.name])),), fill)
    slots = tuple(map(Arguments.of, model.hyper))
    table = _padded(log_likelihood, shape, 0.0)
    result = _hyper(model.continuous_program, slots, sizes)(arguments, table)
    masses = np.asarray(result["hyper"])[tuple(map(slice, log_likelihood.shape))]
    names = ", ".join(slot.name for slot in model.hyper)
    return checked_masses(masses, names, axes=masses.ndim), float(result["log_evidence"])


@lru_cache(maxsize=64)
def _hyper(program: Program, slots: tuple[Arguments, ...], sizes: tuple[tuple[str, int], ...]):
    memos = program.compile(**dict(sizes))
    implicit = {slot.name: jnp.zeros(()) for slot in slots}
    return jax.jit(lambda arguments, table: shared_masses(memos, slots, arguments, implicit, table))


def run_groups(
    program: Program, memo: str, densities: list[tuple[Grid, Float[np.ndarray, " _node"]]]
) -> tuple[Marginal, ...]:
    """The masses of one parameter of every group, by the program's `effect` or `noise`, from log densities on grids."""
    parameter = {"effect": "Theta", "noise": "Sigma"}[memo]
    length = _padded_length(max(len(grid) for grid, _ in densities))
    table = np.full((len(densities), length), -np.inf)
    for row, (grid, log_density) in zip(table, densities, strict=True):
        row[: len(grid)] = log_density + grid.log_weight
    sizes = {"Group": len(densities), parameter: length}
    with jax.enable_x64(True):
        masses = np.asarray(_groups(program, memo, tuple(sorted(sizes.items())))(jnp.asarray(table)))
    checked_masses(masses, parameter.lower())
    return tuple(Marginal(grid, row[: len(grid)]) for (grid, _), row in zip(densities, masses, strict=True))


@lru_cache(maxsize=64)
def _groups(program: Program, memo: str, sizes: tuple[tuple[str, int], ...]):
    return jax.jit(getattr(program.compile(**{**UNUSED, **dict(sizes)}), memo))


def _padded_length(length: int) -> int:
    return -(-length // STEP) * STEP


def _padded(table: np.ndarray, shape: tuple[int, ...], fill: float) -> np.ndarray:
    if table.ndim == 0:
        return table
    return np.pad(table, [(0, n - m) for n, m in zip(shape, table.shape, strict=True)], constant_values=fill)


def marginal_of(masses: Float[np.ndarray, "*shared"], axis: int, grid: Grid) -> Marginal:
    """One parameter's marginal from masses of all shared ones."""
    return Marginal(grid, masses.sum(axis=tuple(i for i in range(masses.ndim) if i != axis)))


def as_posterior(fitted: Any, marginals: Mapping[str, tuple[Marginal, ...]], log_evidence: float) -> Posterior:
    """The posterior of a fit on automatic grids, its parameters in the order of reports; `fitted` answers questions."""
    model: Pooling = fitted.model
    ordered = {name: marginals[name] for name in model.names}
    groups = model.observations.groups
    return Posterior(ordered, groups, model.per_group, log_evidence, model.continuous_program, fitted)
