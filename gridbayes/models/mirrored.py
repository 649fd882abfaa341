"""Mirrored labels: what is known of any one component when no one says which it is.

Components that are alike a priori have K! mirror modes of the same mass. Over all of them every component has the same
marginal, the average of those of the components in order:

    p(mu_j | y) = 1/K sum_k p(mu_(k) | y).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gridbayes.accuracy import Accuracy
from gridbayes.grids import Grid, in_panels
from gridbayes.posterior import Address, Posterior
from gridbayes.quadrature.clouds import OnDemand
from gridbayes.quadrature.quadrature import Whitened
from gridbayes.summaries import Marginal

__all__ = ["mirrored"]


def mirrored(ordered: Posterior) -> Posterior:
    """The posterior of components in order, as one over all their mirror images."""
    return _mirrored(ordered, Mirrored(ordered.model))  # pyright: ignore[reportArgumentType]


def _mirrored(ordered: Posterior, model: "Mirrored") -> Posterior:
    marginals = {
        name: (average(each),) * len(each) if name in ordered.per_group else each
        for name, each in ordered.marginals.items()
    }
    return Posterior(marginals, ordered.groups, ordered.per_group, ordered.log_evidence, ordered.program, model)


def average(marginals: Sequence[Marginal]) -> Marginal:
    """The average of densities: mean and variance by the law of total variance, panels when they are asked for."""
    means, variances = (np.array([getattr(each, name) for each in marginals]) for name in ("mean", "var"))

    def made() -> tuple[Grid, np.ndarray]:
        grids = [each.grid for each in marginals]
        if grids[0].rule == "points":
            nodes, which = np.unique(np.concatenate([grid.nodes for grid in grids]), return_inverse=True)
            return Grid(nodes), np.bincount(which, np.concatenate([each.masses for each in marginals])) / len(grids)
        grid = in_panels(np.unique(np.concatenate([grid.edges for grid in grids])), max(grid.order for grid in grids))
        masses = sum(each.density(grid.nodes) for each in marginals) * np.exp(grid.log_weight)
        return grid, masses / masses.sum()

    return OnDemand((float(means.mean()), float((variances + (means - means.mean()) ** 2).mean())), made)


@dataclass(frozen=True, eq=False)
class Mirrored:
    """What made the posterior: that of the components in order."""

    ordered: Whitened

    @property
    def title(self) -> str:
        return f"{self.ordered.title}; mirrored labels"

    @cached_property
    def _coarse(self) -> Posterior:
        return _mirrored(self.ordered.coarse, self)

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        """No joint: that of one labelling says more."""
        raise ValueError(
            f"{self.title}: pairs of parameters are those of the components in order. Pass labels='ordered'."
        )

    def contrast(self, first: int, second: int) -> Marginal:
        """No theta."""
        raise ValueError(f"{self.title} has no contrast. Pass labels='ordered'.")

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of the components in order, each draw's then put into an order drawn at random."""
        drawn = self.ordered.sample(n, rng)
        order = rng.permuted(np.tile(np.arange(len(self.ordered.labels)), (n, 1)), axis=1)
        names = self.ordered.per_label
        return {name: np.take_along_axis(x, order, axis=1) if name in names else x for name, x in drawn.items()}

    def weighted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """No nodes: those of one labelling say more."""
        raise ValueError(f"{self.title}: weighted nodes are those of the components in order. Pass labels='ordered'.")

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance of the fine cloud to the coarse one, mirrored both."""
        return self.ordered.distance(posterior, self._coarse)
