"""Exact Bayesian inference on grids: pooling models as memo programs, compiled to JAX."""

import warnings

with warnings.catch_warnings():  # NumPy and JAX add filters of their own when they are first imported
    from gridbayes import datasets
    from gridbayes.comparison import compare
    from gridbayes.enumeration.enumeration import enumerate
    from gridbayes.explorers.explore import explore
    from gridbayes.explorers.explorer import Explorer
    from gridbayes.graph.graph import Graph
    from gridbayes.grids import Grid, gauss_legendre, geomspace, linspace, stretched, trapezoid
    from gridbayes.likelihoods import Bernoulli, Binomial, Poisson, StudentTErrors
    from gridbayes.memos.memo import memo, sweep
    from gridbayes.models.complete_pooling import complete_pooling
    from gridbayes.models.lifetimes import lifetimes
    from gridbayes.models.linear_regression import linear_regression
    from gridbayes.models.logistic_regression import logistic_regression
    from gridbayes.models.loyal_customers import loyal_customers
    from gridbayes.models.mixture import mixture
    from gridbayes.models.mixture_of_regressions import mixture_of_regressions
    from gridbayes.models.no_pooling import no_pooling
    from gridbayes.models.normal import normal
    from gridbayes.models.partial_pooling import partial_pooling
    from gridbayes.models.poisson_regression import poisson_regression
    from gridbayes.models.proportion import proportion
    from gridbayes.models.sensitivity import sensitivity
    from gridbayes.models.signal_and_background import signal_and_background
    from gridbayes.models.swept import Sensitivity
    from gridbayes.observations import Observations, observe
    from gridbayes.posterior import Posterior, PosteriorError
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
        Jeffreys,
        Laplace,
        LogNormal,
        Normal,
        Prior,
        StudentT,
        Uniform,
        UniformShrinkage,
    )
    from gridbayes.program import Program
    from gridbayes.quadrature.quadrature import ModeError, QuadratureWarning, ResolutionError, quadrature
    from gridbayes.sequences.emissions import (
        CategoricalEmissions,
        NormalEmissions,
        PoissonEmissions,
        RegressionEmissions,
    )
    from gridbayes.sequences.expectation import fit_hidden_markov
    from gridbayes.sequences.hidden_markov import HiddenMarkov
    from gridbayes.sequences.labels import Alignment, align_labels
    from gridbayes.sequences.probabilities import Dirichlet
    from gridbayes.sequences.unknown import hidden_markov
    from gridbayes.storage import load

__version__ = "0.1.0"

__all__ = [
    "Alignment",
    "Bernoulli",
    "Beta",
    "Binomial",
    "CategoricalEmissions",
    "Cauchy",
    "Dirichlet",
    "Explorer",
    "Exponential",
    "Flat",
    "Gamma",
    "Graph",
    "Grid",
    "HalfCauchy",
    "HalfNormal",
    "HalfStudentT",
    "HiddenMarkov",
    "InverseGamma",
    "Jeffreys",
    "Laplace",
    "LogNormal",
    "ModeError",
    "Normal",
    "NormalEmissions",
    "Observations",
    "Poisson",
    "PoissonEmissions",
    "Posterior",
    "PosteriorError",
    "Prior",
    "Program",
    "QuadratureWarning",
    "RegressionEmissions",
    "ResolutionError",
    "Sensitivity",
    "StudentT",
    "StudentTErrors",
    "Uniform",
    "UniformShrinkage",
    "align_labels",
    "compare",
    "complete_pooling",
    "datasets",
    "enumerate",
    "explore",
    "fit_hidden_markov",
    "gauss_legendre",
    "geomspace",
    "hidden_markov",
    "lifetimes",
    "linear_regression",
    "linspace",
    "load",
    "logistic_regression",
    "loyal_customers",
    "memo",
    "mixture",
    "mixture_of_regressions",
    "no_pooling",
    "normal",
    "observe",
    "partial_pooling",
    "poisson_regression",
    "proportion",
    "quadrature",
    "sensitivity",
    "signal_and_background",
    "stretched",
    "sweep",
    "trapezoid",
]
