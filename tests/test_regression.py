"""Linear regression, the normal sample and the proportion: closed forms, sums on dense grids, published numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb

REFERENCE = json.loads((Path(__file__).parent / "reference" / "kidscore_momhs.json").read_text())
BINS = {"q025": 0.025, "q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95, "q975": 0.975}


def line(n: int, slope=0.5, intercept=5.0, sigma=2.0, seed=0) -> tuple[np.ndarray, np.ndarray]:
    """n rows about a line, x uniform in [0, 10]."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 10, n)
    return x, intercept + slope * x + sigma * rng.standard_normal(n)


class Dense:
    """A posterior of (intercept, slope, sigma) by a sum over a box of trapezoid nodes about its bulk."""

    def __init__(self, log_joint, centre, sd, lowest_sigma=1e-3, nodes=81, reach=9.0):
        ends = [(c - reach * s, c + reach * s) for c, s in zip(centre, sd, strict=True)]
        ends[2] = (max(ends[2][0], lowest_sigma), ends[2][1])
        self.axes = [np.linspace(*end, nodes) for end in ends]
        log_p = log_joint(*np.meshgrid(*self.axes, indexing="ij", sparse=True))
        volume = np.prod([axis[1] - axis[0] for axis in self.axes])
        self.log_evidence = log_p.max() + np.log(np.exp(log_p - log_p.max()).sum() * volume)
        self.p = np.exp(log_p - log_p.max())
        self.p /= self.p.sum()

    def mean(self, axis):
        return float((self.p * np.expand_dims(self.axes[axis], [i for i in range(3) if i != axis])).sum())

    def sd(self, axis):
        x = np.expand_dims(self.axes[axis], [i for i in range(3) if i != axis]) - self.mean(axis)
        return float((self.p * x**2).sum() ** 0.5)


def sums(y, *columns):
    """sum over rows of (y - c0 a0 - c1 a1)**2 as a function of the coefficients, by the sums of products."""
    every = np.stack([y, *columns])
    gram = every @ every.T

    def residual(*c):
        signs = (1.0, *(-x for x in c))
        return sum(gram[i, j] * signs[i] * signs[j] for i in range(len(every)) for j in range(len(every)))

    return residual


@pytest.mark.parametrize("errors", [None, "known"])
def test_regression_equals_a_dense_sum(errors):
    """C5 and C6: w, c ~ N(0, 1), sigma ~ HalfNormal(1), with and without a known error of each row."""
    x, y = line(1000)
    e = np.ones(1000) if errors is None else np.random.default_rng(1).uniform(0.5, 1.5, 1000)
    post = gb.linear_regression(
        x,
        y,
        slope=gb.Normal(0, 1),
        intercept=gb.Normal(0, 1),
        sigma=gb.HalfNormal(1),
        errors=None if errors is None else e,
    )
    residual = sums(y / e, 1 / e, x / e)

    def log_joint(c, w, s):
        fit = -1000 * np.log(s * np.sqrt(2 * np.pi)) - np.log(e).sum() - residual(c, w) / (2 * s**2)
        return fit + st.norm.logpdf(c) + st.norm.logpdf(w) + st.halfnorm.logpdf(s)

    names = ("intercept", "slope", "sigma")
    dense = Dense(log_joint, [post.mean(n) for n in names], [post.sd(n) for n in names])
    for axis, name in enumerate(names):
        assert post.mean(name) == pytest.approx(dense.mean(axis), abs=1e-8 * post.sd(name))
        assert post.sd(name) == pytest.approx(dense.sd(axis), rel=1e-8)
    assert post.log_evidence == pytest.approx(dense.log_evidence, abs=1e-8)
    assert post.accuracy.largest.size < 1e-8
    assert abs(post.mean("slope") - 0.5) < 4 * post.sd("slope")


def test_the_published_regression_of_kid_scores():
    """Figures of reference/kidscore_momhs.json. Of 434 scores only count, sum and sum of squares matter: of children whose
    mothers did not finish school, and of those whose mothers did (data of Gelman & Hill 2007, chapter 3)."""
    sizes, totals, squares = np.array([93, 341]), np.array([7212, 30458]), np.array([606160, 2843878])
    means, spreads = totals / sizes, np.sqrt(squares / sizes - (totals / sizes) ** 2)
    y = np.concatenate([m + s * _standard(n) for n, m, s in zip(sizes, means, spreads, strict=True)])
    x = np.repeat([0.0, 1.0], sizes)
    post = gb.linear_regression(x, y, slope=gb.Flat(), intercept=gb.Flat(), sigma=gb.HalfCauchy(2.5))
    for ours, theirs in (("intercept", "beta[1]"), ("slope", "beta[2]"), ("sigma", "sigma")):
        wanted = REFERENCE["params"][theirs]
        assert post.mean(ours) == pytest.approx(wanted["mean"], abs=1e-8 * wanted["sd"])
        assert post.sd(ours) == pytest.approx(wanted["sd"], rel=1e-8)
        for name, q in BINS.items():
            assert post.quantile(ours, q) == pytest.approx(wanted[name], abs=1e-8 * wanted["sd"])
    assert post.log_evidence == pytest.approx(REFERENCE["log_integral"], abs=1e-8)


def _standard(n: int) -> np.ndarray:
    """n numbers of mean 0 and mean square 1."""
    z = np.linspace(-1, 1, n)
    return z / np.sqrt(np.mean(z**2))


def test_many_inputs_equal_the_conjugate_posterior():
    """With sigma known b is normal: the textbook's formula with an inverse (BDA3, 14.8)."""
    rng = np.random.default_rng(4)
    x, b = rng.standard_normal((50, 6)), rng.standard_normal(6)
    y = 2 + x @ b + 0.5 * rng.standard_normal(50)
    post = gb.linear_regression(x, y, intercept=gb.Normal(1, 3), slope=gb.Normal(0.5, 2), sigma=0.5)
    design, m, p = np.column_stack([np.ones(50), x]), np.array([1] + [0.5] * 6), np.array([1 / 9] + [1 / 4] * 6)
    covariance = np.linalg.inv(design.T @ design / 0.25 + np.diag(p))
    mean = covariance @ (design.T @ y / 0.25 + p * m)
    assert post.mean("slope").to_numpy() == pytest.approx(mean[1:], abs=1e-10)
    assert post.sd("slope").to_numpy() == pytest.approx(np.sqrt(np.diag(covariance))[1:], rel=1e-10)
    evidence = st.multivariate_normal(design @ m, 0.25 * np.eye(50) + design @ np.diag(1 / p) @ design.T).logpdf(y)
    assert post.log_evidence == pytest.approx(evidence, abs=1e-9)
    assert float(post.contrast(1, 3).sd()) == pytest.approx(
        (covariance[2, 2] + covariance[4, 4] - 2 * covariance[2, 4]) ** 0.5, rel=1e-9
    )
    joint = post.joint("intercept", "slope", group=2)
    moment = float((joint * (joint.intercept - mean[0]) * (joint.slope - mean[3])).sum())
    assert moment == pytest.approx(covariance[0, 3], abs=1e-9)


def test_without_sigma_prior_and_with_flat_ones_it_is_students_t():
    """Flat coefficients and p(sigma) ~ 1 / sigma are the classical intervals; here a flat sigma, one degree fewer."""
    x, y = line(12, seed=3)
    post = gb.linear_regression(x, y, slope=gb.Flat(), intercept=gb.Flat(), sigma=gb.Flat())
    fit = st.linregress(x, y)
    residual = np.sum((y - fit.intercept - fit.slope * x) ** 2)
    scale = (residual / 9 / np.sum((x - x.mean()) ** 2)) ** 0.5
    t = st.t(9, fit.slope, scale)
    assert post.quantile("slope", [0.01, 0.3, 0.99]).to_numpy() == pytest.approx(t.ppf([0.01, 0.3, 0.99]), rel=1e-9)
    assert post.sd("slope") == pytest.approx(t.std(), rel=1e-8)


def test_inputs_far_from_zero_keep_their_digits():
    """Years about 2000: the same slope as with years about 0, to 1e-8 of its sd."""
    x, y = line(40)
    arguments = {"slope": gb.Normal(0, 1), "intercept": gb.Flat(), "sigma": gb.HalfNormal(3)}
    near, far = gb.linear_regression(x, y, **arguments), gb.linear_regression(x + 2000, y, **arguments)
    assert far.mean("slope") == pytest.approx(near.mean("slope"), abs=1e-8 * near.sd("slope"))
    assert far.sd("slope") == pytest.approx(near.sd("slope"), rel=1e-8)
    assert far.log_evidence == pytest.approx(near.log_evidence, abs=1e-8)


def test_a_change_of_unit_changes_only_the_unit():
    x, y = line(30)
    one = gb.linear_regression(x, y, slope=gb.Normal(0, 1), intercept=gb.Normal(0, 5), sigma=gb.HalfCauchy(2))
    other = gb.linear_regression(
        x, 1e6 * y, slope=gb.Normal(0, 1e6), intercept=gb.Normal(0, 5e6), sigma=gb.HalfCauchy(2e6)
    )
    assert other.mean("slope") == pytest.approx(1e6 * one.mean("slope"), rel=1e-10)
    assert other.log_evidence == pytest.approx(one.log_evidence - 30 * np.log(1e6), abs=1e-8)


def test_columns_of_a_table_label_the_slopes():
    x, y = line(20)
    table = {"score": y.tolist(), "age": x.tolist(), "group": (np.arange(20) % 2).tolist()}
    table["score"][3] = None
    post = gb.linear_regression(["age", "group"], "score", data=table, sigma=2.0, slope={"age": gb.Normal(0, 1)})
    assert list(post.mean("slope").group.values) == ["age", "group"]
    assert "19 rows" in post.summary().title
    assert "slope[age] ~ Normal(0, 1)" in post.summary().title
    alone = gb.linear_regression("age", "score", data=table, sigma=2.0)
    assert isinstance(alone.mean("slope"), float)
    assert post.predict({"group": [1.0], "age": [4.0]}).mean("y").shape == (1,)


def test_a_new_row_is_a_mixture_of_normals_over_sigma():
    """p(y_new | y) = p(y, y_new) / p(y): evidence with the new row over evidence without it."""
    x, y = line(15)
    arguments = {"slope": gb.Normal(0, 1), "intercept": gb.Normal(0, 5), "sigma": gb.HalfCauchy(2)}
    post = gb.linear_regression(x, y, **arguments)
    new = post.predict([4.0])
    density = new.marginals["y"][0].density(np.array([2.0, 7.0, 20.0]))
    for at, found in zip((2.0, 7.0, 20.0), density, strict=True):
        both = gb.linear_regression(np.append(x, 4.0), np.append(y, at), **arguments)
        assert np.log(found) == pytest.approx(both.log_evidence - post.log_evidence, abs=1e-7)
    assert float(new.mean("expected")[0]) == pytest.approx(post.mean("intercept") + 4 * post.mean("slope"), abs=1e-9)
    assert new.accuracy.largest.size < 1e-7


def test_intervals_of_new_rows_cover_what_they_say():
    """C7: 95% intervals of shares k / n with their own standard errors; 1/10 and 10/100 have .0949 and .03."""
    assert np.sqrt(0.1 * 0.9 / np.array([10, 100])) == pytest.approx([0.0949, 0.03], abs=5e-5)
    rng, inside, total = np.random.default_rng(7), 0, 0
    for _ in range(60):
        x, truth = rng.uniform(0, 1, (60, 2)), rng.normal(0, 1, 3) * [1, 1, 0.3]
        errors = np.sqrt(0.1 * 0.9 / rng.integers(10, 100, 60)) + 0.1
        y = truth[0] + x @ truth[1:] + 0.8 * errors * rng.standard_normal(60)
        post = gb.linear_regression(
            x[:40], y[:40], slope=gb.Normal(0, 1), intercept=gb.Normal(0, 1), sigma=gb.HalfNormal(1), errors=errors[:40]
        )
        bounds = post.predict(x[40:], errors=errors[40:]).eti("y", 0.95).to_numpy()
        inside += int(((y[40:] > bounds[:, 0]) & (y[40:] < bounds[:, 1])).sum())
        total += 20
    assert 0.93 < inside / total < 0.97


def test_a_bound_that_leaves_the_possible_is_said():
    post = gb.linear_regression([0.0, 1, 2], [0.1, 0.5, 0.8], slope=gb.Flat(), intercept=gb.Flat(), sigma=0.1)
    with pytest.warns(UserWarning, match=r"rows 1, 2 leave \[0, 1\]"):
        post.predict([1.0, 3.0, -2.0], within=(0, 1))


def test_summaries_show_the_maximum_of_the_likelihood_beside_the_mean():
    """B5, and the two groups of B2: sample means 0 and 2, 1,000 and 100 rows; pooled, the most likely mean is .1818."""
    y = np.concatenate([_standard(1000), 2 + _standard(100)])
    table = gb.normal(y, mu=gb.Normal(0, 0.1), sigma=1.0).summary()
    assert table.loc["mu", "ml"] == pytest.approx(200 / 1100, abs=1e-12)
    assert table.loc["mu", "mean"] == pytest.approx(200 / 1200, abs=1e-10)
    x, y = line(50)
    table, fit = gb.linear_regression(x, y, sigma=gb.HalfNormal(5)).summary(), st.linregress(x, y)
    assert table["ml"].tolist()[:2] == pytest.approx([fit.intercept, fit.slope], rel=1e-10)
    assert table.loc["sigma", "ml"] == pytest.approx(np.std(y - fit.intercept - fit.slope * x), rel=1e-10)
    assert "ml" not in gb.no_pooling([1, 2], sigma=1, theta=gb.Normal(0, 1)).summary()


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": [[1, 2], [2, 4], [3, 6]], "y": [1, 2, 4]}, r"slope\[0\], slope\[1\] cannot be told apart"),
        ({"x": [1, 1, 1], "y": [1, 2, 4]}, "intercept, slope cannot be told apart"),
        ({"x": [1, 2], "y": [1, 2, 4]}, "x must have one entry a row; it has 2, y has 3"),
        ({"x": [1, 2, np.inf], "y": [1, 2, 4]}, r"x must be finite; x\[2\] is inf"),
        ({"x": [np.nan] * 3, "y": [1, 2, 4]}, "no row is complete"),
        ({"x": [1, 2, 3], "y": [1, 2, 4], "errors": [1, 0, 1]}, r"errors must be positive; errors\[1\] is 0"),
        ({"x": [1, 2, 3], "y": [1, 2, 4], "slope": {"age": gb.Flat()}}, "slope names 'age'"),
        ({"x": [1, 2, 3], "y": [1, 2, 4], "slope": gb.HalfNormal(1)}, "slope must have a prior on the whole line"),
        ({"x": [1, 2, 3], "y": [1, 2, 4], "sigma": -1.0}, "sigma must be a positive number or a prior"),
        ({"x": [1, 2, 3], "y": [2, 4, 6], "sigma": gb.HalfNormal(1)}, "fitted without any error"),
        ({"x": [1, 2, 3], "y": [1, 2, 4], "sigma": gb.Flat()}, "sigma must have a proper prior here"),
        ({"x": "age", "y": "score", "data": {"score": [1, 2]}}, 'x must be a column; "age" is not'),
        ({"x": "age", "y": [1, 2]}, "pass the table that it is in as data="),
    ],
)
def test_bad_regressions(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        gb.linear_regression(**{"slope": gb.Flat(), "intercept": gb.Flat(), "sigma": 1.0, **arguments})


def test_new_rows_need_the_inputs_of_the_old():
    table = {"a": [0.0, 1, 2], "b": [1.0, 0, 1]}
    post = gb.linear_regression(table, [1.0, 2, 4], sigma=1.0)
    with pytest.raises(ValueError, match="must have the inputs .*; 'b' is not among"):
        post.predict({"a": [1.0]})
    with pytest.raises(ValueError, match="must be complete; row 1 misses an input"):
        post.predict({"a": [1.0, np.nan], "b": [1.0, 1.0]})
    with pytest.raises(ValueError, match="x must have 2 inputs a row; it has 1"):
        gb.linear_regression(np.eye(3)[:, :2], [1.0, 2, 4], sigma=1.0).predict([1.0])


# --- the normal sample --------------------------------------------------------------------------------------------


def test_sums_and_rows_give_the_same_normal_sample():
    """C3: mu ~ N(0, 1), sigma ~ HalfNormal(1), N = 1000, against complete pooling, which enters by another door."""
    y = np.random.default_rng(5).normal(0.7, 1.8, 1000)
    post = gb.normal(y, mu=gb.Normal(0, 1), sigma=gb.HalfNormal(1))
    other = gb.complete_pooling([y.tolist()], theta=gb.Normal(0, 1), sigma=gb.HalfNormal(1), shared_sigma=True)
    assert post.mean("mu") == pytest.approx(other.mean("theta"), abs=1e-10)
    assert post.sd("mu") == pytest.approx(other.sd("theta"), rel=1e-10)
    assert post.mean("sigma") == pytest.approx(other.mean("sigma"), abs=1e-10)
    assert post.log_evidence == pytest.approx(other.log_evidence, abs=1e-8)
    sigma = np.linspace(1.2, 2.6, 4001)  # given sigma the mean is normal: a sum over sigma alone, from the rows
    fit = [st.norm.logpdf(y, 0, s).sum() for s in sigma]
    weight = np.array(fit) + st.halfnorm.logpdf(sigma) + _evidence_of_mean(y, sigma)
    p = np.exp(weight - weight.max())
    assert post.mean("sigma") == pytest.approx(float((p * sigma).sum() / p.sum()), abs=1e-8)


def _evidence_of_mean(y: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """log int N(mu; 0, 1) exp(sum y mu / sigma**2 - n mu**2 / (2 sigma**2)) dmu."""
    rate = len(y) / sigma**2 + 1
    return (y.sum() / sigma**2) ** 2 / (2 * rate) - np.log(rate) / 2


def test_a_known_sd_gives_the_closed_form():
    """B1: mu ~ N(0, 10), x ~ N(mu, 1), n = 1000: sum(x) / (n + .01)."""
    y = np.random.default_rng(2).normal(3, 1, 1000)
    post = gb.normal(y, mu=gb.Normal(0, 10), sigma=1)
    assert post.mean("mu") == pytest.approx(y.sum() / 1000.01, abs=1e-12)
    one_more = post.predict()
    assert float(one_more.sd("y")[0]) == pytest.approx((1 + 1 / 1000.01) ** 0.5, rel=1e-10)


def test_a_sample_of_one_row_says_what_exists():
    """With one row and a half-Cauchy prior E[sigma] exists and its variance does not."""
    post = gb.normal([3.0], mu=gb.Normal(0, 5), sigma=gb.HalfCauchy(1))
    assert np.isfinite(post.mean("sigma"))
    assert post.sd("sigma") == np.inf


# --- the proportion ---------------------------------------------------------------------------------------------


def test_rows_of_a_proportion_are_foretold_as_beta_binomials():
    k, n = np.array([3.0, 0, 5, 3]), np.array([10.0, 2, 5, 10])
    post = gb.proportion(k, n, p=gb.Beta(2, 3))
    a, b = 2 + k.sum(), 3 + (n - k).sum()
    score = post.loo()
    np.testing.assert_allclose(score.left_out, st.betabinom.logpmf(k, n, a - k, b - (n - k)), atol=1e-10)
    np.testing.assert_allclose(score.within, st.betabinom.logpmf(k, n, a, b), atol=1e-10)
    assert score.refitted == 4 and score.elpd_i.dims == ("row",)
    new = post.predict([7, 30])
    for row, trials in enumerate((7, 30)):
        exact = st.betabinom(trials, a, b)
        assert new.mean("y", row) == pytest.approx(exact.mean(), rel=1e-9)
        assert new.sd("y", row) == pytest.approx(exact.std(), rel=1e-9)
        np.testing.assert_allclose(new.marginal("y", row), exact.pmf(np.arange(trials + 1)), atol=1e-10)
        wanted = trials * st.beta(a, b).ppf([0.05, 0.5])
        np.testing.assert_allclose(new.quantile("expected", [0.05, 0.5], row), wanted, rtol=1e-8)
    assert new.accuracy.largest.size < 1e-8
    check = post.predictive_check(np.max, draws=4000)
    tail = 1 - np.mean([np.prod(st.binom.cdf(4, n, p)) for p in st.beta(a, b).ppf((np.arange(400) + 0.5) / 400)])
    assert check.observed == 5 and abs(check.p - tail) < 4 * check.error + 1e-3


def test_a_proportion_updated_is_the_joint_fit():
    more = gb.proportion(3, 10, p=gb.Beta(2, 3)).update([6, 1], 12)
    joint = gb.proportion([3, 6, 1], [10, 12, 12], p=gb.Beta(2, 3))
    assert more.log_evidence == joint.log_evidence and more.mean() == joint.mean()
    both = gb.compare({"wide": joint, "narrow": gb.proportion([3, 6, 1], [10, 12, 12], p=gb.Beta(40, 40))})
    assert both.loc["wide", "elpd"] == pytest.approx(joint.loo().elpd)


def test_new_trials_on_explicit_points_are_a_sum_over_them():
    shares = np.arange(13) / 12
    post = gb.proportion(6, 12, grids={"p": shares})
    weight = st.binom.pmf(6, 12, shares)
    wanted = st.binom.pmf(np.arange(6)[:, None], 5, shares) @ (weight / weight.sum())
    np.testing.assert_allclose(post.predict(5).marginal("y", 0), wanted, atol=1e-12)
    assert post.predict(5).probability("expected", above=2.4, below=2.6, group=0) == pytest.approx(
        (weight / weight.sum())[6], rel=1e-12
    )
    with pytest.raises(ValueError, match="trials must be positive; trials is 0"):
        post.predict(0)
    with pytest.raises(TypeError, match="does not answer pit yet. Counts have no density. Instead post.predict"):
        post.pit()


@pytest.mark.parametrize(("k", "n"), [(0, 0), (6, 12), (0, 5), (4711, 10_000), (1, 1_000_000)])
@pytest.mark.parametrize("prior", [(1, 1), (2.5, 7), (0.5, 0.5)])
def test_a_proportion_is_the_conjugate_beta(k, n, prior):
    post = gb.proportion(k, n, p=gb.Beta(*prior))
    exact = st.beta(prior[0] + k, prior[1] + n - k)
    assert post.mean("p") == pytest.approx(exact.mean(), abs=1e-7 * exact.std())
    assert post.sd("p") == pytest.approx(exact.std(), rel=1e-7)
    assert post.quantile("p", 0.95) == pytest.approx(exact.ppf(0.95), abs=1e-7 * exact.std())
    assert post.log_evidence == pytest.approx(st.betabinom(n, *prior).logpmf(k), abs=1e-7)


def test_a_bag_of_twelve_balls_has_thirteen_shares():
    """C1: as draws grow the posterior narrows upon 6 of 12, by Bayes' rule in thirteen numbers."""
    grids, shares = {"p": np.arange(13) / 12}, np.arange(13) / 12
    narrower = []
    for n in (6, 20, 100, 10_000):
        post = gb.proportion(n // 2, n, grids=grids)
        likelihood = st.binom.pmf(n // 2, n, shares)
        assert post.marginal("p").to_numpy() == pytest.approx(likelihood / likelihood.sum(), abs=1e-13)
        assert post.log_evidence == pytest.approx(np.log(likelihood.mean()), abs=1e-10)
        narrower.append(post.sd("p"))
    assert narrower == sorted(narrower, reverse=True)
    assert post.marginal("p").to_numpy()[6] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"successes": 3, "trials": 2}, "successes must not exceed trials; 3 of 2"),
        ({"successes": 1.5, "trials": 2}, "successes must be whole numbers"),
        ({"successes": "3", "trials": 2}, "successes must be counts"),
        ({"successes": 1, "trials": 2, "p": gb.Normal(0, 1)}, r"p must have a prior on \[0, 1\]"),
        ({"successes": 1, "trials": 2, "grids": {"q": [0, 1]}}, 'grids must have the one key "p"; its keys are q'),
        ({"successes": 1, "trials": 2, "grids": {"p": [0, 2]}}, r'grids\["p"\] must lie in \[0, 1\]'),
    ],
)
def test_bad_proportions(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        gb.proportion(**arguments)
