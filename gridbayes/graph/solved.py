"""What a posterior asks of the story that it came from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gridbayes.accuracy import FINE, ROUNDING, Accuracy, Error
from gridbayes.graph.node import NoMass
from gridbayes.posterior import Address, Posterior, PosteriorError
from gridbayes.sampling import product_nodes
from gridbayes.summaries import Marginal

if TYPE_CHECKING:
    from gridbayes.graph.graph import Graph

__all__ = ["Solved"]

COARSER = "coarser grids"


@dataclass(frozen=True, eq=False)
class Solved:
    """Some nodes of a story, with their marginals.

    Parameters
    ----------
    marginals : p(node | what is known) of each.
    """

    story: "Graph"
    marginals: Mapping[str, Marginal]

    @property
    def title(self) -> str:
        return self.story.title

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        """p(first, second | what is known)."""
        masses = self.story.masses(first[0], second[0])
        return self.marginals[first[0]], self.marginals[second[0]], masses

    def contrast(self, first: int, second: int) -> Marginal:
        raise ValueError(f"{self.title} has no groups to contrast; add the difference to the story as a node.")

    def predict(self, *names: str, **given: object) -> Posterior:
        return self.story.predict(*names, **given)

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return self.story.drawn(n, rng)

    def weighted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        grids = {name: marginal.grid for name, marginal in self.marginals.items()}
        return product_nodes(self.story.masses(*grids), grids)

    # --- accuracy -------------------------------------------------------------------------------------------------

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance to the same story on coarser grids, what its grids cut off, and what the ends of grids show."""
        coarse, marginals = self._coarser
        continuous = [name for name in self.marginals if self.story.continuous(name)]
        found = Accuracy.coarser(self.marginals, marginals, continuous)
        notes = [note for note in (found.note, self._cut_off) if note]
        return replace(found, errors=(*found.errors, *self._of_evidence(coarse)), note="; ".join(notes))

    @property
    def _coarser(self) -> "tuple[Graph | None, Mapping[str, Marginal] | None]":
        """The story on coarser grids and its marginals; None where there is none, or no mass at the nodes that are left."""
        coarse = self.story.coarser
        if coarse is self.story:
            return coarse, self.marginals
        try:
            return coarse, coarse and {name: coarse.one(name) for name in self.marginals}
        except (NoMass, PosteriorError):
            return None, None

    def _of_evidence(self, coarse: "Graph | None") -> list[Error]:
        """The error of log evidence; none on points, where it is the log probability of a node, which has no limit."""
        on_points = any(self.story.continuous(n) and not self.story[n].domain.weighted for n in self.story.observed)
        if on_points or not self.story.observed:
            return []
        size = math.inf if coarse is None else abs(coarse.log_evidence - self.story.log_evidence)
        return [Error("log_evidence", "value", size + ROUNDING, COARSER)]

    @property
    def _cut_off(self) -> str:
        """What the grids lack of the densities that the story states, over what is believed of their parents."""
        lost = {name: self.story.cut_off(name) for name in self.story.parents if name not in self.story.done}
        told = [f"{share:.2g} of the mass of {name}" for name, share in lost.items() if share > FINE]
        return f"beyond the grids lies {', '.join(told)}: widen them" if told else ""
