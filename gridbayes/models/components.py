"""Mixtures of normals about levels or lines: one log density for all of them, batched, and what a call says of its priors.

    y_i ~ sum_k weight_k N(level_k + slope_k x_i, sigma_k),        log p(y | .) = sum_i log sum_k exp(a_k . r_i),

because the exponent of each component is quadratic in the row: r_i = (y**2, y, 1, x y, x**2, x), or (y**2, y, 1) without x.
One matrix product gives all exponents. Rows are centred and scaled first, so that the squares lose no digits.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import gammaln

from gridbayes._types import PerRow
from gridbayes.densities import LPDFS
from gridbayes.log_joint import LogJoint
from gridbayes.models.mirrored import mirrored
from gridbayes.posterior import Posterior
from gridbayes.priors import Beta, Prior, as_prior, as_scale_prior
from gridbayes.quadrature.exchange import Exchange
from gridbayes.quadrature.modes import Advice
from gridbayes.quadrature.quadrature import whitened
from gridbayes.quadrature.supports import Space
from gridbayes.quadrature.target import MEMORY, Target
from gridbayes.quadrature.whitening import Plan

__all__ = ["LABELS", "Components", "location_prior", "require_components", "sigma_of", "title_of", "weight_of"]

EIGHT = 8  # factors between 1 and K that are multiplied before a log is taken
LABELS = ("ordered", "mirrored")

type Exponents = Float[jax.Array, "point component term"]


@dataclass(frozen=True, eq=False)
class Components:
    """A mixture with its rows and priors.

    Parameters
    ----------
    title : what a summary is headed by.
    x, y : (row,); x is None where components have levels and no slopes.
    ordered : the parameter that increases with the component's label.
    locations : priors of `mu`, or of `slope` and `intercept`, the same for every component, by name.
    sigma : a number, known; or a prior. shared_sigma : whether a learned one is the same for all components.
    concentration : (component,) of weight ~ Dirichlet.
    """

    title: str
    x: PerRow | None
    y: PerRow
    ordered: str
    locations: Mapping[str, Prior]
    sigma: Prior | float
    shared_sigma: bool
    concentration: Float[np.ndarray, " component"]

    @property
    def count(self) -> int:
        """K."""
        return len(self.concentration)

    @property
    def learned(self) -> dict[str, Prior]:
        """The priors of all parameters but the weights."""
        return {**self.locations, **({"sigma": self.sigma} if isinstance(self.sigma, Prior) else {})}

    @property
    def parameters(self) -> dict[str, Any]:
        """Supports as `quadrature` reads them."""
        vectors = {
            name: ("ordered" if name == self.ordered else prior, self.count) for name, prior in self.learned.items()
        }
        if isinstance(self.sigma, Prior) and self.shared_sigma:
            vectors["sigma"] = self.sigma
        return {"weight": ("simplex", self.count), **vectors}

    @property
    def log_joint(self) -> Callable:
        """The log density, the same function for all values of priors and data: compiled once."""
        return _density(tuple((name, str(prior.lpdf)) for name, prior in self.learned.items()))

    @property
    def data(self) -> dict[str, Any]:
        """What the log density takes as data."""
        units = [(0.0, 1.0) if v is None else (v.mean(), v.std()) for v in (self.x, self.y)]
        y = (self.y - units[1][0]) / units[1][1]
        rows = [y * y, y, np.ones(len(y))]
        if self.x is not None:
            x = (self.x - units[0][0]) / units[0][1]
            rows += [x * y, x * x, x]
        priors = {name: np.array(list(prior.parameters.values())) for name, prior in self.learned.items()}
        known = {} if isinstance(self.sigma, Prior) else {"known": self.sigma}
        a = self.concentration
        constant = math.lgamma(self.count + 1) + gammaln(a.sum()) - gammaln(a).sum() - len(y) * math.log(units[1][1])
        return {
            "rows": np.stack(rows),
            "units": np.array(units),
            "priors": priors,
            "concentration": a,
            "constant": float(constant),
            **known,
        }

    @property
    def advice(self) -> Advice:
        """What to do where one order of the components leaves modes out, in the arguments of the models' own calls."""
        fewer = "fewer components, or a narrower prior of sigma"
        other = {"slope": "by='intercept'", "intercept": "by='slope'"}.get(self.ordered)
        return Advice(
            f"Components overlap in {self.ordered}, or have few rows: pass {other + ', or ' if other else ''}{fewer}.",
            f"Or pass {fewer}.",
        )

    def posterior(self, at: Mapping[str, np.ndarray], width: float, labels: str, plan: Plan) -> Posterior:
        """The posterior by quadrature, the search started `at` locations with this sigma; `labels` as users say them."""
        start: dict[str, object] = {"weight": np.full(self.count, 1 / self.count), **at}
        if isinstance(self.sigma, Prior):
            start["sigma"] = width if self.shared_sigma else np.full(self.count, width)
        space = Space.of(self.parameters)
        target = Target.of(LogJoint.of(self.log_joint, space.names), space, True, self.data, MEMORY)
        alone = Exchange.of(space, ())  # the order of the components names them
        post = whitened(self.title, target, plan, self.parameters, start, None, alone, self.advice)
        return post if labels == "ordered" else mirrored(post)


# --- the log density --------------------------------------------------------------------------------------------


@lru_cache(maxsize=128)
def _density(lpdfs: tuple[tuple[str, str], ...]) -> Callable:
    """log p(y, parameters) of parameters with a leading axis of points, (point,), for these priors by name.

    The components are ordered: K! times the density on that part of the space is that of the whole space.
    """

    def log_joint(p: Mapping[str, jax.Array], d: Mapping[str, Any]) -> jax.Array:
        log_prior = d["constant"] + (jnp.log(p["weight"]) * (d["concentration"] - 1)).sum(axis=1)
        for name, lpdf in lpdfs:
            each = LPDFS[lpdf](p[name], *d["priors"][name])
            log_prior = log_prior + each.reshape(len(each), -1).sum(axis=1)
        return log_prior + _log_sums(_exponents(p, d), d["rows"])

    return log_joint


def _exponents(p: Mapping[str, jax.Array], d: Mapping[str, Any]) -> Exponents:
    """a_k with a_k . r = log weight_k + log N(y; level_k + slope_k x, sigma_k), in units where rows are centred."""
    (at_x, by_x), (at_y, by_y) = d["units"]
    sigma = p.get("sigma", d.get("known")) / by_y
    sigma = sigma[:, None] if sigma.ndim == 1 else sigma
    h = -0.5 / sigma**2 + jnp.zeros_like(p["weight"])
    slope = p.get("slope", 0.0)
    level = ((p["mu"] if "mu" in p else p["intercept"] + slope * at_x) - at_y) / by_y
    terms = [h, -2 * h * level, h * level**2 + jnp.log(p["weight"] / sigma) - 0.5 * math.log(2 * math.pi)]
    if "slope" in p:
        b = slope * by_x / by_y
        terms += [-2 * h * b, h * b * b, 2 * h * b * level]
    return jnp.stack(terms, axis=-1)


def _log_sums(a: Exponents, rows: Float[jax.Array, "term row"]) -> Float[jax.Array, " point"]:
    """sum_i log sum_k exp(a_k . r_i): the largest exponent, and a factor between 1 and K.

    Eight factors share a log, of rows in eight blocks, short enough for a processor's cache. The blocks are filled up with
    rows of zeros, whose factor is K.
    """
    if len(a) == 1:  # as the search for the mode differentiates it: a program that compiles in half the time
        exponents = a[0] @ rows
        top = jax.lax.stop_gradient(exponents.max(axis=0))
        return (top + jnp.log(jnp.exp(exponents - top).sum(axis=0))).sum()[None]
    last, differences = a[:, -1], a[:, :-1] - a[:, -1:]
    missing = -rows.shape[1] % EIGHT
    blocks = jnp.pad(rows, ((0, 0), (0, missing))).reshape(len(rows), EIGHT, -1)
    top, product = _top_and_factor(differences, blocks[:, 0])
    for i in range(1, EIGHT):
        more, factor = _top_and_factor(differences, blocks[:, i])
        top, product = top + more, product * factor
    return last @ rows.sum(axis=1) + (top + jnp.log(product)).sum(axis=1) - missing * math.log(a.shape[1])


def _top_and_factor(differences: Exponents, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The largest of 0 and the exponents, and the sum of exp of all less that, both (point, row)."""
    each = [differences[:, k] @ rows for k in range(differences.shape[1])]
    if len(each) == 1:
        return jnp.maximum(each[0], 0), 1 + jnp.exp(-jnp.abs(each[0]))
    top = jnp.maximum(jnp.stack(each).max(axis=0), 0)
    return top, jnp.exp(-top) + sum(jnp.exp(one - top) for one in each)


# --- what a call says -------------------------------------------------------------------------------------------


def require_components(components: Any, y: PerRow, labels: Any) -> int:
    """The number of components, checked beside the rows."""
    if isinstance(components, bool) or not isinstance(components, (int, np.integer)) or components < 2:
        raise ValueError(f"components must be a whole number, at least 2; components is {components!r}. Pass 2.")
    distinct = len(np.unique(y))
    if distinct <= components:
        raise ValueError(
            f"y must have more different values than components; it has {distinct} in {len(y)} rows, components is "
            f"{components}. Pass fewer components, or gridbayes.normal(y)."
        )
    if labels not in LABELS:
        raise ValueError(f"labels must be 'ordered' or 'mirrored'; labels is {labels!r}.")
    return int(components)


def weight_of(weight: Any, components: int, labels: str) -> Float[np.ndarray, " component"]:
    """The concentrations of weight's Dirichlet, (component,)."""
    if isinstance(weight, Beta) and components == 2:
        weight = (weight.alpha, weight.beta)
    sequence = isinstance(weight, (Sequence, np.ndarray)) and not isinstance(weight, str)
    if weight is not None and not (sequence and len(weight) == components):
        raise ValueError(
            f"weight must have a concentration for each of {components} components; weight is {weight!r}. Pass for example "
            f"{[1.0] * components}{', or gridbayes.Beta(1, 1)' if components == 2 else ''}."
        )
    found = np.ones(components) if weight is None else np.asarray(weight, float)
    if not ((found > 0) & np.isfinite(found)).all():
        raise ValueError(
            f"weight must have positive concentrations; weight is {found.tolist()}. Pass ones for a uniform."
        )
    if labels == "mirrored" and len(set(found.tolist())) > 1:
        raise ValueError(
            f"labels='mirrored' needs components that are alike; weight is {found.tolist()}. Pass equal concentrations, or "
            "labels='ordered'."
        )
    return found


def location_prior(value: object, name: str, default: Prior) -> Prior:
    """A prior of a location: proper, on the whole line, with a density that compiles."""
    prior = default if value is None else as_prior(value, name)
    if prior.support != (-math.inf, math.inf) or not prior.proper or prior.lpdf is None:
        raise ValueError(
            f"{name} must have a proper prior on the whole line; {name} is {prior}: a component without rows has no other. "
            "Pass for example gridbayes.Normal(0, 5); for another density gridbayes.quadrature."
        )
    return prior


def sigma_of(value: Any, default: Prior) -> Prior | float:
    """A known sigma, or a proper prior of one."""
    if value is None:
        return default
    if hasattr(value, "logpdf"):
        prior = as_scale_prior(value, "sigma")
        if not prior.proper or prior.lpdf is None:
            raise ValueError(
                f"sigma must have a proper prior; sigma is {prior}: a component without rows has no other. "
                "Pass for example gridbayes.HalfNormal(5); for another density gridbayes.quadrature."
            )
        return prior
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not (number and 0 < value < math.inf):
        raise ValueError(
            f"sigma must be a positive number, known and the same for all components, or a prior; sigma is {value!r}."
        )
    return float(value)


def title_of(what: str, components: Mapping[str, object], concentration: Float[np.ndarray, " component"]) -> str:
    """What it is, and its priors."""
    said = [f"{name} {'~' if isinstance(prior, Prior) else '='} {prior}" for name, prior in components.items()]
    said += [f"weight ~ Dirichlet({', '.join(f'{a:g}' for a in concentration)})"]
    return f"{what}: {', '.join(said)}"
