"""Messages along one chain of hidden states: what earlier and later steps say of each, in log space.

States x_1 ... x_T, outputs y_1 ... y_T; log tables of the initial distribution, the transitions and the emissions:

    pi_k = p(x_1 = k),    P_jk = p(x_{t+1} = k | x_t = j),    b_t(k) = p(y_t | x_t = k)

    forward     f_t(k) = p(x_t = k | y_1 ... y_t) = b_t(k) sum_j f_{t-1}(j) P_jk / c_t
    evidence    p(y) = product of the c_t,    c_t = p(y_t | y_1 ... y_{t-1})
    backward    h_t(j) = p(y_{t+1} ... y_T | x_t = j), up to a factor = sum_k P_jk b_{t+1}(k) h_{t+1}(k)
    smoothed    p(x_t = j | y), up to a factor = f_t(j) h_t(j)
    pairs       p(x_t = j, x_{t+1} = k | y), up to a factor = f_t(j) P_jk b_{t+1}(k) h_{t+1}(k)

A step whose output is missing has b_t(k) = 1. Chains of unequal length are filled up to one: tables behind `length` steps
are not looked at. What is returned there repeats the last step; of pairs it is 0. All is for one chain, in `jax.numpy`, to
be called with 64 bits on (`jax.enable_x64`); `jax.vmap` makes it chains, or points of a posterior.

Source: Rabiner (1989), "A tutorial on hidden Markov models and selected applications in speech recognition", Proceedings
of the IEEE 77:257-286, equations 19 to 37; every step is shifted in logs, so that nothing underflows.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import logsumexp
from jaxtyping import Array, Float, Int

__all__ = [
    "Filtered",
    "Path",
    "backward",
    "expected_transitions",
    "filtered",
    "log_evidence",
    "pairs",
    "smoothed",
    "viterbi",
]

type Initial = Float[Array, " state"]
type Transitions = Float[Array, "state state"]
type Steps = Float[Array, "step state"]
type Length = Int[Array, ""] | int


class Filtered(NamedTuple):
    """log p(x_t | y_1 ... y_t), (step, state), and log p(y_t | y_1 ... y_{t-1}), (step,), which sum to log p(y)."""

    log_filtered: Steps
    log_increments: Float[Array, " step"]


class Path(NamedTuple):
    """The most probable states, (step,), and log p(they, y)."""

    states: Int[Array, " step"]
    log_joint: Float[Array, ""]


def _normalised(log_joint: Array) -> tuple[Array, Array]:
    """log of what sums to 1, and of the constant; all -inf stays so."""
    log_c = logsumexp(log_joint)
    return log_joint - jnp.where(jnp.isfinite(log_c), log_c, 0.0), log_c


def _onwards(log_transitions: Array, length: Length, log_f: Array, at: tuple) -> tuple[Array, Array]:
    """log f_t and log c_t of log f_{t-1}, `at` step t with its emissions."""
    t, log_b = at
    new, log_c = _normalised(log_b + logsumexp(log_f[:, None] + log_transitions, axis=0))
    return jnp.where(t < length, new, log_f), jnp.where(t < length, log_c, 0.0)


def _later(log_emissions: Array) -> tuple[Array, Array]:
    return jnp.arange(1, len(log_emissions)), log_emissions[1:]


def filtered(log_initial: Initial, log_transitions: Transitions, log_emissions: Steps, length: Length) -> Filtered:
    """The forward messages."""

    def step(log_f: Array, at: tuple) -> tuple[Array, tuple]:
        new, log_c = _onwards(log_transitions, length, log_f, at)
        return new, (new, log_c)

    first, log_c = _normalised(log_initial + log_emissions[0])
    _, (log_f, log_cs) = jax.lax.scan(step, first, _later(log_emissions))
    return Filtered(jnp.concatenate([first[None], log_f]), jnp.append(log_c, log_cs))


def log_evidence(
    log_initial: Initial, log_transitions: Transitions, log_emissions: Steps, length: Length
) -> Float[Array, ""]:
    """log p(y), with no message kept, where every transition is possible: what a posterior over parameters sums.

    Each step is a product, shifted by the largest b_t(k), and not a sum of logs: five times as fast. A state whose share
    underflows is entered from the others before it can matter, as long as no transition is below 1e-290; where some are 0
    sum the increments of `filtered`.
    """
    p, top = jnp.exp(log_transitions), log_emissions.max(axis=1)
    top = jnp.where(jnp.isfinite(top), top, 0.0)
    b = jnp.exp(log_emissions - top[:, None])

    def step(state: tuple, at: tuple) -> tuple[tuple, None]:
        (f, total), (t, b_t, top_t) = state, at
        joint = (f[:, None] * p).sum(axis=0) * b_t
        c = joint.sum()
        inside = t < length
        return (
            jnp.where(inside, joint / jnp.where(c > 0, c, 1.0), f),
            total + jnp.where(inside, jnp.log(c) + top_t, 0.0),
        ), None

    log_f, log_c = _normalised(log_initial + log_emissions[0])
    later = (jnp.arange(1, len(b)), b[1:], top[1:])
    return jax.lax.scan(step, (jnp.exp(log_f), log_c), later)[0][1]


def backward(log_transitions: Transitions, log_emissions: Steps, length: Length) -> Steps:
    """log h_t(j), (step, state), the largest of each step 0."""

    def step(log_h: Array, at: tuple) -> tuple[Array, Array]:
        t, log_b = at
        new = logsumexp(log_transitions + (log_b + log_h), axis=1)
        top = new.max()
        log_h = jnp.where(t < length, new - jnp.where(jnp.isfinite(top), top, 0.0), log_h)
        return log_h, log_h

    last = jnp.zeros_like(log_emissions[0])
    _, log_h = jax.lax.scan(step, last, _later(log_emissions), reverse=True)
    return jnp.concatenate([log_h, last[None]])


def smoothed(log_filtered: Steps, log_backward: Steps) -> Steps:
    """log p(x_t | y), (step, state)."""
    joint = log_filtered + log_backward
    return joint - logsumexp(joint, axis=1, keepdims=True)


def _pair(log_transitions: Array, length: Length, at: tuple) -> Array:
    """p(x_{t-1} = j, x_t = k | y), (state, state), of log f_{t-1}, log b_t and log h_t; 0 behind the end."""
    t, log_f, log_b, log_h = at
    joint = log_f[:, None] + log_transitions + (log_b + log_h)
    return jnp.where(t < length, jnp.exp(joint - logsumexp(joint)), 0.0)


def pairs(
    log_transitions: Transitions, log_emissions: Steps, log_filtered: Steps, log_backward: Steps, length: Length
) -> Float[Array, "before state state"]:
    """p(x_t = j, x_{t+1} = k | y), (step - 1, state, state): 8 steps states**2 bytes."""
    steps = (*_later(log_emissions)[:1], log_filtered[:-1], log_emissions[1:], log_backward[1:])
    return jax.vmap(lambda at: _pair(log_transitions, length, at))(steps)


def expected_transitions(
    log_transitions: Transitions, log_emissions: Steps, log_filtered: Steps, log_backward: Steps, length: Length
) -> Float[Array, "state state"]:
    """The expected number of transitions from j to k: the sum of the pairs over steps, none of which is kept."""

    def step(counts: Array, at: tuple) -> tuple[Array, None]:
        return counts + _pair(log_transitions, length, at), None

    steps = (*_later(log_emissions)[:1], log_filtered[:-1], log_emissions[1:], log_backward[1:])
    return jax.lax.scan(step, jnp.zeros_like(log_transitions), steps)[0]


def viterbi(log_initial: Initial, log_transitions: Transitions, log_emissions: Steps, length: Length) -> Path:
    """The most probable path, argmax of p(x_1 ... x_T, y): Rabiner, equations 32 to 35. Of equals, lower states."""

    def step(log_m: Array, at: tuple) -> tuple[Array, Array]:
        t, log_b = at
        towards = log_m[:, None] + log_transitions
        stay = jnp.arange(len(log_m))
        new, before = towards.max(axis=0) + log_b, towards.argmax(axis=0)
        return jnp.where(t < length, new, log_m), jnp.where(t < length, before, stay)

    log_m, before = jax.lax.scan(step, log_initial + log_emissions[0], _later(log_emissions))
    last = log_m.argmax()

    def back(state: Array, came_from: Array) -> tuple[Array, Array]:
        return came_from[state], state

    first, states = jax.lax.scan(back, last, before, reverse=True)
    return Path(jnp.append(first, states), log_m.max())
