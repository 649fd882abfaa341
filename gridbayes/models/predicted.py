"""New rows of a regression: what is expected of each, and what may be observed, as a Posterior of its own."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln, xlog1py, xlogy

from gridbayes.accuracy import Accuracy
from gridbayes.grids import Grid
from gridbayes.posterior import Address, Posterior
from gridbayes.program import Program
from gridbayes.summaries import Marginal

__all__ = ["Predicted", "counted", "predicted", "warn_outside"]


@dataclass(frozen=True, eq=False)
class Predicted:
    """The model behind a prediction: its title, and the same prediction by a coarser rule."""

    title: str
    coarse: Callable[[], Posterior]

    def joint(self, first: Address, second: Address):
        raise ValueError(f"{self.title} has no joint: each row is predicted on its own.")

    def contrast(self, first: int, second: int):
        raise ValueError(f"{self.title} has no contrast: take the difference of the inputs as one new row.")

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance to the coarser rule."""
        return Accuracy.refined(posterior, self.coarse(), {})


def predicted(
    of: str,
    program: Program,
    marginals: Mapping[str, tuple[Marginal, ...]],
    coarse: Callable[[], Posterior],
) -> Posterior:
    """The posterior of `expected` and `y` of each new row, numbered from 0; `of` is the title of the model that
    predicts them, and `coarse` gives the same by a coarser rule."""
    rows = len(marginals["y"])
    title = f"{rows} new row{'s' * (rows != 1)} of {of}"
    fitted = Predicted(title, coarse)
    return Posterior(marginals, tuple(range(rows)), frozenset(marginals), float("nan"), program, fitted)


def counted(n: float, p: Float[np.ndarray, " node"], masses: Float[np.ndarray, " node"]) -> Marginal:
    """k of n new trials, 0 ... n: its distribution given p, summed over p's nodes."""
    k = np.arange(n + 1)[:, None]
    log_p = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, p) + xlog1py(n - k, -p)
    found = np.exp(log_p) @ masses
    return Marginal(Grid(k[:, 0]), found / found.sum())


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
