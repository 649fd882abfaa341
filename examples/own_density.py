"""A density of one's own: a line through ten rows, one of them an outlier, with normal errors and with heavier tails.

The log density is ordinary JAX: scalars in, a scalar out. Grids that are too coarse say so; the last
answer is a sum over three million cells.

    python examples/own_density.py
"""

import jax.numpy as jnp
from jax.scipy.stats import expon, norm, t

import gridbayes as gb

X = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
Y = [2.1, 2.9, 4.2, 4.8, 6.1, 14.0, 8.2, 8.9, 10.1, 11.2]  # the sixth was read off the wrong scale
WIDE = {
    "slope": gb.trapezoid(-1, 5, 81),
    "intercept": gb.trapezoid(-8, 11, 81),
    "scale": gb.gauss_legendre(0, 8, panels=5),
}
NARROW = {
    "slope": gb.trapezoid(1.3, 2.8, 161),
    "intercept": gb.trapezoid(-1.5, 3.5, 161),
    "scale": gb.gauss_legendre(0, 2, panels=8),
}
ENDS = {"scale": (0, float("inf"))}  # its grid starts at 0 because it does


def with_normal_errors(slope, intercept, scale, rows):
    residuals = norm.logpdf(rows["y"], slope * rows["x"] + intercept, scale)
    return residuals.sum() + log_prior(slope, intercept, scale)


def with_student_errors(slope, intercept, scale, rows):
    residuals = t.logpdf(rows["y"], 2.0, slope * rows["x"] + intercept, scale)
    return residuals.sum() + log_prior(slope, intercept, scale)


def log_prior(slope, intercept, scale):
    return norm.logpdf(slope, 0, 5) + norm.logpdf(intercept, 0, 5) + expon.logpdf(scale)


if __name__ == "__main__":
    rows = {"x": jnp.array(X), "y": jnp.array(Y)}
    normal = gb.enumerate(with_normal_errors, WIDE, rows, support=ENDS)
    print(normal.summary())
    coarse = gb.enumerate(with_student_errors, WIDE, rows, support=ENDS)
    print(f"\nStudent's t on the same grids: {coarse.accuracy}\n")  # now the posterior is a tenth as wide: look closer
    student = gb.enumerate(with_student_errors, NARROW, rows, support=ENDS)
    print(student.summary())
    factor = student.log_evidence - normal.log_evidence
    print(f"\nlog Bayes factor for tails as heavy as Student's t: {factor:.2f}")
