"""Draws from densities on nodes, beside their closed forms."""

import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb
from gridbayes.grids import Grid
from gridbayes.sampling import as_count, from_densities, from_log_masses, from_masses, from_table, product_nodes

N = 40_000


def rng():
    return np.random.default_rng(7)


def test_draws_of_one_panel_grid_follow_its_density():
    grid = gb.gauss_legendre(-8, 8, panels=6)
    (x,) = from_table(st.norm.pdf(grid.nodes, 1, 0.8) * grid.weights, [grid], N, rng())
    assert st.kstest(x, st.norm(1, 0.8).cdf).pvalue > 1e-3


def test_between_nodes_of_a_trapezoid_grid_the_density_is_linear():
    grid = gb.trapezoid(0, 1, 3)
    (x,) = from_table(2 * grid.nodes * grid.weights, [grid], N, rng())
    assert st.kstest(x, lambda x: x**2).pvalue > 1e-3


def test_points_are_drawn_as_they_are_and_none_without_mass():
    (x,) = from_table(np.array([0.0, 0.25, 0.0, 0.75, 0.0]), [gb.linspace(0, 4, 5)], N, rng())
    assert set(x) == {1.0, 3.0}
    assert abs((x == 3).mean() - 0.75) < 4 * (0.75 * 0.25 / N) ** 0.5


def test_joint_draws_of_three_kinds_of_grid_keep_their_dependence():
    """x panels, y trapezoid, k points: p(x, y, k) ~ N(x; k, 1) (1 + y k)."""
    x, y, k = gb.gauss_legendre(-8, 10, panels=8), gb.trapezoid(0, 1, 5), gb.linspace(0, 2, 3)
    p = st.norm.pdf(x.nodes[:, None, None], k.nodes) * (1 + y.nodes[:, None] * k.nodes)
    masses = p * x.weights[:, None, None] * y.weights[:, None]
    a, b, c = from_table(masses / masses.sum(), [x, y, k], N, rng())
    share = (1 + k.nodes / 2) / (1 + k.nodes / 2).sum()
    assert st.chisquare([(c == value).sum() for value in k.nodes], N * share).pvalue > 1e-3
    assert st.kstest(a - c, st.norm.cdf).pvalue > 1e-3
    for value in k.nodes:
        cdf = lambda y, v=value: (y + v * y**2 / 2) / (1 + v / 2)  # noqa: E731
        assert st.kstest(b[c == value], cdf).pvalue > 1e-3


def test_a_correlated_pair_on_panels():
    x, y = gb.gauss_legendre(-7, 7, panels=7), gb.gauss_legendre(-6, 8, panels=9)
    normal = st.multivariate_normal([0, 1], [[1, 0.6], [0.6, 1]])
    masses = normal.pdf(np.stack(np.meshgrid(x.nodes, y.nodes, indexing="ij"), -1)) * np.outer(x.weights, y.weights)
    a, b = from_table(masses, [x, y], N, rng())
    assert st.kstest((b - 1 - 0.6 * a) / 0.8, st.norm.cdf).pvalue > 1e-3
    assert st.kstest(a, st.norm.cdf).pvalue > 1e-3


def test_each_draw_has_a_density_of_its_own():
    centre, scale = rng().normal(0, 50, N), np.exp(rng().normal(0, 2, N))
    edges = centre[:, None] + scale[:, None] * np.arange(-10, 10.5, 2)
    x = from_densities(lambda span, x: -(((x - centre[span, None]) / scale[span, None]) ** 2) / 2, edges, rng())
    assert st.kstest((x - centre) / scale, st.norm.cdf).pvalue > 1e-3


def test_edges_that_coincide_hold_nothing():
    edges = np.tile([0.0, 0.0, 1.0, 1.0], (N, 1))
    x = from_densities(lambda _, x: np.zeros_like(x), edges, rng())
    assert st.kstest(x, st.uniform.cdf).pvalue > 1e-3


def test_indices_follow_masses_of_each_draw():
    masses = np.array([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]])
    index = from_log_masses(lambda span: np.log(np.maximum(masses, 1e-300))[np.arange(N)[span] % 2] - 900, N, rng())
    assert (index[1::2] == 1).all()
    assert st.chisquare(np.bincount(index[::2]), N / 2 * masses[0]).pvalue > 1e-3
    assert st.chisquare(np.bincount(from_masses(masses[0], N, rng())), N * masses[0]).pvalue > 1e-3


def test_product_nodes_leave_out_what_weighs_nothing():
    points, masses = product_nodes(np.array([[0.5, 0.0], [0.25, 0.25]]), {"a": Grid([1.0, 2.0]), "b": Grid([3.0, 4.0])})
    assert (
        points["a"].tolist() == [1, 2, 2] and points["b"].tolist() == [3, 3, 4] and masses.tolist() == [0.5, 0.25, 0.25]
    )


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (-3, ValueError), (2.5, TypeError), (True, TypeError)])
def test_a_number_of_draws_is_whole_and_positive(n, error):
    with pytest.raises(error, match=rf"^n must be .*; n is {n}"):
        as_count(n)


def test_a_numpy_integer_will_do():
    assert as_count(np.int64(5)) == 5
