"""Log densities of the priors, each written once, for NumPy on the host and for JAX in a compiled program.

They take numbers or arrays, which broadcast, and return float arrays: JAX's where any argument is JAX's.

Sources: Johnson, Kotz & Balakrishnan, *Continuous Univariate Distributions* (vol. 1, 1994; vol. 2, 1995),
cited as JKB with the chapter; for the half-t family Gelman (2006), "Prior distributions for variance
parameters in hierarchical models", Bayesian Analysis 1(3):515-534; for uniform shrinkage Daniels (1999), "A prior
for the variance in hierarchical models", Canadian Journal of Statistics 27(3):567-578.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np
import scipy.special

from gridbayes._types import Values

LPDFS: dict[str, Callable] = {}
"""The log densities by name: what a compiled program finds in its namespace."""


def _density[F: Callable](lpdf: F) -> F:
    """`lpdf`, listed in LPDFS, of float arrays of one library and without NumPy's warnings.

    Where a square overflows or a log meets 0 the limit, -inf, is right.
    """

    @functools.wraps(lpdf)
    def density(*arguments: Any, **named: Any) -> Values:
        arrays = any(isinstance(value, jax.Array) for value in (*arguments, *named.values()))
        as_float = functools.partial((jnp if arrays else np).asarray, dtype=float)
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            return lpdf(*map(as_float, arguments), **{name: as_float(value) for name, value in named.items()})

    LPDFS[lpdf.__name__] = density
    return density  # pyright: ignore[reportReturnType]


@_density
def normal_lpdf(x: Values, loc: Values, scale: Values) -> Values:
    """log N(x; loc, scale) = -z^2 / 2 - log(scale sqrt(2 pi)), with z = (x - loc) / scale (JKB ch. 13).

    `scale` is a standard deviation.

    >>> round(float(normal_lpdf(1.0, 0.0, 2.0)), 6)
    -1.737086
    """
    xp = _numpy(x)
    z = (x - loc) / scale
    return -0.5 * z * z - xp.log(scale) - 0.5 * math.log(2 * math.pi)


@_density
def half_normal_lpdf(x: Values, scale: Values) -> Values:
    """log of 2 N(x; 0, scale) on x >= 0 (JKB ch. 13).

    >>> round(float(half_normal_lpdf(1.0, 2.0)), 6)
    -1.043939
    """
    return _folded(x, normal_lpdf(x, 0.0, scale))


@_density
def half_cauchy_lpdf(x: Values, scale: Values) -> Values:
    """log of 2 / (pi scale (1 + u^2)) on x >= 0, with u = x / scale (Gelman 2006). `scale` is the median.

    >>> round(float(half_cauchy_lpdf(0.0, 5.0)), 6)
    -2.061021
    """
    return _folded(x, cauchy_lpdf(x, 0.0, scale))


@_density
def half_student_t_lpdf(x: Values, df: Values, scale: Values) -> Values:
    """log of 2 t(x; df, 0, scale) on x >= 0 (Gelman 2006); df = 1 is the half-Cauchy.

    >>> round(float(half_student_t_lpdf(0.0, 1.0, 5.0)), 6)
    -2.061021
    """
    return _folded(x, student_t_lpdf(x, df, 0.0, scale))


@_density
def exponential_lpdf(x: Values, rate: Values) -> Values:
    """log rate - rate x on x >= 0 (JKB ch. 19). The mean is 1 / rate.

    >>> float(exponential_lpdf(3.0, 1.0))
    -3.0
    """
    xp = _numpy(x)
    return xp.where(x < 0, -math.inf, xp.log(rate) - rate * x)


@_density
def uniform_lpdf(x: Values, low: Values, high: Values) -> Values:
    """-log(high - low) on low <= x <= high (JKB ch. 26).

    >>> float(uniform_lpdf(0.3, 0.0, 1.0)), float(uniform_lpdf(3.0, 0.0, 1.0))
    (0.0, -inf)
    """
    xp = _numpy(x)
    return flat_lpdf(x, low, high) - xp.log(high - low)


@_density
def gamma_lpdf(x: Values, alpha: Values, beta: Values) -> Values:
    """log of beta^alpha / Gamma(alpha) x^(alpha - 1) e^(-beta x) on x >= 0 (JKB ch. 17).

    `alpha` is the shape, `beta` the rate; the mean is alpha / beta. At x = 0 it is +inf when alpha < 1.

    >>> float(gamma_lpdf(3.0, 1.0, 1.0))
    -3.0
    """
    xp, special = _numpy(x), _special(x)
    outside = (x < 0) | (x == math.inf)
    x = xp.where(outside, 1.0, x)
    log_p = alpha * xp.log(beta) - special.gammaln(alpha) + special.xlogy(alpha - 1, x) - beta * x
    return xp.where(outside, -math.inf, log_p)


@_density
def beta_lpdf(x: Values, alpha: Values, beta: Values) -> Values:
    """log of x^(alpha - 1) (1 - x)^(beta - 1) / B(alpha, beta) on [0, 1] (JKB ch. 25).

    At an end whose exponent is below 0 it is +inf.

    >>> round(float(beta_lpdf(0.5, 2.0, 2.0)), 6)
    0.405465
    """
    xp, special = _numpy(x), _special(x)
    outside = (x < 0) | (x > 1)
    x = xp.where(outside, 0.5, x)
    log_p = special.xlogy(alpha - 1, x) + special.xlog1py(beta - 1, -x) - special.betaln(alpha, beta)
    return xp.where(outside, -math.inf, log_p)


@_density
def inverse_gamma_lpdf(x: Values, alpha: Values, beta: Values) -> Values:
    """log of beta^alpha / Gamma(alpha) x^(-alpha - 1) e^(-beta / x) on x > 0 (JKB ch. 17).

    `alpha` is the shape, `beta` the scale: 1 / x is Gamma(alpha, beta).

    >>> float(inverse_gamma_lpdf(1.0, 1.0, 3.0)) == math.log(3) - 3
    True
    """
    xp, special = _numpy(x), _special(x)
    outside = (x <= 0) | (x == math.inf)
    x = xp.where(outside, 1.0, x)
    log_p = alpha * xp.log(beta) - special.gammaln(alpha) - (alpha + 1) * xp.log(x) - beta / x
    return xp.where(outside, -math.inf, log_p)


@_density
def log_normal_lpdf(x: Values, loc: Values, scale: Values) -> Values:
    """log N(log x; loc, scale) - log x on x > 0 (JKB ch. 14). The median is e^loc.

    >>> float(log_normal_lpdf(1.0, 0.0, 2.0)) == float(normal_lpdf(0.0, 0.0, 2.0))
    True
    """
    xp = _numpy(x)
    outside = (x <= 0) | (x == math.inf)
    log_x = xp.log(xp.where(outside, 1.0, x))
    return xp.where(outside, -math.inf, normal_lpdf(log_x, loc, scale) - log_x)


@_density
def uniform_shrinkage_lpdf(x: Values, scale: Values) -> Values:
    """log of 2 scale^2 x / (scale^2 + x^2)^2 on x > 0: scale^2 / (scale^2 + x^2) is uniform on [0, 1] (Daniels 1999).

    `scale` is the median.

    >>> round(float(uniform_shrinkage_lpdf(2.0, 2.0)), 6) == round(-math.log(4), 6)
    True
    """
    xp = _numpy(x)
    outside = (x <= 0) | (x == math.inf)
    x = xp.where(outside, 1.0, x)
    log_p = math.log(2) + xp.log(x) - 2 * xp.log(scale) - 2 * _log1p_square(x / scale)
    return xp.where(outside, -math.inf, log_p)


@_density
def student_t_lpdf(x: Values, df: Values, loc: Values, scale: Values) -> Values:
    """log t(x; df, loc, scale), up to its constant -(df + 1) / 2 log(1 + z^2 / df) (JKB ch. 28).

    With z = (x - loc) / scale; the constant is Gamma((df + 1) / 2) / (Gamma(df / 2) scale sqrt(df pi)).

    >>> round(float(student_t_lpdf(0.0, 1.0, 0.0, 1.0)), 6)
    -1.14473
    """
    xp = _numpy(x)
    z = (x - loc) / scale
    log_constant = _log_gamma_step(df / 2) - 0.5 * xp.log(df * math.pi) - xp.log(scale)
    return log_constant - (df + 1) / 2 * _log1p_square(z / xp.sqrt(df))


@_density
def cauchy_lpdf(x: Values, loc: Values, scale: Values) -> Values:
    """log of 1 / (pi scale (1 + z^2)), with z = (x - loc) / scale (JKB ch. 16).

    >>> round(float(cauchy_lpdf(0.0, 0.0, 1.0)), 6)
    -1.14473
    """
    xp = _numpy(x)
    return -math.log(math.pi) - xp.log(scale) - _log1p_square((x - loc) / scale)


@_density
def laplace_lpdf(x: Values, loc: Values, scale: Values) -> Values:
    """`-|x - loc| / scale - log(2 scale)` (JKB ch. 24).

    >>> float(laplace_lpdf(3.0, 0.0, 0.5))
    -6.0
    """
    xp = _numpy(x)
    return -xp.abs(x - loc) / scale - xp.log(2 * scale)


@_density
def flat_lpdf(x: Values, low: Values = -math.inf, high: Values = math.inf) -> Values:
    """0 on low <= x <= high: the improper density 1, which no constant normalises.

    >>> float(flat_lpdf(3.0)), float(flat_lpdf(-3.0, 0.0))
    (0.0, -inf)
    """
    xp = _numpy(x)
    return xp.where((x < low) | (x > high), -math.inf, xp.where(xp.isnan(x), math.nan, 0.0))


# --- what several share ---------------------------------------------------------------------------


def _numpy(x: Values) -> Any:
    """NumPy as the library of `x` has it: numpy or jax.numpy."""
    return jnp if isinstance(x, jax.Array) else np


def _special(x: Values) -> Any:
    """The special functions of the library of `x`."""
    return jax.scipy.special if isinstance(x, jax.Array) else scipy.special


def _folded(x: Values, log_p: Values) -> Values:
    """The log density of |X| at x, from that of X, which is symmetric about 0."""
    xp = _numpy(x)
    return xp.where(x < 0, -math.inf, math.log(2) + log_p)


def _log1p_square(u: Values) -> Values:
    """log(1 + u^2), also where u^2 would overflow."""
    xp = _numpy(u)
    u = xp.abs(u)
    return xp.where(u > 1e8, 2 * xp.log(xp.maximum(u, 1.0)), xp.log1p(xp.minimum(u, 1e8) ** 2))


def _log_gamma_step(a: Values) -> Values:
    """log(Gamma(a + 1/2) / Gamma(a)); from a = 20 by its series, because the difference of logs cancels.

    The series is half log a and odd powers of 1 / a (DLMF 5.11.8 at h = 1/2 less that at h = 0).
    """
    xp, special = _numpy(a), _special(a)
    b = 1 / xp.maximum(a, 20.0)
    tail = b * (-1 / 8 + b**2 * (1 / 192 + b**2 * (-1 / 640 + b**2 * (17 / 14336))))
    c = xp.minimum(a, 20.0)
    return xp.where(a > 20, 0.5 * xp.log(a) + tail, special.gammaln(c + 0.5) - special.gammaln(c))
