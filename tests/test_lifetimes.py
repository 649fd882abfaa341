"""Lifetimes in a window: closed forms, scipy's quadrature, regressions that say the same, and what is refused."""

import math

import numpy as np
import pytest
import scipy.stats as st
from scipy.integrate import dblquad, quad
from scipy.special import gamma as gamma_function

import gridbayes as gb
from gridbayes.models.watched import kaplan_meier

RNG = np.random.default_rng(5)
LIVES = RNG.exponential(10, 40)
WINDOW = RNG.uniform(3, 18, 40)
T, SEEN = np.minimum(LIVES, WINDOW), (LIVES < WINDOW).astype(int)
SEGMENT = np.where(np.arange(40) % 2 == 0, "web", "shop")
FEW_T, FEW_SEEN = np.array([2.0, 3.5, 5.0, 6.0, 7.5, 8.0, 8.0, 8.0]), np.array([1, 1, 1, 1, 1, 0, 0, 0])
PRIOR = gb.InverseGamma(3, 20)
EXACT = st.invgamma(3 + SEEN.sum(), scale=20 + T.sum())


@pytest.fixture(scope="module")
def exponential():
    return gb.lifetimes(T, SEEN, window=WINDOW, mu=PRIOR)


@pytest.fixture(scope="module")
def weibull():
    return gb.lifetimes(
        FEW_T, FEW_SEEN, window=8, model="weibull", mu=gb.LogNormal(2, 0.5), shape=gb.LogNormal(0.5, 0.4)
    )


@pytest.fixture(scope="module")
def segments():
    return gb.lifetimes(T, SEEN, group=SEGMENT, mu=PRIOR)


# --- exponential --------------------------------------------------------------------------------------------------------


def test_exponential_is_the_gamma_of_its_rate(exponential):
    rate = st.gamma(3 + SEEN.sum(), scale=1 / (20 + T.sum()))
    assert exponential.mean("mu") == pytest.approx(EXACT.mean(), rel=1e-10)
    assert exponential.sd("mu") == pytest.approx(EXACT.std(), rel=1e-10)
    q = np.array([0.01, 0.25, 0.5, 0.9, 0.99])
    np.testing.assert_allclose(1 / exponential.quantile("mu", q).values[::-1], rate.ppf(1 - q[::-1]), rtol=1e-9)
    d = SEEN.sum()
    log_evidence = 3 * np.log(20) - (3 + d) * np.log(20 + T.sum()) + np.sum(np.log(np.arange(3, 3 + d)))
    assert exponential.log_evidence == pytest.approx(log_evidence, abs=1e-9)
    assert exponential.accuracy.largest.size < 1e-8


def test_a_new_lifetime_is_lomax_and_has_no_memory_of_age(exponential):
    new, lomax = exponential.predict(), st.lomax(3 + SEEN.sum(), scale=20 + T.sum())
    y = new.marginals["y"][0]
    assert new.mean("expected")[0] == pytest.approx(EXACT.mean(), rel=1e-10)
    np.testing.assert_allclose([y.mean, y.sd], [lomax.mean(), lomax.std()], rtol=1e-9)
    np.testing.assert_allclose(y.quantile(np.array([0.001, 0.5, 0.999])), lomax.ppf([0.001, 0.5, 0.999]), rtol=1e-9)
    assert new.accuracy.largest.size < 1e-8
    assert exponential.predict(age=6).marginals["y"][0].mean == pytest.approx(y.mean, rel=1e-9)


def test_leaving_out_the_censored_biases_the_mean_down(exponential):
    """Ends seen in a window of w have mean mu - w / (exp(w / mu) - 1): less than mu whatever the sample size."""
    mu, w, rng = 10.0, 12.0, np.random.default_rng(0)
    lives = rng.exponential(mu, 4000)
    ends = lives < w
    whole = gb.lifetimes(np.minimum(lives, w), ends, window=w, mu=PRIOR)
    ended = gb.lifetimes(lives[ends], mu=PRIOR)
    assert abs(whole.mean("mu") - mu) < 3 * whole.sd("mu")
    assert abs(ended.mean("mu") - (mu - w / np.expm1(w / mu))) < 3 * ended.sd("mu")
    assert ended.quantile("mu", 0.9999) < whole.quantile("mu", 0.0001)


def test_a_window_says_who_was_censored(exponential):
    assert gb.lifetimes(T, window=WINDOW, mu=PRIOR).mean("mu") == exponential.mean("mu")
    assert gb.lifetimes(T, mu=PRIOR).mean("mu") == pytest.approx((20 + T.sum()) / (2 + 40), rel=1e-10)


def test_update_and_table_are_the_joint_fit(exponential):
    table = {"months": T, "left": SEEN, "watched": WINDOW}
    half = {name: column[:15] for name, column in table.items()}
    rest = {name: column[15:] for name, column in table.items()}
    first = gb.lifetimes("months", "left", data=half, window="watched", mu=PRIOR)
    both = first.update("months", "left", data=rest, window="watched")
    assert both.mean("mu") == pytest.approx(exponential.mean("mu"), rel=1e-12)
    assert both.log_evidence == pytest.approx(exponential.log_evidence, abs=1e-9)
    assert both.predictive_check(np.max, draws=50) == exponential.predictive_check(np.max, draws=50)


def test_change_of_unit_changes_the_unit_only(exponential):
    days = gb.lifetimes(30 * T, SEEN, mu=gb.InverseGamma(3, 600))
    assert days.mean("mu") == pytest.approx(30 * exponential.mean("mu"), rel=1e-10)


# --- Weibull ------------------------------------------------------------------------------------------------------------


def weibull_joint(mu, k):
    """p(t, mu, shape) of numbers: scale = mu / Gamma(1 + 1 / shape)."""
    h = (FEW_T / (mu / math.gamma(1 + 1 / k))) ** k
    log_p = float(FEW_SEEN @ np.log(k * h / FEW_T) - h.sum())
    log_p -= ((math.log(mu) - 2) / 0.5) ** 2 / 2 + ((math.log(k) - 0.5) / 0.4) ** 2 / 2
    return math.exp(log_p) / (mu * k * 0.5 * 0.4 * 2 * math.pi)


def on_nodes():
    """The same on nodes of Gauss-Legendre rules in log mu and log shape."""
    u, w = np.polynomial.legendre.leggauss(100)
    log_mu, log_k = 2.2 + 3 * u, 0.6 + 3 * u
    mu, k = np.exp(log_mu)[:, None], np.exp(log_k)
    scale = mu / gamma_function(1 + 1 / k)
    log_p = st.norm(2, 0.5).logpdf(log_mu)[:, None] + st.norm(0.5, 0.4).logpdf(log_k)
    for t, seen in zip(FEW_T, FEW_SEEN, strict=True):
        row = st.weibull_min(k, scale=scale)
        log_p = log_p + (row.logpdf(t) if seen else row.logsf(t))
    return mu + 0 * k, k + 0 * mu, scale, np.exp(log_p) * np.outer(3 * w, 3 * w)


def test_weibull_equals_dense_sums(weibull):
    mu, k, scale, masses = on_nodes()
    total = masses.sum()
    assert weibull.log_evidence == pytest.approx(np.log(total), abs=1e-7)
    for name, values in (("mu", mu), ("shape", k)):
        mean = (masses * values).sum() / total
        sd = ((masses * (values - mean) ** 2).sum() / total) ** 0.5
        assert weibull.mean(name) == pytest.approx(mean, abs=1e-7 * sd)
        assert weibull.sd(name) == pytest.approx(sd, rel=1e-6)
    nodes = weibull.weighted()
    found = nodes["mu"] / gamma_function(1 + 1 / nodes["shape"])
    assert float((nodes["p_node"] * found).sum()) == pytest.approx((masses * scale).sum() / total, rel=1e-7)
    for y, age in ((3.0, 0.0), (10.0, 0.0), (4.0, 8.0)):
        s = np.exp((age / scale) ** k - ((age + y) / scale) ** k)
        beyond = weibull.predict(age=age).probability("y", above=y)
        assert beyond[0] == pytest.approx((masses * s).sum() / total, abs=1e-7)


def test_weibull_evidence_equals_scipys_quadrature(weibull):
    found = dblquad(lambda k, mu: weibull_joint(mu, k), 2, 90, 0.2, 9, epsabs=0, epsrel=1e-7)[0]
    assert weibull.log_evidence == pytest.approx(np.log(found), abs=1e-6)


def test_shape_known_to_be_1_is_the_exponential_and_a_known_shape_is_a_power_of_time(exponential):
    known = gb.lifetimes(T, SEEN, model="weibull", shape=1, mu=PRIOR)
    assert known.log_evidence == pytest.approx(exponential.log_evidence, abs=1e-9)
    rayleigh = gb.lifetimes(T, SEEN, model="weibull", shape=2, mu=PRIOR)

    def joint(mu):
        row = st.weibull_min(2, scale=mu / gamma_function(1.5))
        log_p = row.logpdf(T[SEEN == 1]).sum() + row.logsf(T[SEEN == 0]).sum()
        return np.exp(log_p - rayleigh.log_evidence) * st.invgamma(3, scale=20).pdf(mu)

    assert quad(joint, 2, 40, epsabs=0, epsrel=1e-10)[0] == pytest.approx(1, abs=1e-9)
    mean = quad(lambda mu: mu * joint(mu), 2, 40, epsabs=0, epsrel=1e-10)[0]
    assert rayleigh.mean("mu") == pytest.approx(mean, rel=1e-9)


def test_loo_and_pit_of_rows_equal_fits_without_them(weibull):
    without = gb.lifetimes(np.delete(FEW_T, 2), np.delete(FEW_SEEN, 2), model="weibull",
                           mu=gb.LogNormal(2, 0.5), shape=gb.LogNormal(0.5, 0.4))  # fmt: skip
    assert float(weibull.loo().elpd_i[2]) == pytest.approx(weibull.log_evidence - without.log_evidence, abs=1e-4)
    y = without.predict().marginals["y"][0]
    assert float(weibull.pit(loo=True)[2]) == pytest.approx(float(y.cdf(FEW_T[2])), abs=1e-4)
    own = weibull.predict().marginals["y"][0]
    below = own.cdf(FEW_T)
    pit = weibull.pit().values
    np.testing.assert_allclose(pit[FEW_SEEN == 1], below[FEW_SEEN == 1], atol=1e-8)
    assert ((pit > below) & (pit < 1))[FEW_SEEN == 0].all()
    np.testing.assert_array_equal(pit, weibull.pit().values)


def test_pit_of_the_right_model_is_uniform_also_where_rows_are_censored(exponential):
    lives = np.random.default_rng(1).exponential(10, 2000)
    post = gb.lifetimes(np.minimum(lives, 6), window=6, mu=PRIOR)
    assert st.kstest(post.pit().values, "uniform").pvalue > 0.01
    wrong = gb.lifetimes(np.minimum(10 * lives / (3 + lives), 6), window=6, mu=PRIOR)
    assert st.kstest(wrong.pit().values, "uniform").pvalue < 1e-6


def test_replicates_go_through_the_same_window(exponential):
    drawn = exponential.model.replicated(2000, np.random.default_rng(0))
    assert (drawn <= WINDOW).all()
    share = (drawn == WINDOW).mean(axis=0)
    expected = [quad(lambda mu, w=w: np.exp(-w / mu) * EXACT.pdf(mu), 2, 60)[0] for w in WINDOW[:3]]
    np.testing.assert_allclose(share[:3], expected, atol=4 * (0.25 / 2000) ** 0.5)
    assert 0.01 < exponential.predictive_check(lambda t: np.mean(t == WINDOW)).p < 0.99


# --- segments, inputs, decisions ----------------------------------------------------------------------------------------


def test_segments_are_fits_apart_and_their_difference_is_a_convolution(segments):
    exact = {}
    for name in ("web", "shop"):
        own = name == SEGMENT
        exact[name] = st.invgamma(3 + SEEN[own].sum(), scale=20 + T[own].sum())
        assert segments.mean("mu", name) == pytest.approx(exact[name].mean(), rel=1e-10)
    difference = segments.contrast("web", "shop")
    longer = quad(lambda mu: exact["shop"].cdf(mu) * exact["web"].pdf(mu), 2, 100, epsabs=1e-12)[0]
    assert difference.probability(above=0) == pytest.approx(longer, abs=1e-9)
    assert difference.mean() == pytest.approx(exact["web"].mean() - exact["shop"].mean(), rel=1e-9)
    assert difference.var() == pytest.approx(exact["web"].var() + exact["shop"].var(), rel=1e-8)
    assert segments.accuracy.of_means["mu[web]"] < 1e-8
    alone = gb.lifetimes(T[SEGMENT == "web"], SEEN[SEGMENT == "web"], mu=PRIOR)
    np.testing.assert_array_equal(segments.pit().sel(row=SEGMENT == "web")[SEEN[SEGMENT == "web"] == 1],
                                  alone.pit()[SEEN[SEGMENT == "web"] == 1])  # fmt: skip
    assert segments.log_evidence - alone.log_evidence < 0


def test_the_expected_gain_of_a_discounted_customer(segments):
    """3 a month, discounted at 2%, come to 3 (1 - exp(-.02 T)) / .02, whose mean given mu is 3 / (1 / mu + .02)."""
    y = segments.predict().marginal("y", group="web")
    gain = float((y * 3 * -np.expm1(-0.02 * y.y) / 0.02).sum())
    own = SEGMENT == "web"
    exact = st.invgamma(3 + SEEN[own].sum(), scale=20 + T[own].sum())
    assert gain == pytest.approx(
        quad(lambda mu: 3 / (1 / mu + 0.02) * exact.pdf(mu), 2, 200, epsabs=1e-12)[0], rel=1e-8
    )


def test_inputs_of_exponential_lifetimes_are_a_poisson_regression_of_ends():
    x = np.arange(40) % 4 - 1.0
    post = gb.lifetimes(T, SEEN, x=x, intercept=gb.Normal(2, 1), slope=gb.Normal(0, 1))
    twin = gb.poisson_regression(x, SEEN, exposure=T, intercept=gb.Normal(-2, 1), slope=gb.Normal(0, 1))
    for name in ("intercept", "slope"):
        assert post.mean(name) == pytest.approx(-twin.mean(name), abs=1e-9)
        assert post.sd(name) == pytest.approx(twin.sd(name), rel=1e-9)
    new = post.predict([2.0])
    points = post.weighted()
    mu = np.exp(points["intercept"] + 2 * points["slope"])
    assert new.mean("expected")[0] == pytest.approx(float((points["p_node"] * mu).sum()), rel=1e-8)
    beyond = float((points["p_node"] * np.exp(-5 / mu)).sum())
    assert new.probability("y", above=5)[0] == pytest.approx(beyond, abs=1e-8)


def test_kaplan_meier_is_the_share_that_is_left_where_nobody_is_censored():
    times, s = kaplan_meier(np.array([2.0, 1.0, 4.0, 2.0]), np.ones(4))
    assert times.tolist() == [1, 2, 4] and s.tolist() == pytest.approx([0.75, 0.25, 0])


def test_survival_bands_are_those_of_the_closed_form(exponential):
    t = np.array([1.0, 5.0, 20.0])
    mean, low, high = exponential.model.survival(t, 0.9)[0]
    np.testing.assert_allclose(mean, st.lomax(3 + SEEN.sum(), scale=20 + T.sum()).sf(t), rtol=1e-9)
    np.testing.assert_allclose(low, np.exp(-t / EXACT.ppf(0.05)), rtol=1e-3)
    np.testing.assert_allclose(high, np.exp(-t / EXACT.ppf(0.95)), rtol=1e-3)


def test_saved_and_loaded(segments, tmp_path):
    segments.save(tmp_path / "lives.npz")
    assert gb.load(tmp_path / "lives.npz").mean("mu", "web") == segments.mean("mu", "web")


# --- bad input ----------------------------------------------------------------------------------------------------------

REFUSED = {
    "negative": (dict(durations=[3, -1]), r"durations must be positive; durations\[1\] is -1. Pass how long"),
    "zero": (dict(durations=[3, 0]), r"durations\[1\] is 0.*half a unit"),
    "short window": (dict(durations=[3, 14], window=12), r"durations\[1\] is 14 in a window of 12. Cut durations off"),
    "no window": (dict(durations=[3, 4], window=[5, 0]), r"window must be positive; window\[1\] is 0"),
    "flags": (dict(durations=[3, 4], observed=[1, 2]), r"observed must be 0 or 1; observed\[1\] is 2. Pass 1 where"),
    "length": (dict(durations=[3, 4], observed=[1]), "observed must have one entry a row; it has 1, durations has 2"),
    "all censored": (dict(durations=[3, 4], observed=[0, 0], mu=gb.Flat(0)),
                     r"mu must have a proper prior where fewer than 2 ends were seen; .* 2 of 2 rows are censored"),
    "all censored, inputs": (dict(durations=[3, 4], observed=[0, 0], x=[0, 1], intercept=gb.Flat()),
                             r"intercept must have a proper prior where fewer than 1 ends"),
    "model": (dict(durations=[3, 4], model="gamma"), "model must be 'exponential' or 'weibull'; model is 'gamma'"),
    "shape": (dict(durations=[3, 4], model="weibull", shape=-1), "shape must be a positive number, known, or a prior"),
    "flat shape": (dict(durations=[3, 4], model="weibull", shape=gb.Flat(0)), "shape must have a proper prior"),
    "nothing": (dict(durations=[np.nan]), "no row is complete"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_lifetime_can_be_is_refused(case):
    arguments, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        gb.lifetimes(**arguments)


def test_what_does_not_go_together_is_refused(exponential, segments):
    with pytest.raises(TypeError, match="shape goes with model='weibull'"):
        gb.lifetimes(T, SEEN, shape=2)
    with pytest.raises(TypeError, match="group= and x= do not go together"):
        gb.lifetimes(T, SEEN, x=T, group=SEGMENT)
    with pytest.raises(TypeError, match="slope has no place where log mu has no inputs: pass mu="):
        gb.lifetimes(T, SEEN, slope=gb.Normal(0, 1))
    with pytest.raises(ValueError, match="age must not be negative; age is -1"):
        exponential.predict(age=-1)
    with pytest.raises(TypeError, match="has no inputs: leave x out"):
        exponential.predict([1.0])
    with pytest.raises(ValueError, match="censored rows needs the window of every row.*Pass window="):
        segments.predictive_check(np.max)
    with pytest.raises(TypeError, match="points for each segment apart"):
        segments.weighted()
