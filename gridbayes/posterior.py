"""Posterior: what is known about every parameter, as labelled masses that answer questions."""

import html
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np

from gridbayes.accuracy import PROB, Accuracy
from gridbayes.grids import Grid
from gridbayes.labelled import axis_of, mass_array, points_dataset, ragged_array, weight_of
from gridbayes.program import Program
from gridbayes.questions import Questions
from gridbayes.sampling import as_count, product_nodes
from gridbayes.summaries import Marginal, checked_number, checked_probability

if TYPE_CHECKING:  # xarray and pandas are loaded by the first labelled result: importing gridbayes loads neither
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["PROB", "Address", "FittedModel", "Posterior", "PosteriorError", "checked_masses"]

type Address = tuple[str, int | None]  # a parameter, and the index of its group where each has its own


class PosteriorError(ArithmeticError):
    """A program returned masses that are not a distribution: not finite, negative, or not summing to 1."""


@runtime_checkable
class FittedModel(Protocol):
    """What a Posterior asks of the model that made it."""

    @property
    def title(self) -> str: ...

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        """p(first, second | t) as masses, with the grids of both; a parameter is a name and a group's index."""
        ...

    def contrast(self, first: int, second: int) -> Marginal:
        """The distribution of theta_first - theta_second."""
        ...

    def accuracy(self, posterior: "Posterior") -> Accuracy:
        """The error of each reported quantity against the continuous model."""
        ...


@dataclass(frozen=True, eq=False)
class Posterior(Questions):
    """p(parameters | data), one marginal for each parameter and group, and the log evidence.

    Parameters
    ----------
    marginals : parameter name to its marginals: one, or for `per_group` parameters one a group.
    groups : labels of the groups.
    per_group : names of the parameters that each group has its own of.
    log_evidence : log p(data), natural log; nan where it is unknown: a user's memo throws its normaliser away.
    program : the memo text that ran.
    model : the fitted model, which answers what needs more than marginals.
    labels : for a parameter whose values have names, the coordinates that show them.
    """

    marginals: Mapping[str, tuple[Marginal, ...]]
    groups: tuple[Hashable, ...]
    per_group: frozenset[str]
    log_evidence: float
    program: Program
    model: FittedModel = field(repr=False)
    labels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    # --- numbers ------------------------------------------------------------------------------------------------

    def mean(self, name: str | None = None, group: Hashable = None) -> "float | xr.DataArray":
        """E[parameter | t]: a number, or (group,) for a parameter of every group, in the unit of the data.

        `name` may be left out when there is one parameter only. ValueError for a name or group that is not there.
        """
        return self._each(name, group, lambda marginal: marginal.mean)

    def sd(self, name: str | None = None, group: Hashable = None) -> "float | xr.DataArray":
        """The posterior standard deviation: a number, or (group,)."""
        return self._each(name, group, lambda marginal: marginal.sd)

    def var(self, name: str | None = None, group: Hashable = None) -> "float | xr.DataArray":
        """The posterior variance: a number, or (group,)."""
        return self._each(name, group, lambda marginal: marginal.var)

    def quantile(self, name: str | float | list[float] | None = None, q: object = None, group: Hashable = None):
        """The q-quantiles: a number for a number `q`, or with the axis `quantile`; (group, quantile) by group.

        On points a quantile is a node: the smallest whose cumulative probability reaches q. On automatic grids the
        continuous distribution function is inverted.
        """
        if q is None:
            name, q = None, name
        if q is None or isinstance(q, str):
            raise TypeError("quantile needs probabilities: post.quantile('mu', [0.05, 0.5, 0.95]).")
        q = checked_probability(q, "q")
        coordinate = {"quantile": q} if q.ndim else {}
        return self._each(name, group, lambda marginal: marginal.quantile(q), coordinate)

    def eti(self, name: str | float | None = None, prob: float = PROB, group: Hashable = None) -> "xr.DataArray":
        """The equal-tailed interval of probability `prob`: (bound,), or (group, bound), bounds `lower` and `upper`."""
        return self._interval("eti", name, prob, group)

    def hdi(self, name: str | float | None = None, prob: float = PROB, group: Hashable = None) -> "xr.DataArray":
        """The shortest interval of probability `prob`: (bound,), or (group, bound)."""
        return self._interval("hdi", name, prob, group)

    def probability(
        self, name: str | None = None, above: float | None = None, below: float | None = None, group: Hashable = None
    ) -> "float | xr.DataArray":
        """p(above < parameter < below | t): a number, or (group,). Either bound may be left out."""
        return self._each(name, group, lambda marginal: marginal.probability(above, below))

    # --- distributions ------------------------------------------------------------------------------------------

    def marginal(self, name: str | None = None, group: Hashable = None) -> "xr.DataArray":
        """p(parameter | t) as masses that sum to 1, on its nodes: (name,), or (group, name) for all groups at once.

        Where groups have grids of their own the second axis is `node`, its coordinate (group, node); short grids are
        filled up with their last node at mass 0. The coordinate `weight` turns masses into densities.
        """
        import xarray as xr

        name, found = self._find(name, group)
        if name not in self.per_group or group is not None:
            return mass_array(name, found[0]).assign_coords(self.labels.get(name, {}))
        if all(marginal.grid is found[0].grid for marginal in found):
            masses = np.stack([marginal.masses for marginal in found])
            grid = found[0].grid
            coordinates = {"group": axis_of(self.groups), name: grid.nodes, **weight_of(grid, (name,))}
            return xr.DataArray(masses, dims=("group", name), coords=coordinates, name=f"p_{name}")
        return ragged_array(name, found, self.groups)

    def joint(self, first: str, second: str, group: Hashable = None) -> "xr.DataArray":
        """p(first, second | t) as masses that sum to 1: (first, second). A per-group parameter needs `group`.

        ValueError where the model has no such pair.
        """
        import xarray as xr

        pair = [self._address(name, group if name in self.per_group else None) for name in (first, second)]
        if group is not None and not {first, second} & self.per_group:
            raise ValueError(f"{first} and {second} are shared by all groups; leave out group={group!r}.")
        if first == second:
            raise ValueError(f"joint needs two different parameters; got {first} twice. Use contrast for two groups.")
        one, two, masses = self.model.joint(*pair)
        coordinates = {first: one.grid.nodes, second: two.grid.nodes}
        coordinates |= {key: axis for name in (first, second) for key, axis in self.labels.get(name, {}).items()}
        return xr.DataArray(masses, dims=(first, second), coords=coordinates, name=f"p_{first}_{second}")

    def contrast(self, first: "Hashable | Mapping[Hashable, Any]", second: Hashable = None) -> "Posterior":
        """The exact posterior of theta[first] - theta[second], as a Posterior of one parameter, `difference`; or of any
        linear combination, `contrast({"A": 1, "B": -0.5, "C": -0.5})`, whose parameter is `combination`.
        On explicit grids the nodes of theta lie at equal steps and weights have simple ratios.

        Of a regression with several inputs it is that of slopes, of lifetimes in segments of their means. The groups are
        independent given the other parameters, not marginally: their common dependence is kept.
        """
        name = next((name for name in ("theta", "slope", "mu") if name in self.per_group), None)
        if name is None:
            raise ValueError(f"contrast needs a theta for every group; {self.model.title} has one for all.")
        if isinstance(first, Mapping):
            return self._combination(name, first, second)
        indices = [self._group_index(label) for label in (first, second)]
        if indices[0] == indices[1]:
            raise ValueError(f"contrast needs two different groups; got {first!r} twice.")
        marginal = self.model.contrast(*indices)
        expected = float(self.mean(name, first)) - float(self.mean(name, second))
        return self._derived("difference", marginal, f"{first} - {second}", expected)

    def _combination(self, name: str, weights: Mapping[Hashable, Any], second: Hashable) -> "Posterior":
        """sum of weights[d] theta_d."""
        if second is not None:
            raise TypeError(f"contrast of a dict is the whole combination; leave out {second!r}.")
        numbers = {label: checked_number(weight, f"the weight of {label!r}") for label, weight in weights.items()}
        direction = np.zeros(len(self.groups))
        for label, weight in numbers.items():
            direction[self._group_index(label)] = weight
        if not (np.isfinite(direction).all() and direction.any()):
            raise ValueError(f"contrast needs finite weights that are not all 0; got {dict(weights)}.")
        marginal = self._ask("combination")(direction)
        expected = sum(weight * float(self.mean(name, label)) for label, weight in numbers.items())
        title = " + ".join(f"{weight:g} {label}" for label, weight in numbers.items()).replace("+ -", "- ")
        return self._derived("combination", marginal, title, expected)

    def _derived(self, name: str, marginal: Marginal, title: str, expected: float) -> "Posterior":
        """The posterior of one number computed from this one."""
        model = _Derived(f"{title} in {self.model.title}", self, expected)
        return Posterior({name: (marginal,)}, (), frozenset(), self.log_evidence, self.program, model)

    def predict(self, *inputs: object, **options: object) -> "Posterior":
        """What new rows may show, exact, as a Posterior of `expected` and `y`, one of each a row.

        The arguments are those of the model. Pooling: nothing for a row in every group, `group=` for one in that group,
        `new_group=True` for one in a group that is not in the data, `sigma=`, `trials=` or `exposure=` where the new
        row's is known and not that of the group's own rows; of counts `theta` takes the place of `expected`;
        `covariates={name: number}` of a new group where groups have covariates. `prior=True` is
        the same before the data: the prior predictive. A regression: `x`, `data` and known `errors` as in its call.

        >>> import gridbayes as gb
        >>> post = gb.partial_pooling({"G": [1], "E": [-15], "M": [30]}, sigma=15, mu_scale=10, tau_scale=10)
        >>> new = post.predict(new_group=True)
        >>> bool(new.sd("y") > new.sd("expected") > post.sd("mu"))
        True
        >>> bool(post.predict(new_group=True, prior=True).eti("y")[1] > new.eti("y")[1])
        True
        """
        return self._ask("predict")(*inputs, **options)

    def shrinkage(self, prob: float = PROB) -> "pd.DataFrame":
        """A table by group: raw mean, its standard error, estimate, sd, interval, and the weight of the group's own data.

        The weight is the share of the estimate that is the group's own mean, E[tau**2 / (tau**2 + se**2) | t] with partial
        pooling: 0 where the group says nothing, 1 where the others do not.

        >>> import gridbayes as gb
        >>> post = gb.partial_pooling({"G": [1], "E": [-15], "M": [30]}, sigma=15, mu_scale=10, tau_scale=10)
        >>> bool((post.shrinkage()["weight"] < 0.5).all())
        True
        """
        checked_probability(prob, "prob")
        return self._ask("shrinkage")(self, prob)

    def rank(self, best: str = "highest") -> "xr.DataArray":
        """P(group d has rank r | t), (group, rank), exactly; rank 1 is the best: the highest theta, or the lowest.

        Summed, not sampled (models/ranks.py), in about 3 groups**2 operations for each value of theta and a few thousand
        values of mu and the scales, right to 1e-8. Groups on one node of an explicit grid share their ranks evenly.
        ValueError where it would take minutes.

        >>> import gridbayes as gb
        >>> post = gb.partial_pooling({"G": [1], "E": [-15], "M": [30]}, sigma=15, mu_scale=10, tau_scale=10)
        >>> best = post.rank().sel(rank=1)
        >>> str(best.idxmax("group").item())
        'M'
        """
        import xarray as xr

        if best not in ("highest", "lowest"):
            raise ValueError(f"best must be 'highest' or 'lowest'; best is {best!r}.")
        ranks = self._ask("rank")()
        coordinates = {"group": axis_of(self.groups), "rank": np.arange(1, len(ranks) + 1)}
        ranks = ranks if best == "highest" else ranks[:, ::-1]
        return xr.DataArray(ranks, coords=coordinates, dims=("group", "rank"), name="p_rank", attrs={"best": best})

    # --- draws and nodes ----------------------------------------------------------------------------------------

    def sample(self, n: Any, seed: "int | np.random.Generator" = 0) -> "xr.Dataset":
        """n independent draws of all parameters, jointly: (draw,), and (draw, group) for those of every group.

        On automatic grids they come from the continuous density between the nodes, on explicit ones of a pooling model they
        are nodes. Nothing is iterated, so there is nothing to diagnose; the same seed gives the same draws.

        Raises
        ------
        TypeError, ValueError
            When n is no whole number from 1, or numbers are known one by one, as predictions of several rows are.

        >>> import gridbayes as gb
        >>> post = gb.partial_pooling({"G": [1], "E": [-15], "M": [30]}, sigma=15, mu_scale=10, tau_scale=10)
        >>> draws = post.sample(2000)
        >>> bool(abs(draws["mu"].mean() - post.mean("mu")) < 4 * post.sd("mu") / 2000**0.5)
        True
        """
        n, rng = as_count(n), np.random.default_rng(seed)
        if hasattr(self.model, "sample"):
            drawn = self.model.sample(n, rng)  # pyright: ignore[reportAttributeAccessIssue]
        else:
            name, marginal = self._only("sample")
            drawn = {name: marginal.quantile(rng.random(n))}
        data = points_dataset({name: drawn[name] for name in self.marginals}, "draw", self.groups)
        return data.assign_coords(draw=np.arange(n)).assign_attrs(model=self.model.title)

    def weighted(self) -> "xr.Dataset":
        """Nodes of the parameters that are enumerated together, for tools that take weights: (node,), masses in `p_node`.

        Of pooling these are the shared ones, mu and tau; of other models all. The mean of any function of them is the sum
        of `p_node` times its values. Masses sum to 1; a sparse rule of quadrature has negative ones.

        >>> import gridbayes as gb
        >>> post = gb.partial_pooling([1, -15, 30], sigma=15, mu_scale=10, tau_scale=10)
        >>> nodes = post.weighted()
        >>> bool(abs((nodes["p_node"] * nodes["mu"]).sum() - post.mean("mu")) < 1e-12)
        True
        """
        if hasattr(self.model, "weighted"):
            points, masses = self.model.weighted()  # pyright: ignore[reportAttributeAccessIssue]
        else:
            name, marginal = self._only("weighted")
            points, masses = product_nodes(marginal.masses, {name: marginal.grid})
        data = points_dataset({**points, "p_node": masses}, "node", self.groups)
        return data.assign_attrs(model=self.model.title, log_evidence=self.log_evidence)

    def to_arviz(self, draws: Any = 1000, seed: int = 0) -> "xr.DataTree":
        """Equal-weight draws as ArviZ 1.x takes them, `draws` in each of four chains: for summary, plot_forest, loo and the
        rest. `pip install gridbayes[arviz]` brings ArviZ and what writes the tree to NetCDF.

        Groups: posterior; posterior_predictive, log_likelihood and observed_data where the model knows its rows (pooling,
        regressions, mixtures, proportion); prior where it is proper and grids are automatic. Each variable carries
        `exact_mean` and `exact_sd`, to hold against what draws say; groups carry the log evidence.

        >>> import gridbayes as gb
        >>> tree = gb.partial_pooling([1, -15, 30], sigma=15, mu_scale=10, tau_scale=10).to_arviz(draws=100)
        >>> sorted(tree.children)
        ['log_likelihood', 'observed_data', 'posterior', 'posterior_predictive', 'prior']
        """
        from gridbayes.arviz_tree import tree_of

        return tree_of(self, draws, seed)

    def save(self, path: str | Path) -> None:
        """Write the model with its data, priors and grids to `path`, an npz file without pickle; `gridbayes.load` reads it.

        Loaded it is fitted again, which takes milliseconds, and answers everything that this posterior does. Of pooling
        models, regressions, mixtures, `proportion`, lifetimes, counts; others hold code of yours: save `post.to_xarray()` or
        `post.weighted()`.
        """
        from gridbayes.storage import save

        save(self, path)

    def _only(self, question: str) -> tuple[str, Marginal]:
        """The one number of this posterior, and its name."""
        if len(self.rows) != 1:
            raise TypeError(
                f"{self.model.title} does not answer {question}: its numbers are known one by one, without a joint. Ask the "
                f"posterior that it came from: post.{question}({'n' * (question == 'sample')})."
            )
        return self.rows[0]

    # --- reports ------------------------------------------------------------------------------------------------

    @cached_property
    def accuracy(self) -> Accuracy:
        """The error of each reported quantity against the continuous model, and where it comes from.

        It has a row for each mean, sd and bound of the interval that `summary()` shows, and for log evidence; other
        quantiles are asked for: `post.accuracy.quantile(0.975)`.
        """
        return self.model.accuracy(self)

    @property
    def grids(self) -> "dict[str, Grid | dict[Hashable, Grid]]":
        """The grid of each parameter; by group where groups have grids of their own."""
        return {
            name: marginals[0].grid
            if all(marginal.grid is marginals[0].grid for marginal in marginals)
            else {label: marginal.grid for label, marginal in zip(self.groups, marginals, strict=True)}
            for name, marginals in self.marginals.items()
        }

    def summary(self, prob: float = PROB, kind: str = "eti") -> "pd.DataFrame":
        """A table of mean, sd, interval and error, a row a parameter and group; it prints evidence and accuracy.

        `kind` is `eti` or `hdi`. The column `error` is the stated error of the mean in units of the row's sd; `ml` is the
        maximum of the likelihood, for contrast, where the model has a closed form of it.
        """
        if kind not in ("eti", "hdi"):
            raise ValueError(f"kind must be 'eti' or 'hdi'; kind is {kind!r}.")
        checked_probability(prob, "prob")
        from gridbayes.table import Summary

        low, high = (f"{kind}{100 * prob:g}_{side}" for side in ("lb", "ub"))
        errors, best = self.accuracy.of_means, getattr(self.model, "maximum_likelihood", {})
        rows = {}
        for label, marginal in self.rows:
            bounds = getattr(marginal, kind)(prob)
            likeliest = [best.get(label, np.nan)] if best else []
            rows[label] = [marginal.mean, marginal.sd, bounds[0], bounds[1], *likeliest, errors.get(label, np.nan)]
        endless = [label for label, marginal in self.rows if not np.isfinite(marginal.sd)]
        evidence = "" if np.isnan(self.log_evidence) else f"log evidence {self.log_evidence:.6f}\n"
        footer = f"{evidence}{self.accuracy}"
        footer += f"\nno variance exists for {', '.join(endless)}: its tail is too heavy" if endless else ""
        columns = ["mean", "sd", low, high, *(["ml"] if best else []), "error"]
        return Summary.of(rows, columns, self.model.title, footer)

    def plot(self, **options: Any) -> "Figure":
        """The picture that suits it (gridbayes.plots): a panel a parameter, a regression's line with its bands, or the
        density of a contrast. `options` are that picture's: `prob`, `kind`, `unit`, `ax`.

        >>> import gridbayes as gb
        >>> post = gb.partial_pooling([1, -15, 30], sigma=15, mu_scale=10, tau_scale=10)
        >>> len(post.plot(unit="minutes late").axes)
        3
        """
        from gridbayes.plots import plot

        return plot(self, **options)

    def to_xarray(self) -> "xr.Dataset":
        """All marginals as masses, `p_mu` and so on, with log evidence and title as attributes."""
        import xarray as xr

        arrays = {}
        for name in self.marginals:
            array = self.marginal(name)
            own = [axis for axis in ("node", "weight") if axis in (*array.dims, *array.coords)]
            arrays[f"p_{name}"] = array.rename({axis: f"{name}_{axis}" for axis in own})
        attributes = {"model": self.model.title, "log_evidence": self.log_evidence, "program": str(self.program)}
        return xr.Dataset(arrays, attrs=attributes)

    def to_pandas(self) -> "pd.DataFrame":
        """All marginals in long form: columns parameter, group, value, weight, mass; a row a node."""
        import pandas as pd

        parts = [
            pd.DataFrame(
                {"parameter": name, "group": [label] * len(marginal.grid), "value": marginal.grid.nodes,
                 "mass": marginal.masses, "weight": np.exp(marginal.grid.log_weight)}
            )
            for name, marginals in self.marginals.items()
            for label, marginal in zip(self._labels(name), marginals, strict=True)
        ]  # fmt: skip
        return pd.concat(parts, ignore_index=True)

    def __repr__(self) -> str:
        names = ", ".join(
            f"{name} for each of {len(self.groups)} groups" if name in self.per_group else name
            for name in self.marginals
        )
        evidence = "" if np.isnan(self.log_evidence) else f"; log evidence {self.log_evidence:.4f}"
        return f"Posterior({self.model.title}; {names}{evidence})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.summary()._repr_html_()}"

    # --- finding things -----------------------------------------------------------------------------------------

    def _labels(self, name: str) -> tuple[Hashable, ...]:
        return self.groups if name in self.per_group else (None,)

    @property
    def rows(self) -> list[tuple[str, Marginal]]:
        """The marginals by the label that a table gives them: `mu`, `theta[MATH]`."""
        return [
            (name if label is None else f"{name}[{label}]", marginal)
            for name, marginals in self.marginals.items()
            for label, marginal in zip(self._labels(name), marginals, strict=True)
        ]

    def _address(self, name: str | None, group: Hashable) -> Address:
        if name is None and len(self.marginals) == 1:
            name = next(iter(self.marginals))
        if name is None or name not in self.marginals:
            raise ValueError(f"no parameter {name!r} in {self.model.title}; it has {', '.join(self.marginals)}.")
        if name not in self.per_group:
            if group is not None:
                raise ValueError(f"{name} is one for all groups in {self.model.title}; leave out group={group!r}.")
            return name, None
        return name, None if group is None else self._group_index(group)

    def _group_index(self, label: Hashable) -> int:
        try:
            return self.groups.index(label)
        except ValueError:
            known = ", ".join(map(repr, self.groups[:8])) + (", ..." if len(self.groups) > 8 else "")
            raise ValueError(f"no group {label!r} in the data; the groups are {known}.") from None

    def _find(self, name: str | None, group: Hashable) -> tuple[str, tuple[Marginal, ...]]:
        name, index = self._address(name, group)
        return name, self.marginals[name] if index is None else (self.marginals[name][index],)

    def _each(self, name, group, statistic, coordinate: Mapping | None = None):
        """`statistic` of one marginal as it is, of every group's as an array with the axis `group`."""
        import xarray as xr

        coordinate = coordinate or {}
        name, found = self._find(name, group)
        if name not in self.per_group or group is not None:
            value = statistic(found[0])
            labelled = xr.DataArray(value, coords=coordinate, dims=tuple(coordinate), name=name)
            return labelled if coordinate else float(value)
        values = np.stack([statistic(marginal) for marginal in found])
        coordinates = {"group": axis_of(self.groups), **coordinate}
        return xr.DataArray(values, coords=coordinates, dims=("group", *coordinate), name=name)

    def _interval(self, kind: str, name, prob, group) -> "xr.DataArray":
        if isinstance(name, (int, float)):
            name, prob = None, name
        bounds = {"bound": ["lower", "upper"]}
        result = self._each(name, group, lambda marginal: getattr(marginal, kind)(prob), bounds)
        return cast("xr.DataArray", result).assign_attrs(ci_kind=kind, ci_prob=float(prob))


@dataclass(frozen=True)
class _Derived:
    """The model of a quantity computed from another posterior."""

    title: str
    source: Posterior
    expected: float  # its mean as the source has it: an independent check

    def joint(self, first, second):
        raise ValueError(f"{self.title} is one number and has no joint; take it from the posterior it came from.")

    def contrast(self, first, second):
        raise ValueError(f"{self.title} is one number and has no contrast.")

    def accuracy(self, posterior: Posterior) -> Accuracy:
        return Accuracy.inherited(posterior.rows, self.source.accuracy, self.expected)


def checked_masses(masses: np.ndarray, what: str, axes: int = 1) -> np.ndarray:
    """`masses` if they are finite, not negative, and sum to 1 over their last `axes`; PosteriorError otherwise."""
    masses = np.asarray(masses)
    total = masses.sum(axis=tuple(range(-axes, 0)))
    if not np.isfinite(masses).all():
        raise PosteriorError(f"p({what} | t) is not finite. A table of the program holds NaN or +inf.")
    if masses.min() < 0 or np.abs(total - 1).max() > 1e-9:
        raise PosteriorError(
            f"p({what} | t) sums to {float(np.ravel(total)[np.argmax(np.abs(total - 1))])} instead of 1, its least mass "
            f"is {masses.min()}. The prior and the data exclude one another on these grids; widen the grids."
        )
    return masses
