"""A hidden Markov model with unknown parameters: their posterior, by quadrature.

    p(parameters | y) proportional to p(parameters) p(y | parameters),

the states summed out by the forward messages (messages.py). What is given as numbers is known, and the posterior is that of
the rest given it. Rows of transitions, the initial distribution and rows of categories lie on simplexes, each mapped to the
line (quadrature/supports.py) with a Dirichlet prior. States that priors and known numbers treat alike have K! mirror images;
one is integrated, K! of it is the evidence.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gridbayes.densities import LPDFS
from gridbayes.log_joint import LogJoint
from gridbayes.posterior import Posterior
from gridbayes.quadrature.exchange import MOST, Exchange
from gridbayes.quadrature.modes import Advice
from gridbayes.quadrature.quadrature import whitened
from gridbayes.quadrature.supports import EvenSimplex, Space
from gridbayes.quadrature.target import MEMORY, Target
from gridbayes.quadrature.whitening import Plan
from gridbayes.sequences import messages
from gridbayes.sequences.chains import Chains, read_chains
from gridbayes.sequences.emissions import Emissions, as_emissions
from gridbayes.sequences.expectation import checked_states, known_of, maximised
from gridbayes.sequences.hidden_markov import emission_table
from gridbayes.sequences.probabilities import Dirichlet, log_constant

__all__ = ["Unknown", "hidden_markov"]

BUDGET = 30_000  # evaluations by one rule, each of them a pass along all chains
RESTARTS, ITERATIONS, TOL = 5, 200, 1e-6  # of EM, which says where the search for the mode starts
ALIKE = 1e-12  # numbers this close are the same for states that trade places
COPIES = math.factorial(MOST)  # orders of states that are looked at
SOFTENED = 0.1  # how far probabilities move from EM's, which may be 0, towards even ones
ROWS = {"transitions": "transition", "probability": "probability"}  # matrices, and what their rows are called
REMEDY = "Pass priors that differ by state, or fewer states."
ADVICE = Advice(
    f"They are other readings of the same chains, or mirror images of states that priors hardly tell apart. {REMEDY}",
    REMEDY,
    REMEDY,
)


def hidden_markov(
    y: Any,
    states: int = 2,
    *,
    x: Any = None,
    emissions: Any = None,
    initial: Any = None,
    transitions: Any = None,
    rule: str = "auto",
    order: int | None = None,
    budget: int = BUDGET,
) -> Posterior:
    """The posterior of the parameters of a hidden Markov model; the states are summed out.

    Parameters
    ----------
    y : chains: a dict {label: numbers}, a list of lists, an array (chain, step), or one chain. None and NaN are missing
        steps. x : inputs in the same form, where emissions need them.
    states : K, at least 2.
    emissions : `NormalEmissions`, `RegressionEmissions`, `PoissonEmissions` or `CategoricalEmissions`; left out: normal.
        Their parameters are numbers, known; priors, or one a state; or left out, for default priors that the title states.
    initial : p(x_1), known numbers (state,); or a Dirichlet; left out: Dirichlet(1).
    transitions : p(x_{t+1} | x_t), known numbers (from, to); or a Dirichlet of every row; left out: Dirichlet(1).
    rule, order, budget : as in `quadrature`; a larger budget is slower and sharper.

    Returns
    -------
    Posterior of what is not known, by state 0 ... K - 1: the emissions' parameters, `initial`, and `transition_j`, the row
    of transitions from state j. Where priors do not tell states apart they are numbered by the emissions' first parameter,
    upwards at the mode, and the log evidence is that of all K! labellings. A title that ends in `given` names what is known:
    the posterior is too narrow where that was estimated from the same data.

    Raises
    ------
    TypeError, ValueError
        For what does not fit; ModeError and ResolutionError as in `quadrature`.

    >>> from gridbayes import HiddenMarkov, NormalEmissions
    >>> chain = HiddenMarkov([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], NormalEmissions([0, 5], 1)).sample([100], seed=2)["y"]
    >>> post = hidden_markov(chain, 2, emissions=NormalEmissions(sigma=1), initial=[0.5, 0.5])
    >>> post.mean("mu").round(1).values.tolist(), post.model.title.split("; ")[-1]
    ([0.0, 4.9], 'given sigma and initial')
    """
    return Unknown.of(y, states, x, emissions, initial, transitions).posterior(Plan(rule, order, budget))


@dataclass(frozen=True, eq=False)
class Unknown:
    """A model with its chains, what is known of it, and the priors of the rest, by name."""

    chains: Chains
    emissions: Emissions
    states: int
    known: Mapping[str, np.ndarray]
    learned: Mapping[str, Any]

    @classmethod
    def of(cls, y: Any, states: Any, x: Any, emissions: Any, initial: Any, transitions: Any) -> "Unknown":
        """The arguments of `hidden_markov`, checked."""
        chains, emissions = read_chains(y, x), as_emissions(emissions)
        states = checked_states(states, chains)
        emissions.require(chains)
        given = {"initial": initial, "transitions": transitions}
        numbers = {name: None if isinstance(value, Dirichlet) else value for name, value in given.items()}
        known = known_of(emissions, states, **numbers)
        learned: dict[str, Any] = {n: emissions.priors(n, states, chains) for n in emissions.names if n not in known}
        for name, shape in (("initial", (states,)), ("transitions", (states, states))):
            if name not in known:
                prior = given[name] if isinstance(given[name], Dirichlet) else Dirichlet()
                learned[name] = Dirichlet(prior.of_shape(shape, name))
        if not learned:
            raise ValueError(
                "nothing is left to learn: every parameter is known. Use gridbayes.HiddenMarkov(...).condition(y)."
            )
        return cls(chains, emissions, states, known, learned)

    @property
    def title(self) -> str:
        """What it is, its priors, and what is given."""
        family = type(self.emissions).__name__.removesuffix("Emissions").lower()
        said = [f"{name} ~ {_said(prior)}" for name, prior in self.learned.items()]
        known = list(self.known)
        given = f"; given {' and '.join([', '.join(known[:-1]), known[-1]] if known[1:] else known)}" if known else ""
        return f"hidden Markov model of {self.states} states, {family} emissions: {', '.join(said)}{given}"

    @property
    def parameters(self) -> dict[str, Any]:
        """Supports as `quadrature` reads them."""
        found: dict[str, Any] = {}
        for name, prior in self.learned.items():
            if name in ROWS:
                found |= {row: EvenSimplex(prior.concentration.shape[1]) for row in self._rows(name)}
            elif name == "initial":
                found[name] = EvenSimplex(self.states)
            else:
                found[name] = prior[0] if name in self.emissions.shared else (prior[0], self.states)
        return found

    def _rows(self, name: str) -> tuple[str, ...]:
        """The parameters that are the rows of a matrix."""
        return tuple(f"{ROWS[name]}_{k}" for k in range(self.states))

    @property
    def alike(self) -> bool:
        """Whether priors and known numbers are the same for every order of the states."""
        numbers = {**self.known, **{n: p.concentration for n, p in self.learned.items() if isinstance(p, Dirichlet)}}
        orders = [list(order) for order in itertools.islice(itertools.permutations(range(self.states)), COPIES)]
        return all(
            len({(repr(p), p.lpdf) for p in each}) == 1 for each in self.learned.values() if isinstance(each, tuple)
        ) and all(
            np.allclose(_in_order(name, value, order), value, rtol=ALIKE, atol=0)
            for order in orders
            for name, value in numbers.items()
        )

    def exchange(self, space: Space) -> Exchange:
        """What trades places where states are alike: emissions, initial probabilities, rows and columns of transitions."""
        if not self.alike:
            return Exchange.of(space, ())
        rows = tuple(self._rows(name) for name in ROWS if name in self.learned)
        vectors = [n for n in self.learned if n not in ROWS and n not in self.emissions.shared]
        vectors += [row for row in self._rows("transitions") if "transitions" in self.learned]
        return replace(Exchange.of(space, vectors), size=self.states, rows=rows)

    @property
    def data(self) -> dict[str, Any]:
        """What the log density takes as data."""
        chains = self.chains
        priors = {
            f"{name}_{k}": np.array(list(prior.parameters.values()))
            for name, each in self.learned.items()
            if isinstance(each, tuple)
            for k, prior in enumerate(each)
        }
        weights = {n: p.concentration for n, p in self.learned.items() if isinstance(p, Dirichlet)}
        inputs = {} if chains.x is None else {"x": chains.x}
        return {
            "y": chains.filled,
            "seen": chains.seen,
            "lengths": chains.lengths,
            "known": dict(self.known),
            "priors": priors,
            "concentration": weights,
            "constant": sum(log_constant(each) for each in weights.values()),
            **inputs,
        }

    @property
    def log_joint(self) -> Callable:
        """The log density, the same function for all values of priors and data: compiled once."""
        priors = tuple(
            (name, tuple(str(prior.lpdf) for prior in (each[:1] if name in self.emissions.shared else each)))
            for name, each in self.learned.items()
            if isinstance(each, tuple)
        )
        rows = tuple((name, self._rows(name)) for name in ROWS if name in self.learned)
        possible = "transitions" in self.learned or bool((self.known["transitions"] > 0).all())
        return _density(type(self.emissions), priors, rows, possible)

    def start(self, target: Target) -> dict[str, np.ndarray]:
        """Where the search starts: the likeliest parameters by EM, in the order of states that the priors like best."""
        emissions = replace(self.emissions, shared_sigma=True) if "sigma" in self.emissions.names else self.emissions
        found = maximised(self.chains, emissions, self.states, self.known, RESTARTS, ITERATIONS, TOL, 0).model
        numbers = {**found.parameters, "initial": found.initial, "transitions": found.transitions}
        orders = [list(order) for order in itertools.islice(itertools.permutations(range(self.states)), COPIES)]
        starts = [
            self._inside(target.space, {n: _in_order(n, numbers[n], order) for n in self.learned}) for order in orders
        ]
        whole = [each for each in starts if set(each) == set(target.space.names)]
        if not whole:
            return starts[0]
        log_p = target.log_joint({name: np.stack([each[name] for each in whole]) for name in target.space.names})
        return whole[int(np.argmax(log_p))]

    def _inside(self, space: Space, numbers: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Numbers as the parameters of quadrature, probabilities softened, those left out that no prior allows."""
        found: dict[str, np.ndarray] = {}
        for name, value in numbers.items():
            if name in ROWS:
                found |= dict(zip(self._rows(name), _softened(value), strict=True))
            else:
                found[name] = (
                    _softened(value) if name == "initial" else value[0] if name in self.emissions.shared else value
                )
        return {name: value for name, value in found.items() if space.support(name).holds(value)}

    def posterior(self, plan: Plan) -> Posterior:
        """The posterior by quadrature."""
        space = Space.of(self.parameters)
        target = Target.of(LogJoint.of(self.log_joint, space.names), space, False, self.data, MEMORY)
        start, exchange = self.start(target), self.exchange(space)
        return whitened(self.title, target, plan, self.parameters, start, None, exchange, ADVICE)


def _said(prior: Any) -> str:
    """A prior as the title says it: once where it is the same for all states."""
    if isinstance(prior, Dirichlet):
        same = np.unique(prior.concentration)
        return f"Dirichlet({same[0]:g})" if len(same) == 1 else str(prior)
    return str(prior[0]) if len({str(each) for each in prior}) == 1 else ", ".join(map(str, prior))


def _softened(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities drawn a little to even ones: inside the simplex."""
    return (1 - SOFTENED) * probabilities + SOFTENED / probabilities.shape[-1]


def _in_order(name: str, value: np.ndarray, order: list[int]) -> np.ndarray:
    """A parameter of states in this order: (state, ...), and of transitions (from, to)."""
    return value[order][:, order] if name == "transitions" else value[order]


@lru_cache(maxsize=64)
def _density(
    family: type[Emissions],
    priors: tuple[tuple[str, tuple[str, ...]], ...],
    rows: tuple[tuple[str, tuple[str, ...]], ...],
    possible: bool,
) -> Callable:
    """log p(y, parameters) for these emissions, the log densities of their priors by state, and rows that are learned.

    `possible` : whether all transitions are, so that the faster sum will do (messages.py).
    """

    def log_chain(*tables: jax.Array) -> jax.Array:
        return messages.log_evidence(*tables) if possible else messages.filtered(*tables).log_increments.sum()

    def log_joint(p: Mapping[str, jax.Array], d: Mapping[str, Any]) -> jax.Array:
        own = {**d["known"], **p, **{name: jnp.stack([p[row] for row in each]) for name, each in rows}}
        log_prior = d["constant"]
        for name, lpdfs in priors:
            for k, lpdf in enumerate(lpdfs):
                value = p[name][k] if p[name].ndim else p[name]
                log_prior = log_prior + LPDFS[lpdf](value, *d["priors"][f"{name}_{k}"])
        for name, a in d["concentration"].items():
            log_prior = log_prior + ((a - 1) * jnp.log(own[name])).sum()
        log_b = emission_table(family, own, d["y"], d["seen"], d.get("x"))
        tables = (jnp.log(own["initial"]), jnp.log(own["transitions"]), log_b, d["lengths"])
        return log_prior + jax.vmap(log_chain, in_axes=(None, None, 0, 0))(*tables).sum()

    return log_joint
