"""Panels as SVG text: axes, ticks, lines, areas, markers. A panel is 400 px wide and scales; its text is 14.2 px or more,
which is 12 px where a panel is 340 wide, on a phone.

Everything that depends on the state is a list of elements, so that a page of many frames holds equal elements once.
"""

import html
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from gridbayes.colours import COLOURS
from gridbayes.explorers.view import Band, Cells, Dots, Line, Mark, Panel

__all__ = ["STYLE", "WIDTH", "elements", "escaped", "number_text", "shortened", "ticks"]

WIDTH = 400
TOP, BOTTOM, SIDE, NAMES = 28, 46, 16, 118  # px around the axes; NAMES in place of SIDE where rows have names
STEP = 2.0  # px between points of a line: closer ones are left out
REACH = 12  # px about a marker from where it can be dragged
LIGHT = 0.02  # of the heaviest cell of a map: lighter ones are not drawn

STYLE = """
.gb { --ink: var(--jp-ui-font-color1, #1a1a1a); --page: var(--jp-layout-color0, #ffffff);
  color: var(--ink); background: var(--page); font: 14px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) {
  .gb { --ink: var(--jp-ui-font-color1, #ececec); --page: var(--jp-layout-color0, #16181c); } }
.gb text { fill: currentColor; font-size: 14.5px; font-family: system-ui, sans-serif; }
.gb .tick { font-size: 14.2px; }
.gb .title { font-weight: 600; font-size: 15.5px; }
.gb .axis, .gb .grid { stroke: currentColor; fill: none; }
.gb .grid { opacity: .14; }
.gb path, .gb line { vector-effect: non-scaling-stroke; }
.gb .last { opacity: .45; stroke-dasharray: 1.5 4; stroke: currentColor; }
.gb .reach { fill: none; stroke: none; pointer-events: all; }
"""


def escaped(text: object) -> str:
    """Text of users, shown and never run."""
    return html.escape(str(text), quote=True)


def shortened(text: object, length: int) -> str:
    """Text of at most so many characters."""
    text = str(text)
    return text if len(text) <= length else f"{text[: length - 1]}\N{HORIZONTAL ELLIPSIS}"


def number_text(x: float) -> str:
    """A number with three digits, for labels: 0.0123, 1.5, 120."""
    if x == 0 or not np.isfinite(x):
        return f"{x:g}"
    return f"{x:.3g}" if abs(x) < 1e5 and abs(x) >= 1e-3 else f"{x:.2e}".replace("e+0", "e").replace("e-0", "e-")


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from low to high, at most `count`: multiples of 1, 2 or 5 times a power of ten.

    >>> ticks(-7, 32)
    [0.0, 10.0, 20.0, 30.0]
    """
    rough = (high - low) / count
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(
        step * power
        for step in (1, 2, 5, 10, 20)
        if (np.floor(high / (step * power)) - np.ceil(low / (step * power))) < count
    )
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") + 0.0 for k in np.arange(first, last + 1)]


class _Axes:
    """From the data's units to px."""

    def __init__(self, panel: Panel, x: tuple[float, float], y: tuple[float, float]):
        self.left = NAMES if panel.rows else (SIDE + 40 if panel.y_label else SIDE)
        self.right, self.top, self.bottom = WIDTH - SIDE, TOP, panel.height - BOTTOM
        self.x_span, self.y_span = x, y

    @property
    def said(self) -> str:
        """For scripts: left, right, and the values there; bottom, top, and the values there."""
        numbers = (self.left, self.right, *self.x_span, self.bottom, self.top, *self.y_span)
        return " ".join(f"{number:.12g}" for number in numbers)

    def x(self, value):
        low, high = self.x_span
        return self.left + (np.asarray(value, float) - low) / (high - low) * (self.right - self.left)

    def y(self, value):
        low, high = self.y_span
        return self.bottom - (np.asarray(value, float) - low) / (high - low) * (self.bottom - self.top)


def elements(panel: Panel, held: Panel | None = None, before: Panel | None = None, keyed: bool = False) -> list[str]:
    """The elements of a panel, back to front: axes, the ghost of an earlier state, marks.

    Parameters
    ----------
    held : the panel whose axes are kept; left out, its own.
    before : the panel of the state before.
    keyed : whether the key has the ghost even where there is none.
    """
    held = held or panel
    y = held.y if panel.rigid else (min(held.y[0], panel.y[0]), max(held.y[1], panel.y[1]))
    axes = _Axes(panel, held.x, panel.y if panel.rows else y)
    ghosts = [mark for mark in before.marks if isinstance(mark, Line) and mark.last] if before else []
    drawn = [_polyline(axes, ghost, "last") for ghost in ghosts]
    drawn += [element for mark in panel.marks for element in _drawn(axes, mark)]
    clip = f'<svg x="{axes.left - 8}" y="{axes.top - 2}" width="{axes.right - axes.left + 16}" '
    clip += f'height="{axes.bottom - axes.top + 8}" viewBox="{axes.left - 8} {axes.top - 2} '
    clip += f'{axes.right - axes.left + 16} {axes.bottom - axes.top + 8}" data-axes="{axes.said}">'
    return [*_frame(axes, panel, keyed or bool(ghosts)), clip, *drawn, "</svg>"]


def _frame(axes: _Axes, panel: Panel, ghosts: bool) -> list[str]:
    """Title, key, ticks and labels."""
    found = [f'<text class="title" x="{SIDE - 8}" y="18">{escaped(panel.title)}</text>', *_key(panel, ghosts)]
    for tick in ticks(*axes.x_span):
        x = f"{axes.x(tick):.1f}"
        found.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{axes.top}" y2="{axes.bottom}"/>')
        found.append(
            f'<text class="tick" x="{x}" y="{axes.bottom + 18}" text-anchor="middle">{number_text(tick)}</text>'
        )
    found.append(f'<line class="axis" x1="{axes.left}" x2="{axes.right}" y1="{axes.bottom}" y2="{axes.bottom}"/>')
    middle = (axes.left + axes.right) / 2
    found.append(f'<text x="{middle:g}" y="{axes.bottom + 38}" text-anchor="middle">{escaped(panel.x_label)}</text>')
    for place, name in panel.rows:
        y = f"{axes.y(place) + 5:.1f}"
        label = f"{escaped(shortened(name, 11))}<title>{escaped(name)}</title>"
        found.append(f'<text class="tick" x="{axes.left - 10}" y="{y}" text-anchor="end">{label}</text>')
    if panel.y_label and not panel.rows:
        found += _vertical(axes, panel)
    return found


def _vertical(axes: _Axes, panel: Panel) -> list[str]:
    found = [f'<text class="tick" x="{axes.left - 46}" y="{axes.top + 8}">{escaped(panel.y_label)}</text>']
    for tick in ticks(*axes.y_span, 4):
        y = float(axes.y(tick))
        found.append(f'<line class="grid" x1="{axes.left}" x2="{axes.right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        if y > axes.top + 20:
            found.append(
                f'<text class="tick" x="{axes.left - 6}" y="{y + 5:.1f}" text-anchor="end">{number_text(tick)}</text>'
            )
    return found


def _key(panel: Panel, ghosts: bool) -> list[str]:
    """Names of lines with a piece of each, at the right of the title; of the last state's only where it is there."""
    found, x = [], WIDTH - 6.0
    for name, dash in reversed(panel.key):
        if dash == "last" and not ghosts:
            continue
        of_last = " ghost-key" if dash == "last" else ""
        found.append(f'<text class="tick{of_last}" x="{x:g}" y="18" text-anchor="end">{escaped(name)}</text>')
        x -= 8.4 * len(name) + 34
        mark = 'class="last ghost-key"' if dash == "last" else f'class="axis" stroke-width="2"{_dashes(dash)}'
        found.append(f'<line {mark} x1="{x + 4:g}" x2="{x + 28:g}" y1="13" y2="13"/>')
        x -= 10
    return found


# --- marks --------------------------------------------------------------------------------------------------------------


def _drawn(axes: _Axes, mark: Mark) -> Iterable[str]:
    if isinstance(mark, Line):
        return [_polyline(axes, mark)]
    if isinstance(mark, Band):
        return [_band(axes, mark)]
    if isinstance(mark, Dots):
        return [_marker(axes, mark, place) for place in range(len(mark.x))]
    return _cells(axes, mark)


def _polyline(axes: _Axes, line: Line, name: str = "line") -> str:
    """A line, or its ghost; one that stays as a ghost says so."""
    stroke = "" if name == "last" else f' stroke="{_colour(line.colour)}"{_dashes(line.dash)}'
    fill = f'fill="{_colour(line.colour)}" fill-opacity=".22"' if line.filled and name == "line" else 'fill="none"'
    name += " stays" if line.last and name == "line" else ""
    points = _path(axes, line.x, line.y, line.filled)
    return f'<path class="{name}" {fill} stroke-width="{line.width:g}"{stroke} d="{points}"/>'


def _band(axes: _Axes, band: Band) -> str:
    there, back = _path(axes, band.x, band.low), _path(axes, band.x[::-1], band.high[::-1])
    return f'<path class="band" fill="{_colour(band.colour)}" fill-opacity=".22" d="{there}L{back[1:]}Z"/>'


def _path(axes: _Axes, x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"], filled: bool = False) -> str:
    """The points in px, as steps of a tenth of one; those far beyond the axes at their edge, and close ones left out."""
    x, y = np.clip(axes.x(x), -WIDTH, 2 * WIDTH), np.clip(axes.y(y), -2 * WIDTH, 3 * WIDTH)
    if len(x) > 40:
        seen = np.flatnonzero((x > axes.left - 12) & (x < axes.right + 12))
        inside = slice(max(seen[0] - 1, 0), seen[-1] + 2) if len(seen) else slice(0, 2)
        ends = y[[0, -1]]  # of an area: its base, to which it goes down outside of the panel
        x, y = x[inside], y[inside]
        if filled:
            x, y = np.concatenate([x[:1], x, x[-1:]]), np.concatenate([ends[:1], y, ends[1:]])
        kept = np.append(True, (np.diff(np.floor(x / STEP)) != 0) | (np.abs(np.diff(y)) > STEP))
        kept[[1, -2, -1]] = True  # a curve that ends on its base stands twice at both ends
        x, y = x[kept], y[kept]
    tenths = np.rint(10 * np.stack([x, y], axis=1)).astype(int)
    first, steps = tenths[0] / 10, np.diff(tenths, axis=0) / 10
    return f"M{first[0]:g} {first[1]:g}l" + " ".join([f"{dx:g} {dy:g}" for dx, dy in steps.tolist()])


MARKERS = (
    "M{x} {y}m-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z",
    "M{x} {y}m-4.5 -4.5h9v9h-9Z",
    "M{x} {y}m0 -6l5.5 6l-5.5 6l-5.5 -6Z",
    "M{x} {y}m0 -6l5.5 10h-11Z",
    "M{x} {y}m0 6l5.5 -10h-11Z",
    "M{x} {y}m-2 -6h4v4h4v4h-4v4h-4v-4h-4v-4h4Z",
)


def _marker(axes: _Axes, dots: Dots, place: int) -> str:
    """A marker; one that a hand can drag says which value it is, and is reached from beside it."""
    x, y = f"{axes.x(dots.x[place]):.1f}", f"{axes.y(dots.y[place]):.1f}"
    shape, fill = MARKERS[dots.colour % len(MARKERS)].format(x=x, y=y), "none" if dots.hollow else _colour(dots.colour)
    drawn = f'<path class="dot" fill="{fill}" stroke="{_colour(dots.colour)}" stroke-width="1.5" d="{shape}"/>'
    if not dots.x_of:
        return drawn
    which = f'data-x="{escaped(dots.x_of)}" data-y="{escaped(dots.y_of)}" data-place="{place}"'
    return f'<g class="hand" {which}><circle class="reach" cx="{x}" cy="{y}" r="{REACH}"/>{drawn}</g>'


def _cells(axes: _Axes, cells: Cells) -> Iterable[str]:
    x, y = axes.x(cells.x_edges), axes.y(cells.y_edges)
    top = cells.density.max()
    for i, j in np.argwhere(cells.density > LIGHT * top):
        width, height = x[i + 1] - x[i], y[j] - y[j + 1]
        yield (
            f'<rect x="{x[i]:.1f}" y="{y[j + 1]:.1f}" width="{width + 0.3:.1f}" height="{height + 0.3:.1f}" '
            f'fill="{COLOURS[0]}" fill-opacity="{cells.density[i, j] / top:.2f}"/>'
        )


def _colour(index: int | None) -> str:
    return "currentColor" if index is None else COLOURS[index % len(COLOURS)]


def _dashes(dash: str) -> str:
    return f' stroke-dasharray="{dash}"' if dash else ""
