"""Likelihoods of groups: what a group's rows say about its theta.

Rows are normal unless a `RowLikelihood` says otherwise (second half). Rows y_dj ~ N(theta_d, sigma_dj) enter through
sums alone. As a function of theta their likelihood is a normal factor,

    L_d(theta) = exp(a_d - w_d (theta - c_d)**2 / 2),

with weight w_d (a precision), centre c_d and height a_d (a log). A million rows cost what three numbers cost.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit, gammaln, logit

from gridbayes.densities import student_t_lpdf
from gridbayes.observations import Observations

__all__ = [
    "Bernoulli",
    "Binomial",
    "Canonical",
    "LogLikelihood",
    "NormalFactors",
    "Poisson",
    "RowLikelihood",
    "StudentTErrors",
    "by_count",
    "known_sigma",
    "learned_sigma",
]

LOG_2PI = float(np.log(2 * np.pi))
type LogLikelihood = Callable[[Float[np.ndarray, "*shape"]], Float[np.ndarray, "*shape"]]

NOTHING = 700.0  # e**-700 of its peak: where a likelihood is cut off
SPACING = 3.0  # widths of a normal that a panel may span and a polynomial of degree 15 still follow it
BENDS = np.arange(-40.0, 1.0, 2.0)  # log rates, of few counts: p(y | theta) bends on the scale of theta itself
ENDLESS = 600.0  # a log rate at which no count has any probability, and whose rate times an exposure is still a double


@dataclass(frozen=True, eq=False)
class NormalFactors:
    """exp(a - w (theta - c)**2 / 2) for each group and each value of sigma; one value where sigma is known.

    Parameters
    ----------
    a : (group, sigma) log height.
    w : (group, sigma) weight, 1 / unit**2; 0 for a group with no rows.
    c : (group,) centre, in the unit of the values; 0 for a group with no rows.
    number, squares : (group,) where each stands for several groups of the same w: how many, a being their sum and c the
        mean of their centres, and the sum of squares of these about it.
    """

    a: Float[np.ndarray, "group sigma"]
    w: Float[np.ndarray, "group sigma"]
    c: Float[np.ndarray, "group"]
    number: Float[np.ndarray, "group"] | float = 1.0
    squares: Float[np.ndarray, "group"] | float = 0.0

    def log_density(self, theta: Float[np.ndarray, "theta"]) -> Float[np.ndarray, "group sigma theta"]:
        """log L_d(theta), (group, sigma, theta)."""
        return self.a[:, :, None] - self.w[:, :, None] * (theta - self.c[:, None, None]) ** 2 / 2

    def log_marginal(
        self, mu: Float[np.ndarray, "*shape"], tau: Float[np.ndarray, "*shape"]
    ) -> Float[np.ndarray, "group sigma *shape"]:
        """log M_d(mu, tau), M_d = int N(theta; mu, tau) L_d(theta) dtheta, (group, sigma, *shape).

        In closed form, and without cancellation as tau goes to 0 or w to 0:
        log M = a - log(1 + w tau**2) / 2 - w (c - mu)**2 / (1 + w tau**2) / 2.
        """
        axes = (...,) + (None,) * np.ndim(mu)
        spread = 1 + self.w[axes] * tau**2
        return self.a[axes] - np.log(spread) / 2 - self.w[axes] * (self.c[:, None][axes] - mu) ** 2 / spread / 2


def known_sigma(observations: Observations) -> NormalFactors:
    """The factors of rows whose standard deviations are known.

    w = sum_j 1 / sigma_j**2, c = sum_j y_j / sigma_j**2 / w, and a is the log likelihood of the rows at theta = c.
    """
    errors = observations.errors
    assert errors is not None, "the door has checked that sigma is known"

    def total(x: np.ndarray) -> np.ndarray:
        return np.bincount(observations.codes, x, minlength=len(observations)).astype(float)  # of no rows: integers

    w = total(1 / errors**2)
    middle = np.nan_to_num(observations.mean)  # sums are taken about the mean: nothing cancels in values far from 0
    about = observations.values - middle[observations.codes]
    c = middle + total(about / errors**2) / np.where(w > 0, w, 1)
    residual = (observations.values - c[observations.codes]) / errors
    a = total(-LOG_2PI / 2 - np.log(errors) - residual**2 / 2)
    return NormalFactors(a[:, None], w[:, None], c)


def learned_sigma(observations: Observations, sigma: Float[np.ndarray, "sigma"]) -> NormalFactors:
    """The factors of rows that share a standard deviation within their group, for each value of it.

    w = n / sigma**2, c = the mean, a = -n log(2 pi sigma**2) / 2 - S / (2 sigma**2), S the centred sum of squares.
    """
    n = observations.count[:, None]
    a = -n * (LOG_2PI / 2 + np.log(sigma)) - observations.sum_of_squares[:, None] / (2 * sigma**2)
    return NormalFactors(a, n / sigma**2, np.nan_to_num(observations.mean))


def by_count(observations: Observations, sigma: Float[np.ndarray, "sigma"]) -> NormalFactors:
    """`learned_sigma` with all groups of n rows as one: enough for what sums over groups, and less work."""
    n, code, number = np.unique(observations.count, return_inverse=True, return_counts=True)
    mean = np.nan_to_num(observations.mean)
    c = np.bincount(code, mean) / number
    squares = np.bincount(code, (mean - c[code]) ** 2)
    within = np.bincount(code, observations.sum_of_squares)[:, None]
    a = -(number * n)[:, None] * (LOG_2PI / 2 + np.log(sigma)) - within / (2 * sigma**2)
    return NormalFactors(a, n[:, None] / sigma**2, c, number.astype(float), squares)


# --- rows that are not normal -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class RowLikelihood(ABC):
    """How a row depends on its group's theta: p(y_dj | theta_d), given a number that is known of each row."""

    known: ClassVar[str | None]
    """The name of that number, or None where rows need none; `sigma` where it is the call's own argument."""

    @property
    @abstractmethod
    def argument(self) -> object:
        """The known numbers as the user passed them."""

    @abstractmethod
    def check(self, observations: Observations) -> None:
        """Raise ValueError where a value is impossible."""

    @abstractmethod
    def by_group(self, observations: Observations) -> list[LogLikelihood]:
        """log L_d of each group, a function of theta of any shape."""

    def informative(self, observations: Observations) -> Bool[np.ndarray, " group"]:
        """Which groups have a likelihood that falls to 0 on both sides, so that a flat prior of theta_d would do."""
        return observations.count > 0

    @abstractmethod
    def location(self, observations: Observations) -> tuple[Float[np.ndarray, " group"], Float[np.ndarray, " group"]]:
        """Where the rows of each group put theta_d, and about how closely: finite for a group without rows too."""

    @abstractmethod
    def rows(self, theta: Float[np.ndarray, "*shape row"], known: Float[np.ndarray, "*shape row"] | None) -> Any:
        """The distribution of rows with this theta and this known number, as scipy's."""

    @abstractmethod
    def edges(self, observations: Observations, low: float, high: float) -> list[Float[np.ndarray, " _edge"]]:
        """Panels in which a polynomial of degree 15 follows log L_d, a list for each group; cut where L_d is nothing."""


class Canonical(RowLikelihood):
    """Rows with log p(y | theta) = y theta - n A(theta) + h(y, n): sums of y and n are all that a group needs."""

    def log_row(
        self, y: Float[np.ndarray, "y 1"], n: float, theta: Float[np.ndarray, " theta"]
    ) -> Float[np.ndarray, "y theta"]:
        """log p(y | theta) of single rows with this n."""
        return y * theta - n * self._cumulant(theta) + self._height(y, np.full_like(y, n))

    @abstractmethod
    def span(self, n: float, low: float, high: float) -> tuple[float, float]:
        """The counts that have any probability where theta lies between low and high: all but 1e-16 of it."""

    @abstractmethod
    def marks(self, n: float, low: float, high: float, highest: float) -> Float[np.ndarray, " mark"]:
        """Values of theta between low and high from one of which to the next p(y | theta, n) is a polynomial of degree 15,
        for any y up to the highest: SPACING of its widths, 1 / sqrt(Var[y | theta])."""

    @abstractmethod
    def _cumulant(self, theta: np.ndarray) -> np.ndarray:
        """A(theta)."""

    @abstractmethod
    def _height(self, y: np.ndarray, n: np.ndarray) -> np.ndarray:
        """h of each row."""

    def _sums(self, observations: Observations) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sums of y, n and h by group."""
        y = observations.values
        n = np.ones_like(y) if observations.errors is None else observations.errors
        return tuple(  # pyright: ignore[reportReturnType]
            np.bincount(observations.codes, x, minlength=len(observations)) for x in (y, n, self._height(y, n))
        )

    def by_group(self, observations: Observations) -> list[LogLikelihood]:
        def of_group(y: float, n: float, h: float, theta: np.ndarray) -> np.ndarray:
            if n == 0:  # no rows: a cumulant may be infinite
                return np.zeros(theta.shape)
            log_l = self._cumulant(theta)
            log_l *= -n
            log_l += y * theta
            log_l += h
            return log_l

        return [partial(of_group, *sums) for sums in zip(*self._sums(observations), strict=True)]

    def edges(self, observations: Observations, low: float, high: float) -> list[np.ndarray]:
        def of_group(y: float, n: float, centre: float, width: float) -> np.ndarray:
            bends = np.arange(-20, 21) * 2.0 - self._bend(max(n, 1e-300))
            core = np.arange(nearest, farthest, max(2.4 * width, (farthest - nearest) / 40))
            own = centre + 2.4 * width * np.arange(-4, 5)
            far = 3.0 ** np.arange(4, 40)
            edges = np.unique(np.clip(np.concatenate([[low, high], bends, core, own, -far, far]), low, high))
            log_l = y * edges - n * self._cumulant(edges) if n > 0 else np.zeros(len(edges))
            weighs = np.flatnonzero(log_l > log_l.max() - NOTHING)
            edges = edges[max(weighs[0] - 1, 0) : weighs[-1] + 2]
            return edges[np.concatenate([[True], np.diff(edges) > 0.6 * min(width, 1)])]

        y, n, _ = self._sums(observations)
        centre, width = self.location(observations)
        nearest, farthest = (centre - 4 * width).min(), (centre + 4 * width).max()  # mu is likely there
        return [of_group(*of) for of in zip(y, n, centre, width, strict=True)]

    @abstractmethod
    def _bend(self, n: float) -> float:
        """Minus the theta about which n A(theta) bends."""


@dataclass(frozen=True, eq=False)
class _Counted(Canonical):
    """Successes among trials, with log odds theta."""

    def _cumulant(self, theta: np.ndarray) -> np.ndarray:
        return np.maximum(theta, 0) + np.log1p(np.exp(-np.abs(theta)))

    def _bend(self, n: float) -> float:
        return 0.0

    def span(self, n: float, low: float, high: float) -> tuple[float, float]:
        reach = 4.5 * n**0.5 + 30  # nine sds where they are largest
        return max(np.floor(n * expit(low) - reach), 0.0), min(np.ceil(n * expit(high) + reach), n)

    def marks(self, n: float, low: float, high: float, highest: float) -> np.ndarray:
        angle = (
            np.arange(SPACING / 2, np.pi / 2 * n**0.5, SPACING / 2) / n**0.5
        )  # 2 sqrt(n) asin(sqrt(p)) has variance 1
        marks = np.concatenate([2 * np.log(np.tan(angle)), BENDS, -BENDS])
        return marks[(marks > low) & (marks < high)]

    def rows(self, theta: np.ndarray, known: np.ndarray | None) -> Any:
        from scipy.stats import binom  # here: half a second, for draws alone

        return binom(1 if known is None else known, expit(theta))

    def informative(self, observations: Observations) -> np.ndarray:
        y, n, _ = self._sums(observations)
        return (y > 0) & (y < n)

    def location(self, observations: Observations) -> tuple[np.ndarray, np.ndarray]:
        y, n, _ = self._sums(observations)
        return logit((y + 0.5) / (n + 1)), np.sqrt(1 / (y + 0.5) + 1 / (n - y + 0.5))


@dataclass(frozen=True, eq=False)
class Binomial(_Counted):
    """y_dj ~ Binomial(trials_dj, 1 / (1 + exp(-theta_d))): theta is the log odds of a success.

    Parameters
    ----------
    trials : how many trials each count is out of: a number, one a group, one a row, or a column's name.

    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 5.3 (the rat tumours), with a logit link.
    """

    trials: object
    known: ClassVar[str | None] = "trials"

    @property
    def argument(self) -> object:
        return self.trials

    def check(self, observations: Observations) -> None:
        _require_counts(observations, "Binomial")
        n = observations.errors
        assert n is not None, "the door has read trials"
        _require(n == np.floor(n), "trials must be whole numbers", n)
        _require(observations.values <= n, "a count of successes must not exceed its trials", observations.values)

    def _height(self, y: np.ndarray, n: np.ndarray) -> np.ndarray:
        return gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)

    def __repr__(self) -> str:
        return "Binomial(trials)"


@dataclass(frozen=True, eq=False)
class Bernoulli(_Counted):
    """Rows of 0 and 1, 1 with probability 1 / (1 + exp(-theta_d)): theta is the log odds."""

    known: ClassVar[str | None] = None

    @property
    def argument(self) -> object:
        return None

    def check(self, observations: Observations) -> None:
        values = observations.values
        _require((values == 0) | (values == 1), "Bernoulli rows must be 0 or 1", values)

    def _height(self, y: np.ndarray, n: np.ndarray) -> np.ndarray:
        return np.zeros_like(y)

    def __repr__(self) -> str:
        return "Bernoulli()"


@dataclass(frozen=True, eq=False)
class Poisson(Canonical):
    """y_dj ~ Poisson(exposure_dj exp(theta_d)): theta is the log rate per unit of exposure.

    Parameters
    ----------
    exposure : time, area or number at risk of each count, in the unit that the rate is per: a number, one a group, one
        a row, or a column's name. 1 if left out.

    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6, with a log link.
    """

    exposure: object = 1.0
    known: ClassVar[str | None] = "exposure"

    @property
    def argument(self) -> object:
        return self.exposure

    def check(self, observations: Observations) -> None:
        _require_counts(observations, "Poisson")

    def rows(self, theta: np.ndarray, known: np.ndarray | None) -> Any:
        from scipy.stats import poisson

        return poisson((1.0 if known is None else known) * np.exp(theta))

    def _cumulant(self, theta: np.ndarray) -> np.ndarray:
        return np.exp(np.minimum(theta, ENDLESS))

    def _bend(self, n: float) -> float:
        return float(np.log(n))

    def span(self, n: float, low: float, high: float) -> tuple[float, float]:
        with np.errstate(over="ignore"):
            low, high = n * np.exp(low), n * np.exp(high)
        return max(np.floor(low - 9 * low**0.5), 0.0), np.ceil(high + 9 * high**0.5 + 40)

    def marks(self, n: float, low: float, high: float, highest: float) -> np.ndarray:
        most = 2 * (
            highest**0.5 + 9
        )  # 2 sqrt(lambda) has variance 1: a rate beyond this has no count up to the highest
        first = 2 * (n * np.exp(np.clip(low, -700.0, 700.0))) ** 0.5
        root = SPACING * np.arange(max(np.floor(min(first, most) / SPACING), 1.0), np.ceil(most / SPACING) + 1)
        marks = np.concatenate([2 * np.log(root / 2), BENDS]) - np.log(n)
        return marks[(marks > low) & (marks < high)]

    def informative(self, observations: Observations) -> np.ndarray:
        return self._sums(observations)[0] > 0

    def _height(self, y: np.ndarray, n: np.ndarray) -> np.ndarray:
        return y * np.log(n) - gammaln(y + 1)

    def location(self, observations: Observations) -> tuple[np.ndarray, np.ndarray]:
        y, n, _ = self._sums(observations)
        return np.log((y + 0.5) / np.where(n > 0, n, 0.5)), 1 / np.sqrt(y + 0.5)

    def __repr__(self) -> str:
        return "Poisson(exposure)"


@dataclass(frozen=True, eq=False)
class StudentTErrors(RowLikelihood):
    """y_dj = theta_d + sigma_dj e, e with Student's t distribution: outlying rows lose their pull on theta_d.

    Parameters
    ----------
    df : degrees of freedom; 4 is a common choice. The scale of each row is the call's `sigma`.

    Source: Lange, Little & Taylor (1989), "Robust statistical modeling using the t distribution", JASA 84(408):881-896.
    """

    df: float = 4.0
    known: ClassVar[str | None] = "sigma"

    def __post_init__(self) -> None:
        if not (isinstance(self.df, (int, float)) and 0 < self.df < np.inf):
            raise ValueError(f"df must be a positive number; df is {self.df!r}. Pass for example 4.")

    @property
    def argument(self) -> object:
        return None

    def check(self, observations: Observations) -> None:
        """Any finite value is possible."""

    def rows(self, theta: np.ndarray, known: np.ndarray | None) -> Any:
        from scipy.stats import t

        return t(self.df, theta, known)

    def by_group(self, observations: Observations) -> list[LogLikelihood]:
        def of_group(y: np.ndarray, scale: np.ndarray, theta: np.ndarray) -> np.ndarray:
            result = np.zeros(theta.shape)
            for value, unit in zip(y, scale, strict=True):
                result += student_t_lpdf(value, self.df, theta, unit)
            return result

        return [partial(of_group, *rows) for rows in self._rows(observations)]

    def _rows(self, observations: Observations) -> list[tuple[np.ndarray, np.ndarray]]:
        """Values and scales of each group."""
        assert observations.errors is not None, "the door has read sigma"
        own = [observations.codes == d for d in range(len(observations))]
        return [(observations.values[rows], observations.errors[rows]) for rows in own]

    def location(self, observations: Observations) -> tuple[np.ndarray, np.ndarray]:
        middle, rows = float(np.median(observations.values)), self._rows(observations)
        centre = [np.median(y) if len(y) else middle for y, _ in rows]
        width = [1 / np.sqrt((1 / scale**2).sum()) if len(scale) else 1.0 for _, scale in rows]
        return np.array(centre), np.array(width)

    def edges(self, observations: Observations, low: float, high: float) -> list[np.ndarray]:
        steps = np.concatenate([[0.5, 1, 1.5, 2], 3.0 ** np.arange(1, 40)])
        steps = np.concatenate([-steps[::-1], [0], steps])

        def of_group(y: np.ndarray, scale: np.ndarray, centre: float, width: float) -> np.ndarray:
            poles = (y[:, None] + scale[:, None] * np.sqrt(self.df) * steps).ravel()
            edges = np.unique(np.clip(np.concatenate([poles, centre + 2.5 * width * steps, [low, high]]), low, high))
            least = np.maximum(width / 4, 1e-3 * np.abs(edges - centre))
            return edges[np.concatenate([[True], np.diff(edges) > least[1:]])]

        rows, location = self._rows(observations), zip(*self.location(observations), strict=True)
        return [of_group(*own, *where) for own, where in zip(rows, location, strict=True)]

    def __repr__(self) -> str:
        return f"StudentTErrors(df={self.df:g})"


def _require_counts(observations: Observations, what: str) -> None:
    values = observations.values
    _require(
        (values >= 0) & (values == np.floor(values)), f"{what} values must be counts: whole numbers from 0", values
    )


def _require(rule: np.ndarray, message: str, values: np.ndarray) -> None:
    if not rule.all():
        row = int(np.argmin(rule))
        raise ValueError(f"{message}; row {row} is {values[row]:g}.")
