"""Priors against scipy.stats, against quadrature written stupidly, and against themselves."""

import ast
import dataclasses
import inspect
import itertools
import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as st
from scipy.integrate import quad

from gridbayes import priors
from gridbayes.priors import (
    LPDFS,
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
    Prior,
    StudentT,
    Uniform,
    as_prior,
    as_scale_prior,
    log_convolution,
    parse_prior,
)

TWINS = [
    (Normal(1.5, 3), st.norm(1.5, 3)),
    (HalfNormal(0.5), st.halfnorm(scale=0.5)),
    (HalfCauchy(5), st.halfcauchy(scale=5)),
    (HalfStudentT(1, 5), st.halfcauchy(scale=5)),
    (Exponential(0.3), st.expon(scale=1 / 0.3)),
    (Uniform(-2, 5), st.uniform(-2, 7)),
    (Gamma(1, 3), st.gamma(1, scale=1 / 3)),
    (Gamma(2.5, 3), st.gamma(2.5, scale=1 / 3)),
    (Gamma(0.4, 3), st.gamma(0.4, scale=1 / 3)),
    (InverseGamma(2, 3), st.invgamma(2, scale=3)),
    (LogNormal(1, 0.7), st.lognorm(0.7, scale=math.e)),
    (StudentT(3, 1, 2), st.t(3, 1, 2)),
    (StudentT(0.7), st.t(0.7)),
    (StudentT(60.5, 1, 2), st.t(60.5, 1, 2)),
    (StudentT(1e5), st.t(1e5)),
    (Cauchy(-1, 2), st.cauchy(-1, 2)),
    (Laplace(-1, 2), st.laplace(-1, 2)),
]
PRIORS = [prior for prior, _ in TWINS]
EVERY = [*PRIORS, HalfStudentT(3, 2), HalfStudentT(80, 2), Flat(), Flat(0), Flat(high=2)]
ON_HALF_LINE = [prior for prior in EVERY if prior.support == (0.0, math.inf)]
POINTS = np.concatenate(
    [-np.geomspace(1e-8, 1e8, 41), [0.0], np.geomspace(1e-8, 1e8, 41), [math.inf, -math.inf]]
)
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
CLOSED = [Normal(1.5, 3), HalfNormal(0.5), Exponential(0.3), Uniform(-2, 5), Laplace(-1, 2), Cauchy(-1, 2)]


class Bare:
    """A density that knows only its `logpdf`, and its support if it is given one."""

    def __init__(self, distribution, support=None):
        self.logpdf = distribution.logpdf
        if support is not None:
            self.support = lambda: support

    def __repr__(self):
        return "Bare()"


def close(actual, expected, rtol):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol)


def width(prior):
    return float(prior.ppf(0.75) - prior.ppf(0.25))


def spots(prior, s, reach=25):
    """Values of m inside the prior and up to `reach` sd of the marginal away from it."""
    z = np.array([-reach, -5, -1, 0, 0.3, 3, reach])
    return np.concatenate(
        [float(prior.ppf(0.5)) + z * math.hypot(s, width(prior)), prior.ppf([0.01, 0.2, 0.9])]
    )


def log_convolution_by_quad(prior, m, s):
    """The integral in pieces between quantiles of the prior and points of the normal, each by quad."""
    low, high = prior.support
    cuts = [*prior.ppf([1e-13, 1e-9, 1e-6, 1e-3, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999, 1 - 1e-6])]
    nearest = min(max(m, low), high)
    cuts += [m + k * s for k in range(-40, 41, 2)] + [
        nearest + k * s for k in (-1, -0.1, -0.01, 0.01, 0.1, 1, 40)
    ]
    cuts += [*prior.breakpoints, low, high]
    window = max(low, nearest - 40 * s), min(high, nearest + 40 * s)
    cuts = sorted({float(min(max(cut, window[0]), window[1])) for cut in cuts})

    def log_f(x):
        return float(prior.logpdf(x)) - 0.5 * ((x - m) / s) ** 2

    top = max(log_f(x) for a, b in itertools.pairwise(cuts) for x in np.linspace(a, b, 12)[1:-1])
    pieces = [
        quad(lambda x: math.exp(log_f(x) - top), a, b, epsabs=0, epsrel=1e-12, limit=500, full_output=1)[0]
        for a, b in itertools.pairwise(cuts)
    ]
    return top + math.log(math.fsum(pieces)) - math.log(s * math.sqrt(2 * math.pi))


# Log densities


@pytest.mark.parametrize(("prior", "twin"), TWINS, ids=str)
def test_logpdf_is_scipys(prior, twin):
    x = POINTS[np.abs(POINTS) < 1e3] if isinstance(prior, Laplace) else POINTS  # scipy's Laplace underflows
    with np.errstate(all="ignore"):
        expected = twin.logpdf(x)
    expected[np.isinf(x)] = -math.inf  # where scipy says nan for some
    close(prior.logpdf(x), expected, 1e-12)


def test_half_student_t_is_twice_a_student_t():
    x = np.geomspace(1e-8, 1e8, 41)
    close(HalfStudentT(3, 2).logpdf(x), math.log(2) + st.t(3, 0, 2).logpdf(x), 1e-12)


@pytest.mark.parametrize("prior", EVERY, ids=str)
def test_jax_agrees_with_numpy(prior):
    lpdf, x = LPDFS[prior.lpdf], POINTS
    with jax.enable_x64(True):
        values = [jnp.float64(value) for value in prior.parameters.values()]
        compiled = jax.jit(jax.vmap(lpdf, in_axes=(0, *(None for _ in values))))(jnp.asarray(x), *values)
        assert compiled.dtype == jnp.float64
        single = lpdf(jnp.float64(0.5), **prior.parameters)
        assert single.shape == () and single.dtype == jnp.float64
    close(np.asarray(compiled), prior.logpdf(x), 1e-13)
    close(float(single), float(prior.logpdf(0.5)), 1e-13)


@pytest.mark.parametrize("prior", EVERY, ids=str)
def test_a_traced_parameter_and_an_integer_x_are_fine_under_strict_promotion(prior):
    lpdf = LPDFS[prior.lpdf]
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        traced = jax.jit(lambda values: lpdf(2, *values))([jnp.float64(v) for v in prior.parameters.values()])
        counted = jax.jit(lambda x: lpdf(x, *prior.parameters.values()))(jnp.arange(3))
    close(float(traced) if prior.parameters else 0.0, float(prior.logpdf(2)), 1e-13)
    close(np.asarray(counted), prior.logpdf([0, 1, 2]), 1e-13)


@pytest.mark.parametrize("prior", EVERY, ids=str)
def test_nothing_is_nan_or_warns_at_the_extremes(prior):
    x = np.array([0.0, -0.0, 5e-324, 1e-300, 1e200, 1.7e308, math.inf, -1e200, -math.inf])
    assert not np.isnan(prior.logpdf(x)).any()
    assert np.isnan(prior.logpdf(math.nan))


@pytest.mark.parametrize("prior", ON_HALF_LINE, ids=str)
def test_no_mass_below_zero(prior):
    assert np.all(prior.logpdf([-1e-300, -1.0, -math.inf]) == -math.inf)
    assert prior.logpdf(1.0) > -math.inf


@pytest.mark.parametrize("prior", [p for p in EVERY if p.proper], ids=str)
def test_density_integrates_to_the_probability_between_quantiles(prior):
    q = np.array([1e-4, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999])
    x = prior.ppf(q)
    masses = [
        quad(lambda t: math.exp(prior.logpdf(t)), a, b, epsrel=1e-12)[0] for a, b in itertools.pairwise(x)
    ]
    close(masses, np.diff(q), 1e-11)


def test_heavy_tails_do_not_overflow():
    close(HalfCauchy(1).logpdf(1e200), math.log(2 / math.pi) - 400 * math.log(10), 1e-14)
    close(Cauchy(0, 1).logpdf(-1e200), -math.log(math.pi) - 400 * math.log(10), 1e-14)


@pytest.mark.parametrize("a", [1, 5, 19, 20, 21, 50, 500, 10_000])
def test_student_t_constant_has_no_cancellation(a):
    """Gamma(a + 1/2) / Gamma(a) is sqrt(pi) / 2 times (k + 1/2) / k for k = 1, ..., a - 1; a = df / 2."""
    log_ratio = math.fsum([math.log(math.pi) / 2, -math.log(2), *(math.log1p(0.5 / k) for k in range(1, a))])
    close(float(StudentT(2 * a).logpdf(0.0)), log_ratio - 0.5 * math.log(math.pi * 2 * a), 1e-14)


def test_student_t_tends_to_the_normal():
    x = np.linspace(-6, 6, 13)
    close(StudentT(1e14, 1, 2).logpdf(x), Normal(1, 2).logpdf(x), 1e-11)


def test_logpdf_keeps_shape_and_is_float64():
    for x in (1, [1, 2], np.ones((2, 3), np.float32)):
        value = Normal(0, 1).logpdf(x)
        assert isinstance(value, np.ndarray) and value.dtype == np.float64 and value.shape == np.shape(x)


def test_lpdfs_names_every_density():
    public = {name for name in vars(priors) if name.endswith("_lpdf")}
    assert set(LPDFS) == public == {prior.lpdf for prior in EVERY}
    assert all(LPDFS[name] is getattr(priors, name) for name in public)


# Quantiles


FOLDED = (HalfNormal, HalfCauchy, HalfStudentT)  # where scipy's own quantiles lose digits in a tail


@pytest.mark.parametrize(
    ("prior", "twin"), [pair for pair in TWINS if not isinstance(pair[0], FOLDED)], ids=str
)
def test_ppf_is_scipys(prior, twin):
    q = np.concatenate([np.geomspace(1e-12, 0.4, 30), [0.5], 1 - np.geomspace(1e-12, 0.4, 30)])
    scale = 1e-12 * width(prior)  # where a quantile passes 0 no relative accuracy is to be had
    np.testing.assert_allclose(
        prior.ppf(q), twin.ppf(q), rtol=1e-12, atol=scale if prior.support[0] < 0 else 0
    )


@pytest.mark.parametrize(("prior", "twin"), TWINS, ids=str)
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


@pytest.mark.parametrize("prior", [p for p in EVERY if p.proper], ids=str)
def test_ppf_ends_at_the_support_and_increases(prior):
    np.testing.assert_array_equal(prior.ppf([0.0, 1.0]), prior.support)
    assert np.all(np.diff(prior.ppf(np.linspace(0, 1, 301)[1:-1])) > 0)
    assert prior.ppf(0.3).shape == () and prior.ppf([[0.3]]).shape == (1, 1)


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan, [0.5, 50]])
def test_ppf_wants_probabilities(q):
    with pytest.raises(
        ValueError, match=r"Normal\(0, 1\): q must lie in \[0, 1\]; q is .*Pass probabilities"
    ):
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


# Custom


@pytest.mark.parametrize(("prior", "twin"), TWINS, ids=str)
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
    with pytest.raises(
        ValueError, match=r"logpdf must return the shape of x, \(\); it returned \(2,\). Pass"
    ):
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
    with pytest.raises(
        TypeError, match=r"mu must be a prior; mu is .*Pass for example gridbayes.Normal\(0, 5\)"
    ):
        as_prior(value, "mu")


def test_as_scale_prior():
    assert as_scale_prior(HalfCauchy(5), "tau") == HalfCauchy(5)
    assert as_scale_prior(Uniform(0, 9), "tau") == Uniform(0, 9)
    assert as_scale_prior(Flat(), "tau") == Flat(0, math.inf)
    assert as_scale_prior(Flat(1), "tau") == Flat(1, math.inf)
    assert as_scale_prior(st.gamma(2), "tau").support == (0, math.inf)


@pytest.mark.parametrize(
    ("value", "instead"),
    [
        (Normal(0, 3), "HalfNormal(3)"),
        (Cauchy(0, 3), "HalfCauchy(3)"),
        (StudentT(4, 0, 3), "HalfStudentT(4, 3)"),
        (Laplace(0, 2), "Exponential(0.5)"),
        (Uniform(-1, 3), "Uniform(0, 3)"),
        (Uniform(-3, -1), "HalfNormal(5)"),
        (Flat(-3), "Flat(0, inf)"),
        (st.norm(0, 3), "HalfNormal(5)"),
    ],
    ids=str,
)
def test_a_scale_prior_may_not_reach_below_zero(value, instead):
    with pytest.raises(
        ValueError, match=r"tau must have a prior on \[0, inf\); tau is .*\)\. Pass"
    ) as caught:
        as_scale_prior(value, "tau")
    assert str(caught.value).endswith(f"gridbayes.{instead}.")


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
            'the name must be one of normal, halfnormal, .*; it is "nromal". Did you mean normal?',
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


def test_every_example_parses_to_its_class():
    for cls, example in priors._EXAMPLES.items():
        assert type(parse_prior(example)) is cls
    assert set(priors._EXAMPLES) == {type(prior) for prior in EVERY}


# The prior against a normal likelihood


@pytest.mark.parametrize("ratio", [1e-3, 1, 1e3])
@pytest.mark.parametrize("prior", [*CLOSED, *NUMERIC], ids=str)
def test_log_convolution_is_the_integral(prior, ratio):
    s = ratio * width(prior)
    m = spots(prior, s)[::2]
    value = log_convolution(prior, m, s)
    likely = value > value.max() - 600
    assert likely.sum() >= 3
    expected = [log_convolution_by_quad(prior, float(mi), s) for mi in m[likely]]
    np.testing.assert_allclose(value[likely], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("ratio", [1e-6, 1e-3, 0.03, 0.3, 1, 3, 30, 1e3, 1e6])
@pytest.mark.parametrize("prior", CLOSED, ids=str)
def test_quadrature_agrees_with_the_closed_forms(prior, ratio):
    s = ratio * width(prior)
    m = spots(prior, s, reach=36)
    value = log_convolution(prior, m, s)
    numeric = priors._numeric_log_convolution(prior, m, np.full(m.shape, s))
    likely = value > value.max() - 700
    np.testing.assert_allclose(numeric[likely], value[likely], rtol=0, atol=1e-11)


@pytest.mark.parametrize("prior", [*CLOSED, HalfCauchy(5), StudentT(3, 10, 2), Gamma(2.5, 3)], ids=str)
def test_log_convolution_stays_finite_in_the_far_tails(prior):
    for s in (1e-2, 1.0, 1e2):
        value = log_convolution(prior, np.array([-40, 40]) * math.hypot(s, width(prior)), s)
        assert np.all(np.isfinite(value))


def test_a_normal_prior_forty_sd_away():
    h = 5.0
    close(
        float(log_convolution(Normal(0, 3), 40 * h, 4.0)), -800 - math.log(h * math.sqrt(2 * math.pi)), 1e-14
    )


@pytest.mark.parametrize("prior", [*CLOSED, *NUMERIC], ids=str)
def test_a_sharp_likelihood_reads_off_the_density(prior):
    m = prior.ppf([0.1, 0.3, 0.8])
    np.testing.assert_allclose(log_convolution(prior, m, 1e-7 * width(prior)), prior.logpdf(m), atol=1e-9)


@pytest.mark.parametrize("prior", [*CLOSED, *NUMERIC], ids=str)
def test_the_evidence_integrates_to_one_over_the_data(prior):
    s = width(prior)
    m = np.sinh(np.linspace(-45, 45, 1501)) * s + float(prior.ppf(0.5))
    f = np.exp(log_convolution(prior, m, s)) * s * np.cosh(np.linspace(-45, 45, 1501))
    close(f.sum() * 90 / 1500, 1.0, 1e-9)


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
    close(float(log_convolution(Uniform(-1e-9, 1e-9), 3.0, 1.0)), float(Normal(0, 1).logpdf(3.0)), 1e-14)


def test_a_bimodal_custom_prior_is_resolved():
    class Mixture:
        def logpdf(self, x):
            return np.logaddexp(
                math.log(0.3) + st.norm(-5, 0.01).logpdf(x), math.log(0.7) + st.norm(7, 2).logpdf(x)
            )

        def ppf(self, q):
            x = np.concatenate([-5 + np.linspace(-0.1, 0.1, 4001), np.linspace(-4.8, 25, 4001)])
            return np.interp(q, 0.3 * st.norm(-5, 0.01).cdf(x) + 0.7 * st.norm(7, 2).cdf(x), x)

    m, s = np.array([-5.0, -4.9, 0.0, 7.0, 20.0])[:, None], np.array([1e-3, 0.1, 1.0, 30.0])
    narrow = math.log(0.3) + log_convolution(Normal(-5, 0.01), m, s)
    wide = math.log(0.7) + log_convolution(Normal(7, 2), m, s)
    value, expected = log_convolution(Custom(Mixture()), m, s), np.logaddexp(narrow, wide)
    np.testing.assert_allclose(value[expected > -600], expected[expected > -600], rtol=0, atol=1e-10)


def test_bare_densities_convolve_too():
    m = np.linspace(-8, 9, 8)
    close(log_convolution(Custom(Bare(st.norm(1, 2))), m, 3.0), log_convolution(Normal(1, 2), m, 3.0), 1e-11)


def test_chunks_do_not_show():
    m = np.random.default_rng(1).normal(0, 20, 3000)
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


# The house


def test_priors_import_nothing_slow():
    """scipy.stats takes a second to import; memo belongs to program.py."""
    tree = ast.parse(inspect.getsource(priors))
    froms = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert "scipy.special" in froms | names
    assert not [name for name in froms | names if name.startswith(("scipy.stats", "memo", "gridbayes"))]


def test_no_density_touches_numpys_warnings():
    before = np.geterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Normal(0, 1).logpdf(1e300)
    assert np.geterr() == before
