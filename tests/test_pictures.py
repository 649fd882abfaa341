"""What each picture shows: the data of its artists against closed forms and the posterior's own answers."""

import matplotlib
import numpy as np
import pytest
from drawn import DATA, bars, line_of, marked
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from scipy.stats import beta, norm

import gridbayes as gb
from gridbayes import plots
from gridbayes.plots.style import COLOURS, group_style


@pytest.fixture(scope="module")
def late():
    return gb.partial_pooling(DATA, sigma=15, mu_scale=10, tau_scale=10)


@pytest.fixture(scope="module")
def line():
    """Flat priors and a known sigma: least squares."""
    x, y = np.array([0.0, 1.0, 3.0, 4.0]), np.array([1.0, 2.5, 2.0, 4.0])
    return gb.linear_regression(x, y, intercept=gb.Flat(), slope=gb.Flat(), sigma=0.5), x, y


# --- densities ----------------------------------------------------------------------------------------------------------


def test_a_density_is_the_posterior_with_its_prior_mean_and_interval():
    ax = plots.density(gb.proportion(6, 12), "p", prob=0.8)
    x, p = ax.get_lines()[0].get_data()
    np.testing.assert_allclose(p, beta(7, 7).pdf(x), atol=1e-8)
    np.testing.assert_allclose(line_of(ax, "prior").get_ydata(), 1.0)
    assert line_of(ax, "prior").get_linestyle() == "--"
    assert marked(ax, "o") == pytest.approx([0.5], abs=1e-9)
    np.testing.assert_allclose(bars(ax), [beta(7, 7).ppf([0.1, 0.9])], atol=1e-8)
    shortest = plots.density(gb.proportion(2, 12), "p", prob=0.8, kind="hdi")
    np.testing.assert_allclose(bars(shortest)[0], gb.proportion(2, 12).hdi(0.8), atol=1e-12)


def test_masses_on_points_are_drawn_as_a_density():
    ax = plots.density(gb.proportion(6, 12, grids={"p": gb.linspace(0, 1, 401)}), "p")
    x, p = ax.get_lines()[0].get_data()
    np.testing.assert_allclose(p, beta(7, 7).pdf(x), atol=1e-6)


def test_panels_are_named_with_units_and_a_group_has_one_colour_everywhere(late):
    axes = plots.posterior_panels(late, unit="minutes late")
    assert [ax.get_xlabel() for ax in axes] == [f"{name}, minutes late" for name in ("mu", "tau", "theta")]
    assert [ax.get_title() for ax in axes] == ["", "", ""]
    assert [line_of(axes[2], group).get_color() for group in DATA] == list(COLOURS[:3])
    rows = plots.intervals(late, "theta")
    assert [lines.get_color()[0].tolist() for lines in rows.collections] == [
        list(matplotlib.colors.to_rgba(colour)) for colour in COLOURS[:3]
    ]
    np.testing.assert_array_equal(bars(rows), late.eti("theta"))
    assert len({(s["color"], s["linestyle"]) for s in map(group_style, range(24))}) == 24


def test_many_groups_are_rows():
    post = gb.no_pooling(np.arange(9.0), sigma=1, theta=gb.Normal(0, 5))
    (ax,) = plots.posterior_panels(post)
    np.testing.assert_allclose(marked(ax, "o"), np.arange(9.0) * 25 / 26, atol=1e-9)
    assert len(ax.get_yticklabels()) == 9


def test_a_difference_states_what_is_above_0():
    ax = plots.difference(gb.partial_pooling([1, 5], sigma=1, mu=gb.Normal(0, 1), tau=1.0).contrast(0, 1))
    # given tau = 1 and sigma = 1 the thetas' difference is normal: mean -4 / 2, variance 2 * 1 / 2
    assert ax.get_legend_handles_labels()[1] == [f"above 0: {norm.sf(2.0):.1%}"]


# --- rows ---------------------------------------------------------------------------------------------------------------


def test_a_forest_shows_data_estimates_and_the_next_group(late):
    ax = plots.forest(late, prob=0.9)
    assert marked(ax, "s") == pytest.approx([2 / 3, -15, 30])
    raw, estimates, shared = np.split(bars(ax), [3, 6])
    error = 15 / np.sqrt([3, 3, 1])
    np.testing.assert_allclose(raw.mean(axis=1), [2 / 3, -15, 30])
    np.testing.assert_allclose(np.ptp(raw, axis=1), 2 * norm.ppf(0.95) * error)
    np.testing.assert_array_equal(estimates, late.eti("theta", 0.9))
    np.testing.assert_array_equal(shared[0], late.eti("mu", 0.9))
    np.testing.assert_array_equal(shared[1], late.predict(new_group=True).eti("expected", 0.9))
    assert marked(ax, "o") == late.mean("theta").values.tolist() and marked(ax, "D") == [late.mean("mu")]
    assert ax.texts[3].get_text().startswith(f"{late.mean('mu'):.3g} [")
    with pytest.raises(ValueError, match=r"forest needs the mean mu of a population; no pooling .* has none"):
        plots.forest(gb.no_pooling([1, 2], sigma=1, theta=gb.Normal(0, 1)))


def test_contrasts_are_those_of_the_posterior(late):
    ax = plots.contrasts(late, [("M", "E"), ("G", "M")])
    expected = [late.contrast("M", "E"), late.contrast("G", "M")]
    assert marked(ax, "o") == [post.mean("difference") for post in expected]
    np.testing.assert_array_equal(bars(ax)[0], expected[0].eti("difference"))
    assert ax.texts[1].get_text() == f"P(> 0) = {expected[1].probability('difference', above=0):.3f}"


def test_ranks_are_those_of_the_posterior(late):
    ax = plots.rank_probabilities(late, "lowest")
    np.testing.assert_array_equal(ax.collections[0].get_array(), late.rank("lowest").values)
    assert [text.get_text() for text in ax.texts[:3]] == [f"{100 * p:.0f}" for p in late.rank("lowest").values[0]]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


# --- two parameters, grids ----------------------------------------------------------------------------------------------


def test_contours_bound_the_regions_of_highest_density(line):
    """Of a bivariate normal the density at the rim of the region that holds p is 1 - p of its peak."""
    post, x, _ = line
    ax = plots.joint(post, "intercept", "slope", probs=(0.5, 0.89))
    precision = np.array([[4, x.sum()], [x.sum(), (x**2).sum()]]) / 0.5**2
    peak = np.sqrt(np.linalg.det(precision)) / (2 * np.pi)
    np.testing.assert_allclose(ax.collections[-1].levels / peak, [0.11, 0.5], atol=5e-3)


def test_stems_are_masses_over_their_weights():
    grids = {"theta": gb.trapezoid(-20, 20, 81)}
    post = gb.complete_pooling([1.0], sigma=3, theta=gb.Normal(0, 4), grids=grids)
    ax = plots.grid_nodes(post, "theta")
    nodes, height = ax.get_lines()[0].get_data()
    np.testing.assert_array_equal(nodes, grids["theta"].nodes)
    np.testing.assert_allclose(height, norm(16 / 25, 12 / 5).pdf(nodes), atol=1e-9)


# --- regressions and mixtures -------------------------------------------------------------------------------------------


def test_the_bands_of_a_regression_are_those_of_least_squares(line):
    post, x, y = line
    ax = plots.regression_line(post, prob=0.9)
    design = np.column_stack([np.ones(4), x])
    best, covariance = np.linalg.lstsq(design, y)[0], 0.25 * np.linalg.inv(design.T @ design)
    at, mean = line_of(ax, "mean").get_data()
    new = np.column_stack([np.ones(len(at)), at])
    np.testing.assert_allclose(mean, new @ best, atol=1e-9)
    variance = np.einsum("ij,jk,ik->i", new, covariance, new)
    for band, spread in zip(ax.collections, (variance + 0.25, variance), strict=True):
        upper = band.get_paths()[0].vertices[len(at) + 2 : 2 * len(at) + 2, 1][::-1]
        np.testing.assert_allclose(upper, new @ best + norm.ppf(0.95) * np.sqrt(spread), atol=1e-8)
    np.testing.assert_array_equal(line_of(ax, "rows").get_ydata(), y)


def test_components_are_drawn_over_their_rows():
    rng = np.random.default_rng(0)
    y = np.append(rng.normal(0, 1, 70), rng.normal(20, 1, 30))  # so far apart that no row is in doubt
    post = gb.mixture(y, sigma=1, mu=gb.Normal(0, 10))
    ax = plots.mixture_components(post, y, sigma=1.0)
    for k in (0, 1):
        at, density = line_of(ax, f"component {k}").get_data()
        rows = (y[:70], y[70:])[k]
        precision = len(rows) + 1 / 100
        new = norm(rows.sum() / precision, np.sqrt(1 + 1 / precision))
        np.testing.assert_allclose(density, (len(rows) + 1) / (len(y) + 2) * new.pdf(at), atol=1e-6)
    total = line_of(ax, "a new row").get_ydata()
    np.testing.assert_allclose(total, sum(line_of(ax, f"component {k}").get_ydata() for k in (0, 1)))
    with pytest.raises(ValueError, match="sigma must be stated where it is not learned"):
        plots.mixture_components(post, y)
    with pytest.raises(ValueError, match="a picture of components needs a mixture; the posterior is of 6 successes"):
        plots.mixture_components(gb.proportion(6, 12), y)


# --- all of them --------------------------------------------------------------------------------------------------------


def test_plot_picks_the_picture_of_the_posterior(late, line):
    assert [ax.get_xlabel() for ax in late.plot().axes] == ["mu", "tau", "theta"]
    assert late.contrast("G", "M").plot().axes[0].get_legend_handles_labels()[1][0].startswith("above 0")
    assert line[0].plot(ylabel="metres").axes[0].get_ylabel() == "metres"
    assert [ax.get_xlabel() for ax in line[0].predict([1.0, 2.0]).plot().axes] == ["expected", "y"]


def test_pictures_draw_on_the_axes_they_are_given_and_follow_the_users_style(late):
    with matplotlib.rc_context({"text.color": "white"}):
        ax = Figure().subplots()
        assert plots.density(late, "mu", ax=ax) is ax
        assert same_color(line_of(ax, "prior").get_color(), "white")
