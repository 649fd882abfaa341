"""New observations of a pooling model: in a group that is there, in each of them, or in a new one.

    y_new ~ N(theta_d, sigma),     theta_d ~ p(theta_d | t), or in a new group theta_new ~ N(mu, tau), mu and tau given t.

`expected` is the theta of the row, `y` the row itself. Both are mixtures of normals over what is left when theta leaves in
closed form (given_scales.py) or over the cells of explicit grids (enumerated.py); their distribution functions are inverted.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from gridbayes.accuracy import Accuracy, Tail
from gridbayes.conditional import mixtures
from gridbayes.engine import each_memo, run_groups
from gridbayes.grids import FINE, Grid
from gridbayes.models.pooling import INSTEAD, Pooling
from gridbayes.models.tails import tail_power
from gridbayes.posterior import Address, Posterior
from gridbayes.program import Program
from gridbayes.questions import unanswered
from gridbayes.summaries import Marginal

__all__ = ["MEMOS", "NewRows", "Prediction", "mixed_rows", "new_rows", "rows_again", "with_powers"]

MEMOS = {name: Program(each_memo("prediction", name)) for name in ("expected", "y")}
LIGHT = 1e-18  # of all mass: a component that weighs less moves no digit


@dataclass(frozen=True, eq=False)
class NewRows:
    """Which rows are asked for.

    Parameters
    ----------
    groups : the index of each row's group, None for a new one.
    label : what one row is called; None where there is a row in every group.
    sigma : (row,) the known standard deviation of each, in the unit of the data; None where it is learned or not known.
    """

    model: Pooling
    groups: tuple[int | None, ...]
    label: Hashable | None
    sigma: Float[np.ndarray, " row"] | None

    @property
    def names(self) -> tuple[str, ...]:
        """What is predicted: a row itself only where its sigma is learned or known."""
        return ("expected",) if self.sigma is None and "sigma" not in self.model.priors else ("expected", "y")

    @property
    def title(self) -> str:
        where = "every group" if self.label is None else str(self.label)
        missing = "" if "y" in self.names else " (for y pass sigma=)"
        return f"new row in {where}{missing} of {self.model.title}"

    def tails(self, name: str) -> list[tuple[float, float]]:
        """The powers at which each row's density falls (tails.py); y falls as the heavier of theta and a learned sigma."""
        noisy = name == "y" and "sigma" in self.model.priors

        def power(d: int, side: int) -> float:
            scale = tail_power(self.extended, "sigma", d if self.model.own_sigma else 0, 1) if noisy else np.inf
            return min(tail_power(self.extended, "theta", d, side), scale)

        return [(power(d, -1), power(d, 1)) for d in self.indices]

    @property
    def extended(self) -> Pooling:
        """The model with an empty group after the others, where a row is of a new one."""
        observations = self.model.observations
        if None not in self.groups:
            return self.model
        return replace(self.model, observations=replace(observations, groups=(*observations.groups, "a new group")))

    @property
    def indices(self) -> list[int]:
        """Each row's group in `extended`."""
        return [len(self.model.observations) if d is None else d for d in self.groups]

    def without_data(self) -> list[bool]:
        """Whether each row's theta is as far out as tau alone lets it be."""
        return [d is None or self.model.observations.count[d] == 0 for d in self.groups]


def new_rows(model: Pooling, group: Hashable, new_group: bool, sigma: object) -> NewRows:
    """The rows that a call asks for, checked at this door."""
    if model.likelihood is not None:
        raise unanswered(model.title, "predict", INSTEAD["predict"])
    if new_group and group is not None:
        raise TypeError(f"new_group=True asks for a group that is not in the data; leave out group={group!r}.")
    if new_group and model.kind == "no":
        raise ValueError(
            f"without pooling the data say nothing of a new group: its theta is the prior {model.priors['theta']!r}. "
            "Use partial_pooling for what the groups have in common."
        )
    if new_group:
        return NewRows(model, (None,), "a new group", _sigma_of_new(model, sigma))
    groups = tuple(range(len(model.observations))) if group is None else (model.observations.where(group),)
    return NewRows(model, groups, group, _sigmas(model, groups, sigma))


def rows_again(model: Pooling) -> tuple[NewRows, Int[np.ndarray, " row"]]:
    """New rows like those of the data, each kind once, and which kind each row of the data is of."""
    data = model.observations
    if model.likelihood is not None:
        raise unanswered(model.title, "pit", INSTEAD["pit"])
    errors = np.zeros(len(data.values)) if data.errors is None else data.errors
    kinds, which = np.unique(np.stack([data.codes, errors]), axis=1, return_inverse=True)
    sigma = None if data.errors is None else kinds[1]
    return NewRows(model, tuple(kinds[0].astype(int).tolist()), "the rows of the data", sigma), which.ravel()


def _sigmas(model: Pooling, groups: tuple[int, ...], sigma: object) -> Float[np.ndarray, " row"] | None:
    """The sigma of a row in each group: as stated, else the one that all rows of the group have."""
    if "sigma" in model.priors or sigma is not None:
        return _stated(model, len(groups), sigma)
    errors, codes = model.observations.errors, model.observations.codes
    assert errors is not None, "the door has checked that sigma is known"
    found = []
    for d in groups:
        own = np.unique(errors[codes == d] if (codes == d).any() else errors)
        if len(own) > 1:
            label = model.observations.groups[d]
            known = (
                f"has rows of sigma {own[0]:g} to {own[-1]:g}" if (codes == d).any() else "has no row to take it from"
            )
            raise ValueError(
                f"sigma must be stated for a new row in group {label!r}, which {known}. Pass sigma={np.median(own):g}."
            )
        found.append(own[0])
    return np.array(found)


def _sigma_of_new(model: Pooling, sigma: object) -> Float[np.ndarray, " row"] | None:
    """The sigma of a row in a new group: as stated, else the one that all rows have; None where they differ."""
    if "sigma" in model.priors or sigma is not None:
        return _stated(model, 1, sigma)
    errors = np.unique(model.observations.errors)  # pyright: ignore[reportArgumentType]
    return errors if len(errors) == 1 else None


def _stated(model: Pooling, rows: int, sigma: object) -> Float[np.ndarray, " row"] | None:
    if "sigma" in model.priors:
        if sigma is not None:
            raise TypeError(
                f"sigma is learned here, from its prior {model.priors['sigma']!r}; leave out sigma={sigma!r}."
            )
        return None
    number = isinstance(sigma, (int, float, np.integer, np.floating)) and not isinstance(sigma, bool)
    if not number or not 0 < float(sigma) < np.inf:  # pyright: ignore[reportArgumentType]
        raise (ValueError if number else TypeError)(
            f"sigma must be a positive number; sigma is {sigma!r}. Pass the standard deviation of a new row."
        )
    return np.full(rows, float(sigma))  # pyright: ignore[reportArgumentType]


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
        scales = sigma.nodes if sigma is not None else rows.sigma[[i]]  # pyright: ignore[reportOptionalSubscript]
        centre, scale = (np.broadcast_to(x, p.shape) for x in (theta.nodes, scales[:, None]))
        kept = p > LIGHT * p.sum()
        densities += mixtures(np.log(p[kept]), centre[kept][None], scale[kept][None], *FINE)
    return run_groups(MEMOS["y"], "prediction", "y", densities)
