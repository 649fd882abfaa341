"""Conversion when some customers are loyal: a share converts by a logistic curve, the others whatever the input."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import expit, gammaln

from gridbayes.densities import LPDFS
from gridbayes.enumeration.enumeration import enumerate
from gridbayes.enumeration.windows import nodes_for, placed
from gridbayes.grids import Grid
from gridbayes.models.coefficients import rounded
from gridbayes.models.count_rows import Cloud, CountRows, Fit, Points
from gridbayes.models.generalized import known_of
from gridbayes.posterior import Posterior
from gridbayes.priors import Beta, Normal, Prior, as_prior
from gridbayes.rows import read_rows

__all__ = ["Loyal", "loyal_customers"]

NAMES = ("share", "theta_vip", "intercept", "slope")
SHARES = NAMES[:2]
NONE = 1e-12  # of a prior's probability, to each side: what lies beyond is taken to be nothing
NOTHING = 1e-9  # of the heaviest cell: what a cell may weigh and be left out of means over rows
BOUND = 8.0  # of the density in a cell over that at its node
COARSE = 0.8  # of the nodes an axis: what the accuracy statement compares with


def loyal_customers(
    x: object,
    y: object,
    *,
    data: object = None,
    trials: object = None,
    loyal: object = None,
    share: Prior | object = None,
    theta_vip: Prior | object = None,
    slope: Prior | object = None,
    intercept: Prior | object = None,
) -> Posterior:
    """The posterior of share, theta_vip, intercept and slope where nobody noted which customers are loyal.

        y_i ~ Binomial(trials_i, share theta(x_i) + (1 - share) theta_vip),
        theta(x) = 1 / (1 + exp(-(intercept + slope (x - mean(x)))))

    `share` of the customers convert by the curve, the loyal others with theta_vip. The rows alone know the two ends of the
    curve, (1 - share) theta_vip and that plus share: they tell the parameters apart only where x reaches far enough
    to see both, and then theta_vip only as well as they see 1 - share. Rows of loyal customers alone settle it.

    Parameters
    ----------
    x, y, data, trials : one input, and counts, as in `logistic_regression`: group rows by x, counts cost less than rows.
    loyal : conversions and trials of customers who are known to be loyal, (18, 20): Binomial(20, theta_vip).
    share, theta_vip : priors on [0, 1]. Beta(1, 1) if left out.
    slope, intercept : proper priors on the whole line. Left out: Normal(0, 2.5 / sd of x), and Normal(0, 2.5) of the log
        odds at the mean of x.

    Returns
    -------
    Posterior of the four, summed over a product grid that is placed where the density is, beside a coarser one.
    `predict(x, trials=...)` tells of new rows, whoever they are.

    Raises
    ------
    TypeError, ValueError
        When an argument cannot be read, a count is not whole or exceeds its trials, or a prior does not fit.

    >>> post = loyal_customers([-2, -1, 0, 1, 2], [22, 25, 37, 54, 60], trials=80, loyal=(45, 50))
    >>> bool(0.85 < post.mean("theta_vip") < 0.92)
    True
    """
    rows = read_rows(x, y, data, trials, "trials")
    n = known_of("logistic", rows)
    if rows.inputs.x.shape[1] != 1:
        raise ValueError(f"x must be one input; it has {rows.inputs.x.shape[1]}. Pass one column.")
    at = rows.inputs.x[:, 0]
    if not at.std() > 0:
        raise ValueError(f"x must vary; all {len(at)} rows are at {at[0]:g}. Pass gridbayes.proportion(y, trials).")
    wide = Normal(0.0, rounded(2.5 / float(at.std())))
    given = dict(zip(NAMES, (share, theta_vip, intercept, slope), strict=True))
    default = dict(zip(NAMES, (Beta(1, 1), Beta(1, 1), Normal(0.0, 2.5), wide), strict=True))
    priors = {name: _prior(name, default[name] if given[name] is None else given[name]) for name in NAMES}
    return Loyal(at, rows.y, n, float(at.mean()), priors, *_loyal_counts(loyal)).posterior()


def _prior(name: str, value: object) -> Prior:
    """A proper prior that compiles: of a share on [0, 1], of a coefficient on the whole line."""
    prior = as_prior(value, name)
    inside = prior.support[0] >= 0 and prior.support[1] <= 1
    fits = inside if name in SHARES else np.isinf(prior.support).all()
    if not (fits and prior.proper and prior.lpdf):
        where, example = ("on [0, 1]", "Beta(1, 1)") if name in SHARES else ("on the whole line", "Normal(0, 2)")
        raise ValueError(f"{name} must have a proper prior of gridbayes {where}; {name} is {prior}. Pass {example}.")
    return prior


def _loyal_counts(loyal: Any) -> tuple[float, float]:
    """Conversions and trials of customers known to be loyal; none: 0 of 0."""
    if loyal is None:
        return 0.0, 0.0
    if not (isinstance(loyal, (tuple, list)) and len(loyal) == 2):
        raise TypeError(f"loyal must be two counts, conversions and trials; loyal is {loyal!r}. Pass (18, 20).")
    k, n = (float(count) for count in loyal)
    if not (0 <= k <= n and k == np.floor(k) and n == np.floor(n)):
        raise ValueError(f"loyal must be whole numbers, conversions of trials; loyal is {loyal!r}. Pass (18, 20).")
    return k, n


@lru_cache(maxsize=64)
def _log_joint(lpdfs: tuple[str, ...]) -> Callable:
    """log p(y, parameters) for priors of these names."""

    def loyal_log_joint(p: Mapping[str, jax.Array], d: Mapping[str, Any]) -> jax.Array:
        theta = jax.nn.sigmoid(p["intercept"] + p["slope"] * d["x"])
        q = p["share"] * theta + (1 - p["share"]) * p["theta_vip"]
        total = jnp.sum(d["y"] * jnp.log(q) + (d["n"] - d["y"]) * jnp.log1p(-q)) + d["height"]
        total = total + d["k"] * jnp.log(p["theta_vip"]) + (d["m"] - d["k"]) * jnp.log1p(-p["theta_vip"])
        for name, lpdf in zip(NAMES, lpdfs, strict=True):
            total = total + LPDFS[lpdf](p[name], **d["priors"][name])
        return total

    return loyal_log_joint


def _cells(post: Posterior) -> Cloud:
    """The cells of a product grid that weigh something, and their masses."""
    table = post.model.joint_of_all()  # pyright: ignore[reportAttributeAccessIssue]
    at = np.nonzero(table > NOTHING * table.max())
    points = {name: post.marginals[name][0].grid.nodes[i] for name, i in zip(NAMES, at, strict=True)}
    return points, table[at] / table[at].sum()


def _within(grid: Grid, nodes: Float[np.ndarray, " draw"], rng: np.random.Generator) -> Float[np.ndarray, " draw"]:
    """A point evenly from the stretch that each node's weight stands for."""
    ends = grid.edges[0] + np.append(0.0, np.cumsum(grid.weights))
    at = np.searchsorted(grid.nodes, nodes)
    return ends[at] + (ends[at + 1] - ends[at]) * rng.random(len(at))


@dataclass(frozen=True, eq=False)
class Loyal(CountRows):
    """Rows whose customers are a mixture; `k` of `m` known to be loyal converted."""

    k: float
    m: float

    binomial = True

    @property
    def title(self) -> str:
        known = f" and {self.m:g} known to be loyal" if self.m else ""
        return f"{self.known.sum():g} customers of whom some are loyal{known}, {self.stated}"

    def curve(self, p: Points, x: Float[np.ndarray, " _row"]) -> Float[np.ndarray, "point _row"]:
        share, vip, intercept, slope = (p[name][:, None] for name in NAMES)
        return share * expit(intercept + slope * (x - self.centre)) + (1 - share) * vip

    def fit(self) -> Fit:
        """Over two product grids on the windows that hold the density."""
        log_joint = _log_joint(tuple(str(self.priors[name].lpdf) for name in NAMES))
        n, y, m, k = np.append(self.known, self.m), np.append(self.y, self.k), self.m, self.k
        height = float((gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)).sum())
        priors = {name: prior.parameters for name, prior in self.priors.items()}
        data = {
            "x": self.x - self.centre,
            "y": self.y,
            "n": self.known,
            "k": k,
            "m": m,
            "height": height,
            "priors": priors,
        }
        ranges = {name: self._range(name) for name in NAMES}
        many = nodes_for(len(NAMES))
        fine, coarse = (
            enumerate(log_joint, grids, data, pairs=(), support=ranges, progress=False)
            for grids in placed(log_joint, ranges, data, (many, int(COARSE * many)))
        )
        return Fit(fine, coarse, (partial(_cells, fine), partial(_cells, coarse)))

    def log_density(self, p: Points) -> Float[np.ndarray, " point"]:
        """log p(y, parameters) but for a constant, (point,)."""
        total = self.rows_given(p).logpdf(self.y).sum(axis=1)
        total += self.k * np.log(p["theta_vip"]) + (self.m - self.k) * np.log1p(-p["theta_vip"])
        return total + sum(self.priors[name].logpdf(p[name]) for name in NAMES)

    def sample(self, fit: Fit, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Independent draws by rejection: a cell by its mass, a point of it evenly, kept as its density is to its node's.

        Where that is more than the bound, 1 point in thousands, it counts as the bound.
        """
        (points, masses), grids = fit.points, {name: fit.fine.marginals[name][0].grid for name in NAMES}
        found: list[dict[str, np.ndarray]] = []
        while sum(len(each["share"]) for each in found) < n:
            cell = rng.choice(len(masses), 4 * n, p=masses)
            own = {name: points[name][cell] for name in NAMES}
            drawn = {name: _within(grids[name], own[name], rng) for name in NAMES}
            kept = np.log(BOUND * rng.random(4 * n)) < self.log_density(drawn) - self.log_density(own)
            found.append({name: drawn[name][kept] for name in NAMES})
        return {name: np.concatenate([each[name] for each in found])[:n] for name in NAMES}

    def _range(self, name: str) -> tuple[float, float]:
        prior = self.priors[name]
        low, high = prior.support if name in SHARES else prior.ppf(np.array([NONE, 1 - NONE])).tolist()
        return float(low), float(high)

    def updated(self, **columns: Any) -> Posterior:
        loyal = _loyal_counts(columns.pop("loyal", None))
        rows = read_rows(columns["x"], columns["y"], columns.get("data"), columns.get("trials"), "trials")
        x, y = np.append(self.x, rows.inputs.x[:, 0]), np.append(self.y, rows.y)
        known = np.append(self.known, known_of("logistic", rows))
        return replace(self, x=x, y=y, known=known, k=self.k + loyal[0], m=self.m + loyal[1]).posterior()
