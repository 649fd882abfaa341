"""Coefficients that are normal given one scale: least squares with their priors as further rows.

    |right - X b|**2 + sum_j ((b_j - m_j) / s_j)**2 = |R b - Q'r|**2 + const,     b | scale ~ N(R**-1 Q'r, R**-1 R**-T)

Source: Lawson & Hanson, Solving Least Squares Problems (1974), chapter 25, on priors as rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from gridbayes.conditional import LOG_2PI, weighty
from gridbayes.grids import Grid
from gridbayes.priors import Normal, Prior
from gridbayes.quadrature.rules import normal_log_density, product, product_size
from gridbayes.summaries import Marginal

__all__ = ["Given", "stacked"]

MOST = 2**18  # nodes of all parameters together


def stacked(
    rows: Float[np.ndarray, "cell row coefficient"], right: Float[np.ndarray, "cell row"], priors: list[Prior]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least squares |right - rows b|**2 with priors of b as further rows: mean (cell, coefficient), root with root root' its
    covariance, and log int p(b) exp(-|right - rows b|**2 / 2) db, (cell,)."""
    normal = [prior if isinstance(prior, Normal) else None for prior in priors]
    m, rate = np.array([p.loc if p else 0.0 for p in normal]), np.array([1 / p.scale if p else 0.0 for p in normal])
    cells, flat = len(rows), rate == 0
    more = np.broadcast_to(np.diag(rate), (cells, len(m), len(m)))
    q, upper = np.linalg.qr(np.concatenate([rows, more], axis=1))  # upper' upper = A
    target = np.concatenate([right, np.broadcast_to(rate * m, (cells, len(m)))], axis=1)
    mean = np.linalg.solve(upper, np.einsum("kij,ki->kj", q, target)[..., None])[..., 0]
    fit = np.sum((right - np.einsum("kij,kj->ki", rows, mean)) ** 2, axis=1)
    misfit = np.sum((rate * (mean - m)) ** 2, axis=1)
    log_det = np.log(np.abs(np.diagonal(upper, axis1=1, axis2=2))).sum(axis=1) - np.log(rate[~flat]).sum()
    return mean, np.linalg.inv(upper), LOG_2PI / 2 * flat.sum() - (fit + misfit) / 2 - log_det


@dataclass(frozen=True, eq=False)
class Given:
    """The coefficients given each value of a scale, sigma or tau: b ~ N(mean, root root'), and log p(y | scale)."""

    sigma: Float[np.ndarray, " cell"]
    mean: Float[np.ndarray, "cell coefficient"]
    root: Float[np.ndarray, "cell coefficient coefficient"]
    log_evidence: Float[np.ndarray, " cell"]

    def combinations(
        self, a: Float[np.ndarray, "item coefficient"]
    ) -> tuple[Float[np.ndarray, "item cell"], Float[np.ndarray, "item cell"]]:
        """Mean and sd of a . b given sigma."""
        return a @ self.mean.T, np.sqrt(np.sum((a @ self.root) ** 2, axis=2)).T

    def at(self, cells: Int[np.ndarray, " _cell"]) -> "Given":
        """The same at some of the scales, in this order."""
        return Given(self.sigma[cells], self.mean[cells], self.root[cells], self.log_evidence[cells])

    def drawn(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "draw coefficient"]:
        """One draw at each scale, or n at the one that there is."""
        coefficients = self.mean.shape[1]
        root = np.broadcast_to(self.root, (n, coefficients, coefficients))
        return self.mean + np.einsum("kij,kj->ki", root, rng.standard_normal((n, coefficients)))

    def points(
        self, share: Float[np.ndarray, " cell"]
    ) -> tuple[Float[np.ndarray, "cell point coefficient"], Float[np.ndarray, "cell point"]]:
        """Gauss-Hermite points (rules.py) at each scale, as many as MOST allows, and their masses; `share` p(scale | y)."""
        d = self.mean.shape[1]
        order = max((order for order in range(2, 10) if product_size(order, d) * len(share) <= MOST), default=None)
        if order is None:
            raise ValueError(
                f"weighted has no room for {d} coefficients in {MOST:,} nodes. Use post.sample(n), or post.to_xarray() for "
                "each by itself."
            )
        rule = product(order, d)
        points = self.mean[:, None] + np.einsum("kij,pj->kpi", self.root, rule.z)
        return points, np.outer(share, np.exp(rule.log_weight + normal_log_density(rule.z)))

    def with_scale(
        self, j: int, mixed: Callable[..., tuple[Marginal, ...]], scale: Marginal
    ) -> tuple[Marginal, Marginal, np.ndarray]:
        """p(b_j, scale | y), (b_j, scale): b_j is normal given the scale; `mixed` gives its marginal."""
        mean, sd = self.combinations(np.eye(self.mean.shape[1])[[j]])
        (one,) = mixed(mean, sd)
        log_p = -(((one.grid.nodes[:, None] - mean) / sd) ** 2) / 2 - np.log(sd) + one.grid.log_weight[:, None]
        masses = np.exp(log_p - LOG_2PI / 2) * scale.masses
        return one, scale, masses / masses.sum()

    def pair(self, j: int, k: int, one: Grid, two: Grid, masses: Float[np.ndarray, " cell"]) -> np.ndarray:
        """p(b_j, b_k | y) times the weights of both nodes, (one, two): b_k given b_j and sigma is normal."""
        result = np.zeros((len(one), len(two)))
        (mean_j, mean_k), (sd_j, sd_k) = self.mean.T[[j, k]], np.sqrt(np.sum(self.root[:, [j, k]] ** 2, axis=2)).T
        share = np.sum(self.root[:, j] * self.root[:, k], axis=1) / (sd_j * sd_k)
        for cell in weighty(masses):
            z = (one.nodes - mean_j[cell]) / sd_j[cell]
            rest = max(np.sqrt(max(1 - share[cell] ** 2, 0.0)), 1e-8)
            u = ((two.nodes - mean_k[cell]) / sd_k[cell] - share[cell] * z[:, None]) / rest
            result += masses[cell] / (sd_j[cell] * sd_k[cell] * rest) * np.exp(-(u**2 + z[:, None] ** 2) / 2)
        return result * np.outer(np.exp(one.log_weight), np.exp(two.log_weight))
