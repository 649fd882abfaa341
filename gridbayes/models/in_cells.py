"""Thetas that are independent but not normal given mu and tau: ranks, weights and combinations of groups.

In a cell (mu, tau), in the unit z = (theta - mu) / tau in which nothing is lost as tau goes to 0,

    p(z_d | mu, tau, t) ~ N(z_d; 0, 1) L_d(mu + tau z_d),

each on panels of its own. A sum S = sum_d w_d theta_d has in a cell the characteristic function

    E[exp(i u S)] = exp(i u mu sum_d w_d) prod_d E[exp(i u tau w_d z_d)];

averaged over mu it is inverted by the trapezoid rule, which is right to rounding for densities this smooth, and the
densities are mixed over tau. In mu it turns as exp(i u b mu), b the slope of E[S | mu, tau, t]; what is left is smooth and
known at few mu_j, between which it is the polynomial through them, so that with l_j their Lagrange polynomials

    E[exp(i u S)] = sum_j  g_j(u) int p(mu | tau, t) l_j(mu) exp(i u b mu) dmu,     g_j = E[exp(i u (S - b mu)) | mu_j].

Sources: Abate & Whitt (1992), "The Fourier-series method for inverting transforms of probability distributions", Queueing
Systems 10:5-88; Filon (1928), Proc. R. Soc. Edinburgh 49:38-47, on integrals of what turns fast. Without pooling there is
one cell, z is theta, and its prior takes N's place.
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
LEAST, HIGHEST = 32, 2**10  # frequencies, in periods: what a sum may need where its groups' likelihoods have poles
NOTHING = 1e-30  # of p(mu | tau, t): where polynomials through the rest may be anything
FADED = 1e-8  # what a characteristic function may be where it is cut off
NEGLIGIBLE = 1e-11  # the same times the mass of its tau


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

    def combination(
        self,
        weights: Float[np.ndarray, " group"],
        nodes: Float[np.ndarray, " node"],
        of_mu: Float[np.ndarray, "tau node"],
    ) -> Marginal:
        """sum of weights[d] theta_d; `of_mu` are the masses of p(mu | tau, t) at nodes that resolve it."""
        used, mass = np.flatnonzero(weights), self.mass.sum(axis=1)
        kept = weighty(mass, mass * self.tau**2).tolist()
        series = [
            _Series.of(
                self.mu[k],
                self.tau[k],
                (nodes, of_mu[k]),
                weights[used],
                self.laws(k, used.tolist()),
                max(FADED, NEGLIGIBLE / mass[k]),
            )
            for k in kept
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
        of_mu: tuple[Float[np.ndarray, " node"], Float[np.ndarray, " node"]],
        weights: Float[np.ndarray, " used"],
        laws: list[list[Marginal]],
        faded: float,
    ) -> "_Series":
        """As long as its characteristic function has not `faded`."""
        nodes, between = _through(mu, *of_mu)
        share, weights = between.sum(axis=1), tau * weights
        z, v = (np.array([[getattr(law, name) for law in of_mu] for of_mu in laws]) for name in ("mean", "var"))
        centre = weights.sum() / tau * mu + z @ weights
        mean = float(share @ centre)
        sd = float(np.sqrt(share @ (v @ weights**2 + (centre - mean) ** 2)))
        u, phi = 2 * np.pi / (WINDOW * sd), []
        apart, masses = _padded(laws, z)  # (mu, used, node)
        turn, own = np.exp(1j * u * weights[:, None] * apart), masses.astype(complex)
        slope = share @ ((mu - share @ mu) * centre) / max(share @ (mu - share @ mu) ** 2, np.finfo(float).tiny)
        straight = np.exp(1j * u * (centre - mean - slope * (mu - share @ mu)))
        along = np.exp(1j * u * slope * (nodes - share @ mu))
        rest, between = np.ones(len(mu), complex), between.astype(complex)
        while len(phi) < LEAST or np.abs(phi[-4:]).max() >= faded:
            if len(phi) == HIGHEST:
                raise PosteriorError(
                    f"the density of a sum of thetas is not smooth at tau = {tau:.3g}: its characteristic function is still "
                    f"{np.abs(phi[-4:]).max():.1g} at {len(phi) * u * sd:.3g} / sd. A group of one row that learns its "
                    "sigma has a pole: leave it out, or share sigma."
                )
            own *= turn
            rest *= straight
            between *= along
            phi.append(np.sum(between.sum(axis=1) * rest * own.sum(axis=2).prod(axis=1)))
        return cls(mean, sd, np.array(phi))

    def density(self, x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """p(x), 0 outside the period: no mass is there."""
        z, result = (x - self.mean) / self.sd, np.zeros(x.shape)
        inside = np.abs(z) < WINDOW / 2
        turn = np.exp(-2j * np.pi / WINDOW * np.outer(z[inside], np.arange(1, len(self.phi) + 1)))
        result[inside] = (1 + 2 * (turn @ self.phi).real) / (WINDOW * self.sd)
        return result


def _through(
    mu: Float[np.ndarray, " mu"], nodes: Float[np.ndarray, " node"], p: Float[np.ndarray, " node"]
) -> tuple[Float[np.ndarray, " kept"], Float[np.ndarray, "mu kept"]]:
    """The nodes with any mass p, and p(node) l_j(node): a polynomial through values at mu, summed over the nodes."""
    nodes, p = nodes[p > NOTHING], p[p > NOTHING]
    same = np.eye(len(mu), dtype=bool)
    apart = np.where(same, 1.0, mu[:, None] - mu)
    factors = np.where(same[..., None], 1.0, (nodes - mu[:, None]) / apart[..., None])
    return nodes, p / p.sum() * factors.prod(axis=1)


def _padded(
    laws: list[list[Marginal]], mean: Float[np.ndarray, "mu used"]
) -> tuple[Float[np.ndarray, "mu used node"], Float[np.ndarray, "mu used node"]]:
    """How far the nodes of each law are from its mean, and their masses: 0 where a law has fewer nodes."""
    apart, masses = np.zeros((2, *mean.shape, max(len(law.grid) for of_mu in laws for law in of_mu)))
    for j, of_mu in enumerate(laws):
        for i, law in enumerate(of_mu):
            apart[j, i, : len(law.grid)], masses[j, i, : len(law.grid)] = law.grid.nodes - mean[j, i], law.masses
    return apart, masses


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
