"""The continuous reading where a theta does not leave in closed form: groups learn their own sigmas, or rows are not normal.

mu and tau are enumerated, with the evidence M_d(mu, tau) of each group (evidence.py). theta_d is then what the others say
times what its rows say,

    p(theta_d | t) = L_d(theta_d) int int p(mu, tau | t) / M_d(mu, tau) N(theta_d; mu, tau) dmu dtau.
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from jaxtyping import Bool, Float

from gridbayes.accuracy import Accuracy
from gridbayes.conditional import LOG_2PI, gauss_rule, graded, log_sum_exp, weighty
from gridbayes.convolution import log_convolution
from gridbayes.double_exponential import double_exponential
from gridbayes.engine import marginal_of, run_groups, run_hyper
from gridbayes.evidence import EnumeratedSigma, Group, Smooth
from gridbayes.grids import COARSE, FINE, Grid, adapt, fewest, in_panels, resolves
from gridbayes.likelihoods import NormalFactors, learned_sigma
from gridbayes.models.answers import Answers
from gridbayes.models.draws import noise_of_group, rows_of, theta_given, theta_of_group
from gridbayes.models.given_cells import few_of_scale
from gridbayes.models.given_scales import GivenScales
from gridbayes.models.in_cells import InCells, standard_normal
from gridbayes.models.left_out import Swaps
from gridbayes.models.placed import ROUGH, discretised
from gridbayes.models.pooling import Pooling, as_posterior
from gridbayes.models.prediction import NewRows, Prediction, with_powers
from gridbayes.models.ranks import law_ranks
from gridbayes.models.scales import refuse_improper, scale_edges, sizes_of
from gridbayes.observations import Observations
from gridbayes.posterior import Address, FittedModel, Posterior
from gridbayes.priors import Normal, Prior
from gridbayes.program import Program
from gridbayes.questions import unanswered
from gridbayes.sampling import from_table, product_nodes
from gridbayes.smoothing import interpolated, log_smoothed
from gridbayes.summaries import Marginal

__all__ = ["ByGroup"]

FEW = (32, 16)  # values of tau, and of mu given it: ranks are smooth in them
MOVING = (
    48  # values of mu given tau for a sum that moves with it: the rule then sums exp(i u mu) to 1e-12 up to u = 6 sds
)
LIGHT = 1e-16  # of the heaviest tau: what it may weigh and be left out of a contrast
SCALE_STEP = 0.07  # of the rule for sums over tau: what a window of several units resolves to 1e-11
ROUGH_NODES, SCALE_NODES = 32, 64  # to look for its window; what it has at least

type Density = tuple[Grid, np.ndarray]  # a grid and the log density at its nodes


def _smoothed_at(grid: Grid, log_g: np.ndarray, c: float, width: np.ndarray) -> np.ndarray:
    """log int g(x) N(c; x, width) dx for each width."""
    return log_smoothed(grid, np.broadcast_to(log_g[:, None], (len(grid), len(width))), np.array([c]), width)[0]


def _quartered(grid: Grid, log_f: Float[np.ndarray, "node column"]) -> tuple[Grid, Float[np.ndarray, "finer column"]]:
    """Panels of a quarter of the width, and on them what is a polynomial in each of the grid's own: as tau goes to 0 mu may
    be much closer known than its marginal says."""
    edges, parts = grid.edges, np.arange(4) / 4
    fine = in_panels(np.append((edges[:-1, None] + np.diff(edges)[:, None] * parts).ravel(), edges[-1]), grid.order)
    nodes, panel = fine.nodes.reshape(-1, grid.order), np.repeat(np.arange(len(edges) - 1), 4)
    return fine, np.stack([interpolated(grid, column, nodes, panel).ravel() for column in log_f.T], axis=1)


def _normalised(log_p: Float[np.ndarray, "mu tau"]) -> Float[np.ndarray, "mu tau"]:
    p = np.exp(log_p - log_p.max())
    return p / p.sum()


def _log_totals(densities: list[Density]) -> Float[np.ndarray, " group"]:
    """The log of the integral of each."""
    return np.array([float(log_sum_exp(log_p + grid.log_weight)) for grid, log_p in densities])


def _agrees_with_half(masses: Float[np.ndarray, "item node"]) -> Bool[np.ndarray, " item"]:
    """Whether every second node of a trapezoid rule sums each item to 1e-6, and all of them then to its square."""
    half = np.abs(2 * masses[:, ::2].sum(axis=1) - 1) < 1e-6
    return half & (masses[:, [0, -1]].max(axis=1) < 1e-10)


@dataclass(frozen=True, eq=False)
class ByGroup(Answers):
    """A pooling model fitted in the continuum, group by group."""

    model: Pooling
    tol: float
    order: int

    def posterior(self) -> Posterior:
        refuse_improper(self.model)
        return as_posterior(self, *self.fitted)

    @cached_property
    def fitted(self) -> tuple[dict[str, tuple[Marginal, ...]], float]:
        """All marginals, and log evidence."""
        return {"complete": self._complete, "no": self._no, "partial": self._partial}[self.model.kind]()

    # --- groups -----------------------------------------------------------------------------------------------------

    @cached_property
    def groups(self) -> list[Group]:
        observations, likelihood = self.model.observations, self.model.likelihood
        if likelihood is None:
            return [EnumeratedSigma.of(observations, self.model.priors["sigma"], d) for d in range(len(observations))]
        centres, widths = likelihood.location(observations)
        far = 1e15 * max(sizes_of(self.model))
        edges = likelihood.edges(observations, float(centres.min()) - far, float(centres.max()) + far)
        parts = zip(likelihood.by_group(observations), centres.tolist(), widths.tolist(), edges, strict=True)
        return [Smooth(*part) for part in parts]

    def _sigma_edges(self, d: int) -> np.ndarray:
        """First panels for the posterior of sigma_d."""
        n, s2 = self.model.observations.count[d], self.model.observations.sum_of_squares[d]
        own = [np.sqrt(s2 / n)] if s2 > 0 else []
        return scale_edges(self.model.priors["sigma"], [*sizes_of(self.model), *own])

    def _location_edges(self, prior: Prior) -> np.ndarray:
        """First panels for mu or theta: about the groups' centres, over all that prior and data may reach."""
        centres = np.array(
            [group.c for group, n in zip(self.groups, self.model.observations.count, strict=True) if n > 0]
        )
        spread = max(sizes_of(self.model), default=1.0)
        low, high = centres.min() - 2e4 * spread, centres.max() + 2e4 * spread
        if prior.proper:
            reach = prior.ppf(np.array([1e-16, 1 - 1e-16]))
            low, high = (
                float(x) for x in (np.clip(reach[0], low, centres.min()), np.clip(reach[1], centres.max(), high))
            )
        low, high = max(low, prior.support[0]), min(high, prior.support[1])
        quartiles = (
            prior.ppf(np.array([0.25, 0.5, 0.75])) if prior.proper else np.median(centres) + spread * np.arange(3)
        )
        step = min(spread, float(quartiles[2] - quartiles[0]))
        alone = self.model.observations.count == 1  # at the value of a single row whose sigma is free all bends
        singular = [group.c for group, one in zip(self.groups, alone, strict=True) if one and self.model.own_sigma]
        marks = np.concatenate([singular, prior.breakpoints, quartiles])
        middle = quartiles[1] if step < spread else np.median(centres)  # whichever says more of the location
        middle = float(np.clip(middle, low + 1e-9 * (high - low), high - 1e-9 * (high - low)))
        return np.union1d(graded(middle, step, low, high), marks[(marks > low) & (marks < high)])

    # --- the three models -------------------------------------------------------------------------------------------

    @cached_property
    def _location(self) -> tuple[Grid, Float[np.ndarray, " theta"]]:
        """Panels of the one theta of complete pooling, and log p(theta, t)."""
        prior = self.model.priors["theta"]

        def log_density(_, theta: np.ndarray) -> np.ndarray:
            return prior.logpdf(theta) + sum(group.log_likelihood(theta) for group in self.groups)

        return adapt(log_density, [self._location_edges(prior)], self.tol, self.order)[0]

    def _complete(self) -> tuple[dict[str, tuple[Marginal, ...]], float]:
        grid, own = self._location[0], self._tables
        masses, log_evidence = run_hyper(
            self.model.continuous_program, self.model.hyper, {"theta": grid}, own.sum(axis=0)
        )
        rest = self.model.priors["theta"].logpdf(grid.nodes) + own.sum(axis=0) - own - log_evidence
        noise = self._noise(lambda d, c, width: _smoothed_at(grid, rest[d], c, width))
        return {"theta": (Marginal(grid, masses),), **noise}, log_evidence

    def _no(self) -> tuple[dict[str, tuple[Marginal, ...]], float]:
        prior, densities = self.model.priors["theta"], self._unpooled(self.groups)
        effect = run_groups(self.model.continuous_program, "effect", "theta", densities)
        noise = self._noise(lambda d, c, width: log_convolution(prior, c, width))
        return {"theta": effect, **noise}, float(_log_totals(densities).sum())

    def _unpooled(self, groups: list[Group]) -> list[Density]:
        """log p(theta_d, t_d) of each group alone."""
        prior = self.model.priors["theta"]

        def log_density(item: np.ndarray, theta: np.ndarray) -> np.ndarray:
            own = [groups[d].log_likelihood(x) for d, x in zip(item.tolist(), theta, strict=True)]
            return prior.logpdf(theta) + np.stack(own)

        return adapt(log_density, [self._location_edges(prior)] * len(groups), self.tol, self.order)

    def _noise(self, log_fit: Callable[[int, float, np.ndarray], np.ndarray]) -> dict[str, tuple[Marginal, ...]]:
        """p(sigma_d | t) where `log_fit` is the log density of the rest at group d's centre, smoothed by sigma / sqrt n."""
        if not self.model.own_sigma:
            return {}
        prior, observations = self.model.priors["sigma"], self.model.observations

        def log_density(item: np.ndarray, sigma: np.ndarray) -> np.ndarray:
            rows = []
            for d, x in zip(item.tolist(), sigma, strict=True):
                factor = learned_sigma(observations, x)
                log_p = prior.logpdf(x)
                if observations.count[d] > 0:
                    width = 1 / np.sqrt(factor.w[d])
                    log_p = log_p + factor.a[d] + np.log(width) + LOG_2PI / 2 + log_fit(d, float(factor.c[d]), width)
                rows.append(log_p)
            return np.stack(rows)

        densities = adapt(log_density, [self._sigma_edges(d) for d in range(len(self.groups))], self.tol, self.order)
        return {"sigma": run_groups(self.model.continuous_program, "noise", "sigma", densities)}

    def _partial(self) -> tuple[dict[str, tuple[Marginal, ...]], float]:
        masses, log_evidence = run_hyper(
            self.model.continuous_program, self.model.hyper, self.grids, self.log_evidence.sum(axis=0)
        )
        shared = {"mu": (marginal_of(masses, 0, self.grids["mu"]),), "tau": (self._tau(),)}
        return {**shared, "theta": self._effects(), **self._partial_noise()}, log_evidence

    # --- partial pooling --------------------------------------------------------------------------------------------

    @cached_property
    def grids(self) -> dict[str, Grid]:
        """Panels of mu, placed on its marginal, and the nodes of tau over which everything is summed.

        First nodes for all of tau's prior place mu roughly; on that mu the window of tau is found.
        """
        prior, sizes = self.model.priors["tau"], sizes_of(self.model)
        ends, size = [prior.support[0], *prior.breakpoints, prior.support[1]], float(np.median(sizes or prior.ppf(0.5)))
        edges = self._location_edges(self.model.priors["mu"])
        first = double_exponential(prior.logpdf, ends, size, ROUGH_NODES)
        ((mu, _),) = adapt(self._log_marginal("mu", first), [edges], 1e-3, 8)
        log_density = self._log_marginal("tau", mu)
        step = SCALE_STEP * FINE[1] / self.order
        tau = double_exponential(lambda tau: log_density(0, tau), ends, size, SCALE_NODES, step)
        third = Grid(tau.nodes[1::3], tau.weights[1::3])  # of a trapezoid rule: a rougher one, on the same window
        mu, _ = fewest(partial(self._log_marginal("mu", third), None), edges, self.tol, self.order)
        return {"mu": mu, "tau": tau}

    def _tau(self) -> Marginal:
        """p(tau | t) on panels."""
        edges, end = scale_edges(self.model.priors["tau"], sizes_of(self.model)), self.grids["tau"].nodes[-1]
        if not np.isfinite(self.model.priors["tau"].support[1]):
            edges = np.append(edges[edges < end], end)  # nothing is beyond the window
        mu = in_panels(self.grids["mu"].edges, self.order // 2)  # enough to sum what so many resolve
        densities = adapt(self._log_marginal("tau", mu), [edges], self.tol, self.order)
        return run_groups(self.model.continuous_program, "effect", "theta", densities)[0]

    def _log_marginal(self, name: str, grid: Grid) -> Callable[[object, np.ndarray], np.ndarray]:
        """log p(mu, t) or log p(tau, t), the other summed over `grid`."""
        other = {"mu": "tau", "tau": "mu"}[name]
        log_other = self.model.priors[other].logpdf(grid.nodes) + grid.log_weight

        def log_density(_, x: np.ndarray) -> np.ndarray:
            nodes = (x.ravel(), grid.nodes) if name == "mu" else (grid.nodes, x.ravel())
            total = self._of_groups(lambda group: group.log_evidence(*nodes), self.groups).sum(axis=0)
            total = total if name == "mu" else total.T
            return (self.model.priors[name].logpdf(x.ravel()) + log_sum_exp(total + log_other)).reshape(x.shape)

        return log_density

    @cached_property
    def log_w(self) -> Float[np.ndarray, "mu tau"]:
        """log p(mu, tau | t) with the weights of the nodes: a mass may underflow where log M_d is lower still."""
        log_joint = self._with_priors(self.grids, self.log_evidence.sum(axis=0))
        return log_joint - log_sum_exp(log_joint.ravel())

    @cached_property
    def log_evidence(self) -> Float[np.ndarray, "group mu tau"]:
        """log M_d(mu, tau) on the grids."""
        return self._tables_of(self.groups)

    def _of_groups(self, compute: Callable[[Group], np.ndarray], groups: list[Group]) -> np.ndarray:
        """One table a group, stacked; as many at a time as there are cores."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.stack(list(pool.map(compute, groups)))

    def _with_priors(
        self, grids: Mapping[str, Grid], log_evidence: Float[np.ndarray, "mu tau"]
    ) -> Float[np.ndarray, "mu tau"]:
        """log p(mu, tau, t) of each cell with its weight."""
        mu, tau = (self.model.priors[name].logpdf(grid.nodes) + grid.log_weight for name, grid in grids.items())
        return log_evidence + mu[:, None] + tau

    def _effects(self) -> tuple[Marginal, ...]:
        """p(theta_d | t): L_d times R_d, what the rest of the groups say of theta_d."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            densities = list(pool.map(self._effect, range(len(self.groups))))
        return run_groups(self.model.continuous_program, "effect", "theta", densities)

    def _effect(self, d: int) -> Density:
        """L_d may have a singularity at the value of a single row, which only the panels of the product need to resolve."""
        grid, log_r = self._rest(d)
        edges, c = grid.edges, self.groups[d].c
        if edges[0] < c < edges[-1] and np.abs(edges - c).min() > 1e-9 * np.diff(edges).min():
            edges = np.union1d(edges, [c])

        def log_density(_, theta: np.ndarray) -> np.ndarray:
            panel = np.clip(np.searchsorted(grid.edges, theta.mean(axis=1)) - 1, 0, len(grid.edges) - 2)
            return interpolated(grid, log_r, theta, panel) + self.groups[d].log_likelihood(theta)

        return adapt(log_density, [edges], self.tol, self.order)[0]

    def _rest(self, d: int) -> Density:
        """log R_d, which is smooth: on panels of its own, where a softened L_d keeps its weight."""
        mu, tau, log_w = self.grids["mu"], self.grids["tau"], self.log_w
        mass = np.exp(log_sum_exp(log_w.T))
        columns = weighty(mass, mass * tau.nodes**2)
        rest = (log_w - mu.log_weight[:, None] - self.log_evidence[d])[:, columns]  # tau's weight is in log_w
        width = tau.nodes[columns]
        point = width < 1e-5 * np.diff(mu.edges).min()  # theta is mu to 1e-10 of its density: all such tau are one
        if point.any():
            rest = np.column_stack([log_sum_exp(rest[:, point]), rest[:, ~point]])
            width = np.append(width[point].max(), width[~point])
        soft = self.groups[d].softened()
        reach = 9 * width[-1]
        first = graded(
            float(np.median(mu.nodes)), float(np.diff(mu.edges).min()), mu.edges[0] - reach, mu.edges[-1] + reach
        )

        def log_r(theta: np.ndarray) -> np.ndarray:
            return log_sum_exp(log_smoothed(mu, rest, theta.ravel(), width)).reshape(theta.shape)

        ((grid, log_p),) = adapt(lambda _, x: log_r(x) + soft.log_likelihood(x), [first], self.tol, self.order)
        return grid, log_p - soft.log_likelihood(grid.nodes)

    def _partial_noise(self) -> dict[str, tuple[Marginal, ...]]:
        """p(sigma_d | t) = p(sigma_d) sum over cells of p(mu, tau | t) M_d(mu, tau | sigma_d) / M_d(mu, tau)."""
        if not self.model.own_sigma:
            return {}
        prior = self.model.priors["sigma"]
        rest = self.log_w - self.log_evidence

        def log_density(item: np.ndarray, sigma: np.ndarray) -> np.ndarray:
            result = prior.logpdf(sigma)
            for d in np.unique(item).tolist():
                own = sigma[item == d]
                result[item == d] += self._log_noise(d, own.ravel(), rest[d]).reshape(own.shape)
            return result

        densities = adapt(log_density, [self._sigma_edges(d) for d in range(len(self.groups))], self.tol, self.order)
        return {"sigma": run_groups(self.model.continuous_program, "noise", "sigma", densities)}

    def _log_noise(
        self, d: int, sigma: Float[np.ndarray, " sigma"], rest: Float[np.ndarray, "mu tau"]
    ) -> Float[np.ndarray, " sigma"]:
        """log sum over mu and tau of exp(rest) M_d(mu, tau | sigma)."""
        factor = learned_sigma(self.model.observations, sigma)
        nodes = [grid.nodes for grid in self.grids.values()]
        return factor.a[d] + self.groups[d].log_evidence_of_sigma(*nodes, rest, factor.w[d])

    # --- new rows -----------------------------------------------------------------------------------------------------

    @property
    def program(self) -> Program:
        return self.model.continuous_program

    def prediction(self, rows: NewRows) -> Prediction:
        """Beside a coarser rule."""
        return Prediction.refined(rows, None, lambda: ByGroup(self.model, 10 * self.tol, COARSE[1]).predicted(rows))

    def effects(self, rows: NewRows) -> tuple[Marginal, ...]:
        """theta of each row."""
        fit = self._with_new_group(rows)
        return with_powers(rows, rows.names[0], [fit._effect_of(d) for d in rows.indices])

    def normal_rows(self, rows: NewRows) -> tuple[Marginal, ...]:
        """y of each row: what the rest says of theta, and the group's own rows, smoothed by every sigma."""
        fit = self._with_new_group(rows)
        return with_powers(rows, "y", [fit._new_row(d) for d in rows.indices])

    def _with_new_group(self, rows: NewRows) -> "ByGroup":
        """The fit, with an empty group more where a row is of a new one."""
        return self._extended if None in rows.groups else self

    @cached_property
    def _extended(self) -> "ByGroup":
        return replace(self, model=self.model.extended)

    def _effect_of(self, d: int) -> Density:
        """theta_d, or the one theta of all groups."""
        if self.model.kind == "partial":
            return self._effect(d)
        return self._location if self.model.kind == "complete" else self._unpooled([self.groups[d]])[0]

    def _of(self, model: Pooling) -> Answers:
        """The same fit of another model, given its scales where these leave everything normal."""
        if model.likelihood is None and not model.own_sigma:
            return GivenScales(model, self.tol / 10, self.order)
        return replace(self, model=model)

    def _new_row(self, d: int) -> Density:
        group, theta, sigma = self.groups[d], self._rest_of(d), self.fitted[0]["sigma"][d].grid
        assert isinstance(group, EnumeratedSigma)
        reach = 9 * sigma.edges[-1]
        low, high = theta[0].edges[0] - reach, theta[0].edges[-1] + reach
        first = graded(group.c, float(np.median(sigma.nodes)), low, high)

        def log_density(_, y: np.ndarray) -> np.ndarray:
            return group.log_new_row(*theta, y.ravel()).reshape(y.shape)

        return adapt(log_density, [first], self.tol, self.order)[0]

    def _rest_of(self, d: int) -> Density:
        """On panels of theta, the log of what all but group d's own rows say of it, up to a constant."""
        if self.model.kind == "partial":
            return self._rest(d)
        if self.model.kind == "complete":
            grid, log_joint = self._location
            return grid, log_joint - self.groups[d].log_likelihood(grid.nodes)
        grid = self.fitted[0]["theta"][d].grid
        return grid, self.model.priors["theta"].logpdf(grid.nodes)

    # --- groups together ----------------------------------------------------------------------------------------------

    def rank(self) -> Float[np.ndarray, "group rank"]:
        """P(rank of d = r | t): given mu and tau the thetas are independent (in_cells.py)."""
        self.model.require_thetas("rank")
        return law_ranks(self._few_cells.each(), len(self.groups))

    def combination(self, weights: Float[np.ndarray, " group"]) -> Marginal:
        """sum of weights[d] theta_d."""
        self.model.require_thetas("contrast")
        if self.model.kind == "no":
            return self._few_cells.combination(weights, np.zeros(1), np.ones((1, 1)))
        mass = np.exp(log_sum_exp(self.log_w.T))
        kept = mass > LIGHT * mass.max()
        grid, table = _quartered(self.grids["mu"], self.log_evidence.sum(axis=0)[:, kept])
        of_mu = self._of_mu(grid, table)
        return self._cells(self.grids["tau"].nodes[kept], mass[kept], grid, of_mu).combination(
            weights, grid.nodes, of_mu
        )

    def weights_of_rows(self) -> Float[np.ndarray, " group"]:
        """The share of each estimate that is the group's own rows (shrinkage.py)."""
        cells = self._few_cells
        if self.model.kind == "no":
            prior = self.model.priors["theta"]
            if not isinstance(prior, Normal):
                raise unanswered(
                    self.title, "shrinkage", "Instead post.summary() has the estimates with their intervals"
                )
            cells = InCells(self.groups, standard_normal, np.array([prior.scale]), np.array([[prior.loc]]), cells.mass)
        return cells.weights_given_sigma() if self.model.own_sigma else cells.weights()

    @cached_property
    def _few_cells(self) -> InCells:
        """A few values of tau, of mu given each, with their masses; one cell without pooling."""
        if self.model.kind == "no":
            one = np.ones(1)
            return InCells(self.groups, self.model.priors["theta"].logpdf, one, 0 * one[None], one[None])
        (tau,) = self.fitted[0]["tau"]
        nodes, mass = few_of_scale(tau.grid.nodes, tau.masses[None], FEW[0])
        mu = self.grids["mu"].nodes
        table = self._of_groups(lambda group: group.log_evidence(mu, nodes[0]), self.groups).sum(axis=0)
        return self._cells(nodes[0], mass[0], self.grids["mu"], self._of_mu(self.grids["mu"], table))

    def _cells(
        self,
        tau: Float[np.ndarray, " tau"],
        mass: Float[np.ndarray, " tau"],
        grid: Grid,
        of_mu: Float[np.ndarray, "tau mu"],
    ) -> InCells:
        """These values of tau, and a few of mu given each by Gauss's rule, from p(mu | tau, t) on a grid."""
        mu, share = gauss_rule(grid.nodes, of_mu, FEW[1])
        return InCells(self.groups, standard_normal, tau, mu, (mass / mass.sum())[:, None] * share)

    def _of_mu(self, grid: Grid, log_evidence: Float[np.ndarray, "mu tau"]) -> Float[np.ndarray, "tau mu"]:
        """p(mu | tau, t) at the nodes of a grid, from log p(t | mu, tau)."""
        log_p = log_evidence.T + self.model.priors["mu"].logpdf(grid.nodes) + grid.log_weight
        return np.exp(log_p - log_sum_exp(log_p)[:, None])

    # --- draws --------------------------------------------------------------------------------------------------------

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of what the groups share, then of each group's parameters given it (draws.py)."""
        if self.model.kind == "partial":
            mu, tau = from_table(*self._resolved_joint, n, rng)
            return {"mu": mu, "tau": tau, **self._drawn_groups(mu, tau, rng)}
        thetas = [marginal.quantile(rng.random(n)) for marginal in self.fitted[0]["theta"]]
        theta = thetas[0] if self.model.kind == "complete" else np.stack(thetas, axis=1)
        if not self.model.own_sigma:
            return {"theta": theta}
        every = range(len(self.groups))
        noise = [self._drawn_noise(d, thetas[d % len(thetas)], np.zeros(1), rng) for d in every]
        return {"theta": theta, "sigma": np.stack(noise, axis=1)}

    def _drawn_groups(self, mu: np.ndarray, tau: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """theta of each group given mu and tau, and its sigma where it learns one."""
        if not self.model.own_sigma:
            smooth = [group for group in self.groups if isinstance(group, Smooth)]
            return {"theta": np.stack([theta_of_group(group, mu, tau, rng) for group in smooth], axis=1)}
        sigma = [self._drawn_noise(d, mu, tau, rng) for d in range(len(self.groups))]
        each = [learned_sigma(rows, x) for rows, x in zip(self._rows, sigma, strict=True)]
        factors = NormalFactors(*(np.concatenate([getattr(one, field) for one in each]) for field in ("a", "w", "c")))
        return {"theta": theta_given(factors, mu[:, None], tau, rng), "sigma": np.stack(sigma, axis=1)}

    def _drawn_noise(self, d: int, mu: np.ndarray, tau: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        group = self.groups[d]
        assert isinstance(group, EnumeratedSigma)
        return noise_of_group(group, self._rows[d], self.model.priors["sigma"], mu, tau, rng)

    @cached_property
    def _rows(self) -> list[Observations]:
        """The rows of each group alone."""
        return [rows_of(self.model.observations, d) for d in range(len(self.groups))]

    @cached_property
    def _resolved_joint(self) -> tuple[Float[np.ndarray, "mu tau"], list[Grid]]:
        """p(mu, tau | t) on panels of both: the nodes of `grids` sum over tau, but do not say what is between them."""
        (tau,) = self.fitted[0]["tau"]
        grids = {"mu": self.grids["mu"], "tau": tau.grid}
        table = self._of_groups(lambda group: group.log_evidence(grids["mu"].nodes, tau.grid.nodes), self.groups).sum(
            axis=0
        )
        return _normalised(self._with_priors(grids, table)), list(grids.values())

    def weighted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The nodes of the shared parameters, and their masses."""
        self.model.require_shared("weighted")
        if self.model.kind == "complete":
            (theta,) = self.fitted[0]["theta"]
            return product_nodes(theta.masses, {"theta": theta.grid})
        return product_nodes(_normalised(self._with_priors(self.grids, self.log_evidence.sum(axis=0))), self.grids)

    # --- changed data -------------------------------------------------------------------------------------------------

    @property
    def evidence(self) -> float:
        """log p(t), by the closed form of the sum over all parameters but mu and tau, or theta."""
        refuse_improper(self.model)
        if self.model.kind == "no":
            return float(_log_totals(self._unpooled(self.groups)).sum())
        return float(log_sum_exp(self._log_joint.ravel()))

    @property
    def size(self) -> int:
        return 1 if self.model.kind == "no" else self._log_joint.size

    def swapped(self, swaps: Swaps) -> tuple[Float[np.ndarray, " item"], Bool[np.ndarray, " item"]]:
        """The table of the changed group in place of its own."""
        extended = replace(self, model=replace(self.model, observations=swaps.extended))
        changed, there = extended.groups[len(self.groups) :], swaps.as_groups.count > 0
        if self.model.kind == "no":
            own, new = (_log_totals(self._unpooled(groups)) for groups in (self.groups, changed))
            return own.sum() - own[swaps.group] + np.where(there, new, 0.0), np.ones(len(changed), bool)
        tables = self._tables_of(changed)
        tables[~there] = 0.0
        log_joint = (self._log_joint - self._tables)[swaps.group] + tables
        log_p = log_sum_exp(log_joint.reshape(len(changed), -1))
        masses = np.exp(log_joint - np.expand_dims(log_p, tuple(range(1, log_joint.ndim))))
        if self.model.kind == "complete":
            return log_p, resolves(self._location[0], masses, self.model.priors["theta"].support)
        of_mu = resolves(self.grids["mu"], masses.sum(axis=2), self.model.priors["mu"].support)
        return log_p, of_mu & _agrees_with_half(masses.sum(axis=1))

    @property
    def _log_joint(self) -> Float[np.ndarray, "*shared"]:
        """log p(theta, t) or log p(mu, tau, t) at the nodes, with their weights."""
        if self.model.kind == "complete":
            return self._location[1] + self._location[0].log_weight
        priors = [self.model.priors[name].logpdf(grid.nodes) + grid.log_weight for name, grid in self.grids.items()]
        return np.add.outer(*priors) + self._tables.sum(axis=0)

    @property
    def _tables(self) -> Float[np.ndarray, "group *shared"]:
        """log L_d(theta) or log M_d(mu, tau) at the nodes."""
        return self._tables_of(self.groups) if self.model.kind == "complete" else self.log_evidence

    def _tables_of(self, groups: list[Group]) -> Float[np.ndarray, "group *shared"]:
        if self.model.kind == "complete":
            return np.stack([group.log_likelihood(self._location[0].nodes) for group in groups])
        nodes = [grid.nodes for grid in self.grids.values()]
        return self._of_groups(lambda group: group.log_evidence(*nodes), groups)

    # --- what a Posterior asks for ----------------------------------------------------------------------------------

    @cached_property
    def _discretised(self) -> FittedModel:
        return discretised(self.model, ByGroup(self.model, *ROUGH).posterior())

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        """p(first, second | t), enumerated on the grids of a coarser fit."""
        return self._discretised.joint(first, second)

    def contrast(self, first: int, second: int) -> Marginal:
        """theta_first - theta_second, enumerated on the grids of a coarser fit."""
        return self._discretised.contrast(first, second)

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance to a coarser rule: an upper bound, since the finer one is closer to the continuum than to it."""
        return self.model.refined(posterior, ByGroup(self.model, 10 * self.tol, COARSE[1]).posterior())
