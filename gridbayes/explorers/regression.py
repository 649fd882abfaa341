"""A line under the hand: y_i ~ N(intercept + slope x_i, sigma)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gridbayes.explorers.calls import argument_text, automatic, call_text
from gridbayes.explorers.controls import Control, Slider, State, data_table, decade_of
from gridbayes.explorers.marks import around, density_panel
from gridbayes.explorers.svg import number_text
from gridbayes.explorers.view import Dots, Line, Mark, Panel, Subject, View, estimates_of
from gridbayes.models.linear_regression import linear_regression
from gridbayes.posterior import Posterior
from gridbayes.priors import HalfNormal, Normal, Prior

__all__ = ["Regression"]

FAN = 25  # lines drawn from the posterior


@dataclass(frozen=True, eq=False)
class Regression(Subject):
    """Intercept, slope and sigma of a line.

    Parameters
    ----------
    data : `x` and `y`, equally many of each.
    unit : of y.
    """

    data: Mapping[str, object]
    unit: str = ""

    @property
    def title(self) -> str:
        return "Linear regression"

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        table = data_table("Inputs x and outputs y", self.data, fixed=True)
        y, x = (decade_of({name: table.start[name]}) for name in ("y", "x"))
        count = len(table.start["y"])
        return (
            table,
            Slider("slope_scale", "Sd of the prior of the slope", 0.01 * y / x, 100 * y / x, 5 * y / x, True),
            Slider("intercept_scale", "Sd of the prior of the intercept", 0.01 * y, 100 * y, 10 * y, True),
            Slider("sigma_scale", "Scale of the half-normal prior of sigma", 0.01 * y, 100 * y, 5 * y, True),
            Slider("arrived", "Points that have arrived", 1, count, count, whole=True),
        )

    @property
    def presets(self) -> Mapping[str, Mapping[str, object]]:
        rows = {name: list(cell) for name, cell in self.controls[0].start.items()}  # pyright: ignore
        outlier = [*rows["y"][:-1], rows["y"][-1] + 4 * float(np.ptp(rows["y"]))]
        scale = self.controls[1].low  # pyright: ignore[reportAttributeAccessIssue] (of a slider)
        return {
            "one outlying point": {"data": {**rows, "y": outlier}},
            "prior against data": {"slope_scale": scale},
            "two points": {"arrived": 2},
        }

    @property
    def play(self) -> tuple[str, ...]:
        return ("slope_scale", "arrived")

    def fit(self, state: State) -> Posterior:
        x, y = self._rows(state)
        return linear_regression(x, y, **self._priors(state))

    def code(self, state: State) -> str:
        x, y = self._rows(state)
        priors = {name: argument_text(prior) for name, prior in self._priors(state).items()}
        return call_text("linear_regression", x, {"y": y}, priors)

    def _rows(self, state: State) -> tuple[list[float], list[float]]:
        """Inputs and outputs that have arrived; all, when the slider is at its end."""
        all_of = state["arrived"] == self.controls[-1].start
        rows = {name: list(cell if all_of else cell[: state["arrived"]]) for name, cell in state["data"].items()}
        return rows["x"], rows["y"]

    def _priors(self, state: State) -> dict[str, Prior]:
        return {
            "slope": Normal(0.0, state["slope_scale"]),
            "intercept": Normal(0.0, state["intercept_scale"]),
            "sigma": HalfNormal(state["sigma_scale"]),
        }

    def view(self, state: State) -> View:
        post, priors = self.fit(state), self._priors(state)
        estimates = estimates_of(post.rows)
        spans = {name: around(estimates[name], least=0.0 if name == "sigma" else -np.inf) for name in priors}
        densities = [
            density_panel(name, name, post.marginals[name][0], priors[name], spans[name])
            for name in ("slope", "intercept", "sigma")
        ]
        slope, intercept = estimates["slope"], estimates["intercept"]
        story = (
            f"y rises by {number_text(slope[0])} for each unit of x, between {number_text(slope[2])} and "
            f"{number_text(slope[3])} with probability 0.89; at x = 0 it is {number_text(intercept[0])}."
        )
        return View((self._lines(state, post), *densities), estimates, story, automatic(post))

    def _lines(self, state: State, post: Posterior) -> Panel:
        """The points, the mean line and lines drawn from the posterior."""
        x, y = (np.array(cell) for cell in self._rows(state))
        every = {name: np.array(cell) for name, cell in state["data"].items()}
        beside = 0.08 * (np.ptp(every["x"]) or 1.0)
        ends = np.array([every["x"].min() - beside, every["x"].max() + beside])
        draws = post.sample(FAN, seed=0)
        slopes, intercepts = draws["slope"].values, draws["intercept"].values
        marks: list[Mark] = [Line(ends, a + b * ends, 4, width=0.8) for a, b in zip(intercepts, slopes, strict=True)]
        mean = post.marginals["intercept"][0].mean + post.marginals["slope"][0].mean * ends
        marks += [Line(ends, mean, 0, width=3, last=True), Dots(x, y, 1, hollow=True, x_of="x", y_of="y")]
        above = 0.15 * (np.ptp(every["y"]) or 1.0)
        span = float(every["y"].min() - above), float(every["y"].max() + above)
        label = f"y, {self.unit}" if self.unit else "y"
        key = (("mean line", ""), ("last", "last"))
        title = "lines and points"
        return Panel(title, "x", (float(ends[0]), float(ends[1])), span, tuple(marks), (), label, key, True)
