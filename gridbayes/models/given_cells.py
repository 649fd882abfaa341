"""What is asked of a pooling model as normals in each cell of its scales: combinations of groups, ranks, the rows again.

In a cell (tau, a shared sigma) mu is normal, and given mu the thetas are independent normals (conditional.py).
"""

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from gridbayes._types import PerRow
from gridbayes.conditional import Affine, Conditional, gauss_rule, log_sum_exp, mixtures
from gridbayes.engine import run_groups
from gridbayes.grids import Grid
from gridbayes.models.answers import Answers
from gridbayes.models.prediction import MEMOS
from gridbayes.models.ranks import normal_ranks
from gridbayes.questions import unanswered
from gridbayes.summaries import Marginal

__all__ = ["Density", "GivenCells", "few_of_scale"]

type Density = tuple[Grid, np.ndarray]  # a grid and the log density at its nodes

FEW = (32, 12, 16)  # values of the first scale, of the second given it, and of mu given both: ranks are smooth in them
LIGHT = 1e-11  # of the heaviest cell: thousands of lighter ones move no rank's probability by more than 1e-8


def few_of_scale(
    x: Float[np.ndarray, " node"], w: Float[np.ndarray, "row node"], count: int
) -> tuple[Float[np.ndarray, "row count"], Float[np.ndarray, "row count"]]:
    """Gauss's rule of each row of weights in u = x / (s + x), s the median of all: for a scale whose tail is heavy."""
    s = float(np.interp(0.5, np.cumsum(w.sum(axis=0)) / w.sum(), x))
    u, share = gauss_rule(x / (s + x), w, count)
    return s * u / (1 - u), share


class GivenCells(Answers):
    """The part of a fit given the scales that asks it cell by cell."""

    tol: float
    order: int
    scales: Mapping[str, Grid]
    """Grids of tau and of a shared sigma, where the model has them."""
    grids: Mapping[str, Grid]
    """Grids of all shared parameters, the location first."""
    cells: Mapping[str, np.ndarray]
    """Values of the scales in each cell, (cell,)."""
    conditional: Conditional
    """The model given each cell."""
    log_w: np.ndarray
    """log p(cell | t), (cell,)."""
    log_joint: np.ndarray
    """log p(cell, t), (cell,)."""
    kept: np.ndarray
    """Indices of the cells that weigh anything."""

    @abstractmethod
    def _densities(self, x: Affine) -> list[Density]:
        """Log densities of numbers that are affine in mu, mixed over the cells that are kept."""

    @abstractmethod
    def _conditional(self, cells: Mapping[str, np.ndarray]) -> Conditional:
        """The model given other cells."""

    @abstractmethod
    def _by_group(self, cells: Mapping[str, np.ndarray]) -> list[Conditional]:
        """Each group alone, without pooling."""

    @abstractmethod
    def _log_evidence(self, cells: Mapping[str, np.ndarray]) -> np.ndarray:
        """log p(t | scales), (cell,)."""

    # --- combinations and replicates ---------------------------------------------------------------------------------

    def combination(self, weights: Float[np.ndarray, " group"]) -> Marginal:
        """sum of weights[d] theta_d: normal given mu and the scales, mixed over them."""
        densities = self._sum(weights, np.zeros(self.size), "combination")
        return run_groups(self.model.continuous_program, "effect", "theta", densities)[0]

    def retrodicted(self, weights: PerRow) -> Marginal:
        """sum of weights[r] y_r of new rows in the groups of the old."""
        codes = self.model.observations.codes
        by_group = np.bincount(codes, weights, minlength=len(self.model.observations))
        if self.model.shared_sigma:
            noise = np.sum(weights**2) * self.cells["sigma"] ** 2
        else:
            noise = np.full(self.size, np.sum((weights * self.model.observations.errors) ** 2))
        return run_groups(MEMOS["y"], "prediction", "y", self._sum(by_group, noise, "predictive_check"))[0]

    def _sum(
        self, weights: Float[np.ndarray, " group"], noise: Float[np.ndarray, " cell"], question: str
    ) -> list[Density]:
        """sum of weights[d] theta_d, and noise of this variance in each cell."""
        if self.model.kind == "no":
            kept, mass, mean, sd = self._unpooled_normals(question)
            x = (mean @ weights)[None], np.sqrt((sd * weights) ** 2 @ np.ones(len(weights)) + noise[kept])[None]
            return mixtures(np.log(mass), *x, self.tol, self.order)
        if self.model.kind == "complete":
            a, b, v = np.zeros(len(self.kept)), np.full(len(self.kept), weights.sum()), np.zeros(len(self.kept))
        else:
            used = np.flatnonzero(weights)
            each, weights = self.conditional.theta(used.tolist(), self.kept), weights[used]
            a, b, v = weights @ each.a, weights @ each.b, weights**2 @ each.v
        return self._densities(Affine(a[None], b[None], (v + noise[self.kept])[None]))

    def _unpooled_normals(self, question: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Without pooling: cells that weigh anything, their weights, mean and sd of each theta in them, (cell, group)."""
        groups = self._by_group(self.cells)
        if not groups[0].is_normal:
            remedy = "It is for a normal prior of theta, or partial_pooling with any prior of mu"
            raise unanswered(f"{self.title} with a prior of theta that is not normal", question, remedy)
        mass = np.exp(self.log_joint - logsumexp(self.log_joint))
        kept = np.flatnonzero(mass > 1e-16)
        mean, sd = (np.stack([group.location[i] for group in groups], axis=1)[kept] for i in (0, 1))
        return kept, mass[kept], mean, sd

    # --- ranks --------------------------------------------------------------------------------------------------------

    def rank(self) -> Float[np.ndarray, "group rank"]:
        """P(rank of d = r | t): given mu and the scales the thetas are independent normals (ranks.py)."""
        self.model.require_thetas("rank")
        cells = self._unpooled_normals("rank")[1:] if self.model.kind == "no" else self._standardised()
        return normal_ranks(*cells)

    def _standardised(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The weight of each (mu, scales), and mean and sd of each (theta - mu) / tau given it, (cell, group).

        w tau B (c - mu) and sqrt(B): in this unit, of which ranks know nothing, nothing is lost as tau goes to 0.
        """
        conditional, mass, mu = self._few_cells
        tau, w, c = conditional.tau[:, None], conditional.factors.w.T, conditional.factors.c
        b = 1 / (1 + w * tau**2)
        mean, sd = w * tau * b * (c - mu[..., None]), np.broadcast_to(np.sqrt(b), (*mu.shape, len(c)))
        kept = mass > LIGHT * mass.max()
        return mass[kept], mean[kept], sd[kept]

    @cached_property
    def _few_cells(self) -> tuple[Conditional, Float[np.ndarray, "mu cell"], Float[np.ndarray, "mu cell"]]:
        """The model on few cells of the scales; the weight of each with few values of mu; and these."""
        (first, grid), *second = self.scales.items()
        x, mass = few_of_scale(grid.nodes, np.exp(self.log_w).reshape(len(grid), -1).sum(axis=1)[None], FEW[0])
        cells = {first: x[0]}
        for name, other in second:
            pairs = {first: np.repeat(x[0], len(other)), name: np.tile(other.nodes, FEW[0])}
            log_p = self.model.priors[name].logpdf(other.nodes) + other.log_weight
            log_p = log_p + self._log_evidence(pairs).reshape(FEW[0], -1)
            y, share = few_of_scale(other.nodes, np.exp(log_p - log_sum_exp(log_p)[:, None]), FEW[1])
            cells, mass = {first: np.repeat(x[0], FEW[1]), name: y.ravel()}, mass[0][:, None] * share
        conditional = self._conditional(cells)
        mu, share = self._few_locations(conditional)
        mass = mass.ravel() * share
        return conditional, mass / mass.sum(), mu

    def _few_locations(self, conditional: Conditional) -> tuple[np.ndarray, np.ndarray]:
        """Few values of mu in each cell and their weights, (mu, cell): by Gauss-Hermite where it is normal."""
        if conditional.is_normal:
            z, share = np.polynomial.hermite_e.hermegauss(FEW[2])
            mean, sd = conditional.location
            return mean + sd * z[:, None], np.broadcast_to((share / share.sum())[:, None], (FEW[2], len(mean)))
        grid = next(iter(self.grids.values()))
        log_p = (
            conditional.prior.logpdf(grid.nodes) + grid.log_weight + conditional.log_likelihood(grid.nodes[:, None]).T
        )
        mu, share = gauss_rule(grid.nodes, np.exp(log_p - log_sum_exp(log_p)[:, None]), FEW[2])
        return mu.T, share.T
