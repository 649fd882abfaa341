"""What a frame shows, as numbers in the data's own unit: panels of lines and dots, estimates, and what is said of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gridbayes.explorers.controls import Control, State
from gridbayes.summaries import Marginal

__all__ = ["Band", "Cells", "Dots", "Estimate", "Line", "Mark", "Moments", "Panel", "Subject", "View", "estimates_of"]


@dataclass(frozen=True, eq=False)
class Line:
    """A polyline; `colour` is a group's number, None for the colour of text; `filled` closes it and tints what is inside."""

    x: Float[np.ndarray, " point"]
    y: Float[np.ndarray, " point"]
    colour: int | None = None
    dash: str = ""
    width: float = 2.0
    filled: bool = False
    last: bool = False  # whether it stays for one move as a ghost


@dataclass(frozen=True, eq=False)
class Band:
    """What is between two lines."""

    x: Float[np.ndarray, " point"]
    low: Float[np.ndarray, " point"]
    high: Float[np.ndarray, " point"]
    colour: int | None = None


@dataclass(frozen=True, eq=False)
class Dots:
    """Markers; the shape is the group's, so that no one needs colours to tell them apart.

    Parameters
    ----------
    x_of, y_of : the group of the table `data` that has the x, or the y, of each marker in order: a hand can drag them.
    """

    x: Float[np.ndarray, " point"]
    y: Float[np.ndarray, " point"]
    colour: int = 0
    hollow: bool = False
    x_of: str = ""
    y_of: str = ""


@dataclass(frozen=True, eq=False)
class Cells:
    """A map: cells between edges, the darker the denser."""

    x_edges: Float[np.ndarray, " x_edge"]
    y_edges: Float[np.ndarray, " y_edge"]
    density: Float[np.ndarray, "x y"]


type Mark = Line | Band | Dots | Cells
type Moments = tuple[float, float]  # mean and sd
type Estimate = tuple[float, float, float, float]  # mean, sd, and the bounds of the 89% interval


@dataclass(frozen=True, eq=False)
class Panel:
    """One pair of axes.

    Parameters
    ----------
    title : what it shows.
    x_label : what its horizontal axis is.
    x, y : the spans that show all of it; a picture that holds still keeps an earlier panel's.
    rows : names of places on the vertical axis; without any it has numbers where `y_label` is given, and none else.
    key : names of lines by their dashes.
    rigid : whether the vertical axis holds still too, and does not grow with a density.
    height : in px of a panel 400 wide.
    """

    title: str
    x_label: str
    x: tuple[float, float]
    y: tuple[float, float]
    marks: tuple[Mark, ...]
    rows: tuple[tuple[float, str], ...] = ()
    y_label: str = ""
    key: tuple[tuple[str, str], ...] = ()
    rigid: bool = False
    height: int = 190


@dataclass(frozen=True, eq=False)
class View:
    """All that a frame shows and says.

    Parameters
    ----------
    panels : in reading order.
    numbers : the estimate of each parameter, by the label that a summary gives it; moments alone where intervals take long.
    story : one sentence of what is seen.
    accuracy : how far the numbers are to be trusted, in one line.
    """

    panels: tuple[Panel, ...]
    numbers: Mapping[str, Estimate] | Mapping[str, Moments]
    story: str
    accuracy: str


class Subject(ABC):
    """What an explorer explores: its controls, and pure functions of their state."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is, in a few words."""

    @property
    @abstractmethod
    def controls(self) -> tuple[Control, ...]:
        """In order of sight: at most five, and those under "more"."""

    @property
    @abstractmethod
    def presets(self) -> Mapping[str, Mapping[str, object]]:
        """Named settings to start from."""

    @property
    @abstractmethod
    def play(self) -> tuple[str, ...]:
        """Sliders that can play; a page is over the first of them."""

    @abstractmethod
    def view(self, state: State) -> View:
        """The public call of this state, as numbers to draw."""

    @abstractmethod
    def code(self, state: State) -> str:
        """Python text that makes the same call and calls its result `post`."""


def estimates_of(rows: Iterable[tuple[str, Marginal]]) -> dict[str, Estimate]:
    """Mean, sd and the equal-tailed 89% interval of each row of a posterior (`post.rows`)."""
    rows = list(rows)
    bounds = {label: each.eti() for label, each in rows}
    return {label: (each.mean, each.sd, float(bounds[label][0]), float(bounds[label][1])) for label, each in rows}
