"""PIT values and predictive p-values: against closed forms, dense sums, and draws."""

import dense
import numpy as np
import oracle
import pytest
import scipy.stats as st

import gridbayes as gb

ROWS = {"G": [-10, 1, 11], "E": [-16, -15, -14], "M": [30]}
VALUES, CODES = np.array([-10.0, 1, 11, -16, -15, -14, 30]), np.array([0, 0, 0, 1, 1, 1, 2])
ERRORS = np.array([5.0, 4, 6, 5, 4, 6, 3])


def test_pit_of_partial_pooling_equals_a_dense_sum():
    tau, weight = dense.log_scale(high=8)
    log_p = np.log(weight) + dense.half_normal(tau, 8)
    exact = dense.mixture(VALUES, CODES, np.full((len(tau), 7), ERRORS**2), *dense.partial(3, 0, 10, tau), log_p)
    mean, var = exact.mean[:, 1 + CODES], np.diagonal(exact.cov, axis1=1, axis2=2)[:, 1 + CODES]
    wanted = exact.weight @ st.norm.cdf(VALUES, mean, np.sqrt(var + ERRORS**2))
    sigma = {"G": ERRORS[:3], "E": ERRORS[3:6], "M": ERRORS[6:]}
    post = gb.partial_pooling(ROWS, sigma=sigma, mu=gb.Normal(0, 10), tau=gb.HalfNormal(8))
    pit = post.pit()
    np.testing.assert_allclose(pit, wanted, atol=1e-8)
    assert pit.dims == ("row",) and pit["group"].values.tolist() == ["G"] * 3 + ["E"] * 3 + ["M"]
    w = np.linspace(-1, 2, 7)
    direction = np.bincount(CODES, w)
    m = exact.mean[:, 1:] @ direction
    v = np.einsum("kij,i,j->k", exact.cov[:, 1:, 1:], direction, direction) + np.sum((w * ERRORS) ** 2)
    check = post.predictive_check(w)
    assert check.p == pytest.approx(exact.weight @ st.norm.sf(w @ VALUES, m, np.sqrt(v)), abs=1e-8) and check.error == 0


def test_pit_without_pooling_and_with_one_theta_are_normal():
    apart = gb.no_pooling(ROWS, sigma=5, theta=gb.Normal(3, 10))
    precision = np.array([3, 3, 1]) / 25 + 1 / 100
    mean = (np.bincount(CODES, VALUES) / 25 + 3 / 100) / precision
    wanted = st.norm.cdf(VALUES, mean[CODES], np.sqrt(1 / precision[CODES] + 25))
    np.testing.assert_allclose(apart.pit(), wanted, atol=1e-9)
    one = gb.complete_pooling(ROWS, sigma=5, theta=gb.Normal(3, 10))
    precision, mean = 7 / 25 + 1 / 100, (VALUES.sum() / 25 + 3 / 100) / (7 / 25 + 1 / 100)
    np.testing.assert_allclose(one.pit(), st.norm.cdf(VALUES, mean, np.sqrt(1 / precision + 25)), atol=1e-9)
    check = one.predictive_check("mean")
    wanted = st.norm.sf(VALUES.mean(), mean, np.sqrt(1 / precision + 25 / 7))
    assert check.p == pytest.approx(wanted, abs=1e-9) and check.observed == pytest.approx(VALUES.mean())


def loo_pit_by_hand(y: np.ndarray, cov: np.ndarray, noise: np.ndarray, mean: float | np.ndarray = 0.0) -> np.ndarray:
    """P(y_new <= y_i | y_-i) where y is normal with this mean and covariance: from the inverse of the whole, Rasmussen &
    Williams (2006), Gaussian Processes for Machine Learning, equation 5.12."""
    inverse = np.linalg.inv(cov + np.diag(noise))
    return st.norm.cdf(inverse @ (y - mean) / np.sqrt(np.diagonal(inverse)))


def test_loo_pit_of_pooling_is_that_of_a_normal_with_the_row_taken_out():
    same = (CODES[:, None] == CODES).astype(float)
    sigma = {"G": ERRORS[:3], "E": ERRORS[3:6], "M": ERRORS[6:]}
    for post, cov, mean in (
        (gb.complete_pooling(ROWS, sigma=sigma, theta=gb.Normal(3, 10)), 100 * np.ones((7, 7)), 3),
        (gb.no_pooling(ROWS, sigma=sigma, theta=gb.Normal(3, 10)), 100 * same, 3),
        (gb.partial_pooling(ROWS, sigma=sigma, mu=gb.Normal(3, 10), tau=6.0), 100 + 36 * same, 3),
    ):
        found = post.pit(loo=True)
        np.testing.assert_allclose(found, loo_pit_by_hand(VALUES, cov, ERRORS**2, mean), atol=1e-8)
        assert found["group"].values.tolist() == ["G"] * 3 + ["E"] * 3 + ["M"]


def test_loo_pit_of_a_regression_with_a_learned_sigma_is_that_of_a_refit():
    """The last row decides the second slope: it is among those that are fitted anew."""
    x = {"a": [0.0, 1, 2, 5, 6], "b": [0.0, 0, 0, 0, 3]}
    y, e = np.array([1.0, 2, 6, 9, 4]), np.array([1.0, 2, 1, 0.5, 1])
    options = {"sigma": gb.HalfNormal(2), "intercept": gb.Normal(0, 3), "slope": gb.Normal(0, 500)}
    post = gb.linear_regression(x, y, errors=e, **options)
    assert post.loo().refitted > 0
    for row, found in enumerate(post.pit(loo=True).values):
        rest = gb.linear_regression(
            {key: np.delete(column, row) for key, column in x.items()},
            np.delete(y, row),
            errors=np.delete(e, row),
            **options,
        )
        new = rest.predict({key: [column[row]] for key, column in x.items()}, errors=e[row])
        assert found == pytest.approx(new.probability("y", below=y[row], group=0), abs=1e-8)
    known = gb.linear_regression(x["a"], y, errors=e, sigma=1.5, intercept=gb.Normal(0, 3), slope=gb.Normal(0, 2))
    cov = 9 + 4 * np.outer(x["a"], x["a"])
    np.testing.assert_allclose(known.pit(loo=True), loo_pit_by_hand(y, cov, (1.5 * e) ** 2), atol=1e-12)


def test_a_row_without_which_there_is_no_posterior_has_no_loo_pit():
    flat = gb.partial_pooling([1, 4], sigma=1, mu=gb.Normal(0, 5), tau=gb.Flat())
    with pytest.raises(ValueError, match=r"no posterior without row 0 \(group 0\): tau must have a proper prior"):
        flat.pit(loo=True)


def test_pit_on_explicit_grids_comes_near():
    grids = {"theta": gb.linspace(-60, 60, 601)}
    close = gb.no_pooling(ROWS, sigma=5, theta=gb.Normal(3, 10), grids=grids)
    np.testing.assert_allclose(close.pit(), gb.no_pooling(ROWS, sigma=5, theta=gb.Normal(3, 10)).pit(), atol=1e-6)


def test_regressions_with_known_sigma_are_normal():
    x, e = np.array([0.0, 1, 2, 5]), np.array([1.0, 2, 1, 0.5])
    y = np.array([1.0, 2, 6, 9])
    post = gb.linear_regression(x, y, errors=e, sigma=1.5, intercept=gb.Normal(0, 3), slope=gb.Normal(0, 2))
    design, noise = np.column_stack([np.ones(4), x]), (1.5 * e) ** 2
    cov = np.linalg.inv(design.T @ np.diag(1 / noise) @ design + np.diag([1 / 9, 1 / 4]))
    b = cov @ design.T @ (y / noise)
    sd = np.sqrt(np.einsum("ij,jk,ik->i", design, cov, design) + noise)
    np.testing.assert_allclose(post.pit(), st.norm.cdf(y, design @ b, sd), atol=1e-12)
    m = design.mean(axis=0)
    wanted = st.norm.sf(y.mean(), m @ b, np.sqrt(m @ cov @ m + noise.sum() / 16))
    assert post.predictive_check().p == pytest.approx(wanted, abs=1e-9)


MODELS = {
    "partial": lambda: gb.partial_pooling(
        ROWS, sigma=gb.HalfNormal(9), shared_sigma=True, mu=gb.Normal(0, 10), tau=gb.HalfNormal(8)
    ),
    "no": lambda: gb.no_pooling(ROWS, sigma=gb.HalfNormal(9), shared_sigma=True, theta=gb.Normal(20, 10)),
    "complete": lambda: gb.complete_pooling(ROWS, sigma=gb.HalfNormal(9), shared_sigma=True, theta=gb.Normal(20, 10)),
    "line": lambda: gb.linear_regression(CODES.astype(float), VALUES, sigma=gb.HalfNormal(4)),
}


@pytest.mark.parametrize("name", MODELS)
def test_draws_agree_with_the_exact_sum(name):
    """Of the mean, and of its variance in its tails: the same statistic as a closed form and as a function."""
    post = MODELS[name]()
    exact, drawn = post.predictive_check("mean"), post.predictive_check(np.mean, draws=20_000, seed=3)
    assert drawn.observed == pytest.approx(exact.observed) and 0 < drawn.error < 0.005
    assert abs(drawn.p - exact.p) < 4 * drawn.error
    shifted = np.zeros(7)
    shifted[6] = 1.0
    exact, drawn = post.predictive_check(shifted), post.predictive_check(lambda rows: rows[6], draws=20_000, seed=3)
    assert abs(drawn.p - exact.p) < 4 * drawn.error


def test_draws_under_a_prior_that_is_not_normal_agree_with_the_exact_sum():
    heavy = gb.partial_pooling(ROWS, sigma=5, mu=gb.Cauchy(0, 5), tau=gb.HalfNormal(8))
    drawn = heavy.predictive_check(np.mean, draws=20_000)
    assert abs(drawn.p - heavy.predictive_check("mean").p) < 4 * drawn.error


@pytest.mark.parametrize("sigma", ["known", "own"])
def test_checks_on_explicit_grids_agree_with_the_full_joint(sigma):
    """P(weights . y_rep >= weights . y) under the joint masses of all thetas and sigmas, walked by the oracle."""
    nodes = {
        "mu": np.array([-12.0, 1.0, 14.0]),
        "tau": np.array([1.5, 20.0]),
        "theta": np.array([-21.0, -13.0, -2.0, 9.0, 25.0]),
        "sigma": np.array([2.0, 7.0, 16.0]),
    }
    priors = {"mu": lambda x: oracle.normal(x, 0.0, 10.0), "tau": oracle.half_normal(8), "sigma": oracle.half_normal(9)}
    known, names = ([8.0] * 3, ["mu", "tau", "theta"]) if sigma == "known" else ("own", list(nodes))
    joint = oracle.brute_force(oracle.Model("partial", list(ROWS.values()), known, nodes, priors))
    axes = [f"theta{d}" for d in range(3)] + ([f"sigma{d}" for d in range(3)] if sigma == "own" else [])
    p = joint.marginal(*axes)
    weights = np.array([0.5, 0.5, 0.5, -1, -1, 1, 0.2])
    mean, var = np.zeros((2, *p.shape))
    for d in range(3):
        own = weights[d == CODES]
        shape = [-1 if axis == d else 1 for axis in range(p.ndim)]
        mean = mean + own.sum() * nodes["theta"].reshape(shape)
        spread = (
            nodes["sigma"].reshape([-1 if axis == d + 3 else 1 for axis in range(p.ndim)]) if sigma == "own" else 8.0
        )
        var = var + own @ own * spread**2
    wanted = float((p * st.norm.sf(weights @ VALUES, mean, np.sqrt(var))).sum())
    learned = 8.0 if sigma == "known" else gb.HalfNormal(9)
    grids = {name: nodes[name] for name in names}
    post = gb.partial_pooling(ROWS, sigma=learned, mu=gb.Normal(0, 10), tau=gb.HalfNormal(8), grids=grids)
    check = post.predictive_check(weights, draws=20_000)
    assert check.error > 0 and abs(check.p - wanted) < 4 * check.error


def test_checks_where_groups_learn_their_sigmas_agree_with_pit():
    """Of one row alone P(y_rep >= y) is 1 less its PIT, which is exact."""
    post = gb.no_pooling({"G": [-10, 1, 11], "E": [-16.0, -15, -14]}, sigma=gb.HalfNormal(9), theta=gb.Normal(0, 10))
    pit = post.pit().values
    for row in (0, 4):
        check = post.predictive_check(np.eye(6)[row], draws=20_000, seed=row)
        assert check.error > 0 and abs(check.p - (1 - pit[row])) < 4 * check.error


def test_the_check_prints_whether_it_is_exact():
    post = gb.complete_pooling(ROWS, sigma=5, theta=gb.Normal(3, 10))
    assert repr(post.predictive_check()).endswith("(exact)")
    drawn = post.predictive_check(np.max, draws=500)
    assert "by draws" in repr(drawn) and drawn.statistic == "max" and drawn.p < 0.05 and drawn.error > 0
    assert post.predictive_check(np.max, draws=500, seed=0) == drawn


def test_what_cannot_be_checked_is_refused():
    post = gb.complete_pooling(ROWS, sigma=5, theta=gb.Normal(3, 10))
    with pytest.raises(
        ValueError, match="statistic must be 'mean', weights or a function of the rows; statistic is 'max'"
    ):
        post.predictive_check("max")
    with pytest.raises(ValueError, match="statistic must be 7 finite weights, one a row"):
        post.predictive_check([1.0, 2.0])
    with pytest.raises(ValueError, match="draws must be a whole number of at least 1; draws is 0"):
        post.predictive_check(np.max, draws=0)
    logistic = gb.logistic_regression([-0.9, 0.7], [0, 5], trials=5)
    for question in ("rank", "shrinkage"):
        with pytest.raises(TypeError, match=rf"does not answer {question} yet. A regression has no groups"):
            getattr(logistic, question)()
