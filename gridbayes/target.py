"""Target: a user's log density in real coordinates, evaluated at many points at once.

In coordinates u of the real line, x = T(u), it is log p(T(u)) + log |det dT/du| (supports.py). Points go through one
compiled function in chunks of one size, side by side on the cores, so that memory stays bounded and nothing is compiled
for another number of points. Compiled functions are kept by the identity of the user's function.
"""

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
from gridbayes.supports import Space

__all__ = ["MEMORY", "Target", "as_arrays"]

MEMORY = 2**28  # bytes that the tables of one chunk may take together
TABLES = 8  # float64 tables of points x numbers of data that a density may hold at once
CACHE = (
    2**20
)  # cells of a table, points x longest axis of the data: larger ones are slower, out of the processor's cache
SMALLEST = 16  # points of a chunk
FEWER = 8  # what is left over at the end goes in chunks of a part of the size


@dataclass(frozen=True, eq=False)
class Target:
    """log p(x, data) of a user's function.

    Parameters
    ----------
    joint : the function. space : its parameters' supports. batched : whether it takes a leading axis of points.
    data : its data, as arrays of JAX. chunk : points that are evaluated at once.
    """

    joint: LogJoint
    space: Space
    batched: bool
    data: Mapping[str, Any]
    chunk: int

    @classmethod
    def of(cls, joint: LogJoint, space: Space, batched: bool, data: object, memory: float) -> "Target":
        """The target with its data as arrays, and chunks of a size that `memory` allows."""
        arrays = as_arrays(joint.data(data))
        leaves = jax.tree.leaves(arrays)
        numbers, rows = max([1, *map(np.size, leaves)]), max([1, *(n for leaf in leaves for n in np.shape(leaf))])
        chunk = min(memory / (8 * TABLES) / numbers, CACHE / rows)
        return cls(joint, space, batched, arrays, 2 ** round(np.log2(np.clip(chunk, SMALLEST, 4096))))

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
        count, compiled = len(next(iter(own.values()))), _evaluator(self.joint, self.batched)
        few = max(self.chunk // FEWER, 1)
        whole = count - count % self.chunk if count % self.chunk <= few * 2 else count
        spans = [(i, min(i + self.chunk, count), self.chunk) for i in range(0, whole, self.chunk)]
        spans += [(i, min(i + few, count), few) for i in range(whole, count, few)]

        def part(span: tuple[int, int, int]) -> np.ndarray:
            start, stop, size = span
            take = np.minimum(np.arange(start, start + size), stop - 1)  # the last point fills up
            with jax.enable_x64(True):
                values = compiled({name: x[take] for name, x in own.items()}, self.data)
                return np.asarray(values)[: stop - start]

        if len(spans) == 1:
            return part(spans[0])
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.concatenate(list(pool.map(part, spans)))

    def at_one(self) -> Callable[[Any, Any], Any]:
        """(u, data) to the log density at one point u, (dimension,), for JAX to differentiate."""
        return _at_one(self.joint, self.space, self.batched)


@lru_cache(maxsize=32)
def _evaluator(joint: LogJoint, batched: bool) -> Callable:
    """The compiled density of parameters with a leading axis of points."""

    def one(own: dict, data: dict) -> jax.Array:
        return _checked(joint(own, data), (), "a number")

    def many(own: dict, data: dict) -> jax.Array:
        count = len(next(iter(own.values())))
        return _checked(joint(own, data), (count,), f"one number a point, shape ({count},)")

    return jax.jit(many if batched else jax.vmap(one, in_axes=(0, None)))


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
