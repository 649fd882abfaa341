"""One move of a slider: mu_scale and tau_scale change, all eight marginals of a model are new.

    python -m benchmarks.slider

Three ways, on the same ragged data and grids (100 x 100 x 200 x 100, three groups):

- tutorial: the memo program of tutorial_program.py, float32, data counted twice;
- update: gridbayes' compiled update, the tables of the data kept;
- call: `gridbayes.partial_pooling(...)` again, validation, checks and labels included, eight means read out.

Latencies are medians in one process, so their ratios hold where seconds drift. Cold time (process start to
first answer) and peak memory come from a process of each one's own. The difference is the largest over all
masses, against tests/oracle.py.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
ROWS = [[-10, 1, 11], [-16, -15, -14], [30, float("nan"), float("nan")]]
SPANS = {"mu": (-25, 25, 100), "tau": (1, 30, 100), "theta": (-40, 40, 200), "sigma": (1, 30, 100)}
GROUPED = ("theta", "sigma")
SIGMA_SCALE = 5
ROUNDS = 5
SCALES = (3.0, 7.0)  # where the answers are compared

Move = Callable[[float, float], object]


@dataclass(frozen=True)
class Way:
    """A way to make a move.

    Parameters
    ----------
    modules : what it imports.
    prepare : what a notebook does once, before the first move; returns the move.
    masses : reads the eight marginals out of a move's result.
    moves : how many moves a round times.
    """

    modules: tuple[str, ...]
    prepare: Callable[[], Move]
    masses: Callable[[object], list]
    moves: int


# --- the three ways -----------------------------------------------------------------------------------------


def _tutorial() -> Move:
    program = import_module("benchmarks.tutorial_program")
    return lambda mu_scale, tau_scale: program.move(ROWS, mu_scale, tau_scale)


def _grids() -> dict:
    import gridbayes as gb

    return {name: gb.linspace(*span) for name, span in SPANS.items()}


def _call() -> Move:
    import gridbayes as gb

    grids, sigma = _grids(), gb.HalfCauchy(SIGMA_SCALE)

    def move(mu_scale: float, tau_scale: float) -> object:
        post = gb.partial_pooling(ROWS, sigma=sigma, mu_scale=mu_scale, tau_scale=tau_scale, grids=grids)
        for name in post.marginals:
            post.mean(name)
        return post

    return move


def _update() -> Move:
    """The engine that `partial_pooling` calls, with the arguments that it would build."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from gridbayes.models.enumerated import _known

    model, engine, tables = _engine()
    tables = _known(tables)
    with jax.enable_x64(True):
        arguments = {name: jnp.asarray(value) for name, value in _arguments(model).items()}
        explicit = {slot.name: jnp.asarray(1.0) for slot in _slots(model)}

    def move(mu_scale: float, tau_scale: float) -> list:
        with jax.enable_x64(True):
            scales = {"mu_scale": np.float64(mu_scale), "tau_scale": np.float64(tau_scale)}
            result = jax.block_until_ready(engine.update(arguments | scales, explicit, tables))
        return _eight(result)

    return move


def _engine() -> tuple:
    """The model, its compiled engine and the tables of its data."""
    import jax

    import gridbayes as gb
    from gridbayes.models import enumerated
    from gridbayes.models.pooling import Pooling

    priors = {"mu": gb.Normal(0, 1), "tau": gb.HalfCauchy(1), "sigma": gb.HalfCauchy(SIGMA_SCALE)}
    model = Pooling("partial", gb.observe(ROWS), priors, grids=_grids())
    structure, sizes = enumerated._Structure.of(model), enumerated._sizes(model, model.grids)
    with jax.enable_x64(True):
        engine = enumerated._engine(model.program, structure, sizes)
        return model, engine, enumerated._tables(model, model.grids, frozenset(), engine.memos)


def _slots(model) -> list:
    from gridbayes.program import Slot

    return [*model.hyper, Slot("sigma", model.priors["sigma"])]


def _arguments(model) -> dict:
    import numpy as np

    pairs = [pair for slot in _slots(model) for pair in slot.arguments(model.grids[slot.name]).items()]
    return {name: np.asarray(value, np.float64) for name, value in pairs}


def _eight(result: dict) -> list:
    import numpy as np

    hyper = np.asarray(result["hyper"])
    return [hyper.sum(axis=1), hyper.sum(axis=0), *np.asarray(result["effect"]), *np.asarray(result["noise"])]


def _of_posterior(post) -> list:
    return [marginal.masses for marginals in post.marginals.values() for marginal in marginals]


WAYS = {
    "tutorial": Way(("memo", "benchmarks.tutorial_program"), _tutorial, list, 1),
    "update": Way(("gridbayes",), _update, list, 60),
    "call": Way(("gridbayes",), _call, _of_posterior, 20),
}

# --- a process of its own: cold time and memory -------------------------------------------------------------


def alone(name: str) -> dict[str, float]:
    """Cold seconds to the first answer, peak MiB, and the MiB that the imports take, in a fresh process.

    Linux hands a parent's peak to its children, so this is called before the parent has loaded anything.
    """
    command = [sys.executable, "-m", "benchmarks.slider", name, str(time.time())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def report(name: str, started: float) -> None:
    """What `alone` reads: runs in the process of its own."""
    way = WAYS[name]
    for module in way.modules:
        import_module(module)
    imports = _peak()
    move = way.prepare()
    move(*SCALES)
    cold = time.time() - started
    for scale in (1.0, 2.0, 4.0):
        move(scale, 3 * scale)
    print(json.dumps({"cold": cold, "peak": _peak(), "imports": imports}))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --- all in one process: latency and difference -------------------------------------------------------------


def latencies(moves: dict[str, Move]) -> dict[str, float]:
    """Median seconds of a move of each, rounds interleaved, scales never the same twice."""
    seconds: dict[str, list[float]] = {name: [] for name in moves}
    for turn in range(ROUNDS):
        for name, move in moves.items():
            for i in range(WAYS[name].moves):
                scale = 1 + turn + i / WAYS[name].moves
                start = time.perf_counter()
                move(scale, 10 - scale)
                seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}


def oracle_masses() -> list:
    """The eight marginals at SCALES by the NumPy oracle of the tests."""
    import numpy as np

    sys.path.insert(0, str(ROOT / "tests"))
    import oracle

    nodes = {name: np.linspace(*span) for name, span in SPANS.items()}
    priors = {"mu": lambda x: oracle.normal(x, 0, SCALES[0]), "tau": oracle.half_cauchy(SCALES[1])}
    model = oracle.Model("partial", ROWS, "own", nodes, priors | {"sigma": oracle.half_cauchy(SIGMA_SCALE)})
    masses = oracle.enumerated(model).masses
    return [masses["mu"], masses["tau"], *masses["theta"], *masses["sigma"]]


def difference(masses: list, exact: list) -> float:
    """The largest difference of any mass."""
    return max(float(abs(one - other).max()) for one, other in zip(masses, exact, strict=True))


def main() -> None:
    """Measure and print."""
    separate = {name: alone(name) for name in WAYS}
    moves = {name: way.prepare() for name, way in WAYS.items()}
    exact = oracle_masses()
    apart = {name: difference(WAYS[name].masses(move(*SCALES)), exact) for name, move in moves.items()}
    seconds = latencies(moves)
    print(f"{'':<10}{'a move':>12}{'faster':>9}{'cold':>9}{'peak':>10}{'of it imports':>15}{'off by':>10}")
    for name, own in separate.items():
        print(
            f"{name:<10}{seconds[name] * 1e3:>9.3f} ms{seconds['tutorial'] / seconds[name]:>8.0f}x"
            f"{own['cold']:>7.2f} s{own['peak']:>6.0f} MiB{own['imports']:>11.0f} MiB{apart[name]:>10.1e}"
        )


if __name__ == "__main__":
    report(sys.argv[1], float(sys.argv[2])) if len(sys.argv) > 1 else main()
