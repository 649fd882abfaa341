"""Products of normal factors: against sums of logs, and where a subtraction would fail."""

import numpy as np
import scipy.stats as st

import gridbayes as gb
from gridbayes.factors import Factors, all_but_one, joined
from gridbayes.grids import in_panels, resolves


def log_factor(factors: Factors, item: int, x: np.ndarray) -> np.ndarray:
    a, w, c = (part[item, 0] for part in (factors.a, factors.w, factors.c))
    return a - w * (x - c) ** 2 / 2


def test_all_but_one_is_the_product_of_the_others():
    rng = np.random.default_rng(0)
    x = np.linspace(-3, 5, 7)
    for count in (1, 2, 3, 6, 7):
        each = Factors(rng.normal(size=(count, 1)), rng.gamma(2, size=(count, 1)), rng.normal(size=(count, 1)))
        others = all_but_one(each)
        for item in range(count):
            wanted = sum((log_factor(each, other, x) for other in range(count) if other != item), np.zeros(7))
            np.testing.assert_allclose(log_factor(others, item, x), wanted, atol=1e-12)


def test_a_factor_that_dominates_leaves_no_rounding_behind():
    w = np.array([[1.0], [1e30], [2.0]])
    others = all_but_one(Factors(np.zeros((3, 1)), w, np.array([[3.0], [1e8], [6.0]])))
    assert others.w[1] == 3 and others.c[1] == 5  # w_1 + w_2 + w_3 - w_2 is 0


def test_evidence_of_a_factor_is_the_integral_over_the_prior():
    one = Factors(np.array([[0.5]]), np.array([[1 / 4]]), np.array([[1.0]]))
    nothing = Factors(np.array([[0.5]]), np.zeros((1, 1)), np.zeros((1, 1)))
    prior = gb.Normal(0, 3)
    wanted = 0.5 + st.norm.logpdf(1, 0, 13**0.5) + np.log(2 * np.pi * 4) / 2
    np.testing.assert_allclose(joined(one, nothing).log_evidence(prior), [[0.5 + wanted]], rtol=1e-14)
    assert nothing.log_evidence(prior) == 0.5


def test_panels_resolve_what_is_as_wide_as_they_are_and_no_more():
    grid = in_panels(np.linspace(-9, 9, 8))
    densities = np.stack([st.norm.pdf(grid.nodes, 0, sd) * grid.weights for sd in (1.0, 0.05, 3.0)])
    assert resolves(grid, densities, (-np.inf, np.inf)).tolist() == [True, False, False]
    whole = st.uniform.pdf(grid.nodes, -9, 18)[None] * grid.weights
    assert resolves(grid, whole, (-9, 9)) and not resolves(grid, whole, (-np.inf, 9))
