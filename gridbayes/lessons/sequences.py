"""Figures of chains with hidden states: the three states of a simulated chain, true and recovered."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from gridbayes import plots
from gridbayes.lessons.registry import registered
from gridbayes.plots.style import figure_of, new_figure
from gridbayes.posterior import Posterior
from gridbayes.priors import Normal
from gridbayes.sequences.emissions import NormalEmissions
from gridbayes.sequences.expectation import LikeliestChain, fit_hidden_markov
from gridbayes.sequences.hidden_markov import HiddenMarkov
from gridbayes.sequences.unknown import hidden_markov

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

STAYS = 0.7 * np.eye(3) + 0.1  # .8 on the diagonal, .1 off it
TRUTH = HiddenMarkov(np.full(3, 1 / 3), STAYS, NormalEmissions(mu=[-3, 0, 4], sigma=0.7**0.5))


@cache
def _drawn() -> "xr.Dataset":
    return TRUTH.sample([200, 200, 200], seed=1)


@cache
def _recovered() -> LikeliestChain:
    return fit_hidden_markov(_drawn()["y"], 3)


@registered
def hidden_emissions() -> "Figure":
    """Outputs of a hidden Markov model, the densities of its three states, and those that EM recovers."""
    models = {"true": TRUTH, "recovered": _recovered().model}
    return figure_of(plots.emission_densities(models, _drawn()["y"].values))


@registered
def hidden_chains() -> "Figure":
    """A chain over time: outputs in the colour of their true state; below, of the likeliest state given the chain."""
    figure, y = new_figure(7.6, 4.2), _drawn()["y"].values
    above, below = figure.subplots(2, 1, sharex=True)
    plots.chain_states(y, _drawn()["state"], ax=above).set(title="true states", xlabel="")
    plots.chain_states(y, _recovered().model.condition(y), ax=below).set_title("given the chain; paler is less sure")
    return figure


@registered
def hidden_em() -> "Figure":
    """The log likelihood of ten restarts of EM by iteration; it ends above that of the parameters that made the chains."""
    return figure_of(plots.em_trace(_recovered(), TRUTH.condition(_drawn()["y"]).log_evidence))


@registered
def hidden_transitions() -> "Figure":
    """Initial probabilities as bars, transitions as heat maps: true beside recovered."""
    figure, model = new_figure(8.4, 2.9), _recovered().model
    axes = figure.subplots(1, 3)
    plots.probability_bars({"true": TRUTH.initial, "recovered": model.initial}, ax=axes[0])
    plots.transition_map(TRUTH.transitions, title="true transitions", ax=axes[1])
    plots.transition_map(model.transitions, title="recovered", ax=axes[2])
    return figure


@cache
def _means() -> Posterior:
    """The three means, all else given."""
    emissions = NormalEmissions(mu=Normal(0, 5), sigma=TRUTH.parameters["sigma"])
    known = {"initial": TRUTH.initial, "transitions": TRUTH.transitions}
    return hidden_markov(_drawn()["y"], 3, emissions=emissions, order=9, **known)


@registered
def hidden_means() -> "Figure":
    """The posterior of the means of three states, given their sd, the initial distribution and the transitions."""
    figure = _means().plot()
    legend = figure.axes[0].get_legend()
    assert legend is not None
    legend.set_loc((0.62, 0.5))  # between two states, where nothing is drawn
    return figure
