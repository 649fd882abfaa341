"""Products of normal factors, all of them and all but one, without a subtraction.

    exp(a_1 - w_1 (x - c_1)**2 / 2) exp(a_2 - w_2 (x - c_2)**2 / 2) = exp(a - w (x - c)**2 / 2),
    w = w_1 + w_2,   c = (w_1 c_1 + w_2 c_2) / w,   a = a_1 + a_2 - w_1 w_2 (c_1 - c_2)**2 / (2 w)

A factor that is taken out of the product by subtraction leaves rounding where it dominates. The product of all others is
built instead: pairs are joined, each pair's others are found, and a factor's others are its pair's and its partner.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gridbayes.convolution import log_convolution
from gridbayes.likelihoods import NormalFactors
from gridbayes.priors import Prior

__all__ = ["Factors", "all_but_one", "joined", "of_location"]

LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class Factors:
    """exp(a - w (x - c)**2 / 2) for some items and cells; w = 0 says nothing of x.

    Parameters
    ----------
    a : log height.
    w : weight, 1 / unit of x squared.
    c : centre, in the unit of x.
    """

    a: Float[np.ndarray, "item cell"]
    w: Float[np.ndarray, "item cell"]
    c: Float[np.ndarray, "item cell"]

    def log_evidence(self, prior: Prior) -> Float[np.ndarray, "item cell"]:
        """log int p(x) exp(a - w (x - c)**2 / 2) dx."""
        known = self.w > 0
        s = 1 / np.sqrt(np.where(known, self.w, 1))
        mass = log_convolution(prior, self.c, s) + LOG_2PI / 2 + np.log(s)
        return self.a + np.where(known, mass, 0.0)

    def __getitem__(self, items: np.ndarray | slice) -> "Factors":
        return Factors(self.a[items], self.w[items], self.c[items])


def of_location(groups: NormalFactors, tau: Float[np.ndarray, " cell"]) -> Factors:
    """What the rows of each group say of mu, theta_d ~ N(mu, tau) integrated out: log M_d(mu, tau) of likelihoods.py."""
    spread = 1 + groups.w * tau**2
    w = groups.w / spread
    return Factors(groups.a - np.log(spread) / 2, w, np.broadcast_to(groups.c[:, None], w.shape))


def joined(one: Factors, two: Factors) -> Factors:
    """The product of each item's two factors."""
    w = one.w + two.w
    share = two.w / np.where(w > 0, w, 1)
    apart = two.c - one.c
    return Factors(one.a + two.a - one.w * share * apart**2 / 2, w, one.c + share * apart)


def all_but_one(factors: Factors) -> Factors:
    """For each item the product of the factors of all others; of one item alone a factor that says nothing."""
    count, cells = factors.a.shape
    if count == 1:
        return Factors(*(np.zeros((1, cells)) for _ in range(3)))
    if count % 2:
        nothing = Factors(*(np.zeros((1, cells)) for _ in range(3)))
        return all_but_one(_stacked(factors, nothing))[:-1]
    first, second = factors[::2], factors[1::2]
    others = all_but_one(joined(first, second))
    result = Factors(*(np.empty_like(factors.a) for _ in range(3)))
    for at, partner in ((slice(0, None, 2), second), (slice(1, None, 2), first)):
        found = joined(others, partner)
        result.a[at], result.w[at], result.c[at] = found.a, found.w, found.c
    return result


def _stacked(one: Factors, two: Factors) -> Factors:
    return Factors(*(np.concatenate(parts) for parts in ((one.a, two.a), (one.w, two.w), (one.c, two.c))))
