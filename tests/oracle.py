"""The oracle: pooling models enumerated stupidly, in NumPy, float64 and log space, without gridbayes.

`enumerated` walks over the cells of the shared parameters one by one, `brute_force` holds the full joint of
every parameter of every group (tiny grids only). Both take the same Model and use each row once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


def normal(x, loc, scale):
    """log N(x; loc, scale)."""
    return -0.5 * np.log(2 * np.pi) - np.log(scale) - 0.5 * ((x - loc) / scale) ** 2


def half_cauchy(scale: float) -> Callable:
    """The log density of HalfCauchy(scale)."""
    return lambda x: np.log(2 / np.pi / scale) - np.log1p((x / scale) ** 2)


def half_normal(scale: float) -> Callable:
    """The log density of HalfNormal(scale)."""
    return lambda x: np.log(2) + normal(x, 0.0, scale)


def log_sum(x: np.ndarray, axis=None) -> np.ndarray:
    """log sum exp(x), shifted by the largest x."""
    top = np.max(x, axis=axis, keepdims=True)
    return np.squeeze(top + np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)), axis=axis)


def log_mass(log_density: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Log masses of the nodes, normalised over the grid."""
    unnormalised = log_density + np.log(weights)
    return unnormalised - log_sum(unnormalised)


@dataclass(frozen=True)
class Model:
    """A pooling model.

    Parameters
    ----------
    kind : "complete", "no" or "partial".
    rows : the rows of each group, (group, row), NaN where missing.
    sigma : known, one number a group; or "own" (one learned by each group) or "shared" (one learned for all).
    nodes, priors : of each parameter by name; priors are log densities.
    weights : of the nodes, for grids that have them.
    """

    kind: str
    rows: Sequence[Sequence[float]]
    sigma: Sequence[float] | str
    nodes: Mapping[str, np.ndarray]
    priors: Mapping[str, Callable]
    weights: Mapping[str, np.ndarray] | None = None

    def log_weighted(self, name: str, log_density: np.ndarray) -> np.ndarray:
        return log_mass(log_density, (self.weights or {}).get(name, np.ones(len(self.nodes[name]))))

    def log_prior(self, name: str) -> np.ndarray:
        return self.log_weighted(name, self.priors[name](self.nodes[name]))

    def log_theta(self, mu: float, tau: float) -> np.ndarray:
        """log p(theta | mu, tau), over the nodes of theta."""
        return self.log_weighted("theta", normal(self.nodes["theta"], mu, tau))

    @property
    def log_shared_sigma(self) -> np.ndarray:
        return self.log_prior("sigma") if self.sigma == "shared" else np.zeros(1)

    @property
    def log_own_sigma(self) -> np.ndarray:
        return self.log_prior("sigma") if self.sigma == "own" else np.zeros(1)

    @cached_property
    def tables(self) -> np.ndarray:
        """log p(rows of d | theta, sigma): (group, shared sigma, own sigma, theta), unused sigmas 1."""
        rows = [self._rows(d) for d in range(len(self.rows))]
        return np.array([table[:, None] if self.sigma == "shared" else table[None] for table in rows])

    def _rows(self, d: int) -> np.ndarray:
        """(sigma, theta), row after row."""
        values = self.nodes["sigma"] if isinstance(self.sigma, str) else [self.sigma[d]]
        table = np.zeros((len(values), len(self.nodes["theta"])))
        for row in self.rows[d]:
            if not np.isnan(row):
                table += [normal(row, self.nodes["theta"], value) for value in values]
        return table

    def cells(self) -> Iterator[tuple[tuple[int, ...], float, np.ndarray]]:
        """Every cell of the shared parameters: indices (a shared sigma last), log p, log p(theta | cell)."""
        for s, log_sigma in enumerate(self.log_shared_sigma):
            for indices, log_p, log_theta in self._cells_given_sigma():
                yield (*indices, s), log_sigma + log_p, log_theta

    def _cells_given_sigma(self) -> Iterator[tuple[tuple[int, ...], float, np.ndarray]]:
        if self.kind == "no":
            yield (), 0.0, self.log_prior("theta")
        elif self.kind == "complete":
            for i, log_p in enumerate(self.log_prior("theta")):
                yield (i,), log_p, np.where(np.arange(len(self.nodes["theta"])) == i, 0.0, -np.inf)
        else:
            for i, log_mu in enumerate(self.log_prior("mu")):
                for j, log_tau in enumerate(self.log_prior("tau")):
                    yield (i, j), log_mu + log_tau, self.log_theta(self.nodes["mu"][i], self.nodes["tau"][j])

    @property
    def shared(self) -> tuple[str, ...]:
        """Parameters that all groups share, in the order of a cell's indices."""
        names = {"no": (), "complete": ("theta",), "partial": ("mu", "tau")}[self.kind]
        return (*names, *(("sigma",) if self.sigma == "shared" else ()))


@dataclass(frozen=True)
class Answer:
    """Masses by parameter, (node,) or (group, node), and the log evidence."""

    masses: dict[str, np.ndarray]
    log_evidence: float


# --- a cell of the shared parameters after the other --------------------------------------------------------


def enumerated(model: Model) -> Answer:
    """The posterior, by the two sums over cells c in which each row is used once.

    W(c) = p(c) prod_d M_d(c),   p(theta_d, sigma_d | t) = sum_c W(c) / M_d(c) p(theta_d | c) p(sigma_d) L_d.
    """
    indices, log_p, log_theta = zip(*model.cells(), strict=True)
    by_group = log_sum(model.log_own_sigma[:, None] + model.tables, axis=2)  # (group, shared sigma, theta)
    log_m = np.array(
        [[log_sum(k + table[i[-1]]) for table in by_group] for i, k in zip(indices, log_theta, strict=True)]
    )
    log_w = np.array(log_p) + log_m.sum(axis=1)
    log_evidence = float(log_sum(log_w))
    masses = _shared_masses(model, indices, np.exp(log_w - log_evidence))
    pairs = [_group(model, d, indices, log_w - log_evidence - log_m[:, d], log_theta) for d in range(len(by_group))]
    if model.kind != "complete":
        masses["theta"] = np.array([pair.sum(axis=0) for pair in pairs])
    if model.sigma == "own":
        masses["sigma"] = np.array([pair.sum(axis=1) for pair in pairs])
    return Answer(masses, log_evidence)


def _shared_masses(model: Model, indices, w: np.ndarray) -> dict[str, np.ndarray]:
    masses = {name: np.zeros(len(model.nodes[name])) for name in model.shared}
    for cell, mass in zip(indices, w, strict=True):
        for name, i in zip(model.shared, cell, strict=False):  # the last index is an empty one without a shared sigma
            masses[name][i] += mass
    return masses


def _group(model: Model, d: int, indices, log_rest: np.ndarray, log_theta) -> np.ndarray:
    """p(sigma_d, theta_d | t), (own sigma, theta); `log_rest` is what the other groups say of each cell."""
    pair = 0.0
    which = np.array([i[-1] for i in indices])
    for s in range(model.tables.shape[1]):
        rest = log_rest[which == s, None] + np.array(log_theta)[which == s]
        with np.errstate(divide="ignore", invalid="ignore"):
            log_cavity = np.where(np.isneginf(rest).all(axis=0), -np.inf, log_sum(rest, axis=0))
        pair = pair + np.exp(log_cavity + model.log_own_sigma[:, None] + model.tables[d, s])
    return pair


# --- the full joint -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Joint:
    """p(all parameters | t), an axis for each: mu, tau, sigma, theta, or by group: theta0, sigma0."""

    axes: tuple[str, ...]
    masses: np.ndarray
    log_evidence: float

    def marginal(self, *names: str) -> np.ndarray:
        """The masses of these axes, in this order."""
        others = tuple(i for i, axis in enumerate(self.axes) if axis not in names)
        kept = [axis for axis in self.axes if axis in names]
        return np.transpose(self.masses.sum(axis=others), [kept.index(name) for name in names])


def brute_force(model: Model) -> Joint:
    """Every term of the joint written on its axes, added up, normalised."""
    axes, log_joint = _axes(model), 0.0
    terms = [_shared_terms(model), *(_group_terms(model, d) for d in range(len(model.rows)))]
    for names, table in (term for part in terms for term in part):
        log_joint = log_joint + _on_axes(table, names, axes)
    log_evidence = float(log_sum(log_joint))
    return Joint(axes, np.exp(log_joint - log_evidence), log_evidence)


def _axes(model: Model) -> tuple[str, ...]:
    groups = range(len(model.rows))
    thetas = () if model.kind == "complete" else tuple(f"theta{d}" for d in groups)
    sigmas = tuple(f"sigma{d}" for d in groups) if model.sigma == "own" else ()
    return (*model.shared, *thetas, *sigmas)


def _shared_terms(model: Model) -> list[tuple[tuple[str, ...], np.ndarray]]:
    return [((name,), model.log_prior(name)) for name in model.shared]


def _group_terms(model: Model, d: int) -> list[tuple[tuple[str, ...], np.ndarray]]:
    theta = "theta" if model.kind == "complete" else f"theta{d}"
    terms = []
    if model.kind == "no":
        terms.append(((theta,), model.log_prior("theta")))
    if model.kind == "partial":
        table = [[model.log_theta(mu, tau) for tau in model.nodes["tau"]] for mu in model.nodes["mu"]]
        terms.append((("mu", "tau", theta), np.array(table)))
    if model.sigma == "own":
        terms += [((f"sigma{d}",), model.log_prior("sigma")), ((f"sigma{d}", theta), model.tables[d, 0])]
    elif model.sigma == "shared":
        terms.append((("sigma", theta), model.tables[d, :, 0]))
    else:
        terms.append(((theta,), model.tables[d, 0, 0]))
    return terms


def _on_axes(table: np.ndarray, names: Sequence[str], axes: Sequence[str]) -> np.ndarray:
    order = sorted(range(len(names)), key=lambda i: axes.index(names[i]))
    table = np.transpose(table, order)
    present = [names[i] for i in order]
    return table.reshape([table.shape[present.index(axis)] if axis in present else 1 for axis in axes])
