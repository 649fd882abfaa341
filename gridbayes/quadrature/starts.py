"""Where the search for modes starts: the user's own start, the priors' medians, and points scattered about them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtri

from gridbayes.quadrature.supports import Interval, Ordered, Space
from gridbayes.quadrature.target import Target

__all__ = ["starts"]

SCATTERED = 256  # points of which the best are climbed from
CLIMBS = 5  # from the centre, and from the best of each of so many parts of them less one
WIDE = 2.0  # sds of the scatter


def starts(target: Target, parameters: Mapping[str, Any], start: object) -> np.ndarray:
    """Points of finite density to climb from, (start, dimension): the centre first, where it is one.

    Raises
    ------
    ValueError
        When `start` does not fit the supports, or the density is 0 everywhere that was tried.
    """
    centre, spread = _centre(target.space, parameters)
    if start is not None:
        centre, spread = _given(target.space, start, centre, spread)
    u = centre + spread * WIDE * _scatter(target.space.dimension)
    log_p = target.log_density(u)
    parts = [np.array([0]), *np.array_split(np.arange(1, len(u)), CLIMBS - 1)]
    best = [part[int(np.argmax(log_p[part]))] for part in parts]
    chosen = [i for i in best if np.isfinite(log_p[i])]
    if not chosen:
        raise ValueError(
            f"log_joint is -inf at all {len(u)} points that were tried, within about {WIDE * 2:g} of {centre} on the real "
            "line. Pass start=, a mapping of names to values where the density is positive."
        )
    return np.resize(u[chosen], (CLIMBS, u.shape[1]))  # always as many: another number would be compiled anew


def _scatter(dimension: int) -> np.ndarray:
    """Normal points that fill space evenly, (point, dimension), the centre first.

    Uniform ones are multiples of (1 / g, 1 / g**2, ...) modulo 1, g**(dimension + 1) = g + 1: M. Roberts (2018), "The
    unreasonable effectiveness of quasirandom sequences".
    """
    g = 1.5
    for _ in range(60):
        g = (1 + g) ** (1 / (dimension + 1))
    u = (0.5 + np.arange(1, SCATTERED + 1)[:, None] * g ** -np.arange(1.0, dimension + 1)) % 1
    return np.vstack([np.zeros(dimension), ndtri(np.clip(u, 1e-6, 1 - 1e-6))])


def _centre(space: Space, parameters: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Median and half width of each coordinate by its prior, where one was given; 0 and 1 otherwise."""
    centre, spread = np.zeros(space.dimension), np.ones(space.dimension)
    for name, value in parameters.items():
        prior = value[0] if isinstance(value, tuple) else value
        support = space.support(name)
        if not (hasattr(prior, "ppf") and isinstance(support, Interval) and getattr(prior, "proper", True)):
            continue
        quantiles = Interval(1, support.low, support.high).line(np.asarray(prior.ppf([0.16, 0.5, 0.84]))[:, None])[:, 0]
        if np.isfinite(quantiles).all():
            centre[space.slices[name]] = quantiles[1]
            spread[space.slices[name]] = (quantiles[2] - quantiles[0]) / 2
    return centre, spread


def _given(space: Space, start: object, centre: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and half width with what the user gave in its place: ordered components are as far apart as it says."""
    if not isinstance(start, Mapping) or not set(start) <= set(space.names):
        raise ValueError(f"start must map names among {', '.join(space.names)} to values; it is {start!r}.")
    centre, spread = centre.copy(), spread.copy()
    for name, value in start.items():
        support, x = space.support(name), np.asarray(value, float)
        shape = () if support.size is None else (support.size,)
        if x.shape != shape:
            raise ValueError(f"start[{name!r}] must have shape {shape}; it has {x.shape}.")
        if not (np.isfinite(x).all() and support.holds(x)):
            raise ValueError(f"start[{name!r}] must lie inside its support, {support.words}; it is {value}.")
        centre[space.slices[name]] = support.line(x)
        if isinstance(support, Ordered):
            spread[space.slices[name].start + support.first] = np.diff(x).mean()
    return centre, spread
