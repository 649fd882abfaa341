"""Leave-one-out: against fits without the part, and against sums on dense grids and textbook normals."""

import dense
import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb

ROWS = {"G": [-10, 1, 11], "E": [-16, -15, -14], "M": [30, 27]}
LABELS = [label for label, values in ROWS.items() for _ in values]
PRIORS = {"mu": gb.Normal(0, 10), "tau": gb.HalfNormal(8)}
CALLS = {
    "partial": (gb.partial_pooling, PRIORS),
    "no": (gb.no_pooling, {"theta": gb.Normal(0, 10)}),
    "complete": (gb.complete_pooling, {"theta": gb.Laplace(0, 10)}),
}
SIGMAS = {
    "known": {"sigma": 6},
    "shared": {"sigma": gb.HalfNormal(9), "shared_sigma": True},
    "own": {"sigma": gb.HalfNormal(9)},
}


def without(part: str | int) -> dict[str, list[float]]:
    """The rows without a group, or without the row of this number."""
    if isinstance(part, str):
        return {label: [] if label == part else values for label, values in ROWS.items()}
    flat = [(label, x) for label, values in ROWS.items() for x in values]
    return {label: [x for row, (own, x) in enumerate(flat) if own == label and row != part] for label in ROWS}


def twice(part: str | int) -> dict[str, list[float]]:
    kept, flat = without(part), [x for values in ROWS.values() for x in values]
    label = part if isinstance(part, str) else LABELS[part]
    return {**ROWS, label: ROWS[label] + (ROWS[label] if isinstance(part, str) else [flat[part]])} if kept else {}


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("kind", CALLS)
def test_scores_are_ratios_of_evidences_of_two_fits(kind, sigma):
    call, priors = CALLS[kind]
    post = call(ROWS, **SIGMAS[sigma], **priors)
    rows, groups = post.loo(), post.loo(by="group")
    for score, parts in ((rows, (5,) if sigma == "own" else (0, 5, 7)), (groups, ("M",))):
        for part in parts:
            fewer, more = (call(data, **SIGMAS[sigma], **priors) for data in (without(part), twice(part)))
            item = part if isinstance(part, int) else list(ROWS).index(part)
            assert score.left_out[item] == pytest.approx(post.log_evidence - fewer.log_evidence, abs=1e-8)
            assert score.within[item] == pytest.approx(more.log_evidence - post.log_evidence, abs=1e-8)
    assert rows.n_data_points == 8 and groups.n_data_points == 3


def test_scores_equal_those_of_a_dense_sum():
    """All linear algebra of its own: 3 groups, known sigmas that differ by row, each row and each group left out."""
    values, codes = np.concatenate([np.array(x, float) for x in ROWS.values()]), np.array([0, 0, 0, 1, 1, 1, 2, 2])
    errors = np.array([3.0, 6, 5, 2, 9, 4, 8, 5])
    tau, weight = dense.log_scale(high=8)
    log_p = np.log(weight) + dense.half_normal(tau, 8)

    def log_evidence(rows: np.ndarray) -> float:
        noise = np.full((len(tau), len(rows)), errors[rows] ** 2)
        return dense.mixture(values[rows], codes[rows], noise, *dense.partial(3, 0, 10, tau), log_p).log_evidence

    post = gb.partial_pooling(values, group=LABELS, sigma=errors, **PRIORS)
    every = np.arange(8)
    wanted = [log_evidence(every) - log_evidence(np.delete(every, row)) for row in every]
    np.testing.assert_allclose(post.loo().elpd_i, wanted, atol=1e-9)
    wanted = [log_evidence(every) - log_evidence(every[codes != d]) for d in range(3)]
    np.testing.assert_allclose(post.loo(by="group").elpd_i, wanted, atol=1e-9)


def test_a_group_that_dominates_is_left_out_by_a_new_fit():
    """Its error is a ten-thousandth of the others': tau and mu are elsewhere without it."""
    values, errors = [0.0, 1.0, 400.0, 0.5], [1.0, 1.0, 1e-4, 1.0]
    priors = {"mu": gb.Normal(0, 50), "tau": gb.HalfNormal(100)}
    score = gb.partial_pooling(values, sigma=errors, **priors).loo(by="group")
    assert score.refitted >= 1
    rest = gb.partial_pooling([0.0, 1.0, 0.5], sigma=1, **priors).log_evidence
    whole = gb.partial_pooling(values, sigma=errors, **priors).log_evidence
    assert score.left_out[2] == pytest.approx(whole - rest, abs=1e-8)


def test_rows_that_are_not_normal():
    deaths, trials = [18, 8, 0, 12], [148, 119, 31, 60]
    priors = {"mu": gb.Normal(-2, 1), "tau": gb.HalfNormal(1)}
    post = gb.partial_pooling(deaths, likelihood=gb.Binomial(trials), **priors)
    score = post.loo(by="group")
    rest = gb.partial_pooling(deaths[1:], likelihood=gb.Binomial(trials[1:]), **priors)
    assert score.left_out[0] == pytest.approx(post.log_evidence - rest.log_evidence, abs=1e-8)
    assert score.within[2] > score.left_out[2]


def test_explicit_grids_are_those_of_the_rest():
    grids = {"mu": gb.linspace(-30, 30, 21), "tau": gb.linspace(0.5, 30, 20), "theta": gb.linspace(-50, 50, 61)}
    post = gb.partial_pooling(ROWS, sigma=6, **PRIORS, grids=grids)
    rest = gb.partial_pooling(without(3), sigma=6, **PRIORS, grids=grids)
    assert post.loo().left_out[3] == pytest.approx(post.log_evidence - rest.log_evidence, abs=1e-10)


def test_the_printed_table_and_the_labels():
    loo = gb.partial_pooling(ROWS, sigma=6, **PRIORS).loo()
    assert loo.elpd == pytest.approx(loo.left_out.sum()) and loo.se == pytest.approx(8**0.5 * loo.left_out.std())
    assert loo.p == pytest.approx(float(loo.p_i.sum())) and 0.5 < loo.p < 4
    assert loo.elpd_i.dims == ("row",) and loo.elpd_i["group"].values.tolist() == LABELS
    lines = repr(loo).splitlines()
    assert lines[0] == "exact leave-one-row-out of 8 rows" and lines[3].split() == ["Estimate", "SE"]
    assert lines[4].split() == ["elpd_loo", f"{loo.elpd:.2f}", f"{loo.se:.2f}"] and lines[5].split()[0] == "p_loo"
    groups = gb.partial_pooling({**ROWS, "X": []}, sigma=6, **PRIORS).loo(by="group")
    assert groups.elpd_i["group"].values.tolist() == ["G", "E", "M"]  # X has nothing to leave out


def test_a_linear_regression_equals_conditional_normals():
    """With known sigma and normal priors y is normal: y_i given the others by its covariance, for all rows."""
    x = np.array([0.0, 1, 2, 3, 40])
    y, errors = 1 + 0.5 * x + np.array([0.3, -0.8, 0.1, 0.9, -2]), np.array([1.0, 2, 1, 0.5, 1])
    post = gb.linear_regression(x, y, errors=errors, sigma=1.5, intercept=gb.Normal(0, 3), slope=gb.Normal(0, 2))
    design = np.column_stack([np.ones(5), x])
    noise = np.diag((1.5 * errors) ** 2)
    cov = design @ np.diag([9, 4]) @ design.T + noise
    score = post.loo()
    for i in range(5):
        k = np.arange(5) != i
        gain = cov[i, k] @ np.linalg.inv(cov[np.ix_(k, k)])
        wanted = st.norm.logpdf(y[i], gain @ y[k], np.sqrt(cov[i, i] - gain @ cov[k, i]))
        assert score.left_out[i] == pytest.approx(wanted, abs=1e-9)
    gain = (cov - noise) @ np.linalg.inv(cov)
    again = st.norm.logpdf(y, gain @ y, np.sqrt(np.diag(cov - noise - gain @ (cov - noise) + noise)))
    np.testing.assert_allclose(score.within, again, atol=1e-9)


def test_a_regression_with_learned_sigma_equals_fits_without_a_row():
    rng = np.random.default_rng(0)
    x = np.append(rng.normal(size=9), 3000.0)  # the last row alone decides the slope
    y = 1 + 2 * x + rng.normal(size=10)
    priors = {"intercept": gb.Normal(0, 10), "slope": gb.Flat(), "sigma": gb.HalfNormal(2)}
    post = gb.linear_regression(x, y, **priors)
    score = post.loo()
    assert score.refitted >= 1
    for row in (0, 9):
        rest = gb.linear_regression(np.delete(x, row), np.delete(y, row), **priors)
        again = gb.linear_regression(np.append(x, x[row]), np.append(y, y[row]), **priors)
        assert score.left_out[row] == pytest.approx(post.log_evidence - rest.log_evidence, abs=1e-8)
        assert score.within[row] == pytest.approx(again.log_evidence - post.log_evidence, abs=1e-8)


def test_a_logistic_regression_is_fitted_without_each_row():
    dose, died, priors = [-0.9, -0.3, 0.7], [0, 1, 5], {"intercept": gb.Normal(0, 2), "slope": gb.Normal(0, 3)}
    score = gb.logistic_regression(dose, died, trials=5, **priors).loo()
    a, b = (gb.gauss_legendre(*ends, panels=12) for ends in ((-16, 16), (-24, 24)))
    eta = a.nodes[:, None, None] + b.nodes[:, None] * np.array(dose)
    log_l = st.binom.logpmf(died, 5, 1 / (1 + np.exp(-eta)))
    prior = np.outer(st.norm.pdf(a.nodes, 0, 2) * a.weights, st.norm.pdf(b.nodes, 0, 3) * b.weights)
    whole = np.sum(prior * np.exp(log_l.sum(axis=2)))
    wanted = [np.log(whole / np.sum(prior * np.exp(np.delete(log_l, i, axis=2).sum(axis=2)))) for i in range(3)]
    np.testing.assert_allclose(score.left_out, wanted, atol=2e-3)  # the quadrature's own error


def test_what_cannot_be_left_out_is_refused():
    post = gb.partial_pooling(ROWS, sigma=6, **PRIORS)
    with pytest.raises(ValueError, match="by must be 'row' or 'group'; by is 'school'"):
        post.loo(by="school")
    line = gb.normal([1.0, 2, 4], mu=gb.Normal(0, 5), sigma=1)
    with pytest.raises(ValueError, match="by must be 'row': there are no groups here; by is 'group'"):
        line.loo(by="group")
    flat = gb.partial_pooling([1, 4], sigma=1, mu=gb.Normal(0, 5), tau=gb.Flat())
    with pytest.raises(ValueError, match=r"no posterior without row 0 \(group 0\): tau must have a proper prior"):
        flat.loo()
    with pytest.raises(TypeError, match=r"does not answer loo yet. Fit without a row"):
        post.contrast("G", "M").loo()


def test_a_single_row_that_learns_its_own_sigma_foretells_itself_without_bound():
    """p(y_M | t) has a pole at y_M: theta_M = y_M and sigma_M = 0 are possible. Left out, it has a score."""
    score = gb.partial_pooling({"G": [-10, 1, 11], "M": [30]}, sigma=gb.HalfNormal(9), **PRIORS).loo()
    assert np.isinf(score.within).tolist() == [False, False, False, True]
    assert np.isfinite(score.elpd) and np.isinf(score.p)
