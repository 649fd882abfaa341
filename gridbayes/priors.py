"""Priors: a log density, a quantile function, a support and a printable name.

A prior of a location (`mu`) may be any of them; a prior of a scale (`tau`, `sigma`) lives on `[0, inf)`.
Each log density is written once, as a module function `*_lpdf` that takes NumPy arrays on the host and JAX
arrays inside a compiled program. Densities follow Johnson, Kotz & Balakrishnan, *Continuous Univariate
Distributions* (vol. 1, 1994; vol. 2, 1995), cited below as JKB with the chapter; the half-t family for scales
follows Gelman (2006), "Prior distributions for variance parameters in hierarchical models", Bayesian Analysis
1(3):515-534.

`log_convolution` integrates a prior against a normal likelihood, which is how mu leaves a pooling model.
"""

import difflib
import functools
import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np
import scipy.special
from jaxtyping import Float
from scipy.special import betainccinv, betaincinv, erfcx, erfinv, gammainccinv, gammaincinv, log_ndtr, ndtri

if TYPE_CHECKING:
    Real = float
else:
    Real = Any  # Prior checks it with an error that teaches; a run-time type checker must not come first

Array = np.ndarray | np.floating | jax.Array
Values = Array | np.integer | float | int
Numbers = Values | Sequence
Floats = Float[np.ndarray, "..."]


# Log densities ------------------------------------------------------------------------------------


def _density(lpdf: Callable) -> Callable:
    """`lpdf` without NumPy's warnings: where a square overflows or log meets 0, the limit, -inf, is right."""

    @functools.wraps(lpdf)
    def quiet(*arguments: Any, **named: Any) -> Array:
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            return lpdf(*arguments, **named)

    return quiet


@_density
def normal_lpdf(x: Values, loc: Values, scale: Values) -> Array:
    """log N(x; loc, scale) = -z^2 / 2 - log(scale sqrt(2 pi)), with z = (x - loc) / scale (JKB ch. 13).

    `scale` is a standard deviation.

    >>> round(float(normal_lpdf(1.0, 0.0, 2.0)), 6)
    -1.737086
    """
    xp, _, x, loc, scale = _on_one_library(x, loc, scale)
    z = (x - loc) / scale
    return -0.5 * z * z - xp.log(scale) - 0.5 * math.log(2 * math.pi)


@_density
def half_normal_lpdf(x: Values, scale: Values) -> Array:
    """log of 2 N(x; 0, scale) on x >= 0 (JKB ch. 13).

    >>> round(float(half_normal_lpdf(1.0, 2.0)), 6)
    -1.043939
    """
    xp, _, x, scale = _on_one_library(x, scale)
    return xp.where(x < 0, -math.inf, math.log(2) + normal_lpdf(x, 0.0, scale))


@_density
def half_cauchy_lpdf(x: Values, scale: Values) -> Array:
    """log of 2 / (pi scale (1 + u^2)) on x >= 0, with u = x / scale (Gelman 2006). `scale` is the median.

    >>> round(float(half_cauchy_lpdf(0.0, 5.0)), 6)
    -2.061021
    """
    xp, _, x, scale = _on_one_library(x, scale)
    return xp.where(x < 0, -math.inf, math.log(2) + cauchy_lpdf(x, 0.0, scale))


@_density
def half_student_t_lpdf(x: Values, df: Values, scale: Values) -> Array:
    """log of 2 t(x; df, 0, scale) on x >= 0 (Gelman 2006); df = 1 is the half-Cauchy.

    >>> round(float(half_student_t_lpdf(0.0, 1.0, 5.0)), 6)
    -2.061021
    """
    xp, _, x, df, scale = _on_one_library(x, df, scale)
    return xp.where(x < 0, -math.inf, math.log(2) + student_t_lpdf(x, df, 0.0, scale))


@_density
def exponential_lpdf(x: Values, rate: Values) -> Array:
    """log rate - rate x on x >= 0 (JKB ch. 19). The mean is 1 / rate.

    >>> float(exponential_lpdf(3.0, 1.0))
    -3.0
    """
    xp, _, x, rate = _on_one_library(x, rate)
    return xp.where(x < 0, -math.inf, xp.log(rate) - rate * x)


@_density
def uniform_lpdf(x: Values, low: Values, high: Values) -> Array:
    """-log(high - low) on low <= x <= high (JKB ch. 26).

    >>> float(uniform_lpdf(0.3, 0.0, 1.0)), float(uniform_lpdf(3.0, 0.0, 1.0))
    (0.0, -inf)
    """
    xp, _, x, low, high = _on_one_library(x, low, high)
    return flat_lpdf(x, low, high) - xp.log(high - low)


@_density
def gamma_lpdf(x: Values, alpha: Values, beta: Values) -> Array:
    """log of beta^alpha / Gamma(alpha) x^(alpha - 1) e^(-beta x) on x >= 0 (JKB ch. 17).

    `alpha` is the shape, `beta` the rate; the mean is alpha / beta. At x = 0 it is +inf when alpha < 1.

    >>> float(gamma_lpdf(3.0, 1.0, 1.0))
    -3.0
    """
    xp, special, x, alpha, beta = _on_one_library(x, alpha, beta)
    outside = (x < 0) | (x == math.inf)
    x = xp.where(outside, 1.0, x)
    log_p = alpha * xp.log(beta) - special.gammaln(alpha) + special.xlogy(alpha - 1, x) - beta * x
    return xp.where(outside, -math.inf, log_p)


@_density
def inverse_gamma_lpdf(x: Values, alpha: Values, beta: Values) -> Array:
    """log of beta^alpha / Gamma(alpha) x^(-alpha - 1) e^(-beta / x) on x > 0 (JKB ch. 17).

    `alpha` is the shape, `beta` the scale: 1 / x is Gamma(alpha, beta).

    >>> float(inverse_gamma_lpdf(1.0, 1.0, 3.0)) == math.log(3) - 3
    True
    """
    xp, special, x, alpha, beta = _on_one_library(x, alpha, beta)
    outside = (x <= 0) | (x == math.inf)
    x = xp.where(outside, 1.0, x)
    log_p = alpha * xp.log(beta) - special.gammaln(alpha) - (alpha + 1) * xp.log(x) - beta / x
    return xp.where(outside, -math.inf, log_p)


@_density
def log_normal_lpdf(x: Values, loc: Values, scale: Values) -> Array:
    """log N(log x; loc, scale) - log x on x > 0 (JKB ch. 14). The median is e^loc.

    >>> float(log_normal_lpdf(1.0, 0.0, 2.0)) == float(normal_lpdf(0.0, 0.0, 2.0))
    True
    """
    xp, _, x, loc, scale = _on_one_library(x, loc, scale)
    outside = (x <= 0) | (x == math.inf)
    log_x = xp.log(xp.where(outside, 1.0, x))
    return xp.where(outside, -math.inf, normal_lpdf(log_x, loc, scale) - log_x)


@_density
def student_t_lpdf(x: Values, df: Values, loc: Values, scale: Values) -> Array:
    """log t(x; df, loc, scale), up to its constant -(df + 1) / 2 log(1 + z^2 / df) (JKB ch. 28).

    With z = (x - loc) / scale; the constant is Gamma((df + 1) / 2) / (Gamma(df / 2) scale sqrt(df pi)).

    >>> round(float(student_t_lpdf(0.0, 1.0, 0.0, 1.0)), 6)
    -1.14473
    """
    xp, special, x, df, loc, scale = _on_one_library(x, df, loc, scale)
    z = (x - loc) / scale
    log_constant = _log_gamma_step(xp, special, df / 2) - 0.5 * xp.log(df * math.pi) - xp.log(scale)
    return log_constant - (df + 1) / 2 * _log1p_square(xp, z / xp.sqrt(df))


@_density
def cauchy_lpdf(x: Values, loc: Values, scale: Values) -> Array:
    """log of 1 / (pi scale (1 + z^2)), with z = (x - loc) / scale (JKB ch. 16).

    >>> round(float(cauchy_lpdf(0.0, 0.0, 1.0)), 6)
    -1.14473
    """
    xp, _, x, loc, scale = _on_one_library(x, loc, scale)
    return -math.log(math.pi) - xp.log(scale) - _log1p_square(xp, (x - loc) / scale)


@_density
def laplace_lpdf(x: Values, loc: Values, scale: Values) -> Array:
    """-|x - loc| / scale - log(2 scale) (JKB ch. 24).

    >>> float(laplace_lpdf(3.0, 0.0, 0.5))
    -6.0
    """
    xp, _, x, loc, scale = _on_one_library(x, loc, scale)
    return -xp.abs(x - loc) / scale - xp.log(2 * scale)


@_density
def flat_lpdf(x: Values, low: Values = -math.inf, high: Values = math.inf) -> Array:
    """0 on low <= x <= high: the improper density 1, which no constant normalises.

    >>> float(flat_lpdf(3.0)), float(flat_lpdf(-3.0, 0.0))
    (0.0, -inf)
    """
    xp, _, x, low, high = _on_one_library(x, low, high)
    return xp.where((x < low) | (x > high), -math.inf, xp.where(xp.isnan(x), math.nan, 0.0))


LPDFS: dict[str, Callable] = {
    lpdf.__name__: lpdf
    for lpdf in (
        normal_lpdf,
        half_normal_lpdf,
        half_cauchy_lpdf,
        half_student_t_lpdf,
        exponential_lpdf,
        uniform_lpdf,
        gamma_lpdf,
        inverse_gamma_lpdf,
        log_normal_lpdf,
        student_t_lpdf,
        cauchy_lpdf,
        laplace_lpdf,
        flat_lpdf,
    )
}
"""The log densities by name: what a compiled program finds in its namespace."""


# Priors -------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Prior(ABC):
    """A one-dimensional prior: its fields are its parameters, in the order its log density takes them.

    A subclass names its log density (`lpdf`, a key of `LPDFS`) and says what each parameter means; it gives
    its support and its quantiles, and a closed form of `log_convolution` where there is one.
    """

    lpdf: ClassVar[str | None] = None
    meaning: ClassVar[dict[str, str]] = {}
    proper: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, self._checked(field.name, getattr(self, field.name)))

    @property
    @abstractmethod
    def support(self) -> tuple[float, float]:
        """The ends of the interval where the density is positive."""

    @abstractmethod
    def _quantile(self, q: np.ndarray) -> np.ndarray:
        """The quantile function at probabilities already checked, `(point,)`."""

    @property
    def parameters(self) -> dict[str, float]:
        """Parameters by name, in the order the log density takes them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """Points inside the support where the density is not smooth: a quadrature rule splits there."""
        return ()

    def logpdf(self, x: Numbers) -> Floats:
        """log p(x), float64, of the shape of `x`; -inf outside the support."""
        return np.asarray(LPDFS[str(self.lpdf)](np.asarray(x, float), **self.parameters), float)

    def ppf(self, q: Numbers) -> Floats:
        """The quantile function: the x with P(X <= x) = q, float64, of the shape of `q`."""
        q = np.asarray(q, float)
        if not np.all((q >= 0) & (q <= 1)):
            wrong = q[~((q >= 0) & (q <= 1))].flat[0]
            raise ValueError(f"{self}: q must lie in [0, 1]; q is {wrong}. Pass probabilities.")
        with np.errstate(over="ignore", divide="ignore"):
            return np.asarray(self._quantile(q.ravel()), float).reshape(q.shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{value:g}' for value in self.parameters.values())})"

    def _checked(self, name: str, value: Any) -> float:
        """`value` as a float: finite, and positive unless it is a location or an end."""
        what, remedy = f"{type(self).__name__}: {name}", f"Pass {self.meaning[name]}."
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            raise TypeError(f"{what} must be a number; {name} is {value!r}. {remedy}")
        value = float(value)
        if not math.isfinite(value):
            raise ValueError(f"{what} must be finite; {name} is {value}. {remedy}")
        if value <= 0 and name not in ("loc", "low", "high"):
            raise ValueError(f"{what} must be positive; {name} is {value}. {remedy}")
        return value

    def _log_convolution(self, m: np.ndarray, s: np.ndarray) -> np.ndarray:
        """`log_convolution` at `m` and `s`, each `(point,)`: by quadrature unless a subclass knows better."""
        return _numeric_log_convolution(self, m, s)


class _OnLine(Prior):
    """A prior of a location."""

    @property
    def support(self) -> tuple[float, float]:
        return -math.inf, math.inf


class _OnHalfLine(Prior):
    """A prior of a scale."""

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, math.inf


@dataclass(frozen=True, repr=False)
class Normal(_OnLine):
    """Normal with mean `loc` and standard deviation `scale`; see `normal_lpdf`.

    >>> Normal(0, 5), round(float(Normal(0, 5).ppf(0.975)), 4)
    (Normal(0, 5), 9.7998)
    """

    loc: Real
    scale: Real
    lpdf = "normal_lpdf"
    meaning: ClassVar = {"loc": "the mean", "scale": "a standard deviation, not a variance or a precision"}

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return self.loc + self.scale * ndtri(q)

    def _log_convolution(self, m: np.ndarray, s: np.ndarray) -> np.ndarray:
        """log N(m; loc, sqrt(scale^2 + s^2))."""
        return normal_lpdf(m, self.loc, np.hypot(self.scale, s))


@dataclass(frozen=True, repr=False)
class HalfNormal(_OnHalfLine):
    """The absolute value of a Normal(0, scale); see `half_normal_lpdf`.

    >>> round(float(HalfNormal(0.5).ppf(0.5)), 6)
    0.337245
    """

    scale: Real
    lpdf = "half_normal_lpdf"
    meaning: ClassVar = {"scale": "the standard deviation of the normal that is folded, not its variance"}

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return self.scale * np.where(q < 0.5, math.sqrt(2) * erfinv(q), -ndtri((1 - q) / 2))

    def _log_convolution(self, m: np.ndarray, s: np.ndarray) -> np.ndarray:
        """log 2 N(m; 0, h) Phi(m scale / (s h)), with h = sqrt(scale^2 + s^2)."""
        h = np.hypot(self.scale, s)
        return math.log(2) + normal_lpdf(m, 0.0, h) + log_ndtr(m / s * (self.scale / h))


@dataclass(frozen=True, repr=False)
class HalfCauchy(_OnHalfLine):
    """Half-Cauchy with median `scale`, Gelman's (2006) prior of a standard deviation; see `half_cauchy_lpdf`.

    >>> round(float(HalfCauchy(5).ppf(0.5)), 9)
    5.0
    """

    scale: Real
    lpdf = "half_cauchy_lpdf"
    meaning: ClassVar = {"scale": "the median, in the unit of the parameter"}

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return self.scale * _half_cauchy_quantile(q, 1 - q)


@dataclass(frozen=True, repr=False)
class HalfStudentT(_OnHalfLine):
    """The absolute value of a Student t times `scale` (Gelman 2006); see `half_student_t_lpdf`.

    >>> round(float(HalfStudentT(3, 5).ppf(0.5)), 4)
    3.8245
    """

    df: Real
    scale: Real
    lpdf = "half_student_t_lpdf"
    meaning: ClassVar = {
        "df": "degrees of freedom, for example 3",
        "scale": "a scale in the unit of the parameter, not its square",
    }

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return self.scale * _half_t_quantile(self.df, q, 1 - q)


@dataclass(frozen=True, repr=False)
class Exponential(_OnHalfLine):
    """Exponential with mean 1 / rate; see `exponential_lpdf`.

    >>> round(float(Exponential(2).ppf(0.5)), 6)
    0.346574
    """

    rate: Real
    lpdf = "exponential_lpdf"
    meaning: ClassVar = {"rate": "1 / mean"}

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return -np.log1p(-q) / self.rate

    def _log_convolution(self, m: np.ndarray, s: np.ndarray) -> np.ndarray:
        return _exponential_log_convolution(self.rate, m, s)


@dataclass(frozen=True, repr=False)
class Uniform(Prior):
    """Uniform on [low, high]; see `uniform_lpdf`.

    >>> float(Uniform(0, 10).ppf(0.25))
    2.5
    """

    low: Real
    high: Real
    lpdf = "uniform_lpdf"
    meaning: ClassVar = {"low": "the lower end", "high": "the upper end"}

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_order(self, self.low, self.high)

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        width = self.high - self.low
        return np.where(q < 0.5, self.low + q * width, self.high - (1 - q) * width)

    def _log_convolution(self, m: np.ndarray, s: np.ndarray) -> np.ndarray:
        """log of (Phi((high - m) / s) - Phi((low - m) / s)) / (high - low)."""
        return _log_ndtr_between(self.low, self.high, m, s) - math.log(self.high - self.low)


@dataclass(frozen=True, repr=False)
class Gamma(_OnHalfLine):
    """Gamma with shape `alpha` and rate `beta`, mean alpha / beta; see `gamma_lpdf`.

    >>> round(float(Gamma(2, 3).ppf(0.5)), 6)
    0.559449
    """

    alpha: Real
    beta: Real
    lpdf = "gamma_lpdf"
    meaning: ClassVar = {"alpha": "the shape", "beta": "the rate, 1 / scale"}

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return gammaincinv(self.alpha, q) / self.beta


@dataclass(frozen=True, repr=False)
class InverseGamma(_OnHalfLine):
    """1 / X for X ~ Gamma(alpha, beta), mean beta / (alpha - 1); see `inverse_gamma_lpdf`.

    >>> round(float(InverseGamma(2, 3).ppf(0.5)), 6)
    1.787473
    """

    alpha: Real
    beta: Real
    lpdf = "inverse_gamma_lpdf"
    meaning: ClassVar = {"alpha": "the shape", "beta": "the scale, in the unit of the parameter"}

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return self.beta / gammainccinv(self.alpha, q)


@dataclass(frozen=True, repr=False)
class LogNormal(_OnHalfLine):
    """e^X for X ~ Normal(loc, scale), median e^loc; see `log_normal_lpdf`.

    >>> float(LogNormal(0, 2).ppf(0.5))
    1.0
    """

    loc: Real
    scale: Real
    lpdf = "log_normal_lpdf"
    meaning: ClassVar = {
        "loc": "the mean of the logarithm",
        "scale": "the standard deviation of the logarithm",
    }

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return np.exp(self.loc + self.scale * ndtri(q))


@dataclass(frozen=True, repr=False)
class StudentT(_OnLine):
    """Student t with `df` degrees of freedom about `loc`; see `student_t_lpdf`.

    >>> StudentT(3), round(float(StudentT(3).ppf(0.975)), 6)
    (StudentT(3, 0, 1), 3.182446)
    """

    df: Real
    loc: Real = 0.0
    scale: Real = 1.0
    lpdf = "student_t_lpdf"
    meaning: ClassVar = HalfStudentT.meaning | {"loc": "the centre"}

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return self.loc + self.scale * _mirrored(functools.partial(_half_t_quantile, self.df), q)


@dataclass(frozen=True, repr=False)
class Cauchy(_OnLine):
    """Cauchy about `loc` with quartiles loc - scale and loc + scale; see `cauchy_lpdf`.

    >>> round(float(Cauchy(0, 5).ppf(0.75)), 9)
    5.0
    """

    loc: Real
    scale: Real
    lpdf = "cauchy_lpdf"
    meaning: ClassVar = {"loc": "the centre", "scale": "half the distance between the quartiles"}

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return self.loc + self.scale * _mirrored(_half_cauchy_quantile, q)

    def _log_convolution(self, m: np.ndarray, s: np.ndarray) -> np.ndarray:
        """log of Voigt's profile, Re w((m - loc + i scale) / (s sqrt 2)) / (s sqrt(2 pi))."""
        return np.log(scipy.special.voigt_profile(m - self.loc, s, self.scale))


@dataclass(frozen=True, repr=False)
class Laplace(_OnLine):
    """Laplace about `loc`, mean distance `scale`; see `laplace_lpdf`.

    >>> Laplace(1, 2).breakpoints, float(Laplace(1, 2).ppf(0.5))
    ((1.0,), 1.0)
    """

    loc: Real
    scale: Real
    lpdf = "laplace_lpdf"
    meaning: ClassVar = {"loc": "the centre", "scale": "the mean distance from the centre"}

    @property
    def breakpoints(self) -> tuple[float, ...]:
        return (self.loc,)

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        return self.loc + self.scale * _mirrored(_exponential_quantile, q)

    def _log_convolution(self, m: np.ndarray, s: np.ndarray) -> np.ndarray:
        """Half an exponential to the right of `loc`, half one to the left."""
        right = _exponential_log_convolution(1 / self.scale, m - self.loc, s)
        left = _exponential_log_convolution(1 / self.scale, self.loc - m, s)
        return np.logaddexp(right, left) - math.log(2)


@dataclass(frozen=True, repr=False)
class Flat(Prior):
    """The improper density 1 on [low, high], one of which is infinite; see `flat_lpdf`.

    An evidence under it is relative to that arbitrary constant, and the data alone must make the posterior
    proper.

    >>> Flat(), Flat(0), Flat().proper
    (Flat(), Flat(0, inf), False)
    """

    low: Real = -math.inf
    high: Real = math.inf
    lpdf = "flat_lpdf"
    proper = False
    meaning: ClassVar = {"low": "the lower end or -math.inf", "high": "the upper end or math.inf"}

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_order(self, self.low, self.high)
        if math.isfinite(self.high - self.low):
            ends = f"{self.low:g}, {self.high:g}"
            raise ValueError(f"Flat: one end must be infinite; the ends are {ends}. Pass Uniform({ends}).")

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        raise ValueError(
            f"{self} must be proper to have quantiles; it is not. Pass for example Normal(0, 100)."
        )

    def _checked(self, name: str, value: Any) -> float:
        infinite = isinstance(value, numbers.Real) and math.isinf(value)
        return float(value) if infinite else super()._checked(name, value)

    def __repr__(self) -> str:
        return "Flat()" if self.support == (-math.inf, math.inf) else super().__repr__()

    def _log_convolution(self, m: np.ndarray, s: np.ndarray) -> np.ndarray:
        """log of Phi((high - m) / s) - Phi((low - m) / s)."""
        return _log_ndtr_between(self.low, self.high, m, s)


@dataclass(frozen=True, repr=False)
class Custom(Prior):
    """Any object with a normalised `logpdf`, for example a frozen `scipy.stats` distribution.

    It uses the object's `ppf` (or `icdf`) and `support()` where they are there. Without `support()` the
    support is the line. Without `ppf` quantiles come from integrating the density, right to about 1e-12 in
    probability where it has no poles; it must then integrate to 1. A compiled program takes a Custom as a
    table of its values at the nodes, so `lpdf` is None and there are no parameters.

    >>> import scipy.stats
    >>> Custom(scipy.stats.gamma(2, scale=3)), Custom(scipy.stats.gamma(2, scale=3)).support
    (gamma(2, scale=3), (0.0, inf))
    """

    distribution: Any

    def __post_init__(self) -> None:
        if isinstance(self.distribution, type) or not callable(getattr(self.distribution, "logpdf", None)):
            raise TypeError(
                f"Custom: distribution must be an object with logpdf; distribution is {self.distribution!r}. "
                "Pass for example a frozen scipy.stats distribution."
            )
        if hasattr(self.distribution, "freeze"):
            name = getattr(self.distribution, "name", "norm")
            raise TypeError(
                f"Custom: distribution must be frozen; distribution is scipy.stats.{name}. "
                f"Call it with its parameters: scipy.stats.{name}(...)."
            )

    @property
    def parameters(self) -> dict[str, float]:
        return {}

    @property
    def support(self) -> tuple[float, float]:
        if not callable(getattr(self.distribution, "support", None)):
            return -math.inf, math.inf
        low, high = self.distribution.support()
        return float(low), float(high)

    def logpdf(self, x: Numbers) -> Floats:
        """log p(x) as the object says it, float64, of the shape of `x`."""
        x = np.asarray(x, float)
        with np.errstate(all="ignore"):
            log_p = np.asarray(self.distribution.logpdf(x), float)
        if log_p.shape != x.shape:
            raise ValueError(
                f"{self}: logpdf must return the shape of x, {x.shape}; it returned {log_p.shape}. "
                "Pass a distribution of one variable with scalar parameters."
            )
        if np.any(np.isnan(log_p) & ~np.isnan(x)):
            where = x[np.isnan(log_p) & ~np.isnan(x)].flat[0]
            raise ValueError(f"{self}: logpdf must not be NaN; it is at x = {where}. Check the parameters.")
        return log_p

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        ppf = getattr(self.distribution, "ppf", None) or getattr(self.distribution, "icdf", None)
        return ppf(q) if ppf else _numeric_quantile(self, *self._cumulative, q)

    @functools.cached_property
    def _cumulative(self) -> tuple[np.ndarray, np.ndarray]:
        """Panels on which the density is resolved, `(edge,)`, and P(X <= edge), `(edge,)`."""
        edges = _resolved_edges(self, _edges_from_peak(self))
        cumulative = np.concatenate([[0.0], np.cumsum(_panel_masses(self, edges[:-1], edges[1:]))])
        if abs(cumulative[-1] - 1) > 1e-6:
            raise ValueError(
                f"{self}: the density must integrate to 1; it integrates to {cumulative[-1]:g} on "
                f"{self.support}. Pass a normalised density, with support() if it is bounded, or with ppf."
            )
        return edges, cumulative / cumulative[-1]

    def __repr__(self) -> str:
        frozen = self.distribution
        if not hasattr(frozen, "dist"):
            return repr(frozen)
        named = [f"{name}={_printed(value)}" for name, value in frozen.kwds.items()]
        return f"{frozen.dist.name}({', '.join([_printed(value) for value in frozen.args] + named)})"


# The doors ----------------------------------------------------------------------------------------


def as_prior(value: object, argument: str) -> Prior:
    """`value` as a prior: a Prior as it is, an object with `logpdf` wrapped. `argument` names it in errors.

    >>> import scipy.stats
    >>> as_prior(scipy.stats.norm(0, 5), "mu"), as_prior(Normal(0, 5), "mu")
    (norm(0, 5), Normal(0, 5))
    """
    if isinstance(value, Prior):
        return value
    if hasattr(value, "logpdf") and not isinstance(value, type):
        return Custom(value)
    raise TypeError(
        f"{argument} must be a prior; {argument} is {value!r}. "
        "Pass for example gridbayes.Normal(0, 5) or a frozen scipy.stats distribution."
    )


def as_scale_prior(value: object, argument: str) -> Prior:
    """`value` as a prior on [0, inf); `Flat()` becomes `Flat(0, inf)`.

    >>> as_scale_prior(HalfCauchy(5), "tau"), as_scale_prior(Flat(), "tau")
    (HalfCauchy(5), Flat(0, inf))
    """
    prior = as_prior(value, argument)
    if prior == Flat():
        return Flat(0.0, math.inf)
    if prior.support[0] >= 0:
        return prior
    raise ValueError(
        f"{argument} must have a prior on [0, inf); {argument} is {prior}. "
        f"Pass for example gridbayes.{_on_half_line(prior)}."
    )


def parse_prior(text: str) -> Prior:
    """A prior written as name:parameters, as on the command line. Case, dashes and underscores are ignored.

    >>> parse_prior("normal:0,5"), parse_prior("half-cauchy:5"), parse_prior("Student_T:3")
    (Normal(0, 5), HalfCauchy(5), StudentT(3, 0, 1))
    """
    name, _, rest = text.partition(":")
    cls = _class_named(name, text)
    written = [part.strip() for part in rest.split(",")] if rest.strip() else []
    names = [field.name for field in fields(cls)]
    required = [field.name for field in fields(cls) if field.default is MISSING]
    if not len(required) <= len(written) <= len(names):
        raise ValueError(
            f'prior "{text}": {cls.__name__} takes {_expected(names, required)}; {len(written)} given. '
            f'Write for example "{_EXAMPLES[cls]}".'
        )
    return cls(*(_number(part, parameter, text) for part, parameter in zip(written, names, strict=False)))


# The prior against a normal likelihood ------------------------------------------------------------


def log_convolution(prior: Prior, m: Numbers, s: Numbers) -> Floats:
    """log of the integral of p(mu) N(mu; m, s) over mu, float64, of the broadcast shape of `m` and `s`.

    It is the evidence for the location mu when the likelihood of mu is normal with mean `m` and standard
    deviation `s` (in mu's unit, positive): what remains of mu once it is integrated out exactly.

    In closed form for Normal, HalfNormal, Exponential, Uniform, Laplace, Cauchy and Flat; for the others by
    Gauss-Legendre panels that resolve the prior and the normal both, to about 1e-11 of the value. A `Custom`
    whose density is infinite at an end other than 0 is as good as floating point is there.

    >>> round(float(log_convolution(Normal(0, 3), 1.0, 4.0)), 6)   # log N(1; 0, 5)
    -2.548376
    >>> log_convolution(HalfCauchy(5), [0.0, 10.0], 2.0).round(6).tolist()
    [-2.875587, -3.598091]
    """
    m, s = np.broadcast_arrays(np.asarray(m, float), np.asarray(s, float))
    _check_convolution(m, s)
    return np.asarray(prior._log_convolution(m.ravel(), s.ravel()), float).reshape(m.shape)


def _check_convolution(m: np.ndarray, s: np.ndarray) -> None:
    if not np.all(np.isfinite(m)):
        raise ValueError(f"m must be finite; m is {m[~np.isfinite(m)][0]}. Pass the likelihood's means.")
    if not np.all((s > 0) & np.isfinite(s)):
        wrong = s[~((s > 0) & np.isfinite(s))][0]
        raise ValueError(f"s must be positive and finite; s is {wrong}. Pass standard deviations.")


def _exponential_log_convolution(rate: float, m: np.ndarray, s: np.ndarray) -> np.ndarray:
    """log of rate e^(-rate m + (rate s)^2 / 2) Phi(-z), with z = rate s - m / s.

    For z > 0 the exponents cancel in Phi(-z) = e^(-z^2 / 2) erfcx(z / sqrt 2) / 2: it is done on paper.
    """
    z = rate * s - m / s
    near = np.log(erfcx(np.maximum(z, 0) / math.sqrt(2)) / 2) - 0.5 * (m / s) ** 2
    far = -rate * m + 0.5 * (rate * s) ** 2 + log_ndtr(-np.minimum(z, 0))
    return math.log(rate) + np.where(z > 0, near, far)


def _log_ndtr_between(low: float, high: float, m: np.ndarray, s: np.ndarray) -> np.ndarray:
    """log(Phi(b) - Phi(a)) with a = (low - m) / s and b = (high - m) / s.

    By Gauss-Legendre where the interval is so short that the difference would cancel. Elsewhere Phi(a) is
    below Phi(b) / e, even so far in a tail that their logs round to the same number.
    """
    a, b = (low - m) / s, (high - m) / s
    a, b = np.where(a > -b, -b, a), np.where(a > -b, -a, b)  # by symmetry, to the left
    width = (high - low) / s
    short = width * (1 + np.abs(a)) < 4
    log_b = log_ndtr(b)
    difference = log_b + np.log1p(-np.exp(np.minimum(log_ndtr(a) - log_b, -1.0)))
    h = np.where(short, width, 1.0)[:, None]
    start = np.where(short, a, 0.0)[:, None]
    inside = scipy.special.logsumexp(normal_lpdf(start + h * _NODES, 0.0, 1.0), b=h * _WEIGHTS, axis=1)
    return np.where(short, inside, difference)


def _numeric_log_convolution(prior: Prior, m: np.ndarray, s: np.ndarray) -> np.ndarray:
    """`log_convolution` for any prior, a chunk of points at a time: at most 2^21 nodes at once."""
    edges = _resolved_edges(prior, _edges_from_quantiles(prior, m, s))
    chunk = max(1, 2**21 // (_NODES.size * (edges.size + _AROUND.size + _UPON.size)))
    starts = range(0, m.size, chunk)
    parts = [_convolve_on_panels(prior, edges, m[i : i + chunk], s[i : i + chunk]) for i in starts]
    return np.concatenate([np.empty(0), *parts])


def _convolve_on_panels(prior: Prior, edges: np.ndarray, m: np.ndarray, s: np.ndarray) -> np.ndarray:
    """One chunk. Nodes are a + t, offsets t from an anchor a, so that z keeps its digits near m."""
    a = _anchor(prior, m, s)
    t = _panels_of_product(prior, edges, m, s, a)
    left, width = t[:, :-1, None], np.diff(t)[:, :, None]
    t = left + width * _NODES
    a, z = a[:, None, None], (t - (m - a)[:, None, None]) / s[:, None, None]
    log_f = _logpdf_off_poles(prior, a + t) - 0.5 * z * z
    log_sum = scipy.special.logsumexp(log_f, b=width * _WEIGHTS, axis=(1, 2))
    return log_sum - np.log(s) - 0.5 * math.log(2 * math.pi)


def _anchor(prior: Prior, m: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Where offsets are counted from: an end or the median of the prior if m's window holds it, else m."""
    a = m
    for feature in (float(prior.ppf(0.5)), *reversed(prior.support)):
        a = np.where(np.abs(m - feature) <= _REACH * s, feature, a)
    return a


def _panels_of_product(
    prior: Prior, edges: np.ndarray, m: np.ndarray, s: np.ndarray, a: np.ndarray
) -> np.ndarray:
    """Edges as offsets from `a`, `(point, edge)`: the prior's, the normal's around m and at the end."""
    low, high = prior.support
    nearest = np.where(m < low, low, np.where(m > high, high, m)) - a
    around = (m - a)[:, None] + s[:, None] * _AROUND
    upon = nearest[:, None] + s[:, None] * _UPON
    t = np.sort(np.concatenate([edges - a[:, None], around, upon], axis=1), axis=1)
    window = np.maximum(low - a, nearest - _REACH * s), np.minimum(high - a, nearest + _REACH * s)
    return np.clip(t, window[0][:, None], window[1][:, None])


# Panels on which a density is resolved ------------------------------------------------------------


_REACH = 40.0  # e^(-40^2 / 2) is below the smallest double
_AROUND = np.linspace(-_REACH, _REACH, 33)
_UPON = np.concatenate([-(4.0 ** -np.arange(8)), [0.0], 4.0 ** -np.arange(8)])
_LEVELS = np.array([1e-13, 1e-10, 1e-7, 1e-5, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5])
_LEVELS = np.concatenate([_LEVELS, 1 - _LEVELS])
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]


def _panel_masses(prior: Prior, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The prior's mass between `left` and `right`, elementwise, by Gauss-Legendre."""
    width = (right - left)[..., None]
    log_p = _logpdf_off_poles(prior, left[..., None] + width * _NODES)
    return np.sum(np.exp(log_p) * width * _WEIGHTS, axis=-1)


def _logpdf_off_poles(prior: Prior, x: np.ndarray) -> np.ndarray:
    """The log density, but -inf where it is +inf: at a node that rounds to a pole at an end."""
    log_p = prior.logpdf(x)
    return np.where(log_p == math.inf, -math.inf, log_p)


def _resolved_edges(prior: Prior, edges: np.ndarray) -> np.ndarray:
    """`edges` bisected until every panel's mass agrees with its halves'."""
    while True:
        left, right = edges[:-1], edges[1:]
        middle = left + (right - left) / 2
        halves = _panel_masses(prior, left, middle) + _panel_masses(prior, middle, right)
        error = np.abs(_panel_masses(prior, left, right) - halves)
        if not np.any(error > 1e-13) or (edges.size > 1000 and np.sum(error) < 1e-9):
            return edges
        if edges.size > 10_000:
            raise ValueError(
                f"{prior}: the density must be piecewise smooth; {np.sum(error):g} of its mass is unresolved "
                f"on {edges.size} panels. Pass a density without poles inside its support."
            )
        edges = np.union1d(edges, middle[error > 1e-13])


def _edges_from_quantiles(prior: Prior, m: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Edges at quantiles and breakpoints, graded outwards from the median and towards the ends."""
    q25, q50, q75 = prior.ppf([0.25, 0.5, 0.75])
    reach = np.max(np.abs(m - q50) + _REACH * s, initial=q75 - q25)
    outwards = (q75 - q25) * 2.0 ** np.arange(-1, math.ceil(math.log2(reach / (q75 - q25))) + 1)
    pieces = [prior.ppf(_LEVELS), q50 - outwards, q50 + outwards, prior.breakpoints]
    for end, extreme in zip(prior.support, prior.ppf([1e-13, 1 - 1e-13]), strict=True):
        if math.isfinite(end):
            finest = abs(extreme - end) * min(1.0, np.min(s, initial=math.inf) / abs(q50 - end))
            pieces.append(end + (q50 - end) * _grading(finest / abs(q50 - end)))
    return _inside(prior, np.concatenate(pieces))


def _grading(finest: float) -> np.ndarray:
    """0 and the powers of 1/4 from 1 down to `finest`."""
    steps = math.ceil(-math.log(max(finest, 1e-300), 4))
    return np.append(4.0 ** -np.arange(steps + 1), 0.0)


def _edges_from_peak(prior: Prior) -> np.ndarray:
    """Edges graded from 1e-18 to 1e18 around the density's peak and the support's ends."""
    steps = 2.0 ** np.arange(-60, 61)
    centres = [c for c in (_peak(prior), *prior.support) if math.isfinite(c)]
    return _inside(prior, np.concatenate([[c, *(c + steps), *(c - steps)] for c in centres]))


def _peak(prior: Prior) -> float:
    """Where the log density is largest: the best of a graded grid, zoomed in upon."""
    steps = 2.0 ** np.arange(-60, 61)
    centres = [c for c in (0.0, *prior.support) if math.isfinite(c)]
    x = _inside(prior, np.concatenate([[c, *(c + steps), *(c - steps)] for c in centres]))
    for _ in range(60):
        best = int(np.argmax(prior.logpdf(x)))
        x = np.linspace(x[max(best - 1, 0)], x[min(best + 1, x.size - 1)], 9)
    return float(x[4])


def _inside(prior: Prior, edges: np.ndarray) -> np.ndarray:
    """Finite edges clipped to the support, sorted, each once."""
    return np.unique(np.clip(edges[np.isfinite(edges)], *prior.support))


def _numeric_quantile(prior: Prior, edges: np.ndarray, cumulative: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Quantiles by bisection inside the panel that holds them."""
    panel = np.clip(np.searchsorted(cumulative, q, side="right") - 1, 0, edges.size - 2)
    start, low, high = edges[panel], edges[panel], edges[panel + 1]
    for _ in range(60):
        x = low + (high - low) / 2
        below = cumulative[panel] + _panel_masses(prior, start, x) < q
        low, high = np.where(below, x, low), np.where(below, high, x)
    ends = prior.support
    return np.where(q == 0, ends[0], np.where(q == 1, ends[1], low + (high - low) / 2))


# Helpers ------------------------------------------------------------------------------------------


def _on_one_library(*arguments: Any) -> tuple[Any, ...]:
    """`(xp, special, *arguments)`, float arrays of JAX when any argument is JAX's, else of NumPy."""
    jaxlike = any(isinstance(argument, jax.Array) for argument in arguments)
    xp, special = (jnp, jax.scipy.special) if jaxlike else (np, scipy.special)
    return xp, special, *(xp.asarray(argument, dtype=float) for argument in arguments)


def _log1p_square(xp: Any, u: Any) -> Any:
    """log(1 + u^2), also where u^2 would overflow."""
    u = xp.abs(u)
    return xp.where(u > 1e8, 2 * xp.log(xp.maximum(u, 1.0)), xp.log1p(xp.minimum(u, 1e8) ** 2))


def _log_gamma_step(xp: Any, special: Any, a: Any) -> Any:
    """log(Gamma(a + 1/2) / Gamma(a)); from a = 20 by its series, because the difference of logs cancels.

    The series is half log a and odd powers of 1 / a (DLMF 5.11.8 at h = 1/2 less that at h = 0).
    """
    b = 1 / xp.maximum(a, 20.0)
    tail = b * (-1 / 8 + b**2 * (1 / 192 + b**2 * (-1 / 640 + b**2 * (17 / 14336))))
    c = xp.minimum(a, 20.0)
    return xp.where(a > 20, 0.5 * xp.log(a) + tail, special.gammaln(c + 0.5) - special.gammaln(c))


def _mirrored(half_quantile: Callable, q: np.ndarray) -> np.ndarray:
    """Quantiles of a law symmetric about 0, from those of its absolute value given P(below) and P(above)."""
    return np.sign(q - 0.5) * half_quantile(np.abs(2 * q - 1), 2 * np.minimum(q, 1 - q))


def _half_cauchy_quantile(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    return np.where(below < 0.5, np.tan(np.pi / 2 * below), 1 / np.tan(np.pi / 2 * above))


def _half_t_quantile(df: float, below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """sqrt(df z / (1 - z)), z = x^2 / (df + x^2) being Beta(1/2, df/2); z and 1 - z each by its inverse."""
    z = np.where(below < 0.5, betaincinv(0.5, df / 2, below), betainccinv(0.5, df / 2, above))
    one_minus_z = np.where(below < 0.5, betainccinv(df / 2, 0.5, below), betaincinv(df / 2, 0.5, above))
    return np.sqrt(df * z / one_minus_z)


def _exponential_quantile(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    return np.where(below < 0.5, -np.log1p(-below), -np.log(above))


def _check_order(prior: Prior, low: float, high: float) -> None:
    if not low < high:
        name = type(prior).__name__
        raise ValueError(f"{name}: low must be below high; low is {low}, high is {high}. Pass (low, high).")


def _on_half_line(prior: Prior) -> Prior:
    """The prior on [0, inf) that someone who wrote `prior` for a scale may have meant."""
    match prior:
        case Cauchy(scale=scale):
            return HalfCauchy(scale)
        case StudentT(df=df, scale=scale):
            return HalfStudentT(df, scale)
        case Laplace(scale=scale):
            return Exponential(1 / scale)
        case Uniform(high=high) if high > 0:
            return Uniform(0, high)
        case Normal(scale=scale):
            return HalfNormal(scale)
        case Flat():
            return Flat(0)
    return HalfNormal(5)


def _printed(value: Any) -> str:
    return f"{value:g}" if isinstance(value, numbers.Real) else repr(value)


_EXAMPLES: dict[type[Prior], str] = {
    Normal: "normal:0,5",
    HalfNormal: "halfnormal:0.5",
    HalfCauchy: "halfcauchy:5",
    HalfStudentT: "halfstudentt:3,5",
    Exponential: "exponential:1",
    Uniform: "uniform:0,10",
    Gamma: "gamma:2,3",
    InverseGamma: "inversegamma:2,3",
    LogNormal: "lognormal:0,1",
    StudentT: "studentt:3,0,1",
    Cauchy: "cauchy:0,5",
    Laplace: "laplace:0,1",
    Flat: "flat",
}


def _class_named(name: str, text: str) -> type[Prior]:
    """The class that `parse_prior` means by `name`."""
    known = {cls.__name__.lower(): cls for cls in _EXAMPLES}
    plain = name.strip().lower().replace("-", "").replace("_", "")
    if plain in known:
        return known[plain]
    close = difflib.get_close_matches(plain, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else 'Write for example "normal:0,5".'
    raise ValueError(
        f'prior "{text}": the name must be one of {", ".join(known)}; it is "{name.strip()}". {hint}'
    )


def _expected(names: list[str], required: list[str]) -> str:
    """The parameters as a reader wants them: `df, loc (optional), scale (optional)`."""
    return ", ".join(name if name in required else f"{name} (optional)" for name in names)


def _number(part: str, parameter: str, text: str) -> float:
    try:
        return float(part)
    except ValueError:
        raise ValueError(
            f'prior "{text}": {parameter} must be a number; it is "{part}". Write for example 2.5.'
        ) from None
