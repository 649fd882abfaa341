"""Maximum likelihood of a hidden Markov model by expectation and maximisation, from several starts.

With p(x_t | y) and the expected transitions n_jk at the parameters so far, the next ones are

    initial_k proportional to sum over chains of p(x_1 = k | y),    transitions_jk = n_jk / sum_k n_jk,

and emissions that maximise sum_t p(x_t = k | y) log p(y_t | x_t = k). No step lowers log p(y).

Source: Baum, Petrie, Soules & Weiss (1970), "A maximization technique occurring in the statistical analysis of
probabilistic functions of Markov chains", Annals of Mathematical Statistics 41:164-171.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from gridbayes.models.coefficients import scale_of
from gridbayes.sequences import messages
from gridbayes.sequences.chains import Chains, read_chains
from gridbayes.sequences.emissions import Emissions, as_emissions
from gridbayes.sequences.hidden_markov import HiddenMarkov, emission_table
from gridbayes.sequences.probabilities import known_rows

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["LikeliestChain", "checked_states", "fit_hidden_markov", "maximised"]

COLLAPSED = (
    1e-6  # of the sd of y: a state whose sigma is smaller sits on one value, where the likelihood has no maximum
)
WINDOW = (3, 9)  # neighbouring outputs that a state starts from, and ...
OTHERS = 0.02  # ... the weight of each of the others beside 1 of theirs
STAYS = 0.5  # of the transitions at the start; the rest goes anywhere

type Parameters = dict[str, np.ndarray]  # initial, transitions, and those of the emissions, by name


@dataclass(frozen=True, eq=False)
class LikeliestChain:
    """The likeliest parameters that any start led to.

    Parameters
    ----------
    model : with these parameters. log_likelihood : log p(y) there.
    trace : log p(y) by (restart, iteration), NaN from where a restart has ended.
    converged : whether the best restart ended because it gained no more.
    """

    model: HiddenMarkov
    log_likelihood: float
    trace: "xr.DataArray"
    converged: bool

    def __repr__(self) -> str:
        end = "converged" if self.converged else "not converged; raise iterations="
        return f"LikeliestChain({self.model.states} states; log likelihood {self.log_likelihood:.4f}, {end})"


def fit_hidden_markov(
    y: Any,
    states: int = 2,
    *,
    x: Any = None,
    emissions: Any = None,
    initial: Any = None,
    transitions: Any = None,
    restarts: int = 10,
    iterations: int = 1000,
    tol: float = 1e-9,
    seed: int = 0,
) -> LikeliestChain:
    """The maximum of the likelihood of a hidden Markov model, by EM from several starts.

    It is a point, not a posterior: it says nothing of its error. For that `hidden_markov`.

    Parameters
    ----------
    y, x : chains, as in `HiddenMarkov.condition`.
    states : K, at least 2.
    emissions : a family; what it has as numbers stays, anything else is learned, priors unheeded. Left out: normal.
    initial, transitions : known probabilities; left out: learned.
    restarts : starts, each from a few neighbouring outputs a state. seed : of them.
    iterations, tol : a restart ends after so many, or where one gains less than `tol` for each output.

    Returns
    -------
    LikeliestChain. Where everything is learned states are numbered by the first parameter of the emissions, upwards.

    Raises
    ------
    TypeError, ValueError
        For what does not fit; ArithmeticError where every restart ends with a state that sits on one value.

    >>> from gridbayes import NormalEmissions
    >>> y = HiddenMarkov([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], NormalEmissions([0, 5], 1)).sample([150], seed=2)["y"]
    >>> fit_hidden_markov(y, 2).model.parameters["mu"].round(1).tolist()
    [-0.2, 5.1]
    """
    chains, emissions = read_chains(y, x), as_emissions(emissions)
    states = checked_states(states, chains)
    for name, count in (("restarts", restarts), ("iterations", iterations)):
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
            raise ValueError(f"{name} must be a whole number from 1; {name} is {count!r}.")
    emissions.require(chains)
    known = known_of(emissions, states, initial, transitions)
    return maximised(chains, emissions, states, known, restarts, iterations, tol, seed)


def checked_states(states: Any, chains: Chains) -> int:
    """K, which the data must be able to tell apart."""
    if isinstance(states, bool) or not isinstance(states, (int, np.integer)) or states < 2:
        raise ValueError(f"states must be a whole number from 2; states is {states!r}.")
    outputs = int(chains.seen.sum())
    if outputs <= states:
        raise ValueError(
            f"y must have more outputs than states; it has {outputs}, states is {states}. Pass fewer states."
        )
    return int(states)


def known_of(emissions: Emissions, states: int, initial: Any, transitions: Any) -> Parameters:
    """What is given as numbers, by name."""
    given = {name: emissions.known(name, states) for name in emissions.names}
    given["initial"] = None if initial is None else known_rows(initial, (states,), "initial")
    given["transitions"] = None if transitions is None else known_rows(transitions, (states, states), "transitions")
    return {name: value for name, value in given.items() if value is not None}


def maximised(
    chains: Chains,
    emissions: Emissions,
    states: int,
    known: Mapping[str, np.ndarray],
    restarts: int,
    iterations: int,
    tol: float,
    seed: int,
) -> LikeliestChain:
    """EM of chains that are read and parameters that are checked."""
    import xarray as xr

    search = _Search(chains, emissions, dict(known), tol * int(chains.seen.sum()))
    rng = np.random.default_rng(seed)
    at, alive, going = (
        [search.start(states, rng) for _ in range(restarts)],
        np.ones(restarts, bool),
        np.ones(restarts, bool),
    )
    trace: list[np.ndarray] = []
    while going.any() and len(trace) < iterations:
        expected = search.expect(at)
        trace.append(np.where(going, expected.log_p, np.nan))
        if len(trace) > 1:
            going &= trace[-1] - trace[-2] > search.least
        for i in np.flatnonzero(going):
            new = search.maximise(at[i], expected, int(i))
            alive[i] = going[i] = not search.collapsed(new)
            at[i] = new if going[i] else at[i]
    if not alive.any():
        raise ArithmeticError(
            f"every restart ended with a state that sits on one value of y, its sigma below {COLLAPSED:g} sds: the "
            "likelihood has no maximum. Pass shared_sigma=True, a known sigma, or fewer states."
        )
    reached = np.where(alive, np.nanmax(trace, axis=0), -np.inf)
    best = int(np.argmax(reached))
    found = at[best] if known else search.in_order(at[best])
    own = replace(emissions, **{name: found[name] for name in emissions.names})
    return LikeliestChain(
        HiddenMarkov(found["initial"], found["transitions"], own),
        float(reached[best]),
        xr.DataArray(np.stack(trace, axis=1), dims=("restart", "iteration"), name="log_likelihood"),
        not going[best],
    )


@dataclass(frozen=True, eq=False)
class _Expected:
    """Of every restart: log p(y), p(x_1 | y) summed over chains, expected transitions, p(x_t | y)."""

    log_p: Float[np.ndarray, " restart"]
    first: Float[np.ndarray, "restart state"]
    counts: Float[np.ndarray, "restart state state"]
    smoothed: Float[np.ndarray, "restart chain step state"]


@dataclass(frozen=True, eq=False)
class _Search:
    """What all restarts share; `least` is the gain below which one ends."""

    chains: Chains
    emissions: Emissions
    known: Parameters
    least: float

    @property
    def learned(self) -> frozenset[str]:
        return frozenset(self.emissions.names) - set(self.known)

    def start(self, states: int, rng: np.random.Generator) -> Parameters:
        """Emissions that suit a few neighbouring outputs for each state, and transitions that stay in half of the steps."""
        y, x = self.chains.rows()
        weight = np.full((len(y), states), OTHERS)
        for k in range(states):
            first = int(rng.integers(len(y)))
            weight[first : first + int(rng.integers(*WINDOW)), k] = 1
        even = np.full(states, 1 / states)
        rough = {**self.emissions.blank(states, self.chains), **self.known}
        own = self.emissions.likeliest(rough, self.learned, weight, y, x)
        stay = STAYS * np.eye(states) + (1 - STAYS) * even
        return {"initial": even, "transitions": stay, **own, **self.known}

    def expect(self, at: list[Parameters]) -> _Expected:
        """The messages of all restarts at once."""
        chains = self.chains
        with jax.enable_x64(True):
            stacked = {name: jnp.asarray(np.stack([each[name] for each in at])) for name in at[0]}
            data = tuple(
                None if each is None else jnp.asarray(each)
                for each in (chains.filled, chains.seen, chains.x, chains.lengths)
            )
            return _Expected(*map(np.array, _expectation(type(self.emissions))(stacked, *data)))

    def maximise(self, at: Parameters, expected: _Expected, i: int) -> Parameters:
        """The next parameters of restart i."""
        (y, x), weight = self.chains.rows(), expected.smoothed[i][self.chains.seen]
        counts, total = expected.counts[i], expected.counts[i].sum(axis=1, keepdims=True)
        onwards = np.where(total > 0, counts / np.where(total > 0, total, 1), at["transitions"])
        own = self.emissions.likeliest(at, self.learned, weight, y, x)
        return {"initial": expected.first[i] / expected.first[i].sum(), "transitions": onwards, **own, **self.known}

    def collapsed(self, at: Parameters) -> bool:
        """Whether a state sits on one value."""
        return "sigma" in self.learned and bool(at["sigma"].min() < COLLAPSED * scale_of(self.chains.rows()[0])[1])

    def in_order(self, at: Parameters) -> Parameters:
        """States in the order of the emissions' first parameter."""
        first = at[self.emissions.names[0]]
        order = np.argsort(first if first.ndim == 1 else first[:, 0])
        return {name: value[order][:, order] if name == "transitions" else value[order] for name, value in at.items()}


@lru_cache(maxsize=8)
def _expectation(family: type[Emissions]) -> Callable:
    """The compiled messages of parameters with a leading axis of restarts."""

    def of_chain(log_initial: Any, log_p: Any, log_b: Any, length: Any) -> tuple[jax.Array, ...]:
        forward = messages.filtered(log_initial, log_p, log_b, length)
        log_h = messages.backward(log_p, log_b, length)
        counts = messages.expected_transitions(log_p, log_b, forward.log_filtered, log_h, length)
        return forward.log_increments.sum(), counts, jnp.exp(messages.smoothed(forward.log_filtered, log_h))

    def of_restart(p: dict, y: Any, seen: Any, x: Any, lengths: Any) -> tuple[jax.Array, ...]:
        log_b = emission_table(family, p, y, seen, x)
        log_initial, log_p = jnp.log(p["initial"]), jnp.log(p["transitions"])
        log_y, counts, smoothed = jax.vmap(of_chain, in_axes=(None, None, 0, 0))(log_initial, log_p, log_b, lengths)
        return log_y.sum(), smoothed[:, 0].sum(axis=0), counts.sum(axis=0), smoothed

    return jax.jit(jax.vmap(of_restart, in_axes=(0, None, None, None, None)))
