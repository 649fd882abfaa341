"""Data dragged in the picture: a script that writes what a hand does into an input, and the table that follows from it.

A frame replaces the picture while the hand moves, so the script listens to the window and keeps places, not elements. (In a
handler that stands in an attribute, a bare `addEventListener` is the element's own, which the next frame takes away.) The
input belongs to a widget, which holds back all but the last of what is written while a frame is made.
"""

import json
from collections.abc import Mapping

__all__ = ["INPUT", "ROOT", "SCRIPT", "dragged"]

ROOT, INPUT = "gb-explorer", "gb-dragged"  # classes of an explorer, and of its input

# The value of `onpointerdown` of the picture. The nearest marker is taken: those of close values are on one another.
SCRIPT = """
const root = this.closest(".gb-explorer"), hit = event.target.closest(".hand");
if (!root || !hit || event.button) return;
event.preventDefault();
const panels = () => [...root.querySelectorAll(".gb-panels > svg")];
const index = panels().findIndex(panel => panel.contains(hit));
const point = event => new DOMPoint(event.clientX, event.clientY).matrixTransform(panels()[index].getScreenCTM().inverse());
const centre = hand => ["cx", "cy"].map(name => Number(hand.querySelector("circle").getAttribute(name)));
const begun = point(event), far = hand => Math.hypot(centre(hand)[0] - begun.x, centre(hand)[1] - begun.y);
const hand = [...hit.parentNode.querySelectorAll(".hand")].reduce((one, other) => far(other) < far(one) ? other : one);
const [left, right, low, high, bottom, top, least, most] = hit.closest("[data-axes]").dataset.axes.split(" ").map(Number);
const { x, y, place } = hand.dataset, [cx, cy] = centre(hand), input = root.querySelector(".gb-dragged input");
const value = (px, from, to, one, other) => {
  const step = 10 ** Math.floor(Math.log10(Math.abs((other - one) / (to - from))));
  const share = Math.min(Math.max((px - from) / (to - from), 0), 1);
  return Number((Math.round((one + share * (other - one)) / step) * step).toPrecision(12));
};
const move = event => {
  const at = point(event), values = [[x, Number(place), value(at.x - begun.x + cx, left, right, low, high)]];
  if (y) values.push([y, Number(place), value(at.y - begun.y + cy, bottom, top, least, most)]);
  input.value = JSON.stringify(values);
  input.dispatchEvent(new Event("input", { bubbles: true }));
};
const end = () => {
  window.removeEventListener("pointermove", move);
  ["pointerup", "pointercancel"].forEach(name => window.removeEventListener(name, end));
};
window.addEventListener("pointermove", move);
["pointerup", "pointercancel"].forEach(name => window.addEventListener(name, end));
"""


def dragged(table: Mapping[str, tuple[float, ...]], written: str) -> dict[str, list[float]]:
    """The table after what the script wrote: a list of group, place in the group, value.

    Raises
    ------
    ValueError
        When a value is not there any more: of two displays of one explorer, the other has taken it away.

    >>> dragged({"MATH": (30.0, 28.0), "GREEK": ()}, '[["MATH", 1, 12.5]]')
    {'MATH': [30.0, 12.5], 'GREEK': []}
    """
    found = {group: list(cell) for group, cell in table.items()}
    for group, place, value in json.loads(written):
        if place >= len(found.get(group, ())):
            raise ValueError(f"data[{group}] must have the value that is dragged; it has gone. Press Reset.")
        found[group][place] = value
    return found
