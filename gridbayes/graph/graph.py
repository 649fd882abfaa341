"""`gridbayes.Graph`: a model told as a story, node by node, observed in parts and intervened upon.

A story of nodes x_1, ..., x_n, each with its parents before it, says the joint

    p(x_1, ..., x_n) = prod_i p(x_i | pa_i).

To observe a node is to keep the cells in which it has that value, and to divide by what is left: p(x | y). To set a node
is to replace its factor by a fixed value: p(x | do(y)) = prod over the others of p(x_i | pa_i), so that its causes learn
nothing and its effects follow. Source: Pearl (2009), Causality, 2nd ed., section 3.2.3 (the truncated factorisation, 3.10).

All nodes live on grids, and their densities are normalised there (node.py): the discretised model, exactly. How far it is
from the continuous one the posteriors state.
"""

import keyword
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gridbayes._types import Floats
from gridbayes.graph.answers import NEW, Answers
from gridbayes.graph.arrows import Parents, boundary, cycle
from gridbayes.graph.as_memo import domain_name
from gridbayes.graph.node import Node
from gridbayes.graph.rules import Table, rule_of
from gridbayes.graph.text import to_dot, to_mermaid
from gridbayes.graph.values import domain_of, numbers_of, places, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Graph"]

WORDS = {"at", "exp", "nature", "story", "Pr"}  # of the memo's text
LONGEST = 4  # values of a row that a note shows


@dataclass(frozen=True, eq=False)
class Graph(Answers):
    """A story: nodes with grids and densities given their parents, of which some may be observed or set.

    Every method returns a new story and leaves this one as it is, so that a story can branch.

    Parameters
    ----------
    nodes : by name, causes before effects. Write them by `node`.
    observed, done : values of the nodes that are observed, and of those that are set. Write them by `condition` and `do`.

    >>> import gridbayes as gb
    >>> story = (
    ...     gb.Graph()
    ...     .node("th1", gb.trapezoid(-9, 9, 91), gb.Normal(0, 1))
    ...     .node("th2", gb.trapezoid(-9, 9, 91), lambda th1: gb.Normal(th1, 1))
    ...     .node("y1", gb.trapezoid(-9, 9, 91), lambda th2: gb.Normal(th2, 1))
    ... )
    >>> story
    Graph(th1, th2 given th1, y1 given th2)
    >>> round(story.condition(th2=2).marginal("th1").mean(), 4), round(abs(story.do(th2=2).marginal("th1").mean()), 4)
    (1.0, 0.0)
    """

    nodes: Mapping[str, Node] = field(default_factory=dict)
    observed: Mapping[str, Floats] = field(default_factory=dict)
    done: Mapping[str, Floats] = field(default_factory=dict)

    # --- telling it ---------------------------------------------------------------------------------------------

    def node(self, name: str, values: Any, density: Any) -> "Graph":
        """The story with one node more, whose parents are in it already.

        Parameters
        ----------
        name : a Python name.
        values : a Grid (or increasing floats, as its points) of a continuous node; increasing integers, booleans, an Enum
            or a list of texts of a discrete one.
        density : one of

            - a distribution, `gb.Normal(0, 1)` or a frozen one of scipy.stats, or the probabilities of the values, as a list
              or as a dict by value: of a node without parents;
            - a function whose arguments are named like the parents, which returns one of these for single values of them:
              `lambda th1: gb.Normal(th1, 1)`;
            - a function that has the node's own name among its arguments, a log density of arrays that broadcast:
              `lambda th2, th1: norm.logpdf(th2, th1, 1)`, for many cells;
            - a labelled array of probabilities, with an axis for the node and for each parent, that sum to 1 over the node.

            Arguments with a default are no parents. Densities are normalised over the node's grid, probabilities must be.

        Raises
        ------
        TypeError, ValueError
            When the name, the values or the density will not do; of a density that is no distribution the row is named.
        """
        self._check_name(name)
        domain = domain_of(name, values)
        parents, rule = rule_of(domain, density, {each: node.domain for each, node in self.nodes.items()})
        if name in self.nodes:
            self._refuse_again(name, parents)
        return self._with(Node(name, domain, parents, rule, density))

    def _with(self, node: Node) -> "Graph":
        """The story with one node more, whose table is made here, so that what is wrong with it is said where it is told."""
        node.factor({})
        return replace(self, nodes={**self.nodes, node.name: node})

    def condition(self, **values: Any) -> "Graph":
        """The story in which these nodes are observed: one value each, or a list of rows, which stand in a plate.

        Rows are independent given the nodes outside the plate; what depends on a node with rows must have as many. On points
        and in tables only the node's own values can be observed, on grids with weights any between their ends.

        Raises
        ------
        ValueError
            For a node that is not there, known already, observed off its grid, or in other rows than its parents.
        """
        self._check_free(values, "observed")
        found = {name: self._number(name, value) for name, value in values.items()}
        return replace(self, observed={**self.observed, **found})._checked()

    def do(self, **values: Any) -> "Graph":
        """The story in which these nodes are set, whatever their causes: their arrows are cut.

        ValueError for a node that is not there, observed, or set off its grid.
        """
        self._check_free(values, "set")
        found = {name: self._number(name, value) for name, value in values.items()}
        for name, numbers in found.items():
            if np.ndim(numbers):
                raise ValueError(f"{name} must be set to one value; it is {values[name]!r}.")
        return replace(self, done={**self.done, **found})._checked()

    def undo(self, *names: str) -> "Graph":
        """The story in which these nodes are free again, neither observed nor set; all of them where none is named."""
        self._check_known(*names)
        for name in names:
            if name not in self._known:
                raise ValueError(f"{name} is neither observed nor set; known are {', '.join(self._known) or 'none'}.")
        left = {name for name in self._known if names and name not in names}
        observed, done = ({n: x for n, x in known.items() if n in left} for known in (self.observed, self.done))
        return replace(self, observed=observed, done=done)._checked()

    def merge(self, other: "Graph") -> "Graph":
        """Both stories as one, in which the nodes that they share are the same: two sets of data about one parameter.

        Raises
        ------
        ValueError
            When a node of both is told differently, or known to be something else.

        >>> import gridbayes as gb
        >>> stem = gb.Graph().node("phi", gb.trapezoid(-9, 9, 91), gb.Normal(0, 1))
        >>> one = stem.node("y1", gb.trapezoid(-12, 12, 121), lambda phi: gb.Normal(phi, 1)).condition(y1=1)
        >>> two = stem.node("y2", gb.trapezoid(-12, 12, 121), lambda phi: gb.Normal(phi, 1)).condition(y2=2)
        >>> round(one.merge(two).marginal("phi").mean(), 6)
        1.0
        """
        for name in self.nodes.keys() & other.nodes.keys():
            if not self.nodes[name].same(other.nodes[name]):
                self._refuse_merge(name, other)
            kept, new = self._known.get(name), other._known.get(name)
            alike = kept is None or new is None or np.array_equal(kept, new)
            if (
                not alike
                or (name in self.observed and name in other.done)
                or (name in self.done and name in other.observed)
            ):
                raise ValueError(
                    f"{name} is known in both stories, {self.note(name)} and {other.note(name)}. Undo one."
                )
        nodes = {**self.nodes, **{name: node for name, node in other.nodes.items() if name not in self.nodes}}
        merged = Graph(nodes, {**self.observed, **other.observed}, {**self.done, **other.done})
        return merged._checked()

    def factored(self, order: Iterable[str], complete: bool = False) -> "Graph":
        """The same joint told in another order: tables p(x | those before it), on the same grids.

        Any order of the nodes tells the same joint, since p(a) p(b | a) = p(b) p(a | b), and all of `condition`, `marginal`
        and `predict` are as they were. Only `do` is not: an intervention is about arrows, and these now point elsewhere.

        Parameters
        ----------
        order : all nodes.
        complete : whether each node has all before it as parents; else only those that it depends on, as the arrows of this
            story say.

        Raises
        ------
        ValueError
            When the order has not each node once, a node is set, or a table is too large.

        >>> import gridbayes as gb
        >>> story = gb.Graph().node("rain", ["no", "yes"], [0.8, 0.2])
        >>> story = story.node("wet", ["no", "yes"], lambda rain: [0.1, 0.9] if rain == "yes" else [0.9, 0.1])
        >>> story.factored(["wet", "rain"])
        Graph(wet, rain given wet)
        """
        order = tuple(order)
        if sorted(order) != sorted(self.nodes):
            raise ValueError(f"order must have each node once, {', '.join(self.nodes)}; it is {', '.join(order)}.")
        if self.done:
            raise ValueError(f"{', '.join(self.done)} is set, which is about the arrows of this story. Undo it first.")
        free, told = replace(self, observed={}), Graph()
        for i, name in enumerate(order):
            parents = order[:i] if complete else boundary(self.parents, name, order[:i])
            told = told._with(_conditional(free, name, parents))
        for name, numbers in self.observed.items():
            places(self.nodes[name].domain, numbers)
        return replace(told, observed=self.observed)._checked()

    # --- what it looks like -------------------------------------------------------------------------------------

    @property
    def parents(self) -> Parents:
        """The parents of each node, in the order of the story; also of nodes that are set, whose arrows are cut."""
        return {name: node.parents for name, node in self.nodes.items()}

    @property
    def plates(self) -> dict[tuple[str, ...], int]:
        """The nodes that are observed in rows, those together that depend on one another, and how many rows they have."""
        groups: list[list[str]] = []
        for name, numbers in self.observed.items():
            if np.ndim(numbers):
                linked = [
                    g for g in groups if any(name in self.nodes[n].parents or n in self.nodes[name].parents for n in g)
                ]
                groups = [g for g in groups if g not in linked] + [[*(n for g in linked for n in g), name]]
        return {tuple(n for n in self.nodes if n in group): len(self.observed[group[0]]) for group in groups}

    def note(self, name: str) -> str:
        """What is known of a node, `y1 = 1`, as text; nothing of a free one."""
        if name not in self._known:
            return ""
        known = self._known[name]
        if np.ndim(known) and len(known) > LONGEST:
            return f"{name}: {len(known)} rows"
        return f"{name} = {shown(self.nodes[name].domain, known)}"

    @property
    def title(self) -> str:
        """`story of th1, y1 given y1 = 1, do(th2 = 2)`."""
        known = [*map(self.note, self.observed), *(f"do({self.note(name)})" for name in self.done)]
        return f"story of {', '.join(self.nodes) or 'nothing'}" + (f" given {', '.join(known)}" if known else "")

    def to_dot(self) -> str:
        """The graph in DOT, the language of Graphviz: observed nodes grey, set ones in two circles, cut arrows dashed."""
        return to_dot(self)

    def to_mermaid(self) -> str:
        """The graph in Mermaid, which Markdown pages draw."""
        return to_mermaid(self)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """The graph as a picture (gridbayes.plots.story_graph)."""
        from gridbayes.plots import story_graph

        return story_graph(self, ax=ax)

    def __getitem__(self, name: str) -> Node:
        self._check_known(name)
        return self.nodes[name]

    def __repr__(self) -> str:
        told = [f"{name} given {', '.join(parents)}" if parents else name for name, parents in self.parents.items()]
        known = self.title.partition(" given ")[2]
        return f"Graph({', '.join(told)}{f'; {known}' if known else ''})"

    # --- checks -------------------------------------------------------------------------------------------------

    def _check_name(self, name: str) -> None:
        if not (isinstance(name, str) and name.isidentifier() and name[0] != "_") or keyword.iskeyword(name):
            raise ValueError(f"a node's name must be a Python name, as th1; it is {name!r}.")
        if name in WORDS or name.startswith((NEW, "log_p_")):
            raise ValueError(f"{name} means something else in a story's memo. Choose another name.")
        taken = {domain_name(other) for other in self.nodes}
        if name in taken or domain_name(name) in self.nodes:
            raise ValueError(f"{name} differs from another node in its first letter's case alone. Choose another name.")

    def _refuse_again(self, name: str, parents: tuple[str, ...]) -> None:
        if path := cycle({**self.parents, name: parents}):
            raise ValueError(f"arrows must not lead back; they would: {' -> '.join(path)}. Leave out one of them.")
        raise ValueError(f"{name} is in the story already. Give the new node another name.")

    def _refuse_merge(self, name: str, other: "Graph") -> None:
        both = {
            n: tuple({*self.parents.get(n, ()), *other.parents.get(n, ())}) for n in {**self.parents, **other.parents}
        }
        if path := cycle(both):
            raise ValueError(
                f"arrows must not lead back; together they do: {' -> '.join(path)}. Tell both in one order."
            )
        raise ValueError(
            f"{name} is told differently in the two stories: a shared node must have the same grid and density, the very "
            "same object if that is a function or a table. Begin both with the story of what they share."
        )

    def _check_free(self, values: Mapping[str, Any], what: str) -> None:
        self._check_known(*values)
        for name in values:
            if name in self.done:
                raise ValueError(f"{name} is set, {self.note(name)}, and cannot be {what} too: undo({name!r}) first.")
            if name in self.observed:
                remedy = f"undo({name!r}) first"
                why = "an intervention comes before what it causes is seen" if what == "set" else "it has one value"
                raise ValueError(f"{name} is observed, {self.note(name)}, and cannot be {what}: {why}; {remedy}.")

    def _number(self, name: str, value: Any) -> Floats:
        node = self.nodes[name]
        read = [other.name for other in self.nodes.values() if isinstance(other.rule, Table) and name in other.parents]
        return np.asarray(numbers_of(node.domain, value, node.between and not read))

    def _checked(self) -> "Graph":
        """The story, in which each child of a node with rows has as many."""
        for name, node in self.nodes.items():
            if name in self.done:
                continue
            for parent in node.parents:
                rows, own = np.shape(self._known.get(parent, 0.0)), np.shape(self._known.get(name, 0.0))
                if rows and rows != own:
                    has = f"has {own[0]}" if own else "has one value" if name in self._known else "is free"
                    raise ValueError(
                        f"{name} depends on {parent}, which has {rows[0]} rows, and must have as many; it {has}. Observe "
                        f"both in one call, condition({parent}=[...], {name}=[...])."
                    )
        return self


def _conditional(story: Graph, name: str, parents: tuple[str, ...]) -> Node:
    """p(name | parents) of a story as a node with a table; where the parents have no mass, all values alike."""
    joint = story.masses(*parents, name)
    total = joint.sum(axis=-1, keepdims=True)
    even = np.full(joint.shape, 1 / joint.shape[-1])
    masses = np.divide(joint, total, out=even, where=total > 0)
    domains = tuple(story.nodes[each].domain for each in parents)
    domain = story.nodes[name].domain
    return Node(name, domain, parents, Table(domain, domains, masses / masses.sum(axis=-1, keepdims=True)), masses)
