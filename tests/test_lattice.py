"""Combinations of groups on explicit grids: every combination of nodes walked one by one."""

from itertools import product

import numpy as np
import oracle
import pytest
import scipy.stats as st

import gridbayes as gb

ROWS = [[-10.0, 1, 11], [-16, -15, -14], [30], []]
NODES = {
    "mu": np.array([-12.0, -3.0, 1.0, 14.0]),
    "tau": np.array([1.5, 6.0, 20.0]),
    "theta": np.linspace(-21, 25, 5),
    "sigma": np.array([2.0, 7.0, 16.0]),
}
LOG_PRIORS = {
    "mu": lambda x: oracle.normal(x, 2.0, 9.0),
    "tau": oracle.half_cauchy(5.0),
    "sigma": oracle.half_normal(9.0),
}
PRIORS = {"mu": gb.Normal(2, 9), "tau": gb.HalfCauchy(5)}
WEIGHTS = [{0: 1, 1: -0.5, 2: -0.5}, {0: 1, 1: 1, 2: 0.25}, {1: -2}]


def walked(joint: np.ndarray, nodes: np.ndarray, weights: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Every value of the combination in order, and its mass; `joint` has an axis for each group."""
    found: dict[float, float] = {}
    for index in product(range(len(nodes)), repeat=joint.ndim):
        value = round(sum(weight * nodes[index[d]] for d, weight in weights.items()), 9)
        found[value] = found.get(value, 0.0) + joint[index]
    return np.array(sorted(found)), np.array([found[value] for value in sorted(found)])


def agree(post: gb.Posterior, weights: dict[int, float], values: np.ndarray, masses: np.ndarray) -> None:
    found = post.contrast(weights).marginal("combination")
    for value, mass in zip(values, masses, strict=True):
        near = np.abs(found["combination"] - value) < 1e-8
        assert float(found[near].sum()) == pytest.approx(mass, abs=1e-12)
    assert float(found.sum()) == pytest.approx(1, abs=1e-12) == masses.sum()


@pytest.mark.parametrize("sigma", ["known", "own", "shared"])
def test_combinations_equal_those_of_the_full_joint(sigma):
    names = ("mu", "tau", "theta", *(() if sigma == "known" else ("sigma",)))
    learned = 15.0 if sigma == "known" else gb.HalfNormal(9)
    grids = {name: NODES[name] for name in names}
    post = gb.partial_pooling(ROWS[:3], sigma=learned, shared_sigma=sigma == "shared", grids=grids, **PRIORS)
    known = [15.0] * 3 if sigma == "known" else sigma
    joint = oracle.brute_force(oracle.Model("partial", ROWS[:3], known, NODES, LOG_PRIORS))
    thetas = joint.marginal("theta0", "theta1", "theta2")
    for weights in WEIGHTS:
        agree(post, weights, *walked(thetas, NODES["theta"], weights))
    pair = post.contrast(2, 1)
    same = post.contrast({2: 1.0, 1: -1.0})
    assert same.mean() == pytest.approx(pair.mean(), abs=1e-12) and same.var() == pytest.approx(pair.var(), rel=1e-12)


def test_counts_and_groups_without_pooling_are_products():
    """Without pooling the joint of all thetas is the product of what each group says."""
    deaths, trials = [1, 5, 3, 0], [9, 12, 4, 7]
    theta = np.linspace(-4, 3, 8)
    post = gb.no_pooling(deaths, likelihood=gb.Binomial(trials), theta=gb.Normal(-1, 1.5), grids={"theta": theta})
    p = st.norm(-1, 1.5).pdf(theta) * st.binom.pmf(
        np.array(deaths)[:, None], np.array(trials)[:, None], 1 / (1 + np.exp(-theta))
    )
    p /= p.sum(axis=1, keepdims=True)
    joint = np.einsum("i,j,k,l->ijkl", *p)
    agree(post, {0: 1, 1: -1 / 3, 2: -1 / 3, 3: -1 / 3}, *walked(joint, theta, {0: 1, 1: -1 / 3, 2: -1 / 3, 3: -1 / 3}))


def test_what_has_no_lattice_is_refused():
    uneven = {"theta": np.array([-21.0, -13.0, -2.0, 9.0, 25.0])}
    prior = gb.Normal(0, 9)
    with pytest.raises(ValueError, match="equal steps between the nodes of theta on explicit grids; they are 8 to 16"):
        gb.no_pooling(ROWS[:3], sigma=15, theta=prior, grids=uneven).contrast({0: 1, 1: 1})
    even = gb.no_pooling(ROWS[:3], sigma=15, theta=prior, grids={"theta": NODES["theta"]})
    with pytest.raises(ValueError, match="weights in simple ratios on explicit grids.* more than the 65,536 allowed"):
        even.contrast({0: 1, 1: np.pi})
