"""Lifetimes: customers on a time line with the window that censors them, and what share of them is left."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from gridbayes.models.watched import kaplan_meier
from gridbayes.plots.style import COLOURS, axis_label, group_style, ink, new_axes, open_legend, text_of
from gridbayes.posterior import PROB, Posterior

__all__ = ["survival", "timeline"]

TIMES = 60  # at which a band is computed


def timeline(
    start: object,
    durations: object,
    observed: object,
    *,
    end: float | None = None,
    unit: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A line a customer, from the start for as long as it was seen: a dot where its end was seen, an arrow where not.

    Parameters
    ----------
    start : when each came, (row,). durations, observed : as `lifetimes` takes them.
    end : when the window closes.
    unit : of time.

    >>> timeline([0, 2], [3, 4], [1, 0], end=6, unit="months").get_legend_handles_labels()[1]
    ['end seen', 'still there', 'window closes']
    """
    begin, t, seen = (np.asarray(values, float) for values in (start, durations, observed))
    if not begin.shape == t.shape == seen.shape:
        raise ValueError(f"start must have one entry a row; it has shape {begin.shape}, durations has {t.shape}.")
    ax = new_axes(6.4, 0.8 + 0.16 * len(t)) if ax is None else ax
    rows, ended, colours = np.arange(len(t)), seen == 1, (COLOURS[0], COLOURS[1])
    for own, colour, mark, label in ((ended, colours[0], "o", "end seen"), (~ended, colours[1], ">", "still there")):
        ax.hlines(rows[own], begin[own], (begin + t)[own], color=colour, linewidth=1.6)
        ax.plot((begin + t)[own], rows[own], mark, markersize=4.5, color=colour, linestyle="none", label=label)
    if end is not None:
        ax.axvline(end, color=ink(), linewidth=0.9, linestyle=":", label="window closes")
    ax.set(yticks=[], ylim=(len(t) - 0.2, -0.8), ylabel="customers")
    ax.set_xlabel(axis_label("time", unit), parse_math=False)
    ax.spines[["top", "right", "left"]].set_visible(False)
    open_legend(ax, loc="upper left", bbox_to_anchor=(0.0, 1.12), ncols=3)
    return ax


def survival(
    post: Posterior, *, prob: float = PROB, end: float | None = None, unit: str | None = None, ax: Axes | None = None
) -> Axes:
    """The share that is left after t: E[S(t)] of each segment with its band, and Kaplan and Meier's steps of its rows.

    The band is point by point. The steps know no model, and end where the last end was seen.

    Parameters
    ----------
    end : of the time axis; a fourth beyond the longest time seen if left out.
    unit : of lifetimes.

    >>> import gridbayes as gb
    >>> post = gb.lifetimes([3, 8, 12, 12, 5], [1, 1, 0, 0, 1], group=["A", "B", "A", "B", "A"])
    >>> survival(post, unit="months").get_legend_handles_labels()[1]
    ['A', 'Kaplan-Meier', 'B']
    """
    if not hasattr(post.model, "survival") or "mu" not in post.marginals:
        raise ValueError(f"a survival curve needs lifetimes without inputs; this is {post.model.title}.")
    ax = new_axes(5.6, 3.6) if ax is None else ax
    t, seen = post.model.outcomes  # pyright: ignore[reportAttributeAccessIssue]
    groups = post.model.groups_of_rows  # pyright: ignore[reportAttributeAccessIssue]
    times = np.linspace(0, 1.25 * t.max() if end is None else end, TIMES + 1)[1:]
    curves = post.model.survival(times, prob)  # pyright: ignore[reportAttributeAccessIssue]
    for index, (label, curve) in enumerate(zip(post.groups or [None], curves, strict=True)):
        own = np.ones(len(t), bool) if groups is None else np.array([each == label for each in groups])
        _draw(ax, index, "expected" if label is None else text_of(label), times, curve, t[own], seen[own])
    ax.set(xlim=(0, times[-1]), ylim=(0, 1.02), ylabel="share that is left")
    ax.set_xlabel(axis_label("t", unit), parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    open_legend(ax)
    return ax


def _draw(
    ax: Axes,
    index: int,
    label: str,
    times: Float[np.ndarray, " time"],
    curve: Float[np.ndarray, "bound time"],
    t: Float[np.ndarray, " row"],
    seen: Float[np.ndarray, " row"],
) -> None:
    """A segment: its curve, its band, its steps."""
    style = group_style(index)
    mean, low, high = np.concatenate([np.ones((3, 1)), curve], axis=1)
    at = np.append(0.0, times)
    ax.fill_between(at, low, high, color=style["color"], alpha=0.2, linewidth=0)
    ax.plot(at, mean, linewidth=1.8, label=label, **style)
    ends, left = kaplan_meier(t, seen)
    steps = np.concatenate([[0.0], ends, [t.max()]]), np.concatenate([[1.0], left, left[-1:] if len(left) else [1.0]])
    name = "Kaplan-Meier" if index == 0 else None
    ax.plot(*steps, drawstyle="steps-post", color=style["color"], linewidth=1.0, linestyle="--", label=name)
