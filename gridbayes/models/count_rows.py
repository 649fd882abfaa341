"""Counts whose mean is a curve of one input: what is known of the rows, old and new, over weighted points of the parameters.

    y_i ~ Binomial(n_i, curve(x_i)),   or   y_i ~ Poisson(n_i curve(x_i)),        n_i known

A model says its curve and how its posterior is summed; what follows from both is here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int
from scipy.special import betainc, gammaln, pdtr, xlog1py, xlogy

from gridbayes._types import PerRow
from gridbayes.accuracy import Accuracy
from gridbayes.grids import Grid
from gridbayes.models.predicted import counted, counted_at_rate, predicted
from gridbayes.posterior import Address, Posterior
from gridbayes.priors import Prior
from gridbayes.rows import design_of
from gridbayes.summaries import Marginal

__all__ = ["CountRows", "Counts", "Fit"]

NODES = 4000  # that stand for all points where one number of them is asked for

type Points = Mapping[str, np.ndarray]
type Cloud = tuple[Points, np.ndarray]  # points, and their masses


@dataclass(frozen=True, eq=False)
class Counts:
    """Each row's count given each point or draw: a distribution as scipy's are asked.

    Parameters
    ----------
    mean : (point, row) share or rate of each.
    known : (row,) trials or exposures.
    binomial : or Poisson.
    """

    mean: Float[np.ndarray, "point row"]
    known: PerRow
    binomial: bool

    def logpdf(self, y: PerRow) -> Float[np.ndarray, "point row"]:
        """log P(y)."""
        p, n = self.mean, self.known
        if self.binomial:
            height = gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)
            return xlogy(y, p) + xlog1py(n - y, -p) + height
        return xlogy(y, n * p) - n * p - gammaln(y + 1)

    def cdf(self, y: PerRow) -> Float[np.ndarray, "point row"]:
        """The middle of the step at y, P(y_new < y) + P(y_new = y) / 2."""
        if self.binomial:  # betainc has no case of no failures
            upto = np.where(y < self.known, betainc(np.maximum(self.known - y, 1), y + 1, 1 - self.mean), 1.0)
        else:
            upto = pdtr(y, self.known * self.mean)
        return upto - np.exp(self.logpdf(y)) / 2

    def rvs(self, size: tuple[int, int], random_state: np.random.Generator) -> Float[np.ndarray, "point row"]:
        """A count of each row at each point."""
        if self.binomial:
            return random_state.binomial(self.known.astype(int), self.mean, size).astype(float)
        return random_state.poisson(self.known * self.mean, size).astype(float)


@dataclass(frozen=True, eq=False)
class Fit:
    """A posterior by a fine rule and by a coarse one, and how to get the points and masses of each."""

    fine: Posterior
    coarse: Posterior
    clouds: tuple[Callable[[], Cloud], Callable[[], Cloud]]

    @cached_property
    def points(self) -> Cloud:
        """Of the fine rule."""
        return self.clouds[0]()

    @cached_property
    def fewer(self) -> Cloud:
        """Of the coarse rule."""
        return self.clouds[1]()


@dataclass(frozen=True, eq=False)
class CountRows(ABC):
    """Rows of counts with the priors of a curve.

    Parameters
    ----------
    x, y, known : (row,) inputs, counts, and trials or exposures.
    centre : the x at which the intercept stands: the mean of the first rows.
    priors : by parameter, those that are learned.
    """

    x: PerRow
    y: PerRow
    known: PerRow
    centre: float
    priors: Mapping[str, Prior]

    binomial: ClassVar[bool]

    @property
    @abstractmethod
    def title(self) -> str:
        """One line: the model, its priors, its rows."""

    @abstractmethod
    def curve(self, p: Points, x: Float[np.ndarray, " _row"]) -> Float[np.ndarray, "point _row"]:
        """Share or rate at inputs, for parameters (point,)."""

    @abstractmethod
    def fit(self) -> Fit:
        """The posterior."""

    def sample(self, fit: Fit, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Independent draws of the parameters."""
        return fit.fine.model.sample(n, rng)  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def argument(self) -> str:
        """What a call names that is known of each row."""
        return "trials" if self.binomial else "exposure"

    @property
    def stated(self) -> str:
        """The priors, for titles."""
        return ", ".join(f"{name} ~ {prior!r}" for name, prior in self.priors.items())

    def posterior(self) -> Posterior:
        fit = self.fit()
        return replace(fit.fine, model=_Fitted(self, fit))

    def with_rows(self, rows: Int[np.ndarray, " _row"]) -> "CountRows":
        """The same with some of the rows."""
        return replace(self, x=self.x[rows], y=self.y[rows], known=self.known[rows])

    @abstractmethod
    def updated(self, **columns: object) -> Posterior:
        """The fit of the old rows and new ones together."""

    @property
    def observed(self) -> tuple[str, PerRow, dict[str, Any]]:
        return "y", self.y, {}

    def rows_given(self, draws: Points) -> Counts:
        """The distribution of each row given each draw, (draw, row)."""
        return Counts(self.curve(draws, self.x), self.known, self.binomial)

    def drawn_from_prior(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of the parameters before the data."""
        return {name: prior.ppf(rng.random(n)) for name, prior in self.priors.items()}


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A fitted curve: its posterior, and what it says of rows."""

    model: CountRows
    source: Fit

    discrete: ClassVar[bool] = True
    instead: ClassVar[Mapping[str, str]] = {
        "evidence_at": "Instead fit the smaller model too: gridbayes.compare({'with': post, 'without': other})",
    }

    @property
    def title(self) -> str:
        return self.model.title

    @property
    def priors(self) -> Mapping[str, Prior]:
        return self.model.priors

    @property
    def outcomes(self) -> tuple[PerRow, ...]:
        """What the model gives a probability to, as regressions have it."""
        return (self.model.y, self.model.known) if self.model.binomial else (self.model.y,)

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        return self.source.fine.model.joint(first, second)

    def contrast(self, first: int, second: int) -> Marginal:
        raise ValueError(f"{self.title} has no groups; contrast compares groups.")

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """As the quadrature states it, or the distance to a coarser grid."""
        if hasattr(self.source.fine.model, "resolved"):
            return self.source.fine.accuracy
        return Accuracy.refined(posterior, self.source.coarse, {n: p.support for n, p in self.priors.items()})

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return self.model.sample(self.source, n, rng)

    def weighted(self) -> Cloud:
        """The parameters at the points that weigh something, and their masses."""
        return self.source.points

    # --- rows -------------------------------------------------------------------------------------------------------------

    def predict(self, x: object, *, data: object = None, **known: object) -> Posterior:
        """`expected` and `y` of new rows at these inputs, for trials= or exposure=, 1 if left out."""
        if strange := sorted(set(known) - {self.model.argument}):
            raise TypeError(f"predict of {self.title} takes {self.model.argument}=, not {strange[0]}=.")
        at = design_of(x, data, [None])[:, 0]
        n = np.broadcast_to(np.asarray(known.get(self.model.argument, 1.0), float), at.shape)
        if not (n > 0).all():
            raise ValueError(f"{self.model.argument} must be positive; the least is {n.min():g}. Pass 1 or more.")
        return self._predicted(at, n, fine=True)

    def _predicted(self, x: PerRow, n: PerRow, fine: bool) -> Posterior:
        """By the fine points or the coarse ones."""
        points, masses = self.source.points if fine else self.source.fewer
        expected, y = [], []
        for at, size in zip(x, n.tolist(), strict=True):
            mean = gathered(size * self.model.curve(points, np.array([at]))[:, 0], masses)
            expected.append(mean)
            if self.model.binomial:
                y.append(counted(size, np.minimum(mean.grid.nodes / size, 1.0), mean.masses))
            else:
                y.append(counted_at_rate(mean.grid.nodes, mean.masses, float(mean.quantile(1 - 1e-12))))
        marginals = {"expected": tuple(expected), "y": tuple(y)}
        return predicted(self.title, self.source.fine.program, marginals, lambda: self._predicted(x, n, fine=False))

    def pit(self, loo: bool) -> PerRow:
        """P(y_new < y_i | y) + P(y_new = y_i | y) / 2 of every row."""
        if loo:
            raise ValueError(f"pit of {self.title} has each row among the data. Leave loo out, or fit without a row.")
        model, (points, masses) = self.model, self.source.points
        found = np.empty(len(model.y))
        for row in range(len(found)):
            one = model.with_rows(np.array([row]))
            curve = gathered(model.curve(points, one.x)[:, 0], masses)
            found[row] = curve.masses @ Counts(curve.grid.nodes[:, None], one.known, model.binomial).cdf(one.y)[:, 0]
        return found

    def replicated(self, draws: int, rng: np.random.Generator) -> Float[np.ndarray, "draw row"]:
        """Independent draws of all rows."""
        return self.model.rows_given(self.sample(draws, rng)).rvs((draws, len(self.model.y)), rng)

    def update(self, x: object, y: object, **columns: object) -> Posterior:
        """The fit of the old rows and new ones together, with the priors of the old; arguments as in the model's call."""
        return self.model.updated(x=x, y=y, **columns)


def gathered(values: Float[np.ndarray, " point"], masses: Float[np.ndarray, " point"]) -> Marginal:
    """The distribution of one number of weighted points, as `NODES` of about the same mass: their means."""
    order = np.argsort(values)
    total = np.cumsum(masses[order])
    which = np.minimum((NODES * total / total[-1]).astype(int), NODES - 1)
    share, sums = np.bincount(which, masses[order]), np.bincount(which, masses[order] * values[order])
    nodes, back = np.unique(sums[share > 0] / share[share > 0], return_inverse=True)
    found = np.bincount(back, share[share > 0])
    return Marginal(Grid(nodes), found / found.sum())
