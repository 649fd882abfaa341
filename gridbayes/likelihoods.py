"""Likelihoods of groups: what a group's rows say about its theta.

Rows y_dj ~ N(theta_d, sigma_dj) enter through sums alone. As a function of theta their likelihood is a normal factor,

    L_d(theta) = exp(a_d - w_d (theta - c_d)**2 / 2),

with weight w_d (a precision), centre c_d and height a_d (a log). A million rows cost what three numbers cost.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gridbayes.observations import Observations

__all__ = ["NormalFactors", "known_sigma", "learned_sigma"]

LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class NormalFactors:
    """exp(a - w (theta - c)**2 / 2) for each group and each value of sigma; one value where sigma is known.

    Parameters
    ----------
    a : (group, sigma) log height.
    w : (group, sigma) weight, 1 / unit**2; 0 for a group with no rows.
    c : (group,) centre, in the unit of the values; 0 for a group with no rows.
    """

    a: Float[np.ndarray, "group sigma"]
    w: Float[np.ndarray, "group sigma"]
    c: Float[np.ndarray, "group"]

    def log_density(self, theta: Float[np.ndarray, "theta"]) -> Float[np.ndarray, "group sigma theta"]:
        """log L_d(theta), (group, sigma, theta)."""
        return self.a[:, :, None] - self.w[:, :, None] * (theta - self.c[:, None, None]) ** 2 / 2

    def log_marginal(
        self, mu: Float[np.ndarray, "*shape"], tau: Float[np.ndarray, "*shape"]
    ) -> Float[np.ndarray, "group sigma *shape"]:
        """log M_d(mu, tau), M_d = int N(theta; mu, tau) L_d(theta) dtheta, (group, sigma, *shape).

        In closed form, and without cancellation as tau goes to 0 or w to 0:
        log M = a - log(1 + w tau**2) / 2 - w (c - mu)**2 / (1 + w tau**2) / 2.
        """
        axes = (...,) + (None,) * np.ndim(mu)
        spread = 1 + self.w[axes] * tau**2
        return self.a[axes] - np.log(spread) / 2 - self.w[axes] * (self.c[:, None][axes] - mu) ** 2 / spread / 2


def known_sigma(observations: Observations) -> NormalFactors:
    """The factors of rows whose standard deviations are known.

    w = sum_j 1 / sigma_j**2, c = sum_j y_j / sigma_j**2 / w, and a is the log likelihood of the rows at theta = c.
    """
    errors = observations.errors
    assert errors is not None, "the door has checked that sigma is known"

    def total(x: np.ndarray) -> np.ndarray:
        return np.bincount(observations.codes, x, minlength=len(observations))

    w = total(1 / errors**2)
    middle = np.nan_to_num(observations.mean)  # sums are taken about the mean: nothing cancels in values far from 0
    about = observations.values - middle[observations.codes]
    c = middle + total(about / errors**2) / np.where(w > 0, w, 1)
    residual = (observations.values - c[observations.codes]) / errors
    a = total(-LOG_2PI / 2 - np.log(errors) - residual**2 / 2)
    return NormalFactors(a[:, None], w[:, None], c)


def learned_sigma(observations: Observations, sigma: Float[np.ndarray, "sigma"]) -> NormalFactors:
    """The factors of rows that share a standard deviation within their group, for each value of it.

    w = n / sigma**2, c = the mean, a = -n log(2 pi sigma**2) / 2 - S / (2 sigma**2), S the centred sum of squares.
    """
    n = observations.count[:, None]
    a = -n * (LOG_2PI / 2 + np.log(sigma)) - observations.sum_of_squares[:, None] / (2 * sigma**2)
    return NormalFactors(a, n / sigma**2, np.nan_to_num(observations.mean))
