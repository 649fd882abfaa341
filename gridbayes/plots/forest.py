"""Rows of intervals: forest plots, contrasts of groups, and the probabilities of ranks."""

from collections.abc import Hashable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from gridbayes.plots.style import COLOURS, axis_label, group_style, ink, label_rows, new_axes, shade, text_of
from gridbayes.posterior import PROB, Posterior

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["contrasts", "forest", "rank_probabilities"]

BELOW = 0.17  # of a row's height between what a group's own data say and its estimate
MOST_ROWS = 60  # more cannot be read on a page
AGAINST = 0.6  # of a shade's depth from which on text on it is light


def forest(post: Posterior, *, prob: float = PROB, unit: str | None = None, ax: Axes | None = None) -> Axes:
    """A meta-analysis in a picture: what each group's data say, its estimate, the mean of all, and the next group.

    A row a group: a square at its raw mean on a thin line of the same interval by its standard error alone, beneath it the
    estimate with its equal-tailed interval. Last the population's mean mu (diamond), and what is expected in a group that
    is not in the data, `post.predict(new_group=True)`, the prediction interval. The numbers are at the right.

    Source of the form: Lewis & Clarke (2001), "Forest plots: trying to see the wood and the trees", BMJ 322:1479-1480.

    Raises
    ------
    ValueError, TypeError
        When the model has no mu and tau, or does not answer `post.shrinkage()` and `post.predict()`.

    >>> import gridbayes as gb
    >>> post = gb.partial_pooling([1, -15, 30], sigma=15, mu_scale=10, tau_scale=10)
    >>> [text.get_text() for text in forest(post).get_yticklabels()]
    ['0', '1', '2', 'mu', 'next group']
    """
    if "mu" not in post.marginals:
        raise ValueError(f"forest needs the mean mu of a population; {post.model.title} has none. Use partial_pooling.")
    table, new = post.shrinkage(prob), post.predict(new_group=True)
    _require_rows(len(table))
    ax = new_axes(7.0, 1.2 + 0.42 * (len(table) + 2)) if ax is None else ax
    _draw_raw(ax, table, prob)
    rows = [*zip(post.marginals["theta"], map(group_style, range(len(table))), strict=True)]
    shared = [(post.marginals["mu"][0], {"color": ink()}), (new.marginals["expected"][0], {"color": ink()})]
    for row, (marginal, style) in enumerate([*rows, *shared]):
        at, marker = (row + BELOW, "o") if row < len(rows) else (row, "Dd"[row - len(rows)])
        low, high = marginal.eti(prob)
        ax.hlines([at], [low], [high], color=style["color"], linewidth=2.4, zorder=3)
        ax.plot([marginal.mean], [at], marker=marker, color=style["color"], linestyle="none", zorder=4)
        _write(ax, row, f"{marginal.mean:.3g} [{low:.3g}, {high:.3g}]")
    label_rows(ax, [*(text_of(label) for label in post.groups), "mu", "next group"])
    ax.axhline(len(rows) - 0.5, color=ink(), linewidth=0.8)
    ax.axvline(post.marginals["mu"][0].mean, color=ink(), linewidth=0.8, linestyle=":", zorder=1)
    ax.set_xlabel(axis_label("theta", unit), parse_math=False)
    return ax


def contrasts(
    post: Posterior,
    pairs: Sequence[tuple[Hashable, Hashable]] | None = None,
    *,
    prob: float = PROB,
    unit: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The difference of each pair of groups: mean, equal-tailed interval, and the probability that it is above 0.

    >>> import gridbayes as gb
    >>> post = gb.no_pooling({"A": 1, "B": 1, "C": 5}, sigma=1, theta=gb.Normal(0, 5))
    >>> [text.get_text() for text in contrasts(post).get_yticklabels()]
    ['A - B', 'A - C', 'B - C']
    """
    pairs = list(combinations(post.groups, 2)) if pairs is None else list(pairs)
    _require_rows(len(pairs))
    ax = new_axes(6.4, 1.0 + 0.36 * len(pairs)) if ax is None else ax
    for row, pair in enumerate(pairs):
        difference = post.contrast(*pair)
        low, high = difference.eti("difference", prob).values
        ax.hlines([row], [low], [high], color=COLOURS[0], linewidth=2.4, zorder=3)
        ax.plot(
            [difference.marginals["difference"][0].mean],
            [row],
            marker="o",
            color=COLOURS[0],
            linestyle="none",
            zorder=4,
        )
        _write(ax, row, f"P(> 0) = {difference.probability('difference', above=0.0):.3f}")
    label_rows(ax, [f"{text_of(first)} - {text_of(second)}" for first, second in pairs])
    ax.axvline(0, color=ink(), linewidth=0.8, linestyle=":", zorder=1)
    ax.set_xlabel(axis_label("difference of theta", unit), parse_math=False)
    return ax


def rank_probabilities(post: Posterior, best: str = "highest", *, ax: Axes | None = None) -> Axes:
    """P(group has rank r | t) as shades with their numbers in percent; rank 1 is the best.

    >>> import gridbayes as gb
    >>> post = gb.no_pooling({"A": 1, "B": 1}, sigma=1, theta=gb.Normal(0, 5))
    >>> [text.get_text() for text in rank_probabilities(post).texts]
    ['50', '50', '50', '50']
    """
    ranks = post.rank(best)
    count = len(ranks)
    _require_rows(count)
    ax = new_axes(max(4.6, 1.8 + 0.5 * count), 1.2 + 0.36 * count) if ax is None else ax
    ax.pcolormesh(
        np.arange(count + 1) + 0.5,
        np.arange(count + 1) - 0.5,
        ranks.values,
        cmap=shade(COLOURS[0]),
        vmin=0,
        vmax=1,
    )
    for (row, column), p in np.ndenumerate(ranks.values):
        colour = "white" if p > AGAINST else ink()
        ax.text(column + 1, row, f"{100 * p:.0f}", ha="center", va="center", color=colour, fontsize="small")
    ax.set_yticks(range(count), [text_of(label) for label in post.groups], parse_math=False)
    ax.set_ylim(count - 0.5, -0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(f"rank of theta, 1 is the {best} (probability in %)")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def _draw_raw(ax: Axes, table: "pd.DataFrame", prob: float) -> None:
    """Raw means with the interval that their standard errors make; a group without rows has none."""
    from scipy.special import ndtri

    reach = float(ndtri((1 + prob) / 2))
    for row, (raw, error) in enumerate(zip(table["raw"], table["se"], strict=True)):
        if np.isfinite(raw):
            at = row - BELOW
            ax.hlines(
                [at], [raw - reach * error], [raw + reach * error], color=ink(), alpha=0.6, linewidth=1.0, zorder=2
            )
            ax.plot([raw], [at], marker="s", markersize=4, color=ink(), alpha=0.6, linestyle="none", zorder=2)


def _write(ax: Axes, row: int, text: str) -> None:
    """A row's numbers, at the right of the axes."""
    ax.text(1.02, row, text, transform=ax.get_yaxis_transform(), va="center", fontsize="small")


def _require_rows(count: int) -> None:
    if count > MOST_ROWS:
        raise ValueError(f"a picture of rows can be read up to {MOST_ROWS} rows; there are {count}. Plot fewer.")
