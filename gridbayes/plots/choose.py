"""The picture that suits a posterior: what `post.plot()` draws."""

from typing import Any

from matplotlib.figure import Figure

from gridbayes.plots.lines import regression_line
from gridbayes.plots.panels import difference, posterior_panels
from gridbayes.plots.style import figure_of
from gridbayes.posterior import Posterior

__all__ = ["plot"]

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
