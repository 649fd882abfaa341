"""A frame: the picture of one state, its sentences and its numbers, as SVG to keep and as HTML that fits any width."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from gridbayes.explorers.controls import State
from gridbayes.explorers.dragging import SCRIPT
from gridbayes.explorers.svg import STYLE, WIDTH, elements, escaped, number_text
from gridbayes.explorers.view import Dots, Estimate, Moments, Panel, Subject, View

__all__ = ["LAYOUT", "Frame", "frame_of"]

GAP, LINE = 12, 20  # px between panels, and from a line of text to the next
STATED = 12  # estimates in a label; the table has all
WRAP = 100  # characters of a line below a picture

LAYOUT = """
.gb-panels { display: grid; gap: 8px 12px; max-width: 1080px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 360px), 1fr)); grid-auto-flow: dense; }
.gb-panels > svg { width: 100%; max-width: 640px; height: auto; display: block; }
.gb-panels > .tall { grid-row: span 2; }
.gb p { margin: 6px 8px; line-height: 1.35; overflow-wrap: anywhere; }
.gb table { border-collapse: collapse; margin: 4px 8px; }
.gb td, .gb th { padding: 1px 10px; text-align: right; font-variant-numeric: tabular-nums; }
.gb .numbers { overflow-x: auto; }
.gb-live .hand { cursor: grab; touch-action: none; }
.gb summary { margin: 6px 8px; cursor: pointer; }
"""


@dataclass(frozen=True)
class Frame:
    """The picture of one state.

    Parameters
    ----------
    label : what the picture shows, in one sentence for those who do not see it.
    panels : of each its height in px and its elements.
    sentence : what happened.
    accuracy : how far the numbers are to be trusted.
    view : the numbers.
    """

    label: str
    panels: tuple[tuple[int, tuple[str, ...]], ...]
    sentence: str
    accuracy: str
    view: View

    @property
    def numbers(self) -> str:
        """All estimates as JSON: mean, sd and bounds by label."""
        return json.dumps({label: list(map(float, row)) for label, row in self.view.numbers.items()})

    def svg(self) -> str:
        """One SVG document: panels in two columns, sentences below."""
        placed, height = _placed([height for height, _ in self.panels])
        inner = "".join(
            f'<svg x="{x}" y="{y}" width="{WIDTH}" height="{own}">{"".join(parts)}</svg>'
            for (x, y), (own, parts) in zip(placed, self.panels, strict=True)
        )
        lines = [line for text in (self.sentence, self.accuracy) for line in _wrapped(text)]
        texts = "".join(f'<text x="8" y="{height + LINE * (i + 1)}">{escaped(x)}</text>' for i, x in enumerate(lines))
        width, height = 2 * WIDTH + GAP, height + LINE * (len(lines) + 1)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="gb" role="img" aria-label="{escaped(self.label)}" '
            f'data-numbers="{escaped(self.numbers)}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
            f'<style>{STYLE}</style><rect width="100%" height="100%" fill="var(--page)"/>{inner}{texts}</svg>'
        )

    def html(self) -> str:
        """The same for a widget: panels beside or below one another, sentences, and the numbers as a table."""
        return (
            f'<style>{STYLE}{LAYOUT}</style><div class="gb gb-live" onpointerdown="{escaped(SCRIPT)}">{self.picture()}'
            f'<p class="sentence" aria-live="polite">{escaped(self.sentence)}</p>'
            f'<p class="accuracy">{escaped(self.accuracy)}</p>{self.table()}</div>'
        )

    def picture(self) -> str:
        """The panels, without their style."""
        parts = "".join(opening(height) + "".join(inside) + "</svg>" for height, inside in self.panels)
        label = f'role="img" aria-label="{escaped(self.label)}" data-numbers="{escaped(self.numbers)}"'
        return f'<div class="gb-panels" {label}>{parts}</div>'

    def table(self) -> str:
        """The numbers, out of sight until asked for."""
        rows = "".join(
            f"<tr><th>{escaped(label)}</th>{''.join(f'<td>{number_text(x)}</td>' for x in row)}</tr>"
            for label, row in self.view.numbers.items()
        )
        head = "<tr><th></th><th>mean</th><th>sd</th><th>eti89_lb</th><th>eti89_ub</th></tr>"
        return f'<details class="numbers"><summary>Numbers</summary><table>{head}{rows}</table></details>'


def frame_of(
    subject: Subject,
    state: State,
    held: View | None = None,
    before: tuple[State, View] | None = None,
    view: View | None = None,
    keyed: bool = False,
) -> Frame:
    """The frame of a state: pure.

    Parameters
    ----------
    held : the view whose axes are kept; left out, its own.
    before : the state before and its view, which stays as a ghost.
    view : `subject.view(state)`, where it is known.
    keyed : whether a ghost has its key without being there: a page draws it.
    """
    view = view or subject.view(state)
    kept = {panel.title: panel for panel in (held or view).panels}
    ghosts = {panel.title: panel for panel in before[1].panels} if before else {}
    panels = tuple(
        (panel.height, tuple(elements(panel, kept.get(panel.title), ghosts.get(panel.title), keyed)))
        for panel in view.panels
    )
    changes = _changes(subject, state, view, before) if before else ""
    lost = _beyond(view, kept)
    sentence = " ".join(filter(None, (changes, view.story, lost)))
    return Frame(_label(subject, state, view), panels, sentence, view.accuracy, view)


def opening(height: int) -> str:
    """The start of a panel; one of more than one and a half rows' height stands beside two."""
    tall = ' class="tall"' if height >= 380 else ""
    return f'<svg{tall} viewBox="0 0 {WIDTH} {height}" aria-hidden="true">'


def _label(subject: Subject, state: State, view: View) -> str:
    """The picture in one sentence: the controls' values, then the estimates."""
    controls = ", ".join(f"{control.name} {_value(state[control.name])}" for control in subject.controls)
    numbers = "; ".join(f"{label} {_estimate(row)}" for label, row in list(view.numbers.items())[:STATED])
    return f"{subject.title} with {controls}. Panels: {', '.join(panel.title for panel in view.panels)}. {numbers}."


def _estimate(row: Estimate | Moments) -> str:
    if len(row) == 2:
        return f"{number_text(row[0])}, sd {number_text(row[1])}"
    return f"{number_text(row[0])}, 89% interval {number_text(row[2])} to {number_text(row[3])}"


def _value(value: object) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return f"{sum(map(len, value.values()))} values in {len(value)} groups"
    return str(value)


def _changes(subject: Subject, state: State, view: View, before: tuple[State, View]) -> str:
    """What was moved, and the estimate that followed farthest, in units of its sd."""
    old_state, old = before
    moved = [control.name for control in subject.controls if state[control.name] != old_state[control.name]]
    if not moved:
        return ""
    what = " and ".join(_went(name, old_state[name], state[name]) for name in moved[:2])
    apart = {
        label: abs(row[0] - old.numbers[label][0]) / (row[1] or 1.0)
        for label, row in view.numbers.items()
        if label in old.numbers
    }
    apart = {label: size for label, size in apart.items() if size > 5e-3}
    if not apart:
        return f"{what}: no estimate moved."
    most = max(apart, key=apart.__getitem__)
    return (
        f"{what}: {most} moved most, from {number_text(old.numbers[most][0])} to {number_text(view.numbers[most][0])}."
    )


def _went(name: str, old: object, new: object) -> str:
    """How a control moved; of a table, where one value alone did, that value."""
    if isinstance(old, Mapping) and isinstance(new, Mapping) and _counts(old) == _counts(new):
        moved = [
            (group, *pair) for group in old for pair in zip(old[group], new[group], strict=True) if len(set(pair)) > 1
        ]
        if len(moved) == 1:
            ((group, old, new),) = moved
            name = f"a value of {group}"
    return f"{name} went from {_value(old)} to {_value(new)}"


def _counts(table: Mapping[str, tuple[float, ...]]) -> dict[str, int]:
    return {group: len(cell) for group, cell in table.items()}


def _beyond(view: View, kept: dict[str, Panel]) -> str:
    """Says when a marker has left the axes that hold still."""
    for panel in view.panels:
        low, high = kept.get(panel.title, panel).x
        for mark in panel.marks:
            if isinstance(mark, Dots) and len(mark.x) and (mark.x.min() < low or mark.x.max() > high):
                return f"Part of {panel.title} is beyond its axis: rescale."
    return ""


def _placed(heights: list[int]) -> tuple[list[tuple[int, int]], int]:
    """The corners of panels in two columns, each below the shorter one, and the height of all."""
    ends, corners = [0, 0], []
    for height in heights:
        column = int(ends[1] < ends[0])
        corners.append((column * (WIDTH + GAP), ends[column]))
        ends[column] += height + GAP
    return corners, max(ends)


def _wrapped(text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > WRAP:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]
