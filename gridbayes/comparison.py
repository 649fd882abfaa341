"""Models of the same data side by side: their evidence, and how well each foretells what it has not seen."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from gridbayes.leave_one_out import LeaveOneOut
from gridbayes.posterior import Posterior
from gridbayes.priors import Prior

if TYPE_CHECKING:
    from gridbayes.table import Summary

__all__ = ["compare"]


def compare(models: Mapping[str, Posterior], by: str | None = "row") -> "Summary":
    """A table of models of the same data, the best first, in the layout of ArviZ's `compare`.

    Parameters
    ----------
    models : posteriors by the name that each row is to have; of pooling models and regressions.
    by : what `loo` leaves out at a time, `row` or `group`; None leaves elpd out, which for some models takes a fit a row.

    Returns
    -------
    A pandas table with a row a model:
        rank : 0 for the largest elpd (without elpd: for the largest evidence).
        elpd, p, se : expected log predictive density, effective number of parameters, standard error (`post.loo`).
        elpd_diff, dse : the best elpd less this one, and the standard error of that difference, pair by pair.
        log_evidence : log p(t), natural log of a density in the unit of the data.
        bayes_factor : p(t) over the largest p(t) of these models.
        probability : of the model given the data, if all were equally probable before.

    Raises
    ------
    TypeError, ValueError
        When the data differ, a prior is improper (its evidence is relative to an arbitrary constant), or a model does not
        say what its data are.

    Sources: Vehtari, Gelman & Gabry (2017), Stat. Comput. 27:1413-1432, equation 24; Kass & Raftery (1995), JASA
    90(430):773-795.

    >>> import gridbayes as gb
    >>> rows, normal = {"G": [1, 4], "E": [-15, -12], "M": [30, 33]}, gb.Normal(0, 20)
    >>> table = gb.compare({
    ...     "complete": gb.complete_pooling(rows, sigma=5, theta=normal),
    ...     "none": gb.no_pooling(rows, sigma=5, theta=normal),
    ... })
    >>> list(table.index), round(float(table.loc["none", "probability"]), 6)
    (['none', 'complete'], 1.0)
    """
    if not isinstance(models, Mapping) or len(models) < 2:
        raise TypeError(
            f'models must be a dict of two posteriors or more, {{"a": post, "b": other}}; it is {models!r:.60}.'
        )
    for name, post in models.items():
        _require_evidence(name, post)
    _require_same_data(models)
    from gridbayes.table import Summary  # it loads pandas

    log_p = np.array([post.log_evidence for post in models.values()])
    factor = np.exp(log_p - log_p.max())
    scores = None if by is None else [post.loo(by) for post in models.values()]
    if scores is not None:
        _require_same_parts(dict(zip(models, scores, strict=True)))
    order = np.argsort(-log_p if scores is None else [-score.elpd for score in scores], kind="stable").tolist()
    names, rows = list(models), {}
    for rank, i in enumerate(order):
        elpd = [] if scores is None else _elpd(scores[i], scores[order[0]])
        rows[str(names[i])] = [rank, *elpd, log_p[i], factor[i], factor[i] / factor.sum()]
    elpd = [] if scores is None else ["elpd", "p", "elpd_diff", "se", "dse"]
    what = "" if by is None else f"elpd: exact leave-one-{by}-out of {scores[0].n_data_points} {by}s; "  # pyright: ignore
    footer = f"{what}bayes_factor: beside the largest evidence; probability: if equal before the data"
    columns = ["rank", *elpd, "log_evidence", "bayes_factor", "probability"]
    return Summary.of(rows, columns, f"comparison of {len(models)} models", footer)


def _elpd(score: LeaveOneOut, best: LeaveOneOut) -> list[float]:
    """elpd, p, the distance to the best elpd, and both standard errors."""
    apart = best.left_out - score.left_out
    return [score.elpd, score.p, float(apart.sum()), score.se, float(np.sqrt(len(apart) * np.var(apart)))]


def _require_evidence(name: str, post: object) -> None:
    """Refuse what is no posterior with an evidence that can be compared."""
    if not isinstance(post, Posterior):
        raise TypeError(f"models[{name!r}] must be a posterior; it is {post!r:.60}. Pass what a model's call returns.")
    priors: Mapping[str, Prior] | None = getattr(post.model, "priors", None)
    if priors is None or not hasattr(post.model, "outcomes"):
        raise TypeError(
            f"models[{name!r}], {post.model.title}, does not say what its data are. Compare pooling models and regressions; "
            "of others take the difference of post.log_evidence."
        )
    improper = [label for label, prior in priors.items() if not prior.proper]
    if improper:
        raise ValueError(
            f"models[{name!r}] has the improper prior {priors[improper[0]]} of {improper[0]}: its evidence is relative to "
            "an arbitrary constant. Pass a proper prior, for example gridbayes.Normal(0, 5) or gridbayes.HalfNormal(5)."
        )


def _require_same_data(models: Mapping[str, Posterior]) -> None:
    """Refuse models of other rows, or of the same rows in another order or unit."""
    digests = {name: _digest(post) for name, post in models.items()}
    first, *others = digests
    for name in others:
        if digests[name] != digests[first]:
            raise ValueError(
                f"models[{name!r}] and models[{first!r}] have different data: {models[name].model.title}, and "
                f"{models[first].model.title}. Fit both to the same rows, in the same order and unit."
            )


def _digest(post: Posterior) -> str:
    """Of what a model gives a probability to: known errors, groups and inputs may differ, outcomes may not."""
    model = post.model
    digest = hashlib.blake2b(repr(model.discrete).encode(), digest_size=16)  # pyright: ignore[reportAttributeAccessIssue]
    for part in model.outcomes:  # pyright: ignore[reportAttributeAccessIssue]
        digest.update(len(part).to_bytes(8, "little") + np.asarray(part, float).tobytes())
    return digest.hexdigest()


def _require_same_parts(scores: Mapping[str, LeaveOneOut]) -> None:
    first = next(iter(scores.values()))
    for name, score in scores.items():
        if score.labels != first.labels:
            raise ValueError(
                f"models[{name!r}] has other groups than the first. Pass by='row', or the same groups to both."
            )
