"""Curves: the density of one coordinate, or of two, read off a cloud.

The density of a coordinate u_j is the sum over the others, laid out about their mean and covariance given u_j; it is taken
at the nodes of panels, and its log is the polynomial through them. Where the cloud's rule is the finer one, what the
density lacks of the cloud's first two or four moments of u_j is put in by a factor exp(a u_j + b u_j**2 + ...): of all
densities with those moments, the closest in relative entropy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from gridbayes.grids import COARSE as COARSE_PANELS
from gridbayes.grids import FINE as FINE_PANELS
from gridbayes.grids import Grid, adapt, in_panels, legendre_rule, legendre_transform
from gridbayes.quadrature.clouds import SHARPER, Cloud, Component, Frame, ResolutionError
from gridbayes.quadrature.rules import Rule
from gridbayes.quadrature.supports import Space
from gridbayes.quadrature.target import Target

__all__ = ["COARSE", "FINE", "Reading", "pair", "panels", "points_of"]

BEYOND = 36.0  # what it falls below its top where panels end
FARTHEST = 6  # how often the ends are moved to twice the distance
FINER = 32  # nodes of sums over the polynomials
NEWTON = 30  # steps at most
PAIR = (24, 8.5)  # nodes of the log density of two coordinates, within so many sds


# --- one coordinate ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """How a cloud's densities are read: nodes of a panel four sds wide, tolerance and order of the panels that result."""

    nodes: int
    tol: float
    order: int


FINE, COARSE = Reading(12, *FINE_PANELS), Reading(10, *COARSE_PANELS)


def panels(
    cloud: Cloud, component: Component, rule: Rule, moments: int = 2, reading: Reading = FINE
) -> tuple[Grid, np.ndarray]:
    """A component's density on panels in its own unit, and its masses (node,).

    `rule` sums over the other coordinates; `moments` of the cloud, 2 or 4, are put in where that is finer, else 0.
    """
    curve = _Curve.of(cloud, component, rule, moments, reading.nodes)
    space = cloud.target.space

    def log_density(_: Any, x: np.ndarray) -> np.ndarray:
        u, log_slope = space.inverse(*component, x)
        return curve(u) + log_slope

    halves = np.sort(np.append(curve.edges, (curve.edges[1:] + curve.edges[:-1]) / 2))
    ((grid, log_p),) = adapt(log_density, [np.unique(space.monotone(*component, halves))], reading.tol, reading.order)
    masses = np.exp(log_p - log_p.max()) * np.exp(grid.log_weight)
    return grid, masses / masses.sum()


@dataclass(frozen=True, eq=False)
class _Curve:
    """The log density of one coordinate: a polynomial in each panel, plus sum_k tilt_k t**k, t in sds from the mean."""

    edges: Float[np.ndarray, " edge"]
    coefficients: Float[np.ndarray, "panel degree"]
    mean: float
    sd: float
    tilt: tuple[float, ...] = (0.0,)

    @classmethod
    def of(cls, cloud: Cloud, component: Component, rule: Rule, moments: int, count: int) -> "_Curve":
        space, at = cloud.target.space.leading(*component)
        frame = cloud.frame(space)
        mean, sd = float(frame.centre[at]), float((frame.root @ frame.root.T)[at, at] ** 0.5)

        def log_density(nodes: np.ndarray) -> np.ndarray:
            return _summed(cloud.target, space, frame, [at], nodes[:, None], rule)

        edges, log_p = _until_negligible(log_density, mean, sd, count)
        log_p = np.maximum(log_p, log_p.max() - 700)  # where the density is 0, a polynomial needs a number
        curve = cls(edges, log_p.reshape(-1, count) @ legendre_transform(count).T, mean, sd)
        t = (cloud.coordinates(space)[:, at] - mean) / sd
        near = np.abs(edges - mean).max() <= 17 * sd  # farther out a power of 4 would be a density of its own
        for many in [m for m in (4, 2) if m <= moments and (m == 2 or near)]:
            if (matched := curve.matched(np.array([cloud.masses @ t**k for k in range(1, many + 1)]))) is not None:
                return matched
        return curve  # its mean and sd are far from the cloud's, and the accuracy statement says so

    def __call__(self, u: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        panel = np.clip(np.searchsorted(self.edges, u, side="right") - 1, 0, len(self.edges) - 2)
        v = np.clip(2 * (u - self.edges[panel]) / np.diff(self.edges)[panel] - 1, -1, 1)
        t = (u - self.mean) / self.sd
        polynomials = np.polynomial.legendre.legvander(v, self.coefficients.shape[1] - 1)
        log_p = np.sum(self.coefficients[panel] * polynomials, axis=-1)
        return log_p + np.polynomial.polynomial.polyval(t, self.tilt)

    def matched(self, moments: Float[np.ndarray, " power"]) -> "_Curve | None":
        """The curve with the tilt that gives it these E[t], E[t**2], ...: Newton's steps. None where none is small."""
        grid = in_panels(self.edges, FINER)
        t, log_p = (grid.nodes - self.mean) / self.sd, self(grid.nodes)
        powers, tilt = t ** np.arange(1, len(moments) + 1)[:, None], np.zeros(len(moments))
        for _ in range(NEWTON):
            exponent = log_p + tilt @ powers
            masses = np.exp(exponent - exponent.max()) * np.exp(grid.log_weight)
            masses /= masses.sum()
            missing = moments - powers @ masses
            if np.abs(missing).max() < 1e-11:
                return _Curve(self.edges, self.coefficients, self.mean, self.sd, (0.0, *tilt.tolist()))
            spread = powers - (powers @ masses)[:, None]
            tilt = tilt + np.linalg.lstsq((spread * masses) @ spread.T, missing)[0]
            if not np.abs(tilt @ powers).max() < BEYOND:
                return None
        return None


def _until_negligible(log_density: Callable, mean: float, sd: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges of panels about the mean, as far out as the density is not negligible, and its log at their nodes."""
    edges = mean + sd * np.array([-8.0, -4.0, 0.0, 4.0, 8.0])
    log_p = log_density(in_panels(edges, count).nodes)
    for side in (0, -1):
        for _ in range(FARTHEST):
            if log_p[side] < log_p.max() - BEYOND:
                break
            far = mean + 2 * (edges[side] - mean)
            new = np.sort([edges[side], far])
            beyond = log_density(in_panels(new, count).nodes)
            edges = np.sort(np.append(edges, far))
            log_p = np.concatenate([beyond, log_p] if side == 0 else [log_p, beyond])
    return edges, log_p


def _summed(
    target: Target, space: Space, frame: Frame, at: list[int], u: Float[np.ndarray, "node given"], rule: Rule
) -> Float[np.ndarray, " node"]:
    """The log density of the coordinates `at`, at u, the others summed by the rule about their mean given u."""
    means, root, others = frame.given(at, u)
    points = np.empty((len(u), len(rule), space.dimension))
    points[:, :, at] = u[:, None, :]
    points[:, :, others] = means[:, None, :] + rule.z @ root.T
    log_p = target.log_density(points.reshape(-1, space.dimension), space).reshape(len(u), len(rule))
    exponent = log_p + rule.log_weight
    top = exponent.max(axis=1)
    safe = np.where(np.isfinite(top), top, 0.0)
    total = (rule.sign * np.exp(exponent - safe[:, None])).sum(axis=1)
    if (negative := total < 0).any() and top[negative].max() > top.max() - BEYOND:
        raise ResolutionError(f"{rule.name} sums to less than zero. {SHARPER}")
    with np.errstate(divide="ignore"):
        return safe + np.log(np.maximum(total, 0))


# --- two coordinates --------------------------------------------------------------------------------------------


def points_of(cloud: Cloud, component: Component) -> tuple[Grid, np.ndarray]:
    """A component at the cloud's points, in order, and their masses."""
    nodes, which = np.unique(cloud.values(component), return_inverse=True)
    return Grid(nodes), np.bincount(which, cloud.masses)


def pair(
    cloud: Cloud, components: tuple[Component, Component], axes: tuple[Grid, Grid], rule: Rule
) -> Float[np.ndarray, "first second"]:
    """p(first, second) as masses on two grids: log p is a polynomial in two coordinates turned to be uncorrelated."""
    (name, j), (other, k) = components
    space, one = cloud.target.space.leading(name, j)
    space, two = space.leading(other, k)
    frame = cloud.frame(space)
    both = Frame.of(frame.centre[[one, two]], (frame.root @ frame.root.T)[np.ix_([one, two], [one, two])])
    count, reach = PAIR
    z = np.stack(np.meshgrid(*[reach * legendre_rule(count)[0]] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    log_p = _summed(cloud.target, space, frame, [one, two], both.centre + z @ both.root.T, rule).reshape(count, count)
    log_p = np.maximum(log_p, log_p.max() - 700)
    coefficients = legendre_transform(count) @ log_p @ legendre_transform(count).T
    (u, u_slope), (v, v_slope) = (space.inverse(*c, g.nodes) for c, g in zip(components, axes, strict=True))
    uv = np.stack(np.meshgrid(u, v, indexing="ij"), axis=-1) - both.centre
    at = np.linalg.solve(both.root, uv.reshape(-1, 2).T) / reach
    inside = (np.abs(at) <= 1).all(axis=0).reshape(len(u), len(v))
    exponent = np.polynomial.legendre.legval2d(*np.clip(at, -1, 1), coefficients).reshape(len(u), len(v))
    weights = [slope + grid.log_weight for slope, grid in zip((u_slope, v_slope), axes, strict=True)]
    exponent = np.where(inside, exponent, -np.inf) + weights[0][:, None] + weights[1]
    masses = np.exp(exponent - exponent.max())
    return masses / masses.sum()
