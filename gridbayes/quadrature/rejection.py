"""Draws of a user's log density: independent, by rejection.

Proposals z come from a multivariate t about the mean and covariance of a cloud (clouds.py), u = m + A z, and are accepted
with probability p(u) / (M t(z)). M is the largest p(u) / t(z) among all proposals, a first set of spread points included;
one that raises it is weighed against all that were accepted before.

Source: Caffo, Booth & Davis (2002), "Empirical supremum rejection sampling", Biometrika 89(4):745-754.
"""

import numpy as np
from jaxtyping import Float

from gridbayes.quadrature.clouds import Cloud, ResolutionError
from gridbayes.quadrature.exchange import Exchange
from gridbayes.quadrature.rules import FREEDOM, points, t_log_density

__all__ = ["by_rejection"]

FIRST = 2**14  # spread points that look for M
MOST = 2**17  # proposals at a time
RARE = 1e-4  # of the proposals: where fewer are accepted, draws would take too long


def by_rejection(
    cloud: Cloud, exchange: Exchange, n: int, rng: np.random.Generator
) -> Float[np.ndarray, "draw dimension"]:
    """n independent draws of the coordinates u, mirror images left out.

    Raises
    ------
    ResolutionError
        Where hardly any proposal is accepted.
    """
    frame, space = cloud.frame(), cloud.target.space

    def log_ratio(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        u = frame.centre + z @ frame.root.T
        log_p = cloud.target.log_density(u)
        return u, np.where(exchange.in_order(space, u), log_p, -np.inf) - t_log_density(z)

    dimension = space.dimension
    _, first = log_ratio(points(FIRST, dimension).z)
    top, tried = float(first.max()), FIRST
    share = float(np.exp(first - top).mean())
    kept, scores = np.empty((0, dimension)), np.empty(0)
    while len(kept) < n:
        if share < RARE:
            raise ResolutionError(
                f"fewer than one in {1 / RARE:,.0f} proposals makes a draw of {', '.join(space.names)}: the density is far "
                "from a bell. Use post.weighted(), whose nodes carry masses."
            )
        size = int(np.clip(1.2 * (n - len(kept)) / share, 1024, MOST))
        z = rng.standard_normal((size, dimension)) * np.sqrt(FREEDOM / rng.chisquare(FREEDOM, (size, 1)))
        u, log_r = log_ratio(z)
        top, tried = max(top, float(log_r.max())), tried + size
        kept, scores = np.concatenate([kept, u]), np.concatenate([scores, log_r + rng.exponential(size=size)])
        kept, scores = kept[scores > top], scores[scores > top]  # -log of a uniform number is exponential
        share = len(kept) / (tried - FIRST)
    return kept[:n]
