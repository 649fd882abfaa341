"""The share of successes: balls in a bag, conversion."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from scipy.special import gammaln, xlog1py, xlogy

from gridbayes._types import PerRow
from gridbayes.accuracy import Accuracy
from gridbayes.engine import hyper_memo, run_hyper
from gridbayes.grids import COARSE, FINE, Grid, adapt, as_grid
from gridbayes.leave_one_out import LeaveOneOut, checked_by
from gridbayes.models.predicted import counted, predicted
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
    successes, trials : counts, or arrays of counts, a row each: p is one for all.
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
    rows = _rows(successes, trials)
    prior = Beta(1, 1) if p is None else as_prior(p, "p")
    if prior.support[0] < 0 or prior.support[1] > 1:
        raise ValueError(f"p must have a prior on [0, 1]; p is {prior}. Pass for example gridbayes.Beta(1, 1).")
    if grids is not None and set(grids) != {"p"}:
        raise ValueError(f'grids must have the one key "p"; its keys are {", ".join(grids) or "none"}.')
    explicit = None if grids is None else as_grid(grids["p"], "p")
    if explicit is not None and (explicit.nodes[0] < 0 or explicit.nodes[-1] > 1):
        raise ValueError(f'grids["p"] must lie in [0, 1]; it is {explicit!r}.')
    return Proportion(*rows, prior, explicit).posterior()


def _rows(successes: object, trials: object) -> tuple[PerRow, PerRow]:
    """Both counts of each row."""
    k, n = map(np.ravel, np.broadcast_arrays(_counts(successes, "successes"), _counts(trials, "trials")))
    if (k > n).any():
        row = int(np.argmax(k > n))
        raise ValueError(f"successes must not exceed trials; {k[row]:g} of {n[row]:g} do.")
    return k.copy(), n.copy()


def _counts(value: object, name: str) -> np.ndarray:
    counts = np.asarray(value)
    if counts.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be counts; {name} is {value!r}.")
    if not ((counts >= 0) & (counts == np.floor(counts))).all():
        raise ValueError(f"{name} must be whole numbers from 0; {name} is {value}.")
    return counts.astype(float)


@dataclass(frozen=True, eq=False)
class Proportion:
    """Rows of successes in trials, (row,), and one p for all: k and n are their sums."""

    successes: PerRow
    trials: PerRow
    prior: Prior
    explicit: Grid | None
    tol: float = FINE[0]
    order: int = FINE[1]

    @cached_property
    def k(self) -> float:
        return float(self.successes.sum())

    @cached_property
    def n(self) -> float:
        return float(self.trials.sum())

    @cached_property
    def height(self) -> float:
        """The log of the number of orders in which the successes may come."""
        k, n = self.successes, self.trials
        return float((gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)).sum())

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

    @cached_property
    def _masses(self) -> tuple[np.ndarray, float]:
        """p(p | k) on its nodes, and log evidence."""
        table = self.log_likelihood(self.grid.nodes)
        masses, log_evidence = run_hyper(self.program, (self.slot,), {"p": self.grid}, table)
        if self.grid.rule == "points":  # the prior is one of these points
            log_prior = self.prior.logpdf(self.grid.nodes)
            log_evidence -= float(np.log(np.exp(log_prior).sum()))
        return masses, log_evidence

    def posterior(self) -> Posterior:
        masses, log_evidence = self._masses
        return Posterior({"p": (Marginal(self.grid, masses),)}, (), frozenset(), log_evidence, self.program, self)

    @property
    def observed(self) -> tuple[str, np.ndarray, dict[str, object]]:
        return "successes", self.successes, {}

    def rows_given(self, draws: Mapping[str, np.ndarray]):
        """The distribution of each row's successes given each draw, (draw, row)."""
        from scipy.stats import binom  # here: half a second, for draws alone

        return binom(self.trials, draws["p"][:, None])

    def drawn_from_prior(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of p before the data; none of an explicit grid."""
        return {"p": self.prior.ppf(rng.random(n))} if self.explicit is None else {}

    # --- rows left out, again, and new ------------------------------------------------------------------------------------

    @property
    def outcomes(self) -> tuple[PerRow, PerRow]:
        """What the model gives a probability to, with its trials."""
        return self.successes, self.trials

    discrete: ClassVar[bool] = True
    instead: ClassVar[Mapping[str, str]] = {
        "pit": "Counts have no density. Instead post.predict(trials) has the distribution of each row",
    }

    def loo(self, by: str) -> LeaveOneOut:
        """log p(k_i | k_-i) and log p(k_i | k): ratios of evidences, each kind of row once."""
        checked_by(by, groups=False)
        _, first, which = np.unique(np.stack(self.outcomes), axis=1, return_index=True, return_inverse=True)
        rows, whole = np.arange(len(self.successes)), self.posterior().log_evidence
        without = np.array([whole - self._log_evidence(np.delete(rows, row)) for row in first])
        twice = np.array([self._log_evidence(np.append(rows, row)) - whole for row in first])
        labels = tuple(rows.tolist())
        return LeaveOneOut(self.title, "row", labels, None, without[which.ravel()], twice[which.ravel()], len(rows))

    def _log_evidence(self, rows: Int[np.ndarray, " _row"]) -> float:
        return replace(self, successes=self.successes[rows], trials=self.trials[rows]).posterior().log_evidence

    def update(self, successes: object, trials: object) -> Posterior:
        """The fit of the old rows and new ones together."""
        pairs = zip(self.outcomes, _rows(successes, trials), strict=True)
        return replace(self, **dict(zip(("successes", "trials"), map(np.concatenate, pairs), strict=True))).posterior()

    def replicated(self, draws: int, rng: np.random.Generator) -> Float[np.ndarray, "draw row"]:
        """Independent draws of all rows."""
        p = Marginal(self.grid, self._masses[0]).quantile(rng.random(draws))
        return rng.binomial(self.trials.astype(int), p[:, None]).astype(float)

    def predict(self, trials: object) -> Posterior:
        """`expected`, trials times p, and `y`, the successes in so many new trials: one of each a number of trials."""
        new = np.atleast_1d(_counts(trials, "trials"))
        if not (new > 0).all():
            raise ValueError(f"trials must be positive; trials is {trials!r}. Pass how many new trials there are.")
        masses = self._masses[0]
        expected = tuple(Marginal(_times(self.grid, n), masses) for n in new.tolist())
        marginals = {"expected": expected, "y": tuple(counted(n, self.grid.nodes, masses) for n in new.tolist())}
        other = self._coarse if self.explicit is None else replace(self, explicit=None)
        return predicted(self.title, self.program, marginals, lambda: other.predict(trials))

    def joint(self, first, second):
        raise ValueError(f"{self.title}: there is one parameter, and no joint.")

    def contrast(self, first, second):
        raise ValueError(f"{self.title}: there is one parameter, and no contrast.")

    @property
    def _coarse(self) -> "Proportion":
        return replace(self, tol=COARSE[0], order=COARSE[1])

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance to a coarser rule; of an explicit grid, the distance to the continuous model."""
        if self.explicit is None:
            return Accuracy.refined(posterior, self._coarse.posterior(), {"p": self.prior.support})
        sources = dict.fromkeys(("p", "log_evidence"), "grid")
        return Accuracy.between(posterior, replace(self, explicit=None).posterior(), sources, "use automatic grids")


def _times(grid: Grid, n: float) -> Grid:
    """The grid of n p."""
    weights = None if grid.weights is None else n * grid.weights
    return Grid(n * grid.nodes, weights, n * grid.edges)
