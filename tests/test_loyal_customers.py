"""Loyal customers and bumps on a background: other grids, sequential updating, closed forms, and what is refused."""

from functools import cache

import numpy as np
import pytest
import scipy.stats as st
from scipy.special import expit

import gridbayes as gb
from gridbayes.enumeration.windows import placed
from gridbayes.models.count_rows import Counts

X, N = np.array([20.0, 30, 35, 40, 45, 50, 60]), 150
Y = np.array([43.0, 51, 63, 90, 119, 138, 143])
PRIORS = {"share": gb.Beta(2, 1), "intercept": gb.Normal(0, 2), "slope": gb.Normal(0, 0.3)}
KNOWN = (720, 800)


@pytest.fixture(scope="module")
def joint():
    """Visitors and customers who are known to be loyal, at once."""
    return gb.loyal_customers(X, Y, trials=N, loyal=KNOWN, **PRIORS)


@pytest.fixture(scope="module")
def alone():
    return gb.loyal_customers(X, Y, trials=N, **PRIORS)


@pytest.fixture(scope="module")
def bump():
    x = np.linspace(0, 10, 41)
    rng = np.random.default_rng(3)
    y = rng.poisson(np.exp(3 - 0.15 * x) + 20 * np.exp(-(((x - 6) / 0.6) ** 2) / 2)).astype(float)
    return x, y, gb.signal_and_background(x, y, place=6, width=0.6, signal=gb.Exponential(0.1),
                                          intercept=gb.Normal(2, 1), slope=gb.Normal(0, 1))  # fmt: skip


@cache
def dense():
    """E and sd of each parameter by midpoint sums in NumPy, in boxes wide enough, and log p(y, known)."""

    def middles(low, high, n):
        return low + (np.arange(n) + 0.5) * (high - low) / n

    axes = [middles(0.4, 1, 44), middles(0.83, 0.96, 26), middles(-2.5, 2.5, 48), middles(0, 0.6, 48)]
    share, vip, c, b = np.meshgrid(*axes, indexing="ij", sparse=True)
    log_p = st.beta(2, 1).logpdf(share) + st.norm(0, 2).logpdf(c) + st.norm(0, 0.3).logpdf(b)
    log_p = log_p + st.binom.logpmf(*KNOWN, vip)
    for x, y in zip(X, Y, strict=True):
        q = share * expit(c + b * (x - X.mean())) + (1 - share) * vip
        log_p = log_p + y * np.log(q) + (N - y) * np.log1p(-q) + st.binom(N, 0.5).logpmf(y) + N * np.log(2)
    volume = np.prod([axis[1] - axis[0] for axis in axes])
    top = log_p.max()
    p = np.exp(log_p - top)
    total = p.sum()
    moments = []
    for i, axis in enumerate(axes):
        own = p.sum(axis=tuple(j for j in range(4) if j != i)) / total
        mean = own @ axis
        moments.append((mean, (own @ (axis - mean) ** 2) ** 0.5))
    return moments, float(np.log(total * volume) + top)


def test_four_parameters_equal_dense_sums(joint):
    moments, log_evidence = dense()
    for name, (mean, sd) in zip(("share", "theta_vip", "intercept", "slope"), moments, strict=True):
        assert joint.mean(name) == pytest.approx(mean, abs=0.002 * sd)
        assert joint.sd(name) == pytest.approx(sd, rel=0.004)
    assert joint.log_evidence == pytest.approx(log_evidence, abs=2e-3)


def test_joint_is_sequential(joint):
    """Loyal rows first: theta_vip ~ Beta(1 + k, 1 + n - k), a prior for the visitors. Evidences multiply."""
    after = gb.loyal_customers(X, Y, trials=N, theta_vip=gb.Beta(721, 81), **PRIORS)
    for name in joint.marginals:
        assert after.mean(name) == pytest.approx(joint.mean(name), abs=1e-8 * joint.sd(name))
        assert after.sd(name) == pytest.approx(joint.sd(name), rel=1e-8)
    first = gb.proportion(*KNOWN)
    assert first.quantile("p", 0.3) == pytest.approx(st.beta(721, 81).ppf(0.3), abs=1e-9)
    assert first.log_evidence + after.log_evidence == pytest.approx(joint.log_evidence, abs=1e-8)


def test_visitors_first_is_the_same_by_weights(alone):
    """The other order: the posterior of the visitors, its cells weighed by the likelihood of a few loyal rows."""
    both = alone.update([20.0], [0.0], trials=[0.0], loyal=(18, 20))
    nodes = alone.weighted()
    w = nodes["p_node"].values * st.binom.pmf(18, 20, nodes["theta_vip"].values)
    assert alone.log_evidence + np.log(w.sum()) == pytest.approx(both.log_evidence, abs=1e-3)
    for name in both.marginals:
        mean = w @ nodes[name].values / w.sum()
        assert mean == pytest.approx(both.mean(name), abs=2e-3 * both.sd(name))


def test_rows_of_loyal_customers_settle_what_visitors_cannot(joint, alone):
    assert joint.sd("theta_vip") < alone.sd("theta_vip") / 3


def test_the_error_that_is_stated_holds(joint):
    (mean, sd), *_ = dense()[0]
    assert joint.accuracy.largest.size < 0.05
    assert abs(joint.mean("share") - mean) < (joint.accuracy.of_means["share"] + 0.002) * sd


def test_draws_are_of_the_posterior(joint):
    draws = joint.sample(4000, seed=1)
    for name in joint.marginals:
        assert float(draws[name].mean()) == pytest.approx(joint.mean(name), abs=5 * joint.sd(name) / 4000**0.5)
        assert st.kstest(draws[name].values, lambda v, name=name: joint.marginals[name][0].cdf(v)).pvalue > 1e-3


def test_new_rows_and_pit_are_means_over_the_cells(joint):
    nodes = joint.weighted()
    p = [nodes[name].values for name in ("share", "theta_vip", "intercept", "slope")]
    q = p[0] * expit(p[2] + p[3] * (37 - X.mean())) + (1 - p[0]) * p[1]
    w = nodes["p_node"].values
    new = joint.predict([37.0], trials=20)
    assert new.mean("expected")[0] == pytest.approx(20 * float(w @ q), rel=1e-9)
    y = new.marginal("y").values[0]
    assert y[12] == pytest.approx(float(w @ st.binom.pmf(12, 20, q)), rel=1e-4)
    q = p[0] * expit(p[2] + p[3] * (X[3] - X.mean())) + (1 - p[0]) * p[1]
    pit = w @ (st.binom.cdf(Y[3], N, q) - st.binom.pmf(Y[3], N, q) / 2)
    assert joint.pit().values[3] == pytest.approx(float(pit), abs=1e-4)
    assert joint.predictive_check(np.max, draws=500).p > 0.02


# --- signal and background ----------------------------------------------------------------------------------------------


def test_a_bump_equals_dense_sums(bump):
    x, y, post = bump
    s, c, b = np.meshgrid(np.linspace(4, 40, 73), np.linspace(1.9, 2.8, 61), np.linspace(-0.28, 0, 61), indexing="ij")
    log_p = -0.1 * s + st.norm(2, 1).logpdf(c) + st.norm(0, 1).logpdf(b)
    for at, count in zip(x, y, strict=True):
        rate = s * np.exp(-(((at - 6) / 0.6) ** 2) / 2) + np.exp(c + b * (at - 5))
        log_p = log_p + st.poisson.logpmf(count, rate)
    w = np.exp(log_p - log_p.max())
    for name, values in (("signal", s), ("intercept", c), ("slope", b)):
        mean = float((w * values).sum() / w.sum())
        sd = float(((w * (values - mean) ** 2).sum() / w.sum()) ** 0.5)
        assert post.mean(name) == pytest.approx(mean, abs=1e-5 * sd)
        assert post.sd(name) == pytest.approx(sd, rel=1e-5)
    volume = 0.5 * 0.015 * 0.28 / 60
    assert post.log_evidence == pytest.approx(float(np.log(w.sum() * volume * 0.1) + log_p.max()), abs=1e-5)


def test_signal_and_background_are_recovered_with_place_and_width(bump):
    x, y, known = bump
    truth = {"signal": 20.0, "intercept": 3 - 0.15 * 5, "slope": -0.15, "place": 6.0, "width": 0.6}
    post = gb.signal_and_background(x, y, place=gb.Normal(5, 2), width=gb.LogNormal(0, 0.5))
    for fit in (known, post):
        for name in fit.marginals:
            assert abs(fit.mean(name) - truth[name]) < 2 * fit.sd(name)
    assert st.kstest(known.pit().values, "uniform").pvalue > 0.01
    assert post.predict([6.0]).mean("expected")[0] > 2 * post.predict([9.0]).mean("expected")[0]


def test_without_a_bump_it_is_a_poisson_regression(bump):
    x, y, post = bump
    flat = gb.poisson_regression(x - 5, y, intercept=gb.Normal(2, 1), slope=gb.Normal(0, 1))
    none = gb.signal_and_background(x, y, place=6, width=0.6, signal=gb.Exponential(1e4),
                                    intercept=gb.Normal(2, 1), slope=gb.Normal(0, 1))  # fmt: skip
    assert none.log_evidence == pytest.approx(flat.log_evidence, abs=2e-3)
    assert none.mean("slope") == pytest.approx(flat.mean("slope"), abs=1e-3 * flat.sd("slope"))
    assert post.log_evidence > flat.log_evidence + 10


# --- parts --------------------------------------------------------------------------------------------------------------


def test_windows_find_a_narrow_density_in_a_wide_box():
    def spike(p, d):
        return -((p["a"] - d) ** 2 / 2e-6 + (p["b"] + 3) ** 2 / 8)

    (grids,) = placed(spike, {"a": (0.0, 1.0), "b": (-30.0, 30.0)}, np.array(0.3), (64,))
    low, high = grids["a"].edges
    assert 0.3 - 0.02 < low < 0.3 - 5e-3 and 0.3 + 5e-3 < high < 0.3 + 0.02
    post = gb.enumerate(spike, grids, np.array(0.3), progress=False)
    assert post.mean("a") == pytest.approx(0.3, abs=1e-9) and post.sd("a") == pytest.approx(1e-3, rel=1e-7)
    assert post.sd("b") == pytest.approx(2, rel=1e-7)


@pytest.mark.parametrize("binomial", [True, False])
def test_counts_are_scipys(binomial):
    mean, known = np.array([[0.2, 0.7], [0.5, 0.9]]), np.array([3.0, 5.0])
    row = st.binom(known, mean) if binomial else st.poisson(known * mean)
    own = Counts(mean, known, binomial)
    for y in (np.array([3.0, 2.0]), np.array([0.0, 5.0])):
        np.testing.assert_allclose(own.logpdf(y), row.logpmf(y), rtol=1e-12)
        np.testing.assert_allclose(own.cdf(y), row.cdf(y) - row.pmf(y) / 2, rtol=1e-12)


def test_what_does_not_fit_is_refused(alone):
    with pytest.raises(ValueError, match=r"y must not exceed its trials; y\[0\] is 3 of 2"):
        gb.loyal_customers([1, 2], [3, 1], trials=2)
    with pytest.raises(ValueError, match="loyal must be whole numbers, conversions of trials; loyal is "):
        gb.loyal_customers([1, 2], [1, 1], trials=2, loyal=(3, 2))
    with pytest.raises(TypeError, match="loyal must be two counts"):
        gb.loyal_customers([1, 2], [1, 1], trials=2, loyal=3)
    with pytest.raises(ValueError, match=r"share must have a proper prior of gridbayes on \[0, 1\]; share is Normal"):
        gb.loyal_customers([1, 2], [1, 1], trials=2, share=gb.Normal(0, 1))
    with pytest.raises(ValueError, match="x must vary; all 2 rows are at 1"):
        gb.loyal_customers([1, 1], [1, 1], trials=2)
    with pytest.raises(ValueError, match="width must be a positive number, known, or a prior; width is 0"):
        gb.signal_and_background([1, 2], [1, 1], place=1, width=0)
    with pytest.raises(ValueError, match="slope must have a proper prior of gridbayes; slope is Flat"):
        gb.signal_and_background([1, 2], [1, 1], place=1, width=1, slope=gb.Flat())
    with pytest.raises(TypeError, match="takes trials=, not exposure="):
        alone.predict([1.0], exposure=2)
    with pytest.raises(ValueError, match="Leave loo out, or fit without a row"):
        alone.pit(loo=True)
