"""Regressions without a closed form: sums over dense grids written here, densities of scipy.stats."""

import numpy as np
import pytest
import scipy.stats as st
from scipy.special import expit, logsumexp

import gridbayes as gb

DOSE, TRIALS, DEATHS = np.array([-0.86, -0.3, -0.05, 0.73]), np.full(4, 5), np.array([0, 1, 3, 5])
X = np.array([-1.2, -0.4, 0.1, 0.3, 0.9, 1.7])
COUNTS, EXPOSURE = np.array([0, 2, 1, 4, 3, 11]), np.array([1.0, 2, 1, 2.5, 1, 1.5])
OUTLYING = np.array([-2.0, -0.5, 0.4, 8.0, 2.1, 3.3])


class Dense:
    """A posterior of intercept, slope and log sigma, or of the first two, by trapezoid sums on a box."""

    def __init__(self, log_joint, ends, nodes):
        self.axes = [np.linspace(*end, n) for end, n in zip(ends, nodes, strict=True)]
        cells = np.meshgrid(*self.axes, indexing="ij")
        log_p = np.concatenate([log_joint(*part) for part in zip(*(c.reshape(-1, 500) for c in cells), strict=True)])
        volume = np.prod([axis[1] - axis[0] for axis in self.axes])
        self.cells, self.log_evidence = [c.ravel() for c in cells], float(logsumexp(log_p)) + np.log(volume)
        self.p = np.exp(log_p - logsumexp(log_p))

    def mean(self, values):
        return float(self.p @ values)

    def sd(self, values):
        return float((self.p @ (values - self.mean(values)) ** 2) ** 0.5)


def log_prior(c, w):
    return st.norm.logpdf(c, 0, 2) + st.norm.logpdf(w, 0, 3)


def rows(log_density, c, w, x=X):
    """sum over rows of log p(y | eta), (cell,)."""
    return log_density(c[:, None] + w[:, None] * x).sum(axis=1)


@pytest.fixture(scope="module")
def shares():
    """Four doses, five animals each: Racine, Grieve, Fluehler & Smith (1986), in BDA3 section 3.7, under normal priors."""
    post = gb.logistic_regression(DOSE, DEATHS, trials=TRIALS, intercept=gb.Normal(0, 2), slope=gb.Normal(0, 3))

    def log_joint(c, w):
        return rows(lambda eta: st.binom.logpmf(DEATHS, TRIALS, expit(eta)), c, w, DOSE) + log_prior(c, w)

    return post, Dense(log_joint, [(-9, 9), (-9, 22)], (1000, 1000))


@pytest.fixture(scope="module")
def counts():
    post = gb.poisson_regression(X, COUNTS, exposure=EXPOSURE, intercept=gb.Normal(0, 2), slope=gb.Normal(0, 3))

    def log_joint(c, w):
        return rows(lambda eta: st.poisson.logpmf(COUNTS, EXPOSURE * np.exp(eta)), c, w) + log_prior(c, w)

    return post, Dense(log_joint, [(-4, 4), (-3, 5)], (250, 250))


def test_logistic_regression_equals_a_dense_sum(shares):
    _agree(*shares, 1e-6)


def test_poisson_regression_equals_a_dense_sum(counts):
    _agree(*counts, 1e-6)


def _agree(post, dense, tolerance):
    for name, values in zip(("intercept", "slope"), dense.cells, strict=False):
        assert post.mean(name) == pytest.approx(dense.mean(values), abs=tolerance * post.sd(name))
        assert post.sd(name) == pytest.approx(dense.sd(values), rel=tolerance)
    assert post.log_evidence == pytest.approx(dense.log_evidence, abs=tolerance)
    stated = max(error.size for error in post.accuracy.errors if error.statistic in ("mean", "sd", "value"))
    assert stated < 100 * tolerance


def test_a_new_share_and_its_counts(shares):
    post, dense = shares
    share = expit(dense.cells[0] + 0.4 * dense.cells[1])
    new = post.predict([0.4], trials=8)
    assert float(new.mean("expected")[0]) == pytest.approx(dense.mean(8 * share), abs=1e-6)
    assert float(new.sd("expected")[0]) == pytest.approx(dense.sd(8 * share), rel=1e-5)
    assert float(new.probability("expected", below=4)[0]) == pytest.approx(dense.mean(share < 0.5), abs=2e-3)
    masses = new.marginals["y"][0].masses
    wanted = [dense.mean(st.binom.pmf(k, 8, share)) for k in range(9)]
    assert masses == pytest.approx(wanted, abs=1e-7)


@pytest.mark.parametrize(("dose", "tolerance"), [(3.0, 1e-5), (-3.0, 1e-5), (20.0, 1e-3)])
def test_a_share_far_from_all_doses(shares, dose, tolerance):
    """Nearly all of its density lies closer to 0 or 5 than a double can say."""
    post, dense = shares
    share = expit(dense.cells[0] + dose * dense.cells[1])
    new = post.predict([dose], trials=5)
    expected = new.marginals["expected"][0]
    assert expected.mean == pytest.approx(dense.mean(5 * share), abs=tolerance * dense.sd(5 * share))
    assert expected.sd == pytest.approx(dense.sd(5 * share), rel=tolerance)
    assert expected.cdf(2.5) == pytest.approx(dense.mean(share < 0.5), abs=2e-4)
    assert expected.quantile(0.5) == pytest.approx(5 * expit(expected.eta.quantile(0.5)), rel=1e-15)
    assert all(error.size < 1e-2 for error in new.accuracy.errors)


def test_a_new_rate_and_its_counts(counts):
    post, dense = counts
    rate = 3 * np.exp(dense.cells[0] - 0.7 * dense.cells[1])
    new = post.predict([-0.7, 2.5], exposure=[3, 1])
    assert float(new.mean("expected")[0]) == pytest.approx(dense.mean(rate), rel=1e-6)
    masses = new.marginals["y"][0].masses
    assert masses[:6] == pytest.approx([dense.mean(st.poisson.pmf(k, rate)) for k in range(6)], abs=1e-7)
    assert float(new.mean("y")[1]) == pytest.approx(float(new.mean("expected")[1]), rel=1e-6)


def test_pit_of_counts_is_the_middle_of_their_step(shares, counts):
    for (post, dense), x, y, law in (
        (shares, DOSE, DEATHS, lambda eta, row: st.binom(TRIALS[row], expit(eta))),
        (counts, X, COUNTS, lambda eta, row: st.poisson(EXPOSURE[row] * np.exp(eta))),
    ):
        of_rows = [law(dense.cells[0] + dense.cells[1] * x[row], row) for row in range(len(y))]
        wanted = [dense.mean(of_row.cdf(k) - of_row.pmf(k) / 2) for of_row, k in zip(of_rows, y, strict=True)]
        np.testing.assert_allclose(post.pit(), wanted, atol=1e-6)
        one = np.eye(len(y))[2]  # a check of one row alone: P(y_rep >= y)
        check = post.predictive_check(one, draws=20_000, seed=1)
        assert abs(check.p - dense.mean(of_rows[2].sf(y[2] - 1))) < 4 * check.error


def test_pit_given_the_other_rows_is_that_of_a_fit_without_each(counts):
    post, _ = counts

    def log_joint(c, w):
        fit = st.poisson.logpmf(COUNTS[:-1], EXPOSURE[:-1] * np.exp(c[:, None] + w[:, None] * X[:-1])).sum(axis=1)
        return fit + log_prior(c, w)

    dense = Dense(log_joint, [(-5, 4), (-6, 7)], (300, 250))
    last = st.poisson(EXPOSURE[-1] * np.exp(dense.cells[0] + dense.cells[1] * X[-1]))
    found = post.pit(loo=True)
    assert float(found[-1]) == pytest.approx(dense.mean(last.cdf(11) - last.pmf(11) / 2), abs=1e-5)
    assert found.dims == ("row",)
    flat = gb.poisson_regression([0.0, 0, 1], [1, 2, 3], intercept=gb.Flat(), slope=gb.Flat())
    with pytest.raises(ValueError, match="no posterior without row 2: intercept, slope cannot be told apart"):
        flat.pit(loo=True)


@pytest.mark.parametrize("learned", [False, True])
def test_student_errors_equal_a_dense_sum(learned):
    sigma = gb.HalfNormal(1) if learned else 0.8
    post = gb.linear_regression(
        X, OUTLYING, intercept=gb.Normal(0, 2), slope=gb.Normal(0, 3), sigma=sigma, likelihood=gb.StudentTErrors(4)
    )

    def log_joint(c, w, log_s=None):
        s = np.full(len(c), 0.8) if log_s is None else np.exp(log_s)
        fit = st.t.logpdf((OUTLYING - c[:, None] - w[:, None] * X) / s[:, None], 4).sum(axis=1) - 6 * np.log(s)
        scale = 0.0 if log_s is None else st.halfnorm.logpdf(s) + log_s
        return fit + log_prior(c, w) + scale

    ends, nodes = [(-6, 8), (-8, 10)], (250, 250)
    dense = (
        Dense(log_joint, [(-3, 5), (-4, 6), (-3.5, 1.8)], (60, 60, 50)) if learned else Dense(log_joint, ends, nodes)
    )
    tolerance = 2e-3 if learned else 1e-5
    for name, values in zip(("intercept", "slope"), dense.cells, strict=False):
        stated = post.accuracy.to_pandas().query("quantity == @name and statistic == 'mean'")["size"].item()
        distance = abs(post.mean(name) - dense.mean(values)) / post.sd(name)
        assert distance < min(stated + 1e-9, tolerance)
    assert post.mean("slope") < 3  # the outlier does not pull: least squares says more
    assert "t errors of 4 degrees" in post.summary().title


def test_many_degrees_of_freedom_are_normal_errors():
    arguments = {"intercept": gb.Normal(0, 2), "slope": gb.Normal(0, 3), "sigma": 1.5}
    many = gb.linear_regression(X, OUTLYING, likelihood=gb.StudentTErrors(1e9), **arguments)
    exact = gb.linear_regression(X, OUTLYING, **arguments)
    assert many.mean("slope") == pytest.approx(exact.mean("slope"), abs=1e-7)
    assert many.log_evidence == pytest.approx(exact.log_evidence, abs=1e-6)
    new, wanted = (post.predict([0.5]) for post in (many, exact))
    assert new.quantile("y", 0.9).item() == pytest.approx(wanted.quantile("y", 0.9).item(), abs=1e-5)


def test_priors_that_are_not_normal_take_the_quadrature():
    """A Laplace slope against a sum over it alone, the intercept and sigma in closed form."""
    post = gb.linear_regression(X, OUTLYING, intercept=gb.Normal(0, 2), slope=gb.StudentT(5, 0, 1), sigma=1.5)
    w = np.linspace(-8, 12, 4001)
    cover = 2.25 * np.eye(6) + 4.0
    fit = [st.multivariate_normal(np.zeros(6), cover).logpdf(OUTLYING - each * X) for each in w]
    log_p = np.array(fit) + st.t.logpdf(w, 5)
    p = np.exp(log_p - log_p.max())
    assert post.mean("slope") == pytest.approx(float(p @ w / p.sum()), abs=1e-7)
    assert post.log_evidence == pytest.approx(np.log(p.sum() * 0.005) + log_p.max(), abs=1e-7)


def test_equal_inputs_enter_through_sums():
    """Rows of 0 and 1 at four doses, and their counts: the same posterior, the evidence apart by the orders."""
    x = np.repeat(DOSE, 5)
    y = np.concatenate([[1] * k + [0] * (5 - k) for k in DEATHS])
    one = gb.logistic_regression(x, y, intercept=gb.Normal(0, 2), slope=gb.Normal(0, 3))
    other = gb.logistic_regression(DOSE, DEATHS, trials=TRIALS, intercept=gb.Normal(0, 2), slope=gb.Normal(0, 3))
    assert one.mean("slope") == pytest.approx(other.mean("slope"), abs=1e-10)
    orders = np.log([1, 5, 10, 1]).sum()
    assert one.log_evidence + orders == pytest.approx(other.log_evidence, abs=1e-9)


def test_several_inputs_are_labelled():
    rng = np.random.default_rng(0)
    table = {"dose": rng.normal(size=60), "age": rng.normal(size=60)}
    table["died"] = (rng.uniform(size=60) < expit(0.5 + table["dose"])).astype(float)
    post = gb.logistic_regression(["dose", "age"], "died", data=table)
    assert list(post.mean("slope").group.values) == ["dose", "age"]
    new = post.predict({"age": [0.0], "dose": [1.0]})
    assert 0.4 < float(new.mean("expected")[0]) < 1


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        ("logistic", {"y": [0, 1, 2]}, r"y must not exceed its trials; y\[2\] is 2 of 1"),
        ("logistic", {"y": [0, 1, 0.5]}, "y must be counts"),
        ("poisson", {"y": [0, -1, 2]}, "y must be counts"),
        ("poisson", {"y": [0, 1, 2], "exposure": [1, 0, 1]}, "exposure must be positive; row 1"),
        ("poisson", {"y": [0, 1, 2], "slope": gb.HalfNormal(1)}, "slope must have a prior on the whole line"),
        ("poisson", {"y": [0, 1, 2], "slope": st.norm(0, 1)}, "slope must have a prior of gridbayes here"),
        ("linear", {"y": [0, 1, 3], "likelihood": gb.Poisson(1)}, r"likelihood must be StudentTErrors"),
    ],
)
def test_bad_regressions(call, arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        getattr(gb, f"{call}_regression")([0.0, 1.0, 2.0], **arguments)


def test_separated_outputs_under_flat_priors_are_refused():
    with pytest.raises(gb.ModeError, match="slope"):
        gb.logistic_regression([0.0, 1, 2, 3], [0, 0, 1, 1], slope=gb.Flat(), intercept=gb.Flat())


def test_predictions_take_their_own_known_numbers():
    post = gb.poisson_regression(X, COUNTS)
    with pytest.raises(TypeError, match="takes exposure=, not trials="):
        post.predict([0.0], trials=3)
