"""Priors: a log density, a quantile function, a support and a printable name.

A prior of a location (`mu`) may be any of them; a prior of a scale (`tau`, `sigma`) lives on `[0, inf)`.
The log densities, with their sources, are in densities.py.
"""

import difflib
import functools
import inspect
import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Annotated, Any, ClassVar, get_args

import numpy as np
from jaxtyping import Float
from scipy.special import betainccinv, betaincinv, erfinv, gammainccinv, gammaincinv, logsumexp, ndtri

from gridbayes._types import Floats, Numbers
from gridbayes.densities import LPDFS
from gridbayes.grids import adapt
from gridbayes.summaries import Marginal

EXAMPLE = 'Write for example "normal:0,5".'


@dataclass(frozen=True, repr=False)
class Prior(ABC):
    """A one-dimensional prior: its fields are its parameters, in the order its log density takes them.

    A subclass annotates each parameter with its meaning, names its log density (`lpdf`, a key of `LPDFS`),
    and gives its quantiles, and its support where that is not the line.

    >>> prior = HalfCauchy(5)
    >>> prior, prior.support, round(float(prior.ppf(0.5)), 9), round(float(prior.logpdf(0.0)), 6)
    (HalfCauchy(5), (0.0, inf), 5.0, -2.061021)
    """

    __no_type_check__ = True  # a run-time type checker must not come before `_checked`, whose errors teach
    lpdf: ClassVar[str | None] = None
    proper: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, self._checked(field, getattr(self, field.name)))

    @property
    def support(self) -> tuple[float, float]:
        """The ends of the interval where the density is positive."""
        return -math.inf, math.inf

    @abstractmethod
    def _quantile(self, q: Floats) -> Floats:
        """The quantile function at probabilities already checked."""

    @property
    def parameters(self) -> dict[str, float]:
        """Parameters by name, in the order the log density takes them."""
        return {field.name: getattr(self, field.name) for field in fields(self)} if self.lpdf else {}

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

    def _checked(self, field: Field, value: Any) -> float:
        """The field's value as a float: finite, and positive unless it is a location or an end."""
        name = field.name
        what, remedy = f"{type(self).__name__}: {name}", f"Pass {get_args(field.type)[1]}."
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            raise TypeError(f"{what} must be a number; {name} is {value!r}. {remedy}")
        value = float(value)
        if not math.isfinite(value):
            raise ValueError(f"{what} must be finite; {name} is {value}. {remedy}")
        if value <= 0 and name not in ("loc", "low", "high"):
            raise ValueError(f"{what} must be positive; {name} is {value}. {remedy}")
        return value


class _OnHalfLine(Prior):
    """A prior of a scale."""

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, math.inf


class _OnInterval(Prior):
    """A prior that is constant from `low` to `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            name, ends = type(self).__name__, f"low is {self.low}, high is {self.high}"
            raise ValueError(f"{name}: low must be below high; {ends}. Pass (low, high).")

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high


@dataclass(frozen=True, repr=False)
class Normal(Prior):
    """Normal with mean `loc` and standard deviation `scale`; see `normal_lpdf`."""

    loc: Annotated[float, "the mean"]
    scale: Annotated[float, "a standard deviation, not a variance or a precision"]
    lpdf = "normal_lpdf"

    def _quantile(self, q: Floats) -> Floats:
        return self.loc + self.scale * ndtri(q)


@dataclass(frozen=True, repr=False)
class HalfNormal(_OnHalfLine):
    """The absolute value of a Normal(0, scale); see `half_normal_lpdf`."""

    scale: Annotated[float, "the standard deviation of the normal that is folded, not its variance"]
    lpdf = "half_normal_lpdf"

    def _quantile(self, q: Floats) -> Floats:
        return self.scale * np.where(q < 0.5, math.sqrt(2) * erfinv(q), -ndtri((1 - q) / 2))


@dataclass(frozen=True, repr=False)
class HalfCauchy(_OnHalfLine):
    """Half-Cauchy with median `scale`, for standard deviations (Gelman 2006); see `half_cauchy_lpdf`."""

    scale: Annotated[float, "the median, in the unit of the parameter"]
    lpdf = "half_cauchy_lpdf"

    def _quantile(self, q: Floats) -> Floats:
        return self.scale * np.where(q < 0.5, np.tan(np.pi / 2 * q), 1 / np.tan(np.pi / 2 * (1 - q)))


@dataclass(frozen=True, repr=False)
class HalfStudentT(_OnHalfLine):
    """The absolute value of a Student t times `scale` (Gelman 2006); see `half_student_t_lpdf`."""

    df: Annotated[float, "degrees of freedom, for example 3"]
    scale: Annotated[float, "a scale in the unit of the parameter, not its square"]
    lpdf = "half_student_t_lpdf"

    def _quantile(self, q: Floats) -> Floats:
        return self.scale * _half_t_quantile(self.df, q, 1 - q)


@dataclass(frozen=True, repr=False)
class Exponential(_OnHalfLine):
    """Exponential with mean 1 / rate; see `exponential_lpdf`."""

    rate: Annotated[float, "1 / mean"]
    lpdf = "exponential_lpdf"

    def _quantile(self, q: Floats) -> Floats:
        return -np.log1p(-q) / self.rate


@dataclass(frozen=True, repr=False)
class Uniform(_OnInterval):
    """Uniform on [low, high]; see `uniform_lpdf`."""

    low: Annotated[float, "the lower end"]
    high: Annotated[float, "the upper end"]
    lpdf = "uniform_lpdf"

    def _quantile(self, q: Floats) -> Floats:
        width = self.high - self.low
        return np.where(q < 0.5, self.low + q * width, self.high - (1 - q) * width)


@dataclass(frozen=True, repr=False)
class Gamma(_OnHalfLine):
    """Gamma with shape `alpha` and rate `beta`, mean alpha / beta; see `gamma_lpdf`."""

    alpha: Annotated[float, "the shape"]
    beta: Annotated[float, "the rate, 1 / scale"]
    lpdf = "gamma_lpdf"

    def _quantile(self, q: Floats) -> Floats:
        return gammaincinv(self.alpha, q) / self.beta


@dataclass(frozen=True, repr=False)
class Beta(Prior):
    """Beta on [0, 1] with mean alpha / (alpha + beta); see `beta_lpdf`."""

    alpha: Annotated[float, "one more than the successes it stands for"]
    beta: Annotated[float, "one more than the failures it stands for"]
    lpdf = "beta_lpdf"

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, 1.0

    def _quantile(self, q: Floats) -> Floats:
        return betaincinv(self.alpha, self.beta, q)


@dataclass(frozen=True, repr=False)
class InverseGamma(_OnHalfLine):
    """1 / X for X ~ Gamma(alpha, beta), mean beta / (alpha - 1); see `inverse_gamma_lpdf`."""

    alpha: Annotated[float, "the shape"]
    beta: Annotated[float, "the scale, in the unit of the parameter"]
    lpdf = "inverse_gamma_lpdf"

    def _quantile(self, q: Floats) -> Floats:
        return self.beta / gammainccinv(self.alpha, q)


@dataclass(frozen=True, repr=False)
class LogNormal(_OnHalfLine):
    """e^X for X ~ Normal(loc, scale), median e^loc; see `log_normal_lpdf`."""

    loc: Annotated[float, "the mean of the logarithm"]
    scale: Annotated[float, "the standard deviation of the logarithm"]
    lpdf = "log_normal_lpdf"

    def _quantile(self, q: Floats) -> Floats:
        return np.exp(self.loc + self.scale * ndtri(q))


@dataclass(frozen=True, repr=False)
class FromErrors(_OnHalfLine):
    """A prior of tau made of the standard errors s_i of the data, in their unit.

    Parameters
    ----------
    errors : (group,) s_i, one a group, or a single one; positive. None stands for those of the data that a model is
        fitted to, known only there: until then the prior has no density.
    """

    errors: Annotated[Iterable[float] | float | None, "standard errors, one a group"] = None

    def __post_init__(self) -> None:
        if self.errors is None:
            return
        several = isinstance(self.errors, Iterable) and not isinstance(self.errors, (str, Mapping))
        (field,) = fields(self)
        given: Iterable[Any] = self.errors if several else [self.errors]  # pyright: ignore[reportAssignmentType]
        errors = tuple(self._checked(field, error) for error in given)
        if not errors:
            name = type(self).__name__
            raise ValueError(f"{name}: errors must not be empty; errors is []. Pass standard errors, one a group.")
        object.__setattr__(self, "errors", errors)

    @property
    def _known_errors(self) -> Float[np.ndarray, " group"]:
        if self.errors is None:
            raise ValueError(
                f"{self} must have standard errors to have a density; it has none before it meets data. "
                f"Pass {type(self).__name__}(errors) with standard errors, one a group."
            )
        return np.array(self.errors, float)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()" if self.errors is None else super().__repr__()


@dataclass(frozen=True, repr=False)
class UniformShrinkage(FromErrors):
    """Uniform shrinkage: s0^2 / (s0^2 + tau^2) is uniform on [0, 1] (Daniels 1999); see `uniform_shrinkage_lpdf`.

    s0^2 is the harmonic mean of the s_i^2 (Roever 2020, J. Stat. Softw. 93(6)), so a single error is s0 itself,
    the median. The mean is pi / 2 s0, and there is no variance.

    >>> prior = UniformShrinkage([3, 3, 5])
    >>> prior, prior.parameters == {"scale": prior.scale}, UniformShrinkage(5), UniformShrinkage()
    (UniformShrinkage(3.38241), True, UniformShrinkage(5), UniformShrinkage())
    """

    lpdf = "uniform_shrinkage_lpdf"

    @property
    def scale(self) -> float:
        """s0, by the smallest error, so that no square overflows."""
        errors = self._known_errors
        return float(errors.min() / np.sqrt(np.mean((errors.min() / errors) ** 2)))

    @property
    def parameters(self) -> dict[str, float]:
        return {"scale": self.scale}

    def _quantile(self, q: Floats) -> Floats:
        return self.scale * np.sqrt(q / (1 - q))


@dataclass(frozen=True, repr=False)
class Jeffreys(FromErrors):
    """Jeffreys' prior of tau, sqrt(sum_i (tau / (s_i^2 + tau^2))^2): improper, as sqrt(groups) / tau in its tail.

    It is the root of the Fisher information of tau in y_i ~ N(mu, sqrt(s_i^2 + tau^2)), less the constant sqrt(2), and
    the reference prior (Bodnar et al. 2017, Stat. Med. 36(2):378-399; Roever 2020, J. Stat. Softw. 93(6)). An
    evidence under it is relative to its constant. A compiled program takes it as a table of its values at the nodes,
    so `lpdf` is None and there are no parameters.

    >>> Jeffreys(), Jeffreys([15, 10, 16]), Jeffreys().proper, round(float(Jeffreys(2).logpdf(2.0)), 6)
    (Jeffreys(), Jeffreys([15, 10, 16]), False, -1.386294)
    """

    proper = False

    def logpdf(self, x: Numbers) -> Floats:
        """log p(x), float64, of the shape of `x`; -inf outside the support."""
        x = np.asarray(x, float)
        outside = (x <= 0) | (x == math.inf)
        inside = np.where(outside, 1.0, x)
        log_variance = 2 * np.log(np.hypot(self._known_errors, inside[..., None]))
        return np.where(outside, -math.inf, np.log(inside) + np.asarray(logsumexp(-2 * log_variance, axis=-1)) / 2)

    def _quantile(self, q: Floats) -> Floats:
        raise ValueError(f"{self} must be proper to have quantiles; it is not. Pass for example HalfCauchy(5).")

    def __repr__(self) -> str:
        if self.errors is None:
            return super().__repr__()
        shown = list(map(_printed, self._known_errors))
        return f"Jeffreys([{', '.join(shown if len(shown) <= 8 else [*shown[:3], '...', shown[-1]])}])"


@dataclass(frozen=True, repr=False)
class StudentT(Prior):
    """Student t with `df` degrees of freedom about `loc`; see `student_t_lpdf`."""

    df: Annotated[float, "degrees of freedom, for example 3"]
    loc: Annotated[float, "the centre"] = 0.0
    scale: Annotated[float, "a scale in the unit of the parameter, not its square"] = 1.0
    lpdf = "student_t_lpdf"

    def _quantile(self, q: Floats) -> Floats:
        half = _half_t_quantile(self.df, np.abs(2 * q - 1), 2 * np.minimum(q, 1 - q))
        return self.loc + self.scale * np.sign(q - 0.5) * half


@dataclass(frozen=True, repr=False)
class Cauchy(Prior):
    """Cauchy about `loc` with quartiles loc - scale and loc + scale; see `cauchy_lpdf`."""

    loc: Annotated[float, "the centre"]
    scale: Annotated[float, "half the distance between the quartiles"]
    lpdf = "cauchy_lpdf"

    def _quantile(self, q: Floats) -> Floats:
        return self.loc + self.scale * np.sign(q - 0.5) / np.tan(np.pi * np.minimum(q, 1 - q))


@dataclass(frozen=True, repr=False)
class Laplace(Prior):
    """Laplace about `loc`, mean distance `scale`; see `laplace_lpdf`."""

    loc: Annotated[float, "the centre"]
    scale: Annotated[float, "the mean distance from the centre"]
    lpdf = "laplace_lpdf"

    @property
    def breakpoints(self) -> tuple[float, ...]:
        return (self.loc,)

    def _quantile(self, q: Floats) -> Floats:
        return self.loc - self.scale * np.sign(q - 0.5) * np.log(2 * np.minimum(q, 1 - q))


@dataclass(frozen=True, repr=False)
class Flat(_OnInterval):
    """The improper density 1 on [low, high], one of which is infinite; see `flat_lpdf`.

    An evidence under it is relative to that constant, and the data alone must make the posterior proper.

    >>> Flat(), Flat(0), Flat().proper
    (Flat(), Flat(0, inf), False)
    """

    low: Annotated[float, "the lower end or -math.inf"] = -math.inf
    high: Annotated[float, "the upper end or math.inf"] = math.inf
    lpdf = "flat_lpdf"
    proper = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if math.isfinite(self.high - self.low):
            ends = f"{self.low:g}, {self.high:g}"
            raise ValueError(f"Flat: one end must be infinite; the ends are {ends}. Pass Uniform({ends}).")

    def _quantile(self, q: Floats) -> Floats:
        raise ValueError(f"{self} must be proper to have quantiles; it is not. Pass for example Normal(0, 100).")

    def _checked(self, field: Field, value: Any) -> float:
        infinite = isinstance(value, numbers.Real) and math.isinf(value)
        return float(value) if infinite else super()._checked(field, value)

    def __repr__(self) -> str:
        return "Flat()" if self.support == (-math.inf, math.inf) else super().__repr__()


@dataclass(frozen=True, repr=False)
class Custom(Prior):
    """Any object with a normalised `logpdf`, for example a frozen `scipy.stats` distribution.

    It uses the object's `ppf` (or `icdf`) and `support()` where they are there. Without `support()` the
    support is the line. Without `ppf` the integral of the density is inverted, right to about 1e-12 in
    probability where it has no poles. A compiled program takes a Custom as a table of its values at the
    nodes, so `lpdf` is None and there are no parameters.

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

    def _quantile(self, q: Floats) -> Floats:
        ppf = getattr(self.distribution, "ppf", None) or getattr(self.distribution, "icdf", None)
        if ppf:
            return ppf(q)
        low, high = self.support
        return np.where(q == 0, low, np.where(q == 1, high, self._integrated.quantile(q)))

    @functools.cached_property
    def _integrated(self) -> Marginal:
        """The masses of the density in panels that resolve it."""

        def log_density(_: object, x: Floats) -> Floats:
            log_p = self.logpdf(x)
            return np.where(log_p == math.inf, -math.inf, log_p)  # a node may round to a pole at an end

        edges = _graded(self, _peak(self), *self.support)
        try:
            ((grid, log_p),) = adapt(log_density, [edges], tol=1e-12)
        except ValueError as error:
            raise ValueError(f"{self}: no panels resolve the density: {error} Pass it with ppf.") from None
        masses = np.exp(log_p + grid.log_weight)
        total = masses.sum()
        if abs(total - 1) > 1e-6:
            raise ValueError(
                f"{self}: the density must integrate to 1; it integrates to {total:g} on {self.support}. "
                "Pass a normalised density, with support() if it is bounded, or with ppf."
            )
        return Marginal(grid, masses / total)

    def __repr__(self) -> str:
        frozen = self.distribution
        if not hasattr(frozen, "dist"):
            return repr(frozen)
        named = [f"{name}={_printed(value)}" for name, value in frozen.kwds.items()]
        return f"{frozen.dist.name}({', '.join([_printed(value) for value in frozen.args] + named)})"


# --- doors ----------------------------------------------------------------------------------------


def as_prior(value: object, argument: str) -> Prior:
    """`value` as a prior: a Prior as it is, an object with `logpdf` wrapped; errors name the `argument`.

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
        return Flat(0)
    if prior.support[0] >= 0:
        return prior
    raise ValueError(
        f"{argument} must have a prior on [0, inf); {argument} is {prior}. "
        "Pass for example gridbayes.HalfNormal(5) or gridbayes.HalfCauchy(5)."
    )


def parse_prior(text: str) -> Prior:
    """A prior written as name:parameters, as on the command line. Case, dashes and underscores are ignored.

    >>> parse_prior("normal:0,5"), parse_prior("half-cauchy:5"), parse_prior("Student_T:3"), parse_prior("jeffreys")
    (Normal(0, 5), HalfCauchy(5), StudentT(3, 0, 1), Jeffreys())
    """
    name, _, rest = text.partition(":")
    cls = _class_named(name, text)
    written = [part.strip() for part in rest.split(",")] if rest.strip() else []
    optional = {field.name: field.default is not MISSING for field in fields(cls)}
    if not len(optional) - sum(optional.values()) <= len(written) <= len(optional):
        expected = ", ".join(name + " (optional)" * may_miss for name, may_miss in optional.items())
        raise ValueError(f'prior "{text}": {cls.__name__} takes {expected}; {len(written)} given. {EXAMPLE}')
    return cls(*(_number(part, name, text) for part, name in zip(written, optional, strict=False)))


# --- helpers --------------------------------------------------------------------------------------


def _graded(prior: Prior, *centres: float) -> Float[np.ndarray, " edge"]:
    """Points of the support 2^-60, ..., 2^60 to both sides of finite centres, none too close to another."""
    steps = 2.0 ** np.arange(-60, 61)
    steps = np.concatenate([-steps, [0.0], steps])
    x = np.concatenate([centre + steps for centre in centres if math.isfinite(centre)])
    x = np.unique(np.clip(x, *prior.support))
    return x[np.diff(x, prepend=-math.inf) > 1e-13 * np.abs(x)]


def _peak(prior: Prior) -> float:
    """Where the log density is largest: the best of a graded grid, zoomed in upon."""
    x = _graded(prior, 0.0, *prior.support)
    for _ in range(60):
        best = int(np.argmax(prior.logpdf(x)))
        x = np.linspace(x[max(best - 1, 0)], x[min(best + 1, x.size - 1)], 9)
    return float(x[4])


def _half_t_quantile(df: float, below: Floats, above: Floats) -> Floats:
    """sqrt(df z / (1 - z)), z = x^2 / (df + x^2) being Beta(1/2, df/2); z and 1 - z each by its inverse."""
    z = np.where(below < 0.5, betaincinv(0.5, df / 2, below), betainccinv(0.5, df / 2, above))
    one_minus_z = np.where(below < 0.5, betainccinv(df / 2, 0.5, below), betaincinv(df / 2, 0.5, above))
    return np.sqrt(df * z / one_minus_z)


def _printed(value: Any) -> str:
    return f"{value:g}" if isinstance(value, numbers.Real) else repr(value)


def _class_named(name: str, text: str) -> type[Prior]:
    """The class that `parse_prior` means by `name`."""
    of_bases = [cls for base in (Prior, _OnHalfLine, _OnInterval, FromErrors) for cls in base.__subclasses__()]
    known = {cls.__name__.lower(): cls for cls in of_bases if not (inspect.isabstract(cls) or cls is Custom)}
    plain = name.strip().lower().replace("-", "").replace("_", "")
    if plain in known:
        return known[plain]
    close = difflib.get_close_matches(plain, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else EXAMPLE
    raise ValueError(f'prior "{text}": the name must be one of {", ".join(known)}; it is "{name.strip()}". {hint}')


def _number(part: str, parameter: str, text: str) -> float:
    try:
        return float(part)
    except ValueError:
        raise ValueError(f'prior "{text}": {parameter} must be a number; it is "{part}". {EXAMPLE}') from None
