"""A story as a memo: who is chosen given whom, what is observed, what is asked. It is printed, and it runs.

    me: thinks[
        nature: chooses(th1 in Th1, wpp=exp(at(log_p_th1, th1))),
        nature: chooses(th2 in Th2, wpp=exp(at(log_p_th2, th1, th2)))      a free node
    ]
    me: observes_event(wpp=exp(at(log_p_y1, nature.th2)))                  an observed one: its log density at what was seen

Tables `log_p_` have an axis for each free parent, in their order, and for the node if it is free. A known node has no axis:
its value is in the tables. An intervention leaves a node out, which is all that it does. The frame of a memo holds
all its choices at once, so a memo enumerates the whole joint; sums one node after the other are in elimination.py.
"""

import math
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gridbayes._types import Floats
from gridbayes.graph.node import Factor
from gridbayes.posterior import checked_masses
from gridbayes.program import Program, signature

__all__ = ["domain_name", "enumerated", "program_of"]

MOST = 2**24  # cells of the joint: 128 MB, and the memo's frame has a few of that size


def domain_name(name: str) -> str:
    """What the program calls the values of a node: `Th1` of `th1`, and `A_values` of `A`."""
    return f"{name}_values" if name[0].isupper() else name[0].upper() + name[1:]


def program_of(factors: Mapping[str, Factor], asked: Sequence[str], notes: Mapping[str, str]) -> Program:
    """The memo that returns p(asked | what is known).

    Parameters
    ----------
    factors : the table of each node that has a density, in the order of the story.
    notes : what is known of a node, for a comment; those that were set have no table.
    """
    chosen = [f"        nature: chooses({name} in {domain_name(name)}, {_weight(name, names)})"
              for name, (names, _) in factors.items() if name not in notes]  # fmt: skip
    seen = [_seen(name, names, notes[name]) for name, (names, _) in factors.items() if name in notes]
    left_out = [f"    # set: {note}" for name, note in notes.items() if name not in factors]
    axes = ", ".join(f"_{name}: {domain_name(name)}" for name in asked)
    query = ", ".join(f"nature.{name} == _{name}" for name in asked)
    tables = signature([f"log_p_{name}" for name, (names, _) in factors.items() if names], [])
    known = f"    me: knows({', '.join(f'_{name}' for name in asked)})"
    thoughts = ["    me: thinks[", ",\n".join(chosen), "    ]"]
    head = f"@memo\ndef story[{axes}]({tables}):"
    return Program("\n".join([head, *left_out, known, *thoughts, *seen, f"    return me[Pr[{query}]]"]) + "\n")


def _weight(name: str, names: Sequence[str], of: str = "") -> str:
    return f"wpp=exp(at(log_p_{name}, {', '.join(f'{of}{each}' for each in names)}))"


def _seen(name: str, names: Sequence[str], note: str) -> str:
    """The memo's statement of an observed node; where all its parents are known it says nothing of the others."""
    return f"    me: observes_event({_weight(name, names, 'nature.')})  # {note}" if names else f"    # seen: {note}"


def enumerated(
    program: Program, factors: Mapping[str, Factor], asked: Sequence[str], sizes: Mapping[str, int]
) -> Floats:
    """p(asked | what is known) by the memo, (*asked,).

    Parameters
    ----------
    sizes : number of values of each free node.

    Raises
    ------
    ValueError
        When the joint has too many cells.
    PosteriorError
        When the observations exclude one another, or are so improbable that a product of them underflows.
    """
    if (cells := math.prod(sizes.values())) > MOST:
        shape = " x ".join(f"{size:,}" for size in sizes.values())
        raise ValueError(
            f"a memo holds the joint of all free nodes, {shape} = {cells:.3g} cells here; at most {MOST:.3g} can be. "
            "Use marginal or joint, which sum one node after the other, or coarser grids."
        )
    with jax.enable_x64(True):
        memos = program.compile(**{domain_name(name): size for name, size in sizes.items()})
        tables = [
            jnp.asarray(_scaled(table, names[-1:] == (name,))) for name, (names, table) in factors.items() if names
        ]
        masses = np.asarray(memos.story(*tables), np.float64)
    shape = tuple(sizes[name] for name in asked)
    return checked_masses(np.broadcast_to(masses, shape), ", ".join(asked), axes=len(asked))


def _scaled(table: Floats, free: bool) -> Floats:
    """The table of an observed node with 0 as its largest: factors of what is observed drop out of the answer."""
    return table if free else table - table.max()
