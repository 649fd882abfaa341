"""row_sums.py: few nodes against direct sums over all rows."""

import numpy as np
import pytest
import scipy.stats as st

from gridbayes.enumeration.row_sums import compress, compressed_for

ROWS = np.concatenate([st.norm(-1, 1).rvs(700, random_state=1), st.norm(1.5, 1).rvs(1300, random_state=2)])
CORNERS = [(w, a, b) for w in (0.1, 0.5) for a in (-1.5, -0.5) for b in (1.0, 2.0)]


def log_mixture(y):
    densities = [np.log(w * st.norm(a).pdf(y) + (1 - w) * st.norm(b).pdf(y)) for w, a, b in CORNERS]
    return np.stack(densities)


def test_a_mixture_of_two_normals_has_the_sums_of_all_rows():
    assert compress(ROWS, 96)(log_mixture) == pytest.approx(log_mixture(ROWS).sum(axis=1), rel=1e-10)


@pytest.mark.parametrize("degree", range(12))
def test_powers_below_the_number_of_nodes_are_exact(degree):
    sums = compress(ROWS, 12)
    exact = (ROWS / 4) ** degree
    assert sums(lambda y: (y / 4) ** degree) == pytest.approx(exact.sum(), abs=1e-13 * np.abs(exact).sum())


def test_weights_count_the_rows():
    assert compress(ROWS, 40, panels=7).weights.sum() == pytest.approx(len(ROWS), rel=1e-13)


def test_panels_serve_a_range_that_is_long_beside_the_functions_scale():
    rows = np.linspace(0, 1000, 20_001)
    exact = np.cos(rows).sum()
    assert abs(compress(rows, 24)(np.cos) - exact) > 1
    assert compress(rows, 24, panels=200)(np.cos) == pytest.approx(exact, abs=1e-9)


def test_few_rows_are_kept_as_they_are():
    sums = compress([3.0, 1.0, 2.0], 5)
    assert sums.nodes.tolist() == [1, 2, 3] and sums.weights.tolist() == [1, 1, 1]


def test_equal_rows_are_one_node():
    assert compress(np.full(1000, 7.0), 5, panels=2)(np.square) == pytest.approx(49_000, rel=1e-14)


def test_order_of_rows_is_irrelevant_and_a_shift_shifts():
    one, two = compress(ROWS, 20), compress(ROWS[::-1] + 5, 20)
    assert two.nodes - 5 == pytest.approx(one.nodes, abs=1e-13)
    assert two.weights == pytest.approx(one.weights, abs=1e-9)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_the_stated_error_is_above_the_true_one(tolerance):
    sums, error = compressed_for(log_mixture, ROWS, tolerance)
    true = np.abs(sums(log_mixture) - log_mixture(ROWS).sum(axis=1)).max()
    assert true <= error + 1e-10 and error < tolerance and len(sums.nodes) < 150


def test_what_has_a_kink_is_refused():
    with pytest.raises(ValueError, match="1000 nodes a panel do not resolve f: the error is"):
        compressed_for(lambda y: np.abs(y - 0.1234), np.linspace(-1, 1, 5000), 1e-12)


@pytest.mark.parametrize("rows", [[], [1.0, np.nan], [np.inf]])
def test_rows_that_are_no_numbers_are_refused(rows):
    with pytest.raises(ValueError, match="rows must be finite numbers"):
        compress(rows)


def test_counts_below_one_are_refused():
    with pytest.raises(ValueError, match="count and panels must be at least 1; they are 0 and 1"):
        compress(ROWS, 0)
