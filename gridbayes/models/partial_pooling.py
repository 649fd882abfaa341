"""Partial pooling: groups that differ, and how much they do is learned."""

from collections.abc import Mapping

from gridbayes.likelihoods import RowLikelihood
from gridbayes.models.covaried import covariates_of, covaried
from gridbayes.models.fit import fit
from gridbayes.models.pooling import pooling, prior_or_scale
from gridbayes.posterior import Posterior
from gridbayes.priors import HalfCauchy, Normal, Prior
from gridbayes.program import Program

__all__ = ["partial_pooling"]


def partial_pooling(
    data: object,
    *,
    sigma: object = None,
    likelihood: RowLikelihood | object = None,
    mu: Prior | object = None,
    tau: Prior | object = None,
    mu_scale: float | None = None,
    tau_scale: float | None = None,
    covariates: object = None,
    slope: Prior | object = None,
    shared_sigma: bool = False,
    grids: Mapping[str, object] | None = None,
    program: Program | str | None = None,
    value: str | None = None,
    group: object = None,
    groups: object = None,
) -> Posterior:
    """The posterior of mu ~ p(mu), tau ~ p(tau), theta_d ~ N(mu, tau), y_dj ~ N(theta_d, sigma).

    Parameters
    ----------
    data : values by group: a dict of lists, a 2-D array padded with NaN, a list (one value a group), values with
        `group=` labels, or a table with column names in `value=` and `group=`. Missing values are missing observations.
    sigma : known standard deviation: a number, one a group, one a row (in the shape of the data), or a column's name;
        or a prior, to learn one a group, or one for all with `shared_sigma=True`. In the unit of the data.
    likelihood : of rows that are not normal: `Binomial(trials)`, `Bernoulli()`, `Poisson(exposure)`, with theta the log
        odds or the log rate, or `StudentTErrors(df)` with a known sigma.
    mu, tau : priors; any object with `logpdf` will do, and a number for a known tau. `mu_scale` and `tau_scale` are
        short for `mu=Normal(0, mu_scale)` and `tau=HalfCauchy(tau_scale)`. `Jeffreys()` and `UniformShrinkage()` of tau
        are made of the known standard errors of the groups' means. Left out: Normal(mean, 2.5 sd) and
        HalfCauchy(sd) of the data, rounded; the summary's title states them.
    covariates : of the groups, for meta-regression: theta_d ~ N(mu + x_d . slope, tau), mu the mean effect where all
        covariates are 0. One value a group in the order of the groups, (group,) or (group, covariate), a dict by name, or a
        table; or names of columns of the data's own table, `["dose", "year"]`, the same in all rows of a group. For normal
        rows with known sigma, priors of mu and slopes Normal or Flat.
    slope : the prior of the slopes, one for all or a dict by covariate. Left out: Normal(0, 2.5 sd of the data per sd of
        the covariate).
    grids : explicit grids for mu, tau, theta (and sigma where it is learned): the discretised model, exactly. Those
        left out are placed automatically; with none given, the continuous model by quadrature.
    program : memo text to run in place of the model's own, on explicit grids.
    value, group, groups : column names or labels; see `gridbayes.observe`.

    Returns
    -------
    Posterior of mu, tau, theta by group, and sigma where it is learned; with covariates also `slope`, or `slope[name]`
    where they have names.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, the rule, the value and the remedy.
    MemoryError
        Before any table is made, when explicit grids are too large.

    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 5.4 (the eight schools).

    >>> effects, errors = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]
    >>> post = partial_pooling(effects, sigma=errors, groups=list("ABCDEFGH"), mu=Normal(0, 5), tau=HalfCauchy(5))
    >>> round(post.mean("tau"), 6), round(post.log_evidence, 6)
    (3.597705, -31.311347)
    >>> line = partial_pooling([1, 3, 5], sigma=0.1, covariates=[0, 1, 2], mu_scale=9, slope=Normal(0, 9), tau_scale=0.1)
    >>> round(line.mean("slope"), 3)
    2.0
    """
    priors = {
        "mu": prior_or_scale("mu", mu, mu_scale, lambda scale: Normal(0.0, scale)),
        "tau": prior_or_scale("tau", tau, tau_scale, HalfCauchy),
    }
    model = pooling(
        "partial", data, sigma=sigma, likelihood=likelihood, priors=priors, shared_sigma=shared_sigma, grids=grids,
        program=program, value=value, group=group, groups=groups,
    )  # fmt: skip
    if covariates is None and slope is not None:
        raise TypeError(f"slope is the prior of covariates' slopes; slope is {slope!r}. Pass covariates= too.")
    if covariates is None:
        return fit(model)
    return fit(covaried(model, covariates_of(covariates, model.observations, data, group), priors["mu"], slope))
