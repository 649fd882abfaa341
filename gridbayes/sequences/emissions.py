"""Emissions: p(y_t | x_t = k), one family a class. Each says its density, its likeliest parameters and its draws.

A parameter is given as numbers, one a state, which are then known; or as a prior, or a prior for each state, and left out as
one that is learned under a default prior. `HiddenMarkov` needs all of them known.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, xlogy
from jaxtyping import Float, Int

from gridbayes.densities import normal_lpdf
from gridbayes.models.coefficients import rounded, scale_of, terms_of
from gridbayes.priors import Exponential, Normal, Prior, as_prior, as_scale_prior
from gridbayes.rows import read_rows
from gridbayes.sequences.chains import Chains
from gridbayes.sequences.probabilities import Dirichlet, known_rows

__all__ = [
    "CategoricalEmissions",
    "Emissions",
    "NormalEmissions",
    "PoissonEmissions",
    "RegressionEmissions",
    "as_emissions",
]

type Row = Float[np.ndarray, " row"]
type Weights = Float[np.ndarray, "row state"]
type Parameters = Mapping[str, Any]  # by name: (state,), or (state, category)


@dataclass(frozen=True, eq=False)
class Emissions(ABC):
    """What a state shows: its parameters by name, those of one sign, and whether it needs inputs."""

    names: ClassVar[tuple[str, ...]]
    positive: ClassVar[tuple[str, ...]] = ()
    needs_x: ClassVar[bool] = False

    @property
    def shared(self) -> tuple[str, ...]:
        """The parameters that are one number for all states."""
        return ("sigma",) if getattr(self, "shared_sigma", False) else ()

    @staticmethod
    @abstractmethod
    def log_density(p: Parameters, y: jax.Array, x: jax.Array | None) -> jax.Array:
        """log p(y | state) in `jax.numpy`, (..., state), of y and its inputs, (...)."""

    @abstractmethod
    def likeliest(
        self, p: Parameters, learned: frozenset[str], weight: Weights, y: Row, x: Row | None
    ) -> dict[str, Any]:
        """Parameters p with the learned ones at the maximum of sum_i weight_ik log p(y_i | k), where a state has weight."""

    @staticmethod
    @abstractmethod
    def drawn(p: Parameters, state: Int[np.ndarray, " row"], x: Row | None, rng: np.random.Generator) -> Row:
        """A y of each of these states, with these inputs."""

    def blank(self, states: int, chains: Chains) -> dict[str, np.ndarray]:
        """Numbers of the right shape, for `likeliest` to replace."""
        return {name: np.ones(states) for name in self.names}

    @abstractmethod
    def default(self, name: str, chains: Chains) -> "Prior | Dirichlet":
        """The prior of a parameter that was left out, on the scale of the data."""

    def require(self, chains: Chains) -> None:
        """Refuse chains that this family cannot have made."""
        if self.needs_x and chains.x is None:
            raise TypeError(f"{type(self).__name__} need inputs: pass x=, of the form of y.")
        if not self.needs_x and chains.x is not None:
            raise TypeError(f"{type(self).__name__} have no inputs: leave x out, or pass RegressionEmissions.")

    def known(self, name: str, states: int) -> np.ndarray | None:
        """A parameter that was given as numbers, one a state; None where it is to be learned."""
        value = getattr(self, name)
        if value is None or hasattr(value, "logpdf") or (_is_list(value) and any(hasattr(v, "logpdf") for v in value)):
            return None
        try:
            found = np.asarray(value, float)
            found = np.broadcast_to(found, (states,)) if found.ndim < 2 else found
        except (TypeError, ValueError):
            found = np.empty(0)
        if found.shape != (states,):
            raise ValueError(
                f"{name} must be a number for each of {states} states, one for all, or priors; {name} is {value!r:.80}."
            )
        if not np.isfinite(found).all() or (name in self.positive and not (found > 0).all()):
            rule = "positive and finite" if name in self.positive else "finite"
            raise ValueError(f"{name} must be {rule}; {name} is {found.tolist()}.")
        return found

    def priors(self, name: str, states: int, chains: Chains) -> "tuple[Prior, ...] | Dirichlet":
        """The prior of a learned parameter in each state, (state,), all of one support, proper, and fit to be compiled."""
        value = getattr(self, name)
        value = self.default(name, chains) if value is None else value
        each = list(value) if _is_list(value) else [value] * states
        if len(each) != states or (name in self.shared and _is_list(value)):
            wanted = "one prior, since it is shared" if name in self.shared else f"one prior, or {states}, one a state"
            raise ValueError(f"{name} must have {wanted}; it has {len(each)}.")
        read = as_scale_prior if name in self.positive else as_prior
        found = tuple(read(prior, name) for prior in each)
        for prior in found:
            if not prior.proper or prior.lpdf is None or prior.support != found[0].support:
                raise ValueError(
                    f"{name} must have proper priors of gridbayes on one support; {name} is {prior}: a state without steps "
                    "has no other."
                )
        return found


def as_emissions(value: Any) -> Emissions:
    """Emissions as they are, normal ones where they are left out; TypeError for anything else."""
    if value is None:
        return NormalEmissions()
    if not isinstance(value, Emissions):
        raise TypeError(f"emissions must be for example gridbayes.NormalEmissions(mu=, sigma=); it is {value!r:.80}.")
    return value


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray)) and np.ndim(np.asarray(value, object)) > 0


def _mean(weight: Weights, values: Float[np.ndarray, "row state"] | Float[np.ndarray, "row 1"], old: Any) -> np.ndarray:
    """The weighted mean of each state; the old number where a state has no weight."""
    total = weight.sum(axis=0)
    return np.where(total > 0, (weight * values).sum(axis=0) / np.where(total > 0, total, 1), old)


def _sigma(p: Parameters, learned: frozenset[str], shared: bool, weight: Weights, rest: Weights) -> np.ndarray:
    """The likeliest sigma of residuals about each state's level, (state,)."""
    if "sigma" not in learned:
        return p["sigma"]
    if shared:
        return np.full(weight.shape[1], np.sqrt((weight * rest**2).sum() / weight.sum()))
    return np.sqrt(_mean(weight, rest**2, np.square(p["sigma"])))


@dataclass(frozen=True, eq=False)
class NormalEmissions(Emissions):
    """y_t ~ N(mu_k, sigma_k) in state k.

    Parameters
    ----------
    mu, sigma : means and standard deviations: numbers, priors, or None.
    shared_sigma : whether a learned sigma is one for all states.

    >>> NormalEmissions(mu=[-3, 0, 4], sigma=0.84).known("sigma", 3).tolist()
    [0.84, 0.84, 0.84]
    """

    mu: Any = None
    sigma: Any = None
    shared_sigma: bool = False

    names: ClassVar[tuple[str, ...]] = ("mu", "sigma")
    positive: ClassVar[tuple[str, ...]] = ("sigma",)

    @staticmethod
    def log_density(p: Parameters, y: jax.Array, x: jax.Array | None) -> jax.Array:
        return jnp.asarray(normal_lpdf(y[..., None], p["mu"], p["sigma"]))

    def likeliest(
        self, p: Parameters, learned: frozenset[str], weight: Weights, y: Row, x: Row | None
    ) -> dict[str, Any]:
        mu = _mean(weight, y[:, None], p["mu"]) if "mu" in learned else p["mu"]
        return {"mu": mu, "sigma": _sigma(p, learned, self.shared_sigma, weight, y[:, None] - mu)}

    @staticmethod
    def drawn(p: Parameters, state: Int[np.ndarray, " row"], x: Row | None, rng: np.random.Generator) -> Row:
        return rng.normal(p["mu"][state], p["sigma"][state])

    def default(self, name: str, chains: Chains) -> Prior:
        centre, spread = scale_of(chains.rows()[0])
        return Exponential(rounded(1 / spread)) if name == "sigma" else Normal(rounded(centre), rounded(2.5 * spread))


@dataclass(frozen=True, eq=False)
class RegressionEmissions(Emissions):
    """y_t ~ N(slope_k x_t + intercept_k, sigma_k) in state k, x_t an input.

    Parameters
    ----------
    slope, intercept, sigma : numbers, priors, or None.
    shared_sigma : whether a learned sigma is one for all states.

    >>> RegressionEmissions(slope=[1, -0.8], intercept=[2, 0], sigma=1).names
    ('slope', 'intercept', 'sigma')
    """

    slope: Any = None
    intercept: Any = None
    sigma: Any = None
    shared_sigma: bool = False

    names: ClassVar[tuple[str, ...]] = ("slope", "intercept", "sigma")
    positive: ClassVar[tuple[str, ...]] = ("sigma",)
    needs_x: ClassVar[bool] = True

    @staticmethod
    def log_density(p: Parameters, y: jax.Array, x: jax.Array | None) -> jax.Array:
        assert x is not None
        return jnp.asarray(normal_lpdf(y[..., None], p["slope"] * x[..., None] + p["intercept"], p["sigma"]))

    def likeliest(
        self, p: Parameters, learned: frozenset[str], weight: Weights, y: Row, x: Row | None
    ) -> dict[str, Any]:
        assert x is not None
        x, y, slope, intercept = x[:, None], y[:, None], p["slope"], p["intercept"]
        if {"slope", "intercept"} <= learned:
            mean_x, mean_y = _mean(weight, x, 0.0), _mean(weight, y, 0.0)
            spread = (weight * (x - mean_x) ** 2).sum(axis=0)
            both = (weight * (x - mean_x) * (y - mean_y)).sum(axis=0)
            slope = np.where(spread > 0, both / np.where(spread > 0, spread, 1), slope)
            intercept = np.where(weight.sum(axis=0) > 0, mean_y - slope * mean_x, intercept)
        elif "intercept" in learned:
            intercept = _mean(weight, y - slope * x, intercept)
        elif "slope" in learned:
            slope = _mean(weight * x**2, (y - intercept) / np.where(x == 0, 1, x), slope)
        rest = y - slope * x - intercept
        return {
            "slope": slope,
            "intercept": intercept,
            "sigma": _sigma(p, learned, self.shared_sigma, weight, rest),
        }

    @staticmethod
    def drawn(p: Parameters, state: Int[np.ndarray, " row"], x: Row | None, rng: np.random.Generator) -> Row:
        assert x is not None
        return rng.normal(p["slope"][state] * x + p["intercept"][state], p["sigma"][state])

    def default(self, name: str, chains: Chains) -> Prior:
        y, x = chains.rows()
        centre, spread = scale_of(y)
        if name == "sigma":
            return Exponential(rounded(1 / spread))
        return {term.name: term.prior for term in terms_of(read_rows(x, y), None, None, centre, spread)}[name]


@dataclass(frozen=True, eq=False)
class PoissonEmissions(Emissions):
    """y_t ~ Poisson(rate_k) in state k.

    Parameters
    ----------
    rate : expected counts a step: numbers, priors, or None.

    >>> PoissonEmissions(rate=[2, 9]).known("rate", 2).tolist()
    [2.0, 9.0]
    """

    rate: Any = None

    names: ClassVar[tuple[str, ...]] = ("rate",)
    positive: ClassVar[tuple[str, ...]] = ("rate",)

    @staticmethod
    def log_density(p: Parameters, y: jax.Array, x: jax.Array | None) -> jax.Array:
        y = y[..., None]
        return xlogy(y, p["rate"]) - p["rate"] - gammaln(y + 1)

    def likeliest(
        self, p: Parameters, learned: frozenset[str], weight: Weights, y: Row, x: Row | None
    ) -> dict[str, Any]:
        return {"rate": _mean(weight, y[:, None], p["rate"]) if learned else p["rate"]}

    @staticmethod
    def drawn(p: Parameters, state: Int[np.ndarray, " row"], x: Row | None, rng: np.random.Generator) -> Row:
        return rng.poisson(p["rate"][state]).astype(float)

    def default(self, name: str, chains: Chains) -> Prior:
        return Exponential(rounded(1 / max(float(chains.rows()[0].mean()), 0.1)))

    def require(self, chains: Chains) -> None:
        super().require(chains)
        _require_counts(chains, "Poisson counts", np.inf)


@dataclass(frozen=True, eq=False)
class CategoricalEmissions(Emissions):
    """y_t = c, one of 0 ... C - 1, with probability[k, c] in state k.

    Parameters
    ----------
    probability : (state, category), rows that sum to 1; a Dirichlet; or None, Dirichlet(1).
    categories : C; left out: the largest y and one more.

    >>> CategoricalEmissions([[0.9, 0.1], [0.2, 0.8]]).known("probability", 2).shape
    (2, 2)
    """

    probability: Any = None
    categories: int | None = None

    names: ClassVar[tuple[str, ...]] = ("probability",)

    @staticmethod
    def log_density(p: Parameters, y: jax.Array, x: jax.Array | None) -> jax.Array:
        return jnp.moveaxis(jnp.log(p["probability"])[:, y.astype(int)], 0, -1)

    def likeliest(
        self, p: Parameters, learned: frozenset[str], weight: Weights, y: Row, x: Row | None
    ) -> dict[str, Any]:
        if not learned:
            return {"probability": p["probability"]}
        counts = np.stack([weight[y == c].sum(axis=0) for c in range(p["probability"].shape[1])], axis=1)
        total = counts.sum(axis=1, keepdims=True)
        return {"probability": np.where(total > 0, counts / np.where(total > 0, total, 1), p["probability"])}

    @staticmethod
    def drawn(p: Parameters, state: Int[np.ndarray, " row"], x: Row | None, rng: np.random.Generator) -> Row:
        below = np.cumsum(p["probability"], axis=1)[state, :-1]
        return (rng.random(len(state))[:, None] > below).sum(axis=1).astype(float)

    def count(self, chains: Chains) -> int:
        """C."""
        if self.categories is not None:
            return self.categories
        known = None if self.probability is None or isinstance(self.probability, Dirichlet) else self.probability
        return int(chains.rows()[0].max(initial=0)) + 1 if known is None else np.shape(known)[-1]

    def blank(self, states: int, chains: Chains) -> dict[str, np.ndarray]:
        return {"probability": np.full((states, self.count(chains)), 1 / self.count(chains))}

    def default(self, name: str, chains: Chains) -> Dirichlet:
        return Dirichlet()

    def known(self, name: str, states: int) -> np.ndarray | None:
        if self.probability is None or isinstance(self.probability, Dirichlet):
            return None
        return known_rows(self.probability, (states, self.categories), name)

    def priors(self, name: str, states: int, chains: Chains) -> "tuple[Prior, ...] | Dirichlet":
        prior = self.default(name, chains) if self.probability is None else self.probability
        return Dirichlet(prior.of_shape((states, self.count(chains)), name))

    def require(self, chains: Chains) -> None:
        super().require(chains)
        _require_counts(chains, "categories 0, 1, ...", self.count(chains) - 1)


def _require_counts(chains: Chains, what: str, most: float) -> None:
    """ValueError, with the step, where y is no whole number from 0 to `most`."""
    y = chains.filled
    if (wrong := (y < 0) | (y != np.floor(y)) | (y > most)).any():
        chain, step = (int(i) for i in np.argwhere(wrong)[0])
        rule = "whole numbers from 0" + ("" if most == np.inf else f" to {most:g}")
        raise ValueError(f"y must be {what}: {rule}; {chains.place(chain, step)} is {y[chain, step]:g}.")
