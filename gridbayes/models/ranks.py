"""The probability of every rank: which group has the largest theta, the second, ... , of numbers independent given a cell.

Given a cell (mu, tau, a shared sigma) the thetas are independent. At theta_d = x the others are above x independently with
probabilities p_e(x) = P(theta_e > x), so that the number of them above follows the Poisson binomial law:

    P(rank_d = r) = E[ int p(theta_d = x | cell) P(sum over e != d of Bernoulli(p_e(x)) = r - 1) dx ].

The law of all groups is built by adding one at a time, and each group is taken out of it again, in the direction in which
errors do not grow: 3 D**2 operations a value of x for all D groups. Nothing is sampled.
"""

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

from gridbayes.posterior import PosteriorError
from gridbayes.summaries import Marginal

__all__ = ["law_ranks", "normal_ranks", "table_ranks"]

BUDGET = 1e10  # operations: minutes
STEP = 0.8  # of the narrowest sd over sqrt(groups): a trapezoid rule is then right to rounding
REACH = 8.5  # sds of a normal that hold all but 2e-17 of it
CHUNK = 2**14  # values of x at once
LAWS, NODES = 512, 128  # about how many cells there are where laws are not normal, and nodes of a law


def poisson_binomial(p: Float[np.ndarray, "group point"]) -> Float[np.ndarray, "rank point"]:
    """P(k of the groups are above), k from 0 to all of them, at each point."""
    law = np.zeros((len(p) + 1, p.shape[1]))
    law[0] = 1.0
    for d, own in enumerate(p):
        law[1 : d + 2] += own * (law[: d + 1] - law[1 : d + 2])
        law[0] *= 1 - own
    return law


def without(
    law: Float[np.ndarray, "_count point"], own: Float[np.ndarray, " point"]
) -> Float[np.ndarray, "rank point"]:
    """The law of the other groups: law = (1 - own) rest + own (rest shifted by 1), solved from its stable end."""
    up, down = np.empty_like(law[1:]), np.empty_like(law[1:])
    small = own <= 0.5
    below, above = np.where(small, 1 - own, 1.0), np.where(small, 1.0, own)
    up[0], down[-1] = law[0] / below, law[-1] / above
    for k in range(1, len(up)):
        up[k] = (law[k] - own * small * up[k - 1]) / below
        down[-1 - k] = (law[-1 - k] - (1 - own) * ~small * down[-k]) / above
    return np.where(small, up, down)


def add_ranks(
    ranks: Float[np.ndarray, "group rank"], p: Float[np.ndarray, "group point"], mass: Float[np.ndarray, "group point"]
) -> None:
    """Add P(rank_d = r, theta_d at these points) to `ranks`; `mass` is p(theta_d at the point) with the cell's weight."""
    law = poisson_binomial(p)
    for d, own in enumerate(p):
        ranks[d] += without(law, own) @ mass[d]


def normal_ranks(
    weight: Float[np.ndarray, " cell"], mean: Float[np.ndarray, "cell group"], sd: Float[np.ndarray, "cell group"]
) -> Float[np.ndarray, "group rank"]:
    """P(rank_d = r), rank 1 the largest, of thetas that are independent normals given a cell."""
    low, high = (mean - REACH * sd).min(axis=1), (mean + REACH * sd).max(axis=1)
    groups = mean.shape[1]
    count = np.ceil((high - low) / (min(0.4, STEP / np.sqrt(groups)) * sd.min(axis=1))).astype(int) + 1
    require_budget(groups, float(count.sum()))
    ranks, step = np.zeros((groups, groups)), (high - low) / (count - 1)
    for batch in in_batches(count):
        cell = np.repeat(batch, count[batch])
        first = np.repeat(np.cumsum(count[batch]) - count[batch], count[batch])
        x = low[cell] + step[cell] * (np.arange(len(cell)) - first)
        z = (x - mean[cell].T) / sd[cell].T
        with np.errstate(under="ignore"):
            density = np.exp(-(z**2) / 2) / sd[cell].T / np.sqrt(2 * np.pi)
        add_ranks(ranks, ndtr(-z), (weight * step)[cell] * density)
    return checked(ranks)


def in_batches(count: Int[np.ndarray, " cell"]) -> list[Int[np.ndarray, " _cell"]]:
    """Indices of cells, so many together that they have about CHUNK values of x."""
    batch = np.cumsum(count) // CHUNK
    return np.split(np.arange(len(count)), np.flatnonzero(np.diff(batch)) + 1)


def table_ranks(
    weight: Float[np.ndarray, " cell"],
    masses: Callable[[np.ndarray], np.ndarray],
    nodes: int,
    groups: int,
) -> Float[np.ndarray, "group rank"]:
    """The same of thetas on common nodes with masses given some cells, (group, cell, node): those on one node share evenly.

    As if each were spread evenly over its node: with u of it above, p_e = P(theta_e > node) + u P(theta_e = node), and the
    law is a polynomial in u, which Gauss-Legendre nodes sum exactly.
    """
    u, share = np.polynomial.legendre.leggauss(groups // 2 + 1)
    u, share = (u + 1) / 2, share / 2
    require_budget(groups, float(len(weight) * nodes * len(u)))
    ranks = np.zeros((groups, groups))
    for batch in in_batches(np.full(len(weight), nodes * len(u))):
        own = masses(batch)
        above = np.clip(1 - np.cumsum(own, axis=2), 0.0, 1.0)
        p = np.minimum(above[..., None] + u * own[..., None], 1.0)
        mass = weight[batch][:, None, None] * own[..., None] * share
        add_ranks(ranks, p.reshape(groups, -1), mass.reshape(groups, -1))
    return checked(ranks)


def law_ranks(cells: Iterable[tuple[float, list[Marginal]]], groups: int) -> Float[np.ndarray, "group rank"]:
    """The same of numbers with any laws, independent given a cell: the mass of each cell, and a law a group."""
    require_budget(groups, float(LAWS * NODES * groups))
    ranks = np.zeros((groups, groups))
    for weight, laws in cells:
        x = np.concatenate([law.grid.nodes for law in laws])
        p = np.clip(np.stack([1 - law.cdf(x) for law in laws]), 0.0, 1.0)
        mass, ends = np.zeros(p.shape), np.cumsum([0, *(len(law.grid) for law in laws)])
        for d, law in enumerate(laws):
            mass[d, ends[d] : ends[d + 1]] = weight * law.masses
        add_ranks(ranks, p, mass)
    return checked(ranks)


def require_budget(groups: int, points: float) -> None:
    """Refuse what would take minutes, before it starts."""
    operations = 3.0 * groups**2 * points
    if operations > BUDGET:
        raise ValueError(
            f"the ranks of {groups} groups take {operations:.1g} operations (3 groups**2 at {points:.2g} values of "
            f"theta and the scales), more than the {BUDGET:.0g} allowed. Ask for fewer groups at a time: "
            "post.contrast(first, second).probability(above=0)."
        )


def checked(ranks: Float[np.ndarray, "group rank"]) -> Float[np.ndarray, "group rank"]:
    """`ranks` if every group has one rank and every rank one group: neither is forced, so both test the sums."""
    off = max(np.abs(ranks.sum(axis=axis) - 1).max() for axis in (0, 1))
    if not off < 1e-7:
        raise PosteriorError(f"the probabilities of ranks do not sum to 1: they are off by {off:.1g}.")
    return np.maximum(ranks, 0.0)
