"""Prior sensitivity: partial pooling over whole ranges of hyperparameters at once."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

from gridbayes.grids import Grid
from gridbayes.models.pooling import Pooling, checked_prior, pooling
from gridbayes.models.ranges import Range, range_of
from gridbayes.models.scales import refuse_improper
from gridbayes.models.settings import Settings
from gridbayes.models.swept import Sensitivity
from gridbayes.priors import Flat, Normal

__all__ = ["sensitivity"]


def sensitivity(
    data: object,
    *,
    sigma: object = None,
    mu: object = None,
    tau: object = None,
    mu_scale: object = None,
    tau_scale: object = None,
    value: str | None = None,
    group: object = None,
    groups: object = None,
    **hyperparameters: object,
) -> Sensitivity:
    """Partial pooling over the product of ranges of hyperparameters, mu ~ N(0, mu_scale), tau ~ HalfCauchy(tau_scale).

    Parameters
    ----------
    data, value, group, groups : as in `partial_pooling`.
    sigma : known, as in `partial_pooling`; a Grid, like `linspace(5, 20, 16)`, is a range of one sigma for all rows. Or a
        prior, or a list of priors, of one sigma that all groups learn; `sigma_scale` alone is short for a HalfCauchy.
    mu_scale, tau_scale : one number, or several to sweep.
    mu, tau : a prior, whose own parameters may then be swept: `tau=HalfNormal(1), tau_scale=[1, 5]`,
        `mu=Normal(0, 5), mu_loc=[-5, 0, 5]`, `tau=HalfStudentT(3, 5), tau_df=[1, 3, 9]`; or a list of priors. mu must be
        Normal or Flat. For tau numbers too: a known tau, 0 included. Left out: the default of `partial_pooling`.
    hyperparameters : values of any parameter of the priors by name: `mu_loc`, `tau_df`, `tau_rate`, `sigma_scale`.

    Returns
    -------
    Sensitivity, whose `mean`, `sd`, `quantile`, `hdi`, `probability`, `log_evidence` and `gradient` are labelled arrays
    with an axis for each range; `contrast` answers the same of a difference of groups.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, the rule, the value and the remedy.
    MemoryError
        Before any table is made, when an answer is too large.

    >>> effects, errors = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]
    >>> sweep = sensitivity(effects, sigma=errors, mu_scale=[1, 5, 20], tau_scale=[1, 5])
    >>> sweep.mean("theta").dims
    ('mu_scale', 'tau_scale', 'group')
    >>> round(float(sweep.log_evidence.sel(mu_scale=5, tau_scale=5)), 6)
    -31.311347
    """
    fields = _fields({"mu_scale": mu_scale, "tau_scale": tau_scale, **hyperparameters})
    of_sigma = _sigma_of(sigma, fields["sigma"])
    learned = of_sigma is not None and of_sigma.known is None
    first = sigma if of_sigma is None else of_sigma.priors[0] if learned else float(of_sigma.known[0])
    model = pooling(
        "partial", data, sigma=first, likelihood=None, priors={"mu": None, "tau": None}, shared_sigma=learned, grids=None,
        program=None, value=value, group=group, groups=groups,
    )  # fmt: skip
    of_mu, of_tau = (
        range_of(name, given, fields[name], model.priors[name]) for name, given in (("mu", mu), ("tau", tau))
    )
    for prior in of_mu.priors:
        if not (isinstance(prior, Normal) or prior == Flat()):
            raise ValueError(
                f"mu must be Normal or Flat() in a sweep, where it leaves in closed form; mu is {prior!r}. "
                "Fit gridbayes.partial_pooling at each setting."
            )
    of_tau = _checked(of_tau, model)
    of_sigma = _checked(of_sigma, model) if learned else of_sigma
    widest = next((prior for prior in of_mu.priors if isinstance(prior, Flat)), of_mu.priors[0])
    for of_scales in product(of_tau.priors or [model.priors["tau"]], of_sigma.priors if learned else [None]):
        named = {name: prior for name, prior in zip(("tau", "sigma"), of_scales, strict=True) if prior is not None}
        refuse_improper(replace(model, priors={"mu": widest, **named}))
    return Sensitivity(Settings(model, of_mu, of_tau, of_sigma))


def _sigma_of(sigma: object, fields: Mapping[str, object]) -> Range | None:
    """The values of one known sigma, or the priors of a learned one; None where sigma is known as in a single fit."""
    priors = isinstance(sigma, (list, tuple)) and len(sigma) > 0 and all(hasattr(each, "logpdf") for each in sigma)
    if fields or priors or isinstance(sigma, Grid) or hasattr(sigma, "logpdf"):
        return range_of("sigma", sigma, fields, None)
    return None


def _checked(scale: Range, model: Pooling) -> Range:
    """Priors that are made of the data are filled in."""
    priors = tuple(checked_prior(scale.name, prior, model.observations, None) for prior in scale.priors)
    return replace(scale, priors=priors)


def _fields(hyperparameters: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Hyperparameters by parameter: {"mu": {"scale": ...}, "tau": {}, "sigma": {}}."""
    fields: dict[str, dict[str, object]] = {"mu": {}, "tau": {}, "sigma": {}}
    for key, value in hyperparameters.items():
        name, _, field = key.partition("_")
        if name not in fields or not field:
            raise TypeError(f"sensitivity has no argument {key}; hyperparameters are named like mu_loc and tau_df.")
        if value is not None:
            fields[name][field] = value
    return fields
