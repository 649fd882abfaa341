"""A bump of known shape on a smooth background: Poisson counts with rate s(x) + b(x)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import gammaln, xlogy

from gridbayes.densities import LPDFS
from gridbayes.models.coefficients import rounded, scale_of
from gridbayes.models.count_rows import CountRows, Fit, Points
from gridbayes.models.generalized import known_of
from gridbayes.posterior import Posterior
from gridbayes.priors import Exponential, Normal, Prior, as_prior, as_scale_prior
from gridbayes.quadrature.quadrature import quadrature
from gridbayes.rows import read_rows

__all__ = ["Bump", "signal_and_background"]


def signal_and_background(
    x: object,
    y: object,
    *,
    place: Any,
    width: Any,
    data: object = None,
    exposure: object = None,
    signal: Prior | object = None,
    intercept: Prior | object = None,
    slope: Prior | object = None,
) -> Posterior:
    """The posterior of a bump's height beside the background it stands on.

        y_i ~ Poisson(exposure_i (s(x_i) + b(x_i))),
        s(x) = signal exp(-((x - place) / width)**2 / 2),        b(x) = exp(intercept + slope (x - mean(x)))

    Parameters
    ----------
    x, y, data, exposure : the middle of each bin and its counts, as in `poisson_regression`; bins narrower than `width`.
    place, width : of the bump, in the unit of x: numbers, known, or proper priors: learned.
    signal : prior of the height, in counts of one bin at exposure 1. Left out: Exponential, its mean the sd of the counts.
    intercept, slope : priors on the whole line. Left out: Normal, 2.5 about the log of the mean rate, and 2.5 per sd of x.

    Returns
    -------
    Posterior of `signal`, `intercept`, `slope`, and `place` and `width` where they are learned. `predict(x)` tells of
    new counts. Without a bump it is `poisson_regression`: the difference of their
    `log_evidence` weighs the two.

    Raises
    ------
    TypeError, ValueError
        When an argument cannot be read or a prior does not fit.
    ResolutionError
        Where place and width are learned from a signal so weak that it may be anywhere. Pass them, or narrower priors.

    >>> post = signal_and_background(range(8), [9, 8, 12, 29, 31, 11, 5, 6], place=3.5, width=0.8)
    >>> bool(15 < post.mean("signal") < 35)
    True
    """
    rows = read_rows(x, y, data, exposure, "exposure")
    known = known_of("poisson", rows)
    if rows.inputs.x.shape[1] != 1:
        raise ValueError(f"x must be one input; it has {rows.inputs.x.shape[1]}. Pass the middles of the bins.")
    at, rate = rows.inputs.x[:, 0], rows.y / known
    spread = float(at.std()) or 1.0
    middle = rounded(float(np.log((rows.y.sum() + 0.5) / known.sum())))
    priors = {
        "signal": as_scale_prior(Exponential(rounded(1 / scale_of(rate)[1])) if signal is None else signal, "signal"),
        "intercept": as_prior(Normal(middle, 2.5) if intercept is None else intercept, "intercept"),
        "slope": as_prior(Normal(0.0, rounded(2.5 / spread)) if slope is None else slope, "slope"),
    }
    shape = {"place": _known("place", place), "width": _known("width", width)}
    priors |= {name: value for name, value in shape.items() if isinstance(value, Prior)}
    for name, prior in priors.items():
        if prior.lpdf is None or not prior.proper:
            raise ValueError(
                f"{name} must have a proper prior of gridbayes; {name} is {prior}. Pass Normal or HalfNormal."
            )
    numbers = {name: value for name, value in shape.items() if isinstance(value, float)}
    return Bump(at, rows.y, known, float(at.mean()), priors, numbers).posterior()


def _known(name: str, value: Any) -> Prior | float:
    """A number that is known, or a prior."""
    if hasattr(value, "logpdf"):
        return as_prior(value, name) if name == "place" else as_scale_prior(value, name)
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not (number and np.isfinite(value) and (name == "place" or value > 0)):
        rule = "a number" if name == "place" else "a positive number"
        raise ValueError(f"{name} must be {rule}, known, or a prior; {name} is {value!r}.")
    return float(value)


@lru_cache(maxsize=64)
def _log_joint(lpdfs: tuple[tuple[str, str], ...]) -> Callable:
    """log p(y, parameters), (point,), for these priors by name."""

    def log_joint(p: Mapping[str, jax.Array], d: Mapping[str, Any]) -> jax.Array:
        own = {**d["known"], **{name: value[:, None] for name, value in p.items()}}
        z = (d["x"] - own["place"]) / own["width"]
        rate = own["signal"] * jnp.exp(-z * z / 2) + jnp.exp(own["intercept"] + own["slope"] * (d["x"] - d["centre"]))
        total = jnp.log(rate) @ d["y"] - rate @ d["n"] + d["height"]
        return total + sum(LPDFS[lpdf](p[name], **d["priors"][name]) for name, lpdf in lpdfs)

    return log_joint


@dataclass(frozen=True, eq=False)
class Bump(CountRows):
    """Counts of a bump on a background; `shape` has place and width where they are known."""

    shape: Mapping[str, float]

    binomial = False

    @property
    def title(self) -> str:
        known = "".join(f", {name} {value:g}" for name, value in self.shape.items())
        return f"signal and background in {len(self.y)} bins{known}, {self.stated}"

    def curve(self, p: Points, x: Float[np.ndarray, " _row"]) -> Float[np.ndarray, "point _row"]:
        own = {**self.shape, **{name: value[:, None] for name, value in p.items()}}
        z = (x - own["place"]) / own["width"]
        return own["signal"] * np.exp(-z * z / 2) + np.exp(own["intercept"] + own["slope"] * (x - self.centre))

    def fit(self) -> Fit:
        """By quadrature."""
        height = float((xlogy(self.y, self.known) - gammaln(self.y + 1)).sum())
        priors = {name: prior.parameters for name, prior in self.priors.items()}
        data = {"x": self.x, "y": self.y, "n": self.known, "centre": self.centre, "height": height}
        start = {"signal": scale_of(self.y / self.known)[1], "intercept": np.log(self.y.mean() + 0.5), "slope": 0.0}
        start |= {name: float(self.priors[name].ppf(0.5)) for name in ("place", "width") if name in self.priors}
        post = quadrature(
            _log_joint(tuple((name, str(prior.lpdf)) for name, prior in self.priors.items())),
            dict(self.priors),
            {"d": {**data, "priors": priors, "known": dict(self.shape)}},
            start=start,
            batched=True,
            title=self.title,
        )
        fine, coarse = post.model.resolved.fine, post.model.resolved.coarse  # pyright: ignore[reportAttributeAccessIssue]
        clouds = (lambda: (fine.own, fine.masses), lambda: (coarse.own, coarse.masses))
        return Fit(post, post.model.coarse, clouds)  # pyright: ignore[reportAttributeAccessIssue]

    def updated(self, **columns: Any) -> Posterior:
        rows = read_rows(columns["x"], columns["y"], columns.get("data"), columns.get("exposure"), "exposure")
        x, y = np.append(self.x, rows.inputs.x[:, 0]), np.append(self.y, rows.y)
        return replace(self, x=x, y=y, known=np.append(self.known, known_of("poisson", rows))).posterior()
