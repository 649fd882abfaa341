"""How fast `gridbayes.enumerate` is, and what it takes, for densities as users write them.

    python -m benchmarks.own_density

On 60**3 cells, new data in every call (nothing is compiled again), medians of calls in one process:

- regression: 1,000 rows, `norm.logpdf(y, w * x + c, sigma).sum()` and priors, all rows at every cell;
- the same from its sums (n, sum x, sum y, ...), passed as data;
- mixture: 2,000 rows of two normals, passed as Chebyshev nodes and weights (`gridbayes.row_sums`);
- eager: the regression by one flat `vmap` over cells, the way without gridbayes.

A billion cells, 1000**3 of a cheap density, in a process of its own: seconds, and peak memory. Each peak is that of a fresh
process. The difference is of the mean of the first parameter, in sds, from NumPy's over all rows.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
ROUNDS = 9
SPANS = {"w": (1.38, 1.62), "c": (0.18, 0.42), "sigma": (0.6, 0.8)}
MIXTURE = {"weight": (0.2, 0.4), "mu1": (-1.4, -0.5), "mu2": (1.2, 1.7)}

Call = Callable[[int], object]


def _rows() -> tuple:
    import numpy as np

    random = np.random.default_rng(0)
    x = random.normal(size=1000)
    return x, 1.5 * x + 0.3 + 0.7 * random.normal(size=1000)


def _mixed() -> object:
    import numpy as np

    random = np.random.default_rng(1)
    return np.where(random.random(2000) < 0.3, -1.0, 1.5) + random.normal(size=2000)


def _grids(spans: dict, count: int = 60) -> dict:
    import gridbayes as gb

    return {name: gb.trapezoid(*span, count) for name, span in spans.items()}


# --- the densities, and the calls ---------------------------------------------------------------------------


def _regression() -> Call:
    import gridbayes as gb

    x, y = _rows()
    grids, log_joint = _grids(SPANS), _log_regression()
    return lambda i: gb.enumerate(log_joint, grids, {"x": x, "y": y + 1e-6 * i})


def _log_regression() -> Callable:
    from jax.scipy.stats import norm

    def log_joint(w, c, sigma, x, y):
        return norm.logpdf(y, w * x + c, sigma).sum() + norm.logpdf(w, 0, 5) + norm.logpdf(c, 0, 5) - sigma

    return log_joint


def _sums() -> Call:
    import jax.numpy as jnp
    import numpy as np
    from jax.scipy.stats import norm

    import gridbayes as gb

    x, y = _rows()
    grids = _grids(SPANS)

    def log_joint(w, c, sigma, sums):
        n, sx, sy, sxx, sxy, syy = sums
        rss = syy - 2 * w * sxy - 2 * c * sy + w**2 * sxx + 2 * w * c * sx + n * c**2
        log_likelihood = -n * jnp.log(sigma) - n / 2 * np.log(2 * np.pi) - rss / (2 * sigma**2)
        return log_likelihood + norm.logpdf(w, 0, 5) + norm.logpdf(c, 0, 5) - sigma

    def call(i: int) -> object:
        z = y + 1e-6 * i
        return gb.enumerate(log_joint, grids, np.array([len(x), x.sum(), z.sum(), x @ x, x @ z, z @ z]))

    return call


def _mixture() -> Call:
    import jax.numpy as jnp
    from jax.scipy.stats import norm

    import gridbayes as gb
    from gridbayes.enumeration.row_sums import compress

    y, grids = _mixed(), _grids(MIXTURE)

    def log_joint(weight, mu1, mu2, nodes, counts):
        density = weight * norm.pdf(nodes, mu1) + (1 - weight) * norm.pdf(nodes, mu2)
        return (counts * jnp.log(density)).sum() + norm.logpdf(mu1, 0, 3) + norm.logpdf(mu2, 0, 3)

    def call(i: int) -> object:
        rows = compress(y + 1e-6 * i, 96)
        return gb.enumerate(log_joint, grids, {"nodes": rows.nodes, "counts": rows.weights})

    return call


def _eager() -> Call:
    import jax
    import jax.numpy as jnp
    import numpy as np

    x, y = _rows()
    nodes = [np.linspace(*span, 60) for span in SPANS.values()]
    with jax.enable_x64(True):
        cells = [jnp.asarray(axis.ravel()) for axis in np.meshgrid(*nodes, indexing="ij")]

    def call(i: int) -> float:
        with jax.enable_x64(True):
            log_p = jax.vmap(_log_regression(), (0, 0, 0, None, None))(
                *cells, jnp.asarray(x), jnp.asarray(y + 1e-6 * i)
            )
            p = jnp.exp(log_p - log_p.max())
            return float((p * cells[0]).sum() / p.sum())

    return call


def _billion() -> Call:
    import gridbayes as gb

    grids = _grids(dict.fromkeys("abc", (-4.0, 4.0)), 1000)
    return lambda i: gb.enumerate(lambda a, b, c: -4.5 * ((a - 0.3) ** 2 + (b - a) ** 2 + (c - b) ** 2), grids)


WAYS = {
    "regression": (_regression, ROUNDS, 3),
    "from sums": (_sums, 5 * ROUNDS, 3),
    "mixture": (_mixture, ROUNDS, 3),
    "eager": (_eager, 2, 1),
}

# --- exact means, in NumPy ----------------------------------------------------------------------------------


def exact(name: str) -> tuple[float, float]:
    """Mean and sd of the first parameter, by all rows at every cell."""
    import numpy as np
    import scipy.stats as st

    spans = MIXTURE if name == "mixture" else SPANS
    first, second, third = (np.linspace(*span, 60) for span in spans.values())
    table = np.empty((60, 60, 60))
    (x, y), z = _rows(), _mixed()
    normal = {"b": st.norm(second[:, None]).pdf(z), "c": st.norm(third[:, None]).pdf(z)}
    for i, a in np.ndenumerate(first):
        if name == "mixture":
            for j in range(60):
                table[*i, j] = np.log(a * normal["b"][j] + (1 - a) * normal["c"]).sum(axis=1)
        else:
            rss = ((y - a * x - second[:, None]) ** 2).sum(axis=1)
            table[i] = -1000 * np.log(third) - rss[:, None] / (2 * third**2) - third - a**2 / 50
    table -= second[:, None] ** 2 / (18 if name == "mixture" else 50)
    table -= third**2 / 18 if name == "mixture" else 0
    p = np.exp(table - table.max())
    for axis in range(3):
        np.moveaxis(p, axis, 0)[[0, -1]] /= 2
    p = p.sum(axis=(1, 2)) / p.sum()
    return float(p @ first), float(np.sqrt(p @ (first - p @ first) ** 2))


# --- processes ----------------------------------------------------------------------------------------------


def alone(name: str) -> dict[str, float]:
    """Seconds of the first call, and peak MiB, in a fresh process; called before the parent has loaded anything."""
    command = [sys.executable, "-m", "benchmarks.own_density", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def report(name: str) -> None:
    """What `alone` reads: runs in the process of its own."""
    prepare, _, more = WAYS.get(name, (_billion, 1, 1))
    call = prepare()
    start = time.perf_counter()
    call(0)
    first = time.perf_counter() - start
    for i in range(1, more):
        call(i)
    print(json.dumps({"first": first, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def latencies(calls: dict[str, Call]) -> dict[str, float]:
    """Median seconds of a call of each."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for name, call in calls.items():
        for i in range(WAYS[name][1]):
            start = time.perf_counter()
            call(1 + i)
            seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}


def main() -> None:
    """A row a way, and the billion."""
    separate = {name: alone(name) for name in [*WAYS, "billion"]}
    calls = {name: prepare() for name, (prepare, _, _) in WAYS.items()}
    means = {name: call(0) for name, call in calls.items()}
    seconds = latencies(calls)
    print(f"{'60**3 cells':<12}{'a call':>12}{'faster':>9}{'first call':>12}{'peak':>10}{'off by':>10}")
    for name, found in means.items():
        mean, sd = exact(name)
        first = next(iter(found.marginals)) if hasattr(found, "marginals") else None
        apart = abs((found.mean(first) if first else found) - mean) / sd
        print(
            f"{name:<12}{seconds[name] * 1e3:>9.1f} ms{seconds['eager'] / seconds[name]:>8.0f}x"
            f"{separate[name]['first']:>10.2f} s{separate[name]['peak']:>6.0f} MiB{apart:>10.1e}"
        )
    own = separate["billion"]
    print(f"1000**3 cells of a cheap density: {own['first']:.0f} s, peak {own['peak']:.0f} MiB")


if __name__ == "__main__":
    report(sys.argv[1]) if len(sys.argv) > 1 else main()
