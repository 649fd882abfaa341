"""Supports: where a parameter lives, and a bijection from the real line with its log Jacobian.

A parameter x in its own space is x = T(u), u real; a density p(x) becomes p(T(u)) |det dT/du|. The transforms, with J =
|det dT/du|:

- low < x:            x = low + exp(u),                                log J = u
- x < high:           x = high - exp(-u),                              log J = -u
- low < x < high:     x = low + (high - low) s(u), s the logistic,     log J = log(high - low) + log s(u) + log s(-u)
- ordered, from the component f outwards: x_f = u_f, x_k = x_{k-1} + exp(u_k) above it, x_k = x_{k+1} - exp(u_k) below
- simplex, broken off a stick: x_k = s(u_k - log(K - k)) (1 - x_1 - ... - x_{k-1}), k = 1 ... K - 1; u = 0 is the centre
- simplex, evenly: the same with 1 - Phi(-u_k)**(1 / (K - k)) in place of s, the share that leaves a uniform distribution
  standard normal: where a Dirichlet of few counts has tails that fall no faster than exp(-|u|) under s

A density on the simplex is one of its first K - 1 components, as Dirichlet's. All are written once, for NumPy and JAX.
"""

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np
from scipy.special import log_ndtr, ndtri_exp

__all__ = ["EvenSimplex", "Interval", "Ordered", "Simplex", "Space", "Support", "as_support"]

NAMED = {"real": (-math.inf, math.inf), "positive": (0.0, math.inf), "unit": (0.0, 1.0)}
SUPPORTS = '"real", "positive", "unit", ("interval", low, high), (low, high), each also with a length K at its end, '
SUPPORTS += '("simplex", K), ("ordered", K), or a prior'

NEAR_1 = 1 - 2**-53  # the last number below 1

type Values = np.ndarray | np.floating | jax.Array


@dataclass(frozen=True)
class Support(ABC):
    """Where one parameter lives.

    Parameters
    ----------
    size : the length K of a vector, None for a number.
    """

    size: int | None

    @property
    def dimension(self) -> int:
        """How many real coordinates it takes."""
        return self.size or 1

    @property
    @abstractmethod
    def words(self) -> str:
        """The support in words, for errors."""

    @abstractmethod
    def own(self, u: Values) -> Values:
        """x = T(u): (..., dimension) to (...,) for a number, (..., K) for a vector."""

    @abstractmethod
    def log_jacobian(self, u: Values) -> Values:
        """log |det dT/du|, (...,)."""

    @abstractmethod
    def line(self, x: Values) -> np.ndarray:
        """u = T^-1(x): (...,) or (..., K) to (..., dimension)."""

    @abstractmethod
    def holds(self, x: Values) -> np.ndarray:
        """Whether x lies inside, (...,) or (..., K) to (...,): not on an edge, where rounding may put it."""

    @abstractmethod
    def leading(self, j: int) -> "tuple[Support, int]":
        """A bijection of the same support with a coordinate that alone decides component j and grows with it, and which."""


@dataclass(frozen=True)
class Interval(Support):
    """Numbers between `low` and `high`, either of which may be infinite, each with a coordinate of its own."""

    low: float
    high: float

    @property
    def words(self) -> str:
        return f"between {self.low:g} and {self.high:g}"

    def own(self, u: Values) -> Values:
        x = self._each(u)
        return x if self.size else x[..., 0]

    def _each(self, u: Values) -> Values:
        xp = _numpy(u)
        below, above = math.isfinite(self.low), math.isfinite(self.high)
        if below and above:
            return self.low + (self.high - self.low) * _logistic(u)
        if below:
            return self.low + xp.exp(u)
        return self.high - xp.exp(-u) if above else u

    def log_jacobian(self, u: Values) -> Values:
        below, above = math.isfinite(self.low), math.isfinite(self.high)
        if below and above:
            return (math.log(self.high - self.low) + _log_logistic(u) + _log_logistic(-u)).sum(-1)
        return (u if below else -u if above else 0 * u).sum(-1)

    def line(self, x: Values) -> np.ndarray:
        x = np.asarray(x, float)
        x = x if self.size else x[..., None]
        below, above = math.isfinite(self.low), math.isfinite(self.high)
        with np.errstate(divide="ignore"):
            if below and above:
                return np.log(x - self.low) - np.log(self.high - x)
            return np.log(x - self.low) if below else -np.log(self.high - x) if above else x

    def holds(self, x: Values) -> np.ndarray:
        inside = np.asarray((x > self.low) & (x < self.high))
        return np.asarray(inside.all(axis=-1)) if self.size else inside

    def leading(self, j: int) -> tuple[Support, int]:
        return self, j


@dataclass(frozen=True)
class Ordered(Support):
    """Vectors x_0 < x_1 < ... < x_{K-1}, laid out from component `first`."""

    first: int = 0

    @property
    def words(self) -> str:
        return "in increasing order"

    def own(self, u: Values) -> Values:
        xp, f = _numpy(u), self.first
        start = u[..., f : f + 1]  # itself under no exponential, which might overflow
        above = start + xp.cumsum(xp.exp(u[..., f + 1 :]), axis=-1)
        below = start - xp.cumsum(xp.exp(u[..., :f])[..., ::-1], axis=-1)[..., ::-1]
        return xp.concatenate([below, start, above], axis=-1)

    def log_jacobian(self, u: Values) -> Values:
        return u.sum(-1) - u[..., self.first]

    def line(self, x: Values) -> np.ndarray:
        f = self.first
        with np.errstate(divide="ignore"):
            steps = np.log(np.diff(np.asarray(x, float), axis=-1))
        return np.concatenate([steps[..., :f], x[..., f : f + 1], steps[..., f:]], axis=-1)

    def holds(self, x: Values) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.asarray(np.isfinite(x).all(axis=-1) & (np.diff(x) > 0).all(axis=-1))

    def leading(self, j: int) -> tuple[Support, int]:
        return Ordered(self.size, j), j


@dataclass(frozen=True)
class Simplex(Support):
    """Vectors of positive numbers that sum to 1, component `first` broken off first, the others in their order."""

    first: int = 0

    @property
    def dimension(self) -> int:
        return int(self.size or 0) - 1

    @property
    def words(self) -> str:
        return "positive with sum 1"

    @property
    def _order(self) -> list[int]:
        return [self.first, *(k for k in range(int(self.size or 0)) if k != self.first)]

    @property
    def _centre(self) -> np.ndarray:
        return np.log(np.arange(self.dimension, 0, -1))

    def own(self, u: Values) -> Values:
        xp = _numpy(u)
        z = u - self._centre
        rest = xp.cumsum(_log_logistic(-z), axis=-1)  # log of what is left of the stick
        before = xp.concatenate([0 * rest[..., :1], rest[..., :-1]], axis=-1)
        pieces = xp.concatenate([xp.exp(before + _log_logistic(z)), xp.exp(rest[..., -1:])], axis=-1)
        return pieces[..., np.argsort(self._order)]

    def log_jacobian(self, u: Values) -> Values:
        z = u - self._centre
        left = _log_logistic(-z)
        return (_log_logistic(z) + left * np.arange(self.dimension, 0, -1)).sum(-1)

    def line(self, x: Values) -> np.ndarray:
        x = np.asarray(x, float)[..., self._order]
        rest = np.cumsum(x[..., :0:-1], axis=-1)[..., ::-1]  # summed from the far end: 1 - x would cancel
        with np.errstate(divide="ignore"):
            return np.log(x[..., :-1]) - np.log(rest) + self._centre

    def holds(self, x: Values) -> np.ndarray:
        x = np.asarray(x)
        return np.asarray((x > 0).all(axis=-1) & (np.abs(x.sum(axis=-1) - 1) < 1e-9))

    def leading(self, j: int) -> tuple[Support, int]:
        return Simplex(self.size, j), 0


@dataclass(frozen=True)
class EvenSimplex(Simplex):
    """The same in coordinates where the uniform distribution is the standard normal."""

    @property
    def _left(self) -> np.ndarray:
        """How many components are left at each break, this one not counted."""
        return np.arange(self.dimension, 0, -1)

    def own(self, u: Values) -> Values:
        xp, each = _numpy(u), _log_ndtr(-u) / self._left
        rest = xp.cumsum(each, axis=-1)  # log of what is left of the stick
        before = xp.concatenate([0 * rest[..., :1], rest[..., :-1]], axis=-1)
        pieces = xp.concatenate([-xp.exp(before) * xp.expm1(each), xp.exp(rest[..., -1:])], axis=-1)
        return pieces[..., np.argsort(self._order)]

    def log_jacobian(self, u: Values) -> Values:
        return (-0.5 * u * u).sum(-1) - self.dimension / 2 * math.log(2 * math.pi) - math.lgamma(self.dimension + 1)

    def line(self, x: Values) -> np.ndarray:
        x = np.asarray(x, float)[..., self._order]
        rest = np.cumsum(x[..., :0:-1], axis=-1)[..., ::-1]
        with np.errstate(divide="ignore"):
            return -ndtri_exp(-self._left * np.log1p(x[..., :-1] / rest))

    def leading(self, j: int) -> tuple[Support, int]:
        return EvenSimplex(self.size, j), 0

    def leading_line(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The coordinate of any component where it leads, and log |du/dx|, any shape."""
        k, x = self.dimension, np.clip(x, 1e-300, NEAR_1)  # rounding puts nodes on the edge, where u has no end
        log_left = np.log1p(-x)
        u = -ndtri_exp(k * log_left)
        return u, math.log(k) + (k - 1) * log_left + 0.5 * u * u + 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Space:
    """All parameters of a model side by side: names, and the support of each."""

    names: tuple[str, ...]
    supports: tuple[Support, ...]

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "Space":
        """The space of a mapping of names to supports as users write them."""
        if not isinstance(parameters, Mapping) or not parameters:
            raise TypeError(f"parameters must map names to supports, {SUPPORTS}; got {parameters!r}.")
        return cls(tuple(parameters), tuple(as_support(value, name) for name, value in parameters.items()))

    @cached_property
    def dimension(self) -> int:
        return sum(support.dimension for support in self.supports)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """The coordinates of each parameter."""
        ends = np.cumsum([0, *(support.dimension for support in self.supports)]).tolist()
        return {name: slice(ends[i], ends[i + 1]) for i, name in enumerate(self.names)}

    @cached_property
    def labels(self) -> list[str]:
        """What moves with each coordinate: `sigma`, `w[0]`."""
        return [
            name if support.size is None else f"{name}[{k}]"
            for name, support in zip(self.names, self.supports, strict=True)
            for k in range(support.dimension)
        ]

    def own(self, u: Values) -> dict[str, Any]:
        """The parameters at coordinates u, (..., dimension)."""
        return {n: s.own(u[..., self.slices[n]]) for n, s in zip(self.names, self.supports, strict=True)}

    def line(self, own: Mapping[str, Any]) -> np.ndarray:
        """The coordinates of parameters, (..., dimension)."""
        return np.concatenate([s.line(own[n]) for n, s in zip(self.names, self.supports, strict=True)], axis=-1)

    def log_jacobian(self, u: Values) -> Values:
        """log |det d own / du|, (...,)."""
        each = [s.log_jacobian(u[..., self.slices[n]]) for n, s in zip(self.names, self.supports, strict=True)]
        return sum(each[1:], start=each[0])

    def holds(self, own: Mapping[str, Any]) -> np.ndarray:
        """Whether all parameters lie inside their supports, (...,)."""
        return np.all([s.holds(own[n]) for n, s in zip(self.names, self.supports, strict=True)], axis=0)

    def leading(self, name: str, component: int) -> "tuple[Space, int]":
        """The space in coordinates of which one alone decides this component, and that coordinate."""
        at = self.names.index(name)
        support, coordinate = self.supports[at].leading(component)
        space = Space(self.names, (*self.supports[:at], support, *self.supports[at + 1 :]))
        return space, self.slices[name].start + coordinate

    def monotone(self, name: str, component: int, u: np.ndarray) -> np.ndarray:
        """The component where its leading coordinate is u, any shape."""
        space, coordinate = self.leading(name, component)
        points = np.zeros((*u.shape, space.dimension))
        points[..., coordinate] = u
        values = space.own(points)[name]
        return values if self.support(name).size is None else values[..., component]

    def inverse(self, name: str, component: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The leading coordinate u of a component at x, and log |du/dx|, any shape."""
        support = self.support(name)
        if isinstance(support, EvenSimplex):
            return support.leading_line(x)
        if isinstance(support, Simplex):
            support = Interval(None, 0.0, 1.0)
            shift = math.log(int(self.support(name).size or 0) - 1)
        else:
            support, shift = (support if isinstance(support, Interval) else Interval(None, -math.inf, math.inf)), 0.0
        support = Interval(None, support.low, support.high)
        u = support.line(x)
        return u[..., 0] + shift, -support.log_jacobian(u)

    def support(self, name: str) -> Support:
        return self.supports[self.names.index(name)]


def as_support(value: Any, name: str) -> Support:
    """What a user wrote as the support of parameter `name`.

    >>> as_support("positive", "sigma"), as_support(("ordered", 3), "mu")
    (Interval(size=None, low=0.0, high=inf), Ordered(size=3, first=0))

    Raises
    ------
    ValueError
        When it is none.
    """
    unknown = ValueError(f"parameters[{name!r}] must be {SUPPORTS}; it is {value!r}.")
    if isinstance(value, Support):
        return value
    if isinstance(value, str) and value in NAMED:
        return Interval(None, *NAMED[value])
    if hasattr(value, "logpdf"):
        return _interval(*_of_prior(value), None, unknown)
    match value:
        case (str(kind), size) if kind in NAMED and _is_size(size):
            return Interval(int(size), *NAMED[kind])
        case ("simplex", size) if _is_size(size) and size > 1:
            return Simplex(int(size))
        case ("ordered", size) if _is_size(size) and size > 1:
            return Ordered(int(size))
        case ("interval", low, high):
            return _interval(low, high, None, unknown)
        case ("interval", low, high, size) if _is_size(size):
            return _interval(low, high, int(size), unknown)
        case (prior, size) if hasattr(prior, "logpdf") and _is_size(size):
            return _interval(*_of_prior(prior), int(size), unknown)
        case (low, high):
            return _interval(low, high, None, unknown)
        case _:
            raise unknown


def _of_prior(prior: Any) -> tuple[Any, Any]:
    """The ends of a prior's support; scipy's frozen distributions have it as a method."""
    return prior.support() if callable(prior.support) else prior.support


def _interval(low: object, high: object, size: int | None, unknown: ValueError) -> Interval:
    if not all(isinstance(end, numbers.Real) and not isinstance(end, bool) for end in (low, high)):
        raise unknown
    if not float(low) < float(high):  # pyright: ignore[reportArgumentType]
        raise unknown
    return Interval(size, float(low), float(high))  # pyright: ignore[reportArgumentType]


def _is_size(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= 1


def _numpy(u: Values) -> Any:
    return jnp if isinstance(u, jax.Array) else np


def _log_logistic(u: Values) -> Values:
    """log 1 / (1 + exp(-u))."""
    return -_numpy(u).logaddexp(0.0, -u)


def _log_ndtr(u: Values) -> Values:
    """log Phi(u)."""
    return jax.scipy.special.log_ndtr(u) if isinstance(u, jax.Array) else log_ndtr(np.asarray(u, float))


def _logistic(u: Values) -> Values:
    return _numpy(u).exp(_log_logistic(u))
