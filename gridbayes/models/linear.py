"""Linear models with normal errors: given sigma the coefficients leave in closed form, and sigma alone is enumerated.

    y_i ~ N(x_i . b, sigma e_i),      b_j ~ N(m_j, s_j) or flat,      sigma ~ p(sigma), or known

With W = diag(e**-2), P = diag(s**-2) (0 where flat) and A = X'W X / sigma**2 + P,

    b | sigma, y ~ N(A**-1 (X'W y / sigma**2 + P m), A**-1)
    log p(y | sigma) = -n log sigma - sum log e - |y - X b|_W**2 / (2 sigma**2) - |b - m|_P**2 / 2
                       + log |P| / 2 - log |A| / 2,

b at its mean; each flat coefficient adds log(2 pi) / 2, and each row takes it away. The rows enter through R, Q'y and the
residual of X = Q R, so nothing cancels.

Sources: Gelman et al., Bayesian Data Analysis, 3rd ed., sections 14.2 and 14.8; Lawson & Hanson, Solving Least Squares
Problems (1974), chapter 25, on priors as rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

from gridbayes._types import PerRow
from gridbayes.accuracy import Accuracy
from gridbayes.conditional import LOG_2PI, log_sum_exp, mixtures, weighty
from gridbayes.engine import each_memo, hyper_memo, run_groups, run_hyper
from gridbayes.grids import COARSE, FINE, Grid, adapt, resolves
from gridbayes.leave_one_out import LeaveOneOut, checked_by
from gridbayes.models.coefficients import Term, by_name, columns_of, drawn_from_prior, priors_of
from gridbayes.models.least_squares import Given, stacked
from gridbayes.models.predicted import predicted, warn_outside
from gridbayes.models.scales import power_at_zero, scale_edges
from gridbayes.posterior import Address, Posterior
from gridbayes.priors import Flat, Normal, Prior
from gridbayes.program import Program, Slot
from gridbayes.rows import design_of, errors_of, ordered, read_rows
from gridbayes.summaries import Marginal, positive

__all__ = ["Linear", "linear"]

DECIDED = 1e-4  # of a row's own variance that is left in its residual: below, too few digits are
EXACT = 1e-13  # of the rows' size: a residual that small is rounding


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear model with its rows, and how finely to fit it.

    Parameters
    ----------
    terms : the coefficients, in the order of x's columns.
    x : (row, coefficient).
    y : (row,).
    errors : (row,) e, which sigma multiplies.
    sigma : its prior, or its value.
    what : the model in a word, for titles.
    """

    terms: tuple[Term, ...]
    x: Float[np.ndarray, "row coefficient"]
    y: PerRow
    errors: PerRow
    sigma: Prior | float
    what: str
    tol: float = FINE[0]
    order: int = FINE[1]

    @property
    def title(self) -> str:
        """One line: the model, its priors, its rows."""
        priors = {term.name: term.prior for term in self.terms}
        if all(priors[term.name] == term.prior for term in self.terms):
            stated = [f"{name} ~ {prior!r}" for name, prior in priors.items()]
        else:
            stated = [f"{term} ~ {term.prior!r}" for term in self.terms]
        sigma = f"sigma ~ {self.sigma!r}" if isinstance(self.sigma, Prior) else f"sigma {self.sigma:g}"
        return f"{self.what} of {len(self.y)} rows, {', '.join([*stated, sigma])}"

    @property
    def points(self) -> tuple[PerRow, PerRow] | None:
        """x and y of the rows where there is one input, for pictures."""
        slopes = [j for j, term in enumerate(self.terms) if term.name == "slope"]
        return (self.x[:, slopes[0]], self.y) if len(slopes) == 1 else None

    # --- given sigma ------------------------------------------------------------------------------------------------

    @cached_property
    def _rows(self) -> tuple[np.ndarray, np.ndarray, float]:
        """R, Q'y and |y - Q Q'y|**2 of the rows over their e."""
        q, r = np.linalg.qr(self.x / self.errors[:, None])
        y = self.y / self.errors
        projected = q.T @ y
        return r, projected, float(np.sum((y - q @ projected) ** 2))

    def given(self, sigma: Float[np.ndarray, " cell"]) -> "Given":
        """The coefficients and the evidence at each sigma."""
        r, projected, residual = self._rows
        scaled = np.broadcast_to(r, (len(sigma), *r.shape)) / sigma[:, None, None]
        mean, root, log_density = stacked(scaled, projected / sigma[:, None], [term.prior for term in self.terms])
        constant = -LOG_2PI / 2 * len(self.y) - np.log(self.errors).sum() - residual / sigma**2 / 2
        return Given(sigma, mean, root, constant - len(self.y) * np.log(sigma) + log_density)

    # --- the fit ------------------------------------------------------------------------------------------------------

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        return (Slot("sigma", self.sigma),) if isinstance(self.sigma, Prior) else ()

    @cached_property
    def program(self) -> Program:
        """The memos: sigma by its prior and log p(y | sigma), then each coefficient by its density."""
        memos = [*(slot.memo for slot in self.slots), *([hyper_memo(self.slots)] if self.slots else [])]
        return Program("\n".join([*memos, each_memo("coefficient", "beta")]))

    @cached_property
    def grids(self) -> dict[str, Grid]:
        """Panels of sigma that resolve its posterior; none where it is known."""
        if not isinstance(self.sigma, Prior):
            return {}
        prior, residual = self.sigma, self._rows[2]
        sizes = [np.sqrt(residual / len(self.y)), np.std(self.y / self.errors)]
        edges = scale_edges(prior, [float(size) for size in sizes if size > 0])

        def log_density(_: object, sigma: np.ndarray) -> np.ndarray:
            return prior.logpdf(sigma) + self.given(sigma.ravel()).log_evidence.reshape(sigma.shape)

        ((grid, _),) = adapt(log_density, [edges], self.tol, self.order)
        return {"sigma": grid}

    @cached_property
    def cells(self) -> "Given":
        """The coefficients at each node of sigma, or at its value."""
        return self.given(self.grids["sigma"].nodes if self.grids else np.array([self.sigma], float))

    @cached_property
    def hyper(self) -> tuple[np.ndarray, float]:
        """p(sigma | y) on its nodes, and log evidence."""
        if not self.grids:
            return np.ones(1), float(self.cells.log_evidence[0])
        return run_hyper(self.program, self.slots, self.grids, self.cells.log_evidence)

    def posterior(self) -> Posterior:
        masses, log_evidence = self.hyper
        coefficients = self.mixed(*self.cells.combinations(np.eye(len(self.terms))))
        marginals: dict[str, tuple[Marginal, ...]] = {}
        for term, marginal in zip(self.terms, coefficients, strict=True):
            marginals[term.name] = (*marginals.get(term.name, ()), marginal)
        if self.grids:
            marginals["sigma"] = (Marginal(self.grids["sigma"], masses),)
        labelled = [term for term in self.terms if term.label is not None]
        labels, names = tuple(term.label for term in labelled), frozenset(term.name for term in labelled)
        return Posterior(marginals, labels, names, log_evidence, self.program, self)

    def mixed(self, mean: Float[np.ndarray, "item cell"], sd: Float[np.ndarray, "item cell"]) -> tuple[Marginal, ...]:
        """Numbers that are normal given sigma, mixed over it."""
        masses = self.hyper[0]
        with np.errstate(divide="ignore"):
            log_w = np.log(masses)
        kept = weighty(masses, masses * sd.max(axis=0) ** 2)
        densities = mixtures(log_w[kept], mean[:, kept], sd[:, kept], self.tol, self.order)
        return run_groups(self.program, "coefficient", "beta", densities)

    # --- the rows again ---------------------------------------------------------------------------------------------------

    def pit(self, loo: bool) -> Float[np.ndarray, " row"]:
        """P(y_new <= y_i | y) of a new row with each row's inputs: normal given sigma, mixed over it; with `loo` given the
        other rows, as `loo` has them."""
        return self._left_out[1] if loo else self.below(self.x, self.y, self.errors)

    def below(
        self, x: Float[np.ndarray, "new coefficient"], y: Float[np.ndarray, " new"], errors: Float[np.ndarray, " new"]
    ) -> Float[np.ndarray, " new"]:
        """P(y_new <= y | rows) of new rows."""
        expected, sd = self.cells.combinations(x)
        noise = np.hypot(sd, errors[:, None] * self.cells.sigma)
        return ndtr((y[:, None] - expected) / noise) @ self.hyper[0]

    def retrodicted(self, weights: PerRow) -> Marginal:
        """sum_i weights_i y_i of new rows with the same inputs."""
        mean, sd = self.cells.combinations((weights @ self.x)[None])
        return self.mixed(mean, np.hypot(sd, np.linalg.norm(weights * self.errors) * self.cells.sigma))[0]

    def replicated(self, draws: int, rng: np.random.Generator) -> Float[np.ndarray, "draw row"]:
        """Independent draws of all rows, from sigma on its nodes, the coefficients given it, and the rows given both."""
        k = rng.choice(len(self.hyper[0]), draws, p=self.hyper[0] / self.hyper[0].sum())
        b = self.cells.at(k).drawn(draws, rng)
        noise = self.errors * self.cells.sigma[k][:, None]
        return b @ self.x.T + noise * rng.standard_normal(noise.shape)

    # --- what a Posterior asks for ------------------------------------------------------------------------------------

    @property
    def maximum_likelihood(self) -> dict[str, float]:
        """What the rows alone say, by label: least squares, and the root of the mean squared residual."""
        r, projected, residual = self._rows
        best, *_ = np.linalg.lstsq(r, projected)
        found = {str(term): float(value) for term, value in zip(self.terms, best, strict=True)}
        return found | ({"sigma": float(np.sqrt(residual / len(self.y)))} if self.grids else {})

    def _column(self, address: Address) -> int:
        """The index of a coefficient."""
        name, label = address
        if name != "sigma" and label is None and sum(term.name == name for term in self.terms) > 1:
            raise ValueError(f"joint with {name} needs one input: pass group=.")
        own = [j for j, term in enumerate(self.terms) if term.name == name]
        return own[label or 0]

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        """p(first, second | y): sums over sigma of normals of one or two dimensions, at the nodes of both marginals."""
        if first[0] == "sigma":
            two, one, masses = self.joint(second, first)
            return one, two, masses.T
        j = self._column(first)
        if second[0] == "sigma":
            return self.cells.with_scale(j, self.mixed, Marginal(self.grids["sigma"], self.hyper[0]))
        k = self._column(second)
        one, two = self.mixed(*self.cells.combinations(np.eye(len(self.terms))[[j, k]]))
        masses = self.cells.pair(j, k, one.grid, two.grid, self.hyper[0])
        return one, two, masses / masses.sum()

    def contrast(self, first: int, second: int) -> Marginal:
        """The difference of two labelled coefficients."""
        each = np.eye(sum(term.label is not None for term in self.terms))
        return self.combination(each[first] - each[second])

    def combination(self, weights: Float[np.ndarray, " label"]) -> Marginal:
        """sum of weights[j] times the labelled coefficients."""
        direction = np.zeros((1, len(self.terms)))
        direction[0, [j for j, term in enumerate(self.terms) if term.label is not None]] = weights
        return self.mixed(*self.cells.combinations(direction))[0]

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws: sigma by its distribution function, the coefficients given it as normals."""
        sigma = {name: Marginal(grid, self.hyper[0]).quantile(rng.random(n)) for name, grid in self.grids.items()}
        given = self.given(sigma["sigma"]) if sigma else self.cells
        return {**by_name(self.terms, given.drawn(n, rng)), **sigma}

    def weighted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """sigma's nodes, and at each of them Gauss-Hermite points of the coefficients (rules.py), as many as MOST allows."""
        points, masses = self.cells.points(self.hyper[0])
        sigma = {name: np.repeat(grid.nodes, points.shape[1]) for name, grid in self.grids.items()}
        return {**by_name(self.terms, points.reshape(-1, len(self.terms))), **sigma}, masses.ravel()

    @property
    def observed(self) -> tuple[str, PerRow, dict[str, Any]]:
        return "y", self.y, {}

    def rows_given(self, draws: Mapping[str, np.ndarray]) -> Any:
        """The distribution of each row given each draw, (draw, row)."""
        from scipy.stats import norm  # here: half a second, for draws alone

        b = columns_of(self.terms, draws)
        return norm(b @ self.x.T, np.multiply.outer(draws.get("sigma", np.full(len(b), self.sigma)), self.errors))

    def drawn_from_prior(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of the parameters before the data; none from an improper prior."""
        return drawn_from_prior(self.terms, self.sigma, n, rng)

    @property
    def _coarse(self) -> "Linear":
        return replace(self, tol=COARSE[0], order=COARSE[1])

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance to a coarser rule."""
        supports = {"sigma": self.sigma.support} if isinstance(self.sigma, Prior) else {}
        return Accuracy.refined(posterior, self._coarse.posterior(), supports)

    def predict(
        self, x: object = None, *, data: object = None, errors: object = 1.0, within: tuple[float, float] | None = None
    ) -> Posterior:
        """`expected` and `y` of new rows: normal given sigma, mixed over it.

        Parameters
        ----------
        x, data : inputs as in the call that made the posterior; left out for a model without inputs.
        errors : what sigma multiplies in each new row: a number, or one a row.
        within : where y can be, as (0, 1) for a share: a warning names the rows whose 95% interval leaves it.
        """
        design = self._design(x, data)
        mean, sd = self.cells.combinations(design)
        e = np.broadcast_to(np.asarray(errors, float), len(design))
        noise = np.hypot(sd, e[:, None] * self.cells.sigma)
        marginals = {"expected": self.mixed(mean, sd), "y": self.mixed(mean, noise)}
        if within is not None:
            warn_outside(marginals["y"], within)
        return predicted(self.title, self.program, marginals, lambda: self._coarse.predict(x, data=data, errors=errors))

    def loo(self, by: str) -> LeaveOneOut:
        """log p(y_i | y_-i) and log p(y_i | y) of every row: closed forms given sigma, mixed over it.

        With h_i = x_i' A**-1 x_i / (sigma e_i)**2 and r_i = y_i - x_i . b the residual of all rows,
        p(y_i | y_-i, sigma) = N(r_i / (1 - h_i); 0, sigma e_i / sqrt(1 - h_i)), and p(y_i | y_-i) is the harmonic mean of it
        under p(sigma | y). Where a row decides a coefficient (h near 1), or the panels of sigma do not resolve what is left
        without it, the other rows are fitted anew.

        Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 7.2; Hoaglin & Welsch (1978), "The hat matrix in
        regression and ANOVA", The American Statistician 32(1):17-22.
        """
        checked_by(by, groups=False)
        left_out, _, again = self._left_out
        expected, sd = self.cells.combinations(self.x)
        noise = np.hypot(sd, self.errors[:, None] * self.cells.sigma)
        z = (self.y[:, None] - expected) / noise
        with np.errstate(divide="ignore"):
            within = log_sum_exp(np.log(self.hyper[0]) - LOG_2PI / 2 - np.log(noise) - z**2 / 2)
        labels = tuple(range(len(self.y)))
        return LeaveOneOut(self.title, "row", labels, None, left_out, within, again)

    @cached_property
    def _left_out(self) -> tuple[PerRow, PerRow, int]:
        """log p(y_i | y_-i), P(y_new <= y_i | y_-i), and for how many rows the others were fitted anew."""
        expected, sd = self.cells.combinations(self.x)
        noise = np.square(self.errors[:, None] * self.cells.sigma)  # (row, cell)
        residual = self.y[:, None] - expected
        decided = (1 - sd**2 / noise).min(axis=1) < DECIDED
        left = np.maximum(1 - sd**2 / noise, DECIDED)
        log_rest = -(LOG_2PI + np.log(noise / left) + residual**2 / (noise * left)) / 2
        with np.errstate(divide="ignore"):
            without = np.log(self.hyper[0]) - log_rest
        left_out, again = -log_sum_exp(without), decided
        masses = np.exp(without + left_out[:, None])
        pit = np.sum(masses * ndtr(residual / np.sqrt(noise * left)), axis=1)
        for prior in (slot.prior for slot in self.slots):
            again |= ~resolves(self.grids["sigma"], masses, prior.support)
        for row in np.flatnonzero(again).tolist():
            rest = self._with_rows(np.delete(np.arange(len(self.y)), row))
            left_out[row] = self.hyper[1] - linear(rest).log_evidence
            pit[row] = rest.below(*(each[[row]] for each in (self.x, self.y, self.errors)))[0]
        return left_out, pit, int(again.sum())

    def update(self, x: object, y: object = None, *, data: object = None, errors: object = None) -> Posterior:
        """The fit of the old rows and new ones together, with the priors of the old; arguments as in the model's call.

        A model without inputs takes the new sample alone.
        """
        wanted = [term.label for term in self.terms if term.name == "slope"]
        rows = read_rows(x, y if wanted else x, data, errors)
        columns = [np.ones((len(rows.y), len(self.terms) - len(wanted)))]
        columns += [ordered(rows.inputs, wanted)] if wanted else []
        x, y = np.concatenate([self.x, np.column_stack(columns)]), np.concatenate([self.y, rows.y])
        return linear(replace(self, x=x, y=y, errors=np.concatenate([self.errors, errors_of(rows)])))

    instead: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("shrinkage", "rank"),
        "A regression has no groups. Instead post.summary() has the coefficients with their intervals",
    )
    discrete: ClassVar[bool] = False

    @property
    def outcomes(self) -> tuple[np.ndarray, ...]:
        """What the model gives a density to."""
        return (self.y,)

    @property
    def priors(self) -> dict[str, Prior]:
        return priors_of(self.terms, self.sigma)

    def evidence_given(self, label: str, prior: Prior) -> float:
        """log p(y) with another prior of a coefficient or of sigma."""
        terms = tuple(replace(term, prior=prior) if str(term) == label else term for term in self.terms)
        return linear(replace(self, terms=terms, sigma=prior if label == "sigma" else self.sigma)).log_evidence

    def evidence_at(self, label: str, value: float) -> float:
        """log p(y | parameter = value)."""
        if label == "sigma":
            return linear(replace(self, sigma=positive(value, label))).log_evidence
        width = 1e-8 * float(self.cells.combinations(np.eye(len(self.terms)))[1].min())
        return self.evidence_given(label, Normal(value, width))

    def _with_rows(self, rows: Int[np.ndarray, " _row"]) -> "Linear":
        return replace(self, x=self.x[rows], y=self.y[rows], errors=self.errors[rows])

    def _design(self, x: object, data: object) -> Float[np.ndarray, "row coefficient"]:
        """The columns of new rows: ones for the intercept, then the inputs in their order."""
        wanted = [term.label for term in self.terms if term.name == "slope"]
        if not wanted:
            return np.ones((1, len(self.terms)))
        columns = design_of(x, data, wanted)
        ones = np.ones((len(columns), len(self.terms) - len(wanted)))
        return np.column_stack([ones, columns])


def linear(model: Linear) -> Posterior:
    """The posterior, or an error where there is none."""
    _refuse_flat_directions(model)
    _refuse_exact_rows(model)
    return model.posterior()


def _refuse_flat_directions(model: Linear) -> None:
    """Raise where rows and priors leave a direction of the coefficients open."""
    flat = [j for j, term in enumerate(model.terms) if isinstance(term.prior, Flat)]
    columns = model.x[:, flat] / np.maximum(np.abs(model.x[:, flat]).max(axis=0), np.finfo(float).tiny)
    _, singular, directions = np.linalg.svd(columns, full_matrices=True)
    rank = int((singular > 1e-12 * singular.max(initial=0.0)).sum()) if len(flat) else 0
    if rank < len(flat):
        open_ones = [str(model.terms[flat[i]]) for i in np.flatnonzero(np.abs(directions[-1]) > 1e-6)]
        raise ValueError(
            f"{', '.join(open_ones)} cannot be told apart by these {len(model.y)} rows, and their priors are flat: the "
            "posterior is improper. Leave an input out, or pass a normal prior."
        )
    if isinstance(model.sigma, Flat) and len(model.y) - len(flat) < 2:
        raise ValueError(
            f"sigma must have a proper prior here: {len(model.y)} rows and {len(flat)} flat coefficients leave a flat prior "
            "of sigma an improper posterior. Pass for example sigma=gridbayes.HalfCauchy(5)."
        )


def _refuse_exact_rows(model: Linear) -> None:
    """Raise where the rows lie exactly on a line: as sigma goes to 0 the evidence rises as sigma**(coefficients - n)."""
    rank = int(np.linalg.matrix_rank(model.x))
    size = float(np.sum((model.y / model.errors) ** 2))
    exact = np.sqrt(model._rows[2]) <= EXACT * np.sqrt(max(size, np.finfo(float).tiny))
    if isinstance(model.sigma, Prior) and exact and power_at_zero(model.sigma) <= len(model.y) - rank - 1:
        raise ValueError(
            "sigma cannot be learned: the rows are fitted without any error, and its prior does not vanish fast enough at "
            "0, so the posterior is improper. Pass a known sigma, or a prior that vanishes at 0: "
            "gridbayes.InverseGamma(2, 1)."
        )
