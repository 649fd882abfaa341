"""Leave-one-out: how well each part of the data is foretold by the rest, as a table in ArviZ's layout.

    elpd = sum_i log p(y_i | y_-i),      p = sum_i log p(y_i | y) - log p(y_i | y_-i)

Both terms are ratios of evidences, p(y_i | y_-i) = p(y) / p(y_-i) and p(y_i | y) = p(y, y_i again) / p(y): no draw, no
Pareto tail. Source: Vehtari, Gelman & Gabry (2017), "Practical Bayesian model evaluation using leave-one-out
cross-validation and WAIC", Stat. Comput. 27:1413-1432, equations 1, 4 and 22 to 24.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["LeaveOneOut", "checked_by"]


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """The scores of a model, part by part; attributes are called as in ArviZ's.

    Parameters
    ----------
    title : of the model.
    by : what was left out at a time, `row` or `group`.
    labels : (item,) of the rows or groups left out; of a row its number.
    groups : (item,) the group of each row, where there are groups and rows were left out.
    left_out : (item,) `log p(y_i | y_-i)`, natural log of a density in the unit of the data.
    within : (item,) `log p(y_i | y)`, the same with y_i among the data.
    refitted : how many parts the whole data's grids did not resolve, so that the rest was fitted anew.
    """

    title: str
    by: str
    labels: tuple[Hashable, ...]
    groups: tuple[Hashable, ...] | None
    left_out: Float[np.ndarray, " item"]
    within: Float[np.ndarray, " item"]
    refitted: int = 0

    @property
    def elpd(self) -> float:
        """`sum_i log p(y_i | y_-i)`: of two models of the same data the one with the larger foretells better."""
        return float(self.left_out.sum())

    @property
    def se(self) -> float:
        """The standard error of elpd, sqrt(n Var[elpd_i]), as if the parts were independent."""
        return float(np.sqrt(len(self.left_out) * np.var(self.left_out)))

    @property
    def p(self) -> float:
        """The effective number of parameters: by how much the data foretell themselves better with each part among them."""
        return float(np.sum(self.within - self.left_out))

    @property
    def n_data_points(self) -> int:
        return len(self.left_out)

    @property
    def elpd_i(self) -> "xr.DataArray":
        """`log p(y_i | y_-i)`, (row,) with the coordinate `group` where there are groups, or (group,)."""
        return self._labelled(self.left_out, "elpd_i")

    @property
    def p_i(self) -> "xr.DataArray":
        """What each part adds to `p`, labelled as `elpd_i`: large where a part moves the model."""
        return self._labelled(self.within - self.left_out, "p_i")

    def _labelled(self, values: np.ndarray, name: str) -> "xr.DataArray":
        import xarray as xr

        labels = np.fromiter(self.labels, object, len(self.labels))  # tuples are kept whole
        coordinates: dict[str, object] = {self.by: labels if self.by == "group" else np.arange(len(labels))}
        if self.groups is not None:
            coordinates["group"] = (self.by, np.fromiter(self.groups, object, len(self.groups)))
        return xr.DataArray(values, dims=(self.by,), coords=coordinates, name=name)

    def __repr__(self) -> str:
        again = f", {self.refitted} of them refitted" if self.refitted else ""
        return (
            f"exact leave-one-{self.by}-out of {len(self.left_out)} {self.by}s{again}\n{self.title}\n\n"
            f"{'':10}{'Estimate':>10}{'SE':>10}\n"
            f"{'elpd_loo':10}{self.elpd:10.2f}{self.se:10.2f}\n{'p_loo':10}{self.p:10.2f}{'-':>10}"
        )


def checked_by(by: object, groups: bool = True) -> str:
    """`by`, or an error that names what can be left out."""
    if by in ("row", "group") and (groups or by == "row"):
        return str(by)
    choices = "'row' or 'group'" if groups else "'row': there are no groups here"
    raise ValueError(f"by must be {choices}; by is {by!r}. It says what is left out at a time.")
