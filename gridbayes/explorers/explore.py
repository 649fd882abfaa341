"""The public call for explorers."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from gridbayes.datasets import punctuality
from gridbayes.explorers.explorer import Explorer
from gridbayes.explorers.mixture import Mixture
from gridbayes.explorers.nodes import Nodes
from gridbayes.explorers.normal import NormalSample
from gridbayes.explorers.own_memo import OwnMemo
from gridbayes.explorers.pooling import Pooling
from gridbayes.explorers.regression import Regression
from gridbayes.memos.memo import UserMemo
from gridbayes.observations import observe
from gridbayes.priors import HalfCauchy
from gridbayes.rows import read_rows

__all__ = ["explore"]

POOLING: dict[str, Literal["complete", "no", "partial"]] = {
    "complete_pooling": "complete",
    "no_pooling": "no",
    "partial_pooling": "partial",
    "learned_sigma": "partial",
}
MODELS = (*POOLING, "normal", "mixture", "regression", "grid")
SAMPLE = (9.1, 12.4, 7.7, 10.6, 11.5, 8.2, 13.9, 9.8, 10.1, 12.0)
LINE = ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9), (1.2, 0.9, 2.3, 2.2, 3.4, 3.1, 4.4, 4.0, 5.3, 5.6))


def explore(
    y: object = None,
    model: str | UserMemo = "partial_pooling",
    *,
    x: object = None,
    sigma: object = None,
    data: object = None,
    value: str | None = None,
    group: object = None,
    groups: object = None,
    grids: Mapping[str, object] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    unit: str = "",
    **settings: Any,
) -> Explorer:
    """A model under the hand: sliders, data in a table, and posteriors that follow within a frame.

    Parameters
    ----------
    y : values by group, as `gridbayes.observe` takes them; of "normal", "mixture" and "regression" values, or the name of a
        column of `data`. Left out, an example: of pooling minutes late of three professors, of a mixture simulated values.
    model : "complete_pooling", "no_pooling", "partial_pooling", "learned_sigma" (each group learns its own), "normal",
        "mixture", "regression", "grid" (nodes, range, and their price), or a `@gridbayes.memo` program.
    x : inputs of "regression".
    sigma : of pooling the known sd of a value: a number, or one a group; or HalfCauchy(scale), to learn one a group.
    data : a table with the columns x and y.
    value, group, groups : column names or labels; see `gridbayes.observe`.
    grids : of a memo, as in its call.
    ranges : of a memo, low and high of its parameters' sliders by name.
    unit : of a value, for the axes.
    settings : where controls stand at first, by name: `mu_scale=1, tau_scale=3`; of a memo all of its parameters.

    Returns
    -------
    Explorer, which displays itself in Jupyter; `state`, `set`, `frame`, `code`, `save_html` work anywhere.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, the rule, the value and the remedy.

    >>> explorer = explore({"G": [1], "E": [-15], "M": [30]}, sigma=15, mu_scale=1, tau_scale=3)
    >>> explorer
    Explorer(Partial pooling, sigma known; data, mu_scale, tau_scale, sigma, tau_prior, mu_mean, arrived, errors, joint)
    >>> print(explorer.code().splitlines()[4])
        sigma=15.0,
    """
    if isinstance(model, UserMemo):
        return Explorer(OwnMemo(model, grids or {}, settings, ranges or {}))
    if model not in MODELS:
        raise ValueError(f"model must be one of {', '.join(MODELS)}, or a gridbayes.memo; model is {model!r}.")
    if model in POOLING:
        return _pooling(POOLING[model], y, model == "learned_sigma", sigma, (value, group, groups), unit, settings)
    if sigma is not None:
        settings = {"sigma": sigma, **settings}
    if model == "grid":
        rows = observe(punctuality().values if y is None else y, value=value, group=group, groups=groups)
        return Explorer(Nodes({"values": rows.values.tolist()}, unit), **settings)
    if model == "regression":
        given = read_rows(*(LINE if y is None else (x, y)), data)
        if given.inputs.x.shape[1] != 1:
            raise ValueError(f"x must be one input here; there are {given.inputs.x.shape[1]}. Use linear_regression.")
        table = {"x": given.inputs.x[:, 0].tolist(), "y": given.y.tolist()}
        return Explorer(Regression(table, unit), **settings)
    if y is None:
        subject = Mixture(unit=unit) if model == "mixture" else NormalSample({"values": list(SAMPLE)}, unit)
        return Explorer(subject, **settings)
    sample = read_rows(y, y, data).y.tolist()
    subject = Mixture(tuple(sample), unit) if model == "mixture" else NormalSample({"values": sample}, unit)
    return Explorer(subject, **settings)


def _pooling(
    kind: Literal["complete", "no", "partial"],
    y: object,
    learned: bool,
    sigma: object,
    names: tuple[str | None, object, object],
    unit: str,
    settings: dict[str, Any],
) -> Explorer:
    """The explorer of a pooling model; what is known of sigma goes to its slider, and by group to its table."""
    learned = learned or hasattr(sigma, "logpdf")
    if learned and sigma is not None:
        settings = {"sigma_scale": _scale_of(sigma), **settings}
    value, group, groups = names
    y = punctuality().values if y is None else y
    observations = observe(y, sigma=None if learned else sigma, value=value, group=group, groups=groups)
    of = {str(label): observations.codes == d for d, label in enumerate(observations.groups)}
    data = {label: observations.values[rows].tolist() for label, rows in of.items()}
    if observations.errors is None:
        return Explorer(Pooling(kind, learned, data, unit=unit), **settings)
    errors = {label: np.unique(observations.errors[rows]).tolist() for label, rows in of.items()}
    mixed = [label for label, own in errors.items() if len(own) > 1]
    if mixed:
        raise ValueError(f"sigma must be one a group here; {mixed[0]} has several. Use gridbayes.partial_pooling.")
    if len(np.unique(observations.errors)) == 1:
        return Explorer(Pooling(kind, learned, data, unit=unit), **{"sigma": observations.errors[0], **settings})
    return Explorer(Pooling(kind, learned, data, errors, unit), **settings)


def _scale_of(sigma: object) -> float:
    if not isinstance(sigma, HalfCauchy):
        raise TypeError(f"sigma must be a number, one a group, or HalfCauchy(scale) here; sigma is {sigma!r}.")
    return sigma.scale
