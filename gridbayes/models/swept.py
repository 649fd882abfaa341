"""Partial pooling with known sigma at every setting of a range of hyperparameters: answers as labelled arrays."""

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from gridbayes.accuracy import RELATIVE, ROUNDING, Accuracy, Error
from gridbayes.contraction import require_memory
from gridbayes.grids import COARSE, FINE, Grid, in_panels
from gridbayes.likelihoods import NormalFactors, known_sigma, learned_sigma
from gridbayes.models import sweeps
from gridbayes.models.pooling import Pooling
from gridbayes.models.ranges import Range
from gridbayes.models.tails import falls_as, tail_power
from gridbayes.models.tau_nodes import BEYOND, tau_nodes
from gridbayes.posterior import PosteriorError
from gridbayes.priors import Flat, Normal
from gridbayes.summaries import checked_number, checked_probability

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["Sensitivity"]

TOGETHER = 2**22  # numbers in one table of the compiled sums
STEP = 16 * FINE[1]  # tables of nodes are filled up to a multiple of this


@dataclass(frozen=True)
class _Span:
    """A range of one number as shares from 0 to 1: of its logarithm where it is positive."""

    low: float
    high: float

    @property
    def _length(self) -> float:
        return math.log(self.high / self.low) if self.low > 0 else self.high - self.low

    def at(self, share: float) -> float:
        return self.low * math.exp(share * self._length) if self.low > 0 else self.low + share * self._length

    def slope(self, value: float) -> float:
        """d value / d share."""
        return value * self._length if self.low > 0 else self._length

    def share(self, value: float) -> float:
        if self.low == self.high:
            return 0.0
        return (math.log(value / self.low) if self.low > 0 else value - self.low) / self._length


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Partial pooling at every setting: each answer is an array with an axis for each hyperparameter that varies.

    Parameters
    ----------
    model : the data; its priors are the defaults.
    mu, tau : the settings of both priors.
    sigma : (sigma,) the values of one sigma for all rows where it is swept; None where it is as the model has it.
    """

    model: Pooling
    mu: Range
    tau: Range
    sigma: Float[np.ndarray, " sigma"] | None = None

    # --- numbers ------------------------------------------------------------------------------------------------------

    @cached_property
    def log_evidence(self) -> "xr.DataArray":
        """log p(t) at each setting, natural log."""
        return self._labelled(self._swept(sweeps.evidence, "mu", self._nodes)[..., None], "log_evidence", {}, None)

    def mean(self, name: str, group: Hashable = None) -> "xr.DataArray":
        """E[mu], E[tau] or E[theta_d] at each setting; nan where it does not exist, as in a single fit."""
        found = self._swept(sweeps.mean, name, self._nodes, group=group)
        return self._labelled(np.where(self._powers(name, group) > 2, found, np.nan), name, {}, group)

    def sd(self, name: str, group: Hashable = None) -> "xr.DataArray":
        """The posterior standard deviation at each setting; inf where it does not exist."""
        found = np.sqrt(self._swept(sweeps.var, name, self._nodes, group=group))
        return self._labelled(np.where(self._powers(name, group) > 3, found, np.inf), name, {}, group)

    def quantile(self, name: str, q: object, group: Hashable = None) -> "xr.DataArray":
        """The q-quantiles at each setting, with the axis `quantile` where `q` is a list."""
        probabilities = checked_probability(q, "q")
        if not ((probabilities > 0) & (probabilities < 1)).all():
            raise ValueError(f"q must lie between 0 and 1, both left out; q is {q}. The ends are those of the support.")
        coordinate = {"quantile": probabilities} if probabilities.ndim else {}
        flat = np.atleast_1d(probabilities)
        if name != "tau":
            found = self._swept(sweeps.quantile, name, self._nodes, flat, group=group, wide=len(flat))
        elif self.tau.known is None:
            found = self._swept(sweeps.tau_quantile, name, self._nodes, self._edges, flat, group=group, wide=len(flat))
        else:
            found = self._swept(sweeps.mean, name, self._nodes, group=group)[..., None].repeat(len(flat), axis=-1)
        return self._labelled(found if coordinate else found[..., 0], name, coordinate, group)

    def probability(
        self, name: str, above: float | None = None, below: float | None = None, group: Hashable = None
    ) -> "xr.DataArray":
        """p(above < parameter < below | t) at each setting; either bound may be left out."""
        if above is None and below is None:
            raise TypeError("probability needs a bound: pass above=, below= or both.")
        low, high = (
            side * np.inf if bound is None else checked_number(bound, key)
            for side, key, bound in ((-1, "above", above), (1, "below", below))
        )
        if low >= high:
            raise ValueError(f"above must be less than below; above is {low:g} and below is {high:g}.")
        if name == "tau" and self.tau.known is not None:
            tau = self._swept(sweeps.mean, name, self._nodes, group=group)
            return self._labelled(((tau > low) & (tau < high)).astype(float), name, {}, group)
        statistic, edges = (sweeps.tau_below, (self._edges,)) if name == "tau" else (sweeps.below, ())
        at = [self._swept(statistic, name, self._nodes, *edges, np.array(end), group=group) for end in (low, high)]
        return self._labelled(at[1] - at[0], name, {}, group)

    def gradient(self, name: str = "log_evidence", group: Hashable = None) -> "xr.DataArray":
        """The derivative of log evidence, or of a mean, in each hyperparameter: the last axis, `hyperparameter`.

        By automatic differentiation of the sums themselves. In the unit of the quantity per unit of the hyperparameter.
        """
        moving = self._moving("a gradient")
        statistic, of = (sweeps.evidence, "mu") if name == "log_evidence" else (sweeps.mean, name)
        items = self._items(of, group)
        found = self._derived(statistic, of, items)[1]
        stacked = np.stack([found[key].reshape(*found[key].shape[:3], -1) for key in moving], axis=-1)
        return self._labelled(stacked, name, {"hyperparameter": list(moving)}, group)

    def empirical_bayes(self) -> "dict[str, float]":
        """The hyperparameters within their ranges at which log evidence is largest, and log evidence there.

        Type-II maximum likelihood, or empirical Bayes: of tau itself, `tau=[...]`, with a flat mu it is the restricted
        maximum likelihood (REML). By L-BFGS-B from the best setting, with exact gradients. A value at an end of its range
        is that end: the evidence still rises there.

        Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 5.1; Harville (1977), JASA 72(358):320-338 (REML).
        """
        from scipy.optimize import minimize

        moving = self._moving("an optimum")
        if self.sigma is not None or any(isinstance(values[0], str) for values in self._axes.values()):
            raise TypeError(
                "empirical_bayes is for one sigma and one family of priors; a range of sigmas or a list of priors is "
                "swept here. Compare their log_evidence, or sweep the numbers of one."
            )
        values = self.log_evidence.values
        best = np.unravel_index(int(np.argmax(values)), values.shape)
        start = {key: axis[i] for (key, axis), i in zip(self._axes.items(), best, strict=True)}
        bounds = {key: (min(self._axes[key]), max(self._axes[key])) for key in moving}
        spans = {key: _Span(low, high) for key, (low, high) in bounds.items()}

        def minus_log_evidence(u: np.ndarray) -> tuple[float, np.ndarray]:
            values = {key: spans[key].at(x) for key, x in zip(moving, u.tolist(), strict=True)}
            found, slopes = self._derived(sweeps.evidence, "mu", np.arange(1), {**start, **values})
            return -float(found.item()), -np.array(
                [slopes[key].item() * spans[key].slope(values[key]) for key in moving]
            )

        first, ends = [spans[key].share(start[key]) for key in moving], [(0.0, 1.0)] * len(moving)
        options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 500}
        found = minimize(minus_log_evidence, first, jac=True, method="L-BFGS-B", bounds=ends, options=options)
        optimum = {key: spans[key].at(x) for key, x in zip(moving, found.x.tolist(), strict=True)}
        return {**optimum, "log_evidence": -float(found.fun)}

    # --- reports ------------------------------------------------------------------------------------------------------

    def plot(self, name: str = "log_evidence", group: Hashable = None, **options: Any) -> "Figure":
        """Log evidence, or the mean of a parameter, over what varies: `plots.sensitivity_map`, which takes the options.

        >>> import gridbayes as gb
        >>> sweep = gb.sensitivity([1, -15, 30], sigma=15, mu_scale=10, tau_scale=gb.geomspace(1, 30, 9))
        >>> sweep.plot("theta", at={"tau_scale": 10}).axes[0].get_ylabel()
        'mean of theta'
        """
        from gridbayes.plots import plot_sweep

        return plot_sweep(self, name, group, **options)

    @cached_property
    def accuracy(self) -> Accuracy:
        """The largest error of each mean, sd and of log evidence over all settings: the distance to a coarser rule."""
        source = f"refinement of nodes, the worst of {self._count:,} settings"
        fine, coarse = (self._swept(sweeps.evidence, "mu", nodes) for nodes in (self._nodes, self._coarse))
        errors = []
        for name in ("mu", "tau", "theta"):
            power = self._powers(name, None)
            means, variances = (
                [self._swept(statistic, name, nodes) for nodes in (self._nodes, self._coarse)]
                for statistic in (sweeps.mean, sweeps.var)
            )
            sd = np.where(variances[0] > 0, np.sqrt(variances[0]), np.maximum(np.abs(means[0]), 1.0))
            apart = np.abs(means[0] - means[1]) / sd + ROUNDING + RELATIVE * np.abs(means[0]) / sd
            spread = np.abs(np.sqrt(variances[0]) - np.sqrt(variances[1])) / sd + ROUNDING
            for d, label in enumerate(self.model.observations.groups if name == "theta" else [None]):
                quantity = name if label is None else f"{name}[{label}]"
                for key, size, least in (("mean", apart, 2), ("sd", spread, 3)):
                    exists = np.broadcast_to(power, size.shape)[..., d] > least
                    errors.append(Error(quantity, key, float(size[..., d].max(where=exists, initial=0.0)), source))
        distance = np.abs(fine - coarse) + ROUNDING + RELATIVE * np.abs(fine)
        errors.append(Error("log_evidence", "value", float(distance.max()), source))
        return Accuracy(tuple(errors), "fit the settings one by one with partial_pooling")

    def __repr__(self) -> str:
        axes = ", ".join(f"{name} {len(values)}" for name, values in self._axes.items()) or "one setting"
        return f"Sensitivity(partial pooling of {len(self.model.observations)} groups over {axes})"

    # --- settings -----------------------------------------------------------------------------------------------------

    @property
    def _axes(self) -> dict[str, list]:
        of_sigma = {} if self.sigma is None else {"sigma": self.sigma.tolist()}
        return {**self.mu.axes, **self.tau.axes, **of_sigma}

    @property
    def _count(self) -> int:
        return len(self.mu) * len(self.tau) * len(self._factors.w[0])

    def _labelled(self, values: np.ndarray, name: str, last: Mapping[str, Any], group: Hashable) -> "xr.DataArray":
        """Values (sigma, mu, tau, item, *last) as (mu's axes, tau's axes, sigma, group, *last)."""
        import pandas as pd
        import xarray as xr

        lengths = [len(each) for each in (*self.mu.axes.values(), *self.tau.axes.values())]
        values = np.moveaxis(values, 0, 2)  # (mu, tau, sigma, item, ...)
        dims: list[str] = list(self._axes)
        coordinates: dict[str, Any] = dict(self._axes)
        shape = [*lengths, *([] if self.sigma is None else [len(self.sigma)])]
        if name == "theta" and group is None:
            dims.append("group")
            coordinates["group"] = pd.Index(self.model.observations.groups, tupleize_cols=False)
            shape.append(len(self.model.observations))
        shape += [len(each) for each in last.values()]
        return xr.DataArray(values.reshape(shape), dims=[*dims, *last], coords={**coordinates, **last}, name=name)

    def _items(self, name: str, group: Hashable) -> np.ndarray:
        """The indices of the groups that are asked for; one item for a shared parameter."""
        if name not in ("mu", "tau", "theta"):
            raise ValueError(f"no parameter {name!r} in partial pooling; it has mu, tau, theta.")
        if name != "theta" and group is not None:
            raise ValueError(f"{name} is one for all groups; leave out group={group!r}.")
        if name != "theta":
            return np.arange(1)
        return (
            np.arange(len(self.model.observations))
            if group is None
            else np.array([self.model.observations.where(group)])
        )

    def _moving(self, what: str) -> tuple[str, ...]:
        """The hyperparameters that can be differentiated, at least one."""
        moving = (*self.mu.moving, *self.tau.moving)
        family = None if self.tau.known is not None else self.tau.priors[0].lpdf
        if not moving or (self.tau.known is None and (family is None or len(set(map(type, self.tau.priors))) > 1)):
            raise TypeError(
                f"{what} needs a hyperparameter that is a number: {', '.join(self._axes) or 'nothing'} varies here. "
                "Sweep for example mu_scale=[1, 5] or tau_scale=[1, 5] of one family of priors."
            )
        return moving

    # --- sums ---------------------------------------------------------------------------------------------------------

    @cached_property
    def _factors(self) -> NormalFactors:
        if self.sigma is None:
            return known_sigma(self.model.observations)
        return learned_sigma(self.model.observations, self.sigma)

    @cached_property
    def _nodes(self) -> Grid:
        """Nodes of tau that resolve every setting."""
        return tau_nodes(self.model, self._factors, self.mu.priors, self.tau, *FINE)

    @property
    def _coarse(self) -> Grid:
        """A rougher rule on the same panels, without those that no setting should need."""
        if self.tau.known is not None:
            return self._nodes
        endless = any(np.isinf(prior.support[1]) for prior in self.tau.priors)
        edges = self._nodes.edges[:-BEYOND] if endless else self._nodes.edges
        return in_panels(edges, COARSE[1])

    def _log_prior(self, grid: Grid) -> Float[np.ndarray, "tau node"]:
        """The log prior of each node at each setting of tau; a known tau is on its own node."""
        if self.tau.known is not None:
            return np.where(self.tau.known[:, None] == grid.nodes, 0.0, -np.inf)
        return np.stack([prior.logpdf(grid.nodes) for prior in self.tau.priors])

    @property
    def _edges(self) -> Float[np.ndarray, " edge"]:
        """Of the panels of tau; those that only fill up have no length."""
        edges = self._nodes.edges
        return np.append(edges, np.full(self._length // self._nodes.order + 1 - len(edges), edges[-1]))

    @property
    def _length(self) -> int:
        """Of tables of nodes: filled up, so that few programs are compiled."""
        return -(-len(self._nodes) // STEP) * STEP

    def _filled(self, grid: Grid) -> tuple[sweeps.Nodes, np.ndarray]:
        """The nodes with their log weights, and the log prior at each setting of tau, all filled up."""
        more = self._length - len(grid)
        nodes = np.append(grid.nodes, np.full(more, grid.nodes[-1]))
        log_weight = np.append(grid.log_weight, np.full(more, -np.inf))
        log_prior = np.pad(self._log_prior(grid), ((0, 0), (0, more)), mode="edge")
        return sweeps.Nodes(jnp.asarray(nodes), jnp.asarray(log_weight)), log_prior

    def _swept(
        self, statistic: Callable, name: str, grid: Grid, *arguments: np.ndarray, group: Hashable = None, wide: int = 1
    ) -> Float[np.ndarray, "sigma mu tau ..."]:
        """A statistic at every setting, in one compiled call; `wide` numbers of each item."""
        items = self._items(name, group)
        numbers = len(items) * wide
        self._require_memory(numbers, len(items))
        together = max(1, min(len(self.tau), TOGETHER // (self._length * numbers)))
        with jax.enable_x64(True):
            nodes, log_prior = self._filled(grid)
            found = sweeps.sweep(
                statistic, name, self._groups, jnp.asarray(items), self._mu(), nodes,
                jnp.asarray(log_prior), tuple(map(jnp.asarray, arguments)), together,
            )  # fmt: skip
            return self._checked(np.asarray(found), name)

    def _require_memory(self, numbers: int, items: int) -> None:
        """Count first: MemoryError where the result, or what it is made from, is too large."""
        remedy = "Sweep fewer values at a time, or ask for one group: group=."
        tables = {"result, settings x numbers": (self._count, numbers)}
        require_memory(tables, remedy)  # before nodes are placed for so many
        tables["prior, tau x node"] = len(self.tau), self._length
        tables["closed form, node x group"] = 4 * self._length, len(self.model.observations) + items
        require_memory(tables, remedy)

    def _derived(
        self, statistic: Callable, name: str, items: np.ndarray, at: Mapping[str, float] | None = None
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """A statistic and its derivatives at every setting, or at one."""
        mu, tau = self._mu(), self.tau.numbers
        if at is not None:
            mu = {key: jnp.asarray([at.get(key, float(values[0]))]) for key, values in mu.items()}
            tau = {key: np.array([at.get(key, float(values[0]))]) for key, values in tau.items()}
        family = None if self.tau.known is not None else self.tau.priors[0].lpdf
        numbers = len(items) * (1 + len(mu) + len(tau))
        self._require_memory(numbers, 2 * numbers)
        together = max(1, min(len(self.tau), TOGETHER // (self._length * numbers)))
        with jax.enable_x64(True):
            nodes, _ = self._filled(self._nodes)
            found, slopes = sweeps.derivatives(
                statistic, name, self._groups, jnp.asarray(items), mu, nodes,
                {key: jnp.asarray(values) for key, values in tau.items()}, family, together,
            )  # fmt: skip
        return self._checked(np.asarray(found), name), {key: np.asarray(each) for key, each in slopes.items()}

    @property
    def _groups(self) -> sweeps.Groups:
        return sweeps.Groups(*(jnp.asarray(x) for x in (self._factors.a.T, self._factors.w.T, self._factors.c)))

    def _mu(self) -> dict[str, jax.Array]:
        """loc and scale of mu at each setting; a flat prior has the scale inf."""
        pairs = [(p.loc, p.scale) if isinstance(p, Normal) else (0.0, np.inf) for p in self.mu.priors]
        return {
            f"mu_{key}": jnp.asarray(column) for key, column in zip(("loc", "scale"), np.array(pairs).T, strict=True)
        }

    @staticmethod
    def _checked(values: np.ndarray, name: str) -> np.ndarray:
        if np.isnan(values).any():
            raise PosteriorError(
                f"{name} is not a number in {np.isnan(values).sum():,} of {values.size:,} entries of the sweep: prior and "
                "data exclude one another there. Narrow the ranges."
            )
        return values

    def _powers(self, name: str, group: Hashable) -> Float[np.ndarray, "1 mu tau item"]:
        """The power at which each density falls, at its heavier side (tails.py): which moments exist."""
        items = self._items(name, group)
        if self.tau.known is not None:
            return np.full((1, 1, 1, 1), np.inf)
        flat, falls = (
            [isinstance(prior, Flat) for prior in self.mu.priors],
            [falls_as(prior) for prior in self.tau.priors],
        )
        example = {(f, p): (mu, tau) for f, mu in zip(flat, self.mu.priors, strict=True)
                   for p, tau in zip(falls, self.tau.priors, strict=True)}  # fmt: skip
        found = {}
        for kind, (mu, tau) in example.items():
            model = replace(self.model, priors={"mu": mu, "tau": tau})
            found[kind] = [min(tail_power(model, name, d, side) for side in (-1, 1)) for d in items.tolist()]
        return np.array([[found[f, p] for p in falls] for f in flat])[None]
