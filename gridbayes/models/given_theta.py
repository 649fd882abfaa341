"""New rows that are not normal, from what is known of their theta.

    p(y | t) = int p(theta | t) p(y | theta, n) dtheta,      n the row's trials, exposure or sigma

Counts: the integral is a sum over panels of theta so fine that they resolve p(y | theta, n) for every y, whose width in
theta is 1 / sqrt(Var[y | theta]): on the scale where that is constant they are equally long (Anscombe 1948). Student's t is
a mixture of normals of precision lambda / sigma**2, lambda ~ Gamma(df / 2, df / 2) (Lange, Little & Taylor 1989), and each
of them smooths p(theta | t) (smoothing.py). On explicit grids theta is on its nodes and both are plain sums.
"""

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln

from gridbayes.conditional import graded, log_sum_exp
from gridbayes.densities import student_t_lpdf
from gridbayes.engine import run_groups
from gridbayes.grids import FINE, Grid, adapt, in_panels
from gridbayes.likelihoods import Canonical, StudentTErrors
from gridbayes.models.prediction import MEMOS, NewRows
from gridbayes.smoothing import log_smoothed
from gridbayes.summaries import Marginal

__all__ = ["count_given", "given_theta", "middle_of_step"]

COUNTS = 2**14  # that are told apart: more of them take seconds a row
LOST = 1e-3  # of a row's probability beyond these, with which it is refused: intervals of up to 99.8% are right
NEGLIGIBLE = 1e-12  # of the same, with which moments are right
TOGETHER = 2**22  # numbers of one temporary
STEP = 0.35  # of the trapezoid rule over log lambda: exp(-pi**2 / STEP) is 6e-13
FAR = 36.0  # e**-36 of its mass is where a distribution is cut off
FLOOR = 600.0  # e**-600 of its peak: where a log density is cut off, so that polynomials go through it


def given_theta(rows: NewRows, theta: tuple[Marginal, ...]) -> tuple[Marginal, ...]:
    """y of each row, whose likelihood is not normal, from the marginal of its theta."""
    likelihood, known = rows.model.likelihood, rows.known
    if isinstance(likelihood, Canonical):
        numbers = np.ones(len(theta)) if known is None else known
        return tuple(
            count_given(likelihood, n, each, rows.title) for n, each in zip(numbers.tolist(), theta, strict=True)
        )
    assert isinstance(likelihood, StudentTErrors) and known is not None, "a row of Student's t has a sigma"
    densities = [_student(likelihood.df, s, each) for s, each in zip(known.tolist(), theta, strict=True)]
    return run_groups(MEMOS["y"], "prediction", "y", densities)


def middle_of_step(y: Marginal, value: float) -> float:
    """P(y < value | t) + P(y = value | t) / 2: the mean of the nonrandomised PIT of a count.

    Source: Czado, Gneiting & Held (2009), "Predictive model assessment for count data", Biometrics 65:1254-1261, section
    2.1, whose F(u | value) is uniform between P(y < value) and P(y <= value).
    """
    return float(y.cdf(value - 1) + y.cdf(value)) / 2


# --- counts -----------------------------------------------------------------------------------------------------------


def count_given(likelihood: Canonical, n: float, theta: Marginal, title: str) -> Marginal:
    """p(y | t) of every count that has any probability; ValueError where these are too many.

    Where a heavy tail of theta reaches beyond the counts that are told apart, the last stands for all beyond it, and mean
    and sd are not known: nan and inf.
    """
    low, high = likelihood.span(n, *theta.quantile(np.array([1e-15, 1 - 1e-15])).tolist())
    y = np.arange(low, min(high, low + COUNTS) + 1)
    nodes, masses = _resolved(likelihood, n, theta, float(y[-1]))
    p = np.zeros(len(y))
    for part in np.array_split(np.arange(len(nodes)), -(-len(nodes) * len(y) // TOGETHER)):
        p += np.exp(likelihood.log_row(y[:, None], n, nodes[part])) @ masses[part]
    beyond = 1.0 - float(p.sum())
    if beyond > LOST:
        raise ValueError(
            f"{title} reaches beyond {y[-1]:.0f}, the last of {len(y)} counts, with probability {beyond:.2g}: its theta is "
            f"known too little for n = {n:g}. Pass less of {likelihood.known}, or priors with lighter tails, for example "
            "tau=gridbayes.HalfNormal(1)."
        )
    if beyond > NEGLIGIBLE:
        p[-1] += beyond
        return Marginal(Grid(y), p, tails=(np.inf, 1.0))
    return Marginal(Grid(y), p / p.sum())


def _resolved(
    likelihood: Canonical, n: float, theta: Marginal, highest: float
) -> tuple[Float[np.ndarray, " node"], Float[np.ndarray, " node"]]:
    """Nodes of theta with its masses, on panels that resolve p(y | theta, n) for counts up to the highest."""
    grid = theta.grid
    if grid.rule != "panels":
        return grid.nodes, theta.masses
    fine = in_panels(np.union1d(grid.edges, likelihood.marks(n, *grid.edges[[0, -1]].tolist(), highest)))
    masses = np.maximum(theta.density(fine.nodes), 0.0) * fine.weights
    return fine.nodes, masses / masses.sum()


# --- Student's t ------------------------------------------------------------------------------------------------------


def _student(df: float, sigma: float, theta: Marginal) -> tuple[Grid, np.ndarray]:
    """The log density of theta + sigma e, e with Student's t distribution, on panels."""
    lam, log_p = _precisions(df)
    low, high = theta.grid.nodes[[0, -1]]
    centre, reach = float(theta.quantile(0.5)), sigma / np.sqrt(lam[0])
    first = graded(centre, sigma, low - reach, high + reach)
    if theta.grid.rule != "panels":
        with np.errstate(divide="ignore"):
            log_masses = np.log(theta.masses)

        def log_density(_, y: np.ndarray) -> np.ndarray:
            return log_sum_exp(log_masses + student_t_lpdf(y[..., None], df, theta.grid.nodes, sigma))

        return adapt(log_density, [first], *FINE)[0]
    with np.errstate(divide="ignore"):
        log_theta = np.log(theta.masses) - theta.grid.log_weight
    log_theta = np.maximum(log_theta, log_theta.max() - FLOOR)[:, None]

    def log_smooth(_, y: np.ndarray) -> np.ndarray:
        each = log_smoothed(theta.grid, np.repeat(log_theta, len(lam), axis=1), y.ravel(), sigma / np.sqrt(lam))
        return log_sum_exp(log_p + each).reshape(y.shape)

    return adapt(log_smooth, [first], *FINE)[0]


def _precisions(df: float) -> tuple[Float[np.ndarray, " node"], Float[np.ndarray, " node"]]:
    """Values of lambda ~ Gamma(df / 2, df / 2) and their log masses: the trapezoid rule in log lambda."""
    a = df / 2
    x = np.arange(-FAR / a, np.log(1 + FAR / a) + 2.0, STEP)  # log lambda
    return np.exp(x), a * np.log(a) - gammaln(a) + a * x - a * np.exp(x) + np.log(STEP)
