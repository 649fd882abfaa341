"""Ranks, weights and contrasts of thetas that are not normal given mu and tau: closed forms of models that are as good as
normal, integrals over one theta, sums over dense grids, and draws."""

import numpy as np
import pytest
import scipy.special
import scipy.stats as st

import gridbayes as gb

ROWS = {"G": [-10.0, 1, 11], "E": [-16.0, -15, -14], "M": [30.0], "X": []}
PRIORS = {"mu": gb.Normal(0, 10), "tau": gb.HalfNormal(8)}
NEARLY = {  # the normal model in all but name: sigma by group, as good as known; t of so many degrees of freedom
    "own": {"sigma": gb.LogNormal(np.log(5), 1e-4)},
    "narrow": {"sigma": gb.Uniform(5 - 5e-6, 5 + 5e-6)},
    "t": {"sigma": 5.0, "likelihood": gb.StudentTErrors(1e9)},
}
WEIGHTS = {  # each sums to 0, or moves with mu
    "own": [{"M": 1, "G": -0.5, "E": -0.5}, {"M": 1, "G": 1}],
    "narrow": [{"G": 1}],
    "t": [{"M": 1, "G": 1, "E": -1.9, "X": 0.5}],
}


@pytest.mark.parametrize("name", NEARLY)
def test_what_is_as_good_as_normal_has_the_answers_of_the_closed_form(name):
    exact, post = (gb.partial_pooling(ROWS, **arguments, **PRIORS) for arguments in ({"sigma": 5.0}, NEARLY[name]))
    np.testing.assert_allclose(post.rank().values, exact.rank().values, atol=2e-7)
    table, wanted = post.shrinkage(), exact.shrinkage()
    np.testing.assert_allclose(table["weight"].astype(float), wanted["weight"].astype(float), atol=1e-7)
    np.testing.assert_allclose(table["se"].astype(float), wanted["se"].astype(float), rtol=1e-6)
    assert table.loc["X", "weight"] == pytest.approx(0, abs=1e-9) and np.isnan(float(table.loc["X", "raw"]))
    assert post.log_evidence == pytest.approx(exact.log_evidence, abs=1e-6)
    np.testing.assert_allclose(post.mean("theta"), exact.mean("theta"), atol=1e-6)
    q = [0.01, 0.3, 0.5, 0.95]
    for weights in WEIGHTS[name]:
        found, wanted = post.contrast(weights), exact.contrast(weights)
        np.testing.assert_allclose(found.quantile(q), wanted.quantile(q), atol=2e-6 * wanted.sd())
        assert found.sd() == pytest.approx(wanted.sd(), rel=1e-6)


DEATHS, TRIALS = [1, 5, 3], [9, 12, 4]
THETA = np.linspace(-16, 16, 12801)


def of_group(d):
    return st.binom(TRIALS[d], scipy.special.expit(THETA)).pmf(DEATHS[d])


def test_without_pooling_ranks_and_contrasts_are_integrals():
    """P(d is the highest) = int p_d F_e F_f; a contrast's distribution function int int p_e p_f F_d."""
    post = gb.no_pooling(DEATHS, likelihood=gb.Binomial(TRIALS), theta=gb.Normal(-1, 1.5))
    p = np.stack([st.norm(-1, 1.5).pdf(THETA) * of_group(d) for d in range(3)])
    p /= p.sum(axis=1, keepdims=True)
    below = np.cumsum(p, axis=1) - p / 2
    ranks = post.rank().values
    for d, (e, f) in enumerate([(1, 2), (0, 2), (0, 1)]):
        assert ranks[d, 0] == pytest.approx(p[d] @ (below[e] * below[f]), abs=1e-6)
        assert ranks[d, 2] == pytest.approx(p[d] @ ((1 - below[e]) * (1 - below[f])), abs=1e-6)
    found = post.contrast({0: 1, 1: -2, 2: 1})
    every, mean, var = np.arange(3), p @ THETA, p @ THETA**2
    var = (var - mean**2)[every]
    assert found.mean() == pytest.approx(mean[0] - 2 * mean[1] + mean[2], abs=1e-8)
    assert found.var() == pytest.approx(var[0] + 4 * var[1] + var[2], rel=1e-8)
    pair = np.convolve(p[0], p[2])  # theta_0 + theta_2 on nodes of its own, 0.0025 apart
    at = np.interp((1.0 + 2 * THETA - 2 * THETA[0]) / 0.0025, np.arange(len(pair)), np.cumsum(pair) - pair / 2)
    assert found.probability(below=1.0) == pytest.approx(p[1] @ at, abs=1e-5)
    weight = 1 - var / 1.5**2
    np.testing.assert_allclose(post.shrinkage()["weight"].astype(float), weight, atol=1e-8)


def test_weights_of_counts_are_a_sum_over_mu_and_tau():
    post = gb.partial_pooling(DEATHS, likelihood=gb.Binomial(TRIALS), mu=gb.Normal(-1, 1), tau=gb.Uniform(0.3, 2))
    u, w = np.polynomial.legendre.leggauss(24)
    tau, mu = 1.15 + 0.85 * u, np.linspace(-7, 5, 121)
    log_p, weight = np.zeros((24, 121)), np.zeros((3, 24, 121))
    likelihoods = [of_group(d) for d in range(3)]
    for k in range(24):
        prior = st.norm(mu[:, None], tau[k]).pdf(THETA)
        log_p[k] = np.log(w[k]) + st.norm(-1, 1).logpdf(mu)
        for d, own in enumerate(likelihoods):
            total, first, second = (prior @ np.stack([own, own * THETA, own * THETA**2], axis=1)).T
            log_p[k] += np.log(total)
            weight[d, k] = 1 - (second / total - (first / total) ** 2) / tau[k] ** 2
    p = np.exp(log_p - log_p.max())
    wanted = (weight * p).sum(axis=(1, 2)) / p.sum()
    np.testing.assert_allclose(post.shrinkage()["weight"].astype(float), wanted, atol=1e-7)


def test_sums_of_two_groups_of_counts_are_sums_over_mu_and_tau():
    """P(theta_0 + w theta_1 < s | t) = sum over mu, tau and theta_1 of the distribution function of theta_0."""
    post = gb.partial_pooling(
        DEATHS[:2], likelihood=gb.Binomial(TRIALS[:2]), mu=gb.Normal(-1, 1), tau=gb.Uniform(0.3, 2)
    )
    u, share = np.polynomial.legendre.leggauss(12)
    tau, mu, theta = 1.15 + 0.85 * u, np.linspace(-7, 5, 61), THETA[::8]
    likelihoods = np.stack([of_group(d)[::8] for d in range(2)])
    total, below = 0.0, np.zeros(2)
    for k in range(12):
        prior = st.norm(mu[:, None], tau[k]).pdf(theta)
        one, two = (prior * own for own in likelihoods)
        cells = share[k] * st.norm(-1, 1).pdf(mu)
        total += cells @ (one.sum(axis=1) * two.sum(axis=1))
        for i, w in enumerate((1.0, -1.0)):  # P(theta_0 < 1.2 - w theta_1), half of a node's mass at the node itself
            reached = np.cumsum(one, axis=1) - one / 2
            at = (1.2 - w * theta - theta[0]) / (theta[1] - theta[0])
            low = np.clip(np.floor(at).astype(int), 0, len(theta) - 2)
            f = reached[:, low] + np.clip(at - low, 0, 1) * (reached[:, low + 1] - reached[:, low])
            below[i] += cells @ (two * f).sum(axis=1)
    assert post.contrast({0: 1, 1: 1}).probability(below=1.2) == pytest.approx(below[0] / total, abs=1e-5)
    assert post.contrast({0: 1, 1: -1}).probability(below=1.2) == pytest.approx(below[1] / total, abs=1e-5)


def test_contrasts_of_student_rows_agree_with_draws():
    rows = {"A": [-3.0, 0.0, 2.0, 40.0], "B": [5.0, 9.0], "C": [1.5, 3.0]}
    priors = {"mu": gb.Normal(0, 10), "tau": gb.HalfNormal(3)}
    post = gb.partial_pooling(rows, sigma=1.5, likelihood=gb.StudentTErrors(3), **priors)
    n = 4_000
    draws = post.sample(n, seed=5)["theta"].values
    for weights in ((1.0, -1.0, 0.0), (0.5, 0.5, 1.0), (0.0, 0.0, 1.0)):
        found, drawn = post.contrast(dict(zip("ABC", weights, strict=True))), draws @ np.array(weights)
        assert abs(drawn.mean() - found.mean()) < 4 * found.sd() / n**0.5
        spread = (drawn - found.mean()) ** 2
        assert abs(spread.mean() - found.var()) < 4 * spread.std() / n**0.5
        for q in (0.05, 0.5, 0.9):
            assert abs((drawn < found.quantile(q)).mean() - q) < 4 * (q * (1 - q) / n) ** 0.5


OWN = {"A": [-3.0, 0.0, 2.0], "B": [5.0, 9.0, 7.0, 2.0], "C": [1.5, 3.0]}


def test_sigmas_by_group_agree_with_draws():
    own = gb.partial_pooling(OWN, sigma=gb.HalfNormal(5), mu=gb.Normal(0, 10), tau=gb.HalfNormal(3))
    n = 40_000
    draws = own.sample(n, seed=4)
    theta, tau, sigma = draws["theta"].values, draws["tau"].values[:, None], draws["sigma"].values
    places = (-theta).argsort(axis=1).argsort(axis=1)
    simulated = np.stack([(places == r).mean(axis=0) for r in range(3)], axis=1)
    exact = own.rank().values
    assert (np.abs(simulated - exact) < 4 * np.sqrt(exact * (1 - exact) / n)).all()
    share = tau**2 / (tau**2 + sigma**2 / np.array([3, 4, 2]))  # of the group's own mean
    weight = own.shrinkage()["weight"].astype(float)
    assert (np.abs(share.mean(axis=0) - weight) < 4 * share.std(axis=0) / np.sqrt(n)).all()
