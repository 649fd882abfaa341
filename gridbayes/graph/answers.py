"""What a story can be asked: sums over its joint, each node summed over as early as it can be."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gridbayes._types import Floats
from gridbayes.graph.arrows import Parents, ancestors
from gridbayes.graph.as_memo import enumerated, program_of
from gridbayes.graph.elimination import Plan
from gridbayes.graph.node import Factor, Node
from gridbayes.graph.rules import Table
from gridbayes.graph.solved import Solved
from gridbayes.graph.values import as_written
from gridbayes.posterior import Posterior, PosteriorError, checked_masses
from gridbayes.program import Program
from gridbayes.sampling import as_count
from gridbayes.summaries import Marginal

if TYPE_CHECKING:
    import xarray as xr

    from gridbayes.graph.graph import Graph

__all__ = ["Answers"]

LEAST = -600.0  # log of a product that double precision holds with all digits
NEW = "new_"  # before the name of a node that is drawn anew


class Answers(ABC):
    """The part of a Graph that answers questions."""

    nodes: Mapping[str, Node]
    observed: Mapping[str, Floats]
    done: Mapping[str, Floats]
    title: str

    # --- distributions ------------------------------------------------------------------------------------------

    def marginal(self, *names: str) -> Posterior:
        """p(node | what is observed and done) of each of these nodes, or of all that are free, as a Posterior.

        It answers mean, sd, quantile, intervals, joint, sample, plot and the rest, and states its error: the distance to
        the same story on grids of half the nodes, and the mass that grids do not hold. `post.program` is the memo that
        says the same; `by_memo` runs it.

        Raises
        ------
        ValueError
            For a node that is known or not there, and when a sum needs too many cells.
        PosteriorError
            When what is observed has probability 0.

        >>> import gridbayes as gb
        >>> story = gb.Graph().node("mu", gb.trapezoid(-9, 9, 91), gb.Normal(0, 1))
        >>> story = story.node("y", gb.trapezoid(-12, 12, 121), lambda mu: gb.Normal(mu, 1))
        >>> round(story.condition(y=1).marginal("mu").mean(), 6)
        0.5
        """
        asked = self._asked(names)
        return self._posterior({name: self.one(name) for name in asked})

    def joint(self, *names: str) -> "xr.DataArray":
        """p(nodes | what is observed and done) as masses that sum to 1, an axis a node.

        >>> import gridbayes as gb
        >>> story = gb.Graph().node("rain", ["no", "yes"], [0.8, 0.2])
        >>> story = story.node("wet", ["no", "yes"], lambda rain: [0.1, 0.9] if rain == "yes" else [0.9, 0.1])
        >>> float(story.joint("rain", "wet").sel(rain="yes", wet="no").round(6))
        0.02
        """
        import xarray as xr

        asked = self._asked(names)
        domains = {name: self.nodes[name].domain for name in asked}
        coordinates = {name: as_written(domain, domain.nodes.nodes) for name, domain in domains.items()}
        return xr.DataArray(self.masses(*asked), coords=coordinates, dims=asked, name=f"p_{'_'.join(asked)}")

    def by_memo(self, *names: str) -> Posterior:
        """`marginal`, computed by the memo, which enumerates the whole joint: of small stories, and to compare.

        Raises
        ------
        ValueError
            When the joint has too many cells.
        PosteriorError
            When what is observed is so improbable that products of it underflow, which a memo would not say.
        """
        asked = self._asked(names)
        self._check_possible(self.log_evidence)
        self._check_product()
        program, free = self._program(asked), self._free
        table = enumerated(program, self._factors, asked, {name: self._sizes[name] for name in free})
        grids = {name: self.nodes[name].domain.nodes for name in asked}
        axes = range(len(asked))
        sums = [table.sum(axis=tuple(other for other in axes if other != axis)) for axis in axes]
        return self._posterior({n: Marginal(grids[n], masses) for n, masses in zip(asked, sums, strict=True)})

    def predict(self, *names: str, **given: object) -> Posterior:
        """What a new row may show: these nodes drawn anew, given the same unknowns, as a Posterior of `new_y` and so on.

        Parameters
        ----------
        names : of nodes, observed or free. A new node whose parent is new too follows that one, else the one in the story.
        given : nodes of the new row that are known, by their names in the story: `predict("y", x=3)`.

        >>> import gridbayes as gb
        >>> story = gb.Graph().node("mu", gb.trapezoid(-9, 9, 91), gb.Normal(0, 1))
        >>> story = story.node("y", gb.trapezoid(-12, 12, 121), lambda mu: gb.Normal(mu, 1))
        >>> new = story.condition(y=[1, 0, 2]).predict("y")
        >>> round(new.mean("new_y"), 6), round(new.sd("new_y") ** 2, 6)
        (0.75, 1.25)
        """
        if not names:
            raise ValueError("predict needs the names of the nodes that are drawn anew: story.predict('y').")
        self._check_known(*names, *given)
        named = {name: f"{NEW}{name}" for name in self.nodes if name in {*names, *given}}
        twins = {named[name]: self.nodes[name].renamed(named) for name in named}
        if set_by_hand := [name for name in named if name in self.done]:
            raise ValueError(f"{set_by_hand[0]} is set, not drawn: {self.note(set_by_hand[0])}. Undo it to predict it.")
        for name, twin in twins.items():
            if repeated := [parent for parent in twin.parents if np.ndim(self._known.get(parent, 0.0))]:
                raise ValueError(
                    f"{name} depends on {repeated[0]}, which has a value in every row. State that of the new row: "
                    f"predict(..., {repeated[0]}=...)."
                )
        wider = replace(self, nodes={**self.nodes, **twins})  # pyright: ignore[reportArgumentType]
        known = {f"{NEW}{name}": value for name, value in given.items()}
        return wider.condition(**known).marginal(*(named[name] for name in names))  # pyright: ignore

    # --- numbers ------------------------------------------------------------------------------------------------

    @cached_property
    def log_evidence(self) -> float:
        """log p(what is observed | what is done): 0 where nothing is.

        Of an observed node on a grid with weights its density counts, on points and in tables its probability.
        """
        return float(self._summed(self._relevant(()), ()))

    @property
    def size(self) -> int:
        """The number of cells of the joint of all free nodes, which is never built unless it is asked for."""
        return math.prod(self._sizes[name] for name in self._free)

    def plan(self, *names: str) -> Plan:
        """The steps that lead to the joint of these nodes, with the cells that each visits; `print` shows them."""
        asked = self._asked(names)
        return self._plan(self._relevant(asked), asked)

    @property
    def program(self) -> Program:
        """The story as a memo, which returns the joint of all free nodes."""
        return self._program(self._free)

    # --- draws --------------------------------------------------------------------------------------------------

    def sample(self, n: Any, seed: "int | np.random.Generator" = 0) -> "xr.Dataset":
        """n independent draws of all free nodes, jointly, given what is observed and done: (draw,).

        Each node is drawn given those that are drawn before it; draws are nodes of the grids.

        >>> import gridbayes as gb
        >>> story = gb.Graph().node("rain", ["no", "yes"], [0.8, 0.2])
        >>> story.sample(5, seed=1)["rain"].values.tolist()
        ['no', 'yes', 'no', 'yes', 'no']
        """
        import xarray as xr

        drawn = self.drawn(as_count(n), np.random.default_rng(seed))
        written = {name: ("draw", as_written(self.nodes[name].domain, numbers)) for name, numbers in drawn.items()}
        return xr.Dataset(written, coords={"draw": np.arange(n)}, attrs={"model": self.title})

    def drawn(self, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draws of all free nodes as numbers, (draw,)."""
        self._check_possible(self.log_evidence)
        tables = list(self._factors.values())
        found = self._plan(list(self._factors), ()).draw(tables, n, rng)
        return {name: self.nodes[name].domain.nodes.nodes[found[name]] for name in self._free}

    # --- the same story on other grids --------------------------------------------------------------------------

    def continuous(self, name: str) -> bool:
        """Whether the grid of a node stands for a line: a table makes what it reads discrete."""
        node = self.nodes[name]
        read = any(isinstance(other.rule, Table) and name in other.family for other in self.nodes.values())
        return node.domain.grid is not None and not node.rule.tabular and not read

    @cached_property
    def coarser(self) -> "Graph | None":
        """The story on grids of half the nodes; itself where no node is continuous, None where a grid is too small."""
        halved = {name: self.nodes[name].domain.coarser for name in self.nodes if self.continuous(name)}
        if not halved:
            return self  # pyright: ignore[reportReturnType]
        if None in halved.values():
            return None
        domains = {name: halved.get(name) or node.domain for name, node in self.nodes.items()}
        return replace(self, nodes={name: node.on(domains) for name, node in self.nodes.items()})  # pyright: ignore

    def cut_off(self, name: str) -> float:
        """The share of a node's stated density that its grid does not hold, on average over its parents given all that is
        known; 0 for what is not stated as a distribution."""
        node = self.nodes[name]
        if not node.rule.normalised:
            return 0.0
        free, held = node.held(self._known)
        return float(abs(np.sum(self.masses(*free) * (1 - held)))) if free else float(abs(1 - held))

    # --- sums ---------------------------------------------------------------------------------------------------

    def one(self, name: str) -> Marginal:
        """The marginal of one free node."""
        return Marginal(self.nodes[name].domain.nodes, self.masses(name))

    def masses(self, *names: str) -> Floats:
        """p(nodes | what is known), an axis a node in their order."""
        table = self._summed(self._relevant(names), names)
        self._check_possible(float(table.max()))
        masses = np.exp(table - table.max())
        return checked_masses(masses / masses.sum(), ", ".join(names), axes=len(names))

    def _summed(self, involved: list[str], keep: tuple[str, ...]) -> Floats:
        return self._plan(involved, keep).run([self._factors[name] for name in involved])

    def _plan(self, involved: list[str], keep: tuple[str, ...]) -> Plan:
        return Plan.of([self._factors[name][0] for name in involved], keep, self._sizes)

    def _relevant(self, names: tuple[str, ...]) -> list[str]:
        """The nodes whose densities matter: ancestors of what is asked and observed; others sum to 1."""
        needed = ancestors(self._causes, {*names, *self.observed})
        return [name for name in self._factors if name in needed]

    @cached_property
    def _factors(self) -> dict[str, Factor]:
        """The log density of each node but those that are set, as a table over the free nodes of its family."""
        return {name: node.factor(self._known) for name, node in self.nodes.items() if name not in self.done}

    @property
    def _causes(self) -> Parents:
        """The parents of each node once those that are set have lost theirs."""
        return {name: () if name in self.done else node.parents for name, node in self.nodes.items()}

    @property
    def _known(self) -> dict[str, Floats]:
        return {**self.observed, **self.done}

    @property
    def _free(self) -> tuple[str, ...]:
        return tuple(name for name in self.nodes if name not in self._known)

    @property
    def _sizes(self) -> dict[str, int]:
        return {name: len(node.domain) for name, node in self.nodes.items()}

    # --- reports ------------------------------------------------------------------------------------------------

    @abstractmethod
    def note(self, name: str) -> str:
        """What is known of a node, as text; nothing of a free one."""

    def _program(self, asked: tuple[str, ...]) -> Program:
        notes = {name: self.note(name) for name in self.nodes if name in self._known}
        return program_of(self._factors, asked, notes)

    def _posterior(self, marginals: dict[str, Marginal]) -> Posterior:
        domains = {name: self.nodes[name].domain for name in marginals}
        labels = {name: {name: list(domain.labels)} for name, domain in domains.items() if domain.labels}
        program, solved = self._program(tuple(marginals)), Solved(self, marginals)  # pyright: ignore
        alone = {name: (marginal,) for name, marginal in marginals.items()}
        return Posterior(alone, (), frozenset(), self.log_evidence, program, solved, labels)

    # --- checks -------------------------------------------------------------------------------------------------

    def _asked(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The nodes that are asked for: all free ones where none is named."""
        self._check_known(*names)
        for name in names:
            if name in self._known:
                raise ValueError(f"{name} is known, {self.note(name)}: ask for {', '.join(self._free)}, or undo it.")
        if len(set(names)) < len(names):
            raise ValueError(f"each node can be asked for once; asked for are {', '.join(names)}.")
        if not self._free:
            raise ValueError(f"the story has no free node: {self.title}. Add one, or undo what is known.")
        return names or self._free

    def _check_known(self, *names: str) -> None:
        if strangers := [name for name in names if name not in self.nodes]:
            raise ValueError(f"no node {strangers[0]!r} in the story; it has {', '.join(self.nodes) or 'none yet'}.")

    def _check_product(self) -> None:
        """The memo multiplies the densities of what is observed, each relative to its largest."""
        product = self.log_evidence - sum(float(self._factors[name][1].max()) for name in self.observed)
        if product < LEAST:
            raise PosteriorError(
                f"a memo multiplies what is observed, and here that is e^{product:.0f} of what it could be, too small for "
                "double precision. Use marginal, which adds logarithms."
            )

    def _check_possible(self, log_p: float) -> None:
        if log_p == -math.inf:
            raise PosteriorError(
                f"what is observed has probability 0: {self.title}. No values of the free nodes allow it; check the "
                "densities and tables, or widen grids."
            )
