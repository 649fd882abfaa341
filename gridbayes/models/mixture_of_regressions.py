"""Mixture of regressions on one input."""

import numpy as np

from gridbayes.models.coefficients import rounded, scale_of, terms_of
from gridbayes.models.components import Components, location_prior, require_components, sigma_of, title_of, weight_of
from gridbayes.posterior import Posterior
from gridbayes.priors import Exponential, Prior
from gridbayes.quadrature.whitening import BUDGET, Plan
from gridbayes.rows import Rows, read_rows

__all__ = ["mixture_of_regressions"]


def mixture_of_regressions(
    x: object,
    y: object,
    components: object = 2,
    *,
    data: object = None,
    weight: object = None,
    slope: Prior | object = None,
    intercept: Prior | object = None,
    sigma: Prior | object = None,
    shared_sigma: bool = False,
    by: str = "slope",
    labels: str = "ordered",
    rule: str = "auto",
    order: int | None = None,
    budget: int = BUDGET,
) -> Posterior:
    """The posterior of weights and lines in y_i ~ sum_k weight_k N(intercept_k + slope_k x_i, sigma_k).

    Parameters
    ----------
    x : one input, (row,), or a column's name of `data`.
    y : outputs, (row,), or a column's name. Rows in which anything is missing are left out.
    components : K, at least 2.
    slope, intercept : priors of each component's, proper, on the whole line. Left out: Normal on the data's own scale, as in
        `linear_regression`; the summary's title states it.
    by : which of the two increases with the label: "slope" or "intercept", the one that tells components apart.
    weight, sigma, shared_sigma, labels : as in `mixture`.
    rule, order, budget : as in `quadrature`. Left out: for two components the product rule of the highest order within the
        budget, for more a sparse rule, or weighted points where that fails.

    Returns
    -------
    Posterior of `weight`, `slope`, `intercept` and `sigma` where it is learned, by component 0 ... K - 1. The log evidence
    is that of the whole space: K! times the integral over the ordered part.

    Raises
    ------
    TypeError, ValueError, ResolutionError
        As in `mixture`.

    >>> x = np.linspace(1, 10, 80)
    >>> y = np.where(np.arange(80) % 4 == 0, 2 * x, 20 - x) + 0.5 * np.sin(np.arange(80.0) ** 2)
    >>> mixture_of_regressions(x, y, sigma=0.5, order=5).mean("slope").round(1).values.tolist()
    [-1.0, 2.0]
    """
    rows = read_rows(x, y, data)
    column = _one_input(rows)
    count = require_components(components, rows.y, labels)
    if by not in ("slope", "intercept"):
        raise ValueError(f"by must be 'slope' or 'intercept'; by is {by!r}.")
    centre, spread = scale_of(rows.y)
    defaults = {term.name: term.prior for term in terms_of(rows, None, None, centre, spread)}
    given = {"slope": slope, "intercept": intercept}
    priors = {name: location_prior(prior, name, defaults[name]) for name, prior in given.items()}
    scale = sigma_of(sigma, Exponential(rounded(1 / spread)))
    concentration = weight_of(weight, count, labels)
    title = title_of(f"mixture of {count} regressions", {**priors, "sigma": scale}, concentration)
    plan = Plan(rule, order, budget)
    return Components(title, column, rows.y, by, priors, scale, shared_sigma, concentration, labels, plan).posterior()


def _one_input(rows: Rows) -> np.ndarray:
    """x, (row,), of which there must be one that varies."""
    if rows.inputs.x.shape[1] != 1:
        raise ValueError(
            f"x must be one input; it has {rows.inputs.x.shape[1]}. State the density yourself: gridbayes.quadrature."
        )
    column = rows.inputs.x[:, 0]
    if not column.std() > 0:
        raise ValueError(f"x must vary; it is {column[0]:g} in every row. Without an input: gridbayes.mixture(y).")
    return column
