"""Running a user's memo: its arguments, its values with named axes, and the posterior that they are."""

import inspect
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from gridbayes.accuracy import Accuracy
from gridbayes.grids import Grid
from gridbayes.memos.linking import Linkage, compiled
from gridbayes.memos.text import Axis
from gridbayes.posterior import Address, Posterior, PosteriorError
from gridbayes.program import Program
from gridbayes.sampling import from_table, product_nodes
from gridbayes.summaries import Marginal

if TYPE_CHECKING:  # loaded by the first labelled result
    import xarray as xr

__all__ = ["Run", "arguments_of"]

LOST = 1e-9  # of the largest value: what a result may change when all its factors are made smaller
LARGEST = 2**28  # values of one result: 2 GB
LOGS = "state it as one choice, wpp=exp(log density), which is computed relative to its maximum"
REMEDY = (
    f"a product of small numbers underflows to 0 ({LOGS}), and one NaN, as of 0 * log(0), leaves nothing of the whole (keep "
    "the grid off such points)."
)


@dataclass(frozen=True, eq=False)
class Run:
    """A memo with domains and arguments.

    Parameters
    ----------
    linkage : the program.
    fixed : parameter to its value.
    swept : parameter to the values that it takes, (value,); the result has an axis for each.
    """

    linkage: Linkage
    fixed: Mapping[str, jax.Array]
    swept: Mapping[str, np.ndarray]

    @property
    def axes(self) -> tuple[Axis, ...]:
        return self.linkage.texts[0].axes

    @property
    def title(self) -> str:
        """`memo coin(k=6, n=12)`."""
        shown = [f"{name}={_short(value)}" for name, value in self.fixed.items()]
        return f"memo {self.linkage.texts[0].name}({', '.join(shown)})"

    @property
    def result(self) -> "Posterior | xr.DataArray":
        """A Posterior where the values are one distribution over all axes, a labelled array otherwise.

        Raises
        ------
        PosteriorError
            When no cell has any mass, a cell has a negative one, or small numbers are lost.
        """
        self._check()
        return self._posterior if self._is_distribution else self._labelled

    @property
    def swept_values(self) -> "xr.DataArray":
        """The values with an axis for each swept parameter, checked alike."""
        self._check()
        return self._labelled

    # --- values -------------------------------------------------------------------------------------------------

    @cached_property
    def values(self) -> np.ndarray:
        """What the memo returns, (*swept, *axes); several returns have an axis of their own before the memo's."""
        return self._evaluated(self.linkage, len(self.linkage.texts[0].returned))

    def _evaluated(self, linkage: Linkage, count: int = 1) -> np.ndarray:
        lengths = [len(linkage.by_name[axis.domain]) for axis in self.axes]
        shape = (count, *lengths) if count > 1 else tuple(lengths)
        mesh = np.meshgrid(*self.swept.values(), indexing="ij")
        _check_size(self.title, (*mesh[0].shape, *shape) if mesh else shape)
        with jax.enable_x64(True):
            function = compiled(linkage)

            def one(swept: dict[str, jax.Array]) -> jax.Array:
                given = {**self.fixed, **swept}
                return jnp.broadcast_to(function(*(given[name] for name in linkage.texts[0].parameters)), shape)

            if not mesh:
                return np.asarray(one({}), np.float64)
            flat = {name: jnp.asarray(each.ravel()) for name, each in zip(self.swept, mesh, strict=True)}
            return np.asarray(_mapped(one, flat), np.float64).reshape(*mesh[0].shape, *shape)

    @property
    def _labelled(self) -> "xr.DataArray":
        """The values with an axis for each swept parameter and then for each of the memo's."""
        import xarray as xr

        count = len(self.linkage.texts[0].returned)
        coordinates: dict[str, Any] = {**self.swept, **({"returned": np.arange(count)} if count > 1 else {})}
        dims = (*coordinates, *(axis.name for axis in self.axes))
        for axis in self.axes:
            coordinates |= self.linkage.by_name[axis.domain].coordinates(axis.name)
        return xr.DataArray(self.values, dims=dims, coords=coordinates, name=self.linkage.texts[0].name)

    # --- checks -------------------------------------------------------------------------------------------------

    @property
    def _is_distribution(self) -> bool:
        """Whether the masses over all axes are one distribution of different values, by their form and by their sum."""
        distinct = all(self.linkage.by_name[axis.domain].distinct for axis in self.axes)
        form = len(self.axes) > 0 and self._distributed == self.axes and distinct
        return form and bool(abs(self.values.sum() - 1) < 1e-9)

    @property
    def _distributed(self) -> tuple[Axis, ...]:
        return self.linkage.texts[0].distributed

    def _check(self) -> None:
        """No wrong number in silence."""
        self._check_masses()
        if self._lost > LOST:
            raise PosteriorError(
                f"{self.title} loses what is too small for double precision: with a millionth of each product it changes by "
                f"{self._lost:.2g} of its largest value. A product of many factors comes close to 1e-308; {LOGS}."
            )

    @cached_property
    def _lost(self) -> float:
        """How far the values move, relative to the largest, when all products are 2**-20 of themselves; 0 unless numbers
        below 1e-308 are lost."""
        linkage = self.linkage.scaled
        if linkage is None:
            return 0.0
        scaled = self._evaluated(linkage, len(self.linkage.texts[0].returned))
        return float(
            np.nanmax(np.abs(scaled - self.values), initial=0) / (np.nanmax(np.abs(self.values), initial=0) or 1)
        )

    def _check_masses(self) -> None:
        """memo returns zeros where nothing has any mass, and normalises negative masses like others."""
        if self._distributed and self.values.min() < 0:
            raise PosteriorError(
                f"{self.title} has a mass of {self.values.min():.3g}: a wpp in it is negative somewhere."
            )
        totals = self._totals
        if totals is None or (totals > 0).all():
            return
        if not (totals > 0).any():
            raise PosteriorError(f"{self.title} has no mass anywhere: {REMEDY}")
        first = ", ".join(str(int(i)) for i in np.argwhere(totals == 0)[0])
        warnings.warn(
            f"{self.title} is 0 in {int((totals == 0).sum())} of the {totals.size} cells that it conditions on, the first "
            f"at index ({first}): nothing there has any mass. Where that should be possible: {REMEDY}",
            stacklevel=5,
        )

    @property
    def _totals(self) -> np.ndarray | None:
        """The mass of each cell that the memo conditions on: 1, or 0; None where it keeps nothing to sum."""
        if self._distributed:
            summed = tuple(i - len(self.axes) for i, axis in enumerate(self.axes) if axis in self._distributed)
            return np.asarray(self.values.sum(axis=summed))
        total = self.linkage.total
        return None if total is None else self._evaluated(total)

    # --- the posterior ------------------------------------------------------------------------------------------

    @cached_property
    def marginals(self) -> dict[str, Marginal]:
        """p(parameter) of each axis, on its grid or its sorted values."""
        return {axis.name: self._marginal(i) for i, axis in enumerate(self.axes)}

    def _marginal(self, index: int) -> Marginal:
        domain = self.linkage.by_name[self.axes[index].domain]
        masses = self._masses.sum(axis=tuple(i for i in range(len(self.axes)) if i != index))
        return Marginal(domain.nodes, masses)

    @cached_property
    def _masses(self) -> np.ndarray:
        """The values, every axis in increasing order."""
        return self.values[np.ix_(*(self.linkage.by_name[axis.domain].order for axis in self.axes))]

    @property
    def _posterior(self) -> Posterior:
        marginals = {name: (marginal,) for name, marginal in self.marginals.items()}
        labels = {axis.name: self._labels(axis) for axis in self.axes}
        return Posterior(
            marginals, (), frozenset(), float("nan"), Program(self.linkage.source), _Enumerated(self), labels
        )

    def _labels(self, axis: Axis) -> dict[str, Any]:
        """Names and fields of a discrete domain, in increasing order of its values."""
        domain = self.linkage.by_name[axis.domain]
        names = {axis.name: [domain.labels[i] for i in domain.order]} if domain.labels else {}
        fields = {f"{axis.name}_{key}": (axis.name, values[domain.order]) for key, values in domain.fields.items()}
        return {**names, **fields}

    def joint(self, first: str, second: str) -> tuple[Marginal, Marginal, np.ndarray]:
        """p(first, second) with the marginals of both."""
        names = [axis.name for axis in self.axes]
        pair = names.index(first), names.index(second)
        masses = self._masses.sum(axis=tuple(i for i in range(len(names)) if i not in pair))
        return self.marginals[first], self.marginals[second], masses if pair[0] < pair[1] else masses.T

    @property
    def table(self) -> tuple[np.ndarray, dict[str, Grid]]:
        """The masses of all parameters together, and the grid of each axis."""
        return self._masses, {axis.name: self.linkage.by_name[axis.domain].nodes for axis in self.axes}

    @property
    def accuracy(self) -> Accuracy:
        """The distance to the same memo on coarser grids."""
        continuous = [axis.name for axis in self.axes if self.linkage.by_name[axis.domain].grid is not None]
        coarse = self if self.linkage.discrete else self._coarser
        return Accuracy.coarser(self.marginals, coarse and coarse.marginals, continuous)

    @property
    def _coarser(self) -> "Run | None":
        """The same on coarser grids; None where these have too few nodes, or no mass at any."""
        linkage = self.linkage.coarser
        if linkage is None:
            return None
        coarse = replace(self, linkage=linkage)
        try:
            coarse._check_masses()
        except PosteriorError:
            return None
        return coarse


@dataclass(frozen=True)
class _Enumerated:
    """The model of a user's memo, as its posterior asks it."""

    run: Run

    @property
    def title(self) -> str:
        return self.run.title

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        return self.run.joint(first[0], second[0])

    def contrast(self, first: int, second: int) -> Marginal:
        raise ValueError(f"{self.title} has no groups to contrast; state the difference in the memo.")

    def accuracy(self, posterior: Posterior) -> Accuracy:
        return self.run.accuracy

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        masses, grids = self.run.table
        return dict(zip(grids, from_table(masses, list(grids.values()), n, rng), strict=True))

    def weighted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        return product_nodes(*self.run.table)


def _mapped(one: Any, swept: dict[str, jax.Array]) -> jax.Array:
    """`one` of every row of the swept values: in one call, or row by row where the memo's own flow depends on a value, as
    the depth of a recursion does."""
    try:
        return jax.vmap(one)(swept)
    except jax.errors.ConcretizationTypeError:
        count = len(next(iter(swept.values())))
        return jnp.stack([one({name: values[i] for name, values in swept.items()}) for i in range(count)])


def _check_size(title: str, shape: tuple[int, ...]) -> None:
    if (size := int(np.prod(shape, dtype=object))) > LARGEST:
        raise ValueError(
            f"the result of {title} would hold {size:,} values, {shape}. Pass fewer nodes, or sweep in parts."
        )


# --- arguments ----------------------------------------------------------------------------------------------------


def arguments_of(
    name: str, signature: inspect.Signature, arrays: Iterable[str], args: tuple, kwargs: Mapping[str, Any], sweep: bool
) -> tuple[dict[str, jax.Array], dict[str, np.ndarray]]:
    """The arguments of a call as (fixed, swept): int64, float64 or bool, so that a new value compiles nothing.

    Raises
    ------
    TypeError
        When a parameter is unknown, missing, or no number.
    """
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        known = ", ".join(signature.parameters) or "none"
        raise TypeError(f"memo {name}: {error}. Its parameters are {known}.") from None
    bound.apply_defaults()
    fixed, swept = {}, {}
    with jax.enable_x64(True):
        for key, value in bound.arguments.items():
            array = _numeric(key, value, name)
            if key in arrays or array.ndim == 0:
                fixed[key] = jnp.asarray(array)
            elif sweep and array.ndim == 1 and len(array):
                swept[key] = array
            else:
                raise TypeError(
                    f"parameter {key} of memo {name} must be one number; it is {_short(value)}. Mark it `{key}: ...` in the "
                    "memo to pass an array, or pass a list to gb.sweep to have a result for each."
                )
    return fixed, swept


def _numeric(key: str, value: Any, name: str) -> np.ndarray:
    """The value as int64, float64 or bool."""
    try:
        array = np.asarray(value if hasattr(value, "__array__") or not hasattr(value, "__iter__") else [*value])
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"parameter {key} of memo {name} must be a number or an array of numbers; it is {_short(value)}."
        )
    return array.astype({"f": np.float64, "b": np.bool_}.get(array.dtype.kind, np.int64))


def _short(value: Any) -> str:
    """A value as a title shows it: a number as it is, an array by its shape."""
    if isinstance(value, (np.ndarray, jax.Array)):
        return f"{value.item():g}" if value.ndim == 0 else f"array {value.shape}"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
