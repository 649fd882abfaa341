"""The registry of figures, and what those of several lessons share."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "fan", "open_frame", "registered"]

FIGURES: "dict[str, Callable[[], Figure]]" = {}


def registered(draw: "Callable[[], Figure]") -> "Callable[[], Figure]":
    """Enter a function among the figures, by its name."""
    FIGURES[draw.__name__] = draw
    return draw


def open_frame(*axes: "Axes") -> None:
    """Without the lines at the top and at the right."""
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)


def fan(ax: "Axes", x: np.ndarray, curves: Float[np.ndarray, "draw x"], colour: str, label: str | None = None) -> None:
    """Many faint lines, one a draw from the posterior."""
    ax.plot(x, curves.T, color=colour, alpha=0.2, linewidth=0.8, zorder=1.8)
    ax.plot([], [], color=colour, alpha=0.6, linewidth=0.8, label=label)
