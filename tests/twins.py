"""Priors and the same distributions as scipy.stats has them, and what tests of both share."""

import math

import numpy as np
import scipy.stats as st

from gridbayes.priors import (
    Beta,
    Cauchy,
    Exponential,
    Flat,
    Gamma,
    HalfCauchy,
    HalfNormal,
    HalfStudentT,
    InverseGamma,
    Laplace,
    LogNormal,
    Normal,
    StudentT,
    Uniform,
    UniformShrinkage,
)

TWINS = [
    (Normal(1.5, 3), st.norm(1.5, 3)),
    (HalfNormal(0.5), st.halfnorm(scale=0.5)),
    (HalfCauchy(5), st.halfcauchy(scale=5)),
    (HalfStudentT(1, 5), st.halfcauchy(scale=5)),
    (Exponential(0.3), st.expon(scale=1 / 0.3)),
    (Uniform(-2, 5), st.uniform(-2, 7)),
    (Gamma(1, 3), st.gamma(1, scale=1 / 3)),
    (Gamma(2.5, 3), st.gamma(2.5, scale=1 / 3)),
    (Gamma(0.4, 3), st.gamma(0.4, scale=1 / 3)),
    (Beta(2.5, 7), st.beta(2.5, 7)),
    (InverseGamma(2, 3), st.invgamma(2, scale=3)),
    (LogNormal(1, 0.7), st.lognorm(0.7, scale=math.e)),
    (UniformShrinkage(5), st.burr12(2, 1, scale=5)),
    (StudentT(3, 1, 2), st.t(3, 1, 2)),
    (StudentT(0.7), st.t(0.7)),
    (StudentT(60.5, 1, 2), st.t(60.5, 1, 2)),
    (StudentT(1e5), st.t(1e5)),
    (Cauchy(-1, 2), st.cauchy(-1, 2)),
    (Laplace(-1, 2), st.laplace(-1, 2)),
]
EVERY = [*(prior for prior, _ in TWINS), HalfStudentT(80, 2), Flat(), Flat(0), Flat(high=2)]
ONE_OF_EACH = list({prior.lpdf: prior for prior in EVERY}.values())
PROPER = [prior for prior in EVERY if prior.proper]


class Bare:
    """A density that knows only its `logpdf`, and its support if it is given one."""

    def __init__(self, distribution, support=None):
        self.logpdf = distribution.logpdf
        if support is not None:
            self.support = lambda: support

    def __repr__(self):
        return "Bare()"


def close(actual, expected, tolerance):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def width(prior):
    return float(prior.ppf(0.75) - prior.ppf(0.25))


def gauss_legendre(cuts):
    """Nodes and weights from each cut to the next, (piece, node)."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    half = np.diff(cuts)[:, None] / 2
    return cuts[:-1, None] + half * (nodes + 1), half * weights


def label(value: object) -> str:
    """The same in every run: a frozen distribution prints its address."""
    return value.dist.name if hasattr(value, "dist") else str(value)
