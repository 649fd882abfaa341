"""Where a density lies in a box: the grids of an enumeration, placed by enumerations of few nodes.

Each parameter begins with all of its range, and the density with a small power of itself, which no coarse grid can miss.
The marginal densities on a coarse product grid say where to look next: a side that holds next to nothing is cut off, one
that still holds something and is not the end of the range is moved out. The power grows to 1, and when no window has to grow
each becomes the nodes of one Gauss-Legendre rule. Of the shape of the density nothing is assumed. A ridge along the
diagonal needs more nodes than one along an axis; the distance to a coarser rule says what they are worth.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from gridbayes.enumeration.enumeration import enumerate
from gridbayes.grids import Grid, in_panels

__all__ = ["nodes_for", "placed"]

NEGLIGIBLE = 1e-9  # of the largest marginal density: what a window may cut off
POWERS = [2.0**-k for k in range(16, 0, -1)]
MOST = 40  # passes at power 1
SCOUTS, CELLS = 400_000, 2_600_000  # cells of a pass, and of the grids that are placed
FEWEST, DENSEST = 8, 64  # nodes an axis


def placed(
    log_joint: Callable, ranges: Mapping[str, tuple[float, float]], data: object, nodes: tuple[int, ...]
) -> list[dict[str, Grid]]:
    """Grids on the windows that hold the density, once for each number of nodes an axis.

    Parameters
    ----------
    log_joint : of all parameters as one mapping, and the data; compiled once.
    ranges : of each parameter, finite: the density beyond is taken to be nothing.

    Raises
    ------
    ArithmeticError
        When windows do not settle.
    """
    windows, scouts = dict(ranges), nodes_for(len(ranges), SCOUTS)
    for power in [*POWERS, *[1.0] * MOST]:
        grids = {name: _rule(window, scouts) for name, window in windows.items()}
        post = enumerate(_tempered(log_joint), grids, {"power": power, "data": data}, pairs=(), progress=False)
        found = {name: (grids[name], post.marginals[name][0].masses, windows[name], ranges[name]) for name in grids}
        grown = {name: _grown(*each) for name, each in found.items()}
        settled = power == 1 and grown == windows
        windows = {name: _cut(*found[name][:2], grown[name]) for name in grown} if settled or power < 1 else grown
        if settled:
            return [{name: _rule(window, count) for name, window in windows.items()} for count in nodes]
    raise ArithmeticError(
        f"the windows of {', '.join(ranges)} do not settle. Pass grids of your own to gridbayes.enumerate."
    )


def nodes_for(dimension: int, cells: int = CELLS) -> int:
    """How many nodes each of so many axes may have."""
    return int(np.clip(cells ** (1 / dimension) + 1e-9, FEWEST, DENSEST))


@lru_cache(maxsize=64)
def _tempered(log_joint: Callable) -> Callable:
    """log_joint times a power."""

    def tempered(p: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
        return given["power"] * log_joint(p, given["data"])

    return tempered


def _rule(window: tuple[float, float], nodes: int) -> Grid:
    return in_panels(np.array(window), nodes)


def _grown(
    grid: Grid, masses: np.ndarray, window: tuple[float, float], limits: tuple[float, float]
) -> tuple[float, float]:
    """The window, moved out where its end still holds something and is not the end of the range."""
    density = masses / grid.weights
    open_low, open_high = density[[0, -1]] > NEGLIGIBLE * density.max()
    reach = (window[1] - window[0]) / 4
    low = max(limits[0], window[0] - reach) if open_low else window[0]
    return low, min(limits[1], window[1] + reach) if open_high else window[1]


def _cut(grid: Grid, masses: np.ndarray, window: tuple[float, float]) -> tuple[float, float]:
    """The window up to the first nodes that hold next to nothing."""
    density = masses / grid.weights
    holds = np.flatnonzero(density > NEGLIGIBLE * density.max())
    beside = [window[0], *grid.nodes.tolist(), window[1]]
    return beside[int(holds[0])], beside[int(holds[-1]) + 2]
