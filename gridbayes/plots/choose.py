"""The picture that suits a posterior or a sweep: what `post.plot()` and `sweep.plot()` draw."""

from collections.abc import Hashable
from typing import Any

from matplotlib.figure import Figure

from gridbayes.models.swept import Sensitivity
from gridbayes.plots.lines import regression_line
from gridbayes.plots.panels import difference, posterior_panels
from gridbayes.plots.sensitivity import sensitivity_map
from gridbayes.plots.style import figure_of
from gridbayes.posterior import Posterior

__all__ = ["plot", "plot_sweep"]

DERIVED = ({"difference"}, {"combination"})


def plot(post: Posterior, **options: Any) -> Figure:
    """`difference` of a contrast, `regression_line` of a regression on one input, `posterior_panels` of all else.

    `options` are those of the picture. It is a Figure, which notebooks show; its axes are `figure.axes`.

    >>> import gridbayes as gb
    >>> plot(gb.proportion(6, 12)).axes[0].get_xlabel()
    'p'
    """
    if set(post.marginals) in DERIVED:
        return figure_of(difference(post, **options))
    if getattr(post.model, "points", None) is not None and "slope" in post.marginals:
        return figure_of(regression_line(post, **options))
    return figure_of(posterior_panels(post, **options)[0])


def plot_sweep(sweep: Sensitivity, name: str = "log_evidence", group: Hashable = None, **options: Any) -> Figure:
    """`sensitivity_map` of the log evidence of a sweep, or of the mean of a parameter.

    >>> import gridbayes as gb
    >>> sweep = gb.sensitivity([1, -15, 30], sigma=15, mu_scale=10, tau_scale=[3, 10, 30])
    >>> plot_sweep(sweep, "theta", 2, unit="minutes late").axes[0].get_ylabel()
    'mean of theta[2], minutes late'
    """
    if name == "log_evidence":
        return figure_of(sensitivity_map(sweep.log_evidence, **{"label": "log evidence", **options}))
    label = f"mean of {name}" if group is None else f"mean of {name}[{group}]"
    return figure_of(sensitivity_map(sweep.mean(name, group), **{"label": label, **options}))
