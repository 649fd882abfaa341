"""Models side by side, from the table that `gb.compare` returns: by their evidence, and by what they foretell."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from gridbayes.plots.style import COLOURS, ink, label_rows, new_axes, open_legend, text_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["elpd_comparison", "evidence_bars"]

APART = 0.22  # of a row's height, from a model's elpd down to its distance to the best


def evidence_bars(table: "pd.DataFrame", *, ax: Axes | None = None) -> Axes:
    """The probability of each model given the data, if all were equally probable before; at the right its log evidence.

    Parameters
    ----------
    table : what `gb.compare` returned; its rows in that order.

    Source: Kass & Raftery (1995), "Bayes factors", JASA 90(430):773-795.

    >>> import gridbayes as gb
    >>> known = {"sigma": 2, "theta": gb.Normal(0, 5)}
    >>> rows = {"A": [1, 2], "B": [5, 9]}
    >>> table = gb.compare({"one": gb.complete_pooling(rows, **known), "own": gb.no_pooling(rows, **known)})
    >>> [text.get_text() for text in evidence_bars(table).get_yticklabels()] == list(table.index)
    True
    """
    ax = new_axes(6.4, 1.0 + 0.42 * len(table)) if ax is None else ax
    ax.barh(np.arange(len(table)), table["probability"], height=0.6, color=COLOURS[0], zorder=3)
    for row, (p, log_p) in enumerate(zip(table["probability"], table["log_evidence"], strict=True)):
        _write(ax, row, f"{p:.3g}   log evidence {log_p:.2f}")
    label_rows(ax, [text_of(label) for label in table.index])
    ax.set(xlim=(0, 1), xlabel="probability, if equal before the data")
    return ax


def elpd_comparison(table: "pd.DataFrame", *, ax: Axes | None = None) -> Axes:
    """The elpd of each model with its standard error, and beneath how far it is below the best with that distance's own.

    Both lines are one standard error to either side. The second is the one to judge by: what makes rows hard to foretell
    is the same for all models and cancels in it.

    Parameters
    ----------
    table : what `gb.compare` returned, with elpd; its rows in that order.

    Source: Vehtari, Gelman & Gabry (2017), Stat. Comput. 27:1413-1432, equation 24.

    >>> import gridbayes as gb
    >>> known = {"sigma": 2, "theta": gb.Normal(0, 5)}
    >>> rows = {"A": [1, 2], "B": [5, 9]}
    >>> table = gb.compare({"one": gb.complete_pooling(rows, **known), "own": gb.no_pooling(rows, **known)})
    >>> elpd_comparison(table).get_legend_handles_labels()[1]
    ['elpd', 'distance to the best']
    """
    if "elpd" not in table:
        raise ValueError(
            "table has no elpd: it was made with by=None. Pass gridbayes.compare(models), or evidence_bars."
        )
    ax = new_axes(6.4, 1.2 + 0.42 * len(table)) if ax is None else ax
    elpd, se, apart, dse = (np.asarray(table[name], float) for name in ("elpd", "se", "elpd_diff", "dse"))
    rows, best, below = np.arange(len(table)), elpd.max(), apart > 0
    line = {"linestyle": "none", "markersize": 6, "zorder": 4}
    ax.errorbar(elpd, rows, xerr=se, marker="o", color=COLOURS[0], label="elpd", **line)
    to_best = {"marker": "^", "color": COLOURS[1], "label": "distance to the best"}
    ax.errorbar((best - apart)[below], rows[below] + APART, xerr=dse[below], **to_best, **line)
    ax.axvline(best, color=ink(), linewidth=0.8, linestyle=":", zorder=1)
    for row, (score, away) in enumerate(zip(elpd, apart, strict=True)):
        _write(ax, row, f"{score:.2f}" + (f"   best less {away:.2f}" if away > 0 else ""))
    label_rows(ax, [text_of(label) for label in table.index])
    ax.set_xlabel("elpd, sum of log p(y | the rest)")
    open_legend(ax, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    return ax


def _write(ax: Axes, row: int, text: str) -> None:
    """A row's numbers, at the right of the axes."""
    ax.text(1.02, row, text, transform=ax.get_yaxis_transform(), va="center", fontsize="small")
