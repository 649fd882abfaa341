"""The model given its scales, against the algebra of joint Gaussians and against quadrature."""

import dense
import numpy as np
import pytest
import scipy.stats as st
from scipy.integrate import quad

from gridbayes.conditional import (
    SMOOTH,
    Affine,
    Conditional,
    gauss_rule,
    graded,
    log_sum_exp,
    mixture_edges,
    normal_edges,
)
from gridbayes.grids import adapt
from gridbayes.likelihoods import NormalFactors, by_count, known_sigma, learned_sigma
from gridbayes.observations import observe
from gridbayes.priors import Flat, Laplace, Normal, StudentT

ROWS = {"a": [1.0, 4.0], "b": [-3.0], "c": [6.0, 8.0, 7.0], "none": []}
SIGMA = 2.5
VALUES, CODES = np.array([1.0, 4, -3, 6, 8, 7]), np.array([0, 0, 1, 2, 2, 2])
TAU = np.array([0.0, 1e-9, 0.3, 2.0, 50.0, 1e5])


def conditional(prior=None, tau=TAU) -> Conditional:
    return Conditional(prior or Normal(1, 3), known_sigma(observe(ROWS, sigma=SIGMA)), tau)


def oracle() -> dense.Mixture:
    """One cell each: cells do not mix in what is compared."""
    noise = np.full((len(TAU), len(VALUES)), SIGMA**2)
    return dense.mixture(VALUES, CODES, noise, *dense.partial(4, 1, 3, TAU), np.zeros(len(TAU)))


def test_evidence_of_each_cell():
    for k, tau in enumerate(TAU[:5]):
        noise = np.full((1, len(VALUES)), SIGMA**2)
        expected = dense.mixture(VALUES, CODES, noise, *dense.partial(4, 1, 3, TAU[k : k + 1]), np.zeros(1))
        assert conditional().log_evidence[k] == pytest.approx(expected.log_evidence, abs=1e-11), tau


def test_location_is_the_posterior_of_mu():
    mean, sd = conditional().location
    np.testing.assert_allclose(mean[:5], oracle().mean[:5, 0], atol=1e-11)
    np.testing.assert_allclose(sd[:5], np.sqrt(oracle().cov[:5, 0, 0]), rtol=1e-11)


def test_theta_is_affine_in_mu_with_noise():
    model, expected = conditional(), oracle()
    theta, (m, s) = model.theta(), model.location
    np.testing.assert_allclose((theta.a + theta.b * m)[:, :5], expected.mean[:5, 1:].T, atol=1e-10)
    variances = np.array([expected.cov[:5, d, d] for d in range(1, 5)])
    np.testing.assert_allclose((theta.v + (theta.b * s) ** 2)[:, :5], variances, rtol=1e-8)


def test_theta_at_no_and_at_huge_tau():
    theta = conditional().theta()
    np.testing.assert_allclose(theta.b[:, 0], 1)
    np.testing.assert_allclose(theta.v[:, 0], 0)
    np.testing.assert_allclose(theta.a[:3, -1], [2.5, -3, 7], rtol=1e-8)  # each group's own mean
    np.testing.assert_allclose(theta.b[3], 1)  # no rows: theta is mu and noise


def test_difference_keeps_the_common_dependence():
    model, expected = conditional(), oracle()
    difference, (m, s) = model.difference(0, 2), model.location
    direction = np.array([0, 1, 0, -1, 0])
    np.testing.assert_allclose((difference.a + difference.b * m)[0, :5], expected.mean[:5] @ direction, atol=1e-10)
    variance = np.einsum("kij,i,j->k", expected.cov[:5], direction, direction)
    np.testing.assert_allclose((difference.v + (difference.b * s) ** 2)[0, 2:5], variance[2:], rtol=1e-9)


def test_groups_of_as_many_rows_are_one_for_what_sums_over_groups():
    rows = observe({**ROWS, "d": [1e6, 1e6 + 3], "e": [-2.0, 0.5], "f": []})
    sigma = np.array([0.1, 1, 7, 300, 1e4, 2.0])
    alike, each = by_count(rows, sigma), learned_sigma(rows, sigma)
    assert alike.number.tolist() == [2, 1, 3, 1] and len(each.c) == 7
    together, apart = (Conditional(Normal(1, 3), factors, TAU).sums for factors in (alike, each))
    np.testing.assert_allclose(together, apart, rtol=1e-12)


@pytest.mark.parametrize("prior", [Laplace(2, 1.5), StudentT(3, 0, 2)], ids=repr)
def test_evidence_under_a_prior_that_is_not_normal(prior):
    model = conditional(prior, np.array([0.5, 4.0]))
    for k in range(2):
        peak = model.log_likelihood(np.array([2.0, 2.0]))[k]
        total, _ = quad(
            lambda mu, k=k, peak=peak: np.exp(
                model.log_likelihood(np.array([mu, mu]))[k] + float(prior.logpdf(mu)) - peak
            ),
            -60, 60, points=[2], epsabs=0, epsrel=1e-11, limit=500,
        )  # fmt: skip
        assert model.log_evidence[k] == pytest.approx(peak + np.log(total), abs=1e-9)


def test_likelihood_is_that_of_the_rows():
    model = conditional(tau=np.array([1.5]))
    for mu in (-2.0, 3.0):
        expected = 0.0
        for d in range(3):
            rows = VALUES[d == CODES]
            covariance = 1.5**2 + SIGMA**2 * np.eye(len(rows))
            expected += st.multivariate_normal(np.full(len(rows), mu), covariance).logpdf(rows)
        assert model.log_likelihood(np.array([mu]))[0] == pytest.approx(expected, abs=1e-11)


def test_nothing_cancels_far_from_zero():
    far = {label: np.array(rows) + 1e9 for label, rows in ROWS.items()}
    tau = np.array([0.0, 2.0])
    near = conditional(tau=tau)
    shifted = Conditional(Normal(1 + 1e9, 3), known_sigma(observe(far, sigma=SIGMA)), tau)
    np.testing.assert_allclose(shifted.log_evidence, near.log_evidence, atol=1e-6)
    np.testing.assert_allclose(shifted.location[0] - 1e9, near.location[0], atol=1e-6)


def test_marginals_mix_the_cells():
    model, expected = conditional(tau=TAU[2:5]), oracle()
    log_w = np.log([0.2, 0.5, 0.3])
    cells = model.cells_of(log_w)
    for (grid, log_p), d in zip(
        model.marginals(log_w, model.theta(cells=cells), cells, 1e-9, 16), range(4), strict=True
    ):
        masses = np.exp(log_p - log_p.max() + grid.log_weight)
        masses /= masses.sum()
        m, v = expected.mean[2:5, d + 1], expected.cov[2:5, d + 1, d + 1]
        w = np.exp(log_w)
        assert masses @ grid.nodes == pytest.approx(w @ m, rel=1e-9)
        assert masses @ (grid.nodes - w @ m) ** 2 == pytest.approx(w @ (v + (m - w @ m) ** 2), rel=1e-8)


def test_cells_that_weigh_nothing_are_left_out():
    np.testing.assert_array_equal(conditional(tau=np.ones(4)).cells_of(np.array([0.0, -30, -60, -np.inf])), [0, 1])


def test_a_cell_of_little_mass_and_a_huge_spread_is_kept_for_the_variance():
    tau = np.array([1.0, 1.0, 1e8])
    np.testing.assert_array_equal(conditional(Flat(), tau).cells_of(np.array([0.0, -60, -40])), [0, 2])


def test_without_rows_mu_keeps_its_prior():
    factors = NormalFactors(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1))
    grid, log_p = Conditional(Laplace(2, 3), factors, np.zeros(1)).own_marginal(np.zeros(1), 1e-9, 16)
    masses = np.exp(log_p + grid.log_weight)
    assert masses.sum() == pytest.approx(1, rel=1e-9)
    assert masses @ grid.nodes == pytest.approx(2, abs=1e-8)
    assert masses @ (grid.nodes - 2) ** 2 == pytest.approx(18, rel=1e-8)


def test_a_flat_prior_on_the_line_leaves_mu_normal():
    assert conditional(Flat()).is_normal and not conditional(Flat(0)).is_normal
    assert not conditional(StudentT(3)).is_normal


def test_log_sum_exp():
    x = np.array([[1000.0, 1000.0], [-np.inf, 3.0], [-np.inf, -np.inf]])
    np.testing.assert_allclose(log_sum_exp(x), [1000 + np.log(2), 3, -np.inf])


def test_edges_reach_every_component_and_resolve_the_heaviest():
    edges = mixture_edges(np.array([0.0, 100.0]), np.array([0.01, 5.0]), np.log([0.9, 0.1]))
    assert edges[0] <= 0 - 9 * 0.01 and edges[-1] >= 100 + 9 * 5
    assert np.diff(edges).min() <= 0.03
    assert (np.diff(graded(0.0, 1.0, -50, 50)) > 0).all()


def test_panels_of_a_normal_need_no_halving():
    edges = normal_edges(1e-9, 16)
    ((grid, _),) = adapt(lambda _, z: -(z**2) / 2, [edges])
    assert len(grid) == 16 * (len(edges) - 1) and 7 <= len(edges) <= 10


@pytest.mark.parametrize("smooth", [SMOOTH, np.inf], ids=["few", "all"])
@pytest.mark.parametrize("prior", [Laplace(2, 1.5), StudentT(3, 0, 2)], ids=repr)
def test_nodes_of_mu_say_the_same_as_the_prior_smoothed(prior, smooth, monkeypatch):
    """Two ways to sum out a mu whose prior is not normal: over its nodes, few or all of them, and in closed form."""
    monkeypatch.setattr("gridbayes.conditional.SMOOTH", smooth)
    model = conditional(prior, np.array([0.2, 1.0, 4.0, 30.0]))
    log_w, cells = np.log([0.1, 0.3, 0.4, 0.2]), np.arange(4)
    mu, _ = model.own_marginal(log_w, 1e-9, 16)
    log_p = prior.logpdf(mu.nodes)[:, None] + model.log_likelihood(mu.nodes[:, None]) + mu.log_weight[:, None]
    masses = np.exp(log_p - log_sum_exp(log_p.T) + log_w)
    by_nodes = model.marginals(log_w, model.theta(), cells, 1e-9, 16, (mu, masses))
    log_p, _, _, narrow = model._given_mu(model.theta(), cells, mu, masses)
    assert 0 < np.sum(~narrow) < 4
    assert (len(log_p) < len(mu)) == (smooth < np.inf)
    for (grid, log_p), (other, expected) in zip(
        by_nodes, model.marginals(log_w, model.theta(), cells, 1e-9, 16), strict=True
    ):
        np.testing.assert_array_equal(grid.edges, other.edges)
        np.testing.assert_allclose(np.exp(log_p), np.exp(expected), atol=1e-11 * np.exp(expected).max())


def test_gauss_rule_has_the_moments_of_the_weights():
    x, w = np.linspace(-1, 2, 80), np.random.default_rng(1).uniform(0.5, 1, (3, 80))
    nodes, weights = gauss_rule(x, w, 6)
    for degree in range(12):
        np.testing.assert_allclose((weights * nodes**degree).sum(axis=1), w @ x**degree, rtol=1e-12, atol=1e-12)
    assert (weights > 0).all() and (nodes > -1).all() and (nodes < 2).all()


def test_gauss_rule_of_nodes_far_out_and_of_few_nodes():
    """A prior with heavy tails has nodes at 1e40, where there is nothing; and more nodes than these are not made."""
    x = np.concatenate([np.linspace(-1, 2, 80), 10.0 ** np.arange(2, 41)])
    w = np.where(x <= 2, 1.0, 0.0)[None]
    for count, row in ((24, w), (6, np.where(np.arange(len(x)) < 4, w, 0.0))):
        nodes, weights = gauss_rule(x, row, count)
        for degree in range(8):
            np.testing.assert_allclose((weights * nodes**degree).sum(), row[0, :80] @ x[:80] ** degree, rtol=1e-11)


def test_affine_numbers_have_an_item_and_a_cell_axis():
    with pytest.raises(Exception, match="Affine"):
        Affine(np.zeros(3), np.zeros((1, 3)), np.zeros((1, 3)))
