"""What is left when the scales are given: with tau and sigma fixed, pooling of normal rows is a normal model in closed form.

With w_d and c_d the weight and centre of group d (likelihoods.py), p_d = w_d / (1 + w_d tau**2), and cells k of the
scales (tau, or tau and a shared sigma):

    log p(t | mu, k) = C_k - P_k (mu - m_k)**2 / 2,       P = sum_d p_d,   m = sum_d p_d c_d / P,
    theta_d | mu, k, t ~ N(B_d mu + (1 - B_d) c_d, B_d tau**2),            B_d = 1 / (1 + w_d tau**2).

Sources: Gelman et al., Bayesian Data Analysis, 3rd ed., equations 5.17 to 5.21; DerSimonian & Laird (1986).
Nothing cancels as tau goes to 0 or w to 0, so the cells may reach down to tau = 0 and up to any tau.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from gridbayes.convolution import log_convolution
from gridbayes.grids import Grid, adapt
from gridbayes.likelihoods import NormalFactors
from gridbayes.priors import Flat, Normal, Prior

__all__ = ["Affine", "Conditional", "graded", "log_sum_exp", "mixture_edges"]

CHUNK = 2**22  # numbers in one temporary of a sum over groups
LOG_2PI = float(np.log(2 * np.pi))
NEGLIGIBLE = 40.0  # e**-40 = 4e-18: what a cell may weigh, relative to the heaviest, and be left out of a window
REACH = 9.0  # standard deviations of a normal that hold all but 2e-19 of it


@dataclass(frozen=True, eq=False)
class Affine:
    """Numbers x = a + b mu + noise of variance v, given the scales: thetas, a difference of two; each (item, cell)."""

    a: Float[np.ndarray, "item cell"]
    b: Float[np.ndarray, "item cell"]
    v: Float[np.ndarray, "item cell"]


@dataclass(frozen=True, eq=False)
class Conditional:
    """The model given each cell of the scales.

    Parameters
    ----------
    prior : of mu.
    factors : likelihoods of the groups, one column a cell: a, w (group, cell), c (group,).
    tau : (cell,).
    """

    prior: Prior
    factors: NormalFactors
    tau: Float[np.ndarray, "cell"]

    @cached_property
    def sums(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """C, P and m, each (cell,)."""
        parts = [self._sums(cells) for cells in self._chunks()]
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))  # pyright: ignore[reportReturnType]

    def _chunks(self) -> list[slice]:
        step = max(1, CHUNK // max(len(self.factors.c), 1))
        return [slice(start, start + step) for start in range(0, len(self.tau), step)]

    def _sums(self, cells: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        columns = cells if self.factors.w.shape[1] > 1 else slice(None)
        w, a, c = self.factors.w[:, columns], self.factors.a[:, columns], self.factors.c[:, None]
        spread = 1 + w * self.tau[cells] ** 2
        p = w / spread
        total = p.sum(axis=0)
        m = (p * c).sum(axis=0) / np.where(total > 0, total, 1)
        height = (a - np.log(spread) / 2 - p * (c - m) ** 2 / 2).sum(axis=0)
        return height, total, m

    @cached_property
    def log_evidence(self) -> Float[np.ndarray, "cell"]:
        """log p(t | k) = log int p(mu) exp(C - P (mu - m)**2 / 2) dmu."""
        height, total, m = self.sums
        known = total > 0
        s = 1 / np.sqrt(np.where(known, total, 1))
        mass = log_convolution(self.prior, m, s) + LOG_2PI / 2 + np.log(s)
        return height + np.where(known, mass, 0.0)

    def log_likelihood(self, mu: Float[np.ndarray, "*shape #cell"]) -> Float[np.ndarray, "*shape cell"]:
        """log p(t | mu, k)."""
        height, total, m = self.sums
        return height - total * (mu - m) ** 2 / 2

    @cached_property
    def location(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of mu | k, t for a normal or flat prior; for another prior under a flat one. Each (cell,)."""
        _, total, m = self.sums
        if isinstance(self.prior, Normal):
            weight = 1 / self.prior.scale**2
            # written about the prior's location, so that a prior with tiny scale keeps all its digits
            shift = total / (total + weight) * (m - self.prior.loc)
            return self.prior.loc + shift, 1 / np.sqrt(total + weight)
        return m, 1 / np.sqrt(np.maximum(total, np.finfo(float).tiny))

    @property
    def is_normal(self) -> bool:
        """Whether mu | k, t is normal."""
        return isinstance(self.prior, Normal) or (
            isinstance(self.prior, Flat) and bool(np.isinf(self.prior.support).all())
        )

    def theta(self, d: list[int] | slice = slice(None), cells: np.ndarray | slice = slice(None)) -> Affine:
        """theta_d given mu and k, for some groups and cells."""
        w = self.factors.w[d][:, cells if self.factors.w.shape[1] > 1 else slice(None)]
        spread = w * self.tau[cells] ** 2
        b = 1 / (1 + spread)
        return Affine(spread * b * self.factors.c[d][:, None], b, b * self.tau[cells] ** 2)

    def difference(self, d: int, e: int, cells: np.ndarray | slice = slice(None)) -> Affine:
        """theta_d - theta_e given mu and k."""
        both = self.theta([d, e], cells)
        return Affine(both.a[:1] - both.a[1:], both.b[:1] - both.b[1:], both.v.sum(axis=0)[None])

    def cells_of(self, log_w: Float[np.ndarray, "cell"]) -> np.ndarray:
        """Indices of the cells that weigh anything: the others have less than 1e-15 of mass and variance."""
        mass = np.exp(log_w - log_w.max())
        sd = self.location[1]
        spread = mass * ((sd / sd[np.argmax(mass)]) ** 2 + (self.tau / self._middle(mass)) ** 2)
        kept = np.zeros(len(mass), bool)
        for weight in (mass, spread):
            order = np.argsort(weight)
            kept[order] |= np.cumsum(weight[order]) > 1e-15 * weight.sum()
        return np.flatnonzero(kept)

    def _middle(self, weight: Float[np.ndarray, "cell"]) -> float:
        """A typical tau; 1 where tau is 0."""
        return float(weight @ self.tau / weight.sum()) or 1.0

    def marginals(
        self, log_w: Float[np.ndarray, "cell"], x: Affine, cells: np.ndarray, tol: float, order: int
    ) -> list[tuple[Grid, Float[np.ndarray, "_node"]]]:
        """The density of each item of x, mixed over the cells, on panels that resolve it; its log, unnormalised.

        Parameters
        ----------
        log_w : (cell,) log p(k | t), of all cells.
        x : on `cells` only.
        """
        log_w = log_w[cells]
        mean, sd = self._normal(x, cells)
        marks = np.empty(0) if self.is_normal else _marks(self.prior)
        first = [mixture_edges(*item, log_w) for item in zip(mean, sd, strict=True)]
        location = not x.v.any() and bool((x.b == 1).all())  # mu itself: its prior may end where the data do not reach
        support = self.prior.support if location else (-np.inf, np.inf)
        edges = [
            _between(np.union1d(edge, marks), *support) if location else _with_marks(edge, marks) for edge in first
        ]

        def log_density(item: np.ndarray, at: np.ndarray) -> np.ndarray:
            step = max(1, CHUNK // (at.shape[1] * len(cells)))
            rows = [slice(start, start + step) for start in range(0, len(item), step)]
            return np.concatenate([self._mixture(log_w, x, mean, sd, cells, item[r], at[r]) for r in rows])

        return adapt(log_density, edges, tol, order)

    def own_marginal(self, log_w: Float[np.ndarray, "cell"], tol: float, order: int) -> tuple[Grid, np.ndarray]:
        """The density of mu itself, mixed over the cells with weights p(k | t)."""
        cells = self.cells_of(log_w)
        if not (self.sums[1] > 0).all():  # no rows: mu keeps its prior
            return adapt(lambda _, x: self.prior.logpdf(x), [_prior_edges(self.prior)], tol, order)[0]
        mu = Affine(*(np.full((1, len(cells)), value) for value in (0.0, 1.0, 0.0)))
        return self.marginals(log_w, mu, cells, tol, order)[0]

    def log_density(
        self, x: Affine, at: Float[np.ndarray, "node"], cells: np.ndarray
    ) -> Float[np.ndarray, "node cell"]:
        """log p(x = at | k, t) for one item x, up to a constant that all cells share."""
        mean, sd = self._normal(x, cells)
        return self._terms(x, mean, sd, cells, np.zeros(len(at), int), at[:, None])[:, 0, :]

    def spread_over_mu(
        self,
        grid: Grid,
        d: int,
        theta: Float[np.ndarray, "theta"],
        masses: Float[np.ndarray, "cell theta"],
        cells: np.ndarray,
    ) -> Float[np.ndarray, "mu theta"]:
        """p(mu, theta_d | t): each p(k, theta_d | t) spread over the nodes of mu as mu | theta_d, k, t is."""
        _, total, m = (part[cells] for part in self.sums)
        w = self.factors.w[d, cells if self.factors.w.shape[1] > 1 else slice(None)]
        p = w / (1 + w * self.tau[cells] ** 2)
        log_prior = self.prior.logpdf(grid.nodes) + grid.log_weight
        result = np.zeros((len(grid), len(theta)))
        for k, cell in enumerate(cells):
            rest = total[k] - p[k]  # what the other groups say of mu
            mean = (total[k] * m[k] - p[k] * self.factors.c[d]) / rest if rest > 0 else 0.0
            tau = max(self.tau[cell], 1e-9 * np.ptp(grid.nodes))
            log_p = log_prior[:, None] - rest * (grid.nodes[:, None] - mean) ** 2 / 2
            log_p = log_p - (grid.nodes[:, None] - theta) ** 2 / (2 * tau**2)
            given = np.exp(log_p - log_p.max(axis=0))
            result += given / given.sum(axis=0) * masses[k]
        return result

    def _normal(self, x: Affine, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of x | k, t where mu | k, t is `location`: each (item, cell)."""
        m, s = (part[cells] for part in self.location)
        return x.a + x.b * m, np.sqrt(x.v + (x.b * s) ** 2)

    def _mixture(
        self,
        log_w: np.ndarray,
        x: Affine,
        mean: np.ndarray,
        sd: np.ndarray,
        cells: np.ndarray,
        item: np.ndarray,
        at: np.ndarray,
    ) -> np.ndarray:
        """log sum_k p(k | t) p(x = at | k, t), (panel, node)."""
        if not self.is_normal:
            return log_sum_exp(log_w + self._terms(x, mean, sd, cells, item, at))
        weight = np.exp(log_w - log_w.max())
        result = np.empty_like(at)
        with np.errstate(divide="ignore", under="ignore"):  # far outside it underflows to -inf, which is what it is
            for panel, d in enumerate(item):
                z = at[panel][:, None] / sd[d] - mean[d] / sd[d]
                z *= z
                z *= -0.5
                result[panel] = np.log(np.exp(z, out=z) @ (weight / sd[d]))
        return result

    def _terms(
        self, x: Affine, mean: np.ndarray, sd: np.ndarray, cells: np.ndarray, item: np.ndarray, at: np.ndarray
    ) -> np.ndarray:
        """log p(x = at | k, t), (panel, node, cell). A prior of mu that is not normal enters as its evidence given x
        over its evidence alone."""
        mean, sd = mean[item][:, None, :], sd[item][:, None, :]
        distance = at[..., None] - mean
        log_p = -np.log(sd) - (distance / sd) ** 2 / 2
        if not self.is_normal:
            m, s = (part[cells] for part in self.location)
            b, v = x.b[item][:, None, :], x.v[item][:, None, :]
            given = m + b * (s / sd) ** 2 * distance
            log_p += self._log_prior_about(given, s * np.sqrt(v) / sd) - log_convolution(self.prior, m, s)
        return log_p

    def _log_prior_about(self, m: np.ndarray, s: np.ndarray) -> np.ndarray:
        """log of the prior smoothed by N(m, s); the prior itself where s vanishes beside m."""
        m, s = np.broadcast_arrays(m, s)
        point = s <= 1e-12 * np.abs(m)
        if self.prior.proper and s.max() < 0.05 * np.diff(self.prior.ppf(np.array([0.25, 0.75])))[0]:
            smooth = _narrow_convolution(self.prior, m, s)
        else:
            smooth = log_convolution(self.prior, m, np.where(point, 1.0, s))
        return np.where(point, self.prior.logpdf(m), smooth)


def log_sum_exp(x: Float[np.ndarray, "*shape n"]) -> Float[np.ndarray, "*shape"]:
    """log sum exp over the last axis, -inf for a row of -inf; in less than half the time of scipy's."""
    top = x.max(axis=-1)
    shift = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(shift + np.log(np.exp(x - shift[..., None]).sum(axis=-1)))


def _narrow_convolution(prior: Prior, m: np.ndarray, s: np.ndarray) -> np.ndarray:
    """log E[p(x)], x ~ N(m, s), by Gauss-Hermite: for s far below the width of a smooth prior, at a hundredth the cost."""
    z, weight = np.polynomial.hermite_e.hermegauss(20)
    return log_sum_exp(prior.logpdf(m[..., None] + s[..., None] * z) + np.log(weight / weight.sum()))


def mixture_edges(
    mean: Float[np.ndarray, "cell"], sd: Float[np.ndarray, "cell"], log_w: Float[np.ndarray, "cell"]
) -> Float[np.ndarray, "edge"]:
    """First panels for a mixture of normals: about its heaviest component, in growing steps of its narrowest sd."""
    weighty = log_w > log_w.max() - 25.0
    centre, step = float(mean[np.argmax(log_w)]), 2.5 * float(sd[weighty].min())
    low, high = float((mean - REACH * sd).min()), float((mean + REACH * sd).max())
    step = max(step, (high - low) * 1e-12)
    return graded(centre, step, low, high)


def graded(centre: float, step: float, low: float, high: float) -> Float[np.ndarray, "edge"]:
    """Edges from low to high: `step` apart about the centre, further out in constant ratio."""
    reach = max(high - centre, centre - low, step)
    growth = step * np.concatenate(
        [[1, 2], 4 * 3.0 ** np.arange(max(1, np.ceil(np.log(reach / step) / np.log(3)) + 1))]
    )
    inner = np.concatenate([centre - growth, [centre], centre + growth])
    return np.unique(np.concatenate([[low], inner[(inner > low) & (inner < high)], [high]]))


def _marks(prior: Prior) -> np.ndarray:
    """Points that mark where a prior changes: support ends, kinks, quantiles."""
    quantiles = prior.ppf(np.array([0.05, 0.25, 0.5, 0.75, 0.95])) if prior.proper else np.empty(0)
    marks = np.concatenate([np.array(prior.support, float), prior.breakpoints, quantiles])
    return np.unique(marks[np.isfinite(marks)])


def _between(edges: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.unique(np.clip(edges, low, high))


def _with_marks(edges: np.ndarray, marks: np.ndarray) -> np.ndarray:
    return np.union1d(edges, marks[(marks > edges[0]) & (marks < edges[-1])])


def _prior_edges(prior: Prior) -> np.ndarray:
    """First panels that hold all of a proper prior but 1e-15 at each end."""
    low, high = (float(end) for end in prior.ppf(np.array([1e-15, 1 - 1e-15])))
    low, high = (end if np.isfinite(end) else bound for end, bound in zip(prior.support, (low, high), strict=True))
    quarter, half, other = (float(q) for q in prior.ppf(np.array([0.25, 0.5, 0.75])))
    return _with_marks(graded(half, (other - quarter) / 2, low, high), _marks(prior))
