"""supports.py: bijections from the real line, and their Jacobians against automatic differentiation."""

import jax
import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb
from gridbayes.quadrature.supports import EvenSimplex, Interval, Ordered, Simplex, Space, as_support

SUPPORTS = {
    "real": "real",
    "positive": "positive",
    "negative": (-np.inf, 2.0),
    "unit": "unit",
    "interval": ("interval", -2.0, 5.0),
    "reals": ("real", 3),
    "intervals": ("interval", 1, np.inf, 2),
    "simplex": ("simplex", 4),
    "pair": ("simplex", 2),
    "ordered": ("ordered", 4),
    "ordered from the middle": Ordered(4, 2),
    "simplex from its third": Simplex(4, 2),
    "even simplex": EvenSimplex(4),
    "even pair": EvenSimplex(2),
    "even simplex from its third": EvenSimplex(4, 2),
    "prior": gb.HalfNormal(2),
    "priors": (gb.Uniform(0, 3), 2),
}


@pytest.fixture(params=SUPPORTS)
def support(request):
    return as_support(SUPPORTS[request.param], "x")


@pytest.fixture
def u(support):
    return np.random.default_rng(0).normal(0, 2, (7, support.dimension))


def test_there_and_back(support, u):
    x = support.own(u)
    assert x.shape == ((7,) if support.size is None else (7, support.size))
    assert all(support.holds(one) for one in x)
    np.testing.assert_allclose(support.line(x), u, atol=1e-9)


def test_log_jacobian_is_that_of_automatic_differentiation(support, u):
    free = slice(0, support.dimension)  # of a simplex all components but the last

    def own(point):
        x = support.own(point)
        return x[None] if support.size is None else x[free]

    with jax.enable_x64(True):
        derivatives = np.asarray(jax.vmap(jax.jacfwd(own))(u))
        compiled = np.asarray(jax.jit(support.log_jacobian)(u))
    expected = np.linalg.slogdet(derivatives)[1]
    np.testing.assert_allclose(support.log_jacobian(u), expected, atol=1e-9)
    np.testing.assert_allclose(compiled, expected, atol=1e-9)


@pytest.mark.parametrize("kind", ["simplex", "ordered", "real", "positive", "even"])
def test_every_component_can_lead(kind):
    space = Space.of({"a": "real", "x": EvenSimplex(3) if kind == "even" else (kind, 3)})
    points = np.random.default_rng(1).normal(size=(5, space.dimension))
    own = space.own(points)
    for j in range(3):
        leading, at = space.leading("x", j)
        u = leading.line(own)
        np.testing.assert_allclose(space.monotone("x", j, u[:, at]), own["x"][:, j], rtol=1e-12)
        back, log_slope = space.inverse("x", j, own["x"][:, j])
        np.testing.assert_allclose(back, u[:, at], atol=1e-12)
        steps = space.monotone("x", j, np.stack([u[:, at] - 1e-5, u[:, at] + 1e-5]))
        np.testing.assert_allclose(log_slope, -np.log(np.diff(steps, axis=0)[0] / 2e-5), atol=1e-8)


def test_the_centre_of_the_line_is_the_centre_of_the_simplex():
    np.testing.assert_allclose(Simplex(5).own(np.zeros((1, 4))), 0.2)


def test_the_uniform_distribution_on_an_even_simplex_is_a_standard_normal():
    support, u = EvenSimplex(4), np.random.default_rng(2).normal(size=(5, 3))
    uniform = np.log(6.0)  # Dirichlet(1, 1, 1, 1) is 3! everywhere
    np.testing.assert_allclose(uniform + support.log_jacobian(u), st.norm.logpdf(u).sum(axis=1), rtol=1e-12)
    drawn = support.line(np.random.default_rng(3).dirichlet(np.ones(4), 4000))
    assert st.kstest(drawn.ravel(), "norm").pvalue > 0.001


def test_numbers_on_the_edge_of_an_even_simplex_have_a_coordinate():
    u, log_slope = EvenSimplex(3).leading_line(np.array([0.0, 1.0]))
    assert np.isfinite(u).all() and np.isfinite(log_slope).all() and u[0] < -30 and u[1] > 8


def test_a_prior_says_its_support():
    assert as_support(gb.Uniform(1, 4), "x") == Interval(None, 1.0, 4.0)
    assert as_support((gb.HalfCauchy(1), 3), "x") == Interval(3, 0.0, np.inf)


@pytest.mark.parametrize(
    "value", ["complex", ("simplex", 1), (3, 1), ("interval", 2, 2), ("real", 0), 7, ("real", True)]
)
def test_what_is_no_support_is_refused(value):
    with pytest.raises(ValueError, match=r"parameters\['x'\] must be \"real\", \"positive\""):
        Space.of({"x": value})


def test_parameters_must_be_a_mapping():
    with pytest.raises(TypeError, match="must map names to supports"):
        Space.of({})
