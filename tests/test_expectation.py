"""Maximum likelihood by EM: against the generator, a general maximiser, and closed forms."""

import numpy as np
import pytest
from chains_drawn import three_states
from scipy.optimize import minimize

import gridbayes as gb
from gridbayes.sequences.emissions import NormalEmissions


@pytest.fixture(scope="module")
def chains():
    return three_states().sample([200, 200, 200], seed=1)["y"]


@pytest.fixture(scope="module")
def fit(chains):
    return gb.fit_hidden_markov(chains, 3)


def test_em_reaches_at_least_the_generators_log_likelihood(chains, fit):
    assert fit.log_likelihood >= three_states().condition(chains).log_evidence
    assert fit.converged and abs(fit.model.parameters["mu"] - [-3, 0, 4]).max() < 0.2


def test_the_log_likelihood_is_that_of_the_model_and_the_top_of_its_trace(chains, fit):
    assert fit.model.condition(chains).log_evidence == pytest.approx(fit.log_likelihood, abs=1e-5)
    assert float(fit.trace.max()) == fit.log_likelihood


def test_no_iteration_lowers_the_log_likelihood(fit):
    gains = fit.trace.diff("iteration").values
    assert fit.trace.dims == ("restart", "iteration") and fit.trace.sizes["restart"] == 10
    assert gains[np.isfinite(gains)].min() > -1e-9 and np.isfinite(gains).sum() > 50


def test_no_direction_gains_at_the_maximum(chains, fit):
    """Two of its parameters moved by a general maximiser gain nothing."""
    model = fit.model

    def lost(shift):
        emissions = gb.NormalEmissions(model.parameters["mu"] + shift[0], model.parameters["sigma"] * np.exp(shift[1]))
        return -gb.HiddenMarkov(model.initial, model.transitions, emissions).condition(chains).log_evidence

    found = minimize(lost, [0.05, -0.05], method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-8})
    assert -found.fun <= fit.log_likelihood + 1e-5 and abs(found.x).max() < 1e-3


def test_what_is_known_stays(chains):
    known = three_states()
    own = gb.NormalEmissions(mu=[4, 0, -3], shared_sigma=True)
    fit = gb.fit_hidden_markov(chains, 3, emissions=own, transitions=known.transitions, restarts=2)
    assert fit.model.parameters["mu"].tolist() == [4, 0, -3]
    assert (fit.model.transitions == known.transitions).all()
    assert len(set(fit.model.parameters["sigma"].tolist())) == 1


# --- the steps of each family, where weights say which row belongs to which state ----------------------------------------

Y, X = np.array([1.0, 2.0, 4.0, 7.0]), np.array([0.0, 1.0, 2.0, 5.0])
WEIGHT = np.array([[1.0, 0.0], [0.5, 0.5], [0.2, 0.8], [0.0, 1.0]])


def test_weighted_lines_are_those_of_weighted_least_squares():
    own, old = gb.RegressionEmissions(), {name: np.ones(2) for name in ("slope", "intercept", "sigma")}
    every = frozenset(old)
    found = own.likeliest(old, every, WEIGHT, Y, X)
    for k in range(2):
        slope, intercept = np.polyfit(X, Y, 1, w=np.sqrt(WEIGHT[:, k]))
        rest = Y - slope * X - intercept
        expected = [slope, intercept, np.sqrt(np.average(rest**2, weights=WEIGHT[:, k]))]
        np.testing.assert_allclose([found[n][k] for n in ("slope", "intercept", "sigma")], expected, atol=1e-12)
    part = own.likeliest({**old, "slope": np.array([2.0, 0.5])}, every - {"slope"}, WEIGHT, Y, X)
    np.testing.assert_allclose(
        part["intercept"], [np.average(Y - b * X, weights=w) for b, w in zip([2, 0.5], WEIGHT.T, strict=True)]
    )
    part = own.likeliest({**old, "intercept": np.array([1.0, 0.0])}, every - {"intercept"}, WEIGHT, Y, X)
    expected = [np.sum(w * X * (Y - a)) / np.sum(w * X * X) for a, w in zip([1, 0], WEIGHT.T, strict=True)]
    np.testing.assert_allclose(part["slope"], expected)


def test_weighted_counts_and_shared_sigma():
    rate = gb.PoissonEmissions().likeliest({"rate": np.ones(2)}, frozenset({"rate"}), WEIGHT, Y, None)["rate"]
    np.testing.assert_allclose(rate, [np.average(Y, weights=w) for w in WEIGHT.T])
    categories = np.array([0.0, 1.0, 1.0, 2.0])
    old = {"probability": np.full((2, 3), 1 / 3)}
    found = gb.CategoricalEmissions().likeliest(old, frozenset(old), WEIGHT, categories, None)["probability"]
    np.testing.assert_allclose(found, np.array([[1, 0.7, 0], [0, 1.3, 1]]) / [[1.7], [2.3]])
    old = {"mu": np.ones(2), "sigma": np.ones(2)}
    found = NormalEmissions(shared_sigma=True).likeliest(old, frozenset(old), WEIGHT, Y, None)
    np.testing.assert_allclose(found["sigma"], np.sqrt(np.sum(WEIGHT * (Y[:, None] - found["mu"]) ** 2) / 4))


def test_a_state_without_weight_keeps_its_parameters():
    nothing = np.array([[1.0, 0.0]] * 4)
    old = {"slope": np.array([0.0, 3.0]), "intercept": np.array([0.0, -1.0]), "sigma": np.array([1.0, 2.0])}
    found = gb.RegressionEmissions().likeliest(old, frozenset(old), nothing, Y, X)
    assert [found[name][1] for name in old] == [3, -1, 2]


# --- bad input ----------------------------------------------------------------------------------------------------------


def test_a_state_on_one_value_has_no_maximum():
    with pytest.raises(ArithmeticError, match="every restart ended with a state that sits on one value of y"):
        gb.fit_hidden_markov([3.0] * 10, 2, restarts=2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"states": 1}, "states must be a whole number from 2; states is 1"),
        ({"states": 9}, "y must have more outputs than states; it has 4, states is 9"),
        ({"restarts": 0}, "restarts must be a whole number from 1; restarts is 0"),
        ({"iterations": 0}, "iterations must be a whole number from 1; iterations is 0"),
        ({"transitions": [[0.5, 0.4], [0.5, 0.5]]}, r"transitions\[0\] must sum to 1; it sums to 0.9"),
        ({"initial": [0.5, 0.4, 0.1]}, r"initial must have shape \(2\)"),
        ({"emissions": gb.NormalEmissions(sigma=[1, 2, 3])}, "sigma must be a number for each of 2 states"),
    ],
)
def test_arguments_that_do_not_fit(changed, message):
    with pytest.raises(ValueError, match=message):
        gb.fit_hidden_markov(Y, **{"states": 2, **changed})


def test_emissions_that_are_none():
    with pytest.raises(TypeError, match="emissions must be for example gridbayes.NormalEmissions"):
        gb.fit_hidden_markov(Y, 2, emissions="normal")
