"""Jeffreys and UniformShrinkage, the priors of tau that are made of the data's standard errors, in a model."""

import dense
import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb

EFFECTS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
BOTH = [gb.Jeffreys, gb.UniformShrinkage]


def prior_density(kind: type, tau: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """The densities as Roever (2020) writes them."""
    if kind is gb.Jeffreys:
        return np.sqrt(np.sum((tau[:, None] / (errors**2 + tau[:, None] ** 2)) ** 2, axis=1))
    square = 1 / np.mean(1 / errors**2)
    return 2 * square * tau / (square + tau**2) ** 2


def by_hand(kind: type, y: np.ndarray, errors: np.ndarray, precision: float) -> dict[str, float | tuple]:
    """Mean and sd of mu, tau and each theta_i, and log evidence, by the textbook's formulas and a sum over log tau.

    mu ~ N(0, 1 / sqrt(precision)), or flat where the precision is 0.
    """
    tau, weight = dense.log_scale()
    sd = np.hypot(errors, tau[:, None])  # (cell, group)
    total = precision + np.sum(sd**-2, axis=1)
    mean = np.sum(y / sd**2, axis=1) / total
    log_l = np.sum(st.norm.logpdf(y, mean[:, None], sd), axis=1) + 0.5 * np.log(2 * np.pi / total)
    if precision:
        log_l = log_l + st.norm.logpdf(mean, 0, precision**-0.5)
    mass = np.exp(log_l) * prior_density(kind, tau, errors) * weight
    p = mass / mass.sum()
    found = {"log_evidence": np.log(mass.sum()), "tau": dense.moments(p, tau), "mu": mixed(p, mean, 1 / total)}
    for i, (value, s) in enumerate(zip(y, errors, strict=True)):
        pull = s**2 / (s**2 + tau**2)
        found[i] = mixed(p, value + pull * (mean - value), pull * tau**2 + pull**2 / total)
    return found


def mixed(p: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    """Mean and sd of a mixture."""
    centre = p @ mean
    return centre, np.sqrt(p @ (variance + (mean - centre) ** 2))


def schools(groups: int, mu: gb.Prior, tau: gb.Prior, **more) -> gb.Posterior:
    return gb.partial_pooling(EFFECTS[:groups], sigma=ERRORS[:groups], mu=mu, tau=tau, **more)


# --- against a sum by hand ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("mu", [gb.Flat(), gb.Normal(0, 5)], ids=str)
@pytest.mark.parametrize("groups", [4, 8])
def test_summaries_against_a_sum_by_hand(kind, mu, groups):
    post = schools(groups, mu, kind())
    expected = by_hand(kind, EFFECTS[:groups], ERRORS[:groups], 0.0 if mu == gb.Flat() else 1 / 25)
    assert post.log_evidence == pytest.approx(expected.pop("log_evidence"), abs=1e-11)
    for name, (mean, sd) in expected.items():
        address = ("theta", name) if isinstance(name, int) else (name,)
        assert post.mean(*address) == pytest.approx(mean, abs=1e-10 * sd)
        assert post.sd(*address) == pytest.approx(sd, rel=1e-10)


@pytest.mark.parametrize(("groups", "mu"), [(2, gb.Flat()), (1, gb.Normal(0, 5))], ids=str)
def test_thetas_where_tau_falls_as_its_square(groups, mu):
    """Far cells of tau hold all of its variance there, and next to none of the mass that theta is made of."""
    post = schools(groups, mu, gb.Jeffreys())
    expected = by_hand(gb.Jeffreys, EFFECTS[:groups], ERRORS[:groups], 0.0 if mu == gb.Flat() else 1 / 25)
    for d in range(groups):
        mean, sd = expected[d]
        assert post.mean("theta", d) == pytest.approx(mean, abs=1e-10 * sd)
        assert post.sd("theta", d) == pytest.approx(sd, rel=1e-10)


@pytest.mark.parametrize("kind", BOTH)
def test_scale_and_shift_of_the_data_are_those_of_the_posterior(kind):
    one = schools(8, gb.Flat(), kind())
    other = gb.partial_pooling(1000 * EFFECTS - 7, sigma=1000 * ERRORS, mu=gb.Flat(), tau=kind())
    assert other.mean("tau") == pytest.approx(1000 * one.mean("tau"), rel=1e-10)
    assert other.quantile("tau", 0.9) == pytest.approx(1000 * one.quantile("tau", 0.9), rel=1e-8)
    for name, group in (("mu", None), ("theta", 0), ("theta", 7)):
        assert other.mean(name, group) == pytest.approx(1000 * one.mean(name, group) - 7, rel=1e-10)
        assert other.sd(name, group) == pytest.approx(1000 * one.sd(name, group), rel=1e-10)


def test_the_evidence_is_relative_to_jeffreys_own_constant():
    """A prior in 1 / unit and eight data in 1 / unit, less one for a flat mu: unit**-8 in all, times d tau."""
    one = schools(8, gb.Flat(), gb.Jeffreys())
    other = gb.partial_pooling(1000 * EFFECTS, sigma=1000 * ERRORS, mu=gb.Flat(), tau=gb.Jeffreys())
    assert other.log_evidence == pytest.approx(one.log_evidence - 7 * np.log(1000), abs=1e-10)


# --- where the tail is too heavy ------------------------------------------------------------------------------


def test_a_variance_that_does_not_exist_is_infinite():
    """With three groups and a flat mu the tails of tau and of mu fall as the cube."""
    post = schools(3, gb.Flat(), gb.Jeffreys())
    expected = by_hand(gb.Jeffreys, EFFECTS[:3], ERRORS[:3], 0.0)
    for name in ("mu", "tau"):
        assert post.sd(name) == np.inf
        assert post.mean(name) == pytest.approx(expected[name][0], rel=1e-7)
    assert post.sd("theta", 0) == pytest.approx(expected[0][1], rel=1e-10)
    assert "no variance exists for mu" in repr(post.summary())


@pytest.mark.parametrize("tau", [gb.Jeffreys(), gb.Flat()], ids=str)
def test_a_mean_that_does_not_exist_is_not_a_number(tau):
    """The tails of tau and of mu fall as the square: two groups under Jeffreys' prior, three under a flat one."""
    post = schools(2 if tau == gb.Jeffreys() else 3, gb.Flat(), tau)
    for name in ("mu", "tau"):
        assert np.isnan(post.mean(name)) and post.sd(name) == np.inf


def test_one_group_under_a_proper_prior_of_mu():
    """p(tau | t) falls as the square, and mu keeps its prior's moments."""
    post = schools(1, gb.Normal(0, 5), gb.Jeffreys())
    expected = by_hand(gb.Jeffreys, EFFECTS[:1], ERRORS[:1], 1 / 25)
    assert np.isnan(post.mean("tau")) and post.sd("tau") == np.inf
    assert post.log_evidence == pytest.approx(expected["log_evidence"], abs=1e-11)
    assert (post.mean("mu"), post.sd("mu")) == pytest.approx(expected["mu"], rel=1e-10)


def test_a_heavy_prior_of_mu_gives_mu_a_heavy_tail():
    """One group says of mu its Cauchy tail, the square, times that of the likelihood, 1 / |mu|."""
    post = schools(1, gb.Cauchy(0, 5), gb.Jeffreys())
    assert np.isfinite(post.mean("mu")) and post.sd("mu") == np.inf


def test_one_group_under_a_flat_mu_is_refused():
    message = (
        r"tau must have a proper prior here: Jeffreys\(\[15\]\) with 1 group leaves an improper .*\(2 are needed\)"
    )
    with pytest.raises(ValueError, match=message):
        schools(1, gb.Flat(), gb.Jeffreys())


# --- which errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BOTH)
def test_rows_give_the_error_of_the_groups_mean(kind):
    data, sigma = {"A": [3, 5, 1], "B": [9], "C": [], "D": [2, 4]}, {"A": 6, "B": 2, "C": 1, "D": 3}
    expected = kind([6 / np.sqrt(3), 2, 3 / np.sqrt(2)])
    assert repr(kind()) not in gb.partial_pooling(data, sigma=sigma, tau=kind()).model.title
    assert repr(expected) in gb.partial_pooling(data, sigma=sigma, tau=kind()).model.title


@pytest.mark.parametrize("kind", BOTH)
def test_errors_that_are_stated_are_used(kind):
    stated = schools(8, gb.Flat(), kind([1, 2, 3]))
    assert repr(kind([1, 2, 3])) in stated.model.title
    assert schools(8, gb.Flat(), kind(ERRORS)).mean("tau") == schools(8, gb.Flat(), kind()).mean("tau")


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
def test_a_learned_sigma_needs_errors_that_are_stated(kind, shared):
    name, data = kind.__name__, [[3, 5, 1], [9, 8], [2, 4]]
    message = rf"tau must have a prior that states its errors where sigma is learned; .* Pass tau=gridbayes.{name}\(err"
    with pytest.raises(ValueError, match=message):
        gb.partial_pooling(data, sigma=gb.HalfCauchy(5), shared_sigma=shared, tau=kind())


@pytest.mark.parametrize("kind", BOTH)
def test_a_shared_sigma_learned_from_a_narrow_prior_is_a_known_one(kind):
    data, narrow = [[3, 5, 1], [9, 8], [2, 4]], gb.Uniform(2 * (1 - 1e-9), 2 * (1 + 1e-9))
    learned = gb.partial_pooling(data, sigma=narrow, shared_sigma=True, mu=gb.Normal(0, 5), tau=kind([1, 2, 3]))
    known = gb.partial_pooling(data, sigma=2, mu=gb.Normal(0, 5), tau=kind([1, 2, 3]))
    for address in (("mu",), ("tau",), ("theta", 1)):
        assert learned.mean(*address) == pytest.approx(known.mean(*address), rel=1e-7)
        assert learned.sd(*address) == pytest.approx(known.sd(*address), rel=1e-7)


def test_jeffreys_where_each_group_learns_its_sigma_against_a_dense_sum():
    data, errors = [[3.0, 5, 1], [9.0, 8]], np.array([1.0, 2])
    post = gb.partial_pooling(data, sigma=gb.HalfNormal(5), mu=gb.Normal(0, 5), tau=gb.Jeffreys(errors))
    (mu, mu_weight), (tau, tau_weight) = dense.location(0, 5, reach=3, panels=20), dense.log_scale(0.2, -15, 30)
    sigma, sigma_weight = dense.log_scale(0.1, -4, 5)
    p = st.norm.pdf(mu, 0, 5)[:, None] * mu_weight[:, None] * prior_density(gb.Jeffreys, tau, errors) * tau_weight
    for y in data:
        n, mean, squares = len(y), np.mean(y), np.var(y) * len(y)
        within = sigma ** (1 - n) * np.exp(-squares / (2 * sigma**2)) * (2 * np.pi) ** ((1 - n) / 2) / np.sqrt(n)
        mass = within * np.exp(dense.half_normal(sigma, 5)) * sigma_weight
        sd = np.hypot(tau[:, None], sigma / np.sqrt(n))
        p *= np.stack([st.norm.pdf(mean, value, sd) @ mass for value in mu])
    assert post.log_evidence == pytest.approx(np.log(p.sum()), abs=1e-9)
    mean, sd = dense.moments(p.sum(axis=0) / p.sum(), tau)
    assert post.mean("tau") == pytest.approx(mean, rel=1e-7)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("errors", [None, [1, 2]])
def test_they_are_priors_of_tau_only(kind, errors):
    with pytest.raises(ValueError, match=r"mu must have a prior of its own; mu is .* a prior of tau .*Normal\(0, 5\)"):
        schools(8, kind(errors), gb.HalfCauchy(5))
    with pytest.raises(ValueError, match="theta must have a prior of its own"):
        gb.no_pooling([1, 2], sigma=1, theta=kind(errors))
    with pytest.raises(ValueError, match=r"sigma must have a prior of its own; .*sigma=gridbayes.HalfCauchy\(5\)"):
        gb.partial_pooling([[1, 2], [3, 4]], sigma=kind(errors))


# --- in a program ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BOTH)
def test_on_explicit_grids_they_are_their_values_at_the_nodes(kind):
    mu, tau = np.array([-3.0, 4.0, 9.0]), np.array([1.0, 6.0, 20.0])
    theta = gb.gauss_legendre(-300, 300, 2000)
    post = schools(8, gb.Flat(), kind(), grids={"mu": mu, "tau": tau, "theta": theta})
    likelihood = np.prod(st.norm.pdf(EFFECTS, mu[:, None, None], np.hypot(ERRORS, tau[:, None])), axis=2)
    joint = likelihood * prior_density(kind, tau, ERRORS)
    np.testing.assert_allclose(post.marginals["tau"][0].masses, joint.sum(axis=0) / joint.sum(), rtol=1e-9)


def test_a_program_states_the_one_and_takes_the_other_as_a_table():
    assert "uniform_shrinkage_lpdf(at(tau_nodes, _tau), tau_scale)" in str(schools(8, gb.Flat(), BOTH[1]()).program)
    assert "at(tau_log_density, _tau)" in str(schools(8, gb.Flat(), BOTH[0]()).program)
