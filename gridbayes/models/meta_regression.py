"""Partial pooling with covariates of the groups: meta-regression, exact.

    theta_d ~ N(x_d . b, tau),    x_d . b = mu + slope_1 x_d1 + slope_2 x_d2 + ...,    b_j ~ N(m_j, s_j) or flat.

mu is the intercept: the mean effect where all covariates are 0. Given tau the groups say p_d (c_d - x_d . b)**2 / 2 with
p_d = w_d / (1 + w_d tau**2) (closed_form.py), so with P = diag(p) and S = diag(s**-2) (0 where flat)

    b | tau, t ~ N(A**-1 (X'P c + S m), A**-1),    A = X'P X + S,
    log p(t | tau) = sum_d (a_d - log(1 + w_d tau**2) / 2) - |c - X b|_P**2 / 2 - |b - m|_S**2 / 2
                     + log |S| / 2 - log |A| / 2,

b at its mean; each flat coefficient adds log(2 pi) / 2. theta_d, differences and new groups are normal given tau. tau
alone is enumerated, on panels that resolve it.

Source: Roever & Friede (2023), "Using the bayesmeta R package for Bayesian random-effects meta-regression", Computer Methods
and Programs in Biomedicine 229:107303.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from gridbayes._types import Label, PerGroup
from gridbayes.accuracy import Accuracy
from gridbayes.closed_form import effect
from gridbayes.conditional import mixtures, weighty
from gridbayes.engine import each_memo, hyper_memo, run_groups, run_hyper
from gridbayes.grids import COARSE, FINE, Grid, fewest
from gridbayes.likelihoods import NormalFactors, known_sigma
from gridbayes.models.coefficients import Term, is_linear, scale_of, terms_of
from gridbayes.models.linear import Given, stacked
from gridbayes.models.pooling import Pooling
from gridbayes.models.prediction import MEMOS, NewRows, Prediction, new_rows
from gridbayes.models.scales import scale_edges, sizes_of
from gridbayes.models.shrinkage import shrinkage
from gridbayes.observations import Observations, observe
from gridbayes.posterior import Address, Posterior
from gridbayes.priors import Flat, Prior
from gridbayes.program import Program, Slot
from gridbayes.rows import Inputs, Rows, design_of, read_inputs
from gridbayes.summaries import Marginal
from gridbayes.tables import open_table, quoted, unique_labels

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["covariates_of", "meta_regression"]


@dataclass(frozen=True, eq=False)
class MetaRegression:
    """A meta-regression with its data, and how finely to fit it.

    Parameters
    ----------
    pooling : the groups with their known errors, and the prior of tau.
    terms : mu and the slopes with their priors.
    x : (group, coefficient), ones for mu.
    """

    pooling: Pooling
    terms: tuple[Term, ...]
    x: Float[np.ndarray, "group coefficient"]
    tol: float = FINE[0]
    order: int = FINE[1]

    @property
    def title(self) -> str:
        """One line: the model, its priors, its groups."""
        priors = ", ".join(f"{term} ~ {term.prior!r}" for term in self.terms)
        tau = f"tau ~ {self.pooling.priors['tau']!r}, sigma known"
        return f"partial pooling of {len(self.x)} groups by {len(self.terms) - 1} covariates, {priors}, {tau}"

    # --- given tau ----------------------------------------------------------------------------------------------------

    @cached_property
    def _factors(self) -> NormalFactors:
        return known_sigma(self.pooling.observations)

    def given(self, tau: Float[np.ndarray, " cell"]) -> Given:
        """The coefficients and the evidence at each tau."""
        a, w, c = self._factors.a[:, 0], self._factors.w[:, 0], self._factors.c
        spread = 1 + w * tau[:, None] ** 2
        root_p = np.sqrt(w / spread)
        rows, right = root_p[:, :, None] * self.x, root_p * c
        mean, root, log_density = stacked(rows, right, [term.prior for term in self.terms])
        return Given(tau, mean, root, (a - np.log(spread) / 2).sum(axis=1) + log_density)

    # --- the fit ------------------------------------------------------------------------------------------------------

    @cached_property
    def _slot(self) -> Slot:
        return Slot("tau", self.pooling.priors["tau"])

    @cached_property
    def program(self) -> Program:
        """The memos: tau by its prior and log p(t | tau), then each coefficient and theta by its density."""
        memos = [self._slot.memo, hyper_memo((self._slot,))]
        return Program("\n".join([*memos, each_memo("coefficient", "beta"), each_memo("effect", "theta")]))

    @cached_property
    def grid(self) -> Grid:
        """Panels of tau that resolve its posterior."""
        prior = self.pooling.priors["tau"]

        def log_density(tau: np.ndarray) -> np.ndarray:
            return prior.logpdf(tau) + self.given(tau.ravel()).log_evidence.reshape(tau.shape)

        return fewest(log_density, scale_edges(prior, sizes_of(self.pooling)), self.tol, self.order, ratio=4)[0]

    @cached_property
    def cells(self) -> Given:
        """The coefficients at each node of tau."""
        return self.given(self.grid.nodes)

    @cached_property
    def hyper(self) -> tuple[np.ndarray, float]:
        """p(tau | t) on its nodes, and log evidence, by the program."""
        return run_hyper(self.program, (self._slot,), {"tau": self.grid}, self.cells.log_evidence)

    def posterior(self) -> Posterior:
        masses, log_evidence = self.hyper
        coefficients = self._mixed(*self.cells.combinations(np.eye(len(self.terms))))
        marginals = {str(term): (marginal,) for term, marginal in zip(self.terms, coefficients, strict=True)}
        thetas = self._mixed(*self._combinations(np.eye(len(self.x))), memo="effect")
        marginals |= {"tau": (Marginal(self.grid, masses),), "theta": thetas}
        groups = self.pooling.observations.groups
        return Posterior(marginals, groups, frozenset({"theta"}), log_evidence, self.program, self)

    def _combinations(self, weights: Float[np.ndarray, "item group"]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of sum_d weights_d theta_d given tau, each (item, cell).

        theta_d = (1 - B_d) c_d + B_d x_d . b + noise of variance B_d tau**2: of a sum the coefficients of b add up.
        """
        shift, b, v = effect(self._factors.w, self._factors.c[:, None], self.cells.sigma)  # (group, cell)
        direction = np.einsum("ig,gk,gj->ikj", weights, b, self.x)
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
        names = [str(term) for term in self.terms]
        if "theta" in (first[0], second[0]):
            raise ValueError("joint with theta is not there with covariates: ask for mu, a slope or tau.")
        if first[0] == "tau":
            two, one, masses = self.joint(second, first)
            return one, two, masses.T
        j = names.index(first[0])
        if second[0] == "tau":
            return self.cells.with_scale(j, self._mixed, Marginal(self.grid, self.hyper[0]))
        k = names.index(second[0])
        one, two = self._mixed(*self.cells.combinations(np.eye(len(names))[[j, k]]))
        masses = self.cells.pair(j, k, one.grid, two.grid, self.hyper[0])
        return one, two, masses / masses.sum()

    def contrast(self, first: int, second: int) -> Marginal:
        """theta_first - theta_second."""
        each = np.eye(len(self.x))
        return self.combination(each[first] - each[second])

    def combination(self, weights: Float[np.ndarray, " group"]) -> Marginal:
        """sum of weights[d] theta_d."""
        return self._mixed(*self._combinations(weights[None]), memo="effect")[0]

    def shrinkage(self, posterior: Posterior, prob: float) -> "pd.DataFrame":
        """How far each estimate is drawn to the line (shrinkage.py)."""
        return shrinkage(self.pooling, posterior, prob)

    def rank(self) -> None:
        raise TypeError("rank is not there with covariates. post.contrast(first, second) compares two groups.")

    @property
    def _coarse(self) -> "MetaRegression":
        return replace(self, tol=COARSE[0], order=COARSE[1])

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance to a coarser rule."""
        supports = {"tau": self.pooling.priors["tau"].support}
        return Accuracy.refined(posterior, self._coarse.posterior(), supports)

    def predict(
        self, group: Hashable = None, *, new_group: bool = False, covariates: object = None, sigma: object = None
    ) -> Posterior:
        """A new observation in every group, in one, or in a new one whose covariates are these."""
        rows = new_rows(self.pooling, group, new_group, {"sigma": sigma})
        if new_group != (covariates is not None):
            raise TypeError(
                "a new group needs its covariates: pass new_group=True, covariates={name: number}. A group that is in the "
                "data has its own."
            )
        asked = [d for d in rows.groups if d is not None]
        mean, sd = self._of_new_group(covariates) if new_group else self._combinations(np.eye(len(self.x))[asked])
        marginals = {name: self._predicted(rows, name, mean, sd) for name in rows.names}
        options = {"new_group": new_group, "covariates": covariates, "sigma": sigma}
        return Prediction.refined(rows, None, lambda: self._coarse.predict(group, **options)).posterior(
            marginals, self.program
        )

    def _of_new_group(self, covariates: object) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of theta_new ~ N(x_new . b, tau) given tau."""
        wanted = [term.label for term in self.terms[1:]]
        if isinstance(covariates, Mapping):
            covariates = {name: np.atleast_1d(number) for name, number in covariates.items()}
        else:
            numbers = np.atleast_1d(np.asarray(covariates))
            covariates = numbers if wanted == [None] else numbers[None]
        design = design_of(covariates, None, wanted, "covariates")
        if len(design) != 1:
            raise ValueError(
                f"covariates must be of one new group; they are of {len(design)}. Predict one after the other."
            )
        mean, sd = self.cells.combinations(np.column_stack([np.ones(1), design]))
        return mean, np.hypot(sd, self.cells.sigma)

    def _predicted(self, rows: NewRows, name: str, mean: np.ndarray, sd: np.ndarray) -> tuple[Marginal, ...]:
        """`expected`, or y with the noise of a row."""
        sd = sd if name == "expected" else np.hypot(sd, rows.known[:, None])  # pyright: ignore[reportOptionalSubscript]
        return run_groups(MEMOS[name], "prediction", name, self._densities(mean, sd))


def covariates_of(covariates: Any, observations: Observations, data: object, group: object) -> Inputs:
    """The covariates of a call, (group, covariate): the numbers themselves, or names of columns of the data's own table."""
    names = [covariates] if isinstance(covariates, str) else covariates
    if not (isinstance(names, list | tuple) and len(names) and all(isinstance(name, str) for name in names)):
        return read_inputs(covariates, None, "covariates")
    table = open_table(data)
    if table is None:
        raise TypeError(
            f"covariates are names of columns, {', '.join(map(quoted, names))}, so data must be a table; it is a "
            f"{type(data).__name__}. Pass one number a group."
        )
    unique_labels("covariates", names)
    for name in names:
        table.column("covariates", name)
    columns = [_by_group(data, name, group, observations.groups) for name in names]
    return Inputs(np.stack(columns, axis=1), None if isinstance(covariates, str) else tuple(names))


def _by_group(data: object, name: str, group: object, groups: tuple[Label, ...]) -> PerGroup:
    """The one value that a column has in each group, nan where it has none; ValueError where it has several."""
    rows = observe(data, value=name, group=group, groups=list(groups))
    value = np.full(len(groups), np.nan)
    value[rows.codes] = rows.values
    if len(other := np.flatnonzero(rows.values != value[rows.codes])):
        d = rows.codes[other[0]]
        raise ValueError(
            f"covariates must be the same in all rows of a group; column {quoted(name)} is {rows.values[other[0]]:g} and "
            f"{value[d]:g} in group {quoted(groups[d])}. Pass one value a group, for example the group's mean."
        )
    return value


def meta_regression(model: Pooling, inputs: Inputs, mu: object, slope: object) -> Posterior:
    """The posterior of partial pooling with covariates, every argument checked."""
    if model.likelihood is not None or "sigma" in model.priors or model.grids:
        raise ValueError(
            "covariates need normal rows with known sigma and automatic grids. Pass sigma as numbers, and leave out "
            "likelihood and grids."
        )
    observations = model.observations
    if len(inputs.x) != len(observations):
        raise ValueError(
            f"covariates must have one value a group, in the order of the groups; they have {len(inputs.x)}, the data have "
            f"{len(observations)} groups."
        )
    if np.isnan(inputs.x).any():
        label = observations.groups[int(np.argmax(np.isnan(inputs.x).any(axis=1)))]
        raise ValueError(
            f"covariates must be complete; group {label!r} misses one. Leave the group out, or fill it in."
        )
    first, *slopes = terms_of(
        Rows(inputs, observations.values, None), None if mu is None else model.priors["mu"], slope,
        *scale_of(observations.values),
    )  # fmt: skip
    terms = (replace(first, name="mu"), *slopes)
    for term in terms:
        if not is_linear(term.prior):
            raise ValueError(
                f"{term} must be Normal or Flat() with covariates, so that it leaves in closed form; it is {term.prior!r}. "
                "Pass for example gridbayes.Normal(0, 5)."
            )
    fitted = MetaRegression(model, terms, np.column_stack([np.ones(len(inputs.x)), inputs.x]))
    _refuse_improper(fitted)
    return fitted.posterior()


def _refuse_improper(model: MetaRegression) -> None:
    """Raise where flat coefficients are not told apart, or a flat tail of tau is left.

    As tau goes to infinity k groups and f flat coefficients say tau**(f - k).
    """
    measured = model.pooling.observations.count > 0
    flat = [j for j, term in enumerate(model.terms) if isinstance(term.prior, Flat)]
    rank = np.linalg.matrix_rank(model.x[measured][:, flat]) if flat else 0
    if rank < len(flat):
        names = ", ".join(str(model.terms[j]) for j in flat)
        raise ValueError(
            f"{names} cannot be told apart by {measured.sum()} groups, and their priors are flat: the posterior is "
            "improper. Leave a covariate out, or pass a normal prior."
        )
    tau: Prior = model.pooling.priors["tau"]
    needed = 1 + len(flat) + isinstance(tau, Flat)
    if not tau.proper and measured.sum() < needed:
        raise ValueError(
            f"tau must have a proper prior here: {tau} with {measured.sum()} groups leaves an improper posterior "
            f"({needed} are needed). Pass for example tau=gridbayes.HalfCauchy(5)."
        )
