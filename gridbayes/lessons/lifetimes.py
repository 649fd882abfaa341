"""Figures of conversion, signal and background, and lifetimes in a window."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from gridbayes import plots
from gridbayes.lessons.registry import open_frame, registered
from gridbayes.models.lifetimes import lifetimes
from gridbayes.models.logistic_regression import logistic_regression
from gridbayes.models.loyal_customers import loyal_customers
from gridbayes.models.signal_and_background import signal_and_background
from gridbayes.plots.style import COLOURS, curve, figure_of, group_style, ink, new_axes, new_figure, open_legend
from gridbayes.posterior import Posterior
from gridbayes.priors import InverseGamma, Normal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLOSES = 24.0  # months after the first customer came
MEAN = 12.0  # of the true lifetimes
PRIOR = InverseGamma(2, 12)
AGES = np.arange(20.0, 61, 5)
VISITS = 200

# --- lifetimes ----------------------------------------------------------------------------------------------------------


@cache
def _customers() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sixty customers: when each came, how long it was seen, whether its end was seen, its true lifetime."""
    rng = np.random.default_rng(2)
    start, life = np.sort(rng.uniform(0, 22, 60)), rng.exponential(MEAN, 60)
    return start, np.minimum(life, CLOSES - start), (life < CLOSES - start).astype(float), life


@registered
def lifetimes_on_a_line() -> "Figure":
    """Every third of sixty customers: the window closes after two years, and most that came late are still there."""
    start, t, seen, life = (each[::3] for each in _customers())
    ax = plots.timeline(start, t, seen, end=CLOSES, unit="months", ax=new_axes(7, 3.8))
    for row in np.flatnonzero(seen == 0):
        ax.plot([CLOSES, start[row] + life[row]], [row, row], color=COLOURS[1], linewidth=0.8, linestyle=":")
    ax.set_xlim(0, 48)
    return figure_of(ax)


@registered
def censored_or_left_out() -> "Figure":
    """The mean lifetime: with the customers who are still there, without them, and as if they had left; truth dotted."""
    start, t, seen, _ = _customers()
    ended = seen == 1
    fits = {
        "with the censored": lifetimes(t, seen, window=CLOSES - start, mu=PRIOR),
        "without them": lifetimes(t[ended], mu=PRIOR),
        "as if they had left": lifetimes(t, mu=PRIOR),
    }
    ax = new_axes(6.2, 3.4)
    for index, (label, post) in enumerate(fits.items()):
        ax.plot(*curve(post.marginals["mu"][0]), label=label, **group_style(index))
    ax.axvline(MEAN, color=ink(), linestyle=":", label="truth")
    ax.set(xlabel="mean lifetime, months", ylabel="density", ylim=(0, None))
    open_frame(ax)
    open_legend(ax)
    return figure_of(ax)


@cache
def _segments() -> Posterior:
    """Two segments, of whom the second leave by wear, seen for a year at most."""
    rng = np.random.default_rng(7)
    life = np.append(9 * rng.weibull(0.8, 60), 12 * rng.weibull(2.0, 60))
    window = rng.uniform(4, 16, 120)
    label = np.repeat(["web", "shop"], 60)
    return lifetimes(np.minimum(life, window), window=window, group=label, model="weibull")


@registered
def lifetimes_foretold() -> "Figure":
    """Two segments with Weibull lifetimes: what is left of each beside Kaplan and Meier's steps, and the PIT of all rows."""
    figure = new_figure(9, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
    plots.survival(_segments(), unit="months", ax=left)
    plots.pit(_segments(), ax=right)
    return figure


@registered
def segments_compared() -> "Figure":
    """The mean lifetimes of two segments, and by how much those of the second are longer."""
    figure = new_figure(8.6, 3.2)
    left, right = figure.subplots(1, 2)
    plots.density(_segments(), "mu", unit="months", ax=left)
    plots.difference(_segments().contrast("shop", "web"), unit="months", ax=right)
    return figure


# --- conversion ---------------------------------------------------------------------------------------------------------


@cache
def _visitors() -> np.ndarray:
    """Buyers among visitors by age: seven of ten by a curve about forty, the loyal others with probability .9."""
    share = 0.7 * expit((AGES - 40) / 4) + 0.3 * 0.9
    return np.random.default_rng(0).binomial(VISITS, share).astype(float)


@registered
def conversion_by_age() -> "Figure":
    """Buyers of 200 visitors by age: one logistic curve cannot bend twice, a mixture with loyal customers can."""
    figure = new_figure(9, 3.6)
    y = _visitors()
    for ax, post in zip(figure.subplots(1, 2, sharey=True), (_logistic(), _loyal(None)), strict=True):
        plots.regression_line(post, AGES, y, trials=VISITS, xlabel="age", ylabel="buyers of 200", ax=ax)
    return figure


def _logistic() -> Posterior:
    return logistic_regression(AGES, _visitors(), trials=VISITS, slope=Normal(0, 0.2), intercept=Normal(0, 10))


@cache
def _loyal(known: tuple[int, int] | None) -> Posterior:
    return loyal_customers(AGES, _visitors(), trials=VISITS, loyal=known)


@registered
def loyal_before_and_after() -> "Figure":
    """What the visitors alone say of the loyal, and with 1,000 visits of customers known to be loyal."""
    figure = new_figure(8.6, 3.2)
    for ax, name, truth in zip(figure.subplots(1, 2), ("theta_vip", "share"), (0.9, 0.7), strict=True):
        for index, (label, known) in enumerate({"visitors alone": None, "and 1,000 loyal visits": (900, 1000)}.items()):
            ax.plot(*curve(_loyal(known).marginals[name][0]), label=label, **group_style(index))
        ax.axvline(truth, color=ink(), linestyle=":", label="truth")
        ax.set(xlabel=name, ylabel="density", ylim=(0, None))
        open_frame(ax)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure


# --- signal and background ----------------------------------------------------------------------------------------------


@registered
def signal_on_background() -> "Figure":
    """Counts in 41 bins: a bump on a falling background, place and width learned, and the height beside the true one."""
    rng, x = np.random.default_rng(0), np.linspace(0, 10, 41)
    y = rng.poisson(np.exp(3 - 0.15 * x) + 20 * np.exp(-(((x - 6) / 0.6) ** 2) / 2)).astype(float)
    post = signal_and_background(x, y, place=Normal(5, 2), width=InverseGamma(3, 2))
    figure = new_figure(9, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    plots.regression_line(post, x, y, ylabel="counts", ax=left)
    background = np.exp(post.mean("intercept") + post.mean("slope") * (x - x.mean()))
    left.plot(x, background, color=ink(), linewidth=1.0, linestyle="--", label="background")
    open_legend(left)
    plots.density(post, "signal", ax=right)
    right.axvline(20, color=ink(), linestyle=":", label="truth")
    open_legend(right)
    return figure
