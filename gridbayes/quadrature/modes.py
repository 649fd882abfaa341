"""Modes of a log density in real coordinates, and what a normal at each of them says of its mass.

Newton steps from several starts at once, with the curvature's absolute value, so that saddles are left; a step that
does not gain is shortened. Dauphin et al. (2014), "Identifying and attacking the saddle point problem", NeurIPS 27.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from gridbayes.quadrature.supports import Space
from gridbayes.quadrature.target import Target

__all__ = ["Advice", "ModeError", "Peak", "climb", "require_proper", "separate"]

STEPS = 200  # of Newton's, from one start
CLOSE = 1e-9  # sds from the mode at which a climb ends
ARRIVED = 1e-4  # sds from the mode at which one that ran out of steps has arrived all the same
FLAT = 1e-11  # an eigenvalue of the curvature, in units where its diagonal is 1, that is rounding
FALLS = 0.25  # what a log density must fall three sds from its mode; a normal's falls by 4.5
APART = 3.0  # sds between modes that are two, by the sds of both


class ModeError(ValueError):
    """A log density has no mode that integrals could be centred on."""


@dataclass(frozen=True)
class Advice:
    """What to do, in the arguments of the call that the user made.

    Parameters
    ----------
    others : where other modes hold mass. nowhere : where the search arrives at no mode. overlap : where mirror images meet.
    """

    others: str = (
        "Name mirrored components in exchangeable=, order them, or integrate each mode by itself with start= and a narrower "
        "support."
    )
    nowhere: str = "Or pass start=, a mapping of names to values."
    overlap: str = "Order the parameter that tells them apart: ('ordered', K)."


@dataclass(frozen=True, eq=False)
class Peak:
    """A mode u, (dimension,), of a log density, and minus its second derivatives there."""

    u: Float[np.ndarray, " dimension"]
    log_density: float
    precision: Float[np.ndarray, "dimension dimension"]
    distance: float  # what is left to the mode, in sds

    @cached_property
    def spectrum(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scales (dimension,), eigenvalues and eigenvectors of the precision in units of them."""
        scale = 1 / np.sqrt(np.maximum(np.abs(np.diag(self.precision)), 1e-300))
        return scale, *np.linalg.eigh(self.precision * scale[:, None] * scale)

    @property
    def proper(self) -> bool:
        """Whether the curvature is positive in every direction."""
        return bool(self.spectrum[1][0] > FLAT and (np.diag(self.precision) > 0).all())

    @cached_property
    def root(self) -> Float[np.ndarray, "dimension dimension"]:
        """A with A A' = the inverse of the precision."""
        scale, values, vectors = self.spectrum
        return np.linalg.cholesky((scale[:, None] * vectors / values) @ (scale[:, None] * vectors).T)

    @property
    def log_mass(self) -> float:
        """Laplace's approximation to the log of the integral: log p(u) + d/2 log 2 pi + log det A."""
        return self.log_density + len(self.u) / 2 * math.log(2 * math.pi) + float(np.log(np.diag(self.root)).sum())

    def sds_to(self, other: "Peak") -> float:
        """The distance to another mode, by the sds of the one where it is shorter."""
        step = other.u - self.u
        return math.sqrt(max(min(step @ self.precision @ step, step @ other.precision @ step), 0.0))


def climb(target: Target, starts: Float[np.ndarray, "start dimension"]) -> list[Peak]:
    """Where Newton's steps from each start end, (start,)."""
    with jax.enable_x64(True):
        u, value, hessian, decrement = map(np.asarray, _climber(target.at_one())(jnp.asarray(starts), target.data))
    return [
        Peak(u[i], float(value[i]), -hessian[i], math.sqrt(decrement[i]))
        for i in range(len(u))
        if np.isfinite(value[i]) and np.isfinite(hessian[i]).all() and np.isfinite(decrement[i])
    ]


@lru_cache(maxsize=32)
def _climber(density: Callable) -> Callable:
    """The compiled climb from (start, dimension) to where it ends: u, log density, second derivatives, decrement."""

    def look(u: jax.Array, data: dict) -> tuple[jax.Array, jax.Array, jax.Array]:
        def along(direction: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
            at_u = partial(jax.value_and_grad(density), data=data)
            (value, gradient), (_, column) = jax.jvp(at_u, (u,), (direction,))
            return value, gradient, column

        values, gradients, hessian = jax.lax.map(along, jnp.eye(len(u)))  # one by one: half the time, and to compile
        value, gradient = values[0], gradients[0]
        finite = jnp.isfinite(value) & jnp.isfinite(gradient).all() & jnp.isfinite(hessian).all()
        return jnp.where(finite, value, -jnp.inf), gradient, hessian

    def direction(gradient: jax.Array, hessian: jax.Array) -> tuple[jax.Array, jax.Array]:
        """|H|^-1 g, and the decrement g' |H|^-1 g."""
        scale = jax.lax.rsqrt(jnp.maximum(jnp.abs(jnp.diagonal(hessian)), 1e-300))
        values, vectors = jnp.linalg.eigh(hessian * scale[:, None] * scale)
        along = vectors.T @ (scale * gradient)
        steps = along / jnp.maximum(jnp.abs(values), 1e-8)
        return scale * (vectors @ steps), steps @ along

    def run(starts: jax.Array, data: dict) -> tuple[jax.Array, ...]:
        def going(state: tuple) -> jax.Array:
            count, length, decrement = state[0], state[5], state[7]
            return (count < STEPS) & jnp.any((decrement > CLOSE**2) & (length > 1e-9))

        def step(state: tuple) -> tuple:
            count, u, value, gradient, hessian, length, towards, decrement = state
            trial = u + length[:, None] * towards
            new = jax.vmap(look, in_axes=(0, None))(trial, data)
            gains = jnp.isfinite(new[0]) & (decrement > CLOSE**2) & (new[0] >= value - 1e-12 * jnp.abs(value))
            better = gains | (count == 0)
            value, gradient, hessian = (
                jnp.where(better.reshape(-1, *[1] * (a.ndim - 1)), a, b)
                for a, b in zip(new, (value, gradient, hessian), strict=True)
            )
            towards, decrement = jax.vmap(direction)(gradient, hessian)
            length = jnp.where(better, jnp.minimum(2 * length, 1.0), length / 4)
            return count + 1, jnp.where(better[:, None], trial, u), value, gradient, hessian, length, towards, decrement

        many, d = starts.shape  # the first step looks at the starts themselves: what is looked at compiles once
        nothing = (jnp.full(many, -jnp.inf), jnp.zeros((many, d)), jnp.zeros((many, d, d)))
        state = (0, starts, *nothing, jnp.ones(many), jnp.zeros((many, d)), jnp.ones(many))
        _, u, value, _, hessian, _, _, decrement = jax.lax.while_loop(going, step, state)
        return u, value, hessian, decrement

    return jax.jit(run)


def separate(peaks: list[Peak]) -> list[Peak]:
    """Modes that are modes, each once, that of the largest mass first.

    Climbs that ended nowhere are left out: a mixture has spikes of no mass and endless height. Where all did, the highest
    is returned, for `require_proper` to say why.
    """
    modes = [peak for peak in peaks if peak.proper and peak.distance < ARRIVED]
    if not modes:
        return [max(peaks, key=lambda peak: peak.log_density)]
    distinct: list[Peak] = []
    for peak in sorted(modes, key=lambda peak: -peak.log_mass):
        if all(peak.sds_to(other) > APART for other in distinct):
            distinct.append(peak)
    return distinct


def require_proper(target: Target, peak: Peak, advice: Advice) -> None:
    """Refuse a mode from which the density does not fall in every direction.

    Raises
    ------
    ModeError
        With the direction and the parameters that move along it.
    """
    scale, values, vectors = peak.spectrum
    if not peak.proper:
        worst = scale * vectors[:, 0]
        raise ModeError(f"the log density is flat or curved upwards {_along(target.space, peak, worst)}. {REMEDY}")
    if peak.distance > ARRIVED:
        raise ModeError(
            f"no mode was found in {STEPS} steps; the last point is {peak.distance:.2g} sds from one by its curvature, at "
            f"{_where(target.space, peak.u)}. {REMEDY} {advice.nowhere}"
        )
    steps = 3 * (scale[:, None] * vectors / np.sqrt(values)).T
    both = np.concatenate([peak.u + steps, peak.u - steps])
    with np.errstate(over="ignore", invalid="ignore"):
        fall = peak.log_density - target.log_joint(target.space.own(both)) - target.space.log_jacobian(both)
    fall = np.where(np.isnan(fall), np.inf, fall)
    if fall.min() < FALLS:
        worst = steps[int(np.argmin(fall)) % len(steps)]
        raise ModeError(
            f"the log density falls by only {fall.min():.2g} three sds from its mode {_along(target.space, peak, worst)}. "
            f"{REMEDY}"
        )


REMEDY = "Give each parameter a proper prior, or drop one that the data cannot tell from others."


def _along(space: Space, peak: Peak, direction: np.ndarray) -> str:
    """Which parameters move along a direction of u, and where it starts."""
    share = direction / np.abs(direction).max()
    moving = [f"{label} ({share[i]:+.2g})" for i, label in enumerate(space.labels) if abs(share[i]) > 0.1]
    return f"along {', '.join(moving)} at {_where(space, peak.u)}"


def _where(space: Space, u: np.ndarray) -> str:
    with np.errstate(over="ignore"):
        own = space.own(u)
    return ", ".join(f"{name} = {np.array2string(np.asarray(x), precision=4)}" for name, x in own.items())
