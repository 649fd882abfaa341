"""Mixtures by quadrature: seconds of a call once it is compiled, and errors against a finer rule.

    python -m benchmarks.quadrature       # medians of 5 calls; `1` for one call of each

- mixture of two regressions, 7 parameters, 1,000 rows and 60 rows, product rules of order 3, 5 and 7;
- mixture of two normals, 5 parameters, 1,000 values, by order and as it is chosen;
- mixture of three regressions, 11 free parameters, 1,000 rows: sparse, and weighted points, doubled.

`first` is the first call, which compiles where none before had as many rows. `a call` and `processor` are medians of calls
after it, validation and search for the mode included, and the processor's seconds of the
same; `times` is the processor's beside the first way's. `off by` is the largest distance of a mean, in sds, and of an
sd, in parts of it, to the way with the smallest error stated; `stated` is the largest distance between the two rules
that the accuracy statement compares.
"""

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import mixtures

import gridbayes as gb

PRIORS = {"slope": gb.Normal(0, 1), "intercept": gb.Normal(0, 1), "sigma": gb.HalfNormal(1)}
CALLS = int(sys.argv[1]) if len(sys.argv) > 1 else 5


def regressions(rows: dict, *components: int, **options: int) -> Callable[[], gb.Posterior]:
    """A mixture of regressions, of two components by a product rule, of three by a sparse one or by points."""
    return lambda: gb.mixture_of_regressions(rows["x"], rows["y"], *components, **PRIORS, **options)


def two(count: int, order: int) -> Callable[[], gb.Posterior]:
    """The mixture of two regressions."""
    return regressions(mixtures.regression_rows(count), order=order)


def normals(order: int | None) -> Callable[[], gb.Posterior]:
    """The mixture of two normals."""
    y = mixtures.two_normal_rows()
    return lambda: gb.mixture(y, mu=gb.Normal(0, 2), sigma=gb.HalfNormal(2), weight=gb.Beta(5, 5), order=order)


def three(**options: object) -> Callable[[], gb.Posterior]:
    """The mixture of three regressions."""
    return regressions(mixtures.three_regression_rows(1000), 3, **options)


PROBLEMS = {
    "two regressions, 1,000 rows": {f"order {order}": two(1000, order) for order in (3, 5, 7)},
    "two regressions, 60 rows": {f"order {order}": two(60, order) for order in (3, 5, 7)},
    "two normals, 1,000 values": {
        "as it is chosen": normals(None),
        **{f"order {order}": normals(order) for order in (7, 9, 11, 13)},
    },
    "three regressions, 1,000 rows": {
        "level 3": three(rule="sparse", order=3),
        "level 4": three(rule="sparse", order=4),
        "32,768 points": three(rule="points", budget=2**15),
        "65,536 points": three(rule="points", budget=2**16),
        "131,072 points": three(rule="points", budget=2**17),
    },
}


def timed(call: Callable[[], gb.Posterior]) -> tuple[float, float]:
    """Seconds of a call, and the processor's."""
    start = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def distances(post: gb.Posterior, reference: gb.Posterior) -> tuple[float, float]:
    """The largest distance of a mean, in sds, and of an sd, in parts of it."""
    pairs = [(one, other) for (_, one), (_, other) in zip(post.rows, reference.rows, strict=True)]
    means = max(abs(one.mean - other.mean) / other.sd for one, other in pairs)
    return means, max(abs(one.sd / other.sd - 1) for one, other in pairs)


def report(problem: str, calls: dict[str, Callable[[], gb.Posterior]]) -> None:
    """A row a way."""
    firsts, posts = {}, {}
    for name, call in calls.items():
        start = time.perf_counter()
        posts[name] = call()
        firsts[name] = time.perf_counter() - start
    best = min(posts, key=lambda name: posts[name].model.resolved.gap)
    print(f"{problem:<32}{'first':>9}{'a call':>10}{'processor':>11}{'times':>7}{'points':>10}", end="")
    print(f"{'means off by':>14}{'sds off by':>12}{'stated':>10}")
    of_first = None
    for name, call in calls.items():
        wall, processor = (median(each) for each in zip(*(timed(call) for _ in range(CALLS)), strict=True))
        of_first = of_first or processor
        stated, count = posts[name].model.resolved.gap, len(posts[name].model.weighted()[1])
        print(
            f"  {name:<30}{firsts[name]:>7.1f} s{wall:>8.3f} s{processor:>9.3f} s{processor / of_first:>7.1f}", end=""
        )
        if name == best:
            print(f"{count:>10,}{'beside it':>14}{'':>12}{stated:>10.1e}")
            continue
        means, sds = distances(posts[name], posts[best])
        print(f"{count:>10,}{means:>14.1e}{sds:>12.1e}{stated:>10.1e}")
        if stated < max(means, sds):
            print("    the stated error is too small, or that of the way beside it is larger")


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore", gb.QuadratureWarning)
    for problem, calls in PROBLEMS.items():
        report(problem, calls)


if __name__ == "__main__":
    main()
