"""Two parameters at once: a heat map with contours, and both marginals beside it."""

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from gridbayes.plots.style import COLOURS, axis_label, curve, ink, new_axes, shade, span_of
from gridbayes.posterior import Posterior
from gridbayes.summaries import Marginal

__all__ = ["joint"]

REGIONS = (0.5, 0.89)  # probabilities within the contours
SHADES = 24


def joint(
    post: Posterior,
    first: str,
    second: str,
    group: Hashable = None,
    *,
    probs: Sequence[float] = REGIONS,
    unit: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """p(first, second | t): shades are density, a contour bounds the region of highest density that holds each `probs`.

    The marginals are on top and at the right, on insets of the axes.

    Hyndman (1996), "Computing and graphing highest density regions", The American Statistician 50(2):120-126.

    >>> import gridbayes as gb
    >>> post = gb.partial_pooling([1, -15, 30], sigma=15, mu_scale=10, tau_scale=10)
    >>> ax = joint(post, "mu", "tau")
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('mu', 'tau')
    """
    masses = post.joint(first, second, group)
    pair = [_marginal(post, name, group) for name in (first, second)]
    density = masses.values / np.outer(*(_widths(marginal) for marginal in pair))
    ax = new_axes(5.0, 4.6) if ax is None else ax
    x, y = (np.asarray(masses[name]) for name in (first, second))
    ax.contourf(x, y, density.T, levels=SHADES, cmap=shade(COLOURS[0]))
    levels = sorted({_level(masses.values, density, prob) for prob in probs})
    ax.contour(x, y, density.T, levels=levels, colors=[ink()], linewidths=0.9)
    ax.set_xlim(span_of(pair[0]))
    ax.set_ylim(span_of(pair[1]))
    for name, setter in ((first, ax.set_xlabel), (second, ax.set_ylabel)):
        own = group if name in post.per_group else None
        setter(axis_label(name if own is None else f"{name}[{own}]", unit), parse_math=False)
    _draw_marginals(ax, pair)
    return ax


def _marginal(post: Posterior, name: str, group: Hashable) -> Marginal:
    return post.marginals[name][post.groups.index(group) if name in post.per_group else 0]


def _widths(marginal: Marginal) -> Float[np.ndarray, " node"]:
    """What turns the mass of a node into a density."""
    return np.gradient(marginal.grid.nodes) if marginal.grid.weights is None else marginal.grid.weights


def _level(masses: np.ndarray, density: np.ndarray, prob: float) -> float:
    """The density above which this probability lies."""
    order = np.argsort(density, axis=None)[::-1]
    inside = np.cumsum(masses.ravel()[order]) >= prob
    return float(density.ravel()[order[np.argmax(inside)]])


def _draw_marginals(ax: Axes, pair: Sequence[Marginal]) -> None:
    """Both marginal densities, on insets that share the axes' own scales."""
    top = ax.inset_axes((0.0, 1.02, 1.0, 0.22), sharex=ax)
    right = ax.inset_axes((1.02, 0.0, 0.22, 1.0), sharey=ax)
    (x, p), (y, q) = (curve(marginal) for marginal in pair)
    top.fill_between(x, p, color=COLOURS[0], alpha=0.35, linewidth=0)
    top.plot(x, p, color=COLOURS[0])
    right.fill_betweenx(y, q, color=COLOURS[0], alpha=0.35, linewidth=0)
    right.plot(q, y, color=COLOURS[0])
    for inset, axis in ((top, "x"), (right, "y")):
        inset.tick_params(labelbottom=False, labelleft=False, length=0)
        inset.spines[:].set_visible(False)
        (inset.set_ylim if axis == "x" else inset.set_xlim)(0, None)
