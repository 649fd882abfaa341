"""Labels of states: every permutation of four is undone, by states, probabilities and parameters."""

import itertools

import numpy as np
import pytest

import gridbayes as gb
from gridbayes.sequences.labels import Alignment

FOUR = list(itertools.permutations(range(4)))
RNG = np.random.default_rng(0)
TRUE = np.append(np.arange(4), RNG.integers(0, 4, 56)).reshape(5, 12)
MEANS = np.array([-3.0, 0.5, 1.0, 4.0])
TRANSITIONS = RNG.dirichlet(np.ones(4), 4)


@pytest.fixture(params=FOUR, ids=str)
def named(request):
    """A fit without error that calls state k of the truth named[k]."""
    return request.param


def as_found(named):
    """The truth in a fit's names, entry by entry."""
    states = np.array([[named[k] for k in chain] for chain in TRUE])
    means, transitions, p = np.empty(4), np.empty((4, 4)), np.zeros((*TRUE.shape, 4))
    for k in range(4):
        means[named[k]] = MEANS[k]
        p[..., named[k]] = np.equal(TRUE, k)
        for j in range(4):
            transitions[named[k], named[j]] = TRANSITIONS[k, j]
    return states, means, transitions, p


def test_every_permutation_of_four_is_undone(named):
    """Fourteen of the 24 are not their own inverse."""
    states, means, transitions, p = as_found(named)
    for alignment in (
        gb.align_labels(states, TRUE),
        gb.align_labels(p, TRUE),
        gb.align_labels(
            {"mean": means, "both": transitions.sum(axis=0)}, {"mean": MEANS, "both": TRANSITIONS.sum(axis=0)}
        ),
    ):
        assert alignment.order == named
        np.testing.assert_array_equal(alignment.states(states), TRUE)
        np.testing.assert_array_equal(alignment.values(means), MEANS)
        np.testing.assert_array_equal(alignment.transitions(transitions), TRANSITIONS)
        np.testing.assert_array_equal(alignment.values(p), np.eye(4)[TRUE])
        np.testing.assert_array_equal(
            alignment.values(transitions, axis=0), alignment.transitions(transitions)[:, np.argsort(named)]
        )


def test_draws_of_a_posterior_are_put_in_order_one_by_one():
    """(draw, state) and (draw, from, to)."""
    rng, cycle = np.random.default_rng(1), Alignment((1, 2, 0))
    slope, transitions = rng.normal(size=(5, 3)), rng.dirichlet(np.ones(3), (5, 3))
    aligned, moved = cycle.values(slope), cycle.transitions(transitions)
    for draw in range(5):
        assert aligned[draw].tolist() == [slope[draw, 1], slope[draw, 2], slope[draw, 0]]
        for k, j in itertools.product(range(3), repeat=2):
            assert moved[draw, k, j] == transitions[draw, (k + 1) % 3, (j + 1) % 3]


def test_a_cycle_of_three_is_not_undone_by_itself():
    """States j = k + 1 modulo 3: the inverse names them k; the cycle itself would name them k + 2."""
    cycle = Alignment((1, 2, 0))
    assert cycle.inverse == (2, 0, 1)
    found = (np.arange(9) + 1) % 3
    np.testing.assert_array_equal(cycle.states(found), np.arange(9) % 3)
    np.testing.assert_array_equal(np.array(cycle.order)[found], (np.arange(9) + 2) % 3)


@pytest.mark.parametrize("seed", range(5))
def test_the_permutation_is_the_best_of_all(seed):
    """Against all 24 where a third of the steps is wrong, and a step in ten has no state."""
    rng = np.random.default_rng(seed)
    found = np.where(rng.random(TRUE.shape) < 0.35, rng.integers(0, 4, TRUE.shape), np.array(FOUR[7 * seed % 24])[TRUE])
    found = np.where(rng.random(TRUE.shape) < 0.1, -1, found)
    agreed = {order: sum(f == order[k] for f, k in zip(found.ravel(), TRUE.ravel(), strict=True)) for order in FOUR}
    best = gb.align_labels(found, TRUE).order
    assert agreed[best] == max(agreed.values())
    p = rng.dirichlet(np.ones(4), TRUE.shape)
    expected = {
        order: sum(row[order[k]] for row, k in zip(p.reshape(-1, 4), TRUE.ravel(), strict=True)) for order in FOUR
    }
    assert gb.align_labels(p, TRUE).order == max(expected, key=lambda order: expected[order])


def test_parameters_count_in_units_of_their_spread():
    """A parameter in thousands does not drown one in thousandths; one without spread counts as it is."""
    reference = {"big": [0.0, 1000.0, 2000.0], "small": [0.0, 0.002, 0.001], "flat": [7.0, 7.0, 7.0]}
    found = {"big": [1990.0, 1450.0, 560.0], "small": [0.001, 0.0, 0.0021], "flat": [7.0, 7.0, 7.0]}
    distance = {}
    for order in itertools.permutations(range(3)):
        parts = [
            ((np.array(found[name])[list(order)] - reference[name]) / scale) ** 2
            for name, scale in (("big", np.std([0, 1000, 2000])), ("small", np.std([0, 0.002, 0.001])))
        ]
        distance[order] = np.sum(parts)
    assert gb.align_labels(found, reference).order == min(distance, key=lambda order: distance[order]) == (1, 2, 0)
    lines = {"line": np.array([[1.0, 2.0], [-0.8, 0.0], [0.2, -1.0]])}
    assert gb.align_labels({"line": lines["line"][[2, 0, 1]]}, lines).order == (1, 2, 0)


def test_steps_without_a_state_stay_and_count_for_nothing():
    found = np.array([2.0, 0.0, np.nan, 1.0, 0.0])
    alignment = gb.align_labels(found, [0, 1, 0, 2, np.nan])
    assert alignment.states(found).tolist() == [0, 1, -1, 2, 1]
    assert gb.align_labels([-1, -1, -1, 0, 1], [1, 1, 1, 1, 0]).order == (1, 0)
    assert gb.align_labels([0, 0], [1, 1], states=3).order[1] == 0


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: gb.align_labels([0, 1], [0, 1, 1]), r"one shape, that of the steps; they have \(2,\) and \(3,\)"),
        (lambda: gb.align_labels([0, 1.5], [0, 1]), "found must be states 0, 1, ..., or -1 for .* it has 1.5"),
        (lambda: gb.align_labels([0, 1], [0, -2]), "reference must be states .* it has -2"),
        (lambda: gb.align_labels([], []), "it has nothing"),
        (lambda: gb.align_labels([0, 3], [0, 1], states=3), "found has state 3; with 3 states they are 0 to 2"),
        (lambda: gb.align_labels(np.full((2, 2), 0.5), [0, 2]), "reference has state 2; with 2 states they are 0 to 1"),
        (lambda: gb.align_labels(np.full((2, 2), 0.5), [0, 1], states=3), "probabilities of 3 states; it has 2"),
        (lambda: gb.align_labels({"w": [1, 2]}, {"b": [1, 2]}), "name the same parameters; they name w and b"),
        (lambda: gb.align_labels({}, {}), "they name none and none"),
        (lambda: gb.align_labels({"w": [1, 2, 3]}, {"w": [1, 2]}), r"w must have its first axis of 2 states in both"),
        (lambda: gb.align_labels({"w": [1, np.nan]}, {"w": [1, 2]}), "w must be finite"),
        (lambda: Alignment((0, 2)), r"each of the states 0, 1, ... once; it is \(0, 2\)"),
        (lambda: Alignment((1, 0)).states([2]), "found has state 2; with 2 states"),
        (lambda: Alignment((1, 0)).values([1, 2, 3]), r"found must have 2 states along axis -1; its shape is \(3,\)"),
        (lambda: Alignment((1, 0)).transitions([1, 2]), "two axes, from and to"),
    ],
)  # fmt: skip
def test_what_cannot_be_aligned_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_states_and_parameters_are_not_mixed():
    with pytest.raises(TypeError, match="found and reference must be alike"):
        gb.align_labels({"w": [1, 2]}, [0, 1])
