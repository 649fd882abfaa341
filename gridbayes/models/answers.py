"""What every fitted pooling model answers in the same way: by its own evidence, and by that of changed models."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from gridbayes._types import Label
from gridbayes.leave_one_out import LeaveOneOut, checked_by
from gridbayes.likelihoods import Binomial
from gridbayes.models.given_theta import given_theta, middle_of_step
from gridbayes.models.left_out import Swaps, swaps_of
from gridbayes.models.pooling import INSTEAD, Pooling, known_scale, more_of
from gridbayes.models.prediction import NewRows, Prediction, new_rows, rows_again
from gridbayes.models.scales import refuse_improper, sizes_of
from gridbayes.models.shrinkage import shrinkage
from gridbayes.models.tails import with_tails
from gridbayes.posterior import Posterior
from gridbayes.priors import Normal, Prior
from gridbayes.program import Program
from gridbayes.summaries import Marginal

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answers"]

NARROW = 1e-7  # of the standard error of a location: a prior so narrow is a point to 1e-14


class Answers(ABC):
    """A fitted pooling model, however it was fitted."""

    model: Pooling
    instead = INSTEAD

    @property
    def title(self) -> str:
        return self.model.title

    @property
    @abstractmethod
    def evidence(self) -> float:
        """log p(t), from the sum that `swapped` changes."""

    def evidence_of(self, model: Pooling) -> float:
        """log p(t) of another model, on grids of its own."""
        return self._of(model).evidence

    @abstractmethod
    def swapped(self, swaps: Swaps) -> tuple[Float[np.ndarray, " item"], Bool[np.ndarray, " item"]]:
        """log p(t) of changed data on the grids of this fit, and whether these resolve it."""

    @property
    def size(self) -> int:
        """The size of the table of one item of `swapped`."""
        return 1

    def shrinkage(self, posterior: Posterior, prob: float) -> "pd.DataFrame":
        """How far each estimate is drawn to the others (shrinkage.py)."""
        return shrinkage(self.model, posterior, prob)

    # --- other data, other priors --------------------------------------------------------------------------------------

    @abstractmethod
    def posterior(self) -> Posterior:
        """The fit."""

    def require_posterior(self, model: Pooling) -> None:
        """Raise where improper priors leave a model no posterior."""
        refuse_improper(model)

    def reported(self) -> Posterior:
        """The fit with the powers of its tails: tails.py knows those of normal rows alone."""
        posterior = self.posterior()
        if self.model.likelihood is not None:
            return posterior
        return replace(posterior, marginals=with_tails(self.model, posterior.marginals))

    def fitted_to(self, model: Pooling) -> Posterior:
        """The posterior of another model, fitted as this one was."""
        return self._of(model).reported()

    def _of(self, model: Pooling) -> "Answers":
        """The same fit of another model."""
        return replace(self, model=model)  # pyright: ignore[reportArgumentType]

    def update(self, data: object, **options: object) -> Posterior:
        """The fit of the old rows and new ones together, with the priors of the old; arguments as in the model's call."""
        observations = self.model.observations.joined(more_of(self.model, data, **options))
        return self.fitted_to(replace(self.model, observations=observations))

    @property
    def outcomes(self) -> tuple[np.ndarray, ...]:
        """What the model gives a probability to; of counts with their trials."""
        data = self.model.observations
        return (data.values, data.errors) if isinstance(self.model.likelihood, Binomial) else (data.values,)

    @property
    def discrete(self) -> bool:
        """Whether rows have probabilities, not densities."""
        return self.model.discrete

    @property
    def priors(self) -> Mapping[str, Prior]:
        return self.model.priors

    def evidence_given(self, label: str, prior: Prior) -> float:
        """log p(t) with another prior of a shared parameter."""
        return self.evidence_of(replace(self.model, priors={**self.model.priors, label: prior}))

    def evidence_at(self, label: str, value: float) -> float:
        """log p(t | shared parameter = value): tau = 0 is complete pooling, others have a prior that is narrow upon it."""
        model = self.model
        if label == "tau" and value == 0:
            rest = {name: prior for name, prior in model.priors.items() if name not in ("mu", "tau")}
            return self.evidence_of(replace(model, kind="complete", priors={"theta": model.priors["mu"], **rest}))
        if label in ("tau", "sigma"):
            return self.evidence_given(label, known_scale(value, label))
        width = NARROW * min(sizes_of(model), default=1.0) / len(model.observations.values) ** 0.5
        return self.evidence_given(label, Normal(value, width))

    # --- new rows, and the old ones again -----------------------------------------------------------------------------

    def predict(
        self,
        group: Hashable = None,
        *,
        new_group: bool = False,
        prior: bool = False,
        sigma: object = None,
        trials: object = None,
        exposure: object = None,
    ) -> Posterior:
        """A new observation in every group, in one, or in a new one (prediction.py); with `prior`, before the data."""
        known = {"sigma": sigma, "trials": trials, "exposure": exposure}
        rows = new_rows(self.model, group, new_group, known, prior)
        fit = self.fitted_to(rows.source).model if prior else self
        return fit.predicted(rows)  # pyright: ignore[reportAttributeAccessIssue]

    def predicted(self, rows: NewRows) -> Posterior:
        """What these rows may show, asked of the fit to their source."""
        marginals = {rows.names[0]: self.effects(rows)}
        if "y" in rows.names:
            marginals["y"] = self.observed(rows, marginals[rows.names[0]])
        return self.prediction(rows).posterior(marginals, self.program)

    def observed(self, rows: NewRows, theta: tuple[Marginal, ...] | None = None) -> tuple[Marginal, ...]:
        """y of each of these rows; `theta` of each where it is known already."""
        if rows.model.likelihood is None:
            return self.normal_rows(rows)
        return given_theta(rows, self.effects(rows) if theta is None else theta)

    @abstractmethod
    def effects(self, rows: NewRows) -> tuple[Marginal, ...]:
        """theta of each row."""

    @abstractmethod
    def normal_rows(self, rows: NewRows) -> tuple[Marginal, ...]:
        """y of each row that is normal about its theta."""

    @abstractmethod
    def prediction(self, rows: NewRows) -> Prediction:
        """How far the numbers of these rows are from the truth."""

    @property
    @abstractmethod
    def program(self) -> Program:
        """The memos that ran."""

    @property
    def groups_of_rows(self) -> tuple[Label, ...]:
        """The label of each row's group."""
        data = self.model.observations
        return tuple(data.groups[d] for d in data.codes)

    def pit(self, loo: bool) -> Float[np.ndarray, " row"]:
        """P(y_new <= y_r | t) of a new row in each row's group, with its known number; of counts the middle of the step.

        With `loo` given the other rows.
        """
        rows, which = rows_again(self.model)
        at, place = self.outcomes[0], middle_of_step if self.discrete else Marginal.cdf
        if loo:
            without, _ = swaps_of(self.model.observations, "row")
            y = (self._without(without, row, rows, kind) for row, kind in enumerate(which.tolist()))
        else:
            y = map(self.observed(rows).__getitem__, which)
        return np.array([float(place(predicted, value)) for predicted, value in zip(y, at, strict=True)])

    def replicated(self, draws: int, rng: np.random.Generator) -> Float[np.ndarray, "draw row"]:
        """Independent draws of all rows: of the parameters, and of the rows given them."""
        shape = draws, len(self.model.observations.values)
        return self.model.rows_given(self.sample(draws, rng)).rvs(size=shape, random_state=rng).astype(float)

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of all parameters."""

    def _without(self, without: Swaps, row: int, rows: NewRows, kind: int) -> Marginal:
        """y of a new row of this kind, given all rows but one; ValueError where these leave no posterior."""
        rest = replace(self.model, observations=without.whole(row))
        try:
            self.require_posterior(rest)
        except ValueError as error:
            raise ValueError(f"{self.title} has no posterior without {without.named(row)}: {error}") from None
        known = None if rows.known is None else rows.known[[kind]]
        (y,) = self._of(rest).observed(NewRows(rest, (rows.groups[kind],), rows.label, known))
        return y

    # --- leave-one-out ------------------------------------------------------------------------------------------------

    def loo(self, by: str) -> LeaveOneOut:
        """log p(y_i | y_-i) and log p(y_i | y) of every row or group (leave_one_out.py)."""
        data = self.model.observations
        (without, again), (twice, _) = (self._changed(swaps) for swaps in swaps_of(data, checked_by(by)))
        of_row = self.groups_of_rows
        labels = tuple(range(len(of_row))) if by == "row" else tuple(data.groups[d] for d in np.flatnonzero(data.count))
        groups = of_row if by == "row" else None
        return LeaveOneOut(self.title, by, labels, groups, self.evidence - without, twice - self.evidence, again)

    def _changed(self, swaps: Swaps) -> tuple[Float[np.ndarray, " item"], int]:
        """log p(t) of all changed data, and for how many of them the model was fitted anew."""
        found, again = [], 0
        for part in swaps.parts(self.size):
            endless = self._endless(part)  # before a sum that may have no value
            log_p, resolved = self.swapped(part)
            log_p[endless] = np.inf
            resolved |= endless
            for item in np.flatnonzero(~resolved).tolist():
                log_p[item] = self.evidence_of(replace(self.model, observations=part.whole(item)))
            found.append(log_p)
            again += int((~resolved).sum())
        return np.concatenate(found), again

    @property
    def _may_be_improper(self) -> bool:
        """Whether what is left without a part may have no posterior, though the whole has one."""
        spread = np.count_nonzero(self.model.observations.sum_of_squares)
        equal_rows = self.model.own_sigma or ("sigma" in self.model.priors and spread < 2)
        return equal_rows or not all(prior.proper for prior in self.model.priors.values())

    def _endless(self, part: Swaps) -> Bool[np.ndarray, " item"]:
        """Which items have no finite p(t): where p(y_i | y) has a pole at y_i. ValueError where p(y | y_-i) has none."""
        endless = np.zeros(len(part.group), bool)
        for item in range(len(part.group)) if self._may_be_improper else ():
            try:
                self.require_posterior(replace(self.model, observations=part.whole(item)))
            except ValueError as error:
                if not part.twice:
                    message = f"{self.title} has no posterior without {part.named(item)}: {error}"
                    raise ValueError(message) from None
                endless[item] = True
        return endless
