"""Figures of switching regressions: three factories that take turns, which made what, and where that is not known."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from gridbayes import plots
from gridbayes.lessons.registry import open_frame, registered
from gridbayes.plots.style import (
    COLOURS,
    curve,
    figure_of,
    group_style,
    ink,
    mark_style,
    new_axes,
    new_figure,
    open_legend,
)
from gridbayes.posterior import Posterior
from gridbayes.sequences.emissions import RegressionEmissions
from gridbayes.sequences.expectation import LikeliestChain, fit_hidden_markov
from gridbayes.sequences.hidden_markov import HiddenMarkov
from gridbayes.sequences.labels import Alignment, align_labels
from gridbayes.sequences.unknown import hidden_markov

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRUTH = HiddenMarkov(
    [1 / 3, 1 / 3, 1 / 3],
    [[0.5, 0.4, 0.1], [0.1, 0.5, 0.4], [0.4, 0.1, 0.5]],
    RegressionEmissions(slope=[1, -0.8, 0.2], intercept=[2, 0, -1], sigma=np.sqrt([1, 0.8, 1.5])),
)
CHAINS, STEPS = 10, 100
CROSSING = 1.0  # where -0.8 x = 0.2 x - 1: the only lines that cross among the inputs, 0 to 10
EDGES = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10])  # of the bins of inputs
BUDGET = 2**15  # points of the posterior


@cache
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, outputs and states, (chain, step), of the three factories."""
    x = np.random.default_rng(0).uniform(0, 10, (CHAINS, STEPS))
    drawn = TRUTH.sample([STEPS] * CHAINS, seed=1, x=x)
    return x, drawn["y"].values, drawn["state"].values


@cache
def fitted() -> tuple[LikeliestChain, np.ndarray, Alignment]:
    """The likeliest model, its most probable states, and which of its states is which."""
    x, y, states = rows()
    fit = fit_hidden_markov(y, 3, x=x, emissions=RegressionEmissions())
    found = fit.model.condition(y, x).viterbi.values
    return fit, found, align_labels(found, states)


# --- who made what ------------------------------------------------------------------------------------------------------


@registered
def factories_over_time() -> "Figure":
    """Three factories take turns: sizes ordered, weights delivered, and which factory it was, of one chain."""
    x, y, states = rows()
    return figure_of(plots.switching_series(x[0], y[0], states[0], xlabel="x, size", ylabel="y, weight")[0])


@registered
def factories_told_apart() -> "Figure":
    """Four chains as observed, and by the states and lines that EM and Viterbi's path find, the true lines dotted."""
    fit, found, alignment = fitted()
    x, y, found = (each[:4] for each in (*rows()[:2], alignment.states(found)))
    figure = new_figure(7.6, 3.4)
    left, right = figure.subplots(1, 2, sharey=True)
    left.plot(x.ravel(), y.ravel(), markersize=2.5, alpha=0.4, **{**mark_style(0), "color": ink()})
    slope, intercept = (alignment.values(fit.model.parameters[name]) for name in ("slope", "intercept"))
    plots.switching_lines(x, y, found, slope, intercept, ylabel="", ax=right)
    ends, own = np.array([0.0, 10.0]), TRUTH.parameters
    for k in range(3):
        right.plot(ends, own["intercept"][k] + own["slope"][k] * ends, color=ink(), linestyle=":", linewidth=1)
    left.set(xlabel="x, as observed", ylabel="y")
    right.set_xlabel("x, told apart")
    open_frame(left)
    return figure


@registered
def states_aligned() -> "Figure":
    """True states beside those found, as the fit numbers them and as the truth does."""
    states = rows()[2]
    _, found, alignment = fitted()
    strips = {"true": states[0], "found": found[0], "aligned": alignment.states(found[0])}
    return figure_of(plots.states_compared(strips))


@registered
def transitions_aligned() -> "Figure":
    """Transition probabilities: true, found as the fit numbers its states, and aligned on both axes."""
    fit, _, alignment = fitted()
    found = fit.model.transitions
    shown = {"true": TRUTH.transitions, "found": found, "aligned": alignment.transitions(found)}
    figure = new_figure(8.4, 3.0)
    for ax, (name, p) in zip(figure.subplots(1, 3), shown.items(), strict=True):
        plots.transition_map(p, title=name, ax=ax)
    return figure


# --- what is not known --------------------------------------------------------------------------------------------------


@registered
def where_viterbi_errs() -> "Figure":
    """The share of wrong states on Viterbi's path by input, what the smoother expects it to be, and where lines cross."""
    x, y, states = rows()
    given = TRUTH.condition(y, x)
    path = given.viterbi.values
    doubt = 1 - np.take_along_axis(given.smoothed.values, path[..., None], axis=2)[..., 0]
    which, ax = np.digitize(x.ravel(), EDGES[1:-1]), new_axes(5.8, 3.4)
    count, wrong, expected = (np.bincount(which, each.ravel()) for each in (np.ones_like(x), path != states, doubt))
    share = wrong / count
    bars = np.sqrt(expected / count * (1 - expected / count) / count)
    ax.stairs(expected / count, EDGES, color=COLOURS[0], linewidth=1.6, label="expected by the smoother")
    ax.errorbar(EDGES[:-1] + np.diff(EDGES) / 2, share, yerr=bars, label="wrong, one standard error", **mark_style(1))
    ax.axvline(CROSSING, color=ink(), linewidth=0.8, linestyle=":", label="two lines cross")
    ax.set(xlabel="x, input", ylabel="share of steps", ylim=(0, None))
    open_frame(ax)
    open_legend(ax)
    return figure_of(ax)


@cache
def posterior() -> Posterior:
    """All 17 parameters."""
    x, y, _ = rows()
    return hidden_markov(y, 3, x=x, emissions=RegressionEmissions(), rule="points", budget=BUDGET)


@cache
def plugged_in() -> Posterior:
    """The slopes given everything else as the fit has it."""
    x, y, _ = rows()
    model = fitted()[0].model
    emissions = RegressionEmissions(intercept=model.parameters["intercept"], sigma=model.parameters["sigma"])
    return hidden_markov(y, 3, x=x, emissions=emissions, initial=model.initial, transitions=model.transitions)


@registered
def switching_recovered() -> "Figure":
    """Slopes, intercepts and sds of three switching regressions among 17 parameters, true values dotted."""
    post = posterior()
    alignment = align_labels({"slope": np.asarray(post.mean("slope"))}, {"slope": TRUTH.parameters["slope"]})
    axes = plots.posterior_panels(post, ["slope", "intercept", "sigma"])
    for ax in axes[:2]:
        ax.legend_.remove()
    for ax, name in zip(axes, ("slope", "intercept", "sigma"), strict=True):
        for k, true in enumerate(TRUTH.parameters[name]):
            ax.axvline(true, color=group_style(alignment.order[k])["color"], linestyle=":", linewidth=1)
    return figure_of(axes[0])


@registered
def plugged_in_too_narrow() -> "Figure":
    """The slopes where all else is plugged in, dashed, beside their posterior: less than half as wide."""
    figure = new_figure(8.4, 2.8)
    for k, ax in enumerate(figure.subplots(1, 3)):
        for post, dashes, label in ((posterior(), "-", "all 17 learned"), (plugged_in(), "--", "the rest plugged in")):
            x, p = curve(post.marginals["slope"][k])
            ax.plot(x, p, color=COLOURS[k], linestyle=dashes, linewidth=1.6, label=label)
        ax.set(xlabel=f"slope of state {k}", ylabel="" if k else "density", yticks=[])
        ax.margins(y=0.2)
        ax.set_ylim(bottom=0)
        open_frame(ax)
        open_legend(ax, loc="upper center", ncols=2, fontsize="x-small", columnspacing=1, handlelength=1.6)
    return figure
