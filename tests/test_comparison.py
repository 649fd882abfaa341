"""Evidence of models side by side: closed forms, Savage and Dickey's ratio, refusals."""

import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb

EFFECTS, ERRORS = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]


@pytest.fixture(scope="module")
def schools() -> dict[str, gb.Posterior]:
    location = {"theta": gb.Normal(0, 5)}
    return {
        "none": gb.no_pooling(EFFECTS, sigma=ERRORS, **location),
        "complete": gb.complete_pooling(EFFECTS, sigma=ERRORS, **location),
        "partial": gb.partial_pooling(EFFECTS, sigma=ERRORS, mu=gb.Normal(0, 5), tau=gb.HalfCauchy(5)),
    }


def test_the_table_of_three_models_has_closed_forms(schools):
    table = gb.compare(schools)
    noise = np.diag(np.square(ERRORS, dtype=float))
    wanted = {
        "none": st.multivariate_normal(np.zeros(8), noise + 25 * np.eye(8)).logpdf(EFFECTS),
        "complete": st.multivariate_normal(np.zeros(8), noise + 25).logpdf(EFFECTS),
        "partial": -31.31134735229,  # tests/reference/eight_schools.json
    }
    for name, log_p in wanted.items():
        assert table.loc[name, "log_evidence"] == pytest.approx(log_p, abs=1e-9)
    odds = np.exp(np.array(list(wanted.values())) - max(wanted.values()))
    np.testing.assert_allclose(table.loc[list(wanted), "bayes_factor"], odds, rtol=1e-9)
    np.testing.assert_allclose(table.loc[list(wanted), "probability"], odds / odds.sum(), rtol=1e-9)
    assert list(table.index) == ["complete", "partial", "none"] and table["rank"].tolist() == [0, 1, 2]


def test_differences_of_elpd_are_pair_by_pair(schools):
    table, scores = gb.compare(schools), {name: post.loo() for name, post in schools.items()}
    apart = scores["complete"].left_out - scores["none"].left_out
    assert table.loc["none", "elpd_diff"] == pytest.approx(apart.sum()) and table.loc["complete", "elpd_diff"] == 0
    assert table.loc["none", "dse"] == pytest.approx(np.sqrt(8 * apart.var())) and table.loc["complete", "dse"] == 0
    assert table.loc["none", "elpd"] == pytest.approx(scores["none"].elpd)
    assert "elpd: exact leave-one-row-out of 8 rows" in repr(table)
    without = gb.compare(schools, by=None)
    assert list(without.columns) == ["rank", "log_evidence", "bayes_factor", "probability"]


def test_regressions_are_compared_with_samples_of_the_same_outcomes():
    x, y = [0.0, 1, 2, 3, 4], [0.4, 1.1, 3.2, 3.8, 5.5]
    priors = {"intercept": gb.Normal(0, 5), "sigma": gb.HalfNormal(2)}
    line = gb.linear_regression(x, y, slope=gb.Normal(0, 2), **priors)
    level = gb.normal(y, mu=gb.Normal(0, 5), sigma=gb.HalfNormal(2))
    table = gb.compare({"level": level, "line": line})
    assert table.index[0] == "line" and table.loc["line", "probability"] > 0.9
    factor = line.bayes_factor("slope", 0)["BF10"]  # without its slope the line is the level
    assert factor == pytest.approx(1 / table.loc["level", "bayes_factor"], rel=1e-8)


@pytest.mark.parametrize(("name", "value"), [("tau", 0.0), ("tau", 3.0), ("mu", 0.0), ("mu", -6.0)])
def test_bayes_factors_are_savage_and_dickeys_ratio(schools, name, value):
    """Priors are independent, so p(t | mu = v) / p(t) is the posterior's density at v over the prior's."""
    post, prior = schools["partial"], {"tau": st.halfcauchy(0, 5), "mu": st.norm(0, 5)}[name]
    factor = post.bayes_factor(name, value)
    ratio = float(post.marginals[name][0].density(value)) / prior.pdf(value)
    assert factor["BF01"] == pytest.approx(ratio, rel=1e-8) and factor["BF10"] * factor["BF01"] == pytest.approx(1)
    assert factor["log_BF10"] == pytest.approx(-np.log(ratio), abs=1e-8)


def test_tau_of_0_is_complete_pooling(schools):
    wanted = schools["partial"].log_evidence - schools["complete"].log_evidence
    assert schools["partial"].bayes_factor("tau", 0)["log_BF10"] == pytest.approx(wanted, abs=1e-10)


def test_bayes_factors_where_groups_or_rows_learn_sigma():
    rows, tau = {"G": [-10, 1, 11], "E": [-16, -15, -14], "M": [30]}, gb.HalfNormal(8)
    shared = gb.partial_pooling(rows, sigma=gb.HalfNormal(9), shared_sigma=True, mu=gb.Normal(0, 10), tau=tau)
    line = gb.normal([1.2, 0.7, 1.4, 0.9], mu=gb.Normal(0, 5), sigma=gb.HalfNormal(1))
    own = gb.complete_pooling(rows, sigma=gb.HalfNormal(9), theta=gb.Normal(0, 10))
    tests = [(shared, "mu", 0.0, st.norm(0, 10)), (shared, "sigma", 4.0, st.halfnorm(0, 9))]
    tests += [
        (line, "mu", 0.5, st.norm(0, 5)),
        (line, "sigma", 1.0, st.halfnorm(0, 1)),
        (own, "theta", 3.0, st.norm(0, 10)),
    ]
    for post, name, value, prior in tests:
        ratio = float(post.marginals[name][0].density(value)) / prior.pdf(value)
        assert post.bayes_factor(name, value)["BF01"] == pytest.approx(ratio, rel=2e-8)


def test_the_minimum_bayes_factor_of_a_normal_mean_is_edwards_bound():
    """|z| exp(-(z**2 - 1) / 2) over all normal priors about 0: Edwards, Lindman & Savage (1963), p. 231."""
    post, z = gb.normal([1.2, 0.7, 1.4, 0.9], mu=gb.Normal(0, 5), sigma=1), 2.1
    least = post.minimum_bayes_factor("mu", 0)
    assert least["BF01"] == pytest.approx(z * np.exp(-(z**2 - 1) / 2), rel=1e-8)
    assert least["scale"] == pytest.approx(0.5 * np.sqrt(z**2 - 1), rel=1e-4)
    bounded = post.minimum_bayes_factor("mu", 0, scales=(2, 4))
    assert bounded["scale"] == pytest.approx(2, rel=1e-4) and bounded["BF01"] > least["BF01"]


def test_what_cannot_be_compared_is_refused(schools):
    other = gb.complete_pooling(EFFECTS[::-1], sigma=ERRORS[::-1], theta=gb.Normal(0, 5))
    with pytest.raises(
        ValueError, match=r"models\['b'\] and models\['a'\] have different data.*in the same order and unit"
    ):
        gb.compare({"a": schools["partial"], "b": other})
    flat = gb.complete_pooling(EFFECTS, sigma=ERRORS, theta=gb.Flat())
    with pytest.raises(
        ValueError, match=r"models\['b'\] has the improper prior Flat\(\) of theta.*Pass a proper prior"
    ):
        gb.compare({"a": schools["partial"], "b": flat})
    with pytest.raises(ValueError, match=r"theta must have a proper prior; theta is Flat\(\)"):
        flat.bayes_factor("theta", 0)
    with pytest.raises(TypeError, match=r"models must be a dict of two posteriors or more"):
        gb.compare({"a": schools["partial"]})
    with pytest.raises(TypeError, match=r"models\['b'\] must be a posterior; it is 3"):
        gb.compare({"a": schools["partial"], "b": 3})
    with pytest.raises(TypeError, match=r"does not say what its data are"):
        gb.compare({"a": schools["partial"], "b": schools["partial"].predict()})
    counts = gb.no_pooling([28, 8, 3], likelihood=gb.Poisson(), theta=gb.Normal(2, 2))
    levels = gb.no_pooling([28, 8, 3], sigma=1, theta=gb.Normal(2, 2))
    with pytest.raises(ValueError, match="have different data"):  # a probability beside a density
        gb.compare({"a": counts, "b": levels}, by=None)


def test_what_has_no_bayes_factor_is_refused(schools):
    with pytest.raises(ValueError, match=r"needs a parameter with a prior of its own: mu, tau, not theta\[0\]"):
        schools["partial"].bayes_factor("theta", 0, group=0)
    with pytest.raises(ValueError, match="sigma must be positive; sigma is 0"):
        gb.normal([1.0, 2], mu=gb.Normal(0, 5), sigma=gb.HalfNormal(1)).bayes_factor("sigma", 0)
    nodes = {"mu": gb.linspace(-9, 9, 9), "tau": gb.linspace(1, 9, 9), "theta": gb.linspace(-40, 40, 41)}
    grid = gb.partial_pooling(EFFECTS, sigma=ERRORS, mu=gb.Normal(0, 5), tau=gb.HalfCauchy(5), grids=nodes)
    with pytest.raises(ValueError, match="bayes_factor needs a density; tau is on explicit grids here"):
        grid.bayes_factor("tau", 0)
    with pytest.raises(TypeError, match=r"does not answer bayes_factor yet. Fit the smaller model too"):
        gb.proportion(3, 10).bayes_factor("p", 0.5)
    with pytest.raises(TypeError, match=r"tau must have a prior with a scale to vary; tau is Uniform\(0, 9\)"):
        gb.partial_pooling([1, 2], sigma=1, mu_scale=3, tau=gb.Uniform(0, 9)).minimum_bayes_factor("tau")
    with pytest.raises(ValueError, match="scales must be two positive numbers, the lower first"):
        schools["partial"].minimum_bayes_factor("mu", scales=(4, 2))
