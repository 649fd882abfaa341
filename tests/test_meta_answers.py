"""What a meta-regression answers beyond its marginals: dense algebra of the data without a part, refits, many draws."""

import arviz as az
import dense
import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb

ROWS = {"A": [3.1, 2.0], "B": [5.2], "C": [9.7, 12.0, 8.0], "D": [12.2], "E": [13.5, 19.0]}
Y, CODES = np.concatenate([np.array(rows) for rows in ROWS.values()]), np.array([0, 0, 1, 2, 2, 2, 3, 4, 4])
SE = np.array([1.0, 2.0, 1.5, 0.8, 3.0, 2.5, 1.2, 2.0, 0.7])
DOSE, YEAR = np.array([0.0, 1, 2, 3, 6]), np.array([-2.0, 3, 0, 1, -1])
X = np.column_stack([np.ones(5), DOSE, YEAR])
M, S = np.array([1.0, 2, 0]), np.array([10.0, 3, 1])
CALL = {
    "group": [list(ROWS)[d] for d in CODES], "covariates": {"dose": DOSE, "year": YEAR}, "tau": gb.HalfNormal(4),
    "mu": gb.Normal(1, 10), "slope": {"dose": gb.Normal(2, 3), "year": gb.Normal(0, 1)},
}  # fmt: skip
EVERY = np.arange(9)
TAU, WEIGHT = dense.log_scale(low=-30, high=8)


def exact(rows: np.ndarray) -> dense.Mixture:
    """z = (mu, theta_A, ..., theta_E, slopes) given some of the rows, by the algebra of one big normal."""
    lines = np.vstack([np.eye(3)[:1], X, np.eye(3)[1:]])
    cov = lines @ np.diag(S**2) @ lines.T + TAU[:, None, None] ** 2 * np.diag(np.r_[0, np.ones(5), 0, 0])
    noise = np.tile(SE[rows] ** 2, (len(TAU), 1))
    return dense.mixture(Y[rows], CODES[rows], noise, lines @ M, cov, np.log(WEIGHT) + dense.half_normal(TAU, 4))


@pytest.fixture(scope="module")
def post() -> gb.Posterior:
    return gb.partial_pooling(Y, sigma=SE, **CALL)


@pytest.fixture(scope="module")
def whole() -> dense.Mixture:
    return exact(EVERY)


def test_scores_equal_those_of_a_dense_sum_without_each_row_and_group(post, whole):
    rows, groups = post.loo(), post.loo(by="group")
    wanted = [whole.log_evidence - exact(np.delete(EVERY, row)).log_evidence for row in EVERY]
    np.testing.assert_allclose(rows.elpd_i, wanted, atol=1e-9)
    wanted = [exact(np.append(EVERY, row)).log_evidence - whole.log_evidence for row in EVERY]
    np.testing.assert_allclose(rows.within, wanted, atol=1e-9)
    wanted = [whole.log_evidence - exact(EVERY[d != CODES]).log_evidence for d in range(5)]
    np.testing.assert_allclose(groups.elpd_i, wanted, atol=1e-9)
    assert rows.elpd_i["group"].values.tolist() == CALL["group"] and list(groups.elpd_i["group"]) == list(ROWS)


def test_a_group_that_decides_a_slope_is_left_out_by_a_new_fit():
    """Of two flat coefficients and three groups, one is a hundred thousand times as precise as the others."""
    y, se, x = [0.0, 1.0, 900.0], [1.0, 1.0, 1e-5], [0.0, 1.0, 2.0]
    priors = {"tau": gb.HalfNormal(100), "mu": gb.Normal(0, 50), "slope": gb.Normal(0, 50)}
    score = gb.partial_pooling(y, sigma=se, covariates=x, **priors).loo(by="group")
    rest = gb.partial_pooling(y[:2], sigma=se[:2], covariates=x[:2], **priors).log_evidence
    whole = gb.partial_pooling(y, sigma=se, covariates=x, **priors).log_evidence
    assert score.refitted >= 1 and score.left_out[2] == pytest.approx(whole - rest, abs=1e-8)


def test_a_part_without_which_flat_slopes_are_open_is_refused():
    flat = {"mu": gb.Flat(), "slope": gb.Flat(), "tau": gb.HalfNormal(2)}
    post = gb.partial_pooling([1.0, 2, 4], sigma=1, groups=list("ABC"), covariates=[0, 0, 1], **flat)
    with pytest.raises(ValueError, match="no posterior without group 'C': mu, slope cannot be told apart by 2 groups"):
        post.loo(by="group")
    with pytest.raises(ValueError, match="no posterior without row 2"):
        post.pit(loo=True)


def test_pit_equals_a_dense_sum_with_and_without_the_row(post, whole):
    def below(mixture: dense.Mixture, row: int) -> float:
        m, v = mixture._normal(np.eye(8)[1 + CODES[row]])
        return mixture.weight @ st.norm.cdf(Y[row], m, np.sqrt(v + SE[row] ** 2))

    np.testing.assert_allclose(post.pit(), [below(whole, row) for row in EVERY], atol=1e-9)
    wanted = [below(exact(np.delete(EVERY, row)), row) for row in EVERY]
    np.testing.assert_allclose(post.pit(loo=True), wanted, atol=1e-9)


def test_an_update_is_the_joint_fit():
    first, later = EVERY[CODES < 4], EVERY[[0, 7, 8]]  # rows of a group that is there, and a new group
    groups = np.array(CALL["group"])
    start = CALL | {"group": groups[first], "covariates": {"dose": DOSE[:4], "year": YEAR[:4]}}
    old = gb.partial_pooling(Y[first], sigma=SE[first], **start)
    more = old.update(
        Y[later], sigma=SE[later], group=groups[later], covariates={"year": YEAR[[0, 4]], "dose": DOSE[[0, 4]]}
    )
    wanted = exact(np.append(EVERY, 0))
    assert more.log_evidence == pytest.approx(wanted.log_evidence, abs=1e-9)
    assert more.groups == tuple(ROWS)
    for d, label in enumerate(ROWS):
        mean, sd = wanted.moments(*np.eye(8)[1 + d])
        assert float(more.mean("theta", label)) == pytest.approx(mean, abs=1e-9 * sd)
    again = old.update({"B": [7.0]}, sigma=2.0)
    joint = gb.partial_pooling(
        np.append(Y[first], 7), sigma=np.append(SE[first], 2), **start | {"group": [*groups[first], "B"]}
    )
    assert again.log_evidence == pytest.approx(joint.log_evidence, abs=1e-10)
    with pytest.raises(TypeError, match="group 'N' is not among the old ones and needs its covariates"):
        old.update({"B": [7.0], "N": [1.0]}, sigma=1.0)
    with pytest.raises(ValueError, match=r"group 'B' has \[1.0, 3.0\], the new ones are \[2.0, 3.0\]"):
        old.update({"B": [7.0]}, sigma=1.0, covariates={"dose": [2], "year": [3]})
    with pytest.raises(ValueError, match="covariates must have one value a group.*they have 2, the data have 1"):
        old.update({"N": [7.0]}, sigma=1.0, covariates={"dose": [2, 1], "year": [3, 1]})


def test_draws_have_the_moments_of_a_dense_sum(post, whole):
    n = 200_000
    draws = post.sample(n, seed=1)
    lines = {"mu": draws["mu"], "tilt": draws["slope[dose]"] - draws["slope[year]"], "E": draws["theta"].sel(group="E")}
    lines["both"] = draws["mu"] + draws["slope[dose]"] + 2 * draws["theta"].sel(group="B")
    each = np.eye(8)
    directions = {"mu": each[0], "tilt": each[6] - each[7], "E": each[5], "both": each[0] + each[6] + 2 * each[2]}
    for name, drawn in lines.items():
        mean, sd = whole.moments(*directions[name])
        assert abs(float(drawn.mean()) - mean) < 4 * sd / n**0.5
        spread = (drawn.values - mean) ** 2
        assert abs(float(spread.mean()) - sd**2) < 4 * spread.std() / n**0.5
    mean, sd = whole.scale(TAU)
    assert abs(float(draws["tau"].mean()) - mean) < 4 * sd / n**0.5
    with_tau = (draws["tau"] * draws["theta"].sel(group="C")).values  # their dependence
    m, _ = whole._normal(each[3])
    assert abs(with_tau.mean() - whole.weight @ (TAU * m)) < 4 * with_tau.std() / n**0.5


def test_weighted_nodes_have_the_moments_of_a_dense_sum(post, whole):
    nodes = post.weighted()
    line = (nodes["mu"] - 2 * nodes["slope[dose]"]).values
    mean, sd = dense.moments(nodes["p_node"].values, line)
    wanted = whole.moments(*(np.eye(8)[0] - 2 * np.eye(8)[6]))
    assert mean == pytest.approx(wanted[0], abs=1e-9 * sd) and sd == pytest.approx(wanted[1], rel=1e-9)


def test_replicates_of_all_rows(post, whole):
    """The weighted sum exactly; by draws within four standard errors of it."""
    weights = np.linspace(-1, 2, 9)
    direction = np.r_[0, np.bincount(CODES, weights), 0, 0]
    m, v = whole._normal(direction)
    wanted = whole.weight @ st.norm.sf(weights @ Y, m, np.sqrt(v + np.sum((weights * SE) ** 2)))
    found = post.predictive_check(weights)
    assert found.p == pytest.approx(wanted, abs=1e-9) and found.error == 0
    drawn = post.predictive_check(lambda rows: weights @ rows, draws=20_000, seed=3)
    assert drawn.error > 0 and abs(drawn.p - wanted) < 4 * drawn.error


def test_before_the_data_rows_are_those_of_the_prior(post):
    """E theta_d = x_d . m, Var theta_d = sum_j (x_dj s_j)**2 + E tau**2, E tau**2 = 16."""
    before = post.predict(prior=True, sigma=2.5)
    np.testing.assert_allclose(before.mean("expected"), X @ M, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(before.var("expected"), X**2 @ S**2 + 16, rtol=1e-8)
    np.testing.assert_allclose(before.var("y"), X**2 @ S**2 + 16 + 2.5**2, rtol=1e-8)
    new = post.predict(new_group=True, covariates={"dose": 2, "year": 5}, prior=True)
    assert new.mean("expected") == pytest.approx(1 + 2 * 2, rel=1e-9)
    assert new.var("expected") == pytest.approx(100 + 4 * 9 + 25 * 1 + 16, rel=1e-8)
    assert post.predict("B", prior=True, sigma=1).accuracy.largest.size < 1e-8
    with pytest.raises(ValueError, match=r"slope\[year\] must have a proper prior for a prediction before the data"):
        flat = CALL | {"slope": {"year": gb.Flat()}}
        gb.partial_pooling(Y, sigma=SE, **flat).predict("B", prior=True)


def test_a_saved_posterior_answers_as_before(post, tmp_path):
    post.save(tmp_path / "doses.npz")
    back = gb.load(tmp_path / "doses.npz")
    assert back.model.title == post.model.title and back.log_evidence == post.log_evidence
    for name in post.marginals:
        np.testing.assert_array_equal(back.mean(name), post.mean(name))
    new = {"new_group": True, "covariates": {"dose": 2, "year": 5}}
    assert back.predict(**new).mean("expected") == post.predict(**new).mean("expected")


def test_the_tree_for_arviz_has_all_its_groups(post, whole):
    tree = post.to_arviz(draws=2000, seed=2)
    assert set(tree.children) == {"posterior", "posterior_predictive", "log_likelihood", "observed_data", "prior"}
    theta = tree["posterior"]["theta"].values[..., CODES]
    np.testing.assert_allclose(tree["log_likelihood"]["value"], st.norm(theta, SE).logpdf(Y), rtol=1e-12)
    assert az.summary(tree)["ess_bulk"].astype(float).min() > 4000
    mean, sd = whole.moments(*np.eye(8)[6])
    assert tree["posterior"]["slope[dose]"].attrs["exact_mean"] == pytest.approx(mean, abs=1e-9 * sd)
    prior = tree["prior"]["theta"].sel(group="C").values
    assert abs(prior.mean() - X[2] @ M) < 4 * prior.std() / 8000**0.5
    assert abs(prior.var() / (X[2] ** 2 @ S**2 + 16) - 1) < 4 * (2 / 8000) ** 0.5 * 1.5
    replicates = tree["posterior_predictive"]["value"].values
    m, v = whole._normal(np.eye(8)[3])
    wanted = whole.weight @ st.norm.cdf(9.0, m, np.sqrt(v + SE[3] ** 2))
    assert abs((replicates[..., 3] < 9).mean() - wanted) < 4 * 0.5 / 8000**0.5


def test_bayes_factors_are_ratios_of_evidences(post):
    """A slope of 0 is the model without the covariate; tau = 0 a dense normal; and `compare` puts models side by side."""
    fewer = CALL | {"covariates": {"dose": DOSE}, "slope": gb.Normal(2, 3)}
    without = gb.partial_pooling(Y, sigma=SE, **fewer)
    found = post.bayes_factor("slope[year]", 0)
    assert found["log_BF10"] == pytest.approx(post.log_evidence - without.log_evidence, abs=1e-8)
    x = X[CODES]
    fixed = st.multivariate_normal(x @ M, x @ np.diag(S**2) @ x.T + np.diag(SE**2)).logpdf(Y)
    assert post.bayes_factor("tau", 0)["log_BF10"] == pytest.approx(post.log_evidence - fixed, abs=1e-9)
    table = gb.compare({"both": post, "dose": without})
    assert float(table.loc["both", "elpd"]) == pytest.approx(post.loo().elpd)
