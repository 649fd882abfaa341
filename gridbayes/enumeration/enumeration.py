"""Any log density on a product grid: every cell is visited, none is kept.

With q(x) = exp(log_joint(x, data)) and the weights w_k of the grids (1 on points),

    Z = sum over cells of q(x) prod_k w_k(x_k),     p(x_k | data) = 1/Z w_k(x_k) sum over the others of q prod_j w_j.

On grids with weights Z is the integral: the evidence, when log_joint is log prior plus log likelihood with all constants.
On points parameters are discrete, q is their joint mass as it stands, and Z is the plain sum over cells: the evidence, when
the prior in it sums to 1 over the points. With evenly spaced points Z times the volume of a cell is near the integral.

The accuracy statement comes from the same pass: sums by coarser rules (coarser.py), and what the density at the ends of the
grids says of the mass beyond. The continuous model that points stand for is the limit of ever more points spaced likewise.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from gridbayes.accuracy import Accuracy, Comparison, Error, Tail
from gridbayes.enumeration.coarser import Coarser
from gridbayes.enumeration.streaming import Axis, Data, Sums, Table, Traced, stream
from gridbayes.grids import Grid, as_grid
from gridbayes.log_joint import LogJoint
from gridbayes.posterior import Address, Posterior, PosteriorError, checked_masses
from gridbayes.sampling import from_table, product_nodes
from gridbayes.summaries import Marginal

__all__ = ["enumerate"]

MOST = 10**11  # cells: an hour of the cheapest density
ONE = 0.8  # the mass of a node beyond which the others say nothing of the width of a density
SMALL = 2**22  # cells of all pairs together that are kept unasked


def enumerate(
    log_joint: Any,
    grids: Any,
    data: Any = None,
    *,
    pairs: Any = None,
    support: Any = None,
    memory: int = 2**30,
    progress: bool = True,
) -> Posterior:
    """The posterior of any log density on the product of `grids`.

    Parameters
    ----------
    log_joint : JAX function of scalars, one argument a parameter (or all in one mapping), and of the data; returns log
        p(parameters, data), one number: `norm.logpdf(y, mu, sigma).sum() + ...`.
    grids : by parameter: a Grid, or numbers to be taken as points of equal weight.
    data : arrays in any nesting, for the argument that is no parameter; a mapping of names for several. New data of the
        same shapes compile nothing.
    pairs : whose joint is kept, [("a", "b")]; None: all when they are small. Others are summed anew when asked for.
    support : the range of a parameter, (low, high), where its grid ends because it ends: nothing is cut off there.
    memory : bytes that tables and blocks may take.
    progress : whether to show on stderr how far it is when it takes more than a second.

    Raises
    ------
    TypeError, ValueError
        When the function and its arguments do not fit, or cells are too many.
    FloatingPointError
        When a log density is NaN or +inf; the message names the cell.
    MemoryError
        When the tables asked for take more than `memory`.
    PosteriorError
        When the density is 0 at all cells.

    >>> import gridbayes as gb
    >>> from jax.scipy.stats import norm
    >>> def log_joint(mu, y):
    ...     return norm.logpdf(mu, 0, 10) + norm.logpdf(y, mu, 2).sum()
    >>> post = gb.enumerate(log_joint, {"mu": gb.trapezoid(-10, 20, 200)}, data=[4.0, 6.0])
    >>> round(post.mean("mu"), 3)
    4.902
    """
    grids = _checked_grids(grids)
    joint = LogJoint.of(log_joint, tuple(grids))
    supports = _checked_supports(support or {}, grids)
    wanted = _small_pairs(grids, memory) if pairs is None else [_pair(grids, *pair) for pair in pairs]
    with jax.enable_x64(True):
        model = _Enumeration(joint, grids, Data.of(joint.data(data)), supports, memory, progress)
        return model.posterior(tuple(wanted))


@dataclass(frozen=True, eq=False)
class _Enumeration:
    """A density with its grids and data, which can be summed again."""

    density: LogJoint
    grids: Mapping[str, Grid]
    data: Data
    supports: Mapping[str, tuple[float, float]]
    memory: int
    progress: bool

    @property
    def title(self) -> str:
        return f"{getattr(self.density.function, '__name__', 'log_joint')} on grids"

    def posterior(self, pairs: tuple[tuple[int, int], ...]) -> Posterior:
        """All marginals, from one pass."""
        Traced.of(self.density, self.data)
        axes = range(len(self.grids))
        single = [(c, (axis,)) for c in (False, True) for axis in axes]
        sums = self._sums((*single, *((False, pair) for pair in pairs if len(axes) > 1)))
        result = _Summed(self, sums)
        marginals = {name: (result.marginal(axis),) for axis, name in zip(axes, self.grids, strict=True)}
        return Posterior(marginals, (), frozenset(), result.log_evidence, self.density.program, result)

    def _sums(self, wanted: tuple[Table, ...]) -> Sums:
        axes = tuple(Axis(g.nodes, np.exp(g.log_weight), Coarser(g).weights) for g in self.grids.values())
        with jax.enable_x64(True):
            sums = stream(self.density, axes, self.data, wanted, self.memory, self.progress)
        if sums.shift == -math.inf:
            ranges = ", ".join(f"{name} {grid.nodes[0]:g} to {grid.nodes[-1]:g}" for name, grid in self.grids.items())
            raise PosteriorError(f"log_joint is -inf at all cells of {ranges}. Move or widen the grids.")
        return sums

    def table(self, keep: tuple[int, ...]) -> np.ndarray:
        """Sums of the density over all axes but these, by a pass of its own, up to a factor."""
        return self._sums(((False, keep),)).tables[False, keep]


@dataclass(frozen=True, eq=False)
class _Summed:
    """An enumeration with its sums: what a Posterior asks."""

    model: _Enumeration
    sums: Sums

    @property
    def title(self) -> str:
        return self.model.title

    @property
    def _grids(self) -> tuple[Grid, ...]:
        return tuple(self.model.grids.values())

    @property
    def log_evidence(self) -> float:
        """log Z."""
        return self.sums.shift + math.log(self._density(0) @ np.exp(self._grids[0].log_weight))

    def _density(self, axis: int, coarse: bool = False) -> np.ndarray:
        """At the nodes of one axis, summed over the others, times exp(-shift): (node,)."""
        return self.sums.tables[coarse, (axis,)]

    def marginal(self, axis: int) -> Marginal:
        """p(x_axis | data)."""
        masses = self._density(axis) * np.exp(self._grids[axis].log_weight)
        return Marginal(self._grids[axis], checked_masses(masses / masses.sum(), list(self.model.grids)[axis]))

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        """p(first, second | data): from the pairs that were kept, or by another pass."""
        names = list(self.model.grids)
        axes = names.index(first[0]), names.index(second[0])
        keep = tuple(sorted(axes))
        table = self.sums.tables.get((False, keep))
        masses = self._masses(self.model.table(keep) if table is None else table, keep)
        masses = masses if keep == axes else masses.T
        one, two = (self._grids[axis] for axis in axes)
        return Marginal(one, masses.sum(axis=1)), Marginal(two, masses.sum(axis=0)), masses

    def joint_of_all(self) -> np.ndarray:
        """p(all parameters | data) as masses, an axis a parameter in the order of the grids.

        MemoryError when three times its size is more than the enumeration may take.
        """
        keep = tuple(range(len(self._grids)))
        return self._masses(self.model.table(keep), keep)

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws from the joint of all parameters."""
        return dict(zip(self.model.grids, from_table(self.joint_of_all(), self._grids, n, rng), strict=True))

    def weighted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Every cell with any mass: the parameters there, and the masses."""
        return product_nodes(self.joint_of_all(), self.model.grids)

    def _masses(self, table: np.ndarray, keep: tuple[int, ...]) -> np.ndarray:
        for place, axis in zip(range(len(keep)), keep, strict=True):
            weight = np.exp(self._grids[axis].log_weight)
            table = table * weight.reshape([-1 if i == place else 1 for i in range(len(keep))])
        return checked_masses(table / table.sum(), ", ".join(self.model.grids), axes=len(keep))

    def contrast(self, first: int, second: int) -> Marginal:
        raise ValueError(f"{self.title} has no groups; contrast compares groups.")

    # --- accuracy -------------------------------------------------------------------------------------------------

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance to sums by coarser rules, and what the ends of the grids may have cut off."""
        read = [Coarser(grid) for grid in self._grids]
        axes = range(len(read))
        fine = [read[axis].marginal(self._density(axis)) for axis in axes]
        tails = _tails(fine, list(self.model.supports.values()))
        comparisons = [
            _compared(label, reported, fine[axis], read[axis], self._density(axis, coarse=True), tails[axis])
            for axis, (label, reported) in zip(axes, posterior.rows, strict=True)
        ]
        return Accuracy.of(comparisons, self._error_of_evidence(read[0], tails), "use more nodes or wider grids")

    def _error_of_evidence(self, read: Coarser, tails: list[Tail]) -> Error:
        coarser = float(read.measure @ read.put_back(self._density(0, True)))
        refined = abs(self.log_evidence - self.sums.shift - math.log(coarser)) if coarser > 0 else math.inf
        for name, grid in self.model.grids.items():
            masses = self.marginal(list(self.model.grids).index(name)).masses
            if grid.rule != "points" and masses.max() > ONE:
                return Error("log_evidence", "value", math.inf, f"posterior of {name} narrower than the spacing")
        heaviest = max(tails, key=lambda tail: tail.moments[0])
        beyond = heaviest.moments[0]
        source = "spacing of the grid" if beyond <= refined else f"tail beyond {heaviest.end:.3g}"
        return Error("log_evidence", "value", refined + beyond + 1e-12, source)


def _compared(label: str, reported: Marginal, fine: Marginal, read: Coarser, f: np.ndarray, tail: Tail) -> Comparison:
    """A marginal with its coarser reading f; on points by way of the continuous reading of all points."""
    source, coarse = "spacing of the grid", read.marginal(read.put_back(f))
    moments = None if read.grid.rule == "panels" else read.moments(f)
    if reported.grid.rule != "points":
        return Comparison(label, reported, coarse, source, tail, moments=moments, anywhere=True)
    own = Comparison(label, fine, coarse, source, moments=moments, anywhere=True)
    return Comparison(label, reported, fine, source, tail, own)


def _tails(marginals: list[Marginal], supports: list[tuple[float, float]]) -> list[Tail]:
    """What lies beyond each grid, and beyond the others."""
    own = [Tail.of(marginal, support) for marginal, support in zip(marginals, supports, strict=True)]
    result = list(own)
    for i, j in itertools.permutations(range(len(own)), 2):
        result[i] = result[i].with_lost(own[j], marginals[i].sd)
    return result


# --- checks -----------------------------------------------------------------------------------------------------


def _checked_grids(grids: Any) -> dict[str, Grid]:
    if not isinstance(grids, Mapping):
        raise TypeError(f"grids must be a mapping of names to grids; it is {type(grids).__name__}.")
    if not grids:
        raise ValueError("grids must name at least one parameter: grids={'mu': gb.linspace(-10, 10, 100)}.")
    found = {name: as_grid(value, name) for name, value in grids.items()}
    if (cells := math.prod(map(len, found.values()))) > MOST:
        size = " x ".join(f"{len(grid):,}" for grid in found.values())
        raise ValueError(
            f"the grids have {size} = {cells:.3g} cells, more than {MOST:.0g}. Use coarser grids, or gb.quadrature, "
            "which places far fewer nodes where the density is."
        )
    return found


def _checked_supports(support: Mapping[str, Any], grids: Mapping[str, Grid]) -> dict[str, tuple[float, float]]:
    if strangers := sorted(set(support) - set(grids)):
        raise ValueError(f"support names {', '.join(strangers)}, which has no grid; grids has {', '.join(grids)}.")
    for name, (low, high) in support.items():
        first, last = _ends(grids[name])
        if not low <= first < last <= high:
            raise ValueError(
                f'grids["{name}"] runs from {first:g} to {last:g}, beyond its support {low:g} to {high:g}.'
            )
    ranges = {name: support.get(name, (-math.inf, math.inf)) for name in grids}
    return {name: (float(low), float(high)) for name, (low, high) in ranges.items()}


def _ends(grid: Grid) -> np.ndarray:
    return (grid.edges if len(grid.edges) else grid.nodes)[[0, -1]]


def _pair(grids: Mapping[str, Grid], first: str, second: str) -> tuple[int, int]:
    names = list(grids)
    for name in (first, second):
        if name not in names:
            raise ValueError(f"pairs names {name!r}, which has no grid; grids has {', '.join(names)}.")
    if first == second:
        raise ValueError(f"a pair is two different parameters; pairs has {first} twice.")
    low, high = sorted((names.index(first), names.index(second)))
    return low, high


def _small_pairs(grids: Mapping[str, Grid], memory: int) -> list[tuple[int, int]]:
    lengths = [len(grid) for grid in grids.values()]
    every = list(itertools.combinations(range(len(lengths)), 2))
    return every if sum(lengths[a] * lengths[b] for a, b in every) <= min(SMALL, memory // 100) else []
