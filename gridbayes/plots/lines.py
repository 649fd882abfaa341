"""Regressions on one input: rows, the line with its band, what new rows may show; and mixtures, whose rows have kinds."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from scipy.stats import norm

from gridbayes.plots.style import COLOURS, group_style, ink, new_axes, open_legend
from gridbayes.posterior import PROB, Posterior

__all__ = ["mixture_components", "mixture_lines", "regression_line"]

INPUTS = 25  # at which a band is computed
OUTPUTS = 400  # at which a density is
REACH = 0.05  # of the rows' range, to either side of it


def regression_line(
    post: Posterior,
    x: object = None,
    y: object = None,
    *,
    prob: float = PROB,
    xlabel: str = "x",
    ylabel: str = "y",
    ax: Axes | None = None,
    **known: Any,
) -> Axes:
    """Rows of a regression, the line that is expected, its equal-tailed band, and the wider one of a new row.

    Both bands are `post.predict` at inputs across the rows: point by point, not of the line as a whole.

    Parameters
    ----------
    x, y : the rows; those of the fit if left out.
    known : what `post.predict` takes beside the inputs: `errors=`, `trials=`, `exposure=`.

    Raises
    ------
    ValueError
        When the posterior is no regression on one input and rows are not given.

    >>> import gridbayes as gb
    >>> post = gb.linear_regression([0, 1, 2], [1.1, 2.9, 5.2], sigma=0.1)
    >>> regression_line(post, ylabel="metres").get_legend_handles_labels()[1]
    ['new row, 89%', 'line, 89%', 'mean', 'rows']
    """
    x, y = _points(post) if x is None or y is None else (np.asarray(x, float), np.asarray(y, float))
    ax = new_axes(5.6, 4.0) if ax is None else ax
    inputs = _across(x, INPUTS)
    new = post.predict(inputs, **known)
    for name, label, alpha in (("y", "new row", 0.15), ("expected", "line", 0.35)):
        low, high = new.eti(name, prob).values.T
        ax.fill_between(
            inputs, low, high, color=COLOURS[0], alpha=alpha, linewidth=0, label=f"{label}, {100 * prob:g}%"
        )
    ax.plot(inputs, new.mean("expected"), color=COLOURS[0], linewidth=1.8, label="mean")
    ax.plot(
        x, y, marker="o", markersize=3, linestyle="none", color=ink(), alpha=_faint(len(x)), label="rows", zorder=1.5
    )
    return _finished(ax, xlabel, ylabel)


def mixture_lines(
    post: Posterior, x: object, y: object, *, xlabel: str = "x", ylabel: str = "y", ax: Axes | None = None
) -> Axes:
    """Rows of a mixture of regressions, and each component's line with the band of its mean plus and minus two sds.

    Mean and sd of intercept_k + slope_k x are those over the posterior's weighted points, `post.model.weighted()`.

    >>> import gridbayes as gb
    >>> x = np.linspace(1, 10, 80)
    >>> y = np.where(np.arange(80) % 4 == 0, 2 * x, 20 - x) + 0.5 * np.sin(np.arange(80.0) ** 2)
    >>> post = gb.mixture_of_regressions(x, y, sigma=0.5, order=5)
    >>> mixture_lines(post, x, y).get_legend_handles_labels()[1]
    ['rows', '0: share 0.74', '1: share 0.26']
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    ax = new_axes(5.6, 4.0) if ax is None else ax
    ax.plot(x, y, marker="o", markersize=3, linestyle="none", color=ink(), alpha=_faint(len(x)), label="rows")
    values, masses = _weighted(post)
    inputs = _across(x, INPUTS)
    for k, label in enumerate(post.groups):
        lines = values["intercept"][:, k, None] + values["slope"][:, k, None] * inputs  # (point, input)
        mean = masses @ lines
        sd = np.sqrt(masses @ (lines - mean) ** 2)
        style = group_style(k)
        share = post.mean("weight", label)
        ax.fill_between(inputs, mean - 2 * sd, mean + 2 * sd, color=style["color"], alpha=0.35, linewidth=0)
        ax.plot(inputs, mean, linewidth=1.8, label=f"{label}: share {share:.2f}", **style)
    return _finished(ax, xlabel, ylabel)


def mixture_components(
    post: Posterior, y: object, *, sigma: float | None = None, ylabel: str = "y", ax: Axes | None = None
) -> Axes:
    """A histogram of the rows of a mixture of normals, the density of each component, and of a new row.

    Component k at y is E[weight_k N(y; mu_k, sigma_k) | rows], over `post.model.weighted()`; their sum is the predictive.

    Parameters
    ----------
    sigma : the standard deviation of a component, where it is known and not learned.

    >>> import gridbayes as gb
    >>> rng = np.random.default_rng(0)
    >>> y = np.append(rng.normal(0, 1, 70), rng.normal(6, 1, 30))
    >>> post = gb.mixture(y, sigma=1, mu=gb.Normal(0, 10))
    >>> mixture_components(post, y, sigma=1).get_legend_handles_labels()[1]
    ['component 0', 'component 1', 'a new row', 'rows']
    """
    y = np.asarray(y, float)
    values, masses = _weighted(post)
    if "sigma" not in values and sigma is None:
        raise ValueError("sigma must be stated where it is not learned; the posterior has none. Pass sigma=.")
    ax = new_axes(5.6, 3.6) if ax is None else ax
    at = _across(y, OUTPUTS)
    total = np.zeros(len(at))
    for k, label in enumerate(post.groups):
        scale = (
            sigma if "sigma" not in values else values["sigma"].reshape(len(masses), -1)[:, [k if _own(values) else 0]]
        )
        density = masses @ (values["weight"][:, [k]] * norm.pdf(at, values["mu"][:, [k]], scale))
        total += density
        ax.plot(at, density, linewidth=1.6, label=f"component {label}", **group_style(k))
    ax.plot(at, total, color=ink(), linewidth=1.2, linestyle=(0, (4, 3)), label="a new row")
    ax.hist(y, bins="auto", density=True, color=ink(), alpha=0.18, label="rows", zorder=1)
    return _finished(ax, ylabel, "density")


def _points(post: Posterior) -> tuple[np.ndarray, np.ndarray]:
    points = getattr(post.model, "points", None)
    if points is None:
        raise ValueError(
            f"x and y must be given where the posterior has no rows with one input; it is of {post.model.title}. "
            "Pass the rows, or post.plot() for its parameters."
        )
    return points


def _weighted(post: Posterior) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The posterior's points and masses, of components in order."""
    weighted = getattr(getattr(post.model, "ordered", post.model), "weighted", None)
    if weighted is None or "weight" not in post.marginals:
        raise ValueError(f"a picture of components needs a mixture; the posterior is of {post.model.title}.")
    return weighted()


def _own(values: dict[str, np.ndarray]) -> bool:
    """Whether each component has a sigma of its own."""
    return values["sigma"].ndim == 2


def _across(x: Float[np.ndarray, " row"], count: int) -> Float[np.ndarray, " input"]:
    """Numbers from end to end of the rows and a little beyond."""
    low, high = float(x.min()), float(x.max())
    return np.linspace(low - REACH * (high - low), high + REACH * (high - low), count)


def _faint(rows: int) -> float:
    """How opaque a row's mark is: many rows lie on one another."""
    return float(np.clip(60 / rows, 0.2, 0.8))


def _finished(ax: Axes, xlabel: str, ylabel: str) -> Axes:
    ax.set_xlabel(xlabel, parse_math=False)
    ax.set_ylabel(ylabel, parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    open_legend(ax)
    return ax
