"""A mixture of two normals under the hand: y_i ~ weight_0 N(mu_0, sigma) + weight_1 N(mu_1, sigma), mu_0 < mu_1.

Without data of one's own they are simulated, from the same numbers at every move, so that they follow the truth's sliders.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from gridbayes.explorers.calls import argument_text
from gridbayes.explorers.controls import Choice, Control, Slider, State
from gridbayes.explorers.marks import row_panel
from gridbayes.explorers.svg import number_text
from gridbayes.explorers.view import Dots, Line, Mark, Panel, Subject, View
from gridbayes.models.mixture import mixture
from gridbayes.posterior import Posterior
from gridbayes.priors import Normal
from gridbayes.quadrature.quadrature import QuadratureWarning

__all__ = ["Mixture"]

BINS = 40
FAN = 15  # densities drawn from the posterior
SIMULATED = """\
rng = np.random.default_rng(0)
first = rng.random({draws}) < {weight!r}
y = np.where(first, {first!r}, {second!r}) + rng.standard_normal({draws})
"""


@dataclass(frozen=True, eq=False)
class Mixture(Subject):
    """Two components of known sigma.

    Parameters
    ----------
    data : the sample, or None to simulate one with sd 1.
    unit : of a value.
    """

    data: tuple[float, ...] | None = None
    unit: str = ""

    @property
    def title(self) -> str:
        return "Mixture of two normals"

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        spread = 1.0 if self.data is None else float(np.std(self.data)) / 2
        decade = 10.0 ** np.floor(np.log10(spread))
        priors = (
            Slider("mu_scale", "Sd of the prior of both means", decade, 100 * decade, 10 * decade, True),
            Slider("sigma", "Known sd of both components", 0.2 * spread, 5 * spread, spread, True),
        )
        if self.data is not None:
            return priors
        return (
            Slider("weight", "True weight of the first component", 0.0, 1.0, 0.7),
            Slider("first", "True mean of the first component", -5.0, 8.0, 0.0),
            Slider("second", "True mean of the second component", -5.0, 8.0, 4.0),
            Choice("draws", "Values drawn", ("200", "2000"), "200"),
            *priors[:1],
        )

    @property
    def presets(self) -> dict[str, dict[str, object]]:
        if self.data is not None:
            return {}
        return {
            "apart": {"weight": 0.7, "first": 0.0, "second": 4.0},
            "even": {"weight": 0.5, "first": -2.0, "second": 3.0},
            "a few of one": {"weight": 0.95, "first": 0.0, "second": 5.0},
        }

    @property
    def play(self) -> tuple[str, ...]:
        return ("mu_scale",) if self.data is not None else ("second", "weight")

    def fit(self, state: State) -> Posterior:
        return mixture(self._values(state), sigma=self._sigma(state), mu=Normal(0.0, state["mu_scale"]))

    def code(self, state: State) -> str:
        call = (
            f"post = gb.mixture(y, sigma={self._sigma(state)!r}, mu={argument_text(Normal(0.0, state['mu_scale']))})\n"
        )
        head = "import numpy as np\n\nimport gridbayes as gb\n\n"
        if self.data is not None:
            return f"{head}y = np.array({list(self.data)!r})\n{call}"
        truth = {name: state[name] for name in ("draws", "weight", "first", "second")}
        return head + SIMULATED.format(**truth) + call

    def _sigma(self, state: State) -> float:
        return 1.0 if self.data is None else state["sigma"]

    def _values(self, state: State) -> np.ndarray:
        if self.data is not None:
            return np.array(self.data)
        rng, draws = np.random.default_rng(0), int(state["draws"])
        first = rng.random(draws) < state["weight"]
        return np.where(first, state["first"], state["second"]) + rng.standard_normal(draws)

    def view(self, state: State) -> View:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", QuadratureWarning)
            post = self.fit(state)
        estimates = {label: (each.mean, each.sd) for label, each in post.rows}
        panels = (self._values_panel(state, post), self._rows_panel("mu", post), self._rows_panel("weight", post))
        means = [number_text(estimates[f"mu[{k}]"][0]) for k in (0, 1)]
        share = number_text(100 * estimates["weight[0]"][0])
        story = f"{share}% of the values come from about {means[0]}, the others from about {means[1]}."
        accuracy = "Quadrature: had its rules not agreed, it would say so; post.accuracy states each error."
        return View(panels, estimates, story, " ".join([str(each.message) for each in said] or [accuracy]))

    def _values_panel(self, state: State, post: Posterior) -> Panel:
        """The histogram, densities by draws from the posterior, and each component at the posterior means."""
        y, sigma = self._values(state), self._sigma(state)
        heights, edges = np.histogram(y, BINS, density=True)
        x = np.linspace(edges[0], edges[-1], 120)
        marks: list[Mark] = [Line(np.repeat(edges, 2), _steps(heights), None, width=1, filled=True)]
        draws = post.sample(FAN, seed=0)
        for weights, mus in zip(draws["weight"].values, draws["mu"].values, strict=True):
            each = [_component(x, w, mu, sigma) for w, mu in zip(weights, mus, strict=True)]
            marks.append(Line(x, np.sum(each, axis=0), 4, width=0.7))
        for k, (weight, mu) in enumerate(zip(post.marginals["weight"], post.marginals["mu"], strict=True)):
            density = _component(x, weight.mean, mu.mean, sigma)
            marks.append(Line(x, density, k, "" if k == 0 else "6 3", 2.5, last=True))
        span = float(edges[0] - 0.5 * sigma), float(edges[-1] + 0.5 * sigma)
        label = f"y, {self.unit}" if self.unit else "y"
        key = (("first", ""), ("second", "6 3"), ("last", "last"))
        top = 1.1 * max(float(heights.max()), *(float(line.y.max()) for line in marks if isinstance(line, Line)))
        return Panel("values", label, span, (0.0, top), tuple(marks), key=key, height=260)

    def _rows_panel(self, name: str, post: Posterior) -> Panel:
        """The mean of each component's parameter, with one sd to either side."""
        marks: list[Mark] = []
        for k, each in enumerate(post.marginals[name]):
            ends = np.array([each.mean - each.sd, each.mean + each.sd])
            marks += [
                Line(ends, np.full(2, float(k)), k, width=4, last=True),
                Dots(ends.mean(keepdims=True), np.array([float(k)]), k),
            ]
        found = [mark.x for mark in marks]  # pyright: ignore[reportAttributeAccessIssue] (lines and dots)
        low, high = float(np.concatenate(found).min()), float(np.concatenate(found).max())
        span = (0.0, 1.0) if name == "weight" else (low - 0.3 * (high - low), high + 0.3 * (high - low))
        names = ("first", "second")
        return row_panel(f"{name}: mean and sd", name, names, span, marks, 190)


def _component(x: Float[np.ndarray, " point"], weight: float, mu: float, sigma: float) -> Float[np.ndarray, " point"]:
    return weight * np.exp(Normal(float(mu), sigma).logpdf(x))


def _steps(heights: Float[np.ndarray, " bin"]) -> Float[np.ndarray, " point"]:
    return np.concatenate([[0.0], np.repeat(heights, 2), [0.0]])
