"""quadrature.py: closed forms, errors that hold, and what it refuses."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from mixtures import REGRESSIONS, regression_rows, two_regressions
from scipy import stats

import gridbayes as gb
from gridbayes.log_joint import LogJoint
from gridbayes.quadrature import modes, target
from gridbayes.quadrature.supports import Space


def gaussian(x, precision, mean):
    return -0.5 * (x - mean) @ precision @ (x - mean)


def normal_problem(d):
    rng = np.random.default_rng(d)
    root = rng.normal(size=(d, d))
    return {"precision": root @ root.T + np.eye(d), "mean": 3 * rng.normal(size=d)}


# --- closed forms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", range(1, 7))
def test_a_normal_is_exact(d):
    problem = normal_problem(d)
    post = gb.quadrature(gaussian, {"x": ("real", d)}, problem)
    sd = np.sqrt(np.diag(np.linalg.inv(problem["precision"])))
    log_evidence = d / 2 * np.log(2 * np.pi) - np.linalg.slogdet(problem["precision"])[1] / 2
    np.testing.assert_allclose(post.mean("x"), problem["mean"], atol=1e-12)
    np.testing.assert_allclose(post.sd("x"), sd, rtol=1e-12)
    assert post.log_evidence == pytest.approx(log_evidence, abs=1e-12)
    bounds = stats.norm.ppf([0.025, 0.5, 0.975], problem["mean"][:, None], sd[:, None])
    np.testing.assert_allclose(post.quantile("x", [0.025, 0.5, 0.975]), bounds, atol=1e-8)
    assert post.accuracy.largest.size < 1e-8


def gamma(rate, shape, scale):
    return (shape - 1) * jnp.log(rate) - rate / scale


def beta(p, heads, tails):
    return heads * jnp.log(p) + tails * jnp.log1p(-p)


ONE = {
    "gamma": (gamma, {"rate": "positive"}, {"shape": 4.5, "scale": 2.0}, stats.gamma(4.5, scale=2)),
    "gamma, shape 1": (gamma, {"rate": "positive"}, {"shape": 1.0, "scale": 2.0}, stats.gamma(1, scale=2)),
    "beta": (beta, {"p": "unit"}, {"heads": 7.0, "tails": 2.0}, stats.beta(8, 3)),
    "beta, few": (beta, {"p": "unit"}, {"heads": 0.0, "tails": 1.0}, stats.beta(1, 2)),
}


@pytest.mark.parametrize("case", ONE)
def test_one_parameter_is_within_its_stated_error(case):
    function, parameters, data, exact = ONE[case]
    post = gb.quadrature(function, parameters, data)
    (name,) = parameters
    sd, errors = exact.std(), {e.statistic: e.size for e in post.accuracy.errors if e.quantity == name}
    assert abs(post.mean() - exact.mean()) / sd <= errors["mean"]
    assert abs(post.sd() / sd - 1) <= errors["sd"]
    lower, upper = np.asarray(post.eti())
    assert abs(lower - exact.ppf(0.055)) / sd <= errors["eti89_lb"]
    assert abs(upper - exact.ppf(0.945)) / sd <= errors["eti89_ub"]
    assert post.accuracy.largest.size < 1e-2
    assert post.probability(above=exact.ppf(0.3)) == pytest.approx(0.7, abs=1e-7)


def dirichlet(p, counts):
    return jnp.sum(counts * jnp.log(p))


@pytest.mark.parametrize("counts", [(30, 12, 55), (3, 2, 5, 9)])
def test_dirichlet_within_its_stated_error(counts):
    alpha = np.array(counts) + 1.0
    post = gb.quadrature(dirichlet, {"p": ("simplex", len(counts))}, np.array(counts, float))
    exact, mean = stats.dirichlet(alpha), alpha / alpha.sum()
    sd = np.sqrt(exact.var())
    errors = {(e.quantity, e.statistic): e.size for e in post.accuracy.errors}
    for j, each in enumerate(alpha):
        label, beta_j = f"p[{j}]", stats.beta(each, alpha.sum() - each)
        assert abs(post.mean("p", group=j) - mean[j]) / sd[j] <= errors[label, "mean"]
        assert abs(post.sd("p", group=j) / sd[j] - 1) <= errors[label, "sd"]
        low = float(post.quantile("p", 0.055, group=j))
        assert abs(low - beta_j.ppf(0.055)) / sd[j] <= errors[label, "eti89_lb"]
    log_b = sum(map(_log_gamma, alpha)) - _log_gamma(alpha.sum())
    assert post.log_evidence == pytest.approx(log_b, abs=errors["log_evidence", "value"] + 1e-12)


def _log_gamma(x):
    from scipy.special import gammaln

    return float(gammaln(x))


def spaced(x):
    return -x[-1] - 0.5 * x[0] ** 2


def test_ordered_vectors_lie_apart_as_their_density_says():
    """p(x) = N(x_0) exp(-x_2) on x_0 < x_1 < x_2 up to a constant: x_2 - x_1 and x_1 - x_0 are exponential."""
    post = gb.quadrature(spaced, {"x": ("ordered", 3)})
    # the tilt exp(-x_0) moves the normal to -1; the gaps are Exponential(2) and Exponential(1)... in x_0 + g_1 + g_2,
    # exp(-x_0 - g_1 - g_2) over g_1, g_2 > 0: both have mean 1
    error = max(e.size for e in post.accuracy.errors if e.statistic == "mean")
    np.testing.assert_allclose(post.mean("x"), [-1, 0, 1], atol=np.sqrt(3) * error)
    assert error < 1e-2


def test_joint_of_a_normal():
    problem = {"precision": np.array([[2.0, -1.2], [-1.2, 1.5]]), "mean": np.array([1.0, -2.0])}

    def separate(a, b, precision, mean):
        return gaussian(jnp.stack([a, b]), precision, mean)

    post = gb.quadrature(separate, {"a": "real", "b": "real"}, problem)
    joint = post.joint("a", "b")
    assert float(joint.sum()) == pytest.approx(1, abs=1e-12)
    a, b = joint.a - float(post.mean("a")), joint.b - float(post.mean("b"))
    covariance = np.linalg.inv(problem["precision"])
    assert float((joint * a * b).sum()) == pytest.approx(covariance[0, 1], abs=1e-9)
    np.testing.assert_allclose(joint.sum("b"), post.marginal("a"), atol=1e-9)


# --- mixtures -----------------------------------------------------------------------------------------------------

EXCHANGEABLE = ("w", "c", "s", "pi")


def regressions(count, **options):
    rows = regression_rows(count)
    return gb.quadrature(two_regressions, REGRESSIONS, rows, exchangeable=EXCHANGEABLE, **options)


@pytest.mark.parametrize("count", [1000, 60])
def test_two_regressions_state_errors_that_hold(count):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gb.QuadratureWarning)
        coarse, fine = regressions(count, order=3), regressions(count, order=5)
    stated = [(e.quantity, e.statistic, e.size) for e in coarse.accuracy.errors if e.statistic in ("mean", "sd")]
    reference = dict(fine.rows)
    for (label, marginal), (quantity, mean, m), (_, sd, s) in zip(coarse.rows, stated[::2], stated[1::2], strict=True):
        assert (label, mean, sd) == (quantity, "mean", "sd")
        own = fine.model.resolved.gap if count == 60 else 1e-4  # the finer one's error
        assert abs(marginal.mean - reference[label].mean) / reference[label].sd <= m + own
        assert abs(marginal.sd / reference[label].sd - 1) <= s + own
    assert 0.3 * count * 0.7 < float(coarse.mean("pi", group=1)) * count < 0.3 * count * 1.3


def test_a_rough_rule_warns_with_its_figure():
    with pytest.warns(gb.QuadratureWarning, match=r"order 3 and order 2 differ by 0\.0\d+ sds"):
        regressions(60, order=3)


def test_a_bad_rule_is_refused_with_its_figure():
    def narrow_cross(a, b):
        return jnp.logaddexp(-0.5 * (a**2 / 100 + 100 * b**2), -0.5 * (100 * a**2 + b**2 / 100))

    with pytest.raises(gb.ResolutionError, match=r"order 5 and order 3 differ by .* more than 0\.25"):
        gb.quadrature(narrow_cross, {"a": "real", "b": "real"}, order=5)


def test_mirrored_labels_count_as_many_times_in_the_evidence():
    rows = regression_rows(200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gb.QuadratureWarning)
        one = regressions(200, order=5)
        ordered = gb.quadrature(
            two_regressions, {**REGRESSIONS, "w": ("ordered", 2)}, rows, order=5
        )  # half the space: half the evidence
    assert one.log_evidence - np.log(2) == pytest.approx(ordered.log_evidence, abs=1e-4)
    assert float(one.mean("w", group=0)) < float(one.mean("w", group=1))


def test_mirror_modes_that_nobody_declared_are_told():
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        gb.quadrature(two_regressions, REGRESSIONS, regression_rows(200), order=3)
    text = str(found[0].message)
    assert "1 more mode(s) hold 50.0% of the mass" in text and "exchangeable=" in text


def test_what_is_not_exchangeable_is_refused():
    def lopsided(m):
        return -0.5 * jnp.sum((m - jnp.array([0.0, 3.0])) ** 2)

    with pytest.raises(ValueError, match="log_joint changes from .* when the components are taken in the order"):
        gb.quadrature(lopsided, {"m": ("real", 2)}, exchangeable="m")
    with pytest.raises(ValueError, match="vectors of one length"):
        gb.quadrature(lambda m, k: 0.0, {"m": ("real", 2), "k": "real"}, exchangeable=("m", "k"))
    with pytest.raises(ValueError, match="'q', which is no parameter"):
        gb.quadrature(lopsided, {"m": ("real", 2)}, exchangeable="q")


# --- points -------------------------------------------------------------------------------------------------------


def test_weighted_points_of_a_normal_in_many_dimensions():
    problem = normal_problem(12)
    post = gb.quadrature(gaussian, {"x": ("real", 12)}, problem, rule="points", budget=2**15)
    sd = np.sqrt(np.diag(np.linalg.inv(problem["precision"])))
    assert np.abs((post.mean("x") - problem["mean"]) / sd).max() < 0.02
    assert post.grids["x"][0].rule == "points"
    assert 100 < post.model.effective < 2**15
    assert "effective" in str(post.accuracy.errors[0].source)
    with pytest.raises(ValueError, match="without pairs"):
        post.model.joint(("x", 0), ("x", 1))


def test_sparse_rules_take_over_where_products_are_too_many():
    problem = normal_problem(10)
    post = gb.quadrature(gaussian, {"x": ("real", 10)}, problem, budget=5000)
    assert "level" in post.model.resolved.fine.rule.name
    np.testing.assert_allclose(post.mean("x"), problem["mean"], atol=1e-9)
    sd = np.sqrt(np.diag(np.linalg.inv(problem["precision"])))
    bounds = stats.norm.ppf(0.945, problem["mean"], sd)
    np.testing.assert_allclose(post.quantile("x", 0.945), bounds, atol=1e-8)


def test_weighted_says_every_mean():
    problem = normal_problem(3)
    post = gb.quadrature(gaussian, {"x": ("real", 3)}, problem)
    own, masses = post.model.weighted()
    assert own["x"].shape == (len(masses), 3) and masses.sum() == pytest.approx(1, abs=1e-12)
    covariance = np.linalg.inv(problem["precision"])
    product = masses @ (own["x"][:, 0] * own["x"][:, 1])
    assert product == pytest.approx(covariance[0, 1] + problem["mean"][0] * problem["mean"][1], abs=1e-10)


# --- invariances and the cache ------------------------------------------------------------------------------------


def regression(slope, level, sigma, x, y):
    residual = (y - level - slope * x) / sigma
    return -0.5 * jnp.sum(residual**2) - len(y) * jnp.log(sigma) - 0.5 * (slope**2 + level**2 + sigma**2)


LINE = {"slope": "real", "level": "real", "sigma": "positive"}


def line_data(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=50)
    return {"x": x, "y": 0.5 * x + 2 + rng.normal(size=50)}


def test_order_of_parameters_rows_and_spelling_are_irrelevant():
    data = line_data()
    post = gb.quadrature(regression, LINE, data)
    turned = gb.quadrature(regression, dict(reversed(LINE.items())), {k: v[::-1].tolist() for k, v in data.items()})
    spelled = gb.quadrature(lambda p, d: regression(**p, **d), {**LINE, "sigma": gb.HalfNormal(1)}, data)
    for other in (turned, spelled):
        assert other.log_evidence == pytest.approx(post.log_evidence, abs=1e-7)
        for name in LINE:
            assert other.mean(name) == pytest.approx(post.mean(name), abs=1e-7)
            np.testing.assert_allclose(other.eti(name), post.eti(name), atol=1e-6)


def test_batched_or_not_is_the_same():
    def batched(slope, level, sigma, x, y):
        residual = (y - level[:, None] - slope[:, None] * x) / sigma[:, None]
        rest = -len(y) * jnp.log(sigma) - 0.5 * (slope**2 + level**2 + sigma**2)
        return -0.5 * jnp.sum(residual**2, axis=1) + rest

    one = gb.quadrature(regression, LINE, line_data(), order=5)
    many = gb.quadrature(batched, LINE, line_data(), order=5, batched=True, memory=2**20)
    assert many.log_evidence == pytest.approx(one.log_evidence, abs=1e-9)


def test_new_data_of_the_same_shape_compile_nothing():
    post = gb.quadrature(regression, LINE, line_data(), order=5)
    post.summary()
    seen = post.model.resolved.fine.target
    compiled = [target._evaluator(seen.joint, False, seen.block), modes._climber(seen.at_one())]
    assert [function._cache_size() for function in compiled] == [1, 1]
    gb.quadrature(regression, LINE, line_data(1), order=5).summary()
    assert [function._cache_size() for function in compiled] == [1, 1]


@pytest.mark.parametrize("blocks", [0, 1, 3, 16, 37])
def test_any_number_of_points_goes_through_the_same_blocks(blocks):
    """A point less, as many, and a point more than whole blocks, beside NumPy."""
    space, data = Space.of(LINE), {name: np.tile(column, 40) for name, column in line_data().items()}
    seen = target.Target.of(LogJoint.of(regression, space.names), space, False, data, 2**28)
    for count in [n for n in (blocks * seen.block + more for more in (-1, 0, 1)) if n > 0]:
        slope, level, sigma = np.random.default_rng(0).uniform(0.5, 1.5, size=(3, count))
        residual = [(data["y"] - b - a * data["x"]) / s for a, b, s in zip(slope, level, sigma, strict=True)]
        rest = -2000 * np.log(sigma) - 0.5 * (slope**2 + level**2 + sigma**2)
        found = seen.log_joint({"slope": slope, "level": level, "sigma": sigma})
        np.testing.assert_allclose(found, [-0.5 * r @ r for r in residual] + rest, rtol=1e-12)


def test_vectors_of_one_length_share_labels_and_others_are_numbered():
    problem = normal_problem(2)
    post = gb.quadrature(gaussian, {"x": ("real", 2)}, problem, labels=["left", "right"])
    assert post.groups == ("left", "right")
    assert post.mean("x", "right") == pytest.approx(problem["mean"][1])

    def two(a, b):
        return -0.5 * (jnp.sum(a**2) + jnp.sum(b**2))

    post = gb.quadrature(two, {"a": ("real", 2), "b": ("real", 3)})
    assert list(post.marginals) == ["a[0]", "a[1]", "b[0]", "b[1]", "b[2]"]
    with pytest.raises(ValueError, match="labels need vectors of one length"):
        gb.quadrature(two, {"a": ("real", 2), "b": ("real", 3)}, labels=["l", "r"])


# --- refusals -----------------------------------------------------------------------------------------------------


def test_a_flat_direction_is_named():
    def twins(a, b, y):
        return -0.5 * jnp.sum((y - a - b) ** 2)

    with pytest.raises(gb.ModeError, match=r"flat or curved upwards along a \(.*\), b \("):
        gb.quadrature(twins, {"a": "real", "b": "real"}, np.array([1.0, 2.0]))


def test_a_mode_at_infinity_is_refused():
    def separated(slope):
        return jnp.sum(-jnp.logaddexp(0.0, -slope * jnp.array([1.0, 2.0, 3.0])))

    with pytest.raises(gb.ModeError, match="slope"):
        gb.quadrature(separated, {"slope": "real"})


def test_a_density_that_is_not_a_number_says_where():
    def broken(a):
        return jnp.sqrt(a)

    with pytest.raises(ValueError, match=r"log_joint is nan at a = -"):
        gb.quadrature(broken, {"a": "real"})
    with pytest.raises(ValueError, match=r"log_joint is inf at a = "):
        gb.quadrature(lambda a: jnp.where(a > -100, jnp.inf, 0.0), {"a": "real"})


def test_a_density_of_each_row_is_refused():
    with pytest.raises(ValueError, match=r"must return a number; it returns shape \(2,\). Sum over the rows"):
        gb.quadrature(lambda a, y: -0.5 * (y - a) ** 2, {"a": "real"}, np.array([1.0, 2.0]))


def test_the_users_own_error_survives():
    def wrong(a):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        gb.quadrature(wrong, {"a": "real"})


def test_a_start_must_fit():
    with pytest.raises(ValueError, match=r"start\['sigma'\] must lie inside its support, between 0 and inf; it is -1"):
        gb.quadrature(regression, LINE, line_data(), start={"sigma": -1})
    with pytest.raises(ValueError, match="start must map names among slope, level, sigma"):
        gb.quadrature(regression, LINE, line_data(), start={"tau": 1})
    with pytest.raises(ValueError, match=r"start\['slope'\] must have shape \(\)"):
        gb.quadrature(regression, LINE, line_data(), start={"slope": [1.0]})


def test_a_start_helps_where_the_density_is_zero():
    def far(a):
        return jnp.where(jnp.abs(a - 1000) < 50, -0.5 * (a - 1000) ** 2, -jnp.inf)

    with pytest.raises(ValueError, match=r"log_joint is -inf at all 257 points .* Pass start="):
        gb.quadrature(far, {"a": "real"})
    assert gb.quadrature(far, {"a": "real"}, start={"a": 998}).mean() == pytest.approx(1000, abs=1e-9)


@pytest.mark.parametrize(
    "options, text",
    [
        ({"rule": "simpson"}, "rule must be one of"),
        ({"order": 1}, "order must be a whole number from 2 to 63"),
        ({"rule": "points", "order": 3}, "rule='points' has no order"),
        ({"budget": 3}, "budget must be at least 64"),
    ],
)
def test_options_that_are_none(options, text):
    with pytest.raises(ValueError, match=text):
        gb.quadrature(lambda a: -(a**2), {"a": "real"}, **options)


def test_more_than_twenty_parameters_are_refused():
    with pytest.raises(ValueError, match="at most 20 parameters; these are 21"):
        gb.quadrature(lambda x: -jnp.sum(x**2), {"x": ("real", 21)})


def test_data_must_be_numbers():
    with pytest.raises(TypeError, match="data must be numbers"):
        gb.quadrature(lambda a, y: -(a**2), {"a": "real"}, ["x", "y"])
