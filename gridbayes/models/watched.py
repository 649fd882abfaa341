"""Lifetimes seen through a window: the door for their rows, and what is said of a row given the parameters.

    S(t) = exp(-(t / scale)**shape),        scale = mu / Gamma(1 + 1 / shape),        f(t) = -S'(t)

mu is the mean lifetime, shape = 1 the exponential. A customer whose end was observed has the density f(t); one who was still
there after t, a censored one, the probability S(t). Whoever is watched for w shows min(lifetime, w).

Sources: Klein & Moeschberger, Survival Analysis, 2nd ed. (2003), sections 2.5 and 3.5; Kaplan & Meier (1958),
"Nonparametric estimation from incomplete observations", JASA 53(282):457-481.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.special import gammaln

from gridbayes._types import Label, PerRow
from gridbayes.conditional import weighty
from gridbayes.grids import adapt
from gridbayes.rows import column_of, read_inputs, table_of
from gridbayes.summaries import Marginal
from gridbayes.tables import label_cells, missing, scalars

__all__ = ["Watched", "WatchedRows", "kaplan_meier", "log_scale", "new_lifetime", "read_watched"]

NOTHING = 1e-13  # of the probability: lifetimes beyond it, to both sides, are not drawn on panels
RATIO = 3.0  # of the ends of a panel


# --- rows ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class WatchedRows:
    """Customers, a row each.

    Parameters
    ----------
    t : (row,) how long each was seen, in the unit of lifetimes.
    observed : (row,) 1 where the end was seen, 0 where the customer was still there.
    window : (row,) how long each could be seen; None where nobody knows.
    x : (row, input), without inputs (row, 0). labels : of the inputs; None where there is one, that needs no name.
    groups : labels of the segments, none where there are none. codes : (row,) the index of each row's.
    """

    t: PerRow
    observed: PerRow
    window: PerRow | None
    x: Float[np.ndarray, "row input"]
    labels: tuple[Label, ...] | None
    groups: tuple[Label, ...]
    codes: Int[np.ndarray, " row"]

    def part(self, rows: Int[np.ndarray, " _row"]) -> "WatchedRows":
        """Some of the rows."""
        window = None if self.window is None else self.window[rows]
        own = (self.t[rows], self.observed[rows], window, self.x[rows])
        return WatchedRows(*own, self.labels, self.groups, self.codes[rows])

    def joined(self, new: "WatchedRows") -> "WatchedRows":
        """These rows and new ones; a window that one of both lacks is known of neither."""
        groups = tuple(dict.fromkeys((*self.groups, *new.groups)))
        codes = np.array([groups.index(label) for label in new.groups] or [0])[new.codes]
        window = None if self.window is None or new.window is None else np.append(self.window, new.window)
        t, observed = np.append(self.t, new.t), np.append(self.observed, new.observed)
        x = np.concatenate([self.x, new.x])
        return WatchedRows(t, observed, window, x, self.labels, groups, np.append(self.codes, codes))

    def group(self, index: int) -> Int[np.ndarray, " _row"]:
        """The rows of a segment, by their numbers."""
        return np.flatnonzero(self.codes == index)


def read_watched(durations: Any, observed: Any, data: Any, window: Any, group: Any, x: Any) -> WatchedRows:
    """The rows of a call; those in which anything is missing are left out.

    Raises
    ------
    TypeError, ValueError
        When something is no number, no flag, not positive, of another length, or longer than its window.
    """
    table = None if data is None else table_of(data)
    t = column_of("durations", durations, table)
    flags = None if observed is None else column_of("observed", observed, table, len(t))
    ends = None if window is None else column_of("window", window, table, len(t))
    inputs = None if x is None else read_inputs(x, data)
    cells = None if group is None else label_cells("group", table.column("group", group) if table else group)
    for name, column in (("observed", flags), ("window", ends), ("x", inputs and inputs.x), ("group", cells)):
        if column is not None and len(column) != len(t):
            raise ValueError(f"{name} must have one entry a row; it has {len(column)}, durations has {len(t)}.")
    design = np.zeros((len(t), 0)) if inputs is None else inputs.x
    known = [column for column in (t, flags, ends, *design.T) if column is not None]
    present = ~np.isnan(np.column_stack(known)).any(axis=1) & (True if cells is None else ~missing(cells))
    if not present.any():
        raise ValueError("no row is complete: durations, or what goes with them, is missing in every row.")
    _require_lifetimes(t, flags, ends)
    if flags is None:
        flags = np.ones(len(t)) if ends is None else (t < ends).astype(float)
    of_rows = [] if cells is None else scalars(cells[present])
    groups = tuple(dict.fromkeys(of_rows))
    codes = np.array([groups.index(label) for label in of_rows] or np.zeros(present.sum()), int)
    whole = WatchedRows(t, flags, ends, design, inputs.labels if inputs else None, groups, np.zeros(len(t), int))
    return replace(whole.part(np.flatnonzero(present)), codes=codes)


def _require_lifetimes(t: PerRow, observed: PerRow | None, window: PerRow | None) -> None:
    """ValueError at the first row that no lifetime can have; nan passes."""
    if (t <= 0).any():
        row = int(np.argmax(t <= 0))
        raise ValueError(
            f"durations must be positive; durations[{row}] is {t[row]:g}. Pass how long each was seen, as end - start, and "
            "half a unit for whoever left at once."
        )
    if observed is not None and (wrong := ~np.isnan(observed) & (observed != 0) & (observed != 1)).any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"observed must be 0 or 1; observed[{row}] is {observed[row]:g}. Pass 1 where the end was seen, 0 where the "
            "customer was still there."
        )
    if window is None:
        return
    if (window <= 0).any():
        row = int(np.argmax(window <= 0))
        raise ValueError(
            f"window must be positive; window[{row}] is {window[row]:g}. Pass how long each could be seen."
        )
    if (t > window).any():
        row = int(np.argmax(t > window))
        raise ValueError(
            f"window must not be shorter than a lifetime; durations[{row}] is {t[row]:g} in a window of {window[row]:g}. "
            "Cut durations off at the window with observed 0, or pass the window that each row had."
        )


def kaplan_meier(t: PerRow, observed: PerRow) -> tuple[Float[np.ndarray, " time"], Float[np.ndarray, " time"]]:
    """The product-limit estimate of S after each time at which an end was seen, both (time,), equation 2b of the paper:

        S(t) = prod over times s <= t of (1 - d_s / n_s),     d_s ends among n_s who were there until s.

    >>> kaplan_meier(np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 1.0, 0.0, 1.0]))[1].tolist()
    [0.75, 0.5, 0.0]
    """
    times, ends = np.unique(t[observed == 1], return_counts=True)
    there = len(t) - np.searchsorted(np.sort(t), times)
    return times, np.cumprod(1 - ends / there)


# --- given the parameters -----------------------------------------------------------------------------------------------


def log_scale(log_mu: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """log(mu / Gamma(1 + 1 / shape))."""
    return log_mu - gammaln(1 + 1 / shape)


@dataclass(frozen=True, eq=False)
class Watched:
    """What each row shows given each point or draw of the parameters: a distribution as scipy's are asked.

    Parameters
    ----------
    log_mu : (point, row or 1). shape : (point, row or 1).
    observed : (row,) which rows have a density, the others a probability of being there still.
    window : (row,) where what a row shows is cut off; None: nowhere.
    """

    log_mu: Float[np.ndarray, "point _row"]
    shape: Float[np.ndarray, "point _shape"]
    observed: PerRow
    window: PerRow | None

    def _log_hazard(self, t: PerRow) -> Float[np.ndarray, "point row"]:
        """log(-log S(t)): of the hazard summed up to t."""
        return self.shape * (np.log(t) - log_scale(self.log_mu, self.shape))

    def logpdf(self, t: PerRow) -> Float[np.ndarray, "point row"]:
        """log f(t) of observed rows, log S(t) of the others."""
        log_hazard = self._log_hazard(t)
        with np.errstate(over="ignore"):
            return self.observed * (np.log(self.shape) + log_hazard - np.log(t)) - np.exp(log_hazard)

    def cdf(self, t: PerRow) -> Float[np.ndarray, "point row"]:
        """P(lifetime <= t)."""
        with np.errstate(over="ignore"):
            return -np.expm1(-np.exp(self._log_hazard(t)))

    def rvs(self, size: tuple[int, int], random_state: np.random.Generator) -> Float[np.ndarray, "point row"]:
        """A draw of what each row shows at each point: its lifetime, or its window where that is shorter."""
        log_t = np.log(random_state.standard_exponential(size)) / self.shape + log_scale(self.log_mu, self.shape)
        return np.exp(log_t) if self.window is None else np.minimum(np.exp(log_t), self.window)


def new_lifetime(
    log_mu: Float[np.ndarray, " point"],
    shape: Float[np.ndarray, " point"],
    masses: Float[np.ndarray, " point"],
    age: float,
    tol: float,
    order: int,
) -> Marginal:
    """The rest of a lifetime beyond an age that was reached, over weighted points of the parameters:

        p(y | age) = sum_j m_j f_j(age + y) / S_j(age).

    Panels grow in constant ratio from where a lifetime ends with next to no probability to where it lasts with none.
    """
    kept = weighty(np.abs(masses))
    k, masses, log_s = shape[kept], masses[kept], log_scale(log_mu, shape)[kept]
    reached = np.exp(k * (np.log(age) - log_s)) if age > 0 else np.zeros(len(k))

    def density(y: float) -> float:
        log_h = k * (np.log(age + y) - log_s)
        return float(np.sum(masses * np.exp(np.log(k) + log_h - np.log(age + y) - np.exp(log_h) + reached)))

    def log_density(_: object, y: np.ndarray) -> np.ndarray:
        return np.log(np.maximum([density(each) for each in y.ravel()], 1e-300)).reshape(y.shape)

    low = float(np.min(log_s + np.log(NOTHING) / k))
    high = float(np.max(log_s + np.log(reached - np.log(NOTHING)) / k))
    edges = np.exp(np.linspace(low, high, int((high - low) / np.log(RATIO)) + 2))
    ((grid, log_p),) = adapt(log_density, [np.append(0.0, edges)], tol, order)
    found = np.exp(log_p - log_p.max()) * grid.weights
    return Marginal(grid, found / found.sum())
