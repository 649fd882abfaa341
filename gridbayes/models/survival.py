"""Lifetimes with a mean that may depend on inputs, of customers who were watched for a while (watched.py).

    S_i(t) = exp(-(t / scale_i)**shape),   mu_i = scale_i Gamma(1 + 1 / shape),   log mu_i = intercept + (x_i - x_0) . slope

    log p(t | .) = sum over ends of log(shape / t_i) + shape log(t_i / scale_i)  -  sum over all of (t_i / scale_i)**shape

Where shape is known only counts of ends and sums of t**shape enter, of rows with equal inputs together. Under shape = 1 and
mu ~ InverseGamma(a, b) the posterior is InverseGamma(a + ends, b + the sum of all t): the rate 1 / mu has a gamma's.

mu and not scale is the parameter, because a prior of scale leaves E[mu | t] infinite: Gamma(1 + 1 / shape) grows faster
than the usual priors of shape fall towards 0. As in generalized.py, x_0 = 0 for the report, and a new row's inputs for its
prediction.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Float, Int
from scipy.special import ndtri

from gridbayes._types import PerRow
from gridbayes.accuracy import Accuracy
from gridbayes.conditional import graded
from gridbayes.densities import LPDFS
from gridbayes.grids import COARSE, FINE, adapt
from gridbayes.leave_one_out import LeaveOneOut, checked_by
from gridbayes.models.coefficients import Term, columns_of, drawn_from_prior, priors_of
from gridbayes.models.mixed import Scores, checked_scores, of_rows
from gridbayes.models.predicted import predicted
from gridbayes.models.watched import Watched, WatchedRows, new_lifetime, read_watched
from gridbayes.posterior import Address, Posterior
from gridbayes.priors import Flat, Prior
from gridbayes.quadrature.quadrature import quadrature
from gridbayes.rows import design_of
from gridbayes.summaries import Marginal, checked_number

__all__ = ["Lifetimes"]

POSITIVE = dict.fromkeys(("expected", "y"), (0.0, np.inf))


@lru_cache(maxsize=64)
def _log_joint(lpdfs: tuple[str, ...], shape_lpdf: str | None, alone: bool) -> Callable:
    """log p(t, parameters), (point,): of mu where it is `alone`, else of coefficients, with priors of these names."""

    def log_joint(p: Mapping[str, jax.Array], rows: Mapping[str, Any]) -> jax.Array:
        if alone:
            log_mu, values = jnp.log(p["mu"])[:, None], [p["mu"]]
        else:
            slope = p["slope"].reshape(len(p["intercept"]), -1)
            log_mu = p["intercept"][:, None] + slope @ (rows["x"] - rows["at"]).T
            values = [p["intercept"] - slope @ rows["at"], *slope.T]
        shape = p.get("shape", jnp.broadcast_to(rows["shape"], values[0].shape))[:, None]
        log_scale = log_mu - gammaln(1 + 1 / shape)
        if shape_lpdf:
            z = shape * (rows["log_t"] - log_scale)
            hazard = jnp.exp(jnp.where(rows["there"], z, -jnp.inf)).sum(axis=1)
            total = (jnp.log(shape) + z) @ rows["ends"] - hazard + rows["height"]
        else:
            total = rows["height"] - (shape * log_scale) @ rows["ends"] - jnp.exp(-shape * log_scale) @ rows["power"]
        names = [*lpdfs, shape_lpdf] if shape_lpdf else lpdfs
        for i, (name, value) in enumerate(zip(names, [*values, shape[:, 0]], strict=False)):
            total = total + LPDFS[name](value, **rows["priors"][str(i)])
        return total

    return log_joint


@dataclass(frozen=True, eq=False)
class Lifetimes:
    """Rows with the priors of their parameters.

    Parameters
    ----------
    rows : what was seen.
    terms : `mu` alone, of every segment its own; or the coefficients of log mu, the intercept first.
    shape : its prior, or its value: 1 for the exponential.
    """

    rows: WatchedRows
    terms: tuple[Term, ...]
    shape: Prior | float

    @property
    def alone(self) -> bool:
        """Whether there are no inputs."""
        return self.terms[0].name == "mu"

    @property
    def title(self) -> str:
        """One line: the model, its priors, its rows."""
        kind = "exponential" if self.shape == 1.0 else "Weibull"
        stated = [f"{term} ~ {term.prior!r}" for term in self.terms]
        if kind == "Weibull":
            stated.append(f"shape ~ {self.shape!r}" if isinstance(self.shape, Prior) else f"shape {self.shape:g}")
        seen = f"{kind} lifetimes of {len(self.rows.t)} rows, {self.rows.observed.sum():g} ends seen"
        return f"{seen}, {', '.join(stated)}"

    @property
    def priors(self) -> dict[str, Prior]:
        """By label of the parameter, for pictures."""
        learned = {"shape": self.shape} if isinstance(self.shape, Prior) else {}
        return priors_of(self.terms, 1.0) | learned

    @cached_property
    def _data(self) -> dict[str, Any]:
        """What the log density takes; where shape is known rows with equal inputs are summed."""
        rows, ends = self.rows, self.rows.observed
        priors = {str(i): prior.parameters for i, prior in enumerate(self.priors.values())}
        if isinstance(self.shape, Prior):
            spare = 2 ** max(4, (len(ends) - 1).bit_length()) - len(
                ends
            )  # rows that count nothing: few sizes to compile
            filled = {"log_t": np.log(rows.t), "ends": ends, "there": np.ones(len(ends), bool)}
            own = {name: np.pad(column, (0, spare)) for name, column in filled.items()}
            x = np.pad(rows.x, ((0, spare), (0, 0)))
            return {**own, "x": x, "height": -float(ends @ np.log(rows.t)), "priors": priors, "shape": 1.0}
        x, which = np.unique(rows.x, axis=0, return_inverse=True)
        power, count = (np.bincount(which.ravel(), each) for each in (rows.t**self.shape, ends))
        height = ends.sum() * np.log(self.shape) + (self.shape - 1) * float(ends @ np.log(rows.t))
        return {"x": x, "ends": count, "power": power, "height": float(height), "priors": priors, "shape": self.shape}

    @property
    def _start(self) -> dict[str, Any]:
        """Where the mode may be: the time seen for each end, whatever the inputs."""
        mean = float(self.rows.t.sum() / (self.rows.observed.sum() + 0.5))
        shape = {"shape": 1.0} if isinstance(self.shape, Prior) else {}
        if self.alone:
            return {"mu": mean, **shape}
        slope = 0.0 if self.terms[1].label is None else np.zeros(len(self.terms) - 1)
        return {"intercept": float(np.log(mean)), "slope": slope, **shape}

    def fitted(self, at: Float[np.ndarray, " input"]) -> Posterior:
        """The posterior of rows without segments, with the intercept at these inputs."""
        self._require_ends()
        slopes, learned = self.terms[1:], isinstance(self.shape, Prior)
        single = self.alone or slopes[0].label is None
        names = tuple(str(term.prior.lpdf) for term in self.terms)
        log_joint = _log_joint(names, str(self.priors["shape"].lpdf) if learned else None, self.alone)
        supports: dict[str, Any] = (
            {"mu": self.terms[0].prior}
            if self.alone
            else {"intercept": "real", "slope": "real" if single else ("real", len(slopes))}
        )
        return quadrature(
            log_joint,
            supports | ({"shape": self.shape} if learned else {}),
            {"rows": self._data if self.alone else {**self._data, "at": np.asarray(at, float)}},
            labels=None if single else [term.label for term in slopes],
            batched=True,
            title=self.title,
            start=self._start,
        )

    def _require_ends(self) -> None:
        """ValueError where an improper prior meets rows of which too few have ended: exp(-t / mu) tends to 1."""
        first, ends, least = self.terms[0], self.rows.observed.sum(), 2 if self.alone else 1
        if isinstance(first.prior, Flat) and not first.prior.proper and ends < least:
            raise ValueError(
                f"{first.name} must have a proper prior where fewer than {least} ends were seen; {first.name} is "
                f"{first.prior}, and {len(self.rows.t) - ends:g} of {len(self.rows.t)} rows are censored. Pass for example "
                f"gridbayes.{'LogNormal(2, 1)' if self.alone else 'Normal(2, 1)'}."
            )

    @property
    def segments(self) -> "list[Lifetimes]":
        """The same of each segment alone, or of all rows where there are none."""
        groups = range(len(self.rows.groups))
        parts = [self.rows.part(self.rows.group(d)) for d in groups] or [self.rows]
        return [replace(self, rows=replace(part, groups=(), codes=np.zeros(len(part.t), int))) for part in parts]

    def posterior(self) -> Posterior:
        """One fit, or one a segment, side by side: segments share nothing but their prior."""
        zero = np.zeros(self.rows.x.shape[1])
        fits = [each.fitted(zero) for each in self.segments]
        if not self.rows.groups:
            return replace(fits[0], model=_Fitted(self, tuple(fits)))
        marginals = {name: tuple(fit.marginals[name][0] for fit in fits) for name in fits[0].marginals}
        log_evidence = float(sum(fit.log_evidence for fit in fits))
        model = _Fitted(self, tuple(fits))
        return Posterior(marginals, self.rows.groups, frozenset(marginals), log_evidence, fits[0].program, model)

    # --- rows given the parameters ----------------------------------------------------------------------------------------

    @property
    def observed(self) -> tuple[str, PerRow, dict[str, Any]]:
        return "durations", self.rows.t, {}

    def rows_given(self, draws: Mapping[str, np.ndarray]) -> Watched:
        """What each row shows given each draw, (draw, row)."""
        rows, first = self.rows, next(iter(draws.values()))
        shape = np.asarray(draws.get("shape", np.full(len(first), self.shape)), float).reshape(len(first), -1)
        if self.alone:
            log_mu = np.log(draws["mu"]).reshape(len(first), -1)
        else:
            b = columns_of(self.terms, draws)
            log_mu = b[:, :1] + b[:, 1:] @ rows.x.T
        if rows.groups:
            log_mu, shape = log_mu[:, rows.codes], shape if shape.shape[1] == 1 else shape[:, rows.codes]
        return Watched(log_mu, shape, rows.observed, rows.window)

    def drawn_from_prior(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of the parameters before the data; none from an improper prior."""
        if not all(prior.proper for prior in self.priors.values()):
            return {}
        size = (n, len(self.rows.groups)) if self.rows.groups else (n,)
        shape = {"shape": self.shape.ppf(rng.random(size))} if isinstance(self.shape, Prior) else {}
        if self.alone:
            return {"mu": self.terms[0].prior.ppf(rng.random(size)), **shape}
        return {**drawn_from_prior(self.terms, 1.0, n, rng), **shape}


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Fitted lifetimes: the quadrature behind each segment, and what they say of rows, old and new."""

    model: Lifetimes
    fits: tuple[Posterior, ...]

    discrete: ClassVar[bool] = False
    instead: ClassVar[Mapping[str, str]] = {
        "combination": "Instead compare two segments: post.contrast('A', 'B')",
        "evidence_at": "Instead fit the smaller model too: gridbayes.compare({'Weibull': post, 'exponential': other})",
    }

    @property
    def title(self) -> str:
        return self.model.title

    @property
    def priors(self) -> dict[str, Prior]:
        return self.model.priors

    @property
    def outcomes(self) -> tuple[PerRow, PerRow]:
        """What the model gives a probability to: how long, and whether that was the end."""
        return self.model.rows.t, self.model.rows.observed

    @property
    def groups_of_rows(self) -> list[Any] | None:
        groups = self.model.rows.groups
        return [groups[code] for code in self.model.rows.codes] if groups else None

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        """Of two parameters of one segment; those of two are independent."""
        if not self.model.rows.groups:
            return self.fits[0].model.joint(first, second)
        if first[1] is None or first[1] != second[1]:
            raise ValueError(f"joint needs one segment; {self.title} has {len(self.fits)}. Pass group=.")
        return self.fits[first[1]].model.joint((first[0], None), (second[0], None))

    def contrast(self, first: int, second: int) -> Marginal:
        """mu_first - mu_second of two segments, which are independent."""
        return _difference(*(self.fits[d].marginals["mu"][0] for d in (first, second)))

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance to the coarser rule, of each segment its own; that of log evidence is their sum."""
        each = [fit.accuracy for fit in self.fits]
        if not self.model.rows.groups:
            return each[0]
        errors, comparisons = [], []
        for label, own in zip(self.model.rows.groups, each, strict=True):
            errors += [replace(e, quantity=f"{e.quantity}[{label}]") for e in own.errors if e.statistic != "value"]
            comparisons += [replace(c, label=f"{c.label}[{label}]") for c in own.comparisons]
        evidence = [error for own in each for error in own.errors if error.statistic == "value"]
        errors.append(replace(evidence[0], size=sum(error.size for error in evidence)))
        return replace(each[0], errors=tuple(errors), comparisons=tuple(comparisons))

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        drawn = [fit.model.sample(n, rng) for fit in self.fits]  # pyright: ignore[reportAttributeAccessIssue]
        if not self.model.rows.groups:
            return drawn[0]
        return {name: np.stack([each[name] for each in drawn], axis=1) for name in drawn[0]}

    def weighted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The parameters at the points of the quadrature, and their masses; of segments each has its own."""
        if self.model.rows.groups:
            raise TypeError(
                f"{self.title} has points for each segment apart. Fit one segment, or draw: post.sample(n)."
            )
        return self.fits[0].model.weighted()  # pyright: ignore[reportAttributeAccessIssue]

    # --- new rows ---------------------------------------------------------------------------------------------------------

    def predict(self, x: object = None, *, data: object = None, age: object = 0.0) -> Posterior:
        """`expected`, the mean lifetime, and `y`, the lifetime of a new customer: in every segment, or at each of these
        inputs. With `age`, the `y` that is left to one of the customers of the data who has reached it."""
        reached = checked_number(age, "age")
        if not 0 <= reached < np.inf:
            raise ValueError(f"age must not be negative; age is {age!r}. Pass how long the customer has been there.")
        if (x is None) != self.model.alone:
            rule = "needs the inputs of new rows: pass x=" if x is None else "has no inputs: leave x out"
            raise TypeError(f"predict of {self.title} {rule}.")
        at = None if x is None else design_of(x, data, [term.label for term in self.model.terms[1:]])
        return self._predicted(at, reached, fine=True)

    def _predicted(self, at: np.ndarray | None, age: float, fine: bool) -> Posterior:
        """By the fine points or the coarse ones."""
        model, (tol, order) = self.model, FINE if fine else COARSE
        fits = self.fits if at is None else [model.fitted(row) for row in at]
        known = np.nan if isinstance(model.shape, Prior) else model.shape
        y, expected = [], []
        for fit in fits:
            resolved = fit.model.resolved  # pyright: ignore[reportAttributeAccessIssue]
            cloud, reading = (resolved.fine, fit) if fine else (resolved.coarse, fit.model.coarse)  # pyright: ignore
            log_mu = np.log(cloud.own["mu"]) if model.alone else cloud.own["intercept"]
            shape = cloud.own.get("shape", np.full(len(log_mu), known))
            y.append(new_lifetime(log_mu, shape, cloud.masses, age, tol, order))
            expected.append(reading.marginals["mu"][0] if model.alone else _exp(reading.marginals["intercept"][0]))
        marginals = {"y": tuple(y)} if age else {"expected": tuple(expected), "y": tuple(y)}
        new = predicted(self.title, fits[0].program, marginals, lambda: self._predicted(at, age, fine=False), POSITIVE)
        groups = model.rows.groups
        return replace(new, groups=groups) if groups else new

    def survival(self, t: Float[np.ndarray, " time"], prob: float) -> Float[np.ndarray, "segment bound time"]:
        """S(t) in each segment: its mean, and the ends of its equal-tailed interval. Without inputs."""
        found = []
        for segment, fit in zip(self.model.segments, self.fits, strict=True):
            points, masses = fit.model.weighted()  # pyright: ignore[reportAttributeAccessIssue]
            each = [_survival(segment, points, masses, time, prob) for time in t.tolist()]
            found.append(np.array(each).T)
        return np.array(found)

    # --- rows -------------------------------------------------------------------------------------------------------------

    @cached_property
    def _scores(self) -> tuple[Scores, int]:
        """The scores of all rows, and for how many the others were fitted anew: where fine and coarse points differ."""
        model, again = self.model, 0
        found = np.empty((4, len(model.rows.t)))
        for d, (segment, fit) in enumerate(zip(model.segments, self.fits, strict=True)):
            own = model.rows.group(d)
            fine, count = _scores_of(segment, fit)
            found[:, own], again = fine, again + count
        return Scores(*found), again

    def loo(self, by: str) -> LeaveOneOut:
        """log p(t_i | t_-i) and log p(t_i | t) of every row, a censored one's the log of a probability."""
        checked_by(by, groups=False)
        (found, again), labels = self._scores, tuple(range(len(self.model.rows.t)))
        of_rows = tuple(self.groups_of_rows) if self.groups_of_rows else None
        return LeaveOneOut(self.title, "row", labels, of_rows, found.left_out, found.within, again)

    def pit(self, loo: bool) -> PerRow:
        """P(lifetime <= t_i | t); of a censored row, which lived on, a number drawn evenly between that and 1, the same
        each time."""
        below = self._scores[0].pit_left_out if loo else self._scores[0].pit
        censored = 1 - self.model.rows.observed
        return below + censored * (1 - below) * np.random.default_rng(0).random(len(below))

    def replicated(self, draws: int, rng: np.random.Generator) -> Float[np.ndarray, "draw row"]:
        """Independent draws of what all rows show, each through its own window."""
        if self.model.rows.window is None and (self.model.rows.observed == 0).any():
            raise ValueError(
                "predictive_check of censored rows needs the window of every row; nobody said when those that ended would "
                "have been cut off. Pass window= to lifetimes."
            )
        return self.model.rows_given(self.sample(draws, rng)).rvs((draws, len(self.model.rows.t)), rng)

    def update(
        self,
        durations: object,
        observed: object = None,
        *,
        data: object = None,
        window: object = None,
        group: object = None,
        x: object = None,
    ) -> Posterior:
        """The fit of the old rows and new ones together, with the priors of the old; arguments as in the model's call."""
        model = self.model
        if (group is None) == bool(model.rows.groups) or (x is None) != model.alone:
            raise TypeError(f"update of {self.title} takes what its call took: group= and x= where that had them.")
        new = read_watched(durations, observed, data, window, group, x)
        if not model.alone:
            new = replace(new, x=design_of(x, data, [term.label for term in model.terms[1:]]))
        return replace(model, rows=model.rows.joined(new)).posterior()


# --- what several answers share -----------------------------------------------------------------------------------------


def _exp(eta: Marginal) -> Marginal:
    """The distribution of exp(eta)."""

    def log_density(_: object, mu: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(eta.density(np.log(mu)), 0)) - np.log(mu)

    return _marginal(log_density, np.exp(eta.grid.edges))


def _difference(one: Marginal, other: Marginal) -> Marginal:
    """The distribution of x - y for independent x and y: p(z) = sum over y's nodes of mass p_x(z + y)."""

    def log_density(_: object, z: np.ndarray) -> np.ndarray:
        found = one.density(z[..., None] + other.grid.nodes) @ other.masses
        return np.log(np.maximum(found, 1e-300))

    low, high = (one.grid.edges[end] - other.grid.edges[-1 - end] for end in (0, -1))
    return _marginal(log_density, graded(one.mean - other.mean, min(one.width, other.width), float(low), float(high)))


def _marginal(log_density: Callable, edges: Float[np.ndarray, " _edge"]) -> Marginal:
    ((grid, log_p),) = adapt(log_density, [edges])
    masses = np.exp(log_p - log_p.max()) * grid.weights
    return Marginal(grid, masses / masses.sum())


def _survival(
    segment: Lifetimes, points: Mapping[str, np.ndarray], masses: Float[np.ndarray, " point"], t: float, prob: float
) -> list[float]:
    """E[S(t)] and the ends of its interval: the points in order of S, between them S linear in the normal score."""
    given = segment.rows_given(points)
    s = 1 - Watched(given.log_mu, given.shape, np.zeros(1), None).cdf(np.array([t]))[:, 0]
    order = np.argsort(s)
    below = np.cumsum(masses[order]) - masses[order] / 2
    scores = ndtri(np.clip(below, 1e-300, 1 - 1e-16))
    ends = np.interp(ndtri([(1 - prob) / 2, (1 + prob) / 2]), scores, s[order])
    return [float(masses @ s), *ends.tolist()]


def _scores_of(segment: Lifetimes, fit: Posterior) -> tuple[Float[np.ndarray, "score row"], int]:
    """The scores of one segment's rows by its fine points; rows that coarse points score otherwise by another fit."""

    def by(cloud: Any, rows: Int[np.ndarray, " _row"]) -> Float[np.ndarray, "score _row"]:
        own = replace(segment, rows=segment.rows.part(rows))
        kept = np.abs(cloud.masses) > 1e-15 * cloud.masses.max()
        given = own.rows_given({name: each[kept] for name, each in cloud.own.items()})
        return of_rows(given, own.rows.t, cloud.masses[kept])

    resolved, rows = fit.model.resolved, np.arange(len(segment.rows.t))  # pyright: ignore[reportAttributeAccessIssue]
    fine, coarse = by(resolved.fine, rows), by(resolved.coarse, rows)

    def anew(row: int) -> tuple[float, float]:
        rest = replace(segment, rows=segment.rows.part(np.delete(rows, row))).fitted(np.zeros(segment.rows.x.shape[1]))
        new = by(rest.model.resolved.fine, rows[[row]])  # pyright: ignore[reportAttributeAccessIssue]
        return fit.log_evidence - rest.log_evidence, float(new[3, 0])

    return fine, checked_scores(fine, coarse, anew)
