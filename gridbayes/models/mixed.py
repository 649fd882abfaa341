"""Rows of a mixture of normals: what its parameters, at points with masses, say of each of them.

    p(y | parameters) = sum_k weight_k N(y; level_k, sigma_k),     level_k = mu_k, or intercept_k + slope_k x

Means over the posterior are sums over the weighted points of its quadrature. Without row i the masses are those of all rows
over p(y_i | parameters), renormalised:

    p(y_i | y_-i) = 1 / E[1 / p(y_i | parameters) | y].

Source: Gelfand, Dey & Chang (1992), "Model determination using predictive distributions with implementation via
sampling-based methods", Bayesian Statistics 4:147-167.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp, ndtr

from gridbayes._types import PerRow
from gridbayes.conditional import LOG_2PI, graded, weighty
from gridbayes.grids import adapt
from gridbayes.quadrature.clouds import Cloud
from gridbayes.summaries import Marginal

__all__ = ["Normals", "Scores", "checked_scores", "new_row", "of_rows", "scores"]

TOGETHER = 2**21  # points x rows x components at once
CLOSE = 1e-4  # of log p(y_i | y_-i): rules that differ by more do not resolve what is left without a row
REACH = 12.0  # sds from every component: what is beyond is nothing


@dataclass(frozen=True, eq=False)
class Normals:
    """The mixture of every row at every point: a distribution as scipy's are asked.

    Parameters
    ----------
    weight, sigma : (point, 1, component). level : (point, row or 1, component).
    """

    weight: Float[np.ndarray, "point 1 component"]
    level: Float[np.ndarray, "point _row component"]
    sigma: Float[np.ndarray, "point 1 component"]

    @classmethod
    def of(cls, points: Mapping[str, np.ndarray], known: float | None, x: PerRow | None) -> "Normals":
        """At these points, with a known sigma where it is not learned, for rows at x where there is one."""
        weight = points["weight"][:, None]
        sigma = np.asarray(points.get("sigma", known), float)
        sigma = np.broadcast_to(sigma if sigma.ndim == 2 else sigma.reshape(-1, 1), points["weight"].shape)[:, None]
        if x is None:
            return cls(weight, points["mu"][:, None], sigma)
        return cls(weight, points["intercept"][:, None] + points["slope"][:, None] * x[:, None], sigma)

    def logpdf(self, y: Float[np.ndarray, " row"]) -> Float[np.ndarray, "point row"]:
        """log p(y | parameters)."""
        z = (y[:, None] - self.level) / self.sigma
        return logsumexp(np.log(self.weight / self.sigma) - z**2 / 2, axis=2) - LOG_2PI / 2

    def cdf(self, y: Float[np.ndarray, " row"]) -> Float[np.ndarray, "point row"]:
        """P(y_new <= y | parameters)."""
        return np.sum(self.weight * ndtr((y[:, None] - self.level) / self.sigma), axis=2)

    def rvs(self, size: tuple[int, int], random_state: np.random.Generator) -> Float[np.ndarray, "point row"]:
        """A draw of each row at each point: of its component, then about its level."""
        below = np.cumsum(self.weight, axis=2)[..., :-1]
        k = np.sum(random_state.random(size)[..., None] > below, axis=2)[..., None]
        level, sigma = (
            np.take_along_axis(np.broadcast_to(each, (*size, each.shape[2])), k, axis=2)[..., 0]
            for each in (self.level, self.sigma)
        )
        return level + sigma * random_state.standard_normal(size)


@dataclass(frozen=True, eq=False)
class Scores:
    """Of every row, (row,): log p(y_i | y_-i), log p(y_i | y), P(y_new <= y_i | y_-i) and P(y_new <= y_i | y); nan where a
    rule whose weights have signs sums to nothing."""

    left_out: PerRow
    within: PerRow
    pit_left_out: PerRow
    pit: PerRow


def scores(cloud: Cloud, known: float | None, x: PerRow | None, y: PerRow) -> Float[np.ndarray, "score row"]:
    """The scores of rows that are among the data of this cloud, in the order of Scores."""
    kept = weighty(np.abs(cloud.masses))
    points, masses = {name: each[kept] for name, each in cloud.own.items()}, cloud.masses[kept]
    found = [of_rows(Normals.of(points, known, own_x), own_y, masses) for own_x, own_y in _parts(x, y, len(kept))]
    return np.concatenate(found, axis=1)


def checked_scores(
    fine: Float[np.ndarray, "score row"],
    coarse: Float[np.ndarray, "score row"],
    anew: Callable[[int], tuple[float, float]],
) -> int:
    """Where fine and coarse points differ, log p(y_i | y_-i) and its PIT by a fit without the row, put into `fine`; for how
    many rows. `anew` has both of a row."""
    again = np.flatnonzero(~(np.abs(fine[0] - coarse[0]) < CLOSE)).tolist()
    for row in again:
        fine[0, row], fine[2, row] = anew(row)
    return len(again)


def _parts(x: PerRow | None, y: PerRow, points: int) -> Iterator[tuple[PerRow | None, PerRow]]:
    """Some rows at a time."""
    for rows in np.array_split(np.arange(len(y)), max(1, -(-len(y) * points // TOGETHER))):
        yield None if x is None else x[rows], y[rows]


def of_rows(given: Any, y: PerRow, masses: Float[np.ndarray, " point"]) -> Float[np.ndarray, "score row"]:
    """The scores of rows among the data, as in Scores; `given` has `logpdf` and `cdf` of each row at each point."""
    log_p, below = given.logpdf(y), given.cdf(y)
    lowest, highest = log_p.min(axis=0), log_p.max(axis=0)
    without = masses[:, None] * np.exp(lowest - log_p)
    with np.errstate(invalid="ignore", divide="ignore"):
        left_out = lowest - np.log(without.sum(axis=0))
        within = highest + np.log(masses @ np.exp(log_p - highest))
        return np.stack([left_out, within, (without * below).sum(axis=0) / without.sum(axis=0), masses @ below])


def new_row(cloud: Cloud, known: float | None, x: float | None, tol: float, order: int) -> Marginal:
    """y of a new row, at x where there is one: the mixtures at all points, mixed."""
    kept = weighty(np.abs(cloud.masses))
    points, masses = {name: each[kept] for name, each in cloud.own.items()}, cloud.masses[kept]
    normals = Normals.of(points, known, None if x is None else np.array([x]))
    level, sigma = (np.broadcast_to(each, normals.weight.shape)[:, 0] for each in (normals.level, normals.sigma))
    height = masses[:, None] * normals.weight[:, 0] / sigma

    def log_density(_: object, y: np.ndarray) -> np.ndarray:
        found = [np.sum(height * np.exp(-(((each - level) / sigma) ** 2) / 2)) for each in y.ravel()]
        return np.log(np.maximum(np.array(found), 1e-300)).reshape(y.shape)

    centre, step = float(np.sum(height * sigma * level)), float(masses @ sigma.min(axis=1))
    low, high = float((level - REACH * sigma).min()), float((level + REACH * sigma).max())
    ((grid, log_p),) = adapt(log_density, [graded(centre, step, low, high)], tol, order)
    found = np.exp(log_p - log_p.max()) * grid.weights
    return Marginal(grid, found / found.sum())
