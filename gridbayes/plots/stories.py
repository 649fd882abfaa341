"""Stories as graphs: causes above effects, what is observed shaded, what is set in two rings, its arrows cut."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from gridbayes.graph.graph import Graph
from gridbayes.plots.plates import INNER, RADIUS, STEP, draw_arrow, draw_node, draw_plate
from gridbayes.plots.style import COLOURS, new_axes, new_figure

__all__ = ["story_graph", "story_graphs"]

type Places = Mapping[str, np.ndarray]
type Steps = Mapping[str, np.ndarray | tuple[float, float]]  # places as steps to the right and up

RING = 0.07  # between the two rings of a node that is set
CUT = {"color": "0.6", "linestyle": (0, (4, 3))}  # of an arrow that an intervention has cut


def story_graph(graph: Graph, at: Steps | None = None, *, ax: Axes | None = None) -> Axes:
    """A story as a graph: a circle a node, with its value where it is known, and a plate around rows.

    Parameters
    ----------
    at : where each node is, in steps to the right and up; left out, causes stand above their effects.

    >>> import gridbayes as gb
    >>> story = gb.Graph().node("mu", gb.trapezoid(-9, 9, 91), gb.Normal(0, 1))
    >>> story = story.node("y", gb.trapezoid(-12, 12, 121), lambda mu: gb.Normal(mu, 1))
    >>> ax = story_graph(story.condition(y=[1, 0, 2]))
    >>> [text.get_text() for text in ax.texts]
    ['mu', 'y', 'n = 3']
    """
    places = {name: STEP * np.asarray(at[name]) for name in graph.parents} if at else _layered(graph)
    if ax is None:
        width, height = np.ptp(np.array(list(places.values())), axis=0) + 2 if places else (2, 2)
        ax = new_axes(width, height)
    for name, parents in graph.parents.items():
        for parent in parents:
            _link(ax, places, parent, name, cut=name in graph.done)
    for name in graph.parents:
        _mark(ax, graph, places[name], name)
    for names, count in graph.plates.items():
        draw_plate(ax, [places[name] for name in names], INNER, f"n = {count}")
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.autoscale_view()
    return ax


def story_graphs(graphs: Mapping[str, Graph], at: Steps | None = None) -> np.ndarray:
    """Stories side by side, before and after, each with its title; a node is at the same place in all of them.

    Returns the axes, (graph,).

    >>> import gridbayes as gb
    >>> story = gb.Graph().node("mu", gb.trapezoid(-9, 9, 91), gb.Normal(0, 1))
    >>> story = story.node("y", gb.trapezoid(-12, 12, 121), lambda mu: gb.Normal(mu, 1))
    >>> [ax.get_title() for ax in story_graphs({"before": story, "do(y = 2)": story.do(y=2)})]
    ['before', 'do(y = 2)']
    """
    if not graphs:
        raise ValueError("story_graphs needs a story at least; pass a dict, {'before': story}.")
    largest = max(graphs.values(), key=lambda graph: len(graph.nodes))
    same: Steps = at or {name: place / STEP for name, place in _layered(largest).items()}
    width, height = np.ptp(np.array(list(same.values())), axis=0) * STEP + 1.2
    axes = new_figure(width * len(graphs), height + 0.4).subplots(
        1, len(graphs), squeeze=False, sharex=True, sharey=True
    )[0]
    for ax, (title, graph) in zip(axes, graphs.items(), strict=True):
        missing = [name for name in graph.parents if name not in same]
        if missing:
            raise ValueError(
                f"the stories must have their nodes in common; {missing[0]} of {title!r} is not in the largest."
            )
        story_graph(graph, same, ax=ax)
        ax.set_title(title, fontsize="medium")
    return axes


def _layered(graph: Graph) -> dict[str, np.ndarray]:
    """Where each node is: a row below its lowest parent, within a row near the middle of its parents."""
    depth: dict[str, int] = {}
    for name, parents in graph.parents.items():
        depth[name] = max((1 + depth[parent] for parent in parents), default=0)
    x: dict[str, float] = {}
    for level in range(max(depth.values(), default=-1) + 1):
        row = [name for name in depth if depth[name] == level]
        wish = {name: float(np.mean([x[p] for p in graph.parents[name]] or [0.0])) for name in row}
        x |= dict(zip(sorted(row, key=wish.__getitem__), _apart(sorted(wish.values())), strict=True))
    return {name: np.array([STEP * x[name], -STEP * depth[name]]) for name in depth}


def _apart(wishes: list[float]) -> np.ndarray:
    """Places one step apart at least, about the middle of the wishes."""
    places = np.array(wishes)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + 1)
    return places + np.mean(wishes) - places.mean() if len(places) else places


def _link(ax: Axes, places: Places, parent: str, child: str, cut: bool) -> None:
    """An arrow; one that is cut is dashed, with a cross on it."""
    start, end = places[parent], places[child]
    others = [place for name, place in places.items() if name not in (parent, child)]
    bowed = any(_near(start, end, place) < RADIUS for place in others)
    draw_arrow(ax, start, end, bowed, **(CUT if cut else {}))
    if cut and not bowed:
        ax.plot(*(start + end) / 2, marker="x", color=COLOURS[1], markersize=9, markeredgewidth=2)


def _near(start: np.ndarray, end: np.ndarray, place: np.ndarray) -> float:
    """How near a way comes to a place."""
    along = np.clip((place - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
    return float(np.hypot(*(start + along * (end - start) - place)))


def _mark(ax: Axes, graph: Graph, place: np.ndarray, name: str) -> None:
    """A node with its value."""
    value = graph.note(name).partition(" = ")[2] if name not in sum(graph.plates, ()) else ""
    draw_node(ax, place, f"{name}\n= {value}" if value else name, filled=name in graph.observed)
    if name in graph.done:
        ax.add_patch(Circle(tuple(place), RADIUS + RING, fill=False, edgecolor=COLOURS[1], linewidth=1.6))
