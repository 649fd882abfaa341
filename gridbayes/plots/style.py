"""What pictures share: colours that every colour vision tells apart, ink of the user's style, densities as lines."""

from collections.abc import Hashable, Sequence
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from gridbayes.colours import COLOURS
from gridbayes.summaries import Marginal

__all__ = [
    "COLOURS",
    "DASHES",
    "MARKERS",
    "axis_label",
    "curve",
    "figure_of",
    "group_style",
    "ink",
    "interval_label",
    "label_rows",
    "mark_style",
    "new_axes",
    "new_figure",
    "open_legend",
    "shade",
    "span_of",
    "text_of",
]

MARKERS = ("o", "s", "D", "^", "v", "P")
DASHES = ("-", "--", "-.", ":")
FAR = 1.8  # of the distance from the median to the end of an 89% interval: where a picture of a heavy tail ends
BINS = 40  # of a histogram of weighted points
MANY = 1000  # points from which on they are no grid


def ink() -> str:
    """The colour of text in the user's style: dark on light pages, light on dark ones."""
    return str(matplotlib.rcParams["text.color"])


def shade(colour: str) -> LinearSegmentedColormap:
    """From nothing to the colour, on whatever page."""
    red, green, blue = to_rgb(colour)
    return LinearSegmentedColormap.from_list("shade", [(red, green, blue, 0.0), (red, green, blue, 1.0)])


def group_style(index: int) -> dict[str, Any]:
    """The line of group number `index`, the same in every picture; dashes differ where colours begin anew."""
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": DASHES[index // len(COLOURS) % len(DASHES)]}


def mark_style(index: int) -> dict[str, Any]:
    """The mark of group number `index`: another shape where colours begin anew."""
    shape = index + index // len(COLOURS)
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[shape % len(MARKERS)], "linestyle": "none"}


def new_figure(width: float, height: float) -> Figure:
    """A figure of that many inches, which no global state knows of."""
    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08))


def figure_of(ax: Axes) -> Figure:
    """The whole figure that axes are on."""
    figure = ax.get_figure(root=True)
    assert figure is not None, "axes of a picture are on a figure"
    return figure


def new_axes(width: float, height: float) -> Axes:
    """The one pair of axes of a new figure."""
    return new_figure(width, height).subplots()


def axis_label(name: str, unit: str | None) -> str:
    """`theta, minutes late`."""
    return f"{name}, {unit}" if unit else name


def interval_label(prob: float, kind: str) -> str:
    """`equal-tailed 89% interval`."""
    return f"{ {'eti': 'equal-tailed', 'hdi': 'shortest'}[kind] } {100 * prob:g}% interval"


def label_rows(ax: Axes, labels: Sequence[str]) -> None:
    """A label a row, the first on top, on rows of alternating shade."""
    ax.set_yticks(range(len(labels)), labels, parse_math=False)  # a label may hold any character, $ too
    ax.set_ylim(len(labels) - 0.5, -0.5)
    for row in range(0, len(labels), 2):
        ax.axhspan(row - 0.5, row + 0.5, color=ink(), alpha=0.05, linewidth=0, zorder=0)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.grid(axis="x", color=ink(), alpha=0.15, linewidth=0.6, zorder=0.5)
    ax.set_axisbelow(True)


def open_legend(ax: Axes, **options: Any) -> None:
    """A legend without a frame, whose labels may hold any character; none where nothing has a label."""
    if not ax.get_legend_handles_labels()[1]:
        return
    for text in ax.legend(**{"frameon": False, "fontsize": "small", **options}).get_texts():
        text.set_parse_math(False)


def span_of(marginal: Marginal) -> tuple[float, float]:
    """From where to where a density is worth drawing: no farther than `FAR` times its 89% interval in a heavy tail."""
    low, left, median, right, high = marginal.quantile(np.array([0.001, 0.055, 0.5, 0.945, 0.999]))
    low, high = max(low, median - FAR * (median - left)), min(high, median + FAR * (right - median))
    start = float((marginal.grid.edges if len(marginal.grid.edges) else marginal.grid.nodes)[0])
    return (start if low - start < 0.05 * (high - low) else float(low)), float(high)


def curve(marginal: Marginal, count: int = 400) -> tuple[Float[np.ndarray, " x"], Float[np.ndarray, " x"]]:
    """x and the density there; of points their masses over the distance of neighbours, of a cloud of them a histogram."""
    low, high = span_of(marginal)
    grid = marginal.grid
    if grid.rule != "points":
        x = np.linspace(low, high, count)
        return x, np.asarray(marginal.density(x))
    if len(grid) > MANY:
        masses, edges = np.histogram(grid.nodes, BINS, (low, high), weights=marginal.masses)
        return (edges[1:] + edges[:-1]) / 2, masses / np.diff(edges)
    inside = (grid.nodes >= low) & (grid.nodes <= high)
    return grid.nodes[inside], (marginal.masses / np.gradient(grid.nodes))[inside]


def text_of(label: Hashable) -> str:
    """A group's label, short enough for a legend."""
    text = str(label)
    return text if len(text) <= 30 else f"{text[:27]}..."
