"""The prior of a location against a normal likelihood: how mu leaves a pooling model.

    log_convolution(p, m, s) = log int p(mu) N(mu; m, s) dmu

in closed form where there is one, else by Gauss-Legendre panels that resolve the prior and the normal both.
"""

import math

import numpy as np
from jaxtyping import Float, Int
from scipy.special import erfcx, log_ndtr, logsumexp, voigt_profile

from gridbayes._types import Floats, Numbers
from gridbayes.densities import normal_lpdf
from gridbayes.priors import Cauchy, Exponential, Flat, HalfNormal, Laplace, Normal, Prior, StudentT, Uniform

__all__ = ["log_convolution"]

type Points = Float[np.ndarray, " point"]  # one entry for each pair of m and s


def log_convolution(prior: Prior, m: Numbers, s: Numbers) -> Floats:
    """log of the integral of p(mu) N(mu; m, s) over mu, float64, of the broadcast shape of `m` and `s`.

    It is the evidence for the location mu when the likelihood of mu is normal with mean `m` and standard
    deviation `s` (in mu's unit, positive): what remains of mu once it is integrated out exactly.

    By quadrature it is right to about 1e-11 of the value, down to evidences of e^-700. A `Custom` whose
    density is infinite at a point other than 0 is as good as floating point is there.

    >>> round(float(log_convolution(Normal(0, 3), 1.0, 4.0)), 6)   # log N(1; 0, 5)
    -2.548376
    >>> from gridbayes.priors import HalfCauchy
    >>> log_convolution(HalfCauchy(5), [0.0, 10.0], 2.0).round(6).tolist()
    [-2.875587, -3.598091]
    """
    m, s = np.broadcast_arrays(np.asarray(m, float), np.asarray(s, float))
    if not np.all(np.isfinite(m)):
        raise ValueError(f"m must be finite; m is {m[~np.isfinite(m)][0]}. Pass the likelihood's means.")
    if not np.all((s > 0) & np.isfinite(s)):
        wrong = s[~((s > 0) & np.isfinite(s))][0]
        raise ValueError(f"s must be positive and finite; s is {wrong}. Pass standard deviations.")
    return np.asarray(_at_points(prior, m.ravel(), s.ravel()), float).reshape(m.shape)


def _at_points(prior: Prior, m: Points, s: Points) -> Points:
    """The closed forms; by quadrature what has none."""
    match prior:
        case Normal(loc, scale):
            return np.asarray(normal_lpdf(m, loc, np.hypot(scale, s)))
        case HalfNormal(scale):
            h = np.hypot(scale, s)
            return math.log(2) + normal_lpdf(m, 0.0, h) + log_ndtr(m / s * (scale / h))
        case Exponential(rate):
            return _exponential(rate, m, s)
        case Laplace(loc, scale):  # half an exponential to the right of loc, half one to the left
            right, left = _exponential(1 / scale, m - loc, s), _exponential(1 / scale, loc - m, s)
            return np.logaddexp(right, left) - math.log(2)
        case Cauchy(loc, scale):  # Voigt's profile
            return np.log(voigt_profile(m - loc, s, scale))
        case Uniform(low, high):
            return _log_normal_mass(low, high, m, s) - math.log(high - low)
        case Flat(low, high):
            return _log_normal_mass(low, high, m, s)
        case StudentT(df, loc, scale):
            root = math.sqrt(df)
            unit = root * scale  # on this scale the density is (1 + x**2)**(-(df + 1) / 2), its poles at +-i
            x, width = (m - loc) / unit, s / unit
            return _log_student_t(df, x, width) + float(prior.logpdf(np.array(loc)))
    return _by_quadrature(prior, m, s)


def _log_student_t(df: float, m: Points, s: Points) -> Points:
    """log int (1 + x**2)**(-(df + 1) / 2) N(x; m, s) dx.

    By Gauss-Hermite where the normal is narrow beside the density or far out in its tail; else by the
    trapezoid rule in u, x = sinh(u), where both factors are smooth, with the step that the narrower needs.
    """
    slope = np.where(np.abs(m) > 40 * s, (df + 1) / 4 * s / np.maximum(np.abs(m), 1.0), np.inf)
    size = np.minimum(s * math.sqrt(max(df, 3.0) / 3), slope)
    step = np.minimum(0.4 / math.sqrt(max(df, 16.0)), 0.4 * s / np.maximum(np.abs(m), 1.0))
    result = np.empty_like(m)
    lowest = 0.0
    for highest, count in ((0.1, 14), (0.25, 28), (0.5, 64)):
        rows = (size >= lowest) & (size < highest)
        z, weight = np.polynomial.hermite_e.hermegauss(count)
        log_f = -(df + 1) / 2 * np.log1p((m[rows, None] + s[rows, None] * z) ** 2)
        result[rows] = _log_sum(log_f + np.log(weight / weight.sum()))
        lowest = highest
    wide = size >= lowest
    for exponent in np.unique(np.floor(np.log2(step[wide]))):
        rows = np.flatnonzero(wide & (np.floor(np.log2(step)) == exponent))
        end = math.asinh(float((np.abs(m[rows]) + 12 * s[rows]).max()))
        u = np.arange(-end, end, 2.0**exponent)
        flat = -df * np.log(np.cosh(u)) + exponent * math.log(2) - 0.5 * math.log(2 * math.pi)
        for part in np.array_split(rows, max(1, len(rows) * len(u) >> 21)):
            z = (np.sinh(u) - m[part, None]) / s[part, None]
            result[part] = _log_sum(flat - z**2 / 2) - np.log(s[part])
    return result


def _log_sum(x: Float[np.ndarray, "point node"]) -> Points:
    top = np.maximum(x.max(axis=1, keepdims=True), -np.finfo(float).max)
    return top[:, 0] + np.log(np.exp(x - top).sum(axis=1))


def _exponential(rate: float, m: Points, s: Points) -> Points:
    """log of rate e^(-rate m + (rate s)^2 / 2) Phi(-z), with z = rate s - m / s.

    For z > 0 the exponents cancel in Phi(-z) = e^(-z^2 / 2) erfcx(z / sqrt 2) / 2: it is done on paper.
    """
    z = rate * s - m / s
    near = np.log(erfcx(np.maximum(z, 0) / math.sqrt(2)) / 2) - 0.5 * (m / s) ** 2
    far = -rate * m + 0.5 * (rate * s) ** 2 + log_ndtr(-np.minimum(z, 0))
    return math.log(rate) + np.where(z > 0, near, far)


def _log_normal_mass(low: float, high: float, m: Points, s: Points) -> Points:
    """log(Phi(b) - Phi(a)) with a = (low - m) / s and b = (high - m) / s.

    By Gauss-Legendre where the interval is so short that the difference would cancel. Elsewhere Phi(a) is
    below Phi(b) / e, even so far in a tail that their logs round to the same number.
    """
    a, b = (low - m) / s, (high - m) / s
    a, b = np.where(a > -b, -b, a), np.where(a > -b, -a, b)  # by symmetry, to the left
    width = (high - low) / s
    short = width * (1 + np.abs(a)) < 4
    log_b = log_ndtr(b)
    difference = log_b + np.log1p(-np.exp(np.minimum(log_ndtr(a) - log_b, -1.0)))
    h = np.where(short, width, 1.0)[:, None]
    start = np.where(short, a, 0.0)[:, None]
    inside = logsumexp(normal_lpdf(start + h * NODES, 0.0, 1.0), b=h * WEIGHTS, axis=1)
    return np.where(short, inside, difference)


# --- quadrature -----------------------------------------------------------------------------------

REACH = 40.0  # standard deviations: e^(-40^2 / 2) is below the smallest double
AROUND = 2.5  # between edges about m, in s
UPON = np.concatenate(
    [-(4.0 ** -np.arange(8)), [0.0], 4.0 ** -np.arange(8)]
)  # edges about m's nearest point of support
LEVELS = np.array([1e-13, 1e-10, 1e-7, 1e-5, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5])
LEVELS = np.concatenate([LEVELS, 1 - LEVELS])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
NODES, WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2  # on [0, 1]


def _by_quadrature(prior: Prior, m: Points, s: Points) -> Points:
    """Narrow normals by Gauss-Hermite; the others, those that are near one another together, on panels."""
    edges, reach = _resolved(prior, _first_edges(prior, m, s)), prior.ppf([1e-13, 0.5, 1 - 1e-13])
    result = _narrow(prior, edges, m, s)
    left = np.flatnonzero(np.isnan(result))
    for part in _neighbours(m[left], s[left]):
        rows = left[part]
        result[rows] = _on_panels(prior, edges, reach, m[rows], s[rows])
    return result


def _narrow(prior: Prior, edges: Float[np.ndarray, " edge"], m: Points, s: Points) -> Points:
    """By Gauss-Hermite where every panel of the prior about m is wider than s and two orders agree to 1e-12; else nan."""
    first, last = (np.searchsorted(edges, m + side * 9 * s) for side in (-1, 1))
    inside = np.flatnonzero((first > 0) & (last < len(edges)))
    spans = np.stack([first[inside] - 1, last[inside]], axis=1).ravel()  # panels first - 1 to last - 1 meet the window
    narrowest = np.minimum.reduceat(np.append(np.diff(edges), np.inf), spans)[::2] if len(inside) else np.empty(0)
    narrow = inside[s[inside] < narrowest]
    result = np.full(m.shape, np.nan)
    for rows in np.array_split(narrow, 1 + len(narrow) // 2**11):
        low, high = (_by_hermite(prior, m[rows], s[rows], count) for count in (18, 30))
        result[rows] = np.where(np.abs(high - low) < 1e-12, high, np.nan)
    return result


def _by_hermite(prior: Prior, m: Points, s: Points, count: int) -> Points:
    z, weight = np.polynomial.hermite_e.hermegauss(count)
    return _log_sum(_off_poles(prior, m[:, None] + s[:, None] * z) + np.log(weight / weight.sum()))


def _neighbours(m: Points, s: Points) -> list[Int[np.ndarray, " row"]]:
    """Indices of points whose s agree to a fifth and whose m lie within 8 s; at most 256 at a time."""
    width = np.floor(4 * np.log2(s))
    place = np.floor(m / (8 * 2.0 ** (width / 4)))
    order = np.lexsort([place, width])
    new = (np.diff(width[order]) != 0) | (np.diff(place[order]) != 0)
    runs = np.split(order, np.flatnonzero(new) + 1)
    return [run[start : start + 256] for run in runs for start in range(0, len(run), 256)]


def _on_panels(prior: Prior, edges: Float[np.ndarray, " edge"], reach: Floats, m: Points, s: Points) -> Points:
    """Neighbours together. Nodes are a + t, offsets t from an anchor a, so that z keeps its digits near m.

    Panels that hold less than e^-45 of the integral of every point are left out: a panel holds no more than its highest
    prior times its highest normal, and the integral no less than the middle node of any panel says.
    """
    a = _anchor(prior, float(reach[1]), m, s)
    t = _panels_of_product(prior, edges, reach, m, s, a)
    left, width = t[:-1, None], np.diff(t)[:, None]
    log_p = _off_poles(prior, a + left + width * NODES) + np.log(width * WEIGHTS)  # (panel, node)
    distance = np.maximum(left - (m - a), (m - a) - t[1:, None]) / s  # (panel, point), negative inside
    highest = log_p.max(axis=1)[:, None] + math.log(NODES.size) - np.maximum(distance, 0) ** 2 / 2
    middle = NODES.size // 2
    least = log_p[:, middle, None] - ((left + width * NODES[middle] - (m - a)) / s) ** 2 / 2
    kept = (highest >= least.max(axis=0) - 45).any(axis=1)
    t, log_p = (left + width * NODES)[kept].ravel(), log_p[kept].ravel()
    z = (t - (m - a)[:, None]) / s[:, None]
    return _log_sum(log_p - z**2 / 2) - np.log(s) - 0.5 * math.log(2 * math.pi)


def _anchor(prior: Prior, median: float, m: Points, s: Points) -> float:
    """Where offsets are counted from: an end or the median of the prior if a point's window holds it, else near m."""
    for feature in (*prior.support, median):
        if np.any(np.abs(m - feature) <= REACH * s):
            return float(feature)
    return float(np.clip(m[0], *prior.support))


def _panels_of_product(
    prior: Prior, edges: Float[np.ndarray, " edge"], reach: Floats, m: Points, s: Points, a: float
) -> Float[np.ndarray, " offset"]:
    """Edges as offsets from `a`: the prior's, the normals' around all m and upon the points of support nearest to them."""
    low, high = prior.support
    nearest = np.clip([m.min(), m.max()], low, high) - a
    widest = REACH * s.max()
    around = np.arange(m.min() - a - widest, m.max() - a + widest, AROUND * s.min())
    upon = (nearest[:, None] + s.min() * UPON).ravel()
    first = max(low - a, min(reach[0] - a, nearest[0] - widest))  # a narrow prior far from m holds all of the product
    last = min(high - a, max(reach[2] - a, nearest[1] + widest))
    return np.unique(np.clip(np.concatenate([edges - a, around, upon]), first, last))


def _first_edges(prior: Prior, m: Points, s: Points) -> Float[np.ndarray, " edge"]:
    """Edges at quantiles and breakpoints, graded outwards from the median and towards finite ends."""
    q25, q50, q75 = prior.ppf([0.25, 0.5, 0.75])
    farthest = np.max(np.abs(m - q50) + REACH * s, initial=q75 - q25)
    outwards = (q75 - q25) * 2.0 ** np.arange(-1, math.ceil(math.log2(farthest / (q75 - q25))) + 1)
    pieces = [prior.ppf(LEVELS), q50 - outwards, q50 + outwards, prior.breakpoints]
    for end, extreme in zip(prior.support, prior.ppf([1e-13, 1 - 1e-13]), strict=True):
        if math.isfinite(end):
            finest = abs((extreme - end) / (q50 - end)) * min(1.0, np.min(s, initial=math.inf) / abs(q50 - end))
            steps = math.ceil(-math.log(max(finest, 1e-300), 4))
            pieces.append(end + (q50 - end) * np.append(4.0 ** -np.arange(steps + 1), 0.0))
    edges = np.concatenate(pieces)
    return np.unique(np.clip(edges[np.isfinite(edges)], *prior.support))


def _resolved(prior: Prior, edges: Float[np.ndarray, " edge"]) -> Float[np.ndarray, " finer"]:
    """`edges` bisected until every panel's mass agrees with its halves'."""
    while True:
        left, right = edges[:-1], edges[1:]
        middle = left + (right - left) / 2
        error = np.abs(_mass(prior, left, right) - _mass(prior, left, middle) - _mass(prior, middle, right))
        finer = np.union1d(edges, middle[error > 1e-13])
        if finer.size == edges.size or (edges.size > 1000 and np.sum(error) < 1e-9):
            return edges
        if edges.size > 10_000:
            raise ValueError(
                f"{prior}: the density must be piecewise smooth; {np.sum(error):g} of its mass is unresolved "
                f"on {edges.size} panels. Pass a density without poles inside its support."
            )
        edges = finer


def _mass(
    prior: Prior, left: Float[np.ndarray, " panel"], right: Float[np.ndarray, " panel"]
) -> Float[np.ndarray, " panel"]:
    """The prior's mass in each panel."""
    width = (right - left)[:, None]
    return np.sum(np.exp(_off_poles(prior, left[:, None] + width * NODES)) * width * WEIGHTS, axis=1)


def _off_poles(prior: Prior, x: Floats) -> Floats:
    """The log density, but -inf where it is +inf: at a node that rounds to a pole at an end."""
    log_p = prior.logpdf(x)
    return np.where(log_p == math.inf, -math.inf, log_p)
