"""Labels of hidden states: which state of a fit is which of the truth, or of another fit.

A fit numbers its states as it likes. With found state order[k] in the place of state k of the reference,

    order = argmax over permutations of sum_k overlap[k, order[k]],

overlap[k, j] being the number of steps at which the reference is in k and the fit in j: the assignment problem, solved
exactly, H. W. Kuhn (1955), "The Hungarian method for the assignment problem", Naval Research Logistics Quarterly 2:83-97.

`order` takes what is listed by state (parameters, rows and columns of transitions) to the reference's order; a *state* found
is renamed by the inverse of it. A swap is its own inverse, a cycle of three is not: taking one for the other goes unnoticed
with two states and goes wrong with three.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

__all__ = ["Alignment", "align_labels"]


@dataclass(frozen=True)
class Alignment:
    """Which found state is which state of the reference.

    Parameters
    ----------
    order : (state,), the found state that is state k of the reference.
    """

    order: tuple[int, ...]

    def __post_init__(self) -> None:
        if sorted(self.order) != list(range(len(self.order))):
            raise ValueError(f"order must hold each of the states 0, 1, ... once; it is {self.order}.")

    @property
    def inverse(self) -> tuple[int, ...]:
        """(state,), the state of the reference that found state j is."""
        return tuple(np.argsort(self.order).tolist())

    def states(self, found: Any) -> np.ndarray:
        """Found states renamed as the reference has them, any shape; -1 and nan, a step without a state, stay.

        >>> Alignment((1, 2, 0)).states([1, 2, 0, 0, -1]).tolist()
        [0, 1, 2, 2, -1]
        """
        codes = _codes(found, "found")
        _require_below(codes, len(self.order), "found")
        return np.append(self.inverse, -1)[codes]

    def values(self, found: Any, axis: int = -1) -> np.ndarray:
        """What has an axis of states (parameters, probabilities of states, draws of them), in the reference's order.

        >>> Alignment((1, 2, 0)).values([0.2, 1.0, -0.8]).tolist()
        [1.0, -0.8, 0.2]
        """
        found = np.asarray(found)
        if found.ndim == 0 or found.shape[axis] != len(self.order):
            raise ValueError(
                f"found must have {len(self.order)} states along axis {axis}; its shape is {found.shape}. Pass axis=."
            )
        return np.take(found, self.order, axis=axis)

    def transitions(self, found: Any) -> np.ndarray:
        """Transition probabilities (..., from, to), both axes in the reference's order.

        >>> Alignment((1, 2, 0)).transitions([[0.5, 0.4, 0.1], [0.1, 0.6, 0.3], [0.2, 0.1, 0.7]]).tolist()
        [[0.6, 0.3, 0.1], [0.1, 0.7, 0.2], [0.4, 0.1, 0.5]]
        """
        found = np.asarray(found)
        if found.ndim < 2:
            raise ValueError(
                f"transitions must have two axes, from and to; the shape is {found.shape}. One axis: values()."
            )
        return self.values(self.values(found, axis=-1), axis=-2)


def align_labels(found: Any, reference: Any, states: int | None = None) -> Alignment:
    """The permutation of found states that agrees best with a reference: the truth, or another fit.

    Parameters
    ----------
    found, reference : states 0 ... K - 1 of each step, of one shape, -1 or nan where a step has none: those that agree at
        most steps are paired. `found` may be probabilities with a last axis of states. Or both are mappings of names to
        parameters, (state,) or (state, ...): those at the least squared distance are paired, each parameter in units of
        the sd over the reference's states.
    states : K; left out: the largest state, plus one.

    Returns
    -------
    Alignment, to apply to states, to parameters or probabilities, and to transitions.

    Raises
    ------
    TypeError, ValueError
        Where shapes differ, or a state is no whole number.

    >>> align_labels([1, 1, 2, 0, 0, 2], [0, 0, 1, 2, 2, 1]).order
    (1, 2, 0)
    >>> align_labels({"slope": [0.25, 0.9, -0.7]}, {"slope": [1.0, -0.8, 0.2]}).order
    (1, 2, 0)
    """
    from scipy.optimize import linear_sum_assignment

    if isinstance(found, Mapping) != isinstance(reference, Mapping):
        raise TypeError("found and reference must be alike: both states of each step, or both mappings of parameters.")
    gain = -_distance(found, reference) if isinstance(found, Mapping) else _overlap(found, reference, states)
    return Alignment(tuple(linear_sum_assignment(gain, maximize=True)[1].tolist()))


def _overlap(found: Any, reference: Any, states: int | None) -> Float[np.ndarray, "reference found"]:
    """overlap[k, j] = sum over steps of 1(reference = k) p(found = j)."""
    known, found = _codes(reference, "reference"), np.asarray(found)
    if found.ndim == known.ndim + 1:
        p, found = np.asarray(found, float), found[..., 0]
        count = p.shape[-1] if states is None else states
    else:
        codes = _codes(found, "found")
        count = int(max(codes.max(), known.max())) + 1 if states is None else states
        _require_below(codes, count, "found")
        p = np.append(np.eye(count), np.zeros((1, count)), axis=0)[codes]  # the last row is of steps without a state
    if found.shape != known.shape:
        raise ValueError(
            f"found and reference must have one shape, that of the steps; they have {found.shape} and {known.shape}."
        )
    _require_below(known, count, "reference")
    if p.shape[-1] != count:
        raise ValueError(f"found must have probabilities of {count} states; it has {p.shape[-1]}. Pass states=.")
    here = (known[..., None] == np.arange(count)).reshape(-1, count)
    return here.T.astype(float) @ np.where(np.isnan(p), 0, p).reshape(-1, count)


def _distance(found: Mapping, reference: Mapping) -> Float[np.ndarray, "reference found"]:
    """d[k, j] = sum over parameters of ((found_j - reference_k) / sd over the reference's states)**2."""
    if not found or set(found) != set(reference):
        raise ValueError(
            "found and reference must name the same parameters; they name "
            f"{', '.join(map(str, found)) or 'none'} and {', '.join(map(str, reference)) or 'none'}."
        )
    states = len(np.atleast_1d(next(iter(reference.values()))))
    total = np.zeros((states, states))
    for name in reference:
        ours, theirs = (np.asarray(each[name], float) for each in (found, reference))
        if theirs.shape[:1] != (states,) or ours.shape != theirs.shape:
            raise ValueError(
                f"{name} must have its first axis of {states} states in both; the shapes are {ours.shape} in found and "
                f"{theirs.shape} in reference."
            )
        ours, theirs = (each.reshape(states, -1) for each in (ours, theirs))
        if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
            raise ValueError(f"{name} must be finite; it is {ours.tolist()} in found, {theirs.tolist()} in reference.")
        scale = np.where(np.ptp(theirs, axis=0) > 0, theirs.std(axis=0), 1.0)
        total += (((theirs[:, None] - ours[None]) / scale) ** 2).sum(axis=2)
    return total


def _codes(states: Any, argument: str) -> np.ndarray:
    """States as whole numbers, -1 where a step has none."""
    found = np.asarray(states, float)
    found = np.where(np.isnan(found), -1.0, found)
    if found.size == 0 or not ((found == np.round(found)) & (found >= -1)).all():
        bad = "nothing" if found.size == 0 else f"{found[(found != np.round(found)) | (found < -1)][0]:g}"
        raise ValueError(f"{argument} must be states 0, 1, ..., or -1 for a step without one; it has {bad}.")
    return found.astype(int)


def _require_below(codes: np.ndarray, states: int, argument: str) -> None:
    if codes.max() >= states:
        raise ValueError(f"{argument} has state {codes.max()}; with {states} states they are 0 to {states - 1}.")
