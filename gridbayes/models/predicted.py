"""New rows of a regression: what is expected of each, and what may be observed, as a Posterior of its own."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.special import expit, gammaln, logit, xlog1py, xlogy

from gridbayes._types import Floats, Values
from gridbayes.accuracy import Accuracy
from gridbayes.grids import Grid, in_panels
from gridbayes.posterior import Address, Posterior
from gridbayes.program import Program
from gridbayes.summaries import Marginal

__all__ = ["Predicted", "Share", "counted", "counted_at_rate", "predicted", "warn_outside"]


@dataclass(frozen=True, eq=False)
class Predicted:
    """The model behind a prediction: its title, the same by a coarser rule, and where what is predicted lives."""

    title: str
    coarse: Callable[[], Posterior]
    supports: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def joint(self, first: Address, second: Address):
        raise ValueError(f"{self.title} has no joint: each row is predicted on its own.")

    def contrast(self, first: int, second: int):
        raise ValueError(f"{self.title} has no contrast: take the difference of the inputs as one new row.")

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance to the coarser rule."""
        return Accuracy.refined(posterior, self.coarse(), self.supports)


def predicted(
    of: str,
    program: Program,
    marginals: Mapping[str, tuple[Marginal, ...]],
    coarse: Callable[[], Posterior],
    supports: Mapping[str, tuple[float, float]] | None = None,
) -> Posterior:
    """The posterior of `expected` and `y` of each new row, numbered from 0; `of` is the title of the model that
    predicts them, `coarse` gives the same by a coarser rule, and `supports` says what does not live on the whole line."""
    rows = len(marginals["y"])
    title = f"{rows} new row{'s' * (rows != 1)} of {of}"
    fitted = Predicted(title, coarse, supports or {})
    return Posterior(marginals, tuple(range(rows)), frozenset(marginals), float("nan"), program, fitted)


def counted(n: float, p: Float[np.ndarray, " node"], masses: Float[np.ndarray, " node"]) -> Marginal:
    """k of n new trials, 0 ... n: its distribution given p, summed over p's nodes."""
    k = np.arange(n + 1)[:, None]
    log_p = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, p) + xlog1py(n - k, -p)
    found = np.exp(log_p) @ masses
    return Marginal(Grid(k[:, 0]), found / found.sum())


def counted_at_rate(rate: Float[np.ndarray, " node"], masses: Float[np.ndarray, " node"], high: float) -> Marginal:
    """A new Poisson count, from 0: its distribution given the rate, summed over the rate's nodes, of which few are above
    `high`."""
    k = np.arange(np.ceil(high + 12 * high**0.5 + 30))[:, None]
    found = np.exp(xlogy(k, rate) - rate - gammaln(k + 1)) @ masses
    return Marginal(Grid(k[:, 0]), found / found.sum())


@dataclass(frozen=True, eq=False)
class Share(Marginal):
    """n / (1 + exp(-eta)): its quantiles are those of eta, its moments sums over eta's nodes.

    Near 0 and n its density rises so steeply that no panel resolves it; eta's does not.

    Parameters
    ----------
    eta : the marginal of the log odds.
    n : trials.
    """

    eta: Marginal | None = None
    n: float = 1.0

    @classmethod
    def of(cls, eta: Marginal, n: float) -> "Share":
        """Its own panels, as pictures want them, have eta's edges where these are apart."""
        edges = n * expit(eta.grid.edges)
        edges = np.unique(np.concatenate([[0.0, n], edges[np.diff(edges, prepend=0.0) > 1e-6 * n]]))
        edges = edges[(edges <= n * (1 - 1e-6)) | (edges == n)]
        grid = in_panels(edges, eta.grid.order)
        masses = np.diff(eta.cdf(logit(edges / n))).repeat(grid.order) / grid.order
        return cls(grid, masses / masses.sum(), (np.inf, np.inf), eta, n)

    @cached_property
    def _smaller(self) -> tuple[int, Float[np.ndarray, " node"]]:
        """Which of y / n and 1 - y / n is small, and that at eta's nodes: it keeps its digits."""
        side = 1 if self.eta.quantile(0.5) < 0 else -1
        return side, expit(side * self.eta.grid.nodes)

    @cached_property
    def mean(self) -> float:
        side, share = self._smaller
        mean = float(self.eta.masses @ share)
        return self.n * (mean if side > 0 else 1 - mean)

    @cached_property
    def var(self) -> float:
        _, share = self._smaller
        return self.n**2 * float(self.eta.masses @ (share - self.eta.masses @ share) ** 2)

    @property
    def complete(self) -> bool:
        return True

    def cdf(self, x: Values) -> Floats:
        return self.eta.cdf(logit(np.clip(np.asarray(x, float) / self.n, 0, 1)))

    def density(self, x: Values) -> Floats:
        share = np.asarray(x, float) / self.n
        inside = (share > 0) & (share < 1)
        share = np.where(inside, share, 0.5)
        return np.where(inside, self.eta.density(logit(share)) / (self.n * share * (1 - share)), 0.0)

    def quantile(self, q: Values) -> Floats:
        return np.asarray(self.n * expit(self.eta.quantile(q)))


def warn_outside(y: tuple[Marginal, ...], within: tuple[float, float]) -> None:
    """Warn of the rows whose 95% interval leaves what is possible."""
    low, high = within
    bounds = np.array([marginal.eti(0.95) for marginal in y])
    outside = np.flatnonzero((bounds[:, 0] < low) | (bounds[:, 1] > high)).tolist()
    if outside:
        rows = ", ".join(map(str, outside[:8])) + (", ..." if len(outside) > 8 else "")
        warnings.warn(
            f"95% intervals of rows {rows} leave [{low:g}, {high:g}]: a model with normal errors does not know these ends.",
            stacklevel=4,
        )
