"""Messages along chains of hidden states, against sums over every path."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from paths import Paths, filtered

from gridbayes.sequences import messages

STATES, STEPS = 3, 8


@pytest.fixture(scope="module")
def chain():
    """One chain of 8 steps, the fourth missing, filled up to 11 with nonsense."""
    rng = np.random.default_rng(1)
    initial, transitions = rng.dirichlet(np.ones(STATES)), rng.dirichlet(np.ones(STATES), STATES)
    emission = np.exp(rng.normal(0, 2, (STEPS, STATES)))
    emission[3] = 1
    return initial, transitions, emission


@pytest.fixture(scope="module")
def paths(chain):
    return Paths(*chain)


@pytest.fixture(scope="module")
def found(chain):
    initial, transitions, emission = chain
    filled = np.vstack([emission, np.random.default_rng(2).random((3, STATES))])
    return everything(initial, transitions, filled, STEPS)


@jax.jit
def _everything(log_initial, log_transitions, log_emissions, length):
    f = messages.filtered(log_initial, log_transitions, log_emissions, length)
    h = messages.backward(log_transitions, log_emissions, length)
    tables = (log_transitions, log_emissions, f.log_filtered, h, length)
    return {
        "filtered": jnp.exp(f.log_filtered),
        "increments": f.log_increments,
        "log_evidence": messages.log_evidence(log_initial, log_transitions, log_emissions, length),
        "smoothed": jnp.exp(messages.smoothed(f.log_filtered, h)),
        "pairs": messages.pairs(*tables),
        "counts": messages.expected_transitions(*tables),
        "viterbi": messages.viterbi(log_initial, log_transitions, log_emissions, length),
    }


def everything(initial, transitions, emission, length):
    with jax.enable_x64(True), np.errstate(divide="ignore"):
        found = _everything(*(jnp.log(jnp.asarray(table)) for table in (initial, transitions, emission)), length)
    return jax.tree.map(np.asarray, found)


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


def test_filtered(chain, found):
    close(found["filtered"][:STEPS], filtered(*chain))


def test_smoothed(paths, found):
    close(found["smoothed"][:STEPS], paths.smoothed())


def test_pairs_and_their_sum(paths, found):
    close(found["pairs"][: STEPS - 1], paths.pairs())
    close(found["counts"], paths.pairs().sum(axis=0))


def test_evidence(paths, found):
    close(found["log_evidence"], np.log(paths.evidence))
    close(found["increments"].sum(), np.log(paths.evidence))


def test_most_probable_path(paths, found):
    path, p = paths.best()
    assert found["viterbi"].states[:STEPS].tolist() == path.tolist()
    close(found["viterbi"].log_joint, np.log(p))


def test_behind_the_end_the_last_step_is_repeated(found):
    for name in ("filtered", "smoothed"):
        close(found[name][STEPS:], np.repeat(found[name][STEPS - 1 : STEPS], 3, axis=0))
    assert (found["pairs"][STEPS - 1 :] == 0).all() and (found["increments"][STEPS:] == 0).all()
    assert (found["viterbi"].states[STEPS:] == found["viterbi"].states[STEPS - 1]).all()


def test_zeros_in_every_table():
    """A chain that only moves on, and outputs that rule states out."""
    initial, transitions = np.array([0.7, 0.3, 0.0]), np.array([[0.6, 0.4, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]])
    emission = np.random.default_rng(3).random((STEPS, STATES))
    emission[4, 0] = emission[1, 1] = 0
    every, found = Paths(initial, transitions, emission), everything(initial, transitions, emission, STEPS)
    close(found["filtered"], filtered(initial, transitions, emission))
    close(found["smoothed"], every.smoothed())
    close(found["pairs"], every.pairs())
    assert found["viterbi"].states.tolist() == every.best()[0].tolist()


def test_an_impossible_step_is_where_the_increments_end():
    emission = np.ones((STEPS, STATES))
    emission[5] = 0
    found = everything(np.full(STATES, 1 / 3), np.full((STATES, STATES), 1 / 3), emission, STEPS)
    assert np.flatnonzero(np.isneginf(found["increments"]))[0] == 5 and found["log_evidence"] == -np.inf


def test_outputs_a_hundred_sds_away_underflow_nowhere():
    """Two states that never meet, -5e3 and -8e3 in logs at every step: the evidence is that of two straight paths."""
    initial, transitions = np.array([0.25, 0.75]), np.eye(2)
    log_b = np.tile([-5e3, -8e3], (STEPS, 1))
    log_b[-1] = [-3.2e4, -1.1e4]  # both paths now -6.7e4: only the initial distribution tells them apart
    with jax.enable_x64(True):
        tables = [jnp.log(jnp.asarray(initial)), jnp.log(jnp.asarray(transitions)), jnp.asarray(log_b)]
        f = messages.filtered(*tables, STEPS)
        h = messages.backward(*tables[1:], STEPS)
        smoothed = np.exp(np.asarray(messages.smoothed(f.log_filtered, h)))
    close(smoothed, np.tile(initial, (STEPS, 1)))
    assert np.asarray(f.log_increments).sum() == pytest.approx(-6.7e4, rel=1e-12)
    close(np.exp(np.asarray(f.log_filtered)[-1]), initial)


def test_length_one(chain):
    initial, transitions, emission = chain
    joint = initial * emission[0]
    found = everything(initial, transitions, emission, 1)
    close(found["smoothed"][0], joint / joint.sum())
    close(found["log_evidence"], np.log(joint.sum()))
    alone = everything(initial, transitions, emission[:1], 1)
    close(alone["smoothed"], [joint / joint.sum()])
    assert alone["pairs"].shape == (0, STATES, STATES)


def test_chains_and_points_by_vmap(chain):
    initial, transitions, emission = chain
    chains, lengths = np.log(np.stack([emission, emission[::-1]])), np.array([STEPS, 5])
    points = np.log(np.random.default_rng(4).dirichlet(np.ones(STATES), (2, STATES)))  # (point, state, state)
    with jax.enable_x64(True):
        over = jax.vmap(messages.log_evidence, in_axes=(None, None, 0, 0))
        tables = (jnp.log(jnp.asarray(initial)), jnp.asarray(points), jnp.asarray(chains), jnp.asarray(lengths))
        log_p = jax.vmap(over, in_axes=(None, 0, None, None))(*tables)
    expected = [
        [
            np.log(Paths(initial, np.exp(point), np.exp(chain)[:length]).evidence)
            for chain, length in zip(chains, lengths, strict=True)
        ]
        for point in points
    ]
    close(log_p, expected)


def test_derivatives_of_the_evidence_are_expected_counts(chain, found):
    """d log p(y) / d log P_jk = the expected number of transitions: Fisher's identity."""
    initial, transitions, emission = chain
    with jax.enable_x64(True):
        tables = [jnp.log(jnp.asarray(table)) for table in chain]
        close(jax.grad(messages.log_evidence, argnums=1)(*tables, STEPS), found["counts"])
