"""The discretised reading of the pooling family: every parameter on an explicit grid, enumerated exactly.

What depends on data and grids alone (tables) is computed once for each data set and kept; what depends on the
hyperpriors (an update) is one compiled call of the model's memo program with two matrix products between its memos.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Bool, Float

from gridbayes.accuracy import Accuracy
from gridbayes.contraction import (
    factors,
    log_evidence_of_groups,
    log_product,
    log_product_slowly,
    product_of_factors,
    require_memory,
)
from gridbayes.engine import Arguments, arguments_of, log_prior, shared_masses
from gridbayes.grids import Grid
from gridbayes.likelihoods import known_sigma, learned_sigma
from gridbayes.models.answers import Answers
from gridbayes.models.lattice import lattice_sum
from gridbayes.models.left_out import Swaps
from gridbayes.models.pooling import Pooling
from gridbayes.models.prediction import NewRows, Prediction, mixed_rows
from gridbayes.models.ranks import table_ranks
from gridbayes.posterior import Address, Posterior, checked_masses
from gridbayes.program import Program, Slot
from gridbayes.sampling import from_log_masses, from_masses, product_nodes
from gridbayes.summaries import Marginal

__all__ = ["enumerated"]

KEPT = 8  # data sets whose tables are kept, and grids whose populations are
LARGE = 700.0  # exp of more overflows
LIGHT = 1e-10  # of the heaviest cell: a lighter one moves no rank's probability by more than 1e-8
NOTHING = 1e-17  # of the same: one that adds nothing to a sum of masses
LOST = 1e-9  # of the mass of a p(theta_d | t), in a product


@dataclass(frozen=True, eq=False)
class Population:
    """p(theta | shared parameters), the same for every data set.

    Parameters
    ----------
    k : K[h, theta].
    factors : the same as two smaller tables, for `product_of_factors`; none where theta itself is shared.
    """

    k: Float[Array, "h theta"]
    factors: tuple[Float[Array, "b r"], Float[Array, "a_r theta"]] | None


@dataclass(frozen=True, eq=False)
class Tables:
    """What a data set says on the grids; d, s, h, theta as in contraction.py.

    Parameters
    ----------
    log_likelihood : log L[d, s, theta].
    log_m : log M[d, s, h].
    log_m_total : sum over d of log M, with an axis for each shared parameter.
    rest : exp(rest_shift) / M[d, s, h], with a shift for each group that makes it 1 where the data are likeliest.
    rest_shift : its log shift (d).
    population : what theta is like given the shared parameters.
    by_sigma : L[d, sigma, theta], shifted to a largest value of 1 for each (d, sigma), for groups with own sigma.
    by_sigma_shift : its log shift (d, sigma).
    """

    log_likelihood: Float[Array, "d s theta"]
    log_m: Float[Array, "d s h"]
    log_m_total: Float[Array, "*shared"]
    rest: Float[Array, "d s h"]
    rest_shift: Float[Array, "d"]
    population: Population
    by_sigma: Float[Array, "d sigma theta"] | None
    by_sigma_shift: Float[Array, "d sigma"] | None


def enumerated(
    model: Pooling,
    grids: Mapping[str, Grid],
    continuum: Callable[[Pooling], Posterior],
    refit: Callable[[Pooling], Posterior],
    placed: frozenset[str] = frozenset(),
) -> Posterior:
    """The posterior of `model` with every parameter on its grid.

    Parameters
    ----------
    grids : one for each parameter.
    continuum : fits the continuous model, for the accuracy statement.
    refit : fits another model with the same explicit grids.
    placed : parameters whose grids were placed by the library: their priors are densities over more than the grid and
        are not normalised over its nodes.
    """
    with jax.enable_x64(True):
        return _Enumeration.of(model, grids, continuum, refit, placed).posterior()


@dataclass(frozen=True, eq=False)
class _Enumeration(Answers):
    """A pooling model fitted on grids: the masses of the shared parameters, and what answers further questions."""

    model: Pooling
    grids: Mapping[str, Grid]
    continuum: Callable[[Pooling], Posterior]
    refit: Callable[[Pooling], Posterior]
    placed: frozenset[str]
    tables: Tables
    result: Mapping[str, np.ndarray]

    @classmethod
    def of(
        cls, model: Pooling, grids: Mapping[str, Grid], continuum: Callable, refit: Callable, placed: frozenset[str]
    ) -> "_Enumeration":
        engine = _engine(model.program, _Structure.of(model), _sizes(model, grids))
        tables = _tables(model, grids, placed, engine.memos)
        slots = [*model.hyper, *([Slot("sigma", model.priors["sigma"])] if model.own_sigma else [])]
        arguments = {name: value for slot in slots for name, value in arguments_of(slot, grids[slot.name]).items()}
        explicit = {slot.name: np.float64(slot.name not in placed) for slot in slots}
        result = engine.update(arguments, explicit, _known(tables))
        if "kept" in result and not np.all(abs(np.asarray(result["kept"]) - 1) < LOST):
            masses = _cells(jnp.asarray(result.get("hyper", 1.0)), model.shared_sigma)
            log_r = _cavity_safely(masses, tables, lambda: _log_population(model, grids, placed, engine.memos))
            result = engine.update(arguments, explicit, _known(tables), log_r)
        return cls(
            model, grids, continuum, refit, placed, tables, {name: np.asarray(value) for name, value in result.items()}
        )

    def posterior(self) -> Posterior:
        """The result as labelled marginals, each checked to be a distribution."""
        marginals = {}
        for axis, slot in enumerate(self.model.hyper):
            others = tuple(i for i in range(len(self.model.hyper)) if i != axis)
            marginals[slot.name] = self._marginals(slot.name, self.result["hyper"].sum(axis=others)[None])
        for name, memo in (("theta", "effect"), ("sigma", "noise")):
            if name in self.model.per_group:
                marginals[name] = self._marginals(name, self.result[memo])
        ordered = {name: marginals[name] for name in self.model.names}
        log_evidence = float(self.result["log_evidence"])
        return Posterior(
            ordered, self.model.observations.groups, self.model.per_group, log_evidence, self.model.program, self
        )

    def _marginals(self, name: str, masses: np.ndarray) -> tuple[Marginal, ...]:
        return tuple(Marginal(self.grids[name], row) for row in checked_masses(masses, name))

    # --- what a Posterior asks for --------------------------------------------------------------------------------

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        """p(first, second | t) for two shared parameters, or one shared and one of a group, or two of one group."""
        masses = self._pair(first, second)
        masses = checked_masses(masses / masses.sum(), f"{first[0]}, {second[0]}", axes=2)
        grids = self.grids[first[0]], self.grids[second[0]]
        return Marginal(grids[0], masses.sum(axis=1)), Marginal(grids[1], masses.sum(axis=0)), masses

    def _pair(self, first: Address, second: Address) -> np.ndarray:
        shared = [slot.name for slot in self.model.hyper]
        (one, d), (two, e) = first, second
        for name, index in (first, second):
            if name in self.model.per_group and index is None:
                raise ValueError(f"joint with {name} needs one group: pass group=.")
        if d is None and e is None:
            others = tuple(i for i, name in enumerate(shared) if name not in (one, two))
            masses = self.result["hyper"].sum(axis=others)
            return masses if shared.index(one) < shared.index(two) else masses.T
        if d is None and e is not None:
            return self._shared_with_group(one, two, e)
        if d is not None and e is None:
            return self._shared_with_group(two, one, d).T
        assert d is not None
        masses = self._theta_with_sigma(d)
        return masses if one == "theta" else masses.T

    def _shared_with_group(self, name: str, other: str, d: int) -> np.ndarray:
        """p(shared, theta_d | t) or p(shared, sigma_d | t), other shared parameters summed out."""
        lengths = [len(self.grids[slot.name]) for slot in self.model.hyper]
        axis = [slot.name for slot in self.model.hyper].index(name)
        with jax.enable_x64(True):
            cells = jnp.exp(self._log_rest(d)) * self.tables.population.k[None]
            if other == "theta":
                table = cells * jnp.exp(self._log_own(d))[:, None, :]
            else:
                table = cells @ jnp.exp(self._log_by_sigma(d)).T
        table = np.asarray(table)  # (s, h, other): s is the last shared axis where sigma is shared
        table = np.moveaxis(table, 0, 1).reshape(*lengths, -1)
        return table.sum(axis=tuple(i for i in range(len(lengths)) if i != axis))

    def _theta_with_sigma(self, d: int) -> np.ndarray:
        with jax.enable_x64(True):
            cavity = logsumexp(self._log_rest(d)[0] + jnp.log(self.tables.population.k), axis=0)
            log_joint = cavity[:, None] + self._log_by_sigma(d).T
            return np.asarray(jnp.exp(log_joint - log_joint.max()))

    def contrast(self, first: int, second: int) -> Marginal:
        """theta_first - theta_second: independent given the shared parameters, so their pair is a matrix product."""
        with jax.enable_x64(True):
            one = self.tables.population.k[None] * jnp.exp(self._log_own(first))[:, None, :]
            two = self.tables.population.k[None] * jnp.exp(self._log_own(second))[:, None, :]
            weight = jnp.exp(self._log_rest(first) - (self.tables.log_m[second] - self._top(second))[..., None])
            pair = np.asarray(jnp.einsum("shi,shj->ij", one * weight, two))
        return _difference(self.grids["theta"], pair / pair.sum())

    @property
    def program(self) -> Program:
        return self.model.program

    def prediction(self, rows: NewRows) -> Prediction:
        """Beside the continuous model's."""
        return Prediction.priced(rows, lambda: self.continuum(self.model).model.predicted(rows))  # pyright: ignore

    def effects(self, rows: NewRows) -> tuple[Marginal, ...]:
        """theta of each row, on its nodes."""
        pairs = [self._with_sigma(d) for d in rows.groups]
        masses = [checked_masses(pair.sum(axis=0) / pair.sum(), rows.names[0]) for pair in pairs]
        return tuple(Marginal(self.grids["theta"], each) for each in masses)

    def normal_rows(self, rows: NewRows) -> tuple[Marginal, ...]:
        """y of each row: normal about the nodes of theta."""
        pairs = [self._with_sigma(d) for d in rows.groups]
        return mixed_rows(rows, pairs, self.grids["theta"], self.grids.get("sigma"))

    def _with_sigma(self, d: int | None) -> Float[np.ndarray, "sigma theta"]:
        """p(sigma, theta_d | t), of a new group for None; one row where sigma is known."""
        if self.model.own_sigma and d is not None:
            return self._theta_with_sigma(d).T
        if self.model.own_sigma:
            return np.exp(self.result["log_prior_sigma"])[:, None] * self._theta_of_new[0]
        masses = self._cell_masses()
        if self.model.kind == "complete":  # a cell is a value of theta
            return masses
        if d is None:
            return self._theta_of_new
        k = np.asarray(self.tables.population.k)
        with jax.enable_x64(True):
            rest, own = np.asarray(self._log_rest(d))[..., 0], np.asarray(self._log_own(d))
        return np.exp(rest) @ k * np.exp(own)

    @property
    def _theta_of_new(self) -> Float[np.ndarray, "s theta"]:
        """p(s, theta_new | t): of what the groups share alone; with complete pooling a cell is a value of theta."""
        return self._cell_masses() @ np.asarray(self.tables.population.k)

    def _cell_masses(self) -> Float[np.ndarray, "s h"]:
        """p(shared parameters | t)."""
        with jax.enable_x64(True):
            return np.asarray(_cells(jnp.asarray(self.result.get("hyper", 1.0)), self.model.shared_sigma))

    @property
    def evidence(self) -> float:
        """log p(t) of the discretised model."""
        return float(self.result["log_evidence"])

    def evidence_of(self, model: Pooling) -> float:
        with jax.enable_x64(True):
            return _Enumeration.of(model, self.grids, self.continuum, self.refit, self.placed).evidence

    def fitted_to(self, model: Pooling) -> Posterior:
        return self.refit(model)

    def evidence_at(self, label: str, value: float) -> float:
        raise ValueError(f"bayes_factor needs a density; {label} is on explicit grids here. Fit without grids=.")

    def swapped(self, swaps: Swaps) -> tuple[Float[np.ndarray, " item"], Bool[np.ndarray, " item"]]:
        """None is resolved: tables of other rows on the same grids are enumerated as a model of their own."""
        return np.zeros(len(swaps.group)), np.zeros(len(swaps.group), bool)

    def rank(self) -> Float[np.ndarray, "group rank"]:
        """P(rank of d = r | t): given the shared parameters the thetas are independent, on the nodes (ranks.py)."""
        self.model.require_thetas("rank")
        weight, masses = self._given_cells(LIGHT)
        every = np.arange(len(self.model.observations))
        return table_ranks(weight, lambda cells: masses(every, cells), len(self.grids["theta"]), len(every))

    def combination(self, weights: Float[np.ndarray, " group"]) -> Marginal:
        """sum of weights[d] theta_d, on the sums of their nodes (lattice.py)."""
        self.model.require_thetas("contrast")
        mass, masses = self._given_cells(NOTHING)
        return lattice_sum(self.grids["theta"], weights, mass, masses)

    def _given_cells(self, light: float) -> tuple[np.ndarray, Callable[[Any, np.ndarray], np.ndarray]]:
        """The masses of cells that are no lighter than this beside the heaviest, and p(theta_d | cell, t) of groups d in
        some of these cells, (cell, theta) with the axis of d before: given the shared parameters thetas are independent."""
        weight, k = self._cell_masses(), np.asarray(self.tables.population.k)
        s, h = np.nonzero(weight > light * weight.max())
        log_m, log_own = np.asarray(self.tables.log_m), np.asarray(self.tables.log_likelihood)

        def masses(d: int | np.ndarray, cells: np.ndarray) -> np.ndarray:
            i, j = s[cells], h[cells]
            return k[j] * np.exp(log_own[d][..., i, :] - log_m[d][..., i, j][..., None])

        return weight[s, h] / weight[s, h].sum(), masses

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of nodes: the shared parameters by their masses, then each group's theta given them, its sigma given it."""
        masses = self._cell_masses()
        s, h = np.unravel_index(from_masses(masses.ravel(), n, rng), masses.shape)
        nodes = {name: grid.nodes for name, grid in self.grids.items()}
        names = [slot.name for slot in self.model.hyper if slot.name != "sigma"]
        cells = np.unravel_index(h, [len(nodes[name]) for name in names]) if names else ()
        drawn = {name: nodes[name][index] for name, index in zip(names, cells, strict=True)}
        groups = range(len(self.model.observations))
        if self.model.shared_sigma:
            drawn["sigma"] = nodes["sigma"][s]
        if self.model.kind == "complete":
            theta = [h] * len(groups)
        else:
            theta = [self._drawn_theta(d, s, h, rng) for d in groups]
            drawn["theta"] = nodes["theta"][np.stack(theta, axis=1)]
        if self.model.own_sigma:
            log_l = learned_sigma(self.model.observations, nodes["sigma"]).log_density(nodes["theta"])
            log_p = np.asarray(self.result["log_prior_sigma"])[:, None] + log_l
            sigma = [from_log_masses(lambda part, d=d: log_p[d].T[theta[d][part]], n, rng) for d in groups]
            drawn["sigma"] = nodes["sigma"][np.stack(sigma, axis=1)]
        return drawn

    def _drawn_theta(self, d: int, s: np.ndarray, h: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Indices of nodes: p(theta_d | s, h, t) ~ K[h, theta] L_d[s, theta]."""
        log_own = np.asarray(self.tables.log_likelihood[d])
        return from_log_masses(lambda part: self._log_k[h[part]] + log_own[s[part]], len(h), rng)

    @cached_property
    def _log_k(self) -> Float[np.ndarray, "h theta"]:
        """log K, where K itself may underflow."""
        memos = _engine(self.model.program, _Structure.of(self.model), _sizes(self.model, self.grids)).memos
        with jax.enable_x64(True):
            return np.asarray(_log_population(self.model, self.grids, self.placed, memos))

    def weighted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The nodes of the shared parameters, and their masses."""
        self.model.require_shared("weighted")
        return product_nodes(self.result["hyper"], {slot.name: self.grids[slot.name] for slot in self.model.hyper})

    def _top(self, d: int) -> Array:
        return self.tables.log_likelihood[d].max()

    def _log_own(self, d: int) -> Float[Array, "s theta"]:
        """log L_d, shifted to a largest value of 0."""
        return self.tables.log_likelihood[d] - self._top(d)

    def _log_by_sigma(self, d: int) -> Float[Array, "sigma theta"]:
        """log p(sigma) L_d(theta, sigma), shifted to a largest value of 0."""
        assert self.tables.by_sigma is not None and self.tables.by_sigma_shift is not None
        own = jnp.log(self.tables.by_sigma[d]) + self.tables.by_sigma_shift[d][:, None]
        own = own + jnp.asarray(self.result["log_prior_sigma"])[:, None]
        return own - own.max()

    def _log_rest(self, d: int) -> Float[Array, "s h 1"]:
        """log W / M_d, with M_d on the scale of `_log_own`."""
        masses = jnp.asarray(self.result.get("hyper", 1.0))
        log_w = _cells(jnp.log(masses), self.model.shared_sigma)
        return (log_w - self.tables.log_m[d] + self._top(d))[..., None]

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The price of the grids: the distance to the continuous model's posterior."""
        reference = self.continuum(self.model)
        sources = {name: self._source(name, reference) for name in self.model.names}
        most, worst = max(sources.values(), key=lambda source: source[0])
        found = {name: worst if own < max(1e-4, most / 10) else source for name, (own, source) in sources.items()}
        evidence = max([*sources.values(), *map(self._prior_cut, self.model.priors)], key=lambda source: source[0])[1]
        return Accuracy.between(posterior, reference, {**found, "log_evidence": evidence}, "use automatic grids")

    def _prior_cut(self, name: str) -> tuple[float, str]:
        """How much of a parameter's prior its grid cuts off, and where; none where the library placed the grid."""
        prior, nodes = self.model.priors[name], self.grids[name].nodes
        if name not in self.model.grids or not prior.proper:
            return 0.0, ""
        below, above = np.abs(np.searchsorted(prior.ppf(np.linspace(0, 1, 10_001)), nodes[[0, -1]]) / 1e4 - [0, 1])
        cut, end = (below, nodes[0]) if below >= above else (above, nodes[-1])
        return float(cut), f"{name} cut at {end:g}, where {100 * cut:.2g}% of its prior is beyond"

    def _source(self, name: str, reference: Posterior) -> tuple[float, str]:
        """How much of a parameter's posterior its grid cuts off, and where; its spacing where nothing is cut."""
        grid = self.grids[name]
        low, high = (grid.edges if len(grid.edges) else grid.nodes)[[0, -1]]
        below = max(float(marginal.cdf(low)) for marginal in reference.marginals[name])
        above = max(1 - float(marginal.cdf(high)) for marginal in reference.marginals[name])
        cut, end = (below, low) if below >= above else (above, high)
        if cut < 1e-4:
            return 0.0, f"spacing of the {name} grid"
        return cut, f"{name} cut at {end:g}, where {100 * cut:.2g}% of its posterior is beyond"


def _difference(grid: Grid, pair: np.ndarray) -> Marginal:
    """The distribution of x_i - x_j under the masses pair[i, j], on the distinct differences of the nodes."""
    differences = (grid.nodes[:, None] - grid.nodes[None, :]).ravel()
    finest = np.diff(grid.nodes).min()
    keys, which = np.unique(np.round(differences / finest * 1e6), return_inverse=True)
    masses = np.bincount(which, pair.ravel())
    return Marginal(Grid(keys * finest / 1e6), checked_masses(masses, "difference"))


# --- the compiled update ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Structure:
    """What shapes an update beside the sizes: the shared parameters, a group's own sigma, whether groups differ."""

    hyper: tuple[Arguments, ...]
    noise: Arguments | None
    effects: bool

    @classmethod
    def of(cls, model: Pooling) -> "_Structure":
        noise = Arguments.of(Slot("sigma", model.priors["sigma"])) if model.own_sigma else None
        return cls(tuple(map(Arguments.of, model.hyper)), noise, model.kind != "complete")


def _sizes(model: Pooling, grids: Mapping[str, Grid]) -> tuple[tuple[str, int], ...]:
    sizes = {name.capitalize(): len(grids[name]) for name in model.names}
    return tuple(sorted({**sizes, "Group": len(model.observations)}.items()))


@lru_cache(maxsize=32)
def _engine(program: Program, structure: _Structure, sizes: tuple[tuple[str, int], ...]) -> SimpleNamespace:
    """The memos of a program at these sizes, and the jitted update that calls them."""
    memos = program.compile(**dict(sizes))
    return SimpleNamespace(memos=memos, update=jax.jit(_update(memos, structure), compiler_options=_options()))


@lru_cache(maxsize=1)
def _options() -> dict[str, str]:
    """Leave matrix products alone to XLA's library of CPU kernels: its softmax takes four times as long as XLA's own."""
    options = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
    try:
        jax.jit(jnp.negative, compiler_options=options)(0.0)
    except jax.errors.JaxRuntimeError:  # another version of XLA does not know the option
        return {}
    return options


def _update(memos: SimpleNamespace, structure: _Structure) -> Callable:
    shared_sigma = any(slot.name == "sigma" for slot in structure.hyper)

    def update(arguments: dict, explicit: dict, tables: dict, log_r: Array | None = None) -> dict:
        result = shared_masses(memos, structure.hyper, arguments, explicit, tables["log_m_total"])
        masses = _cells(result.get("hyper", jnp.ones(())), shared_sigma)
        if log_r is None and structure.effects:
            log_r, result["kept"] = _cavity(masses, tables)
        if log_r is None:  # in complete pooling a cell is a value of theta
            log_r = jnp.log(masses) - tables["log_m"]
        if structure.effects:
            pick = slice(None) if shared_sigma else 0
            result["effect"] = memos.effect(log_r[:, pick], tables["log_likelihood"][:, pick])
        if structure.noise:
            result |= _noise(memos, structure.noise, arguments, log_r[:, 0], tables)
        return result

    return update


def _noise(
    memos: SimpleNamespace, slot: Arguments, arguments: dict, log_r: Float[Array, "d theta"], tables: dict
) -> dict:
    """p(sigma_d | t): sum_theta R_d(theta) L_d(theta, sigma) for each sigma, handed to the program."""
    shift = jnp.max(log_r, axis=-1, keepdims=True)
    fit = jnp.einsum("dst,dt->ds", tables["by_sigma"], jnp.exp(log_r - shift))
    log_fit = jnp.log(fit) + tables["by_sigma_shift"]
    prior = [arguments[name] for name in slot.tables], [arguments[name] for name in slot.scalars]
    return {"noise": memos.noise(*prior[0], log_fit, *prior[1]), "log_prior_sigma": log_prior(memos, slot, arguments)}


def _cavity(masses: Float[Array, "s h"], tables: dict) -> tuple[Float[Array, "d s theta"], Float[Array, "d"]]:
    """log R[d, s, theta], and the mass of p(theta_d | t) that the product has kept: 1 where it has lost nothing."""
    x = masses * tables["rest"]
    log_r = jnp.log(product_of_factors(x, *tables["factors"])) - tables["rest_shift"][:, None, None]
    return log_r, _mass_kept(log_r, tables["log_likelihood"])


def _mass_kept(log_r: Float[Array, "d s theta"], log_likelihood: Float[Array, "d s theta"]) -> Float[Array, "d"]:
    return jnp.exp(log_r + log_likelihood).sum(axis=(1, 2))


def _cavity_safely(
    masses: Float[Array, "s h"], tables: Tables, log_population: Callable[[], Array]
) -> Float[Array, "d s theta"]:
    """The same where W / M overflows or the factors are too coarse: by K itself, by log-sum-exps where that underflows."""
    log_x = jnp.log(masses) - tables.log_m
    log_r = jax.jit(log_product)(log_x, tables.population.k)[0]
    poor = np.flatnonzero(~(abs(np.asarray(_mass_kept(log_r, tables.log_likelihood)) - 1) < LOST))
    if len(poor):
        log_r = log_r.at[poor].set(jax.jit(log_product_slowly)(log_x[poor], log_population()))
    return log_r


def _known(tables: Tables) -> dict:
    """The tables as arguments of an update."""
    return {**vars(tables), "factors": tables.population.factors, "population": None}


def _cells(log_w: Float[Array, "*shared"], shared_sigma: bool) -> Float[Array, "s h"]:
    """Masses of shared parameters as (s, h): a shared sigma, the last axis, first; one row where there is none."""
    if shared_sigma:
        return jnp.moveaxis(log_w, -1, 0).reshape(log_w.shape[-1], -1)
    return log_w.reshape(1, -1)


# --- tables -----------------------------------------------------------------------------------------------------

_kept_tables: OrderedDict[tuple, Tables] = OrderedDict()
_kept_populations: OrderedDict[tuple, Population] = OrderedDict()


def _tables(model: Pooling, grids: Mapping[str, Grid], placed: frozenset[str], memos: SimpleNamespace) -> Tables:
    """The tables of this data set on these grids, from the last few kept."""
    key = (model.observations.fingerprint, model.shared_sigma, *_key(model, grids, placed, model.names))
    return _kept(_kept_tables, key, lambda: _new_tables(model, grids, placed, memos))


def _population(
    model: Pooling, grids: Mapping[str, Grid], placed: frozenset[str], memos: SimpleNamespace
) -> Population:
    """What theta is like on these grids, from the last few kept."""

    def new() -> Population:
        k = jax.jit(jnp.exp, donate_argnums=0)(_log_population(model, grids, placed, memos))
        return Population(k, factors(k, len(grids["tau"]) if model.kind == "partial" else 1))

    names = ("mu", "tau", "theta") if model.kind == "partial" else ("theta",)
    return _kept(_kept_populations, _key(model, grids, placed, names), new)


def _kept[T](kept: OrderedDict[tuple, T], key: tuple, new: Callable[[], T]) -> T:
    if key not in kept:
        kept[key] = new()
        if len(kept) > KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


def _key(model: Pooling, grids: Mapping[str, Grid], placed: frozenset[str], names: Iterable[str]) -> tuple:
    """The model, its grids, and the priors of parameters that are not shared: what tables beside the data depend on."""
    own = [name for name in names if name not in {slot.name for slot in model.hyper} and name in model.priors]
    return (
        model.kind,
        repr(model.likelihood),
        model.program,
        placed,
        *((name, grids[name].nodes.tobytes(), grids[name].log_weight.tobytes()) for name in names),
        *(model.priors[name].logpdf(grids[name].nodes).tobytes() for name in own),
    )


def _new_tables(model: Pooling, grids: Mapping[str, Grid], placed: frozenset[str], memos: SimpleNamespace) -> Tables:
    lengths = {name: len(grid) for name, grid in grids.items()}
    _require_memory(model, lengths)
    own, by_sigma, shift = _likelihood_tables(model, grids, placed, memos)
    shape = [lengths[slot.name] for slot in model.hyper]
    if model.kind == "complete":
        log_m, population = own, Population(jnp.eye(lengths["theta"]), None)
    else:
        population = _population(model, grids, placed, memos)
        log_m = log_evidence_of_groups(own, population.k, lambda: _log_population(model, grids, placed, memos))
    host = np.asarray(log_m)  # in NumPy: each operation by itself would be a program to compile
    total = host.sum(axis=0)
    rest_shift = host.reshape(len(host), -1)[:, np.argmax(total)]
    rest = np.exp(np.minimum(rest_shift[:, None, None] - host, LARGE))
    total = np.moveaxis(total, 0, -1) if model.shared_sigma else total[0]
    return Tables(own, log_m, *map(jnp.asarray, (total.reshape(shape), rest, rest_shift)), population, by_sigma, shift)


def _likelihood_tables(
    model: Pooling, grids: Mapping[str, Grid], placed: frozenset[str], memos: SimpleNamespace
) -> tuple:
    """log L[d, s, theta] (a group's own sigma summed out), and L[d, sigma, theta] with its shift where it is own."""
    theta = grids["theta"].nodes
    if model.likelihood is not None:
        log_l = np.stack([of_group(theta) for of_group in model.likelihood.by_group(model.observations)])
        return jnp.asarray(log_l[:, None]), None, None
    if "sigma" not in model.priors:
        return jnp.asarray(known_sigma(model.observations).log_density(theta)), None, None
    log_l = learned_sigma(model.observations, grids["sigma"].nodes).log_density(theta)
    if model.shared_sigma:
        return jnp.asarray(log_l), None, None
    slot = Slot("sigma", model.priors["sigma"])
    log_p = np.asarray(log_prior(memos, Arguments.of(slot), arguments_of(slot, grids["sigma"])))
    log_p = log_p - (0.0 if "sigma" in placed else np.logaddexp.reduce(log_p))
    shift = log_l.max(axis=2)
    own = np.logaddexp.reduce(log_p[:, None] + log_l, axis=1, keepdims=True)
    return jnp.asarray(own), jnp.asarray(np.exp(log_l - shift[..., None])), jnp.asarray(shift)


def _log_population(
    model: Pooling, grids: Mapping[str, Grid], placed: frozenset[str], memos: SimpleNamespace
) -> Float[Array, "h theta"]:
    """log p(theta | shared parameters), normalised over the nodes of theta for each cell."""
    if model.kind == "no":
        slot = Slot("theta", model.priors["theta"])
        log_k = log_prior(memos, Arguments.of(slot), arguments_of(slot, grids["theta"]))[None, :]
        return log_k if "theta" in placed else _normalised(log_k)
    nodes = [jnp.asarray(grids[name].nodes) for name in ("mu", "tau", "theta")]
    # at tau = 0 all mass is on the node next to mu, which is the limit of a tau far below the spacing
    nodes[1] = jnp.maximum(nodes[1], 1e-6 * np.diff(grids["theta"].nodes).min())

    def table(*arguments: Array) -> Array:  # compiled as one: each step alone would hold a table of its own
        return _normalised(memos.log_population(*arguments).reshape(-1, len(nodes[2])))

    return jax.jit(table)(*nodes, jnp.asarray(grids["theta"].log_weight))


def _normalised(log_k: Float[Array, "h theta"]) -> Float[Array, "h theta"]:
    return log_k - logsumexp(log_k, axis=1, keepdims=True)


def _require_memory(model: Pooling, lengths: Mapping[str, int]) -> None:
    groups, theta = len(model.observations), lengths["theta"]
    sigma = lengths.get("sigma", 1)
    cells = lengths.get("mu", 1) * lengths.get("tau", 1)
    s = sigma if model.shared_sigma else 1
    require_memory(
        {
            "population, mu x tau x theta": (cells, theta),
            "evidence, group x sigma x mu x tau": (groups, s, cells),
            "its inverse, group x sigma x mu x tau": (groups, s, cells),
            "likelihood, group x sigma x theta": (groups, sigma, theta),
        },
        "Pass coarser grids, or leave grids out: automatic grids need far fewer cells.",
    )
