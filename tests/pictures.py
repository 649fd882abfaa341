"""One picture of each public function of gridbayes.plots, as test_images.py compares them with tests/baseline.

`python tests/pictures.py` draws the baselines anew, all or by name: look at them before they are committed.
"""

import sys
from functools import cache
from pathlib import Path

import numpy as np
from drawn import DATA
from stories import fork

import gridbayes as gb
from gridbayes import plots

BASELINE = Path(__file__).parent / "baseline"
DPI = 50  # enough to tell a line that moves by 2 points
SCALES = {"mu_scale": gb.geomspace(1, 30, 9), "tau_scale": gb.geomspace(1, 30, 9)}
X, Y = np.arange(8.0), np.array([0.2, 1.1, 1.7, 3.4, 3.9, 5.2, 5.8, 7.3])
TWO = np.concatenate([np.linspace(-1.5, 1.5, 20), np.linspace(5, 7, 10)])
BENT = np.where(np.arange(40) % 4 == 0, 2.0, -1.0) * np.arange(40.0) / 4 + np.sin(np.arange(40.0) ** 2) / 2

STEPS = np.arange(30)
STATES = STEPS // 4 % 3
INPUT = 5 + 5 * np.sin(STEPS**2)
OUTPUT = np.array([1, -0.8, 0.2])[STATES] * INPUT + np.array([2, 0, -1])[STATES] + np.cos(STEPS**3)


@cache
def late():
    return gb.partial_pooling(DATA, sigma=15, mu_scale=10, tau_scale=10)


@cache
def own():
    return gb.no_pooling(DATA, sigma=15, theta=gb.Normal(0, 20))


@cache
def line():
    return gb.linear_regression(X, Y, slope=gb.Normal(0, 5), intercept=gb.Normal(0, 5), sigma=0.5)


@cache
def compared():
    return gb.compare({"partial pooling": late(), "no pooling": own()})


@cache
def sweep():
    return gb.sensitivity(DATA, sigma=15, **SCALES)


def lives():
    return gb.lifetimes([3, 8, 12, 12, 5, 2], [1, 1, 0, 0, 1, 1], group=["A", "B", "A", "B", "A", "B"])


def two():
    return gb.mixture(TWO, sigma=1, mu=gb.Normal(0, 10))


def bent():
    return gb.mixture_of_regressions(np.arange(40) / 4, BENT, sigma=0.5, order=5)


def seen():
    grid = gb.linspace(-3, 3, 7)
    return fork(grid, grid).condition(y1=[1, -1, 1], y2=-1)


def coarse():
    return gb.complete_pooling(DATA, sigma=15, theta=gb.Normal(0, 20), grids={"theta": gb.linspace(-20, 5, 26)})


@cache
def hidden():
    return gb.HiddenMarkov([0.6, 0.4], [[0.9, 0.1], [0.3, 0.7]], gb.NormalEmissions(mu=[0, 4], sigma=[1, 0.7]))


@cache
def hidden_rows():
    return hidden().sample([60], seed=2)["y"]


PICTURES = {
    "chain_states": lambda: plots.chain_states(hidden_rows(), hidden().condition(hidden_rows())),
    "contrasts": lambda: plots.contrasts(late(), unit="minutes"),
    "density": lambda: plots.density(late(), "theta", unit="minutes"),
    "difference": lambda: plots.difference(late().contrast("G", "M"), unit="minutes"),
    "elpd_comparison": lambda: plots.elpd_comparison(compared()),
    "elpd_pointwise": lambda: plots.elpd_pointwise(late().loo()),
    "em_trace": lambda: plots.em_trace(gb.fit_hidden_markov(hidden_rows(), restarts=2), generator=-110.0),
    "emission_densities": lambda: plots.emission_densities({"true": hidden(), "again": hidden()}, hidden_rows()),
    "evidence_bars": lambda: plots.evidence_bars(compared()),
    "forest": lambda: plots.forest(late(), unit="minutes"),
    "grid_nodes": lambda: plots.grid_nodes(coarse(), "theta"),
    "intervals": lambda: plots.intervals(late(), "theta", unit="minutes"),
    "joint": lambda: plots.joint(late(), "mu", "tau", unit="minutes"),
    "mixture_components": lambda: plots.mixture_components(two(), TWO, sigma=1.0),
    "mixture_lines": lambda: plots.mixture_lines(bent(), np.arange(40) / 4, BENT),
    "pit": lambda: plots.pit(own()),
    "plate_diagram": lambda: plots.plate_diagram(late()),
    "pooling_comparison": lambda: plots.pooling_comparison({"partial": late(), "no": own()}, observed=observed()),
    "posterior_panels": lambda: plots.posterior_panels(late())[2],
    "predictive": lambda: plots.predictive(late(), unit="minutes"),
    "probability_bars": lambda: plots.probability_bars({"true": [0.6, 0.4], "recovered": [0.5, 0.5]}),
    "quickstart_figure": lambda: plots.quickstart_figure([plots.Panel("late", {"no": own()}, observed())]).axes[0],
    "rank_probabilities": lambda: plots.rank_probabilities(late()),
    "regression_line": lambda: plots.regression_line(line()),
    "states_compared": lambda: plots.states_compared(
        {"true": STATES, "found": (STATES + 1) % 3, "aligned": np.where(STEPS % 7 == 3, 1, STATES)}
    ),
    "switching_lines": lambda: plots.switching_lines(INPUT, OUTPUT, STATES, [1, -0.8, 0.2], [2, 0, -1]),
    "switching_series": lambda: plots.switching_series(INPUT, OUTPUT, STATES)[1],
    "transition_map": lambda: plots.transition_map(hidden().transitions, title="transitions"),
    "sensitivity_map": lambda: plots.sensitivity_map(sweep().mean("theta", "M"), at={"mu_scale": 10, "tau_scale": 10}),
    "story_graph": lambda: plots.story_graph(seen().do(th2=2)),
    "story_graphs": lambda: plots.story_graphs({"before": seen(), "after": seen().do(th2=2)})[1],
    "survival": lambda: plots.survival(lives(), unit="months"),
    "timeline": lambda: plots.timeline([0, 3, 5, 1], [4, 2, 7, 11], [1, 1, 0, 0], end=12, unit="months"),
}


def observed():
    return gb.observe(DATA, sigma=15)


def picture(name):
    """The axes that a function draws its lines on."""
    return PICTURES[name]()


def write(ax, path):
    plots.save_figure(ax.get_figure(root=True), path, dpi=DPI)


if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        write(picture(name), BASELINE / f"{name}.png")
