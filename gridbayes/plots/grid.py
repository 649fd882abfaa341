"""The grid itself: its nodes, the mass on each, and what of the continuous posterior lies beyond its ends."""

from collections.abc import Hashable

import numpy as np
from matplotlib.axes import Axes

from gridbayes.plots.style import COLOURS, axis_label, curve, ink, new_axes, open_legend
from gridbayes.posterior import Posterior

__all__ = ["grid_nodes"]


def grid_nodes(
    post: Posterior,
    name: str,
    group: Hashable = None,
    *,
    continuous: Posterior | None = None,
    unit: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The nodes of a parameter's grid as stems, as high as mass over weight: where mass lies and how finely it is seen.

    Parameters
    ----------
    continuous : the same model on automatic grids, drawn as a filled curve; what of it lies beyond the grid's ends is
        filled darker, and its probability stated.

    >>> import gridbayes as gb
    >>> data, theta = [1, -15, 30], gb.Normal(0, 20)
    >>> post = gb.complete_pooling(data, sigma=15, theta=theta, grids={"theta": gb.linspace(0, 30, 31)})
    >>> ax = grid_nodes(post, "theta", continuous=gb.complete_pooling(data, sigma=15, theta=theta))
    >>> ax.get_legend_handles_labels()[1]
    ['31 nodes', 'continuous model', 'cut off: 28.7%']
    """
    ax = new_axes(5.6, 3.4) if ax is None else ax
    marginal = post.marginals[name][post.groups.index(group) if name in post.per_group else 0]
    nodes = marginal.grid.nodes
    weights = np.gradient(nodes) if marginal.grid.weights is None else marginal.grid.weights
    height = marginal.masses / weights
    ax.vlines(nodes, 0, height, color=COLOURS[1], linewidth=0.8, zorder=3)
    ax.plot(
        nodes,
        height,
        marker="o",
        markersize=2.5,
        linestyle="none",
        color=COLOURS[1],
        label=f"{len(nodes)} nodes",
        zorder=3,
    )
    if continuous is not None:
        _draw_continuous(ax, continuous, name, group, (float(nodes[0]), float(nodes[-1])))
    ax.axhline(0, color=ink(), linewidth=0.8)
    ax.set_ylim(0, None)
    ax.set_yticks([])
    ax.set_ylabel("density")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.set_xlabel(axis_label(name if group is None else f"{name}[{group}]", unit), parse_math=False)
    open_legend(ax)
    return ax


def _draw_continuous(ax: Axes, post: Posterior, name: str, group: Hashable, ends: tuple[float, float]) -> None:
    """The continuous density, and the parts of it beyond the grid's ends with what they hold."""
    marginal = post.marginals[name][post.groups.index(group) if name in post.per_group else 0]
    x, p = curve(marginal)
    ax.plot(x, p, color=COLOURS[0], linewidth=1.4, label="continuous model")
    ax.fill_between(x, p, color=COLOURS[0], alpha=0.15, linewidth=0)
    inside = marginal.probability(*ends)
    beyond = (x < ends[0]) | (x > ends[1])
    ax.fill_between(x, p, where=beyond, color=COLOURS[0], alpha=0.5, linewidth=0, label=f"cut off: {1 - inside:.1%}")
