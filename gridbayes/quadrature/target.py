"""Target: a user's log density in real coordinates, evaluated at many points at once.

In coordinates u of the real line, x = T(u), it is log p(T(u)) + log |det dT/du| (supports.py). Points go through one
compiled loop over blocks, as many as there are, so that tables stay in the processor's cache, memory stays bounded and
nothing is compiled for another number of points; cores share the blocks. Compiled functions are kept by the identity of
the user's function.
"""

import math
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from gridbayes.log_joint import LogJoint
from gridbayes.quadrature.supports import Space

__all__ = ["MEMORY", "Target", "as_arrays"]

MEMORY = 2**28  # bytes that the tables of one block may take together
TABLES = 8  # float64 tables of points x numbers of data that a density may hold at once
CACHE = 2**17  # cells of a table, points x longest axis of the data: larger ones leave the processor's cache
SIZES = (16, 512)  # points of a block
CALL = 16  # blocks at most that one call goes through
CORES = os.cpu_count() or 1


@dataclass(frozen=True, eq=False)
class Target:
    """log p(x, data) of a user's function.

    Parameters
    ----------
    joint : the function. space : its parameters' supports. batched : whether it takes a leading axis of points.
    data : its data, as arrays of JAX. block : points that are evaluated at once.
    """

    joint: LogJoint
    space: Space
    batched: bool
    data: Mapping[str, Any]
    block: int

    @classmethod
    def of(cls, joint: LogJoint, space: Space, batched: bool, data: object, memory: float) -> "Target":
        """The target with its data as arrays, and blocks of a size that `memory` allows."""
        arrays = as_arrays(joint.data(data))
        leaves = jax.tree.leaves(arrays)
        numbers, rows = max([1, *map(np.size, leaves)]), max([1, *(n for leaf in leaves for n in np.shape(leaf))])
        block = min(memory / (8 * TABLES) / numbers, CACHE / rows)
        return cls(joint, space, batched, arrays, 2 ** round(np.log2(np.clip(block, *SIZES))))

    def log_density(
        self, u: Float[np.ndarray, "point dimension"], space: Space | None = None
    ) -> Float[np.ndarray, " point"]:
        """log p(T(u)) + log |det dT/du| at coordinates u of `space`, this target's own or another of the same parameters.

        So far out that rounding puts a parameter on the edge of its support, a density that is NaN there is taken for 0.

        Raises
        ------
        ValueError
            Where the density is NaN or +inf, with the parameters there.
        """
        space = space or self.space
        with np.errstate(over="ignore", under="ignore"):
            own = space.own(u)
            log_p = self.log_joint(own) + space.log_jacobian(u)
            log_p = np.where(np.isnan(log_p) & ~space.holds(own), -np.inf, log_p)
        if (bad := np.isnan(log_p) | (log_p == np.inf)).any():
            at = int(np.argmax(bad))
            where = ", ".join(f"{name} = {np.array2string(np.asarray(x[at]), precision=4)}" for name, x in own.items())
            raise ValueError(
                f"log_joint is {log_p[at]} at {where}. Return -inf where the density is 0; guard logs and divisions."
            )
        return log_p

    def log_joint(self, own: Mapping[str, np.ndarray]) -> Float[np.ndarray, " point"]:
        """What the user's function returns at parameters with a leading axis of points."""
        count, compiled = len(next(iter(own.values()))), _evaluator(self.joint, self.batched, self.block)
        blocks = -(-count // self.block)
        calls = min(blocks, CORES * math.ceil(blocks / (CORES * CALL)))  # as many for each core
        edges = np.minimum(np.arange(calls + 1) * blocks // calls * self.block, count)

        def part(start: int, stop: int) -> np.ndarray:
            take = np.minimum(np.arange(start, start + CALL * self.block), stop - 1)  # the last point fills up
            with jax.enable_x64(True):
                many = -(-(stop - start) // self.block)
                return np.asarray(compiled(many, {name: x[take] for name, x in own.items()}, self.data))[: stop - start]

        if calls == 1:
            return part(0, count)
        with ThreadPoolExecutor(CORES) as pool:
            return np.concatenate(list(pool.map(part, edges[:-1].tolist(), edges[1:].tolist())))

    def at_one(self) -> Callable[[Any, Any], Any]:
        """(u, data) to the log density at one point u, (dimension,), for JAX to differentiate."""
        return _at_one(self.joint, self.space, self.batched)


@lru_cache(maxsize=32)
def _evaluator(joint: LogJoint, batched: bool, block: int) -> Callable:
    """The compiled density of parameters with a leading axis of points, of the first `many` blocks of them."""

    def one(own: dict, data: dict) -> jax.Array:
        return _checked(joint(own, data), (), "a number")

    def side_by_side(own: dict, data: dict) -> jax.Array:
        return _checked(joint(own, data), (block,), f"one number a point, shape ({block},)")

    density = side_by_side if batched else jax.vmap(one, in_axes=(0, None))

    def all_blocks(many: jax.Array, own: dict, data: dict) -> jax.Array:
        def step(i: jax.Array, log_p: jax.Array) -> jax.Array:
            points = {name: jax.lax.dynamic_slice_in_dim(x, i * block, block) for name, x in own.items()}
            return jax.lax.dynamic_update_slice_in_dim(log_p, density(points, data), i * block, 0)

        return jax.lax.fori_loop(0, many, step, jnp.zeros(CALL * block))

    return jax.jit(all_blocks)


@lru_cache(maxsize=32)
def _at_one(joint: LogJoint, space: Space, batched: bool) -> Callable:
    def density(u: jax.Array, data: dict) -> jax.Array:
        own = space.own(u)
        if batched:
            value = joint({name: x[None] for name, x in own.items()}, data)
            return _checked(value, (1,), "one number a point, shape (1,)")[0] + space.log_jacobian(u)
        return _checked(joint(own, data), (), "a number") + space.log_jacobian(u)

    return density


def _checked(value: Any, shape: tuple[int, ...], what: str) -> jax.Array:
    value = jnp.asarray(value)
    if value.shape != shape:
        raise ValueError(f"log_joint must return {what}; it returns shape {value.shape}. Sum over the rows.")
    return value.astype(float)


def as_arrays(data: Any) -> Any:
    """Data as float64 and integer arrays of JAX: mappings and data frames by name, anything else as NumPy makes of it.

    Raises
    ------
    TypeError
        Where something is not numbers.
    """
    if isinstance(data, Mapping) or hasattr(data, "columns"):
        return {name: as_arrays(data[name]) for name in data}
    array = np.asarray(data)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"data must be numbers; got {array.dtype}: {str(data)[:60]}. Code labels as whole numbers.")
    with jax.enable_x64(True):
        return jnp.asarray(array, float if array.dtype.kind == "f" else None)
