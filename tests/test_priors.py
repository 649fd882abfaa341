"""Priors against scipy.stats and against themselves; the doors by which they come in."""

import dataclasses
import math

import numpy as np
import pytest
import scipy.stats as st
from twins import EVERY, ONE_OF_EACH, PROPER, TWINS, Bare, close, gauss_legendre, label, width

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
    Jeffreys,
    Laplace,
    LogNormal,
    Normal,
    Prior,
    StudentT,
    Uniform,
    UniformShrinkage,
    as_prior,
    as_scale_prior,
    parse_prior,
)

FOLDED = (HalfNormal, HalfCauchy, HalfStudentT)  # where scipy's own quantiles lose digits in a tail
ON_HALF_LINE = [prior for prior in EVERY if prior.support == (0.0, math.inf)]


@pytest.mark.parametrize("prior", ON_HALF_LINE, ids=str)
def test_no_mass_below_zero(prior):
    assert np.all(prior.logpdf([-1e-300, -1.0, -math.inf]) == -math.inf)
    assert prior.logpdf(1.0) > -math.inf


@pytest.mark.parametrize("prior", PROPER, ids=str)
def test_density_integrates_to_the_probability_between_quantiles(prior):
    tail = 2.0 ** -np.arange(1, 14)
    q = np.union1d(tail, 1 - tail)
    x, weights = gauss_legendre(prior.ppf(q))
    close(np.sum(np.exp(prior.logpdf(x)) * weights, axis=1), np.diff(q), 1e-11)


def test_logpdf_keeps_shape_and_is_float64():
    for x in (1, [1, 2], np.ones((2, 3), np.float32)):
        value = Normal(0, 1).logpdf(x)
        assert isinstance(value, np.ndarray) and value.dtype == np.float64 and value.shape == np.shape(x)


# Quantiles


@pytest.mark.parametrize(("prior", "twin"), [pair for pair in TWINS if not isinstance(pair[0], FOLDED)], ids=label)
def test_ppf_is_scipys(prior, twin):
    q = np.concatenate([np.geomspace(1e-12, 0.4, 30), [0.5], 1 - np.geomspace(1e-12, 0.4, 30)])
    scale = 1e-12 * width(prior)  # where a quantile passes 0 no relative accuracy is to be had
    np.testing.assert_allclose(prior.ppf(q), twin.ppf(q), rtol=1e-12, atol=scale if prior.support[0] < 0 else 0)


@pytest.mark.parametrize(("prior", "twin"), TWINS, ids=label)
def test_ppf_inverts_scipys_distribution_function_in_both_tails(prior, twin):
    q = np.geomspace(1e-12, 0.5, 30)
    above = 1 - (1 - q)  # as far as 1 - q is a double
    rounding = 2e-16 if isinstance(prior, Uniform) else 0  # of x near an end that is not 0
    np.testing.assert_allclose(twin.cdf(prior.ppf(q)), q, rtol=2e-12, atol=rounding)
    np.testing.assert_allclose(twin.sf(prior.ppf(1 - q)), above, rtol=2e-12, atol=rounding)


@pytest.mark.parametrize("df", [0.5, 3, 40, 1e6])
def test_half_student_t_quantiles_in_both_tails(df):
    small = np.geomspace(1e-14, 0.3, 20)
    close(st.t(df).sf(HalfStudentT(df, 1).ppf(1 - small)) / ((1 - (1 - small)) / 2), 1.0, 1e-11)
    lower = HalfStudentT(df, 1).ppf(small)
    first = lower[:8] * 2 * st.t(df).pdf(0)  # near 0 the distribution function is linear
    close(first / small[:8], 1.0, 1e-6)
    close(2 * st.t(df).cdf(lower) - 1, small, 1e-14)


def test_student_t_quantiles_beyond_scipys():
    q = 1e-200  # P(T < x) = c |x|^-3 for df = 3, with c = 3 sqrt(3) * 2 / (3 pi)
    close(float(StudentT(3).ppf(q)) / -((2 * math.sqrt(3) / (math.pi * q)) ** (1 / 3)), 1.0, 1e-12)


@pytest.mark.parametrize("prior", PROPER, ids=str)
def test_ppf_ends_at_the_support_and_increases(prior):
    np.testing.assert_array_equal(prior.ppf([0.0, 1.0]), prior.support)
    assert np.all(np.diff(prior.ppf(np.linspace(0, 1, 301)[1:-1])) > 0)
    assert prior.ppf(0.3).shape == () and prior.ppf([[0.3]]).shape == (1, 1)


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan, [0.5, 50]])
def test_ppf_wants_probabilities(q):
    with pytest.raises(ValueError, match=r"Normal\(0, 1\): q must lie in \[0, 1\]; q is .*Pass probabilities"):
        Normal(0, 1).ppf(q)


def test_an_improper_prior_has_no_quantiles():
    with pytest.raises(ValueError, match=r"Flat\(\) must be proper to have quantiles"):
        Flat().ppf(0.5)


# The nouns


@pytest.mark.parametrize(
    ("prior", "printed"),
    [
        (Normal(0, 5), "Normal(0, 5)"),
        (HalfCauchy(5.0), "HalfCauchy(5)"),
        (StudentT(3), "StudentT(3, 0, 1)"),
        (Uniform(-0.5, 1e6), "Uniform(-0.5, 1e+06)"),
        (Flat(), "Flat()"),
        (Flat(0), "Flat(0, inf)"),
        (Jeffreys(), "Jeffreys()"),
        (Jeffreys(7), "Jeffreys([7])"),
        (Jeffreys(np.arange(1, 9)), "Jeffreys([1, 2, 3, 4, 5, 6, 7, 8])"),
        (Jeffreys(np.arange(1, 10)), "Jeffreys([1, 2, 3, ..., 9])"),
        (UniformShrinkage(), "UniformShrinkage()"),
        (UniformShrinkage([1, 1]), "UniformShrinkage(1)"),
        (Custom(st.gamma(2, scale=3)), "gamma(2, scale=3)"),
        (Custom(st.norm(0.0, 5)), "norm(0, 5)"),
        (Custom(Bare(st.norm())), "Bare()"),
    ],
    ids=str,
)
def test_prints_as_a_statistician_writes(prior, printed):
    assert str(prior) == repr(prior) == printed


def test_parameters_are_floats_in_the_order_of_the_density():
    prior = StudentT(np.int64(3), np.float32(0.5), 2)
    assert list(prior.parameters.items()) == [("df", 3.0), ("loc", 0.5), ("scale", 2.0)]
    assert all(type(value) is float for value in prior.parameters.values())
    assert Custom(st.norm()).parameters == {} and Custom(st.norm()).lpdf is None


def test_only_flat_is_improper_and_only_laplace_has_a_kink():
    assert [prior for prior in EVERY if not prior.proper] == [Flat(), Flat(0), Flat(high=2)]
    assert [prior.breakpoints for prior in EVERY if prior.breakpoints] == [(-1.0,)]


def test_priors_are_frozen_equal_by_value_and_hashable():
    assert Normal(0, 5) == Normal(0.0, 5.0) != Normal(0, 6)
    assert len({Normal(0, 5), Normal(0, 5), Cauchy(0, 5)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="scale"):
        Normal(0, 5).scale = 3


def test_prior_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Prior()


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (
            lambda: Normal(0, -1),
            ValueError,
            r"Normal: scale must be positive; scale is -1.0. Pass a standard deviation, not a variance or a",
        ),
        (lambda: HalfNormal(0), ValueError, "HalfNormal: scale must be positive; scale is 0.0. Pass"),
        (
            lambda: HalfStudentT(-1, 1),
            ValueError,
            "HalfStudentT: df must be positive; df is -1.0. Pass degrees",
        ),
        (
            lambda: Exponential(0),
            ValueError,
            "Exponential: rate must be positive; rate is 0.0. Pass 1 / mean",
        ),
        (lambda: Gamma(0, 1), ValueError, "Gamma: alpha must be positive; alpha is 0.0. Pass the shape"),
        (lambda: Gamma(1, -2), ValueError, "Gamma: beta must be positive; beta is -2.0. Pass the rate"),
        (lambda: InverseGamma(1, -2), ValueError, "InverseGamma: beta must be positive.*Pass the scale"),
        (lambda: Normal(math.nan, 1), ValueError, "Normal: loc must be finite; loc is nan. Pass the mean"),
        (lambda: Cauchy(0, math.inf), ValueError, "Cauchy: scale must be finite; scale is inf"),
        (lambda: Normal("0", 1), TypeError, "Normal: loc must be a number; loc is '0'. Pass the mean"),
        (lambda: Normal(0, np.ones(2)), TypeError, "Normal: scale must be a number; scale is array"),
        (lambda: Normal(0, True), TypeError, "Normal: scale must be a number; scale is True"),
        (lambda: Uniform(1, 1), ValueError, "Uniform: low must be below high; low is 1.0, high is 1.0"),
        (lambda: Uniform(0, math.inf), ValueError, "Uniform: high must be finite; high is inf"),
        (lambda: Flat(1, 0), ValueError, "Flat: low must be below high; low is 1.0, high is 0.0"),
        (lambda: Flat(0, 3), ValueError, r"Flat: one end must be infinite; .* Pass Uniform\(0, 3\)"),
        (
            lambda: Flat(math.nan),
            ValueError,
            "Flat: low must be finite; low is nan. Pass the lower end or -math.inf",
        ),
        (lambda: Jeffreys([]), ValueError, r"Jeffreys: errors must not be empty; errors is \[\]. Pass standard errors"),
        (lambda: Jeffreys([3, -1]), ValueError, "Jeffreys: errors must be positive; errors is -1.0. Pass standard err"),
        (lambda: Jeffreys("15"), TypeError, "Jeffreys: errors must be a number; errors is '15'. Pass standard errors"),
        (lambda: UniformShrinkage({"A": 15}), TypeError, "errors must be a number; errors is {'A': 15}. Pass"),
        (lambda: UniformShrinkage(math.inf), ValueError, "UniformShrinkage: errors must be finite; errors is inf"),
        (
            lambda: Custom(5),
            TypeError,
            "Custom: distribution must be an object with logpdf; distribution is 5",
        ),
        (
            lambda: Custom(st.gamma),
            TypeError,
            r"Custom: distribution must be frozen; .*scipy.stats.gamma\(\.\.\.\)",
        ),
    ],
)
def test_construction_teaches(build, error, message):
    with pytest.raises(error, match=message):
        build()


# Made of standard errors


@pytest.mark.parametrize("build", [Jeffreys, UniformShrinkage])
def test_priors_of_errors_have_no_density_before_they_have_errors(build):
    name = build.__name__
    assert build() == build(None) and build().support == (0.0, math.inf)
    with pytest.raises(
        ValueError, match=rf"{name}\(\) must have standard errors .* Pass {name}\(errors\) with standard"
    ):
        build().logpdf(1.0)


def test_uniform_shrinkage_is_uniform_with_the_harmonic_mean_of_the_variances():
    errors = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    prior = UniformShrinkage(errors)
    close(prior.scale**2, st.hmean(errors**2), 1e-14)
    q = np.linspace(0.1, 0.9, 9)
    close(prior.scale**2 / (prior.scale**2 + prior.ppf(q) ** 2), 1 - q, 1e-14)
    close(UniformShrinkage([1e-200, 2e-200]).scale, math.sqrt(1.6) * 1e-200, 1e-14)


def test_jeffreys_is_the_root_of_the_fisher_information_of_tau():
    """E[(d log N(y; mu, sqrt(s^2 + tau^2)) / d tau)^2] = 2 (tau / (s^2 + tau^2))^2, by quadrature over y."""
    errors = np.array([15.0, 10, 3])
    z, weight = np.polynomial.hermite_e.hermegauss(20)
    for tau in (0.3, 4.0, 50.0):
        sd = np.hypot(errors, tau)
        score = (z**2 - 1)[:, None] * tau / sd**2
        information = np.sum(weight / weight.sum() @ score**2)
        close(float(Jeffreys(errors).logpdf(tau)), 0.5 * math.log(information / 2), 1e-13)


def test_jeffreys_at_the_extremes():
    prior = Jeffreys([2.0, 3.0])
    assert np.all(prior.logpdf([0.0, -1.0, math.inf, -math.inf]) == -math.inf) and np.isnan(prior.logpdf(math.nan))
    close(prior.logpdf(1e-300), math.log(1e-300) + math.log(1 / 16 + 1 / 81) / 2, 1e-14)
    close(prior.logpdf(1e300), math.log(2) / 2 - math.log(1e300), 1e-14)
    with pytest.raises(ValueError, match=r"Jeffreys\(\[2, 3\]\) must be proper to have quantiles; it is not. Pass for"):
        prior.ppf(0.5)


# Custom


@pytest.mark.parametrize(("prior", "twin"), TWINS, ids=label)
def test_custom_is_the_distribution(prior, twin):
    custom = Custom(twin)
    q = np.array([0.0, 0.01, 0.5, 0.99, 1.0])
    np.testing.assert_array_equal(custom.ppf(q), twin.ppf(q))
    assert custom.support == prior.support
    close(custom.logpdf([0.5, 2.0]), prior.logpdf([0.5, 2.0]), 1e-12)


@pytest.mark.parametrize(
    ("twin", "support"),
    [
        (st.norm(1000, 0.1), None),
        (st.cauchy(), None),
        (st.gamma(0.5), (0, math.inf)),
        (st.lognorm(3), (0, math.inf)),
        (st.expon(5), (5, math.inf)),
        (st.triang(0.3), (0, 1)),
    ],
    ids=["norm", "cauchy", "gamma", "lognorm", "expon", "triang"],
)
def test_quantiles_of_a_bare_density(twin, support):
    q = np.concatenate([np.geomspace(1e-6, 0.4, 9), [0.5], 1 - np.geomspace(1e-6, 0.4, 9)])
    close(twin.cdf(Custom(Bare(twin, support)).ppf(q)), q, 2e-12)
    np.testing.assert_array_equal(Custom(Bare(twin, support)).ppf([0, 1]), support or (-math.inf, math.inf))


def test_custom_takes_scipys_new_distributions():
    close(Custom(st.Normal(mu=1.0, sigma=2.0)).ppf([0.1, 0.9]), Normal(1, 2).ppf([0.1, 0.9]), 1e-14)


def test_an_unnormalised_density_is_refused():
    class Half:
        def logpdf(self, x):
            return st.norm().logpdf(x) - math.log(2)

    with pytest.raises(ValueError, match=r"must integrate to 1; it integrates to 0.5 on .*Pass a normalised"):
        Custom(Half()).ppf(0.5)


def test_a_density_of_the_wrong_shape_or_without_a_number_is_refused():
    with pytest.raises(ValueError, match=r"logpdf must return the shape of x, \(\); it returned \(2,\). Pass"):
        Custom(st.norm([0, 1], 1)).logpdf(0.0)
    with pytest.raises(ValueError, match=r"logpdf must not be NaN; it is at x = 2\.0\. Check the parameters"):
        Custom(st.norm(0, -1)).logpdf([2.0])


# The doors


def test_as_prior():
    prior = Normal(0, 5)
    assert as_prior(prior, "mu") is prior
    assert isinstance(as_prior(st.norm(0, 5), "mu"), Custom)


@pytest.mark.parametrize("value", [5, "normal", Normal, None])
def test_as_prior_names_the_argument(value):
    with pytest.raises(TypeError, match=r"mu must be a prior; mu is .*Pass for example gridbayes.Normal\(0, 5\)"):
        as_prior(value, "mu")


def test_as_scale_prior():
    assert as_scale_prior(HalfCauchy(5), "tau") == HalfCauchy(5)
    assert as_scale_prior(Uniform(0, 9), "tau") == Uniform(0, 9)
    assert as_scale_prior(Flat(), "tau") == Flat(0, math.inf)
    assert as_scale_prior(Flat(1), "tau") == Flat(1, math.inf)
    assert as_scale_prior(st.gamma(2), "tau").support == (0, math.inf)


@pytest.mark.parametrize("value", [Normal(0, 3), Uniform(-1, 3), Flat(-3), st.norm(0, 3)], ids=label)
def test_a_scale_prior_may_not_reach_below_zero(value):
    with pytest.raises(ValueError, match=r"tau must have a prior on \[0, inf\); tau is .*\)\. Pass .*HalfNormal"):
        as_scale_prior(value, "tau")


@pytest.mark.parametrize(
    ("text", "prior"),
    [
        ("normal:0,5", Normal(0, 5)),
        ("HalfCauchy: 5", HalfCauchy(5)),
        ("half-normal:0.5", HalfNormal(0.5)),
        ("exponential:1", Exponential(1)),
        ("uniform:0,10", Uniform(0, 10)),
        ("gamma:2,3", Gamma(2, 3)),
        ("inverse_gamma:2,3", InverseGamma(2, 3)),
        ("lognormal:0,1e-1", LogNormal(0, 0.1)),
        ("studentt:3,0,1", StudentT(3)),
        ("student_t:3", StudentT(3)),
        ("HALF-student-T:3,5", HalfStudentT(3, 5)),
        ("cauchy:0,5", Cauchy(0, 5)),
        ("laplace:0,1", Laplace(0, 1)),
        ("jeffreys", Jeffreys()),
        ("uniform-shrinkage", UniformShrinkage()),
        ("uniformshrinkage:5", UniformShrinkage(5)),
        ("flat", Flat()),
        ("flat:0", Flat(0)),
    ],
)
def test_parse_prior(text, prior):
    assert parse_prior(text) == prior


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "nromal:0,5",
            'the name must be one of normal, .*, halfnormal, .*; it is "nromal". Did you mean normal?',
        ),
        ("5", 'the name must be one of .*; it is "5". Write for example "normal:0,5"'),
        ("normal:5", 'prior "normal:5": Normal takes loc, scale; 1 given. Write for example "normal:0,5"'),
        ("normal", "Normal takes loc, scale; 0 given"),
        ("studentt:", r"StudentT takes df, loc \(optional\), scale \(optional\); 0 given"),
        ("halfcauchy:1,2", "HalfCauchy takes scale; 2 given"),
        ("normal:0,five", 'prior "normal:0,five": scale must be a number; it is "five"'),
        ("normal:,5", 'loc must be a number; it is ""'),
        ("normal:0,-5", "Normal: scale must be positive; scale is -5.0"),
    ],
)
def test_parse_prior_teaches(text, message):
    with pytest.raises(ValueError, match=message):
        parse_prior(text)


def test_every_prior_is_parsed_by_its_name():
    for prior in ONE_OF_EACH:
        written = ",".join(map(str, prior.parameters.values()))
        assert parse_prior(f"{type(prior).__name__}:{written}") == prior
