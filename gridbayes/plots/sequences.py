"""Chains with hidden states: densities of each state, chains in colour over time, EM by iteration, transitions as a map."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from gridbayes.plots.style import COLOURS, group_style, ink, mark_style, new_axes, open_legend, shade
from gridbayes.sequences.emissions import CategoricalEmissions, NormalEmissions, PoissonEmissions
from gridbayes.sequences.expectation import LikeliestChain
from gridbayes.sequences.hidden_markov import HiddenMarkov, HiddenStates

__all__ = ["chain_states", "em_trace", "emission_densities", "probability_bars", "transition_map"]

OUTPUTS = 300  # at which a density is drawn
BINS = 40  # of a histogram
BESIDE = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}  # where a legend hides nothing
REACH = 3.5  # sds beyond the outermost mean


def emission_densities(
    models: "HiddenMarkov | Mapping[str, HiddenMarkov]", y: Any = None, *, ylabel: str = "y", ax: Axes | None = None
) -> Axes:
    """The density of each state's outputs; of several models, "true" and "recovered", the first filled, the others as lines.

    Parameters
    ----------
    models : one, or several by name. Their emissions are normal, Poisson or categorical.
    y : outputs, as a histogram behind the densities.

    Raises
    ------
    TypeError
        For emissions on inputs, which have no one density.

    >>> import gridbayes as gb
    >>> model = gb.HiddenMarkov([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], gb.NormalEmissions([0, 5], 1))
    >>> emission_densities(model).get_legend_handles_labels()[1]
    ['state 0', 'state 1']
    """
    models = models if isinstance(models, Mapping) else {"": models}
    ax = new_axes(7.0, 3.2) if ax is None else ax
    x, whole = _outputs(list(models.values()))
    for index, (name, model) in enumerate(models.items()):
        for k, density in enumerate(_densities(model, x)):
            label, style = " ".join(filter(None, [name, f"state {k}"])), group_style(k)
            if index == 0 and len(models) > 1:
                ax.fill_between(
                    x, density, step="mid" if whole else None, color=style["color"], alpha=0.25, label=label
                )
            else:
                line = {"marker": "o", "markersize": 4} if whole else {}
                ax.plot(x, density, label=label, linewidth=1.6, **line, **style)
    if y is not None:
        outputs = np.asarray(y, float).ravel()
        bins = np.arange(x[0], x[-1] + 2) - 0.5 if whole else BINS
        seen = outputs[np.isfinite(outputs)]
        ax.hist(seen, bins=bins, density=True, color=ink(), alpha=0.12, label="outputs", zorder=1)
    ax.set(ylim=(0, None))
    return _finished(ax, ylabel, "density of the state's outputs", **BESIDE)


def _outputs(models: list[HiddenMarkov]) -> tuple[np.ndarray, bool]:
    """Outputs at which densities are drawn, and whether they are whole numbers."""
    families = {type(model.emissions) for model in models}
    p = [model.parameters for model in models]
    if families == {NormalEmissions}:
        low = min(float((each["mu"] - REACH * each["sigma"]).min()) for each in p)
        high = max(float((each["mu"] + REACH * each["sigma"]).max()) for each in p)
        return np.linspace(low, high, OUTPUTS), False
    if families == {PoissonEmissions}:
        rate = max(float(each["rate"].max()) for each in p)
        return np.arange(int(rate + REACH * rate**0.5) + 2, dtype=float), True
    if families == {CategoricalEmissions}:
        return np.arange(max(each["probability"].shape[1] for each in p), dtype=float), True
    names = ", ".join(sorted(family.__name__ for family in families))
    raise TypeError(f"models must have normal, Poisson or categorical emissions, all alike; they have {names}.")


def _densities(model: HiddenMarkov, x: np.ndarray) -> Float[np.ndarray, "state x"]:
    with jax.enable_x64(True):
        return np.exp(np.asarray(model.emissions.log_density(model.parameters, jax.numpy.asarray(x), None))).T


def chain_states(
    y: Any, states: "HiddenStates | Any", chain: int = 0, *, ylabel: str = "y", ax: Axes | None = None
) -> Axes:
    """One chain over time: its outputs, each in the colour of its state.

    Parameters
    ----------
    y : outputs, (chain, step). chain : which one, by its place.
    states : what is known of them, whose `smoothed` colours each output by its likeliest state, the less sure the paler; or
        the states themselves, (chain, step).

    >>> import gridbayes as gb
    >>> model = gb.HiddenMarkov([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], gb.NormalEmissions([0, 5], 1))
    >>> drawn = model.sample(30, seed=1)
    >>> chain_states(drawn["y"], model.condition(drawn["y"])).get_xlabel()
    'step'
    """
    ax = new_axes(7.0, 2.6) if ax is None else ax
    outputs = np.asarray(y, float)
    outputs = outputs[chain] if outputs.ndim == 2 else outputs
    sure = np.ones(len(outputs))
    if isinstance(states, HiddenStates):
        smoothed = states.smoothed.values[chain][: len(outputs)]
        state, sure = np.nan_to_num(smoothed).argmax(axis=1), np.nan_to_num(smoothed).max(axis=1)
        count = states.model.states
    else:
        found = np.asarray(states)
        state = found[chain] if found.ndim == 2 else found
        count = int(state.max()) + 1
    seen = np.isfinite(outputs)
    ax.plot(np.flatnonzero(seen), outputs[seen], color=ink(), alpha=0.25, linewidth=0.7, zorder=1)
    for k in range(count):
        own = np.flatnonzero(seen & (state == k))
        style = mark_style(k)
        alpha = np.clip((sure[own] * count - 1) / (count - 1), 0.15, 1) if count > 1 else 1.0
        ax.scatter(
            own, outputs[own], s=12, color=style["color"], marker=style["marker"], alpha=alpha, label=f"state {k}"
        )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return _finished(ax, "step", ylabel, **BESIDE)


def em_trace(fit: LikeliestChain, generator: float | None = None, *, ax: Axes | None = None) -> Axes:
    """log p(y) of every restart of EM by iteration, the best one in colour; `generator` : that of the truth, a line.

    >>> import gridbayes as gb
    >>> model = gb.HiddenMarkov([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], gb.NormalEmissions([0, 5], 1))
    >>> y = model.sample(60, seed=1)["y"]
    >>> em_trace(gb.fit_hidden_markov(y, restarts=3), model.condition(y).log_evidence).get_legend_handles_labels()[1]
    ['other restarts', 'best restart', 'generator']
    """
    ax = new_axes(5.6, 3.2) if ax is None else ax
    trace = fit.trace.values
    best = int(np.nanargmax(np.nanmax(trace, axis=1)))
    iteration = np.arange(1, trace.shape[1] + 1)
    for i, each in enumerate(np.delete(trace, best, axis=0)):
        ax.plot(iteration, each, color=ink(), alpha=0.3, linewidth=0.9, label="other restarts" if i == 0 else None)
    ax.plot(iteration, trace[best], color=COLOURS[0], linewidth=1.8, label="best restart")
    if generator is not None:
        ax.axhline(generator, color=COLOURS[1], linewidth=1.2, linestyle="--", label="generator")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return _finished(ax, "iteration", "log likelihood")


def probability_bars(
    probabilities: Mapping[str, Any], *, ylabel: str = "p(first state)", ax: Axes | None = None
) -> Axes:
    """Probabilities of the states side by side, by name, "true" beside "recovered": a bar each.

    >>> probability_bars({"true": [0.5, 0.5], "recovered": [0.6, 0.4]}).get_legend_handles_labels()[1]
    ['true', 'recovered']
    """
    ax = new_axes(3.6, 2.8) if ax is None else ax
    width = 0.8 / len(probabilities)
    for i, (name, each) in enumerate(probabilities.items()):
        values = np.asarray(each, float)
        at = np.arange(len(values)) + (i - (len(probabilities) - 1) / 2) * width
        ax.bar(at, values, 0.9 * width, color=COLOURS[i % len(COLOURS)], alpha=0.8, label=name)
    ax.set_xticks(range(len(values)))
    ax.set(ylim=(0, None))
    return _finished(ax, "state", ylabel, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(probabilities))


def transition_map(transitions: Any, *, title: str = "", ax: Axes | None = None) -> Axes:
    """A table of transition probabilities, (from, to), as a heat map with its numbers.

    >>> transition_map([[0.9, 0.1], [0.2, 0.8]]).get_ylabel()
    'from state'
    """
    ax = new_axes(2.8, 2.8) if ax is None else ax
    p = np.asarray(transitions, float)
    ax.pcolormesh(p, vmin=0, vmax=1, cmap=shade(COLOURS[0]), edgecolors=ink(), linewidth=0.3)
    for i, j in np.ndindex(p.shape):
        ax.text(j + 0.5, i + 0.5, f"{p[i, j]:.2f}", ha="center", va="center", fontsize="small", color=ink())
    ax.set_xticks(np.arange(p.shape[1]) + 0.5, [str(k) for k in range(p.shape[1])])
    ax.set_yticks(np.arange(p.shape[0]) + 0.5, [str(k) for k in range(p.shape[0])])
    ax.set(ylim=(len(p), 0), aspect="equal", xlabel="to state", ylabel="from state")
    ax.set_title(title, fontsize="medium", parse_math=False)
    return ax


def _finished(ax: Axes, xlabel: str, ylabel: str, **legend: Any) -> Axes:
    ax.set_xlabel(xlabel, parse_math=False)
    ax.set_ylabel(ylabel, parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    open_legend(ax, **legend)
    return ax
