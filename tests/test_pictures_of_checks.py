"""Pictures of sweeps, predictions, PIT, scores and models compared: their artists against closed forms and single fits."""

import numpy as np
import pytest
from drawn import DATA, bars, line_of, marks_of
from scipy.stats import multivariate_normal, norm

import gridbayes as gb
from gridbayes import plots
from gridbayes.plots.style import COLOURS

# --- sweeps -------------------------------------------------------------------------------------------------------------

SCALES = gb.geomspace(1, 30, 7)


@pytest.fixture(scope="module")
def late():
    return refit(10, 10)


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
