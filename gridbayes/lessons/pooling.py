"""Figures of the pooling models and of eight schools. A function a figure, named like its file."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gridbayes import plots
from gridbayes.comparison import compare
from gridbayes.datasets import eight_schools, punctuality
from gridbayes.grids import Grid, geomspace, linspace
from gridbayes.lessons.registry import registered
from gridbayes.models.complete_pooling import complete_pooling
from gridbayes.models.linear_regression import linear_regression
from gridbayes.models.no_pooling import no_pooling
from gridbayes.models.partial_pooling import partial_pooling
from gridbayes.models.sensitivity import sensitivity as swept
from gridbayes.observations import observe
from gridbayes.plots.style import figure_of, group_style, ink, new_figure
from gridbayes.posterior import Posterior
from gridbayes.priors import HalfCauchy, HalfNormal, Normal
from gridbayes.program import Program
from gridbayes.quickstart import drawn, studies

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LATE, RAGGED, SCHOOLS = punctuality(), punctuality(ragged=True), eight_schools()
SIGMA = 15.0  # minutes, of one measurement
UNIT = LATE.unit
WIDE = Normal(0, 20)
SETTINGS = ((1, 3), (3, 3), (10, 3), (1, 1), (1, 10), (1, 20), (20, 20), (20, 3), (3, 20))  # mu_scale, tau_scale
CLASSIC = {"mu": linspace(-25, 25, 100), "tau": linspace(1, 30, 100), "theta": linspace(-40, 40, 200)}
COARSE = {"mu": linspace(-25, 25, 9), "tau": linspace(1, 30, 8), "theta": linspace(-40, 40, 12)}
MINT = """
@memo
def belief[_coin: Coin, _p: P](heads, tosses):
    mint: chooses(coin in Coin, wpp=1)
    mint: chooses(p in P, wpp=struck(coin, p))
    mint: observes_event(wpp=likelihood(p, heads, tosses))
    return Pr[mint.coin == _coin, mint.p == _p]
"""


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


@registered
def quickstart() -> "Figure":
    """Three models of eight schools and of the ragged punctuality data."""
    return drawn(studies())


@registered
def complete() -> "Figure":
    """Complete pooling: one theta for all departments."""
    return _five()["complete pooling"].plot(unit=UNIT)


@registered
def no() -> "Figure":
    """No pooling: each department on its own."""
    return _five()["no pooling"].plot(unit=UNIT)


@registered
def partial() -> "Figure":
    """Partial pooling: mu, tau and the thetas."""
    return _five()["partial pooling"].plot(unit=UNIT)


@registered
def ragged() -> "Figure":
    """Partial pooling of three, three and one measurements."""
    return _five()["ragged"].plot(unit=UNIT)


@registered
def learned_sigma() -> "Figure":
    """Partial pooling where each department learns its own sigma."""
    return _five()["learned sigma"].plot(unit=UNIT)


@registered
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


@registered
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


@registered
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


@registered
def plates_of_rows() -> "Figure":
    """The plate diagrams of a regression, from its priors, and of a memo of one's own, from its text."""
    figure = new_figure(8.4, 4.0)
    line = linear_regression([0, 1, 3], [1, 2, 2], slope=Normal(0, 1), intercept=Normal(0, 5), sigma=HalfNormal(2))
    for ax, post in zip(figure.subplots(1, 2), (line, Program(MINT)), strict=True):
        plots.plate_diagram(post, ax=ax)
        ax.set(xlim=(-2.3, 2.6), ylim=(-1.1, 3.8))
    return figure


@registered
def sensitivity() -> "Figure":
    """What the scales of both priors do to a theta and to log evidence; the setting of the other figures is marked."""
    figure = new_figure(9.4, 3.4)
    sweep = swept(LATE.values, sigma=SIGMA, mu_scale=geomspace(1, 30, 40), tau_scale=geomspace(1, 30, 40))
    maps = {"E theta[MATH], minutes late": sweep.mean("theta", "MATH"), "log evidence": sweep.log_evidence}
    for ax, (label, values) in zip(figure.subplots(1, 2), maps.items(), strict=True):
        plots.sensitivity_map(values, at={"mu_scale": 10, "tau_scale": 10}, label=label, ax=ax)
    return figure


@registered
def models_compared() -> "Figure":
    """Four models of the ragged data: their probabilities, their elpd, and which rows each foretells."""
    figure = new_figure(10.4, 4.0)
    axes = figure.subplot_mosaic([["evidence", "rows"], ["elpd", "rows"]], width_ratios=(1, 1.2))
    known: dict[str, Any] = {"data": RAGGED.values, "sigma": SIGMA, "theta": WIDE}
    models = {"complete pooling": complete_pooling(**known), "no pooling": no_pooling(**known)}
    models |= {"partial pooling": _five()["ragged"], "learned sigma": _five()["learned sigma"]}
    table = compare(models)
    plots.evidence_bars(table, ax=axes["evidence"])
    plots.elpd_comparison(table, ax=axes["elpd"])
    plots.elpd_pointwise({name: models[name].loo() for name in table.index}, ax=axes["rows"])
    return figure


@registered
def foretold() -> "Figure":
    """The ragged data beside what partial pooling foretells of a new row in each group, and their PIT."""
    figure = new_figure(10.0, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    plots.predictive(_five()["ragged"], unit=UNIT, ax=left)
    plots.pit(_five()["ragged"], ax=right)
    return figure


# --- how good a grid is, and what is right ------------------------------------------------------------------------------


@registered
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


@registered
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


@registered
def eight_schools_shrinkage() -> "Figure":
    """No and partial pooling of the eight schools; arrows show how far each estimate is drawn."""
    known = {"data": SCHOOLS.values, "sigma": SCHOOLS.errors}
    compared = {"partial pooling": _schools(), "no pooling": no_pooling(**known, theta=Normal(0, 100))}
    return figure_of(plots.pooling_comparison(compared, observed=observe(**known), unit=SCHOOLS.unit))


@registered
def eight_schools_forest() -> "Figure":
    """The meta-analysis of the eight schools, and what is expected in a ninth."""
    return figure_of(plots.forest(_schools(), unit=SCHOOLS.unit))


@registered
def eight_schools_panels() -> "Figure":
    """mu, tau and the thetas of the eight schools."""
    return _schools().plot(unit="points")


@registered
def eight_schools_joint() -> "Figure":
    """mu and tau of the eight schools at once."""
    return figure_of(plots.joint(_schools(), "mu", "tau", unit="points"))


@registered
def eight_schools_contrasts() -> "Figure":
    """School A against every other."""
    pairs = [("A", other) for other in "BCDEFGH"]
    return figure_of(plots.contrasts(_schools(), pairs, unit="points"))


@registered
def eight_schools_ranks() -> "Figure":
    """How probably each school is best, second best, and so on."""
    return figure_of(plots.rank_probabilities(_schools()))
