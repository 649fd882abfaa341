"""Hidden Markov models: a million steps, EM, posteriors over all parameters with their stated errors, and dynamax beside it.

    uv run python -m benchmarks.sequences

dynamax is compared where it is installed; it is no dependency.
"""

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import gridbayes as gb

INITIAL, TRANSITIONS = np.full(3, 1 / 3), np.full((3, 3), 0.1) + 0.7 * np.eye(3)
MU, VARIANCE = np.array([-3.0, 0.0, 4.0]), 0.7
THREE = gb.HiddenMarkov(INITIAL, TRANSITIONS, gb.NormalEmissions(mu=MU, sigma=VARIANCE**0.5))
TWO = gb.HiddenMarkov([0.5, 0.5], [[0.7, 0.3], [0.1, 0.9]], gb.NormalEmissions(mu=[3, 9], sigma=1))


def timed(name: str, call: Callable[[], Any]) -> Any:
    """The result of a call, its seconds printed, cold and warm."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        found = call()
        seconds.append(time.perf_counter() - start)
    print(f"{name:<58} cold {seconds[0]:6.2f} s, warm {seconds[1]:6.2f} s")
    return found


def everything(y: Any) -> list[Any]:
    """All messages of chains: evidence, filter, smoother, Viterbi, expected transitions."""
    states = THREE.condition(y)
    return [states.log_evidence, states.filtered, states.smoothed, states.viterbi, states.expected_transitions]


def beside_dynamax(y: np.ndarray) -> None:
    """The largest differences on 3 chains."""
    if importlib.util.find_spec("dynamax") is None:
        print("dynamax is not installed")
        return
    from dynamax import hidden_markov_model as dynamax

    states = THREE.condition(y)
    with jax.enable_x64(True):
        log_b = jax.scipy.stats.norm.logpdf(jax.numpy.asarray(y)[..., None], MU, VARIANCE**0.5)
        both = [dynamax.hmm_two_filter_smoother(INITIAL, TRANSITIONS, each) for each in log_b]
        paths = [np.asarray(dynamax.hmm_posterior_mode(INITIAL, TRANSITIONS, each)) for each in log_b]
    log_p = sum(float(each.marginal_loglik) for each in both)
    print(f"dynamax: log evidence differs by {abs(states.log_evidence - log_p):.1e}", end=", ")
    for name in ("filtered", "smoothed"):
        other = np.stack([getattr(each, f"{name}_probs") for each in both])
        print(f"{name} by {abs(getattr(states, name).values - other).max():.1e}", end=", ")
    print(f"Viterbi on {int((states.viterbi.values != np.stack(paths)).sum())} of {y.size} steps")


def worst(one: gb.Posterior, other: gb.Posterior) -> tuple[float, float]:
    """The largest distance of a mean in sds, and of an sd in parts of it."""
    pairs = [(a, b) for (_, a), (_, b) in zip(one.rows, other.rows, strict=True)]
    return max(abs(a.mean - b.mean) / a.sd for a, b in pairs), max(abs(a.sd / b.sd - 1) for a, b in pairs)


def stated(post: gb.Posterior) -> str:
    fine = post.model.resolved
    return f"{fine.fine.rule.name}, stated error {post.model.resolved.gap:.1e} sd"


if __name__ == "__main__":
    drawn = THREE.sample([200, 200, 200], seed=1)["y"].values
    beside_dynamax(drawn)
    million = THREE.sample([10**6], seed=1)["y"]
    timed("a million steps in one chain, all messages", lambda: everything(million))
    fit = timed("EM, 3 chains of 200, 10 restarts", lambda: gb.fit_hidden_markov(drawn, 3))
    print(f"  log likelihood {fit.log_likelihood:.4f}, the generator's {THREE.condition(drawn).log_evidence:.4f}")

    y = TWO.sample(100, seed=4)["y"]
    own = gb.NormalEmissions(mu=[gb.Normal(3, 1), gb.Normal(10, 1)], sigma=1)
    post = timed(
        "two states, 100 steps, all parameters, first state even",
        lambda: gb.hidden_markov(y, emissions=own, initial=[0.5, 0.5]),
    )
    print(f"  {stated(post)}")
    post = timed("the same, first state learned too", lambda: gb.hidden_markov(y, emissions=own))
    print(f"  {stated(post)}")

    own = gb.NormalEmissions(mu=gb.Normal(0, 5), sigma=gb.HalfNormal(2), shared_sigma=True)
    posts = []
    for rule in ("sparse", "points"):
        call = lambda rule=rule: gb.hidden_markov(drawn, 3, emissions=own, rule=rule)  # noqa: E731
        posts.append(timed(f"three states, 3 chains of 200, all 12 parameters, {rule}", call))
        print(f"  {stated(posts[-1])}, effective points {posts[-1].model.effective:,.0f}")
    print("  sparse beside points: means differ by {:.1e} sd, sds by {:.1e} of themselves".format(*worst(*posts)))
