"""Marginals, draws and weighted nodes as labelled arrays. xarray is loaded by the first of them."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from gridbayes.grids import Grid
from gridbayes.summaries import Marginal

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["axis_of", "mass_array", "points_dataset", "ragged_array", "weight_of"]


def mass_array(name: str, marginal: Marginal) -> "xr.DataArray":
    import xarray as xr

    coordinates = {name: marginal.grid.nodes, **weight_of(marginal.grid, (name,))}
    return xr.DataArray(marginal.masses, dims=(name,), coords=coordinates, name=f"p_{name}")


def axis_of(labels: tuple[Hashable, ...]) -> "list[Hashable] | np.ndarray":
    """Labels as a coordinate: tuples are kept whole."""
    whole = any(isinstance(label, tuple) for label in labels)
    return np.fromiter(labels, object, len(labels)) if whole else list(labels)


def weight_of(grid: Grid, dims: tuple[str, ...]) -> dict[str, object]:
    return {} if grid.weights is None else {"weight": (dims, grid.weights)}


def ragged_array(name: str, marginals: tuple[Marginal, ...], groups: tuple[Hashable, ...]) -> "xr.DataArray":
    import xarray as xr

    length = max(len(marginal.grid) for marginal in marginals)

    def filled(rows: list[np.ndarray], last: bool) -> np.ndarray:
        return np.stack([np.append(row, np.full(length - len(row), row[-1] if last else 0.0)) for row in rows])

    coordinates = {
        "group": axis_of(groups),
        name: (("group", "node"), filled([m.grid.nodes for m in marginals], last=True)),
        "weight": (("group", "node"), filled([np.exp(m.grid.log_weight) for m in marginals], last=True)),
    }
    masses = filled([m.masses for m in marginals], last=False)
    return xr.DataArray(masses, dims=("group", "node"), coords=coordinates, name=f"p_{name}")


def points_dataset(
    points: Mapping[str, Float[np.ndarray, "point *axes"]], axis: str, groups: tuple[Hashable, ...]
) -> "xr.Dataset":
    """Parameters at draws or nodes: (axis,), and (axis, group) for those of every group."""
    import xarray as xr

    found = {}
    for name, values in points.items():
        own = ("group",) if values.shape[1:] == (len(groups),) else (f"{name}_component",) * (values.ndim - 1)
        found[name] = ((axis, *own), values)
    labels = {"group": axis_of(groups)} if any("group" in dims for dims, _ in found.values()) else {}
    return xr.Dataset(found, coords=labels)
