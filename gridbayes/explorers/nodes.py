"""The grid itself under the hand: how many nodes, how far they reach, and what that costs.

One theta, y_j ~ N(theta, sigma), on equally spaced points of equal weight, beside the continuous model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gridbayes.explorers.calls import call_text
from gridbayes.explorers.controls import Choice, Control, Slider, State, data_table, decade_of
from gridbayes.explorers.svg import number_text
from gridbayes.explorers.view import Dots, Line, Mark, Panel, Subject, View, estimates_of
from gridbayes.grids import linspace
from gridbayes.models.complete_pooling import complete_pooling
from gridbayes.posterior import Posterior
from gridbayes.priors import Normal

__all__ = ["Nodes"]

SIZES = ("5", "9", "17", "33", "65", "129")  # each halves the spacing


@dataclass(frozen=True, eq=False)
class Nodes(Subject):
    """A grid for theta, whose price is the accuracy statement of the posterior on it.

    Parameters
    ----------
    data : values, all of one theta, by group.
    unit : of a value.
    """

    data: Mapping[str, object]
    unit: str = ""

    @property
    def title(self) -> str:
        return "The price of a grid"

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        table = data_table("Values by group", self.data)
        decade = decade_of(table.start)
        return (
            Choice("nodes", "Nodes of theta", SIZES, "17"),
            Slider(
                "reach", "From the mean of the prior to the grid's end", 0.1 * decade, 100 * decade, 4 * decade, True
            ),
            table,
            Slider("theta_scale", "Sd of the prior of theta", 0.01 * decade, 100 * decade, 2 * decade, True),
            Slider("sigma", "Known sd of a value", 0.1 * decade, 10 * decade, 1.5 * decade, True),
            Slider("mu_mean", "Mean of the prior of theta", -10 * decade, 10 * decade, 0.0, more=True),
        )

    @property
    def presets(self) -> Mapping[str, Mapping[str, object]]:
        decade = decade_of(self.controls[2].start)  # pyright: ignore[reportArgumentType] (of the table)
        return {
            "too coarse": {"nodes": "5", "reach": 4 * decade},
            "too short": {"nodes": "65", "reach": decade},
            "enough": {"nodes": "65", "reach": 8 * decade},
        }

    @property
    def play(self) -> tuple[str, ...]:
        return ("reach",)

    def fit(self, state: State, on_grid: bool = True) -> Posterior:
        """The posterior on the grid, or of the continuous model."""
        grids = {"theta": linspace(*self._span(state))} if on_grid else None
        prior = Normal(state["mu_mean"], state["theta_scale"])
        return complete_pooling(self._data(state), sigma=state["sigma"], theta=prior, grids=grids)

    def code(self, state: State) -> str:
        arguments = {"sigma": state["sigma"], "theta": Normal(state["mu_mean"], state["theta_scale"])}
        grids = f'{{"theta": gb.linspace{self._span(state)!r}}}'
        return call_text("complete_pooling", self._data(state), arguments, {"grids": grids})

    def _span(self, state: State) -> tuple[float, float, int]:
        return state["mu_mean"] - state["reach"], state["mu_mean"] + state["reach"], int(state["nodes"])

    def _data(self, state: State) -> dict[str, list[float]]:
        return {group: list(cell) for group, cell in state["data"].items()}

    def view(self, state: State) -> View:
        post, continuous = self.fit(state), self.fit(state, on_grid=False)
        found, exact = post.marginals["theta"][0], continuous.marginals["theta"][0]
        edges = np.linspace(*self._span(state)[:2], int(state["nodes"]))
        half = (edges[1] - edges[0]) / 2
        steps = np.stack([found.grid.nodes - half, found.grid.nodes + half], axis=1).ravel()
        heights, top = found.masses / (2 * half), float(exact.density(exact.grid.nodes).max())
        outline = np.concatenate([steps[:1], steps, steps[-1:]]), np.concatenate([[0.0], np.repeat(heights, 2), [0.0]])
        marks: list[Mark] = [
            Line(*outline, 0, width=1.5, filled=True, last=True),
            Line(exact.grid.nodes, exact.density(exact.grid.nodes), None, "6 4"),
            Dots(found.grid.nodes, heights, 0),
        ]
        top = float(max(top, heights.max()))
        for place, (group, cell) in enumerate(state["data"].items(), 1):
            marks.append(Dots(np.array(cell), np.full(len(cell), 0.06 * top), place, hollow=True, x_of=group))
        away = max(abs(x - state["mu_mean"]) for cell in state["data"].values() for x in cell)
        wide = max(1.1 * state["reach"], 4 * exact.sd + abs(exact.mean - state["mu_mean"]), 1.1 * away)
        x = state["mu_mean"] - wide, state["mu_mean"] + wide
        label = f"theta, {self.unit}" if self.unit else "theta"
        key = (("continuous", "6 4"), ("on the grid", ""), ("last", "last"))
        panel = Panel("theta", label, x, (0.0, 1.08 * top), tuple(marks), key=key, height=260)
        rows = [("theta", found), ("theta, continuous", exact)]
        mean, truth = number_text(found.mean), number_text(exact.mean)
        story = f"{state['nodes']} nodes say that theta is {mean}; the continuous model says {truth}."
        return View((panel,), estimates_of(rows), story, f"The grid's price: {post.accuracy}.")
