"""Partial pooling whose groups have covariates: how it is stated, and what of it is refused.

    theta_d ~ N(x_d . b, tau),    x_d . b = mu + slope_1 x_d1 + slope_2 x_d2 + ...,    b_j ~ N(m_j, s_j) or flat.

mu is the intercept: the mean effect where all covariates are 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from gridbayes._types import Label, PerGroup
from gridbayes.engine import each_memo, hyper_memo
from gridbayes.models.coefficients import Term, is_linear, scale_of, terms_of
from gridbayes.models.pooling import Pooling
from gridbayes.observations import Observations, observe
from gridbayes.priors import Flat
from gridbayes.program import Program, Slot
from gridbayes.rows import Inputs, Rows, design_of, ordered, read_inputs
from gridbayes.tables import open_table, quoted, unique_labels

__all__ = ["Covaried", "covariates_of", "covaried", "refuse_open"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Covaried(Pooling):
    """A meta-regression with its data; `priors` are those of mu, of each slope and of tau.

    Parameters
    ----------
    x : (group, coefficient), ones for mu, then the covariates.
    covariates : their labels; None for one that has none.
    """

    x: Float[np.ndarray, "group coefficient"]
    covariates: tuple[Label | None, ...]

    @property
    def title(self) -> str:
        """One line: the model, its priors, its groups."""
        priors = ", ".join(f"{name} ~ {prior!r}" for name, prior in self.priors.items())
        return f"partial pooling of {len(self.x)} groups by {len(self.covariates)} covariates, {priors}, sigma known"

    @property
    def terms(self) -> tuple[Term, ...]:
        """mu and the slopes with their priors, in the order of x's columns."""
        *priors, _ = self.priors.values()
        slopes = (Term("slope", *each) for each in zip(self.covariates, priors[1:], strict=True))
        return Term("mu", None, priors[0]), *slopes

    @property
    def hyper(self) -> tuple[Slot, ...]:
        """tau alone is enumerated."""
        return (Slot("tau", self.priors["tau"]),)

    @property
    def names(self) -> tuple[str, ...]:
        return *self.priors, "theta"

    @cached_property
    def program(self) -> Program:
        """The memos: tau by its prior and log p(t | tau), then each coefficient and theta by its density."""
        memos = [*(slot.memo for slot in self.hyper), hyper_memo(self.hyper)]
        return Program("\n".join([*memos, each_memo("coefficient", "beta"), each_memo("effect", "theta")]))

    @cached_property
    def continuous_program(self) -> Program:
        return self.program

    def centre_of_groups(self, draws: Mapping[str, np.ndarray]) -> Float[np.ndarray, "draw group"]:
        """x_d . b."""
        return np.column_stack([draws[str(term)] for term in self.terms]) @ self.x.T

    def of_new_group(self, covariates: object) -> Float[np.ndarray, " coefficient"]:
        """x of one group that is not in the data."""
        wanted = list(self.covariates)
        if isinstance(covariates, Mapping):
            covariates = {name: np.atleast_1d(number) for name, number in covariates.items()}
        else:
            numbers = np.atleast_1d(np.asarray(covariates))
            covariates = numbers if wanted == [None] else numbers[None]
        design = design_of(covariates, None, wanted, "covariates")
        if len(design) != 1:
            raise ValueError(
                f"covariates must be of one new group; they are of {len(design)}. Predict one after the other."
            )
        return np.append(1.0, design[0])

    def with_rows(self, new: Observations, covariates: object, data: object, group: object) -> "Covaried":
        """The model of its rows and of new ones, with the covariates of the groups of these; left out where none is new."""
        old = self.observations
        joined = old.joined(new)
        if covariates is None:
            if len(joined) > len(old):
                raise TypeError(
                    f"group {joined.groups[len(old)]!r} is not among the old ones and needs its covariates. Pass "
                    "covariates=, one value for each group of the new data."
                )
            return replace(self, observations=joined)
        inputs = covariates_of(covariates, new, data, group)
        _require_complete(inputs, new)
        own = np.column_stack([np.ones(len(new)), ordered(inputs, list(self.covariates), "covariates")])
        x = np.concatenate([self.x, np.full((len(joined) - len(old), self.x.shape[1]), np.nan)])
        places = [joined.where(label) for label in new.groups]
        for label, place, found in zip(new.groups, places, own, strict=True):
            if place < len(old) and (x[place] != found).any():
                raise ValueError(
                    f"covariates must be those that a group has already; group {label!r} has {x[place, 1:].tolist()}, the "
                    f"new ones are {found[1:].tolist()}. Leave them out, or give the new rows a group of their own."
                )
        x[places] = own
        return replace(self, observations=joined, x=x)


# --- from a call's arguments to a model ---------------------------------------------------------------------------------


def covariates_of(covariates: Any, observations: Observations, data: object, group: object) -> Inputs:
    """The covariates of a call, (group, covariate): the numbers themselves, or names of columns of the data's own table."""
    names = [covariates] if isinstance(covariates, str) else covariates
    if not (isinstance(names, list | tuple) and len(names) and all(isinstance(name, str) for name in names)):
        return read_inputs(covariates, None, "covariates")
    table = open_table(data)
    if table is None:
        raise TypeError(
            f"covariates are names of columns, {', '.join(map(quoted, names))}, so data must be a table; it is a "
            f"{type(data).__name__}. Pass one number a group."
        )
    unique_labels("covariates", names)
    for name in names:
        table.column("covariates", name)
    columns = [_by_group(data, name, group, observations.groups) for name in names]
    return Inputs(np.stack(columns, axis=1), None if isinstance(covariates, str) else tuple(names))


def _by_group(data: object, name: str, group: object, groups: tuple[Label, ...]) -> PerGroup:
    """The one value that a column has in each group, nan where it has none; ValueError where it has several."""
    rows = observe(data, value=name, group=group, groups=list(groups))
    value = np.full(len(groups), np.nan)
    value[rows.codes] = rows.values
    if len(other := np.flatnonzero(rows.values != value[rows.codes])):
        d = rows.codes[other[0]]
        raise ValueError(
            f"covariates must be the same in all rows of a group; column {quoted(name)} is {rows.values[other[0]]:g} and "
            f"{value[d]:g} in group {quoted(groups[d])}. Pass one value a group, for example the group's mean."
        )
    return value


def covaried(model: Pooling, inputs: Inputs, mu: object, slope: object) -> Covaried:
    """Partial pooling with covariates, every argument checked; `mu` is None where the call leaves its prior out."""
    if model.likelihood is not None or "sigma" in model.priors or model.grids:
        raise ValueError(
            "covariates need normal rows with known sigma and automatic grids. Pass sigma as numbers, and leave out "
            "likelihood and grids."
        )
    observations = model.observations
    _require_complete(inputs, observations)
    first, *slopes = terms_of(
        Rows(inputs, observations.values, None), None if mu is None else model.priors["mu"], slope,
        *scale_of(observations.values),
    )  # fmt: skip
    terms = (replace(first, name="mu"), *slopes)
    for term in terms:
        if not is_linear(term.prior):
            raise ValueError(
                f"{term} must be Normal or Flat() with covariates, so that it leaves in closed form; it is {term.prior!r}. "
                "Pass for example gridbayes.Normal(0, 5)."
            )
    priors = {str(term): term.prior for term in terms} | {"tau": model.priors["tau"]}
    x = np.column_stack([np.ones(len(inputs.x)), inputs.x])
    return Covaried("partial", observations, priors, x=x, covariates=tuple(term.label for term in slopes))


def _require_complete(inputs: Inputs, observations: Observations) -> None:
    """Raise unless every group has all covariates."""
    if len(inputs.x) != len(observations):
        raise ValueError(
            f"covariates must have one value a group, in the order of the groups; they have {len(inputs.x)}, the data have "
            f"{len(observations)} groups."
        )
    if np.isnan(inputs.x).any():
        label = observations.groups[int(np.argmax(np.isnan(inputs.x).any(axis=1)))]
        raise ValueError(
            f"covariates must be complete; group {label!r} misses one. Leave the group out, or fill it in."
        )


def refuse_open(model: Covaried) -> None:
    """Raise where flat coefficients are not told apart, or a flat tail of tau is left.

    As tau goes to infinity k groups and f flat coefficients say tau**(f - k).
    """
    measured = model.observations.count > 0
    flat = [j for j, term in enumerate(model.terms) if isinstance(term.prior, Flat)]
    rank = np.linalg.matrix_rank(model.x[measured][:, flat]) if flat and measured.any() else 0
    if rank < len(flat):
        names = ", ".join(str(model.terms[j]) for j in flat)
        raise ValueError(
            f"{names} cannot be told apart by {measured.sum()} groups, and their priors are flat: the posterior is "
            "improper. Leave a covariate out, or pass a normal prior."
        )
    tau = model.priors["tau"]
    needed = 1 + len(flat) + isinstance(tau, Flat)
    if not tau.proper and measured.sum() < needed:
        raise ValueError(
            f"tau must have a proper prior here: {tau} with {measured.sum()} groups leaves an improper posterior "
            f"({needed} are needed). Pass for example tau=gridbayes.HalfCauchy(5)."
        )
