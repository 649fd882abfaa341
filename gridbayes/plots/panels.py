"""Posterior panels: a density a parameter, its prior dashed, its mean and interval marked."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from gridbayes.plots.style import (
    axis_label,
    curve,
    group_style,
    ink,
    label_rows,
    new_axes,
    new_figure,
    open_legend,
    text_of,
)
from gridbayes.posterior import PROB, Posterior
from gridbayes.summaries import Marginal

__all__ = ["MOST_CURVES", "density", "difference", "intervals", "lane", "posterior_panels"]

MOST_CURVES = 8  # more densities than that are told apart by rows, not by lines
STRIP = 0.055  # of the panel's height for each mean and interval beneath the densities
WIDTH, HEIGHT = 3.6, 3.1  # of a panel, in inches


def posterior_panels(
    post: Posterior,
    names: Sequence[str] | None = None,
    *,
    prob: float = PROB,
    kind: str = "eti",
    unit: str | None = None,
    axes: Sequence[Axes] | np.ndarray | None = None,
) -> np.ndarray:
    """A panel for each parameter: `density`, or `intervals` where it has more groups than lines can be told apart.

    Parameters
    ----------
    names : which parameters, in which order; all if left out.
    prob, kind : of the intervals, `eti` or `hdi`.
    unit : of the parameters, for the labels of their axes.
    axes : where to draw, one for each name; without them a new figure is made: `axes[0].figure`.

    >>> import gridbayes as gb
    >>> post = gb.partial_pooling([1, -15, 30], sigma=15, mu_scale=10, tau_scale=10)
    >>> [ax.get_xlabel() for ax in posterior_panels(post, unit="minutes late")]
    ['mu, minutes late', 'tau, minutes late', 'theta, minutes late']
    """
    names = list(post.marginals) if names is None else list(names)
    if axes is None:
        columns = len(names) if len(names) < 4 else 2
        rows = -(-len(names) // columns)
        tall = any(name in post.per_group for name in names) and len(post.groups) > MOST_CURVES
        height = max(HEIGHT, 0.8 + 0.26 * len(post.groups)) if tall else HEIGHT
        figure = new_figure(max(WIDTH * columns, 5.0), height * rows)
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for spare in axes[len(names) :]:
            spare.remove()
    for name, ax in zip(names, axes, strict=False):
        many = name in post.per_group and len(post.groups) > MOST_CURVES
        draw = intervals if many else density
        draw(post, name, prob=prob, kind=kind, unit=unit, ax=ax)
    return np.asarray(axes[: len(names)])


def density(
    post: Posterior,
    name: str,
    *,
    prob: float = PROB,
    kind: str = "eti",
    unit: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """p(name | t), a line a group; beneath each its mean (mark) and interval (bar); the prior dashed where it has one.

    On points the line is mass over the distance of neighbours, so that it compares with densities.

    >>> import gridbayes as gb
    >>> post = gb.no_pooling({"A": 1, "B": 5}, sigma=1, theta=gb.Normal(0, 5))
    >>> density(post, "theta").get_legend_handles_labels()[1]
    ['A', 'B', 'prior']
    """
    ax = new_axes(5.0, 3.4) if ax is None else ax
    found = post.marginals[name]
    labels = [text_of(label) for label in post.groups] if name in post.per_group else [None]
    curves = [curve(marginal) for marginal in found]
    top = 1.06 * max(float(p.max()) for _, p in curves)
    for index, (marginal, (x, p), label) in enumerate(zip(found, curves, labels, strict=True)):
        style = group_style(index)
        ax.plot(x, p, linewidth=1.8, label=label, zorder=3, **style)
        _mark(ax, marginal, lane(top, index), style["color"], prob, kind)
    _draw_prior(ax, post, name, (min(x[0] for x, _ in curves), max(x[-1] for x, _ in curves)))
    ax.axhline(0, color=ink(), linewidth=0.8, zorder=2)
    ax.set_ylim(-STRIP * top * (len(found) + 0.6), top)
    ax.set_yticks([])
    ax.set_ylabel("density")
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
    ax.set_xlabel(axis_label(name, unit), parse_math=False)
    open_legend(ax)
    return ax


def intervals(
    post: Posterior,
    name: str,
    *,
    prob: float = PROB,
    kind: str = "eti",
    unit: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The mean and interval of a parameter of every group, a row a group, the first on top."""
    ax = new_axes(5.0, 0.8 + 0.3 * len(post.groups)) if ax is None else ax
    for row, marginal in enumerate(post.marginals[name]):
        _mark(ax, marginal, row, group_style(row)["color"], prob, kind)
    label_rows(ax, [text_of(label) for label in post.groups])
    ax.set_xlabel(axis_label(name, unit), parse_math=False)
    return ax


def difference(
    post: Posterior,
    *,
    prob: float = PROB,
    kind: str = "eti",
    unit: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The density of what `post.contrast` returns, the part above 0 filled and its probability in the legend.

    >>> import gridbayes as gb
    >>> post = gb.no_pooling({"A": 1, "B": 1}, sigma=1, theta=gb.Normal(0, 5))
    >>> difference(post.contrast({"A": 1, "B": -1})).get_legend_handles_labels()[1]
    ['above 0: 50.0%']
    """
    (name,) = post.marginals
    ax = density(post, name, prob=prob, kind=kind, unit=unit, ax=ax)
    line = ax.get_lines()[0]
    x, p = (np.asarray(values, float) for values in line.get_data())
    share = float(post.probability(name, above=0.0))
    ax.fill_between(x, p, where=x >= 0, color=line.get_color(), alpha=0.25, linewidth=0, label=f"above 0: {share:.1%}")
    ax.axvline(0, color=ink(), linewidth=0.8, linestyle=":")
    open_legend(ax)
    return ax


def lane(top: float, index: int) -> float:
    """The height at which the interval of group number `index` is, beneath densities that reach up to `top`."""
    return -STRIP * top * (index + 0.8)


def _mark(ax: Axes, marginal: Marginal, y: float, colour: str, prob: float, kind: str) -> None:
    """The interval as a bar at this height, the mean as a mark on it; a mean that does not exist is not marked."""
    low, high = getattr(marginal, kind)(prob)
    ax.hlines([y], [low], [high], color=colour, linewidth=2.2, zorder=3)
    ax.plot([marginal.mean], [y], marker="o", markersize=4.5, color=colour, linestyle="none", zorder=4)


def _draw_prior(ax: Axes, post: Posterior, name: str, span: tuple[float, float]) -> None:
    """The prior's density over the span, where the model states one that is proper and the same for all that is drawn."""
    priors = getattr(post.model, "priors", {}).items()
    alike = {prior for label, prior in priors if label == name or label.startswith(f"{name}[")}
    if len(alike) == 1 and (prior := alike.pop()).proper:
        x = np.linspace(*span, 400)
        ax.plot(x, np.exp(prior.logpdf(x)), color=ink(), alpha=0.7, linewidth=1.2, linestyle=(0, (4, 3)), label="prior")
