"""The data beside what the model foretells of them: predictive densities, the rows' places in these, and scores."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from gridbayes.leave_one_out import LeaveOneOut
from gridbayes.plots.panels import MOST_CURVES, density, lane
from gridbayes.plots.style import group_style, ink, mark_style, new_axes, open_legend, text_of
from gridbayes.posterior import PROB, Posterior

__all__ = ["elpd_pointwise", "pit", "predictive"]

BESIDE = 0.12  # between the stems of two groups at one count


def predictive(
    post: Posterior,
    *inputs: object,
    prob: float = PROB,
    unit: str | None = None,
    ax: Axes | None = None,
    **known: Any,
) -> Axes:
    """p(y_new | t), a line a group, or stems where y counts; the rows are ticks on the interval beneath.

    Parameters
    ----------
    inputs, known : as `post.predict` takes them: `group=`, `new_group=`, `sigma=`, `errors=`. With inputs no rows are drawn:
        they were seen at others.

    Raises
    ------
    ValueError
        Where y cannot be predicted without its sigma, or there are more groups than lines can be told apart.

    >>> import gridbayes as gb
    >>> post = gb.no_pooling({"A": [1, 2], "B": [5, 9]}, sigma=2, theta=gb.Normal(0, 5))
    >>> predictive(post, unit="metres").get_xlabel()
    'y, metres'
    """
    new = post.predict(*inputs, **known)
    if "y" not in new.marginals:
        raise ValueError(f"y must be foretold to be drawn; this is a {new.model.title}.")
    if len(new.marginals["y"]) > MOST_CURVES:
        count = len(new.marginals["y"])
        raise ValueError(f"up to {MOST_CURVES} densities can be told apart; there are {count}. Pass group=.")
    ax = density(new, "y", prob=prob, unit=unit, ax=ax)
    if getattr(post.model, "discrete", False):
        _as_stems(ax, len(new.marginals["y"]))
    if len(new.marginals["y"]) == 1 and (legend := ax.get_legend()):
        legend.remove()
    top = ax.get_ylim()[1]
    for index, rows in enumerate([] if inputs else _rows_of(post, new, known.get("group"))):
        ax.plot(rows, np.full(len(rows), lane(top, index)), marker="|", markersize=8, color=ink(), linestyle="none")
    return ax


def pit(post: Posterior, *, prob: float = PROB, ax: Axes | None = None) -> Axes:
    """The empirical distribution function of `post.pit()`, which is near the diagonal if the model is right.

    In a fraction `prob` of samples of uniform numbers the whole line stays within the band: its half-width is the quantile
    of Kolmogorov's statistic for this number of rows. Each row is also among the data, which draws its value to 1/2: the
    line of a right model leaves the band less often than that.

    Source: Kolmogorov (1933), Giornale dell'Istituto Italiano degli Attuari 4:83-91; its quantiles by Simard & L'Ecuyer
    (2011), "Computing the two-sided Kolmogorov-Smirnov distribution", J. Stat. Softw. 39(11).

    >>> import gridbayes as gb
    >>> ax = pit(gb.no_pooling({"A": [1, 2, 4], "B": [5, 9]}, sigma=2, theta=gb.Normal(0, 5)))
    >>> ax.get_legend_handles_labels()[1]
    ['uniform, 89% band', '5 rows']
    """
    from scipy.stats import kstwo

    values = np.sort(post.pit().values)
    count = len(values)
    half = float(kstwo.ppf(prob, count))
    ax = new_axes(4.4, 4.0) if ax is None else ax
    u = np.linspace(0, 1, 401)  # so fine that the corners of the band are sharp
    low, high = np.clip(u - half, 0, 1), np.clip(u + half, 0, 1)
    ax.fill_between(u, low, high, color=ink(), alpha=0.12, linewidth=0, label=f"uniform, {100 * prob:g}% band")
    ax.plot([0, 1], [0, 1], color=ink(), linewidth=0.8, linestyle=":")
    steps = np.concatenate([[0.0], values, [1.0]]), np.append(np.arange(count + 1) / count, 1.0)
    ax.plot(*steps, drawstyle="steps-post", linewidth=1.6, label=f"{count} rows", **group_style(0))
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability below the row, PIT", ylabel="share of rows")
    ax.spines[["top", "right"]].set_visible(False)
    open_legend(ax, loc="upper left")
    return ax


def elpd_pointwise(scores: LeaveOneOut | Mapping[str, LeaveOneOut], *, ax: Axes | None = None) -> Axes:
    """`log p(y_i | y_-i)` of every row or group that was left out: the low ones are what the rest does not foretell.

    Parameters
    ----------
    scores : `post.loo()`, in the colours of the groups; or several by name, in a colour and with a mark each. Natural
        logarithms of densities in the unit of the data.

    >>> import gridbayes as gb
    >>> post = gb.no_pooling({"A": [1, 2], "B": [5, 9]}, sigma=2, theta=gb.Normal(0, 5))
    >>> elpd_pointwise(post.loo()).get_legend_handles_labels()[1]
    ['A', 'B']
    """
    models = {} if isinstance(scores, LeaveOneOut) else dict(scores)
    first = scores if isinstance(scores, LeaveOneOut) else next(iter(models.values()), None)
    if first is None or any(score.labels != first.labels for score in models.values()):
        raise ValueError(
            "scores must be of the same parts of the same data, one or more. Pass post.loo() of each model."
        )
    ax = new_axes(6.4, 3.4) if ax is None else ax
    for index, (label, at, values) in enumerate(_by_model(models) if models else _by_group(first)):
        ax.plot(at, values, markersize=5, label=label, **mark_style(index))
    if first.by == "group":
        ax.set_xticks(range(len(first.labels)), [text_of(label) for label in first.labels], parse_math=False)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(f"{first.by} left out")
    ax.set_ylabel("log p(y | the rest)")
    ax.spines[["top", "right"]].set_visible(False)
    open_legend(ax, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2 if models else 4)
    return ax


def _by_model(models: Mapping[str, LeaveOneOut]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Label, places and scores of each model."""
    return [(text_of(name), np.arange(len(score.left_out)), score.left_out) for name, score in models.items()]


def _by_group(score: LeaveOneOut) -> list[tuple[str | None, np.ndarray, np.ndarray]]:
    """Label, places and scores of the rows of each group, or of all where there are none or too many."""
    groups = list(dict.fromkeys(score.groups or ()))
    if not 0 < len(groups) <= MOST_CURVES:
        return [(None, np.arange(len(score.left_out)), score.left_out)]
    own = {group: np.array([i for i, label in enumerate(score.groups or ()) if label == group]) for group in groups}
    return [(text_of(group), at, score.left_out[at]) for group, at in own.items()]


def _rows_of(post: Posterior, new: Posterior, group: Hashable) -> list[np.ndarray]:
    """The rows of the data beside each density: of its group, or all where it is of none."""
    y = np.asarray(post.model.outcomes[0])  # pyright: ignore[reportAttributeAccessIssue]
    of_row = getattr(post.model, "groups_of_rows", None)
    if of_row is None:
        return [y]
    wanted = new.groups or ((group,) if group is not None else ())
    return [y[[label == each for label in of_row]] for each in wanted] or [y]


def _as_stems(ax: Axes, count: int) -> None:
    """Lines through the probabilities of counts, turned into stems; those of two groups stand beside one another."""
    for index, line in enumerate([line for line in ax.get_lines() if np.size(line.get_xdata()) > 1][:count]):
        x, p = (np.asarray(values, float) for values in line.get_data())
        x = x + BESIDE * (index - (count - 1) / 2)
        line.set(xdata=x, markersize=4, **mark_style(index))
        ax.vlines(x, 0, p, color=line.get_color(), linewidth=1.4)
    ax.set_ylabel("probability")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    open_legend(ax)
