"""Pooling models side by side: each group's estimate under each model, and how far pooling moves it."""

import textwrap
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gridbayes.observations import Observations
from gridbayes.plots.style import COLOURS, MARKERS, ink, interval_label, label_rows, new_figure
from gridbayes.posterior import PROB, Posterior

__all__ = ["Panel", "pooling_comparison", "quickstart_figure"]

BANDS = ("--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))  # lines of models with one theta for all
LANE = 0.28  # of a row's height between the marks of two models, unless there are too many models for that
ABOVE_AXES = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.01)}
ABOVE_FIGURE = {"loc": "outside upper center"}
MOST_GROUPS = 200  # more rows than that cannot be read on a page


@dataclass(frozen=True)
class Panel:
    """What one panel of a figure compares; the fields are the arguments of `pooling_comparison`."""

    title: str
    posteriors: Mapping[str, Posterior]
    observed: Observations | None = None
    unit: str | None = None
    groups: tuple[Hashable, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", _groups(self.posteriors, self.observed))


@dataclass(frozen=True)
class _Style:
    """How one model is drawn; `lane` is how far below the middle of a row its marks are."""

    colour: str
    marker: str
    dash: object
    lane: float


def pooling_comparison(
    posteriors: Mapping[str, Posterior],
    *,
    observed: Observations | None = None,
    prob: float = PROB,
    kind: str = "eti",
    ax: Axes | None = None,
    unit: str | None = None,
    legend: bool = True,
) -> Axes:
    """The mean and interval of theta under each model, a row a group, the first group on top.

    A model with one theta for all groups (complete pooling) is a line and a band across all rows. A cross
    marks the mean of each group's data; an arrow leads from it to the first model that learns tau.

    Parameters
    ----------
    posteriors : name of each model, for the legend, to its posterior; all of the same groups.
    observed : the data, for the crosses and arrows.
    prob, kind : of the intervals, `eti` or `hdi`.
    ax : where to draw; without it a new figure is made: `ax.figure`.
    unit : of theta, the label of the horizontal axis.
    legend : whether to draw a legend, above the axes.

    Raises
    ------
    ValueError
        When there is nothing to draw, models or data differ in their groups, or the groups are too many.

    >>> from gridbayes import Normal, complete_pooling, no_pooling
    >>> data = [1, -15, 30]
    >>> one = complete_pooling(data, sigma=15, theta=Normal(0, 20))
    >>> own = no_pooling(data, sigma=15, theta=Normal(0, 20))
    >>> ax = pooling_comparison({"complete": one, "no pooling": own}, unit="minutes late")
    >>> ax.get_xlabel(), [text.get_text() for text in ax.get_yticklabels()]
    ('minutes late', ['0', '1', '2'])
    """
    groups = _groups(posteriors, observed)
    home = new_figure(7.0, 2.0 + 0.5 * len(groups)) if ax is None else ax  # where the legend goes
    ax = home.subplots() if isinstance(home, Figure) else home
    styles = _styles(posteriors, observed)
    for name, posterior in posteriors.items():
        draw = _draw_groups if "theta" in posterior.per_group else _draw_shared
        draw(ax, name, posterior, styles[name], kind, prob)
    if observed is not None:
        _draw_observed(ax, observed, posteriors, styles)
    _label_rows(ax, groups, observed)
    ax.set_xlabel(unit or "theta", parse_math=False)
    if legend:
        _add_legend(home, ax, prob, kind, **(ABOVE_FIGURE if home is not ax else ABOVE_AXES))
    return ax


def quickstart_figure(panels: Sequence[Panel], *, prob: float = PROB, kind: str = "eti") -> Figure:
    """One `pooling_comparison` a panel, side by side over one legend."""
    rows = max(len(panel.groups) for panel in panels)
    figure = new_figure(5.5 * len(panels), max(5.0, 1.6 + 0.5 * rows))
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, panel in zip(axes, panels, strict=True):
        pooling_comparison(
            panel.posteriors,
            observed=panel.observed,
            prob=prob,
            kind=kind,
            ax=ax,
            unit=panel.unit,
            legend=False,
        )
        ax.set_title(panel.title, loc="left", fontsize=12, fontweight="bold")
    _add_legend(figure, axes[0], prob, kind, loc="outside lower center", ncols=len(panels[0].posteriors) + 1)
    return figure


# Marks


def _draw_groups(ax: Axes, name: str, posterior: Posterior, style: _Style, kind: str, prob: float) -> None:
    """A marker at each group's posterior mean, on a line as long as its interval."""
    mean = np.asarray(posterior.mean("theta"))
    rows = np.arange(len(mean)) + style.lane
    low, high = getattr(posterior, kind)("theta", prob).values.T
    ax.hlines(rows, low, high, color=style.colour, linewidth=1.8, zorder=3)
    ax.plot(
        mean,
        rows,
        linestyle="none",
        marker=style.marker,
        color=style.colour,
        markersize=6.5,
        label=name,
        zorder=4,
    )


def _draw_shared(ax: Axes, name: str, posterior: Posterior, style: _Style, kind: str, prob: float) -> None:
    """A line at the posterior mean that all groups share, in a band as wide as its interval."""
    low, high = getattr(posterior, kind)("theta", prob).values
    ax.axvspan(low, high, color=style.colour, alpha=0.13, linewidth=0, zorder=1)
    ax.axvline(
        float(posterior.mean("theta")),
        color=style.colour,
        linestyle=style.dash,
        linewidth=1.6,
        label=name,
        zorder=2,
    )


def _draw_observed(
    ax: Axes, observed: Observations, posteriors: Mapping[str, Posterior], styles: Mapping[str, _Style]
) -> None:
    """A cross at each group's own mean, and arrows from there to where partial pooling has moved it."""
    raw = observed.mean
    rows = np.arange(len(observed)) + styles[""].lane
    partial = next((name for name, posterior in posteriors.items() if _is_partial(posterior)), None)
    label = "mean of the group's data" + (f" (arrow: to {partial})" if partial else "")
    ax.plot(
        raw,
        rows,
        linestyle="none",
        marker="x",
        color=ink(),
        markersize=7,
        markeredgewidth=1.8,
        label=label,
        zorder=5,
    )
    if partial is not None:
        ends = np.asarray(posteriors[partial].mean("theta")), np.arange(len(observed)) + styles[partial].lane
        _draw_arrows(ax, np.stack([raw, rows], axis=1), np.stack(ends, axis=1))


def _draw_arrows(ax: Axes, starts: np.ndarray, ends: np.ndarray) -> None:
    """Thin arrows between points, (arrow, 2) each; none where a point is not a number."""
    line = {"arrowstyle": "-|>,head_width=0.2,head_length=0.4", "color": ink(), "linewidth": 1.1}
    for start, end in zip(starts, ends, strict=True):
        if np.isfinite(start).all():
            ax.annotate("", end, start, arrowprops={**line, "shrinkA": 4.5, "shrinkB": 5.5}, zorder=3.5)


# Rows, styles, legend


def _groups(posteriors: Mapping[str, Posterior], observed: Observations | None) -> tuple[Hashable, ...]:
    """The groups that all models and the data have."""
    if not posteriors:
        raise ValueError('posteriors is empty. Pass for example {"partial pooling": gridbayes.partial_pooling(...)}.')
    found = {name: posterior.groups for name, posterior in posteriors.items()}
    if observed is not None:
        found["observed"] = observed.groups
    first, groups = next(iter(found.items()))
    for name, others in found.items():
        if others != groups:
            raise ValueError(
                f"all models and the data must have the same groups; {first!r} has {_some(groups)} and "
                f"{name!r} has {_some(others)}. Fit them to the same data."
            )
    if len(groups) > MOST_GROUPS:
        raise ValueError(f"a row a group can be read up to {MOST_GROUPS} groups; there are {len(groups)}. Plot fewer.")
    return groups


def _some(groups: tuple[Hashable, ...]) -> str:
    return ", ".join(map(str, groups[:4])) + (f", ... ({len(groups)})" if len(groups) > 4 else "")


def _is_partial(posterior: Posterior) -> bool:
    return "theta" in posterior.per_group and "tau" in posterior.marginals


def _styles(posteriors: Mapping[str, Posterior], observed: Observations | None) -> dict[str, _Style]:
    """A style for each model by name; models by group, and the data under "", have lanes of their own."""
    own = [name for name, posterior in posteriors.items() if "theta" in posterior.per_group]
    names = [*own[:1], *([""] if observed is not None else []), *own[1:]]
    lane = min(LANE, 0.7 / max(len(names) - 1, 1))
    lanes = {name: lane * (at - (len(names) - 1) / 2) for at, name in enumerate(names)}
    return {
        name: _Style(
            COLOURS[at % len(COLOURS)],
            MARKERS[at % len(MARKERS)],
            BANDS[at % len(BANDS)],
            lanes.get(name, 0.0),
        )
        for at, name in enumerate([*posteriors, ""])
    }


def _label_rows(ax: Axes, groups: tuple[Hashable, ...], observed: Observations | None) -> None:
    """Labels of the groups, the first on top, on rows of alternating shade."""
    counts = None if observed is None or (observed.count == 1).all() else observed.count
    names = [textwrap.fill(textwrap.shorten(str(group), 60, placeholder=" ..."), 26) for group in groups]
    labels = names if counts is None else [f"{name}\nn = {n}" for name, n in zip(names, counts, strict=True)]
    label_rows(ax, labels)


def _add_legend(where: Axes | Figure, ax: Axes, prob: float, kind: str, **place: Any) -> None:
    """The legend of what is on `ax`, on the axes or on the figure."""
    title = f"posterior of theta: mean (mark) and {interval_label(prob, kind)} (line, band)"
    handles, labels = ax.get_legend_handles_labels()
    legend = where.legend(handles, labels, title=title, frameon=False, **{"ncols": 2, **place})
    for text in legend.get_texts():
        text.set_parse_math(False)
