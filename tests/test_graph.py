"""gridbayes.Graph against closed forms, SciPy's quadrature, and joints built cell by cell."""

import itertools

import jax
import numpy as np
import pytest
import xarray as xr
from scipy import integrate
from scipy.stats import binom, multivariate_normal, norm, poisson
from stories import ARROWS, SIZES, WIDE, fork, tables, told, whole

import gridbayes as gb
from gridbayes.graph.as_memo import MOST
from gridbayes.posterior import PosteriorError

NORMALS = fork()  # all nodes normal, so that everything has a closed form
LOADINGS = np.array(  # th1, th2, th3, y1, y2 as sums of five independent unit normals
    [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 0, 1, 0, 0], [1, 1, 0, 1, 0], [1, 0, 1, 0, 1]]
)


def given(loadings, known):
    """Mean and covariance of the first node and all others given known values, by their places: normal conditioning."""
    covariance = loadings @ loadings.T
    places, values = list(known), np.array(list(known.values()))
    gain = covariance[:, places] @ np.linalg.inv(covariance[np.ix_(places, places)])
    return gain @ values, covariance - gain @ covariance[places]


# --- conditioning and intervening ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "story, known, mean",
    [
        (NORMALS.condition(y2=-0.5, th2=2), {4: -0.5, 1: 2.0}, 0.7),
        (NORMALS.condition(y2=-0.5).do(th2=2), {4: -0.5}, -1 / 6),
        (NORMALS.condition(y2=-0.5, y1=1), {4: -0.5, 3: 1.0}, 0.125),
    ],
    ids=["given", "do", "observed instead"],
)
def test_do_is_not_to_condition(story, known, mean):
    """models.md E7: .700, -.1667, .125."""
    post = story.marginal("th1", "th3")
    closed, covariance = given(LOADINGS, known)
    assert post.mean("th1") == pytest.approx(mean, abs=1e-12)
    assert [post.mean("th1"), post.mean("th3")] == pytest.approx(closed[[0, 2]], abs=1e-12)
    assert [post.var("th1"), post.var("th3")] == pytest.approx(np.diag(covariance)[[0, 2]], abs=1e-12)


def test_the_closed_form_of_an_intervention_needs_no_grid():
    """do(th2): y1 is drawn about 2 whatever th1 is, and evidence is that of what is seen alone."""
    story = NORMALS.condition(y2=-0.5).do(th2=2)
    assert story.marginal("y1").mean() == pytest.approx(2, abs=1e-12)
    assert story.log_evidence == pytest.approx(norm.logpdf(-0.5, 0, np.sqrt(3)), abs=1e-12)


def test_evidence_is_the_density_of_what_is_observed():
    seen = multivariate_normal([0, 0], (LOADINGS @ LOADINGS.T)[np.ix_([3, 4], [3, 4])])
    assert NORMALS.condition(y1=1, y2=-0.5).log_evidence == pytest.approx(seen.logpdf([1, -0.5]), abs=1e-12)
    assert NORMALS.log_evidence == pytest.approx(0, abs=1e-12)


def test_an_observation_need_not_be_a_node_of_a_grid_with_weights():
    assert NORMALS.condition(y2=-np.pi / 7).marginal("th1").mean() == pytest.approx(-np.pi / 21, abs=1e-12)


def test_joint_of_several_nodes():
    _, covariance = given(LOADINGS, {3: 1.0})
    joint = NORMALS.condition(y1=1).joint("th2", "th1")
    assert joint.dims == ("th2", "th1")
    (mean_2, mean_1) = (float((joint * joint[axis]).sum()) for axis in joint.dims)
    product = float((joint * (joint.th1 - mean_1) * (joint.th2 - mean_2)).sum())
    assert product == pytest.approx(covariance[0, 1], abs=1e-12)
    pair = NORMALS.condition(y1=1).marginal("th1", "th2").joint("th1", "th2")
    np.testing.assert_allclose(pair, joint.T, atol=1e-15)


def test_undoing_gives_the_story_back():
    story = NORMALS.condition(y2=-0.5).do(th2=2)
    assert story.undo("th2").marginal("th1").mean() == pytest.approx(-1 / 6, abs=1e-12)
    assert story.undo("y2").marginal("th1").mean() == pytest.approx(0, abs=1e-12)
    assert (story.undo().observed, story.undo().done) == ({}, {})
    assert story.undo("th2").condition(th2=2).marginal("th1").mean() == pytest.approx(0.7, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("observed, done", [({}, {}), ({"d": 2}, {}), ({"d": 1}, {"b": 0}), ({}, {"c": 3, "a": 1})])
def test_every_marginal_is_that_of_the_whole_joint(seed, observed, done):
    found = tables(seed)
    joint = whole(found, done=done)
    for axis, name in enumerate(ARROWS):
        if name in observed | done:
            joint = np.take(joint, [(observed | done)[name]], axis)
    story = told(found).condition(**observed).do(**done)
    assert story.log_evidence == pytest.approx(np.log(joint.sum()), abs=1e-13)
    free = [name for name in ARROWS if name not in observed | done]
    for name in free:
        others = tuple(axis for axis, other in enumerate(ARROWS) if other != name)
        expected = joint.sum(axis=others) / joint.sum()
        np.testing.assert_allclose(story.marginal(name).marginal(name), expected, atol=1e-14)
    np.testing.assert_allclose(story.joint(*free), joint.squeeze() / joint.sum(), atol=1e-14)


# --- the joint in any order ---------------------------------------------------------------------------------------------

DIAMOND = told(tables())


@pytest.mark.parametrize("complete", [False, True])
def test_all_orderings_rebuild_the_joint(complete):
    """models.md E6."""
    joint, largest = whole(tables()), 0.0
    for order in itertools.permutations(ARROWS):
        other = DIAMOND.factored(order, complete)
        assert tuple(other.parents) == order
        assert not complete or [len(parents) for parents in other.parents.values()] == [0, 1, 2, 3]
        largest = max(largest, float(np.abs(other.joint(*ARROWS) - joint).max()))
    assert largest < 1e-12


def test_a_sparse_ordering_keeps_the_parents_that_matter():
    assert DIAMOND.factored("abcd").parents == ARROWS
    assert DIAMOND.factored("dcba").parents == {"d": (), "c": ("d",), "b": ("d", "c"), "a": ("c", "b")}
    chain = {"a": (), "b": ("a",), "c": ("b",), "d": ("c",)}
    story = told(tables(1, chain), chain)
    assert story.factored("dcba").parents == {"d": (), "c": ("d",), "b": ("c",), "a": ("b",)}


def test_another_order_observes_alike_and_intervenes_otherwise():
    other = DIAMOND.condition(d=1).factored("dcba")
    np.testing.assert_allclose(
        other.marginal("a").marginal(), DIAMOND.condition(d=1).marginal("a").marginal(), atol=1e-14
    )
    prior = DIAMOND.marginal("a").marginal().values
    np.testing.assert_allclose(DIAMOND.do(b=1).marginal("a").marginal(), prior, atol=1e-15)
    assert np.abs(DIAMOND.factored("dcba").do(b=1).marginal("a").marginal() - prior).max() > 0.01


def test_rows_without_mass_are_filled_and_change_nothing():
    story = gb.Graph().node("a", range(3), [0.5, 0.5, 0]).node("b", range(2), lambda a: [0.3, 0.7])
    other = story.factored(["b", "a"]).factored(["a", "b"], complete=True)
    np.testing.assert_allclose(other.joint("a", "b"), story.joint("a", "b"), atol=1e-15)


# --- two sets of data, one parameter ------------------------------------------------------------------------------------

PHI, TH = gb.trapezoid(-16, 16, 81), gb.trapezoid(-24, 24, 121)  # both of step .4


def of_phi(story, number, sd):
    """phi -> th -> y, the second set of data with a wider th."""
    return story.node(f"th{number}", TH, eval(f"lambda phi: Normal(phi, {sd})", {"Normal": gb.Normal})).node(
        f"y{number}", TH, eval(f"lambda th{number}: Normal(th{number}, 1)", {"Normal": gb.Normal})
    )


def test_joint_is_sequential_and_predicts_the_second_from_the_first_by_both_routes():
    """models.md E5. y_i | phi ~ N(phi, sqrt(1 + sd_i**2)), phi ~ N(0, 2)."""
    stem = gb.Graph().node("phi", PHI, gb.Normal(0, 2))
    one, two = of_phi(stem, 1, 1), of_phi(stem, 2, 1.5)
    both = one.merge(two)
    first = one.condition(y1=1.3).marginal("phi")
    after = of_phi(gb.Graph().node("phi", PHI, first.marginal("phi")), 2, 1.5)
    at_once = both.condition(y1=1.3, y2=-2).marginal("phi").marginal()
    in_turn = after.condition(y2=-2).marginal("phi").marginal()
    np.testing.assert_allclose(at_once, in_turn, atol=1e-14)
    ahead = both.condition(y1=1.3).marginal("y2").marginal()
    np.testing.assert_allclose(ahead, after.marginal("y2").marginal(), atol=1e-14)
    at = float(ahead.y2[57])
    ratio = both.condition(y1=1.3, y2=at).log_evidence - both.condition(y1=1.3).log_evidence
    assert np.exp(ratio) == pytest.approx(float(ahead[57] / ahead.weight[57]), rel=1e-10)
    precision = 1 / 4 + 1 / 2
    assert float((ahead * ahead.y2).sum()) == pytest.approx(1.3 / 2 / precision, abs=1e-10)
    assert float(ahead[57] / ahead.weight[57]) == pytest.approx(
        norm.pdf(at, 1.3 / 2 / precision, np.sqrt(1 / precision + 1 + 1.5**2)), rel=1e-9
    )


def test_a_story_branches_and_the_stem_stays():
    stem = gb.Graph().node("phi", PHI, gb.Normal(0, 2))
    one, two = of_phi(stem, 1, 1), of_phi(stem, 2, 1.5)
    assert (list(stem.nodes), list(one.nodes)) == (["phi"], ["phi", "th1", "y1"])
    merged = one.condition(y1=1).merge(two.do(th2=3))
    assert list(merged.nodes) == ["phi", "th1", "y1", "th2", "y2"]
    assert merged.title == "story of phi, th1, y1, th2, y2 given y1 = 1, do(th2 = 3)"


def test_a_model_told_in_differences_is_the_same():
    """models.md E10: th2 ~ N(th1, 1) is th1 + delta, delta ~ N(0, 1)."""
    value = gb.Graph().node("th1", WIDE, gb.Normal(0, 1)).node("th2", WIDE, lambda th1: gb.Normal(th1, 1))
    value = value.node("y1", WIDE, lambda th1: gb.Normal(th1, 0.8)).node("y2", WIDE, lambda th2: gb.Normal(th2, 0.8))
    step = gb.Graph().node("th1", WIDE, gb.Normal(0, 1)).node("delta", WIDE, gb.Normal(0, 1))
    step = step.node("y1", WIDE, lambda th1: gb.Normal(th1, 0.8))
    step = step.node("y2", WIDE, lambda y2, th1, delta: norm.logpdf(y2, th1 + delta, 0.8))
    value, step = (story.condition(y1=0.4, y2=2.1) for story in (value, step))
    np.testing.assert_allclose(step.marginal("th1").marginal(), value.marginal("th1").marginal(), atol=1e-12)
    assert step.log_evidence == pytest.approx(value.log_evidence, abs=1e-10)
    joint = step.joint("th1", "delta")
    assert float((joint * (joint.th1 + joint.delta)).sum()) == pytest.approx(value.marginal("th2").mean(), abs=1e-12)


# --- rows, prediction, draws --------------------------------------------------------------------------------------------

MEAN = (
    gb.Graph()
    .node("mu", gb.trapezoid(-16, 16, 129), gb.Normal(0, 2))
    .node("y", gb.trapezoid(-24, 24, 193), lambda mu: gb.Normal(mu, 1))
)


def test_rows_in_a_plate_are_those_of_complete_pooling():
    y = [1.2, -0.4, 2.5, 0.9]
    story = MEAN.condition(y=y)
    pooled = gb.complete_pooling(y, sigma=1, theta=gb.Normal(0, 2))
    post = story.marginal("mu")
    assert (post.mean(), post.sd()) == pytest.approx((pooled.mean(), pooled.sd()), abs=1e-10)
    assert post.log_evidence == pytest.approx(pooled.log_evidence, abs=1e-10)
    assert story.plates == {("y",): 4} and story.note("y") == "y = 1.2, -0.4, 2.5, 0.9"
    new = story.predict("y")
    expected = pooled.predict()
    assert (new.mean(), new.sd()) == pytest.approx((expected.mean("y", 0), expected.sd("y", 0)), abs=1e-10)
    assert post.predict("y").mean() == new.mean()


def line():
    """Rows of x and y in one plate."""
    slope, at = gb.trapezoid(-9, 9, 91), gb.trapezoid(-3, 6, 46)
    story = gb.Graph().node("slope", slope, gb.Normal(0, 2)).node("x", at, gb.Normal(1, 2))
    return story.node("y", gb.trapezoid(-60, 60, 601), lambda y, x, slope: norm.logpdf(y, slope * x, 1))


def test_inputs_and_outputs_in_rows_are_a_regression():
    x, y = [0.0, 1, 2, 3], [0.2, 0.8, 2.3, 2.9]
    story = line().condition(x=x, y=y)
    assert story.plates == {("x", "y"): 4}
    post = story.marginal("slope")
    fitted = gb.linear_regression(x, y, slope=gb.Normal(0, 2), intercept=gb.Normal(0, 1e-6), sigma=1)
    assert (post.mean(), post.sd()) == pytest.approx((fitted.mean("slope"), fitted.sd("slope")), abs=1e-8)
    new = story.predict("y", x=2.5)
    assert new.sd() == pytest.approx(np.sqrt(1 + 2.5**2 * post.var()), abs=1e-8)
    both = story.predict("x", "y")
    assert both.mean("new_y") == pytest.approx(both.mean("new_x") * post.mean(), abs=1e-8)
    with pytest.raises(
        ValueError, match=r"y depends on x, which has a value in every row.*predict\(\.\.\., x=\.\.\.\)"
    ):
        story.predict("y")


def test_a_new_row_of_a_free_node_has_its_own_draw():
    """th2 anew given th1, where y1 has told of the old one: its mean is that of th1."""
    story = NORMALS.condition(y1=3)
    assert story.predict("th2").mean() == pytest.approx(story.marginal("th1").mean(), abs=1e-12)
    assert story.predict("th2", "y1").mean("new_y1") == pytest.approx(1, abs=1e-10)
    assert story.predict("y1").mean() == pytest.approx(story.marginal("th2").mean(), abs=1e-12)


def test_draws_have_the_moments_of_the_posterior():
    story = NORMALS.condition(y1=1, y2=-0.5).undo("y2")
    draws, n = story.sample(20_000, seed=3), 20_000
    mean, covariance = given(LOADINGS, {3: 1.0})
    assert list(draws.data_vars) == ["th1", "th2", "th3", "y2"]
    values = np.stack([draws[name].values for name in draws.data_vars])
    kept = [0, 1, 2, 4]
    errors = np.sqrt(np.diag(covariance)[kept] / n)
    assert (np.abs(values.mean(axis=1) - mean[kept]) < 4 * errors).all()
    assert np.abs(np.cov(values) - covariance[np.ix_(kept, kept)]).max() < 0.08
    assert set(np.unique(draws["th1"])) <= set(WIDE.nodes)
    np.testing.assert_array_equal(draws["th2"], story.sample(20_000, seed=3)["th2"])


def test_draws_of_tables_are_as_frequent_as_their_cells():
    joint, n = whole(tables(2)), 40_000
    draws = told(tables(2)).sample(n)
    counts = np.zeros(joint.shape)
    np.add.at(counts, tuple(draws[name].values for name in ARROWS), 1)
    chi_square = ((counts - n * joint) ** 2 / (n * joint)).sum()
    assert abs(chi_square - (joint.size - 1)) < 4 * np.sqrt(2 * (joint.size - 1))


def test_a_posterior_of_a_story_answers_as_others_do():
    post = MEAN.condition(y=[1.2, -0.4]).marginal()
    assert abs(float(post.sample(4000)["mu"].mean()) - post.mean()) < 4 * post.sd() / 4000**0.5
    nodes = post.weighted()
    assert float((nodes["p_node"] * nodes["mu"]).sum()) == pytest.approx(post.mean(), abs=1e-12)
    assert "chooses(mu in Mu" in str(post.program) and "log evidence" in repr(post.summary())
    with pytest.raises(ValueError, match="no groups to contrast; add the difference"):
        post.model.contrast(0, 1)
    with pytest.raises(TypeError, match="does not answer loo"):
        post.loo()
    with pytest.raises(TypeError, match="save takes posteriors of pooling models"):
        post.save("nowhere.npz")


# --- densities in every form --------------------------------------------------------------------------------------------


def test_the_forms_of_a_density_agree():
    """A coin's bias and its heads: as a table, a log density, probabilities, a dict, and SciPy's distribution."""
    p, heads = gb.gauss_legendre(0, 1), range(4)
    stem = gb.Graph().node("p", p, gb.Uniform(0, 1))
    forms = [
        lambda p: binom(3, p),
        lambda heads, p: binom.logpmf(heads, 3, p),
        lambda p: [(1 - p) ** 3, 3 * p * (1 - p) ** 2, 3 * p**2 * (1 - p), p**3],
        lambda p: {k: binom.pmf(k, 3, p) for k in range(4)},
        xr.DataArray(binom.pmf(np.arange(4)[:, None], 3, p.nodes), dims=("heads", "p")),
    ]
    for form in forms:
        story = stem.node("heads", heads, form).condition(heads=2)
        assert story.marginal("p").mean() == pytest.approx(3 / 5, abs=1e-13)  # Beta(3, 2)
        assert story.log_evidence == pytest.approx(np.log(1 / 4), abs=1e-13)


def test_a_likelihood_on_a_grid_is_scipys_integral():
    """mu ~ Student t, y ~ logistic about mu: no closed form."""
    story = gb.Graph().node("mu", gb.gauss_legendre(-60, 60, 48), gb.StudentT(5, 1, 2))
    story = story.node("y", gb.gauss_legendre(-100, 140, 120), lambda y, mu: -(y - mu) - 2 * np.logaddexp(0, -(y - mu)))
    post = story.condition(y=2.7).marginal("mu")

    def density(mu):
        return np.exp(gb.StudentT(5, 1, 2).logpdf(mu)) / np.cosh((2.7 - mu) / 2) ** 2 / 4

    total = integrate.quad(density, -60, 60, points=[1, 2.7], limit=200, epsabs=1e-13)[0]
    mean = integrate.quad(lambda mu: mu * density(mu), -60, 60, points=[1, 2.7], limit=200, epsabs=1e-13)[0] / total
    assert post.mean() == pytest.approx(mean, abs=1e-6)
    assert post.log_evidence == pytest.approx(np.log(total), abs=1e-6)


def test_a_log_density_in_jax_is_in_double_precision():
    story = gb.Graph().node("mu", WIDE, gb.Normal(0, 1))
    in_jax = story.node("y", WIDE, lambda y, mu: jax.scipy.stats.norm.logpdf(y, mu, 1)).condition(y=0.3)
    in_scipy = story.node("y", WIDE, lambda y, mu: norm.logpdf(y, mu, 1)).condition(y=0.3)
    np.testing.assert_allclose(in_jax.marginal("mu").marginal(), in_scipy.marginal("mu").marginal(), atol=1e-15)


def test_labels_name_values_in_and_out():
    story = gb.Graph().node("weather", ["rain", "sun"], {"sun": 0.7, "rain": 0.3})
    story = story.node("late", [False, True], lambda weather: [0.6, 0.4] if weather == "rain" else [0.9, 0.1])
    post = story.condition(late=True).marginal("weather")
    assert float(post.marginal().sel(weather="rain")) == pytest.approx(0.3 * 0.4 / (0.3 * 0.4 + 0.7 * 0.1), abs=1e-15)
    assert story.joint("weather", "late").sel(weather="sun", late=True) == pytest.approx(0.07, abs=1e-15)
    assert set(story.sample(50)["weather"].values) == {"rain", "sun"}
    assert story.do(weather="sun").marginal("late").mean() == pytest.approx(0.1, abs=1e-15)
    assert story.condition(weather="sun").note("weather") == "weather = sun"
    assert story.marginal("late").mean() == pytest.approx(0.19, abs=1e-15)


def test_arguments_with_a_default_are_no_parents():
    story = gb.Graph().node("mu", WIDE, gb.Normal(0, 1))
    for i in range(3):
        story = story.node(f"y{i}", WIDE, lambda mu, shift=i: gb.Normal(mu + shift, 1))
    assert story.marginal("y2").mean() == pytest.approx(2, abs=1e-11)


def test_points_say_the_discretised_model():
    points = gb.linspace(-2, 2, 5)
    story = gb.Graph().node("mu", points, gb.Normal(0, 1)).node("y", points, lambda mu: gb.Normal(mu, 1))
    nodes = points.nodes
    prior = norm.pdf(nodes) / norm.pdf(nodes).sum()
    rows = norm.pdf(nodes[None], nodes[:, None])
    joint = prior[:, None] * rows / rows.sum(axis=1, keepdims=True)
    post = story.condition(y=1).marginal("mu")
    np.testing.assert_allclose(post.marginal(), joint[:, 3] / joint[:, 3].sum(), atol=1e-15)
    assert post.log_evidence == pytest.approx(np.log(joint[:, 3].sum()), abs=1e-13)


# --- errors stated ------------------------------------------------------------------------------------------------------


def test_the_error_is_that_of_coarser_grids():
    """On points 1 apart a normal's mean is off; the statement says by how much, and it is no less than the true error."""
    story = fork(gb.linspace(-9, 9, 19), gb.linspace(-12, 12, 25))
    post = story.condition(y1=3, y2=0).marginal("th1")
    error = next(e for e in post.accuracy.errors if (e.quantity, e.statistic) == ("th1", "mean"))
    true = abs(post.mean() - 0.75) / np.sqrt(1 / 2)
    assert 1e-6 < true <= error.size < 1
    assert not [e for e in post.accuracy.errors if e.quantity == "log_evidence"]  # of points it has no limit


def test_the_error_of_evidence_is_stated_on_grids_with_weights():
    wide = gb.trapezoid(-12, 12, 17)
    story = fork(wide, wide).condition(y2=-1.5)
    error = next(e for e in story.marginal("th1").accuracy.errors if e.quantity == "log_evidence")
    assert 1e-7 < abs(story.log_evidence - norm.logpdf(-1.5, 0, np.sqrt(3))) <= error.size < 0.5


def test_mass_beyond_the_grid_is_told():
    story = gb.Graph().node("mu", gb.trapezoid(-2, 2, 401), gb.Normal(0, 1))
    story = story.node("n", range(4), lambda mu: poisson(np.exp(mu)))
    assert story.cut_off("mu") == pytest.approx(2 * norm.cdf(-2), abs=1e-5)
    mu, density = story.nodes["mu"].domain.nodes, story.marginal("mu").marginal().values
    assert story.cut_off("n") == pytest.approx(density @ poisson.sf(3, np.exp(mu.nodes)), abs=1e-12)
    told = str(story.marginal("mu").accuracy)
    assert "beyond the grids lies 0.046 of the mass of mu" in told and "of the mass of n: widen them" in told
    assert "beyond" not in str(NORMALS.marginal("th1").accuracy)


def test_tables_alone_have_no_error_but_rounding():
    assert DIAMOND.marginal("a").accuracy.largest.size < 1e-10
    assert DIAMOND.coarser is DIAMOND
    few = gb.Graph().node("mu", gb.trapezoid(-2, 2, 3), gb.Normal(0, 1))
    assert few.marginal("mu").accuracy.largest.size == np.inf


def test_a_density_that_coarser_grids_miss_has_no_bound_on_its_error():
    story = gb.Graph().node("a", gb.trapezoid(0, 4, 9), gb.Uniform(0, 4))
    story = story.node("b", gb.trapezoid(0, 5, 11), lambda a: gb.Uniform(a + 0.2, a + 0.7))
    assert story.marginal("b").accuracy.largest.size == np.inf


def test_what_a_table_reads_is_not_coarsened():
    story = gb.Graph().node("p", gb.gauss_legendre(0, 1, 2), gb.Uniform(0, 1))
    nodes = story.nodes["p"].domain.numbers
    story = story.node("y", range(2), xr.DataArray(np.stack([1 - nodes, nodes], -1), dims=("p", "y")))
    assert not story.continuous("p")
    assert story.condition(y=1).marginal("p").mean() == pytest.approx(2 / 3, abs=1e-13)


# --- size, steps, memo --------------------------------------------------------------------------------------------------


def test_size_and_steps_are_known_before_anything_is_summed():
    assert (DIAMOND.size, DIAMOND.condition(d=1).size) == (2 * 3 * 4 * 3, 2 * 3 * 4)
    plan = DIAMOND.plan("d")
    assert plan.keep == ("d",) and plan.cells < DIAMOND.size * 2
    assert "sum over a in 24 cells leaves a table of" in str(plan)
    assert NORMALS.size == 121**5


def test_what_no_one_asked_for_is_not_summed():
    assert NORMALS.plan("th1").steps[0].cells == 121  # of its own prior alone
    assert len(NORMALS.condition(y2=0).plan("th1").steps) == 2


def test_twelve_nodes_of_forty_values():
    """Against the same story with its free nodes summed in the order of the text, by NumPy's einsum."""
    rng, sizes = np.random.default_rng(0), {f"x{i}": 40 for i in range(12)}
    arrows = {f"x{i}": tuple(f"x{j}" for j in sorted({i - 1, i - 3} & set(range(12)))) for i in range(12)}
    found = {n: rng.dirichlet(np.ones(40), size=(40,) * len(arrows[n])) for n in sizes}
    story = told(found, arrows).condition(x11=3)
    assert story.size == 40**11 and max(step.cells for step in story.plan("x0").steps) <= 40**4
    message = np.ones((40, 40, 40))  # p(x11 = 3 | x_k, x_k+1, x_k+2), k = 11 - 3 down to 0
    for i in range(11, 2, -1):
        table = found[f"x{i}"] * (np.arange(40) == 3) if i == 11 else found[f"x{i}"]
        message = (
            np.einsum("acd,bcd->abc", table, message) if i < 11 else np.einsum("acd->ac", table)[:, None] + 0 * message
        )
    forward = np.einsum("a,ab,bc->abc", found["x0"], found["x1"], found["x2"])
    expected = np.einsum("abc,abc->a", forward, message)
    np.testing.assert_allclose(story.marginal("x0").marginal(), expected / expected.sum(), atol=1e-14)


@pytest.fixture(scope="module")
def small():
    grid = gb.trapezoid(-7, 7, 29)
    return fork(grid, gb.trapezoid(-9, 9, 37)).condition(y2=-0.5)


def test_the_memo_says_what_the_elimination_says(small):
    for story in (small.condition(y1=1), small.do(th2=2)):
        by_memo, by_sums = story.by_memo("th3", "th1"), story.marginal("th3", "th1")
        for name in ("th1", "th3"):
            np.testing.assert_allclose(by_memo.marginal(name), by_sums.marginal(name), atol=1e-13)
        np.testing.assert_allclose(by_memo.joint("th1", "th3"), by_sums.joint("th1", "th3"), atol=1e-13)


def test_the_program_is_the_story(small):
    text = str(small.do(th2=2).program)
    assert "nature: chooses(th3 in Th3, wpp=exp(at(log_p_th3, th1, th3)))" in text
    assert "me: observes_event(wpp=exp(at(log_p_y2, nature.th3)))  # y2 = -0.5" in text
    assert "# set: th2 = 2" in text and "log_p_th2" not in text
    assert "return me[Pr[nature.th1 == _th1, nature.th3 == _th3, nature.y1 == _y1]]" in text
    assert "# seen: y1 = 0.5" in str(small.do(th2=2).condition(y1=0.5).program)
    upper = gb.Graph().node("A", range(2), [0.25, 0.75])
    np.testing.assert_allclose(upper.by_memo("A").marginal(), [0.25, 0.75], atol=1e-15)
    assert "chooses(A in A_values" in str(upper.program)


def test_a_memo_refuses_products_that_underflow():
    """Two measurements, 50 sds from the middle each: e^-2500 of their largest."""
    grid = gb.trapezoid(-60, 60, 241)
    story = gb.Graph().node("mu", grid, gb.Normal(0, 10))
    story = story.node("y1", grid, lambda mu: gb.Normal(mu, 1)).node("y2", grid, lambda mu: gb.Normal(mu, 1))
    apart = story.condition(y1=50, y2=-50)
    assert apart.marginal("mu").mean() == pytest.approx(0, abs=1e-12)
    with pytest.raises(PosteriorError, match=r"e\^-250\d of what it could be.*Use marginal, which adds logarithms"):
        apart.by_memo("mu")


def test_a_memo_refuses_a_joint_that_is_too_large():
    assert NORMALS.size > MOST
    with pytest.raises(ValueError, match=r"a memo holds the joint of all free nodes, 121 x .* Use marginal or joint"):
        NORMALS.by_memo("th1")


def test_a_step_that_is_too_large_is_refused_with_its_nodes():
    story, grid = gb.Graph(), gb.trapezoid(0, 1, 200)
    for name in "abcde":
        story = story.node(name, grid, gb.Uniform(0, 1))
    with pytest.raises(
        ValueError, match=r"must be summed together, 200 x 200 x 200 x 200 = 1.6e\+09 cells.*Use coarser grids or"
    ):
        story.joint(*"abcde")
    with pytest.raises(ValueError, match=r"the table of f given a, b, c, d has 200 x .* Use coarser grids"):
        story.node("f", grid, lambda f, a, b, c, d: -((f - a * b * c * d) ** 2))


def test_a_value_of_every_kind_prints():
    assert repr(DIAMOND) == "Graph(a, b given a, c given a, d given b, c)"
    assert repr(DIAMOND.condition(d=1).do(b=2)) == "Graph(a, b given a, c given a, d given b, c; d = 1, do(b = 2))"
    assert MEAN.condition(y=[0.0] * 9).note("y") == "y: 9 rows"
    assert gb.Graph().title == "story of nothing" and SIZES["c"] == len(DIAMOND["c"].domain)
