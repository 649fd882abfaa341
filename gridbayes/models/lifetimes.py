"""Lifetimes in a window: how long customers stay, when many are still there."""

from typing import Any

import numpy as np

from gridbayes.models.coefficients import Term, rounded, terms_of
from gridbayes.models.survival import Lifetimes
from gridbayes.models.watched import WatchedRows, read_watched
from gridbayes.posterior import Posterior
from gridbayes.priors import LogNormal, Prior, as_scale_prior
from gridbayes.rows import Inputs, Rows

__all__ = ["lifetimes"]

MODELS = ("exponential", "weibull")


def lifetimes(
    durations: object,
    observed: object = None,
    *,
    data: object = None,
    window: object = None,
    group: object = None,
    x: object = None,
    model: str = "exponential",
    mu: Prior | object = None,
    shape: Prior | object = None,
    slope: Prior | object = None,
    intercept: Prior | object = None,
) -> Posterior:
    """The posterior of mu, the mean lifetime, of customers of whom some are still there.

    S(t) = exp(-(t / scale)**shape), mu = scale Gamma(1 + 1 / shape); shape is 1 for the exponential.

    Parameters
    ----------
    durations : how long each was seen, positive, (row,), or a column's name of `data`. Rows in which anything is missing
        are left out.
    observed : 1 where the end was seen, 0 where the customer was still there: a row, or a column's name. Left out: 1, or
        with a window 0 for those who filled it.
    window : how long each could be seen: a number, one a row, or a column's name. Checked, and what
        `predictive_check` cuts replicates off at.
    group : labels of segments, (row,), or a column's name: each has a mu, and a shape, of its own.
        `contrast("A", "B")` is the difference of two means.
    x : inputs as in `linear_regression`, in place of segments: log mu = intercept + x . slope, so that the rate 1 / mu is
        log-linear too.
    model : "exponential" or "weibull".
    mu : prior of the mean, in the unit of lifetimes. Left out: LogNormal about the time seen for each end, sd 1 of the log.
        InverseGamma(a, b) says that the rate is Gamma(a, b).
    shape : of Weibull lifetimes: a prior, or a number, known. LogNormal(0, 1) if left out.
    slope, intercept : priors on the whole line, in place of `mu` where there are inputs. Left out: Normal, 2.5 per sd of an
        input; the summary's title states it.

    Returns
    -------
    Posterior of `mu`, or `intercept` and `slope`, and `shape` where it is learned. `predict()` tells of a new customer,
    `predict(age=...)` of what is left to one of these. `pit` of a censored row is drawn between P(lifetime < t) and 1.

    Raises
    ------
    TypeError, ValueError
        When an argument cannot be read, a lifetime is not positive or longer than its window, a flag is not 0 or 1, or an
        improper prior meets rows that have not ended.

    Source: Klein & Moeschberger, Survival Analysis, 2nd ed. (2003), sections 2.5, 3.5 and 12.2.

    >>> import gridbayes as gb
    >>> post = lifetimes([3, 8, 12, 12, 5], [1, 1, 0, 0, 1], mu=gb.InverseGamma(2, 10))
    >>> round(post.mean("mu"), 6), round(float(post.predict().probability("y", above=12)[0]), 6)  # 1 / mu is Gamma(5, 50)
    (12.5, 0.341108)
    """
    rows = read_watched(durations, observed, data, window, group, x)
    if model not in MODELS:
        raise ValueError(f"model must be 'exponential' or 'weibull'; model is {model!r}.")
    if group is not None and x is not None:
        raise TypeError(
            "group= and x= do not go together. Pass segments as an input: 0 and 1, a column for each but one."
        )
    if model == "exponential" and shape is not None:
        raise TypeError(f"shape goes with model='weibull'; shape is {shape!r}. Leave it out, or pass model='weibull'.")
    spare = {"mu": mu} if x is not None else {"slope": slope, "intercept": intercept}
    if strange := [name for name, value in spare.items() if value is not None]:
        rule = "has inputs: pass intercept= and slope=" if x is not None else "has no inputs: pass mu="
        raise TypeError(f"{strange[0]} has no place where log mu {rule}.")
    terms = (_mean_of(mu, rows),) if x is None else _coefficients(rows, intercept, slope)
    return Lifetimes(rows, terms, 1.0 if model == "exponential" else _shape_of(shape)).posterior()


def _middle(rows: WatchedRows) -> float:
    """The log of the time seen for each end: where default priors lie."""
    return float(np.log(rows.t.sum() / (rows.observed.sum() + 0.5)))


def _mean_of(mu: Any, rows: WatchedRows) -> Term:
    """mu with its prior."""
    prior = LogNormal(rounded(_middle(rows)), 1.0) if mu is None else as_scale_prior(mu, "mu")
    return Term("mu", None, _compiled(prior, "mu"))


def _coefficients(rows: WatchedRows, intercept: object, slope: object) -> tuple[Term, ...]:
    """The coefficients of log mu with their priors."""
    terms = terms_of(Rows(Inputs(rows.x, rows.labels), rows.t, None), intercept, slope, _middle(rows), 1.0)
    for term in terms:
        if not np.isinf(term.prior.support).all():
            raise ValueError(f"{term} must have a prior on the whole line; {term} is {term.prior}. Pass Normal(0, 1).")
        _compiled(term.prior, str(term))
    return terms


def _shape_of(shape: Any) -> Prior | float:
    """A known shape, or a proper prior of one."""
    if shape is None:
        return LogNormal(0.0, 1.0)
    if hasattr(shape, "logpdf"):
        prior = as_scale_prior(shape, "shape")
        if not prior.proper:
            raise ValueError(f"shape must have a proper prior; shape is {prior}. Pass for example LogNormal(0, 1).")
        return _compiled(prior, "shape")
    number = isinstance(shape, (int, float, np.integer, np.floating)) and not isinstance(shape, bool)
    if not (number and 0 < shape < np.inf):
        raise ValueError(
            f"shape must be a positive number, known, or a prior; shape is {shape!r}. Pass LogNormal(0, 1)."
        )
    return float(shape)


def _compiled(prior: Prior, name: str) -> Prior:
    """The prior, if its log density compiles."""
    if prior.lpdf is None:
        raise ValueError(f"{name} must have a prior of gridbayes here; {name} is {prior}. Or state it: quadrature.")
    return prior
