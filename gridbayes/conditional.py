"""What is left when the scales are given: with tau and sigma fixed, pooling of normal rows is a normal model in closed form.

With w_d and c_d the weight and centre of group d (likelihoods.py), p_d = w_d / (1 + w_d tau**2), and cells k of the
scales (tau, or tau and a shared sigma):

    log p(t | mu, k) = C_k - P_k (mu - m_k)**2 / 2,       P = sum_d p_d,   m = sum_d p_d c_d / P,
    theta_d | mu, k, t ~ N(B_d mu + (1 - B_d) c_d, B_d tau**2),            B_d = 1 / (1 + w_d tau**2).

Sources: Gelman et al., Bayesian Data Analysis, 3rd ed., equations 5.17 to 5.21; DerSimonian & Laird (1986).
Nothing cancels as tau goes to 0 or w to 0, so the cells may reach down to tau = 0 and up to any tau.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import numpy as np
from jaxtyping import Float, Int

from gridbayes.closed_form import effect, location, pooled
from gridbayes.convolution import log_convolution
from gridbayes.factors import Factors
from gridbayes.grids import Grid, adapt, fewest
from gridbayes.likelihoods import NormalFactors
from gridbayes.priors import Flat, Normal, Prior

__all__ = [
    "Affine",
    "Conditional",
    "gauss_rule",
    "graded",
    "log_sum_exp",
    "mixture_edges",
    "mixtures",
    "normal_edges",
    "prior_edges",
    "weighty",
]

CHUNK = 2**16  # numbers in one temporary: more of them do not fit into a core's cache
LOG_2PI = float(np.log(2 * np.pi))
NEGLIGIBLE = 40.0  # e**-40 = 4e-18: what a cell may weigh, relative to the heaviest, and be left out of a window
SMOOTH, FEW = 1.5, 24  # a normal that is so many sds of mu wide has its sum over mu, to 1e-12, from so many nodes of it
WITHIN = 4.0  # widths of a normal that a panel may span and its nodes still sum over it, to 1e-15
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
        said = self.factors
        columns = cells if said.w.shape[1] > 1 else slice(None)
        return pooled(said.a[:, columns].T, said.w[:, columns].T, said.c, self.tau[cells], said.number, said.squares)

    @cached_property
    def log_evidence(self) -> Float[np.ndarray, "cell"]:
        """log p(t | k) = log int p(mu) exp(C - P (mu - m)**2 / 2) dmu."""
        return Factors(*(part[None] for part in self.sums)).log_evidence(self.prior)[0]

    def log_likelihood(self, mu: Float[np.ndarray, "*shape #cell"]) -> Float[np.ndarray, "*shape cell"]:
        """log p(t | mu, k)."""
        height, total, m = self.sums
        return height - total * (mu - m) ** 2 / 2

    @cached_property
    def location(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of mu | k, t for a normal or flat prior; for another prior under a flat one, or without rows its
        middle and about its width. Each (cell,)."""
        _, total, m = self.sums
        if isinstance(self.prior, Normal):
            return location(total, m, self.prior.loc, self.prior.scale)
        if self.has_no_rows:
            low, middle, high = (float(q) for q in self.prior.ppf(np.array([0.16, 0.5, 0.84])))
            return np.full_like(m, middle), np.full_like(m, (high - low) / 2)
        return m, 1 / np.sqrt(np.maximum(total, np.finfo(float).tiny))

    @cached_property
    def log_prior_mass(self) -> Float[np.ndarray, "cell"]:
        """log of the prior of mu smoothed by what the rows say of it, N(m, 1 / sqrt(P)): for a prior that is not normal."""
        return log_convolution(self.prior, *self.location)

    @property
    def has_no_rows(self) -> bool:
        """Whether nothing was measured: mu keeps its prior."""
        return not self.sums[1].any()

    @property
    def is_normal(self) -> bool:
        """Whether mu | k, t is normal."""
        return isinstance(self.prior, Normal) or (
            isinstance(self.prior, Flat) and bool(np.isinf(self.prior.support).all())
        )

    def theta(self, d: list[int] | slice = slice(None), cells: np.ndarray | slice = slice(None)) -> Affine:
        """theta_d given mu and k, for some groups and cells."""
        w = self.factors.w[d][:, cells if self.factors.w.shape[1] > 1 else slice(None)]
        return Affine(*effect(w, self.factors.c[d][:, None], self.tau[cells]))

    def difference(self, d: int, e: int, cells: np.ndarray | slice = slice(None)) -> Affine:
        """theta_d - theta_e given mu and k."""
        both = self.theta([d, e], cells)
        return Affine(both.a[:1] - both.a[1:], both.b[:1] - both.b[1:], both.v.sum(axis=0)[None])

    def cells_of(self, log_w: Float[np.ndarray, "cell"]) -> np.ndarray:
        """Indices of the cells that weigh anything: the others have less than 1e-15 of mass and variance."""
        mass = np.exp(log_w - log_w.max())
        sd = self.location[1]
        spread = mass * ((sd / sd[np.argmax(mass)]) ** 2 + (self.tau / self._middle(mass)) ** 2)
        return weighty(mass, spread)

    def _middle(self, weight: Float[np.ndarray, "cell"]) -> float:
        """A typical tau; 1 where tau is 0."""
        return float(weight @ self.tau / weight.sum()) or 1.0

    def marginals(
        self,
        log_w: Float[np.ndarray, "cell"],
        x: Affine,
        cells: np.ndarray,
        tol: float,
        order: int,
        shared: tuple[Grid, Float[np.ndarray, "mu cell"]] | None = None,
    ) -> list[tuple[Grid, Float[np.ndarray, "_node"]]]:
        """The density of each item of x, mixed over the cells, on panels that resolve it; its log, unnormalised.

        Parameters
        ----------
        log_w : (cell,) log p(k | t), of all cells.
        x : on `cells` only.
        shared : a grid of mu and p(mu, k | t), of all cells; used where the prior of mu is not normal.
        """
        log_w = log_w[cells]
        mean, sd = self._normal(x, cells)
        if self.is_normal:
            return mixtures(log_w, mean, sd, tol, order)
        first = _first_edges(mean, sd, log_w, normal_edges(tol, order))
        if self.has_no_rows:  # the prior may reach further than a normal of its width
            edges = [np.union1d(edge, prior_edges(self.prior)) for edge in first]
        else:
            edges = [_with_marks(edge, _marks(self.prior)) for edge in first]
        if shared is None:
            return adapt(partial(self._log_sum, log_w, x, cells), edges, tol, order)
        log_p, centre, width, near = self._given_mu(x, cells, *shared)
        narrow = Affine(x.a[:, near], x.b[:, near], x.v[:, near])

        def log_density(item: np.ndarray, at: np.ndarray) -> np.ndarray:
            parts = [self._log_sum(log_w[near], narrow, cells[near], item, at)] if near.any() else []
            parts += [_log_mixture(log_p, centre, width, item, at)] if not near.all() else []
            return np.logaddexp.reduce(parts, axis=0)

        return adapt(log_density, edges, tol, order)

    def _given_mu(
        self, x: Affine, cells: np.ndarray, grid: Grid, masses: Float[np.ndarray, "mu cell"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """x as a mixture of normals given mu and a cell: log masses, means and sds; and the cells too narrow for that.

        All nodes of mu that weigh anything, but only FEW where x hangs on mu so little that Gauss's rule has the sum.
        """
        narrow = self.tau[cells] < _coarsest(grid, masses[:, cells]) / WITHIN
        held = masses[:, cells] > 1e-20
        smooth = ~narrow & (np.sqrt(x.v) >= SMOOTH * x.b * self.location[1][cells]).all(axis=0)
        smooth &= held.sum(axis=0) > 2 * FEW
        few, p_few = gauss_rule(grid.nodes, masses[:, cells[smooth]].T, FEW)
        j, k = np.nonzero(held & ~(narrow | smooth))
        mu = np.concatenate([few.ravel(), grid.nodes[j]])
        k = np.concatenate([np.repeat(np.flatnonzero(smooth), FEW), k])
        with np.errstate(divide="ignore"):
            log_p = np.log(np.concatenate([p_few.ravel(), masses[j, cells[k[p_few.size :]]]]))
        return log_p, x.a[:, k] + x.b[:, k] * mu, np.sqrt(x.v[:, k]), narrow

    def log_mixture(
        self, log_w: Float[np.ndarray, "cell"], x: Affine, cells: np.ndarray, at: Float[np.ndarray, "item point"]
    ) -> Float[np.ndarray, "item point"]:
        """log p(x = at | t) of each item at points of its own, plus log(2 pi) / 2."""
        if not self.is_normal:
            return self._log_sum(log_w[cells], x, cells, np.arange(len(at)), at)
        return _log_mixture(log_w[cells], *self._normal(x, cells), np.arange(len(at)), at)

    def middle(
        self, log_w: Float[np.ndarray, "cell"], x: Affine, cells: np.ndarray
    ) -> tuple[Float[np.ndarray, "item"], Float[np.ndarray, "item"]]:
        """Mean and sd of each item mixed over the cells, mu | k, t being `location`."""
        weight = np.exp(log_w[cells] - log_w[cells].max())
        weight /= weight.sum()
        mean, sd = self._normal(x, cells)
        centre = mean @ weight
        return centre, np.sqrt(((mean - centre[:, None]) ** 2 + sd**2) @ weight)

    def own_marginal(self, log_w: Float[np.ndarray, "cell"], tol: float, order: int) -> tuple[Grid, np.ndarray]:
        """The density of mu itself, mixed over the cells with weights p(k | t), on few panels."""
        cells = self.cells_of(log_w)
        if self.has_no_rows:
            return fewest(self.prior.logpdf, prior_edges(self.prior), tol, order)
        mu = Affine(*(np.full((1, len(cells)), value) for value in (0.0, 1.0, 0.0)))
        mean, sd = self._normal(mu, cells)
        (edges,) = _first_edges(mean, sd, log_w[cells], normal_edges(tol, order))
        log_density = partial(_log_mixture, log_w[cells], mean, sd)
        if not self.is_normal:  # the prior may end where the data do not reach
            ends = np.array([end for end in self.prior.support if np.isfinite(end)])
            near = np.add.outer(ends, np.outer([-1, 1], sd.max() * 2.0 ** np.arange(-12, 1))).ravel()
            edges = _between(np.unique(np.concatenate([edges, _marks(self.prior), near])), *self.prior.support)
            log_density = partial(self._log_sum, log_w[cells], mu, cells)
        return fewest(lambda at: log_density(np.zeros(len(at), int), at), edges, tol, order)

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
            if isinstance(self.prior, Normal):  # another is flat upon so narrow a ridge
                weight = 1 / self.prior.scale**2
                rest, mean = rest + weight, (rest * mean + weight * self.prior.loc) / (rest + weight)
            centre = theta + rest * tau**2 / (1 + rest * tau**2) * (mean - theta)
            result += _on_nodes(given / given.sum(axis=0), grid.nodes, centre, (rest + tau**-2) ** -0.5) * masses[k]
        return result

    def _normal(self, x: Affine, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of x | k, t where mu | k, t is `location`: each (item, cell)."""
        m, s = (part[cells] for part in self.location)
        return x.a + x.b * m, np.sqrt(x.v + (x.b * s) ** 2)

    def _log_sum(self, log_w: np.ndarray, x: Affine, cells: np.ndarray, item: np.ndarray, at: np.ndarray) -> np.ndarray:
        """log sum_k p(k | t) p(x = at | k, t) for a prior of mu that is not normal, (panel, node)."""
        mean, sd = self._normal(x, cells)
        step = max(
            1, 2**21 // (at.shape[1] * len(cells))
        )  # many at once: they share what a prior's quadrature prepares
        rows = [slice(start, start + step) for start in range(0, len(item), step)]
        return np.concatenate([log_sum_exp(log_w + self._terms(x, mean, sd, cells, item[r], at[r])) for r in rows])

    def _terms(
        self, x: Affine, mean: np.ndarray, sd: np.ndarray, cells: np.ndarray, item: np.ndarray, at: np.ndarray
    ) -> np.ndarray:
        """log p(x = at | k, t), (panel, node, cell). A prior of mu that is not normal enters as its evidence given x
        over its evidence alone; without rows x = a + b mu + noise is the prior smoothed."""
        if self.has_no_rows and not self.is_normal:
            a, b, v = (part[item][:, None, :] for part in (x.a, x.b, x.v))
            return self._log_prior_about((at[..., None] - a) / b, np.sqrt(v) / np.abs(b)) - np.log(np.abs(b))
        mean, sd = mean[item][:, None, :], sd[item][:, None, :]
        distance = at[..., None] - mean
        log_p = -np.log(sd) - (distance / sd) ** 2 / 2
        if not self.is_normal:
            m, s = (part[cells] for part in self.location)
            b, v = x.b[item][:, None, :], x.v[item][:, None, :]
            given = m + b * (s / sd) ** 2 * distance
            log_p += self._log_prior_about(given, s * np.sqrt(v) / sd) - self.log_prior_mass[cells]
        return log_p

    def _log_prior_about(self, m: np.ndarray, s: np.ndarray) -> np.ndarray:
        """log of the prior smoothed by N(m, s); the prior itself where s vanishes beside m."""
        m, s = np.broadcast_arrays(m, s)
        point = s <= 1e-12 * np.abs(m)
        result = self.prior.logpdf(m)
        result[~point] = log_convolution(self.prior, m[~point], s[~point])
        return result


def mixtures(
    log_w: Float[np.ndarray, "cell"],
    mean: Float[np.ndarray, "item cell"],
    sd: Float[np.ndarray, "item cell"],
    tol: float,
    order: int,
) -> list[tuple[Grid, Float[np.ndarray, "_node"]]]:
    """The density of each item, N(mean_k, sd_k) mixed over the cells, on panels that resolve it; its log, unnormalised."""
    edges = _first_edges(mean, sd, log_w, normal_edges(tol, order))
    return adapt(partial(_log_mixture, log_w, mean, sd), edges, tol, order)


def _log_mixture(
    log_w: Float[np.ndarray, "component"],
    mean: Float[np.ndarray, "item component"],
    sd: Float[np.ndarray, "item component"],
    item: Int[np.ndarray, "panel"],
    at: Float[np.ndarray, "panel node"],
) -> Float[np.ndarray, "panel node"]:
    """log sum_k w_k N(at; mean_k, sd_k) sqrt(2 pi), -inf far outside: in the linear domain, where this is fastest."""
    weight, result = np.exp(log_w - log_w.max()), np.zeros_like(at)
    columns = max(1, CHUNK // at.shape[1])
    rows = max(1, CHUNK // (at.shape[1] * len(log_w)))
    for row in range(0, len(item), rows):
        r = slice(row, row + rows)
        for column in range(0, len(log_w), columns):
            k = slice(column, column + columns)
            d, x = item[r, None], np.arange(column, min(column + columns, len(log_w)))
            rate = np.sqrt(0.5) / sd[d, x]
            z = at[r, :, None] - mean[d, x][:, None, :]
            z *= rate[:, None, :]
            z *= z
            with np.errstate(under="ignore"):
                np.exp(np.negative(z, out=z), out=z)
                result[r] += (z @ (weight[k] * rate)[:, :, None])[:, :, 0]
    with np.errstate(divide="ignore"):
        return np.log(result) + log_w.max() + np.log(2) / 2


def _on_nodes(
    given: Float[np.ndarray, "node column"],
    nodes: Float[np.ndarray, "node"],
    centre: Float[np.ndarray, "column"],
    width: float,
) -> Float[np.ndarray, "node column"]:
    """Masses `given` of normals about the centres; one narrower than half the distance of nodes is shared by the two."""
    right = np.clip(np.searchsorted(nodes, centre), 1, len(nodes) - 1)
    distance = nodes[right] - nodes[right - 1]
    narrow = np.flatnonzero(width < distance / 2)
    share = np.clip((centre - nodes[right - 1]) / distance, 0, 1)[narrow]
    given[:, narrow] = 0.0
    given[right[narrow] - 1, narrow], given[right[narrow], narrow] = 1 - share, share
    return given


def gauss_rule(
    x: Float[np.ndarray, "node"], w: Float[np.ndarray, "row node"], count: int
) -> tuple[Float[np.ndarray, "row count"], Float[np.ndarray, "row count"]]:
    """Gauss's rule for each row of weights w at x: nodes and weights, `count` of them, with the same 2 count moments.

    With p_k the polynomials that are orthonormal under w, x p_k = beta_k p_(k-1) + alpha_k p_k + beta_(k+1) p_(k+1): the
    nodes are the eigenvalues of that tridiagonal matrix. Gautschi, Orthogonal Polynomials (2004), section 2.2.3 (Stieltjes'
    procedure); Golub & Welsch, Calculation of Gauss Quadrature Rules (1969). `count` must be well below the nodes of x.
    """
    matrix = np.zeros((len(w), count, count))
    total = w.sum(axis=1, keepdims=True)
    some = w > 1e-200 * total  # where there is less, and no moment is, a polynomial may overflow
    w = np.where(some, w, 0.0)
    mean = (w * x).sum(axis=1, keepdims=True) / total
    before, p, beta = np.zeros_like(w), np.ones_like(w) / np.sqrt(total), np.zeros_like(total)
    for k in range(count):
        alpha = np.where(p.any(axis=1, keepdims=True), (w * p**2 * x).sum(axis=1, keepdims=True), mean)
        rest = np.where(some, (x - alpha) * p - beta * before, 0.0)
        beta = np.sqrt((w * rest**2).sum(axis=1, keepdims=True))
        before, p = p, rest / np.where(beta > 0, beta, 1.0)
        matrix[:, k, k] = alpha[:, 0]
        if k + 1 < count:
            matrix[:, k, k + 1] = matrix[:, k + 1, k] = beta[:, 0]
    nodes, vectors = np.linalg.eigh(matrix)
    return nodes, total * vectors[:, 0, :] ** 2


def _coarsest(grid: Grid, masses: Float[np.ndarray, "mu cell"]) -> Float[np.ndarray, "cell"]:
    """The width of the widest panel of mu whose nodes matter in each cell."""
    held = masses.reshape(-1, grid.order, masses.shape[1]).sum(axis=1) > 1e-20
    return (np.diff(grid.edges)[:, None] * held).max(axis=0)


def log_sum_exp(x: Float[np.ndarray, "*shape n"]) -> Float[np.ndarray, "*shape"]:
    """log sum exp over the last axis, -inf for a row of -inf; in less than half the time of scipy's."""
    top = x.max(axis=-1)
    shift = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(shift + np.log(np.exp(x - shift[..., None]).sum(axis=-1)))


@lru_cache(maxsize=8)
def normal_edges(tol: float, order: int) -> Float[np.ndarray, "edge"]:
    """Edges of the fewest panels that resolve a standard normal density, out to REACH on both sides."""
    grid, _ = fewest(lambda z: -(z**2) / 2, np.linspace(-REACH, REACH, 7), tol / 4, order)
    return np.concatenate([[-REACH], grid.edges[1:-1], [REACH]])


def _first_edges(
    mean: Float[np.ndarray, "item cell"],
    sd: Float[np.ndarray, "item cell"],
    log_w: Float[np.ndarray, "cell"],
    normal: Float[np.ndarray, "edge"],
) -> list[Float[np.ndarray, "_edge"]]:
    """First panels for mixtures of normals: those of one normal where all components together reach little further."""
    weight = np.exp(log_w - log_w.max())
    weight /= weight.sum()
    centre = mean @ weight
    spread = np.sqrt(((mean - centre[:, None]) ** 2 + sd**2) @ weight)
    low, high = (mean - REACH * sd).min(axis=1), (mean + REACH * sd).max(axis=1)
    single = high - low < 3 * REACH * np.minimum(spread, 1.1 * sd.min(axis=1))
    edges = centre[:, None] + spread[:, None] * normal
    edges[:, 0], edges[:, -1] = np.minimum(low, edges[:, 0]), np.maximum(high, edges[:, -1])
    return [edges[d] if single[d] else mixture_edges(mean[d], sd[d], log_w) for d in range(len(edges))]


def weighty(*weights: Float[np.ndarray, " cell"]) -> np.ndarray:
    """Indices of the cells without which any of these weights would lose more than 1e-15 of its sum."""
    kept = np.zeros(len(weights[0]), bool)
    for weight in weights:
        order = np.argsort(weight)
        kept[order] |= np.cumsum(weight[order]) > 1e-15 * weight.sum()
    return np.flatnonzero(kept)


def mixture_edges(
    mean: Float[np.ndarray, "cell"], sd: Float[np.ndarray, "cell"], log_w: Float[np.ndarray, "cell"]
) -> Float[np.ndarray, "edge"]:
    """First panels for a mixture of normals: about its heaviest component, in growing steps of its narrowest sd."""
    weighty = log_w > log_w.max() - 25.0
    centre, step = float(mean[np.argmax(log_w)]), 2.0 * float(sd[weighty].min())
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


def prior_edges(prior: Prior) -> np.ndarray:
    """First panels that hold all of a proper prior but 1e-15 at each end."""
    low, high = (float(end) for end in prior.ppf(np.array([1e-15, 1 - 1e-15])))
    low, high = (end if np.isfinite(end) else bound for end, bound in zip(prior.support, (low, high), strict=True))
    quarter, half, other = (float(q) for q in prior.ppf(np.array([0.25, 0.5, 0.75])))
    step = (other - quarter) / 3  # of a half an edge would lie a rounding error beside a symmetric prior's quartile
    return _with_marks(graded(half, step, low, high), _marks(prior))
