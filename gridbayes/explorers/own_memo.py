"""Any `@gridbayes.memo` program under the hand: a slider for each of its parameters, a panel for each of its axes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gridbayes.explorers.controls import Control, Slider, State
from gridbayes.explorers.marks import around, closed
from gridbayes.explorers.svg import number_text
from gridbayes.explorers.view import Dots, Line, Mark, Panel, Subject, View, estimates_of
from gridbayes.memos.memo import UserMemo
from gridbayes.posterior import Posterior
from gridbayes.summaries import Marginal

__all__ = ["OwnMemo"]

SEEN = 5  # controls in sight


@dataclass(frozen=True, eq=False)
class OwnMemo(Subject):
    """A memo whose result is a posterior.

    Parameters
    ----------
    program : the memo.
    grids : as in its call.
    start : its parameters at first. Whole numbers move in whole steps; arrays stay as they are.
    ranges : low and high of parameters by name; left out, from 0 to twice the first value, on both sides where it is
        negative, from 0 to 10 where it is 0.
    """

    program: UserMemo
    grids: Mapping[str, object]
    start: Mapping[str, Any]
    ranges: Mapping[str, tuple[float, float]]

    @property
    def title(self) -> str:
        return f"memo {self.program.text.name}"

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        sliders = []
        for name, value in self.start.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                low, high = self.ranges.get(name, _range(value))
                whole = isinstance(value, int)
                sliders.append(Slider(name, name, low, high, value, whole=whole, more=len(sliders) >= SEEN))
        return tuple(sliders)

    @property
    def presets(self) -> Mapping[str, Mapping[str, object]]:
        return {}

    @property
    def play(self) -> tuple[str, ...]:
        return tuple(control.name for control in self.controls[:1])

    def fit(self, state: State) -> Posterior:
        post = self.program(**{**self.start, **state}, grids=self.grids)
        if not isinstance(post, Posterior):
            name = self.program.text.name
            raise TypeError(f"memo {name} must return a distribution over its axes, as Pr[agent.x == _x]; it does not.")
        return post

    def code(self, state: State) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in {**self.start, **state}.items())
        return f"post = {self.program.text.name}({inside}, grids=grids)  # the memo and the grids as you wrote them\n"

    def view(self, state: State) -> View:
        post = self.fit(state)
        estimates = estimates_of(post.rows)
        panels = tuple(_panel(label, marginal, estimates[label]) for label, marginal in post.rows)
        story = "; ".join(f"{label} is about {number_text(row[0])}" for label, row in estimates.items())
        return View(panels, estimates, f"{story}.", f"Accuracy: {post.accuracy}.")


def _panel(label: str, marginal: Marginal, estimate: tuple[float, float, float, float]) -> Panel:
    """The density; on points their masses as dots on stems."""
    nodes = marginal.grid.nodes
    if marginal.grid.rule == "points":
        y, what = marginal.masses, "probability of a node"
        span = float(nodes[0]), float(nodes[-1])
    else:
        y, what = marginal.density(nodes), "density"
        span = around(estimate)
        span = max(span[0], float(nodes[0])), min(span[1], float(nodes[-1]))
    marks: list[Mark] = [Line(*closed(nodes, y, 0.0), 0, filled=True, last=True)]
    if len(nodes) <= 40:
        marks.append(Dots(nodes, y, 0))
    return Panel(label, f"{label} ({what})", span, (0.0, 1.08 * float(np.max(y))), tuple(marks))


def _range(value: float) -> tuple[float, float]:
    if value == 0:
        return 0.0, 10.0
    return (-2.0 * abs(value), 2.0 * abs(value)) if value < 0 else (0.0, 2.0 * value)
