"""Sums over tau at many settings of the priors at once, compiled: what a sweep of hyperparameters computes.

Given tau all is normal (closed_form.py), and tau is summed over nodes that are the same for every setting. A prior of tau
only changes what the nodes weigh, a prior of mu only two numbers in the closed form:

    p(tau_k | t) = W_k = p(tau_k) w_k p(t | tau_k) / Z,    Z = p(t),    E[x | t] = sum_k W_k E[x | tau_k, t].

The settings of mu (and of sigma) are taken one after the other, those of tau together: each sum over nodes is a matrix
product. All of it can be differentiated in the hyperparameters.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp, ndtr, ndtri
from jaxtyping import Array, Float, Int

from gridbayes.closed_form import effect, location, pooled
from gridbayes.densities import LPDFS, normal_lpdf
from gridbayes.grids import legendre_rule, legendre_transform

__all__ = [
    "Groups",
    "Nodes",
    "below",
    "derivatives",
    "evidence",
    "mean",
    "quantile",
    "sweep",
    "tau_below",
    "tau_quantile",
    "var",
]

LIGHT = 1e-20  # a node that weighs less bounds no quantile
STEPS = 200  # of a quantile's search: it ends after about ten


class Groups(NamedTuple):
    """What the rows say of each theta (likelihoods.py), at each sigma."""

    a: Float[Array, "sigma group"]
    w: Float[Array, "sigma group"]
    c: Float[Array, " group"]


class Nodes(NamedTuple):
    """The nodes of tau and their log weights: -inf at the last ones, which only fill up."""

    tau: Float[Array, " node"]
    log_weight: Float[Array, " node"]


class Normals(NamedTuple):
    """Some parameter given tau: a normal at each node, with the node's weight, and log evidence."""

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


def quantile(x: Normals, q: Float[Array, " q"]) -> Float[Array, "item q"]:
    """The x with P(x' < x | t) = q, by Newton's steps within a bracket: the q-quantiles of the normals hold that of the
    mixture between them."""
    sd = jnp.sqrt(x.var)[..., None]
    each = x.mean[..., None] + sd * ndtri(q)
    heavy = (x.weight > LIGHT)[:, None, None]
    low, high = jnp.min(jnp.where(heavy, each, jnp.inf), 0), jnp.max(jnp.where(heavy, each, -jnp.inf), 0)

    enough = 1e-13 * q * (1 - q) + 1e-15 * q  # in probability: what a sum of positive terms is good for

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

    start = jnp.clip(jnp.einsum("k,kiq->iq", x.weight, each), low, high)
    return jax.lax.while_loop(unfinished, newton, (0, start, low, high, off(start)))[1]


def tau_below(x: Normals, edges: Float[Array, " edge"], at: Float[Array, ""]) -> Float[Array, " item"]:
    """P(tau < at | t): whole panels, and in one of them the integral of the polynomial through its nodes."""
    mass = x.weight.reshape(len(edges) - 1, -1)
    panel = jnp.clip(jnp.searchsorted(edges, at, side="right") - 1, 0, len(mass) - 1)
    u = jnp.clip((at - edges[panel]) / (edges[panel + 1] - edges[panel]), 0, 1)
    before = jnp.cumsum(mass.sum(axis=1))[panel] - mass[panel].sum()
    return (before + _within(mass[panel], u))[None]


def tau_quantile(x: Normals, edges: Float[Array, " edge"], q: Float[Array, " q"]) -> Float[Array, "item q"]:
    """The tau with P(tau' < tau | t) = q: its panel by whole masses, its place in it by halving."""
    mass = x.weight.reshape(len(edges) - 1, -1)
    total = jnp.cumsum(mass.sum(axis=1))
    panel = jnp.clip(jnp.searchsorted(total, q), 0, len(mass) - 1)
    rest = q - (total - mass.sum(axis=1))[panel]

    def halve(_, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = (ends[0] + ends[1]) / 2
        lower = jax.vmap(_within)(mass[panel], middle) < rest
        return jnp.where(lower, middle, ends[0]), jnp.where(lower, ends[1], middle)

    low, high = jax.lax.fori_loop(0, 54, halve, (jnp.zeros_like(q), jnp.ones_like(q)))
    return (edges[panel] + (low + high) / 2 * (edges[panel + 1] - edges[panel]))[None]


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
    items: Int[Array, " item"],
    mu: Mapping[str, Array],
    nodes: Nodes,
) -> Callable[[Array], Normals]:
    """The parameter `name` (of groups `items`) at a setting of mu, as a function of the log prior of tau's nodes."""
    a, w, c = groups
    height, total, m = pooled(a[None], w[None], c, nodes.tau)
    log_m = height + _log_evidence_of_mu(total, m, **mu) + nodes.log_weight
    centre, sd = location(total, m, mu["mu_loc"], mu["mu_scale"])
    if name == "theta":
        shift, b, v = effect(w[items], c[items], nodes.tau[:, None])
        centres, variances = shift + b * centre[:, None], v + (b * sd[:, None]) ** 2
    elif name == "mu":
        centres, variances = centre[:, None], sd[:, None] ** 2
    else:
        centres, variances = nodes.tau[:, None], jnp.zeros_like(nodes.tau)[:, None]

    def at(log_prior: Array) -> Normals:
        log_joint = log_m + log_prior
        log_evidence = logsumexp(log_joint)
        return Normals(jnp.exp(log_joint - log_evidence), centres, variances, log_evidence)

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
    items: Int[Array, " item"],
    mu: Mapping[str, Float[Array, " mu"]],
    nodes: Nodes,
    log_prior: Float[Array, "tau node"],
    arguments: tuple[Array, ...],
    together: int,
) -> Float[Array, "sigma mu tau ..."]:
    """A statistic of one parameter at every setting; `together` settings of tau are held in memory at once."""

    def of_mu(row: tuple[Array, Array, Mapping[str, Array]]) -> Array:
        a, w, prior = row
        at = _normals(name, (a, w, groups.c), items, prior, nodes)
        return jax.lax.map(lambda log_p: statistic(at(log_p), *arguments), log_prior, batch_size=together)

    return jax.lax.map(lambda own: jax.lax.map(lambda prior: of_mu((*own, prior)), mu), (groups.a, groups.w))


@partial(jax.jit, static_argnames=("statistic", "name", "family", "together"))
def derivatives(
    statistic: Callable,
    name: str,
    groups: Groups,
    items: Int[Array, " item"],
    mu: Mapping[str, Float[Array, " mu"]],
    nodes: Nodes,
    tau: Mapping[str, Float[Array, " tau"]],
    family: str | None,
    together: int,
) -> tuple[Array, Mapping[str, Array]]:
    """A statistic at every setting and its derivatives in each hyperparameter, (sigma, mu, tau, ...).

    `family` names the log density of tau's prior, whose parameters `tau` holds; None where tau itself is known.
    """

    def value(own: tuple[Array, Array], hyper: tuple[Mapping[str, Array], Mapping[str, Array]]) -> tuple[Array, Array]:
        prior, of_tau = hyper
        at, log_p = nodes, jnp.zeros(1)
        if family is None:
            at = Nodes(of_tau["tau"][None], jnp.zeros(1))
        else:
            parameters = {key.removeprefix("tau_"): each for key, each in of_tau.items()}
            log_p = LPDFS[family](nodes.tau, **parameters)
        found = statistic(_normals(name, (*own, groups.c), items, prior, at)(log_p))
        return found, found

    def of_row(own: tuple[Array, Array], prior: Mapping[str, Array]):
        both = jax.jacfwd(lambda hyper: value(own, hyper), has_aux=True)
        return jax.lax.map(lambda of_tau: both((prior, of_tau)), tau, batch_size=together)

    rows = jax.lax.map(lambda own: jax.lax.map(lambda prior: of_row(own, prior), mu), (groups.a, groups.w))
    (of_mu, of_tau), found = rows
    return found, {**of_mu, **of_tau}
