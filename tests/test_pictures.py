"""What each picture shows: the data of its artists against closed forms and the posterior's own answers."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from scipy.stats import beta, multivariate_normal, norm

import gridbayes as gb
from gridbayes import plots
from gridbayes.models.pooling import pooling
from gridbayes.plots.plates import graph_of
from gridbayes.plots.save import differs
from gridbayes.plots.style import COLOURS, group_style
from gridbayes.program import Program

BASELINE = Path(__file__).parent / "baseline" / "density.png"
DATA = {"G": [-10, 1, 11], "E": [-16, -15, -14], "M": [30]}


@pytest.fixture(scope="module")
def late():
    return gb.partial_pooling(DATA, sigma=15, mu_scale=10, tau_scale=10)


@pytest.fixture(scope="module")
def line():
    """Flat priors and a known sigma: least squares."""
    x, y = np.array([0.0, 1.0, 3.0, 4.0]), np.array([1.0, 2.5, 2.0, 4.0])
    return gb.linear_regression(x, y, intercept=gb.Flat(), slope=gb.Flat(), sigma=0.5), x, y


def line_of(ax, label):
    return next(line for line in ax.get_lines() if line.get_label() == label)


def marked(ax, marker):
    """x of single marks of this kind, in the order of drawing."""
    return [
        line.get_xdata()[0] for line in ax.get_lines() if line.get_marker() == marker and len(line.get_xdata()) == 1
    ]


def bars(ax):
    """The ends of all horizontal bars, (bar, bound), in the order of drawing."""
    return np.array([segment[:, 0] for lines in ax.collections for segment in lines.get_segments()])


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


# --- sweeps -------------------------------------------------------------------------------------------------------------

SCALES = gb.geomspace(1, 30, 7)


def refit(mu_scale, tau_scale):
    return gb.partial_pooling(DATA, sigma=15, mu_scale=mu_scale, tau_scale=tau_scale)


def test_lines_of_a_sweep_are_single_fits():
    sweep = gb.sensitivity(DATA, sigma=15, mu_scale=10, tau_scale=SCALES)
    (ax,) = sweep.plot("theta", at={"tau_scale": 10}, unit="minutes").axes
    assert (ax.get_xlabel(), ax.get_xscale(), ax.get_ylabel()) == ("tau_scale", "log", "mean of theta, minutes")
    for index, group in enumerate(DATA):
        x, mean = line_of(ax, group).get_data()
        np.testing.assert_array_equal(x, SCALES.nodes)
        np.testing.assert_allclose(mean[[0, 3]], [refit(10, tau).mean("theta", group) for tau in x[[0, 3]]], atol=1e-7)
        assert line_of(ax, group).get_color() == COLOURS[index]
    assert set(line_of(ax, "tau_scale 10").get_xdata()) == {10.0}


def test_a_known_tau_is_swept_in_closed_form():
    """mu ~ N(0, 1), theta ~ N(mu, tau), t ~ N(theta, 1): one group, E theta = t (1 + tau**2) / (2 + tau**2)."""
    taus = [0.5, 1.0, 1.5, 2.0]
    ax = plots.sensitivity_map(gb.sensitivity([3.0], sigma=1, mu_scale=1, tau=taus).mean("theta", 0), label="E theta")
    x, mean = ax.get_lines()[0].get_data()
    np.testing.assert_allclose(mean, 3 * (1 + x**2) / (2 + x**2), atol=1e-12)
    assert (ax.get_xscale(), ax.get_ylabel(), ax.get_legend()) == ("linear", "E theta", None)


def test_contours_of_a_map_pass_where_single_fits_have_their_level():
    sweep = gb.sensitivity(DATA, sigma=15, mu_scale=gb.geomspace(1, 30, 25), tau_scale=gb.geomspace(1, 30, 25))
    ax = plots.sensitivity_map(sweep.mean("theta", "M"), at={"tau_scale": 3, "mu_scale": 10}, unit="minutes")
    contours = next(each for each in ax.collections if len(getattr(each, "levels", ())) and not each.filled)
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        mu_scale, tau_scale = path.vertices[len(path.vertices) // 3]
        assert refit(mu_scale, tau_scale).mean("theta", "M") == pytest.approx(level, abs=0.02)
    assert len(contours.levels) >= 4
    assert [float(each[0]) for each in line_of(ax, "mu_scale 10, tau_scale 3").get_data()] == [10, 3]
    assert ax.get_xlabel() == "mu_scale" and ax.figure.axes[1].get_ylabel() == "theta, minutes"


def test_a_map_that_is_flat_has_no_contours_and_a_prior_by_name_is_a_line():
    flat = gb.sensitivity([0.0], sigma=1, mu_scale=[1, 2, 4], tau=[1.0, 2.0, 3.0]).mean("mu")
    assert not [each for each in plots.sensitivity_map(flat).collections if not each.filled]
    priors = [gb.HalfNormal(5), gb.HalfCauchy(5)]
    ax = plots.sensitivity_map(gb.sensitivity(DATA, sigma=15, mu_scale=[1, 2], tau=priors).mean("mu"))
    assert ax.get_legend_handles_labels()[1] == ["HalfNormal(5)", "HalfCauchy(5)"]
    expected = gb.partial_pooling(DATA, sigma=15, mu_scale=2, tau=priors[1]).mean("mu")
    assert line_of(ax, "HalfCauchy(5)").get_ydata()[1] == pytest.approx(expected, abs=1e-7)


def test_what_a_map_cannot_show_is_refused():
    sweep = gb.sensitivity(DATA, sigma=15, mu_scale=[1, 10], tau_scale=[1, 10])
    with pytest.raises(ValueError, match=r"these vary: mu_scale \(2\), tau_scale \(2\), group \(3\)\. Pick one group"):
        sweep.plot("theta")
    with pytest.raises(ValueError, match=r"at must have mu_scale and tau_scale; at is \{'tau_scale': 1\}"):
        sweep.plot(at={"tau_scale": 1})
    endless = gb.sensitivity([1.0, 2.0], sigma=1, mu=gb.Flat(), tau_scale=[1, 10]).sd("tau")
    with pytest.raises(ValueError, match="values holds no finite number: tau does not exist"):
        plots.sensitivity_map(endless)


# --- data beside what is foretold ---------------------------------------------------------------------------------------


def test_rows_are_beside_their_predictive_density():
    """theta ~ N(0, 5), rows N(theta, 2): closed form."""
    rows = {"A": [1.0, 2.0], "B": [9.0]}
    post = gb.no_pooling(rows, sigma=2, theta=gb.Normal(0, 5))
    ax = plots.predictive(post, unit="metres")
    ticks = [line for line in ax.get_lines() if line.get_marker() == "|"]
    for k, (group, values) in enumerate(rows.items()):
        precision = 1 / 25 + len(values) / 4
        x, p = line_of(ax, group).get_data()
        np.testing.assert_allclose(p, norm(sum(values) / 4 / precision, np.sqrt(1 / precision + 4)).pdf(x), atol=1e-8)
        np.testing.assert_array_equal(ticks[k].get_xdata(), values)
    one = plots.predictive(post, group="B")
    assert one.get_legend() is None
    assert [line.get_xdata().tolist() for line in one.get_lines() if line.get_marker() == "|"] == [[9.0]]


def test_counts_are_stems_of_their_probabilities():
    post = gb.logistic_regression([0, 1, 2, 3], [0, 1, 0, 1])
    ax = plots.predictive(post, [0.5, 2.0])
    for k, share in enumerate(post.predict([0.5, 2.0]).mean("expected").values):
        x, p = line_of(ax, str(k)).get_data()
        np.testing.assert_allclose(p, [1 - share, share], atol=1e-8)
        np.testing.assert_array_equal(np.round(x), [0, 1])
        stems = [lines for lines in ax.collections if len(lines.get_segments()) == 2][k].get_segments()
        np.testing.assert_array_equal([stem[1] for stem in stems], np.stack([x, p], axis=1))
    assert ax.get_ylabel() == "probability" and not [line for line in ax.get_lines() if line.get_marker() == "|"]


def test_what_cannot_be_foretold_or_told_apart_is_refused():
    own = gb.partial_pooling([1, 2], sigma=[1, 2], mu_scale=1, tau_scale=1)
    with pytest.raises(
        ValueError, match=r"y must be foretold to be drawn; this is a new row in a new group \(for y pass"
    ):
        plots.predictive(own, new_group=True)
    with pytest.raises(ValueError, match="up to 8 densities can be told apart; there are 9. Pass group="):
        plots.predictive(gb.no_pooling(np.arange(9.0), sigma=1, theta=gb.Normal(0, 5)))


def test_pit_is_a_staircase_in_kolmogorovs_band():
    """Of two uniform numbers P(D <= d) = 1 - 2 (1 - d)**2 for d >= 1/2; y_new ~ N(m, v + 4) in closed form."""
    rows = np.array([-3.0, 4.0])
    ax = plots.pit(gb.complete_pooling(rows, sigma=2, theta=gb.Normal(0, 5)), prob=0.9)
    precision = 1 / 25 + 2 / 4
    x, share = line_of(ax, "2 rows").get_data()
    foretold = norm(rows.sum() / 4 / precision, np.sqrt(1 / precision + 4))
    np.testing.assert_allclose(x, [0, *foretold.cdf(rows), 1], atol=1e-8)
    np.testing.assert_array_equal(share, [0, 0.5, 1, 1])
    band = ax.collections[0].get_paths()[0].vertices
    assert band[np.isclose(band[:, 0], 0), 1].max() == pytest.approx(1 - np.sqrt(0.05), abs=1e-10)


def test_scores_of_rows_are_those_left_out(late):
    score = late.loo()
    ax = plots.elpd_pointwise(score)
    for index, group in enumerate(DATA):
        x, value = line_of(ax, group).get_data()
        np.testing.assert_array_equal(value, score.elpd_i.values[score.elpd_i.group == group])
        np.testing.assert_array_equal(x, np.flatnonzero(score.elpd_i.group == group))
        assert line_of(ax, group).get_color() == COLOURS[index]
    groups = {"partial": late.loo("group"), "wide": refit(100, 10).loo("group")}
    ax = plots.elpd_pointwise(groups)
    np.testing.assert_array_equal(line_of(ax, "wide").get_ydata(), groups["wide"].left_out)
    assert [text.get_text() for text in ax.get_xticklabels()] == list(DATA) and ax.get_xlabel() == "group left out"
    with pytest.raises(ValueError, match="scores must be of the same parts of the same data"):
        plots.elpd_pointwise({"rows": score, "groups": groups["wide"]})


@pytest.fixture(scope="module")
def compared():
    """Both models of two groups of one row in closed form: y ~ N(0, covariance)."""
    rows, known = [1.0, 6.0], {"sigma": 2, "theta": gb.Normal(0, 5)}
    table = gb.compare({"one": gb.complete_pooling(rows, **known), "own": gb.no_pooling(rows, **known)})
    covariances = {"one": 4 * np.eye(2) + 25, "own": 29 * np.eye(2)}
    return table, rows, covariances


def test_bars_are_the_probabilities_of_models(compared):
    table, rows, covariances = compared
    ax = plots.evidence_bars(table)
    p = np.array([multivariate_normal.pdf(rows, cov=covariances[name]) for name in table.index])
    np.testing.assert_allclose(
        [bar.get_width() for bar in ax.patches if bar.get_height() == 0.6], p / p.sum(), atol=1e-8
    )
    assert ax.texts[1].get_text() == f"{(p / p.sum())[1]:.3g}   log evidence {np.log(p[1]):.2f}"


def test_elpd_is_drawn_with_the_distance_to_the_best(compared):
    table, rows, covariances = compared
    ax = plots.elpd_comparison(table)
    each = {}
    for name, c in covariances.items():  # p(y_i | y_j) of two normals
        mean, var = c[0, 1] / c[1, 1] * np.array(rows)[::-1], c[0, 0] - c[0, 1] ** 2 / c[1, 1]
        each[name] = norm(mean, np.sqrt(var)).logpdf(rows)
    best, second = (each[name] for name in table.index)
    np.testing.assert_allclose(marks_of(ax, "o"), [best.sum(), second.sum()], atol=1e-7)
    np.testing.assert_allclose(marks_of(ax, "^"), [second.sum()], atol=1e-7)
    width = np.sqrt(2 * np.var(best - second))
    np.testing.assert_allclose(bars(ax)[-1], second.sum() + width * np.array([-1, 1]), atol=1e-7)
    with pytest.raises(ValueError, match="table has no elpd: it was made with by=None"):
        plots.elpd_comparison(table.drop(columns="elpd"))


def marks_of(ax, marker):
    return next(line for line in ax.get_lines() if line.get_marker() == marker).get_xdata()


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


# --- plate diagrams -----------------------------------------------------------------------------------------------------


def stated(kind, sigma=15, shared_sigma=False):
    """A model that is stated and not fitted."""
    names = ("mu", "tau") if kind == "partial" else ("theta",)
    priors = {name: gb.HalfCauchy(1) if name == "tau" else gb.Normal(0, 1) for name in names}
    rest = dict.fromkeys(["likelihood", "grids", "program", "value", "group", "groups"])
    return pooling(kind, DATA, sigma=sigma, priors=priors, shared_sigma=shared_sigma, **rest)


LEARNED = gb.HalfCauchy(5)
ABOVE = {("mu", "theta"), ("tau", "theta"), ("theta", "y")}


@pytest.mark.parametrize(
    "model, arrows, grouped",
    [
        (stated("complete"), {("theta", "y")}, set()),
        (stated("no"), {("theta", "y")}, {"theta"}),
        (stated("partial"), ABOVE, {"theta"}),
        (stated("partial", LEARNED), ABOVE | {("sigma", "y")}, {"theta", "sigma"}),
        (stated("partial", LEARNED, True), ABOVE | {("sigma", "y")}, {"theta"}),
        (stated("complete", LEARNED), {("theta", "y"), ("sigma", "y")}, {"sigma"}),
    ],
    ids=["complete", "no", "partial", "own sigma", "shared sigma", "complete, own sigma"],
)
def test_the_graph_is_that_of_the_program(model, arrows, grouped):
    graph = graph_of(model.program)
    assert (graph.arrows, graph.grouped) == (arrows, grouped)


def test_a_program_that_changes_changes_its_diagram():
    text = str(stated("partial").program)
    fixed = graph_of(Program(text.replace("at(tau_nodes, _tau))\n", "2.0)\n")))  # tau moves the data, and no theta
    assert fixed.arrows == {("mu", "theta"), ("theta", "y"), ("tau", "y")}
    heavy = graph_of(
        Program(text.replace("normal_lpdf(at(theta_nodes, _theta),", "laplace_lpdf(at(theta_nodes, _theta),"))
    )
    assert heavy.densities == {"mu": "normal", "tau": "half cauchy", "theta": "laplace"}
    with pytest.raises(ValueError, match="needs a program with densities .* has the memos hyper"):
        graph_of(Program("def hyper(): ..."))


def test_ragged_data_with_learned_sigmas_have_two_plates_and_four_arrows():
    ax = plots.plate_diagram(stated("partial", LEARNED).program)
    kinds = [type(patch).__name__ for patch in ax.patches]
    assert kinds.count("FancyArrowPatch") == 4 and kinds.count("FancyBboxPatch") == 2
    outer, inner = (patch for patch in ax.patches if type(patch).__name__ == "FancyBboxPatch")

    def around(plate, name):
        x, y = next(text.get_position() for text in ax.texts if text.get_text() == name)
        left, bottom = plate.get_x(), plate.get_y()
        return left < x < left + plate.get_width() and bottom < y < bottom + plate.get_height()

    assert [name for name in ("mu", "tau", "theta", "sigma", "y") if around(outer, name)] == ["theta", "sigma", "y"]
    assert [name for name in ("mu", "tau", "theta", "sigma", "y") if around(inner, name)] == ["y"]


def test_plates_state_priors_and_counts(late):
    texts = [text.get_text() for text in plots.plate_diagram(late).texts]
    assert {"Normal(0, 10)", "HalfCauchy(10)", "3 groups", "n = 3, 3, 1"} <= set(texts)
    with pytest.raises(ValueError, match="a plate diagram is of pooling models; the posterior is of 6 successes"):
        plots.plate_diagram(gb.proportion(6, 12))


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


def test_an_image_shows_a_line_that_moves(tmp_path):
    """The baseline is what `plots.density` drew when it was last looked at."""
    ax = plots.density(gb.proportion(6, 12), "p")
    plots.save_figure(ax.figure, tmp_path / "same.png", dpi=60)
    assert not differs(BASELINE, tmp_path / "same.png")
    line = ax.get_lines()[0]
    line.set_xdata(np.asarray(line.get_xdata()) + 0.01)
    plots.save_figure(ax.figure, tmp_path / "moved.png", dpi=60)
    assert differs(BASELINE, tmp_path / "moved.png")
