"""log_smoothed: densities on panels, smoothed by normals of any width, against closed forms."""

import numpy as np
import pytest
import scipy.stats as st

from gridbayes.grids import adapt
from gridbayes.smoothing import interpolated, log_smoothed

WIDTHS = np.array([1e-8, 1e-5, 0.003, 0.02, 0.1, 0.4, 1.0, 2.5, 7.0, 50.0])
AT = np.array([-9.0, -2.0, -1e-3, 0.0, 0.7, 1.5, 6.0, 11.0])


def smoothed(log_density, edges, at=AT):
    ((grid, log_g),) = adapt(lambda _, x: log_density(x), [np.array(edges, float)])
    return log_smoothed(grid, np.repeat(log_g[:, None], len(WIDTHS), axis=1), at, WIDTHS), grid


@pytest.mark.parametrize("scale", [0.05, 1.0, 3.0])
def test_a_smoothed_normal_is_a_wider_normal(scale):
    at = AT[np.abs(AT - 0.5) < 6 * scale]
    found, _ = smoothed(st.norm(0.5, scale).logpdf, [0.5 - 40 * scale, 0.5, 0.5 + 40 * scale], at)
    expected = st.norm.logpdf(at[:, None], 0.5, np.hypot(scale, WIDTHS))
    np.testing.assert_allclose(found, expected, atol=2e-9)


def test_two_normals_far_apart_are_smoothed_each():
    def log_density(x, width=0.0):
        parts = [st.norm.logpdf(x, centre, np.hypot(0.3, width)) for centre in (-2, 6)]
        return np.logaddexp(*parts) - np.log(2)

    at = np.array([-3.0, -2.0, -1.5, 5.5, 6.0, 7.0])
    found, _ = smoothed(log_density, [-30, -2, 6, 30], at)
    np.testing.assert_allclose(found, log_density(at[:, None], WIDTHS), atol=2e-9)


def test_a_smoothed_exponential():
    """int_0^inf e^-x N(t; x, s) dx = e^(s^2/2 - t) Phi(t/s - s), to the left of 0 too."""
    at = np.array([0.05, 0.7, 3.0, 10.0])
    found, _ = smoothed(st.expon.logpdf, [0, 1, 60], at)
    expected = WIDTHS**2 / 2 - at[:, None] + st.norm.logcdf(at[:, None] / WIDTHS - WIDTHS)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_every_width_takes_its_own_density():
    ((grid, _),) = adapt(lambda _, x: st.norm.logpdf(x), [np.array([-40.0, 0, 40])])
    centres = np.array([-1.0, 0.0, 2.0])
    log_g = st.norm.logpdf(grid.nodes[:, None], centres, 1)
    found = log_smoothed(grid, log_g, np.array([0.3]), np.array([1e-6, 0.5, 3.0]))
    expected = st.norm.logpdf(0.3, centres, np.hypot(1, [1e-6, 0.5, 3.0]))
    np.testing.assert_allclose(found[0], expected, atol=1e-9)


def test_far_from_the_panels_the_normals_own_tail_is_left():
    """In log too: -(100 / s)**2 / 2 falls faster than any float of its exponential, and must not be cut to -inf."""
    found, grid = smoothed(np.zeros_like, [-40, 0, 40], np.array([100.0]))
    widths = WIDTHS[WIDTHS > 1e-3]
    near, far = st.norm.logsf(60 / widths), st.norm.logsf(140 / widths)  # a flat g from -40 to 40
    expected = near + np.log1p(-np.exp(far - near))
    np.testing.assert_allclose(found[0, WIDTHS > 1e-3], expected, rtol=1e-9, atol=1e-6)


def test_interpolation_is_exact_for_polynomials():
    ((grid, _),) = adapt(lambda _, x: st.norm.logpdf(x), [np.array([-40.0, 0, 40])])
    panel = np.array([1, 4])
    u = np.linspace(0.01, 0.99, 7)
    x = grid.edges[panel, None] + u * np.diff(grid.edges)[panel, None]

    def polynomial(x):
        return 3 - x / 7 + (x / 10) ** 3 - (x / 12) ** 7

    np.testing.assert_allclose(interpolated(grid, polynomial(grid.nodes), x, panel), polynomial(x), atol=1e-12)
