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
    "t": {"sigma": 5.0, "likelihood": gb.StudentTErrors(1e9)},
}
WEIGHTS = {"M": 1, "G": -0.5, "E": -0.5}


@pytest.mark.parametrize("name", NEARLY)
def test_what_is_as_good_as_normal_has_the_answers_of_the_closed_form(name):
    exact, post = (gb.partial_pooling(ROWS, **arguments, **PRIORS) for arguments in ({"sigma": 5.0}, NEARLY[name]))
    np.testing.assert_allclose(post.rank().values, exact.rank().values, atol=2e-7)
    table, wanted = post.shrinkage(), exact.shrinkage()
    np.testing.assert_allclose(table["weight"].astype(float), wanted["weight"].astype(float), atol=1e-7)
    np.testing.assert_allclose(table["se"].astype(float), wanted["se"].astype(float), rtol=1e-6)
    assert table.loc["X", "weight"] == pytest.approx(0, abs=1e-9) and np.isnan(float(table.loc["X", "raw"]))
    if name == "t":
        return
    found, wanted = post.contrast(WEIGHTS), exact.contrast(WEIGHTS)
    q = [0.01, 0.3, 0.5, 0.95]
    np.testing.assert_allclose(found.quantile(q), wanted.quantile(q), atol=2e-6 * wanted.sd())
    assert found.sd() == pytest.approx(wanted.sd(), rel=1e-6)
    with pytest.raises(ValueError, match="contrast needs weights that sum to 0 where groups learn.*they sum to 2"):
        post.contrast({"M": 1, "G": 1})


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
