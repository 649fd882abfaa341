"""Are the numbers right, and do posteriors say how right?

    python -m benchmarks.accuracy [problems]

First, eight schools: error against cells and seconds, automatic grids beside explicit ones of growing size. Then the
true error of every reported quantity beside the stated one, over random problems (500 unless the argument says
otherwise), by kind of problem. The truth is continuum.py's, by rules of another kind, at two steps: what they
disagree by is not counted as anybody's error.

Errors are in posterior sds (means, quantiles), relative (sds), or absolute (log evidence).
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np

import gridbayes as gb
from benchmarks.continuum import Continuum, Rows, exists

EFFECTS, ERRORS = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]
SCHOOLS = {"sigma": ERRORS, "mu": gb.Normal(0, 5), "tau": gb.HalfCauchy(5)}
SIZES = (10, 20, 40, 80, 160)
GROUPS = (0.2, 0.15, 0.15, 0.15, 0.15, 0.1, 0.05, 0.05)  # shares of 2 to 30 groups: most problems are small
KNOWN = 1e-13  # relative: nothing is known better
STEPS = (1 / 16, 1 / 32, 1 / 64, 1 / 128)
BOUNDS = {"eti89_lb": 0.055, "eti89_ub": 0.945}
BOUNDED = 2  # thetas of a problem whose bounds are compared


@dataclass(frozen=True, eq=False)
class Problem:
    """A random problem.

    Parameters
    ----------
    kind : under which it is counted.
    fit : computes gridbayes' posterior.
    rows : the same for continuum.py.
    """

    kind: str
    fit: Callable[[], gb.Posterior]
    rows: Rows


@dataclass(frozen=True)
class Quantity:
    """One reported number: `label` and `statistic` as the accuracy statement names it, true and stated error."""

    label: str
    statistic: str
    true: float
    stated: float


# --- random problems --------------------------------------------------------------------------------------------


def random_problem(seed: int) -> Problem:
    """The problem of this number: the same in every run."""
    rng = np.random.default_rng([20, seed])
    kind = str(rng.choice(list(KINDS), p=[share for share, _ in KINDS.values()]))
    return KINDS[kind][1](rng, kind)


def _partial(rng: np.random.Generator, kind: str) -> Problem:
    y, errors = _effects(rng, int(rng.choice([2, 3, 4, 5, 8, 12, 20, 30], p=GROUPS)))
    priors = {"mu": _location(rng, y), "tau": _scale(rng, y, len(y))}
    if _measured(y) < 2:
        priors["tau"] = gb.HalfNormal(float(np.std(errors) + errors.mean()))
    return _known(kind, gb.partial_pooling, "partial", y, errors, priors)


def _unpooled(rng: np.random.Generator, kind: str) -> Problem:
    y, errors = _effects(rng, int(rng.choice([1, 2, 3, 5, 8])))
    prior = _location(rng, y)
    prior = gb.Normal(0, 10) if prior == gb.Flat() and np.isnan(y).any() else prior
    return _known(kind, gb.no_pooling, "no", y, errors, {"theta": prior})


def _completely(rng: np.random.Generator, kind: str) -> Problem:
    y, errors = _effects(rng, int(rng.choice([1, 2, 3, 5, 8, 20])))
    return _known(kind, gb.complete_pooling, "complete", y, errors, {"theta": _location(rng, y)})


def _explicit(rng: np.random.Generator, kind: str) -> Problem:
    """Grids that a user might write: some too short, some too coarse."""
    y, errors = _effects(rng, int(rng.choice([2, 3, 5, 8])))
    priors = {"mu": _location(rng, y, proper=True), "tau": gb.HalfCauchy(float(np.nanstd(y)) + 1)}
    middle, reach = float(np.nanmean(y)), float(np.nanmax(np.abs(y - np.nanmean(y))) + errors.max())
    low, high = priors["mu"].ppf(np.array([0.01, 0.99]))
    width = rng.uniform(1, 4) * reach
    start, end = max(low, middle - width), min(high, middle + width)
    start, end = (start, end) if start < end else (low, high)
    counts = rng.choice([20, 50, 100], 3)
    grids = {
        "mu": gb.linspace(float(start), float(end), int(counts[0])),
        "tau": gb.linspace(rng.uniform(0, 0.2) * reach, width, int(counts[1])),
        "theta": gb.linspace(middle - width, middle + width, int(counts[2])),
    }
    grids = {name: grid for name, grid in grids.items() if rng.random() < 0.8} or grids
    return _known(kind, gb.partial_pooling, "partial", y, errors, priors, grids=grids)


def _shared_sigma(rng: np.random.Generator, kind: str) -> Problem:
    groups = int(rng.choice([2, 3, 5, 8]))
    spread, sigma = 10 ** rng.uniform(-0.5, 1.5, 2)
    theta = rng.normal(rng.uniform(-20, 20), spread, groups)
    data = [rng.normal(theta[d], sigma, rng.integers(1, 9) + (d == 0)).round(2) for d in range(groups)]
    y = np.array([values.mean() for values in data])
    pooled = str(rng.choice(["partial", "no", "complete"], p=[0.7, 0.15, 0.15]))
    location = gb.Normal(float(rng.normal(0, 10)), float(10 ** rng.uniform(0, 2)))
    if rng.random() < 0.3:
        location = _location(rng, y)
    size = 10 ** rng.uniform(0, 1.5)
    noise = [gb.HalfCauchy(size), gb.HalfNormal(size), gb.Exponential(1 / size), gb.InverseGamma(3, size)]
    priors = {"mu": location, "tau": _scale(rng, y, 0)} if pooled == "partial" else {"theta": location}
    if location == gb.Flat() and sum(map(len, data)) < 2 * groups + 3:
        priors["mu" if pooled == "partial" else "theta"] = gb.Normal(0, 30)
    priors["sigma"] = noise[rng.integers(len(noise))]
    count = np.array([len(values) for values in data])
    squares = np.array([((values - values.mean()) ** 2).sum() for values in data])
    call = {"partial": gb.partial_pooling, "no": gb.no_pooling, "complete": gb.complete_pooling}[pooled]
    rows = Rows(pooled, y, count, squares, None, priors)
    return Problem(kind, lambda: call([list(values) for values in data], **priors, shared_sigma=True), rows)


KINDS = {  # share of all problems, and how one is drawn
    "partial pooling": (0.6, _partial),
    "explicit grids": (0.14, _explicit),
    "no pooling": (0.11, _unpooled),
    "complete pooling": (0.11, _completely),
    "shared sigma": (0.04, _shared_sigma),
}


def _effects(rng: np.random.Generator, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Effects (group,), NaN where a group has no data, and errors over two decades: homogeneous, spread, with an outlier."""
    unit = 10 ** rng.uniform(-1, 2)
    errors = unit * 10 ** rng.uniform(-1, 1, groups)
    spread = rng.choice([0.0, 0.3, 1, 3, 30]) * unit
    y = rng.normal(rng.normal(0, 3) * unit, np.hypot(spread, errors))
    if rng.random() < 0.2:
        y[rng.integers(groups)] += 20 * unit * rng.choice([-1, 1])
    if rng.random() < 0.1:
        y[:] = y[0]
    if groups > 2 and rng.random() < 0.1:
        y[rng.integers(1, groups)] = np.nan
    return y, errors


def _measured(y: np.ndarray) -> int:
    return int(np.isfinite(y).sum())


def _location(rng: np.random.Generator, y: np.ndarray, proper: bool = False) -> gb.Prior:
    unit = float(np.nanstd(y) + np.nanmean(np.abs(y)) / 3 + 0.1) * 10 ** rng.uniform(-1, 1.5)
    loc = float(rng.choice([0.0, np.nanmean(y) + rng.normal() * unit]))
    priors = [
        gb.Normal(loc, unit),
        gb.StudentT(float(rng.uniform(3, 30)), loc, unit),
        gb.StudentT(3.0, loc, unit),
        gb.Cauchy(loc, unit),
        gb.Laplace(loc, unit),
        gb.Uniform(loc - 3 * unit, loc + unit * rng.uniform(1, 4)),
        *([] if proper else [gb.Flat()]),
    ]
    return priors[rng.integers(len(priors))]


def _scale(rng: np.random.Generator, y: np.ndarray, groups: int) -> gb.Prior:
    """A prior of tau; flat where five groups make the posterior proper and its moments finite."""
    unit = float(np.nanstd(y) + np.nanmean(np.abs(y)) / 10 + 0.1) * 10 ** rng.uniform(-1.5, 1.5)
    priors = [
        gb.HalfNormal(unit),
        gb.HalfCauchy(unit),
        gb.HalfStudentT(float(rng.uniform(2, 10)), unit),
        gb.Exponential(1 / unit),
        gb.Uniform(0, 5 * unit),
        gb.Gamma(float(rng.uniform(1, 4)), 2 / unit),
        gb.InverseGamma(float(rng.uniform(1, 5)), unit),
        gb.LogNormal(float(np.log(unit)), float(rng.uniform(0.5, 1.5))),
        *([gb.Flat()] if groups >= 5 and _measured(y) >= 5 else []),
    ]
    return priors[rng.integers(len(priors))]


def _known(
    kind: str, call: Callable, pooled: str, y: np.ndarray, errors: np.ndarray, priors: dict, **more: object
) -> Problem:
    data = {str(d): [] if np.isnan(value) else [value] for d, value in enumerate(y)}
    count = np.isfinite(y).astype(int)
    scales = {name: gb.Flat(0) if name == "tau" and prior == gb.Flat() else prior for name, prior in priors.items()}
    rows = Rows(pooled, y, count, np.zeros(len(y)), errors, scales)
    return Problem(kind, lambda: call(data, sigma=errors, **priors, **more), rows)


# --- true beside stated -----------------------------------------------------------------------------------------


def compared(problem: Problem) -> list[Quantity]:
    """Every reported quantity of one problem that exists, with true and stated error; bounds of two thetas at most."""
    post = problem.fit()
    truth, doubt = settled(problem.rows)
    thetas = [label for label, _ in post.rows if label.startswith("theta[")]
    left_out = set(np.random.default_rng(len(thetas)).permutation(thetas)[BOUNDED:])  # a bound's truth takes seconds
    result = []
    for error in post.accuracy.errors:
        if error.statistic in BOUNDS and error.quantity in left_out:
            continue
        moment = {"mean": 1, "sd": 2}.get(error.statistic, 0)
        if error.quantity == "log_evidence" or exists(problem.rows, error.quantity, moment):
            true = _true_error(truth, problem.rows, post, error.quantity, error.statistic) - doubt
            result.append(Quantity(error.quantity, error.statistic, max(0.0, true), error.size))
    return result


def settled(rows: Rows) -> tuple[Continuum, float]:
    """The truth at the first step whose half changes no moment, and the change that was left."""
    before = Continuum(rows, STEPS[0])
    for step in STEPS[1:]:
        truth = Continuum(rows, step)
        doubt = max(_changes(rows, before, truth))
        if doubt < 1e-12:
            break
        before = truth
    return truth, doubt


def _changes(rows: Rows, one: Continuum, two: Continuum) -> Iterator[float]:
    yield abs(one.log_evidence - two.log_evidence) / max(1.0, abs(two.log_evidence))
    for label, (mean, sd) in two.moments.items():
        if exists(rows, label, 2):
            yield abs(one.moments[label][0] - mean) / max(sd, 1e-3 * abs(mean))
            yield abs(one.moments[label][1] / sd - 1)


def _true_error(truth: Continuum, rows: Rows, post: gb.Posterior, label: str, statistic: str) -> float:
    """In the unit of the statement, less what is not known of the truth."""
    if label == "log_evidence":
        return abs(post.log_evidence - truth.log_evidence) - KNOWN * abs(truth.log_evidence)
    marginal, (mean, sd) = dict(post.rows)[label], truth.moments[label]
    unit = sd if exists(rows, label, 2) else marginal.width
    if statistic in BOUNDS:
        found = float(marginal.quantile(BOUNDS[statistic]))
        exact = truth.quantile(label, BOUNDS[statistic], found, unit)
    else:
        found, exact = getattr(marginal, statistic), {"mean": mean, "sd": sd}[statistic]
    return (abs(found - exact) - KNOWN * abs(exact)) / unit


def table(quantities: dict[str, list[Quantity]]) -> str:
    """A line a kind: how many, the share understated, the worst ratio, the median overstatement."""
    lines = [f"{'kind':<18}{'quantities':>11}{'true > stated':>15}{'worst ratio':>13}{'median overstatement':>22}"]
    for kind, found in quantities.items():
        ratios = [each.true / each.stated for each in found]
        over = median(each.stated / max(each.true, KNOWN) for each in found)
        share = np.mean([ratio > 1 for ratio in ratios])
        lines.append(f"{kind:<18}{len(found):>11}{100 * share:>14.2f}%{max(ratios):>13.2g}{over:>22.1f}")
    return "\n".join(lines)


def random_problems(count: int) -> dict[str, list[Quantity]]:
    """The quantities of `count` problems by kind; those off by more than stated are printed as they come."""
    found: dict[str, list[Quantity]] = {kind: [] for kind in KINDS}
    for seed in range(count):
        if seed and seed % 50 == 0:
            print(f"{seed} of {count} problems done", file=sys.stderr, flush=True)
        problem = random_problem(seed)
        quantities = compared(problem)
        found[problem.kind] += quantities
        for each in quantities:
            if each.true > each.stated:
                print(f"problem {seed}, {problem.kind}: {each}", flush=True)
    found = {kind: quantities for kind, quantities in found.items() if quantities}
    return found | {"all": [each for quantities in found.values() for each in quantities]}


# --- eight schools: error against cells and seconds -------------------------------------------------------------


def schools() -> str:
    """A line a grid: its cells, seconds to a posterior (the second time, compiled), and the largest true error."""
    rows = Rows("partial", np.array(EFFECTS, float), np.ones(8, int), np.zeros(8), np.array(ERRORS, float),
                {"mu": SCHOOLS["mu"], "tau": SCHOOLS["tau"]})  # fmt: skip
    truth, _ = settled(rows)
    lines = [f"{'eight schools':<18}{'cells':>12}{'seconds':>10}{'largest true error':>20}{'stated':>10}"]
    for name, grids in {"automatic": None, **{f"linspace, {size}": _grids(size) for size in SIZES}}.items():
        gb.partial_pooling(EFFECTS, **SCHOOLS, grids=grids)
        start = time.perf_counter()
        post = gb.partial_pooling(EFFECTS, **SCHOOLS, grids=grids)
        seconds = time.perf_counter() - start
        worst = max(_true_error(truth, rows, post, error.quantity, error.statistic) for error in post.accuracy.errors)
        cells, stated = _cells(post, grids is not None), post.accuracy.largest.size
        lines.append(f"{name:<18}{cells:>12,}{seconds:>10.3f}{max(worst, KNOWN):>20.1e}{stated:>10.1e}")
    return "\n".join(lines)


def _grids(size: int) -> dict[str, gb.Grid]:
    """What a user would write: wide, equally spaced, as many nodes for each parameter."""
    return {
        "mu": gb.linspace(-15, 25, size),
        "tau": gb.linspace(0, 50, size),
        "theta": gb.linspace(-50, 70, size),
    }


def _cells(post: gb.Posterior, enumerated: bool) -> int:
    """Cells of the largest table: mu by tau, and by theta where theta is enumerated and no closed form."""
    names = ("mu", "tau", "theta") if enumerated else ("mu", "tau")
    return int(np.prod([max(len(marginal.grid) for marginal in post.marginals[name]) for name in names]))


def main() -> None:
    """Measure and print."""
    print(schools(), flush=True)
    print(table(random_problems(int(sys.argv[1]) if len(sys.argv) > 1 else 500)))


if __name__ == "__main__":
    main()
