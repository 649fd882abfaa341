"""The continuous reading where sigma is known or shared.

The scales (tau, and a shared sigma) are enumerated on panels that resolve their posterior; what they leave is normal and
summed in closed form (conditional.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import logsumexp

from gridbayes.accuracy import Accuracy, Tail
from gridbayes.conditional import Affine, Conditional
from gridbayes.contraction import require_memory
from gridbayes.engine import marginal_of, run_groups, run_hyper
from gridbayes.factors import Factors, all_but_one, joined, of_location
from gridbayes.grids import COARSE, Grid, fewest, in_panels, resolves
from gridbayes.likelihoods import NormalFactors, by_count, known_sigma, learned_sigma
from gridbayes.models.draws import location_given, theta_given
from gridbayes.models.given_cells import Density, GivenCells, few_of_scale
from gridbayes.models.left_out import Swaps
from gridbayes.models.placed import ROUGH, discretised
from gridbayes.models.pooling import Pooling, as_posterior
from gridbayes.models.prediction import NewRows, Prediction, with_powers
from gridbayes.models.scales import refuse_improper, scale_edges, sizes_of
from gridbayes.models.tails import tail_power
from gridbayes.posterior import Address, FittedModel, Posterior, checked_masses
from gridbayes.priors import Prior
from gridbayes.program import Program
from gridbayes.sampling import from_table, product_nodes
from gridbayes.summaries import Marginal

__all__ = ["GivenScales"]

TOGETHER = 2**20  # components of the mixtures, all groups taken together, that are mixed at once
MANY = 2**17  # components from which on it is worth while to look for fewer

FEW = (16, 24, 48)  # nodes of a scale that take the place of all, where these do
MIDDLE = np.array(
    [-5, -3, -1.7, -0.9, -0.4, -0.1, 0, 0.2, 0.6, 1.2, 2.2, 4]
)  # sds from the centre: where few are judged


def _fitted(
    masses: Float[np.ndarray, "row column"], rows: Float[np.ndarray, "row"], columns: Float[np.ndarray, "column"]
) -> Float[np.ndarray, "row column"]:
    """The joint masses nearest to `masses` with these marginals, by iterative proportional fitting (Deming & Stephan 1940).

    As tau goes to 0, mu and theta lie on a ridge that is narrower than the distance of nodes: masses upon it fall to nodes
    that are near, and this puts right what is then too much on one and too little on the next.
    """
    for _ in range(1000):
        masses = masses * _ratio(rows, masses.sum(axis=1))[:, None]
        masses = masses * _ratio(columns, masses.sum(axis=0))
        if np.abs(masses.sum(axis=1) - rows).sum() < 1e-12:
            break
    return masses


def _ratio(wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
    return np.divide(wanted, found, out=np.zeros_like(wanted), where=found > 0)


@dataclass(frozen=True, eq=False)
class GivenScales(GivenCells):
    """A pooling model with known or shared sigma, fitted in the continuum."""

    model: Pooling
    tol: float
    order: int

    @property
    def location_prior(self) -> Prior:
        return self.model.priors["mu" if self.model.kind == "partial" else "theta"]

    @cached_property
    def scales(self) -> dict[str, Grid]:
        """Grids of tau and of a shared sigma, where the model has them."""
        names = (["tau"] if self.model.kind == "partial" else []) + (["sigma"] if self.model.shared_sigma else [])
        if not names:
            return {}
        grids = {name: in_panels(self._first_edges(name), 6) for name in names}
        for name in (*reversed(names), *names[1:]) if len(names) > 1 else names:
            others = {other: grid for other, grid in grids.items() if other != name}
            log_density = partial(self._log_marginal, name, others)
            grids[name], _ = fewest(log_density, self._first_edges(name), self.tol, self.order, ratio=4)
        return grids

    def _first_edges(self, name: str) -> np.ndarray:
        return scale_edges(self.model.priors[name], sizes_of(self.model))

    def _log_marginal(self, name: str, others: Mapping[str, Grid], x: np.ndarray) -> np.ndarray:
        """log p(name = x, t), the other scales summed out on their grids; x (panel, node)."""
        log_joint, log_weight = self.model.priors[name].logpdf(x.ravel()), np.zeros(1)
        values = {name: x.ravel()[:, None]}
        for other, grid in others.items():
            values[other] = grid.nodes[None, :]
            log_weight = self.model.priors[other].logpdf(grid.nodes) + grid.log_weight
        shape = np.broadcast_shapes(*(value.shape for value in values.values()))
        cells = {key: np.broadcast_to(value, shape).ravel() for key, value in values.items()}
        log_evidence = self._log_evidence(cells).reshape(shape)
        return (log_joint + logsumexp(log_evidence + log_weight, axis=1)).reshape(x.shape)

    def _log_evidence(self, cells: Mapping[str, np.ndarray]) -> np.ndarray:
        """log p(t | scales), (cell,)."""
        if self.model.kind == "no":
            return np.sum([part.log_evidence for part in self._by_group(cells)], axis=0)
        sums = by_count(self.model.observations, cells["sigma"]) if "sigma" in cells else self._factors(cells)
        return self._given(sums, cells).log_evidence

    def _factors(self, cells: Mapping[str, np.ndarray]) -> NormalFactors:
        if "sigma" in cells:
            return learned_sigma(self.model.observations, cells["sigma"])
        return known_sigma(self.model.observations)

    def _conditional(self, cells: Mapping[str, np.ndarray]) -> Conditional:
        return self._given(self._factors(cells), cells)

    def _given(self, factors: NormalFactors, cells: Mapping[str, np.ndarray]) -> Conditional:
        """Partial pooling; complete pooling is its case tau = 0, with theta for mu."""
        tau = cells.get("tau", np.zeros(max(factors.w.shape[1], 1)))
        return Conditional(self.location_prior, factors, tau)

    def _by_group(self, cells: Mapping[str, np.ndarray]) -> list[Conditional]:
        """No pooling: complete pooling of each group alone."""
        factors = self._factors(cells)
        tau = np.zeros(factors.w.shape[1])
        parts = [slice(d, d + 1) for d in range(len(factors.c))]
        return [
            Conditional(self.location_prior, NormalFactors(factors.a[d], factors.w[d], factors.c[d]), tau)
            for d in parts
        ]

    # --- from scales to a posterior -------------------------------------------------------------------------------

    @cached_property
    def cells(self) -> dict[str, np.ndarray]:
        """Values of the scales in each cell of their product, (cell,); none where there are no scales."""
        nodes = np.meshgrid(*(grid.nodes for grid in self.scales.values()), indexing="ij")
        return {name: values.ravel() for name, values in zip(self.scales, nodes, strict=True)}

    @cached_property
    def conditional(self) -> Conditional:
        """The model given each cell; without pooling, the groups' own normal factors under a flat prior."""
        return self._conditional(self.cells)

    @cached_property
    def log_prior(self) -> np.ndarray:
        """log p(scales) of each cell with its weight, (cell,)."""
        log_mass = np.zeros(())
        for name, grid in self.scales.items():
            log_mass = np.add.outer(log_mass, self.model.priors[name].logpdf(grid.nodes) + grid.log_weight)
        return log_mass.reshape(-1)

    @cached_property
    def log_joint(self) -> np.ndarray:
        """log p(scales, t) of each cell with its weight, by the closed form: (cell,)."""
        return self.log_prior + self._log_evidence(self.cells)

    @property
    def scale_masses(self) -> Float[np.ndarray, "*scales"]:
        """p(scales | t) on the product of their grids, by the closed form."""
        return np.exp(self.log_joint - logsumexp(self.log_joint)).reshape([len(grid) for grid in self.scales.values()])

    def posterior(self) -> Posterior:
        refuse_improper(self.model)
        marginals, log_evidence = self._no() if self.model.kind == "no" else self._shared()
        return as_posterior(self, marginals, log_evidence)

    def _shared(self) -> tuple[dict[str, tuple[Marginal, ...]], float]:
        """Complete and partial pooling: the shared parameters by the program, then each theta given them."""
        masses, log_evidence = self.hyper
        marginals: dict[str, tuple[Marginal, ...]] = {
            name: (marginal_of(masses, axis, grid),) for axis, (name, grid) in enumerate(self.grids.items())
        }
        if self.model.kind == "partial":
            marginals["theta"] = self._thetas()
        return marginals, log_evidence

    def _thetas(self) -> tuple[Marginal, ...]:
        """The marginal of every group's theta, some groups at a time, so that a hundred thousand fit into memory."""
        groups, components = len(self.model.observations), len(self.kept)
        if not self.conditional.is_normal:
            components *= len(self.grids["mu"])
        parts = np.array_split(np.arange(groups), min(groups, -(-groups * components // TOGETHER)))
        mixed = self._mixed_by_few if len(self.scales) and groups * components > MANY else self._mixed_by_all
        found = (mixed(part.tolist()) for part in parts)
        return tuple(chain.from_iterable(found))

    def _mixed_by_all(self, d: list[int]) -> tuple[Marginal, ...]:
        """The thetas of groups d mixed over all cells that weigh anything."""
        return self._mixed(self.conditional.theta(d, self.kept))

    def _mixed_by_few(self, d: list[int]) -> tuple[Marginal, ...]:
        """The thetas of groups d mixed over few cells; over all where moments differ by tol or densities by tol / 100."""
        theta = self.conditional.theta(d, self.kept)
        centre, spread = self.conditional.middle(self.log_w, theta, self.kept)
        at = centre[:, None] + spread[:, None] * MIDDLE
        every = np.exp(self.conditional.log_mixture(self.log_w, theta, self.kept, at))
        for count in FEW:
            model, log_w, shared = self.few(count)
            theta, cells = model.theta(d), np.arange(len(log_w))
            off = [every - np.exp(model.log_mixture(log_w, theta, cells, at))] / every.max(axis=1, keepdims=True)
            moved = np.subtract(model.middle(log_w, theta, cells), (centre, spread)) / spread
            if np.abs(off).max() <= self.tol / 100 and np.abs(moved).max() <= self.tol:
                densities = model.marginals(log_w, theta, cells, self.tol, self.order, shared)
                return run_groups(self.model.continuous_program, "effect", "theta", densities)
        return self._mixed_by_all(d)

    def few(self, count: int) -> tuple[Conditional, np.ndarray, tuple[Grid, np.ndarray]]:
        """The model on fewer cells, their log masses, and p(mu, cell | t) on the grid of mu: `count` values of the last
        scale given the others, by Gauss's rule.

        What is smooth in that scale over the width of its posterior has the same mean under both: with many rows each
        density of theta has.
        """
        if count not in self._few:
            self._few[count] = self._with_few(count)
        return self._few[count]

    @cached_property
    def _few(self) -> dict[int, tuple[Conditional, np.ndarray, tuple[Grid, np.ndarray]]]:
        return {}

    def _with_few(self, count: int) -> tuple[Conditional, np.ndarray, tuple[Grid, np.ndarray]]:
        *others, (name, grid) = self.scales.items()
        rows = np.unique(self.kept // len(grid))
        nodes, masses = few_of_scale(grid.nodes, np.exp(self.log_w).reshape(-1, len(grid))[rows], count)
        cells = {other: np.repeat(self.cells[other].reshape(-1, len(grid))[rows, 0], count) for other, _ in others}
        log_w = np.log(np.maximum(masses, np.finfo(float).tiny)).ravel()
        model, location = self._conditional({**cells, name: nodes.ravel()}), self.grids["mu"]
        log_mu = model.log_likelihood(location.nodes[:, None]) - model.log_evidence
        log_mu += (self.location_prior.logpdf(location.nodes) + location.log_weight)[:, None]
        return model, log_w, (location, np.exp(log_mu + log_w))

    @cached_property
    def grids(self) -> dict[str, Grid]:
        """Grids of the shared parameters in the order of the program's axes: the location first."""
        grid, _ = self.conditional.own_marginal(self.log_joint, self.tol, self.order)
        return {self.model.hyper[0].name: grid, **self.scales}

    @cached_property
    def hyper(self) -> tuple[np.ndarray, float]:
        """p(shared parameters | t) on their grids, and log evidence, by the program."""
        nodes, shape = next(iter(self.grids.values())).nodes, [len(grid) for grid in self.grids.values()]
        return run_hyper(
            self.model.continuous_program,
            self.model.hyper,
            self.grids,
            self.conditional.log_likelihood(nodes[:, None]).reshape(shape),
        )

    @cached_property
    def log_w(self) -> np.ndarray:
        """log p(scales | t) of each cell as the program has it, (cell,)."""
        with np.errstate(divide="ignore"):
            return np.log(self.hyper[0].sum(axis=0).reshape(-1))

    @cached_property
    def kept(self) -> np.ndarray:
        """Indices of the cells that weigh anything."""
        return self.conditional.cells_of(self.log_w)

    def _mixed(self, x: Affine) -> tuple[Marginal, ...]:
        """Marginals of numbers that are affine in mu, by the program's memo for groups."""
        return run_groups(self.model.continuous_program, "effect", "theta", self._densities(x))

    def _densities(self, x: Affine) -> list[Density]:
        """The log densities of numbers that are affine in mu, mixed over the cells that weigh anything."""
        location, cells = next(iter(self.grids.values())), self.hyper[0].reshape(-1, len(self.log_w))
        return self.conditional.marginals(self.log_w, x, self.kept, self.tol, self.order, (location, cells))

    def _no(self) -> tuple[dict[str, tuple[Marginal, ...]], float]:
        """No pooling: a shared sigma by the program, then each theta by its own rows and its prior."""
        program, groups = self.model.continuous_program, self._by_group(self.cells)
        if not self.scales:
            log_w, marginals, log_evidence = np.zeros(1), {}, float(self.log_joint[0])
        else:
            masses, log_evidence = run_hyper(
                self.model.continuous_program, self.model.hyper, self.scales, self._log_evidence(self.cells)
            )
            with np.errstate(divide="ignore"):
                log_w = np.log(masses)
            marginals = {"sigma": (Marginal(self.scales["sigma"], masses),)}
        densities = [part.own_marginal(log_w, self.tol, self.order) for part in groups]
        return {**marginals, "theta": run_groups(program, "effect", "theta", densities)}, log_evidence

    # --- what a Posterior asks for --------------------------------------------------------------------------------

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        """p(first, second | t) for two shared parameters, or a scale and the theta of a group."""
        names = [name for name, _ in (first, second)]
        if self.model.kind == "no":
            return self._discretised.joint(first, second)
        if all(name in self.grids for name in names):
            others = tuple(axis for axis, name in enumerate(self.grids) if name not in names)
            masses = self.hyper[0].sum(axis=others)
            ordered = [name for name in self.grids if name in names]
            masses = masses if ordered == names else masses.T
            one, two = (marginal_of(masses, axis, self.grids[name]) for axis, name in enumerate(names))
            return one, two, masses
        if names[1] != "theta":
            other, theta, masses = self.joint(second, first)
            return theta, other, masses.T
        if second[1] is None:
            raise ValueError("joint with theta needs one group: pass group=.")
        return self._with_theta(names[0], second[1])

    def _with_theta(self, name: str, d: int) -> tuple[Marginal, Marginal, np.ndarray]:
        """p(shared, theta_d | t), from p(cell | t) p(theta_d | cell, t) p(mu | theta_d, cell, t)."""
        (theta,) = self._mixed(self.conditional.theta([d], self.kept))
        log_x = self.conditional.log_density(self.conditional.theta([d], self.kept), theta.grid.nodes, self.kept)
        cells = np.exp(log_x + self.log_w[self.kept] + theta.grid.log_weight[:, None]).T  # (kept cell, theta)
        if name in self.scales:
            full = np.zeros((len(self.log_w), len(theta.grid)))
            full[self.kept] = cells
            full = full.reshape(*(len(grid) for grid in self.scales.values()), -1)
            axis = list(self.scales).index(name)
            masses = full.sum(axis=tuple(i for i in range(len(self.scales)) if i != axis))
        else:
            masses = self.conditional.spread_over_mu(self.grids[name], d, theta.grid.nodes, cells, self.kept)
        shared = marginal_of(self.hyper[0], list(self.grids).index(name), self.grids[name])
        masses = checked_masses(_fitted(masses, shared.masses, theta.masses), f"{name}, theta", axes=2)
        return shared, theta, masses

    def contrast(self, first: int, second: int) -> Marginal:
        """theta_first - theta_second: normal given mu and the scales, mixed over them.

        Without pooling, under a prior of theta that is not normal: on common points, and no better than their spacing.
        """
        if self.model.kind == "no":
            if not self._by_group(self.cells)[0].is_normal:
                return self._discretised.contrast(first, second)
            groups = np.arange(len(self.model.observations))
            return self.combination(np.where(groups == first, 1.0, np.where(groups == second, -1.0, 0.0)))
        return self._mixed(self.conditional.difference(first, second, self.kept))[0]

    # --- changed data -------------------------------------------------------------------------------------------------

    @cached_property
    def evidence(self) -> float:
        """log p(t), by the closed form in every cell."""
        refuse_improper(self.model)
        return float(logsumexp(self.log_joint))

    @property
    def size(self) -> int:
        return len(self.log_prior)

    def swapped(self, swaps: Swaps) -> tuple[Float[np.ndarray, " item"], Bool[np.ndarray, " item"]]:
        """The changed group's factor joined with that of all other groups, in each cell."""
        observations = swaps.as_groups
        known = learned_sigma(observations, self.cells["sigma"]) if "sigma" in self.cells else known_sigma(observations)
        own = of_location(known, self._tau)
        if self.model.kind == "no":
            alone = [part.log_evidence for part in self._by_group(self.cells)]
            changed = own.log_evidence(self.location_prior) - np.stack(alone)[swaps.group]
            log_joint = self.log_joint + changed
        else:
            log_joint = self.log_prior + joined(self._others[swaps.group], own).log_evidence(self.location_prior)
        log_p = np.asarray(logsumexp(log_joint, axis=1))
        masses = np.exp(log_joint - log_p[:, None]).reshape(-1, *(len(grid) for grid in self.scales.values()))
        resolved = np.ones(len(log_p), bool)
        for axis, (name, grid) in enumerate(self.scales.items(), start=1):
            marginal = masses.sum(axis=tuple(i for i in range(1, masses.ndim) if i != axis))
            resolved &= resolves(grid, marginal, self.model.priors[name].support)
        return log_p, resolved

    @property
    def _tau(self) -> Float[np.ndarray, " cell"]:
        """tau of each cell; 0 where all groups share one theta, or each has its own."""
        return self.cells.get("tau", np.zeros(self.size))

    @cached_property
    def _others(self) -> Factors:
        """What all groups but one say of mu in each cell, for each group."""
        remedy = "Leave rows or groups of fewer groups out."
        require_memory({"the other groups, group x scales": (6 * len(self.model.observations), self.size)}, remedy)
        return all_but_one(of_location(self._factors(self.cells), self._tau))

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of the scales from their joint, and of what they leave in closed form (draws.py)."""
        cells = dict(zip(self.scales, from_table(self.scale_masses, [*self.scales.values()], n, rng), strict=True))
        if self.model.kind == "no":
            thetas = [location_given(group, n, rng) for group in self._by_group(cells)]
            return {**cells, "theta": np.stack(thetas, axis=1)}
        location = location_given(self._conditional(cells), n, rng)
        if self.model.kind == "complete":
            return {**cells, "theta": location}
        return {
            **cells,
            "mu": location,
            "theta": theta_given(self._factors(cells), location[:, None], cells["tau"], rng),
        }

    def weighted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The nodes of the shared parameters, and their masses."""
        self.model.require_shared("weighted")
        masses, grids = (self.scale_masses, self.scales) if self.model.kind == "no" else (self.hyper[0], self.grids)
        return product_nodes(masses, grids)

    @cached_property
    def _discretised(self) -> FittedModel:
        return discretised(self.model, GivenScales(self.model, *ROUGH).posterior())

    @property
    def program(self) -> Program:
        return self.model.continuous_program

    def prediction(self, rows: NewRows) -> Prediction:
        """Beside a coarser rule, with the tail of tau."""
        return Prediction.refined(rows, self._tail_of_tau, lambda: GivenScales(self.model, *COARSE).predicted(rows))

    def effects(self, rows: NewRows) -> tuple[Marginal, ...]:
        """theta of each row."""
        return self._rows(rows, rows.names[0])

    def normal_rows(self, rows: NewRows) -> tuple[Marginal, ...]:
        """y of each row: normal given mu and the scales."""
        return self._rows(rows, "y")

    def _rows(self, rows: NewRows, name: str) -> tuple[Marginal, ...]:
        find = self._unpooled_rows if self.model.kind == "no" else self._pooled_rows
        return with_powers(rows, name, find(rows, name))

    def _pooled_rows(self, rows: NewRows, name: str) -> list[Density]:
        """theta_d, or mu plus tau's noise in a new group; y adds sigma's."""
        tau = self.conditional.tau[self.kept]
        new = Affine(np.zeros((1, len(tau))), np.ones((1, len(tau))), tau[None] ** 2)
        parts = [
            new if d is None or self.model.kind == "complete" else self.conditional.theta([d], self.kept)
            for d in rows.groups
        ]
        a, b, v = (np.concatenate([getattr(part, field) for part in parts]) for field in ("a", "b", "v"))
        return self._densities(Affine(a, b, v + self._noise(rows, self.kept) if name == "y" else v))

    def _unpooled_rows(self, rows: NewRows, name: str) -> list[Density]:
        """theta_d by its own rows; y adds sigma's noise."""
        log_w, groups, found = self.log_joint - logsumexp(self.log_joint), self._by_group(self.cells), []
        for i, d in enumerate(rows.groups):
            own = groups[d or 0]  # a new one is there before the data alone, when all are alike
            cells = own.cells_of(log_w)
            if name != "y":
                found.append(own.own_marginal(log_w, self.tol, self.order))
            else:
                noise = self._noise(rows, cells)[[i if rows.known is not None else 0]]
                x = Affine(np.zeros_like(noise), np.ones_like(noise), noise)
                found += own.marginals(log_w, x, cells, self.tol, self.order)
        return found

    def _noise(self, rows: NewRows, cells: np.ndarray) -> Float[np.ndarray, "#row cell"]:
        """The variance of a row given its theta."""
        sigma = self.cells["sigma"][cells][None] if rows.known is None else rows.known[:, None]
        return np.broadcast_to(sigma**2, (len(sigma), len(cells)))

    @property
    def _tail_of_tau(self) -> Tail | None:
        """What is beyond the panels of tau."""
        if self.model.kind != "partial":
            return None
        powers = tail_power(self.model, "tau", 0, -1), tail_power(self.model, "tau", 0, 1)
        tau = marginal_of(self.hyper[0], list(self.grids).index("tau"), self.grids["tau"])
        return Tail.of(replace(tau, tails=powers), self.model.priors["tau"].support)

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance to a coarser rule: an upper bound, since the finer one is closer to the continuum than to it."""
        return self.model.refined(posterior, GivenScales(self.model, *COARSE).posterior())
