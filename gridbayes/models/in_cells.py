"""Thetas that are independent but not normal given mu and tau: ranks, weights and combinations of groups.

In a cell (mu, tau), in the unit z = (theta - mu) / tau in which nothing is lost as tau goes to 0,

    p(z_d | mu, tau, t) ~ N(z_d; 0, 1) L_d(mu + tau z_d),

each on panels of its own. A sum S = sum_d w_d theta_d has in a cell the characteristic function

    E[exp(i u S)] = exp(i u mu sum_d w_d) prod_d E[exp(i u tau w_d z_d)];

averaged over mu it is inverted by the trapezoid rule, which is right to rounding for densities this smooth, and the
densities are mixed over tau. Source: Abate & Whitt (1992), "The Fourier-series method for inverting transforms of
probability distributions", Queueing Systems 10:5-88. Without pooling there is one cell, z is theta, and its prior takes N's
place.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float

from gridbayes.conditional import graded, log_sum_exp, mixture_edges, weighty
from gridbayes.engine import run_groups
from gridbayes.evidence import EnumeratedSigma, Group, Smooth
from gridbayes.grids import FINE, Grid, adapt
from gridbayes.models.prediction import MEMOS
from gridbayes.posterior import PosteriorError
from gridbayes.summaries import Marginal

__all__ = ["InCells", "standard_normal"]

REACH = 30.0  # taus from mu within which a theta is looked for
STEPS = np.array([-30, -18, -11, -7, -4, -1.5, 0, 1.5, 4, 7, 11, 18, 30])  # first panels about mu, in taus
WINDOW = 32.0  # sds of a sum in one period of its Fourier series
HIGHEST = 2**10  # frequencies, in periods: what a sum may need where its groups' likelihoods have poles
FADED = 1e-8  # what a characteristic function may be where it is cut off


@dataclass(frozen=True, eq=False)
class InCells:
    """The groups in cells of mu and tau.

    Parameters
    ----------
    groups : the likelihood of each.
    log_prior : log p(z), up to a constant.
    tau : (tau,), mu : (tau, mu), mass : (tau, mu) p(mu, tau | t).
    """

    groups: list[Group]
    log_prior: Callable[[np.ndarray], np.ndarray]
    tau: Float[np.ndarray, " tau"]
    mu: Float[np.ndarray, "tau mu"]
    mass: Float[np.ndarray, "tau mu"]

    def laws(self, k: int, d: list[int]) -> list[list[Marginal]]:
        """p(z_d | mu, tau_k, t) of some groups, a list for each mu."""
        mu, tau, size = self.mu[k], self.tau[k], len(d)
        cells, of = np.repeat(np.arange(len(mu)), size), np.tile(d, len(mu))
        edges = [self._edges(self.groups[e], mu[j], tau) for j, e in zip(cells.tolist(), of.tolist(), strict=True)]

        def log_density(item: np.ndarray, z: np.ndarray) -> np.ndarray:
            result, theta = self.log_prior(z), mu[cells[item], None] + tau * z
            for e in d:
                own = of[item] == e
                result[own] += self.groups[e].log_likelihood(theta[own])
            return result

        found = [_normalised(*density) for density in adapt(log_density, edges, *FINE)]
        return [found[start : start + size] for start in range(0, len(found), size)]

    def _edges(self, group: Group, mu: float, tau: float) -> Float[np.ndarray, " edge"]:
        """First panels of z: about 0, and about where the rows say theta is, in steps of how closely they say it."""
        centre, width = (group.c - mu) / tau, _width(group) / tau
        low, high = min(-REACH, centre - 9 * width), max(REACH, centre + 9 * width)
        low, high = max(low, -1e3), min(high, 1e3)  # beyond it N is nothing
        own = graded(float(np.clip(centre, low, high)), min(width, 1.0), low, high)
        steps = STEPS[np.abs(STEPS[:, None] - own).min(axis=1) > 1e-6 * min(width, 1.0)]
        return np.union1d(own, steps)

    def each(self) -> Iterator[tuple[float, list[Marginal]]]:
        """The mass of each cell, and the law of every group's z in it."""
        every = list(range(len(self.groups)))
        for k, masses in enumerate(self.mass):
            yield from zip(masses.tolist(), self.laws(k, every), strict=True)

    # --- the weight of a group's own rows -----------------------------------------------------------------------------

    def weights(self) -> Float[np.ndarray, " group"]:
        """E[1 - dE[theta_d | mu, tau, t] / dmu | t] of rows that are not normal: 1 - Var[theta_d | mu, tau, t] / tau**2."""
        return sum(mass * np.array([1 - law.var for law in laws]) for mass, laws in self.each())  # pyright: ignore

    def weights_given_sigma(self) -> Float[np.ndarray, " group"]:
        """E[tau**2 / (tau**2 + sigma_d**2 / n_d) | t] where groups learn their own sigmas."""
        return np.array([self._weight_given_sigma(group) for group in self.groups])

    def _weight_given_sigma(self, group: Group) -> float:
        assert isinstance(group, EnumeratedSigma)
        spread = 1 + group.w * self.tau[:, None, None] ** 2  # (tau, 1, sigma)
        log_p = group.log_p + group.a - np.log(spread) / 2 - group.w / spread * (self.mu[..., None] - group.c) ** 2 / 2
        p = np.exp(log_p - log_sum_exp(log_p)[..., None])
        return float((self.mass[..., None] * p * (1 - 1 / spread)).sum())

    # --- combinations -------------------------------------------------------------------------------------------------

    def combination(self, weights: Float[np.ndarray, " group"]) -> Marginal:
        """sum of weights[d] theta_d; the weights sum to 0, so that few values of mu are enough, or mu is known."""
        used, mass = np.flatnonzero(weights), self.mass.sum(axis=1)
        kept = weighty(mass, mass * self.tau**2).tolist()
        series = [
            _Series.of(self.mu[k], self.tau[k], self.mass[k], weights[used], self.laws(k, used.tolist())) for k in kept
        ]
        mean, sd = (np.array([getattr(one, name) for one in series]) for name in ("mean", "sd"))

        def log_density(_, x: np.ndarray) -> np.ndarray:
            p = sum(mass[k] * one.density(x) for k, one in zip(kept, series, strict=True))
            return np.log(np.maximum(p, np.finfo(float).tiny))

        density = adapt(log_density, [mixture_edges(mean, sd, np.log(mass[kept]))], 10 * FINE[0])[0]
        return run_groups(MEMOS["expected"], "prediction", "expected", [density])[0]


@dataclass(frozen=True, eq=False)
class _Series:
    """The density of a sum at one tau as a Fourier series: frequencies u > 0 in its sds, and its characteristic function."""

    mean: float
    sd: float
    phi: Complex[np.ndarray, " u"]

    @classmethod
    def of(
        cls,
        mu: Float[np.ndarray, " mu"],
        tau: float,
        mass: Float[np.ndarray, " mu"],
        weights: Float[np.ndarray, " used"],
        laws: list[list[Marginal]],
    ) -> "_Series":
        share, weights = mass / mass.sum(), tau * weights
        z, v = (np.array([[getattr(law, name) for law in of_mu] for of_mu in laws]) for name in ("mean", "var"))
        centre = weights.sum() / tau * mu + z @ weights
        mean = float(share @ centre)
        sd = float(np.sqrt(share @ (v @ weights**2 + (centre - mean) ** 2)))
        count = 32
        while True:
            u = 2 * np.pi / (WINDOW * sd) * np.arange(1, count + 1)
            phi = np.zeros(count, complex)
            for j, of_mu in enumerate(laws):
                own = share[j] * np.exp(1j * u * (centre[j] - mean))
                for w, law, of_z in zip(weights, of_mu, z[j], strict=True):
                    turn = np.exp(1j * u[0] * w * (law.grid.nodes - of_z))
                    own *= np.cumprod(np.broadcast_to(turn, (count, len(turn))), axis=0) @ law.masses
                phi += own
            if np.abs(phi[-4:]).max() < FADED:
                return cls(mean, sd, phi)
            if count >= HIGHEST:
                raise PosteriorError(
                    f"the density of a sum of thetas is not smooth at tau = {tau:.3g}: its characteristic function is still "
                    f"{np.abs(phi[-4:]).max():.1g} at {u[-1] * sd:.3g} / sd. A group of one row that learns its sigma has a "
                    "pole: leave it out, or share sigma."
                )
            count += max(8, count // 4)

    def density(self, x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """p(x), 0 outside the period: no mass is there."""
        z, result = (x - self.mean) / self.sd, np.zeros(x.shape)
        inside = np.abs(z) < WINDOW / 2
        turn = np.exp(-2j * np.pi / WINDOW * np.outer(z[inside], np.arange(1, len(self.phi) + 1)))
        result[inside] = (1 + 2 * (turn @ self.phi).real) / (WINDOW * self.sd)
        return result


def standard_normal(z: np.ndarray) -> np.ndarray:
    """log N(z; 0, 1), up to a constant."""
    return -(z**2) / 2


def _width(group: Group) -> float:
    """How closely the rows of a group say where its theta is, at the least."""
    if isinstance(group, Smooth):
        return group.width
    assert isinstance(group, EnumeratedSigma)
    likely = np.cumsum(np.exp(group.log_p)) > 1e-3 * np.exp(group.log_p).sum()
    return float(1 / np.sqrt(max(group.w[np.argmax(likely)], 1e-300)))


def _normalised(grid: Grid, log_p: Float[np.ndarray, " node"]) -> Marginal:
    masses = np.exp(log_p - log_p.max()) * grid.weights
    return Marginal(grid, masses / masses.sum(), tails=(np.inf, np.inf))
