"""Plate diagrams, drawn from the program, which graphs.py reads: a program that changes changes its diagram."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from gridbayes.plots.graphs import DATA, INPUT, Graph, graph_of, graph_of_posterior, pooling_of
from gridbayes.plots.style import COLOURS, ink, new_axes
from gridbayes.posterior import Posterior
from gridbayes.program import Program

__all__ = ["INNER", "RADIUS", "STEP", "draw_arrow", "draw_node", "draw_plate", "plate_diagram"]

RADIUS = 0.34
STEP = 1.5  # between neighbours of a row, and between rows
INNER, OUTER = np.array([0.24, 0.24]), np.array([0.8, 0.48])  # margins of a plate around the circles in it
ROOMY, WITHIN = 6, 9  # letters that a circle has room for, at most if they are small


def plate_diagram(post: Posterior | Program, *, ax: Axes | None = None) -> Axes:
    """The model as a graph: a circle a parameter with its prior, what is known shaded, a plate around what is repeated.

    Of a memo of your own the arrows are what the weight of each choice mentions.

    Parameters
    ----------
    post : the posterior of a pooling model, whose priors and numbers of groups and rows are written beside, of a regression,
        or of a memo of your own; or its program.

    >>> import gridbayes as gb
    >>> ax = plate_diagram(gb.no_pooling({"A": [1, 2], "B": [5]}, sigma=1, theta=gb.Normal(0, 5)))
    >>> [text.get_text() for text in ax.texts]
    ['theta', 'Normal(0, 5)', 'y', '2 groups', 'n = 2, 1']
    """
    graph = graph_of(post) if isinstance(post, Program) else graph_of_posterior(post)
    model = pooling_of(post) if isinstance(post, Posterior) else None
    at = _places(graph)
    ax = new_axes(4.2, 4.2) if ax is None else ax
    for parent, child in sorted(graph.arrows):
        draw_arrow(ax, at[parent], at[child], bowed=bool(at[parent][1] - at[child][1] > 1.5 * STEP))
    for name in graph.nodes:
        draw_node(ax, at[name], name, filled=name in graph.known)
        note = f"{model.priors[name]!r}" if model and name in model.priors else graph.densities.get(name, "")
        if note:
            _write_note(ax, at[name], note, beside=bool(graph.parents(name)))
    for inside, margin, note in _plates(post, graph):
        draw_plate(ax, [at[name] for name in inside], margin, note)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.autoscale_view()
    return ax


def _places(graph: Graph) -> dict[str, np.ndarray]:
    """Where each node is: the data at the bottom, the others as many steps up as they are from them, inputs beside the data.

    Within a row what each group has comes first, so that the plate reaches around nothing else.
    """
    rows: dict[int, list[str]] = {}
    for name in sorted(graph.nodes, key=lambda name: name not in graph.grouped):
        if name != INPUT or not graph.repeated:
            rows.setdefault(graph.depth(name), []).append(name)
    x = {name: STEP * (i - (len(row) - 1) / 2) for row in rows.values() for i, name in enumerate(row)}
    at = {name: np.array([x[name], STEP * graph.depth(name)]) for name in x}
    if graph.repeated and INPUT in graph.nodes:
        at[INPUT] = at[DATA] + np.array([STEP, 0.0])
    elif graph.repeated:
        at[DATA][0] = np.mean([x[name] for name in graph.parents(DATA) if name in graph.grouped] or [0.0])
    return at


def draw_arrow(ax: Axes, start: np.ndarray, end: np.ndarray, bowed: bool, **style: Any) -> None:
    """From the rim of one circle to that of another; past what is in between in a bow, at its right."""
    line = {"arrowstyle": "-|>", "mutation_scale": 14, "color": ink(), "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    along = (end - start) / np.hypot(*(end - start)) * RADIUS
    left, bow = np.eye(2), "arc3"
    if bowed:
        left, bow = np.array([[1, -1], [1, 1]]) / np.sqrt(2), "arc3,rad=-0.5"  # an eighth of a turn
    ends = tuple(start + left @ along), tuple(end - left.T @ along)
    ax.add_patch(FancyArrowPatch(*ends, connectionstyle=bow, **{**line, **style}))


def draw_node(ax: Axes, at: np.ndarray, name: str, filled: bool = False) -> None:
    """A circle with its name, of one line or two."""
    face = COLOURS[4] if filled else "none"
    ax.add_patch(Circle(tuple(at), RADIUS, facecolor=face, alpha=0.45 if filled else 1, edgecolor="none"))
    ax.add_patch(Circle(tuple(at), RADIUS, fill=False, edgecolor=ink(), linewidth=1.2))
    if (longest := max(map(len, name.split("\n")))) <= WITHIN:
        size = "small" if longest <= ROOMY else "xx-small"
        ax.text(at[0], at[1], name, ha="center", va="center", fontsize=size)
    else:
        ax.text(at[0] + RADIUS + 0.05, at[1], name, ha="left", va="center", fontsize="small")


def _write_note(ax: Axes, at: np.ndarray, note: str, beside: bool) -> None:
    """A density above its circle, or at the left where arrows come in from above."""
    if beside:
        ax.text(at[0] - RADIUS - 0.05, at[1], _broken(note), ha="right", va="center", fontsize="x-small")
    else:
        ax.text(at[0], at[1] + RADIUS + 0.06, note, ha="center", va="bottom", fontsize="x-small")


def _broken(note: str) -> str:
    """A density's name with a line a word; a weight as it is."""
    return note if "=" in note else note.replace(" ", "\n")


def draw_plate(ax: Axes, inside: list[np.ndarray], margin: np.ndarray, note: str) -> None:
    """A rectangle around nodes, its note at the bottom right, beneath what is inside."""
    low, high = np.min(inside, axis=0) - RADIUS - margin, np.max(inside, axis=0) + RADIUS + margin
    low[1] -= INNER[1]  # room for the note
    style = {"boxstyle": "round,pad=0,rounding_size=0.08", "fill": False, "edgecolor": ink(), "linewidth": 1.0}
    ax.add_patch(FancyBboxPatch(tuple(low), *(high - low), **style))
    ax.text(high[0] - 0.06, low[1] + 0.05, note, ha="right", va="bottom", fontsize="x-small")


def _plates(post: Posterior | Program, graph: Graph) -> list[tuple[list[str], np.ndarray, str]]:
    """What is repeated: nodes, the margin around them, and a note of how often."""
    if not graph.repeated:
        return []
    model = pooling_of(post) if isinstance(post, Posterior) else None
    if model is not None:
        counts = model.observations.count.tolist()
        alike = len(set(counts)) == 1
        shown = ", ".join(map(str, counts[: 1 if alike else 4])) + (", ..." if len(counts) > 4 and not alike else "")
        return [([DATA, *graph.grouped], OUTER, f"{len(counts)} groups"), ([DATA], INNER, f"n = {shown}")]
    if isinstance(post, Program):
        return [([DATA, *graph.grouped], OUTER, "groups"), ([DATA], INNER, "rows")]
    rows = getattr(post.model, "outcomes", None)
    repeated = (
        [([DATA, *(name for name in graph.known if name == INPUT)], INNER, f"n = {len(rows[0])}")] if rows else []
    )
    return [*repeated, *(([name], INNER, f"{len(post.groups)} inputs") for name in sorted(graph.grouped))]
