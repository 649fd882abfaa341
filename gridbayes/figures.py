"""The figures of this project by name: what `gridbayes figures` rebuilds. A function a figure, named like its file."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from gridbayes import plots
from gridbayes.datasets import eight_schools, punctuality
from gridbayes.grids import Grid, linspace
from gridbayes.models.complete_pooling import complete_pooling
from gridbayes.models.linear_regression import linear_regression
from gridbayes.models.mixture import mixture
from gridbayes.models.mixture_of_regressions import mixture_of_regressions
from gridbayes.models.no_pooling import no_pooling
from gridbayes.models.partial_pooling import partial_pooling
from gridbayes.models.proportion import proportion
from gridbayes.observations import observe
from gridbayes.plots.style import curve, figure_of, group_style, ink, new_axes, new_figure, open_legend
from gridbayes.posterior import Posterior
from gridbayes.priors import Beta, Exponential, HalfCauchy, HalfNormal, Normal, StudentT
from gridbayes.quickstart import drawn, studies

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES"]

LATE, RAGGED, SCHOOLS = punctuality(), punctuality(ragged=True), eight_schools()
SIGMA = 15.0  # minutes, of one measurement
UNIT = LATE.unit
WIDE = Normal(0, 20)
SETTINGS = ((1, 3), (3, 3), (10, 3), (1, 1), (1, 10), (1, 20), (20, 20), (20, 3), (3, 20))  # mu_scale, tau_scale
CLASSIC = {"mu": linspace(-25, 25, 100), "tau": linspace(1, 30, 100), "theta": linspace(-40, 40, 200)}
COARSE = {"mu": linspace(-25, 25, 9), "tau": linspace(1, 30, 8), "theta": linspace(-40, 40, 12)}

FIGURES: "dict[str, Callable[[], Figure]]" = {}


def _figure(draw: "Callable[[], Figure]") -> "Callable[[], Figure]":
    FIGURES[draw.__name__] = draw
    return draw


def _late(mu_scale: float, tau_scale: float, grids: Mapping[str, Grid] | None = None) -> Posterior:
    """Partial pooling of one measurement a department."""
    return partial_pooling(LATE.values, sigma=SIGMA, mu_scale=mu_scale, tau_scale=tau_scale, grids=grids)


@cache
def _schools() -> Posterior:
    return partial_pooling(SCHOOLS.values, sigma=SCHOOLS.errors, mu=Normal(0, 5), tau=HalfCauchy(5))


@cache
def _five() -> dict[str, Posterior]:
    """Five models: complete, no and partial pooling of one measurement a group, ragged data, a learned sigma."""
    scales: dict[str, Any] = {"mu_scale": 10, "tau_scale": 10}
    return {
        "complete pooling": complete_pooling(LATE.values, sigma=SIGMA, theta=WIDE),
        "no pooling": no_pooling(LATE.values, sigma=SIGMA, theta=WIDE),
        "partial pooling": partial_pooling(LATE.values, sigma=SIGMA, **scales),
        "ragged": partial_pooling(RAGGED.values, sigma=SIGMA, **scales),
        "learned sigma": partial_pooling(RAGGED.values, sigma=HalfCauchy(5), **scales),
    }


# --- the pooling models of the punctuality data -------------------------------------------------------------------------


@_figure
def quickstart() -> "Figure":
    """Three models of eight schools and of the ragged punctuality data."""
    return drawn(studies())


@_figure
def complete() -> "Figure":
    """Complete pooling: one theta for all departments."""
    return _five()["complete pooling"].plot(unit=UNIT)


@_figure
def no() -> "Figure":
    """No pooling: each department on its own."""
    return _five()["no pooling"].plot(unit=UNIT)


@_figure
def partial() -> "Figure":
    """Partial pooling: mu, tau and the thetas."""
    return _five()["partial pooling"].plot(unit=UNIT)


@_figure
def ragged() -> "Figure":
    """Partial pooling of three, three and one measurements."""
    return _five()["ragged"].plot(unit=UNIT)


@_figure
def learned_sigma() -> "Figure":
    """Partial pooling where each department learns its own sigma."""
    return _five()["learned sigma"].plot(unit=UNIT)


@_figure
def nine_settings() -> "Figure":
    """The thetas under nine pairs of scales of the priors of mu and tau."""
    figure = new_figure(7.8, 5.6)
    axes = figure.subplots(3, 3, sharex=True)
    for ax, (mu_scale, tau_scale) in zip(axes.flat, sorted(SETTINGS), strict=True):
        plots.density(_late(mu_scale, tau_scale), "theta", unit=UNIT if ax in axes[-1] else None, ax=ax)
        ax.set_title(f"mu_scale {mu_scale}, tau_scale {tau_scale}", loc="left", fontsize="small")
        ax.get_legend().remove()
        ax.set_xlabel(ax.get_xlabel() if ax in axes[-1] else "")
        ax.set_ylabel("")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure


@_figure
def five_models() -> "Figure":
    """The mean and interval of each theta under five models; crosses are the means of the data."""
    figure = new_figure(10.0, 4.4)
    left, right = figure.subplots(1, 2)
    models = _five()
    one = {name: models[name] for name in ("complete pooling", "no pooling", "partial pooling")}
    several = {name: models[name] for name in ("ragged", "learned sigma")}
    for ax, compared, data in ((left, one, LATE), (right, several, RAGGED)):
        plots.pooling_comparison(compared, observed=observe(data.values), unit=UNIT, ax=ax, legend=False)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.01), ncols=1, frameon=False, fontsize="small")
        ax.set_xlim(-45, 50)
    return figure


@_figure
def plates() -> "Figure":
    """The plate diagrams of the five models, from their programs."""
    figure = new_figure(10.0, 7.6)
    *axes, spare = figure.subplots(2, 3).flat
    spare.remove()
    for ax, (name, post) in zip(axes, _five().items(), strict=True):
        plots.plate_diagram(post, ax=ax)
        ax.set_title(name, fontsize="medium")
        ax.set(xlim=(-2.3, 2.3), ylim=(-1.3, 3.8))
    return figure


# --- how good a grid is, and what is right ------------------------------------------------------------------------------


@_figure
def classic_grids() -> "Figure":
    """What the classic grids cut off at scales (1, 1): half of the posterior of tau, and what that does to a theta."""
    figure = new_figure(9.0, 3.4)
    left, right = figure.subplots(1, 2)
    gridded, continuous = _late(1, 1, CLASSIC), _late(1, 1)
    plots.grid_nodes(gridded, "tau", continuous=continuous, unit=UNIT, ax=left)
    plots.grid_nodes(gridded, "theta", "MATH", continuous=continuous, unit=UNIT, ax=right)
    left.set_xlim(0, 12)
    right.set_xlim(-12, 25)
    return figure


@_figure
def double_count() -> "Figure":
    """Data used once and twice at scales (1, 20), beside the joint of all five unknowns summed by brute force."""
    figure = new_figure(10.0, 3.4)
    nodes = COARSE["theta"].nodes
    brute, once, twice = _brute_force(1, 20), _late(1, 20, COARSE).marginal("theta").values, _counted_twice(1, 20)
    for d, (ax, label) in enumerate(zip(figure.subplots(1, 3, sharey=True), LATE.values, strict=True)):
        ax.bar(nodes, brute[d], width=5.5, color=ink(), alpha=0.18, label="sum over the joint of all unknowns")
        ax.plot(nodes, once[d], marker="o", label="data used once", **group_style(0))
        ax.plot(nodes, twice[d], marker="s", label="data used twice", **group_style(1))
        ax.set_xlabel(f"theta[{label}], {UNIT}")
        ax.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("probability of a node")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """p(theta | mu, tau), (mu, tau, theta), and L_d(theta), (group, theta), on the coarse grids."""
    mu, tau, theta = np.ix_(*(COARSE[name].nodes for name in ("mu", "tau", "theta")))
    k = np.exp(-0.5 * ((theta - mu) / tau) ** 2)
    t = np.array([values[0] for values in LATE.values.values()])[:, None]
    return k / k.sum(axis=2, keepdims=True), np.exp(-0.5 * ((t - COARSE["theta"].nodes) / SIGMA) ** 2)


def _brute_force(mu_scale: float, tau_scale: float) -> np.ndarray:
    """p(theta_d | t), (group, theta), from the joint of (mu, tau, three thetas), every cell of it."""
    mu, tau = COARSE["mu"].nodes, COARSE["tau"].nodes
    prior = np.exp(Normal(0, mu_scale).logpdf(mu)[:, None] + HalfCauchy(tau_scale).logpdf(tau))
    k, own = _tables()
    joint = np.einsum("ij,ijx,ijy,ijz,x,y,z->xyz", prior, k, k, k, *own, optimize=False)
    each = np.array([joint.sum(axis=tuple({0, 1, 2} - {d})) for d in range(3)])
    return each / joint.sum()


def _counted_twice(mu_scale: float, tau_scale: float) -> np.ndarray:
    """The mistake: p(mu, tau | t), which has seen all of t, as the prior of theta_d, conditioned on t_d again."""
    k, own = _tables()
    hyper = _late(mu_scale, tau_scale, COARSE).joint("mu", "tau").values
    masses = np.einsum("ij,ijx->x", hyper, k) * own
    return masses / masses.sum(axis=1, keepdims=True)


# --- eight schools ------------------------------------------------------------------------------------------------------


@_figure
def eight_schools_shrinkage() -> "Figure":
    """No and partial pooling of the eight schools; arrows show how far each estimate is drawn."""
    known = {"data": SCHOOLS.values, "sigma": SCHOOLS.errors}
    compared = {"partial pooling": _schools(), "no pooling": no_pooling(**known, theta=Normal(0, 100))}
    return figure_of(plots.pooling_comparison(compared, observed=observe(**known), unit=SCHOOLS.unit))


@_figure
def eight_schools_forest() -> "Figure":
    """The meta-analysis of the eight schools, and what is expected in a ninth."""
    return figure_of(plots.forest(_schools(), unit=SCHOOLS.unit))


@_figure
def eight_schools_panels() -> "Figure":
    """mu, tau and the thetas of the eight schools."""
    return _schools().plot(unit="points")


@_figure
def eight_schools_joint() -> "Figure":
    """mu and tau of the eight schools at once."""
    return figure_of(plots.joint(_schools(), "mu", "tau", unit="points"))


@_figure
def eight_schools_contrasts() -> "Figure":
    """School A against every other."""
    pairs = [("A", other) for other in "BCDEFGH"]
    return figure_of(plots.contrasts(_schools(), pairs, unit="points"))


@_figure
def eight_schools_ranks() -> "Figure":
    """How probably each school is best, second best, and so on."""
    return figure_of(plots.rank_probabilities(_schools()))


# --- one parameter, regressions, mixtures: rows made for these figures --------------------------------------------------


@_figure
def balls() -> "Figure":
    """The share of red balls as more are drawn from a bag in which half are red."""
    ax = new_axes(5.6, 3.4)
    for index, (red, count) in enumerate([(3, 5), (12, 20), (41, 80), (155, 320)]):
        ax.plot(*curve(proportion(red, count).marginals["p"][0]), label=f"{red} of {count}", **group_style(index))
    ax.set(xlabel="p, share of red balls", ylabel="density", xlim=(0, 1), ylim=(0, None))
    ax.spines[["top", "right"]].set_visible(False)
    open_legend(ax)
    return figure_of(ax)


@_figure
def bins() -> "Figure":
    """From a histogram to a density: the mass of N(0, 1) in 2, 5, 10 and 26 bins, over their widths."""
    figure, x = new_figure(10, 2.6), np.linspace(-4, 4, 201)
    for index, (ax, count) in enumerate(zip(figure.subplots(1, 4, sharey=True), (2, 5, 10, 26), strict=True)):
        edges = np.linspace(-4, 4, count + 1)
        mass = np.diff(ndtr(np.concatenate([[-np.inf], edges[1:-1], [np.inf]])))  # the tails go to the outer bins
        ax.bar(edges[:-1], mass / np.diff(edges), np.diff(edges), align="edge", alpha=0.45, edgecolor="white")
        ax.plot(x, np.exp(Normal(0, 1).logpdf(x)), color=ink(), linewidth=1)
        ax.set(xlabel=f"x, {count} bins", ylabel="" if index else "mass / width")
        ax.spines[["top", "right"]].set_visible(False)
    return figure


@_figure
def densities() -> "Figure":
    """Six densities that priors are made of."""
    figure = new_figure(9, 4.2)
    gallery = (Normal(0, 1), StudentT(3, 0, 1), HalfNormal(1), HalfCauchy(1), Exponential(1), Beta(5, 5))
    for index, (ax, prior) in enumerate(zip(figure.subplots(2, 3).flat, gallery, strict=True)):
        low, high = prior.support
        x = np.linspace(max(low, -4), min(high, 4), 401)
        ax.plot(x, np.exp(prior.logpdf(x)), **group_style(index))
        ax.set(xlabel=repr(prior), ylabel="" if index % 3 else "density", ylim=(0, None))
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def _normals(count: int) -> np.ndarray:
    """Rows of a mixture: 70% about 0, 30% about 4, sd 1."""
    rng = np.random.default_rng(4)
    return np.where(rng.uniform(size=count) < 0.7, 0.0, 4.0) + rng.normal(size=count)


@_figure
def mixture_of_two() -> "Figure":
    """Rows of two kinds and the components found; and mu by labels in order, and when no one says which is which."""
    figure = new_figure(9.6, 3.6)
    left, right = figure.subplots(1, 2)
    y, priors = _normals(200), {"mu": Normal(0, 5), "sigma": 1.0}
    ordered, mirrored = (mixture(y, **priors, labels=labels) for labels in ("ordered", "mirrored"))
    plots.mixture_components(ordered, y, sigma=1.0, ax=left)
    for k, marginal in enumerate(ordered.marginals["mu"]):
        right.plot(*curve(marginal), label=f"mu[{k}], in order", **group_style(k))
    right.plot(*curve(mirrored.marginals["mu"][0], 2000), color=ink(), linestyle=":", label="either, mirrored")
    right.set(xlabel="mu", ylabel="density", ylim=(0, None))
    right.spines[["top", "right"]].set_visible(False)
    open_legend(right, loc="upper center")
    return figure


@_figure
def regression() -> "Figure":
    """A line through 40 rows, its band, and that of a new row."""
    rng = np.random.default_rng(5)
    x = rng.uniform(0, 10, 40)
    y = 0.5 * x + 5 + 2 * rng.normal(size=40)
    return figure_of(plots.regression_line(linear_regression(x, y, sigma=HalfNormal(2)), prob=0.95))


@_figure
def mixture_of_two_regressions() -> "Figure":
    """Rows of two factories, whose lines cross, and the lines found without knowing whose row is whose."""
    rng = np.random.default_rng(8)
    first, x = np.arange(200) < 60, rng.uniform(1, 10, 200)
    y = np.where(first, 0.8 * x + 1 + rng.normal(size=200), -0.5 * x - 1 + 2 * rng.normal(size=200))
    priors: dict[str, Any] = {"slope": Normal(0, 1), "intercept": Normal(0, 1), "sigma": HalfNormal(1)}
    return figure_of(plots.mixture_lines(mixture_of_regressions(x, y, **priors, order=5), x, y))
