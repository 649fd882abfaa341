"""The share of successes: balls in a bag, conversion."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy

from gridbayes.accuracy import Accuracy
from gridbayes.engine import hyper_memo, run_hyper
from gridbayes.grids import COARSE, FINE, Grid, adapt, as_grid
from gridbayes.posterior import Posterior
from gridbayes.priors import Beta, Prior, as_prior
from gridbayes.program import Program, Slot
from gridbayes.summaries import Marginal

__all__ = ["Proportion", "proportion"]


def proportion(
    successes: object, trials: object, *, p: Prior | object = None, grids: Mapping[str, object] | None = None
) -> Posterior:
    """The posterior of p in successes ~ Binomial(trials, p).

    Parameters
    ----------
    successes, trials : counts, or arrays of counts that are summed: p is one for all.
    p : its prior, on [0, 1]. Beta(1, 1) if left out.
    grids : `{"p": ...}` for the discretised model, as where p is one of the shares a bag of twelve balls can have:
        `{"p": np.arange(13) / 12}`. Automatic panels if left out.

    Returns
    -------
    Posterior of `p`. Under Beta(a, b) it is Beta(a + successes, b + failures).

    Raises
    ------
    TypeError, ValueError
        When counts are not whole, negative, or more than the trials, or the prior leaves [0, 1].

    >>> post = proportion(6, 12)
    >>> round(post.mean("p"), 9), round(post.sd("p") ** 2, 9)
    (0.5, 0.016666667)
    """
    k, n = np.broadcast_arrays(_counts(successes, "successes"), _counts(trials, "trials"))
    if (k > n).any():
        row = int(np.argmax(np.ravel(k > n)))
        raise ValueError(f"successes must not exceed trials; {np.ravel(k)[row]:g} of {np.ravel(n)[row]:g} do.")
    prior = Beta(1, 1) if p is None else as_prior(p, "p")
    if prior.support[0] < 0 or prior.support[1] > 1:
        raise ValueError(f"p must have a prior on [0, 1]; p is {prior}. Pass for example gridbayes.Beta(1, 1).")
    if grids is not None and set(grids) != {"p"}:
        raise ValueError(f'grids must have the one key "p"; its keys are {", ".join(grids) or "none"}.')
    explicit = None if grids is None else as_grid(grids["p"], "p")
    if explicit is not None and (explicit.nodes[0] < 0 or explicit.nodes[-1] > 1):
        raise ValueError(f'grids["p"] must lie in [0, 1]; it is {explicit!r}.')
    height = float((gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)).sum())
    return Proportion(float(k.sum()), float(n.sum()), height, prior, explicit).posterior()


def _counts(value: object, name: str) -> np.ndarray:
    counts = np.asarray(value)
    if counts.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be counts; {name} is {value!r}.")
    if not ((counts >= 0) & (counts == np.floor(counts))).all():
        raise ValueError(f"{name} must be whole numbers from 0; {name} is {value}.")
    return counts.astype(float)


@dataclass(frozen=True, eq=False)
class Proportion:
    """k successes in n trials; `height` is the log of the number of their orders."""

    k: float
    n: float
    height: float
    prior: Prior
    explicit: Grid | None
    tol: float = FINE[0]
    order: int = FINE[1]

    @property
    def title(self) -> str:
        return f"{self.k:g} successes in {self.n:g} trials, p ~ {self.prior!r}"

    @property
    def maximum_likelihood(self) -> dict[str, float]:
        """The share of successes; there is none without trials."""
        return {"p": self.k / self.n} if self.n else {}

    @property
    def priors(self) -> dict[str, Prior]:
        """By parameter, for pictures."""
        return {"p": self.prior}

    @property
    def slot(self) -> Slot:
        return Slot("p", self.prior)

    @cached_property
    def program(self) -> Program:
        return Program("\n".join([self.slot.memo, hyper_memo((self.slot,))]))

    def log_likelihood(self, p: np.ndarray) -> np.ndarray:
        """log p(k | n, p)."""
        return xlogy(self.k, p) + xlog1py(self.n - self.k, -p) + self.height

    @cached_property
    def grid(self) -> Grid:
        """The grid that was asked for, or panels that resolve the posterior."""
        if self.explicit is not None:
            return self.explicit
        low, high = self.prior.support
        mean = (self.k + 1) / (self.n + 2)
        sd = (mean * (1 - mean) / (self.n + 3)) ** 0.5
        steps = np.concatenate([mean + sd * np.arange(-9, 10, 3), np.linspace(low, high, 9), self.prior.breakpoints])
        edges = np.unique(np.concatenate([[low, high], steps[(steps > low) & (steps < high)]]))
        ((grid, _),) = adapt(lambda _, p: self.prior.logpdf(p) + self.log_likelihood(p), [edges], self.tol, self.order)
        return grid

    def posterior(self) -> Posterior:
        table = self.log_likelihood(self.grid.nodes)
        masses, log_evidence = run_hyper(self.program, (self.slot,), {"p": self.grid}, table)
        if self.grid.rule == "points":  # the prior is one of these points
            log_prior = self.prior.logpdf(self.grid.nodes)
            log_evidence -= float(np.log(np.exp(log_prior).sum()))
        return Posterior({"p": (Marginal(self.grid, masses),)}, (), frozenset(), log_evidence, self.program, self)

    @property
    def observed(self) -> tuple[str, np.ndarray, dict[str, object]]:
        return "successes", np.array([self.k]), {}

    def rows_given(self, draws: Mapping[str, np.ndarray]):
        """The distribution of the successes given each draw, (draw, 1)."""
        from scipy.stats import binom  # here: half a second, for draws alone

        return binom(self.n, draws["p"][:, None])

    def drawn_from_prior(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of p before the data; none of an explicit grid."""
        return {"p": self.prior.ppf(rng.random(n))} if self.explicit is None else {}

    def joint(self, first, second):
        raise ValueError(f"{self.title}: there is one parameter, and no joint.")

    def contrast(self, first, second):
        raise ValueError(f"{self.title}: there is one parameter, and no contrast.")

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance to a coarser rule; of an explicit grid, the distance to the continuous model."""
        if self.explicit is None:
            coarse = replace(self, tol=COARSE[0], order=COARSE[1]).posterior()
            return Accuracy.refined(posterior, coarse, {"p": self.prior.support})
        sources = dict.fromkeys(("p", "log_evidence"), "grid")
        return Accuracy.between(posterior, replace(self, explicit=None).posterior(), sources, "use automatic grids")
