"""Hidden states in pictures: over time beside what drives and shows them, beside other answers, and as lines."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes

from gridbayes.plots.style import COLOURS, group_style, ink, new_axes, new_figure, open_legend

__all__ = ["states_compared", "switching_lines", "switching_series"]

STRIP = 0.8  # the height of a strip of states, of 1


def states_compared(rows: Mapping[str, Any], *, ax: Axes | None = None) -> Axes:
    """States of one chain by several answers, a strip each, the first on top; where a strip differs from the first a mark.

    Parameters
    ----------
    rows : (step,) of states 0 ... K - 1 by name, the truth first; -1 or nan, a step without a state, stays blank.

    >>> ax = states_compared({"true": [0, 0, 1, 2], "found": [1, 1, 2, 0]})
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['true', 'found, 4 of 4 differ']
    """
    chains = {name: _codes(states) for name, states in rows.items()}
    first = next(iter(chains.values()), np.zeros(0, int))
    if any(len(states) != len(first) for states in chains.values()) or not len(first):
        lengths = ", ".join(f"{name}: {len(states)}" for name, states in chains.items())
        raise ValueError(f"rows must have one length, at least 1; they have {lengths or 'none'}. Pass one chain.")
    ax = new_axes(8.0, 0.7 + 0.42 * len(chains)) if ax is None else ax
    labels = []
    for row, (name, states) in enumerate(chains.items()):
        _strip(ax, states, row)
        wrong = np.flatnonzero(states != first)
        if row:
            ax.plot(wrong, np.full(len(wrong), row + 0.5), linestyle="none", marker="|", markersize=4, color=ink())
        labels.append(f"{name}, {len(wrong)} of {len(first)} differ" if row else name)
    ax.set_yticks(range(len(labels)), labels, parse_math=False)
    ax.set(ylim=(len(labels) - 0.25, -0.5), xlim=(-0.5, len(first) - 0.5), xlabel="step")
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax


def switching_series(
    x: object,
    y: object,
    states: object,
    *,
    xlabel: str = "x, input",
    ylabel: str = "y, output",
    axes: Sequence[Axes] | np.ndarray | None = None,
) -> np.ndarray:
    """Input, output and state of one chain over time, a panel each, outputs in the colour of their state.

    Parameters
    ----------
    x, y, states : (step,); states 0 ... K - 1, or -1.
    axes : three to draw on; without them a new figure is made: `axes[0].figure`.

    >>> [ax.get_ylabel() for ax in switching_series([1, 2, 3], [0.5, 2.1, -1], [0, 0, 1])]
    ['x, input', 'y, output', 'state']
    """
    x, y, codes = _one_chain(x, y, states)
    if axes is None:
        axes = new_figure(8.0, 4.6).subplots(3, 1, sharex=True, height_ratios=(2, 3, 1))
    first, second, third = np.asarray(axes)
    step = np.arange(len(x))
    first.plot(step, x, color=ink(), linewidth=0.9)
    second.plot(step, y, color=ink(), linewidth=0.6, alpha=0.4)
    for k in range(int(codes.max()) + 1):
        here = codes == k
        second.plot(step[here], y[here], marker="o", markersize=3.5, label=f"state {k}", **_dots(k))
    _strip(third, codes, 0)
    third.set(ylim=(0.5, -0.5), yticks=[], xlim=(-0.5, len(x) - 0.5), xlabel="step")
    for ax, label in ((first, xlabel), (second, ylabel), (third, "state")):
        ax.set_ylabel(label, parse_math=False)
        ax.spines[["top", "right"]].set_visible(False)
    open_legend(second, ncols=int(codes.max()) + 1, loc="lower right", bbox_to_anchor=(1, 0.97), borderaxespad=0)
    return np.asarray(axes)


def switching_lines(
    x: object,
    y: object,
    states: object,
    slope: object,
    intercept: object,
    *,
    xlabel: str = "x",
    ylabel: str = "y",
    ax: Axes | None = None,
) -> Axes:
    """Rows in the colour of their state, and each state's line, y = intercept + slope x.

    Parameters
    ----------
    x, y, states : of any one shape. slope, intercept : (state,).

    >>> ax = switching_lines([1, 2, 3], [1.1, 1.9, -3], [0, 0, 1], slope=[1, -1], intercept=[0, 0])
    >>> ax.get_legend_handles_labels()[1]
    ['state 0', 'state 1']
    """
    x, y, codes = _one_chain(*(np.ravel(np.asarray(each, float)) for each in (x, y, states)))
    slope, intercept = (np.asarray(each, float) for each in (slope, intercept))
    if slope.shape != intercept.shape or slope.shape != (max(len(np.atleast_1d(slope)), codes.max() + 1),):
        raise ValueError(
            f"slope and intercept must have one number for each of {codes.max() + 1} states; their shapes are "
            f"{slope.shape} and {intercept.shape}."
        )
    ax = new_axes(5.6, 4.0) if ax is None else ax
    ends = np.array([x.min(), x.max()])
    for k in range(len(slope)):
        here = codes == k
        ax.plot(x[here], y[here], marker="o", markersize=2.5, alpha=float(np.clip(120 / len(x), 0.25, 0.9)), **_dots(k))
        ax.plot(ends, intercept[k] + slope[k] * ends, linewidth=1.8, label=f"state {k}", **group_style(k))
    ax.set_xlabel(xlabel, parse_math=False)
    ax.set_ylabel(ylabel, parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    open_legend(ax)
    return ax


def _one_chain(x: object, y: object, states: object) -> tuple[np.ndarray, np.ndarray, Int[np.ndarray, " step"]]:
    """Input, output and state of every step."""
    x, y, codes = np.asarray(x, float), np.asarray(y, float), _codes(states)
    if not (x.shape == y.shape == codes.shape and x.ndim == 1 and len(x)):
        raise ValueError(
            "x, y and states must be of one chain, alike in length; their shapes are "
            f"{x.shape}, {y.shape} and {codes.shape}."
        )
    return x, y, codes


def _codes(states: Any) -> Int[np.ndarray, " step"]:
    return np.nan_to_num(np.asarray(states, float), nan=-1.0).astype(int)


def _dots(state: int) -> dict[str, Any]:
    return {"color": COLOURS[state % len(COLOURS)], "linestyle": "none"}


def _strip(ax: Axes, states: Int[np.ndarray, " step"], row: float) -> None:
    """A bar a run of one state."""
    edges = np.concatenate([[0], np.flatnonzero(np.diff(states)) + 1, [len(states)]])
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if (state := int(states[start])) >= 0:
            colour = COLOURS[state % len(COLOURS)]
            ax.barh(row, stop - start, STRIP, start - 0.5, color=colour, linewidth=0)
