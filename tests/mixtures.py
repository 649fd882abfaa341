"""Two mixtures as log densities in the batched form: for tests and benchmarks."""

import jax.numpy as jnp
import numpy as np

REGRESSIONS = {"pi": ("simplex", 2), "w": ("real", 2), "c": ("real", 2), "s": ("positive", 2)}
EIGHT = 8  # factors between 1 and 2 that are multiplied before a log is taken


def log_sum_of_two(first, second, rows):
    """sum over rows of log(exp(first . rows) + exp(second . rows)): (point,) from (point, term) and (term, row).

    max(a, b) + log(1 + exp(-|a - b|)) cannot underflow, and one matrix product gives all the differences.
    """
    difference = (first - second) @ rows
    factor = 1 + jnp.exp(-jnp.abs(difference))
    factor = jnp.pad(factor, ((0, 0), (0, -factor.shape[1] % EIGHT)), constant_values=1.0)
    factor = factor.reshape(len(factor), EIGHT, -1)
    product = factor[:, 0]
    for i in range(1, EIGHT):
        product = product * factor[:, i]
    larger = second @ rows.sum(axis=1) + jnp.maximum(difference, 0).sum(axis=1)
    return larger + jnp.log(product).sum(axis=1)


def two_regressions(pi, w, c, s, rows):
    """pi ~ Dirichlet(1, 1), w, c ~ N(0, 1), s ~ HalfNormal(1), y ~ sum_k pi_k N(w_k x + c_k, s_k), all constants in place.

    The exponent is quadratic in (1, x, y): -(y - w x - c)**2 / (2 s**2) = a . (y**2, x y, y, x**2, x, 1).
    """
    h = -0.5 / s**2
    terms = [h, -2 * h * w, -2 * h * c, h * w * w, 2 * h * w * c, h * c * c + jnp.log(pi / s) - 0.5 * np.log(2 * np.pi)]
    a = jnp.stack(terms, axis=-1)  # (point, component, term)
    log_prior = (
        -0.5 * (w**2 + c**2 + s**2).sum(axis=1) - 4 * 0.5 * np.log(2 * np.pi) + 2 * np.log(2 / np.sqrt(2 * np.pi))
    )
    return log_sum_of_two(a[:, 0], a[:, 1], rows) + log_prior


def many_regressions(pi, w, c, s, rows):
    """The same for any number of components, up to a constant: a log-sum-exp of each row."""
    h = -0.5 / s**2
    a = jnp.stack([h, -2 * h * w, -2 * h * c, h * w * w, 2 * h * w * c, h * c * c + jnp.log(pi / s)], axis=-1)
    exponent = jnp.einsum("pkt,tr->kpr", a, rows)
    top = exponent.max(axis=0)
    log_rows = top + jnp.log(jnp.exp(exponent - top).sum(axis=0))
    return log_rows.sum(axis=1) - 0.5 * (w**2 + c**2 + s**2).sum(axis=1)


def regression_rows(count, seed=0):
    """(term, row): 30% of rows on (.8, 1, 1), the others on (-.5, -1, 2), x uniform in [1, 10]."""
    rng = np.random.default_rng(seed)
    first, x = np.arange(count) < round(0.3 * count), rng.uniform(1, 10, count)
    y = np.where(first, 0.8 * x + 1 + rng.normal(size=count), -0.5 * x - 1 + 2 * rng.normal(size=count))
    return _terms(x, y)


def three_regression_rows(count, seed=0):
    """(term, row): 30%, 50%, 20% of rows on (.8, 1, 1), (-.5, -1, 2), (.2, 2, .5)."""
    rng = np.random.default_rng(seed)
    k, x = rng.choice(3, count, p=[0.3, 0.5, 0.2]), rng.uniform(1, 10, count)
    w, c, s = np.array([[0.8, -0.5, 0.2], [1, -1, 2], [1, 2, 0.5]])
    return _terms(x, w[k] * x + c[k] + s[k] * rng.normal(size=count))


def _terms(x, y):
    return np.stack([y * y, x * y, y, x * x, x, np.ones(len(x))])


TWO_NORMALS = {"mu": ("ordered", 2), "sd": ("positive", 2), "weight": "unit"}


def two_normals(mu, sd, weight, rows):
    """mu ordered ~ N(0, 2), sd_k ~ HalfNormal(2), weight ~ Beta(5, 5): the priors of posteriordb's low_dim_gauss_mix."""
    h = -0.5 / sd**2
    share = jnp.stack([weight, 1 - weight], axis=-1)
    a = jnp.stack([h, -2 * h * mu, h * mu * mu + jnp.log(share / sd)], axis=-1)
    log_prior = -0.5 * ((mu**2 + sd**2) / 4).sum(axis=1) + 4 * jnp.log(weight) + 4 * jnp.log1p(-weight)
    return log_sum_of_two(a[:, 0], a[:, 1], rows) + log_prior


def normal_rows(y):
    """(term, row)."""
    return np.stack([y * y, y, np.ones(len(y))])


def two_normal_rows(count=1000, seed=0):
    """(term, row): 40% of rows from N(-2.7, 1), the others from N(2.9, 1), as in low_dim_gauss_mix of posteriordb."""
    rng = np.random.default_rng(seed)
    return normal_rows(np.where(rng.uniform(size=count) < 0.4, -2.7, 2.9) + rng.normal(size=count))
