"""Complete, no and partial pooling under the hand: priors' scales, data, known or learned sigma.

    theta_d ~ N(mu, tau),   mu ~ N(mu_mean, mu_scale),   tau ~ a prior of scale tau_scale,   y_dj ~ N(theta_d, sigma)

Each state is one public call on explicit grids. Grids depend on the data alone, rounded, so that the tables kept for them
serve every move of a prior's slider. An empty group at the end has the prediction for a new group.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from gridbayes.datasets import eight_schools, punctuality
from gridbayes.explorers.calls import call_text, price
from gridbayes.explorers.controls import Choice, Control, Slider, State, Switch, Table, data_table
from gridbayes.explorers.marks import density_panel, height_of, row_marks, row_panel
from gridbayes.explorers.svg import number_text
from gridbayes.explorers.view import Cells, Dots, Estimate, Line, Mark, Panel, Subject, View, estimates_of
from gridbayes.grids import Grid, stretched
from gridbayes.models.complete_pooling import complete_pooling
from gridbayes.models.no_pooling import no_pooling
from gridbayes.models.partial_pooling import partial_pooling
from gridbayes.posterior import Posterior
from gridbayes.priors import Exponential, HalfCauchy, HalfNormal, Normal, Prior, Uniform
from gridbayes.summaries import Marginal

__all__ = ["Pooling"]

NEW = "a new group"
GIVEN = "none: tau is tau_scale"
TAU = {
    "half-Cauchy": HalfCauchy,
    "half-normal": HalfNormal,
    "exponential": lambda scale: Exponential(1 / scale),
    "uniform": lambda scale: Uniform(0.0, scale),
}
CALLS = {"complete": complete_pooling, "no": no_pooling, "partial": partial_pooling}

type Span = tuple[float, float, int, float, float]  # low, high, count, centre, scale, as `stretched` takes them
type Row = tuple[str, Marginal, Estimate]  # of a group

PRESETS: Mapping[str, Mapping[str, object]] = {
    "punctuality": {"data": punctuality().values},
    "ragged punctuality": {"data": punctuality(ragged=True).values},
    "eight schools": {"data": eight_schools().values, "errors": eight_schools().errors, "sigma": 1.0},
    "one outlying group": {"data": {"A": [2, 4], "B": [3, 5], "C": [1, 3], "D": [2, 3], "E": [41, 38]}},
    "two groups": {"data": {"A": [-12, -9], "B": [10, 13]}},
    "prior against data": {"data": {"A": [58, 62], "B": [61, 64], "C": [55, 60]}},
}


@dataclass(frozen=True, eq=False)
class Pooling(Subject):
    """One of the three models, with sigma known or learned by each group.

    Parameters
    ----------
    kind : how groups share.
    learned : whether each group learns a sigma of its own.
    data : at first, by group.
    errors : known standard deviations by group, as multiples of `sigma`; of a group that is not named it is `sigma`.
    unit : of a value, for the axes.
    """

    kind: Literal["complete", "no", "partial"]
    learned: bool = False
    data: Mapping[str, object] = field(default_factory=lambda: PRESETS["punctuality"]["data"])  # pyright: ignore
    errors: Mapping[str, object] = field(default_factory=dict)
    unit: str = ""

    @property
    def title(self) -> str:
        return f"{self.kind.capitalize()} pooling, sigma {'learned by each group' if self.learned else 'known'}"

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        """In order of sight: at most five, and the others."""
        table = data_table("Values by group", self.data)
        decade = 10.0 ** math.floor(math.log10(_reach(table.start, 0.0, 0.0)))
        low, high, wide = 0.01 * decade, 100 * decade, {"low": 0.01 * decade, "high": 100 * decade, "log": True}
        count = sum(map(len, table.start.values()))
        noise = (
            Slider("sigma_scale", "Scale of the half-Cauchy prior of sigma", start=decade / 2, **wide)
            if self.learned
            else Slider("sigma", "Known sd of a value", 0.1, 10 * decade, 1.0 if self.errors else 1.5 * decade, True)
        )
        mean = Slider("mu_mean", "Mean of the prior of mu", -10 * decade, 10 * decade, 0.0, more=self.kind == "partial")
        rows = Slider("arrived", "Values that have arrived", 1, count, count, whole=True, more=True)
        errors = Table("errors", "Known sd by group, times sigma", self.errors, 0, True, more=True)
        if self.kind != "partial":
            scale = Slider("theta_scale", "Sd of the prior of theta", start=2 * decade, **wide)
            return (table, mean, scale, noise, rows, *([] if self.learned else [errors]))
        return (
            table,
            Slider("mu_scale", "Sd of the prior of mu", low, high, decade / 2, True),
            Slider("tau_scale", "Scale of the prior of tau", low, high, decade / 2, True),
            noise,
            Choice("tau_prior", "Prior of tau", (*TAU, GIVEN), "half-Cauchy"),
            mean,
            rows,
            *([] if self.learned else [errors]),
            Switch("joint", "Map of mu and tau", more=True),
        )

    @property
    def presets(self) -> Mapping[str, Mapping[str, object]]:
        found = {name: {"errors": {}, "sigma": 15.0, **preset} for name, preset in PRESETS.items()}
        if self.learned:
            found = {name: {"data": preset["data"]} for name, preset in PRESETS.items() if name != "eight schools"}
        if self.kind == "partial":
            found["from complete to no pooling"] = {"tau_prior": GIVEN, "tau_scale": self._first("tau_scale").low}
        return found

    @property
    def play(self) -> tuple[str, ...]:
        return ("tau_scale", "arrived") if self.kind == "partial" else ("theta_scale", "arrived")

    # --- the public call --------------------------------------------------------------------------------------------

    def fit(self, state: State, halved: bool = False) -> Posterior:
        """The posterior of a state; `halved` on every other node of its grids."""
        grids = {
            name: stretched(low, high, count // 2 + 1 if halved else count, centre, scale)
            for name, (low, high, count, centre, scale) in self.spans(state).items()
        }
        return CALLS[self.kind](self._data(state), sigma=self._sigma(state), grids=grids, **self._priors(state))

    def code(self, state: State) -> str:
        grids = ", ".join(f'"{name}": gb.stretched{span!r}' for name, span in self.spans(state).items())
        arguments = {"sigma": self._sigma(state), **self._priors(state)}
        return call_text(f"{self.kind}_pooling", self._data(state), arguments, {"grids": f"{{{grids}}}"})

    def spans(self, state: State) -> dict[str, Span]:
        """The grid of each parameter: dense where the data are, in ratio beyond; steps in the data move it rarely."""
        reach, centre = self._reach(state), self._centre(state)
        found: dict[str, Span] = {"theta": (centre - 8 * reach, centre + 8 * reach, 301, centre, reach / 4)}
        if self.kind == "partial":
            mu, tau = (centre - 2 * reach, centre + 2 * reach, 101, state["mu_mean"], reach / 8), (0.0, 4 * reach, 81)
            found = {"mu": mu, **({} if _given(state) else {"tau": (*tau, 0.0, reach / 40)}), **found}
        return found | ({"sigma": (reach / 1000, 8 * reach, 121, 0.0, reach / 40)} if self.learned else {})

    def _reach(self, state: State) -> float:
        return _reach(state["data"], state["mu_mean"], 0.0 if self.learned else state["sigma"])

    def _centre(self, state: State) -> float:
        values = [x for cell in state["data"].values() for x in cell]
        middle, step = (min(values) + max(values)) / 2, self._reach(state) / 2
        return float(round(middle / step) * step)

    def _data(self, state: State) -> dict[str, list[float]]:
        """The values that have arrived, the first of each group before any second, and a group without any."""
        data: Mapping[str, tuple[float, ...]] = state["data"]
        order = sorted((turn, place) for place, cell in enumerate(data.values()) for turn in range(len(cell)))
        arrived = order if state["arrived"] == self._first("arrived").start else order[: state["arrived"]]
        counts = np.bincount([place for _, place in arrived], minlength=len(data))
        kept = {group: list(cell[:n]) for (group, cell), n in zip(data.items(), counts, strict=True)}
        return kept if self.kind == "complete" else {**kept, _new(data): []}

    def _first(self, name: str) -> Any:
        """The control of that name, as it stands at first."""
        return next(control for control in self.controls if control.name == name)

    def _sigma(self, state: State) -> float | dict[str, float] | Prior:
        if self.learned:
            return HalfCauchy(state["sigma_scale"])
        if not any(state["errors"].values()):
            return state["sigma"]
        return {group: state["sigma"] * (state["errors"].get(group) or (1.0,))[0] for group in self._data(state)}

    def _priors(self, state: State) -> dict[str, Any]:
        """Of each parameter that has no parent; tau's is its value where it is given."""
        if self.kind != "partial":
            return {"theta": Normal(state["mu_mean"], state["theta_scale"])}
        tau = state["tau_scale"] if _given(state) else TAU[state["tau_prior"]](state["tau_scale"])
        return {"mu": Normal(state["mu_mean"], state["mu_scale"]), "tau": tau}

    # --- what is seen -----------------------------------------------------------------------------------------------

    def view(self, state: State) -> View:
        post, priors, data = self.fit(state), self._priors(state), self._data(state)
        estimates = estimates_of(post.rows)
        estimates.pop(f"sigma[{_new(state['data'])}]", None)  # of a group without values: the prior
        rows = {"all": tuple(data)} if self.kind == "complete" else {group: (group,) for group in data}
        thetas = list(zip(rows.values(), post.marginals["theta"], _of("theta", estimates), strict=True))
        panels = [self._of_theta(state, tuple(rows), thetas, data)]
        if self.kind == "partial":
            scales = [density_panel("mu", self._named("mu"), post.marginals["mu"][0], priors["mu"], panels[0].x)]
            if not _given(state):
                top = float(np.clip(3 * estimates["tau"][3], self._reach(state) / 20, 1.2 * self._reach(state)))
                tau = post.marginals["tau"][0]
                scales.append(density_panel("tau", self._named("tau"), tau, priors["tau"], (0.0, top)))
            panels = [*scales, *panels] if self.learned else [scales[0], *panels, *scales[1:]]
            if state["joint"] and not _given(state):
                panels.append(self._joint(post, panels[0].x, (0.0, top)))
        if self.learned:
            sigmas = list(zip(state["data"], post.marginals["sigma"], _of("sigma", estimates), strict=False))
            panels.append(self._of_sigma(state, sigmas))
        return View(tuple(panels), estimates, self._story(state, post, data), self._accuracy(state, post))

    def _of_theta(
        self,
        state: State,
        names: tuple[str, ...],
        thetas: list[tuple[tuple[str, ...], Marginal, Estimate]],
        data: Mapping[str, list[float]],
    ) -> Panel:
        """A row a theta: its groups' values, a line from their mean to the estimate, the estimate with its interval, the
        density. Values are markers of their group."""
        marks: list[Mark] = []
        shapes = {group: place for place, group in enumerate(data)}
        for i, (groups, theta, estimate) in enumerate(thetas):
            values = np.concatenate([data[group] for group in groups])
            marks += row_marks(i, theta, estimate)
            if len(values):
                raw = np.array([values.mean(), theta.mean])
                marks.append(Line(raw, np.array([i - 0.34, i + 0.34]), i, "2 2", 1.5))
            for group in groups:
                own = np.array(data[group])
                marks.append(Dots(own, np.full(len(own), i - 0.34), shapes[group], hollow=True, x_of=group))
        values, beside = np.concatenate([*state["data"].values(), [state["mu_mean"]]]), 0.2 * self._reach(state)
        x = float(values.min() - beside), float(values.max() + beside)
        return row_panel("theta: values, estimates", self._named("theta"), names, x, marks, 0 if self.learned else 388)

    def _of_sigma(self, state: State, sigmas: list[Row]) -> Panel:
        marks = [mark for i, (_, sigma, estimate) in enumerate(sigmas) for mark in row_marks(i, sigma, estimate)]
        names, span = tuple(group for group, *_ in sigmas), (0.0, 0.9 * self._reach(state))
        return row_panel(
            "sigma", self._named("sigma"), names, span, marks, height_of(len(sigmas) + 1)
        )  # as high as theta's

    def _joint(self, post: Posterior, mu: tuple[float, float], tau: tuple[float, float]) -> Panel:
        masses = post.joint("mu", "tau").values
        x, y = (post.marginals[name][0].grid for name in ("mu", "tau"))
        density = masses / np.exp(np.add.outer(x.log_weight, y.log_weight))
        cells = Cells(_edges(x), _edges(y), density)
        return Panel("joint: mu and tau", self._named("mu"), mu, tau, (cells,), y_label="tau", rigid=True)

    def _named(self, name: str) -> str:
        return f"{name}, {self.unit}" if self.unit else name

    def _story(self, state: State, post: Posterior, data: Mapping[str, list[float]]) -> str:
        if self.kind == "complete":
            raw, theta = float(np.mean(np.concatenate(list(data.values())))), post.marginals["theta"][0]
            return (
                f"All groups share one theta: {number_text(theta.mean)}, where the values' mean is {number_text(raw)}."
            )
        means = {
            group: (float(np.mean(values)), theta.mean)
            for (group, values), theta in zip(data.items(), post.marginals["theta"], strict=True)
            if values
        }
        most = max(means, key=lambda group: abs(means[group][0] - means[group][1]))
        raw, estimate = means[most]
        drawn = f"{most} is drawn from {number_text(raw)} to {number_text(estimate)}"
        if self.kind == "no":
            return f"{drawn}, by the prior alone: groups do not know of each other."
        tau = post.marginals["tau"][0]
        if _given(state):
            return f"{drawn}, as tau is {number_text(tau.mean)}."
        return f"{drawn}; tau is above {number_text(float(tau.quantile(0.1)))} with probability 0.9."

    def _accuracy(self, state: State, post: Posterior) -> str:
        cut = []
        for name, prior in self._priors(state).items():
            if isinstance(prior, float):
                continue
            grid = post.marginals[name][0].grid
            levels = np.searchsorted(prior.ppf(np.linspace(0, 1, 10_001)), grid.nodes[[0, -1]]) / 1e4
            if levels[0] + 1 - levels[1] > 0.002:
                cut.append(f"{100 * (levels[0] + 1 - levels[1]):.2g}% of the prior of {name} is beyond its grid")
        return "; ".join([price(post, self.fit(state, halved=True)), *cut]) + "."


def _of(name: str, estimates: Mapping[str, Estimate]) -> list[Estimate]:
    """The estimates of a parameter, in the order of groups."""
    return [row for label, row in estimates.items() if label.partition("[")[0] == name]


def _edges(grid: Grid) -> np.ndarray:
    nodes = grid.nodes
    return np.concatenate([nodes[:1], (nodes[1:] + nodes[:-1]) / 2, nodes[-1:]])


def _given(state: State) -> bool:
    """Whether tau has no prior and is a number."""
    return state.get("tau_prior") == GIVEN


def _new(data: Mapping[str, object]) -> str:
    """The label of the empty group."""
    label = NEW
    while label in data:
        label += "'"
    return label


def _reach(data: Mapping[str, tuple[float, ...]], mean: float, sigma: float) -> float:
    """A power of two at least as large as the range of the data and the prior's mean, and as two sigmas."""
    values = [mean, *(x for cell in data.values() for x in cell)]
    size = max(max(values) - min(values), 2 * sigma) or 1.0
    return 2.0 ** math.ceil(math.log2(size))
