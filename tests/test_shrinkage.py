"""Shrinkage and combinations of groups: textbook formulas, dense sums, identities."""

import dense
import numpy as np
import pytest

import gridbayes as gb

RAGGED = {"G": [-10, 1, 11], "E": [-16, -15, -14], "M": [30]}
VALUES = np.array([-10.0, 1, 11, -16, -15, -14, 30])
CODES = np.array([0, 0, 0, 1, 1, 1, 2])
PRIORS = {"mu": gb.Normal(0, 10), "tau": gb.HalfNormal(8)}


def truth(sigma: float) -> tuple[dense.Mixture, np.ndarray]:
    tau, w = dense.log_scale(high=8)
    log_p = np.log(w) + dense.half_normal(tau, 8)
    return dense.mixture(VALUES, CODES, np.full((len(tau), 7), sigma**2), *dense.partial(3, 0, 10, tau), log_p), tau


def test_the_weight_is_the_mean_share_of_the_groups_own_data():
    exact, tau = truth(5.0)
    table = gb.partial_pooling(RAGGED, sigma=5, **PRIORS).shrinkage(prob=0.9)
    error = 5 / np.sqrt([3, 3, 1])
    np.testing.assert_allclose(table["se"], error, rtol=1e-12)
    np.testing.assert_allclose(table["raw"], [2 / 3, -15, 30], rtol=1e-12)
    share = [exact.weight @ (tau**2 / (tau**2 + e**2)) for e in error]
    np.testing.assert_allclose(table["weight"], share, rtol=1e-9)
    np.testing.assert_allclose(table["estimate"], [exact.moments(*np.eye(4)[d])[0] for d in (1, 2, 3)], rtol=1e-8)
    assert list(table.columns) == ["raw", "se", "estimate", "sd", "eti90_lb", "eti90_ub", "weight"]
    assert "shrinkage in partial pooling of 3 groups" in repr(table)


def test_without_pooling_the_weight_is_that_of_the_conjugate_normal():
    """tau**2 / (tau**2 + se**2) with the prior's own scale for tau."""
    table = gb.no_pooling(RAGGED, sigma=5, theta=gb.Normal(3, 10)).shrinkage()
    v = 25 / np.array([3, 3, 1])
    np.testing.assert_allclose(table["weight"], 100 / (100 + v), rtol=1e-9)


def test_a_group_without_rows_has_weight_0_and_no_mean_of_its_own():
    table = gb.partial_pooling({**RAGGED, "X": []}, sigma=5, **PRIORS).shrinkage()
    assert table.loc["X", "weight"] == 0 and np.isnan(table.loc["X", ["raw", "se"]].astype(float)).all()


def test_explicit_grids_and_a_shared_sigma_come_near_one_another():
    sigma = {"sigma": gb.HalfNormal(9), "shared_sigma": True}
    grids = {"mu": gb.linspace(-40, 40, 41), "tau": gb.linspace(0.5, 40, 60), "theta": gb.linspace(-60, 60, 121)}
    exact = gb.partial_pooling(RAGGED, **sigma, **PRIORS)
    close = gb.partial_pooling(RAGGED, **sigma, **PRIORS, grids={**grids, "sigma": gb.linspace(0.5, 40, 60)})
    np.testing.assert_allclose(close.shrinkage()["weight"], exact.shrinkage()["weight"], atol=0.02)
    np.testing.assert_allclose(exact.shrinkage()["se"], exact.mean("sigma") / np.sqrt([3, 3, 1]), rtol=1e-9)


def test_any_combination_of_groups_equals_a_dense_sum():
    exact, _ = truth(5.0)
    post = gb.partial_pooling(RAGGED, sigma=5, **PRIORS)
    found = post.contrast({"M": 1, "G": -0.5, "E": -0.5})
    mean, sd = exact.moments(0, -0.5, -0.5, 1)
    assert found.mean("combination") == pytest.approx(mean, abs=1e-9 * sd)
    assert found.sd() == pytest.approx(sd, rel=1e-9)
    for q in (0.025, 0.5, 0.9):
        assert found.quantile(q) == pytest.approx(exact.quantile(q, 0, -0.5, -0.5, 1), abs=1e-8 * sd)
    assert "1 M - 0.5 G - 0.5 E in partial pooling" in repr(found)
    assert found.accuracy.largest.size < 1e-6
    pair = post.contrast({"M": 1, "E": -1})
    assert pair.quantile(0.1) == pytest.approx(post.contrast("M", "E").quantile(0.1), abs=1e-9)


def test_combinations_without_pooling_are_of_independent_groups():
    post = gb.no_pooling(RAGGED, sigma=5, theta=gb.Normal(3, 10))
    found = post.contrast({"M": 2, "G": 1, "E": 0.5})
    weights = np.array([1, 0.5, 2])
    assert found.mean() == pytest.approx(float(post.mean("theta").values @ weights), abs=1e-9)
    assert found.var() == pytest.approx(float(post.var("theta").values @ weights**2), rel=1e-9)


def test_what_cannot_be_answered_is_refused():
    post = gb.partial_pooling(RAGGED, sigma=5, **PRIORS)
    with pytest.raises(ValueError, match="no group 'X' in the data"):
        post.contrast({"X": 1, "G": -1})
    with pytest.raises(TypeError, match="the weight of 'G' must be a number; the weight of 'G' is 'a'"):
        post.contrast({"G": "a"})
    with pytest.raises(ValueError, match="contrast needs finite weights that are not all 0"):
        post.contrast({"G": 0})
    with pytest.raises(TypeError, match="contrast of a dict is the whole combination; leave out 'E'"):
        post.contrast({"G": 1}, "E")
    one = gb.complete_pooling(RAGGED, sigma=9, theta=gb.Normal(0, 10))
    with pytest.raises(ValueError, match="shrinkage needs a theta for every group; complete pooling has one for all"):
        one.shrinkage()
    own = gb.no_pooling(RAGGED, sigma=gb.HalfNormal(9), theta=gb.StudentT(4, 0, 10))
    with pytest.raises(TypeError, match="does not answer shrinkage yet.*Instead post.summary"):
        own.shrinkage()
