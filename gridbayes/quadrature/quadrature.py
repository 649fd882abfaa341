"""quadrature: a user's log density of 1 to 20 parameters, integrated by a rule laid out about its mode.

    p(data) = integral of p(x, data) dx = sum_i w_i p(T(u_i), data) |det dT/du| |det A|,      u_i = m + A z_i.

Each parameter is mapped to the real line (supports.py), the mode is found (modes.py), a rule is laid out by the
density's own mean and covariance (whitening.py), and read back parameter by parameter (curves.py).
"""

import os
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from gridbayes.accuracy import Accuracy, Comparison, Error
from gridbayes.grids import Grid
from gridbayes.log_joint import LogJoint
from gridbayes.posterior import Address, Posterior
from gridbayes.quadrature.clouds import SHARPER, Cloud, Component, OnDemand, ResolutionError
from gridbayes.quadrature.curves import COARSE, FINE, pair, panels, points_of
from gridbayes.quadrature.exchange import Exchange
from gridbayes.quadrature.modes import Advice, ModeError, Peak, climb, require_proper, separate
from gridbayes.quadrature.rejection import by_rejection
from gridbayes.quadrature.starts import starts
from gridbayes.quadrature.supports import Space
from gridbayes.quadrature.target import MEMORY, Target
from gridbayes.quadrature.whitening import BUDGET, Plan, Resolved
from gridbayes.summaries import Marginal

__all__ = ["ModeError", "QuadratureWarning", "ResolutionError", "quadrature", "whitened"]

MOST = 20  # parameters
WARN, REFUSE = 0.02, 0.25  # of the distance between two rules, in sds
PART = 0.2  # of the largest distance of any mean or sd: no error is stated smaller
SHAPED = 1e-3  # two rules this close have third and fourth moments that can be believed
OTHER_MODE = 1e-3  # the share of mass by Laplace's approximation that another mode may hold unmentioned
OVERLAP = 1e-3  # the mass beyond the middle between mirror modes
FEWEST = 100  # effective points


class QuadratureWarning(UserWarning):
    """A rule has left something out, or an error that can be seen in plots."""


@dataclass(frozen=True, eq=False)
class Whitened:
    """What made the posterior: two clouds, fine and coarse, and the rules for one parameter given the others.

    Parameters
    ----------
    resolved : the clouds. plan : what chooses the rules for the other parameters. components : each component's parameter
        and index by its address in a posterior. labels : of vectors' components. per_label : the vectors that have them.
    exchange : the mirror images that the integral stands for.
    """

    title: str
    joint_of: LogJoint
    resolved: Resolved
    plan: Plan
    components: Mapping[Address, Component]
    labels: tuple[Hashable, ...]
    per_label: frozenset[str]
    exchange: Exchange

    def weighted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The points in the parameters' own space, (point,) or (point, component), and their masses, (point,).

        A mean of anything is the sum of masses times its values. Masses sum to 1; a sparse rule has negative ones.
        """
        return self.resolved.fine.own, self.resolved.fine.masses

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Independent draws, by rejection (rejection.py): of the density itself, not of the points."""
        space = self.resolved.fine.target.space
        own = space.own(by_rejection(self.resolved.fine, self.exchange, n, rng))
        found: dict[str, list[np.ndarray]] = {}
        for (name, _), (parameter, k) in self.components.items():
            vector = space.support(parameter).size is not None
            found.setdefault(name, []).append(own[parameter][:, k] if vector else own[parameter])
        return {name: np.stack(each, axis=1) if name in self.per_label else each[0] for name, each in found.items()}

    @property
    def effective(self) -> float:
        """The effective number of weighted points; without meaning for rules whose weights have signs."""
        return self.resolved.fine.effective

    def posterior(self, fine: bool = True) -> Posterior:
        """The posterior of the fine cloud, or of the coarse one."""
        cloud = self.resolved.fine if fine else self.resolved.coarse
        read = partial(points_of, cloud) if self.resolved.points else partial(self._panels, cloud, 0 if fine else 1)
        marginals: dict[str, tuple[Marginal, ...]] = {}
        for (name, _), component in self.components.items():
            marginal = OnDemand(cloud.moments(component), partial(read, component))
            marginals[name] = (*marginals.get(name, ()), marginal)
        log_evidence = cloud.log_evidence + self.exchange.log_copies
        return Posterior(marginals, self.labels, self.per_label, log_evidence, self.joint_of.program, self)

    def _panels(self, cloud: Cloud, which: int, component: Component) -> tuple[Grid, np.ndarray]:
        """A component's density by the fine (0) or the coarse (1) rule for the others given it."""
        rule = self.plan.given(1, cloud.target.space.dimension)[which]
        believed = 4 if self.resolved.gap < SHAPED else 2
        return panels(cloud, component, rule, believed if rule.order < cloud.rule.order else 0, (FINE, COARSE)[which])

    @cached_property
    def coarse(self) -> Posterior:
        """The posterior of the coarse cloud."""
        return self.posterior(fine=False)

    def joint(self, first: Address, second: Address) -> tuple[Marginal, Marginal, np.ndarray]:
        """p(first, second | data) as masses on the grids of both."""
        one, two = (self.components[address] for address in (first, second))
        if self.resolved.points:
            raise ValueError(f"{self.title} is known by weighted points, without pairs; plot post.model.weighted().")
        if one[0] == two[0]:
            raise ValueError(f"two components of {one[0]} have no joint here; take it from post.model.weighted().")
        cloud = self.resolved.fine
        marginals = [Marginal(*self._panels(cloud, 0, component)) for component in (one, two)]
        rule = self.plan.given(2, cloud.target.space.dimension)[0]
        masses = pair(cloud, (one, two), (marginals[0].grid, marginals[1].grid), rule)
        return marginals[0], marginals[1], masses

    def contrast(self, first: int, second: int) -> Marginal:
        """No theta: a difference of two components is a mean over the weighted points."""
        raise ValueError(f"{self.title} has no contrast; take differences from post.model.weighted().")

    def accuracy(self, posterior: Posterior) -> Accuracy:
        """The distance of the fine cloud to the coarse one."""
        return self.distance(posterior, self.coarse)

    def distance(self, posterior: Posterior, other: Posterior) -> Accuracy:
        """The distance of what was made of the fine cloud to the same of the coarse one.

        One that is small by chance proves nothing: no error is stated smaller than a part of the largest of its kind.
        """
        fine, coarse = self.resolved.fine, self.resolved.coarse
        source = f"{fine.rule.name} against {coarse.rule.name}"
        if self.resolved.points:
            source += f", effective {fine.effective:,.0f}"
        pairs = zip(posterior.rows, other.rows, strict=True)
        comparisons = [Comparison(label, one, other, source) for (label, one), (_, other) in pairs]
        distance = abs(fine.log_evidence - coarse.log_evidence)
        stated = Accuracy.of(
            comparisons, Error("log_evidence", "value", distance, source), "a finer rule: order= or budget="
        )
        largest = {kind: max(e.size for e in stated.errors if e.statistic == kind) for kind in ("mean", "sd")}
        least = PART * max(largest.values())
        errors = tuple(replace(error, size=max(error.size, least)) for error in stated.errors)
        return replace(stated, errors=errors)


def quadrature(
    log_joint: Callable[..., Any],
    parameters: Mapping[str, Any],
    data: object = None,
    *,
    start: object = None,
    labels: Sequence[Hashable] | None = None,
    exchangeable: object = (),
    rule: str = "auto",
    order: int | None = None,
    budget: int = BUDGET,
    batched: bool = False,
    memory: float = MEMORY,
    title: str | None = None,
) -> Posterior:
    """The posterior of a log density of 1 to 20 parameters and data, by quadrature, with its error.

    Parameters
    ----------
    log_joint : the log density, in the parameters' own space and up to a constant, in `jax.numpy`: one argument a
        parameter and others for the data, or all parameters as a mapping in the first. It is compiled once: define it
        at the top of a module, not anew for every call.
    parameters : each name's support: "real", "positive", "unit", (low, high), a prior, or for vectors ("real", K),
        ("positive", K), ("simplex", K), ("ordered", K) and so on. A prior says the support and where to start; its density
        is in log_joint.
    data : what the arguments that are no parameters take: one whole, several by name.
    start : where to look for the mode first: a mapping of names to values.
    labels : of the components of vectors, all of one length; 0, 1, ... by default.
    exchangeable : names of vectors whose components may trade places together, as those of a mixture.
    rule, order, budget : "product" with an order, "sparse" with a level, "points", or "auto" within a budget of
        evaluations.
    batched : log_joint takes parameters with a leading axis of points and returns (point,).
    memory : bytes that the tables of one chunk of points may take.

    Raises
    ------
    ModeError
        Where the density does not fall in some direction; it names the parameters.
    ResolutionError
        Where the rules do not agree; it has the figures.
    TypeError, ValueError
        For arguments that do not fit.

    Examples
    --------
    >>> import gridbayes as gb
    >>> import jax.numpy as jnp
    >>> def coin(p, heads, tosses):
    ...     return heads * jnp.log(p) + (tosses - heads) * jnp.log1p(-p)
    >>> post = gb.quadrature(coin, {"p": "unit"}, {"heads": 7, "tosses": 10})
    >>> round(post.mean("p"), 6)  # Beta(8, 4)
    0.666667
    """
    space, plan = Space.of(parameters), Plan(rule, order, budget)
    target = Target.of(LogJoint.of(log_joint, space.names), space, batched, data, memory)
    title = title or f"quadrature of {getattr(log_joint, '__name__', 'a log density')}"
    exchange = Exchange.of(space, exchangeable)
    return whitened(title, target, plan, parameters, start, labels, exchange, Advice())


def whitened(
    title: str,
    target: Target,
    plan: Plan,
    parameters: Mapping[str, Any],
    start: object,
    labels: Sequence[Hashable] | None,
    exchange: Exchange,
    advice: Advice,
) -> Posterior:
    """The posterior of a target with these parameters: `quadrature`, and the mixtures, which advise otherwise."""
    if (dimension := target.space.dimension) > MOST:
        raise ValueError(f"quadrature takes at most {MOST} parameters; these are {dimension}. Sum some out by hand.")
    components, shared, per_label = _addressed(target.space, labels)
    peak = _mode(target, starts(target, parameters, start), exchange, advice)
    resolved = Resolved.of(target, peak, plan)
    _judge(resolved, exchange, advice)
    return Whitened(title, target.joint, resolved, plan, components, shared, per_label, exchange).posterior()


def _mode(target: Target, where: np.ndarray, exchange: Exchange, advice: Advice) -> Peak:
    """The mode of the largest mass, mirror images counted once; a warning where another holds a share."""
    peaks = _climbed(target, where, exchange)
    if not peaks:
        raise ModeError("log_joint has no finite derivatives at any start. Guard logs, roots and divisions.")
    first, *others = separate(peaks)
    require_proper(target, first, advice)
    if exchange.size > 1:
        exchange.require_invariance(target, first.u)
    if others:
        _warn_of(others, first, target.space, advice)
    return first


def _climbed(target: Target, where: np.ndarray, exchange: Exchange) -> list[Peak]:
    """Where climbs from the starts end, mirror images brought to one order and climbed again where that moved them."""
    peaks = climb(target, np.stack([exchange.canonical(target.space, u) for u in where]))
    ordered = [exchange.canonical(target.space, peak.u) for peak in peaks]
    if all(np.allclose(u, peak.u) for u, peak in zip(ordered, peaks, strict=True)):
        return peaks
    return climb(target, np.resize(np.stack(ordered), where.shape))


def _warn_of(others: list[Peak], first: Peak, space: Space, advice: Advice) -> None:
    shares = np.exp([peak.log_mass - first.log_mass for peak in others])
    share = float(shares.sum() / (1 + shares.sum()))
    if share > OTHER_MODE:
        where = ", ".join(
            f"{n} = {np.array2string(np.asarray(x), precision=3)}" for n, x in space.own(others[0].u).items()
        )
        _warn(
            f"{len(others)} more mode(s) hold {share:.1%} of the mass by Laplace's approximation, the next at {where}; they "
            f"are left out. {advice.others}"
        )


def _judge(resolved: Resolved, exchange: Exchange, advice: Advice) -> None:
    """Refuse what is not resolved, warn of what is resolved badly."""
    fine, coarse = resolved.fine, resolved.coarse
    names = f"{fine.rule.name} and {coarse.rule.name}"
    figures = f"{names} differ by {resolved.gap:.2g} sds, or in parts of an sd or in log evidence"
    if not resolved.gap <= REFUSE:
        raise ResolutionError(f"{figures}, more than {REFUSE}. {SHARPER}")
    if resolved.points and fine.effective < FEWEST:
        raise ResolutionError(
            f"{fine.rule.name} are worth {fine.effective:.0f}, fewer than {FEWEST}. Raise budget=. {SHARPER}"
        )
    if resolved.gap > WARN:
        _warn(f"{figures}. {SHARPER}")
    overlap = exchange.overlap(fine)
    if overlap > OVERLAP:
        _warn(
            f"{overlap:.2%} of the mass is nearer to a mirror image than to the mode: components overlap, and one labelling "
            f"is not told from another. {advice.overlap}"
        )


def _warn(text: str) -> None:
    """Warn at the line that called gridbayes."""
    warnings.warn(text, QuadratureWarning, skip_file_prefixes=(os.path.dirname(__file__),))


def _addressed(
    space: Space, labels: Sequence[Hashable] | None
) -> tuple[dict[Address, Component], tuple[Hashable, ...], frozenset[str]]:
    """Each component by its address in a posterior, the labels of vectors, and which vectors have them.

    Vectors of one length share labels; where lengths differ every component is a parameter of its own, `beta[0]`.
    """
    sizes = {name: support.size for name, support in zip(space.names, space.supports, strict=True) if support.size}
    alike = len(set(sizes.values())) == 1
    if labels is not None and not (alike and len(labels) == next(iter(sizes.values()))):
        raise ValueError(f"labels need vectors of one length, their own; lengths are {sizes}, labels are {labels!r}.")
    components: dict[Address, Component] = {}
    for name in space.names:
        for k in range(sizes.get(name, 1)):
            vector = name in sizes
            components[(name, k if vector else None) if alike or not vector else (f"{name}[{k}]", None)] = (name, k)
    shared = tuple(labels if labels is not None else range(next(iter(sizes.values())))) if alike else ()
    return components, shared, frozenset(sizes if alike else ())
