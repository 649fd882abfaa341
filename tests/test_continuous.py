"""Pooling models on automatic grids: published numbers, dense oracles, and identities."""

import json
from functools import cache
from pathlib import Path

import dense
import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb
from gridbayes.models import given_scales
from gridbayes.models.pooling import pooling

HERE = Path(__file__).parent
TUTORIAL = json.loads((HERE / "tutorial_numbers.json").read_text())
PUBLISHED = ("eight_schools", "rubin1981_halfcauchy25", "crins2014_halfnormal05")
SINGLE = {"G": [1], "E": [-15], "M": [30]}
RAGGED = {"G": [-10, 1, 11], "E": [-16, -15, -14], "M": [30]}
VALUES = np.array([-10.0, 1, 11, -16, -15, -14, 30])
CODES = np.array([0, 0, 0, 1, 1, 1, 2])
EFFECTS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
EXACT = 1e-10  # in sds, or relative


def off(found: float, expected: float, sd: float) -> float:
    """The distance in units of the sd."""
    return float(np.abs(np.asarray(found) - expected).max() / sd)


# --- published numbers ----------------------------------------------------------------------------------------


@cache
def published(name: str) -> tuple[gb.Posterior, dict]:
    """A reference fit, with an empty group whose theta is the predictive."""
    numbers = json.loads((HERE / "reference" / f"{name}.json").read_text())
    mu, tau = (getattr(gb, family)(*parameters) for family, *parameters in (numbers["mu"], numbers["tau"]))
    effects, errors = [*numbers["effects"], np.nan], [*numbers["standard_errors"], 1.0]
    labels = [*map(str, range(1, len(effects))), "pred"]
    return gb.partial_pooling(effects, sigma=errors, groups=labels, mu=mu, tau=tau), numbers


def address(label: str) -> tuple[str, str | None]:
    return (label, None) if label in ("mu", "tau") else ("theta", label)


REPORTED = [(name, label) for name in PUBLISHED for label in published(name)[1]["parameters"]]


@pytest.mark.parametrize("name", PUBLISHED)
def test_log_evidence_is_the_published_one(name):
    post, numbers = published(name)
    assert post.log_evidence == pytest.approx(numbers["log_evidence"], abs=1e-11)


@pytest.mark.parametrize(("name", "label"), REPORTED)
def test_every_published_number(name, label):
    post, numbers = published(name)
    expected, (parameter, group) = numbers["parameters"][label], address(label)
    sd = expected["sd"]
    assert off(post.mean(parameter, group), expected["mean"], sd) < 1e-11
    assert off(post.sd(parameter, group), sd, sd) < 1e-11
    listed = {float(f"0.{key[1:]}"): value for key, value in expected.items() if key.startswith("q")}
    assert len(listed) == 7
    found = post.quantile(parameter, list(listed), group)
    assert off(found, np.array(list(listed.values())), sd) < 1e-11
    if "p_gt0" in expected:
        assert post.probability(parameter, above=0, group=group) == pytest.approx(expected["p_gt0"], abs=1e-11)
        assert off(post.hdi(parameter, 0.95, group), expected["shortest95"], sd) < 1e-6


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_fits_take_few_cells(name):
    post, _ = published(name)
    assert len(post.grids["mu"]) * len(post.grids["tau"]) < 50_000


# --- the tutorial's models, with nothing truncated ------------------------------------------------------------


def setting(entry: dict) -> str:
    return f"{entry['mu_scale']}-{entry['tau_scale']}"


def assert_moments(post: gb.Posterior, expected: dict, tolerance: float, tau_tolerance: float) -> None:
    addresses = [("mu", None, expected["mu"]), *(("theta", g, expected["theta"][g]) for g in "GEM")]
    for name, group, (mean, variance) in addresses:
        assert off(post.mean(name, group), mean, variance**0.5) < tolerance
        assert post.var(name, group) == pytest.approx(variance, rel=tolerance)
    assert post.mean("tau") == pytest.approx(expected["tau_mean"], rel=tau_tolerance)


@pytest.mark.parametrize("numbers", TUTORIAL["single_observation"], ids=setting)
def test_single_observations_in_the_continuum(numbers):
    post = gb.partial_pooling(SINGLE, sigma=15, mu_scale=numbers["mu_scale"], tau_scale=numbers["tau_scale"])
    assert_moments(post, numbers["continuum"], 1e-9, 2e-8)  # the file's mean of tau is right to 1e-8: see below


@pytest.mark.parametrize("numbers", TUTORIAL["multiple_observations_nan"], ids=setting)
def test_ragged_observations_in_the_continuum(numbers):
    post = gb.partial_pooling(RAGGED, sigma=15, mu_scale=numbers["mu_scale"], tau_scale=numbers["tau_scale"])
    assert_moments(post, numbers["continuum"], 1e-9, 2e-8)
    _, found = tutorial_oracle(numbers["mu_scale"], numbers["tau_scale"])
    assert post.mean("tau") == pytest.approx(found, rel=1e-12)


def tutorial_oracle(mu_scale: float, tau_scale: float) -> tuple[dense.Mixture, float]:
    tau, weight = dense.log_scale()
    noise = np.tile(225 / np.array([3.0, 3, 1]), (len(tau), 1))  # the groups' means say all that their rows say
    log_p = dense.half_cauchy(tau, tau_scale) + np.log(weight)
    means = np.array([2 / 3, -15, 30])
    found = dense.mixture(means, np.arange(3), noise, *dense.partial(3, 0, mu_scale, tau), log_p)
    return found, found.scale(tau)[0]


@pytest.mark.parametrize("scales", [(1, 1), (1, 10)], ids=str)
def test_learned_variance_in_the_continuum(scales):
    numbers = next(x for x in TUTORIAL["learned_variance"] if (x["mu_scale"], x["tau_scale"]) == scales)
    post = gb.partial_pooling(RAGGED, sigma=gb.HalfCauchy(5), mu_scale=scales[0], tau_scale=scales[1])
    expected = numbers["continuum"]
    assert_moments(post, expected, 1e-7, 1e-7)
    assert post.log_evidence == pytest.approx(expected["log_evidence"], abs=1e-7)
    for group, mean in expected["sigma_mean"].items():
        assert post.mean("sigma", group) == pytest.approx(mean, rel=1e-7)
    assert post.sd("sigma", "M") == np.inf  # one row, half-Cauchy prior: it does not exist
    assert "no variance exists for sigma[M]" in repr(post.summary())


# --- priors of mu and tau against a dense double sum -----------------------------------------------------------


def double_sum(groups: int, mu_log_p, tau_log_p, mu: tuple, tau: tuple) -> dict[str, float]:
    """Schools on dense nodes of mu and tau: p(t | mu, tau) = prod_d N(y_d; mu, sqrt(sigma_d**2 + tau**2))."""
    (mu, mu_weight), (tau, tau_weight) = mu, tau
    log_w = mu_log_p(mu)[:, None] + np.log(mu_weight)[:, None] + tau_log_p(tau) + np.log(tau_weight)
    for y, s in zip(EFFECTS[:groups], ERRORS[:groups], strict=True):
        log_w = log_w + st.norm.logpdf(y, mu[:, None], np.hypot(s, tau))
    top = log_w.max()
    w = np.exp(log_w - top)
    answer = {"log_evidence": top + np.log(w.sum())}
    w /= w.sum()
    answer["mu"] = w.sum(axis=1) @ mu
    answer["mu_sd"] = np.sqrt(w.sum(axis=1) @ (mu - answer["mu"]) ** 2)
    answer["tau"] = w.sum(axis=0) @ tau
    shrink = ERRORS[0] ** 2 / (ERRORS[0] ** 2 + tau**2)
    answer["theta"] = np.sum(w * (shrink * mu[:, None] + (1 - shrink) * EFFECTS[0]))
    second = (1 - shrink) * ERRORS[0] ** 2 + (shrink * mu[:, None] + (1 - shrink) * EFFECTS[0]) ** 2
    answer["theta_sd"] = np.sqrt(np.sum(w * second) - answer["theta"] ** 2)
    return answer


WIDE = dense.location(8, 5, reach=5)  # to 370 on both sides: tau ~ HalfNormal(7) lets mu no further
MU_PRIORS = {
    "student": (gb.StudentT(3, 1, 4), st.t(3, 1, 4).logpdf, WIDE),
    "laplace": (gb.Laplace(2, 3), st.laplace(2, 3).logpdf, dense.location(8, 5, breaks=[2], reach=5)),
    "uniform": (gb.Uniform(-5, 6), st.uniform(-5, 11).logpdf, dense.location(8, 5, low=-5, high=6)),
    "cauchy": (gb.Cauchy(-3, 2), st.cauchy(-3, 2).logpdf, WIDE),
    "flat": (gb.Flat(), np.zeros_like, WIDE),
    "flat above 3": (gb.Flat(3), np.zeros_like, dense.location(8, 5, low=3, reach=5)),
}


@pytest.mark.parametrize("name", MU_PRIORS)
def test_priors_of_mu_against_a_dense_sum(name):
    prior, log_p, nodes = MU_PRIORS[name]
    tau = dense.log_scale(0.15, -24, 5)
    expected = double_sum(8, log_p, lambda x: dense.half_normal(x, 7), nodes, tau)
    assert_eight_schools(gb.partial_pooling(EFFECTS, sigma=ERRORS, mu=prior, tau=gb.HalfNormal(7)), expected)


WITHOUT_CLOSED_FORM = {  # two groups and a narrow tau: each fit takes many quadratures
    "gamma": (gb.Gamma(2.5, 0.3), st.gamma(2.5, scale=1 / 0.3).logpdf,
              dense.location(0, 1, breaks=2.0 ** -np.arange(40), low=0, reach=7)),
    "scipy": (st.logistic(2, 3), st.logistic(2, 3).logpdf, dense.location(2, 3, reach=5)),
}  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT_CLOSED_FORM)
def test_priors_of_mu_by_quadrature_against_a_dense_sum(name):
    prior, log_p, nodes = WITHOUT_CLOSED_FORM[name]
    tau = dense.location(4, 1, low=3, high=5)
    expected = double_sum(2, log_p, st.uniform(3, 2).logpdf, nodes, tau)
    post = gb.partial_pooling(EFFECTS[:2], sigma=ERRORS[:2], mu=prior, tau=gb.Uniform(3, 5))
    assert_eight_schools(post, expected, 1e-9)


NORMAL = dense.location(2, 6, reach=3, panels=20)
TAU_PRIORS = {
    "half-student": (gb.HalfStudentT(3, 6), lambda x: np.log(2) + st.t(3, 0, 6).logpdf(x)),
    "exponential": (gb.Exponential(0.2), st.expon(scale=5).logpdf),
    "gamma": (gb.Gamma(0.5, 0.1), st.gamma(0.5, scale=10).logpdf),
    "inverse gamma": (gb.InverseGamma(2, 9), st.invgamma(2, scale=9).logpdf),
    "log-normal": (gb.LogNormal(1, 1.5), st.lognorm(1.5, scale=np.e).logpdf),
    "flat": (gb.Flat(), np.zeros_like),
    "scipy": (st.halfcauchy(scale=4), st.halfcauchy(scale=4).logpdf),
}


@pytest.mark.parametrize("name", TAU_PRIORS)
def test_priors_of_tau_against_a_dense_sum(name):
    prior, log_p = TAU_PRIORS[name]
    expected = double_sum(8, st.norm(2, 6).logpdf, log_p, NORMAL, dense.log_scale(0.15, -66, 36))
    post = gb.partial_pooling(EFFECTS, sigma=ERRORS, mu=gb.Normal(2, 6), tau=prior)
    assert_eight_schools(post, expected, 1e-8 if name == "gamma" else EXACT)  # its density has a pole at 0


def test_uniform_tau_against_a_dense_sum():
    tau = dense.location(0, 1, low=0, high=12)
    expected = double_sum(8, st.norm(2, 6).logpdf, st.uniform(0, 12).logpdf, NORMAL, tau)
    post = gb.partial_pooling(EFFECTS, sigma=ERRORS, mu=gb.Normal(2, 6), tau=gb.Uniform(0, 12))
    assert_eight_schools(post, expected)


def assert_eight_schools(post: gb.Posterior, expected: dict, tolerance: float = EXACT) -> None:
    assert post.log_evidence == pytest.approx(expected["log_evidence"], abs=tolerance)
    assert off(post.mean("mu"), expected["mu"], expected["mu_sd"]) < tolerance
    assert post.sd("mu") == pytest.approx(expected["mu_sd"], rel=10 * tolerance)
    assert post.mean("tau") == pytest.approx(expected["tau"], rel=10 * tolerance)
    assert off(post.mean("theta", 0), expected["theta"], expected["theta_sd"]) < tolerance
    assert post.sd("theta", 0) == pytest.approx(expected["theta_sd"], rel=10 * tolerance)


def test_a_prior_of_mu_without_a_closed_form_and_a_tau_down_to_zero():
    log_p = st.gamma(2.5, scale=1 / 0.3).logpdf
    nodes = dense.location(0, 1, breaks=2.0 ** -np.arange(40), low=0, reach=7)
    expected = double_sum(8, log_p, lambda x: dense.half_cauchy(x, 5), nodes, dense.log_scale(0.15, -30, 9))
    post = gb.partial_pooling(EFFECTS, sigma=ERRORS, mu=gb.Gamma(2.5, 0.3), tau=gb.HalfCauchy(5))
    assert_eight_schools(post, expected, 1e-9)


def test_a_frozen_normal_is_a_normal():
    ours, theirs = (
        gb.partial_pooling(EFFECTS[:2], sigma=ERRORS[:2], mu=prior, tau=gb.Uniform(3, 4))
        for prior in (gb.Normal(1, 5), st.norm(1, 5))
    )
    assert ours.log_evidence == pytest.approx(theirs.log_evidence, abs=EXACT)
    np.testing.assert_allclose(ours.mean("theta"), theirs.mean("theta"), rtol=EXACT)
    np.testing.assert_allclose(ours.sd("theta"), theirs.sd("theta"), rtol=1e-9)


# --- known, shared and own sigma against linear algebra ---------------------------------------------------------

ROW_ERRORS = {"G": [3, 14, 5], "E": [8, 1, 9], "M": [12]}
ROW_VARIANCES = np.array([3.0, 14, 5, 8, 1, 9, 12]) ** 2


def test_errors_of_every_row_in_partial_pooling():
    tau, weight = dense.log_scale(0.1, -36, 6)
    noise = np.broadcast_to(ROW_VARIANCES, (len(tau), 7))
    log_p = dense.half_normal(tau, 9) + np.log(weight)
    expected = dense.mixture(VALUES, CODES, noise, *dense.partial(3, 2, 8, tau), log_p)
    post = gb.partial_pooling(RAGGED, sigma=ROW_ERRORS, mu=gb.Normal(2, 8), tau=gb.HalfNormal(9))
    assert_gaussian(post, expected, "theta")
    assert_marginal(post, "mu", None, expected.moments(1))
    assert_marginal(post, "tau", None, expected.scale(tau))
    assert off(post.quantile("theta", 0.03, "E"), expected.quantile(0.03, 0, 0, 1), 10) < 1e-10


@pytest.mark.parametrize("kind", ["complete", "no"])
def test_errors_of_every_row_without_tau(kind):
    prior = dense.partial(3, 2, 20, np.array([0.0])) if kind == "complete" else dense.unpooled(3, 2, 20, 1)
    expected = dense.mixture(VALUES, CODES, ROW_VARIANCES[None], *prior, np.zeros(1))
    call = {"complete": gb.complete_pooling, "no": gb.no_pooling}[kind]
    assert_gaussian(call(RAGGED, sigma=ROW_ERRORS, theta=gb.Normal(2, 20)), expected, "theta")


@pytest.mark.parametrize("kind", ["complete", "no", "partial"])
def test_a_shared_learned_sigma(kind):
    sigma, sigma_weight = dense.log_scale(0.15, -6, 12)
    tau, tau_weight = dense.log_scale(0.15, -25, 12) if kind == "partial" else (np.zeros(1), np.ones(1))
    cells = [x.ravel() for x in np.meshgrid(tau, sigma, indexing="ij")]
    log_p = dense.half_normal(cells[1], 9) + np.log(np.outer(tau_weight, sigma_weight).ravel())
    if kind == "partial":
        log_p += dense.half_normal(cells[0], 12)
    prior = dense.unpooled(3, 2, 20, len(log_p)) if kind == "no" else dense.partial(3, 2, 20, cells[0])
    expected = dense.mixture(VALUES, CODES, np.repeat(cells[1][:, None] ** 2, 7, axis=1), *prior, log_p)
    priors = {"mu": gb.Normal(2, 20), "tau": gb.HalfNormal(12)} if kind == "partial" else {"theta": gb.Normal(2, 20)}
    call = {"complete": gb.complete_pooling, "no": gb.no_pooling, "partial": gb.partial_pooling}[kind]
    post = call(RAGGED, sigma=gb.HalfNormal(9), shared_sigma=True, **priors)
    assert_gaussian(post, expected, "theta", 1e-9)
    assert_marginal(post, "sigma", None, expected.scale(cells[1]), 1e-9)
    if kind == "partial":
        assert_marginal(post, "mu", None, expected.moments(1), 1e-9)
        assert_marginal(post, "tau", None, expected.scale(cells[0]), 1e-9)


def assert_gaussian(post: gb.Posterior, expected: dense.Mixture, name: str, tolerance: float = EXACT) -> None:
    assert post.log_evidence == pytest.approx(expected.log_evidence, abs=tolerance)
    for d, group in enumerate("GEM" if name in post.per_group else [None]):
        assert_marginal(post, name, group, expected.moments(*np.eye(4)[d + 1]), tolerance)


def assert_marginal(post, name, group, moments, tolerance: float = EXACT) -> None:
    mean, sd = moments
    assert off(post.mean(name, group), mean, sd) < tolerance
    assert post.sd(name, group) == pytest.approx(sd, rel=10 * tolerance)


def test_a_sigma_of_each_group_without_pooling():
    post = gb.no_pooling(RAGGED, sigma=gb.HalfNormal(9), theta=gb.Normal(2, 20))
    total = 0.0
    for d, group in enumerate("GEM"):
        rows = VALUES[d == CODES]
        sigma, weight = dense.log_scale(0.1, -36 if len(rows) == 1 else -3, 5)
        noise = np.repeat(sigma[:, None] ** 2, len(rows), axis=1)
        log_p = dense.half_normal(sigma, 9) + np.log(weight)
        prior = dense.unpooled(1, 2, 20, len(sigma))
        expected = dense.mixture(rows, np.zeros(len(rows), int), noise, *prior, log_p)
        assert_marginal(post, "theta", group, expected.moments(0, 1), 1e-7)
        assert_marginal(post, "sigma", group, expected.scale(sigma), 1e-7)
        total += expected.log_evidence
    assert post.log_evidence == pytest.approx(total, abs=1e-7)


def test_a_sigma_of_each_group_with_complete_pooling():
    post = gb.complete_pooling(RAGGED, sigma=gb.HalfNormal(9), theta=gb.Normal(2, 20))
    theta, theta_weight = dense.graded(
        30.0, np.union1d(2.0 ** np.arange(-45, 1), np.arange(1, 200, 1.5))
    )  # one row at 30: a logarithmic pole
    log_prior = st.norm(2, 20).logpdf(theta) + np.log(theta_weight)
    tables, sigmas = [], []
    for d in range(3):
        rows = VALUES[d == CODES]
        sigma, weight = dense.log_scale(0.1, -36 if len(rows) == 1 else -3, 5)
        fit = sum(st.norm.logpdf(y, theta[:, None], sigma) for y in rows)
        tables.append(fit + dense.half_normal(sigma, 9) + np.log(weight))
        sigmas.append(sigma)
    own = [dense.log_sum(table, 1) for table in tables]
    log_joint = log_prior + sum(own)
    log_evidence = dense.log_sum(log_joint, 0)
    assert post.log_evidence == pytest.approx(log_evidence, abs=1e-7)
    p = np.exp(log_joint - log_evidence)
    assert_marginal(post, "theta", None, dense.moments(p, theta), 1e-7)
    for group, sigma, table, log_l in zip("GEM", sigmas, tables, own, strict=True):
        q = np.exp(dense.log_sum((log_joint - log_l - log_evidence)[:, None] + table, 0))
        assert_marginal(post, "sigma", group, dense.moments(q, sigma), 1e-7)


# --- contrasts and joints ---------------------------------------------------------------------------------------


@cache
def late() -> tuple[gb.Posterior, dense.Mixture]:
    """The ragged data with known sigma, and their oracle."""
    return gb.partial_pooling(RAGGED, sigma=15, mu_scale=20, tau_scale=20), tutorial_oracle(20, 20)[0]


@pytest.mark.parametrize("pair", [("M", "E"), ("E", "M"), ("G", "M")])
def test_contrast_is_the_distribution_of_the_difference(pair):
    post, expected = late()
    direction = np.eye(4)["GEM".index(pair[0]) + 1] - np.eye(4)["GEM".index(pair[1]) + 1]
    mean, sd = expected.moments(*direction)
    difference = post.contrast(*pair)
    assert off(difference.mean(), mean, sd) < EXACT
    assert difference.sd() == pytest.approx(sd, rel=EXACT)
    assert difference.mean() == pytest.approx(post.mean("theta", pair[0]) - post.mean("theta", pair[1]), abs=1e-9)
    assert difference.quantile(0.1) == pytest.approx(expected.quantile(0.1, *direction), abs=1e-8)
    independent = np.hypot(post.sd("theta", pair[0]), post.sd("theta", pair[1]))
    assert abs(difference.sd() / independent - 1) > 0.01  # what a difference of marginals would say


@pytest.mark.parametrize("sigma", ["own", "shared"])
def test_contrast_where_sigma_is_learned(sigma):
    shared, two = sigma == "shared", {"M": [30, 26], "E": [-15, -11, 2]}
    priors = {"mu": gb.Normal(2, 20), "tau": gb.HalfNormal(12), "sigma": gb.HalfNormal(9)}
    post = gb.partial_pooling(two, shared_sigma=shared, **priors)
    difference = post.contrast("M", "E")
    expected = post.mean("theta", "M") - post.mean("theta", "E")
    error = off(difference.mean(), expected, difference.sd())
    assert error < (1e-9 if shared else 5e-3)
    assert error <= 1.1 * difference.accuracy.largest.size


def test_contrast_without_pooling_is_of_independent_groups():
    post = gb.no_pooling(RAGGED, sigma=15, theta=gb.Normal(0, 20))
    difference = post.contrast("M", "E")
    precision = 1 / 20**2 + np.array([1, 3]) / 15**2  # of MATH and ENGLISH
    mean, sd = (30 / precision[0] + 45 / precision[1]) / 15**2, np.sqrt((1 / precision).sum())
    assert difference.mean() == pytest.approx(mean, rel=1e-12)
    assert difference.sd() == pytest.approx(sd, rel=1e-12)
    assert difference.probability(above=5) == pytest.approx(st.norm.sf(5, mean, sd), rel=1e-10)
    assert difference.accuracy.largest.size < 1e-10


def test_contrast_without_pooling_under_a_prior_that_is_not_normal():
    """Two Student-t priors with sigma 15: a sum over a fine grid of both thetas."""
    post = gb.no_pooling({"M": [30], "E": [-15]}, sigma=15, theta=gb.StudentT(4, 0, 20))
    theta = np.linspace(-400, 400, 4001)
    p = [st.t.pdf(theta / 20, 4) * st.norm.pdf(t, theta, 15) for t in (30, -15)]
    mean = [(theta * each).sum() / each.sum() for each in p]
    assert post.contrast("M", "E").mean() == pytest.approx(mean[0] - mean[1], abs=1e-5)


@pytest.mark.parametrize(("first", "second"), [("mu", "tau"), ("tau", "mu"), ("mu", "theta"), ("theta", "tau")])
def test_joints_sum_to_one_and_have_the_marginals(first, second):
    post, expected = late()
    group = "M" if "theta" in (first, second) else None
    joint = post.joint(first, second, group=group)
    assert joint.dims == (first, second)
    assert float(joint.sum()) == pytest.approx(1, abs=1e-12)
    for name, other in ((first, second), (second, first)):
        mean = float((joint.sum(other) * joint[name]).sum())
        own = "M" if name == "theta" else None
        assert mean == pytest.approx(post.mean(name, own), abs=1e-10 * post.sd(name, own))
        np.testing.assert_allclose(joint.sum(other), post.marginal(name, own), atol=1e-12)


def test_joint_of_mu_and_theta_has_their_covariance():
    post, expected = late()
    joint = post.joint("mu", "theta", group="M")
    mu, theta = joint["mu"] - post.mean("mu"), joint["theta"] - post.mean("theta", "M")
    both, one, other = (expected.moments(*d)[1] ** 2 for d in ((1, 0, 0, 1), (1,), (0, 0, 0, 1)))
    assert float((joint * mu * theta).sum()) == pytest.approx((both - one - other) / 2, rel=1e-5)


# --- units ----------------------------------------------------------------------------------------------------


def moved(call, scale: float, shift: float, learned: bool = False, **options) -> gb.Posterior:
    values = {label: np.array(rows, float) * scale + shift for label, rows in RAGGED.items()}
    prior = gb.Normal(2 * scale + shift, 20 * scale)
    priors = {"mu": prior, "tau": gb.HalfCauchy(5 * scale)} if call is gb.partial_pooling else {"theta": prior}
    return call(values, sigma=gb.HalfNormal(9 * scale) if learned else 15 * scale, **priors, **options)


MOVES = [(1e-9, 0.0), (1e9, 0.0), (1.0, 1e6), (0.01, 1e4), (1e9, -1e15), (1e-9, 1e-3)]


@pytest.mark.parametrize("move", MOVES, ids=str)
@pytest.mark.parametrize("call", [gb.partial_pooling, gb.no_pooling, gb.complete_pooling])
def test_a_change_of_unit_changes_only_the_unit(call, move):
    assert_moved(moved(call, 1, 0), moved(call, *move), *move)


@pytest.mark.parametrize("move", MOVES[:3], ids=str)
@pytest.mark.parametrize("call", [gb.no_pooling, gb.complete_pooling])
def test_a_change_of_unit_where_sigma_is_shared(call, move):
    before, after = (moved(call, *x, learned=True, shared_sigma=True) for x in ((1, 0), move))
    assert_moved(before, after, *move)


@pytest.mark.parametrize("move", MOVES[:3:2], ids=str)
@pytest.mark.parametrize("call", [gb.no_pooling, gb.complete_pooling])
def test_a_change_of_unit_where_every_group_has_its_sigma(call, move):
    assert_moved(moved(call, 1, 0, learned=True), moved(call, *move, learned=True), *move)


def assert_moved(before: gb.Posterior, after: gb.Posterior, scale: float, shift: float, tolerance=1e-8) -> None:
    for (label, old), (_, new) in zip(before.rows, after.rows, strict=True):
        origin = 0.0 if label.startswith(("tau", "sigma")) else shift
        assert off((new.mean - origin) / scale, old.mean, old.sd) < tolerance, label
        assert new.sd / scale == pytest.approx(old.sd, rel=tolerance), label
        q = np.array([0.05, 0.5, 0.9])
        assert off((new.quantile(q) - origin) / scale, old.quantile(q), old.sd) < tolerance, label
    assert after.log_evidence == pytest.approx(before.log_evidence - 7 * np.log(scale), abs=1e-7)


def test_the_order_of_groups_is_irrelevant():
    post = gb.partial_pooling(RAGGED, sigma=15, mu_scale=10, tau_scale=3)
    other = gb.partial_pooling(dict(reversed(RAGGED.items())), sigma=15, mu_scale=10, tau_scale=3)
    assert other.groups == ("M", "E", "G")
    np.testing.assert_allclose(other.mean("theta").sel(group=list("GEM")), post.mean("theta"), rtol=EXACT)
    assert other.log_evidence == pytest.approx(post.log_evidence, abs=EXACT)


# --- limits ---------------------------------------------------------------------------------------------------


def test_tau_near_zero_is_complete_pooling():
    partial = gb.partial_pooling(RAGGED, sigma=15, mu=gb.Normal(0, 20), tau=gb.HalfNormal(1e-6))
    complete = gb.complete_pooling(RAGGED, sigma=15, theta=gb.Normal(0, 20))
    np.testing.assert_allclose(partial.mean("theta"), complete.mean("theta"), atol=1e-9)
    np.testing.assert_allclose(partial.sd("theta"), complete.sd("theta"), rtol=1e-9)
    assert partial.log_evidence == pytest.approx(complete.log_evidence, abs=1e-9)


def test_huge_tau_is_no_pooling():
    partial = gb.partial_pooling(RAGGED, sigma=15, mu=gb.Normal(0, 1), tau=gb.Uniform(1e6, 1e6 + 1))
    separate = gb.no_pooling(RAGGED, sigma=15, theta=gb.Normal(0, 1e6))
    np.testing.assert_allclose(partial.mean("theta"), separate.mean("theta"), atol=1e-7)
    np.testing.assert_allclose(partial.sd("theta"), separate.sd("theta"), rtol=1e-9)


def test_no_pooling_with_a_flat_prior_is_the_mean_and_its_standard_error():
    post = gb.no_pooling(RAGGED, sigma=15, theta=gb.Flat())
    np.testing.assert_allclose(post.mean("theta"), [2 / 3, -15, 30], atol=1e-11)
    np.testing.assert_allclose(post.sd("theta"), 15 / np.sqrt([3, 3, 1]), rtol=1e-11)


def test_complete_pooling_with_a_flat_prior_is_the_mean():
    post = gb.complete_pooling(RAGGED, sigma=15, theta=gb.Flat())
    assert post.mean("theta") == pytest.approx(-13 / 7, abs=1e-11)
    assert post.sd("theta") == pytest.approx(15 / np.sqrt(7), rel=1e-11)


def test_a_learned_sigma_with_flat_priors_is_student():
    post = gb.complete_pooling([3, 5, 10, 2, 7], sigma=gb.Flat(), shared_sigma=True, theta=gb.Flat())
    y = np.array([3, 5, 10, 2, 7])
    student = st.t(3, y.mean(), np.sqrt(y.var() * 5 / 3 / 5))  # p(sigma) = 1: n - 2 degrees of freedom
    q = [0.01, 0.3, 0.9]
    np.testing.assert_allclose(post.quantile("theta", q), student.ppf(q), rtol=1e-8)
    assert post.sd("theta") == pytest.approx(student.std(), rel=2e-7)  # cells of sigma below e**-40 are left out


# --- models.md, B1 to B4 --------------------------------------------------------------------------------------


def test_the_mean_of_many_values_with_a_known_sd():
    values = np.random.default_rng(0).normal(3, 1, 1000)
    post = gb.complete_pooling({"all": values}, sigma=1, theta=gb.Normal(0, 10))
    assert post.mean("theta") == pytest.approx(values.sum() / 1000.01, rel=1e-13)
    assert post.sd("theta") == pytest.approx(1 / np.sqrt(1000.01), rel=1e-12)


def two_groups(second: int) -> dict[str, np.ndarray]:
    """Sample means exactly 0 and 2."""
    spread = np.array([-1.0, 1.0])
    return {"a": np.tile(spread, 500), "b": 2 + np.tile(spread, second // 2)}


@pytest.mark.parametrize(("second", "printed"), [(100, 0.1818), (200, 0.3333)])
def test_the_pooled_estimate(second, printed):
    post = gb.complete_pooling(two_groups(second), sigma=1, theta=gb.Flat())
    assert post.mean("theta") == pytest.approx(printed, abs=5e-5)


@pytest.mark.parametrize(("second", "printed"), [(100, 1.0), (200, 1.3333)])
def test_the_unpooled_estimate(second, printed):
    post = gb.no_pooling(two_groups(second), sigma=1, theta=gb.Normal(0, 0.1))
    assert post.mean("theta", "b") == pytest.approx(printed, abs=5e-5)
    assert post.mean("theta", "a") == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("second", "printed"), [(100, (0.83019, 0.07547, 1.41509)), (200, (0.90588, 0.08235, 1.63529))]
)
def test_the_hierarchical_estimate(second, printed):
    """tau is known to be .1; a uniform prior within 1e-9 of it says that."""
    tau = gb.Uniform(0.1 - 1e-9, 0.1 + 1e-9)
    post = gb.partial_pooling(two_groups(second), sigma=1, mu=gb.Normal(1, 0.1), tau=tau)
    found = (post.mean("mu"), post.mean("theta", "a"), post.mean("theta", "b"))
    np.testing.assert_allclose(found, printed, atol=5e-6)


# --- few, many, none, the same --------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [gb.partial_pooling, gb.no_pooling, gb.complete_pooling])
def test_one_group_of_one_row(call):
    post = call([7.0], sigma=2, mu=gb.Normal(0, 3))
    variance = 3**2 if call is not gb.partial_pooling else None
    theta = post.mean("theta", *([0] if "theta" in post.per_group else []))
    if variance:
        assert theta == pytest.approx(7 * variance / (variance + 4), rel=1e-11)
    assert 0 < theta < 7 and np.isfinite(post.log_evidence)


def test_one_row_of_a_learned_sigma():
    post = gb.no_pooling([7.0], sigma=gb.HalfNormal(2), theta=gb.Normal(0, 3))
    assert 0 < post.mean("theta", 0) < 7 and 0 < post.mean("sigma", 0) < 7


def test_a_group_without_rows_keeps_its_prior():
    post = gb.no_pooling({"a": [1, 2], "b": []}, sigma=gb.HalfNormal(2), theta=gb.Normal(5, 3))
    assert post.mean("theta", "b") == pytest.approx(5, abs=1e-10)
    assert post.sd("theta", "b") == pytest.approx(3, rel=1e-10)
    assert post.mean("sigma", "b") == pytest.approx(2 * np.sqrt(2 / np.pi), rel=1e-9)


def test_a_group_without_rows_gets_the_predictive():
    post, expected = late()
    more = gb.partial_pooling({**RAGGED, "new": []}, sigma=15, mu_scale=20, tau_scale=20)
    assert more.log_evidence == pytest.approx(post.log_evidence, abs=EXACT)
    np.testing.assert_allclose(more.mean("theta").sel(group=list("GEM")), post.mean("theta"), atol=1e-9)
    assert more.mean("theta", "new") == pytest.approx(post.mean("mu"), abs=1e-9)
    tau, weight = dense.log_scale(0.1, -36, 36)
    spread = expected.weight @ tau**2  # var(theta_new) = var(mu) + E tau**2
    assert more.var("theta", "new") == pytest.approx(post.var("mu") + spread, rel=1e-8)


def test_three_thousand_groups():
    rng = np.random.default_rng(3)
    errors = rng.uniform(0.5, 2, 3000)
    effects = rng.normal(1, np.hypot(3, errors))
    post = gb.partial_pooling(effects, sigma=errors, mu=gb.Normal(0, 2), tau=gb.Uniform(3 - 1e-9, 3 + 1e-9))
    weight = 1 / (9 + errors**2)
    assert post.mean("mu") == pytest.approx(weight @ effects / (weight.sum() + 1 / 4), rel=1e-9)
    assert post.sd("mu") == pytest.approx((weight.sum() + 1 / 4) ** -0.5, rel=1e-9)
    shrink = errors**2 * weight
    for d in (0, 17, 2999):
        expected = shrink[d] * post.mean("mu") + (1 - shrink[d]) * effects[d]
        assert post.mean("theta", d) == pytest.approx(expected, abs=1e-9)


def test_few_cells_say_what_all_cells_say(monkeypatch):
    rng = np.random.default_rng(5)
    errors = rng.uniform(0.5, 2, 1200)
    effects = rng.normal(1, np.hypot(3, errors))
    arguments = {"sigma": errors, "mu": gb.Normal(0, 2), "tau": gb.HalfCauchy(5)}
    few = gb.partial_pooling(effects, **arguments)
    assert len(few.model.few(16)[1]) < len(few.model.kept) / 5
    monkeypatch.setattr(given_scales, "MANY", np.inf)
    every = gb.partial_pooling(effects, **arguments)
    for d in (0, int(np.argmax(effects)), int(np.argmin(errors)), 1199):
        assert off(few.mean("theta", d), every.mean("theta", d), every.sd("theta", d)) < 1e-12
        assert few.sd("theta", d) == pytest.approx(every.sd("theta", d), rel=1e-11)
        assert off(few.quantile("theta", 0.01, d), every.quantile("theta", 0.01, d), every.sd("theta", d)) < 1e-10


def test_few_cells_of_a_heavy_tailed_sigma_say_what_all_cells_say():
    """Few rows and a half-Cauchy leave sigma a heavy tail: by Gauss's rule in sigma itself they differ by 1e-6."""
    rows = {"a": [13.1, 13.9, 13.4, 12.6, 13.8, 14.4, 13.2, 13.6], "b": [18.1, 17.0, 17.2, 18.3, 17.7, 16.9, 17.5]}
    priors = {"mu": gb.Laplace(1, 2), "tau": gb.HalfNormal(3)}
    absent = dict.fromkeys(("likelihood", "grids", "program", "value", "group", "groups"))
    model = pooling("partial", rows, sigma=gb.HalfCauchy(5), shared_sigma=True, priors=priors, **absent)
    fitted = given_scales.GivenScales(model, 1e-6, 12)
    assert len(fitted.few(24)[1]) < len(fitted.kept) / 2
    (few,), (every,) = (mixed([0]) for mixed in (fitted._mixed_by_few, fitted._mixed_by_all))
    assert not np.array_equal(few.grid.edges, every.grid.edges)  # all cells were not asked
    assert off(few.mean, every.mean, every.sd) < 1e-9
    assert few.sd == pytest.approx(every.sd, rel=1e-8)


def test_all_cells_are_summed_where_few_do_not_suffice(monkeypatch):
    """As tau goes to 0 a sharp group's theta has no smooth density in tau: the eight schools' cells are not narrow."""
    arguments = {"sigma": ERRORS, "mu": gb.Normal(0, 5), "tau": gb.HalfCauchy(5)}
    every = gb.partial_pooling(EFFECTS, **arguments)
    monkeypatch.setattr(given_scales, "MANY", 0)
    monkeypatch.setattr(given_scales, "FEW", (4,))
    found = gb.partial_pooling(EFFECTS, **arguments)
    np.testing.assert_array_equal(found.mean("theta"), every.mean("theta"))


def test_eighty_five_counties_with_a_shared_sigma():
    """Rows as in the radon data of Minnesota (Gelman & Hill, 2007), against trapezoid rules in log tau and log sigma."""
    rng = np.random.default_rng(7)
    counts = np.minimum(1 + rng.geometric(0.1, 85), 116)
    codes = np.repeat(np.arange(85), counts)
    values = rng.normal(rng.normal(1.35, 0.3, 85)[codes], 0.77)
    post = gb.partial_pooling(
        values, group=codes, mu=gb.Normal(0, 10), tau=gb.HalfNormal(1), sigma=gb.HalfNormal(1), shared_sigma=True
    )
    expected = counties(values, codes)
    assert post.log_evidence == pytest.approx(expected["log_evidence"], abs=1e-8)
    for name in ("mu", "tau", "sigma"):
        mean, sd = expected[name]
        assert off(post.mean(name), mean, sd) < 1e-8
        assert post.sd(name) == pytest.approx(sd, rel=1e-8)
    mean, sd = expected["theta"]
    assert np.abs((post.mean("theta").values - mean) / sd).max() < 1e-8
    np.testing.assert_allclose(post.sd("theta"), sd, rtol=1e-8)


def counties(values: np.ndarray, codes: np.ndarray) -> dict:
    """Moments under mu ~ N(0, 10), tau ~ HalfNormal(1), sigma ~ HalfNormal(1): mu and theta by their normal posteriors."""
    n, y = np.bincount(codes), np.bincount(codes, values) / np.bincount(codes)
    within = np.sum((values - y[codes]) ** 2)
    (tau, tau_weight), (sigma, sigma_weight) = dense.log_scale(0.02, -12, 1), dense.log_scale(0.004, -0.6, 0.1)
    log_w, mu, mu_var, theta, theta_var = [], [], [], [], []
    for s, weight in zip(sigma, sigma_weight, strict=True):
        v = s**2 / n + tau[:, None] ** 2  # (tau, county)
        precision = (1 / v).sum(axis=1) + 1 / 100
        m = (y / v).sum(axis=1) / precision
        log_l = st.norm.logpdf(y, m[:, None], np.sqrt(v)).sum(axis=1) + st.norm.logpdf(m, 0, 10)
        log_l += np.log(2 * np.pi / precision) / 2 - (n.sum() - 85) * np.log(2 * np.pi * s**2) / 2 - within / s**2 / 2
        log_l -= np.log(n).sum() / 2
        log_w.append(log_l + dense.half_normal(tau, 1) + np.log(tau_weight) + dense.half_normal(s, 1) + np.log(weight))
        b = s**2 / n / v
        mu.append(m)
        mu_var.append(1 / precision)
        theta.append(b * m[:, None] + (1 - b) * y)
        theta_var.append(b * tau[:, None] ** 2 + b**2 / precision[:, None])
    log_w = np.stack(log_w)
    log_evidence = dense.log_sum(log_w.ravel(), 0)
    w = np.exp(log_w - log_evidence)  # (sigma, tau)

    def mixed(mean, variance) -> tuple:
        mean, variance = np.stack(mean), np.stack(variance)
        centre = np.tensordot(w, mean, 2)
        return centre, np.sqrt(np.tensordot(w, variance + (mean - centre) ** 2, 2))

    return {
        "log_evidence": log_evidence,
        "mu": mixed(mu, mu_var),
        "theta": mixed(theta, theta_var),
        "tau": dense.moments(w.sum(axis=0), tau),
        "sigma": dense.moments(w.sum(axis=1), sigma),
    }


def test_a_hundred_groups_with_errors_from_a_millionth_to_a_million():
    errors = np.geomspace(1e-6, 1e6, 13)
    effects = np.linspace(-1, 1, 13)
    tau, weight = dense.log_scale()
    noise = np.broadcast_to(errors**2, (len(tau), 13))
    post = gb.partial_pooling(effects, sigma=errors, mu=gb.Normal(0, 2), tau=gb.HalfNormal(1))
    log_w = dense.half_normal(tau, 1) + np.log(weight)
    precision = 1 / (noise + tau[:, None] ** 2)  # mu given tau, in closed form
    total = precision.sum(axis=1)
    centre = precision @ effects / total
    log_w = log_w + 0.5 * np.log(precision).sum(axis=1) - 0.5 * np.log(1 + 4 * total)
    log_w = log_w - 0.5 * (precision * (effects - centre[:, None]) ** 2).sum(axis=1) - centre**2 / (1 / total + 4) / 2
    w = np.exp(log_w - log_w.max())
    w /= w.sum()
    assert post.mean("tau") == pytest.approx(w @ tau, rel=1e-9)
    assert post.mean("mu") == pytest.approx(w @ (total * centre / (total + 0.25)), abs=1e-10)
    assert post.mean("theta", 0) == pytest.approx(effects[0], abs=1e-6)


def test_identical_values_with_a_known_sigma():
    post = gb.partial_pooling([[3, 3], [3, 3], [3]], sigma=2, mu=gb.Flat(), tau=gb.HalfCauchy(5))
    np.testing.assert_allclose(post.mean("theta"), 3, atol=1e-9)
    assert np.isfinite(post.sd("mu")) and np.isfinite(post.log_evidence)


@pytest.mark.parametrize("call", [gb.partial_pooling, gb.no_pooling])
def test_identical_values_teach_no_sigma(call):
    with pytest.raises(ValueError, match=r"sigma of group 0 cannot be learned: .* posterior is improper\. Pass"):
        call([[3, 3], [3, 4], [3]], sigma=gb.HalfCauchy(5))
    with pytest.raises(ValueError, match="sigma cannot be learned: the rows of every group are all the same"):
        call([[3, 3], [5, 5], [4]], sigma=gb.HalfCauchy(5), shared_sigma=True)


def test_values_that_agree_within_groups_only_teach_a_sigma_of_all():
    post = gb.complete_pooling([[3, 3], [5, 5], [4]], sigma=gb.HalfNormal(2), shared_sigma=True, theta=gb.Normal(4, 5))
    assert post.mean("theta") == pytest.approx(4, abs=1e-9) and 0.5 < post.mean("sigma") < 2


@pytest.mark.parametrize("call", [gb.partial_pooling, gb.complete_pooling])
def test_single_rows_that_are_all_the_same_teach_no_sigma_of_all(call):
    with pytest.raises(ValueError, match="sigma cannot be learned: .* does not vanish fast enough at 0"):
        call([3, 3, 3], sigma=gb.HalfNormal(2), shared_sigma=True)


def mean_of_equal_rows(n, prior):
    """E[theta] of n rows that are all 3 under N(0, 5): given sigma in closed form, then a sum over log sigma."""
    sigma = np.exp(np.arange(-40, 12, 0.002))
    p = prior(sigma) * sigma * sigma ** (1 - n) * st.norm.pdf(3, 0, np.sqrt(25 + sigma**2 / n))
    return p @ (75 / (25 + sigma**2 / n)) / p.sum()


@pytest.mark.parametrize(("alpha", "proper"), [(1.5, False), (2.5, True)])
def test_a_prior_of_sigma_may_vanish_just_fast_enough(alpha, proper):
    """Three equal rows say sigma**-2: Gamma(alpha) has to be above the power 1, sigma**(alpha - 1)."""
    arguments = {"sigma": gb.Gamma(alpha, 1), "theta": gb.Normal(0, 5)}
    if proper:
        post = gb.no_pooling([[3, 3, 3]], **arguments)
        assert post.mean("theta", 0) == pytest.approx(mean_of_equal_rows(3, st.gamma(alpha).pdf), abs=1e-5)
    else:
        with pytest.raises(ValueError, match="sigma of group 0 cannot be learned"):
            gb.no_pooling([[3, 3, 3]], **arguments)


def test_identical_values_with_a_prior_that_vanishes_at_zero():
    post = gb.no_pooling([[3, 3], [3, 4]], sigma=gb.InverseGamma(2, 1), theta=gb.Normal(0, 5))
    assert post.mean("theta", 0) == pytest.approx(mean_of_equal_rows(2, st.invgamma(2).pdf), abs=1e-6)


# --- posteriors that do not exist -----------------------------------------------------------------------------


@pytest.mark.parametrize(("groups", "mu"), [(2, gb.Flat()), (1, gb.Flat()), (1, gb.Normal(0, 5))])
def test_a_flat_tau_with_few_groups_is_refused(groups, mu):
    with pytest.raises(ValueError, match=f"tau must have a proper prior here: .* with {groups} groups? .*HalfCauchy"):
        gb.partial_pooling(list(range(groups)), sigma=1, mu=mu, tau=gb.Flat())


@pytest.mark.parametrize(("groups", "mu"), [(3, gb.Flat()), (2, gb.Normal(0, 5))])
def test_a_flat_tau_with_one_group_more_has_an_answer(groups, mu):
    """p(tau | t) falls as tau**-2: neither its mean nor its variance exists."""
    post = gb.partial_pooling(list(range(groups)), sigma=1, mu=mu, tau=gb.Flat())
    assert np.isnan(post.mean("tau")) and post.sd("tau") == np.inf
    assert np.isfinite(post.quantile("tau", 0.9)) and np.isfinite(post.log_evidence)


@pytest.mark.parametrize(
    ("call", "data", "options", "message"),
    [
        (gb.no_pooling, {"a": [1, 2], "b": [3]}, {}, r"with 1 row in group 'b' .* \(2 are needed\)"),
        (gb.no_pooling, {"a": [1, 2], "b": []}, {}, "with 0 rows in group 'b'"),
        (gb.no_pooling, {"a": [1, 2]}, {"theta": gb.Flat()}, r"with 2 rows in group 'a' .* \(3 are needed\)"),
        (gb.complete_pooling, [1], {"shared_sigma": True}, "with 1 row in all"),
        (gb.complete_pooling, [1, 2], {"shared_sigma": True, "theta": gb.Flat()}, "with 2 rows in all"),
    ],
)
def test_a_flat_sigma_with_few_rows_is_refused(call, data, options, message):
    with pytest.raises(ValueError, match=f"sigma must have a proper prior here: .*{message}.*HalfCauchy"):
        call(data, sigma=gb.Flat(), **{"theta": gb.Normal(0, 5), **options})


def test_data_far_beyond_a_bounded_prior_have_an_answer():
    post = gb.complete_pooling([400.0], sigma=1, theta=gb.Uniform(-1, 1))
    assert post.mean("theta") == pytest.approx(1 - 1 / 399, abs=1e-4)


def test_a_flat_theta_without_data_is_refused():
    with pytest.raises(ValueError, match="theta must have a proper prior: group 'b' has no data"):
        gb.no_pooling({"a": [1], "b": []}, sigma=1, theta=gb.Flat())


# --- the statement of accuracy --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PUBLISHED)
def test_automatic_grids_state_a_tiny_error_that_bounds_the_true_one(name):
    post, numbers = published(name)
    assert post.accuracy.largest.size < 1e-9
    for label, error in post.accuracy.of_means.items():
        key = label.removeprefix("theta[").removesuffix("]")
        parameter, group = address(key)
        expected = numbers["parameters"][key]
        assert off(post.mean(parameter, group), expected["mean"], expected["sd"]) <= error + 1e-13


def test_the_program_that_ran_is_the_one_printed():
    post, _ = late()
    assert "chooses(mu in Mu, tau in Tau" in str(post.program) and "half_cauchy_lpdf" in str(post.program)
