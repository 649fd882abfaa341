"""Regressions whose coefficients do not leave in closed form: counts, Student-t errors, priors that are not normal.

    eta_i = intercept + (x_i - x_0) . slope,      y_i ~ p(y | eta_i, sigma e_i)

The posterior is integrated by quadrature about its mode. x_0 is 0 for the report. At x_0 = a new row's inputs, with the
prior kept on the intercept at 0, `intercept` is that row's eta: a prediction is the marginal of one parameter.

    logistic   y_i ~ Binomial(n_i, 1 / (1 + exp(-eta_i)))
    poisson    y_i ~ Poisson(n_i exp(eta_i))
    student    y_i ~ eta_i + sigma e_i t_df
    normal     y_i ~ N(eta_i, sigma e_i)

Of counts with equal inputs only sums enter.

Source: McCullagh & Nelder, Generalized Linear Models, 2nd ed. (1989), chapter 2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.special import gammaln, logit, xlogy

from gridbayes._types import PerRow
from gridbayes.accuracy import Accuracy
from gridbayes.conditional import graded, log_sum_exp
from gridbayes.densities import LPDFS, normal_lpdf, student_t_lpdf
from gridbayes.grids import Grid, adapt
from gridbayes.leave_one_out import LeaveOneOut, checked_by
from gridbayes.likelihoods import Binomial, Poisson, StudentTErrors
from gridbayes.models.coefficients import Term, columns_of, drawn_from_prior, priors_of
from gridbayes.models.given_theta import count_given, middle_of_step
from gridbayes.models.predicted import Share, predicted
from gridbayes.posterior import Address, Posterior
from gridbayes.priors import Flat, Prior
from gridbayes.quadrature.quadrature import quadrature
from gridbayes.rows import Rows, counts_of, design_of, errors_of, ordered, read_rows
from gridbayes.summaries import Marginal

__all__ = ["Generalized", "generalized", "known_of"]


# --- log densities, (point,), compiled once for a family and the names of its priors ------------------------------------


def _logistic(eta: Float[Array, "point row"], p: Mapping, rows: Mapping) -> Float[Array, " point"]:
    return eta @ rows["y"] - jnp.logaddexp(0.0, eta) @ rows["n"] + rows["height"]


def _poisson(eta: Float[Array, "point row"], p: Mapping, rows: Mapping) -> Float[Array, " point"]:
    return eta @ rows["y"] - jnp.exp(eta) @ rows["n"] + rows["height"]


def _student(eta: Float[Array, "point row"], p: Mapping, rows: Mapping) -> Float[Array, " point"]:
    return student_t_lpdf(rows["y"], rows["df"], eta, p["sigma"][:, None] * rows["e"]).sum(axis=1)


def _normal(eta: Float[Array, "point row"], p: Mapping, rows: Mapping) -> Float[Array, " point"]:
    return normal_lpdf(rows["y"], eta, p["sigma"][:, None] * rows["e"]).sum(axis=1)


ARGUMENTS = {"logistic": "trials", "poisson": "exposure"}  # of counts: the name of what is known of each
FAMILIES = {"logistic": _logistic, "poisson": _poisson, "student": _student, "normal": _normal}


@lru_cache(maxsize=64)
def _log_joint(family: str, lpdfs: tuple[str, ...], sigma_lpdf: str | None) -> Callable:
    """log p(y, parameters) of a family, for coefficients and sigma with priors of these names."""

    def log_joint(p: Mapping[str, Array], rows: Mapping[str, Any]) -> Array:
        slope = p["slope"].reshape(len(p["intercept"]), -1)
        at_zero = p["intercept"] - slope @ rows["at"]
        eta = p["intercept"][:, None] + slope @ (rows["x"] - rows["at"]).T
        sigma = {"sigma": p.get("sigma", jnp.broadcast_to(rows["sigma"], at_zero.shape))}
        total = FAMILIES[family](eta, sigma, rows)
        values = [at_zero, *slope.T] + ([p["sigma"]] if sigma_lpdf else [])
        names = [*lpdfs, sigma_lpdf] if sigma_lpdf else lpdfs
        for i, (name, value) in enumerate(zip(names, values, strict=True)):
            total = total + LPDFS[name](value, **rows["priors"][str(i)])
        return total

    return log_joint


# --- the model ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Generalized:
    """A regression with its rows.

    Parameters
    ----------
    family : a key of FAMILIES.
    terms : the coefficients, the intercept first.
    x : (row, input).
    y : (row,).
    known : (row,) trials, exposures, or known errors e.
    sigma : its prior, or its value; 1 for counts.
    df : degrees of freedom of Student-t errors.
    order : of the product rule; None: as high as quadrature.py finds fit.
    """

    family: str
    terms: tuple[Term, ...]
    x: Float[np.ndarray, "row input"]
    y: PerRow
    known: PerRow
    sigma: Prior | float = 1.0
    df: float = 1.0
    order: int | None = None

    @property
    def title(self) -> str:
        """One line: the model, its priors, its rows."""
        what = {"student": f"regression with t errors of {self.df:g} degrees of freedom", "normal": "linear regression"}
        stated = [f"{term} ~ {term.prior!r}" for term in self.terms]
        if self.family in what:
            stated.append(f"sigma ~ {self.sigma!r}" if isinstance(self.sigma, Prior) else f"sigma {self.sigma:g}")
        return f"{what.get(self.family, f'{self.family} regression')} of {len(self.y)} rows, {', '.join(stated)}"

    @cached_property
    def _rows(self) -> dict[str, Any]:
        """What the log density takes; counts of equal inputs summed."""
        stated = [term.prior for term in self.terms] + ([self.sigma] if isinstance(self.sigma, Prior) else [])
        priors = {str(i): prior.parameters for i, prior in enumerate(stated)}
        shared = {"priors": priors, "sigma": self.sigma if isinstance(self.sigma, float) else 1.0}
        if self.family in ("student", "normal"):
            return {"x": self.x, "y": self.y, "e": self.known, "df": self.df, **shared}
        x, which = np.unique(self.x, axis=0, return_inverse=True)
        y, n = (np.bincount(which.ravel(), column) for column in (self.y, self.known))
        return {"x": x, "y": y, "n": n, "height": self._height, **shared}

    @property
    def _height(self) -> float:
        """What the counts say of no parameter."""
        y, n = self.y, self.known
        if self.family == "logistic":
            return float((gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)).sum())
        return float((xlogy(y, n) - gammaln(y + 1)).sum())

    def fitted(self, at: Float[np.ndarray, " input"]) -> Posterior:
        """The posterior with the intercept at these inputs."""
        lpdfs = tuple(str(term.prior.lpdf) for term in self.terms)
        learned = self.sigma if isinstance(self.sigma, Prior) else None
        log_joint = _log_joint(self.family, lpdfs, str(learned.lpdf) if learned else None)
        slopes = self.terms[1:]
        alone = slopes[0].label is None
        supports: dict[str, Any] = {"intercept": "real", "slope": "real" if alone else ("real", len(slopes))}
        if learned:
            supports["sigma"] = learned
        labels = None if alone else [term.label for term in slopes]
        rows = {"rows": {**self._rows, "at": np.asarray(at, float)}}
        return quadrature(
            log_joint,
            supports,
            rows,
            labels=labels,
            order=self.order,
            batched=True,
            title=self.title,
            start=self._start,
        )

    @property
    def observed(self) -> tuple[str, PerRow, dict[str, Any]]:
        return "y", self.y, {}

    def rows_given(self, draws: Mapping[str, np.ndarray]) -> Any:
        """The distribution of each row given each draw, (draw, row)."""
        from scipy.stats import norm  # here: half a second, for draws alone

        b = columns_of(self.terms, draws)
        eta = b[:, :1] + b[:, 1:] @ self.x.T
        known = np.multiply.outer(draws.get("sigma", np.full(len(b), self.sigma)), self.known)
        if self.family == "normal":
            return norm(eta, known)
        of_family = {"logistic": Binomial(None), "poisson": Poisson(None), "student": StudentTErrors(self.df)}
        return of_family[self.family].rows(eta, known)

    def drawn_from_prior(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of the parameters before the data; none from an improper prior."""
        return drawn_from_prior(self.terms, self.sigma, n, rng)

    @property
    def _start(self) -> dict[str, Any]:
        """Where the mode may be: a line without slope through the middle of the rows."""
        rate = (self.y.sum() + 0.5) / (self.known.sum() + 1)
        middle = {"logistic": logit(rate), "poisson": np.log(rate)}.get(self.family, np.median(self.y))
        zero = 0.0 if self.terms[1].label is None else np.zeros(len(self.terms) - 1)
        spread = float(np.std(self.y / self.known)) or 1.0
        return {
            "intercept": float(middle),
            "slope": zero,
            **({"sigma": spread} if isinstance(self.sigma, Prior) else {}),
        }

    def posterior(self) -> Posterior:
        post = self.fitted(np.zeros(self.x.shape[1]))
        return replace(post, model=_Reported(self, post))

    # --- new rows -----------------------------------------------------------------------------------------------------

    def predict(self, x: Any, data: Any, known: Any) -> Posterior:
        """`expected` and `y` of new rows, each from a fit whose intercept is its eta."""
        new = design_of(x, data, [term.label for term in self.terms[1:]])
        n = np.broadcast_to(np.asarray(known, float), len(new))
        fits = [self._fine.fitted(row) for row in new]
        eta = [fit.marginals["intercept"][0] for fit in fits]
        expected = [self._expected(each, size) for each, size in zip(eta, n, strict=True)]
        marginals = {"expected": tuple(expected), "y": self._rows_of(fits, n)}
        coarse = max(3, (self._fine.order or self._affordable(20_000)) - 2)
        return predicted(
            self.title, fits[0].program, marginals, lambda: replace(self, order=coarse).predict(x, data, known)
        )

    def rows_at(self, x: Float[np.ndarray, "new input"], known: Float[np.ndarray, " new"]) -> tuple[Marginal, ...]:
        """y of new rows with these inputs."""
        return self._rows_of([self._fine.fitted(row) for row in x], known)

    def _rows_of(self, fits: list[Posterior], known: Float[np.ndarray, " new"]) -> tuple[Marginal, ...]:
        """y of new rows, from a fit for each whose intercept is its eta."""
        if self.family not in ARGUMENTS:
            return tuple(self._observed(fit, e) for fit, e in zip(fits, known.tolist(), strict=True))
        eta = (fit.marginals["intercept"][0] for fit in fits)
        of_family = {"logistic": Binomial(None), "poisson": Poisson(None)}[self.family]
        title = f"new row of {self.title}"
        return tuple(count_given(of_family, n, each, title) for each, n in zip(eta, known.tolist(), strict=True))

    def without(self, row: int) -> "Generalized":
        """The model of all rows but one; ValueError where these leave no posterior."""
        rest = replace(self, **{name: np.delete(getattr(self, name), row, axis=0) for name in ("x", "y", "known")})
        try:
            return _checked(rest)
        except ValueError as error:
            raise ValueError(f"{self.title} has no posterior without row {row}: {error}") from None

    @property
    def _fine(self) -> "Generalized":
        """With points enough to mix the errors of a new row over sigma: more than its moments need."""
        if self.order is not None or not isinstance(self.sigma, Prior):
            return self
        return replace(self, order=self._affordable(200_000))

    def _affordable(self, points: int) -> int:
        """The highest order of a product rule with so many points."""
        dimension = len(self.terms) + isinstance(self.sigma, Prior)
        return max((order for order in range(5, 17, 2) if order**dimension < points), default=3)

    def _expected(self, eta: Marginal, n: float) -> Marginal:
        """E[y | eta] as a marginal: n / (1 + exp(-eta)), n exp(eta), or eta itself."""
        if self.family in ("student", "normal"):
            return eta
        if self.family == "logistic":
            return Share.of(eta, n)

        def log_density(_: object, y: np.ndarray) -> np.ndarray:
            with np.errstate(divide="ignore"):
                return np.log(np.maximum(eta.density(np.log(y / n)), 0)) - np.log(y)

        return _marginal(adapt(log_density, [np.unique(n * np.exp(eta.grid.edges))])[0])

    def _observed(self, fit: Posterior, e: float) -> Marginal:
        """A new observation: eta with errors about it, mixed over eta, or over the fit's points where sigma is learned."""
        known = fit.marginals["intercept"][0]
        points, weights = {"intercept": known.grid.nodes, "sigma": np.array(self.sigma)}, known.masses
        if isinstance(self.sigma, Prior):
            points, weights = fit.model.weighted()  # pyright: ignore[reportAttributeAccessIssue] (of quadrature's model)
        kept = weights > 1e-14 * weights.max()
        eta, log_w = points["intercept"][kept], np.log(weights[kept])
        scale = e * np.broadcast_to(points["sigma"], len(weights))[kept]

        def log_density(_: object, y: np.ndarray) -> np.ndarray:
            z = (y[..., None] - eta) / scale
            if self.family == "normal":
                return log_sum_exp(log_w - z**2 / 2 - np.log(scale))
            return log_sum_exp(log_w - (self.df + 1) / 2 * np.log1p(z**2 / self.df) - np.log(scale))

        centre, step = float(weights @ points["intercept"]), float(scale.min())
        far = 12.0 if self.family == "normal" else max(1e3, 1e12 ** (1 / self.df))
        reach = far * float(scale.max()) + float(np.ptp(eta))
        return _marginal(adapt(log_density, [graded(centre, step, centre - reach, centre + reach)])[0])


def _marginal(density: tuple[Grid, np.ndarray]) -> Marginal:
    grid, log_p = density
    masses = np.exp(log_p - log_p.max()) * grid.weights
    return Marginal(grid, masses / masses.sum())


@dataclass(frozen=True, eq=False)
class _Reported:
    """A fitted regression: the quadrature behind it, and its predictions."""

    model: Generalized
    source: Posterior

    instead: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("shrinkage", "rank"), "A regression has no groups. Instead post.summary() has the coefficients"
        ),
        "combination": "Instead rewrite the inputs so that the combination is a slope of its own",
        "evidence_at": "Instead fit without the input too: gridbayes.compare({'with': post, 'without': other})",
    }

    @property
    def title(self) -> str:
        return self.model.title

    @property
    def points(self) -> tuple[PerRow, PerRow] | None:
        """x and y of the rows where there is one input and rows are one trial each, for pictures."""
        one = self.model.x.shape[1] == 1 and (
            self.model.family in ("student", "normal") or (self.model.known == 1).all()
        )
        return (self.model.x[:, 0], self.model.y) if one else None

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        return self.source.model.joint(first, second)

    def contrast(self, first: int, second: int) -> Marginal:
        raise ValueError(
            "slopes have no contrast here; rewrite the inputs so that the difference is a slope of its own."
        )

    def accuracy(self, posterior: Posterior) -> Accuracy:
        return self.source.model.accuracy(self.source)

    def weighted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The parameters at the points of the quadrature, and their masses."""
        return self.source.model.weighted()  # pyright: ignore[reportAttributeAccessIssue]

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return self.source.model.sample(n, rng)  # pyright: ignore[reportAttributeAccessIssue]

    def loo(self, by: str) -> LeaveOneOut:
        """log p(y_i | y_-i) and log p(y_i | y) of every row: two fits a row, each with the error of the quadrature."""
        checked_by(by, groups=False)
        rows = np.arange(len(self.model.y))
        without = np.array([self._log_evidence(np.delete(rows, row)) for row in rows])
        twice = np.array([self._log_evidence(np.append(rows, row)) for row in rows])
        log_evidence = self.source.log_evidence
        labels = tuple(rows.tolist())
        return LeaveOneOut(self.title, "row", labels, None, log_evidence - without, twice - log_evidence, len(rows))

    def _log_evidence(self, rows: Int[np.ndarray, " _row"]) -> float:
        """log p of some of the rows, or of some of them twice."""
        model = self.model
        return generalized(replace(model, x=model.x[rows], y=model.y[rows], known=model.known[rows])).log_evidence

    def pit(self, loo: bool) -> Float[np.ndarray, " row"]:
        """P(y_new <= y_i | y) of a new row with each row's inputs; of counts the middle of the step. With `loo` given
        the other rows, by a fit without each."""
        model = self.model
        kinds, which = np.unique(np.column_stack([model.x, model.known]), axis=0, return_inverse=True)
        if loo:
            rows = range(len(model.y))
            y = (model.without(row).rows_at(model.x[[row]], model.known[[row]])[0] for row in rows)
        else:
            y = map(model.rows_at(kinds[:, :-1], kinds[:, -1]).__getitem__, which.ravel())
        place = middle_of_step if self.discrete else Marginal.cdf
        return np.array([float(place(new, value)) for new, value in zip(y, model.y.tolist(), strict=True)])

    def replicated(self, draws: int, rng: np.random.Generator) -> Float[np.ndarray, "draw row"]:
        """Independent draws of all rows: of the parameters, and of the rows given them."""
        shape = draws, len(self.model.y)
        return self.model.rows_given(self.sample(draws, rng)).rvs(size=shape, random_state=rng).astype(float)

    def predict(self, x: object, *, data: object = None, **known: object) -> Posterior:
        """`expected` and `y` of new rows; counts take `trials=` or `exposure=`, others known `errors=`, 1 if left out."""
        return self.model.predict(x, data, self._known("predict", known).get(self._argument, 1.0))

    def update(self, x: object, y: object, *, data: object = None, **known: object) -> Posterior:
        """The fit of the old rows and new ones together, with the priors of the old; arguments as in the model's call."""
        model = self.model
        rows = read_rows(x, y, data, self._known("update", known).get(self._argument), self._argument)
        x = np.concatenate([model.x, ordered(rows.inputs, [term.label for term in model.terms[1:]])])
        numbers = np.concatenate([model.known, known_of(model.family, rows)])
        return generalized(replace(model, x=x, y=np.concatenate([model.y, rows.y]), known=numbers))

    @property
    def _argument(self) -> str:
        """What the call names that is known of each row."""
        return ARGUMENTS.get(self.model.family, "errors")

    def _known(self, question: str, known: dict[str, object]) -> dict[str, object]:
        strange = sorted(set(known) - {self._argument})
        if strange:
            raise TypeError(
                f"{question} of a {self.model.family} regression takes {self._argument}=, not {strange[0]}=."
            )
        return known

    @property
    def outcomes(self) -> tuple[np.ndarray, ...]:
        """What the model gives a probability to; of counts with their trials."""
        return (self.model.y, self.model.known) if self.model.family == "logistic" else (self.model.y,)

    @property
    def discrete(self) -> bool:
        return self.model.family in ARGUMENTS

    @property
    def priors(self) -> dict[str, Prior]:
        return priors_of(self.model.terms, self.model.sigma)


def known_of(family: str, rows: Rows) -> PerRow:
    """What is known of each row: its trials, exposure or error, 1 where the call says nothing; ValueError where y does not
    go with it."""
    if family not in ARGUMENTS:
        return errors_of(rows)
    counts_of(rows.y)
    known = np.ones(len(rows.y)) if rows.known is None else rows.known
    if family == "logistic" and (rows.y > known).any():
        row = int(np.argmax(rows.y > known))
        raise ValueError(f"y must not exceed its trials; y[{row}] is {rows.y[row]:g} of {known[row]:g}.")
    if family == "poisson" and not (known > 0).all():
        raise ValueError(f"exposure must be positive; row {int(np.argmin(known > 0))} has {known.min():g}.")
    return known


def generalized(model: Generalized) -> Posterior:
    """The posterior, or an error where there is none."""
    return _checked(model).posterior()


def _checked(model: Generalized) -> Generalized:
    """The model, or an error where priors cannot be compiled or rows leave flat coefficients open."""
    for name, prior in priors_of(model.terms, model.sigma).items():
        if prior.lpdf is None:
            raise ValueError(f"{name} must have a prior of gridbayes here; {name} is {prior}. Or state it: quadrature.")
    for term in model.terms:
        if not np.isinf(term.prior.support).all():
            raise ValueError(f"{term} must have a prior on the whole line; {term} is {term.prior}. Pass Normal(0, 1).")
    flat = [term for term in model.terms if isinstance(term.prior, Flat)]
    design = np.column_stack([np.ones(len(model.y)), model.x])[:, [isinstance(t.prior, Flat) for t in model.terms]]
    if len(flat) and np.linalg.matrix_rank(design) < len(flat):
        names = ", ".join(map(str, flat))
        raise ValueError(f"{names} cannot be told apart by these rows, and their priors are flat. Pass normal priors.")
    return model
