from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation

import gridbayes as gb
from gridbayes import plots
from gridbayes.datasets import punctuality
from gridbayes.plots import Panel, figure_format, pooling_comparison, quickstart_figure, save_figure

THETA = {"theta": gb.linspace(-60, 90, 151)}
GRIDS = {"mu": gb.linspace(-25, 25, 26), "tau": gb.linspace(1, 30, 30), **THETA}
PRIORS = {"mu": gb.Normal(0, 10), "tau": gb.HalfCauchy(10)}


@pytest.fixture(scope="module")
def late():
    return punctuality(ragged=True)


@pytest.fixture(scope="module")
def observed(late):
    return gb.observe(late.values, sigma=late.errors)


@pytest.fixture(scope="module")
def posteriors(late):
    known = {"data": late.values, "sigma": late.errors}
    return {
        "partial pooling": gb.partial_pooling(**known, **PRIORS, grids=GRIDS),
        "no pooling": gb.no_pooling(**known, theta=gb.Normal(0, 30), grids=THETA),
        "complete pooling": gb.complete_pooling(**known, theta=gb.Normal(0, 10), grids=THETA),
    }


def marks(ax, label):
    """The line of that label in the legend."""
    return next(line for line in ax.get_lines() if line.get_label() == label)


def spans(ax, colour):
    """The drawn intervals of that colour, (group, bound)."""
    lines = [c for c in ax.collections if matplotlib.colors.same_color(c.get_color(), colour)]
    return np.array([segment[:, 0] for segment in lines[0].get_segments()])


@pytest.mark.parametrize("name", ["partial pooling", "no pooling"])
@pytest.mark.parametrize("kind", ["eti", "hdi"])
def test_marks_are_means_and_lines_are_intervals(posteriors, name, kind):
    ax = pooling_comparison(posteriors, prob=0.5, kind=kind)
    line = marks(ax, name)
    np.testing.assert_array_equal(line.get_xdata(), posteriors[name].mean("theta"))
    np.testing.assert_array_equal(spans(ax, line.get_color()), getattr(posteriors[name], kind)("theta", prob=0.5))


def test_complete_pooling_is_a_line_and_a_band_across_all_rows(posteriors):
    ax = pooling_comparison(posteriors)
    line = marks(ax, "complete pooling")
    assert set(line.get_xdata()) == {posteriors["complete pooling"].mean("theta")}
    band = next(p for p in ax.patches if matplotlib.colors.same_color(p.get_facecolor()[:3], line.get_color()))
    low, high = posteriors["complete pooling"].eti("theta").values
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((low, high))


def test_every_mark_is_in_the_row_of_its_group(posteriors, observed):
    ax = pooling_comparison(posteriors, observed=observed)
    crosses = next(line for line in ax.get_lines() if line.get_marker() == "x")
    for line in (marks(ax, "partial pooling"), marks(ax, "no pooling"), crosses):
        np.testing.assert_array_equal(np.round(np.asarray(line.get_ydata(), float)), [0, 1, 2])
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first group is on top
    rows = [marks(ax, "partial pooling"), crosses, marks(ax, "no pooling")]
    lanes = [float(line.get_ydata()[0]) for line in rows]
    assert lanes == sorted(set(lanes))


def test_crosses_are_raw_means_and_arrows_lead_to_partial_pooling(posteriors, observed):
    ax = pooling_comparison(posteriors, observed=observed)
    crosses = next(line for line in ax.get_lines() if line.get_marker() == "x")
    np.testing.assert_allclose(crosses.get_xdata(), [2 / 3, -15, 30])
    arrows = [child for child in ax.get_children() if isinstance(child, Annotation)]
    assert [arrow.xyann[0] for arrow in arrows] == pytest.approx([2 / 3, -15, 30])
    np.testing.assert_array_equal([a.xy[0] for a in arrows], posteriors["partial pooling"].mean("theta"))
    assert "arrow: to partial pooling" in crosses.get_label()


def test_there_are_no_arrows_without_partial_pooling_and_no_crosses_without_data(posteriors, observed):
    without = {name: posteriors[name] for name in ("no pooling", "complete pooling")}
    ax = pooling_comparison(without, observed=observed)
    assert not [child for child in ax.get_children() if isinstance(child, Annotation)]
    assert "x" not in {line.get_marker() for line in pooling_comparison(posteriors).get_lines()}


def test_a_group_without_data_has_no_cross_and_no_arrow(late):
    data = {**late.values, "ART": []}
    post = gb.partial_pooling(data, sigma=15, **PRIORS, grids=GRIDS)
    ax = pooling_comparison({"partial": post}, observed=gb.observe(data, sigma=15))
    assert len([child for child in ax.get_children() if isinstance(child, Annotation)]) == 3
    assert len(marks(ax, "partial").get_xdata()) == 4
    assert ax.get_yticklabels()[3].get_text() == "ART\nn = 0"
    ax.figure.draw_without_rendering()


def test_labels(posteriors, observed):
    ax = pooling_comparison(posteriors, observed=observed, prob=0.9, unit="minutes late")
    assert ax.get_xlabel() == "minutes late" and ax.get_title() == ""
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "GOVERNMENT\nn = 3",
        "ENGLISH\nn = 3",
        "MATH\nn = 1",
    ]
    assert "equal-tailed 90% interval" in ax.figure.legends[0].get_title().get_text()
    assert [label.get_text() for label in pooling_comparison(posteriors).get_yticklabels()] == [*observed.groups]


def test_models_differ_in_colour_and_in_marker(posteriors):
    lines = [marks(pooling_comparison(posteriors), name) for name in ("partial pooling", "no pooling")]
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == 2


@pytest.mark.parametrize("given", [False, True])
def test_the_legend_is_outside_the_data_and_nothing_is_cut_off(posteriors, observed, given):
    ax = Figure(figsize=(9, 5), layout="constrained").subplots() if given else None
    ax = pooling_comparison(posteriors, observed=observed, unit="minutes late", ax=ax)
    ax.figure.draw_without_rendering()
    legend, page = ax.get_legend() if given else ax.figure.legends[0], ax.figure.bbox
    assert legend.get_window_extent().y0 >= ax.get_window_extent().y1
    for text in [*ax.get_yticklabels(), *legend.get_texts(), legend.get_title(), ax.xaxis.label]:
        box = text.get_window_extent()
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1


def test_it_draws_on_the_axes_it_is_given(posteriors):
    ax = Figure().subplots()
    assert pooling_comparison(posteriors, ax=ax, legend=False) is ax
    assert ax.get_legend() is None and ax.figure.legends == []


def test_labels_may_hold_any_character():
    data = {"a $x_{1 price": 1, "a long name " * 20: 2}
    post = gb.no_pooling(data, sigma=1, theta=gb.Normal(0, 1), grids=THETA)
    ax = pooling_comparison({"no $pooling$ ": post}, observed=gb.observe(data, sigma=1), unit="$x_{")
    ax.figure.draw_without_rendering()
    assert ax.get_yticklabels()[0].get_text() == "a $x_{1 price"
    assert len(ax.get_yticklabels()[1].get_text()) <= 60


def test_what_cannot_be_compared_is_refused(posteriors, observed):
    with pytest.raises(ValueError, match="posteriors is empty"):
        pooling_comparison({})
    other = gb.no_pooling({"A": 1, "B": 2}, sigma=1, theta=gb.Normal(0, 1), grids=THETA)
    with pytest.raises(ValueError, match=r"same groups; 'no pooling' has GOVERNMENT.* and 'other' has A, B"):
        pooling_comparison({"no pooling": posteriors["no pooling"], "other": other})
    with pytest.raises(ValueError, match=r"'other' has A, B and 'observed' has GOVERNMENT"):
        pooling_comparison({"other": other}, observed=observed)
    many = gb.complete_pooling(np.zeros(201), sigma=1, theta=gb.Normal(0, 1), grids=THETA)
    with pytest.raises(ValueError, match="up to 200 groups; there are 201"):
        pooling_comparison({"many": many})


def test_quickstart_figure_has_a_panel_for_each_study_and_one_legend(posteriors, observed):
    panels = [Panel("Punctuality", posteriors, observed, "minutes"), Panel("Again", posteriors, observed)]
    figure = quickstart_figure(panels)
    figure.draw_without_rendering()
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Punctuality", "Again"]
    assert [ax.get_xlabel() for ax in figure.axes] == ["minutes", "theta"]
    assert [ax.get_legend() for ax in figure.axes] == [None, None] and len(figure.legends) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()][:3] == [*posteriors]
    assert figure.legends[0].get_window_extent().y1 <= min(ax.get_window_extent().y0 for ax in figure.axes)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_figure_is_the_same_bytes(posteriors, tmp_path, suffix):
    files = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for file in files:
        save_figure(pooling_comparison(posteriors).figure, file)
    assert files[0].read_bytes() == files[1].read_bytes() != b""


def test_a_figure_that_cannot_be_drawn_leaves_nothing_behind(tmp_path, monkeypatch):
    def half(figure, file, **_):
        file.write(b"half of ")
        raise RuntimeError("no ink")

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(RuntimeError, match="no ink"):
        save_figure(Figure(), tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == []


def test_a_suffix_that_is_no_figure_is_refused(tmp_path):
    assert figure_format("x.SVG") == "svg"
    with pytest.raises(ValueError, match=r'written as \.png, \.svg or \.pdf; "x\.jpg" is none of them'):
        save_figure(Figure(), "x.jpg")


def test_drawing_touches_no_global_state(posteriors):
    before = dict(matplotlib.rcParams)
    pooling_comparison(posteriors)
    assert dict(matplotlib.rcParams) == before
    sources = Path(plots.__file__).parent.glob("*.py")
    assert not [source.name for source in sources if "pyplot" in source.read_text()]
