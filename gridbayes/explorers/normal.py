"""A normal sample under the hand: y_i ~ N(mu, sigma), mu ~ N(mu_mean, mu_scale), sigma ~ HalfNormal(sigma_scale)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gridbayes.explorers.calls import automatic, call_text
from gridbayes.explorers.controls import Control, Slider, State, data_table, decade_of
from gridbayes.explorers.marks import around, density_panel
from gridbayes.explorers.svg import number_text
from gridbayes.explorers.view import Dots, Panel, Subject, View, estimates_of
from gridbayes.models.normal import normal
from gridbayes.posterior import Posterior
from gridbayes.priors import HalfNormal, Normal, Prior

__all__ = ["NormalSample"]


@dataclass(frozen=True, eq=False)
class NormalSample(Subject):
    """Mean and sd of one sample.

    Parameters
    ----------
    data : the sample, as the group `values` of a table, which has no other.
    unit : of a value.
    """

    data: Mapping[str, object]
    unit: str = ""

    @property
    def title(self) -> str:
        return "Normal sample, mean and sd learned"

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        table = data_table("Values", self.data, fixed=True)
        decade, count = decade_of(table.start), sum(map(len, table.start.values()))
        low, high = 0.01 * decade, 100 * decade
        return (
            table,
            Slider("mu_mean", "Mean of the prior of mu", -10 * decade, 10 * decade, 0.0),
            Slider("mu_scale", "Sd of the prior of mu", low, high, 5 * decade, True),
            Slider("sigma_scale", "Scale of the half-normal prior of sigma", low, high, 5 * decade, True),
            Slider("arrived", "Values that have arrived", 1, count, count, whole=True),
        )

    @property
    def presets(self) -> Mapping[str, Mapping[str, object]]:
        decade = decade_of(self.controls[0].start)  # pyright: ignore[reportArgumentType] (of the table)
        return {
            "little is known before": {"mu_scale": 100 * decade, "sigma_scale": 100 * decade},
            "prior against data": {"mu_scale": 0.1 * decade, "sigma_scale": decade},
            "one value": {"arrived": 1},
        }

    @property
    def play(self) -> tuple[str, ...]:
        return ("mu_scale", "arrived")

    def fit(self, state: State) -> Posterior:
        return normal(self._values(state), **self._priors(state))

    def code(self, state: State) -> str:
        return call_text("normal", self._values(state), self._priors(state), {})

    def _values(self, state: State) -> list[float]:
        """The values that have arrived; all, when the slider is at its end."""
        values = list(state["data"]["values"])
        return values if state["arrived"] == self.controls[-1].start else values[: state["arrived"]]

    def _priors(self, state: State) -> dict[str, Prior]:
        return {"mu": Normal(state["mu_mean"], state["mu_scale"]), "sigma": HalfNormal(state["sigma_scale"])}

    def view(self, state: State) -> View:
        post, priors, values = self.fit(state), self._priors(state), np.array(self._values(state))
        estimates, predicted = estimates_of(post.rows), post.predict().marginals["y"][0]
        estimates["next value"] = estimates_of([("y", predicted)])["y"]
        spans = {"mu": around(estimates["mu"]), "sigma": around(estimates["sigma"], least=0.0)}
        marginals = {name: post.marginals[name][0] for name in spans}
        panels = [density_panel(name, self._named(name), marginals[name], priors[name], spans[name]) for name in spans]
        low, high = around(estimates["next value"], 1.6)
        span = min(low, float(values.min())), max(high, float(values.max()))
        following = density_panel("the next value", self._named("y"), predicted, None, span)
        places = Dots(values, np.full(len(values), 0.06 * following.y[1]), 1, hollow=True, x_of="values")
        shown = Panel(
            following.title, following.x_label, span, following.y, (*following.marks, places), key=following.key
        )
        story = (
            f"The sample's mean is {number_text(float(values.mean()))}, mu is {number_text(estimates['mu'][0])}; "
            f"the next value is between {number_text(estimates['next value'][2])} and "
            f"{number_text(estimates['next value'][3])} with probability 0.89."
        )
        return View((*panels, shown), estimates, story, automatic(post))

    def _named(self, name: str) -> str:
        return f"{name}, {self.unit}" if self.unit else name
