"""Stories that several tests share, and an oracle that builds the whole joint as one array in loops."""

import itertools

import numpy as np
import xarray as xr

import gridbayes as gb

WIDE = gb.trapezoid(-12, 12, 121)  # trapezoid sums of normals of sd 1 and step .2 are right to rounding


def fork(grid=WIDE, extra=WIDE):
    """models.md E7: th1 -> th2 -> y1, th1 -> th3 -> y2, unit normals."""
    return (
        gb.Graph()
        .node("th1", grid, gb.Normal(0, 1))
        .node("th2", grid, lambda th1: gb.Normal(th1, 1))
        .node("th3", grid, lambda th1: gb.Normal(th1, 1))
        .node("y1", extra, lambda th2: gb.Normal(th2, 1))
        .node("y2", extra, lambda th3: gb.Normal(th3, 1))
    )


ARROWS = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}  # a diamond
SIZES = {"a": 2, "b": 3, "c": 4, "d": 3}


def tables(seed=0, arrows=ARROWS, sizes=SIZES):
    """A random table for each node, (*parents, node)."""
    rng = np.random.default_rng(seed)
    return {n: rng.dirichlet(np.ones(sizes[n]), size=tuple(sizes[p] for p in arrows[n])) for n in arrows}


def told(found, arrows=ARROWS):
    """The story of these tables."""
    story = gb.Graph()
    for name, table in found.items():
        story = story.node(name, range(table.shape[-1]), xr.DataArray(table, dims=(*arrows[name], name)))
    return story


def whole(found, arrows=ARROWS, done=()):
    """p(all nodes), an axis a node, cell by cell; a node that is set keeps its axis, and its factor is 1."""
    names = list(found)
    joint = np.ones([found[name].shape[-1] for name in names])
    for cell in itertools.product(*map(range, joint.shape)):
        at = dict(zip(names, cell, strict=True))
        for name in names:
            if name not in done:
                joint[cell] *= found[name][(*(at[parent] for parent in arrows[name]), at[name])]
    return joint
