"""Double-exponential rules against integrals in closed form."""

import numpy as np
import pytest
import scipy.stats as st

from gridbayes.double_exponential import double_exponential

HALF_LINE = [st.halfcauchy(scale=5), st.halfnorm(scale=0.3), st.expon(scale=7), st.invgamma(2, scale=3), st.gamma(0.3)]


@pytest.mark.parametrize("frozen", HALF_LINE, ids=lambda frozen: frozen.dist.name)
@pytest.mark.parametrize("size", [1.0, 40.0])
def test_a_density_on_the_half_line_has_mass_one(frozen, size):
    grid = double_exponential(frozen.logpdf, [0.0, np.inf], size, 96)
    assert grid.weights @ frozen.pdf(grid.nodes) == pytest.approx(1, abs=1e-9)


def test_a_narrow_density_far_from_the_first_centre_is_found():
    narrow = st.norm(3.0, 1e-4)
    grid = double_exponential(narrow.logpdf, [0.0, np.inf], 1.0, 48)
    p = grid.weights * narrow.pdf(grid.nodes)
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert p @ (grid.nodes - 3.0) ** 2 == pytest.approx(1e-8, rel=1e-9)


def test_an_interval_with_a_pole_at_its_lower_end():
    frozen = st.beta(0.5, 2, loc=2, scale=3)
    grid = double_exponential(frozen.logpdf, [2.0, 5.0], 0.5, 96)
    p = grid.weights * frozen.pdf(grid.nodes)
    assert p.sum() == pytest.approx(1, abs=1e-7)  # next to 2 the distance to the pole is rounded to 4e-16
    assert p @ (grid.nodes - 2) == pytest.approx(frozen.mean() - 2, abs=1e-9)


def test_a_kink_is_an_end_of_two_segments():
    laplace = st.laplace(1.0, 2.0)

    def log_density(x):
        return laplace.logpdf(x)

    mass = 1 - laplace.cdf(0)
    kinked = double_exponential(log_density, [0.0, 1.0, np.inf], 1.0, 64)
    assert 64 < len(kinked) <= 128
    assert kinked.weights @ laplace.pdf(kinked.nodes) == pytest.approx(mass, abs=1e-10)
