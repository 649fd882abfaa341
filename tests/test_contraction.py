"""Products of tables: K in factors, and as it is."""

import jax
import numpy as np
import pytest

from gridbayes.contraction import factors, product_of_factors


def population(mu, tau, theta):
    k = np.exp(-0.5 * ((theta - mu[:, None, None]) / tau[:, None]) ** 2)
    return (k / k.sum(axis=-1, keepdims=True)).reshape(-1, len(theta))


@pytest.mark.parametrize("lowest", [0.5, 2.0])
def test_factors_make_the_table_to_rounding(lowest):
    tau = np.linspace(lowest, 30, 60)
    k = population(np.linspace(-25, 25, 20), tau, np.linspace(-40, 40, 90))
    with jax.enable_x64(True):
        left, right = factors(jax.numpy.asarray(k), len(tau))
        eye = jax.numpy.eye(len(k))[:, None]
        rebuilt = np.asarray(product_of_factors(eye, left, right))[:, 0]
    assert left.shape[1] < 45
    np.testing.assert_allclose(rebuilt, k, atol=1e-14)


def test_factors_of_a_table_of_one_row_are_the_row():
    k = np.array([[0.2, 0.3, 0.5]])
    with jax.enable_x64(True):
        product = product_of_factors(jax.numpy.full((2, 1, 1), 2.0), *factors(jax.numpy.asarray(k), 1))
    np.testing.assert_allclose(product, [2 * k, 2 * k], rtol=1e-14)
