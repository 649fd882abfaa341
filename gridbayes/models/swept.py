"""Partial pooling at every setting of a range of hyperparameters: answers as labelled arrays."""

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from gridbayes.accuracy import PROB, RELATIVE, ROUNDING, Accuracy, Error
from gridbayes.models import sweeps
from gridbayes.models.settings import Settings, Sums
from gridbayes.summaries import checked_number, checked_probability

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["Sensitivity"]

SHARED = "mu", np.arange(1)  # what evidence is asked with: one number for all


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
    settings : the data, the settings of all priors, and the sums over them.
    combination : of a contrast its name and its weights, (group,); None where parameters are asked for by name.
    """

    settings: Settings
    combination: tuple[str, Float[np.ndarray, " group"]] | None = None

    # --- numbers ------------------------------------------------------------------------------------------------------

    @cached_property
    def log_evidence(self) -> "xr.DataArray":
        """log p(t) at each setting, natural log."""
        return self._labelled(self._swept(sweeps.evidence, None)[..., None], "log_evidence", {}, None)

    def mean(self, name: str | None = None, group: Hashable = None) -> "xr.DataArray":
        """E[mu], E[tau], E[theta_d] or E[sigma] at each setting; nan where it does not exist, as in a single fit.

        `name` may be left out of a contrast.
        """
        found = self._swept(sweeps.mean, name, group=group)
        return self._labelled(
            np.where(self.settings.powers(*self._items(name, group)) > 2, found, np.nan), name, {}, group
        )

    def sd(self, name: str | None = None, group: Hashable = None) -> "xr.DataArray":
        """The posterior standard deviation at each setting; inf where it does not exist."""
        found = np.sqrt(self._swept(sweeps.var, name, group=group))
        return self._labelled(
            np.where(self.settings.powers(*self._items(name, group)) > 3, found, np.inf), name, {}, group
        )

    def quantile(self, name: object = None, q: object = None, group: Hashable = None) -> "xr.DataArray":
        """The q-quantiles at each setting, with the axis `quantile` where `q` is a list."""
        if q is None:
            name, q = None, name
        probabilities = checked_probability(q, "q")
        if not ((probabilities > 0) & (probabilities < 1)).all():
            raise ValueError(f"q must lie between 0 and 1, both left out; q is {q}. The ends are those of the support.")
        coordinate = {"quantile": probabilities} if probabilities.ndim else {}
        flat = np.atleast_1d(probabilities)
        if (tau := self._known_tau(name, group)) is not None:
            found = tau[..., None].repeat(len(flat), axis=-1)
        else:
            found = self._of_shape(sweeps.quantile, sweeps.scale_quantile, name, group, flat[None], wide=len(flat))
        return self._labelled(found if coordinate else found[..., 0], name, coordinate, group)

    def hdi(self, name: object = None, prob: float = PROB, group: Hashable = None) -> "xr.DataArray":
        """The shortest interval of probability `prob` at each setting, with the axis `bound`: `lower` and `upper`.

        >>> import gridbayes as gb
        >>> sweep = gb.sensitivity([28, 8, -3], sigma=[15, 10, 16], mu_scale=5, tau_scale=[1, 5, 25])
        >>> shortest = sweep.hdi("theta", 0.9)
        >>> shortest.dims, bool((shortest.sel(bound="lower") < shortest.sel(bound="upper")).all())
        (('tau_scale', 'group', 'bound'), True)
        """
        if isinstance(name, (int, float)):
            name, prob = None, name
        probability = checked_probability(prob, "prob")
        if not 0 < probability < 1:
            raise ValueError(f"prob must lie between 0 and 1, both left out; prob is {prob}. Pass for example 0.9.")
        if (tau := self._known_tau(name, group)) is not None:
            found = tau[..., None].repeat(2, axis=-1)
        else:
            found = self._of_shape(sweeps.hdi, sweeps.scale_hdi, name, group, probability, wide=2 * sweeps.STARTS)
        bounds = self._labelled(found, name, {"bound": ["lower", "upper"]}, group)
        return bounds.assign_attrs(ci_kind="hdi", ci_prob=float(probability))

    def probability(
        self, name: str | None = None, above: float | None = None, below: float | None = None, group: Hashable = None
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
        if (tau := self._known_tau(name, group)) is not None:
            return self._labelled(((tau > low) & (tau < high)).astype(float), name, {}, group)
        at = [self._of_shape(sweeps.below, sweeps.scale_below, name, group, np.array(end)) for end in (low, high)]
        return self._labelled(at[1] - at[0], name, {}, group)

    def contrast(self, first: "Hashable | Mapping[Hashable, Any]", second: Hashable = None) -> "Sensitivity":
        """theta[first] - theta[second] at every setting, or of any linear combination, `contrast({"A": 1, "B": -1})`: the
        same answers, without a name.

        >>> import gridbayes as gb
        >>> sweep = gb.sensitivity([28, 8, -3], sigma=[15, 10, 16], groups=list("ABC"), mu_scale=5, tau_scale=[1, 5, 25])
        >>> sweep.contrast("A", "C").probability(above=0).round(3).values.tolist()
        [0.564, 0.658, 0.757]
        """
        index = self.settings.model.observations.where
        if isinstance(first, Mapping):
            if second is not None:
                raise TypeError(f"contrast of a dict is the whole combination; leave out {second!r}.")
            weights, name = first, "combination"
        else:
            if index(first) == index(second):
                raise ValueError(f"contrast needs two different groups; got {first!r} twice.")
            weights, name = {first: 1.0, second: -1.0}, "difference"
        direction = np.zeros(len(self.settings.model.observations))
        for label, weight in weights.items():
            direction[index(label)] = checked_number(weight, f"the weight of {label!r}")
        if not (np.isfinite(direction).all() and direction.any()):
            raise ValueError(f"contrast needs finite weights that are not all 0; got {dict(weights)}.")
        return replace(self, combination=(name, direction))

    def gradient(self, name: str = "log_evidence", group: Hashable = None) -> "xr.DataArray":
        """The derivative of log evidence, or of a mean, in each hyperparameter: the last axis, `hyperparameter`.

        By automatic differentiation of the sums themselves. In the unit of the quantity per unit of the hyperparameter.
        """
        moving = self._moving("a gradient")
        found = self._derived(sweeps.evidence if name == "log_evidence" else sweeps.mean, name, group)[1]
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
        if self.settings.known_sigma is not None or any(
            isinstance(values[0], str) for values in self.settings.axes.values()
        ):
            raise TypeError(
                "empirical_bayes is for one sigma and one family of priors; a range of sigmas or a list of priors is "
                "swept here. Compare their log_evidence, or sweep the numbers of one."
            )
        values = self.log_evidence.values
        best = np.unravel_index(int(np.argmax(values)), values.shape)
        start = {key: axis[i] for (key, axis), i in zip(self.settings.axes.items(), best, strict=True)}
        bounds = {key: (min(self.settings.axes[key]), max(self.settings.axes[key])) for key in moving}
        spans = {key: _Span(low, high) for key, (low, high) in bounds.items()}

        def minus_log_evidence(u: np.ndarray) -> tuple[float, np.ndarray]:
            values = {key: spans[key].at(x) for key, x in zip(moving, u.tolist(), strict=True)}
            found, slopes = self._derived(sweeps.evidence, "log_evidence", at={**start, **values})
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
        source = f"refinement of nodes, the worst of {self.settings.count:,} settings"
        fine, coarse = (self._swept(sweeps.evidence, None, coarse=rough) for rough in (False, True))
        errors = []
        for name in self._names:
            power = self.settings.powers(*self._items(name, None))
            means, variances = (
                [self._swept(statistic, name, coarse=rough) for rough in (False, True)]
                for statistic in (sweeps.mean, sweeps.var)
            )
            sd = np.where(variances[0] > 0, np.sqrt(variances[0]), np.maximum(np.abs(means[0]), 1.0))
            apart = np.abs(means[0] - means[1]) / sd + ROUNDING + RELATIVE * np.abs(means[0]) / sd
            spread = np.abs(np.sqrt(variances[0]) - np.sqrt(variances[1])) / sd + ROUNDING
            for d, label in enumerate(self.settings.model.observations.groups if name == "theta" else [None]):
                quantity = name if label is None else f"{name}[{label}]"
                for key, size, least in (("mean", apart, 2), ("sd", spread, 3)):
                    exists = np.broadcast_to(power, size.shape)[..., d] > least
                    errors.append(Error(quantity, key, float(size[..., d].max(where=exists, initial=0.0)), source))
        distance = np.abs(fine - coarse) + ROUNDING + RELATIVE * np.abs(fine)
        errors.append(Error("log_evidence", "value", float(distance.max()), source))
        return Accuracy(tuple(errors), "fit the settings one by one with partial_pooling")

    def __repr__(self) -> str:
        axes = ", ".join(f"{name} {len(values)}" for name, values in self.settings.axes.items()) or "one setting"
        what = "" if self.combination is None else f"{self.combination[0]} in "
        return f"Sensitivity({what}partial pooling of {len(self.settings.model.observations)} groups over {axes})"

    # --- settings -----------------------------------------------------------------------------------------------------

    @property
    def _names(self) -> tuple[str, ...]:
        """What can be asked for."""
        if self.combination is not None:
            return (self.combination[0],)
        return ("mu", "tau", "theta") if self.settings.learned_sigma is None else ("mu", "tau", "theta", "sigma")

    def _labelled(self, values: np.ndarray, name: object, last: Mapping[str, Any], group: Hashable) -> "xr.DataArray":
        """Values (known sigma, mu, scales, item, *last) as (mu's axes, tau's axes, sigma's axes, group, *last)."""
        import pandas as pd
        import xarray as xr

        values = np.moveaxis(values, 0, 2)  # (mu, tau with a learned sigma, known sigma, item, ...)
        dims: list[str] = list(self.settings.axes)
        coordinates: dict[str, Any] = dict(self.settings.axes)
        shape = [len(each) for each in self.settings.axes.values()]
        if name == "theta" and group is None:
            dims.append("group")
            coordinates["group"] = pd.Index(self.settings.model.observations.groups, tupleize_cols=False)
            shape.append(len(self.settings.model.observations))
        shape += [len(each) for each in last.values()]
        called = name or self._names[0]
        return xr.DataArray(values.reshape(shape), dims=[*dims, *last], coords={**coordinates, **last}, name=called)

    def _items(self, name: object, group: Hashable) -> tuple[str, np.ndarray]:
        """What is summed up, and of which items: the weights of a combination, the indices of the groups that are asked
        for, or one item for a shared parameter."""
        name = self._names[0] if name is None and len(self._names) == 1 else name
        if name not in self._names:
            what = "partial pooling" if self.combination is None else "a contrast"
            raise ValueError(f"no parameter {name!r} in {what}; it has {', '.join(self._names)}.")
        if name != "theta" and group is not None:
            raise ValueError(f"{name} is one for all groups; leave out group={group!r}.")
        if self.combination is not None:
            return "combination", self.combination[1][None]
        if name != "theta":
            return str(name), np.arange(1)
        groups = np.arange(len(self.settings.model.observations))
        return "theta", groups if group is None else groups[[self.settings.model.observations.where(group)]]

    def _moving(self, what: str) -> tuple[str, ...]:
        """The hyperparameters that can be differentiated, at least one."""
        moving = tuple(key for each in (self.settings.mu, *self.settings.scales) for key in each.moving)
        swept = [each.priors for each in self.settings.scales if each.known is None]
        if not moving or any(priors[0].lpdf is None or len(set(map(type, priors))) > 1 for priors in swept):
            raise TypeError(
                f"{what} needs a hyperparameter that is a number: {', '.join(self.settings.axes) or 'nothing'} varies here. "
                "Sweep for example mu_scale=[1, 5] or tau_scale=[1, 5] of one family of priors."
            )
        return moving

    # --- sums ---------------------------------------------------------------------------------------------------------

    def _known_tau(self, name: object, group: Hashable) -> Sums | None:
        """Values of tau where that is asked for and known, else None."""
        known = name == "tau" and self.settings.tau.known is not None
        return self._swept(sweeps.mean, name, group=group) if known else None

    def _of_shape(
        self, mixed: Callable, of_scale: Callable, name: object, group: Hashable, *arguments: np.ndarray, wide: int = 1
    ) -> Sums:
        """A statistic of the shape of a density: of normals `mixed`, or `of_scale` on its panels."""
        if name in [scale.name for scale in self.settings.scales]:
            arguments = (self.settings.edges(str(name)), *arguments)
            return self._swept(of_scale, name, *arguments, group=group, wide=wide)
        return self._swept(mixed, name, *arguments, group=group, wide=wide)

    def _swept(
        self,
        statistic: Callable,
        name: object,
        *arguments: np.ndarray,
        group: Hashable = None,
        wide: int = 1,
        coarse: bool = False,
    ) -> Sums:
        """A statistic at every setting, by the fine nodes or coarse ones."""
        what, items = SHARED if statistic is sweeps.evidence else self._items(name, group)
        self.settings.require_memory(len(items) * wide)  # before nodes are placed for so many
        grids = self.settings.coarse if coarse else self.settings.nodes
        return self.settings.sums(statistic, what, items, grids, *arguments, wide=wide)

    def _derived(
        self, statistic: Callable, name: object, group: Hashable = None, at: Mapping[str, float] | None = None
    ):
        """A statistic and its derivatives at every setting, or at one."""
        what, items = SHARED if statistic is sweeps.evidence else self._items(name, group)
        return self.settings.derivatives(statistic, what, items, at)
