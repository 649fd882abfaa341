"""Sums over nodes and plates, in JAX and float64, in log space until the last moment.

The axes: `d` groups, `s` values of a shared sigma (one where there is none), `h` the cells of (mu, tau) as one axis,
`theta` the nodes of theta. K[h, theta] = p(theta | mu, tau) is the population, L[d, s, theta] the likelihood. Two
matrix products carry everything:

    M[d, s, h] = sum_theta L[d, s, theta] K[h, theta],        the evidence of group d at (mu, tau, sigma),
    R[d, s, theta] = sum_h W[s, h] / M[d, s, h] K[h, theta],  what the other groups say about theta_d,

with W = p(mu, tau, sigma | t). A product is taken in linear space after a shift; where it underflows it is taken again
as a log-sum-exp. R, taken anew at every move of a slider, goes through K in factors: neighbouring tau have populations
so alike that a few dozen combinations of them make all of them.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

__all__ = [
    "factors",
    "log_evidence_of_groups",
    "log_product",
    "log_product_slowly",
    "product_of_factors",
    "require_memory",
]

MEMORY_BUDGET = 2 * 2**30  # bytes that the tables of one fit may take together; what they are made from takes as much
ROUNDING = 1e-15  # of singular values beside the largest
SAFE = 1e-200  # terms are at most 1, underflow loses less than 1e-300 a term: a sum above this has lost nothing


def log_product(
    log_x: Float[Array, "d s k"], y: Float[Array, "k n"]
) -> tuple[Float[Array, "d s n"], Float[Array, "d s"]]:
    """log sum_k exp(log_x) y by a matrix product after a shift by the largest log_x, and that shift."""
    shift = jnp.max(log_x, axis=-1)
    product = jnp.exp(log_x - shift[..., None]).reshape(-1, log_x.shape[-1]) @ y
    return jnp.log(product).reshape(*log_x.shape[:-1], -1) + shift[..., None], shift


def log_product_slowly(log_x: Float[Array, "d s k"], log_y: Float[Array, "k n"]) -> Float[Array, "d s n"]:
    """The same as a log-sum-exp, one row of the result at a time: right where the product underflows."""
    rows = log_x.reshape(-1, log_x.shape[-1])
    result = jax.lax.map(lambda row: logsumexp(row[:, None] + log_y, axis=0), rows)
    return result.reshape(*log_x.shape[:-1], -1)


def factors(k: Float[Array, "h theta"], b: int) -> tuple[Float[Array, "b r"], Float[Array, "a_r theta"]]:
    """Two tables whose product is K to rounding, for h the cells of (a, b): K[a, b] = sum_r left[b, r] right[a, r].

    The left one spans K's columns over b: Halko, Martinsson & Tropp (2011), "Finding structure with randomness", SIAM
    Review 53(2):217-288, algorithm 4.1.
    """
    cells, random = np.asarray(k).reshape(-1, b, k.shape[1]), np.random.default_rng(0)
    left, size, _ = np.linalg.svd(sum(table @ random.standard_normal((k.shape[1], b)) for table in cells))
    left = left[:, size > ROUNDING * size[0]]
    return jnp.asarray(left), jnp.asarray((left.T @ cells).reshape(-1, k.shape[1]))  # (a, r) as one axis


def product_of_factors(
    x: Float[Array, "d s h"], left: Float[Array, "b r"], right: Float[Array, "a_r theta"]
) -> Float[Array, "d s theta"]:
    """sum_h x K by the factors of K. Exact to rounding beside the sum of x, so small results have lost digits."""
    inner = x.reshape(-1, left.shape[0]) @ left
    return (inner.reshape(-1, right.shape[0]) @ right).reshape(*x.shape[:2], -1)


def log_evidence_of_groups(
    log_likelihood: Float[Array, "d s theta"],
    population: Float[Array, "h theta"],
    log_population: Callable[[], Float[Array, "h theta"]],
) -> Float[Array, "d s h"]:
    """log M[d, s, h] = log sum_theta exp(log_likelihood) population; `log_population` is made only where that underflows."""
    log_m, shift = _evidence(log_likelihood, population)
    poor = np.flatnonzero(np.asarray((log_m - shift[..., None]).min(axis=(1, 2))) < np.log(SAFE))
    if len(poor):
        log_m = log_m.at[poor].set(jax.jit(log_product_slowly)(log_likelihood[poor], log_population().T))
    return log_m


@jax.jit
def _evidence(log_l: Float[Array, "d s theta"], k: Float[Array, "h theta"]) -> tuple[Array, Array]:
    return log_product(log_l, k.T)  # transposed in here: no copy of K is made


def require_memory(tables: Mapping[str, tuple[int, ...]], remedy: str) -> None:
    """Refuse float64 tables of these shapes when together they exceed the budget, before any is made.

    Raises
    ------
    MemoryError
        With the number of cells of the largest table, the bytes, and the remedy.

    >>> require_memory({"population": (10**4, 10**6)}, "Use fewer nodes.")
    Traceback (most recent call last):
    MemoryError: the grids need 74.5 GiB, more than the 2.0 GiB allowed: population has 10,000 x 1,000,000 cells.
    Use fewer nodes.
    """
    sizes = {name: float(np.prod(np.array(shape, float))) * 8 for name, shape in tables.items()}
    if (total := sum(sizes.values())) > MEMORY_BUDGET:
        largest = max(sizes, key=sizes.__getitem__)
        cells = " x ".join(f"{n:,}" for n in tables[largest])
        raise MemoryError(
            f"the grids need {total / 2**30:.1f} GiB, more than the {MEMORY_BUDGET / 2**30:.1f} GiB allowed: "
            f"{largest} has {cells} cells. {remedy}"
        )
