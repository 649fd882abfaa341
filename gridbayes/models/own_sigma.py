"""The continuous reading where every group learns a sigma of its own.

Given mu, tau and sigma_d a group is normal, so its evidence at (mu, tau) is a sum of closed forms over the nodes of sigma,

    M_d(mu, tau) = int p(sigma) M_d(mu, tau | sigma) dsigma,

smooth in tau down to 0, where a fixed grid of theta would fail. theta_d is then what the others say times what its rows say,

    p(theta_d | t) = L_d(theta_d) int int p(mu, tau | t) / M_d(mu, tau) N(theta_d; mu, tau) dmu dtau.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from gridbayes.accuracy import Accuracy
from gridbayes.conditional import LOG_2PI, NEGLIGIBLE, graded, log_sum_exp
from gridbayes.convolution import log_convolution
from gridbayes.double_exponential import double_exponential
from gridbayes.grids import COARSE, FINE, Grid, adapt, in_panels
from gridbayes.likelihoods import learned_sigma
from gridbayes.models.placed import ROUGH, discretised
from gridbayes.models.pooling import Pooling
from gridbayes.models.run import marginal_of, run_groups, run_hyper
from gridbayes.models.scales import refuse_improper, scale_edges, sizes_of
from gridbayes.posterior import Address, FittedModel, Posterior
from gridbayes.priors import Prior
from gridbayes.smoothing import interpolated, log_smoothed
from gridbayes.summaries import Marginal

__all__ = ["OwnSigma"]

SCALE_NODES = (
    96  # of the sums over tau, and over the sigma of a group with one row; a third of them where it is only looked for
)
TILE_MU, TILE_TAU, TILE_SIGMA = 128, 32, 128  # compiled sums take tables of these shapes, and no others

type Density = tuple[Grid, np.ndarray]  # a grid and the log density at its nodes


@dataclass(frozen=True, eq=False)
class _Group:
    """A group whose sigma is enumerated: its nodes, log p(sigma) with weights, a and w of its factor, (sigma,); and c."""

    sigma: Float[np.ndarray, " sigma"]
    log_p: Float[np.ndarray, " sigma"]
    a: Float[np.ndarray, " sigma"]
    w: Float[np.ndarray, " sigma"]
    c: float

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        """log L_d(theta), any shape."""
        return log_sum_exp(self.log_p + self.a - self.w * (theta[..., None] - self.c) ** 2 / 2)

    def softened(self) -> "_Group":
        """The group with sigma kept from going to 0: the same likelihood away from its singularity, smooth upon it."""
        n = self.w * self.sigma**2
        floor = self.sigma[np.argmax(np.cumsum(np.exp(self.log_p)) > 0.1 * np.exp(self.log_p).sum())]
        return replace(self, w=n / (self.sigma**2 + floor**2))

    def log_evidence(self, mu: Float[np.ndarray, " mu"], tau: Float[np.ndarray, " tau"]) -> Float[np.ndarray, "mu tau"]:
        """log M_d(mu, tau) on their product."""
        table = np.empty((len(mu), len(tau)))
        with jax.enable_x64(True):
            for i, k in product(_tiles(len(mu), TILE_MU), _tiles(len(tau), TILE_TAU)):
                some = np.resize(mu[i], TILE_MU), np.resize(tau[k], TILE_TAU)
                table[i, k] = np.asarray(_log_evidence(*some, *self._padded, self.c)).T[: len(mu[i]), : len(tau[k])]
        return table

    @cached_property
    def _padded(self) -> tuple[np.ndarray, np.ndarray]:
        more = -len(self.w) % TILE_SIGMA
        return np.pad(self.log_p + self.a, (0, more), constant_values=-np.inf), np.pad(self.w, (0, more))


def _tiles(length: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, length, size)]


@jax.jit
def _log_evidence(
    mu: Float[Array, " mu"],
    tau: Float[Array, " tau"],
    log_p: Float[Array, " sigma"],
    w: Float[Array, " sigma"],
    c: Float[Array, ""] | float,
) -> Float[Array, "tau mu"]:
    """log sum over sigma of its mass and evidence."""
    return jax.lax.map(lambda one: logsumexp(log_p[:, None] + _log_fit(mu, one, w, c), axis=0), tau)


@jax.jit
def _log_noise(
    mu: Float[Array, " mu"],
    tau: Float[Array, " tau"],
    rest: Float[Array, "tau mu"],
    w: Float[Array, " sigma"],
    c: Float[Array, ""] | float,
) -> Float[Array, " sigma"]:
    """log sum over mu and tau of what the rest says of them and of the evidence for each sigma."""

    def at(one: tuple[Array, Array]) -> Array:
        return logsumexp(one[1][:, None] + _log_fit(mu, one[0], w, c).T, axis=0)

    return logsumexp(jax.lax.map(at, (tau, rest)), axis=0)


def _log_fit(mu: Array, tau: Array, w: Array, c: Array | float) -> Float[Array, "sigma mu"]:
    """log M_d(mu, tau | sigma) but for the height of its factor: the larger axis last, along which sums are fast."""
    spread = 1 + w * tau**2
    return (-jnp.log(spread) / 2)[:, None] - (w / spread)[:, None] * (mu - c) ** 2 / 2


def _log_profile(log_sigma: np.ndarray, n: float, low: float, high: float) -> np.ndarray:
    """log of the largest p(t_d | sigma, theta) over theta, relative to its own largest over sigma: 0 where some theta makes
    sigma the most likely value. low and high: sums of squares about the nearest and the farthest theta."""
    if n <= 1:
        return np.zeros_like(log_sigma)
    nu = n - 1
    peaks = [0.5 * np.log(max(s2, np.finfo(float).tiny) / nu) for s2 in (low, high)]
    off = log_sigma - np.clip(log_sigma, *peaks)
    return -nu * (off + np.expm1(-2 * off) / 2)


def _log_rule(prior: Prior, low: float, high: float, n: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and log weights for sigma from e**low to e**high, for a likelihood of n rows.

    The trapezoid rule in log sigma, at a step of a seventh, or of .8 sds of a narrower factor. A prior that
    ends or bends inside the window takes Gauss-Legendre panels between its breaks instead.
    """
    step = min(1 / 7, 0.8 / np.sqrt(2 * max(n, 1.0)))
    if prior.proper:
        quarter, other = prior.ppf(np.array([0.25, 0.75]))
        step = min(step, 0.5 * float(np.log(other / quarter)))
    breaks = [np.log(x) for x in (*prior.support, *prior.breakpoints) if 0 < x < np.inf]
    breaks = [x for x in breaks if low - step < x < high + step]
    if not breaks:
        log_nodes = np.arange(low, high + step, step)
        return np.exp(log_nodes), log_nodes + np.log(step)
    parts = [low, *breaks, high] if prior.support[1] == np.inf else [low, *breaks]
    edges = [np.linspace(a, b, 2 + int((b - a) / (8 * step))) for a, b in pairwise(sorted(parts)) if b > a]
    grid = in_panels(np.unique(np.concatenate(edges)))
    return np.exp(grid.nodes), grid.nodes + grid.log_weight


def _weighty(log_w: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """Indices of the cells that weigh anything: all others have less than 1e-15 of the weight, or of its tau squared."""
    weight = np.exp(log_w - log_w.max())
    weight *= 1 + (tau * weight.sum() / (weight @ tau)) ** 2
    order = np.argsort(weight)
    return np.sort(order[np.cumsum(weight[order]) > 1e-15 * weight.sum()])


def _smoothed_at(grid: Grid, log_g: np.ndarray, c: float, width: np.ndarray) -> np.ndarray:
    """log int g(x) N(c; x, width) dx for each width."""
    return log_smoothed(grid, np.broadcast_to(log_g[:, None], (len(grid), len(width))), np.array([c]), width)[0]


@dataclass(frozen=True, eq=False)
class OwnSigma:
    """A pooling model whose groups learn their own sigmas, fitted in the continuum."""

    model: Pooling
    tol: float
    order: int

    @property
    def title(self) -> str:
        return self.model.title

    def posterior(self) -> Posterior:
        refuse_improper(self.model)
        fit = {"complete": self._complete, "no": self._no, "partial": self._partial}[self.model.kind]
        marginals, log_evidence = fit()
        ordered = {name: marginals[name] for name in self.model.names}
        groups = self.model.observations.groups
        return Posterior(ordered, groups, self.model.per_group, log_evidence, self.model.continuous_program, self)

    # --- groups -----------------------------------------------------------------------------------------------------

    @cached_property
    def groups(self) -> list[_Group]:
        return [self._group(d) for d in range(len(self.model.observations))]

    def _group(self, d: int) -> _Group:
        """Group d on a rule for sigma that resolves p(sigma | theta, t_d) for any theta among the data."""
        observations, prior = self.model.observations, self.model.priors["sigma"]
        n, s2 = float(observations.count[d]), float(observations.sum_of_squares[d])
        if n <= 1:  # one row prefers no sigma to another while theta is free: the prior alone says where it lies
            ends = [prior.support[0], *prior.breakpoints, prior.support[1]]
            grid = double_exponential(prior.logpdf, ends, float(prior.ppf(0.5)), SCALE_NODES)
            nodes, log_weight = grid.nodes, grid.log_weight
        else:
            nodes, log_weight = _log_rule(prior, *self._window(n, s2), n)
        factor = learned_sigma(observations, nodes)
        return _Group(nodes, prior.logpdf(nodes) + log_weight, factor.a[d], factor.w[d], float(factor.c[d]))

    def _window(self, n: float, s2: float) -> tuple[float, float]:
        """The log sigma between which n rows with sum of squares s2 and the prior leave any weight."""
        observations, prior = self.model.observations, self.model.priors["sigma"]
        reach = float(np.ptp(observations.values))
        log_sigma = np.linspace(-80.0, 80.0, 6401) + np.log(max(sizes_of(observations), default=1.0))
        envelope = prior.logpdf(np.exp(log_sigma)) + log_sigma + _log_profile(log_sigma, n, s2, s2 + n * reach**2)
        window = log_sigma[envelope > envelope.max() - NEGLIGIBLE]
        return window[0] - 0.025, window[-1] + 0.025  # a step wider: a peak may lie between

    def _sigma_edges(self, d: int) -> np.ndarray:
        """First panels for the posterior of sigma_d."""
        n, s2 = self.model.observations.count[d], self.model.observations.sum_of_squares[d]
        own = [np.sqrt(s2 / n)] if s2 > 0 else []
        return scale_edges(self.model.priors["sigma"], [*sizes_of(self.model.observations), *own])

    def _location_edges(self, prior: Prior) -> np.ndarray:
        """First panels for mu or theta: about the groups' centres, over all that prior and data may reach."""
        centres = np.array(
            [group.c for group, n in zip(self.groups, self.model.observations.count, strict=True) if n > 0]
        )
        spread = max(sizes_of(self.model.observations), default=1.0)
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
        marks = np.concatenate([centres, prior.breakpoints, quartiles])
        middle = float(np.clip(quartiles[1], low + 1e-9 * (high - low), high - 1e-9 * (high - low)))
        return np.union1d(graded(middle, step, low, high), marks[(marks > low) & (marks < high)])

    # --- the three models -------------------------------------------------------------------------------------------

    def _complete(self) -> tuple[dict[str, tuple[Marginal, ...]], float]:
        prior = self.model.priors["theta"]

        def log_density(_, theta: np.ndarray) -> np.ndarray:
            return prior.logpdf(theta) + sum(group.log_likelihood(theta) for group in self.groups)

        ((grid, _),) = adapt(log_density, [self._location_edges(prior)], self.tol, self.order)
        own = np.stack([group.log_likelihood(grid.nodes) for group in self.groups])
        masses, log_evidence = run_hyper(self.model, {"theta": grid}, own.sum(axis=0))
        rest = prior.logpdf(grid.nodes) + own.sum(axis=0) - own - log_evidence
        noise = self._noise(lambda d, c, width: _smoothed_at(grid, rest[d], c, width))
        return {"theta": (Marginal(grid, masses),), "sigma": noise}, log_evidence

    def _no(self) -> tuple[dict[str, tuple[Marginal, ...]], float]:
        prior = self.model.priors["theta"]
        edges = self._location_edges(prior)

        def log_density(item: np.ndarray, theta: np.ndarray) -> np.ndarray:
            own = [self.groups[d].log_likelihood(x) for d, x in zip(item.tolist(), theta, strict=True)]
            return prior.logpdf(theta) + np.stack(own)

        densities = adapt(log_density, [edges] * len(self.groups), self.tol, self.order)
        effect = run_groups(self.model.continuous_program, "effect", densities)
        log_evidence = sum(float(log_sum_exp(log_p + grid.log_weight)) for grid, log_p in densities)
        noise = self._noise(lambda d, c, width: log_convolution(prior, c, width))
        return {"theta": effect, "sigma": noise}, log_evidence

    def _noise(self, log_fit: Callable[[int, float, np.ndarray], np.ndarray]) -> tuple[Marginal, ...]:
        """p(sigma_d | t) where `log_fit` is the log density of the rest at group d's centre, smoothed by sigma / sqrt n."""
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
        return run_groups(self.model.continuous_program, "noise", densities)

    def _partial(self) -> tuple[dict[str, tuple[Marginal, ...]], float]:
        masses, log_evidence = run_hyper(self.model, self.grids, self.log_evidence.sum(axis=0))
        shared = {"mu": (marginal_of(masses, 0, self.grids["mu"]),), "tau": (self._tau(),)}
        log_w = np.log(
            np.maximum(masses, np.finfo(float).tiny)
        )  # below, a cell weighs nothing, but its log must be finite
        return {**shared, "theta": self._effects(log_w), "sigma": self._partial_noise(log_w)}, log_evidence

    # --- partial pooling --------------------------------------------------------------------------------------------

    @cached_property
    def grids(self) -> dict[str, Grid]:
        """Panels of mu, placed on its marginal, and the nodes of tau over which everything is summed.

        First nodes for all of tau's prior place mu roughly; on that mu the window of tau is found.
        """
        prior, sizes = self.model.priors["tau"], sizes_of(self.model.observations)
        ends, size = [prior.support[0], *prior.breakpoints, prior.support[1]], float(np.median(sizes or prior.ppf(0.5)))
        edges = self._location_edges(self.model.priors["mu"])
        first = double_exponential(prior.logpdf, ends, size, SCALE_NODES // 3)
        ((mu, _),) = adapt(self._log_marginal("mu", first), [edges], 1e-3, 8)
        log_density = self._log_marginal("tau", mu)
        tau = double_exponential(lambda tau: log_density(0, tau), ends, size, SCALE_NODES * self.order // FINE[1])
        ((mu, _),) = adapt(self._log_marginal("mu", tau), [edges], self.tol, self.order)
        return {"mu": mu, "tau": tau}

    def _tau(self) -> Marginal:
        """p(tau | t) on panels."""
        edges = scale_edges(self.model.priors["tau"], sizes_of(self.model.observations))
        densities = adapt(self._log_marginal("tau", self.grids["mu"]), [edges], self.tol, self.order)
        return run_groups(self.model.continuous_program, "effect", densities)[0]

    def _log_marginal(self, name: str, grid: Grid) -> Callable[[object, np.ndarray], np.ndarray]:
        """log p(mu, t) or log p(tau, t), the other summed over `grid`."""
        other = {"mu": "tau", "tau": "mu"}[name]
        log_other = self.model.priors[other].logpdf(grid.nodes) + grid.log_weight

        def log_density(_, x: np.ndarray) -> np.ndarray:
            nodes = (x.ravel(), grid.nodes) if name == "mu" else (grid.nodes, x.ravel())
            total = np.sum([group.log_evidence(*nodes) for group in self.groups], axis=0)
            total = total if name == "mu" else total.T
            return (self.model.priors[name].logpdf(x.ravel()) + log_sum_exp(total + log_other)).reshape(x.shape)

        return log_density

    @cached_property
    def log_evidence(self) -> Float[np.ndarray, "group mu tau"]:
        """log M_d(mu, tau) on the grids."""
        nodes = [grid.nodes for grid in self.grids.values()]
        return np.stack([group.log_evidence(*nodes) for group in self.groups])

    def _effects(self, log_w: Float[np.ndarray, "mu tau"]) -> tuple[Marginal, ...]:
        """p(theta_d | t): L_d times R_d, what the rest of the groups say of theta_d."""
        densities = [self._effect(d, log_w) for d in range(len(self.groups))]
        return run_groups(self.model.continuous_program, "effect", densities)

    def _effect(self, d: int, log_w: Float[np.ndarray, "mu tau"]) -> Density:
        """R_d is smooth: it is placed and interpolated on panels of its own, where a softened L_d keeps its weight.
        L_d may have a singularity at the value of a single row, which only the panels of the product need to resolve."""
        mu, tau = self.grids["mu"], self.grids["tau"]
        columns = _weighty(log_sum_exp(log_w.T), tau.nodes)
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
        log_r_at_nodes = log_p - soft.log_likelihood(grid.nodes)
        edges = np.union1d(grid.edges, [np.clip(self.groups[d].c, *grid.edges[[0, -1]])])

        def log_density(_, theta: np.ndarray) -> np.ndarray:
            panel = np.clip(np.searchsorted(grid.edges, theta.mean(axis=1)) - 1, 0, len(grid.edges) - 2)
            return interpolated(grid, log_r_at_nodes, theta, panel) + self.groups[d].log_likelihood(theta)

        ((fine, log_p),) = adapt(log_density, [edges], self.tol, self.order)
        return fine, log_p

    def _partial_noise(self, log_w: Float[np.ndarray, "mu tau"]) -> tuple[Marginal, ...]:
        """p(sigma_d | t) = p(sigma_d) sum over cells of p(mu, tau | t) M_d(mu, tau | sigma_d) / M_d(mu, tau)."""
        prior = self.model.priors["sigma"]
        rest = log_w - self.log_evidence

        def log_density(item: np.ndarray, sigma: np.ndarray) -> np.ndarray:
            result = prior.logpdf(sigma)
            for d in np.unique(item).tolist():
                own = sigma[item == d]
                result[item == d] += self._log_noise(d, own.ravel(), rest[d]).reshape(own.shape)
            return result

        densities = adapt(log_density, [self._sigma_edges(d) for d in range(len(self.groups))], self.tol, self.order)
        return run_groups(self.model.continuous_program, "noise", densities)

    def _log_noise(
        self, d: int, sigma: Float[np.ndarray, " sigma"], rest: Float[np.ndarray, "mu tau"]
    ) -> Float[np.ndarray, " sigma"]:
        """log sum over mu and tau of exp(rest) M_d(mu, tau | sigma)."""
        factor = learned_sigma(self.model.observations, sigma)
        mu, tau = (grid.nodes for grid in self.grids.values())
        parts = []
        with jax.enable_x64(True):
            for j, i, k in product(
                _tiles(len(sigma), TILE_SIGMA), _tiles(len(mu), TILE_MU), _tiles(len(tau), TILE_TAU)
            ):
                some = np.resize(mu[i], TILE_MU), np.resize(tau[k], TILE_TAU)
                table = np.full((TILE_TAU, TILE_MU), -np.inf)
                table[: len(tau[k]), : len(mu[i])] = rest[i, k].T
                parts.append(_log_noise(*some, table, np.resize(factor.w[d, j], TILE_SIGMA), factor.c[d]))
            total = np.logaddexp.reduce(np.asarray(parts).reshape(-(-len(sigma) // TILE_SIGMA), -1, TILE_SIGMA), axis=1)
        return factor.a[d] + total.ravel()[: len(sigma)]

    # --- what a Posterior asks for ----------------------------------------------------------------------------------

    @cached_property
    def _discretised(self) -> FittedModel:
        return discretised(self.model, OwnSigma(self.model, *ROUGH).posterior())

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        """p(first, second | t), enumerated on the grids of a coarser fit."""
        return self._discretised.joint(first, second)

    def contrast(self, first: int, second: int) -> Marginal:
        """theta_first - theta_second, enumerated on the grids of a coarser fit."""
        return self._discretised.contrast(first, second)

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance to a coarser rule: an upper bound, since the finer one is closer to the continuum than to it."""
        return Accuracy.refined(posterior, OwnSigma(self.model, 10 * self.tol, COARSE[1]).posterior())
