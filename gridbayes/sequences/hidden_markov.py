"""A hidden Markov model with known parameters: what outputs say of its states, and draws of both.

    p(x_1 = k) = initial[k],    p(x_{t+1} = k | x_t = j) = transitions[j, k],    p(y_t | x_t = k) by the emissions.

The sums over paths are messages along each chain (messages.py).
"""

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from gridbayes._types import Label
from gridbayes.sequences import messages
from gridbayes.sequences.chains import Chains, read_chains
from gridbayes.sequences.emissions import Emissions, as_emissions
from gridbayes.sequences.probabilities import known_rows

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["HiddenMarkov", "HiddenStates"]

MOST = 2**31  # bytes that pairs of states may take
ENDED = -1  # the state behind the end of a chain


@dataclass(frozen=True, eq=False)
class HiddenMarkov:
    """A hidden Markov model whose parameters are known.

    Parameters
    ----------
    initial : (state,), p(x_1). transitions : (from, to), p(x_{t+1} | x_t), rows that sum to 1.
    emissions : with numbers for all its parameters: `NormalEmissions(mu=[-3, 0, 4], sigma=0.84)`.

    Raises
    ------
    TypeError, ValueError
        For probabilities that do not sum to 1, with the row; for shapes that do not fit, and emissions with unknowns.

    Source: Rabiner (1989), "A tutorial on hidden Markov models and selected applications in speech recognition".

    >>> from gridbayes import NormalEmissions
    >>> model = HiddenMarkov([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], NormalEmissions(mu=[0, 5], sigma=1))
    >>> states = model.condition([0.3, None, 4.8])
    >>> states.smoothed.sel(chain=0, step=1).round(3).values.tolist()
    [0.529, 0.471]
    """

    initial: Any
    transitions: Any
    emissions: Any
    parameters: dict[str, np.ndarray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        initial = known_rows(self.initial, (None,), "initial")
        transitions = known_rows(self.transitions, (len(initial), len(initial)), "transitions")
        emissions = as_emissions(self.emissions)
        known = {name: emissions.known(name, len(initial)) for name in emissions.names}
        if unknown := [name for name, value in known.items() if value is None]:
            raise ValueError(
                f"HiddenMarkov needs numbers for {', '.join(unknown)} of its emissions. To learn them: "
                "gridbayes.hidden_markov or gridbayes.fit_hidden_markov."
            )
        for name, value in (("initial", initial), ("transitions", transitions), ("parameters", known)):
            object.__setattr__(self, name, value)

    @property
    def states(self) -> int:
        """K."""
        return len(self.initial)

    def condition(self, y: Any, x: Any = None) -> "HiddenStates":
        """What these chains say of their states.

        Parameters
        ----------
        y : a dict {label: numbers}, a list of lists, an array (chain, step), or the numbers of one chain. None and NaN are
            missing steps. x : inputs in the same form, where emissions need them.

        Raises
        ------
        TypeError, ValueError
            For a chain of length 0, an infinite output, one that no state can show: the step is named.
        """
        chains = read_chains(y, x)
        self.emissions.require(chains)
        return HiddenStates(self, chains)

    def sample(self, lengths: Any, seed: "int | np.random.Generator" = 0, x: Any = None) -> "xr.Dataset":
        """States and outputs of chains of these lengths, drawn step by step: `state` and `y`, (chain, step).

        Behind the end of a chain state is -1 and y is NaN. `x` : inputs of the chains, where emissions need them.

        >>> from gridbayes import PoissonEmissions
        >>> model = HiddenMarkov([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], PoissonEmissions(rate=[1, 20]))
        >>> dict(model.sample([3, 5], seed=1).sizes)
        {'chain': 2, 'step': 5}
        """
        import xarray as xr

        rng, lengths = np.random.default_rng(seed), np.atleast_1d(lengths)
        if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or not (lengths >= 1).all():
            raise ValueError(f"lengths must be whole numbers from 1, one a chain; lengths is {lengths.tolist()}.")
        chains = read_chains([np.zeros(n) for n in lengths], x)
        self.emissions.require(chains)
        state, inside = np.full(chains.y.shape, ENDED), chains.inside
        for chain, n in enumerate(lengths):
            state[chain, :n] = self._path(int(n), rng)
        y = np.full(chains.y.shape, np.nan)
        y[inside] = self.emissions.drawn(
            self.parameters, state[inside], None if chains.x is None else chains.x[inside], rng
        )
        axes = ("chain", "step")
        coordinates = {"chain": list(chains.labels), "step": np.arange(y.shape[1])}
        return xr.Dataset({"state": (axes, state), "y": (axes, y)}, coords=coordinates)

    def _path(self, length: int, rng: np.random.Generator) -> np.ndarray:
        """States drawn one after the other: where each could lead is drawn for all steps at once."""
        u = rng.random(length)
        first = int((u[0] > np.cumsum(self.initial)[:-1]).sum())
        below = np.cumsum(self.transitions, axis=1)[:, :-1]
        to = np.stack([np.searchsorted(row, u[1:]) for row in below], axis=1).tolist()
        path = [first]
        for onwards in to:
            path.append(onwards[path[-1]])
        return np.array(path)


@dataclass(frozen=True, eq=False)
class HiddenStates:
    """What outputs say of the states of their chains, given all parameters: labelled arrays (chain, step, state).

    Each is computed when it is first asked for. Behind the end of a chain probabilities are NaN.
    """

    model: HiddenMarkov
    chains: Chains

    def __post_init__(self) -> None:
        impossible = np.isneginf(self._forward.log_increments)
        if impossible.any():
            chain, step = (int(i) for i in np.argwhere(impossible)[0])
            raise ValueError(
                f"{self.chains.place(chain, step)} is {self.chains.y[chain, step]:g}, which no state that can be reached "
                "there can show: its probability is 0. Mark it NaN, or widen the emissions."
            )

    # --- messages -------------------------------------------------------------------------------------------------------

    @cached_property
    def _tables(self) -> tuple[jax.Array, ...]:
        """log initial (state,), transitions (state, state) and emissions (chain, step, state), and lengths (chain,)."""
        model, chains = self.model, self.chains
        with jax.enable_x64(True):
            log_b = emission_table(model.emissions, model.parameters, chains.filled, chains.seen, chains.x)
            log_p = [jnp.log(jnp.asarray(each)) for each in (model.initial, model.transitions)]
            return (*log_p, log_b, jnp.asarray(chains.lengths))

    @cached_property
    def _forward(self) -> messages.Filtered:
        with jax.enable_x64(True):
            return messages.Filtered(*map(np.asarray, _filtered(*self._tables)))

    @cached_property
    def _backward(self) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(_backward(*self._tables[1:]))

    @property
    def _between(self) -> tuple:
        """What pairs are made of."""
        _, log_p, log_b, lengths = self._tables
        return log_p, log_b, jnp.asarray(self._forward.log_filtered), jnp.asarray(self._backward), lengths

    # --- answers --------------------------------------------------------------------------------------------------------

    @property
    def log_evidence(self) -> float:
        """log p(y), all chains."""
        return float(self._forward.log_increments.sum())

    @property
    def log_increments(self) -> "xr.DataArray":
        """log p(y_t | y_1 ... y_{t-1}), (chain, step), 0 where y_t is missing: they sum to the log evidence."""
        return self._labelled("log_increments", self._forward.log_increments)

    @property
    def filtered(self) -> "xr.DataArray":
        """p(x_t | y_1 ... y_t), (chain, step, state)."""
        return self._labelled("filtered", np.exp(self._forward.log_filtered))

    @cached_property
    def smoothed(self) -> "xr.DataArray":
        """p(x_t | y), (chain, step, state)."""
        log_joint = self._forward.log_filtered + self._backward
        shares = np.exp(log_joint - log_joint.max(axis=-1, keepdims=True))
        return self._labelled("smoothed", shares / shares.sum(axis=-1, keepdims=True))

    def pairs(self) -> "xr.DataArray":
        """p(x_t, x_{t+1} | y), (chain, step, from, to): 8 chains steps states**2 bytes.

        ValueError where that is above 2 GiB; `expected_transitions` is their sum, and keeps none.
        """
        import xarray as xr

        chains, steps, states = *self.chains.y.shape, self.model.states
        if (size := 8 * chains * (steps - 1) * states**2) > MOST:
            raise ValueError(
                f"pairs would take {size / 2**30:.2g} GiB. Use expected_transitions, or fewer chains at once."
            )
        with jax.enable_x64(True):
            found = np.array(_pairs(*self._between))
        found[~self.chains.inside[:, 1:]] = np.nan
        coordinates = {"chain": list(self.chains.labels), "step": np.arange(steps - 1)}
        coordinates |= {"from": np.arange(states), "to": np.arange(states)}
        return xr.DataArray(found, coordinates, ("chain", "step", "from", "to"), "pairs")

    @cached_property
    def expected_transitions(self) -> "xr.DataArray":
        """The expected number of transitions given y, (from, to), all chains."""
        import xarray as xr

        with jax.enable_x64(True):
            counts = np.asarray(_counts(*self._between)).sum(axis=0)
        return xr.DataArray(counts, dims=("from", "to"), name="expected_transitions")

    @cached_property
    def viterbi(self) -> "xr.DataArray":
        """The most probable path given y, (chain, step), -1 behind the end. Attributes: log p(path, y) of each chain."""
        with jax.enable_x64(True):
            states, log_joint = map(np.asarray, _viterbi(*self._tables))
        path = np.where(self.chains.inside, states, ENDED)
        return self._labelled("viterbi", path).assign_attrs(log_joint=log_joint.tolist())

    def predict(self, k: Any) -> "xr.DataArray":
        """p(x_{T+h} | y), h = 1 ... k steps behind the end of each chain, (chain, ahead, state).

        >>> from gridbayes import NormalEmissions
        >>> model = HiddenMarkov([1, 0], [[0.9, 0.1], [0.2, 0.8]], NormalEmissions(mu=[0, 5], sigma=1))
        >>> model.condition([None]).predict(2).sel(chain=0, state=0).round(3).values.tolist()
        [0.9, 0.83]
        """
        import xarray as xr

        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise ValueError(f"k must be a whole number of steps from 1; k is {k!r}.")
        now = np.exp(self._forward.log_filtered[:, -1])  # behind a chain's end the last step is repeated
        ahead = [now := now @ self.model.transitions for _ in range(k)]
        coordinates = {
            "chain": list(self.chains.labels),
            "ahead": np.arange(1, k + 1),
            "state": np.arange(self.model.states),
        }
        return xr.DataArray(np.stack(ahead, axis=1), coordinates, ("chain", "ahead", "state"), "predicted")

    def __repr__(self) -> str:
        lengths = self.chains.lengths
        steps = f"{lengths[0]}" if len(set(lengths.tolist())) == 1 else f"{lengths.min()} to {lengths.max()}"
        return f"HiddenStates({len(lengths)} chain(s) of {steps} steps; log evidence {self.log_evidence:.4f})"

    def _labelled(self, name: str, values: np.ndarray) -> "xr.DataArray":
        """(chain, step) or (chain, step, state), NaN behind the end of a chain where there are numbers."""
        import xarray as xr

        labels: dict[str, Any] = {"chain": list[Label](self.chains.labels), "step": np.arange(values.shape[1])}
        if values.ndim == 3:
            labels["state"] = np.arange(self.model.states)
        if values.dtype.kind == "f":
            inside = self.chains.inside
            values = np.where(inside if values.ndim == 2 else inside[..., None], values, np.nan)
        return xr.DataArray(values, labels, tuple(labels), name)


def emission_table(
    emissions: Emissions | type[Emissions], p: Any, y: Any, seen: Any, x: Any
) -> Float[jax.Array, "chain step state"]:
    """log p(y_t | x_t = k), 0 where y_t is not `seen`."""
    log_b = emissions.log_density(p, jnp.asarray(y), None if x is None else jnp.asarray(x))
    return jnp.where(jnp.asarray(seen)[..., None], log_b, 0.0)


def _over_chains(message: Any, tables: int) -> Any:
    """One chain's message compiled for several: `tables` arguments are the same for all."""
    return jax.jit(lambda *a: jax.vmap(partial(message, *a[:tables]))(*a[tables:]))


_filtered = _over_chains(messages.filtered, 2)
_backward = _over_chains(messages.backward, 1)
_pairs = _over_chains(messages.pairs, 1)
_counts = _over_chains(messages.expected_transitions, 1)
_viterbi = _over_chains(messages.viterbi, 2)
