"""Grids: nodes, weights, rules, and panels placed on densities whose integrals are known."""

import numpy as np
import pytest
import scipy.stats as st

from gridbayes.grids import (
    Grid,
    adapt,
    as_grid,
    fewest,
    gauss_legendre,
    geomspace,
    in_panels,
    legendre_transform,
    linspace,
    stretched,
    trapezoid,
)
from gridbayes.priors import Gamma, HalfCauchy, HalfNormal, Laplace, Normal, StudentT
from gridbayes.summaries import Marginal

FROM_ZERO = np.append(0.0, 4.0 ** np.arange(-4, 4))


def graded_to(reach: float) -> np.ndarray:
    """Edges from -reach to reach, in constant ratio from 1 on both sides."""
    outer = np.geomspace(1, reach, 8)
    return np.concatenate([-outer[::-1], [0.0], outer])


# --- rules --------------------------------------------------------------------------------------------------


def test_points_weigh_the_same():
    grid = linspace(-1, 3, 5)
    np.testing.assert_array_equal(grid.nodes, [-1, 0, 1, 2, 3])
    assert grid.rule == "points" and grid.weights is None and grid.order == 0 and len(grid) == 5
    np.testing.assert_array_equal(grid.log_weight, np.zeros(5))


def test_geomspace_has_a_constant_ratio():
    np.testing.assert_allclose(geomspace(0.01, 100, 5).nodes, [0.01, 0.1, 1, 10, 100], rtol=1e-14)


def test_trapezoid_is_exact_for_lines_and_errs_as_known_for_squares():
    grid = trapezoid(1, 4, 31)
    assert grid.rule == "trapezoid"
    assert grid.weights @ (2 * grid.nodes + 1) == pytest.approx(18, rel=1e-14)
    assert grid.weights @ grid.nodes**2 - 21 == pytest.approx(3 * 0.1**2 / 12 * 2, rel=1e-10)  # (b-a) h^2/12 f''


@pytest.mark.parametrize("order", [2, 5, 16])
def test_gauss_legendre_is_exact_to_degree_2n_minus_1(order):
    grid = gauss_legendre(-1, 3, panels=2, order=order)
    assert grid.rule == "panels" and grid.order == order and len(grid) == 2 * order
    degree = 2 * order - 1
    exact = (3.0 ** (degree + 1) - 1) / (degree + 1)
    assert grid.weights @ grid.nodes**degree == pytest.approx(exact, rel=1e-13)
    worse = grid.weights @ grid.nodes ** (degree + 1) - (3.0 ** (degree + 2) + 1) / (degree + 2)
    assert order > 10 or abs(worse) > 1e-6


def test_panels_lie_between_their_edges():
    grid = in_panels(np.array([0.0, 1.0, 10.0, 11.0]), 4)
    assert ((grid.nodes[4:8] > 1) & (grid.nodes[4:8] < 10)).all()
    np.testing.assert_allclose(grid.weights.reshape(3, 4).sum(axis=1), [1, 9, 1], rtol=1e-14)


def test_legendre_transform_recovers_coefficients():
    u = np.polynomial.legendre.leggauss(6)[0]
    coefficients = np.array([3.0, -1, 0.5, 0, 2, 1])
    values = np.polynomial.legendre.legval(u, coefficients)
    np.testing.assert_allclose(legendre_transform(6) @ values, coefficients, atol=1e-13)


def test_nodes_are_read_only_copies():
    nodes = np.array([0.0, 1.0])
    grid = Grid(nodes)
    nodes[0] = 5
    assert grid.nodes[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        grid.nodes[0] = 1


def test_repr_says_rule_count_and_span():
    assert repr(trapezoid(0, 1, 3)) == "Grid(3 trapezoid nodes from 0 to 1)"
    assert repr(gauss_legendre(-2, 2, 2, 3)) == "Grid(6 nodes in panels of 3 from -2 to 2)"


def test_numbers_of_any_kind_become_points():
    assert as_grid(range(3), "mu").nodes.dtype == np.float64
    np.testing.assert_array_equal(as_grid([1, 2.5], "mu").nodes, [1, 2.5])
    grid = linspace(0, 1, 2)
    assert as_grid(grid, "mu") is grid


def test_stretched_nodes_hold_a_heavy_tail_and_its_bulk():
    """A half-Cauchy up to 1e4 times its scale on 200 nodes, against arctan; the weights are the cells' lengths."""
    grid = stretched(0, 1e4, 200, scale=0.5)
    assert grid.rule == "trapezoid" and len(grid) == 200 and grid.nodes[0] == 0 and grid.nodes[-1] == 1e4
    assert grid.weights is not None
    assert grid.weights.sum() == pytest.approx(1e4)
    density = 2 / np.pi / (1 + grid.nodes**2)
    assert grid.weights @ density == pytest.approx(2 / np.pi * np.arctan(1e4), abs=1e-3)
    below_one = grid.nodes <= 1
    assert below_one.sum() > 20 and np.diff(grid.nodes)[-1] > 400


def test_stretched_nodes_lie_evenly_about_their_centre():
    grid = stretched(-90, 110, 101, centre=10, scale=5)
    np.testing.assert_allclose(grid.nodes - 10, -(grid.nodes[::-1] - 10), atol=1e-10)
    np.testing.assert_allclose(np.diff(np.arcsinh((grid.nodes - 10) / 5)), 2 * np.arcsinh(20) / 100)


@pytest.mark.parametrize("bad", [{"scale": 0.0}, {"scale": np.inf}, {"centre": np.nan}])
def test_a_stretched_grid_needs_a_scale(bad):
    with pytest.raises(ValueError, match="positive scale"):
        stretched(-1, 1, 9, **bad)


# --- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "kind", "message"),
    [
        ([1.0], ValueError, r"at least two nodes in one dimension; got shape \(1,\)\. Use linspace"),
        ([], ValueError, "at least two nodes"),
        (3.0, ValueError, "at least two nodes"),
        ([[1, 2], [3, 4]], ValueError, r"at least two nodes in one dimension; got shape \(2, 2\)"),
        ([0, 2, 1], ValueError, "must increase; node 2 is 1 after 2. Sort them"),
        ([0, 1, 1], ValueError, "must increase; node 2 is 1 after 1"),
        ([0, np.nan], ValueError, "must be finite; node 1 is nan"),
        ([0, np.inf], ValueError, "must be finite; node 1 is inf"),
        (["a", "b"], TypeError, "must be numbers"),
        ([1 + 2j, 3], TypeError, "must be numbers"),
        ([True, False], TypeError, "must be numbers"),
        ([[1, 2], [3]], TypeError, "must be numbers"),
        (None, TypeError, "must be numbers"),
    ],
)
def test_bad_nodes_are_named(nodes, kind, message):
    with pytest.raises(kind, match=message):
        Grid(nodes)
    with pytest.raises(kind, match=rf'grids\["tau"\]: .*{message}'):
        as_grid(nodes, "tau")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], r"one entry a node; got shape \(1,\) for 2 nodes"),
        ([1.0, 0.0], "positive and finite; weight 1 is 0"),
        ([-1.0, 1.0], "positive and finite; weight 0 is -1"),
        ([np.nan, 1.0], "positive and finite; weight 0 is nan"),
    ],
)
def test_bad_weights_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        Grid([0, 1], weights)


@pytest.mark.parametrize("low, high", [(1, 1), (2, 1), (0, np.inf), (np.nan, 1)])
@pytest.mark.parametrize("make", [linspace, trapezoid, geomspace])
def test_a_span_runs_upward(make, low, high):
    with pytest.raises(ValueError, match=f"from a low to a higher finite number; got {low} to {high}"):
        make(low, high, 5)


@pytest.mark.parametrize("count", [1, 0, -3])
def test_a_count_is_a_whole_number_of_two_or_more(count):
    with pytest.raises(ValueError, match=f"whole number of at least 2; got {count}"):
        linspace(0, 1, count)


def test_a_geometric_grid_starts_above_zero():
    with pytest.raises(ValueError, match="low must be positive for a geometric grid; low is 0. Use linspace"):
        geomspace(0, 1, 3)


# --- adapt against known densities --------------------------------------------------------------------------


def placed(prior, edges):
    ((grid, log_p),) = adapt(lambda _, x: prior.logpdf(x), [np.array(edges, float)])
    return grid, np.exp(log_p + grid.log_weight)


@pytest.mark.parametrize(
    ("prior", "edges", "moment"),
    [
        (Normal(3, 2), [-60, 60], 3**2 + 2**2),
        (Normal(3, 1e-7), [-1, 2.9, 3.1, 5], 9.0),
        (StudentT(5, 1, 2), np.concatenate([-(4.0 ** np.arange(20, -2, -1)), 4.0 ** np.arange(-1, 21)]),
         1 + 4 * 5 / 3),
        (Gamma(2.5, 3), [0, 1, 60], 2.5 * 3.5 / 9),
        (Gamma(0.5, 3), [0, 1, 60], 0.5 * 1.5 / 9),
    ],
    ids=["normal", "narrow", "heavy tail", "gamma", "pole"],
)  # fmt: skip
def test_adapt_resolves_mass_and_variance(prior, edges, moment):
    grid, masses = placed(prior, edges)
    pole = isinstance(prior, Gamma) and prior.alpha < 1  # 2**-60 of the first panel is left at the pole
    narrow = prior == Normal(3, 1e-7)  # where neighbouring floats are 4e-9 sds apart
    tolerance = 1e-8 if pole or narrow else 1e-11
    assert masses.sum() == pytest.approx(1, rel=tolerance)
    assert masses @ grid.nodes**2 == pytest.approx(moment, rel=tolerance)
    assert len(grid) < 2500


def test_adapt_of_a_half_cauchy_holds_all_but_the_cut_tail():
    edges = np.concatenate([[0], 4.0 ** np.arange(-2, 28)])
    grid, masses = placed(HalfCauchy(5), edges)
    beyond = st.halfcauchy(scale=5).sf(grid.edges[-1])
    assert masses.sum() == pytest.approx(1 - beyond, rel=1e-11)
    assert beyond < 1e-13


def test_adapt_cuts_empty_ends_and_keeps_what_lies_between_two_peaks():
    def log_density(_, x):
        return np.logaddexp(-((x + 50) ** 2) / 2, -((x - 50) ** 2) / 2)

    ((grid, log_p),) = adapt(log_density, [np.array([-1e4, -200, -50, 50, 200, 1e4])])
    assert -65 < grid.edges[0] < -56 and 56 < grid.edges[-1] < 65
    assert np.exp(log_p + grid.log_weight).sum() == pytest.approx(2 * np.sqrt(2 * np.pi), rel=1e-11)


def test_adapt_places_many_densities_each_to_its_own_size():
    scales = np.array([1e-6, 1.0, 1e6])
    edges = [np.array([-40.0, 0, 40.0]) * scale for scale in scales]
    found = adapt(lambda item, x: -((x / scales[item][:, None]) ** 2) / 2, edges)
    for (grid, log_p), scale in zip(found, scales, strict=True):
        masses = np.exp(log_p + grid.log_weight)
        assert masses.sum() / scale == pytest.approx(np.sqrt(2 * np.pi), rel=1e-11)
        assert masses @ grid.nodes**2 / masses.sum() == pytest.approx(scale**2, rel=1e-10)


def test_adapt_is_blind_to_a_constant_factor():
    one = adapt(lambda _, x: -(x**2) / 2, [np.array([-20.0, 20.0])])[0]
    other = adapt(lambda _, x: -(x**2) / 2 - 5000, [np.array([-20.0, 20.0])])[0]
    np.testing.assert_array_equal(one[0].edges, other[0].edges)


def test_a_looser_tolerance_takes_fewer_nodes():
    edges = [np.array([-20.0, 20.0])]
    loose, tight = (len(adapt(lambda _, x: -(x**2) / 2, edges, tol, 8)[0][0]) for tol in (1e-3, 1e-9))
    assert loose < tight


def test_a_density_that_is_zero_everywhere_is_an_error():
    with pytest.raises(ValueError, match="density 1 is zero or not a number everywhere"):
        adapt(
            lambda item, x: np.where(item[:, None] == 1, -np.inf, -(x**2)),
            [np.array([0.0, 1.0]), np.array([2.0, 3.0])],
        )


def test_a_peak_on_an_edge_is_found_from_both_sides():
    ((grid, log_p),) = adapt(lambda _, x: Normal(4, 0.001).logpdf(x), [np.array([1.0, 4.0, 16.0])])
    assert np.exp(log_p + grid.log_weight).sum() == pytest.approx(1, rel=1e-9)


# --- fewer panels ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prior", "edges"),
    [(Normal(3, 2), np.linspace(-15, 21, 7)), (Gamma(3, 2), FROM_ZERO), (StudentT(9), graded_to(1e4))],
    ids=["normal", "gamma", "student"],
)
def test_fewest_takes_fewer_panels_to_the_same_tolerance(prior, edges):
    ((halved, _),) = adapt(lambda _, x: prior.logpdf(x), [edges])
    grid, log_p = fewest(prior.logpdf, edges)
    assert len(grid) <= 0.85 * len(halved)
    masses = np.exp(log_p + grid.log_weight)
    assert masses.sum() == pytest.approx(1, abs=1e-12)
    at = np.linspace(*grid.edges[[0, -1]], 2001)
    density = Marginal(grid, masses).density(at)
    np.testing.assert_allclose(density, np.exp(prior.logpdf(at)), atol=3e-9 * density.max())


def test_fewest_keeps_an_edge_at_a_kink():
    grid, _ = fewest(Laplace(0, 1).logpdf, np.array([-40.0, -1, 0, 1, 40]))
    assert 0.0 in grid.edges and len(grid) < 20 * 16


def test_fewest_tells_small_values_of_a_scale_apart():
    edges = np.append(0.0, 4.0 ** np.arange(-5, 4))
    grid, _ = fewest(HalfNormal(1).logpdf, edges, ratio=4)
    free, _ = fewest(HalfNormal(1).logpdf, edges)
    assert grid.edges[1] <= edges[1] and (grid.edges[2:] <= 4.0001 * grid.edges[1:-1]).all()
    assert free.edges[1] > 10 * edges[1] and len(free) < len(grid)
