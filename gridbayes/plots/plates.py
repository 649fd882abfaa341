"""Plate diagrams, drawn from the program: its text is read as a syntax tree, so a program that changes changes its diagram.

What a program of a pooling model says (models/pooling.py), and what is read of it:

    normal_lpdf(at(theta_nodes, _theta), at(mu_nodes, _mu), ...)   theta is a node, an arrow leads to it from mu
    chooses(theta in Theta, ...) where another axis is known       theta is in the plate of that axis: one a group
    at(log_likelihood, _d, theta)                                  the data are a node, an arrow leads to them from theta

A parameter that another one stands between and the data (mu, by theta) has no arrow to the data of its own.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from gridbayes.models.pooling import Pooling
from gridbayes.plots.style import COLOURS, ink, new_axes
from gridbayes.posterior import Posterior
from gridbayes.program import Program

__all__ = ["Graph", "graph_of", "plate_diagram"]

DATA = "y"  # the node of the data
TABLE = "log_likelihood"  # the table in which they enter
RADIUS = 0.34
STEP = 1.5  # between neighbours of a row, and between rows
INNER, OUTER = np.array([0.24, 0.24]), np.array([0.8, 0.48])  # margins of a plate around the circles in it


@dataclass(frozen=True)
class Graph:
    """What a program says of its model.

    Parameters
    ----------
    densities : parameter to the name of its density, "" where it enters as a table.
    arrows : (from, to); the data are `y`.
    grouped : the parameters that each group has its own of.
    """

    densities: Mapping[str, str]
    arrows: frozenset[tuple[str, str]]
    grouped: frozenset[str]

    def parents(self, node: str) -> list[str]:
        """Where arrows to this node come from, in the order of the program."""
        return [name for name in self.densities if (name, node) in self.arrows]

    def depth(self, node: str) -> int:
        """Steps from the node to the data, the longest way."""
        return max((1 + self.depth(child) for parent, child in self.arrows if parent == node), default=0)


def graph_of(program: Program) -> Graph:
    """The graph of a pooling program.

    Raises
    ------
    ValueError
        When the text has no density of a parameter or no table of log likelihoods.

    >>> import gridbayes as gb
    >>> post = gb.partial_pooling([1, 5], sigma=gb.HalfCauchy(5), mu_scale=1, tau_scale=1)
    >>> graph = graph_of(post.model.model.program)
    >>> sorted(graph.arrows), sorted(graph.grouped)
    ([('mu', 'theta'), ('sigma', 'y'), ('tau', 'theta'), ('theta', 'y')], ['sigma', 'theta'])
    """
    memos = [node for node in ast.parse(program.source).body if isinstance(node, ast.FunctionDef)]
    densities, arrows = _densities(memos)
    measured = {name for memo in memos for call in _calls(memo, "at") for name in _indices(call, TABLE)}
    inner = {name for name in measured & set(densities) if not any(parent == name for parent, _ in arrows)}
    if not inner:
        raise ValueError(
            f"a plate diagram needs a program with densities of its parameters and a table {TABLE}, like those of pooling "
            f"models; this one has the memos {', '.join(memo.name for memo in memos) or 'none'}."
        )
    chosen = [(_chosen(memo), _known_axes(memo)) for memo in memos]
    shared = {name for names, known in chosen for name in names if not known}
    grouped = {name for names, known in chosen for name in names if known} - shared
    return Graph(densities, frozenset({*arrows, *((name, DATA) for name in inner)}), frozenset(grouped))


def plate_diagram(post: Posterior | Program, *, ax: Axes | None = None) -> Axes:
    """The model as a graph: a circle a parameter with its prior, the data shaded, a plate around what is repeated.

    Parameters
    ----------
    post : a pooling model's posterior, whose priors and numbers of groups and rows are written beside; or its program.

    >>> import gridbayes as gb
    >>> ax = plate_diagram(gb.no_pooling({"A": [1, 2], "B": [5]}, sigma=1, theta=gb.Normal(0, 5)))
    >>> [text.get_text() for text in ax.texts]
    ['theta', 'Normal(0, 5)', 'y', '2 groups', 'n = 2, 1']
    """
    model = _pooling_of(post) if isinstance(post, Posterior) else None
    graph = graph_of(post if isinstance(post, Program) else _pooling_of(post).program)
    at = _places(graph)
    ax = new_axes(4.2, 4.2) if ax is None else ax
    for parent, child in sorted(graph.arrows):
        _draw_arrow(ax, at[parent], at[child])
    for name, density in graph.densities.items():
        note = f"{model.priors[name]!r}" if model and name in model.priors else density
        _draw_node(ax, at[name], name)
        _write_note(ax, at[name], note, beside=bool(graph.parents(name)))
    _draw_node(ax, at[DATA], DATA, filled=True)
    groups, rows = _repeated(model)
    _draw_plate(ax, [at[DATA], *(at[name] for name in graph.grouped)], OUTER, groups)
    _draw_plate(ax, [at[DATA]], INNER, rows)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.autoscale_view()
    return ax


def _pooling_of(post: Posterior) -> Pooling:
    """The model behind a posterior, which states its program even where theta left in closed form."""
    model = getattr(post.model, "model", None)
    if not isinstance(model, Pooling):
        raise ValueError(f"a plate diagram is of pooling models; the posterior is of {post.model.title}.")
    return model


# --- reading ----------------------------------------------------------------------------------------------------------


def _densities(memos: list[ast.FunctionDef]) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Each parameter's density by name, and the arrows to it."""
    densities: dict[str, str] = {}
    arrows: set[tuple[str, str]] = set()
    for memo in memos:
        for call in _calls(memo):
            function = call.func.id if isinstance(call.func, ast.Name) else ""
            if function.endswith("_lpdf") and (own := _node_of(call.args[0])):
                densities[own] = function.removesuffix("_lpdf").replace("_", " ")
                arrows |= {(parent, own) for argument in call.args[1:] if (parent := _node_of(argument))}
            elif function == "at" and (table := ast.unparse(call.args[0])).endswith("_log_density"):
                densities.setdefault(table.removesuffix("_log_density"), "")
    return densities, arrows


def _calls(node: ast.AST, name: str | None = None) -> Iterator[ast.Call]:
    for child in ast.walk(node):
        if isinstance(child, ast.Call) and (
            name is None or (isinstance(child.func, ast.Name) and child.func.id == name)
        ):
            yield child


def _node_of(argument: ast.expr) -> str:
    """`theta` of `at(theta_nodes, _theta)`; "" of anything else."""
    text = ast.unparse(argument.args[0]) if isinstance(argument, ast.Call) and argument.args else ""
    return text.removesuffix("_nodes") if text.endswith("_nodes") else ""


def _indices(call: ast.Call, table: str) -> list[str]:
    """The parameters that a table is read at."""
    first, *others = (ast.unparse(argument) for argument in call.args)
    return others if first == table else []


def _chosen(memo: ast.FunctionDef) -> set[str]:
    """The parameters that a memo's frame chooses: `chooses(theta in Theta, ...)`."""
    return {
        ast.unparse(argument.left)
        for call in _calls(memo, "chooses")
        for argument in call.args
        if isinstance(argument, ast.Compare) and isinstance(argument.ops[0], ast.In)
    }


def _known_axes(memo: ast.FunctionDef) -> set[str]:
    """The axes that a memo's frame knows and does not choose: `knows(_d)`."""
    return {ast.unparse(argument) for call in _calls(memo, "knows") for argument in call.args}


# --- drawing ----------------------------------------------------------------------------------------------------------


def _places(graph: Graph) -> dict[str, np.ndarray]:
    """Where each node is: the data at the bottom, the others as many steps up as they are from them.

    Within a row what each group has comes first, so that the plate reaches around nothing else.
    """
    rows: dict[int, list[str]] = {}
    for name in sorted(graph.densities, key=lambda name: name not in graph.grouped):
        rows.setdefault(graph.depth(name), []).append(name)
    x = {name: STEP * (i - (len(row) - 1) / 2) for row in rows.values() for i, name in enumerate(row)}
    inside = [x[name] for name in graph.parents(DATA) if name in graph.grouped] or [0.0]
    at = {name: np.array([x[name], STEP * graph.depth(name)]) for name in graph.densities}
    return at | {DATA: np.array([float(np.mean(inside)), 0.0])}


def _draw_arrow(ax: Axes, start: np.ndarray, end: np.ndarray) -> None:
    """From the rim of one circle to that of another."""
    along = (end - start) / np.hypot(*(end - start)) * RADIUS
    line = {"arrowstyle": "-|>", "mutation_scale": 14, "color": ink(), "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch(tuple(start + along), tuple(end - along), **line))


def _draw_node(ax: Axes, at: np.ndarray, name: str, filled: bool = False) -> None:
    """A circle with its name."""
    face = COLOURS[4] if filled else "none"
    ax.add_patch(Circle(tuple(at), RADIUS, facecolor=face, alpha=0.45 if filled else 1, edgecolor="none"))
    ax.add_patch(Circle(tuple(at), RADIUS, fill=False, edgecolor=ink(), linewidth=1.2))
    ax.text(at[0], at[1], name, ha="center", va="center", fontsize="small")


def _write_note(ax: Axes, at: np.ndarray, note: str, beside: bool) -> None:
    """A density above its circle, or at the left where arrows come in from above."""
    if beside:
        ax.text(at[0] - RADIUS - 0.05, at[1], note.replace(" ", "\n"), ha="right", va="center", fontsize="x-small")
    else:
        ax.text(at[0], at[1] + RADIUS + 0.06, note, ha="center", va="bottom", fontsize="x-small")


def _draw_plate(ax: Axes, inside: list[np.ndarray], margin: np.ndarray, note: str) -> None:
    """A rectangle around nodes, its note at the bottom right, beneath what is inside."""
    low, high = np.min(inside, axis=0) - RADIUS - margin, np.max(inside, axis=0) + RADIUS + margin
    low[1] -= INNER[1]  # room for the note
    style = {"boxstyle": "round,pad=0,rounding_size=0.08", "fill": False, "edgecolor": ink(), "linewidth": 1.0}
    ax.add_patch(FancyBboxPatch(tuple(low), *(high - low), **style))
    ax.text(high[0] - 0.06, low[1] + 0.05, note, ha="right", va="bottom", fontsize="x-small")


def _repeated(model: Pooling | None) -> tuple[str, str]:
    """What is written in the plates: how many groups there are, and how many rows each has."""
    if model is None:
        return "groups", "rows"
    counts = model.observations.count.tolist()
    alike = len(set(counts)) == 1
    shown = ", ".join(map(str, counts[: 1 if alike else 4]))
    return f"{len(counts)} groups", f"n = {shown}" + (", ..." if len(counts) > 4 and not alike else "")
