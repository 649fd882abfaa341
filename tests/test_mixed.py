"""What mixtures say of their rows: sums over a dense grid in NumPy, refits without a row, draws."""

import warnings

import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb

PRIOR = {"mu": gb.Normal(0, 2), "sigma": 1}
LOW, HIGH = [-1.3, -0.4, 0.1, 0.3, 0.9, 1.4, -0.2, 0.5, -0.8, 0.6, 1.1, -0.1], [4.2, 5.1, 5.6, 4.8, 5.3, 6.4]
Y = np.array([*LOW, *HIGH, 3.0, 7.9])  # one between, and one far out
LINE = {"slope": gb.Normal(0, 2), "intercept": gb.Normal(0, 3), "sigma": 0.7}
X = np.linspace(-3, 3, 20)
ON_LINES = np.where(np.arange(20) % 3 == 0, 1 - X, 2 * X) + 0.7 * np.sin(np.arange(20.0) ** 2)


@pytest.fixture(scope="module")
def post() -> gb.Posterior:
    return gb.mixture(Y, **PRIOR)


@pytest.fixture(scope="module")
def dense() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masses of (weight, mu, other) on a grid of both labellings, and p(y_i | .) and P(y <= y_i | .), (row, cell)."""
    u, w = np.polynomial.legendre.leggauss(16)
    edges = np.linspace(-3, 8, 8)
    half = np.diff(edges)[:, None] / 2
    mu, step = (edges[:-1, None] + half * (u + 1)).ravel(), (half * w).ravel()
    share, part = (u + 1) / 2, w / 2
    weight, one, two = (each.ravel() for each in np.meshgrid(share, mu, mu, indexing="ij"))
    prior = np.einsum("i,j,k->ijk", part, step * st.norm.pdf(mu, 0, 2), step * st.norm.pdf(mu, 0, 2)).ravel()
    density = np.stack([weight * st.norm.pdf(y, one) + (1 - weight) * st.norm.pdf(y, two) for y in Y])
    below = np.stack([weight * st.norm.cdf(y, one) + (1 - weight) * st.norm.cdf(y, two) for y in Y])
    log_joint = np.log(prior) + np.log(density).sum(axis=0)
    return np.exp(log_joint - log_joint.max()), density, below


def test_scores_of_rows_equal_dense_sums(post, dense):
    masses, density, below = dense
    score = post.loo()
    np.testing.assert_allclose(score.left_out, np.log(masses.sum() / (masses / density).sum(axis=1)), atol=1e-6)
    np.testing.assert_allclose(score.within, np.log(density @ masses / masses.sum()), atol=1e-8)
    np.testing.assert_allclose(post.pit(), below @ masses / masses.sum(), atol=1e-8)
    wanted = (masses / density * below).sum(axis=1) / (masses / density).sum(axis=1)
    np.testing.assert_allclose(post.pit(loo=True), wanted, atol=1e-6)
    assert score.elpd_i.dims == ("row",) and int(np.argmin(score.left_out)) == 19


def test_a_new_row_has_the_density_that_the_rows_have(post, dense):
    masses, density, below = dense
    new = post.predict()
    at = new.marginals["y"][0]
    np.testing.assert_allclose(at.density(Y), density @ masses / masses.sum(), rtol=1e-7)
    np.testing.assert_allclose(at.cdf(Y), below @ masses / masses.sum(), atol=1e-8)
    weight, mu = post.mean("weight"), post.mean("mu")
    assert new.accuracy.largest.size < 1e-6 and float(mu[0]) < new.mean("y", 0) < float(mu[1])
    assert float(weight.sum()) == pytest.approx(1, abs=1e-9)
    rows = post.model.replicated(20_000, np.random.default_rng(1))
    assert rows.shape == (20_000, 20)
    assert abs(rows[:, 3].mean() - new.mean("y", 0)) < 4 * new.sd("y", 0) / 20_000**0.5
    assert st.kstest(rows[:, 3], at.cdf).pvalue > 1e-3
    assert post.predictive_check(np.max, draws=500).observed == 7.9


def test_where_the_points_do_not_resolve_a_row_left_out_the_rest_is_fitted_anew():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gb.QuadratureWarning)
        rough = gb.mixture(Y, **PRIOR, order=3)
        score, pit = rough.loo(), rough.pit(loo=True)
        assert score.refitted > 0
        row = 19
        rest = gb.mixture(np.delete(Y, row), **PRIOR, order=3)
        assert score.left_out[row] == pytest.approx(rough.log_evidence - rest.log_evidence, abs=1e-12)
        assert float(pit[row]) == pytest.approx(rest.predict().probability("y", below=Y[row], group=0), abs=1e-8)


@pytest.fixture(scope="module")
def lines() -> gb.Posterior:
    return gb.mixture_of_regressions(X, ON_LINES, **LINE)


def test_rows_on_lines_are_foretold_as_by_refits(lines):
    score, pit = lines.loo(), lines.pit(loo=True)
    for row in (0, 10):
        rest = gb.mixture_of_regressions(np.delete(X, row), np.delete(ON_LINES, row), **LINE)
        assert score.left_out[row] == pytest.approx(lines.log_evidence - rest.log_evidence, abs=1e-4)
        new = rest.predict([X[row]])
        assert float(pit[row]) == pytest.approx(new.probability("y", below=ON_LINES[row], group=0), abs=1e-4)
    new = lines.predict([X[4], 9.0])
    assert np.log(new.marginals["y"][0].density(ON_LINES[4])) == pytest.approx(score.within[4], abs=1e-8)
    assert new.groups == (0, 1) and new.sd("y", 1) > new.sd("y", 0)  # far out the lines are apart


def test_labels_unsaid_change_nothing_of_the_rows(lines):
    unsaid = gb.mixture_of_regressions(X, ON_LINES, **LINE, labels="mirrored")
    np.testing.assert_allclose(unsaid.loo().left_out, lines.loo().left_out, atol=1e-12)
    draws = unsaid.model.model.rows_given(unsaid.model.sample(50, np.random.default_rng(0)))
    assert np.isfinite(draws.logpdf(ON_LINES)).all()
    prior = unsaid.model.model.drawn_from_prior(4000, np.random.default_rng(0))
    assert st.kstest(prior["slope"][:, 0], st.norm(0, 2).cdf).pvalue > 1e-3


def test_an_update_is_the_joint_fit(post):
    assert post.update([3.5, -2.0]).log_evidence == gb.mixture([*Y, 3.5, -2.0], **PRIOR).log_evidence
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gb.QuadratureWarning)
        first = gb.mixture_of_regressions(X[:16], ON_LINES[:16], **LINE, order=5)
        lines = gb.mixture_of_regressions(X, ON_LINES, **LINE, order=5)
    both = first.update("x", "y", data={"x": X[16:], "y": ON_LINES[16:]})
    assert both.log_evidence == lines.log_evidence
    one = gb.normal(Y, mu=gb.Normal(0, 2), sigma=1)
    table = gb.compare({"two": post, "one": one})
    assert table.loc["one", "elpd"] == pytest.approx(one.loo().elpd)


def test_draws_from_the_prior_are_in_order(post):
    drawn = post.model.model.drawn_from_prior(4000, np.random.default_rng(2))
    assert (np.diff(drawn["mu"], axis=1) > 0).all()
    assert st.kstest(drawn["mu"].max(axis=1), lambda x: st.norm(0, 2).cdf(x) ** 2).pvalue > 1e-3
    assert st.kstest(drawn["weight"][:, 0], st.uniform.cdf).pvalue > 1e-3


def test_questions_that_do_not_fit_are_refused(post, lines):
    with pytest.raises(TypeError, match="has no inputs: leave x out"):
        post.predict([1.0])
    with pytest.raises(TypeError, match="needs the inputs of new rows: pass x="):
        lines.predict()
    with pytest.raises(TypeError, match="takes x and y, and data= for names"):
        lines.update([1.0])
    with pytest.raises(ValueError, match="by must be 'row': there are no groups here"):
        post.loo(by="group")
