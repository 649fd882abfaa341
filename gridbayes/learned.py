"""A marginal posterior as a prior: what one analysis has learned is where the next one starts."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float

from gridbayes._types import Floats, Numbers
from gridbayes.grids import legendre_transform
from gridbayes.priors import Prior
from gridbayes.summaries import Marginal

__all__ = ["Learned"]

RESOLVED = 1e-10  # of a log density: its last Legendre coefficients in a panel that follows it


@dataclass(frozen=True, repr=False, eq=False)
class Learned(Prior):
    """The density of a marginal on panels or on the trapezoid rule, as a prior; made by `post.as_prior`.

    In each panel the density is exp of the polynomial through its logs at the nodes where that follows it, which keeps
    relative digits far out, and else the polynomial through the density itself. Beyond the last panels it is 0: data that
    put the parameter there contradict it.

    Parameters
    ----------
    marginal : p(parameter | t).
    name : what it prints as.
    """

    marginal: Annotated[Marginal, "a marginal with a density"]
    name: Annotated[str, "what it prints as"]

    def __post_init__(self) -> None:
        """Its fields are no numbers to check."""

    @property
    def support(self) -> tuple[float, float]:
        low, high = self._edges[[0, -1]]
        return float(low), float(high)

    @property
    def breakpoints(self) -> tuple[float, ...]:
        return tuple(self._edges[1:-1].tolist())

    @property
    def parameters(self) -> dict[str, float]:
        return {}

    def logpdf(self, x: Numbers) -> Floats:
        """log p(x), float64, of the shape of `x`; -inf outside the panels."""
        asked = np.asarray(x, float)
        x = np.clip(asked, self._edges[0], self._edges[-1])
        with np.errstate(divide="ignore"):
            log_p = np.log(np.maximum(self.marginal.density(x), 0.0))
        log_p = np.where(x == asked, log_p, -np.inf)
        if self.marginal.grid.rule != "panels":
            return log_p
        panel = np.clip(np.searchsorted(self._edges, x, side="right") - 1, 0, len(self._edges) - 2)
        logs, followed = self._logs
        low, high = self._edges[panel], self._edges[panel + 1]
        order = self.marginal.grid.order
        polynomials = np.polynomial.legendre.legvander((2 * x - low - high) / (high - low), order - 1)
        smooth = np.sum(logs[panel] * polynomials.reshape(*x.shape, order), axis=-1)
        return np.where(followed[panel] & (x == asked), smooth, log_p)

    def _quantile(self, q: Floats) -> Floats:
        return self.marginal.quantile(q)

    @property
    def _edges(self) -> Float[np.ndarray, " edge"]:
        grid = self.marginal.grid
        return grid.edges if grid.rule == "panels" else grid.nodes

    @cached_property
    def _logs(self) -> tuple[Float[np.ndarray, "panel degree"], Bool[np.ndarray, " panel"]]:
        """Legendre coefficients of the log density in each panel, and in which panels they follow it."""
        grid, masses = self.marginal.grid, self.marginal.masses
        with np.errstate(divide="ignore"):
            log_p = (np.log(masses) - grid.log_weight).reshape(-1, grid.order)
        there = np.isfinite(log_p).all(axis=1)
        coefficients = np.where(there[:, None], log_p, 0.0) @ legendre_transform(grid.order).T
        return coefficients, there & (np.abs(coefficients[:, -2:]).max(axis=1) < RESOLVED)

    def __repr__(self) -> str:
        return self.name
