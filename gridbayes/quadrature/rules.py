"""Rules that integrate against a standard normal in many dimensions: points z and weights, sum_i w_i f(z_i) = E f(z).

- product: Gauss-Hermite nodes in every dimension, exact for degree 2 order - 1 in each;
- even: equally spaced nodes, the trapezoid rule, which does without the normal;
- sparse: Smolyak's combination of products of low order, exact for total degree 2 level + 1. S. A. Smolyak (1963),
  "Quadrature and interpolation formulas for tensor products of certain classes of functions", Soviet Math. Dokl. 4:240-243;
  the combination's coefficients as in Wasilkowski & Wozniakowski (1995), J. Complexity 11:1-56, lemma 1. Weights have signs;
- points: scrambled Sobol points through a multivariate t, weighted: all weights positive, in any dimension.
"""

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float

__all__ = [
    "FREEDOM",
    "Rule",
    "even",
    "normal_log_density",
    "part",
    "points",
    "product",
    "product_size",
    "sparse",
    "sparse_size",
    "t_log_density",
]

FREEDOM = 8  # degrees of freedom of the t: its tails are heavier than those of a posterior that has a fourth moment


@dataclass(frozen=True, eq=False)
class Rule:
    """Points z, (point, dimension), and the log of their weights beside the density that they are divided by.

    A sum over them is sum_i sign_i exp(log_weight_i) f(z_i) = integral f(z) dz, without any normal: the weight contains
    1 / N(z; 0, 1), or one over the proposal's density.
    """

    z: Float[np.ndarray, "point dimension"]
    log_weight: Float[np.ndarray, " point"]
    sign: Float[np.ndarray, " point"]
    name: str
    order: float  # the larger, the finer: a product's, that of a product as fine as the sparse rule, 0 of points

    def __len__(self) -> int:
        return len(self.z)


@lru_cache(maxsize=32)
def hermite(order: int) -> tuple[Float[np.ndarray, " node"], Float[np.ndarray, " node"]]:
    """Nodes and log weights of the Gauss-Hermite rule for N(0, 1)."""
    z, w = np.polynomial.hermite_e.hermegauss(order)
    return z, np.log(w) - 0.5 * math.log(2 * math.pi)


def product_size(order: int, dimension: int) -> int:
    """How many points `product` has."""
    return order**dimension


@lru_cache(maxsize=16)  # a ladder, and what sums over the other coordinates
def product(order: int, dimension: int) -> Rule:
    """Gauss-Hermite nodes in every dimension.

    >>> rule = product(3, 2)
    >>> len(rule), round(float(np.exp(rule.log_weight + normal_log_density(rule.z)).sum()), 12)
    (9, 1.0)
    """
    z, log_w = _product((order,) * dimension)
    return Rule(z, log_w - normal_log_density(z), np.ones(len(z)), f"order {order}", order if dimension else math.inf)


def _product(orders: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (point, dimension) and log weights of a product rule of these orders."""
    if not orders:
        return np.zeros((1, 0)), np.zeros(1)
    nodes, log_weights = zip(*(hermite(order) for order in orders), strict=True)
    z = np.stack([axis.ravel() for axis in np.meshgrid(*nodes, indexing="ij")], axis=-1)
    return z, sum(axis.ravel() for axis in np.meshgrid(*log_weights, indexing="ij"))


def sparse_size(level: int, dimension: int) -> int:
    """How many points `sparse` has at most: those of all its products, C(t) = (sum_l (2 l + 1) t**l)**dimension."""
    one = np.polynomial.Polynomial([2 * k + 1 for k in range(level + 1)])
    counts = np.append((one**dimension).coef, np.zeros(dimension))
    return int(sum(counts[level - j] for j in range(min(dimension, level + 1))))


@lru_cache(maxsize=8)
def sparse(level: int, dimension: int) -> Rule:
    """Smolyak's rule: sum over |l| = level - j, j = 0 ... dimension - 1, of (-1)**j C(dimension - 1, j) products of orders
    2 l_i + 1; points that several products share are one.
    """
    parts = []
    for j in range(min(dimension, level + 1)):
        coefficient = (-1.0) ** j * math.comb(dimension - 1, j)
        for levels in _compositions(level - j, dimension):
            z, log_w = _embedded(levels)
            parts.append((z, coefficient * np.exp(log_w)))
    z, w = (np.concatenate(each) for each in zip(*parts, strict=True))
    _, first, which = np.unique(np.round(z, 10) + 0.0, axis=0, return_index=True, return_inverse=True)
    w = np.bincount(which.ravel(), w)
    z, kept = z[first], np.abs(w) > 1e-15
    z, w = z[kept], w[kept]
    return Rule(z, np.log(np.abs(w)) - normal_log_density(z), np.sign(w), f"level {level}", level + 1)


def _embedded(levels: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The product of orders 2 l + 1 in the dimensions of `levels`, zero in the others."""
    dimension = levels.pop(-1)
    own, log_w = _product(tuple(2 * level + 1 for level in levels.values()))
    z = np.zeros((len(own), dimension))
    z[:, list(levels)] = own
    return z, log_w


def _compositions(total: int, dimension: int):
    """All ways to write `total` as levels of the dimensions: the positive ones by dimension, and the count under -1."""
    for many in range(min(total, dimension) + 1):
        for where in itertools.combinations(range(dimension), many):
            for cuts in itertools.combinations(range(1, total), many - 1) if many else ([()] if total == 0 else []):
                ends = (0, *cuts, total)
                yield {**{d: ends[i + 1] - ends[i] for i, d in enumerate(where)}, -1: dimension}


@lru_cache(maxsize=8)
def even(reach: float, count: int, dimension: int) -> Rule:
    """`count` equally spaced nodes from -reach to reach in each dimension: for few dimensions and tails of any kind.

    Its error for a smooth density falls faster than any power of the step: Trefethen & Weideman (2014), "The exponentially
    convergent trapezoidal rule", SIAM Review 56(3):385-458.
    """
    axis = np.linspace(-reach, reach, count)
    z = np.stack([each.ravel() for each in np.meshgrid(*[axis] * dimension, indexing="ij")], axis=-1)
    return Rule(
        z, np.full(len(z), dimension * math.log(axis[1] - axis[0])), np.ones(len(z)), f"{count} nodes", math.inf
    )


@lru_cache(maxsize=8)
def points(count: int, dimension: int) -> Rule:
    """`count`, a power of 2, scrambled Sobol points of a t in `dimension` dimensions; the weight is 1 / (count t(z)).

    z = x sqrt(nu / c), x normal and c chi-square by one more Sobol coordinate.
    """
    from scipy.special import ndtri
    from scipy.stats import chi2, qmc

    u = qmc.Sobol(dimension + 1, rng=np.random.default_rng(0)).random_base2(round(math.log2(count)))
    u = np.clip(u, 1e-15, 1 - 1e-15)
    z = ndtri(u[:, 1:]) * np.sqrt(FREEDOM / chi2.ppf(u[:, :1], FREEDOM))
    return Rule(z, -math.log(count) - t_log_density(z), np.ones(count), f"{count:,} points", 0)


def part(rule: Rule, kept: Bool[np.ndarray, " point"], name: str) -> Rule:
    """Some points of a rule, their weights as large as to make up for the others."""
    return Rule(rule.z[kept], rule.log_weight[kept] - math.log(kept.mean()), rule.sign[kept], name, rule.order)


def t_log_density(z: Float[np.ndarray, "point dimension"]) -> Float[np.ndarray, " point"]:
    """log t(z), the multivariate t of FREEDOM degrees, (point,)."""
    half = (FREEDOM + z.shape[1]) / 2
    height = math.lgamma(half) - math.lgamma(FREEDOM / 2) - z.shape[1] / 2 * math.log(FREEDOM * math.pi)
    return height - half * np.log1p((z**2).sum(axis=1) / FREEDOM)


def normal_log_density(z: Float[np.ndarray, "point dimension"]) -> Float[np.ndarray, " point"]:
    """log N(z; 0, 1), (point,)."""
    return -0.5 * (z**2).sum(axis=1) - 0.5 * z.shape[1] * math.log(2 * math.pi)
