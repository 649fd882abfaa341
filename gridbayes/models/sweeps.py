"""Sums over tau at many settings of the priors at once, compiled: what a sweep of hyperparameters computes.

Given tau all is normal (closed_form.py), and tau is summed over nodes that are the same for every setting. A prior of tau
only changes what the nodes weigh, a prior of mu only two numbers in the closed form:

    p(tau_k | t) = W_k = p(tau_k) w_k p(t | tau_k) / Z,    Z = p(t),    E[x | t] = sum_k W_k E[x | tau_k, t].

Where all groups learn one sigma, a cell k is a pair of nodes, (tau, sigma), and so are the settings of their priors. The
settings of mu (and of a known sigma) are taken one after the other, those of tau together: each sum over cells is a matrix
product. All of it can be differentiated in the hyperparameters.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp, ndtr, ndtri
from jaxtyping import Array, Float

from gridbayes.closed_form import effect, location, pooled
from gridbayes.densities import LPDFS, normal_lpdf
from gridbayes.grids import legendre_rule, legendre_transform

__all__ = [
    "Groups",
    "Nodes",
    "below",
    "derivatives",
    "evidence",
    "hdi",
    "mean",
    "quantile",
    "scale_below",
    "scale_hdi",
    "scale_quantile",
    "sweep",
    "var",
]

LIGHT = 1e-20  # a node that weighs less bounds no quantile
STEPS = 200  # of a quantile's search: it ends after about ten
STARTS = 12  # places of a shortest interval that are tried before the best is refined
ROUGHLY = 1e-2  # of a probability: enough for these


class Groups(NamedTuple):
    """What the rows say of each theta (likelihoods.py), at each known sigma, or at each node of a learned one."""

    a: Float[Array, "sigma sigma_node group"]
    w: Float[Array, "sigma sigma_node group"]
    c: Float[Array, " group"]


class Nodes(NamedTuple):
    """The nodes of tau, those of a learned sigma (one where it is known), and their log weights: -inf at the last ones,
    which only fill up."""

    tau: Float[Array, " tau_node"]
    sigma: Float[Array, " sigma_node"]
    log_weight: Float[Array, "tau_node sigma_node"]


class Normals(NamedTuple):
    """Some parameter given the scales: a normal at each node, with the node's weight, and log evidence."""

    weight: Float[Array, " node"]
    mean: Float[Array, "node item"]
    var: Float[Array, "node item"]
    log_evidence: Float[Array, ""]


# --- one setting ------------------------------------------------------------------------------------------------------


def evidence(x: Normals) -> Float[Array, ""]:
    """log p(t)."""
    return x.log_evidence


def mean(x: Normals) -> Float[Array, " item"]:
    """E[x | t]."""
    return x.weight @ x.mean


def var(x: Normals) -> Float[Array, " item"]:
    """Var[x | t], about the mean of this setting: nothing cancels."""
    return x.weight @ (x.var + (x.mean - mean(x)) ** 2)


def below(x: Normals, at: Float[Array, ""]) -> Float[Array, " item"]:
    """P(x < at | t)."""
    return x.weight @ ndtr((at - x.mean) / jnp.sqrt(x.var))


def quantile(
    x: Normals, q: Float[Array, "#item q"], near: Float[Array, "item q"] | None = None, tol: float = 1e-13
) -> Float[Array, "item q"]:
    """The x with P(x' < x | t) = q, by Newton's steps within a bracket: the q-quantiles of the normals hold that of the
    mixture between them. The search starts `near` where that is known."""
    sd = jnp.sqrt(x.var)[..., None]
    each = x.mean[..., None] + sd * ndtri(q)
    heavy = (x.weight > LIGHT)[:, None, None]
    low, high = jnp.min(jnp.where(heavy, each, jnp.inf), 0), jnp.max(jnp.where(heavy, each, -jnp.inf), 0)

    enough = tol * q * (1 - q) + 1e-15 * q  # in probability: what a sum of positive terms is good for

    def unfinished(state):
        step, _, _, _, excess = state
        return (step < STEPS) & jnp.any(jnp.abs(excess) > enough)

    def newton(state):
        step, at, low, high, excess = state
        z = (at - x.mean[..., None]) / sd
        slope = jnp.einsum("k,kiq->iq", x.weight, jnp.exp(-(z**2) / 2) / sd) / jnp.sqrt(2 * jnp.pi)
        low, high = jnp.where(excess < 0, at, low), jnp.where(excess < 0, high, at)
        new = at - excess / slope
        new = jnp.where((new >= low) & (new <= high), new, (low + high) / 2)
        return step + 1, new, low, high, off(new)

    def off(at: Array) -> Array:
        return jnp.einsum("k,kiq->iq", x.weight, ndtr((at - x.mean[..., None]) / sd)) - q

    start = jnp.clip(jnp.einsum("k,kiq->iq", x.weight, each) if near is None else near, low, high)
    return jax.lax.while_loop(unfinished, newton, (0, start, low, high, off(start)))[1]


def hdi(x: Normals, prob: Float[Array, ""]) -> Float[Array, "item end"]:
    """The ends of the shortest interval of this probability."""

    def density(at: Float[Array, "item end"]) -> Float[Array, "item end"]:
        return jnp.einsum(
            "k,kie->ie", x.weight, jnp.exp(normal_lpdf(at, x.mean[..., None], jnp.sqrt(x.var)[..., None]))
        )

    return _shortest(partial(quantile, x), partial(quantile, x, tol=ROUGHLY), density, prob)


def scale_below(x: Normals, edges: Float[Array, " edge"], at: Float[Array, ""]) -> Float[Array, " item"]:
    """P(scale < at | t): whole panels, and in one of them the integral of the polynomial through its nodes."""
    mass = x.weight.reshape(len(edges) - 1, -1)
    panel = jnp.clip(jnp.searchsorted(edges, at, side="right") - 1, 0, len(mass) - 1)
    u = jnp.clip((at - edges[panel]) / (edges[panel + 1] - edges[panel]), 0, 1)
    before = jnp.cumsum(mass.sum(axis=1))[panel] - mass[panel].sum()
    return (before + _within(mass[panel], u))[None]


def scale_quantile(
    x: Normals, edges: Float[Array, " edge"], q: Float[Array, "1 q"], near: Float[Array, "1 q"] | None = None
) -> Float[Array, "1 q"]:
    """The value with P(scale < value | t) = q: its panel by whole masses, its place in it by halving, from wherever."""
    mass, q = x.weight.reshape(len(edges) - 1, -1), q[0]
    total = jnp.cumsum(mass.sum(axis=1))
    panel = jnp.clip(jnp.searchsorted(total, q), 0, len(mass) - 1)
    rest = q - (total - mass.sum(axis=1))[panel]

    def halve(_, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = (ends[0] + ends[1]) / 2
        lower = jax.vmap(_within)(mass[panel], middle) < rest
        return jnp.where(lower, middle, ends[0]), jnp.where(lower, ends[1], middle)

    low, high = jax.lax.fori_loop(0, 54, halve, (jnp.zeros_like(q), jnp.ones_like(q)))
    return (edges[panel] + (low + high) / 2 * (edges[panel + 1] - edges[panel]))[None]


def scale_hdi(x: Normals, edges: Float[Array, " edge"], prob: Float[Array, ""]) -> Float[Array, "1 end"]:
    """The same as `hdi` of a scale, on panels: it starts at their first edge where the density falls from there on."""
    mass = x.weight.reshape(len(edges) - 1, -1)

    def density(at: Float[Array, "1 end"]) -> Float[Array, "1 end"]:
        panel = jnp.clip(jnp.searchsorted(edges, at[0], side="right") - 1, 0, len(mass) - 1)
        width = edges[panel + 1] - edges[panel]
        within, u = (
            jax.vmap(lambda m, u: jax.jvp(partial(_within, m), (u,), (jnp.ones_like(u),))[1]),
            at[0] - edges[panel],
        )
        return (within(mass[panel], u / width) / width)[None]

    find = partial(scale_quantile, x, edges)
    return _shortest(find, find, density, prob)


def _shortest(find: Callable, find_roughly: Callable, density: Callable, prob: Float[Array, ""]) -> Array:
    """The shortest [Q(p), Q(p + prob)], (item, 2): where the density f at both ends is the same, or at an end of p.

    d length / dp = 1 / f(upper) - 1 / f(lower): the best of some p, then Newton's steps for log f(upper) - log f(lower),
    within the bracket that its signs leave.
    """
    room = 1 - prob
    starts = room * (jnp.arange(STARTS) + 0.5) / STARTS
    ends = find_roughly(jnp.concatenate([starts, starts + prob])[None])
    best = jnp.argmin(ends[:, STARTS:] - ends[:, :STARTS], axis=1)[:, None]  # (item, 1)
    low, high = jnp.maximum(best - 0.5, 0) / STARTS * room, jnp.minimum(best + 1.5, STARTS) / STARTS * room
    both = jnp.array([0.0, 1.0]) * prob

    def unfinished(state):
        step, _, _, _, _, moved = state
        return (step < STEPS) & jnp.any(moved > 1e-10 * room)

    def newton(state):
        step, p, low, high, near, _ = state
        at = find(p + both, near)
        f, slope = jax.jvp(density, (at,), (jnp.ones_like(at),))
        tilt, bend = (each[:, 1:] - each[:, :1] for each in (jnp.log(f), slope / f**2))
        low, high = jnp.where(tilt > 0, p, low), jnp.where(tilt > 0, high, p)
        new = p - tilt / bend
        new = jnp.where((new > low) & (new < high), new, (low + high) / 2)
        return step + 1, new, low, high, at, jnp.abs(new - p)

    start = (low + high) / 2
    near = jnp.concatenate([jnp.take_along_axis(ends, best + side, axis=1) for side in (0, STARTS)], axis=1)
    first = (0, start, low, high, near, jnp.ones_like(start))
    return jax.lax.while_loop(unfinished, newton, first)[4]


def _within(mass: Float[Array, " node"], u: Float[Array, ""]) -> Float[Array, ""]:
    """The integral over the first part u of a panel, by int_{-1}^{v} P_k = (P_{k+1}(v) - P_{k-1}(v)) / (2k + 1)."""
    order, v = len(mass), 2 * u - 1
    coefficients = jnp.asarray(legendre_transform(order)) @ (mass / legendre_rule(order)[1])
    p = [jnp.ones_like(v), v]
    for k in range(1, order):
        p.append(((2 * k + 1) * v * p[k] - k * p[k - 1]) / (k + 1))
    integrals = [v + 1, *((p[k + 1] - p[k - 1]) / (2 * k + 1) for k in range(1, order))]
    return coefficients @ jnp.stack(integrals)


def _normals(
    name: str,
    groups: tuple[Array, Array, Array],
    items: Array,
    mu: Mapping[str, Array],
    nodes: Nodes,
) -> Callable[[Array], Normals]:
    """The parameter `name` at a setting of mu, as a function of the log prior of the cells.

    `items` are indices of groups for "theta", and weights (item, group) for "combination".
    """
    a, w, c = groups  # (sigma_node, group), (group,)
    shape = nodes.log_weight.shape
    tau = jnp.repeat(nodes.tau, shape[1])
    a, w = (jnp.tile(each, (shape[0], 1)) for each in (a, w))  # (cell, group)
    height, total, m = pooled(a, w, c, tau)
    log_m = height + _log_evidence_of_mu(total, m, **mu) + nodes.log_weight.ravel()
    centre, sd = location(total, m, mu["mu_loc"], mu["mu_scale"])
    own = {"tau": nodes.tau, "sigma": nodes.sigma}.get(name)
    if name == "theta":
        shift, b, v = effect(w[:, items], c[items], tau[:, None])
        centres, variances = shift + b * centre[:, None], v + (b * sd[:, None]) ** 2
    elif name == "combination":
        shift, b, v = effect(w, c, tau[:, None])
        along = b @ items.T
        centres, variances = shift @ items.T + along * centre[:, None], v @ items.T**2 + (along * sd[:, None]) ** 2
    elif own is None:
        centres, variances = centre[:, None], sd[:, None] ** 2
    else:
        centres, variances = own[:, None], jnp.zeros_like(own)[:, None]

    def at(log_prior: Array) -> Normals:
        log_joint = log_m + log_prior
        log_evidence = logsumexp(log_joint)
        weight = jnp.exp(log_joint - log_evidence)
        if own is not None:
            weight = weight.reshape(shape).sum(axis=1 if name == "tau" else 0)
        return Normals(weight, centres, variances, log_evidence)

    return at


def _log_evidence_of_mu(total: Array, m: Array, mu_loc: Array, mu_scale: Array) -> Array:
    """log int p(mu) exp(-P (mu - m)**2 / 2) dmu; a flat prior, of density 1, has the scale inf."""
    known = total > 0
    s = jnp.where(known, total, 1.0) ** -0.5
    proper = jnp.isfinite(mu_scale)
    log_p = normal_lpdf(m, mu_loc, jnp.hypot(jnp.where(proper, mu_scale, 1.0), s))
    return jnp.where(known, jnp.where(proper, log_p, 0.0) + jnp.log(2 * jnp.pi) / 2 + jnp.log(s), 0.0)


# --- all settings -----------------------------------------------------------------------------------------------------


@partial(jax.jit, static_argnames=("statistic", "name", "together"))
def sweep(
    statistic: Callable,
    name: str,
    groups: Groups,
    items: Array,
    mu: Mapping[str, Float[Array, " mu"]],
    nodes: Nodes,
    log_prior: Float[Array, "tau cell"],
    arguments: tuple[Array, ...],
    together: int,
) -> Float[Array, "sigma mu tau ..."]:
    """A statistic of one parameter at every setting; `together` settings of tau are held in memory at once."""

    def of_mu(row: tuple[Array, Array, Mapping[str, Array]]) -> Array:
        a, w, prior = row
        at = _normals(name, (a, w, groups.c), items, prior, nodes)
        return jax.lax.map(lambda log_p: statistic(at(log_p), *arguments), log_prior, batch_size=together)

    return jax.lax.map(lambda own: jax.lax.map(lambda prior: of_mu((*own, prior)), mu), (groups.a, groups.w))


@partial(jax.jit, static_argnames=("statistic", "name", "families", "together"))
def derivatives(
    statistic: Callable,
    name: str,
    groups: Groups,
    items: Array,
    mu: Mapping[str, Float[Array, " mu"]],
    nodes: Nodes,
    scales: Mapping[str, Float[Array, " tau"]],
    families: tuple[tuple[str, str], ...],
    together: int,
) -> tuple[Array, Mapping[str, Array]]:
    """A statistic at every setting and its derivatives in each hyperparameter, (sigma, mu, tau, ...).

    `families` names the log densities of the priors of tau and of a learned sigma, whose parameters `scales` holds by name,
    `tau_scale`; where tau itself is known it has none, and `scales` holds `tau`.
    """

    def value(own: tuple[Array, Array], hyper: tuple[Mapping[str, Array], Mapping[str, Array]]) -> tuple[Array, Array]:
        prior, of_scales = hyper
        at = nodes
        if "tau" in of_scales:
            at = Nodes(of_scales["tau"][None], nodes.sigma, nodes.log_weight[:1])
        log_p = jnp.zeros_like(at.log_weight)
        for scale, family in families:
            parameters = {key[len(scale) + 1 :]: x for key, x in of_scales.items() if key.startswith(f"{scale}_")}
            found = LPDFS[family](getattr(at, scale), **parameters)
            log_p = log_p + (found[:, None] if scale == "tau" else found)
        found = statistic(_normals(name, (*own, groups.c), items, prior, at)(log_p.ravel()))
        return found, found

    def of_row(own: tuple[Array, Array], prior: Mapping[str, Array]):
        both = jax.jacfwd(lambda hyper: value(own, hyper), has_aux=True)
        return jax.lax.map(lambda of_scales: both((prior, of_scales)), scales, batch_size=together)

    rows = jax.lax.map(lambda own: jax.lax.map(lambda prior: of_row(own, prior), mu), (groups.a, groups.w))
    (of_mu, of_scales), found = rows
    return found, {**of_mu, **of_scales}
