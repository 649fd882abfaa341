"""New observations of a pooling model: in a group that is there, in each of them, or in a new one.

    y_new ~ N(theta_d, sigma),     theta_d ~ p(theta_d | t), or in a new group theta_new ~ N(mu, tau), mu and tau given t.

`expected` is the theta of the row, `y` the row itself; of counts theta has its own name, since E[y] is its inverse link. Of
normal rows both are mixtures of normals over what is left when theta leaves in closed form (given_scales.py) or over the
cells of explicit grids (enumerated.py), and their distribution functions are inverted; other rows are in given_theta.py.
Before the data all of it is the same, of the model without its rows.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from gridbayes.accuracy import Accuracy, Tail
from gridbayes.conditional import mixtures
from gridbayes.engine import each_memo, run_groups
from gridbayes.grids import FINE, Grid
from gridbayes.models.pooling import Pooling
from gridbayes.models.tails import tail_power
from gridbayes.posterior import Address, Posterior
from gridbayes.program import Program
from gridbayes.summaries import Marginal

__all__ = ["MEMOS", "NewRows", "Prediction", "mixed_rows", "new_rows", "rows_again", "with_powers"]

MEMOS = {name: Program(each_memo("prediction", name)) for name in ("expected", "theta", "y")}
LIGHT = 1e-18  # of all mass: a component that weighs less moves no digit
MEANING = {  # of what is known of a new row, by the name that a call gives it
    "sigma": "the standard deviation of a new row",
    "trials": "the number that a new count is out of",
    "exposure": "the exposure of a new count",
}


@dataclass(frozen=True, eq=False)
class NewRows:
    """Which rows are asked for.

    Parameters
    ----------
    model : what is asked, with its rows.
    groups : the index of each row's group, None for a new one.
    label : what one row is called; None where there is a row in every group.
    known : (row,) the known number of each: its sigma, in the unit of the data, its trials or its exposure; None where sigma
        is learned, the number is not known, or rows need none.
    prior : whether they are predicted before the data.
    x : (coefficient,) of a new group, where groups have covariates (covaried.py).
    """

    model: Pooling
    groups: tuple[int | None, ...]
    label: Hashable | None
    known: Float[np.ndarray, " row"] | None
    prior: bool = False
    x: Float[np.ndarray, " coefficient"] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What is predicted: a row itself only where what it needs is learned or known."""
        theta = "theta" if self.model.discrete else "expected"
        return (theta,) if self.known is None and self.model.known is not None else (theta, "y")

    @property
    def title(self) -> str:
        where = "every group" if self.label is None else str(self.label)
        missing = "" if "y" in self.names else f" (for y pass {self.model.known}=)"
        return f"new row in {where}{missing}{' before the data' * self.prior} of {self.model.title}"

    def tails(self, name: str) -> list[tuple[float, float] | None]:
        """The powers at which each row's density falls (tails.py), which knows those of normal rows alone; y falls as the
        heavier of theta and a learned sigma."""
        if self.source.likelihood is not None:
            return [None] * len(self.groups)
        noisy = name == "y" and "sigma" in self.model.priors

        def power(d: int, side: int) -> float:
            scale = tail_power(self.extended, "sigma", d if self.extended.own_sigma else 0, 1) if noisy else np.inf
            return min(tail_power(self.extended, "theta", d, side), scale)

        return [(power(d, -1), power(d, 1)) for d in self.indices]

    @property
    def source(self) -> Pooling:
        """The model that says what theta is: the one that is asked, or before the data the same without its rows.

        Without rows no likelihood matters to theta, and to a single row it is the same whether its sigma is its group's.
        """
        if not self.prior:
            return self.model
        data, learned = self.model.observations, "sigma" in self.model.priors
        errors = None if learned else data.values[:0]
        empty = replace(data, values=data.values[:0], codes=data.codes[:0], errors=errors)
        return replace(self.model, observations=empty, likelihood=None, shared_sigma=learned)

    @property
    def extended(self) -> Pooling:
        """The source with an empty group after the others, where a row is of a new one."""
        return self.source.extended if None in self.groups else self.source

    @property
    def indices(self) -> list[int]:
        """Each row's group in `extended`."""
        return [len(self.model.observations) if d is None else d for d in self.groups]

    def without_data(self) -> list[bool]:
        """Whether each row's theta is as far out as tau alone lets it be."""
        return [d is None or bool(self.source.observations.count[d] == 0) for d in self.groups]


def new_rows(
    model: Pooling, group: Hashable, new_group: bool, known: Mapping[str, object], prior: bool = False
) -> NewRows:
    """The rows that a call asks for, checked at this door; `known` holds what the call says of them, None where nothing."""
    if new_group and group is not None:
        raise TypeError(f"new_group=True asks for a group that is not in the data; leave out group={group!r}.")
    if new_group and model.kind == "no" and not prior:
        raise ValueError(
            f"without pooling the data say nothing of a new group: its theta is the prior {model.priors['theta']!r}. "
            "Use partial_pooling for what the groups have in common."
        )
    if prior:
        _require_proper(model)
    stated = _stated(model, known)
    if new_group:
        return NewRows(model, (None,), "a new group", _known_of_new(model, stated), prior)
    groups = tuple(range(len(model.observations))) if group is None else (model.observations.where(group),)
    return NewRows(model, groups, group, _known(model, groups, stated), prior)


def rows_again(model: Pooling) -> tuple[NewRows, Int[np.ndarray, " row"]]:
    """New rows like those of the data, each kind once, and which kind each row of the data is of."""
    data = model.observations
    errors = np.zeros(len(data.values)) if data.errors is None else data.errors
    kinds, which = np.unique(np.stack([data.codes, errors]), axis=1, return_inverse=True)
    known = None if data.errors is None else kinds[1]
    return NewRows(model, tuple(kinds[0].astype(int).tolist()), "the rows of the data", known), which.ravel()


def _require_proper(model: Pooling) -> None:
    """Refuse what there is not before the data."""
    if model.text is not None and model.own_sigma:
        raise ValueError(
            "a prediction before the data is that of one shared sigma, which a program of your own for sigmas by group does "
            "not state. Pass shared_sigma=True and a program for it, or leave program out."
        )
    for name, prior in model.priors.items():
        if not prior.proper:
            other = "HalfCauchy(5)" if name in ("tau", "sigma") else "Normal(0, 5)"
            raise ValueError(
                f"{name} must have a proper prior for a prediction before the data, which nothing else would bound; {name} "
                f"is {prior!r}. Pass for example {name}=gridbayes.{other}."
            )


def _known(model: Pooling, groups: tuple[int, ...], stated: float | None) -> Float[np.ndarray, " row"] | None:
    """What is known of a row in each group: as stated, else what all rows of the group have."""
    if model.known is None or stated is not None:
        return None if stated is None else np.full(len(groups), stated)
    errors, codes = model.observations.errors, model.observations.codes
    assert errors is not None, "the door has checked that it is known"
    found = []
    for d in groups:
        own = np.unique(errors[codes == d] if (codes == d).any() else errors)
        if len(own) > 1:
            label = model.observations.groups[d]
            has = (
                f"has rows of {model.known} {own[0]:g} to {own[-1]:g}"
                if (codes == d).any()
                else "has no row to take it from"
            )
            raise ValueError(
                f"{model.known} must be stated for a new row in group {label!r}, which {has}. "
                f"Pass {model.known}={np.sort(own)[len(own) // 2]:g}."
            )
        found.append(own[0])
    return np.array(found)


def _known_of_new(model: Pooling, stated: float | None) -> Float[np.ndarray, " row"] | None:
    """What is known of a row in a new group: as stated, else what all rows have; None where they differ."""
    if model.known is None or stated is not None:
        return None if stated is None else np.array([stated])
    errors = np.unique(model.observations.errors)  # pyright: ignore[reportArgumentType]
    return errors if len(errors) == 1 else None


def _stated(model: Pooling, known: Mapping[str, object]) -> float | None:
    """The number that the call states of its new rows, checked; None where it states none."""
    for name, value in known.items():
        if value is not None and name != model.known:
            why = f"rows are {model.likelihood!r}" if model.likelihood is not None else "rows are normal"
            if name == "sigma" and "sigma" in model.priors:
                why = f"sigma is learned here, from its prior {model.priors['sigma']!r}"
            raise TypeError(f"{why}; leave out {name}={value!r}.")
    value = known.get(model.known) if model.known else None
    if value is None:
        return None
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    whole = not number or model.known != "trials" or float(value) == np.floor(float(value))  # pyright: ignore
    if not (number and whole and 0 < float(value) < np.inf):  # pyright: ignore[reportArgumentType]
        kind = "whole number" if model.known == "trials" else "number"
        raise (ValueError if number else TypeError)(
            f"{model.known} must be a positive {kind}; {model.known} is {value!r}. Pass {MEANING[model.known]}."  # pyright: ignore
        )
    return float(value)  # pyright: ignore[reportArgumentType]


# --- from densities to a posterior ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Prediction:
    """The model behind a prediction: the rows, and how far their numbers are from the truth.

    Parameters
    ----------
    stated : the accuracy of a posterior of these rows.
    """

    rows: NewRows
    stated: Callable[[Posterior], Accuracy] = field(repr=False)

    @property
    def title(self) -> str:
        return self.rows.title

    def joint(self, first: Address, second: Address):
        raise ValueError(f"{self.title} has no joint: each row is predicted on its own.")

    def contrast(self, first: int, second: int):
        raise ValueError(
            f"{self.title} has no contrast: take it from the posterior itself, post.contrast(first, second)."
        )

    def accuracy(self, posterior: Posterior) -> Accuracy:
        return self.stated(posterior)

    def posterior(self, marginals: Mapping[str, tuple[Marginal, ...]], program: Program) -> Posterior:
        """Of `expected` and `y`: one of each a group where all are asked for, else one number each."""
        labels = self.rows.model.observations.groups if self.rows.label is None else ()
        per_group = frozenset(marginals) if self.rows.label is None else frozenset()
        memos = [MEMOS[name].source for name, found in marginals.items() if found[0].grid.rule == "panels"]
        text = Program("\n".join([program.source, *memos]))
        return Posterior(marginals, labels, per_group, float("nan"), text, self)

    @classmethod
    def refined(cls, rows: NewRows, tau: Tail | None, coarse: Callable[[], Posterior]) -> "Prediction":
        """On automatic grids: the distance to a coarser rule, and for a group without data the tail of tau."""

        def stated(posterior: Posterior) -> Accuracy:
            far = np.tile(rows.without_data(), len(rows.names)).tolist()
            labels = [label for (label, _), alone in zip(posterior.rows, far, strict=True) if alone and tau is not None]
            return Accuracy.refined(posterior, coarse(), {}, dict.fromkeys(labels, tau))

        return cls(rows, stated)

    @classmethod
    def priced(cls, rows: NewRows, continuous: Callable[[], Posterior]) -> "Prediction":
        """On explicit grids: the distance to the continuous model's prediction."""
        sources = dict.fromkeys((*rows.names, "log_evidence"), "the grids' cut and spacing")
        return cls(rows, lambda post: Accuracy.between(post, continuous(), sources, "use automatic grids"))


def with_powers(
    rows: NewRows, name: str, densities: list[tuple[Grid, Float[np.ndarray, " _node"]]]
) -> tuple[Marginal, ...]:
    """The marginals of `expected` or `y`, one a row, by their memo, with the powers of their tails."""
    found = run_groups(MEMOS[name], "prediction", name, densities)
    return tuple(replace(marginal, tails=powers) for marginal, powers in zip(found, rows.tails(name), strict=True))


def mixed_rows(
    rows: NewRows, masses: list[Float[np.ndarray, "sigma theta"]], theta: Grid, sigma: Grid | None
) -> tuple[Marginal, ...]:
    """y of each row where theta (and a learned sigma) lives on explicit nodes: normals about them, mixed."""
    densities = []
    for i, p in enumerate(masses):
        scales = sigma.nodes if sigma is not None else rows.known[[i]]  # pyright: ignore[reportOptionalSubscript]
        centre, scale = (np.broadcast_to(x, p.shape) for x in (theta.nodes, scales[:, None]))
        kept = p > LIGHT * p.sum()
        densities += mixtures(np.log(p[kept]), centre[kept][None], scale[kept][None], *FINE)
    return run_groups(MEMOS["y"], "prediction", "y", densities)
