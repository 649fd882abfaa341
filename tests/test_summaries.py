"""Marginal: mean, sd, distribution function, quantiles and intervals, against scipy.stats."""

import numpy as np
import pytest
import scipy.optimize
import scipy.stats as st

from gridbayes.grids import Grid, adapt, in_panels, trapezoid
from gridbayes.summaries import Marginal, checked_probability

Q = np.array([1e-6, 0.001, 0.025, 0.25, 0.5, 0.9, 0.975, 0.9999])


def resolved(log_density, edges) -> Marginal:
    """The density on panels that adapt has placed."""
    ((grid, log_p),) = adapt(lambda _, x: log_density(x), [np.array(edges, float)])
    masses = np.exp(log_p - log_p.max() + grid.log_weight)
    return Marginal(grid, masses / masses.sum())


def two_sided(low, high):
    return np.concatenate([-(4.0 ** np.arange(high, low, -1)), 4.0 ** np.arange(low, high)])


# --- points -------------------------------------------------------------------------------------------------

POINTS = Marginal(Grid([0, 1, 2, 5]), np.array([0.1, 0.2, 0.3, 0.4]))


def test_moments_of_points():
    assert POINTS.mean == pytest.approx(2.8)
    assert POINTS.var == pytest.approx(0.2 + 1.2 + 10 - 2.8**2)
    assert POINTS.sd == pytest.approx(POINTS.var**0.5)


def test_distribution_function_of_points_jumps_at_the_nodes():
    np.testing.assert_allclose(POINTS.cdf(np.array([-1, 0, 0.5, 1, 4.9, 5, 9])), [0, 0.1, 0.1, 0.3, 0.6, 1, 1])


def test_quantiles_of_points_are_the_first_node_that_reaches_q():
    np.testing.assert_array_equal(POINTS.quantile(np.array([0, 0.1, 0.11, 0.3, 0.6, 0.61, 1])), [0, 0, 1, 1, 2, 5, 5])
    assert Marginal(Grid(np.arange(11)), np.full(11, 1 / 11)).quantile(0.5) == 5
    assert Marginal(Grid(np.arange(10)), np.full(10, 0.1)).quantile(0.3) == 2


def test_intervals_of_points():
    np.testing.assert_array_equal(POINTS.eti(0.5), [1, 5])
    np.testing.assert_array_equal(POINTS.hdi(0.5), [1, 2])
    np.testing.assert_array_equal(POINTS.hdi(0.6), [0, 2])
    assert POINTS.hdi(1.0).tolist() == [0, 5]


def test_probability_of_points_leaves_the_bounds_out():
    assert POINTS.probability(above=0) == pytest.approx(0.9)
    assert POINTS.probability(above=0, below=5) == pytest.approx(0.5)
    assert POINTS.probability(below=0) == 0


def test_points_have_no_density():
    with pytest.raises(ValueError, match="points carry probabilities, not a density"):
        POINTS.density(1.0)


# --- trapezoid ----------------------------------------------------------------------------------------------


def test_a_triangle_is_exact_on_trapezoids():
    grid, triangle = trapezoid(0, 4, 9), st.triang(0.25, 0, 4)
    marginal = Marginal(grid, triangle.pdf(grid.nodes) * grid.weights)
    x = np.linspace(-1, 5, 49)
    np.testing.assert_allclose(marginal.cdf(x), triangle.cdf(x), atol=1e-14)
    np.testing.assert_allclose(marginal.density(x), triangle.pdf(x), atol=1e-14)
    np.testing.assert_allclose(marginal.quantile(Q), triangle.ppf(Q), atol=1e-9)
    assert marginal.probability(above=1, below=2) == pytest.approx(triangle.cdf(2) - triangle.cdf(1), abs=1e-14)
    h = marginal.hdi(0.5)
    assert marginal.probability(*h) == pytest.approx(0.5)
    assert triangle.pdf(h[0]) == pytest.approx(triangle.pdf(h[1]), rel=1e-6)


def test_a_normal_on_trapezoids():
    grid = trapezoid(-12, 12, 2401)
    masses = st.norm.pdf(grid.nodes) * grid.weights
    marginal = Marginal(grid, masses / masses.sum())
    assert marginal.mean == pytest.approx(0, abs=1e-14) and marginal.sd == pytest.approx(1, rel=1e-13)
    np.testing.assert_allclose(marginal.quantile(Q), st.norm.ppf(Q), atol=2e-4)  # linear between nodes
    np.testing.assert_allclose(marginal.cdf(np.array([-1.0, 0.3])), st.norm.cdf([-1, 0.3]), atol=1e-5)


# --- panels -------------------------------------------------------------------------------------------------

DENSITIES = {
    "normal": (st.norm(3, 2), [-40, 3, 50]),
    "far away": (st.norm(1e6, 100), [1e6 - 4e3, 1e6, 1e6 + 4e3]),
    "gamma": (st.gamma(2.5, scale=3), [0, 5, 250]),
    "exponential": (st.expon(scale=2), [0, 1, 100]),
    "beta": (st.beta(3, 5), [0, 1]),
    "uniform": (st.uniform(-1, 3), [-1, 2]),
    "t": (st.t(7, 1, 2), two_sided(-2, 16)),
    "log-normal": (st.lognorm(0.5), [0, 0.1, 1, 10, 100]),
}


@pytest.fixture(params=DENSITIES, scope="module")
def twin(request):
    frozen, edges = DENSITIES[request.param]
    return resolved(frozen.logpdf, edges), frozen


def test_moments_of_panels(twin):
    marginal, frozen = twin
    assert marginal.mean == pytest.approx(frozen.mean(), abs=1e-11 * frozen.std())
    assert marginal.sd == pytest.approx(frozen.std(), rel=1e-10)


def test_distribution_function_of_panels(twin):
    marginal, frozen = twin
    x = frozen.ppf(np.linspace(0.001, 0.999, 41))
    np.testing.assert_allclose(marginal.cdf(x), frozen.cdf(x), atol=2e-11)
    np.testing.assert_allclose(marginal.density(x), frozen.pdf(x), rtol=1e-7)
    assert marginal.cdf(np.array([-1e9, 1e9])).tolist() == [0, 1]


def test_quantiles_of_panels(twin):
    marginal, frozen = twin
    np.testing.assert_allclose(marginal.quantile(Q[1:-1]), frozen.ppf(Q[1:-1]), atol=1e-9 * frozen.std(), rtol=0)
    np.testing.assert_allclose(frozen.cdf(marginal.quantile(Q)), Q, atol=2e-11)


def test_quantile_inverts_the_distribution_function(twin):
    marginal, _ = twin
    q = np.linspace(0, 1, 101)
    np.testing.assert_allclose(marginal.cdf(marginal.quantile(q)), q, atol=1e-12)


def test_equal_tails_of_panels(twin):
    marginal, frozen = twin
    np.testing.assert_allclose(marginal.eti(0.9), frozen.interval(0.9), atol=1e-9 * frozen.std(), rtol=0)


def test_shortest_interval_of_panels(twin):
    marginal, frozen = twin
    if frozen.dist.name == "uniform":
        assert np.diff(marginal.hdi(0.7)) == pytest.approx(2.1)
        return
    found = scipy.optimize.minimize_scalar(
        lambda q: frozen.ppf(q + 0.8) - frozen.ppf(q), bounds=(0, 0.2), method="bounded", options={"xatol": 1e-12}
    )
    length = min(found.fun, frozen.ppf(0.8) - frozen.ppf(0))
    low, high = marginal.hdi(0.8)
    assert high - low == pytest.approx(length, rel=1e-9)
    assert frozen.cdf(high) - frozen.cdf(low) == pytest.approx(0.8, abs=1e-10)


def test_shortest_interval_of_a_falling_density_starts_at_its_end():
    marginal = resolved(st.expon.logpdf, [0, 1, 60])
    np.testing.assert_allclose(marginal.hdi(0.9), [0, -np.log(0.1)], atol=1e-9)


def test_shortest_interval_of_a_symmetric_density_is_its_equal_tails():
    marginal = resolved(st.norm.logpdf, [-40, 0, 40])
    np.testing.assert_allclose(marginal.hdi(0.95), st.norm.interval(0.95), atol=1e-6)


def test_shortest_interval_of_two_peaks_lies_in_the_heavier_one():
    def log_density(x):
        return np.logaddexp(np.log(0.7) + st.norm.logpdf(x, -10), np.log(0.3) + st.norm.logpdf(x, 10))

    low, high = resolved(log_density, [-60, -10, 10, 60]).hdi(0.5)
    assert -13 < low < high < -7


def test_probability_between_bounds(twin):
    marginal, frozen = twin
    low, high = frozen.ppf([0.2, 0.7])
    assert marginal.probability(above=low) == pytest.approx(0.8, abs=1e-11)
    assert marginal.probability(below=high) == pytest.approx(0.7, abs=1e-11)
    assert marginal.probability(above=low, below=high) == pytest.approx(0.5, abs=1e-11)


def test_numbers_in_give_numbers_of_the_same_shape(twin):
    marginal, _ = twin
    for shape in [(), (3,), (2, 3), (0,)]:
        q = np.full(shape, 0.3)
        assert np.shape(marginal.quantile(q)) == shape
        assert np.shape(marginal.cdf(marginal.quantile(q))) == shape
        assert np.shape(marginal.density(marginal.quantile(q))) == shape


# --- moments that do not exist ------------------------------------------------------------------------------


@pytest.mark.parametrize("df", [1.2, 1.5, 2.0])
def test_a_tail_without_variance_says_so_and_keeps_its_mean(df):
    marginal = resolved(st.t(df, 3).logpdf, 3 + two_sided(-2, 60))
    assert marginal.var == np.inf and marginal.sd == np.inf
    assert marginal.mean == pytest.approx(3, abs=1e-6)
    np.testing.assert_allclose(marginal.quantile(Q[2:-1]), st.t(df, 3).ppf(Q[2:-1]), rtol=1e-8)


@pytest.mark.parametrize("df", [0.7, 1.0])
def test_a_tail_without_mean_says_so(df):
    marginal = resolved(st.t(df, 3).logpdf, 3 + two_sided(-2, 120))
    assert np.isnan(marginal.mean) and marginal.sd == np.inf
    assert marginal.quantile(0.5) == pytest.approx(3, abs=1e-7)


def test_one_heavy_end_is_enough():
    marginal = resolved(st.halfcauchy.logpdf, np.concatenate([[0], 4.0 ** np.arange(-2, 60)]))
    assert np.isnan(marginal.mean) and marginal.sd == np.inf
    assert marginal.width == pytest.approx(np.diff(st.halfcauchy.ppf(st.norm.cdf([-1, 1])))[0] / 2, rel=1e-8)


@pytest.mark.parametrize("df", [3.0, 4.0])
def test_a_heavy_tail_with_variance_has_its_number(df):
    marginal = resolved(st.t(df).logpdf, two_sided(-2, 60))
    assert marginal.sd == pytest.approx(st.t(df).std(), rel=1e-8)


def test_width_of_a_normal_is_its_sd():
    assert resolved(st.norm(0, 2).logpdf, [-60, 0, 60]).width == pytest.approx(2, rel=1e-10)


# --- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", [-0.1, 1.1, np.nan, 95, [0.5, 2]])
def test_probabilities_lie_between_zero_and_one(q):
    with pytest.raises(ValueError, match=r"q must lie in \[0, 1\]; q is .*Pass a probability, not a percentage"):
        checked_probability(q, "q")
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        POINTS.quantile(np.asarray(q, float))


@pytest.mark.parametrize("interval", ["eti", "hdi"])
def test_an_interval_of_89_percent_is_written_as_a_probability(interval):
    with pytest.raises(ValueError, match=r"prob must lie in \[0, 1\]; prob is 89"):
        getattr(POINTS, interval)(89.0)


def test_probability_needs_a_bound_and_bounds_in_order():
    with pytest.raises(TypeError, match="probability needs a bound: pass above=, below= or both"):
        POINTS.probability()
    with pytest.raises(ValueError, match="above must be less than below; above is 2 and below is 1"):
        POINTS.probability(2.0, 1.0)
    panels = Marginal(in_panels(np.array([0.0, 1.0]), 4), np.full(4, 0.25))
    with pytest.raises(ValueError, match="above must be less than below"):
        panels.probability(above=1.0, below=1.0)
