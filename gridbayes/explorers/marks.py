"""Posteriors as marks and panels: a density with its prior, a row for each group."""

import numpy as np
from jaxtyping import Float

from gridbayes.explorers.view import Dots, Estimate, Line, Mark, Panel
from gridbayes.priors import Prior
from gridbayes.summaries import Marginal

__all__ = ["around", "closed", "density_marks", "density_panel", "height_of", "row_marks", "row_panel"]

KEY = (("prior", "6 4"), ("posterior", ""), ("last", "last"))


def density_panel(title: str, label: str, marginal: Marginal, prior: Prior | None, x: tuple[float, float]) -> Panel:
    """One parameter's density over the span x."""
    nodes = marginal.grid.nodes
    top = float(np.max(marginal.density(nodes), where=(nodes >= x[0]) & (nodes <= x[1]), initial=1e-300))
    return Panel(
        title, label, x, (0.0, 1.08 * top), tuple(density_marks(marginal, prior)), key=KEY if prior else KEY[1:]
    )


def around(estimate: Estimate, wide: float = 2.5, least: float = -np.inf) -> tuple[float, float]:
    """A span about an 89% interval, `wide` times as long, that begins no lower than the support."""
    _, _, low, high = estimate
    middle, half = (low + high) / 2, wide * (high - low) / 2
    return max(middle - half, least), middle + half


def row_panel(
    title: str, label: str, names: tuple[str, ...], x: tuple[float, float], marks: list[Mark], height: int
) -> Panel:
    """A row a group, the first on top."""
    rows = tuple(enumerate(names))
    height = max(height_of(len(names)), height)
    return Panel(title, label, x, (len(names) - 0.5, -0.5), tuple(marks), rows, rigid=True, height=height)


def density_marks(marginal: Marginal, prior: Prior | None, colour: int = 0) -> list[Mark]:
    """The prior dashed, the posterior filled, which stays for a move as a ghost."""
    x = marginal.grid.nodes
    marks: list[Mark] = [Line(*closed(x, marginal.density(x), 0.0), colour, filled=True, last=True)]
    return marks if prior is None else [Line(x, np.exp(prior.logpdf(x)), None, "6 4"), *marks]


def row_marks(place: int, marginal: Marginal, estimate: Estimate) -> list[Mark]:
    """The density of a group above its interval and mean, in a row one unit high whose top is at `place` - 1/2."""
    x, (mean, _, low, high) = marginal.grid.nodes, estimate
    density, base = marginal.density(x), place + 0.34
    return [
        Line(*closed(x, base - 0.62 * density / density.max(), base), place, width=1.5, filled=True, last=True),
        Line(np.array([low, high]), np.full(2, place + 0.34), place, width=4),
        Dots(np.array([mean]), np.array([place + 0.34]), place),
    ]


def closed(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"], base: float
) -> tuple[np.ndarray, np.ndarray]:
    """A curve that begins and ends on its base."""
    return np.concatenate([x[:1], x, x[-1:]]), np.concatenate([[base], y, [base]])


def height_of(rows: int) -> int:
    """Of a panel of so many rows, in px."""
    return max(190, 74 + 34 * rows)
