"""Predictions before the data: the fit without rows is the prior, and new rows are sums over it written here."""

import dense
import numpy as np
import pytest
import scipy.special
import scipy.stats as st

import gridbayes as gb
from gridbayes.models.prediction import new_rows

ROWS = {"G": [-10, 1, 11], "E": [-16, -15, -14], "M": [30]}
Q = np.array([0.001, 0.05, 0.5, 0.9, 0.999])
SIGMAS = {"known": {"sigma": 5}, "shared": {"sigma": gb.HalfNormal(4), "shared_sigma": True}}
FITS = {
    "half-Cauchy": lambda: gb.partial_pooling(ROWS, sigma=5, mu_scale=10, tau_scale=5),
    "t": lambda: gb.partial_pooling(ROWS, sigma=5, mu=gb.StudentT(4, 2, 3), tau=gb.Uniform(0, 4)),
    "shared": lambda: gb.partial_pooling(ROWS, **SIGMAS["shared"], mu=gb.Normal(1, 10), tau=gb.HalfNormal(5)),
    "own": lambda: gb.no_pooling(ROWS, sigma=gb.HalfNormal(4), theta=gb.StudentT(5, 1, 2)),
    "complete": lambda: gb.complete_pooling([3, 4], likelihood=gb.Binomial(9), theta=gb.Normal(-1, 2)),
}


@pytest.mark.parametrize("name", FITS)
def test_without_rows_the_posterior_is_the_prior(name):
    """Log evidence 0, quantiles of the prior, its mean and sd where they exist."""
    model = FITS[name]().model
    empty = model.fitted_to(new_rows(model.model, None, False, {"sigma": None}, prior=True).source)
    assert len(empty.model.model.observations.values) == 0
    assert empty.log_evidence == pytest.approx(0, abs=1e-12)
    for parameter, prior in model.model.priors.items():
        found = empty.marginals[parameter][0]
        scale = float(np.diff(prior.ppf(np.array([0.25, 0.75])))[0])
        np.testing.assert_allclose(found.quantile(Q), prior.ppf(Q), atol=1e-8 * scale, rtol=1e-8)
    tau = empty.marginals.get("tau", (None,))[0]
    if name == "half-Cauchy":
        assert np.isnan(tau.mean) and np.isinf(tau.sd)
    if name == "shared":
        assert tau.mean == pytest.approx(5 * np.sqrt(2 / np.pi), rel=1e-10)
        theta = empty.marginals["theta"][1]
        assert theta.mean == pytest.approx(1, abs=1e-10) and theta.var == pytest.approx(125, rel=1e-9)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_new_normal_rows_are_a_sum_over_their_scales(sigma):
    """y ~ N(0, sqrt(mu_scale**2 + tau**2 + sigma**2)), tau and sigma on nodes of their own: in a group or a new one."""
    tau, weight = dense.log_scale()
    known = sigma == "known"
    law, prior = (st.halfcauchy(0, 5), gb.HalfCauchy(5)) if known else (st.halfnorm(0, 5), gb.HalfNormal(5))
    noise, noise_mass = (np.array([5.0]), np.ones(1)) if known else (tau, weight * st.halfnorm(0, 4).pdf(tau))
    v = 100 + np.add.outer(tau**2, noise**2)
    mass = np.outer(weight * law.pdf(tau), noise_mass)
    post = gb.partial_pooling(ROWS, **SIGMAS[sigma], mu_scale=10, tau=prior)
    every, new = post.predict(prior=True), post.predict(new_group=True, prior=True)
    for x in (-30.0, 0.0, 4.0, 25.0):
        wanted = (mass * st.norm.cdf(x, 0, np.sqrt(v))).sum()
        assert every.probability("y", below=x).values == pytest.approx(np.full(3, wanted), abs=2e-8)
        assert new.probability("y", below=x) == pytest.approx(wanted, abs=2e-8)
    assert every.groups == ("G", "E", "M") and "new row in every group before the data of partial" in every.model.title
    assert np.isnan(new.mean("expected")) == known
    if known:
        assert new.accuracy.largest.size < 1e-6


def test_a_sigma_by_group_is_to_one_row_a_shared_one():
    own = gb.complete_pooling(ROWS, sigma=gb.HalfNormal(4), theta=gb.StudentT(5, 1, 2))
    shared = gb.complete_pooling(ROWS, sigma=gb.HalfNormal(4), shared_sigma=True, theta=gb.StudentT(5, 1, 2))
    one, other = (post.predict("E", prior=True) for post in (own, shared))
    assert one.quantile("y", 0.9) == pytest.approx(other.quantile("y", 0.9), abs=1e-10)
    sigma, weight = dense.log_scale(high=5)
    sigma_mass = weight * st.halfnorm(0, 4).pdf(sigma)
    theta, weight = dense.location(3, 1e-4, reach=25)  # fine where the smallest sigmas make a step
    wanted = (weight * st.t(5, 1, 2).pdf(theta)) @ st.norm.cdf((3 - theta[:, None]) / sigma) @ sigma_mass
    assert one.probability("y", below=3) == pytest.approx(wanted, abs=1e-9)


def test_new_counts_are_a_sum_over_theta():
    """Binomial: half of it is below the middle by symmetry. Poisson: P(y = k) over nodes of tau and of theta."""
    share = gb.partial_pooling([3, 5], likelihood=gb.Binomial(9), mu_scale=2, tau=gb.HalfNormal(1))
    y = share.predict(prior=True, new_group=True).marginals["y"][0]
    np.testing.assert_allclose(y.masses, y.masses[::-1], atol=1e-12)
    assert y.mean == pytest.approx(4.5, abs=1e-10)
    rate = gb.no_pooling([3, 5], likelihood=gb.Poisson(2.0), theta=gb.Normal(-1, 0.7))
    theta = np.linspace(-8, 6, 4001)
    p = st.norm(-1, 0.7).pdf(theta) * 0.0035
    found = rate.predict(new_group=True, prior=True, exposure=4).marginals["y"][0]
    np.testing.assert_allclose(
        found.masses[:9], [p @ st.poisson(4 * np.exp(theta)).pmf(k) for k in range(9)], atol=1e-10
    )
    assert found.mean == pytest.approx(4 * np.exp(-1 + 0.49 / 2), rel=1e-8)


def test_on_explicit_grids_the_prior_is_on_their_nodes():
    grids = {"mu": np.linspace(-4, 1, 6), "tau": np.linspace(0.5, 2, 4), "theta": np.linspace(-6, 2, 15)}
    post = gb.partial_pooling([3, 5], likelihood=gb.Binomial(9), mu_scale=2, tau_scale=1, grids=grids)
    mu, tau, theta = grids.values()
    p_mu, p_tau = (p / p.sum() for p in (st.norm(0, 2).pdf(mu), st.halfcauchy(0, 1).pdf(tau)))
    k = st.norm.pdf(theta, mu[:, None, None], tau[:, None])
    p = np.einsum("m,t,mtx->x", p_mu, p_tau, k / k.sum(axis=2, keepdims=True))
    new = post.predict(0, prior=True)
    np.testing.assert_allclose(new.marginal("theta"), p, atol=1e-12)
    wanted = [p @ st.binom(9, scipy.special.expit(theta)).pmf(y) for y in range(10)]
    np.testing.assert_allclose(new.marginal("y"), wanted, atol=1e-12)


def test_what_has_no_prior_predictive_is_refused():
    flat = gb.partial_pooling(ROWS, sigma=5, mu=gb.Flat(), tau_scale=5)
    with pytest.raises(
        ValueError, match=r"mu must have a proper prior for a prediction before the data.*mu is Flat\(\)"
    ):
        flat.predict(prior=True)
    jeffreys = gb.partial_pooling(ROWS, sigma=5, mu_scale=5, tau=gb.Jeffreys())
    with pytest.raises(
        ValueError, match=r"tau must have a proper prior.*Pass for example tau=gridbayes.HalfCauchy\(5\)"
    ):
        jeffreys.predict(prior=True, new_group=True)
