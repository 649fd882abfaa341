"""Evidence of one group at every (mu, tau), where its theta does not leave in closed form.

    M_d(mu, tau) = int N(theta; mu, tau) L_d(theta) dtheta

An `EnumeratedSigma` is a group of normal rows that learns a sigma of its own: given sigma M_d is a closed form, and the sum
over sigma is smooth in tau down to 0, where a fixed grid of theta would fail. A `Smooth` group has any smooth likelihood:
M_d is its convolution with normals of every width.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Bool, Float

from gridbayes.conditional import LOG_2PI, NEGLIGIBLE, log_sum_exp
from gridbayes.double_exponential import double_exponential
from gridbayes.grids import Grid, in_panels
from gridbayes.likelihoods import LogLikelihood, learned_sigma
from gridbayes.observations import Observations
from gridbayes.priors import Prior
from gridbayes.smoothing import log_smoothed

__all__ = ["EnumeratedSigma", "Group", "Smooth"]


# the trapezoid rule for a density of about a normal's shape, z = 4 sinh(t / 4) of its sds: tails may be heavier or skewed
T = np.linspace(-7.7, 7.7, 45)
Z, Z_LOG_WEIGHT = 4 * np.sinh(T / 4), np.log(np.cosh(T / 4) * (T[1] - T[0]))
POWERS = np.stack([np.ones_like(Z), Z, Z**2])
SUMS = np.stack([*POWERS, np.arange(len(Z)) % 2 == 0, np.abs(T) == T[-1]], axis=1)
HALVES = 3e-7  # how far off a sum over every other node may be: the sum's own error is about the square
ENDS = 1e-14  # of a sum: what nodes at the ends may weigh
ROUNDS = 3  # of placing the rule
SIGMA_NODES = 96  # over the sigma of a group of one row
IN_CACHE = 2**16  # numbers of a table that arithmetic does not wait for
TILE_MU, TILE_TAU, TILE_SIGMA = 128, 32, 128  # compiled sums take tables of these shapes, and no others


@runtime_checkable
class Group(Protocol):
    """What the fit asks of a group."""

    c: float
    """Where its rows say theta is."""

    def log_likelihood(self, theta: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """log L_d(theta)."""
        ...

    def softened(self) -> "Group":
        """A group with a smooth likelihood of about the same weight."""
        ...

    def log_evidence(self, mu: Float[np.ndarray, " mu"], tau: Float[np.ndarray, " tau"]) -> Float[np.ndarray, "mu tau"]:
        """log M_d(mu, tau) on their product."""
        ...


@dataclass(frozen=True, eq=False)
class Smooth:
    """A group whose log likelihood is smooth.

    Parameters
    ----------
    log_likelihood : of theta, any shape.
    c : where its rows say theta is.
    width : how closely: a normal narrower than this sees a likelihood that hardly bends.
    edges : (edge,) panels in which a polynomial follows the log likelihood; the likelihood is nothing outside, or theta is.
    """

    log_likelihood: LogLikelihood
    c: float
    width: float
    edges: Float[np.ndarray, " edge"]

    def softened(self) -> "Smooth":
        return self

    def log_evidence(self, mu: Float[np.ndarray, " mu"], tau: Float[np.ndarray, " tau"]) -> Float[np.ndarray, "mu tau"]:
        cells = np.repeat(mu, len(tau)), np.tile(tau, len(mu))
        parts = [self._of_cells(*(x[some] for x in cells)) for some in _tiles(len(cells[0]), IN_CACHE // len(Z))]
        result, left = (np.concatenate(part).reshape(len(mu), len(tau)) for part in zip(*parts, strict=True))
        block = np.ix_(left.any(axis=1), left.any(axis=0))
        mu, tau = mu[block[0].ravel()], tau[block[1].ravel()]
        smoothed = log_smoothed(self._grid, np.tile(self._log_l[:, None], len(tau)), mu, tau)
        result[block] = np.where(left[block] & np.isfinite(smoothed), smoothed, result[block])
        return result

    def _of_cells(
        self, mu: Float[np.ndarray, " cell"], tau: Float[np.ndarray, " cell"]
    ) -> tuple[Float[np.ndarray, " cell"], Bool[np.ndarray, " cell"]]:
        """log M_d by the trapezoid rule about where theta is, and where that has not converged.

        First about the mean of a normal likelihood, then by the moments that the rule itself finds.
        """
        result, left = np.empty(len(mu)), np.arange(len(mu))
        share = tau**2 / (self.width**2 + tau**2)
        shift, sd = share * (self.c - mu), self.width * np.sqrt(share)
        for _ in range(ROUNDS):
            result[left], converged, shift, sd = self._trapezoid(mu[left], tau[left], shift, sd)
            left, shift, sd = left[~converged], shift[~converged], sd[~converged]
        return result, np.isin(np.arange(len(mu)), left)

    def _trapezoid(
        self,
        mu: Float[np.ndarray, " cell"],
        tau: Float[np.ndarray, " cell"],
        shift: Float[np.ndarray, " cell"],
        sd: Float[np.ndarray, " cell"],
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """log M_d by nodes about each centre, whether they are enough, and the mean and sd of theta that they find."""
        at, unit = shift / tau, sd / tau
        terms = self.log_likelihood(np.stack([mu + shift, sd], axis=1) @ POWERS[:2])
        terms -= np.stack([at**2 / 2, at * unit, unit**2 / 2], axis=1) @ POWERS - Z_LOG_WEIGHT
        top = terms.max(axis=1)
        terms -= top[:, None]
        weight = np.exp(terms, out=terms)
        total, mean, square, half, ends = (weight @ SUMS).T
        mean, square = mean / total, square / total
        spread = np.sqrt(np.maximum(square - mean**2, 0.1))
        converged = (np.abs(2 * half / total - 1) < HALVES) & (ends < ENDS * total)
        return top + np.log(total * sd / tau) - LOG_2PI / 2, converged, shift + sd * mean, sd * spread

    @cached_property
    def _grid(self) -> Grid:
        return in_panels(self.edges)

    @cached_property
    def _log_l(self) -> np.ndarray:
        return self.log_likelihood(self._grid.nodes)


@dataclass(frozen=True, eq=False)
class EnumeratedSigma:
    """A group of normal rows with a sigma of its own.

    Parameters
    ----------
    sigma : its nodes.
    log_p : log p(sigma) with the nodes' weights.
    a, w, c : its normal factor for each sigma (likelihoods.py).
    """

    sigma: Float[np.ndarray, " sigma"]
    log_p: Float[np.ndarray, " sigma"]
    a: Float[np.ndarray, " sigma"]
    w: Float[np.ndarray, " sigma"]
    c: float

    @classmethod
    def of(cls, observations: Observations, prior: Prior, d: int) -> "EnumeratedSigma":
        """Group d on a rule for sigma that resolves p(sigma | theta, t_d) for any theta among the data."""
        n, s2 = float(observations.count[d]), float(observations.sum_of_squares[d])
        if n <= 1:  # one row prefers no sigma to another while theta is free: the prior alone says where it lies
            ends = [prior.support[0], *prior.breakpoints, prior.support[1]]
            grid = double_exponential(prior.logpdf, ends, float(prior.ppf(0.5)), SIGMA_NODES)
            nodes, log_weight = grid.nodes, grid.log_weight
        else:
            reach = float(np.ptp(observations.values))  # theta may be as far from the group's own mean
            ends = [_window(prior, n, squares) for squares in (s2, s2 + n * reach**2)]
            firsts, lasts, widths = zip(*ends, strict=True)
            nodes, log_weight = _log_rule(prior, min(firsts), max(lasts), min(widths))
        factor = learned_sigma(observations, nodes)
        return cls(nodes, prior.logpdf(nodes) + log_weight, factor.a[d], factor.w[d], float(factor.c[d]))

    def log_likelihood(self, theta: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        return log_sum_exp(self.log_p + self.a - self.w * (theta[..., None] - self.c) ** 2 / 2)

    def softened(self) -> "EnumeratedSigma":
        """With sigma kept from going to 0: the same likelihood away from its singularity, smooth upon it."""
        n = self.w * self.sigma**2
        floor = self.sigma[np.argmax(np.cumsum(np.exp(self.log_p)) > 0.1 * np.exp(self.log_p).sum())]
        return replace(self, w=n / (self.sigma**2 + floor**2))

    def log_evidence(self, mu: Float[np.ndarray, " mu"], tau: Float[np.ndarray, " tau"]) -> Float[np.ndarray, "mu tau"]:
        table = np.empty((len(mu), len(tau)))
        with jax.enable_x64(True):
            for i, k in product(_tiles(len(mu), TILE_MU), _tiles(len(tau), TILE_TAU)):
                some = np.resize(mu[i], TILE_MU), np.resize(tau[k], TILE_TAU)
                table[i, k] = np.asarray(_log_evidence(*some, *self._padded, self.c)).T[: len(mu[i]), : len(tau[k])]
        return table

    def log_new_row(
        self, rest: Grid, log_rest: Float[np.ndarray, " node"], y: Float[np.ndarray, " y"]
    ) -> Float[np.ndarray, " y"]:
        """log int R(theta) sum over sigma of p(sigma) L(theta | sigma) N(y; theta, sigma) dtheta, R by its logs on panels.

        The n rows of the group and y are n + 1 rows: exp(-n/(n+1) (y - c)**2 / (2 sigma**2)) / sqrt(n + 1) times
        N(theta; (n c + y) / (n + 1), sigma / sqrt(n + 1)).
        """
        n = float(np.rint(self.w[0] * self.sigma[0] ** 2))
        at, width = (n * self.c + y) / (n + 1), self.sigma / np.sqrt(n + 1)
        smoothed = log_smoothed(rest, np.tile(log_rest[:, None], len(width)), at, width)
        apart = -n / (n + 1) * ((y[:, None] - self.c) / self.sigma) ** 2 / 2
        return log_sum_exp(self.log_p + self.a + apart + smoothed) - np.log(n + 1) / 2

    @cached_property
    def _padded(self) -> tuple[np.ndarray, np.ndarray]:
        more = -len(self.w) % TILE_SIGMA
        return np.pad(self.log_p + self.a, (0, more), constant_values=-np.inf), np.pad(self.w, (0, more))

    def log_evidence_of_sigma(
        self,
        mu: Float[np.ndarray, " mu"],
        tau: Float[np.ndarray, " tau"],
        rest: Float[np.ndarray, "mu tau"],
        w: Float[np.ndarray, " sigma"],
    ) -> Float[np.ndarray, " sigma"]:
        """log sum over mu and tau of exp(rest) M_d(mu, tau | sigma), but for the height of the factor with weight w."""
        parts = []
        with jax.enable_x64(True):
            for j, i, k in product(_tiles(len(w), TILE_SIGMA), _tiles(len(mu), TILE_MU), _tiles(len(tau), TILE_TAU)):
                some = np.resize(mu[i], TILE_MU), np.resize(tau[k], TILE_TAU)
                table = np.full((TILE_TAU, TILE_MU), -np.inf)
                table[: len(tau[k]), : len(mu[i])] = rest[i, k].T
                parts.append(_log_noise(*some, table, np.resize(w[j], TILE_SIGMA), self.c))
            total = np.logaddexp.reduce(np.asarray(parts).reshape(-(-len(w) // TILE_SIGMA), -1, TILE_SIGMA), axis=1)
        return total.ravel()[: len(w)]


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


def _window(prior: Prior, n: float, squares: float) -> tuple[float, float, float]:
    """The log sigma between which the prior and n rows with this sum of squares leave any weight, and the sd of their peak.

    Where prior and rows disagree the peak may be narrower than what is first looked at: the window narrows until it fills.
    It starts within the prior's support, which may be narrower than any step.
    """
    centre = float(np.log(np.sqrt(squares / n) or 1.0))
    low, high = prior.support
    first = np.log(low) if low > 0 else min(centre, np.log(high)) - 80.0
    last = np.log(high) if high < np.inf else max(centre, first) + 80.0
    while True:
        log_sigma = np.linspace(first, last, 6401)
        with np.errstate(over="ignore"):
            fit = (1 - n) * log_sigma - squares * np.exp(-2 * log_sigma) / 2  # theta itself takes one row's worth
        log_p = prior.logpdf(np.exp(log_sigma)) + log_sigma + fit
        kept = np.flatnonzero(log_p > log_p.max() - NEGLIGIBLE)
        step, width = log_sigma[1] - log_sigma[0], last - first
        first, last = log_sigma[max(kept[0] - 1, 0)], log_sigma[min(kept[-1] + 1, 6400)]  # a peak may lie between
        if len(kept) > 640 or last - first > 0.9 * width:
            bend = -np.diff(log_p[log_p > log_p.max() - 12], 2) / step**2
            return float(first), float(last), 1 / np.sqrt(bend.max(initial=2 * n))


def _log_rule(prior: Prior, low: float, high: float, narrowest: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and log weights for sigma from e**low to e**high.

    The trapezoid rule in log sigma, at a step of a seventh, or of .8 sds of a narrower peak. A prior that
    ends or bends inside the window takes Gauss-Legendre panels between its breaks instead.
    """
    step = min(1 / 7, 0.8 * narrowest)
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
