"""Log densities against scipy.stats, against themselves in JAX, and at the ends of the doubles."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as st
from twins import EVERY, ONE_OF_EACH, TWINS, close, label

from gridbayes import densities
from gridbayes.densities import (
    LPDFS,
    cauchy_lpdf,
    half_cauchy_lpdf,
    half_student_t_lpdf,
    normal_lpdf,
    student_t_lpdf,
)
from gridbayes.priors import Laplace

POINTS = np.concatenate([-np.geomspace(1e-8, 1e8, 41), [0.0], np.geomspace(1e-8, 1e8, 41), [math.inf, -math.inf]])


@pytest.mark.parametrize(("prior", "twin"), TWINS, ids=label)
def test_log_densities_are_scipys(prior, twin):
    x = POINTS[np.abs(POINTS) < 1e3] if isinstance(prior, Laplace) else POINTS  # scipy's Laplace underflows
    with np.errstate(all="ignore"):
        expected = twin.logpdf(x)
    expected[np.isinf(x)] = -math.inf  # where scipy says nan for some
    close(LPDFS[prior.lpdf](x, **prior.parameters), expected, 1e-12)


def test_half_student_t_is_twice_a_student_t():
    x = np.geomspace(1e-8, 1e8, 41)
    close(half_student_t_lpdf(x, 3, 2), math.log(2) + st.t(3, 0, 2).logpdf(x), 1e-12)


@pytest.mark.parametrize("prior", ONE_OF_EACH, ids=str)
def test_jax_agrees_with_numpy(prior):
    """In a compiled program, of single points, integers and traced parameters, under strict promotion."""
    lpdf, parameters = LPDFS[prior.lpdf], prior.parameters

    def program(x, values):
        along = jax.vmap(lpdf, in_axes=(0, *(None for _ in values)))(x, *values)
        return along, lpdf(jnp.arange(3), **parameters), lpdf(2, *values)

    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        values = [jnp.float64(value) for value in parameters.values()]
        along, counted, single = jax.jit(program)(jnp.asarray(POINTS), values)
        assert along.dtype == jnp.float64 and single.shape == ()
    close(np.asarray(along), prior.logpdf(POINTS), 1e-13)
    close(np.asarray(counted), prior.logpdf([0, 1, 2]), 1e-13)
    close(float(single), float(prior.logpdf(2)), 1e-13)


@pytest.mark.parametrize("prior", EVERY, ids=str)
def test_nothing_is_nan_or_warns_at_the_extremes(prior):
    x = np.array([0.0, -0.0, 5e-324, 1e-300, 1e200, 1.7e308, math.inf, -1e200, -math.inf])
    assert not np.isnan(prior.logpdf(x)).any()
    assert np.isnan(prior.logpdf(math.nan))


def test_numpys_warnings_are_left_as_they_were():
    before = np.geterr()
    normal_lpdf(1e300, 0.0, 1.0)
    assert np.geterr() == before


def test_heavy_tails_do_not_overflow():
    close(half_cauchy_lpdf(1e200, 1.0), math.log(2 / math.pi) - 400 * math.log(10), 1e-14)
    close(cauchy_lpdf(-1e200, 0.0, 1.0), -math.log(math.pi) - 400 * math.log(10), 1e-14)


@pytest.mark.parametrize("a", [1, 19, 20, 21, 500, 10_000])
def test_student_t_constant_has_no_cancellation(a):
    """Gamma(a + 1/2) / Gamma(a) is sqrt(pi) / 2 times (k + 1/2) / k for k = 1, ..., a - 1; a = df / 2."""
    log_ratio = math.fsum([math.log(math.pi) / 2, -math.log(2), *(math.log1p(0.5 / k) for k in range(1, a))])
    close(student_t_lpdf(0.0, 2 * a, 0.0, 1.0), log_ratio - 0.5 * math.log(math.pi * 2 * a), 1e-14)


def test_student_t_tends_to_the_normal():
    x = np.linspace(-6, 6, 13)
    close(student_t_lpdf(x, 1e14, 1, 2), normal_lpdf(x, 1, 2), 1e-11)


def test_lpdfs_names_every_density():
    public = {name for name in vars(densities) if name.endswith("_lpdf")}
    assert set(LPDFS) == public == {prior.lpdf for prior in EVERY}
    assert all(LPDFS[name] is getattr(densities, name) for name in public)
