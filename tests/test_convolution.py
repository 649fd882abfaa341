"""The prior against a normal likelihood: against quadrature written stupidly, and against itself."""

import math

import numpy as np
import pytest
import scipy.stats as st
from scipy.special import logsumexp
from twins import Bare, close, gauss_legendre, width

from gridbayes.convolution import _by_quadrature, log_convolution
from gridbayes.priors import (
    Cauchy,
    Custom,
    Exponential,
    Flat,
    Gamma,
    HalfCauchy,
    HalfNormal,
    HalfStudentT,
    InverseGamma,
    Laplace,
    LogNormal,
    Normal,
    StudentT,
    Uniform,
)

CLOSED = [Normal(1.5, 3), HalfNormal(0.5), Exponential(0.3), Uniform(-2, 5), Laplace(-1, 2), Cauchy(-1, 2)]
NUMERIC = [
    HalfCauchy(5),
    HalfStudentT(3, 2),
    Gamma(2.5, 3),
    Gamma(0.5, 0.1),
    InverseGamma(2, 3),
    LogNormal(1, 0.7),
    LogNormal(0, 3),
    StudentT(3, 10, 2),
    StudentT(0.7),
]


def spots(prior, s, reach=25):
    """Values of m inside the prior and up to `reach` sd of the marginal away from it."""
    z = np.array([-reach, -5, -1, 0, 0.3, 3, reach])
    middle = float(prior.ppf(0.5)) + z * math.hypot(s, width(prior))
    return np.concatenate([middle, prior.ppf([0.01, 0.2, 0.9])])


def log_convolution_by_pieces(prior, m, s):
    """The integral in pieces between quantiles of the prior and points of the normal."""
    low, high = prior.support
    nearest = min(max(m, low), high)
    steps = np.array([-1, -0.1, -0.01, -1e-3, 1e-3, 0.01, 0.1, 1])
    levels = np.concatenate([10.0 ** np.arange(-15, 0), [0.3, 0.5, 0.7, 0.9], 1 - 10.0 ** -np.arange(2, 16)])
    cuts = np.concatenate([prior.ppf(levels), m + s * np.arange(-40, 41, 2), nearest + s * steps])
    cuts = np.concatenate([cuts, prior.breakpoints, [low, high]])
    cuts = np.unique(np.clip(cuts, max(low, nearest - 40 * s), min(high, nearest + 40 * s)))
    x, weights = gauss_legendre(cuts)
    log_f = prior.logpdf(x) - 0.5 * ((x - m) / s) ** 2
    return logsumexp(log_f, b=weights) - math.log(s * math.sqrt(2 * math.pi))


@pytest.mark.parametrize("ratio", [1e-3, 1, 1e3])
@pytest.mark.parametrize("prior", [*CLOSED, *NUMERIC], ids=str)
def test_log_convolution_is_the_integral(prior, ratio):
    s = ratio * width(prior)
    m = spots(prior, s)
    value = log_convolution(prior, m, s)
    likely = value > value.max() - 600
    assert likely.sum() >= 5
    expected = [log_convolution_by_pieces(prior, float(mi), s) for mi in m[likely]]
    np.testing.assert_allclose(value[likely], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("prior", CLOSED, ids=str)
def test_quadrature_agrees_with_the_closed_forms(prior):
    for s in width(prior) * np.array([1e-6, 1e-3, 0.03, 0.3, 1, 3, 30, 1e3, 1e6]):
        m = spots(prior, s, reach=36)
        value = log_convolution(prior, m, s)
        likely = value > value.max() - 700
        numeric = _by_quadrature(prior, m, np.full(m.shape, s))
        np.testing.assert_allclose(numeric[likely], value[likely], rtol=0, atol=1e-11)


@pytest.mark.parametrize("prior", [*CLOSED, HalfCauchy(5), StudentT(3, 10, 2), Gamma(2.5, 3)], ids=str)
def test_log_convolution_stays_finite_in_the_far_tails(prior):
    for s in (1e-2, 1.0, 1e2):
        value = log_convolution(prior, np.array([-40, 40]) * math.hypot(s, width(prior)), s)
        assert np.all(np.isfinite(value))


def test_a_normal_prior_forty_sd_away():
    h = 5.0
    expected = -800 - math.log(h * math.sqrt(2 * math.pi))
    close(float(log_convolution(Normal(0, 3), 40 * h, 4.0)), expected, 1e-14)


@pytest.mark.parametrize("ratio", [10, 1e3, 1e6])
def test_quadrature_keeps_a_narrow_prior_far_from_the_likelihood(ratio):
    m, s = ratio * np.array([-100, -50, 45, 60.0]), np.full(4, float(ratio))
    expected = log_convolution(Normal(0, 1), m, s)
    np.testing.assert_allclose(_by_quadrature(Normal(0, 1), m, s), expected, rtol=1e-11)


@pytest.mark.parametrize("prior", [*CLOSED, *NUMERIC], ids=str)
def test_a_sharp_likelihood_reads_off_the_density(prior):
    m = prior.ppf([0.1, 0.3, 0.8])
    np.testing.assert_allclose(log_convolution(prior, m, 1e-7 * width(prior)), prior.logpdf(m), atol=1e-9)


@pytest.mark.parametrize("prior", [Normal(1.5, 3), Uniform(-2, 5), HalfCauchy(5), Gamma(0.5, 0.1)], ids=str)
def test_the_evidence_integrates_to_one_over_the_data(prior):
    u, s = np.linspace(-45, 45, 601), width(prior)
    m = np.sinh(u) * s + float(prior.ppf(0.5))
    f = np.exp(log_convolution(prior, m, s)) * s * np.cosh(u)
    close(f.sum() * (u[1] - u[0]), 1.0, 1e-9)


@pytest.mark.parametrize(
    ("unit", "scaled"),
    [
        (StudentT(3), StudentT(3, 70, 1e4)),
        (Cauchy(0, 1), Cauchy(70, 1e4)),
        (Laplace(0, 1), Laplace(70, 1e4)),
        (Normal(0, 1), Normal(70, 1e4)),
        (Uniform(0, 1), Uniform(70, 10070)),
        (Custom(st.t(3)), Custom(st.t(3, 70, 1e4))),
        (Custom(st.gamma(0.5)), Custom(st.gamma(0.5, scale=1e4))),
        (HalfCauchy(1), HalfCauchy(1e4)),
        (HalfNormal(1), HalfNormal(1e4)),
        (HalfStudentT(4, 1), HalfStudentT(4, 1e4)),
        (Exponential(1), Exponential(1e-4)),
        (Gamma(0.5, 1), Gamma(0.5, 1e-4)),
        (InverseGamma(2, 1), InverseGamma(2, 1e4)),
        (LogNormal(0, 1), LogNormal(math.log(1e4), 1)),
    ],
    ids=str,
)
def test_a_change_of_unit_changes_only_the_unit(unit, scaled):
    shift = 70.0 if scaled.support[0] != 0 else 0.0
    m, s = np.array([-3.0, 0.0, 0.2, 1.0, 20.0])[:, None], np.array([1e-2, 1.0, 1e2])
    value = log_convolution(scaled, shift + 1e4 * m, 1e4 * s)
    likely = value > -600
    expected = log_convolution(unit, m, s) - math.log(1e4)
    np.testing.assert_allclose(value[likely], expected[likely], rtol=0, atol=1e-10)


def test_a_reflection_changes_nothing():
    m, s = np.linspace(-9, 9, 7)[:, None], np.array([0.1, 1, 10])
    for prior in (StudentT(3), Cauchy(0, 1), Laplace(0, 1), Uniform(-2, 2), Custom(st.logistic())):
        close(log_convolution(prior, m, s), log_convolution(prior, -m, s), 1e-11)


def test_a_flat_prior_leaves_the_probability_of_its_support():
    m = np.array([-30.0, -1.0, 0.0, 2.0])
    np.testing.assert_array_equal(log_convolution(Flat(), m, 2.0), 0.0)
    close(log_convolution(Flat(0), m, 2.0), st.norm.logcdf(m / 2), 1e-13)
    close(log_convolution(Flat(high=1), m, 2.0), st.norm.logcdf((1 - m) / 2), 1e-13)


def test_a_uniform_prior_much_narrower_than_the_likelihood():
    value = float(log_convolution(Uniform(-1e-9, 1e-9), 3.0, 1.0))
    close(value, float(Normal(0, 1).logpdf(3.0)), 1e-14)


def test_a_bimodal_custom_prior_is_resolved():
    narrow, wide = st.norm(-5, 0.01), st.norm(7, 2)

    class Mixture:
        def logpdf(self, x):
            return np.logaddexp(math.log(0.3) + narrow.logpdf(x), math.log(0.7) + wide.logpdf(x))

        def ppf(self, q):
            x = np.concatenate([-5 + np.linspace(-0.1, 0.1, 4001), np.linspace(-4.8, 25, 4001)])
            return np.interp(q, 0.3 * narrow.cdf(x) + 0.7 * wide.cdf(x), x)

    m, s = np.array([-5.0, -4.9, 0.0, 7.0, 20.0])[:, None], np.array([1e-3, 0.1, 1.0, 30.0])
    expected = 0.3 * np.exp(log_convolution(Normal(-5, 0.01), m, s))
    expected += 0.7 * np.exp(log_convolution(Normal(7, 2), m, s))
    value = np.exp(log_convolution(Custom(Mixture()), m, s))
    np.testing.assert_allclose(value[expected > 1e-250], expected[expected > 1e-250], rtol=1e-10)


def test_bare_densities_convolve_too():
    m = np.linspace(-8, 9, 8)
    close(log_convolution(Custom(Bare(st.norm(1, 2))), m, 3.0), log_convolution(Normal(1, 2), m, 3.0), 1e-11)


def test_a_density_that_no_panels_resolve_is_refused():
    noise = np.random.default_rng(0)

    class Rough:
        def logpdf(self, x):
            return np.log(noise.uniform(0.5, 1.5, np.shape(x)))

        def ppf(self, q):
            return q

        def support(self):
            return 0.0, 1.0

    with pytest.raises(ValueError, match=r"the density must be piecewise smooth; .* of its mass is unresolved"):
        log_convolution(Custom(Rough()), 0.5, 1.0)


@pytest.mark.parametrize(
    ("at_zero", "elsewhere", "shift"),
    [(st.gamma(0.5), st.gamma(0.5, 1000), 1000), (st.dgamma(0.5), st.dgamma(0.5, 1), 1)],
    ids=["at an end", "inside"],
)
def test_a_pole_away_from_zero_is_as_good_as_floating_point(at_zero, elsewhere, shift):
    m = np.array([-1.0, 0.0, 3.0])
    value = log_convolution(Custom(elsewhere), shift + m, 1.0)
    np.testing.assert_allclose(value, log_convolution(Custom(at_zero), m, 1.0), rtol=0, atol=1e-6)


def test_chunks_do_not_show():
    m = np.random.default_rng(1).normal(0, 20, 2000)
    value = log_convolution(HalfCauchy(5), m, 3.0)
    close(value[::500], [float(log_convolution(HalfCauchy(5), mi, 3.0)) for mi in m[::500]], 1e-12)


def test_log_convolution_broadcasts():
    for prior in (Normal(0, 1), HalfCauchy(1), Uniform(0, 1), Flat()):
        assert log_convolution(prior, 0.0, 1.0).shape == ()
        assert log_convolution(prior, np.zeros((3, 1)), np.ones(2)).shape == (3, 2)
        assert log_convolution(prior, np.zeros(0), 1.0).shape == (0,)
        assert log_convolution(prior, [0, 1], 1).dtype == np.float64


@pytest.mark.parametrize("s", [0.0, -1.0, math.inf, math.nan, [1.0, 0.0]])
def test_log_convolution_wants_standard_deviations(s):
    with pytest.raises(ValueError, match=r"s must be positive and finite; s is .*Pass standard deviations"):
        log_convolution(Normal(0, 1), 0.0, s)


def test_log_convolution_wants_finite_means():
    with pytest.raises(ValueError, match=r"m must be finite; m is nan\. Pass the likelihood's means"):
        log_convolution(Normal(0, 1), [0.0, math.nan], 1.0)
