"""A hidden Markov model with known parameters, against sums over every path and draws."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as st
from chains_drawn import INITIAL, MU, SIGMA, TRANSITIONS, three_states
from jax.scipy.stats import norm
from paths import Paths, filtered

import gridbayes as gb
from gridbayes.sequences import hidden_markov
from gridbayes.sequences.chains import read_chains

LENGTHS = {"long": 8, "short": 5}


@pytest.fixture(scope="module")
def outputs():
    """Chains of 8 and 5 steps, one of them missing."""
    drawn = three_states().sample([8, 5], seed=3)["y"].values
    return {"long": [*drawn[0, :2], None, *drawn[0, 3:]], "short": drawn[1, :5]}


@pytest.fixture(scope="module")
def states(outputs):
    return three_states().condition(outputs)


@pytest.fixture(scope="module")
def paths(outputs):
    return {label: Paths(INITIAL, TRANSITIONS, emission(y)) for label, y in outputs.items()}


def emission(y):
    """p(y_t | state) by scipy, (step, state), 1 where y is missing."""
    y = np.array(y, float)[:, None]
    return np.where(np.isnan(y), 1.0, st.norm.pdf(y, MU, SIGMA))


def close(actual, expected, tolerance=1e-10):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


# --- against every path -------------------------------------------------------------------------------------------------


def test_evidence_and_its_increments(states, paths):
    close(states.log_evidence, sum(np.log(each.evidence) for each in paths.values()))
    for label, each in paths.items():
        close(states.log_increments.sel(chain=label).sum(), np.log(each.evidence))
    close(states.log_increments.sel(chain="long", step=2), 0)  # nothing was seen there


def test_filtered_and_smoothed(states, paths, outputs):
    for label, n in LENGTHS.items():
        close(states.smoothed.sel(chain=label)[:n], paths[label].smoothed())
        close(states.filtered.sel(chain=label)[:n], filtered(INITIAL, TRANSITIONS, emission(outputs[label])))


def test_pairs_and_expected_transitions(states, paths):
    pairs = states.pairs()
    for label, n in LENGTHS.items():
        close(pairs.sel(chain=label)[: n - 1], paths[label].pairs())
    close(states.expected_transitions, sum(each.pairs().sum(axis=0) for each in paths.values()))


def test_viterbi(states, paths):
    for i, (label, n) in enumerate(LENGTHS.items()):
        path, p = paths[label].best()
        assert states.viterbi.sel(chain=label)[:n].values.tolist() == path.tolist()
        close(states.viterbi.attrs["log_joint"][i], np.log(p))


def test_prediction_is_the_chain_with_missing_steps_at_its_end(states, outputs):
    longer = three_states().condition({label: [*y, None, None] for label, y in outputs.items()})
    ahead = states.predict(2)
    assert ahead.dims == ("chain", "ahead", "state") and ahead.ahead.values.tolist() == [1, 2]
    for label, n in LENGTHS.items():
        close(ahead.sel(chain=label), longer.smoothed.sel(chain=label)[n : n + 2])


def test_labels_and_what_stands_behind_the_end(states):
    assert states.smoothed.dims == ("chain", "step", "state")
    assert states.smoothed.chain.values.tolist() == ["long", "short"]
    short = states.smoothed.sel(chain="short")
    assert np.isnan(short[5:]).all() and np.isfinite(short[:5]).all()
    assert np.isnan(states.pairs().sel(chain="short")[4:]).all()
    assert (states.viterbi.sel(chain="short")[5:] == -1).all()
    assert repr(states).startswith("HiddenStates(2 chain(s) of 5 to 8 steps; log evidence -2")


# --- emissions ----------------------------------------------------------------------------------------------------------

P = [[0.9, 0.1], [0.3, 0.7]]
FAMILIES = {
    "poisson": (
        gb.PoissonEmissions(rate=[2, 9]),
        None,
        lambda y, x: st.poisson.pmf(y, [2, 9]),
    ),
    "categorical": (
        gb.CategoricalEmissions([[0.5, 0.5, 0], [0.1, 0.2, 0.7]]),
        None,
        lambda y, x: np.array([[0.5, 0.5, 0], [0.1, 0.2, 0.7]])[:, y[:, 0].astype(int)].T,
    ),
    "regression": (
        gb.RegressionEmissions(slope=[1, -0.8], intercept=[2, 0], sigma=[1, 0.5]),
        np.linspace(0, 10, 6),
        lambda y, x: st.norm.pdf(y, x[:, None] * [1, -0.8] + [2, 0], [1, 0.5]),
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_emissions(family):
    emissions, x, density = FAMILIES[family]
    model = gb.HiddenMarkov([0.5, 0.5], P, emissions)
    y = model.sample(6, seed=5, x=x)["y"].values[0]
    every = Paths([0.5, 0.5], P, density(y[:, None], x))
    found = model.condition(y, x)
    close(found.log_evidence, np.log(every.evidence))
    close(found.smoothed[0], every.smoothed())


@pytest.mark.parametrize("family", FAMILIES)
def test_draws_of_emissions_have_their_means(family):
    emissions, _, _ = FAMILIES[family]
    x = np.full(20_000, 3.0)
    model = gb.HiddenMarkov([1, 0], np.eye(2)[::-1], emissions)  # every other step
    drawn = model.sample(len(x), seed=1, x=x if family == "regression" else None)
    assert drawn["state"].values[0, :4].tolist() == [0, 1, 0, 1]
    means = drawn["y"].values.reshape(-1, 2).mean(axis=0)
    expected = {"poisson": [2, 9], "categorical": [0.5, 1.6], "regression": [5, -2.4]}[family]
    errors = drawn["y"].values.reshape(-1, 2).std(axis=0) / 100
    assert (abs(means - expected) < 4 * errors).all()


def test_draws_of_states_follow_the_transitions():
    drawn = three_states().sample([4000, 3000], seed=2)
    path = drawn["state"].values[0]
    counts = np.zeros((3, 3))
    np.add.at(counts, (path[:-1], path[1:]), 1)
    assert (
        st.chisquare(counts.ravel(), (counts.sum(axis=1, keepdims=True) * TRANSITIONS).ravel(), ddof=2).pvalue > 0.001
    )
    assert (drawn["state"].values[1, 3000:] == -1).all() and np.isnan(drawn["y"].values[1, 3000:]).all()
    first = three_states().sample(np.ones(3000, int), seed=3)["state"].values[:, 0]
    assert st.chisquare(np.bincount(first)).pvalue > 0.001


def test_the_same_seed_draws_the_same():
    one, other, third = (three_states().sample(20, seed=seed)["y"].values for seed in (1, 1, 2))
    assert (one == other).all() and (one != third).all()


# --- by a memo that calls itself ------------------------------------------------------------------------------------------

State = [0, 1, 2]


def moves(before, x):
    return jnp.asarray(TRANSITIONS)[before, x]


def shows(x, y, t):
    return norm.pdf(y[t], jnp.asarray(MU)[x], SIGMA)


@gb.memo
def after[_x: State](t, y: ...):
    observer: knows(_x)
    observer: thinks[
        chain : chooses(before in State, wpp=after[before](t - 1, y) if t > 0 else 1 / 3),
        chain : chooses(x in State, wpp=moves(before, x) if t > 0 else 1 / 3),
    ]
    observer: observes_event(wpp=shows(chain.x, y, t))
    return observer[Pr[chain.x == _x]]


def test_a_memo_that_calls_itself_filters_a_chain():
    y = np.array([-2.0, 0.7, 3.1])
    by_memo = [after(t, y).marginal("x").values for t in range(3)]
    close(by_memo, three_states().condition(y).filtered[0])


# --- a long chain -------------------------------------------------------------------------------------------------------


def test_a_long_chain_and_pairs_that_nobody_can_keep(monkeypatch):
    drawn = three_states().sample(20_000, seed=1)
    states = three_states().condition(drawn["y"])
    assert (states.viterbi == drawn["state"]).mean() > 0.98
    close(states.smoothed.sum("state"), 1, 1e-12)
    close(states.expected_transitions.sum(), 19_999, 1e-9)
    monkeypatch.setattr(hidden_markov, "MOST", 2**20)
    with pytest.raises(ValueError, match=r"pairs would take 0\.0013 GiB. Use expected_transitions"):
        states.pairs()


# --- the doors ----------------------------------------------------------------------------------------------------------


def test_one_chain_several_and_labels_of_xarray():
    assert read_chains([1.0, 2.0]).y.shape == (1, 2)
    assert read_chains(np.ones((3, 4))).lengths.tolist() == [4, 4, 4]
    drawn = three_states().sample([2, 3])["y"]
    assert read_chains(drawn.assign_coords(chain=["a", "b"])).labels == ("a", "b")
    assert np.isnan(read_chains([[1, None], [2, 3]]).y[0, 1])


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ({}, ValueError, "y must have at least one chain; it is empty"),
        ({"a": [1.0], "b": []}, ValueError, r'y must have a step in every chain; y\["b"\] has length 0'),
        ([[1.0, np.inf]], ValueError, r"y must be finite; y\[0\]\[1\] is inf. Mark a missing step NaN"),
        ([["x"]], TypeError, r"y\[0\]\[0\] is 'x', not a number"),
        (np.ones((2, 2, 2)), ValueError, r"y must have axes \(chain, step\) or \(step,\); its shape is \(2, 2, 2\)"),
    ],
)
def test_chains_that_are_none(y, error, message):
    with pytest.raises(error, match=message):
        three_states().condition(y)


def test_inputs_must_fit():
    model = gb.HiddenMarkov([0.5, 0.5], P, FAMILIES["regression"][0])
    with pytest.raises(TypeError, match="RegressionEmissions need inputs: pass x="):
        model.condition([1.0, 2.0])
    with pytest.raises(
        ValueError, match=r"x must have the chains and steps of y; its lengths are \{0: 1\}, those of y \{0: 2\}"
    ):
        model.condition([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match=r"x must be known wherever y is; x\[0\]\[1\] is missing"):
        model.condition([1.0, 2.0], [1.0, None])
    with pytest.raises(TypeError, match="NormalEmissions have no inputs"):
        three_states().condition([1.0], [1.0])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"transitions": [[0.9, 0.1], [0.2, 0.7]]}, r"transitions\[1\] must sum to 1; it sums to 0.9: \[0.2, 0.7\]"),
        ({"transitions": [[1.1, -0.1], [0.2, 0.8]]}, r"transitions\[0\] must hold no negative number; it holds -0.1"),
        ({"transitions": [[1.0]]}, r"transitions must have shape \(2, 2\); its shape is \(1, 1\)"),
        ({"initial": [0.5, 0.6]}, r"initial must sum to 1; it sums to 1.1"),
        ({"initial": 0.5}, r"initial must have shape \(any\); its shape is \(\)"),
        ({"emissions": gb.NormalEmissions(mu=[1, 2, 3], sigma=1)}, "mu must be a number for each of 2 states"),
        (
            {"emissions": gb.NormalEmissions(mu=[1, 2], sigma=[1, 0])},
            r"sigma must be positive and finite; sigma is \[1.0, 0.0\]",
        ),
        ({"emissions": gb.NormalEmissions(mu=[1, 2])}, "HiddenMarkov needs numbers for sigma of its emissions"),
        (
            {"emissions": gb.CategoricalEmissions([[0.5, 0.4], [1, 0]])},
            r"probability\[0\] must sum to 1; it sums to 0.9",
        ),
    ],
)
def test_parameters_that_do_not_fit(changed, message):
    given = {"initial": [0.5, 0.5], "transitions": P, "emissions": gb.NormalEmissions(mu=[0, 1], sigma=1), **changed}
    with pytest.raises(ValueError, match=message):
        gb.HiddenMarkov(**given)


def test_emissions_and_probabilities_of_another_kind():
    with pytest.raises(TypeError, match="emissions must be for example gridbayes.NormalEmissions"):
        gb.HiddenMarkov([0.5, 0.5], P, "normal")
    with pytest.raises(TypeError, match="initial must be probabilities; initial is 'even'"):
        gb.HiddenMarkov("even", P, gb.NormalEmissions([0, 1], 1))


@pytest.mark.parametrize(
    ("emissions", "y", "message"),
    [
        (gb.PoissonEmissions([1, 2]), [1, 2.5], r"y must be Poisson counts: whole numbers from 0; y\[0\]\[1\] is 2.5"),
        (
            gb.CategoricalEmissions([[1, 0], [0, 1]]),
            [0, 2],
            r"y must be categories 0, 1, ...: whole numbers from 0 to 1; y\[0\]\[1\] is 2",
        ),
    ],
)
def test_outputs_that_a_family_cannot_make(emissions, y, message):
    with pytest.raises(ValueError, match=message):
        gb.HiddenMarkov([0.5, 0.5], P, emissions).condition(y)


def test_an_impossible_output_is_named():
    """In every state; and in the only one that can be reached."""
    model = gb.HiddenMarkov([1, 0], [[0.5, 0.5], [0, 1]], gb.CategoricalEmissions([[1, 0, 0], [0, 1, 0]]))
    with pytest.raises(ValueError, match=r'y\["a"\]\[1\] is 2, which no state that can be reached there can show'):
        model.condition({"a": [0, 2, 0]})
    with pytest.raises(ValueError, match=r"y\[0\]\[2\] is 0, which no state that can be reached there can show"):
        model.condition([0, 1, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.condition([0, None, 1]).viterbi.values.tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("k", [0, 1.5, True])
def test_steps_ahead_are_whole(states, k):
    with pytest.raises(ValueError, match=f"k must be a whole number of steps from 1; k is {k!r}"):
        states.predict(k)


def test_lengths_are_whole():
    with pytest.raises(ValueError, match=r"lengths must be whole numbers from 1, one a chain; lengths is \[3, 0\]"):
        three_states().sample([3, 0])


def test_concentrations_must_fit():
    with pytest.raises(
        ValueError, match=r"initial: concentration must have shape \(2,\), or be one number; its shape is \(3,\)"
    ):
        gb.hidden_markov([1.0, 2.0, 3.0], 2, initial=gb.Dirichlet([1, 1, 1]))
    with pytest.raises(ValueError, match="transitions: concentration must be positive; it is 0"):
        gb.hidden_markov([1.0, 2.0, 3.0], 2, transitions=gb.Dirichlet(0))
