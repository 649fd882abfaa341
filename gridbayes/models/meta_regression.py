"""Partial pooling with covariates of the groups: meta-regression, exact.

    theta_d ~ N(x_d . b, tau),    x_d . b = mu + slope_1 x_d1 + slope_2 x_d2 + ...,    b_j ~ N(m_j, s_j) or flat.

Given tau the groups say p_d (c_d - x_d . b)**2 / 2 with p_d = w_d / (1 + w_d tau**2) (closed_form.py), so with P = diag(p)
and S = diag(s**-2) (0 where flat)

    b | tau, t ~ N(A**-1 (X'P c + S m), A**-1),    A = X'P X + S,
    log p(t | tau) = sum_d (a_d - log(1 + w_d tau**2) / 2) - |c - X b|_P**2 / 2 - |b - m|_S**2 / 2
                     + log |S| / 2 - log |A| / 2,

b at its mean; each flat coefficient adds log(2 pi) / 2. theta_d, differences, rows and new groups are normal given tau. tau
alone is enumerated, on panels that resolve it.

Source: Roever & Friede (2023), "Using the bayesmeta R package for Bayesian random-effects meta-regression", Computer Methods
and Programs in Biomedicine 229:107303.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from gridbayes._types import PerRow
from gridbayes.accuracy import Accuracy
from gridbayes.closed_form import effect
from gridbayes.conditional import log_sum_exp, mixtures, weighty
from gridbayes.engine import run_groups, run_hyper
from gridbayes.grids import COARSE, FINE, Grid, fewest, resolves
from gridbayes.likelihoods import NormalFactors, known_sigma
from gridbayes.models.answers import Answers
from gridbayes.models.covaried import Covaried, refuse_open
from gridbayes.models.draws import theta_given
from gridbayes.models.least_squares import Given, stacked
from gridbayes.models.left_out import Swaps
from gridbayes.models.pooling import Pooling, as_posterior, more_of
from gridbayes.models.prediction import MEMOS, NewRows, Prediction, new_rows
from gridbayes.models.scales import scale_edges, sizes_of
from gridbayes.posterior import Address, Posterior
from gridbayes.priors import Normal
from gridbayes.program import Program
from gridbayes.summaries import Marginal, positive

__all__ = ["MetaRegression"]

NARROW = 1e-7  # of the least sd of a coefficient: a prior so narrow is a point to 1e-14
TOGETHER = 2**20  # numbers of the tables of draws that are made at once


@dataclass(frozen=True, eq=False)
class MetaRegression(Answers):
    """A meta-regression, and how finely to fit it."""

    model: Covaried
    tol: float = FINE[0]
    order: int = FINE[1]

    # --- given tau ----------------------------------------------------------------------------------------------------

    @cached_property
    def _factors(self) -> NormalFactors:
        return known_sigma(self.model.observations)

    def given(self, tau: Float[np.ndarray, " cell"], factors: NormalFactors | None = None) -> Given:
        """The coefficients and the evidence at each tau; `factors` of other rows in the same groups."""
        factors = self._factors if factors is None else factors
        a, w, c = factors.a[:, 0], factors.w[:, 0], factors.c
        spread = 1 + w * tau[:, None] ** 2
        root_p = np.sqrt(w / spread)
        rows, right = root_p[:, :, None] * self.model.x, root_p * c
        mean, root, log_density = stacked(rows, right, [term.prior for term in self.model.terms])
        return Given(tau, mean, root, (a - np.log(spread) / 2).sum(axis=1) + log_density)

    # --- the fit ------------------------------------------------------------------------------------------------------

    @cached_property
    def grid(self) -> Grid:
        """Panels of tau that resolve its posterior."""
        prior = self.model.priors["tau"]

        def log_density(tau: np.ndarray) -> np.ndarray:
            return prior.logpdf(tau) + self.given(tau.ravel()).log_evidence.reshape(tau.shape)

        return fewest(log_density, scale_edges(prior, sizes_of(self.model)), self.tol, self.order, ratio=4)[0]

    @cached_property
    def cells(self) -> Given:
        """The coefficients at each node of tau."""
        return self.given(self.grid.nodes)

    @cached_property
    def hyper(self) -> tuple[np.ndarray, float]:
        """p(tau | t) on its nodes, and log evidence, by the program."""
        return run_hyper(self.program, self.model.hyper, {"tau": self.grid}, self.cells.log_evidence)

    @property
    def program(self) -> Program:
        return self.model.program

    @property
    def _tau(self) -> Marginal:
        return Marginal(self.grid, self.hyper[0])

    def posterior(self) -> Posterior:
        self.require_posterior(self.model)
        coefficients = self._mixed(*self.cells.combinations(np.eye(len(self.model.terms))))
        marginals = {str(term): (own,) for term, own in zip(self.model.terms, coefficients, strict=True)}
        thetas = self._mixed(*self._combinations(np.eye(len(self.model.x))), memo="effect")
        return as_posterior(self, {**marginals, "tau": (self._tau,), "theta": thetas}, self.hyper[1])

    def reported(self) -> Posterior:
        """The fit as it is: powers of tails are those that its panels show."""
        return self.posterior()

    def require_posterior(self, model: Pooling) -> None:
        assert isinstance(model, Covaried)
        refuse_open(model)

    def _combinations(self, weights: Float[np.ndarray, "item group"]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of sum_d weights_d theta_d given tau, each (item, cell).

        theta_d = (1 - B_d) c_d + B_d x_d . b + noise of variance B_d tau**2: of a sum the coefficients of b add up.
        """
        shift, b, v = effect(self._factors.w, self._factors.c[:, None], self.cells.sigma)  # (group, cell)
        direction = np.einsum("ig,gk,gj->ikj", weights, b, self.model.x)
        mean = weights @ shift + np.einsum("ikj,kj->ik", direction, self.cells.mean)
        of_b = np.sum(np.einsum("ikj,kjl->ikl", direction, self.cells.root) ** 2, axis=2)
        return mean, np.sqrt(weights**2 @ v + of_b)

    def _densities(self, mean: Float[np.ndarray, "item cell"], sd: Float[np.ndarray, "item cell"]):
        """The densities of numbers that are normal given tau, mixed over it."""
        masses = self.hyper[0]
        with np.errstate(divide="ignore"):
            log_w = np.log(masses)
        centre = (mean @ masses)[:, None]
        kept = weighty(masses, masses * (sd**2 + (mean - centre) ** 2).max(axis=0))
        return mixtures(log_w[kept], mean[:, kept], sd[:, kept], self.tol, self.order)

    def _mixed(self, mean: np.ndarray, sd: np.ndarray, memo: str = "coefficient") -> tuple[Marginal, ...]:
        parameter = {"coefficient": "beta", "effect": "theta"}[memo]
        return run_groups(self.program, memo, parameter, self._densities(mean, sd))

    # --- what a Posterior asks for ------------------------------------------------------------------------------------

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        """p(first, second | t) of two coefficients, or of one and tau."""
        names = [str(term) for term in self.model.terms]
        if "theta" in (first[0], second[0]):
            raise ValueError("joint with theta is not there with covariates: ask for mu, a slope or tau.")
        if first[0] == "tau":
            two, one, masses = self.joint(second, first)
            return one, two, masses.T
        j = names.index(first[0])
        if second[0] == "tau":
            return self.cells.with_scale(j, self._mixed, self._tau)
        k = names.index(second[0])
        one, two = self._mixed(*self.cells.combinations(np.eye(len(names))[[j, k]]))
        masses = self.cells.pair(j, k, one.grid, two.grid, self.hyper[0])
        return one, two, masses / masses.sum()

    def contrast(self, first: int, second: int) -> Marginal:
        """theta_first - theta_second."""
        each = np.eye(len(self.model.x))
        return self.combination(each[first] - each[second])

    def combination(self, weights: Float[np.ndarray, " group"]) -> Marginal:
        """sum of weights[d] theta_d."""
        return self._mixed(*self._combinations(weights[None]), memo="effect")[0]

    def rank(self) -> None:
        raise TypeError("rank is not there with covariates. post.contrast(first, second) compares two groups.")

    @property
    def _coarse(self) -> "MetaRegression":
        return replace(self, tol=COARSE[0], order=COARSE[1])

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance to a coarser rule."""
        supports = {"tau": self.model.priors["tau"].support}
        return Accuracy.refined(posterior, self._coarse.posterior(), supports)

    # --- draws and nodes ----------------------------------------------------------------------------------------------

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws: tau by its distribution function, the coefficients given it as normals, each theta given both."""
        tau, step = self._tau.quantile(rng.random(n)), max(1, TOGETHER // self.model.x.size)
        parts = [tau[start : start + step] for start in range(0, n, step)]
        b = np.concatenate([self.given(part).drawn(len(part), rng) for part in parts])
        theta = theta_given(self._factors, b @ self.model.x.T, tau, rng)
        return {**self._by_name(b), "tau": tau, "theta": theta}

    def weighted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """tau's nodes, and at each of them points of the coefficients, with their masses."""
        points, masses = self.cells.points(self.hyper[0])
        b = points.reshape(-1, points.shape[2])
        return {**self._by_name(b), "tau": np.repeat(self.grid.nodes, points.shape[1])}, masses.ravel()

    def _by_name(self, b: Float[np.ndarray, "point coefficient"]) -> dict[str, np.ndarray]:
        return {str(term): column for term, column in zip(self.model.terms, b.T, strict=True)}

    # --- changed data, other priors -----------------------------------------------------------------------------------

    @cached_property
    def evidence(self) -> float:
        """log p(t), by the closed form at every node."""
        self.require_posterior(self.model)
        return float(log_sum_exp(self._log_prior + self.cells.log_evidence))

    @property
    def _log_prior(self) -> Float[np.ndarray, " cell"]:
        return self.model.priors["tau"].logpdf(self.grid.nodes) + self.grid.log_weight

    @property
    def size(self) -> int:
        return len(self.grid)

    def swapped(self, swaps: Swaps) -> tuple[Float[np.ndarray, " item"], Bool[np.ndarray, " item"]]:
        """The closed form with the changed rows, at the same nodes of tau."""
        changed = [self.given(self.grid.nodes, known_sigma(swaps.whole(item))) for item in range(len(swaps.group))]
        log_joint = self._log_prior + np.stack([given.log_evidence for given in changed])
        log_p = np.asarray(log_sum_exp(log_joint))
        masses = np.exp(log_joint - log_p[:, None])
        return log_p, resolves(self.grid, masses, self.model.priors["tau"].support)

    def evidence_at(self, label: str, value: float) -> float:
        """log p(t | parameter = value): tau by the closed form, a coefficient by a prior that is narrow upon it."""
        if label == "tau":
            tau = positive(value, "tau") if value else 0.0
            return float(self.given(np.array([tau])).log_evidence[0])
        width = NARROW * float(self.cells.combinations(np.eye(len(self.model.terms)))[1].min())
        return self.evidence_given(label, Normal(value, width))

    def update(self, data: object, *, covariates: object = None, **options: object) -> Posterior:
        """The fit of the old rows and new ones together; `covariates` of the groups of the new, where any is new."""
        new = more_of(self.model, data, **options)  # pyright: ignore[reportArgumentType]
        return self.fitted_to(self.model.with_rows(new, covariates, data, options.get("group")))

    # --- new rows, and the old ones again -----------------------------------------------------------------------------

    def predict(
        self,
        group: Hashable = None,
        *,
        new_group: bool = False,
        prior: bool = False,
        covariates: object = None,
        **known: object,
    ) -> Posterior:
        """A new observation in every group, in one, or in a new one with these covariates; with `prior`, before the data."""
        rows = new_rows(self.model, group, new_group, known, prior)
        if new_group != (covariates is not None):
            raise TypeError(
                "a new group needs its covariates: pass new_group=True, covariates={name: number}. A group that is in the "
                "data has its own."
            )
        if new_group:
            rows = replace(rows, x=self.model.of_new_group(covariates))
        return (self._of(rows.source) if prior else self).predicted(rows)

    def prediction(self, rows: NewRows) -> Prediction:
        return Prediction.refined(rows, None, lambda: self._coarse.predicted(rows))

    def effects(self, rows: NewRows) -> tuple[Marginal, ...]:
        """theta of each row."""
        return run_groups(MEMOS["expected"], "prediction", "expected", self._densities(*self._centres(rows)))

    def normal_rows(self, rows: NewRows) -> tuple[Marginal, ...]:
        """y of each row: theta with the row's noise."""
        assert rows.known is not None, "a row of known sigma"
        mean, sd = self._centres(rows)
        return run_groups(MEMOS["y"], "prediction", "y", self._densities(mean, np.hypot(sd, rows.known[:, None])))

    def _centres(self, rows: NewRows) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of theta of each row given tau: of a group's own, or theta_new ~ N(x_new . b, tau)."""
        if rows.x is None:
            return self._combinations(np.eye(len(self.model.x))[list(rows.groups)])
        mean, sd = self.cells.combinations(rows.x[None])
        return mean, np.hypot(sd, self.cells.sigma)

    def retrodicted(self, weights: PerRow) -> Marginal:
        """sum of weights[r] y_r of new rows in the groups of the old."""
        data = self.model.observations
        mean, sd = self._combinations(np.bincount(data.codes, weights, minlength=len(data))[None])
        noise = np.linalg.norm(weights * data.errors)
        return run_groups(MEMOS["y"], "prediction", "y", self._densities(mean, np.hypot(sd, noise)))[0]
