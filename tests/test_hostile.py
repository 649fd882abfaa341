"""A hostile battery for automatic grids: sizes, scales, shifts, outliers, far priors, moments that do not exist.

Numbers come from sums over tau (and sigma) in their logarithms, with what is normal integrated on paper; from closed forms;
or from exact invariances.
"""

from functools import cache
from itertools import pairwise

import dense
import numpy as np
import pytest
import scipy.stats as st
from scipy.integrate import quad
from scipy.special import erfcx, gamma, log_ndtr

import gridbayes as gb
from gridbayes.models.tails import falls_as, tail_power

EFFECTS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
RAGGED = {"G": [-10, 1, 11], "E": [-16, -15, -14], "M": [30]}
RNG = np.random.default_rng(8)


def off(found, expected, sd) -> float:
    """The largest distance in units of the sd."""
    return float(np.max(np.abs(np.asarray(found) - expected) / sd))


# --- known errors against a sum over tau ------------------------------------------------------------------------


def normals(y: np.ndarray, variance: np.ndarray, mu) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log p(y | cell), and mean and variance of mu given y in each cell; y_d ~ N(mu, variance[cell, d])."""
    y = y - getattr(mu, "loc", 0.0)
    total = (1 / variance).sum(axis=1)
    centre = (y / variance).sum(axis=1) / total
    log_p = -0.5 * (np.log(2 * np.pi * variance) + (y - centre[:, None]) ** 2 / variance).sum(axis=1)
    if isinstance(mu, gb.Flat):
        return log_p + 0.5 * np.log(2 * np.pi / total), centre, 1 / total
    prior = mu.scale**2
    log_p += -0.5 * np.log1p(total * prior) - 0.5 * centre**2 / (1 / total + prior)
    return log_p, mu.loc + centre * total / (total + 1 / prior), 1 / (total + 1 / prior)


def window(log_p, low: float = -60, high: float = 60) -> np.ndarray:
    """Equally spaced log tau over all of a density of log tau that is above e**-50 of its top."""
    u = np.arange(low, high, 0.1)
    for _ in range(6):
        value = log_p(u)
        kept = np.flatnonzero(value > value.max() - 50)
        u = np.linspace(u[max(kept[0] - 1, 0)], u[min(kept[-1] + 1, len(u) - 1)], 1200)
    return u


def summed(log_w: np.ndarray, log_step: float, mean: np.ndarray, variance: np.ndarray) -> dict:
    """log evidence, and mean and sd of numbers that are N(mean, variance) in each cell: (cell, number)."""
    top = log_w.max()
    w = np.exp(log_w - top)
    centre = (w / w.sum()) @ mean
    sd = np.sqrt((w / w.sum()) @ (variance + (mean - centre) ** 2))
    return {"log_evidence": top + np.log(w.sum()) + log_step, "mean": centre, "sd": sd}


def over_tau(y, errors, mu, tau_prior) -> dict:
    """Means and sds in the order mu, tau, theta_0, ..."""
    y, noise = np.asarray(y, float), np.asarray(errors, float) ** 2

    def log_p(u: np.ndarray) -> np.ndarray:
        return normals(y, noise + np.exp(2 * u)[:, None], mu)[0] + tau_prior.logpdf(np.exp(u)) + u

    u = window(log_p)
    tau = np.exp(u)[:, None]
    _, centre, variance = (part[:, None] if part.ndim == 1 else part for part in normals(y, noise + tau**2, mu))
    b = noise / (noise + tau**2)
    mean = np.hstack([centre, tau, b * centre + (1 - b) * y])
    return summed(log_p(u), np.log(u[1] - u[0]), mean, np.hstack([variance, 0 * tau, b * tau**2 + b**2 * variance]))


def assert_summed(post: gb.Posterior, expected: dict, tolerance: float = 1e-8) -> None:
    found = [marginal for name in expected.get("names", ("mu", "tau", "theta")) for marginal in post.marginals[name]]
    assert post.log_evidence == pytest.approx(expected["log_evidence"], abs=tolerance, rel=1e-13)
    assert off([marginal.mean for marginal in found], expected["mean"], expected["sd"]) < tolerance
    assert off([marginal.sd for marginal in found], expected["sd"], expected["sd"]) < 10 * tolerance


WIDE = np.geomspace(1e-6, 1e6, 8)
THOUSAND = RNG.uniform(0.5, 2, 1000)
THOUSAND_WIDE = 10.0 ** RNG.uniform(-6, 6, 1000)
OUTLIER = np.append(EFFECTS[:7], 1e6)
NORMAL = gb.Normal(0, 5)
CASES = {
    "one group": ([7.0], [2.0], gb.Normal(0, 3), gb.HalfNormal(3)),
    "two groups": ([7.0, -3], [2.0, 1], gb.Normal(0, 3), gb.HalfNormal(3)),
    "1,000 groups": (RNG.normal(1, np.hypot(3, THOUSAND)), THOUSAND, gb.Normal(0, 2), gb.HalfCauchy(3)),
    "1,000 groups, errors from 1e-6 to 1e6": (
        RNG.normal(1, np.hypot(3, THOUSAND_WIDE)), THOUSAND_WIDE, gb.Normal(0, 2), gb.HalfNormal(3)),
    "errors from 1e-6 to 1e6, tiny tau": (np.linspace(-1, 1, 8), WIDE, gb.Normal(0, 2), gb.HalfNormal(1e-6)),
    "errors from 1e-6 to 1e6, equal values": (np.full(8, 3.0), WIDE, gb.Flat(), gb.HalfNormal(1)),
    "equal values": (np.full(8, 3.0), ERRORS, gb.Flat(), gb.HalfNormal(5)),
    "zeros": (np.zeros(8), ERRORS, NORMAL, gb.HalfNormal(5)),
    "outlier, light tau": (OUTLIER, ERRORS, NORMAL, gb.HalfNormal(5)),
    "outlier, heavy tau": (OUTLIER, ERRORS, gb.Flat(), gb.HalfStudentT(3, 5)),
    "40 sds, tau rules": (np.arange(8) / 10 + 200, np.full(8, 5.0), gb.Normal(0, 5), gb.HalfNormal(1)),
    "40 sds, no tau": (np.arange(8) / 10 + 80, np.full(8, 5.0), gb.Normal(0, 1), gb.HalfNormal(1e-3)),
    "mu 1e-6, tau 1e-6": (EFFECTS, ERRORS, gb.Normal(0, 1e-6), gb.HalfNormal(1e-6)),
    "mu 1e-6, tau 1e6": (EFFECTS, ERRORS, gb.Normal(0, 1e-6), gb.HalfNormal(1e6)),
    "mu 1e6, tau 1e-6": (EFFECTS, ERRORS, gb.Normal(0, 1e6), gb.HalfNormal(1e-6)),
    "mu 1e6, tau 1e6": (EFFECTS, ERRORS, gb.Normal(0, 1e6), gb.HalfCauchy(1e6)),
    "mu flat, tau up to 1e6": (EFFECTS[:4], ERRORS[:4], gb.Flat(), gb.HalfNormal(1e6)),
    "mu flat, tau flat": (EFFECTS, ERRORS, gb.Flat(), gb.Flat(0)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_known_errors_against_a_sum_over_tau(name):
    y, errors, mu, tau = CASES[name]
    assert_summed(gb.partial_pooling(y, sigma=errors, mu=mu, tau=tau), over_tau(y, errors, mu, tau))


def test_the_order_of_a_thousand_groups_is_irrelevant():
    y, errors, mu, tau = CASES["1,000 groups, errors from 1e-6 to 1e6"]
    order = RNG.permutation(1000)
    one = gb.partial_pooling(y, sigma=errors, mu=mu, tau=tau)
    other = gb.partial_pooling(y[order], sigma=errors[order], mu=mu, tau=tau)
    assert off(other.mean("theta"), one.mean("theta").values[order], one.sd("theta").values[order]) < 1e-9
    assert other.log_evidence == pytest.approx(one.log_evidence, abs=1e-9)


@pytest.mark.parametrize("call", [gb.partial_pooling, gb.no_pooling])
def test_a_million_rows_say_what_their_mean_says(call):
    priors = {"mu": NORMAL, "tau": gb.HalfCauchy(5)} if call is gb.partial_pooling else {"theta": NORMAL}
    rows = [RNG.normal(3, 2, 1_000_000), np.array([1.0, 2]), np.array([9.0])]
    counts = np.array([len(x) for x in rows])
    post = call(rows, sigma=2, **priors)
    means = np.array([x.mean() for x in rows])
    short = call(means, sigma=2 / np.sqrt(counts), **priors)
    assert off(post.mean("theta"), short.mean("theta"), short.sd("theta")) < 1e-8
    assert off(post.sd("theta"), short.sd("theta"), short.sd("theta")) < 1e-8
    within = sum(((x - m) ** 2).sum() for x, m in zip(rows, means, strict=True)) / 8
    within += ((counts - 1) * np.log(2 * np.pi * 4) + np.log(counts)).sum() / 2
    assert post.log_evidence == pytest.approx(short.log_evidence - within, rel=1e-12)


# --- units and origins --------------------------------------------------------------------------------------------


def known(scale: float, shift: float) -> gb.Posterior:
    y, errors = np.append(EFFECTS[:4], 1e3), np.append([0.1, 10, 16, 1e5], 9.0)
    mu, tau = gb.StudentT(4, shift + 2 * scale, 5 * scale), gb.HalfNormal(200 * scale)
    return gb.partial_pooling(y * scale + shift, sigma=errors * scale, mu=mu, tau=tau)


def own(scale: float, shift: float) -> gb.Posterior:
    rows = {name: np.array(values) * scale + shift for name, values in RAGGED.items()}
    mu, tau = gb.Normal(shift, 5 * scale), gb.HalfNormal(5 * scale)
    return gb.partial_pooling(rows, sigma=gb.HalfNormal(8 * scale), mu=mu, tau=tau)


def shared(scale: float, shift: float) -> gb.Posterior:
    rows = [np.array(values) * scale + shift for values in ([1, 1e3], [3, 1], [2, 4])]
    mu, sigma = gb.StudentT(3, shift, 5 * scale), gb.HalfCauchy(5 * scale)
    return gb.complete_pooling(rows, sigma=sigma, shared_sigma=True, theta=mu)


@cache
def unmoved(fit) -> gb.Posterior:
    return fit(1.0, 0.0)


MOVES = [(1e-9, 0.0), (1e9, 0.0), (1.0, 1e6)]


@pytest.mark.parametrize(
    ("fit", "rows", "move"),
    [*((known, 5, m) for m in MOVES), *((shared, 6, m) for m in MOVES), (own, 7, MOVES[0]), (own, 7, MOVES[2])],
)
def test_the_answer_scales_and_shifts_with_the_data(fit, rows, move):
    scale, shift = move
    before, after = unmoved(fit), fit(scale, shift)
    for (label, old), (_, new) in zip(before.rows, after.rows, strict=True):
        origin = 0.0 if label.startswith(("tau", "sigma")) else shift
        assert off((new.mean - origin) / scale, old.mean, old.sd) < 1e-8, label
        assert new.sd / scale == pytest.approx(old.sd, rel=1e-8), label
        q = np.array([0.001, 0.5, 0.999])
        assert off((new.quantile(q) - origin) / scale, old.quantile(q), old.sd) < 1e-8, label
    assert after.log_evidence == pytest.approx(before.log_evidence - rows * np.log(scale), abs=1e-8)


# --- learned sigma --------------------------------------------------------------------------------------------------


def over_tau_and_sigma(rows, sigma_prior, mu, tau_prior, tau_ends, sigma_ends) -> dict:
    """Shared sigma: means and sds in the order mu, tau, theta, sigma, by sums over log tau and log sigma."""
    u, v = (np.linspace(*ends, 500) for ends in (tau_ends, sigma_ends))
    tau, sigma = (np.exp(x).ravel()[:, None] for x in np.meshgrid(u, v))
    n, y = np.array([len(x) for x in rows]), np.array([np.mean(x) for x in rows])
    within = sum(((np.asarray(x) - np.mean(x)) ** 2).sum() for x in rows)
    noise = sigma**2 / n
    log_w, centre, variance = normals(y, noise + tau**2, mu)
    log_w -= ((n.sum() - len(n)) * np.log(2 * np.pi * sigma**2)[:, 0] + within / sigma[:, 0] ** 2 + np.log(n).sum()) / 2
    log_w += (sigma_prior.logpdf(sigma) + tau_prior.logpdf(tau) + np.log(sigma * tau))[:, 0]
    b = noise / (noise + tau**2)
    mean = np.hstack([centre[:, None], tau, b * centre[:, None] + (1 - b) * y, sigma])
    spread = np.hstack([variance[:, None], 0 * tau, b * tau**2 + b**2 * variance[:, None], 0 * sigma])
    expected = summed(log_w, np.log((u[1] - u[0]) * (v[1] - v[0])), mean, spread)
    return {**expected, "names": ("mu", "tau", "theta", "sigma")}


TWO = [[200.0, 201], [202.0, 200.5]]
SHARED = {
    "40 sds": (TWO, gb.HalfNormal(1), NORMAL, gb.HalfNormal(1), (2, 3.5), (-4, 2.5)),
    "100,000 rows": (
        [RNG.normal(1, 2, 100_000), [0.0, 1, 3], [3.0]], gb.HalfNormal(5), NORMAL, gb.HalfNormal(5), (-30, 4), (0.66, 0.73)),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_sigma_against_a_double_sum(name):
    rows, sigma, mu, tau, *ends = SHARED[name]
    post = gb.partial_pooling(rows, sigma=sigma, shared_sigma=True, mu=mu, tau=tau)
    assert_summed(post, over_tau_and_sigma(rows, sigma, mu, tau, *ends))


OWN = {
    "one row": [7.0],
    "two rows": [7.0, 8],
    "1,000,000 rows": RNG.normal(3, 2, 1_000_000),
}


def test_own_sigmas_without_pooling_against_a_sum_over_sigma():
    prior, location = gb.HalfNormal(5), gb.Normal(0, 5)
    post = gb.no_pooling(OWN, sigma=prior, theta=location)
    log_evidence = 0.0
    for name, rows in OWN.items():
        n, mean, within = len(rows), np.mean(rows), np.var(rows) * len(rows)

        def log_p(u, n=n, mean=mean, within=within):
            noise = np.exp(2 * u)
            log_l = normals(np.array([mean]), (noise / n)[:, None], location)[0]
            return log_l - ((n - 1) * np.log(2 * np.pi * noise) + within / noise + np.log(n)) / 2 + prior.logpdf(
                np.exp(u)) + u  # fmt: skip

        u = window(log_p)
        _, centre, variance = normals(np.array([mean]), (np.exp(2 * u) / n)[:, None], location)
        expected = summed(
            log_p(u), np.log(u[1] - u[0]), np.stack([centre, np.exp(u)], 1), np.stack([variance, 0 * u], 1)
        )
        for parameter, m, sd in zip(("theta", "sigma"), expected["mean"], expected["sd"], strict=True):
            assert off(post.mean(parameter, name), m, sd) < 1e-8, (name, parameter)
            assert post.sd(parameter, name) == pytest.approx(sd, rel=1e-7), (name, parameter)
        log_evidence += expected["log_evidence"]
    assert post.log_evidence == pytest.approx(log_evidence, rel=1e-12)


# --- priors that end, or bend, far from the data ------------------------------------------------------------------

FAR = {
    "student": (gb.StudentT(3), 40.0, (-np.inf, np.inf)),
    "cauchy": (gb.Cauchy(0, 1), 40.0, (-np.inf, np.inf)),
    "laplace": (gb.Laplace(0, 1), 40.0, (-np.inf, np.inf)),
    "uniform": (gb.Uniform(-1, 1), 40.0, (-1, 1)),
    "exponential": (gb.Exponential(1), -40.0, (0, np.inf)),
    "half-normal": (gb.HalfNormal(1), -40.0, (0, np.inf)),
}


@pytest.mark.parametrize("name", FAR)
def test_a_prior_far_from_one_value_against_quadrature(name):
    prior, y, (low, high) = FAR[name]
    post = gb.complete_pooling([y], sigma=1, theta=prior)
    mode = np.clip(y - (name == "laplace"), low, high)
    top = prior.logpdf(mode) - (y - mode) ** 2 / 2

    def integral(power: int) -> float:
        cuts = np.unique(np.clip([mode - 15, mode - 1, mode - 0.2, mode, mode + 0.2, mode + 1, mode + 15], low, high))
        pieces = [
            quad(lambda x: (x - mode) ** power * np.exp(prior.logpdf(x) - (y - x) ** 2 / 2 - top), *cut, epsabs=1e-14)[
                0
            ]
            for cut in pairwise(cuts)
        ]
        return sum(pieces)

    total, first, second = (integral(power) for power in range(3))
    sd = np.sqrt(second / total - (first / total) ** 2)
    assert off(post.mean("theta"), mode + first / total, sd) < 1e-9
    assert post.sd("theta") == pytest.approx(sd, rel=1e-8)
    assert post.log_evidence == pytest.approx(np.log(total) + top - np.log(2 * np.pi) / 2, rel=1e-12)


def test_a_bounded_mu_far_from_all_groups():
    """mu ends up near its upper end; given tau it is a normal cut off at both ends."""
    y, errors, tau_prior = EFFECTS + 200, ERRORS / 10, gb.HalfNormal(1)
    post = gb.partial_pooling(y, sigma=errors, mu=gb.Uniform(-1, 1), tau=tau_prior)
    u = np.linspace(np.log(15), np.log(40), 1200)
    tau = np.exp(u)[:, None]
    flat, centre, variance = normals(y, errors**2 + tau**2, gb.Flat())
    s = np.sqrt(variance)
    a, b = ((end - centre) / s for end in (-1, 1))
    log_mass = log_ndtr(b) + np.log1p(-np.exp(log_ndtr(a) - log_ndtr(b)))
    density = [np.exp(-(z**2) / 2 - log_mass) / np.sqrt(2 * np.pi) for z in (a, b)]
    mean = centre + s * (density[0] - density[1])
    spread = variance * (1 + a * density[0] - b * density[1] - (density[0] - density[1]) ** 2)
    log_w = flat + log_mass - np.log(2) + tau_prior.logpdf(tau)[:, 0] + u
    expected = summed(log_w, np.log(u[1] - u[0]), np.stack([mean, tau[:, 0]], 1), np.stack([spread, 0 * u], 1))
    assert_summed(post, {**expected, "names": ("mu", "tau")}, 1e-9)


# --- moments that do not exist, and those that just do --------------------------------------------------------------


@cache
def schools(groups: int, mu: gb.Flat | gb.Normal | gb.StudentT, tau) -> gb.Posterior:
    """The first schools, and one of which nothing is known."""
    y, errors = np.append(EFFECTS[:groups], np.nan), np.append(ERRORS[:groups], 1.0)
    return gb.partial_pooling(y, sigma=errors, mu=mu, tau=tau)


HEAVY = [  # p(tau | t) falls as tau**-(a + k), a less 1 under a flat mu; so does the theta of a new group
    (3, gb.Flat(), gb.Flat(0), {"mu": 2, "tau": 2, "new": 2}),
    (4, gb.Flat(), gb.Flat(0), {"mu": 3, "tau": 3, "new": 3}),
    (5, gb.Flat(), gb.Flat(0), {"mu": 4, "tau": 4, "new": 4}),
    (1, gb.Flat(), gb.HalfCauchy(5), {"mu": 2, "tau": 2, "new": 2}),
    (1, gb.Normal(0, 5), gb.HalfCauchy(5), {"mu": np.inf, "tau": 3, "new": 3}),
    (2, gb.Normal(0, 5), gb.HalfCauchy(5), {"mu": np.inf, "tau": 4, "new": 4}),
]


@pytest.mark.parametrize(("groups", "mu", "tau", "powers"), HEAVY, ids=str)
def test_a_moment_exists_or_is_said_not_to(groups, mu, tau, powers):
    post = schools(groups, mu, tau)
    for name, power in powers.items():
        marginal = post.marginals["theta"][-1] if name == "new" else post.marginals[name][0]
        assert np.isnan(marginal.mean) == (power <= 2) and np.isinf(marginal.sd) == (power <= 3)
        assert tail_power(post.model.model, "theta" if name == "new" else name, groups, 1) == pytest.approx(power)
    assert np.isfinite(post.sd("theta", 0))  # a group with data and a known error falls as a normal


@pytest.mark.parametrize(("groups", "mu", "tau", "powers"), HEAVY[1:3] + HEAVY[4:], ids=str)
def test_the_moments_that_exist_are_right(groups, mu, tau, powers):
    post = schools(groups, mu, tau)
    expected = over_tau(EFFECTS[:groups], ERRORS[:groups], mu, tau)
    for i, name in enumerate(("mu", "tau")):
        marginal = post.marginals[name][0]
        assert marginal.mean == pytest.approx(expected["mean"][i], rel=1e-8)
        assert powers[name] == 3 or marginal.sd == pytest.approx(expected["sd"][i], rel=1e-7)
    new = post.marginals["theta"][-1]
    assert new.mean == pytest.approx(expected["mean"][0], rel=1e-8)  # theta = mu + tau z: their means agree,
    square = expected["sd"][0] ** 2 + expected["sd"][1] ** 2 + expected["mean"][1] ** 2  # and Var = Var mu + E tau**2
    assert powers["new"] == 3 or new.var == pytest.approx(square, rel=1e-7)


def half_student_moments(df: float) -> tuple[float, float]:
    """Mean and variance of |t|, t of df degrees of freedom."""
    mean = 2 * np.sqrt(df / np.pi) * gamma((df + 1) / 2) / gamma(df / 2) / (df - 1)
    return mean, df / (df - 2) - mean**2 if df > 2 else np.inf


@pytest.mark.parametrize("df", [1.1, 2.0, 2.1, 2.5])
def test_a_group_without_rows_has_the_moments_of_a_heavy_prior(df):
    """Of the variance of a t of 2.1 degrees of freedom a fifth lies beyond a million sds."""
    post = gb.no_pooling({"a": [1.0, 2], "b": []}, sigma=gb.HalfStudentT(df, 3), theta=gb.StudentT(df, 5, 2))
    mean, variance = half_student_moments(df)
    assert post.mean("theta", "b") == pytest.approx(5, abs=1e-4)  # at 1.1 two tails of size 1 have to cancel
    assert post.mean("sigma", "b") == pytest.approx(3 * mean, rel=1e-6)
    if df <= 2:
        assert post.var("theta", "b") == np.inf and post.var("sigma", "b") == np.inf
    else:
        assert post.var("theta", "b") == pytest.approx(4 * df / (df - 2), rel=1e-7)
        assert post.var("sigma", "b") == pytest.approx(9 * variance, rel=1e-7)


def test_a_sigma_of_one_row_has_a_mean_and_no_variance():
    """p(sigma | t) = half-Cauchy times N(7; 0, sqrt(4 + sigma**2)): it falls as sigma**-3."""
    post = gb.no_pooling([7.0], sigma=gb.HalfCauchy(5), theta=gb.Normal(0, 2))
    u = np.arange(-40, 40, 0.02)
    sigma = np.exp(u)
    p = np.exp(dense.half_cauchy(sigma, 5) - np.log(4 + sigma**2) / 2 - 49 / (4 + sigma**2) / 2 + u)
    assert post.mean("sigma", 0) == pytest.approx(p @ sigma / p.sum(), rel=1e-8)
    assert post.sd("sigma", 0) == np.inf and np.isfinite(post.sd("theta", 0))


def test_a_group_without_rows_under_a_cauchy_has_no_mean():
    post = gb.no_pooling({"a": [7.0, 8], "b": []}, sigma=gb.HalfCauchy(5), theta=gb.Normal(0, 2))
    assert np.isnan(post.mean("sigma", "b"))
    assert post.quantile("sigma", 0.75, "b") == pytest.approx(5 * np.tan(np.pi * 3 / 8), rel=1e-8)
    post = gb.no_pooling({"a": [7.0, 8], "b": []}, sigma=1, theta=gb.Cauchy(0, 2))
    assert np.isnan(post.mean("theta", "b"))
    assert post.quantile("theta", 0.75, "b") == pytest.approx(2, rel=1e-8)


def slope(marginal, side: int) -> float:
    """The power at which the density falls between 150 and 250 widths from its median."""
    distance = np.geomspace(150, 250, 2) * marginal.width
    middle = float(marginal.quantile(0.5))
    log_p = np.log(marginal.density(middle + side * distance))
    return -float(np.diff(log_p)[0] / np.diff(np.log(distance))[0])


LEARNED = {
    "own, partial": {"call": gb.partial_pooling, "mu": gb.Normal(0, 5), "tau": gb.HalfCauchy(5)},
    "shared, complete": {"call": gb.complete_pooling, "shared_sigma": True, "theta": gb.Flat()},
    "shared, none": {"call": gb.no_pooling, "shared_sigma": True, "theta": gb.Flat()},
    "own, none": {"call": gb.no_pooling, "theta": gb.Flat()},
}


@pytest.mark.parametrize("name", LEARNED)
def test_the_powers_of_the_model_are_those_of_the_densities(name):
    options = dict(LEARNED[name])
    call = options.pop("call")
    data = {"G": [-10, 1, 11], "E": [-16, -13]} if options.get("theta") == gb.Flat() else {**RAGGED, "new": []}
    post = call(data, sigma=gb.HalfCauchy(5), **options)
    checked = 0
    for of_name in post.marginals.values():
        for marginal in of_name:
            for side, power in zip((-1, 1), marginal.tails, strict=True):
                if power < 8:
                    assert slope(marginal, side) == pytest.approx(power, abs=0.1)
                    checked += 1
    assert checked >= 1


def test_powers_of_priors():
    heavy = [gb.Flat(), gb.HalfCauchy(5), gb.StudentT(2.1, 1e6, 3), gb.InverseGamma(2, 1), gb.HalfStudentT(3, 1e-9)]
    np.testing.assert_allclose([falls_as(prior) for prior in heavy], [0, 2, 3.1, 3, 4], atol=1e-12)
    light = [gb.Normal(0, 1e9), gb.LogNormal(0, 10), gb.Exponential(1e-9), gb.Uniform(0, 1e9), gb.Laplace(0, 1)]
    assert np.isinf([falls_as(prior) for prior in light]).all()
    assert falls_as(gb.Flat(3), -1) == np.inf and falls_as(gb.Flat(3)) == 0


# --- a sigma for each group -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "scale"),
    [([-10, 1, 11], 0.5), ([-10, 1, 11], 0.1), ([-10, 1, 11], 1e-3), ([1, 2, 0, 1e6], 5.0), ([1, 2, 0, 1e6], 1e4)],
)
def test_a_prior_of_sigma_far_from_its_rows(rows, scale):
    """Given sigma theta leaves in closed form, and one sum over log sigma is left, about its peak."""
    y, n = np.array(rows, float), len(rows)

    def log_f(u):
        var = np.exp(2 * u)
        log_l = -n / 2 * np.log(2 * np.pi) - n * u - y.var() * n / (2 * var)
        log_l += 0.5 * np.log(2 * np.pi * var / n) + st.norm.logpdf(y.mean(), 0, np.sqrt(25 + var / n))
        return log_l + st.halfnorm.logpdf(np.exp(u), 0, scale) + u

    u = np.linspace(-10, 16, 200_001)
    for _ in range(2):
        kept = u[log_f(u) > log_f(u).max() - 60]
        u = np.linspace(kept[0] - 1e-3, kept[-1] + 1e-3, 200_001)
    p = np.exp(log_f(u) - log_f(u).max())
    var = np.exp(2 * u)
    post = gb.no_pooling([rows], sigma=gb.HalfNormal(scale), theta=gb.Normal(0, 5))
    log_evidence = log_f(u).max() + np.log(p.sum() * (u[1] - u[0]))
    assert post.log_evidence == pytest.approx(log_evidence, rel=1e-11, abs=1e-8)
    assert post.mean("theta", 0) == pytest.approx(p @ (y.mean() * 25 / (25 + var / n)) / p.sum(), rel=1e-7)
    assert post.mean("sigma", 0) == pytest.approx(p @ np.exp(u) / p.sum(), rel=1e-7)


def test_a_group_of_a_thousand_rows_learns_its_sigma_from_them():
    x = np.random.default_rng(0).normal(1, 2, 1000)
    priors = {"sigma": gb.HalfNormal(5), "mu": gb.Normal(0, 5), "tau": gb.HalfNormal(5)}
    post = gb.partial_pooling([x, [1, 2, 3, 0.5]], **priors)
    sigma = np.linspace(1.6, 2.5, 4001)  # under a flat theta, which is what the other group leaves of it here
    log_p = st.halfnorm(scale=5).logpdf(sigma) - 999 * np.log(sigma) - len(x) * x.var() / (2 * sigma**2)
    p = np.exp(log_p - log_p.max())
    mean = p @ sigma / p.sum()
    assert post.mean("sigma", 0) == pytest.approx(mean, rel=1e-6)
    assert post.sd("sigma", 0) == pytest.approx((p @ (sigma - mean) ** 2 / p.sum()) ** 0.5, rel=1e-6)
    assert post.mean("theta", 0) == pytest.approx(x.mean(), abs=2e-3)


# --- where a grid must look -----------------------------------------------------------------------------------


def test_a_flat_prior_that_ends_forty_sds_short_of_the_data():
    post = gb.complete_pooling([-40.0], sigma=1, theta=gb.Flat(0))
    hazard = np.sqrt(2 / np.pi) / erfcx(40 / np.sqrt(2))  # of a standard normal above 40
    assert post.mean("theta") == pytest.approx(hazard - 40, rel=1e-9)
    assert post.var("theta") == pytest.approx(1 + hazard * (40 - hazard), rel=1e-8)  # it cancels


def test_the_heavy_tail_of_a_new_group_is_measured_from_its_middle():
    def fitted(shift):
        effects = {**{name: [y + shift] for name, y in zip("ABCD", [28.0, 8, -3, 7], strict=True)}, "new": []}
        errors = {**dict(zip("ABCD", [[15.0], [10], [16], [11]], strict=True)), "new": []}
        return gb.partial_pooling(effects, sigma=errors, mu=gb.Flat(), tau=gb.HalfCauchy(5))

    assert fitted(1e6).sd("theta", "new") == pytest.approx(fitted(0).sd("theta", "new"), rel=1e-9)
