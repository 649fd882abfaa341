"""What can be read off arrows alone: ancestors, cycles, and which nodes are independent given others.

A graph here is the parents of each node, in an order in which causes stand before effects. Independence is d-separation in
the form of Lauritzen, Dawid, Larsen & Leimer (1990), "Independence properties of directed Markov fields", Networks
20:491-505, proposition 3: of the nodes asked for and their ancestors, join all parents of a node, forget the arrows'
directions, take the known nodes away; what is then not connected is independent.
"""

import itertools
from collections.abc import Iterable, Mapping

__all__ = ["Parents", "ancestors", "boundary", "cycle", "separated"]

type Parents = Mapping[str, tuple[str, ...]]


def ancestors(parents: Parents, names: Iterable[str]) -> set[str]:
    """The nodes from which arrows lead to any of these, and these.

    >>> sorted(ancestors({"a": (), "b": ("a",), "c": ("b",), "d": ("a",)}, ["c"]))
    ['a', 'b', 'c']
    """
    left, found = list(names), set()
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += parents[name]
    return found


def cycle(parents: Parents) -> list[str]:
    """Nodes that lead back to the first of them, which is also the last; empty where arrows never lead back.

    >>> cycle({"a": ("c",), "b": ("a",), "c": ("b",)})
    ['a', 'b', 'c', 'a']
    """
    done: set[str] = set()

    def back(path: list[str]) -> list[str]:
        for parent in parents[path[-1]]:
            if parent in path:
                return [parent, *reversed(path[path.index(parent) :])]
            if parent not in done and (found := back([*path, parent])):
                return found
        done.add(path[-1])
        return []

    return next(filter(None, (back([name]) for name in parents)), [])


def separated(parents: Parents, first: str, second: str, given: Iterable[str]) -> bool:
    """Whether arrows say that first and second are independent given the others.

    >>> arrows = {"rain": (), "sprinkler": (), "wet": ("rain", "sprinkler")}
    >>> separated(arrows, "rain", "sprinkler", []), separated(arrows, "rain", "sprinkler", ["wet"])
    (True, False)
    """
    given = set(given)
    neighbours: dict[str, set[str]] = {name: set() for name in ancestors(parents, {first, second, *given})}
    for name in neighbours:
        for one, other in itertools.combinations((name, *parents[name]), 2):
            neighbours[one].add(other)
            neighbours[other].add(one)
    left, seen = [first], {first, *given}
    while left:
        reached = neighbours[left.pop()] - seen
        seen |= reached
        left += reached
    return second not in seen


def boundary(parents: Parents, name: str, before: Iterable[str]) -> tuple[str, ...]:
    """Those of the nodes `before` that p(name | before) depends on: the others are independent of it given these.

    >>> boundary({"a": (), "b": ("a",), "c": ("b",)}, "a", ["b", "c"])
    ('b',)
    """
    before = tuple(before)
    return tuple(
        each for each in before if not separated(parents, name, each, [other for other in before if other != each])
    )
