"""The order of sums and the sums themselves, against NumPy's einsum; arrows against the numbers of random joints."""

import itertools

import numpy as np
import pytest
from scipy.special import logsumexp
from stories import ARROWS, tables, whole

from gridbayes.graph.arrows import ancestors, boundary, cycle, separated
from gridbayes.graph.elimination import Plan

TABLES = [("a",), ("a", "b"), ("c", "b"), ("d", "c", "a"), ("d",)]
SIZES = {"a": 3, "b": 4, "c": 5, "d": 2}


def drawn(seed=0):
    rng = np.random.default_rng(seed)
    return [(names, rng.normal(size=[SIZES[name] for name in names])) for names in TABLES]


@pytest.mark.parametrize("keep", [(), ("a",), ("d", "b"), ("c", "a", "d")])
def test_sums_are_those_of_einsum(keep):
    found = drawn()
    terms = ",".join("".join(names) for names, _ in found)
    expected = np.einsum(f"{terms}->{''.join(keep)}", *(np.exp(table) for _, table in found))
    result = Plan.of(TABLES, keep, SIZES).run(found)
    np.testing.assert_allclose(result, np.log(expected), atol=1e-13)


def test_nothing_underflows_and_what_is_impossible_stays_so():
    """Log densities near -1e5, and one value of b that c forbids."""
    found = [(names, table - 1e5) for names, table in drawn()]
    found[2][1][:, 1] = -np.inf
    result = Plan.of(TABLES, ("b",), SIZES).run(found)
    near = Plan.of(TABLES, ("b",), SIZES).run([(names, table + 1e5) for names, table in found])
    assert result[1] == -np.inf and np.isfinite(np.delete(result, 1)).all()
    np.testing.assert_allclose(np.delete(result, 1), np.delete(near, 1) - 5e5, rtol=1e-14)


def test_slabs_are_as_the_whole():
    """A step of more cells than are worked on at once."""
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(90, 70)), rng.normal(size=(70, 80))
    plan = Plan.of([("a", "b"), ("b", "c")], ("c", "a"), {"a": 90, "b": 70, "c": 80})
    assert plan.cells == 90 * 70 * 80
    result = plan.run([(("a", "b"), one), (("b", "c"), other)])
    np.testing.assert_allclose(np.exp(result), (np.exp(one) @ np.exp(other)).T, rtol=1e-12)


def test_a_product_of_matrices_that_underflows_is_summed_again():
    """One table wants v low, the other high, by up to 3000 in the log: exp of their sum, of what is each largest, is 0."""
    rng, v = np.random.default_rng(4), np.arange(30)
    one, other = (rng.normal(size=(7, 30)) - 100 * way for way in (v, v[::-1]))
    other[2, 5:] = -np.inf
    one[3] = np.where(v == 20, 0.0, -np.inf)
    result = Plan.of([("a", "v"), ("b", "v")], ("a", "b"), {"a": 7, "b": 7, "v": 30}).run(
        [(("a", "v"), one), (("b", "v"), other)]
    )
    np.testing.assert_allclose(result, logsumexp(one[:, None] + other[None], axis=-1), rtol=1e-14)
    assert result[3, 2] == -np.inf and result[0, 0] < -2000


def test_no_table_is_no_sum():
    plan = Plan.of([], (), {})
    assert plan.run([]) == 0 and str(plan) == "nothing to sum"


def test_many_tables_take_the_greedy_path():
    """A chain of 40 nodes: the path must not be searched among all."""
    rng = np.random.default_rng(2)
    names = [f"x{i}" for i in range(41)]
    steps = rng.dirichlet(np.ones(6), size=(40, 6))
    found = [((names[i], names[i + 1]), np.log(steps[i])) for i in range(40)]
    plan = Plan.of([each for each, _ in found], ("x0", "x40"), dict.fromkeys(names, 6))
    assert max(step.cells for step in plan.steps) == 6**3
    np.testing.assert_allclose(np.exp(plan.run(found)), np.linalg.multi_dot(list(steps)), rtol=1e-12)


def test_draws_have_the_frequencies_of_the_product():
    found, n = drawn(3), 60_000
    draws = Plan.of(TABLES, (), SIZES).draw(found, n, np.random.default_rng(0))
    terms = ",".join("".join(names) for names, _ in found)
    p = np.einsum(f"{terms}->abcd", *(np.exp(table) for _, table in found))
    counts = np.zeros(p.shape)
    np.add.at(counts, tuple(draws[name] for name in "abcd"), 1)
    expected = n * p / p.sum()
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi_square - (p.size - 1)) < 4 * np.sqrt(2 * (p.size - 1))


# --- arrows -------------------------------------------------------------------------------------------------------------


def independent(joint, first, second, given):
    """Whether p(first, second | given) = p(first | given) p(second | given) in an array with an axis a node."""
    order = [*given, first, second]
    rest = [axis for axis in range(joint.ndim) if axis not in order]
    p = joint.transpose([*order, *rest]).sum(axis=tuple(range(len(order), joint.ndim)))
    p = p / p.sum(axis=(-1, -2), keepdims=True)
    return np.abs(p - p.sum(axis=-1, keepdims=True) * p.sum(axis=-2, keepdims=True)).max() < 1e-12


@pytest.mark.parametrize(
    "arrows", [ARROWS, {"a": (), "b": (), "c": ("a", "b"), "d": ("c",)}], ids=["diamond", "collider"]
)
def test_arrows_say_which_nodes_are_independent(arrows):
    """In a random joint no independence is by accident."""
    joint, names = whole(tables(5, arrows), arrows), list(arrows)
    for first, second in itertools.combinations(range(4), 2):
        others = [axis for axis in range(4) if axis not in (first, second)]
        for count in range(3):
            for given in itertools.combinations(others, count):
                found = separated(arrows, names[first], names[second], [names[axis] for axis in given])
                assert found == independent(joint, first, second, given)


def test_ancestors_boundaries_and_cycles():
    assert ancestors(ARROWS, ["b"]) == {"a", "b"}
    assert boundary(ARROWS, "d", "abc") == ("b", "c") and boundary(ARROWS, "a", "bcd") == ("b", "c")
    assert cycle(ARROWS) == []
    found = cycle({"a": ("d",), "b": ("a",), "c": ("b",), "d": ("c",)})
    assert found[0] == found[-1] and sorted(found[1:]) == list("abcd")
