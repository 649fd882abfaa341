"""A posterior as ArviZ 1.x takes it: an xarray.DataTree of equal-weight draws. It is made without ArviZ.

    log_likelihood = log p(y_r | draw),     posterior_predictive ~ p(y_r | draw),     prior ~ p(parameters).

Draws are independent, and arranged in chains only because ArviZ looks for them: r_hat is 1, and as many draws are effective
as there are, but for chance.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gridbayes.labelled import points_dataset
from gridbayes.posterior import Posterior
from gridbayes.sampling import as_count

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["tree_of"]

CHAINS = 4


def tree_of(post: Posterior, draws: Any, seed: int) -> "xr.DataTree":
    """The tree of `post.to_arviz`."""
    import xarray as xr

    n, rng = CHAINS * as_count(draws), np.random.default_rng(seed)
    sampled = post.sample(n, rng).drop_vars("draw")
    stated = getattr(post.model, "model", post.model)
    values = {str(name): array.values for name, array in sampled.items()}
    groups = {"posterior": _exact(post, sampled)} | _rows(stated, values, rng)
    prior = stated.drawn_from_prior(n, rng) if hasattr(stated, "drawn_from_prior") else {}
    if prior:
        groups["prior"] = points_dataset({name: prior[name] for name in post.marginals}, "draw", post.groups)
    attributes = {"inference_library": "gridbayes", "model": post.model.title, "log_evidence": post.log_evidence}
    return xr.DataTree.from_dict({name: _in_chains(data).assign_attrs(attributes) for name, data in groups.items()})


def _in_chains(data: "xr.Dataset") -> "xr.Dataset":
    """The axis `draw` as (chain, draw)."""
    import xarray as xr

    if "draw" not in data.dims:
        return data
    at = np.arange(data.sizes["draw"]).reshape(CHAINS, -1)
    places = {name: np.arange(length) for name, length in zip(("chain", "draw"), at.shape, strict=True)}
    return data.rename(draw="all").isel(all=xr.DataArray(at, dims=("chain", "draw"))).assign_coords(places)


def _exact(post: Posterior, sampled: "xr.Dataset") -> "xr.Dataset":
    """The draws, each variable with its exact mean and sd as attributes."""
    for name in post.marginals:
        mean, sd = np.asarray(post.mean(name)).tolist(), np.asarray(post.sd(name)).tolist()
        sampled[name] = sampled[name].assign_attrs(exact_mean=mean, exact_sd=sd)
    return sampled


def _rows(stated: Any, values: Mapping[str, np.ndarray], rng: np.random.Generator) -> "dict[str, xr.Dataset]":
    """Rows as observed, their log density given each draw, and new ones drawn in their places; none of a density of one's
    own, whose rows are not known."""
    import xarray as xr

    if not hasattr(stated, "rows_given"):
        return {}
    (name, y, labels), given = stated.observed, stated.rows_given(values)
    shape = (len(next(iter(values.values()))), len(y))
    log_p = np.broadcast_to(given.logpmf(y) if hasattr(given, "logpmf") else given.logpdf(y), shape)
    new = given.rvs(size=shape, random_state=rng)
    both = {"posterior_predictive": (("draw", "row"), new), "log_likelihood": (("draw", "row"), log_p)}
    coordinates = {"row": np.arange(len(y)), **labels}
    return {
        key: xr.Dataset({name: array}, coords=coordinates)
        for key, array in {**both, "observed_data": ("row", y)}.items()
    }
