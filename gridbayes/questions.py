"""What a Posterior hands on to the model that made it: questions that not every model answers."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gridbayes.learned import Learned
from gridbayes.leave_one_out import LeaveOneOut
from gridbayes.priors import Cauchy, HalfCauchy, HalfNormal, HalfStudentT, Laplace, Normal, Prior, StudentT
from gridbayes.retrodiction import PredictiveCheck
from gridbayes.summaries import checked_number

if TYPE_CHECKING:
    import xarray as xr

    from gridbayes.posterior import Posterior

__all__ = ["Questions", "unanswered"]

INSTEAD = {  # what to use where a model does not answer and names nothing better
    "predict": "Pooling models and regressions do; here post.summary() says what is known of each parameter",
    "shrinkage": "It is of the groups of a pooling model; here post.summary() has the estimates with their intervals",
    "rank": "It is of the groups of a pooling model; here post.summary() has the estimates with their intervals",
    "combination": "It is of the groups of a pooling model, or the slopes of a linear regression",
    "update": "Fit old and new rows together",
    "evidence_at": "Fit the smaller model too, and take the difference of the two log evidences",
    "loo": "Fit without a row, and take the difference of the two log evidences",
    **dict.fromkeys(
        ("pit", "retrodicted", "replicated"),
        "Pooling models and regressions do; draw replicates from post.to_pandas() here",
    ),
}


STARTS = 13  # scales of a prior that are tried before the best is refined
SCALES = ("tau", "sigma")
SCALED = (Normal, HalfNormal, HalfCauchy, HalfStudentT, StudentT, Cauchy, Laplace)  # priors with a scale to vary


class Questions:
    """The part of a Posterior that its fitted model answers, or says what to use instead."""

    model: Any
    per_group: frozenset[str]

    def _ask(self, question: str, called: str | None = None) -> Callable:
        """The model's answer to a question that not every model answers; users call it `called`."""
        answer = getattr(self.model, question, None)
        if answer is None:
            own: Mapping[str, str] = getattr(self.model, "instead", {})
            raise unanswered(self.model.title, called or question, own.get(question, INSTEAD[question]))
        return answer

    def loo(self, by: str = "row") -> LeaveOneOut:
        """Exact leave-one-out: `log p(y_i | y_-i)` of every row, or by="group" of every group, summed to `elpd`.

        No draws and no Pareto tail: the part is taken out of the sum over the grids, and where these do not resolve what
        is left the rest is fitted anew. `elpd`, `se`, `p`, `elpd_i` are called as in ArviZ. ValueError where a part left
        out leaves no posterior.

        >>> import gridbayes as gb
        >>> post = gb.partial_pooling({"G": [1], "E": [-15], "M": [30]}, sigma=15, mu_scale=10, tau_scale=10)
        >>> loo = post.loo()
        >>> round(loo.elpd, 4), loo.elpd_i.sizes["row"]
        (-13.9231, 3)
        """
        return self._ask("loo")(by)

    def update(self, *data: object, **options: object) -> "Posterior":
        """The posterior given new rows too: the joint fit of old and new data, under the priors of the first call.

        The arguments are those of the model's call, less its priors. Pooling: new rows in groups that are there, by their
        labels, and new groups; `sigma=` may be left out where it is learned, or the same for all rows so far, and
        `likelihood=Binomial(trials)` states the trials of new counts; with covariates `covariates=` states those of the new
        data's groups where one is new. A regression: `x`, `y`, `data` and known `errors`, `trials` or `exposure`.

        >>> import gridbayes as gb
        >>> post = gb.partial_pooling({"G": [1], "E": [-15]}, sigma=15, mu_scale=10, tau_scale=10)
        >>> more = post.update({"G": [4], "M": [30]})
        >>> more.groups, round(more.log_evidence, 4)
        (('G', 'E', 'M'), -17.5237)
        """
        return self._ask("update")(*data, **options)

    def as_prior(self, name: str | None = None, group: Hashable = None) -> Prior:
        """The marginal posterior of one parameter as a prior for another model.

        It knows this parameter alone: what the posterior says of it together with others is lost. Where other parameters
        are learned too, `update` keeps it. ValueError for a parameter on explicit points, which has no density.

        >>> import gridbayes as gb
        >>> first = gb.complete_pooling([1, 4], sigma=2, theta=gb.Normal(0, 5))
        >>> both = gb.complete_pooling([6], sigma=3, theta=first.as_prior("theta"))
        >>> bool(abs(both.mean() - gb.complete_pooling([1, 4, 6], sigma=[2, 2, 3], theta=gb.Normal(0, 5)).mean()) < 1e-9)
        True
        """
        name, found = self._find(name, group)
        if len(found) > 1:
            raise ValueError(f"as_prior needs one group: each has its own {name}. Pass group=.")
        if found[0].grid.rule == "points":
            raise ValueError(f"{name} is on explicit points here and has no density. Fit on automatic grids.")
        return Learned(found[0], f"posterior of {name if group is None else f'{name}[{group}]'}")

    # --- retrodictive checks ------------------------------------------------------------------------------------------

    def pit(self, loo: bool = False) -> "xr.DataArray":
        """P(y_new <= y_i | t) of every row, (row,), with the coordinate `group` where there are groups.

        y_new is a new row like the i-th: in its group, or with its inputs, and with its known error, trials or exposure.
        Exact, from the predictive distribution; of counts the middle of its step, P(y_new < y_i) + P(y_new = y_i) / 2.
        If the model is right they are about uniform, a little drawn to 1/2, since each row is also among the data. With
        `loo=True` it is not: P(y_new <= y_i | t without row i), ArviZ's LOO-PIT, for which a pooling model, and a
        regression without a closed form, is fitted anew without each row.

        Sources: Gelman et al., Bayesian Data Analysis, 3rd ed., sections 6.3 and 7.2; Czado, Gneiting & Held (2009),
        "Predictive model assessment for count data", Biometrics 65:1254-1261, whose nonrandomised PIT has this middle as
        its mean.

        >>> import gridbayes as gb
        >>> post = gb.complete_pooling([1, 4, 40], sigma=5, theta=gb.Normal(0, 100))
        >>> post.pit().round(3).values.tolist()
        [0.008, 0.029, 1.0]
        >>> post.pit(loo=True).round(4).values.tolist()
        [0.0003, 0.0036, 1.0]
        """
        import xarray as xr

        values = self._ask("pit")(loo)
        coordinates: dict[str, object] = {"row": np.arange(len(values))}
        labels = getattr(self.model, "groups_of_rows", None)
        if labels is not None:
            coordinates["group"] = ("row", np.fromiter(labels, object, len(labels)))
        return xr.DataArray(values, dims=("row",), coords=coordinates, name="pit")

    def predictive_check(
        self, statistic: Callable | object = "mean", draws: int = 4000, seed: int = 0
    ) -> PredictiveCheck:
        """The posterior predictive p-value P(T(y_rep) >= T(y) | t), y_rep all rows again.

        Parameters
        ----------
        statistic : "mean", or weights, (row,), of a sum: exact where rows are normal with known or shared sigma on automatic
            grids, else by draws. Or a function of the rows, (row,), that returns a number, as np.max: by draws. The result
            states its standard error.
        draws, seed : of replicates.

        >>> import gridbayes as gb
        >>> post = gb.no_pooling({"G": [1, 4], "E": [-15, -9]}, sigma=2, theta=gb.Normal(0, 20))
        >>> post.predictive_check()
        P(mean of replicates >= -4.75 | data) = 0.5067 (exact)
        >>> post.predictive_check(np.ptp, draws=2000)
        P(ptp of replicates >= 19 | data) = 0.2355 (+- 0.009, by draws)
        """
        if callable(statistic):
            return self._check_by_draws(statistic, getattr(statistic, "__name__", "statistic"), draws, seed)
        by_draws = hasattr(self.model, "replicated") and not hasattr(self.model, "retrodicted")
        retrodicted = None if by_draws else self._ask("retrodicted", "predictive_check")
        y = self.model.outcomes[0]
        known = {"mean": np.full(len(y), 1 / len(y))}
        if isinstance(statistic, str) and statistic not in known:
            rule = "statistic must be 'mean', weights or a function of the rows"
            raise ValueError(f"{rule}; statistic is {statistic!r}. Pass for example np.max.")
        weights = known[statistic] if isinstance(statistic, str) else np.asarray(statistic, float)
        if weights.shape != y.shape or not (np.isfinite(weights).all() and weights.any()):
            raise ValueError(
                f"statistic must be {len(y)} finite weights, one a row, not all 0; statistic is {statistic!r}."
            )
        name, observed = statistic if isinstance(statistic, str) else "weighted sum", float(weights @ y)
        if retrodicted is None:
            return self._check_by_draws(lambda rows: weights @ rows, name, draws, seed)
        return PredictiveCheck(name, observed, 1 - float(retrodicted(weights).cdf(observed)), 0.0)

    def _check_by_draws(self, statistic: Callable, name: str, draws: int, seed: int) -> PredictiveCheck:
        if not isinstance(draws, (int, np.integer)) or draws < 1:
            raise ValueError(f"draws must be a whole number of at least 1; draws is {draws!r}. Pass for example 4000.")
        replicates = self._ask("replicated", "predictive_check")(int(draws), np.random.default_rng(seed))
        observed = float(statistic(self.model.outcomes[0]))
        above = sum(float(statistic(rows)) >= observed for rows in replicates)
        q = (above + 1) / (draws + 2)  # so that none or all of the draws still have an error
        return PredictiveCheck(name, observed, above / draws, float((q * (1 - q) / draws) ** 0.5))

    # --- Bayes factors ------------------------------------------------------------------------------------------------

    def bayes_factor(self, name: str, value: float = 0.0, group: Hashable = None) -> dict[str, float]:
        """The Bayes factor of the model against the same with one parameter known to be `value`, and its inverse.

        BF10 = p(t) / p(t | name = value), BF01 = 1 / BF10, as ArviZ calls them, and log_BF10, natural log; exact, since
        both evidences are. tau = 0 is complete pooling. Of a parameter that all groups share, or a coefficient of a
        regression; its prior must be proper, and matters: see `minimum_bayes_factor`.

        Source: Kass & Raftery (1995), "Bayes factors", JASA 90(430):773-795.

        >>> import gridbayes as gb
        >>> effects, errors = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]
        >>> post = gb.partial_pooling(effects, sigma=errors, mu=gb.Normal(0, 5), tau=gb.HalfCauchy(5))
        >>> round(post.bayes_factor("tau", 0)["BF01"], 6)
        1.595376
        """
        label = self._tested(name, group)[0]
        value = checked_number(value, "value")
        return _bayes_factors(self.log_evidence - self._ask("evidence_at")(label, value))

    def minimum_bayes_factor(
        self, name: str, value: float = 0.0, scales: tuple[float, float] | None = None, group: Hashable = None
    ) -> dict[str, float]:
        """The smallest BF01 that any scale of the parameter's prior gives: the most that the data say against `value`.

        Parameters
        ----------
        scales : lowest and highest scale, in the unit of the parameter; left out: from a hundredth of the prior's own to a
            hundred times that.

        Returns
        -------
        As `bayes_factor`, and `scale`, that of the prior which gives it.

        Source: Held & Ott (2018), "On p-values and Bayes factors", Annual Review of Statistics 5:393-419, section 3.

        >>> import gridbayes as gb
        >>> post = gb.normal([1.2, 0.7, 1.4, 0.9], mu=gb.Normal(0, 5), sigma=1)
        >>> least = post.minimum_bayes_factor("mu", 0)
        >>> round(least["BF01"], 4), round(least["scale"], 3)
        (0.3817, 0.923)
        """
        from scipy.optimize import minimize_scalar  # here: a fifth of a second and 10 MB, for this alone

        label, prior = self._tested(name, group)
        if not isinstance(prior, SCALED):
            raise TypeError(
                f"{label} must have a prior with a scale to vary; {label} is {prior!r}. "
                "Pass for example gridbayes.Normal(0, 1)."
            )
        low, high = (prior.scale / 100, prior.scale * 100) if scales is None else scales
        if not 0 < low < high < np.inf:
            raise ValueError(f"scales must be two positive numbers, the lower first; scales is {scales!r}.")
        given = self._ask("evidence_given")

        def lost(log_scale: float) -> float:
            return -given(label, replace(prior, scale=float(np.exp(log_scale))))

        start = np.linspace(np.log(low), np.log(high), STARTS)
        best = int(np.argmin([lost(x) for x in start]))
        bracket = start[max(best - 1, 0)], start[min(best + 1, STARTS - 1)]
        found = minimize_scalar(lost, bounds=bracket, method="bounded", options={"xatol": 1e-6})
        at_value = self._ask("evidence_at")(label, checked_number(value, "value"))
        return {**_bayes_factors(-found.fun - at_value), "scale": float(np.exp(found.x))}

    def _tested(self, name: str, group: Hashable) -> tuple[str, Prior]:
        """The label of a parameter and its prior, which must be its own and proper."""
        stated: Mapping[str, Prior] = getattr(self.model, "priors", {})
        priors = {label: prior for label, prior in stated.items() if label not in self.per_group}
        self._ask("evidence_at", "bayes_factor")
        name = self._find(name, group)[0]
        label = name if group is None else f"{name}[{group}]"
        if label not in priors:
            raise ValueError(
                f"bayes_factor needs a parameter with a prior of its own: {', '.join(priors)}, not {label}."
            )
        if not priors[label].proper:
            raise ValueError(
                f"{label} must have a proper prior; {label} is {priors[label]}, under which every value has as good as no "
                f"probability. Pass for example a gridbayes.{'HalfNormal(5)' if label in SCALES else 'Normal(0, 5)'}."
            )
        return label, priors[label]


def _bayes_factors(log_bf10: float) -> dict[str, float]:
    """BF10, BF01 and log BF10."""
    with np.errstate(over="ignore"):
        return {"BF10": float(np.exp(log_bf10)), "BF01": float(np.exp(-log_bf10)), "log_BF10": float(log_bf10)}


def unanswered(title: str, question: str, remedy: str) -> TypeError:
    """The error of a question that a model does not answer, with what to use instead."""
    return TypeError(f"{title} does not answer {question} yet. {remedy}.")
