"""Partial pooling with covariates: dense normal algebra, partial pooling where nothing varies, textbook least squares."""

import dense
import numpy as np
import pandas as pd
import pytest
import scipy.stats as st

import gridbayes as gb

Y = np.array([3.1, 5.2, 9.7, 12.2, 13.5, 21.0])
SE = np.array([1.0, 2.0, 1.5, 0.8, 3.0, 2.5])
DOSE, YEAR = np.array([0.0, 1, 2, 3, 4, 6]), np.array([-2.0, 3, 0, 1, -1, 2])
X = np.column_stack([np.ones(6), DOSE, YEAR])
LABELS = list("ABCDEF")
PRIORS = {"mu": gb.Normal(1, 10), "tau": gb.HalfNormal(4)}
SLOPES = {"dose": gb.Normal(2, 3), "year": gb.Normal(0, 1)}


@pytest.fixture(scope="module")
def post() -> gb.Posterior:
    covariates = {"dose": DOSE, "year": YEAR}
    return gb.partial_pooling(Y, sigma=SE, groups=LABELS, covariates=covariates, slope=SLOPES, **PRIORS)


@pytest.fixture(scope="module")
def exact() -> tuple[dense.Mixture, np.ndarray]:
    """z = (mu, theta_A, ..., theta_F, slopes, theta_new at dose 5, year 1), by the algebra of one big normal."""
    tau, w = dense.log_scale(low=-30, high=8)
    m, s = np.array([1.0, 2, 0]), np.array([10.0, 3, 1])
    lines = np.vstack([np.eye(3)[:1], X, np.eye(3)[1:], [[1, 5, 1]]])
    noise = np.diag(np.r_[0, np.ones(6), 0, 0, 1])
    cov = lines @ np.diag(s**2) @ lines.T + tau[:, None, None] ** 2 * noise
    prior = np.log(w) + dense.half_normal(tau, 4)
    return dense.mixture(Y, np.arange(6), np.tile(SE**2, (len(tau), 1)), lines @ m, cov, prior), tau


def agree(found: gb.Posterior, name: str, group, exact: dense.Mixture, direction: np.ndarray) -> None:
    mean, sd = exact.moments(*direction)
    assert float(found.mean(name, group)) == pytest.approx(mean, abs=1e-9 * sd)
    assert float(found.sd(name, group)) == pytest.approx(sd, rel=1e-9)
    for q in (0.025, 0.5, 0.9):
        wanted = exact.quantile(q, *direction)
        assert float(found.quantile(name, q, group)) == pytest.approx(wanted, abs=1e-8 * sd)


def test_every_marginal_equals_a_dense_sum(post, exact):
    mixture, tau = exact
    assert post.log_evidence == pytest.approx(mixture.log_evidence, abs=1e-10)
    assert post.mean("tau") == pytest.approx(mixture.scale(tau)[0], rel=1e-9)
    assert post.sd("tau") == pytest.approx(mixture.scale(tau)[1], rel=1e-9)
    each = np.eye(10)
    for name, at in (("mu", 0), ("slope[dose]", 7), ("slope[year]", 8)):
        agree(post, name, None, mixture, each[at])
    for d, label in enumerate(LABELS):
        agree(post, "theta", label, mixture, each[d + 1])
    assert post.accuracy.largest.size < 1e-8
    assert "partial pooling of 6 groups by 2 covariates, mu ~ Normal(1, 10), slope[dose] ~ Normal(2, 3)" in repr(post)


def test_contrasts_and_combinations_equal_a_dense_sum(post, exact):
    each = np.eye(10)
    agree(post.contrast("F", "A"), "difference", None, exact[0], each[6] - each[1])
    weights = {"A": 0.5, "C": 0.5, "E": -1}
    agree(post.contrast(weights), "combination", None, exact[0], 0.5 * each[1] + 0.5 * each[3] - each[5])


def test_new_rows_equal_a_dense_sum(post, exact):
    mixture, _ = exact
    new = post.predict(new_group=True, covariates={"year": 1, "dose": 5}, sigma=2)
    agree(new, "expected", None, mixture, np.eye(10)[9])
    assert new.var("y") == pytest.approx(mixture.moments(*np.eye(10)[9])[1] ** 2 + 4, rel=1e-9)
    assert list(post.predict(new_group=True, covariates={"year": 1, "dose": 5}).marginals) == ["expected"]
    every = post.predict()
    assert every.groups == tuple(LABELS)
    np.testing.assert_allclose(every.mean("expected"), post.mean("theta"), atol=1e-9)
    np.testing.assert_allclose(every.var("y"), post.var("theta") + SE**2, rtol=1e-9)
    assert post.predict("C").sd("y") == pytest.approx(float(every.sd("y", "C")), rel=1e-9)
    assert new.accuracy.largest.size < 1e-8


def test_the_weight_of_shrinkage_is_the_mean_share_of_the_groups_own_data(post, exact):
    mixture, tau = exact
    table = post.shrinkage()
    wanted = [mixture.weight @ (tau**2 / (tau**2 + se**2)) for se in SE]
    np.testing.assert_allclose(table["weight"], wanted, rtol=1e-8)
    np.testing.assert_allclose(table["estimate"], post.mean("theta"), rtol=1e-12)


def test_joints_have_their_marginals_and_the_dense_covariance(post, exact):
    mixture, tau = exact
    each = np.eye(10)
    pair = post.joint("mu", "slope[dose]")
    np.testing.assert_allclose(pair.sum("slope[dose]"), post.marginal("mu"), atol=1e-8)
    both = mixture.moments(*(each[0] + each[7]))[1] ** 2 - mixture.moments(*(each[0] - each[7]))[1] ** 2
    mu, dose = pair["mu"] - post.mean("mu"), pair["slope[dose]"] - post.mean("slope[dose]")
    assert float((pair * mu * dose).sum()) == pytest.approx(both / 4, rel=1e-6)
    with_tau = post.joint("tau", "slope[year]")
    m, _ = mixture._normal(each[8])
    wanted = mixture.weight @ (m * tau)
    assert float((with_tau * with_tau["tau"] * with_tau["slope[year]"]).sum()) == pytest.approx(wanted, rel=1e-7)


def test_covariates_that_do_not_vary_are_partial_pooling():
    """Of 0 everywhere the slope keeps its prior, and all the rest is partial pooling's."""
    flat = gb.partial_pooling(Y, sigma=SE, covariates=np.zeros(6), slope=gb.Normal(4, 3), **PRIORS)
    plain = gb.partial_pooling(Y, sigma=SE, **PRIORS)
    assert flat.log_evidence == pytest.approx(plain.log_evidence, abs=1e-10)
    for name in ("mu", "tau", "theta"):
        np.testing.assert_allclose((flat.mean(name) - plain.mean(name)) / plain.sd(name), 0, atol=1e-10)
        np.testing.assert_allclose(flat.sd(name) / plain.sd(name), 1, atol=1e-10)
    assert flat.mean("slope") == pytest.approx(4, abs=1e-9) and flat.sd("slope") == pytest.approx(3, rel=1e-9)


def test_flat_coefficients_and_a_known_tau_are_weighted_least_squares():
    """metafor's rma(yi, sei, mods = ~ dose, tau2 = 4): (X'WX)^-1 X'W y with weights 1 / (se**2 + tau**2)."""
    flat = {"mu": gb.Flat(), "slope": gb.Flat(), "tau": 2.0}
    post = gb.partial_pooling(Y, sigma=SE, covariates=DOSE, **flat)
    x, w = X[:, :2], np.diag(1 / (SE**2 + 4))
    cov = np.linalg.inv(x.T @ w @ x)
    best = cov @ x.T @ w @ Y
    np.testing.assert_allclose([post.mean("mu"), post.mean("slope")], best, rtol=1e-9)
    np.testing.assert_allclose([post.sd("mu"), post.sd("slope")], np.sqrt(np.diag(cov)), rtol=1e-9)
    residual = Y - x @ best
    fit = -0.5 * residual @ w @ residual + 0.5 * np.linalg.slogdet(w)[1] + 0.5 * np.linalg.slogdet(cov)[1]
    assert post.log_evidence == pytest.approx(fit - 2 * np.log(2 * np.pi), abs=1e-9)
    new = post.predict(new_group=True, covariates=5)
    assert new.mean("expected") == pytest.approx(best @ [1, 5], rel=1e-9)
    assert new.var("expected") == pytest.approx([1, 5] @ cov @ [1, 5] + 4, rel=1e-9)


def test_a_group_without_rows_is_told_by_its_covariate():
    data = {**{label: [float(y)] for label, y in zip(LABELS, Y, strict=True)}, "N": []}
    post = gb.partial_pooling(data, sigma=1.5, covariates=[*DOSE, 9], slope=gb.Normal(2, 3), **PRIORS)
    line = float(post.mean("mu") + 9 * post.mean("slope"))
    assert float(post.mean("theta", "N")) == pytest.approx(line, rel=1e-9)
    assert post.shrinkage().loc["N", "weight"] == 0


ROWS = {
    "y": [3, 5, 9, 12, np.nan, 13, 21, 4],
    "arm": ["b", "a", "b", "c", "c", "a", "c", "d"],
    "dose": [1, 0, 1, 4, 4, 0, np.nan, 2],
    "old": [True, False, True, False, False, False, False, True],
}


@pytest.mark.parametrize("table", [dict, pd.DataFrame], ids=["dict", "pandas"])
def test_covariates_by_name_are_those_of_each_group_once(table):
    long = {"value": "y", "group": "arm", "sigma": 2, "slope": gb.Normal(0, 3), **PRIORS}
    by_name = gb.partial_pooling(table(ROWS), covariates=["dose", "old"], **long)
    listed = gb.partial_pooling(table(ROWS), covariates={"dose": [1, 0, 4, 2], "old": [1, 0, 0, 1]}, **long)
    assert by_name.groups == ("b", "a", "c", "d")
    assert by_name.log_evidence == listed.log_evidence
    for name in ("mu", "slope[dose]", "slope[old]", "theta"):
        np.testing.assert_array_equal(by_name.mean(name), listed.mean(name))
    new = by_name.predict(new_group=True, covariates={"dose": 3, "old": 0})
    assert new.mean("expected") == pytest.approx(float(by_name.mean("mu") + 3 * by_name.mean("slope[dose]")), rel=1e-9)
    alone = gb.partial_pooling(table(ROWS), covariates="dose", **long)
    assert list(alone.marginals) == ["mu", "slope", "tau", "theta"]


def test_covariates_by_name_where_each_row_is_a_group():
    table = {"effect": Y, "se": SE, "study": LABELS, "dose": DOSE}
    named = gb.partial_pooling(table, value="effect", groups="study", sigma="se", covariates="dose", **PRIORS)
    assert named.log_evidence == gb.partial_pooling(Y, sigma=SE, covariates=DOSE, **PRIORS).log_evidence
    assert named.groups == tuple(LABELS)


@pytest.mark.parametrize(
    ("error", "message", "covariates"),
    [
        (ValueError, 'the same in all rows of a group; column "y" is 3 and 9 in group "b"', ["dose", "y"]),
        (ValueError, "covariates must be a column; \"doze\" is not.*Did you mean \"dose\"", "doze"),
        (ValueError, 'covariates must be unique; "dose" is a duplicate', ["dose", "dose"]),
        (TypeError, "row 0 of column \"arm\" is 'b', not a number", ["arm"]),
        (ValueError, "covariates must be complete; group 'd' misses one", ["late"]),
    ],
)  # fmt: skip
def test_columns_that_are_no_covariates_of_groups_are_refused(error, message, covariates):
    table = ROWS | {"late": [1, 2, 1, 3, 3, 2, 3, None]}
    with pytest.raises(error, match=message):
        gb.partial_pooling(table, value="y", group="arm", sigma=2, covariates=covariates, **PRIORS)


def test_names_need_a_table():
    with pytest.raises(TypeError, match='names of columns, "dose", so data must be a table; it is a list'):
        gb.partial_pooling([1, 2, 3], sigma=1, covariates=["dose"], **PRIORS)


def test_the_default_slope_is_on_the_scale_of_data_and_covariate():
    post = gb.partial_pooling(Y, sigma=SE, covariates=DOSE, mu_scale=10, tau_scale=3)
    scale = float(f"{2.5 * Y.std() / DOSE.std():.2g}")
    assert f"slope ~ Normal(0, {scale:g})" in post.model.title
    assert st.norm(0, scale).std() > post.sd("slope")


@pytest.mark.parametrize(
    ("error", "message", "options"),
    [
        (ValueError, "covariates must have one value a group.*they have 3, the data have 6", {"covariates": [1, 2, 3]}),
        (ValueError, "covariates must be complete; group 2 misses one", {"covariates": [1, 2, np.nan, 4, 5, 6]}),
        (ValueError, r"covariates must be finite; covariates\[1\] is inf", {"covariates": [1, np.inf, 3, 4, 5, 6]}),
        (ValueError, "covariates need normal rows with known sigma", {"covariates": DOSE, "sigma": gb.HalfNormal(1)}),
        (ValueError, "slope must be Normal or Flat", {"covariates": DOSE, "slope": gb.Laplace(0, 1)}),
        (ValueError, "mu, slope cannot be told apart", {"covariates": np.ones(6), "slope": gb.Flat(), "mu": gb.Flat()}),
        (ValueError, r"tau must have a proper prior here: Flat\(0, inf\) with 2 groups", {"data": [1, 2], "sigma": 1,
            "covariates": [0, 1], "slope": gb.Flat(), "mu": gb.Flat(), "tau": gb.Flat()}),
        (TypeError, "Pass covariates= too", {"slope": gb.Normal(0, 1)}),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_refused(error, message, options):
    with pytest.raises(error, match=message):
        gb.partial_pooling(options.pop("data", Y), **{"sigma": SE, **options})


def test_what_cannot_be_answered_is_refused(post):
    with pytest.raises(TypeError, match="a new group needs its covariates"):
        post.predict(new_group=True)
    with pytest.raises(TypeError, match="A group that is in the data has its own"):
        post.predict("A", covariates={"dose": 1, "year": 2})
    with pytest.raises(ValueError, match="covariates must have the inputs .*'year' is not among"):
        post.predict(new_group=True, covariates={"dose": 1})
    with pytest.raises(ValueError, match=r"covariates must have the inputs \['dose', 'year'\]"):
        post.predict(new_group=True, covariates=[5, 1])
    with pytest.raises(ValueError, match="covariates must be of one new group; they are of 2"):
        post.predict(new_group=True, covariates={"dose": [1, 2], "year": [1, 2]})
    with pytest.raises(TypeError, match="rank is not there with covariates"):
        post.rank()
    with pytest.raises(ValueError, match="joint with theta is not there with covariates"):
        post.joint("tau", "theta", group="A")
