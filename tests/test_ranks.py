"""Ranks: two groups by their contrast, three by a plain sum, eight schools by simulation."""

import itertools

import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb
from gridbayes.models.ranks import normal_ranks

EFFECTS, ERRORS = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]
SCHOOLS = {"sigma": ERRORS, "groups": list("ABCDEFGH"), "mu": gb.Normal(0, 5), "tau": gb.HalfCauchy(5)}
RAGGED = {"G": [-10, 1, 11], "E": [-16, -15, -14], "M": [30]}


@pytest.mark.parametrize("sigma", [{"G": 6, "E": 0.5}, {"G": 3, "E": 9}])
def test_the_best_of_two_is_their_contrast(sigma):
    rows = {"G": [-1, 1, 9], "E": [-3, 2, 5]}
    post = gb.partial_pooling(rows, sigma=sigma, mu=gb.Normal(0, 10), tau=gb.HalfNormal(8))
    ranks = post.rank()
    assert ranks.dims == ("group", "rank") and ranks.sel(group="G", rank=1) > 0.5
    assert float(ranks.sel(group="G", rank=1)) == pytest.approx(post.contrast("G", "E").probability(above=0), abs=1e-8)
    np.testing.assert_allclose(post.rank(best="lowest").values, ranks.values[:, ::-1])


def test_the_ranks_of_three_without_pooling_are_a_sum_over_a_cube():
    """theta_d ~ N(mean_d, sd_d) independently; for three normals P(a > b > c) is a bivariate normal's orthant."""
    post = gb.no_pooling({"A": [1], "B": [2], "C": [4]}, sigma={"A": 1, "B": 5, "C": 2}, theta=gb.Normal(0, 10))
    mean, sd = post.mean("theta").values, post.sd("theta").values
    wanted = np.zeros((3, 3))
    for order in itertools.permutations(range(3)):
        a, b, c = order
        centre = [mean[a] - mean[b], mean[b] - mean[c]]
        cov = [[sd[a] ** 2 + sd[b] ** 2, -(sd[b] ** 2)], [-(sd[b] ** 2), sd[b] ** 2 + sd[c] ** 2]]
        p = st.multivariate_normal(np.negative(centre), cov).cdf([0, 0])
        for rank, group in enumerate(order):
            wanted[group, rank] += p
    np.testing.assert_allclose(post.rank().values, wanted, atol=1e-7)


def test_the_ranks_of_eight_schools_are_those_of_a_simulation():
    post = gb.partial_pooling(EFFECTS, **SCHOOLS)
    rng, n = np.random.default_rng(1), 400_000
    tau = np.linspace(0.0025, 150, 30_000)  # p(tau | t), then mu given tau, then thetas: BDA3, equations 5.17 to 5.21
    y, v = np.array(EFFECTS, float), np.array(ERRORS, float) ** 2 + tau[:, None] ** 2
    total = (1 / v).sum(axis=1) + 1 / 25
    centre = (y / v).sum(axis=1) / total
    log_p = -np.log(v).sum(axis=1) / 2 - np.log(total) / 2 - ((y**2 / v).sum(axis=1) - centre**2 * total) / 2
    log_p -= np.log1p((tau / 5) ** 2)
    p = np.exp(log_p - log_p.max())
    k = rng.choice(len(tau), n, p=p / p.sum())
    mu = centre[k] + rng.standard_normal(n) / np.sqrt(total[k])
    shrink = (np.array(ERRORS) ** 2 / v)[k]
    theta = shrink * mu[:, None] + (1 - shrink) * y + np.sqrt(shrink) * tau[k, None] * rng.standard_normal((n, 8))
    places = (-theta).argsort(axis=1).argsort(axis=1)
    simulated = np.stack([(places == r).mean(axis=0) for r in range(8)], axis=1)
    exact = post.rank().values
    assert np.abs(simulated - exact).max() < 4.5 * np.sqrt(exact * (1 - exact) / n).max()
    np.testing.assert_allclose(exact.sum(axis=0), 1, atol=1e-8)
    np.testing.assert_allclose(exact.sum(axis=1), 1, atol=1e-8)


SHARED = {"sigma": gb.HalfNormal(9), "shared_sigma": True, "mu": gb.Normal(0, 10), "tau": gb.HalfNormal(8)}


def test_the_best_of_two_with_a_shared_sigma_is_their_contrast():
    post = gb.partial_pooling({"G": [-1, 1, 9], "E": [-3, 2, 5]}, **SHARED)
    wanted = post.contrast("G", "E").probability(above=0)
    assert float(post.rank().sel(group="G", rank=1)) == pytest.approx(wanted, abs=1e-8)


def test_the_ranks_with_a_shared_sigma_are_those_of_a_simulation():
    """p(tau, sigma | t) on a grid by BDA3's closed forms, then mu, then thetas."""
    rng, n = np.random.default_rng(2), 400_000
    rows, count = {**RAGGED, "H": [4, -7]}, np.array([3, 3, 1, 2])
    mean = np.array([np.mean(values) for values in rows.values()])
    squares = sum(np.sum((np.array(values) - np.mean(values)) ** 2) for values in rows.values())
    tau, sigma = (x.ravel() for x in np.meshgrid(np.linspace(0.02, 45, 500), np.linspace(0.04, 45, 500)))
    v = sigma[:, None] ** 2 / count + tau[:, None] ** 2
    total = (1 / v).sum(axis=1) + 1 / 100
    centre = (mean / v).sum(axis=1) / total
    log_p = -np.log(v).sum(axis=1) / 2 - np.log(total) / 2 - ((mean**2 / v).sum(axis=1) - centre**2 * total) / 2
    log_p += -(9 - 4) * np.log(sigma) - squares / (2 * sigma**2) + st.halfnorm.logpdf(sigma, 0, 9)
    log_p += st.halfnorm.logpdf(tau, 0, 8)
    p = np.exp(log_p - log_p.max())
    k = rng.choice(len(tau), n, p=p / p.sum())
    mu = centre[k] + rng.standard_normal(n) / np.sqrt(total[k])
    shrink = sigma[k, None] ** 2 / count / v[k]
    theta = shrink * mu[:, None] + (1 - shrink) * mean
    theta += np.sqrt(shrink) * tau[k, None] * rng.standard_normal((n, 4))
    places = (-theta).argsort(axis=1).argsort(axis=1)
    simulated = np.stack([(places == r).mean(axis=0) for r in range(4)], axis=1)
    exact = gb.partial_pooling(rows, **SHARED).rank().values
    assert np.abs(simulated - exact).max() < 4.5 * np.sqrt(exact * (1 - exact) / n).max()
    np.testing.assert_allclose(exact.sum(axis=0), 1, atol=1e-8)


def test_a_prior_of_mu_that_is_nearly_normal_gives_nearly_the_same_ranks():
    """A t of ten million degrees of freedom takes the way of priors without closed forms."""
    known = {"sigma": 9, "tau": gb.HalfNormal(8)}
    wide = gb.partial_pooling(RAGGED, mu=gb.StudentT(1e7, 0, 10), **known).rank().values
    np.testing.assert_allclose(wide, gb.partial_pooling(RAGGED, mu=gb.Normal(0, 10), **known).rank().values, atol=1e-6)


def test_equal_groups_have_equal_ranks_whatever_their_number():
    ranks = normal_ranks(np.ones(1), np.zeros((1, 30)), np.full((1, 30), 2.0))
    np.testing.assert_allclose(ranks, 1 / 30, atol=1e-12)


def test_groups_on_one_node_share_their_ranks():
    """On explicit grids: all values of three thetas by loops, ties divided by the number of orders."""
    grids = {"theta": gb.linspace(-20, 20, 9)}
    post = gb.no_pooling(RAGGED, sigma=9, theta=gb.Normal(0, 10), grids=grids)
    p, wanted = post.marginal("theta").values, np.zeros((3, 3))
    for values in itertools.product(range(9), repeat=3):
        mass = np.prod([p[d, i] for d, i in enumerate(values)])
        for d in range(3):
            above, tied = sum(x > values[d] for x in values), sum(x == values[d] for x in values)
            wanted[d, above : above + tied] += mass / tied
    np.testing.assert_allclose(post.rank().values, wanted, atol=1e-12)


def test_groups_on_one_node_share_their_ranks_given_mu_and_tau():
    grids = {"mu": gb.linspace(-20, 20, 5), "tau": gb.linspace(2, 14, 4), "theta": gb.linspace(-24, 24, 9)}
    post = gb.partial_pooling(RAGGED, sigma=9, mu=gb.Normal(0, 10), tau=gb.HalfNormal(8), grids=grids)
    at, wanted = grids["theta"].nodes, np.zeros((3, 3))
    log_l = np.stack([st.norm(at[:, None], 9).logpdf(rows).sum(axis=1) for rows in RAGGED.values()])
    for (i, mu), (k, tau) in itertools.product(*(list(enumerate(grids[name].nodes)) for name in ("mu", "tau"))):
        p = st.norm.pdf(at, mu, tau) * np.exp(log_l)
        p /= p.sum(axis=1, keepdims=True)
        for values in itertools.product(range(9), repeat=3):
            mass = post.joint("mu", "tau").values[i, k] * np.prod(p[range(3), values])
            for d in range(3):
                above, tied = sum(x > values[d] for x in values), sum(x == values[d] for x in values)
                wanted[d, above : above + tied] += mass / tied
    np.testing.assert_allclose(post.rank().values, wanted, atol=1e-12)


def test_ranks_that_cannot_be_had_are_refused():
    one = gb.complete_pooling(RAGGED, sigma=9, theta=gb.Normal(0, 10))
    with pytest.raises(ValueError, match="rank needs a theta for every group; complete pooling has one for all"):
        one.rank()
    post = gb.no_pooling(RAGGED, sigma=9, theta=gb.Normal(0, 10))
    with pytest.raises(ValueError, match="best must be 'highest' or 'lowest'; best is 'top'"):
        post.rank(best="top")
    with pytest.raises(ValueError, match=r"ranks of 3000 groups take .* more than the 1e\+10 allowed"):
        normal_ranks(np.ones(1), np.zeros((1, 3000)), np.ones((1, 3000)))
    with pytest.raises(TypeError, match="with a prior of theta that is not normal does not answer rank yet"):
        gb.no_pooling(RAGGED, sigma=9, theta=gb.StudentT(3, 0, 10)).rank()
