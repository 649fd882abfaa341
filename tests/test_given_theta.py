"""New rows that are not normal: against quadrature over theta, fits with the row in the data, and sums by loops."""

import itertools

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats as st

import gridbayes as gb

THETA = {"theta": gb.Normal(-1, 2)}
PRIOR = st.norm(-1, 2)


def of_count(k, n):
    return lambda theta: st.binom(n, scipy.special.expit(theta)).pmf(k)


def of_rate(k, n):
    return lambda theta: st.poisson(n * np.exp(theta)).pmf(k)


def of_t(k, n):
    return lambda theta: st.t(4, theta, n).pdf(k)


def quad(*factors) -> float:
    """The integral of the prior of theta and these, on panels that resolve a thousand trials."""
    u, w = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(-19, 17, 1201)
    theta = (edges[:-1, None] + 0.03 * (u + 1) / 2).ravel()
    return float(np.prod([f(theta) for f in factors], axis=0) * PRIOR.pdf(theta) @ np.tile(0.03 * w / 2, 1200))


KINDS = {
    "binomial": (of_count, {"A": [2, 0], "B": [7]}, {"likelihood": gb.Binomial(8)}, 8, "trials", 1000),
    "bernoulli": (of_count, {"A": [1, 0, 0], "B": [1]}, {"likelihood": gb.Bernoulli()}, 1, None, None),
    "poisson": (of_rate, {"A": [4, 1], "B": [0]}, {"likelihood": gb.Poisson(2.0)}, 2.0, "exposure", 500.0),
    "student": (
        of_t,
        {"A": [-4.0, 9.0], "B": [1.0]},
        {"likelihood": gb.StudentTErrors(4), "sigma": 1.5},
        1.5,
        "sigma",
        0.01,
    ),
}


@pytest.fixture(scope="module", params=KINDS)
def case(request):
    law, rows, arguments, n, name, other = KINDS[request.param]
    return law, rows, gb.no_pooling(rows, **arguments, **THETA), n, name, other


def masses_of(y, at):
    return y.density(np.asarray(at, float)) if y.grid.rule == "panels" else y.masses[np.searchsorted(y.grid.nodes, at)]


def test_a_new_row_in_its_group_is_an_integral_over_theta(case):
    law, rows, post, n, _, _ = case
    new = post.predict()
    for d, own in enumerate(rows.values()):
        given = [law(k, n) for k in own]
        y, evidence = new.marginals["y"][d], quad(*given)
        at = [0, 1] if n == 1 else [-6, 0, 3] if law is of_t else [0, 3, 8]
        wanted = [quad(law(k, n), *given) / evidence for k in at]
        np.testing.assert_allclose(masses_of(y, at), wanted, rtol=1e-8, atol=1e-11)
        assert y.cdf(1e9) == pytest.approx(1, abs=1e-8)
        if law is not of_t:
            assert y.masses.sum() == pytest.approx(1, abs=1e-12) and np.array_equal(y.grid.nodes % 1, 0 * y.grid.nodes)
            mean = {of_count: lambda x: n * scipy.special.expit(x), of_rate: lambda x: n * np.exp(x)}[law]
            assert y.mean == pytest.approx(quad(mean, *given) / evidence, rel=1e-8)
            square = quad(lambda x: mean(x) ** 2, *given) / evidence - y.mean**2  # noqa: B023
            noise = quad(mean, *given) / evidence
            if law is of_count:
                noise -= quad(lambda x: mean(x) ** 2 / n, *given) / evidence  # noqa: B023
            assert y.var == pytest.approx(square + noise, rel=1e-7)


def test_what_is_known_of_the_new_row_may_differ(case):
    """A thousand trials, an exposure of 500, an error of a hundredth: far narrower in theta than the posterior, or not."""
    law, rows, post, _, name, other = case
    if name is None:
        return
    given = [law(k, KINDS_N[law]) for k in rows["A"]]
    y = post.predict("A", **{name: other}).marginals["y"][0]
    at = [-0.513, 2.0, 4.0] if law is of_t else [20, 130, 400]
    wanted = [quad(law(k, other), *given) / quad(*given) for k in at]
    if law is of_t:  # so narrow that y is as good as theta, but for the tails of t
        theta = post.marginals["theta"][0]
        wanted = [
            scipy.integrate.quad(
                lambda z, k=k: st.t(4).pdf(z) * theta.density(k - other * z), -800, 800, points=[0], limit=900
            )[0]
            for k in at
        ]
    np.testing.assert_allclose(masses_of(y, at), wanted, rtol=2e-8)


KINDS_N = {of_count: 8, of_rate: 2.0, of_t: 1.5}


def test_pit_of_counts_is_the_middle_of_their_step(case):
    law, rows, post, n, _, _ = case
    wanted = []
    for own in rows.values():
        given = [law(k, n) for k in own]
        for k in own:
            if law is of_t:
                below = quad(lambda x, k=k: st.t(4, x, n).cdf(k), *given)
            else:
                below = sum(quad(law(j, n), *given) for j in range(k)) + quad(law(k, n), *given) / 2
            wanted.append(below / quad(*given))
    np.testing.assert_allclose(post.pit(), wanted, atol=2e-9)


@pytest.mark.parametrize("name", ["poisson", "student"])
def test_partial_pooling_predicts_what_a_fit_with_the_row_says(name):
    """p(y | t) = p(t, y) / p(t), in a group, and in a new one."""
    _, rows, arguments, _, _, _ = KINDS[name]
    priors = {"mu": gb.Normal(0, 2), "tau": gb.HalfNormal(1)}
    post = gb.partial_pooling(rows, **arguments, **priors)
    for label in ("A", "C"):
        found = post.predict(**({"group": "A"} if label == "A" else {"new_group": True}))
        more = gb.partial_pooling({**rows, label: [*rows.get(label, []), 3]}, **arguments, **priors).log_evidence
        p = float(masses_of(found.marginals["y"][0], [3])[0])
        assert np.log(p) == pytest.approx(more - post.log_evidence, abs=2e-8)


def test_one_theta_for_all_groups_predicts_a_new_one():
    post = gb.complete_pooling({"A": [2, 0], "B": [7]}, likelihood=gb.Binomial(8), **THETA)
    given = [of_count(k, 8) for k in (2, 0, 7)]
    y = post.predict(new_group=True, trials=3).marginal("y")
    wanted = [quad(of_count(k, 3), *given) / quad(*given) for k in range(4)]
    np.testing.assert_allclose(y, wanted, atol=1e-10)
    assert y["y"].values.tolist() == [0, 1, 2, 3]


def test_explicit_grids_are_sums_over_their_nodes():
    grids = {"mu": np.linspace(-4, 1, 5), "tau": np.linspace(0.5, 2, 4), "theta": np.linspace(-6, 2, 9)}
    priors = {"mu": gb.Normal(-1, 2), "tau": gb.HalfNormal(1.5)}
    post = gb.partial_pooling([1, 5], likelihood=gb.Binomial(6), **priors, grids=grids)
    mu, tau, theta = grids.values()
    p = np.zeros((9, 9, 9))  # theta of both groups and of a new one
    for (i, m), (j, t) in itertools.product(enumerate(mu), enumerate(tau)):
        k = st.norm.pdf(theta, m, t)
        k /= k.sum()
        one, two = k * of_count(1, 6)(theta), k * of_count(5, 6)(theta)
        p += st.norm(-1, 2).pdf(mu[i]) * st.halfnorm(0, 1.5).pdf(tau[j]) * np.einsum("a,b,c->abc", one, two, k)
    p /= p.sum()
    for options, axes in (({"group": 1}, (0, 2)), ({"new_group": True}, (0, 1))):
        wanted = [p.sum(axis=axes) @ of_count(k, 6)(theta) for k in range(7)]
        np.testing.assert_allclose(post.predict(**options).marginal("y"), wanted, atol=1e-12)
    middle = np.array([sum(p.sum(axis=(1, 2)) @ of_count(k, 6)(theta) / (1 + (k == 1)) for k in (0, 1))])
    assert post.pit().values[0] == pytest.approx(middle[0], abs=1e-12)
    outlying = gb.no_pooling(
        [3.0, -1.0], sigma=2, likelihood=gb.StudentTErrors(4), theta=gb.Normal(0, 3), grids={"theta": theta}
    )
    q = st.norm(0, 3).pdf(theta) * st.t(4, theta, 2).pdf(3)
    y = outlying.predict(0).marginals["y"][0]
    assert y.density(1.3) == pytest.approx(q / q.sum() @ st.t(4, theta, 2).pdf(1.3), abs=1e-9)


def test_sigmas_by_group_on_explicit_grids():
    """p(y | t) by loops over theta and sigma; of a new group sigma is that of its prior."""
    theta, sigma = np.linspace(-8, 8, 17), np.linspace(0.5, 6, 12)
    rows = {"A": [-1.0, 2.0], "B": [4.0]}
    post = gb.complete_pooling(
        rows, sigma=gb.HalfNormal(3), theta=gb.Normal(0, 4), grids={"theta": theta, "sigma": sigma}
    )
    prior = st.halfnorm(0, 3).pdf(sigma) / st.halfnorm(0, 3).pdf(sigma).sum()
    given = [prior * np.prod([st.norm(theta[:, None], sigma).pdf(x) for x in own], axis=0) for own in rows.values()]
    joint = st.norm(0, 4).pdf(theta)[:, None] * given[0] * given[1].sum(axis=1)[:, None]
    at = st.norm(theta[:, None], sigma).cdf(1.0)
    assert post.predict("A").probability("y", below=1) == pytest.approx((joint * at).sum() / joint.sum(), abs=1e-9)
    shared = joint.sum(axis=1) / joint.sum()
    assert post.predict(new_group=True).probability("y", below=1) == pytest.approx(shared @ at @ prior, abs=1e-9)


def test_checks_by_draws_agree_with_exact_probabilities():
    """The whole of the rows is one count here: P(T(y_rep) >= T(y)) is a tail of its predictive distribution."""
    post = gb.no_pooling([3], likelihood=gb.Binomial(8), **THETA)
    y = post.predict(0).marginals["y"][0]
    for check in (post.predictive_check(draws=20_000), post.predictive_check(lambda rows: rows[0], draws=20_000)):
        assert check.error > 0 and abs(check.p - (1 - y.cdf(2))) < 4 * check.error
    assert post.predictive_check([2.0], draws=500).observed == 6


def test_counts_beyond_those_that_are_told_apart():
    """A new group whose log rate is far out: the last count stands for the rest, moments are not known; or it is refused."""
    post = gb.no_pooling([3, 4], likelihood=gb.Poisson(1.0), theta=gb.Normal(0, 3))
    y = post.predict(new_group=True, prior=True).marginals["y"][0]
    rest = st.norm(0, 3).sf(np.log(y.grid.nodes[-1]))
    assert y.masses[-1] == pytest.approx(rest, rel=0.01) and np.isnan(y.mean) and y.sd == np.inf
    assert y.masses[0] == pytest.approx(
        scipy.integrate.quad(lambda x: st.norm(0, 3).pdf(x) * np.exp(-np.exp(x)), -40, 9)[0], abs=1e-8
    )
    with pytest.raises(ValueError, match=r"the last of 16385 counts, with probability .* Pass less of exposure"):
        post.predict(new_group=True, prior=True, exposure=1e6)


@pytest.mark.parametrize(
    ("count", "exposure", "new"), [(40, 1e4, 1e6), (20_000, 1e4, 2e3), (9000, 1e6, 1e6), (9000, 1e6, 1.0)]
)
def test_counts_of_large_exposures_are_negative_binomial(count, exposure, new):
    """Under a flat prior of its log the rate is Gamma(count, exposure), and a new count negative binomial; a regression
    whose only inputs are 0 says the same."""
    exact = st.nbinom(count, exposure / (exposure + new))
    pooled = gb.no_pooling({"A": [count]}, likelihood=gb.Poisson(exposure), theta=gb.Flat()).predict("A", exposure=new)
    line = gb.poisson_regression([0.0], [count], exposure=[exposure], intercept=gb.Flat(), slope=gb.Normal(0, 1))
    for post, tolerance in ((pooled, 1e-8), (line.predict([0.0], exposure=new), 1e-5)):
        (y,) = post.marginals["y"]
        np.testing.assert_allclose(y.masses, exact.pmf(y.grid.nodes), atol=tolerance * exact.pmf(int(exact.mean())))
        assert y.mean == pytest.approx(exact.mean(), abs=tolerance * exact.std())
        assert y.sd == pytest.approx(exact.std(), rel=tolerance)


def test_counts_of_many_trials_are_beta_binomial():
    """Under a flat prior of its log odds the share is Beta(count, trials - count)."""
    exact = st.betabinom(50_000, 700, 19_300)
    pooled = gb.no_pooling({"A": [700]}, likelihood=gb.Binomial(20_000), theta=gb.Flat()).predict("A", trials=50_000)
    line = gb.logistic_regression([0.0], [700], trials=[20_000], intercept=gb.Flat(), slope=gb.Normal(0, 1))
    for post, tolerance in ((pooled, 1e-8), (line.predict([0.0], trials=50_000), 1e-5)):
        (y,) = post.marginals["y"]
        np.testing.assert_allclose(y.masses, exact.pmf(y.grid.nodes), atol=tolerance * exact.pmf(1750))
        assert y.mean == pytest.approx(exact.mean(), abs=tolerance * exact.std())


def test_numbers_that_new_rows_cannot_have():
    post = gb.no_pooling({"A": [3, 4], "B": [1]}, likelihood=gb.Binomial({"A": [9, 5], "B": 4}), **THETA)
    with pytest.raises(
        ValueError, match=r"trials must be stated for a new row in group 'A', which has rows of trials 5 to 9"
    ):
        post.predict()
    with pytest.raises(ValueError, match=r"trials must be a positive whole number; trials is 2.5"):
        post.predict("A", trials=2.5)
    with pytest.raises(TypeError, match=r"rows are Binomial\(trials\); leave out exposure=3"):
        post.predict("B", exposure=3)
    with pytest.raises(TypeError, match="rows are normal; leave out trials=3"):
        gb.no_pooling([3, 4], sigma=1, **THETA).predict(trials=3)
    several = gb.complete_pooling({"A": [3, 4]}, likelihood=gb.Binomial({"A": [9, 5]}), **THETA).predict(new_group=True)
    assert list(several.marginals) == ["theta"] and "(for y pass trials=)" in several.model.title
