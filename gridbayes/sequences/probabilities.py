"""Probabilities that sum to 1: known ones, checked row by row, and the Dirichlet prior of unknown ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln

__all__ = ["Dirichlet", "known_rows", "log_constant"]

SUM = 1e-8  # how far from 1 a row may sum


@dataclass(frozen=True)
class Dirichlet:
    """The prior of probabilities that sum to 1: p(x) = prod_k x_k**(a_k - 1) Gamma(sum a) / prod Gamma(a_k).

    Parameters
    ----------
    concentration : a_k, positive: a number for all, (state,), or (row, state) where several rows have priors of their own.

    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., appendix A.

    >>> Dirichlet(1)
    Dirichlet(1)
    """

    concentration: Any = 1.0

    def of_shape(self, shape: tuple[int, ...], argument: str) -> Float[np.ndarray, "..."]:
        """The concentrations, one for each number of this shape; ValueError, naming the argument, where they do not fit."""
        try:
            found = np.broadcast_to(np.asarray(self.concentration, float), shape)
        except ValueError:
            given = np.shape(self.concentration)
            raise ValueError(
                f"{argument}: concentration must have shape {shape}, or be one number; its shape is {given}."
            ) from None
        if not ((found > 0) & np.isfinite(found)).all():
            raise ValueError(
                f"{argument}: concentration must be positive; it is {self.concentration}. Pass 1 for a uniform."
            )
        return found

    def __repr__(self) -> str:
        concentration = np.asarray(self.concentration)
        return (
            f"Dirichlet({concentration.tolist():g})"
            if concentration.ndim == 0
            else f"Dirichlet({concentration.tolist()})"
        )


def log_constant(concentration: Float[np.ndarray, "*rows state"]) -> float:
    """The sum over rows of log Gamma(sum_k a_k) - sum_k log Gamma(a_k)."""
    return float(gammaln(concentration.sum(axis=-1)).sum() - gammaln(concentration).sum())


def known_rows(value: Any, shape: tuple[int | None, ...], argument: str) -> Float[np.ndarray, "..."]:
    """Known probabilities of this shape (None: any length), each row of which sums to 1.

    Raises
    ------
    TypeError, ValueError
        With the row that does not, and what it sums to.
    """
    try:
        found = np.array(value, float)
    except (TypeError, ValueError):
        raise TypeError(f"{argument} must be probabilities; {argument} is {value!r:.80}. Pass numbers.") from None
    if found.ndim != len(shape) or any(n not in (None, m) for n, m in zip(shape, found.shape, strict=True)):
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise ValueError(f"{argument} must have shape {wanted}; its shape is {found.shape}.")
    rows = found.reshape(-1, found.shape[-1])
    sums = rows.sum(axis=1)
    wrong = ~((rows >= 0).all(axis=1) & (np.abs(sums - 1) < SUM))
    if wrong.any():
        row = int(wrong.argmax())
        where = argument if found.ndim == 1 else f"{argument}[{row}]"
        least = rows[row].min()
        rule = (
            f"sum to 1; it sums to {sums[row]:.9g}" if not least < 0 else f"hold no negative number; it holds {least:g}"
        )
        raise ValueError(f"{where} must {rule}: {rows[row].tolist()}. Divide weights by their sum.")
    found /= found.sum(axis=-1, keepdims=True)
    found.setflags(write=False)
    return found
