"""A density of one's own: a line through ten rows, one of them an outlier, with normal errors and with heavier tails.

The log density is ordinary JAX: scalars in, a scalar out. Both answers are sums over four million cells.

    python examples/own_density.py
"""

import jax.numpy as jnp
from jax.scipy.stats import expon, norm, t

import gridbayes as gb

X = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
Y = [2.1, 2.9, 4.2, 4.8, 6.1, 14.0, 8.2, 8.9, 10.1, 11.2]  # the sixth was read off the wrong scale
GRIDS = {
    "slope": gb.trapezoid(-1, 5, 241),
    "intercept": gb.trapezoid(-8, 11, 241),
    "scale": gb.gauss_legendre(0, 10, panels=5),
}


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
    posteriors = [
        gb.enumerate(log_joint, GRIDS, rows, support={"scale": (0, float("inf"))})
        for log_joint in (with_normal_errors, with_student_errors)
    ]
    for post in posteriors:
        print(post.summary(), end="\n\n")
    factor = posteriors[1].log_evidence - posteriors[0].log_evidence
    print(f"log Bayes factor for tails as heavy as Student's t: {factor:.2f}")
