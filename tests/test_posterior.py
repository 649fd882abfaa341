"""Posterior: labels, numbers, reports, and what it says when it is asked for what is not there."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import gridbayes as gb
from gridbayes.posterior import FittedModel, checked_masses

TUTORIAL = json.loads((Path(__file__).parent / "tutorial_numbers.json").read_text())
GROUPS = ["GOVERNMENT", "ENGLISH", "MATH"]
DATA = dict(zip(GROUPS, ([1], [-15], [30]), strict=True))
CLASSIC = {
    "mu": gb.linspace(-25, 25, 100),
    "tau": gb.linspace(1, 30, 100),
    "theta": gb.linspace(-40, 40, 200),
}


@cache
def automatic() -> gb.Posterior:
    return gb.partial_pooling(DATA, sigma=15, mu_scale=10, tau_scale=3)


@cache
def classic() -> gb.Posterior:
    return gb.partial_pooling(DATA, sigma=15, mu_scale=10, tau_scale=3, grids=CLASSIC)


@cache
def complete() -> gb.Posterior:
    return gb.complete_pooling(DATA, sigma=15, theta=gb.Normal(0, 20))


@pytest.fixture(params=[automatic, classic], ids=["automatic", "classic"])
def post(request) -> gb.Posterior:
    return request.param()


# --- numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statistic", ["mean", "sd", "var"])
def test_numbers_are_floats_or_labelled_by_group(post, statistic):
    of = getattr(post, statistic)
    assert type(of("mu")) is float
    every = of("theta")
    assert every.dims == ("group",) and every.group.values.tolist() == GROUPS and every.name == "theta"
    assert float(every.sel(group="MATH")) == of("theta", "MATH") == of("theta", group="MATH")


def test_moments_agree_with_each_other(post):
    np.testing.assert_allclose(post.sd("theta") ** 2, post.var("theta"), rtol=1e-12)
    marginal = post.marginal("mu")
    assert post.mean("mu") == pytest.approx(float((marginal * marginal.mu).sum()), abs=1e-12)


def test_a_number_of_the_one_parameter_needs_no_name():
    post = complete()
    assert post.mean() == post.mean("theta")
    assert post.quantile(0.5) == post.quantile("theta", 0.5) == post.quantile(q=0.5)
    np.testing.assert_array_equal(post.eti(0.5), post.eti("theta", 0.5))
    np.testing.assert_array_equal(post.hdi(prob=0.5), post.hdi("theta", 0.5))
    assert post.probability(above=0) == post.probability("theta", above=0)
    assert post.marginal().dims == ("theta",)


def test_quantiles_have_an_axis_where_q_has_one(post):
    assert type(post.quantile("mu", 0.5)) is float
    listed = post.quantile("mu", [0.05, 0.5, 0.95])
    assert listed.dims == ("quantile",) and listed["quantile"].values.tolist() == [0.05, 0.5, 0.95]
    assert (np.diff(listed) > 0).all()
    by_group = post.quantile("theta", [0.05, 0.95])
    assert by_group.dims == ("group", "quantile") and by_group.shape == (3, 2)
    assert post.quantile("theta", 0.5).dims == ("group",)
    np.testing.assert_array_equal(by_group.sel(group="MATH"), post.quantile("theta", [0.05, 0.95], group="MATH"))


@pytest.mark.parametrize("kind", ["eti", "hdi"])
def test_intervals_have_bounds_and_say_what_they_are(post, kind):
    found = getattr(post, kind)("theta", 0.5)
    assert found.dims == ("group", "bound") and found.bound.values.tolist() == ["lower", "upper"]
    assert found.attrs == {"ci_kind": kind, "ci_prob": 0.5}
    one = getattr(post, kind)("theta", 0.5, "MATH")
    np.testing.assert_array_equal(found.sel(group="MATH"), one)
    assert getattr(post, kind)("mu").attrs["ci_prob"] == 0.89
    low, high = one.values
    held = post.probability("theta", above=low - 1e-9, below=high + 1e-9, group="MATH")
    assert held == pytest.approx(0.5, abs=1e-8 if post is automatic() else 0.03)


def test_the_shortest_interval_is_no_longer_than_equal_tails(post):
    lengths = [np.diff(getattr(post, kind)("theta", 0.8), axis=1) for kind in ("hdi", "eti")]
    assert (lengths[0] <= lengths[1] + 1e-9).all()


def test_probabilities_add_up(post):
    above, below = post.probability("theta", above=2.5), post.probability("theta", below=2.5)
    assert above.dims == ("group",)
    np.testing.assert_allclose(above + below, 1, atol=1e-12)
    inside = post.probability("theta", above=-5, below=2.5, group="MATH")
    outside = post.probability("theta", below=-5, group="MATH")
    assert inside + outside == pytest.approx(float(below.sel(group="MATH")), abs=1e-12)


# --- distributions --------------------------------------------------------------------------------------------


def test_marginals_are_masses_on_labelled_nodes(post):
    for name in ("mu", "tau"):
        marginal = post.marginal(name)
        assert marginal.dims == (name,) and marginal.name == f"p_{name}"
        assert float(marginal.sum()) == pytest.approx(1, abs=1e-12)
        assert ("weight" in marginal.coords) == (post is automatic())
    one = post.marginal("theta", group="MATH")
    assert one.dims == ("theta",) and float(one.sum()) == pytest.approx(1, abs=1e-12)


def test_marginals_of_all_groups_share_a_classic_grid():
    every = classic().marginal("theta")
    assert every.dims == ("group", "theta") and every.shape == (3, 200)
    np.testing.assert_array_equal(every.sel(group="MATH"), classic().marginal("theta", "MATH"))


def test_marginals_of_all_groups_on_their_own_grids_are_filled_up():
    every = automatic().marginal("theta")
    assert every.dims == ("group", "node") and every.theta.dims == ("group", "node")
    np.testing.assert_allclose(every.sum("node"), 1, atol=1e-12)
    np.testing.assert_allclose((every * every.theta).sum("node"), automatic().mean("theta"), atol=1e-10)
    assert (np.diff(every.theta, axis=1) >= 0).all() and (every.weight > 0).all()


def test_weights_turn_masses_into_densities():
    marginal = automatic().marginal("mu")
    density = marginal / marginal.weight
    steps = np.diff(marginal.mu) / 2
    trapezoids = (density.values[1:] + density.values[:-1]) @ steps
    assert trapezoids == pytest.approx(1, abs=1e-5)  # masses would not: panels' nodes are not equally spaced


def test_joints_have_the_axes_in_the_order_asked(post):
    joint, swapped = post.joint("mu", "tau"), post.joint("tau", "mu")
    assert joint.dims == ("mu", "tau") and swapped.dims == ("tau", "mu") and joint.name == "p_mu_tau"
    np.testing.assert_allclose(joint, swapped.T, atol=1e-16)
    np.testing.assert_allclose(joint.sum("tau"), post.marginal("mu"), atol=1e-12)


def test_a_contrast_is_a_posterior(post):
    difference = post.contrast("MATH", "ENGLISH")
    assert isinstance(difference, gb.Posterior) and list(difference.marginals) == ["difference"]
    assert difference.mean() == pytest.approx(post.mean("theta", "MATH") - post.mean("theta", "ENGLISH"), abs=1e-8)
    assert "MATH - ENGLISH in partial pooling" in repr(difference)
    assert list(difference.summary().index) == ["difference"]
    assert difference.accuracy.largest.quantity == "difference"
    assert 0 < difference.probability(above=0) < 1
    assert difference.marginal().dims == ("difference",)


def test_a_contrast_has_neither_joint_nor_contrast():
    difference = automatic().contrast("MATH", "ENGLISH")
    with pytest.raises(ValueError, match="contrast needs a theta for every group"):
        difference.contrast("MATH", "ENGLISH")
    with pytest.raises(ValueError, match="no parameter 'mu' in MATH - ENGLISH"):
        difference.joint("difference", "mu")


# --- errors ---------------------------------------------------------------------------------------------------


def test_an_unknown_parameter_is_named_with_those_there_are(post):
    for ask in (post.mean, post.sd, post.var, post.eti, post.hdi, post.marginal):
        with pytest.raises(ValueError, match="no parameter 'sigma' in partial pooling .*; it has mu, tau, theta"):
            ask("sigma")
    with pytest.raises(ValueError, match="no parameter 'sigma'"):
        post.joint("mu", "sigma")


def test_several_parameters_need_a_name(post):
    with pytest.raises(ValueError, match="no parameter None"):
        post.mean()


def test_an_unknown_group_is_named_with_those_there_are(post):
    for ask in (lambda: post.mean("theta", "PHYSICS"), lambda: post.contrast("MATH", "PHYSICS")):
        with pytest.raises(ValueError, match="no group 'PHYSICS' in the data; the groups are 'GOVERNMENT', 'ENGLISH'"):
            ask()


def test_a_long_list_of_groups_is_cut():
    post = gb.no_pooling(list(range(12)), sigma=1, theta=gb.Normal(0, 5))
    with pytest.raises(ValueError, match=r"the groups are 0, 1, 2, 3, 4, 5, 6, 7, \.\.\."):
        post.mean("theta", "a")


def test_a_shared_parameter_takes_no_group(post):
    with pytest.raises(ValueError, match="mu is one for all groups .*; leave out group='MATH'"):
        post.mean("mu", "MATH")
    with pytest.raises(ValueError, match="mu and tau are shared by all groups; leave out group='MATH'"):
        post.joint("mu", "tau", group="MATH")


def test_a_joint_of_theta_needs_a_group_and_two_parameters(post):
    with pytest.raises(ValueError, match="needs one group: pass group="):
        post.joint("mu", "theta")
    with pytest.raises(ValueError, match="two different parameters; got mu twice"):
        post.joint("mu", "mu")


def test_a_contrast_needs_two_groups_with_thetas(post):
    with pytest.raises(ValueError, match="two different groups; got 'MATH' twice"):
        post.contrast("MATH", "MATH")
    with pytest.raises(ValueError, match="contrast needs a theta for every group; complete pooling .* has one for all"):
        complete().contrast("MATH", "ENGLISH")


def test_quantile_needs_probabilities(post):
    with pytest.raises(TypeError, match=r"quantile needs probabilities: post.quantile\('mu', \[0.05, 0.5, 0.95\]\)"):
        post.quantile("mu")
    with pytest.raises(ValueError, match=r"q must lie in \[0, 1\]; q is 95. Pass a probability, not a percentage"):
        post.quantile("mu", 95)
    with pytest.raises(ValueError, match=r"prob must lie in \[0, 1\]; prob is 89"):
        post.eti("mu", 89)
    with pytest.raises(TypeError, match="probability needs a bound"):
        post.probability("mu")
    with pytest.raises(ValueError, match="above must be less than below; above is 3 and below is 1"):
        post.probability("mu", above=3, below=1)


@pytest.mark.parametrize(
    ("masses", "message"),
    [
        ([[0.5, 0.4]], r"p\(mu \| t\) sums to 0.9 instead of 1"),
        ([[0.5, np.nan]], r"p\(mu \| t\) is not finite"),
        ([[1.5, -0.5]], "its least mass is -0.5"),
    ],
)
def test_masses_that_are_no_distribution_raise(masses, message):
    with pytest.raises(gb.PosteriorError, match=message):
        checked_masses(np.array(masses), "mu")


# --- summary --------------------------------------------------------------------------------------------------


def test_summary_has_a_row_a_parameter_and_group(post):
    table = post.summary()
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == ["mean", "sd", "eti89_lb", "eti89_ub", "error"]
    assert list(table.index) == ["mu", "tau", *(f"theta[{group}]" for group in GROUPS)]
    assert table.loc["mu", "mean"] == post.mean("mu") and table.loc["theta[MATH]", "sd"] == post.sd("theta", "MATH")
    np.testing.assert_array_equal(table.loc["tau", ["eti89_lb", "eti89_ub"]], post.eti("tau"))


def test_columns_of_the_summary_name_the_interval(post):
    table = post.summary(prob=0.5, kind="hdi")
    assert list(table.columns)[2:4] == ["hdi50_lb", "hdi50_ub"]
    np.testing.assert_array_equal(table.loc["mu"].iloc[2:4], post.hdi("mu", 0.5))
    assert list(post.summary(0.975).columns)[2:4] == ["eti97.5_lb", "eti97.5_ub"]


def test_the_printed_summary_has_title_evidence_and_accuracy(post):
    lines = repr(post.summary()).splitlines()
    assert lines[0] == "partial pooling of 3 groups, mu ~ Normal(0, 10), tau ~ HalfCauchy(3), sigma known"
    assert lines[-2] == f"log evidence {post.log_evidence:.6f}"
    assert lines[-1].startswith("largest error ")
    assert ("use automatic grids" in lines[-1]) == (post is classic())


def test_a_part_of_a_summary_is_a_plain_frame(post):
    part = post.summary()[["mean", "sd"]]
    assert type(part) is pd.DataFrame and "log evidence" not in repr(part)


def test_a_summary_of_an_unknown_kind_or_probability_is_refused(post):
    with pytest.raises(ValueError, match="kind must be 'eti' or 'hdi'; kind is 'hpd'"):
        post.summary(kind="hpd")
    with pytest.raises(ValueError, match=r"prob must lie in \[0, 1\]; prob is 89"):
        post.summary(prob=89)


# --- accuracy -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", TUTORIAL["single_observation"], ids=lambda x: f"{x['mu_scale']}-{x['tau_scale']}")
def test_explicit_grids_state_their_distance_to_the_continuum(numbers):
    scales = {key: numbers[key] for key in ("mu_scale", "tau_scale")}
    post = gb.partial_pooling(DATA, sigma=15, **scales, grids=CLASSIC)
    stated, continuum = post.accuracy.of_means, numbers["continuum"]
    true = {"mu": (post.mean("mu"), *continuum["mu"])}
    true |= {f"theta[{g}]": (post.mean("theta", g), *continuum["theta"][g[0]]) for g in GROUPS}
    for label, (found, mean, variance) in true.items():
        error = abs(found - mean) / variance**0.5
        assert error / 2 <= stated[label] <= 2 * error + 1e-9, label


def test_the_price_of_the_classic_grids_is_said_in_one_line():
    post = gb.partial_pooling(DATA, sigma=15, mu_scale=1, tau_scale=1, grids=CLASSIC)
    assert post.mean("theta", "MATH") == pytest.approx(2.655, abs=5e-4)  # the continuous model's is 1.594
    line = str(post.accuracy)
    assert "\n" not in line and "tau cut at 1" in line and line.endswith("use automatic grids")
    assert post.accuracy.largest.size > 0.2


def test_accuracy_has_a_row_a_quantity(post):
    frame = post.accuracy.to_pandas()
    assert list(frame.columns) == ["quantity", "statistic", "size", "source"]
    assert len(frame) == 4 * 5 + 1 and (frame["size"] > 0).all()
    assert set(frame.statistic) == {"mean", "sd", "eti89_lb", "eti89_ub", "value"}
    assert post.accuracy is post.accuracy  # computed once
    np.testing.assert_array_equal(post.summary()["error"], list(post.accuracy.of_means.values()))


# --- exports and prints ---------------------------------------------------------------------------------------


def test_to_xarray_rounds_the_numbers_back(post):
    data = post.to_xarray()
    assert isinstance(data, xr.Dataset) and set(data) == {"p_mu", "p_tau", "p_theta"}
    assert data.attrs["log_evidence"] == post.log_evidence and data.attrs["program"] == str(post.program)
    assert data.attrs["model"].startswith("partial pooling")
    assert float((data.p_mu * data.mu).sum()) == pytest.approx(post.mean("mu"), abs=1e-10)
    axis = [dim for dim in data.p_theta.dims if dim != "group"]
    means = (data.p_theta * data.theta).sum(axis)
    np.testing.assert_allclose(means, post.mean("theta"), atol=1e-9)
    assert data.group.values.tolist() == GROUPS


def test_to_pandas_rounds_the_numbers_back(post):
    frame = post.to_pandas()
    assert {"parameter", "group", "value", "weight", "mass"} == set(frame.columns)
    mean = frame.mass.mul(frame.value).groupby([frame.parameter, frame.group], dropna=False).sum()
    for group in GROUPS:
        assert mean["theta"][group] == pytest.approx(post.mean("theta", group), abs=1e-9)
    assert float(mean["mu"].iloc[0]) == pytest.approx(post.mean("mu"), abs=1e-9)
    total = frame.groupby(["parameter", "group"], dropna=False).mass.sum()
    np.testing.assert_allclose(total, 1, atol=1e-12)
    assert len(total) == 5


def test_grids_are_those_that_were_enumerated():
    np.testing.assert_array_equal(classic().grids["mu"].nodes, CLASSIC["mu"].nodes)
    assert classic().grids["theta"] is classic().marginals["theta"][0].grid
    assert isinstance(automatic().grids["mu"], gb.Grid)
    assert list(automatic().grids["theta"]) == GROUPS


def test_repr_says_what_it_is(post):
    text = repr(post)
    assert text.startswith("Posterior(partial pooling of 3 groups, mu ~ Normal(0, 10), tau ~ HalfCauchy(3)")
    assert "mu, tau, theta for each of 3 groups" in text
    assert f"log evidence {post.log_evidence:.4f}" in text
    assert "theta; log" in repr(complete())


def test_html_is_escaped():
    post = gb.no_pooling({"<script>alert(1)</script>": [1], "a & b": [2]}, sigma=1, theta=gb.Normal(0, 5))
    for page in (post._repr_html_(), post.summary()._repr_html_(), post.accuracy._repr_html_()):
        assert "<script>" not in page and "&lt;script&gt;" in page
        assert "a &amp; b" in page
    assert "largest error" in post._repr_html_() and "log evidence" in post._repr_html_()


def test_the_program_prints_what_ran(post):
    text = str(post.program)
    assert text == repr(post.program) and "@memo" in text and "chooses(mu in Mu, tau in Tau" in text
    shifted = text.replace(
        "normal_lpdf(at(mu_nodes, _mu), mu_loc, mu_scale)", "cauchy_lpdf(at(mu_nodes, _mu), 9.0, 1.0)"
    )
    assert shifted != text


def test_a_program_taken_from_a_posterior_runs_again():
    again = gb.partial_pooling(DATA, sigma=15, mu_scale=10, tau_scale=3, grids=CLASSIC, program=classic().program)
    assert again.log_evidence == classic().log_evidence
    text = str(classic().program)
    altered = text.replace(
        "half_cauchy_lpdf(at(tau_nodes, _tau), tau_scale)", "half_cauchy_lpdf(at(tau_nodes, _tau), 20.0)"
    )
    assert altered != text
    run = gb.partial_pooling(DATA, sigma=15, mu_scale=10, tau_scale=3, grids=CLASSIC, program=altered)
    other = gb.partial_pooling(DATA, sigma=15, mu_scale=10, tau_scale=20, grids=CLASSIC)
    np.testing.assert_allclose(run.mean("theta"), other.mean("theta"), rtol=1e-10)
    assert str(run.program) == altered


def test_a_fitted_model_is_what_a_posterior_asks_for(post):
    assert isinstance(post.model, FittedModel)


def test_labels_of_any_kind_survive():
    labels = [(2024, "a"), 7, "x"]
    post = gb.no_pooling([1.0, 2, 3], sigma=1, groups=labels, theta=gb.Normal(0, 5))
    assert post.groups == tuple(labels)
    assert post.mean("theta", 7) > post.mean("theta", (2024, "a"))
    assert next(iter(post.summary().index)) == "theta[(2024, 'a')]"
    assert post.mean("theta").sizes == {"group": 3}
    assert post.mean("theta").group.values.tolist() == labels
    assert post.to_xarray().sizes["group"] == 3
    assert len(post.to_pandas().group.unique()) == 3


def test_groups_may_all_be_tuples():
    post = gb.no_pooling({("a", 1): [1.0], ("a", 2): [2.0]}, sigma=1, theta=gb.Normal(0, 5))
    assert post.mean("theta").sizes == {"group": 2}
    assert post.mean("theta", ("a", 2)) > post.mean("theta", ("a", 1))
    assert "theta[('a', 1)]" in repr(post.summary())
    assert post.to_pandas().group.iloc[0] == ("a", 1)


def test_a_group_called_none_is_a_group():
    post = gb.no_pooling({"None": [1.0], "b": [2.0]}, sigma=1, theta=gb.Normal(0, 5))
    assert post.mean("theta", "None") < post.mean("theta", "b")


def test_a_posterior_is_not_changed_by_its_questions(post):
    before = {label: marginal.masses.copy() for label, marginal in post.rows}
    post.summary(), post.to_xarray(), post.to_pandas(), post.contrast("MATH", "ENGLISH"), post.joint("mu", "tau")
    for label, marginal in post.rows:
        np.testing.assert_array_equal(marginal.masses, before[label])
