"""Figures to files: whole or not at all, and the same bytes for the same figure."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.image import imread

from gridbayes.files import atomically

__all__ = ["FORMATS", "differs", "figure_format", "save_figure"]

SHADE = 24 / 255  # what a pixel's shade may differ by; a moved line differs by nearly 1
FEW = 1e-4  # of all pixels may differ by more: where text and lines meet a pixel's edge
DPI = 160  # of PNG: 11 inches become 1760 pixels
# what a format would write of the time of day
FORMATS = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def save_figure(figure: Figure, path: str | Path, *, dpi: int = DPI) -> None:
    """Write `figure` to `path`, in the format that its suffix names: .png, .svg or .pdf; `dpi` is of .png.

    Raises
    ------
    ValueError
        For another suffix.
    OSError
        Where the file cannot be written; what was there is then still there.
    """
    kind = figure_format(path)
    with matplotlib.rc_context({"svg.hashsalt": "gridbayes"}), atomically(path) as file:
        figure.savefig(file, format=kind, dpi=dpi, metadata=FORMATS[kind])


def figure_format(path: str | Path) -> str:
    """The format that a path's suffix names, or ValueError.

    >>> figure_format("schools.PNG")
    'png'
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise ValueError(f'a figure is written as .png, .svg or .pdf; "{path}" is none of them. Change its suffix.')
    return kind


def differs(one: Path, other: Path) -> bool:
    """Whether two PNGs show different pictures, or the first is missing: more than `FEW` pixels by more than `SHADE`."""
    if not one.exists():
        return True
    first, second = imread(one), imread(other)
    return first.shape != second.shape or float((abs(first - second).max(axis=2) > SHADE).mean()) > FEW
