"""Mixtures of normals about levels or lines: one log density for all of them, batched, and what a call says of its priors.

    y_i ~ sum_k weight_k N(level_k + slope_k x_i, sigma_k),        log p(y | .) = sum_i log sum_k exp(a_k . r_i),

because the exponent of each component is quadratic in the row: r_i = (y**2, y, 1, x y, x**2, x), or (y**2, y, 1) without x.
One matrix product gives all exponents. Rows are centred and scaled first, so that the squares lose no digits.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from scipy.special import gammaln

from gridbayes._types import PerRow
from gridbayes.accuracy import Accuracy
from gridbayes.densities import LPDFS
from gridbayes.grids import COARSE, FINE
from gridbayes.leave_one_out import LeaveOneOut, checked_by
from gridbayes.log_joint import LogJoint
from gridbayes.models.coefficients import scale_of
from gridbayes.models.mirrored import Mirrored, mirrored
from gridbayes.models.mixed import Normals, Scores, checked_scores, new_row, scores
from gridbayes.models.predicted import predicted
from gridbayes.posterior import Address, Posterior
from gridbayes.priors import Beta, Prior, as_prior, as_scale_prior
from gridbayes.quadrature.exchange import Exchange
from gridbayes.quadrature.modes import Advice
from gridbayes.quadrature.quadrature import Whitened, whitened
from gridbayes.quadrature.supports import Space
from gridbayes.quadrature.target import MEMORY, Target
from gridbayes.quadrature.whitening import Plan, Resolved
from gridbayes.rows import design_of, ordered, read_rows
from gridbayes.summaries import Marginal

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
    labels : "ordered" or "mirrored". plan : which rules of quadrature may be tried.
    """

    title: str
    x: PerRow | None
    y: PerRow
    ordered: str
    locations: Mapping[str, Prior]
    sigma: Prior | float
    shared_sigma: bool
    concentration: Float[np.ndarray, " component"]
    labels: str
    plan: Plan

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

    @property
    def known(self) -> float | None:
        """sigma where it is not learned."""
        return None if isinstance(self.sigma, Prior) else self.sigma

    @property
    def observed(self) -> tuple[str, PerRow, dict[str, Any]]:
        return "y", self.y, {}

    def rows_given(self, draws: Mapping[str, np.ndarray]) -> Normals:
        """The distribution of each row given each draw, (draw, row)."""
        return Normals.of(draws, self.known, self.x)

    def drawn_from_prior(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of the parameters before the data: locations of each component on its own, in order where labels are."""
        drawn = {name: prior.ppf(rng.random((n, self.count))) for name, prior in self.learned.items()}
        if isinstance(self.sigma, Prior) and self.shared_sigma:
            drawn["sigma"] = drawn["sigma"][:, 0]
        if self.labels == "ordered":
            drawn[self.ordered] = np.sort(drawn[self.ordered], axis=1)
        return {"weight": rng.dirichlet(self.concentration, n), **drawn}

    @property
    def _start(self) -> dict[str, np.ndarray | float]:
        """Where the search starts: levels at quantiles, or lines about that of least squares, apart in what orders them."""
        x, y, spread = self.x, self.y, scale_of(self.y)[1]
        width = spread / self.count
        start: dict[str, np.ndarray | float] = {"weight": np.full(self.count, 1 / self.count)}
        if isinstance(self.sigma, Prior):
            start["sigma"] = width if self.shared_sigma else np.full(self.count, width)
        if x is None:
            return {**start, "mu": np.quantile(y, (np.arange(self.count) + 0.5) / self.count)}
        slope = np.cov(x, y, bias=True)[0, 1] / x.var()
        rest, apart = (y - slope * (x - x.mean())).std(), np.linspace(-1, 1, self.count)
        if self.ordered == "intercept":
            intercepts = y.mean() - slope * x.mean() + rest * apart
            return {**start, "slope": np.full(self.count, slope), "intercept": intercepts}
        slopes = slope + rest / x.std() * apart
        return {**start, "slope": slopes, "intercept": y.mean() - slopes * x.mean()}

    def posterior(self) -> Posterior:
        """The posterior by quadrature."""
        space = Space.of(self.parameters)
        target = Target.of(LogJoint.of(self.log_joint, space.names), space, True, self.data, MEMORY)
        alone = Exchange.of(space, ())  # the order of the components names them
        post = whitened(self.title, target, self.plan, self.parameters, self._start, None, alone, self.advice)
        source = post if self.labels == "ordered" else mirrored(post)
        return replace(source, model=_Fitted(self, source))

    def with_rows(self, rows: Int[np.ndarray, " _row"]) -> "Components":
        """The same with some of the rows, or with some of them twice."""
        return replace(self, x=None if self.x is None else self.x[rows], y=self.y[rows])


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A fitted mixture: the quadrature behind it, and what it says of rows, which no order of labels changes."""

    model: Components
    source: Posterior

    instead: ClassVar[Mapping[str, str]] = {
        "evidence_at": "Instead fit the smaller model too: gridbayes.compare({'two': post, 'one': other})",
    }
    discrete: ClassVar[bool] = False

    @property
    def title(self) -> str:
        return self.source.model.title

    @property
    def ordered(self) -> Whitened:
        """The quadrature of the components in order."""
        found = self.source.model
        return found.ordered if isinstance(found, Mirrored) else found  # pyright: ignore[reportReturnType]

    @property
    def resolved(self) -> Resolved:
        return self.ordered.resolved

    @property
    def coarse(self) -> Posterior:
        return self.ordered.coarse

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        return self.source.model.joint(first, second)

    def contrast(self, first: int, second: int) -> Marginal:
        return self.source.model.contrast(first, second)

    def accuracy(self, posterior: Posterior) -> Accuracy:
        return self.source.model.accuracy(posterior)

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return self.source.model.sample(n, rng)  # pyright: ignore[reportAttributeAccessIssue]

    def weighted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        return self.source.model.weighted()  # pyright: ignore[reportAttributeAccessIssue]

    # --- rows -----------------------------------------------------------------------------------------------------------

    @property
    def outcomes(self) -> tuple[PerRow]:
        """What the model gives a density to."""
        return (self.model.y,)

    @property
    def priors(self) -> dict[str, Prior]:
        return self.model.learned

    @cached_property
    def _scores(self) -> tuple[Scores, int]:
        """The scores by the fine points, and for how many rows the others were fitted anew: where coarse ones differ."""
        model, rows = self.model, np.arange(len(self.model.y))
        fine, coarse = (
            scores(cloud, model.known, model.x, model.y) for cloud in (self.resolved.fine, self.resolved.coarse)
        )

        def anew(row: int) -> tuple[float, float]:
            rest, one = model.with_rows(np.delete(rows, row)).posterior(), model.with_rows(rows[[row]])
            new = scores(rest.model.resolved.fine, one.known, one.x, one.y)  # pyright: ignore
            return self.source.log_evidence - rest.log_evidence, float(new[3, 0])

        again = checked_scores(fine, coarse, anew)
        return Scores(*fine), again

    def loo(self, by: str) -> LeaveOneOut:
        """log p(y_i | y_-i) and log p(y_i | y) of every row (mixed.py)."""
        checked_by(by, groups=False)
        (found, again), labels = self._scores, tuple(range(len(self.model.y)))
        return LeaveOneOut(self.title, "row", labels, None, found.left_out, found.within, again)

    def pit(self, loo: bool) -> PerRow:
        """P(y_new <= y_i | y) of every row; with `loo` given the other rows."""
        return self._scores[0].pit_left_out if loo else self._scores[0].pit

    def replicated(self, draws: int, rng: np.random.Generator) -> Float[np.ndarray, "draw row"]:
        """Independent draws of all rows."""
        return self.model.rows_given(self.sample(draws, rng)).rvs((draws, len(self.model.y)), rng)

    def predict(self, x: object = None, *, data: object = None) -> Posterior:
        """`y` of one more row; of a mixture of regressions, of a row at each of these inputs."""
        if (x is None) != (self.model.x is None):
            rule = "needs the inputs of new rows: pass x=" if x is None else "has no inputs: leave x out"
            raise TypeError(f"predict of {self.title} {rule}.")
        at = [None] if x is None else design_of(x, data, [None])[:, 0].tolist()
        return self._predicted(at, fine=True)

    def _predicted(self, at: list[float | None], fine: bool) -> Posterior:
        """By the fine points or the coarse ones."""
        cloud, fineness = (self.resolved.fine, FINE) if fine else (self.resolved.coarse, COARSE)
        y = tuple(new_row(cloud, self.model.known, each, *fineness) for each in at)
        return predicted(self.title, self.source.program, {"y": y}, lambda: self._predicted(at, fine=False))

    def update(self, *columns: object, data: object = None) -> Posterior:
        """The fit of the old rows and new ones together, with the priors of the old; arguments as in the model's call."""
        model = self.model
        if len(columns) != (1 if model.x is None else 2):
            raise TypeError(
                f"update of {self.title} takes {'y' if model.x is None else 'x and y'}, and data= for names."
            )
        new = read_rows(columns[0], columns[-1], data)
        x = None if model.x is None else np.append(model.x, ordered(new.inputs, [None])[:, 0])
        return replace(model, x=x, y=np.append(model.y, new.y)).posterior()


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
