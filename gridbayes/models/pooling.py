"""The pooling family: what its three models share, and how each is stated.

    complete   theta ~ p(theta),                                          y_dj ~ N(theta, sigma)
    no         theta_d ~ p(theta),                                        y_dj ~ N(theta_d, sigma)
    partial    mu ~ p(mu), tau ~ p(tau), theta_d ~ N(mu, tau),            y_dj ~ N(theta_d, sigma)

sigma is known (a number, one a group or one a row), learned by each group (sigma_d ~ p(sigma)), or learned and shared.
Rows may have another likelihood than the normal (likelihoods.py): then theta is on its link's scale.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from gridbayes._types import PerRow
from gridbayes.accuracy import Accuracy
from gridbayes.engine import each_memo, hyper_memo
from gridbayes.grids import Grid, as_grid
from gridbayes.labelled import axis_of
from gridbayes.likelihoods import RowLikelihood, known_sigma
from gridbayes.observations import Observations, observe, observe_with
from gridbayes.posterior import Posterior
from gridbayes.priors import FromErrors, HalfCauchy, Normal, Prior, Uniform, as_prior, as_scale_prior
from gridbayes.program import Program, Slot, signature
from gridbayes.summaries import Marginal, positive

__all__ = [
    "INSTEAD",
    "Pooling",
    "as_posterior",
    "checked_prior",
    "known_scale",
    "more_of",
    "pooling",
    "prior_or_scale",
    "theta_prior",
]

Kind = Literal["complete", "no", "partial"]


@dataclass(frozen=True, eq=False)
class Pooling:
    """A pooling model with its data: what there is to fit.

    Parameters
    ----------
    kind : how groups share.
    observations : the rows by group.
    priors : of mu and tau (partial) or theta (complete, no), and of sigma where it is learned.
    likelihood : of a row, where it is not normal.
    shared_sigma : one learned sigma for all groups, instead of one a group.
    grids : explicit grids by parameter; parameters without one are placed automatically.
    text : a program to run instead of the model's own.
    """

    kind: Kind
    observations: Observations
    priors: Mapping[str, Prior]
    likelihood: RowLikelihood | None = None
    shared_sigma: bool = False
    grids: Mapping[str, Grid] = field(default_factory=dict)
    text: Program | None = None

    @property
    def title(self) -> str:
        """One line: the model, its priors, its groups."""
        priors = ", ".join(f"{name} ~ {prior!r}" for name, prior in self.priors.items())
        rows = "sigma known" if self.likelihood is None else f"rows {self.likelihood!r}"
        if "sigma" in self.priors:
            rows = "sigma shared" if self.shared_sigma else "sigma by group"
        groups = len(self.observations)
        return f"{self.kind} pooling of {groups} group{'s' * (groups != 1)}, {priors}, {rows}"

    @property
    def own_sigma(self) -> bool:
        """Whether each group learns a sigma of its own."""
        return "sigma" in self.priors and not self.shared_sigma

    @property
    def known(self) -> str | None:
        """What must be known of a row: `sigma`, `trials` or `exposure`; None where nothing, or sigma is learned."""
        if self.likelihood is not None:
            return self.likelihood.known
        return None if "sigma" in self.priors else "sigma"

    @property
    def extended(self) -> "Pooling":
        """The model with an empty group after the others."""
        data = self.observations
        return replace(self, observations=replace(data, groups=(*data.groups, "a new group")))

    @property
    def discrete(self) -> bool:
        """Whether rows have probabilities, not densities."""
        return self.likelihood is not None and self.likelihood.known != "sigma"

    @property
    def hyper(self) -> tuple[Slot, ...]:
        """The parameters that all groups share, as slots of the program, in the order of its axes."""
        names = {"complete": ("theta",), "no": (), "partial": ("mu", "tau")}[self.kind]
        return tuple(Slot(name, self.priors[name]) for name in (*names, *(("sigma",) if self.shared_sigma else ())))

    @property
    def names(self) -> tuple[str, ...]:
        """All parameters, in the order of reports."""
        shared = ("mu", "tau") if self.kind == "partial" else ()
        return (*shared, "theta", *(("sigma",) if "sigma" in self.priors else ()))

    @property
    def per_group(self) -> frozenset[str]:
        """The parameters of which each group has its own."""
        theta = () if self.kind == "complete" else ("theta",)
        return frozenset((*theta, *(("sigma",) if self.own_sigma else ())))

    def require_thetas(self, question: str) -> None:
        """Raise where groups have no theta of their own."""
        if self.kind == "complete":
            raise ValueError(
                f"{question} needs a theta for every group; complete pooling has one for all. Use partial_pooling."
            )

    def require_shared(self, question: str) -> None:
        """Raise where the groups share no parameter."""
        if not self.hyper:
            raise ValueError(
                f"{question} needs a parameter that the groups share; {self.title} has none. post.to_xarray() has the nodes "
                "of each group's own parameters, post.sample(n) draws of all."
            )

    # --- rows and prior, for draws ----------------------------------------------------------------------------------

    @property
    def observed(self) -> tuple[str, PerRow, dict[str, Any]]:
        """What was measured, its values, and the group of each row."""
        labels = np.asarray(axis_of(self.observations.groups))[self.observations.codes]
        return self.observations.name, self.observations.values, {"row_group": ("row", labels)}

    def rows_given(self, draws: Mapping[str, np.ndarray]) -> Any:
        """The distribution of each row given each draw, (draw, row)."""
        from scipy.stats import norm  # here: half a second, for draws alone

        codes, known = self.observations.codes, self.observations.errors
        rows = {  # of its group, or of all
            name: x[:, codes] if x.ndim > 1 else np.repeat(x[:, None], len(codes), axis=1)
            for name, x in draws.items()
            if name in ("theta", "sigma")
        }
        if self.likelihood is not None:
            return self.likelihood.rows(rows["theta"], known)
        return norm(rows["theta"], rows.get("sigma", known))

    def drawn_from_prior(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of the parameters before the data; none from an improper prior, or of a model on explicit grids."""
        if self.grids or not all(prior.proper for prior in self.priors.values()):
            return {}
        shapes = {name: (n, len(self.observations)) if name in self.per_group else (n,) for name in self.names}
        drawn = {name: prior.ppf(rng.random(shapes[name])) for name, prior in self.priors.items()}
        if self.kind == "partial":
            z = rng.standard_normal(shapes["theta"])
            drawn["theta"] = self.centre_of_groups(drawn) + drawn["tau"][:, None] * z
        return drawn

    def centre_of_groups(self, draws: Mapping[str, np.ndarray]) -> Float[np.ndarray, "draw #group"]:
        """E[theta_d | shared parameters], of partial pooling."""
        return draws["mu"][:, None]

    def refined(self, posterior: Posterior, coarse: Posterior) -> Accuracy:
        """The accuracy of a fit on automatic grids beside a coarser one: mu, and a theta without data, follow tau."""
        supports = {name: prior.support for name, prior in self.priors.items()}
        counts = zip(self.observations.groups, self.observations.count, strict=True)
        far = ["mu", *(f"theta[{group}]" for group, count in counts if count == 0)] if "tau" in self.priors else []
        return Accuracy.refined(posterior, coarse, supports, dict.fromkeys(far, "tau"))

    @cached_property
    def program(self) -> Program:
        """The memos of this model, as text."""
        return self.text or Program("\n".join(self._memos()))

    @cached_property
    def continuous_program(self) -> Program:
        """The memos of this model in the continuum, where a theta given the shared parameters is a closed form."""
        memos = [*(slot.memo for slot in self.hyper), *([hyper_memo(self.hyper)] if self.hyper else [])]
        memos += [each_memo("effect", "theta")] if self.kind != "complete" else []
        return Program("\n".join(memos + ([each_memo("noise", "sigma")] if self.own_sigma else [])))

    def _memos(self) -> list[str]:
        memos = [slot.memo for slot in self.hyper]
        if self.hyper:
            memos.append(hyper_memo(self.hyper))
        if self.kind == "no":
            memos.append(Slot("theta", self.priors["theta"]).memo)
        if self.kind == "partial":
            memos.append(POPULATION)
        if self.kind != "complete":
            memos.append(_effect_memo(self.shared_sigma))
        if self.own_sigma:
            slot = Slot("sigma", self.priors["sigma"])
            memos += [slot.memo, _noise_memo(slot)]
        return memos


INSTEAD = {  # what to use on explicit grids
    "weights_of_rows": "It is for automatic grids where groups learn their own sigmas or rows are not normal. Instead "
    "post.summary() has the estimates with their intervals",
}

POPULATION = """\
@memo
def log_population[_mu: Mu, _tau: Tau, _theta: Theta](
        mu_nodes: ..., tau_nodes: ..., theta_nodes: ..., theta_log_weight: ...):
    return (normal_lpdf(at(theta_nodes, _theta), at(mu_nodes, _mu), at(tau_nodes, _tau))
            + at(theta_log_weight, _theta))
"""


def _effect_memo(shared_sigma: bool) -> str:
    """p(theta_d | t): what the other groups say times what group d says, each row used once."""
    choices, cell = ("sigma in Sigma, ", "_d, sigma, theta") if shared_sigma else ("", "_d, theta")
    return (
        "@memo\ndef effect[_d: Group, _theta: Theta](log_cavity: ..., log_likelihood: ...):\n"
        "    nature: knows(_d)\n"
        f"    nature: chooses({choices}theta in Theta, wpp=exp(\n"
        f"        at(log_cavity, {cell}) + at(log_likelihood, {cell})))\n"
        "    return Pr[nature.theta == _theta]\n"
    )


def _noise_memo(slot: Slot) -> str:
    """p(sigma_d | t): its prior times the evidence of group d given sigma_d and the other groups."""
    return (
        f"@memo\ndef noise[_d: Group, _sigma: Sigma](\n"
        f"        {signature([*slot.tables, 'log_likelihood'], slot.scalars)}):\n"
        "    nature: knows(_d)\n"
        "    nature: chooses(sigma in Sigma, wpp=exp(\n"
        f"        {slot.call} + at(log_likelihood, _d, sigma)))\n"
        "    return Pr[nature.sigma == _sigma]\n"
    )


def as_posterior(fitted: Any, marginals: Mapping[str, tuple[Marginal, ...]], log_evidence: float) -> Posterior:
    """The posterior of a fit on automatic grids, its parameters in the order of reports; `fitted` answers questions."""
    model: Pooling = fitted.model
    ordered = {name: marginals[name] for name in model.names}
    groups = model.observations.groups
    return Posterior(ordered, groups, model.per_group, log_evidence, model.continuous_program, fitted)


# --- from a call's arguments to a model -------------------------------------------------------------------------


def pooling(
    kind: Kind,
    data: object,
    *,
    sigma: object,
    likelihood: object,
    priors: Mapping[str, object],
    shared_sigma: bool,
    grids: Mapping[str, object] | None,
    program: Program | str | None,
    value: str | None,
    group: object,
    groups: object,
) -> Pooling:
    """The model that a public call asks for, with every argument checked at this door."""
    learned = hasattr(sigma, "logpdf")
    if likelihood is not None:
        observations = _observed(likelihood, data, sigma, value, group, groups)
    else:
        if sigma is None and not (isinstance(data, Observations) and data.errors is not None):
            raise TypeError(
                "sigma is missing. Pass a number, standard errors (one a group or one a row), or a prior to learn it: "
                "sigma=gridbayes.HalfCauchy(5)."
            )
        observations = observe(data, sigma=None if learned else sigma, value=value, group=group, groups=groups)
    if shared_sigma and not learned:
        raise ValueError("shared_sigma=True needs a prior for sigma; sigma is known here. Leave shared_sigma out.")
    checked = {name: checked_prior(name, prior, observations, likelihood) for name, prior in priors.items()}
    if learned:
        checked["sigma"] = checked_prior("sigma", sigma, observations, likelihood)
    text = Program(program) if isinstance(program, str) else program
    model = Pooling(kind, observations, checked, likelihood, shared_sigma, _grids(grids, kind, learned), text)
    if text is not None and not set(model.names) <= set(model.grids):
        missing = ", ".join(name for name in model.names if name not in model.grids)
        raise ValueError(f"a program of your own is enumerated on explicit grids; pass grids for {missing}.")
    return model


def more_of(
    model: Pooling,
    data: object,
    *,
    sigma: object = None,
    likelihood: object = None,
    value: str | None = None,
    group: object = None,
    groups: object = None,
) -> Observations:
    """New rows for the model's data, which `joined` puts beside the old; arguments as in the model's call.

    `sigma` may be left out where it is learned, or one number for all rows so far; `likelihood` says what is known of new
    rows, as in `Binomial(trials)`, and may be left out where nothing is.
    """
    old = model.observations
    if "sigma" in model.priors and sigma is not None:
        raise TypeError(f"sigma is learned here, from its prior {model.priors['sigma']!r}; leave out sigma={sigma!r}.")
    if sigma is None and old.errors is not None and (model.likelihood is None or model.likelihood.known == "sigma"):
        if np.ptp(old.errors) > 0:
            raise TypeError(
                f"sigma must be stated for new rows where the old ones have {old.errors.min():g} to {old.errors.max():g}. "
                "Pass a number, one a group, or one a row."
            )
        sigma = None if isinstance(data, Observations) else old.errors[0]
    if model.likelihood is None:
        if likelihood is not None:
            raise TypeError(f"rows are normal here; leave out likelihood={likelihood!r}.")
        new = observe(data, sigma=sigma, value=value, group=group, groups=groups)
    else:
        if likelihood is None and model.likelihood.known not in (None, "sigma"):
            raise TypeError(
                f"likelihood must state the {model.likelihood.known} of new rows. "
                f"Pass likelihood=gridbayes.{type(model.likelihood).__name__}({model.likelihood.known})."
            )
        if likelihood is not None and repr(likelihood) != repr(model.likelihood):
            raise ValueError(f"likelihood must be that of the old rows, {model.likelihood!r}; it is {likelihood!r}.")
        new = _observed(likelihood or model.likelihood, data, sigma, value, group, groups)
    return new


def _observed(
    likelihood: object, data: object, sigma: object, value: str | None, group: object, groups: object
) -> Observations:
    """The data of rows that are not normal, with what their likelihood must know of each."""
    if not isinstance(likelihood, RowLikelihood):
        raise TypeError(
            f"likelihood must be one of gridbayes' (like gridbayes.Binomial(trials)); it is {likelihood!r}."
        )
    if likelihood.known == "sigma":
        if sigma is None or hasattr(sigma, "logpdf"):
            raise TypeError(f"{likelihood!r} needs a known sigma: the scale of a row. Pass a number or one a row.")
        numbers = sigma
    elif sigma is not None:
        raise TypeError(f"rows of {likelihood!r} have no sigma. Leave sigma out.")
    else:
        numbers = likelihood.argument
    observations = observe_with(likelihood.known or "sigma", data, numbers, value, group, groups)
    likelihood.check(observations)
    return observations


def checked_prior(name: str, prior: object, observations: Observations, likelihood: RowLikelihood | None) -> Prior:
    """The prior of a parameter as a call states it, or the default on the data's own scale."""
    if prior is None and likelihood is not None:
        centres, widths = likelihood.location(observations)
        return _default_prior(name, centres[observations.count > 0], float(np.median(widths)))
    if prior is None:
        error = 0.0 if observations.errors is None else float(np.mean(observations.errors))
        return _default_prior(name, observations.values, error)
    if name == "tau" and isinstance(prior, (int, float, np.integer, np.floating)) and not isinstance(prior, bool):
        return known_scale(float(prior), "tau")
    if isinstance(prior, FromErrors):
        return _from_errors(name, prior, observations, likelihood is None)
    return as_scale_prior(prior, name) if name in ("tau", "sigma") else as_prior(prior, name)


def _from_errors(name: str, prior: FromErrors, observations: Observations, normal: bool) -> FromErrors:
    """`prior` with its errors stated: left out they are those of the groups' means, 1 / sqrt(sum_j 1 / sigma_dj**2)."""
    if name != "tau":
        other = "HalfCauchy(5)" if name == "sigma" else "Normal(0, 5)"
        raise ValueError(
            f"{name} must have a prior of its own; {name} is {prior}, a prior of tau made of standard errors. "
            f"Pass for example {name}=gridbayes.{other}."
        )
    if prior.errors is not None:
        return prior
    if observations.errors is None or not normal:
        kind, where = type(prior).__name__, "sigma is learned" if normal else "rows are not normal"
        raise ValueError(
            f"tau must have a prior that states its errors where {where}; tau is {prior}, which takes the "
            f"known standard errors of the data. Pass tau=gridbayes.{kind}(errors), one a group, or for example "
            "tau=gridbayes.HalfCauchy(5)."
        )
    weight = known_sigma(observations).w[:, 0]
    return type(prior)(weight[weight > 0] ** -0.5)


def known_scale(value: float, name: str) -> Prior:
    """A known scale as a prior so narrow that nothing is learned of it: a millionth of it wide, for 1e-12 in any mean."""
    if name == "tau" and not 0 < value < np.inf:
        raise ValueError(
            f"tau must be positive; tau is {value:g}. Use complete_pooling for tau = 0, no_pooling for infinity."
        )
    value = positive(value, name)
    return Uniform(value * (1 - 5e-7), value * (1 + 5e-7))


def _default_prior(name: str, values: np.ndarray, error: float) -> Prior:
    """Weakly informative, on the data's own scale: Normal(mean, 2.5 sd) for locations, HalfCauchy(sd) for tau.

    As in rstanarm (Goodrich et al., "Prior distributions for rstanarm models"); the summary's title states it.
    """
    centre, spread = float(values.mean()), float(values.std())
    if spread == 0:
        spread = error or max(abs(centre), 1.0)
    return HalfCauchy(_rounded(spread)) if name == "tau" else Normal(_rounded(centre, spread), _rounded(2.5 * spread))


def _rounded(value: float, unit: float | None = None) -> float:
    """`value` to two significant digits (of `unit`): a default prior that a reader can write down."""
    digits = 1 - int(np.floor(np.log10(abs(unit or value))))
    return float(round(value, digits))


def _grids(grids: Mapping[str, object] | None, kind: Kind, learned: bool) -> dict[str, Grid]:
    if grids is None:
        return {}
    if not isinstance(grids, Mapping):
        raise TypeError(
            f'grids must be a dict by parameter, like {{"tau": gridbayes.linspace(1, 30, 100)}}; got {grids!r}.'
        )
    known = (("mu", "tau") if kind == "partial" else ()) + ("theta",) + (("sigma",) if learned else ())
    checked = {}
    for name, value in grids.items():
        if name not in known:
            raise ValueError(f"grids names {name!r}; {kind} pooling has the parameters {', '.join(known)}.")
        checked[name] = as_grid(value, name)
    for name, lowest in (("tau", 0.0), ("sigma", np.finfo(float).tiny)):
        if name in checked and checked[name].nodes[0] < lowest:
            rule = "not be negative" if name == "tau" else "be positive"
            raise ValueError(
                f'grids["{name}"]: a standard deviation must {rule}; the first node is {checked[name].nodes[0]:g}. '
                f"Start the grid above 0."
            )
    return checked


def prior_or_scale(name: str, prior: object, scale: float | None, short: Callable[[float], Prior]) -> object:
    """The prior given in full, or by its scale alone; both is an error."""
    if scale is None:
        return prior
    if prior is not None:
        raise TypeError(f"{name} and {name}_scale both state the prior of {name}; pass one of them.")
    return short(scale)


def theta_prior(theta: object, mu: object, tau: float | None, mu_scale: float | None) -> object:
    """The prior of theta from whichever of its short forms a call used."""
    if theta is not None:
        if mu is not None or tau is not None or mu_scale is not None:
            raise TypeError("theta states its own prior; leave out mu, tau and mu_scale.")
        return theta
    if isinstance(mu, Prior) or hasattr(mu, "logpdf"):
        if tau is not None or mu_scale is not None:
            raise TypeError("a prior for mu is the whole prior of theta here; leave out tau and mu_scale.")
        return mu
    if tau is not None:
        return Normal(0.0 if mu is None else mu, tau)  # pyright: ignore[reportArgumentType] (Normal checks both)
    return prior_or_scale("mu", mu, mu_scale, lambda scale: Normal(0.0, scale))
