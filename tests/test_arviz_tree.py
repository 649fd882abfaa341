"""post.to_arviz: what ArviZ's current release says of the draws, beside the exact numbers."""

import arviz as az
import matplotlib
import numpy as np
import pytest
import scipy.stats as st
import xarray as xr

import gridbayes as gb

matplotlib.use("agg")

EFFECTS, ERRORS = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]
SCHOOLS = list("ABCDEFGH")
N = 4000


def schools(left_out=None):
    kept = [d for d in range(8) if d != left_out]
    return gb.partial_pooling(
        [EFFECTS[d] for d in kept],
        sigma=[ERRORS[d] for d in kept],
        groups=[SCHOOLS[d] for d in kept],
        mu=gb.Normal(0, 5),
        tau=gb.HalfCauchy(5),
    )


@pytest.fixture(scope="module")
def post():
    return schools()


@pytest.fixture(scope="module")
def tree(post):
    return post.to_arviz()


def test_summary_is_the_exact_one_within_its_own_error(post, tree):
    table = az.summary(tree, round_to="none")
    assert list(table.index) == [label for label, _ in post.rows]
    for label, marginal in post.rows:
        row = table.loc[label]
        assert abs(row["mean"] - marginal.mean) < 4 * marginal.sd / N**0.5
        assert abs(row["sd"] - marginal.sd) < 4 * row["mcse_sd"]
        assert 0.99 < row["r_hat"] < 1.01 and row["ess_bulk"] > 0.8 * N  # independent draws


def test_forest_plot_shows_the_means(post, tree):
    plot = az.plot_forest(tree, var_names=["mu", "tau"], point_estimate="mean", combined=True, backend="matplotlib")
    for name in ("mu", "tau"):
        drawn = plot.viz["point_estimate"][name].item().get_offsets()[0, 0]
        assert abs(drawn - post.mean(name)) < 4 * post.sd(name) / N**0.5


def test_predictive_plot_takes_the_rows(tree):
    plot = az.plot_ppc_dist(tree, kind="ecdf", num_samples=20, backend="matplotlib")
    curve = plot.viz["observed_dist"]["value"].item()
    curve = curve[0] if isinstance(curve, list) else curve
    x, y = curve.get_data()
    assert x.min() == min(EFFECTS) and x.max() == max(EFFECTS)
    np.testing.assert_allclose(y, [np.mean(np.array(EFFECTS) <= each) for each in x], atol=1 / 8)


def test_loo_is_the_evidence_lost_with_each_school(post, tree):
    """log p(y_d | rest) = log p(y) - log p(rest), both by the evidence of refits."""
    exact = np.array([post.log_evidence - schools(left_out=d).log_evidence for d in range(8)])
    found = az.loo(tree, pointwise=True)
    weight = np.exp(-tree["log_likelihood"]["value"].values.reshape(-1, 8))
    error = weight.std(axis=0) / weight.mean(axis=0) / N**0.5
    assert (abs(np.asarray(found.elpd_i).ravel() - exact) < 4 * error).all()
    assert abs(found.elpd - exact.sum()) < 4 * np.hypot.reduce(error)


def test_rows_are_drawn_from_their_predictions(post, tree):
    new = tree["posterior_predictive"]["value"].values.reshape(-1, 8)
    expected = post.predict()
    assert (abs(new.mean(axis=0) - expected.mean("y").values) < 4 * expected.sd("y").values / N**0.5).all()
    assert (abs(new.std(axis=0) / expected.sd("y").values - 1) < 4 / (2 * N) ** 0.5 * 1.5).all()
    assert tree["observed_data"]["value"].values.tolist() == EFFECTS
    assert tree["observed_data"]["row_group"].values.tolist() == SCHOOLS
    theta = tree["posterior"]["theta"].values.reshape(-1, 8)
    np.testing.assert_allclose(
        tree["log_likelihood"]["value"].values.reshape(-1, 8), st.norm.logpdf(EFFECTS, theta, ERRORS)
    )


def test_prior_draws_follow_the_priors(tree):
    prior = {name: array.values.reshape(N, -1) for name, array in tree["prior"].ds.data_vars.items()}
    assert st.kstest(prior["mu"][:, 0], st.norm(0, 5).cdf).pvalue > 1e-3
    assert st.kstest(prior["tau"][:, 0], st.halfcauchy(0, 5).cdf).pvalue > 1e-3
    assert st.kstest((prior["theta"][:, 2] - prior["mu"][:, 0]) / prior["tau"][:, 0], st.norm.cdf).pvalue > 1e-3


def test_exact_summaries_are_attributes(post, tree):
    assert tree["posterior"].attrs["log_evidence"] == post.log_evidence
    assert tree["posterior"]["tau"].attrs["exact_sd"] == post.sd("tau")
    assert tree["posterior"]["theta"].attrs["exact_mean"] == post.mean("theta").values.tolist()
    assert dict(tree["posterior"].sizes) == {"chain": 4, "draw": 1000, "group": 8}


def test_the_tree_goes_to_a_file_and_back(tree, tmp_path):
    tree.to_netcdf(tmp_path / "schools.nc")
    with xr.open_datatree(tmp_path / "schools.nc") as back:
        assert sorted(back.children) == sorted(tree.children)
        np.testing.assert_array_equal(back["posterior"]["theta"].values, tree["posterior"]["theta"].values)


ROWS = {"a": [3.0, 5.0, 1.0], "b": [6.0, 4.0]}
LINE = np.linspace(-3, 3, 24)
LIKELIHOODS = {
    "learned sigma": (
        lambda: gb.complete_pooling(ROWS, sigma=gb.HalfNormal(4), shared_sigma=True, theta=gb.Normal(0, 5)),
        lambda p, y: st.norm.logpdf(y, p["theta"][:, None], p["sigma"][:, None]),
    ),
    "own sigma": (
        lambda: gb.no_pooling(ROWS, sigma=gb.HalfNormal(4), theta=gb.Normal(0, 5)),
        lambda p, y: st.norm.logpdf(y, p["theta"][:, [0, 0, 0, 1, 1]], p["sigma"][:, [0, 0, 0, 1, 1]]),
    ),
    "bernoulli": (
        lambda: gb.no_pooling({"a": [0, 1], "b": [1]}, likelihood=gb.Bernoulli(), theta=gb.Normal(0, 2)),
        lambda p, y: st.bernoulli.logpmf(y, 1 / (1 + np.exp(-p["theta"][:, [0, 0, 1]]))),
    ),
    "poisson": (
        lambda: gb.no_pooling({"a": [2, 1], "b": [4]}, likelihood=gb.Poisson(3.0), theta=gb.Normal(0, 2)),
        lambda p, y: st.poisson.logpmf(y, 3 * np.exp(p["theta"][:, [0, 0, 1]])),
    ),
    "student": (
        lambda: gb.no_pooling({"a": [2], "b": [4]}, likelihood=gb.StudentTErrors(4), sigma=2, theta=gb.Normal(0, 9)),
        lambda p, y: st.t.logpdf((y - p["theta"]) / 2, 4) - np.log(2),
    ),
    "proportion": (lambda: gb.proportion(6, 12), lambda p, y: st.binom.logpmf(y, 12, p["p"][:, None])),
    "mixture": (
        lambda: gb.mixture([-1.3, 0.1, 0.3, 4.1, 4.6], mu=gb.Normal(0, 2), sigma=gb.HalfNormal(0.1), shared_sigma=True),
        lambda p, y: np.log(
            sum(p["weight"][:, [k]] * st.norm.pdf(y, p["mu"][:, [k]], p["sigma"][:, None]) for k in (0, 1))
        ),
    ),
    "mirrored lines": (
        lambda: gb.mixture_of_regressions(
            LINE, np.where(np.arange(24) % 2, 2 * LINE, -LINE), sigma=0.5, labels="mirrored", order=5
        ),
        lambda p, y: np.log(
            sum(
                p["weight"][:, [k]] * st.norm.pdf(y, p["intercept"][:, [k]] + p["slope"][:, [k]] * LINE, 0.5)
                for k in (0, 1)
            )
        ),
    ),
    "line": (
        lambda: gb.linear_regression([0, 1, 2, 5], [1, 2, 2, 7], errors=[1, 2, 1, 1], sigma=gb.HalfNormal(2)),
        lambda p, y: st.norm.logpdf(
            y, p["intercept"][:, None] + np.outer(p["slope"], [0, 1, 2, 5]), np.outer(p["sigma"], [1, 2, 1, 1])
        ),
    ),
    "logistic": (
        lambda: gb.logistic_regression({"x": [-1, 0, 2], "z": [1, 0, 0]}, [1, 3, 9], trials=10),
        lambda p, y: st.binom.logpmf(
            y, 10, 1 / (1 + np.exp(-p["intercept"][:, None] - p["slope"] @ [[-1, 0, 2], [1, 0, 0]]))
        ),
    ),
    "robust line": (
        lambda: gb.linear_regression([0, 1, 2, 5], [1, 2, 2, 7], sigma=1.5, likelihood=gb.StudentTErrors(4)),
        lambda p, y: st.t.logpdf(y, 4, p["intercept"][:, None] + np.outer(p["slope"], [0, 1, 2, 5]), 1.5),
    ),
}


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_log_likelihoods_of_rows(name):
    make, log_likelihood = LIKELIHOODS[name]
    tree = make().to_arviz(draws=25)
    flat = {key: x.values.reshape(100, *x.shape[2:]) for key, x in tree["posterior"].ds.data_vars.items()}
    (found,) = tree["log_likelihood"].ds.data_vars.values()
    (y,) = tree["observed_data"].ds.data_vars.values()
    np.testing.assert_allclose(found.values.reshape(100, -1), log_likelihood(flat, y.values), rtol=1e-9)
    (new,) = tree["posterior_predictive"].ds.data_vars.values()
    assert new.shape == (4, 25, len(y)) and np.isfinite(new).all() and len(np.unique(new)) > 1


def bell(a):
    return -(a**2) / 2


def test_a_density_of_ones_own_has_a_posterior_alone():
    post = gb.enumerate(bell, {"a": gb.gauss_legendre(-8, 8)}, progress=False)
    tree = post.to_arviz(draws=10)
    assert list(tree.children) == ["posterior"] and dict(tree["posterior"].sizes) == {"chain": 4, "draw": 10}


def test_an_improper_prior_has_no_draws():
    tree = gb.no_pooling([1, 2], sigma=1, theta=gb.Flat()).to_arviz(draws=10)
    assert "prior" not in tree.children and "log_likelihood" in tree.children


@pytest.mark.parametrize("draws", [0, 1.5])
def test_a_number_of_draws_is_whole(post, draws):
    with pytest.raises((TypeError, ValueError), match=f"n must be .*; n is {draws}"):
        post.to_arviz(draws=draws)
