"""Figures of the first lessons, on rows made for them: shares, densities, Bayes' rule, group indices, fans, factories."""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import norm

from gridbayes import plots
from gridbayes.datasets import punctuality
from gridbayes.lessons.registry import fan, open_frame, registered
from gridbayes.models.complete_pooling import complete_pooling
from gridbayes.models.linear_regression import linear_regression
from gridbayes.models.mixture import mixture
from gridbayes.models.mixture_of_regressions import mixture_of_regressions
from gridbayes.models.no_pooling import no_pooling
from gridbayes.models.normal import normal
from gridbayes.models.partial_pooling import partial_pooling
from gridbayes.models.proportion import proportion
from gridbayes.observations import observe
from gridbayes.plots.style import (
    COLOURS,
    curve,
    figure_of,
    group_style,
    ink,
    mark_style,
    new_axes,
    new_figure,
    open_legend,
    shade,
)
from gridbayes.posterior import Posterior
from gridbayes.priors import Beta, Exponential, HalfCauchy, HalfNormal, Normal, StudentT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = 25  # of a fan
BALLS = 20  # of a density in bins
FACTORIES = ((0.8, 1.0, 1.0), (-0.5, -1.0, 2.0))  # slope, intercept, sd of each
SHARES = ((1, 10), (10, 100))  # whose standard errors are .0949 and .03
TRUTH = {"intercept": 5.0, "slope": 0.5, "sigma": 2.0}


# --- shares and densities -----------------------------------------------------------------------------------------------


@registered
def balls() -> "Figure":
    """The share of red balls as more are drawn from a bag in which half are red."""
    ax = new_axes(5.6, 3.4)
    for index, (red, count) in enumerate([(3, 5), (12, 20), (41, 80), (155, 320)]):
        ax.plot(*curve(proportion(red, count).marginals["p"][0]), label=f"{red} of {count}", **group_style(index))
    ax.set(xlabel="p, share of red balls", ylabel="density", xlim=(0, 1), ylim=(0, None))
    open_frame(ax)
    open_legend(ax)
    return figure_of(ax)


@registered
def shares() -> "Figure":
    """The share of red balls among the first n drawn, with a bar of one standard error, sqrt(p (1 - p) / n)."""
    ax, counts = new_axes(5.6, 3.2), np.array([5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000])
    p = (np.cumsum(np.random.default_rng(2).uniform(size=counts[-1]) < 0.5) / np.arange(1, counts[-1] + 1))[counts - 1]
    ax.errorbar(counts, p, yerr=np.sqrt(p * (1 - p) / counts), **mark_style(0))
    ax.axhline(0.5, color=ink(), linewidth=0.8, linestyle=":")
    ax.set(xscale="log", xlabel="n, balls drawn", ylabel="share of red balls")
    open_frame(ax)
    return figure_of(ax)


@registered
def standard_errors() -> "Figure":
    """The standard error of a share, sqrt(p (1 - p) / n), against n; 1 of 10 and 10 of 100 are marked."""
    ax, n = new_axes(5.6, 3.4), np.geomspace(1, 1000, 100)
    for index, p in enumerate((0.5, 0.1, 0.01)):
        ax.plot(n, np.sqrt(p * (1 - p) / n), label=f"p = {p:g}", **group_style(index))
    for index, (k, count) in enumerate(SHARES, 3):
        ax.plot(count, np.sqrt(k / count * (1 - k / count) / count), label=f"{k} of {count}", **mark_style(index))
    ax.set(xscale="log", yscale="log", xlabel="n", ylabel="standard error of a share")
    open_frame(ax)
    open_legend(ax)
    return figure_of(ax)


@registered
def bins() -> "Figure":
    """From a histogram to a density: the mass of N(0, 1) in 2 to 26 bins, over their widths, and 20 balls in them."""
    figure, x = new_figure(10, 2.6), np.linspace(-4, 4, 201)
    at = ndtri((np.arange(BALLS) + 0.5) / BALLS)  # a ball for each twentieth of the mass
    for index, (ax, count) in enumerate(zip(figure.subplots(1, 4, sharey=True), (2, 5, 10, 26), strict=True)):
        edges = np.linspace(-4, 4, count + 1)
        width = 8 / count
        mass = np.diff(ndtr(np.concatenate([[-np.inf], edges[1:-1], [np.inf]])))  # the tails go to the outer bins
        ax.bar(edges[:-1], mass / width, width, align="edge", alpha=0.45, edgecolor="white")
        ax.plot(x, np.exp(Normal(0, 1).logpdf(x)), color=ink(), linewidth=1)
        for centre, held in zip(edges[:-1] + width / 2, np.histogram(at, edges)[0], strict=True):
            heights = (np.arange(held) + 0.5) / BALLS / width
            ax.plot(np.full(held, centre), heights, markersize=2.5, **{**mark_style(0), "color": COLOURS[1]})
        ax.set(xlabel=f"x, {count} bins", ylabel="" if index else "mass / width")
        open_frame(ax)
    return figure


@registered
def densities() -> "Figure":
    """Six densities that priors are made of."""
    figure = new_figure(9, 4.2)
    gallery = (Normal(0, 1), StudentT(3, 0, 1), HalfNormal(1), HalfCauchy(1), Exponential(1), Beta(5, 5))
    for index, (ax, prior) in enumerate(zip(figure.subplots(2, 3).flat, gallery, strict=True)):
        low, high = prior.support
        x = np.linspace(max(low, -4), min(high, 4), 401)
        ax.plot(x, np.exp(prior.logpdf(x)), **group_style(index))
        ax.set(xlabel=repr(prior), ylabel="" if index % 3 else "density", ylim=(0, None))
        open_frame(ax)
    return figure


# --- Bayes' rule --------------------------------------------------------------------------------------------------------


@registered
def prior_times_likelihood() -> "Figure":
    """Prior times likelihood, over their sum: 4 red of 5 from a bag of 6 balls, and from one of any share."""
    figure = new_figure(9, 4.2)
    bars, curves = figure.subplots(2, 3)
    for row, (p, draw) in enumerate([(np.arange(7) / 6, "bar"), (np.linspace(0, 1, 201), "plot")]):
        prior = np.full(len(p), 1 / 7 if row == 0 else 1.0)
        likelihood = p**4 * (1 - p)
        evidence = (prior * likelihood).sum() if row == 0 else 1 / 30  # int p**4 (1 - p) dp
        heights = {"prior": prior, "likelihood": likelihood, "posterior": prior * likelihood / evidence}
        for index, (ax, (name, each)) in enumerate(zip((bars, curves)[row], heights.items(), strict=True)):
            if draw == "bar":
                ax.bar(p, each, 0.1, color=COLOURS[index])
            else:
                ax.plot(p, each, color=COLOURS[index])
            ax.set(xlabel="p, share of red balls" if row else "", ylim=(0, None))
            ax.set_ylabel(name if row == 0 or name == "likelihood" else f"{name} density")
            open_frame(ax)
    return figure


@registered
def bayes_rule() -> "Figure":
    """Bayes' rule for an event, a sum, an integral: widths are priors, heights likelihoods, the area is p(data)."""
    figure = new_figure(10, 3.4)
    axes = figure.subplots(1, 3, sharey=True)
    two, several = [0.5, 5 / 6], np.arange(7) / 6
    for ax, p in zip(axes[:2], (np.array(two), several), strict=True):
        edges, heights = np.linspace(0, 1, len(p) + 1), 5 * p**4 * (1 - p)
        for k, height in enumerate(heights):
            colour = COLOURS[k] if len(p) == 2 else COLOURS[0]
            ax.bar(edges[k], height, 1 / len(p), align="edge", color=colour, alpha=0.6, edgecolor="white")
            share = height / heights.sum()
            if share > 0.01:
                ax.text(edges[k] + 0.5 / len(p), height + 0.008, f"{share:.2f}", ha="center", fontsize="small")
    u = np.linspace(0, 1, 201)
    axes[2].fill_between(u, 5 * u**4 * (1 - u), color=COLOURS[0], alpha=0.6, linewidth=0)
    labels = ("an event: half red, or 5 of 6", "a sum: 0, 1, ... 6 of 6 red", "an integral: any share red")
    for ax, label in zip(axes, labels, strict=True):
        ax.set(xlabel=f"{label}\nprior probability, from 0 to 1", xlim=(0, 1), ylim=(0, 0.47))
        open_frame(ax)
    axes[0].set_ylabel("p(4 red of 5 | share)")
    return figure


# --- groups -------------------------------------------------------------------------------------------------------------


@cache
def unequal(rows: int) -> dict[str, Posterior]:
    """Means of 1000 rows about 0 and of fewer about 2, sd 1: pooled, unpooled, hierarchical."""
    known: dict[str, Any] = {"data": {"a": [0.0], "b": [2.0]}, "sigma": [1000**-0.5, rows**-0.5]}
    return {
        "pooled": complete_pooling(**known, theta=Normal(0, 10)),
        "unpooled": no_pooling(**known, theta=Normal(0, 0.1)),
        "hierarchical": partial_pooling(**known, mu=Normal(1, 0.1), tau=0.1),
    }


@registered
def unequal_groups() -> "Figure":
    """Two groups of unequal size: pooled, unpooled with the prior N(0, .1), and hierarchical, mu ~ N(1, .1), tau = .1."""
    figure = new_figure(10, 3.6)
    axes = figure.subplots(1, 2, sharex=True)
    for ax, rows in zip(axes, (100, 200), strict=True):
        data = observe({"a": [0.0], "b": [2.0]}, sigma=[1000**-0.5, rows**-0.5])
        plots.pooling_comparison(unequal(rows), observed=data, unit="mean of a group", ax=ax, legend=False)
        ax.set_title(f"a: 1000 rows, b: {rows} rows", loc="left", fontsize="medium")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    return figure


@registered
def index_matrix() -> "Figure":
    """How a group index spreads a parameter a group over the rows: a matrix of ones and zeros times the thetas."""
    data = observe(punctuality(ragged=True).values)
    z = (data.codes[:, None] == np.arange(len(data))).astype(float)
    theta = np.round(data.mean)
    parts = {"row's group": z, "theta": theta[:, None], "theta of the row": (z @ theta)[:, None]}
    figure = new_figure(8.6, 3.4)
    axes = figure.subplots(1, 3, width_ratios=(3, 1, 1))
    for ax, (label, values) in zip(axes, parts.items(), strict=True):
        rows, columns = values.shape
        shown = np.abs(values) / np.abs(values).max()
        ax.pcolormesh(np.arange(columns + 1), np.arange(rows + 1), shown, cmap=shade(COLOURS[0]), vmin=0, vmax=1.6)
        for (i, j), value in np.ndenumerate(values):
            ax.text(j + 0.5, i + 0.5, f"{value:.0f}", ha="center", va="center")
        ax.set(ylim=(rows, 0), xticks=[], yticks=[], xlabel=label)
        ax.set_aspect("equal" if columns == 1 else "auto")
        ax.spines[:].set_visible(False)
    names = [str(group) for group in data.groups]
    axes[0].set_xticks(np.arange(3) + 0.5, names, fontsize="small")
    axes[1].set_yticks(np.arange(3) + 0.5, names, fontsize="small")
    axes[0].set_yticks(np.arange(len(z)) + 0.5, [f"{value:g}" for value in data.values])
    axes[0].set_ylabel("minutes late")
    return figure


@registered
def maximum_likelihood() -> "Figure":
    """Six rows of a normal: the posterior of its mean and sd, and the fit by maximum likelihood, dotted."""
    post = normal(np.array([2.1, 3.4, 1.2, 4.0, 2.7, 5.2]), mu=Normal(0, 2), sigma=HalfNormal(2))
    axes = plots.posterior_panels(post)
    figure = figure_of(axes[0])
    for ax, best in zip(axes, post.summary()["ml"], strict=True):
        ax.axvline(best, color=COLOURS[1], linestyle=":", label="maximum likelihood")
        ax.get_legend().remove()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    return figure


# --- normals and mixtures -----------------------------------------------------------------------------------------------


@cache
def _sample() -> tuple[np.ndarray, Posterior]:
    """Sixty rows of N(.7, 1.5), and mu ~ N(0, 1), sigma ~ HalfNormal(1) given them."""
    y = np.random.default_rng(3).normal(0.7, 1.5, 60)
    return y, normal(y, mu=Normal(0, 1), sigma=HalfNormal(1))


@registered
def normal_panels() -> "Figure":
    """Mean and sd of a normal from sixty rows: posteriors with their intervals, priors dashed."""
    return _sample()[1].plot()


@registered
def normal_fan() -> "Figure":
    """Sixty rows, the densities of 25 draws from the posterior, and that of a new row, which is their mean."""
    (y, post), ax = _sample(), new_axes(5.6, 3.4)
    draws, x = post.sample(LINES), np.linspace(-5, 6, 300)
    fan(ax, x, norm.pdf(x, draws["mu"].values[:, None], draws["sigma"].values[:, None]), COLOURS[0], "25 draws")
    new = post.predict().marginals["y"][0]
    ax.plot(x, new.density(x), color=ink(), linestyle="--", label="a new row")
    ax.hist(y, bins="auto", density=True, color=ink(), alpha=0.18, label="rows", zorder=1)
    ax.set(xlabel="y", ylabel="density", ylim=(0, None))
    open_frame(ax)
    open_legend(ax)
    return figure_of(ax)


def _normals(count: int) -> np.ndarray:
    """Rows of a mixture: 70% about 0, 30% about 4, sd 1."""
    rng = np.random.default_rng(4)
    return np.where(rng.uniform(size=count) < 0.7, 0.0, 4.0) + rng.normal(size=count)


@registered
def mixture_of_two() -> "Figure":
    """Rows of two kinds, the components found and 25 draws; and mu by labels in order, and when none is said."""
    figure = new_figure(9, 3.4)
    left, right = figure.subplots(1, 2)
    y, priors = _normals(200), {"mu": Normal(0, 5), "sigma": 1.0}
    ordered, mirrored = (mixture(y, **priors, labels=labels) for labels in ("ordered", "mirrored"))
    draws, x = ordered.sample(LINES), np.linspace(-3.6, 7.3, 300)
    parts = draws["weight"].values[:, None] * norm.pdf(x[:, None], draws["mu"].values[:, None])  # (draw, x, component)
    fan(left, x, parts.sum(axis=2), ink(), "25 draws")
    plots.mixture_components(ordered, y, sigma=1.0, ax=left)
    for k, marginal in enumerate(ordered.marginals["mu"]):
        right.plot(*curve(marginal), label=f"mu[{k}], in order", **group_style(k))
    right.plot(*curve(mirrored.marginals["mu"][0], 2000), color=ink(), linestyle=":", label="either, mirrored")
    right.set(xlabel="mu", ylabel="density", ylim=(0, None))
    open_frame(right)
    open_legend(right, loc="upper center")
    return figure


# --- regressions --------------------------------------------------------------------------------------------------------


@cache
def _line() -> tuple[np.ndarray, np.ndarray, Posterior]:
    """Forty rows about the line of TRUTH, and the regression on them."""
    rng = np.random.default_rng(5)
    x = rng.uniform(0, 10, 40)
    y = TRUTH["slope"] * x + TRUTH["intercept"] + TRUTH["sigma"] * rng.normal(size=40)
    return x, y, linear_regression(x, y, sigma=HalfNormal(2))


@registered
def regression() -> "Figure":
    """A line through 40 rows, its band, and that of a new row."""
    return figure_of(plots.regression_line(_line()[2], prob=0.95))


@registered
def regression_recovered() -> "Figure":
    """A fan of lines over the rows they are drawn from, and each parameter beside the true one, dotted."""
    x, y, post = _line()
    figure = new_figure(8, 4.8)
    first, *others = figure.subplots(2, 2).flat
    draws, at = post.sample(LINES), np.array([0.0, 10.0])
    fan(first, at, draws["intercept"].values[:, None] + draws["slope"].values[:, None] * at, COLOURS[0], "25 draws")
    first.plot(x, y, markersize=3, label="rows", **{**mark_style(0), "color": ink()})
    first.plot(
        at, TRUTH["intercept"] + TRUTH["slope"] * at, color=COLOURS[1], linestyle=":", linewidth=2, label="truth"
    )
    first.set(xlabel="x", ylabel="y")
    open_frame(first)
    open_legend(first)
    for ax, name in zip(plots.posterior_panels(post, list(TRUTH), axes=others), TRUTH, strict=True):
        ax.axvline(TRUTH[name], color=COLOURS[1], linestyle=":", label="truth")
        open_legend(ax)
    return figure


def _factories() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of two factories, whose lines cross: whether of the first, x, y."""
    rng = np.random.default_rng(8)
    first, x = np.arange(200) < 60, rng.uniform(1, 10, 200)
    ((w, c, s), (v, b, r)), noise = FACTORIES, (rng.normal(size=200), rng.normal(size=200))
    return first, x, np.where(first, w * x + c + s * noise[0], v * x + b + r * noise[1])


@cache
def _found() -> Posterior:
    """Both lines from rows whose factories nobody noted."""
    _, x, y = _factories()
    priors: dict[str, Any] = {"slope": Normal(0, 1), "intercept": Normal(0, 1), "sigma": HalfNormal(1)}
    return mixture_of_regressions(x, y, **priors, order=5)


@registered
def mixture_of_two_regressions() -> "Figure":
    """Rows of two factories, whose lines cross, and the lines found without knowing whose row is whose."""
    return figure_of(plots.mixture_lines(_found(), *_factories()[1:]))


@registered
def two_factories() -> "Figure":
    """Two factories apart, each with a fan of lines, and as observed, with the fans found for both."""
    first, x, y = _factories()
    figure, at = new_figure(8.6, 3.4), np.array([1.0, 10.0])
    left, right = figure.subplots(1, 2, sharey=True)
    found = _found().sample(LINES)
    for k, own in enumerate((~first, first)):  # slopes increase with the label
        apart = linear_regression(x[own], y[own], sigma=HalfNormal(1)).sample(LINES)
        style = mark_style(k)
        left.plot(x[own], y[own], markersize=3, alpha=0.6, label=f"factory {k}", **style)
        fan(left, at, apart["intercept"].values[:, None] + apart["slope"].values[:, None] * at, style["color"])
        lines = found["intercept"].values[:, [k]] + found["slope"].values[:, [k]] * at
        fan(right, at, lines, style["color"])
    right.plot(x, y, markersize=3, alpha=0.4, label="rows", **{**mark_style(0), "color": ink()})
    for ax, label in ((left, "y, factories apart"), (right, "y, as observed")):
        ax.set(xlabel="x", ylabel=label)
        open_frame(ax)
        open_legend(ax, loc="upper left")
    return figure


@registered
def new_rows() -> "Figure":
    """Shares of few and of many trials, with known errors: what six new rows may show, and where a bound leaves [0, 1]."""
    rng, trials = np.random.default_rng(6), np.tile([10, 40, 200], 10)
    x = np.linspace(0, 1, 30)
    share = rng.binomial(trials, 0.15 + 0.6 * x) / trials
    errors = np.sqrt(share * (1 - share) / trials) + 0.1
    post = linear_regression(x, share, slope=Normal(0, 1), intercept=Normal(0, 1), sigma=HalfNormal(1), errors=errors)
    at = np.linspace(0, 1, 6)
    new = post.predict(at, errors=0.15)
    ax = plots.intervals(new, "y", prob=0.95, unit="share", ax=new_axes(6.6, 2.8))
    for row, ((low, high), mean) in enumerate(zip(new.eti("y", 0.95).values, np.asarray(new.mean("y")), strict=True)):
        beyond = low < 0 or high > 1
        text = f"{mean:.2f} [{low:.2f}, {high:.2f}]" + (" leaves [0, 1]" if beyond else "")
        ax.text(1.02, row, text, transform=ax.get_yaxis_transform(), va="center", fontsize="small")
    ax.set_yticklabels([f"x = {value:.1f}" for value in at])
    for bound in (0, 1):
        ax.axvline(bound, color=ink(), linewidth=0.8, linestyle=":")
    return figure_of(ax)
