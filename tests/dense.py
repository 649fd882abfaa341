"""A second oracle: pooling models in the continuum, by textbook linear algebra on dense grids, without gridbayes.

Given tau and sigma everything is jointly Gaussian: z = (mu, theta_1, ..., theta_D) ~ N(prior), y = A z + noise. The scales
are summed by the trapezoid rule in their logarithms, which converges exponentially; nothing here is adaptive.
"""

from dataclasses import dataclass

import numpy as np
import scipy.stats as st
from scipy.optimize import brentq


def log_scale(step: float = 0.1, low: float = -36, high: float = 36) -> tuple[np.ndarray, np.ndarray]:
    """Nodes in constant ratio and the trapezoid weights of d scale = scale d log scale."""
    nodes = np.exp(np.arange(low, high, step))
    return nodes, step * nodes


def location(
    centre: float,
    scale: float,
    breaks=(),
    low: float = -np.inf,
    high: float = np.inf,
    panels: int = 60,
    reach: float = 40,
) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre panels in u, x = centre + scale sinh(u), split at the breaks: for tails of any weight."""
    cuts = np.linspace(-reach, reach, panels + 1)
    cuts = np.union1d(
        cuts, np.arcsinh((np.array([x for x in (*breaks, low, high) if np.isfinite(x)]) - centre) / scale)
    )
    ends = [np.arcsinh((x - centre) / scale) if np.isfinite(x) else x for x in (low, high)]
    cuts = cuts[(cuts >= ends[0]) & (cuts <= ends[1])]
    u, w = np.polynomial.legendre.leggauss(20)
    half = np.diff(cuts)[:, None] / 2
    u, w = (cuts[:-1, None] + half * (u + 1)).ravel(), (half * w).ravel()
    return centre + scale * np.sinh(u), w * scale * np.cosh(u)


def graded(centre: float, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre panels between these distances to both sides of the centre: for a pole there."""
    cuts = centre + np.concatenate([-distances[::-1], [0.0], distances])
    u, w = np.polynomial.legendre.leggauss(20)
    half = np.diff(cuts)[:, None] / 2
    return (cuts[:-1, None] + half * (u + 1)).ravel(), (half * w).ravel()


def log_sum(x: np.ndarray, axis: int) -> np.ndarray:
    """log sum exp."""
    top = x.max(axis=axis, keepdims=True)
    return np.squeeze(top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True)), axis=axis)


def moments(p: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    """Mean and sd of x with masses p."""
    mean = p @ x
    return mean, np.sqrt(p @ (x - mean) ** 2)


@dataclass(frozen=True)
class Mixture:
    """Gaussians over z with weights: the posterior, its cells (scale values) and the log evidence."""

    weight: np.ndarray  # (cell,)
    mean: np.ndarray  # (cell, z)
    cov: np.ndarray  # (cell, z, z)
    log_evidence: float

    def moments(self, *direction: float) -> tuple[float, float]:
        """Mean and sd of the combination direction @ z."""
        m, v = self._normal(direction)
        mean = self.weight @ m
        return mean, np.sqrt(self.weight @ (v + (m - mean) ** 2))

    def quantile(self, q: float, *direction: float) -> float:
        m, v = self._normal(direction)
        mean, sd = self.moments(*direction)
        return brentq(
            lambda x: self.weight @ st.norm.cdf(x, m, np.sqrt(np.maximum(v, 1e-30))) - q, mean - 40 * sd, mean + 40 * sd
        )

    def scale(self, values: np.ndarray) -> tuple[float, float]:
        """Mean and sd of a scale, its value at each cell."""
        mean = self.weight @ values
        return mean, np.sqrt(self.weight @ (values - mean) ** 2)

    def _normal(self, direction) -> tuple[np.ndarray, np.ndarray]:
        d = np.zeros(self.mean.shape[1])
        d[: len(direction)] = direction
        return self.mean @ d, np.einsum("kij,i,j->k", self.cov, d, d)


def mixture(
    y: np.ndarray,
    codes: np.ndarray,
    noise: np.ndarray,
    prior_mean: np.ndarray,
    prior_cov: np.ndarray,
    log_p: np.ndarray,
) -> Mixture:
    """The posterior: y (row,), group codes (row,), noise variances (cell, row), prior of z (z,), (cell, z, z), and the
    log prior mass of each cell. Groups have no mu of their own: z = (mu, theta_0, ...)."""
    a = np.eye(prior_cov.shape[1])[codes + 1]
    cross = prior_cov @ a.T  # (cell, z, row)
    marginal = a @ cross + noise[:, :, None] * np.eye(len(y))
    residual = y - a @ prior_mean
    gain = np.linalg.solve(marginal, np.swapaxes(cross, 1, 2))  # (cell, row, z)
    mean = prior_mean + np.einsum("krz,r->kz", gain, residual)
    cov = prior_cov - cross @ gain
    fit = np.linalg.solve(marginal, np.broadcast_to(residual, (len(noise), len(y)))[..., None])[..., 0] @ residual
    log_l = -0.5 * (fit + np.linalg.slogdet(marginal)[1] + len(y) * np.log(2 * np.pi))
    top = (log_l + log_p).max()
    weight = np.exp(log_l + log_p - top)
    return Mixture(weight / weight.sum(), mean, cov, float(top + np.log(weight.sum())))


def partial(groups: int, loc: float, scale: float, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Prior mean (z,) and covariance (cell, z, z) of mu ~ N(loc, scale), theta_d ~ N(mu, tau)."""
    cov = np.full((len(tau), groups + 1, groups + 1), float(scale) ** 2)
    index = np.arange(1, groups + 1)
    cov[:, index, index] += tau[:, None] ** 2
    return np.full(groups + 1, float(loc)), cov


def unpooled(groups: int, loc: float, scale: float, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Prior mean and covariance of independent theta_d ~ N(loc, scale); mu is not used."""
    return np.full(groups + 1, float(loc)), np.broadcast_to(
        scale**2 * np.eye(groups + 1), (cells, groups + 1, groups + 1)
    )


def half_cauchy(x: np.ndarray, scale: float) -> np.ndarray:
    return np.log(2 / np.pi / scale) - np.log1p((x / scale) ** 2)


def half_normal(x: np.ndarray, scale: float) -> np.ndarray:
    return np.log(2) + st.norm.logpdf(x, 0, scale)
