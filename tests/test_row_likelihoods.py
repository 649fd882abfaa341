"""Rows that are not normal: against sums over dense grids written here, and against equal models."""

import itertools

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats as st
from oracle import normal

import gridbayes as gb

DEATHS, OPERATIONS = [0, 18, 46, 3], [47, 148, 810, 6]
ACCIDENTS, YEARS = [0, 7, 40], [2.5, 1.0, 6.0]
OUTLYING = [[-10.0, 1, 11], [-16, -15, -14, 60], [30]]
PRIORS = {"mu": gb.Normal(-1, 2), "tau": gb.HalfNormal(1.5)}


def log_binomial(d, theta):
    y, n = DEATHS[d], OPERATIONS[d]
    return np.log(scipy.special.comb(n, y)) + y * theta - n * np.logaddexp(0, theta)


def log_poisson(d, theta):
    y, years = ACCIDENTS[d], YEARS[d]
    return y * (np.log(years) + theta) - years * np.exp(theta) - scipy.special.gammaln(y + 1)


def log_student(d, theta):
    return sum(st.t(4, 0, 5).logpdf(0) - 2.5 * np.log1p(((y - theta) / 5) ** 2 / 4) for y in OUTLYING[d])


CASES = {
    "binomial": ((DEATHS,), {"likelihood": gb.Binomial(OPERATIONS)}, log_binomial, 1.0),
    "poisson": ((ACCIDENTS,), {"likelihood": gb.Poisson(YEARS)}, log_poisson, 1.0),
    "student": ((OUTLYING,), {"likelihood": gb.StudentTErrors(4), "sigma": 5}, log_student, 8.0),
}


def dense(case, unit):
    """Means and sds of mu, tau and the thetas, and log evidence, by trapezoid sums.

    In log tau, in mu, and in theta itself where tau is wide, in (theta - mu) / tau where it is narrow.
    """
    (rows,), _, log_l, _ = CASES[case]
    log_tau = np.arange(-18, 4.2, 0.12) + np.log(unit)
    mu = np.arange(-15, 13, 0.05 if case == "binomial" else 0.1) * unit
    theta = np.arange(-70, 60, 0.05) * unit
    z = np.arange(-8.5, 8.6, 0.25)
    own = [log_l(d, theta) for d in range(len(rows))]
    z_mass = st.norm.pdf(z) * 0.25
    moments, log_p = [], []
    for tau in np.exp(log_tau):
        wide = tau > 0.25 * unit
        at = theta if wide else mu[:, None] + tau * z
        mass = np.exp(normal(theta, mu[:, None], tau)) * 0.05 * unit if wide else np.broadcast_to(z_mass, at.shape)
        l_d = [np.exp(own[d] if wide else log_l(d, at)) for d in range(len(rows))]
        m_d = [(mass * own_l).sum(axis=1) for own_l in l_d]
        log_prior = st.norm(-unit, 2 * unit).logpdf(mu) + st.halfnorm(0, 1.5 * unit).logpdf(tau) + np.log(tau)
        with np.errstate(divide="ignore"):
            log_p.append(log_prior + np.log(m_d).sum(axis=0))
        parts = [
            [(mass * own_l * at**k).sum(axis=1) / np.where(m > 0, m, 1) for k in (1, 2)]
            for own_l, m in zip(l_d, m_d, strict=True)
        ]
        moments.append(parts)
    log_p = np.array(log_p)
    weight = np.exp(log_p - log_p.max())
    log_evidence = log_p.max() + np.log(weight.sum() * 0.12 * (mu[1] - mu[0]))
    weight /= weight.sum()
    tau = np.exp(log_tau)
    found = {"mu": (weight.sum(axis=0) @ mu, weight.sum(axis=0) @ mu**2)}
    found["tau"] = (weight.sum(axis=1) @ tau, weight.sum(axis=1) @ tau**2)
    both = np.einsum("km,kdpm->dp", weight, np.array(moments))
    found["theta"] = tuple(both.T)
    return {name: (mean, np.sqrt(square - mean**2)) for name, (mean, square) in found.items()}, log_evidence


def test_the_likelihoods_of_the_dense_sums_are_scipys():
    theta = np.linspace(-9, 9, 41)
    for d in range(3):
        binomial = st.binom(OPERATIONS[d], scipy.special.expit(theta)).logpmf(DEATHS[d])
        np.testing.assert_allclose(log_binomial(d, theta), binomial, rtol=1e-11)
        np.testing.assert_allclose(log_poisson(d, theta), st.poisson(YEARS[d] * np.exp(theta)).logpmf(ACCIDENTS[d]))
        np.testing.assert_allclose(log_student(d, theta), sum(st.t(4, theta, 5).logpdf(y) for y in OUTLYING[d]))


@pytest.mark.parametrize("case", CASES)
def test_partial_pooling_equals_a_dense_sum(case):
    data, arguments, _, unit = CASES[case]
    priors = {"mu": gb.Normal(-unit, 2 * unit), "tau": gb.HalfNormal(1.5 * unit)}
    post = gb.partial_pooling(*data, **arguments, **priors)
    found, log_evidence = dense(case, unit)
    assert post.log_evidence == pytest.approx(log_evidence, abs=1e-8)
    for name, (mean, sd) in found.items():
        np.testing.assert_allclose(post.mean(name), mean, atol=1e-7 * np.min(sd))
        np.testing.assert_allclose(post.sd(name), sd, rtol=1e-7)


@pytest.mark.parametrize("case", CASES)
def test_no_pooling_and_complete_pooling_equal_quadrature(case):
    data, arguments, log_l, unit = CASES[case]
    prior = st.norm(-unit, 2 * unit)
    separate = gb.no_pooling(*data, **arguments, theta=gb.Normal(-unit, 2 * unit))
    together = gb.complete_pooling(*data, **arguments, theta=gb.Normal(-unit, 2 * unit))

    def moments(log_f):
        theta = np.linspace(-60 * unit, 40 * unit, 200_001)
        p = np.exp(prior.logpdf(theta) + log_f(theta))
        total = scipy.integrate.simpson(p, x=theta)
        mean = scipy.integrate.simpson(p * theta, x=theta) / total
        return np.log(total), mean, np.sqrt(scipy.integrate.simpson(p * (theta - mean) ** 2, x=theta) / total)

    groups = range(len(data[0]))
    parts = np.array([moments(lambda theta, d=d: log_l(d, theta)) for d in groups])
    assert separate.log_evidence == pytest.approx(parts[:, 0].sum(), abs=1e-9)
    np.testing.assert_allclose(separate.mean("theta"), parts[:, 1], atol=1e-9 * unit)
    np.testing.assert_allclose(separate.sd("theta"), parts[:, 2], rtol=1e-9)
    log_evidence, mean, sd = moments(lambda theta: sum(log_l(d, theta) for d in groups))
    assert together.log_evidence == pytest.approx(log_evidence, abs=1e-9)
    assert together.mean("theta") == pytest.approx(mean, abs=1e-9 * unit)
    assert together.sd("theta") == pytest.approx(sd, rel=1e-9)


def test_explicit_grids_equal_the_full_joint():
    grids = {"mu": np.linspace(-4, 1, 6), "tau": np.linspace(0.5, 2, 4), "theta": np.linspace(-6, 2, 15)}
    post = gb.partial_pooling(DEATHS[1:3], likelihood=gb.Binomial(OPERATIONS[1:3]), **PRIORS, grids=grids)
    mu, tau, theta = grids.values()
    p_mu, p_tau = (p / p.sum() for p in (st.norm(-1, 2).pdf(mu), st.halfnorm(0, 1.5).pdf(tau)))
    joint = np.empty((6, 4, 15, 15))
    for i, k in itertools.product(range(6), range(4)):
        p = st.norm.pdf(theta, mu[i], tau[k])
        one, two = (p / p.sum() * np.exp(log_binomial(d, theta)) for d in (1, 2))
        joint[i, k] = p_mu[i] * p_tau[k] * np.outer(one, two)
    assert post.log_evidence == pytest.approx(np.log(joint.sum()), abs=1e-10)
    joint /= joint.sum()
    np.testing.assert_allclose(post.marginal("mu"), joint.sum(axis=(1, 2, 3)), atol=1e-12)
    np.testing.assert_allclose(post.marginal("tau"), joint.sum(axis=(0, 2, 3)), atol=1e-12)
    np.testing.assert_allclose(post.marginal("theta", group=1), joint.sum(axis=(0, 1, 2)), atol=1e-12)


def test_bernoulli_rows_are_a_binomial_count():
    rows = {"A": [1, 0, 0, 1, 1], "B": [0, 0, 0], "C": [1]}
    trials = gb.Binomial({"A": 5, "B": 3, "C": 1})
    counted = gb.no_pooling({"A": 3, "B": 0, "C": 1}, likelihood=trials, theta=gb.Normal(-1, 2))
    single = gb.no_pooling(rows, likelihood=gb.Bernoulli(), theta=gb.Normal(-1, 2))
    orders = np.log(10)  # ways in which 3 of 5 may succeed
    assert single.log_evidence == pytest.approx(counted.log_evidence - orders, abs=1e-11)
    np.testing.assert_allclose(single.mean("theta"), counted.mean("theta"), atol=1e-11)


def test_counts_of_one_group_add_up_with_their_exposures():
    split = gb.no_pooling([[2, 5]], likelihood=gb.Poisson([[1.5, 2.0]]), theta=gb.Normal(0, 2))
    whole = gb.no_pooling([7], likelihood=gb.Poisson(3.5), theta=gb.Normal(0, 2))
    assert split.mean("theta", 0) == pytest.approx(whole.mean("theta", 0), abs=1e-12)
    share = st.binom(7, 1.5 / 3.5).logpmf(2)  # given their sum, Poisson counts are binomial
    assert split.log_evidence == pytest.approx(whole.log_evidence + share, abs=1e-12)


def test_student_rows_of_many_degrees_of_freedom_are_normal():
    arguments = {"sigma": 15, "mu_scale": 10, "tau_scale": 10}
    normal = gb.partial_pooling([[1, 5], [-15], [30]], **arguments)
    student = gb.partial_pooling([[1, 5], [-15], [30]], likelihood=gb.StudentTErrors(1e9), **arguments)
    np.testing.assert_allclose(student.mean("theta"), normal.mean("theta"), atol=1e-6)
    assert student.log_evidence == pytest.approx(normal.log_evidence, abs=1e-7)


def test_a_group_without_rows_takes_the_population():
    post = gb.partial_pooling({"A": [3], "B": []}, likelihood=gb.Binomial({"A": [9], "B": []}), **PRIORS)
    assert post.mean("theta", "B") == pytest.approx(post.mean("mu"), abs=1e-8)
    spread = np.sqrt(post.var("mu") + post.mean("tau") ** 2 + post.var("tau"))
    assert post.sd("theta", "B") == pytest.approx(spread, rel=1e-7)


def test_columns_of_a_table():
    table = {"hospital": ["A", "B", "C", "D"], "deaths": DEATHS, "operations": OPERATIONS}
    by_name = gb.no_pooling(
        table, value="deaths", group="hospital", likelihood=gb.Binomial("operations"), theta=gb.Normal(-2, 2)
    )
    listed = gb.no_pooling(DEATHS, groups=list("ABCD"), likelihood=gb.Binomial(OPERATIONS), theta=gb.Normal(-2, 2))
    np.testing.assert_array_equal(by_name.mean("theta"), listed.mean("theta"))
    assert "Binomial" in repr(by_name)


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        ([3, 5], {"likelihood": gb.Binomial([4, 4])}, "must not exceed its trials; row 1 is 5"),
        ([3, 2], {"likelihood": gb.Binomial([4, 4.5])}, "trials must be whole numbers; row 1 is 4.5"),
        ([3, 2], {"likelihood": gb.Binomial([4, 0])}, "trials must be positive"),
        ([3, 2], {"likelihood": gb.Binomial([4, 5, 6])}, "trials must have one entry a group; it has 3 for 2 groups"),
        ([3, -1], {"likelihood": gb.Poisson()}, "counts: whole numbers from 0; row 1 is -1"),
        ([3, 1.5], {"likelihood": gb.Poisson()}, "counts: whole numbers from 0; row 1 is 1.5"),
        ([0, 2], {"likelihood": gb.Bernoulli()}, "must be 0 or 1; row 1 is 2"),
    ],
)
def test_impossible_rows_are_refused(data, arguments, message):
    with pytest.raises(ValueError, match=message):
        gb.partial_pooling(data, **arguments)


def test_arguments_that_do_not_belong_are_refused():
    with pytest.raises(TypeError, match="have no sigma"):
        gb.partial_pooling([3, 2], likelihood=gb.Binomial(4), sigma=2)
    with pytest.raises(TypeError, match="needs a known sigma"):
        gb.partial_pooling([3, 2], likelihood=gb.StudentTErrors())
    with pytest.raises(TypeError, match="likelihood must be one of gridbayes'"):
        gb.partial_pooling([3, 2], likelihood="binomial")
    with pytest.raises(ValueError, match="df must be a positive number; df is 0"):
        gb.StudentTErrors(0)


def test_flat_priors_need_a_group_that_bounds_theta():
    flat, proper = gb.Flat(), gb.HalfNormal(1)
    with pytest.raises(ValueError, match="mu must have a proper prior: group 0 does not bound it on both sides"):
        gb.partial_pooling([0, 9], likelihood=gb.Binomial([5, 9]), mu=flat, tau=proper)
    with pytest.raises(ValueError, match="theta must have a proper prior: group 1 does not bound it on both sides"):
        gb.no_pooling([3, 0], likelihood=gb.Poisson(), theta=flat)
    with pytest.raises(ValueError, match=r"tau must have a proper prior here: Flat.* with 1 group .* \(2 are needed\)"):
        gb.partial_pooling([3, 0], likelihood=gb.Binomial([5, 9]), mu=gb.Normal(0, 2), tau=flat)
    with pytest.raises(ValueError, match="states its errors where rows are not normal"):
        gb.partial_pooling([3, 2], likelihood=gb.Binomial([5, 9]), mu=gb.Normal(0, 2), tau=gb.Jeffreys())
    post = gb.no_pooling([3], likelihood=gb.Poisson(), theta=flat)  # exp(theta) ~ Gamma(3, 1)
    assert post.mean("theta", 0) == pytest.approx(scipy.special.digamma(3), abs=1e-9)
    assert post.var("theta", 0) == pytest.approx(scipy.special.polygamma(1, 3), rel=1e-9)


@pytest.mark.parametrize("tau", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("mu", [(-4, 0.5), (0, 1), (3, 0.2)])
def test_a_known_narrow_tau_and_a_prior_far_from_the_data(mu, tau):
    """Rare deaths under a prior of mu up to 34 sds away: theta is pulled to 20 tau from mu. Sums over mu and theta here."""
    deaths, operations = [2, 5, 1], [400, 500, 300]
    post = gb.partial_pooling(deaths, likelihood=gb.Binomial(operations), mu=gb.Normal(*mu), tau=tau)
    at, z = np.arange(-7.5, 4.5, 0.02), np.arange(-60, 30, 0.25)  # of what is smooth: right to rounding
    log_p = st.norm(*mu).logpdf(at)
    log_z = -(z**2) / 2 - np.log(2 * np.pi) / 2 + np.log(0.25)
    for y, n in zip(deaths, operations, strict=True):
        theta = at[:, None] + tau * z
        log_l = st.binom.logpmf(y, n, 0.5) + n * np.log(2) + y * theta - n * np.logaddexp(0, theta)
        log_p = log_p + scipy.special.logsumexp(log_l + log_z, axis=1)
    weight = np.exp(log_p - log_p.max())
    mean = weight @ at / weight.sum()
    assert post.log_evidence == pytest.approx(log_p.max() + np.log(weight.sum() * 0.02), abs=1e-8)
    assert post.mean("mu") == pytest.approx(mean, abs=1e-8 * post.sd("mu"))
    assert post.sd("mu") == pytest.approx((weight @ (at - mean) ** 2 / weight.sum()) ** 0.5, rel=1e-8)
    assert post.accuracy.largest.size < 1e-6


def test_groups_none_of_which_bounds_theta_leave_the_priors_tail():
    """No success, none of 40, nothing but: tau keeps its half-Cauchy's tail, out to where a likelihood looks like a step.

    By parts here: int expit(s theta)**n N(theta; mu, tau) dtheta sums the slope of the step, wherever tau ends.
    """
    trials, signs = [3, 40, 3], [-1, -1, 1]
    post = gb.partial_pooling([0, 0, 3], likelihood=gb.Binomial(trials), mu=gb.Normal(0, 3), tau=gb.HalfCauchy(3))
    theta, mu = np.arange(-60, 60, 0.2), np.arange(-30, 30, 0.5)
    z, z_weight = np.polynomial.hermite_e.hermegauss(60)
    q, weight = np.polynomial.legendre.leggauss(200)
    total = np.empty((len(mu), len(q)))
    for k, tau in enumerate(st.halfcauchy(scale=3).ppf((1 + q) / 2)):
        parts = []
        for n, sign in zip(trials, signs, strict=True):
            step = scipy.special.expit(sign * theta) ** n
            slope = n * step * scipy.special.expit(-sign * theta) * 0.2
            wide = scipy.special.ndtr(sign * (mu[:, None] - theta) / tau) @ slope
            near = scipy.special.expit(sign * (mu[:, None] + tau * z)) ** n @ z_weight / np.sqrt(2 * np.pi)
            parts.append(near if tau < 0.5 else wide)
        total[:, k] = np.prod(parts, axis=0)
    expected = np.log(st.norm(0, 3).pdf(mu) @ total @ weight * 0.5 / 2)
    assert post.log_evidence == pytest.approx(expected, abs=1e-9)
