"""Ready mixtures: recovery, evidence of the whole space, mirrored labels, refusals."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mixtures import REGRESSIONS, regression_rows, three_regression_rows, two_normal_rows, two_regressions
from scipy import stats

import gridbayes as gb

MU, SIGMA = gb.Normal(0, 2), gb.HalfNormal(2)


def sample(count=200, seed=0):
    """70% of rows from N(0, 1), the others from N(4, 1)."""
    rng = np.random.default_rng(seed)
    return np.where(np.arange(count) < 0.7 * count, 0.0, 4.0) + rng.normal(size=count)


def sds_off(post, name, truth):
    return np.abs((post.mean(name) - truth) / post.sd(name)).max()


# --- normals ------------------------------------------------------------------------------------------------------


def test_two_normals_of_known_sd_recover_the_truth():
    """2,000 rows, weights .7 and .3, mu 0 and 4, sd 1 known."""
    post = gb.mixture(sample(2000), mu=gb.Normal(0, 1), sigma=1, weight=[1, 1], order=13)
    assert sds_off(post, "mu", [0, 4]) < 3
    assert sds_off(post, "weight", [0.7, 0.3]) < 3
    assert max(e.size for e in post.accuracy.errors if e.statistic == "mean") < 1e-8
    assert "Normal(0, 1), sigma = 1.0, weight ~ Dirichlet(1, 1)" in post.model.title


def whole(mu, other, weight, y):
    """Both labellings of a mixture of two normals of sd 1, weight ~ Beta(2, 2), mu ~ Normal(0, 2)."""
    first = jnp.log(weight) + jax.scipy.stats.norm.logpdf(y, mu, 1)
    second = jnp.log1p(-weight) + jax.scipy.stats.norm.logpdf(y, other, 1)
    log_prior = jax.scipy.stats.norm.logpdf(mu, 0, 2) + jax.scipy.stats.norm.logpdf(other, 0, 2)
    return jnp.logaddexp(first, second).sum() + log_prior + jax.scipy.stats.beta.logpdf(weight, 2, 2)


def test_evidence_and_mirrored_marginals_are_those_of_the_whole_space():
    """Beside a sum over a full grid in both mu, unordered."""
    y = sample(30)
    axis, finer = (gb.gauss_legendre(-6, 10, panels=panels, order=10) for panels in (16, 24))
    grids = {"mu": finer, "other": axis, "weight": gb.gauss_legendre(0, 1, panels=2, order=16)}
    full = gb.enumerate(whole, grids, {"y": y})
    ordered, mirrored = (
        gb.mixture(y, mu=MU, sigma=1, weight=gb.Beta(2, 2), labels=labels) for labels in ("ordered", "mirrored")
    )
    assert ordered.log_evidence == pytest.approx(full.log_evidence, abs=1e-8)
    assert mirrored.log_evidence == ordered.log_evidence
    for k in (0, 1):
        assert mirrored.mean("mu", k) == pytest.approx(full.mean("mu"), abs=1e-8)
        assert mirrored.sd("mu", k) == pytest.approx(full.sd("mu"), abs=1e-8)
        assert mirrored.mean("weight", k) == pytest.approx(0.5, abs=1e-12)
        assert mirrored.probability("mu", above=2, group=k) == pytest.approx(full.probability("mu", above=2), abs=1e-9)
        np.testing.assert_allclose(mirrored.eti("mu", group=k), full.eti("mu"), atol=2e-6)
    assert "mirrored" in mirrored.model.title
    assert mirrored.accuracy.largest.size < 1e-6
    with pytest.raises(ValueError, match="Pass labels='ordered'"):
        mirrored.joint("mu", "weight", group=0)


def test_orders_come_closer_and_hold_what_they_state():
    y = sample(1000)
    reference = gb.mixture(y, mu=MU, sigma=SIGMA, order=9)
    before = np.inf
    for order in (3, 5, 7):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", gb.QuadratureWarning)
            post = gb.mixture(y, mu=MU, sigma=SIGMA, order=order)
        off = max(sds_off(post, name, reference.mean(name).values) for name in ("mu", "sigma", "weight"))
        assert off < before and off <= post.model.resolved.gap
        before = off
    assert before < 1e-3


def test_two_normals_far_apart():
    """Without order= the error that is stated is below 1e-6 sd; a pair's joint has the marginals."""
    post = gb.mixture(two_normal_rows(), mu=MU, sigma=SIGMA, weight=gb.Beta(5, 5))
    assert max(e.size for e in post.accuracy.errors if e.statistic == "mean") < 1e-6
    assert sds_off(post, "mu", [-2.7, 2.9]) < 4
    joint = post.joint("mu", "weight", group=0)
    np.testing.assert_allclose(joint.sum("weight"), post.marginal("mu", group=0), atol=1e-4)


def test_unit_and_order_of_rows_are_irrelevant():
    y = sample(1000)
    post = gb.mixture(y, mu=MU, sigma=SIGMA, order=5)
    turned = gb.mixture(y[::-1], mu=MU, sigma=SIGMA, order=5)
    other = gb.mixture(1e4 + 1e3 * y, mu=gb.Normal(1e4, 2e3), sigma=gb.HalfNormal(2e3), order=5)
    assert turned.log_evidence == pytest.approx(post.log_evidence, abs=1e-9)
    assert other.log_evidence == pytest.approx(post.log_evidence - 1000 * np.log(1e3), abs=1e-6)
    np.testing.assert_allclose(turned.mean("mu"), post.mean("mu"), atol=1e-9)
    np.testing.assert_allclose(other.mean("mu"), 1e4 + 1e3 * post.mean("mu"), rtol=1e-9)
    np.testing.assert_allclose(other.sd("sigma"), 1e3 * post.sd("sigma"), rtol=1e-7)
    default, wide = gb.mixture(y, sigma=1, order=5), gb.mixture(1e3 * y, sigma=1e3, order=5)
    np.testing.assert_allclose(wide.mean("mu"), 1e3 * default.mean("mu"), rtol=1e-9)


def test_a_sigma_of_a_narrow_prior_is_a_known_one():
    y = sample(1000)
    known = gb.mixture(y, mu=MU, sigma=1, order=7)
    shared = gb.mixture(y, mu=MU, sigma=gb.LogNormal(0, 1e-4), shared_sigma=True, order=7)
    assert list(shared.marginals) == ["weight", "mu", "sigma"] and shared.mean("sigma") == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(shared.mean("mu"), known.mean("mu"), atol=1e-5)
    assert shared.log_evidence == pytest.approx(known.log_evidence, abs=1e-4)
    learned = gb.mixture(y, mu=MU, sigma=SIGMA, order=7)
    assert sds_off(learned, "sigma", [1, 1]) < 3
    assert (np.asarray(learned.sd("mu")) > np.asarray(known.sd("mu")) * 0.9).all()


def test_three_components_far_apart_are_three_samples():
    """No row could be another component's: mu_k ~ N(sum y / p, 1 / p), p = n + 1 / 15**2, weights ~ Dirichlet(n + 1)."""
    rng = np.random.default_rng(1)
    rows = [rng.normal(m, 1, n) for m, n in ((-18, 100), (0, 200), (21, 100))]
    post = gb.mixture(np.concatenate(rows), 3, mu=gb.Normal(0, 15), sigma=1, order=5)
    for k, own in enumerate(rows):
        precision, weight = len(own) + 1 / 15**2, stats.beta(len(own) + 1, 402 - len(own))
        assert post.mean("mu", k) == pytest.approx(own.sum() / precision, abs=1e-6 / precision**0.5)
        assert post.sd("mu", k) == pytest.approx(precision**-0.5, rel=1e-6)
        assert post.mean("weight", k) == pytest.approx(weight.mean(), abs=1e-6)
        assert post.sd("weight", k) == pytest.approx(weight.std(), rel=2e-5)


def test_another_mode_is_told_with_what_the_call_has_to_offer():
    """Ten rows: narrow components to either side of a wide one, without exchangeable= or start=, which it does not take."""
    with (
        pytest.warns(
            gb.QuadratureWarning, match="3.4% of the mass.*overlap in mu.*: pass fewer components, or a narrower"
        ),
        pytest.raises(gb.ResolutionError, match="differ by"),
    ):
        gb.mixture(sample(10), mu=MU, sigma=SIGMA, order=3)


# --- regressions --------------------------------------------------------------------------------------------------

PRIORS = {"slope": gb.Normal(0, 1), "intercept": gb.Normal(0, 1), "sigma": gb.HalfNormal(1)}


def of_rows(rows, *components, **options):
    return gb.mixture_of_regressions(rows["x"], rows["y"], *components, **PRIORS, **options)


@pytest.fixture(scope="module")
def two():
    """1,000 rows: 30% on (.8, 1, 1), the others on (-.5, -1, 2)."""
    return of_rows(regression_rows(1000), order=5)


def test_it_is_the_density_that_a_user_would_write(two):
    """Beside quadrature of the plain density, its mirror images named exchangeable: another space, another code."""
    exchangeable = ("w", "c", "s", "pi")
    plain = gb.quadrature(two_regressions, REGRESSIONS, regression_rows(1000), exchangeable=exchangeable, order=5)
    for name, theirs in {"slope": "w", "intercept": "c", "sigma": "s", "weight": "pi"}.items():
        assert sds_off(two, name, plain.mean(theirs).values) < 2e-5
    assert two.log_evidence == pytest.approx(plain.log_evidence, abs=1e-5)


def test_one_point_as_the_search_sees_it_has_the_density_of_many(two):
    target, u = two.model.resolved.fine.target, two.model.resolved.fine.u[::10_000]
    with jax.enable_x64(True):
        alone = [float(target.at_one()(jnp.asarray(each), target.data)) for each in u]
    np.testing.assert_allclose(alone, target.log_density(u), rtol=1e-12)


def test_two_regressions_recover_the_truth(two):
    """In the order of slopes, and of intercepts."""
    other = of_rows(regression_rows(1000), order=5, by="intercept")
    for name, truth in {"slope": [-0.5, 0.8], "intercept": [-1, 1], "sigma": [2, 1], "weight": [0.7, 0.3]}.items():
        assert sds_off(two, name, truth) < 3
        assert sds_off(other, name, two.mean(name).values) < 5e-3  # log of the step is skewed
    assert other.log_evidence == pytest.approx(two.log_evidence, abs=5e-3)


def test_few_rows_state_a_gap_that_holds():
    with pytest.warns(gb.QuadratureWarning, match=r"order 5 and order 3 differ by 0\.0\d+ sds"):
        post = of_rows(regression_rows(60), order=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gb.QuadratureWarning)
        coarse = of_rows(regression_rows(60), order=3)
    for name in ("slope", "intercept", "sigma", "weight"):
        assert sds_off(coarse, name, post.mean(name).values) < coarse.model.resolved.gap


def test_lines_that_cross_are_told_apart_by_their_slopes():
    """y = x and y = -x: in the order of intercepts they are two modes, in that of slopes one."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-5, 5, 100)
    y = np.where(np.arange(100) < 50, x, -x) + 0.3 * rng.normal(size=100)
    with (
        pytest.warns(gb.QuadratureWarning, match="overlap in intercept, .*: pass by='slope', or fewer components"),
        pytest.raises(gb.ResolutionError, match="differ by"),
    ):
        gb.mixture_of_regressions(x, y, sigma=0.3, by="intercept", order=3)
    post = gb.mixture_of_regressions(x, y, sigma=0.3, by="slope", order=5)
    for k, line in enumerate([-x, x]):  # each but for rows in the middle, which may be either's
        assert post.mean("slope", k) == pytest.approx(np.polyfit(x, line, 1)[0], abs=3 * post.sd("slope", k))


def test_three_regressions_are_found_and_a_level_more_moves_little():
    """11 free parameters, sparse rules of level 4 and 3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gb.QuadratureWarning)
        post = of_rows(three_regression_rows(1000), 3, rule="sparse", order=4)
    for name in post.marginals:
        assert sds_off(post, name, post.model.coarse.mean(name).values) < 0.02
    for name, truth in {"slope": [-0.5, 0.2, 0.8], "intercept": [-1, 2, 1], "sigma": [2, 0.5, 1]}.items():
        assert sds_off(post, name, truth) < 3.5


def test_columns_of_a_table():
    rows = regression_rows(60)
    table = {"height": rows["x"].tolist(), "weight": rows["y"].tolist()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gb.QuadratureWarning)
        named = gb.mixture_of_regressions("height", "weight", data=table, order=3, **PRIORS)
        plain = of_rows(rows, order=3)
    assert named.log_evidence == pytest.approx(plain.log_evidence, abs=1e-12)


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, text",
    [
        ({"components": 1}, "components must be a whole number, at least 2; components is 1"),
        ({"components": 2.5}, "components must be a whole number"),
        ({"components": 40}, "y must have more different values than components; it has 20 in 20 rows"),
        ({"weight": [1, 0]}, r"weight must have positive concentrations; weight is \[1.0, 0.0\]"),
        ({"weight": [1, 1, 1]}, "weight must have a concentration for each of 2 components"),
        ({"weight": 0.5}, "weight must have a concentration for each of 2 components; weight is 0.5"),
        ({"weight": [1, 2], "labels": "mirrored"}, "needs components that are alike"),
        ({"labels": "both"}, "labels must be 'ordered' or 'mirrored'; labels is 'both'"),
        ({"mu": gb.Flat()}, r"mu must have a proper prior on the whole line; mu is Flat\(\)"),
        ({"mu": gb.Uniform(0, 1)}, "mu must have a proper prior on the whole line"),
        ({"sigma": gb.Flat(0)}, r"sigma must have a proper prior; sigma is Flat\(0, inf\)"),
        ({"sigma": -1.0}, "sigma must be a positive number, known and the same for all components"),
        ({"sigma": [1.0, 2.0]}, "sigma must be a positive number, known and the same for all components"),
    ],
)
def test_arguments_that_do_not_fit(options, text):
    with pytest.raises(ValueError, match=text):
        gb.mixture(sample(20), **options)


def test_identical_rows_are_refused():
    with pytest.raises(ValueError, match="it has 1 in 9 rows, components is 2"):
        gb.mixture([3.0] * 9)


def test_regressions_refuse_what_does_not_fit():
    x, y = np.arange(9.0), sample(9)
    with pytest.raises(ValueError, match="by must be 'slope' or 'intercept'; by is 'sigma'"):
        gb.mixture_of_regressions(x, y, by="sigma")
    with pytest.raises(ValueError, match="x must vary; it is 1 in every row"):
        gb.mixture_of_regressions(np.ones(9), y)
    with pytest.raises(ValueError, match="x must be one input; it has 2"):
        gb.mixture_of_regressions(np.stack([x, y], axis=1), y)


def test_components_that_overlap_are_refused_with_their_figure():
    y = np.random.default_rng(0).normal(size=1000)
    with pytest.raises(gb.ResolutionError, match=r"order 3 and order 2 differ by 0\.87 sds.*Pass a higher order="):
        gb.mixture(y, mu=MU, sigma=SIGMA, order=3)
