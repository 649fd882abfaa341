"""Pictures and texts of graphs: what is known, what is cut, what is repeated."""

import re

import numpy as np
import pytest
from matplotlib.patches import Circle, FancyArrowPatch
from stories import fork

import gridbayes as gb
from gridbayes import plots
from gridbayes.figures import FIGURES
from gridbayes.lessons.stories import _fork, _studies
from gridbayes.plots.style import COLOURS

GRID = gb.linspace(-3, 3, 7)
STORY = fork(GRID, GRID)
SET = STORY.condition(y2=-1).do(th2=2)
ROWS = STORY.condition(y1=[1, 0, 2], y2=1)


def circles(ax):
    return [patch for patch in ax.patches if isinstance(patch, Circle)]


def arrows(ax):
    return [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]


def test_what_is_known_is_written_shaded_and_ringed():
    ax = plots.story_graph(SET)
    assert [text.get_text() for text in ax.texts] == ["th1", "th2\n= 2", "th3", "y1", "y2\n= -1"]
    assert sum(circle.get_alpha() == 0.45 for circle in circles(ax)) == 1
    rings = [circle for circle in circles(ax) if circle.get_edgecolor()[:3] != (0, 0, 0) and circle.radius > 0.34]
    assert [ring.center for ring in rings] == [circles(ax)[2].center]  # th2's: two circles a node before it


def test_arrows_are_as_many_as_told_and_the_cut_one_is_dashed_with_a_cross():
    ax = plots.story_graph(SET)
    assert len(arrows(ax)) == 4
    assert [arrow.get_linestyle() != "solid" for arrow in arrows(ax)] == [True, False, False, False]
    (cross,) = ax.get_lines()
    assert cross.get_color() == COLOURS[1] and cross.get_marker() == "x"
    assert not plots.story_graph(STORY).get_lines()


def test_rows_stand_in_a_plate():
    assert [text.get_text() for text in plots.story_graph(ROWS).texts][-1] == "n = 3"


def test_causes_stand_above_effects_and_nodes_apart():
    ax = plots.story_graph(STORY)
    at = {text.get_text(): np.array(text.get_position()) for text in ax.texts}
    assert all(at[parent][1] > at[name][1] for name, parents in STORY.parents.items() for parent in parents)
    places = list(at.values())
    assert min(np.hypot(*(a - b)) for i, a in enumerate(places) for b in places[:i]) >= 1.5 - 1e-9


def test_an_arrow_past_a_node_bows():
    story = gb.Graph().node("a", GRID, gb.Normal(0, 1)).node("b", GRID, lambda a: gb.Normal(a, 1))
    story = story.node("c", GRID, lambda a, b: gb.Normal(a + b, 1))
    bowed = [len(arrow.get_path().vertices) for arrow in arrows(plots.story_graph(story))]
    styles = [arrow.get_connectionstyle().rad for arrow in arrows(plots.story_graph(story))]
    assert styles == [0.0, -0.5, 0.0] and len(bowed) == 3


def test_before_and_after_have_their_nodes_at_the_same_places():
    before, after = plots.story_graphs({"before": STORY, "after": SET})
    assert [text.get_position() for text in before.texts] == [text.get_position() for text in after.texts]
    assert (before.get_title(), after.get_title()) == ("before", "after")
    own = STORY.plot(ax=before.figure.add_subplot())
    assert len(own.texts) == 5
    with pytest.raises(ValueError, match="needs a story at least; pass a dict"):
        plots.story_graphs({})
    with pytest.raises(ValueError, match="in common; z of 'other' is not in the largest"):
        plots.story_graphs({"one": STORY, "other": gb.Graph().node("z", GRID, gb.Normal(0, 1))})


def test_dot_has_every_node_arrow_and_plate():
    text = ROWS.do(th3=1).to_dot()
    assert text.startswith("digraph story {\n") and text.endswith("}\n") and text.count("{") == text.count("}")
    assert re.findall(r"(\w+) -> (\w+)", text) == [("th1", "th2"), ("th1", "th3"), ("th2", "y1"), ("th3", "y2")]
    assert "th1 -> th3 [style=dashed color=grey];" in text and 'th3 [shape=doublecircle label="th3 = 1"];' in text
    assert 'y2 [shape=circle label="y2 = 1" style=filled fillcolor="lightgrey"];' in text
    assert 'subgraph cluster_y1 {\n    label="n = 3";\n    y1;\n  }' in text


def test_mermaid_has_every_node_arrow_and_plate():
    text = ROWS.do(th3=1).to_mermaid()
    assert text.startswith("flowchart TD\n")
    assert 'th1(("th1"))' in text and 'th3((("th3 = 1")))' in text and "th1 -.-x th3" in text and "th2 --> y1" in text
    assert 'subgraph y1_rows["n = 3"]\n    y1\n  end' in text and "class y1,y2 observed" in text
    assert "classDef" not in STORY.to_mermaid()


# --- figures ------------------------------------------------------------------------------------------------------------


def test_the_story_grows_by_a_node_at_a_time():
    counts = [len(ax.texts) for ax in FIGURES["story_grows"]().axes]
    assert counts == [1, 2, 3, 4, 5, 5]


def test_interventions_are_told_with_what_is_believed_after_them():
    """Closed forms: E th1 = y2 / 3 while it hangs on y2, E y1 = E th2."""
    titles = [ax.get_title() for ax in FIGURES["interventions"]().axes]
    assert titles == [
        "before\nE th1 = -0.167, E y1 = -0.167",
        "set the root\nE y1 = 1.000",
        "set the middle\nE th1 = -0.167, E y1 = 2.000",
        "undo y2, then set it\nE th1 = 0.000, E y1 = 0.000",
        "set two\nE th1 = 0.000, E y1 = 2.000",
        "undo one of the two\nE th1 = 0.000, E y1 = 0.000",
    ]
    assert _fork().condition(y2=-0.5).marginal("th1").mean() == pytest.approx(-1 / 6, abs=1e-9)


def test_the_orderings_are_all_different_and_the_first_is_as_told():
    axes = FIGURES["orderings"]().axes
    assert len({ax.get_title() for ax in axes}) == 24
    assert len(arrows(axes[0])) == 4 and max(len(arrows(ax)) for ax in axes) == 6


def test_both_routes_lie_on_one_another_in_the_picture():
    for ax in FIGURES["joint_and_sequential"]().axes:
        line, dots = ax.get_lines()[-2:]
        np.testing.assert_allclose(np.interp(dots.get_xdata(), *line.get_data()), dots.get_ydata(), atol=1e-12)
    assert FIGURES["merged_stories"]().axes[2].get_title() == "both"
    one, two = _studies()
    # y_i | phi ~ N(phi, sqrt(1 + s_i**2)), phi ~ N(0, 2)
    precision = np.array([1 / 4, 1 / 2, 1 / 3.25])
    expected = precision @ [0, 1.5, -2] / precision.sum()
    assert one.merge(two).condition(y1=1.5, y2=-2).marginal("phi").mean() == pytest.approx(expected, abs=1e-6)
