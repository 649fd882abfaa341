"""Figures of stories: graphs that grow, one joint in all orders, interventions, two sets of data and what they share."""

import itertools
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from gridbayes.graph.graph import Graph
from gridbayes.grids import trapezoid
from gridbayes.lessons.registry import open_frame, registered
from gridbayes.plots.stories import story_graph, story_graphs
from gridbayes.plots.style import figure_of, group_style, new_figure, open_legend
from gridbayes.priors import Normal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRID = trapezoid(-9, 9, 91)
WIDE = trapezoid(-18, 18, 241)
SEEN = -0.5  # y2
SQUARE = {"a": (0, 1), "b": (1, 1), "c": (0, 0), "d": (1, 0)}
Y1, Y2 = 1.5, -2.0  # what two studies of one phi see


@cache
def _fork() -> Graph:
    """th1 -> th2 -> y1 and th1 -> th3 -> y2, unit normals."""
    return (
        Graph()
        .node("th1", GRID, Normal(0, 1))
        .node("th2", GRID, lambda th1: Normal(th1, 1))
        .node("th3", GRID, lambda th1: Normal(th1, 1))
        .node("y1", GRID, lambda th2: Normal(th2, 1))
        .node("y2", GRID, lambda th3: Normal(th3, 1))
    )


@registered
def story_grows() -> "Figure":
    """A story that grows link by link: a cause, its two effects, what can be seen of them, and what was seen."""
    whole = _fork()
    steps = {
        f"{len(names)} of 5 nodes": Graph({name: whole.nodes[name] for name in names})
        for names in itertools.accumulate([name] for name in whole.nodes)
    }
    return figure_of(story_graphs({**steps, f"y2 = {SEEN:g} is seen": whole.condition(y2=SEEN)})[0])


@registered
def orderings() -> "Figure":
    """One joint of four nodes, told in all 24 orders: each node depends on those before it that the first story joins."""
    told = Graph().node("a", [0, 1], [0.3, 0.7]).node("b", [0, 1], lambda a: [0.2 + 0.5 * a, 0.8 - 0.5 * a])
    told = told.node("c", [0, 1], lambda a: [0.9 - 0.6 * a, 0.1 + 0.6 * a])
    told = told.node("d", [0, 1], lambda b, c: [0.8 - 0.3 * b - 0.4 * c, 0.2 + 0.3 * b + 0.4 * c])
    figure = new_figure(6.4, 4.9)
    for ax, order in zip(figure.subplots(4, 6).flat, itertools.permutations("abcd"), strict=True):
        story_graph(told.factored(order), SQUARE, ax=ax)
        ax.set_title(" ".join(order), fontsize="x-small", pad=2)
    return figure


@registered
def interventions() -> "Figure":
    """Before and after five interventions: on the root, in the middle, on what was seen, on two, one undone."""
    seen = _fork().condition(y2=SEEN)
    two = seen.do(th2=2, th3=0)
    after = {
        "before": seen,
        "set the root": seen.do(th1=1),
        "set the middle": seen.do(th2=2),
        "undo y2, then set it": seen.undo("y2").do(y2=SEEN),
        "set two": two,
        "undo one of the two": two.undo("th2"),
    }
    figure = new_figure(5.9, 5.8)
    for ax, (what, story) in zip(figure.subplots(2, 3, sharex=True, sharey=True).flat, after.items(), strict=True):
        story_graph(story, ax=ax)
        ax.set_title(f"{what}\n{_expected(story)}", fontsize="small")
    return figure


def _expected(story: Graph) -> str:
    """What is believed of the root and of y1."""
    free = [name for name in ("th1", "y1") if name not in story.done]
    return ", ".join(f"E {name} = {round(float(story.marginal(name).mean()), 3) + 0.0:.3f}" for name in free)


def _studies() -> tuple[Graph, Graph]:
    """Two studies of one phi, each with its own th_i ~ N(phi, s_i), y_i ~ N(th_i, 1)."""
    stem = Graph().node("phi", WIDE, Normal(0, 2))
    one = stem.node("th1", WIDE, lambda phi: Normal(phi, 1)).node("y1", WIDE, lambda th1: Normal(th1, 1))
    return one, stem.node("th2", WIDE, lambda phi: Normal(phi, 1.5)).node("y2", WIDE, lambda th2: Normal(th2, 1))


@registered
def merged_stories() -> "Figure":
    """Two studies told apart, and merged over the parameter that they share."""
    one, two = _studies()
    figure = new_figure(9, 4.6)
    both = one.merge(two)
    at = {"phi": (0.5, 2), "th1": (0, 1), "y1": (0, 0), "th2": (1, 1), "y2": (1, 0)}
    for ax, (title, story) in zip(
        figure.subplots(1, 3, sharex=True, sharey=True),
        {
            "one study": one.condition(y1=Y1),
            "another": two.condition(y2=Y2),
            "both": both.condition(y1=Y1, y2=Y2),
        }.items(),
        strict=True,
    ):
        story_graph(story, at, ax=ax)
        ax.set_title(title)
    return figure


@registered
def joint_and_sequential() -> "Figure":
    """Two studies in turn and at once: the same phi; and the second study foretold from the first by both routes."""
    one, two = _studies()
    both, prior = one.merge(two), one.marginal("phi")
    first = one.condition(y1=Y1).marginal("phi")
    told = Graph().node("phi", WIDE, first.marginal("phi"))
    told = told.node("th2", WIDE, lambda phi: Normal(phi, 1.5)).node("y2", WIDE, lambda th2: Normal(th2, 1))
    figure = new_figure(10, 3.6)
    left, right = figure.subplots(1, 2)
    curves = {"before both": prior, f"y1 = {Y1:g}": first, "then y2": told.condition(y2=Y2).marginal("phi")}
    for index, (label, post) in enumerate(curves.items()):
        _line(left, post.marginal("phi"), label, index)
    _dots(left, both.condition(y1=Y1, y2=Y2).marginal("phi").marginal("phi"), "both at once")
    _line(right, told.marginal("y2").marginal("y2"), "from phi given y1", 1)
    _dots(right, both.condition(y1=Y1).marginal("y2").marginal("y2"), "from the joint story")
    left.set(xlabel="phi", ylabel="density", xlim=(-7, 7), ylim=(0, None))
    right.set(xlabel=f"y2, given y1 = {Y1:g}", ylabel="density", xlim=(-9, 9), ylim=(0, None))
    open_frame(left, right)
    for ax in (left, right):
        open_legend(ax)
    return figure


def _line(ax, masses, label: str, index: int) -> None:
    """A density as a line."""
    ax.plot(masses[masses.dims[0]], masses / masses.weight, label=label, **group_style(index))


def _dots(ax, masses, label: str) -> None:
    """A density as dots, one at every fifth node."""
    x, y = np.asarray(masses[masses.dims[0]])[::5], np.asarray(masses / masses.weight)[::5]
    ax.plot(x, y, "o", markersize=4, markerfacecolor="none", color="0.3", label=label)
