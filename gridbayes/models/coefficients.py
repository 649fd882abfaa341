"""Coefficients of regressions: what they are called, and the priors that a call states or leaves out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridbayes._types import Label, PerRow
from gridbayes.priors import Exponential, Flat, Normal, Prior, as_prior, as_scale_prior
from gridbayes.rows import Inputs, Rows

__all__ = ["Term", "is_linear", "priors_of", "rounded", "scale_of", "sigma_of", "terms_of"]


@dataclass(frozen=True)
class Term:
    """A coefficient: the parameter it is reported as, its label where there are several, and its prior."""

    name: str
    label: Label
    prior: Prior

    def __str__(self) -> str:
        return self.name if self.label is None else f"{self.name}[{self.label}]"


def priors_of(terms: Sequence[Term], sigma: Prior | float) -> dict[str, Prior]:
    """The priors of a regression by parameter: those that all its coefficients share, and that of a learned sigma."""
    alike = {term.name: {each.prior for each in terms if each.name == term.name} for term in terms}
    found = {name: next(iter(priors)) for name, priors in alike.items() if len(priors) == 1}
    return found | ({"sigma": sigma} if isinstance(sigma, Prior) else {})


def terms_of(rows: Rows, intercept: object, slope: object, location: float, width: float) -> tuple[Term, ...]:
    """The intercept and the slopes with their priors; by default for outputs about `location`, `width` wide."""
    inputs = rows.inputs
    spread = np.where(inputs.x.std(axis=0) > 0, inputs.x.std(axis=0), np.maximum(np.abs(inputs.x).max(axis=0), 1e-300))
    reach = width * np.sqrt(1 + np.sum((inputs.x.mean(axis=0) / spread) ** 2))  # the line is known where the rows are
    default = [Normal(0.0, rounded(2.5 * width / each)) for each in spread]
    first = Normal(rounded(location), rounded(2.5 * reach)) if intercept is None else as_prior(intercept, "intercept")
    labels = inputs.labels or (None,)
    slopes = [Term("slope", label, prior) for label, prior in zip(labels, _slopes(slope, inputs, default), strict=True)]
    return (Term("intercept", None, first), *slopes)


def _slopes(slope: Any, inputs: Inputs, default: list[Normal]) -> list[Prior]:
    """One prior an input."""
    if slope is None:
        return list(default)
    if not isinstance(slope, Mapping):
        return [as_prior(slope, "slope")] * inputs.x.shape[1]
    labels = inputs.labels or ()
    strange = [label for label in slope if label not in labels]
    if strange:
        raise ValueError(f"slope names {strange[0]!r}; the inputs are {', '.join(map(repr, labels)) or 'not named'}.")
    given = [slope.get(label) for label in labels]
    return [d if p is None else as_prior(p, "slope") for p, d in zip(given, default, strict=True)]


def is_linear(prior: Prior) -> bool:
    """Whether a coefficient with this prior leaves in closed form."""
    return isinstance(prior, Normal) or prior == Flat()


def scale_of(y: PerRow) -> tuple[float, float]:
    """Where y, (row,), lies and how wide: what default priors are made of."""
    spread = float(y.std())
    return float(y.mean()), spread or abs(float(y[0])) or 1.0


def sigma_of(sigma: Any, rows: Rows) -> Prior | float:
    if sigma is None:
        return 1.0 if rows.known is not None else Exponential(rounded(1 / scale_of(rows.y)[1]))
    if hasattr(sigma, "logpdf"):
        return as_scale_prior(sigma, "sigma")
    if (
        not isinstance(sigma, (int, float, np.integer, np.floating))
        or isinstance(sigma, bool)
        or not 0 < sigma < np.inf
    ):
        raise ValueError(
            f"sigma must be a positive number or a prior; sigma is {sigma!r}. Known errors of rows: errors=."
        )
    return float(sigma)


def rounded(value: float) -> float:
    """`value` to two significant digits: a default prior that a reader can write down."""
    return float(f"{value:.2g}")
