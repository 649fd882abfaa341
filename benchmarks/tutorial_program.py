# ruff: noqa: UP049
# fmt: off
# (memo is not Python: agents and choices are no names, and the axis of a query begins with an underscore)
"""The baseline: partial pooling with learned sigma, as a beginner writes it in memo after a tutorial.

Global grids as domains, float32, one memo for each posterior. `hyper` is the posterior of (mu, tau) given
all rows; `theta_of` and `sigma_of` put it in front of a group and condition on the group's rows, which
`hyper` has already used: they count the data twice, as the tutorial does. Their numbers are the tutorial's,
to float32 ("tutorial" of "learned_variance" in reference/tutorial_numbers.json). gridbayes imports none of
it.
"""

import jax
import jax.numpy as jnp
from jax.scipy.stats import cauchy, norm
from memo import memo

Mu = jnp.linspace(-25, 25, 100)
Tau = jnp.linspace(1, 30, 100)
Theta = jnp.linspace(-40, 40, 200)
Sigma = jnp.linspace(1, 30, 100)

SIGMA_SCALE = 5.0


@jax.jit
def normal_pdf(x, loc, scale):
    """The density N(x; loc, scale)."""
    return norm.pdf(x, loc, scale)


@jax.jit
def half_cauchy_pdf(x, scale):
    """The density of HalfCauchy(scale)."""
    return 2 * cauchy.pdf(x, 0, scale)


@jax.jit
def rows_pdf(rows, theta, sigma):
    """The likelihood of a group's rows; a missing row, NaN, is a factor of 1."""
    return jnp.prod(jnp.where(jnp.isnan(rows), 1.0, norm.pdf(rows, theta, sigma)))


@memo
def evidence[_mu: Mu, _tau: Tau](rows: ...):
    """p(rows of a group | mu, tau)."""
    group: knows(_mu, _tau)
    group: chooses(theta in Theta, wpp=normal_pdf(theta, _mu, _tau))
    group: chooses(sigma in Sigma, wpp=half_cauchy_pdf(sigma, {SIGMA_SCALE}))
    return E[rows_pdf(rows, group.theta, group.sigma)]


@memo
def hyper[_mu: Mu, _tau: Tau](first: ..., second: ..., third: ..., mu_scale, tau_scale):
    """p(mu, tau | all rows)."""
    student: knows(_mu, _tau)
    student: thinks[
        nature: chooses(mu in Mu, wpp=normal_pdf(mu, 0, mu_scale)),
        nature: chooses(tau in Tau, wpp=half_cauchy_pdf(tau, tau_scale)),
    ]
    student: observes_event(wpp=evidence[nature.mu, nature.tau](first))
    student: observes_event(wpp=evidence[nature.mu, nature.tau](second))
    student: observes_event(wpp=evidence[nature.mu, nature.tau](third))
    return student[Pr[nature.mu == _mu, nature.tau == _tau]]


@memo
def theta_of[_theta: Theta](rows: ..., first: ..., second: ..., third: ..., mu_scale, tau_scale):
    """p(theta of a group | all rows), its own rows counted twice."""
    student: knows(_theta)
    student: thinks[
        nature: chooses(mu in Mu, tau in Tau, wpp=hyper[mu, tau](first, second, third, mu_scale, tau_scale)),
        nature: chooses(theta in Theta, wpp=normal_pdf(theta, mu, tau)),
        nature: chooses(sigma in Sigma, wpp=half_cauchy_pdf(sigma, {SIGMA_SCALE})),
    ]
    student: observes_event(wpp=rows_pdf(rows, nature.theta, nature.sigma))
    return student[Pr[nature.theta == _theta]]


@memo
def sigma_of[_sigma: Sigma](rows: ..., first: ..., second: ..., third: ..., mu_scale, tau_scale):
    """p(sigma of a group | all rows), its own rows counted twice."""
    student: knows(_sigma)
    student: thinks[
        nature: chooses(mu in Mu, tau in Tau, wpp=hyper[mu, tau](first, second, third, mu_scale, tau_scale)),
        nature: chooses(theta in Theta, wpp=normal_pdf(theta, mu, tau)),
        nature: chooses(sigma in Sigma, wpp=half_cauchy_pdf(sigma, {SIGMA_SCALE})),
    ]
    student: observes_event(wpp=rows_pdf(rows, nature.theta, nature.sigma))
    return student[Pr[nature.sigma == _sigma]]


def move(rows, mu_scale, tau_scale):
    """All eight marginals at new scales, as masses: mu, tau, theta of each group, sigma of each group."""
    rows = [jnp.array(row, dtype=jnp.float32) for row in rows]
    shared = hyper(*rows, mu_scale, tau_scale)
    thetas = [theta_of(row, *rows, mu_scale, tau_scale) for row in rows]
    sigmas = [sigma_of(row, *rows, mu_scale, tau_scale) for row in rows]
    return jax.block_until_ready([shared.sum(axis=1), shared.sum(axis=0), *thetas, *sigmas])
