"""A page that needs nothing: frames made beforehand over one or two sliders, equal elements of them held once."""

import itertools
import json

from gridbayes.explorers.controls import Control, Slider, State, state_of
from gridbayes.explorers.frame import LAYOUT, Frame, frame_of, opening
from gridbayes.explorers.svg import STYLE, escaped
from gridbayes.explorers.view import Subject

__all__ = ["page_of"]

LARGEST = 5_000_000  # bytes of a page: it goes by mail
POSITIONS = {1: 41, 2: 15}  # of each slider, by their number

CONTROLS = """
body { margin: 0; }
main { padding: 8px; max-width: 1096px; margin: 0 auto; }
h1 { font-size: 20px; margin: 4px 8px; }
.control { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; margin: 6px 8px; }
main:not(.moved) .ghost-key { visibility: hidden; }
.control label { flex: 1 1 220px; } .control input { flex: 4 1 240px; height: 28px; } .control output { flex: 0 0 72px; }
"""

# Elements of a frame are numbers of shared elements. The input event names the last position only, so no move waits.
# Lines that stay are drawn again behind the next frame; a density's axis grows, so its ghost is brought to the new one.
SCRIPT = """
const data = JSON.parse(document.getElementById("frames").textContent);
const inputs = [...document.querySelectorAll("input")], panels = [...document.querySelectorAll(".gb-panels > svg")];
let shown;
function axes(panel) {
  const [, , , , bottom, , low, high] = panel.querySelector("[data-axes]").dataset.axes.split(" ").map(Number);
  return { bottom, span: high - low };
}
function draw(panel, parts) {
  const old = shown === undefined ? [] : [...panel.querySelectorAll(".stays")], before = old.length ? axes(panel) : null;
  panel.innerHTML = parts.map(part => data.parts[part]).join("");
  if (!before) return;
  const now = axes(panel), ratio = before.span / now.span;
  panel.querySelector("[data-axes]").prepend(...old.map(line => {
    line.setAttribute("class", "last");
    line.setAttribute("fill", "none");
    line.setAttribute("transform", `matrix(1 0 0 ${ratio} 0 ${now.bottom * (1 - ratio)})`);
    return line;
  }));
}
function show() {
  let index = 0;
  inputs.forEach((input, i) => {
    const name = data.positions[i][input.value];
    index = index * data.positions[i].length + Number(input.value);
    input.setAttribute("aria-valuetext", name);
    document.getElementById("value" + i).textContent = name;
  });
  if (index === shown) return;
  const frame = data.frames[index];
  frame.panels.forEach((parts, i) => draw(panels[i], parts));
  document.querySelector("main").classList.toggle("moved", shown !== undefined);
  shown = index;
  const picture = document.querySelector(".gb-panels");
  picture.setAttribute("aria-label", frame.label);
  picture.setAttribute("data-numbers", frame.numbers);
  document.querySelector(".sentence").textContent = frame.sentence;
  document.querySelector(".accuracy").textContent = frame.accuracy;
}
inputs.forEach(input => input.addEventListener("input", show));
show();
"""


def page_of(subject: Subject, state: State, over: tuple[str, ...], positions: int | None) -> tuple[str, int]:
    """The page and the number of its frames.

    Raises
    ------
    ValueError
        When `over` is not one or two sliders, or the page would be larger than 5 MB.
    """
    sliders = _sliders(subject.controls, over)
    count = POSITIONS[len(sliders)] if positions is None else positions
    if not 2 <= count <= 500:
        raise ValueError(f"positions must be from 2 to 500; positions is {count}. Leave it out for {POSITIONS}.")
    steps = [slider.positions(count) for slider in sliders]
    held, parts, frames = subject.view(state), {}, []
    size = 0
    for values in itertools.product(*steps):
        moved = state_of(subject.controls, state, dict(zip(over, values, strict=True)))
        frame = frame_of(subject, moved, held, keyed=True)
        known = len(parts)
        frames.append(_numbered(frame, parts))
        size += len(frame.label) + len(frame.numbers) + sum(map(len, itertools.islice(parts, known, None)))
        if size > LARGEST:
            total = len(list(itertools.product(*steps)))
            raise ValueError(
                f"the page would be larger than {LARGEST / 1e6:g} MB: {total} frames, and frame {len(frames)} is past it. "
                f"Pass fewer positions (positions={max(2, count * 2 // 3)}) or one slider (over=({over[0]!r},))."
            )
    return _page(
        subject,
        sliders,
        steps,
        [_nearest(state[s.name], own) for s, own in zip(sliders, steps, strict=True)],
        parts,
        frames,
        frame,
    ), len(frames)


def _sliders(controls: tuple[Control, ...], over: tuple[str, ...]) -> list[Slider]:
    known = {control.name: control for control in controls if isinstance(control, Slider)}
    if not 1 <= len(over) <= 2 or len(set(over)) < len(over) or not set(over) <= set(known):
        raise ValueError(f"over must name one or two of the sliders {', '.join(known)}; over is {over!r}.")
    return [known[name] for name in over]


def _nearest(value: float, steps: list[float]) -> int:
    return min(range(len(steps)), key=lambda i: abs(steps[i] - value))


def _numbered(frame: Frame, parts: dict[str, int]) -> dict:
    """A frame with numbers in place of elements, which go to `parts` when they are new."""
    panels = [[parts.setdefault(element, len(parts)) for element in inside] for _, inside in frame.panels]
    said = {"label": frame.label, "sentence": frame.sentence, "accuracy": frame.accuracy, "numbers": frame.numbers}
    return {"panels": panels, **said}


def _page(
    subject: Subject,
    sliders: list[Slider],
    steps: list[list[float]],
    at: list[int],
    parts: dict[str, int],
    frames: list[dict],
    frame: Frame,
) -> str:
    controls = "".join(
        f'<div class="control"><label for="input{i}">{escaped(slider.label)} ({escaped(slider.name)})</label>'
        f'<input id="input{i}" type="range" min="0" max="{len(own) - 1}" step="1" value="{start}" autocomplete="off">'
        f'<output id="value{i}" for="input{i}"></output></div>'
        for i, (slider, own, start) in enumerate(zip(sliders, steps, at, strict=True))
    )
    panels = "".join(opening(height) + "</svg>" for height, _ in frame.panels)
    data = {"positions": [[f"{x:.4g}" for x in own] for own in steps], "parts": list(parts), "frames": frames}
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escaped(subject.title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark">'
        f'<style>{STYLE}{LAYOUT}{CONTROLS}</style></head><body class="gb"><main><h1>{escaped(subject.title)}</h1>{controls}'
        f'<div class="gb-panels" role="img" aria-label="">{panels}</div><p class="sentence" aria-live="polite"></p>'
        f'<p class="accuracy"></p></main><script type="application/json" id="frames">{_json(data)}</script>'
        f"<script>{SCRIPT}</script></body></html>"
    )


def _json(data: dict) -> str:
    """JSON that no text in it can end: the only way out of a script element is `</`."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
