"""Rows of mixtures, for tests and benchmarks, and a mixture of two regressions as users write a log density."""

import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm

REGRESSIONS = {"pi": ("simplex", 2), "w": ("real", 2), "c": ("real", 2), "s": ("positive", 2)}


def two_regressions(pi, w, c, s, x, y):
    """pi ~ Dirichlet(1, 1), w, c ~ N(0, 1), s ~ HalfNormal(1), y ~ sum_k pi_k N(w_k x + c_k, s_k)."""
    first, second = (jnp.log(pi[k]) + norm.logpdf(y, w[k] * x + c[k], s[k]) for k in (0, 1))
    log_prior = norm.logpdf(jnp.concatenate([w, c, s])).sum() + 2 * np.log(2)
    return jnp.logaddexp(first, second).sum() + log_prior


def regression_rows(count, seed=0):
    """x, y: 30% of rows on (.8, 1, 1), the others on (-.5, -1, 2), x uniform in [1, 10]."""
    rng = np.random.default_rng(seed)
    first, x = np.arange(count) < round(0.3 * count), rng.uniform(1, 10, count)
    y = np.where(first, 0.8 * x + 1 + rng.normal(size=count), -0.5 * x - 1 + 2 * rng.normal(size=count))
    return {"x": x, "y": y}


def three_regression_rows(count, seed=0):
    """x, y: 30%, 50%, 20% of rows on (.8, 1, 1), (-.5, -1, 2), (.2, 2, .5)."""
    rng = np.random.default_rng(seed)
    k, x = rng.choice(3, count, p=[0.3, 0.5, 0.2]), rng.uniform(1, 10, count)
    w, c, s = np.array([[0.8, -0.5, 0.2], [1, -1, 2], [1, 2, 0.5]])
    return {"x": x, "y": w[k] * x + c[k] + s[k] * rng.normal(size=count)}


def two_normal_rows(count=1000, seed=0):
    """40% of rows from N(-2.7, 1), the others from N(2.9, 1), as in low_dim_gauss_mix of posteriordb."""
    rng = np.random.default_rng(seed)
    return np.where(rng.uniform(size=count) < 0.4, -2.7, 2.9) + rng.normal(size=count)
