"""The posterior of a hidden Markov model's parameters: against sums over paths, a forward pass in NumPy, weighted points."""

import itertools
import warnings

import jax
import numpy as np
import pytest
import scipy.stats as st
from chains_drawn import INITIAL, SIGMA, TRANSITIONS, three_states
from paths import Paths

import gridbayes as gb
from gridbayes.quadrature.supports import Space
from gridbayes.sequences.unknown import Unknown

TWO = gb.NormalEmissions(mu=[gb.Normal(3, 1), gb.Normal(10, 1)], sigma=1)


def forward(initial, transitions, density):
    """log p(y), (point,), by the forward pass written stupidly: density (step, point, state)."""
    f, log_p = np.asarray(initial) * density[0], 0.0
    for each in density[1:]:
        c = f.sum(axis=1, keepdims=True)
        f, log_p = (f / c) @ transitions * each, log_p + np.log(c[:, 0])
    return log_p + np.log(f.sum(axis=1))


# --- all parameters -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chain():
    """One chain of 100 steps like posteriordb's hmm_example."""
    model = gb.HiddenMarkov([0.5, 0.5], [[0.7, 0.3], [0.1, 0.9]], gb.NormalEmissions(mu=[3, 9], sigma=1))
    return model.sample(100, seed=4)["y"]


@pytest.fixture(scope="module")
def post(chain):
    return gb.hidden_markov(chain, 2, emissions=TWO, initial=[0.5, 0.5])


def test_all_parameters_of_two_states_with_a_stated_error(post):
    assert post.accuracy.largest.size < 1e-4
    assert list(post.marginals) == ["mu", "transition_0", "transition_1"]
    np.testing.assert_allclose(sum(post.mean("transition_0").values), 1)
    assert post.model.title.endswith("transitions ~ Dirichlet(1); given sigma and initial")
    assert "given sigma and initial" in str(post.summary())


def test_weighted_points_agree(chain, post):
    points = gb.hidden_markov(chain, 2, emissions=TWO, initial=[0.5, 0.5], rule="points", budget=2**13)
    for (label, one), (_, other) in zip(post.rows, points.rows, strict=True):
        assert one.sd == pytest.approx(other.sd, rel=0.02), label
        assert abs(one.mean - other.mean) < 0.02 * one.sd, label
    assert points.log_evidence == pytest.approx(post.log_evidence, abs=2e-3)


def test_states_in_another_order_are_the_same_posterior(chain, post):
    turned = gb.NormalEmissions(mu=[gb.Normal(10, 1), gb.Normal(3, 1)], sigma=1)
    other = gb.hidden_markov(chain, 2, emissions=turned, initial=[0.5, 0.5], order=7)
    assert other.log_evidence == pytest.approx(post.log_evidence, abs=1e-4)
    np.testing.assert_allclose(other.mean("mu"), post.mean("mu")[::-1], atol=1e-5)
    np.testing.assert_allclose(other.mean("transition_0"), post.mean("transition_1")[::-1], atol=1e-5)


def test_probabilities_against_sums_over_paths():
    """Known emissions: p(y) is a polynomial of the probabilities, which Gauss-Legendre nodes integrate exactly."""
    y, mu, sigma = np.array([0.2, 2.5, 1.4, 3.0, -0.5, 2.0]), np.array([0.0, 3.0]), np.array([1.0, 1.5])
    density = st.norm.pdf(y[:, None], mu, sigma)
    nodes, weights = np.polynomial.legendre.leggauss(6)
    nodes, weights = (nodes + 1) / 2, weights / 2
    cells = list(itertools.product(range(6), repeat=3))  # p(x_1 = 0), and of staying in 0 and in 1
    p = nodes[np.array(cells)]
    mass = [Paths([a, 1 - a], [[b, 1 - b], [1 - c, c]], density).evidence for a, b, c in p]
    mass = np.array(mass) * weights[np.array(cells)].prod(axis=1)
    mean = mass @ p / mass.sum()
    var = mass @ (p - mean) ** 2 / mass.sum()
    found = gb.hidden_markov(y, 2, emissions=gb.NormalEmissions(mu=mu, sigma=sigma))
    assert found.log_evidence == pytest.approx(np.log(mass.sum()), abs=1e-7)
    addresses = [("initial", 0), ("transition_0", 0), ("transition_1", 1)]
    np.testing.assert_allclose([found.mean(*at) for at in addresses], mean, atol=1e-6)
    np.testing.assert_allclose([found.sd(*at) for at in addresses], var**0.5, atol=1e-6)


# --- given the rest -----------------------------------------------------------------------------------------------------


def test_three_means_given_the_rest_against_a_grid():
    chains = three_states().sample([60, 60, 60], seed=6)["y"]
    own = gb.NormalEmissions(mu=gb.Normal(0, 5), sigma=SIGMA)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # mirror images are known and counted
        post = gb.hidden_markov(chains, 3, emissions=own, initial=INITIAL, transitions=TRANSITIONS)
    assert post.model.title == (
        "hidden Markov model of 3 states, normal emissions: mu ~ Normal(0, 5); given sigma, initial and transitions"
    )
    mean, sd = post.mean("mu").values, post.sd("mu").values
    axes = mean + sd * np.linspace(-6, 6, 25)[:, None]
    mu = np.array(list(itertools.product(*axes.T)))
    log_p = st.norm.logpdf(mu, 0, 5).sum(axis=1)
    for y in chains.values:
        log_p = log_p + forward(INITIAL, TRANSITIONS, st.norm.pdf(y[:, None, None], mu, SIGMA))
    mass = np.exp(log_p - log_p.max())
    evidence = np.log(6 * mass.sum() * np.prod(axes[1] - axes[0])) + log_p.max()
    mass /= mass.sum()
    assert post.log_evidence == pytest.approx(evidence, abs=1e-6)
    np.testing.assert_allclose(mean, mass @ mu, atol=1e-7)
    np.testing.assert_allclose(sd, np.sqrt(mass @ (mu - mass @ mu) ** 2), rtol=1e-6)


# --- the log density of every family ------------------------------------------------------------------------------------

Y, X = {"a": [1.0, 0.0, None, 2.0], "b": [2.0, 1.0]}, {"a": [0.5, 1.0, 2.0, 0.1], "b": [1.5, 0.2]}
ROWS = {"transition_0": [0.8, 0.2], "transition_1": [0.4, 0.6]}
CASES = {
    "normal, one sigma": (
        gb.NormalEmissions(mu=[gb.Normal(0, 2), gb.Laplace(1, 1)], sigma=gb.HalfNormal(2), shared_sigma=True),
        {"mu": np.array([0.3, 2.0]), "sigma": np.array(0.7)},
        lambda p, y, x: st.norm.pdf(y, p["mu"], p["sigma"]),
        lambda p: st.norm.logpdf(0.3, 0, 2) + st.laplace.logpdf(2, 1, 1) + st.halfnorm.logpdf(0.7, scale=2),
    ),
    "poisson": (
        gb.PoissonEmissions(rate=gb.Exponential(0.5)),
        {"rate": np.array([0.4, 1.9])},
        lambda p, y, x: st.poisson.pmf(y, p["rate"]),
        lambda p: st.expon.logpdf([0.4, 1.9], scale=2).sum(),
    ),
    "regression": (
        gb.RegressionEmissions(slope=gb.Normal(0, 1), intercept=gb.Normal(1, 2), sigma=[0.5, 1]),
        {"slope": np.array([1.0, -0.5]), "intercept": np.array([0.2, 1.0])},
        lambda p, y, x: st.norm.pdf(y, p["slope"] * x + p["intercept"], [0.5, 1]),
        lambda p: st.norm.logpdf([1, -0.5]).sum() + st.norm.logpdf([0.2, 1], 1, 2).sum(),
    ),
    "categorical": (
        gb.CategoricalEmissions(gb.Dirichlet([[1, 2, 3], [2, 2, 2]])),
        {"probability_0": np.array([0.2, 0.5, 0.3]), "probability_1": np.array([0.6, 0.3, 0.1])},
        lambda p, y, x: np.stack([p["probability_0"], p["probability_1"]])[:, int(y)],
        lambda p: st.dirichlet.logpdf([0.2, 0.5, 0.3], [1, 2, 3]) + st.dirichlet.logpdf([0.6, 0.3, 0.1], [2, 2, 2]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_log_density_is_prior_times_sums_over_paths(case):
    emissions, own, density, log_prior = CASES[case]
    x = X if case == "regression" else None
    model = Unknown.of(Y, 2, x, emissions, gb.Dirichlet([2, 1]), gb.Dirichlet([[3, 1], [1, 2]]))
    p = {**own, "initial": np.array([0.3, 0.7]), **{name: np.array(row) for name, row in ROWS.items()}}
    with jax.enable_x64(True):
        found = float(model.log_joint({name: jax.numpy.asarray(v) for name, v in p.items()}, model.data))
    expected = log_prior(p) + st.dirichlet.logpdf([0.3, 0.7], [2, 1])
    expected += st.dirichlet.logpdf([0.8, 0.2], [3, 1]) + st.dirichlet.logpdf([0.4, 0.6], [1, 2])
    for label, y in Y.items():
        emission = [np.ones(2) if v is None else density(p, v, X[label][t]) for t, v in enumerate(y)]
        expected += np.log(Paths([0.3, 0.7], list(ROWS.values()), np.array(emission)).evidence)
    assert found == pytest.approx(expected, abs=1e-10)


def test_impossible_transitions_are_summed_in_logs():
    """From state 1 there is no way back; 40 sds out the other state's share underflows, and is needed later."""
    y, left_to_right = [0.0, 40.0, 40.0, 100.0], np.array([[0.5, 0.5], [0.0, 1.0]])
    own = gb.NormalEmissions(mu=[gb.Normal(0, 1), gb.Normal(40, 1)], sigma=1)
    model = Unknown.of(y, 2, None, own, [1, 0], left_to_right)
    mu = np.array([0.5, 40.0])
    with jax.enable_x64(True):
        found = float(model.log_joint({"mu": jax.numpy.asarray(mu)}, model.data))
    paths = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 1]])
    log_p = st.norm.logpdf(y, mu[paths], 1).sum(axis=1) + np.log([1 / 8, 1 / 8, 1 / 4, 1 / 2])
    expected = np.logaddexp.reduce(log_p) + st.norm.logpdf(mu, [0, 40], 1).sum()
    assert found == pytest.approx(expected, abs=1e-9)


# --- states that are alike ----------------------------------------------------------------------------------------------

ALIKE = {
    "normal": gb.NormalEmissions(mu=gb.Normal(0, 2), sigma=gb.HalfNormal(2)),
    "one sigma": gb.NormalEmissions(mu=gb.Normal(0, 2), sigma=gb.HalfNormal(2), shared_sigma=True),
    "categorical": gb.CategoricalEmissions(),
}


@pytest.mark.parametrize("case", ALIKE)
def test_states_that_are_alike_may_trade_places(case):
    """Emissions, initial probabilities, and both axes of the transitions: the log density stays."""
    model = Unknown.of(Y, 3, None, ALIKE[case], None, gb.Dirichlet(2 * np.eye(3) + 1))
    space = Space.of(model.parameters)
    exchange = model.exchange(space)
    u = np.random.default_rng(0).normal(size=(1, space.dimension))
    own = space.own(u)
    turned = exchange.permuted(own, (2, 0, 1))
    with jax.enable_x64(True):
        found = [
            float(model.log_joint({name: jax.numpy.asarray(v[0]) for name, v in each.items()}, model.data))
            for each in (own, turned)
        ]
    assert found[0] == pytest.approx(found[1], abs=1e-10)
    np.testing.assert_array_equal(turned["transition_0"], own["transition_2"][:, [2, 0, 1]])
    first = space.own(exchange.canonical(space, u[0]))
    key = first["mu"] if "mu" in first else [first[f"probability_{k}"][0] for k in range(3)]
    assert (np.diff(key) > 0).all() and exchange.log_copies == pytest.approx(np.log(6))
    assert exchange.in_order(space, space.line(first)[None]).all()


@pytest.mark.parametrize(
    "changed",
    [
        {"initial": [0.5, 0.3, 0.2]},
        {"transitions": gb.Dirichlet([[1, 1, 1], [1, 2, 1], [1, 1, 1]])},
        {"emissions": gb.NormalEmissions(mu=[gb.Normal(0, 1), gb.Normal(0, 1), gb.Normal(1, 1)])},
        {"emissions": gb.NormalEmissions(mu=gb.Normal(0, 1), sigma=[1, 1, 2])},
    ],
)
def test_states_that_something_tells_apart_may_not(changed):
    model = Unknown.of(Y, 3, None, **{"emissions": None, "initial": None, "transitions": None, **changed})
    assert not model.alike and model.exchange(Space.of(model.parameters)).size == 1


# --- doors --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"emissions": gb.NormalEmissions(mu=[gb.Normal(0, 1)] * 3)},
            "mu must have one prior, or 2, one a state; it has 3",
        ),
        (
            {"emissions": gb.NormalEmissions(mu=gb.Flat())},
            "mu must have proper priors of gridbayes on one support; mu is Flat",
        ),
        (
            {"emissions": gb.NormalEmissions(mu=[gb.Normal(0, 1), gb.Uniform(0, 1)])},
            r"mu must have proper priors of gridbayes on one support; mu is Uniform\(0, 1\)",
        ),
        (
            {"emissions": gb.NormalEmissions(sigma=[gb.HalfNormal(1)] * 2, shared_sigma=True)},
            "sigma must have one prior, since it is shared; it has 2",
        ),
        (
            {"emissions": gb.NormalEmissions([0, 1], 1), "initial": [1, 0], "transitions": np.eye(2)},
            r"nothing is left to learn: every parameter is known. Use gridbayes.HiddenMarkov\(...\).condition\(y\)",
        ),
        ({"states": 1.5}, "states must be a whole number from 2; states is 1.5"),
    ],
)
def test_what_does_not_fit_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        Unknown.of(
            [1.0, 2.0, 4.0],
            **{"states": 2, "x": None, "emissions": None, "initial": None, "transitions": None, **changed},
        )
