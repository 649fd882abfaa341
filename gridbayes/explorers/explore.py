"""The public call for explorers."""

from typing import Any, Literal

import numpy as np

from gridbayes.explorers.explorer import Explorer
from gridbayes.explorers.pooling import Pooling
from gridbayes.observations import observe
from gridbayes.priors import HalfCauchy

__all__ = ["explore"]

KINDS: dict[str, Literal["complete", "no", "partial"]] = {
    "complete_pooling": "complete",
    "no_pooling": "no",
    "partial_pooling": "partial",
    "learned_sigma": "partial",
}


def explore(
    y: object = None,
    model: str = "partial_pooling",
    *,
    sigma: object = None,
    value: str | None = None,
    group: object = None,
    groups: object = None,
    unit: str = "",
    **settings: Any,
) -> Explorer:
    """A model under the hand: sliders, data in a table, and posteriors that follow within a frame.

    Parameters
    ----------
    y : values by group, as `gridbayes.observe` takes them. Left out: minutes late of three professors.
    model : "complete_pooling", "no_pooling", "partial_pooling", or "learned_sigma", where each group learns its own.
    sigma : the known sd of a value: a number, or one a group; or HalfCauchy(scale), to learn one a group.
    value, group, groups : column names or labels; see `gridbayes.observe`.
    unit : of a value, for the axes.
    settings : where controls stand at first, by name: `mu_scale=1, tau_scale=3`.

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
    if model not in KINDS:
        raise ValueError(f"model must be one of {', '.join(KINDS)}; model is {model!r}.")
    learned = model == "learned_sigma" or hasattr(sigma, "logpdf")
    subject = Pooling(KINDS[model], learned, unit=unit)
    if learned and sigma is not None:
        settings = {"sigma_scale": _scale_of(sigma), **settings}
    if y is None:
        known = {} if learned or sigma is None else {"sigma": sigma}
        return Explorer(subject, **known, **settings)
    observations = observe(y, sigma=None if learned else sigma, value=value, group=group, groups=groups)
    labels = [str(label) for label in observations.groups]
    data = {label: observations.values[observations.codes == d].tolist() for d, label in enumerate(labels)}
    if observations.errors is None:
        return Explorer(Pooling(KINDS[model], learned, data, unit=unit), **settings)
    own = [np.unique(observations.errors[observations.codes == d]) for d in range(len(labels))]
    mixed = [label for label, each in zip(labels, own, strict=True) if len(each) > 1]
    if mixed:
        raise ValueError(f"sigma must be one a group here; {mixed[0]} has several. Use gridbayes.partial_pooling.")
    if len(np.unique(observations.errors)) == 1:
        return Explorer(
            Pooling(KINDS[model], learned, data, unit=unit), **{"sigma": observations.errors[0], **settings}
        )
    errors = {label: each.tolist() for label, each in zip(labels, own, strict=True)}
    return Explorer(Pooling(KINDS[model], learned, data, errors, unit), **settings)


def _scale_of(sigma: object) -> float:
    if not isinstance(sigma, HalfCauchy):
        raise TypeError(f"sigma must be a number, one a group, or HalfCauchy(scale) here; sigma is {sigma!r}.")
    return sigma.scale
