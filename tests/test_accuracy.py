"""The accuracy statement: is it honest, and does it say what it must."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb
from benchmarks.accuracy import compared, random_problem
from benchmarks.continuum import Continuum, Rows
from gridbayes.accuracy import Tail
from gridbayes.grids import gauss_legendre, in_panels
from gridbayes.summaries import Marginal

SEEDS = (14, 16, 25, 26, 37, 39, 45, 53, 55, 63, 67, 69)  # problems that take little time
SCHOOLS = {"sigma": [15, 10, 16, 11, 9, 11, 10, 18], "mu": gb.Normal(0, 5), "tau": gb.HalfCauchy(5)}
EFFECTS = [28, 8, -3, 7, -1, 1, 18, 12]
SHORT = {"mu": gb.linspace(-20, 20, 60), "tau": gb.linspace(1, 9, 50), "theta": gb.linspace(-60, 60, 150)}


# --- honesty --------------------------------------------------------------------------------------------------


def test_true_errors_of_random_problems_stay_below_the_stated_ones():
    ratios = [each.true / each.stated for seed in SEEDS for each in compared(random_problem(seed))]
    assert len(ratios) > 150
    assert max(ratios) <= 10
    assert np.mean(np.array(ratios) <= 1) >= 0.99


def test_the_truth_has_the_published_numbers():
    numbers = json.loads((Path(__file__).parent / "tutorial_numbers.json").read_text())["single_observation"]
    for case in numbers:
        priors = {"mu": gb.Normal(0, case["mu_scale"]), "tau": gb.HalfCauchy(case["tau_scale"])}
        rows = Rows("partial", np.array([1.0, -15, 30]), np.ones(3, int), np.zeros(3), np.full(3, 15.0), priors)
        mean, sd = Continuum(rows, 1 / 32).moments["theta[2]"]
        assert (mean, sd**2) == pytest.approx(case["continuum"]["theta"]["M"], rel=1e-6)


def test_a_variance_cut_off_with_its_tail_is_not_called_exact():
    post = gb.no_pooling({"a": [1], "b": []}, sigma=1, theta=gb.StudentT(2.1))
    (error,) = (e for e in post.accuracy.errors if (e.quantity, e.statistic) == ("theta[b]", "sd"))
    true = abs(post.sd("theta", "b") / st.t(2.1).std() - 1)
    assert true <= error.size + 1e-13 and error.size < 10 * true + 1e-6


def test_the_tail_of_a_power_law_is_foretold():
    grid, law = in_panels(np.geomspace(1, 1e6, 200)), st.pareto(4.5)
    marginal, end = Marginal(grid, law.pdf(grid.nodes) * grid.weights), float(grid.nodes[-1])
    mass, mean, _ = Tail.of(marginal, (1.0, math.inf)).moments
    assert mass == pytest.approx(law.sf(end), rel=1e-5, abs=0)
    low, high = law.ppf(st.norm.cdf([-1, 1]))
    left = (high - low) / 2 / end  # of the mean's tail, which the marginal has added, what its power law neglects
    assert left > 1e-7 and mean == pytest.approx(4.5 / 3.5 * end**-3.5 * left, rel=1e-5, abs=0)


def test_nothing_is_beyond_the_end_of_the_support():
    grid = gauss_legendre(0, 1)
    uniform = Marginal(grid, grid.weights)
    assert Tail.of(uniform, (0.0, 1.0)).moments == (0, 0, 0)
    left = 1.1 - grid.nodes[-1]
    assert Tail.of(uniform, (0.0, 1.1)).moments == pytest.approx((left, left * 0.6, left * 0.6**2), rel=1e-12)


# --- what it says ---------------------------------------------------------------------------------------------


def test_a_promise_that_is_missed_is_said_in_the_line():
    """Without pooling, under a prior that is not normal, a difference is enumerated on a coarser grid."""
    post = gb.no_pooling([1, 5], sigma=1, theta=gb.Laplace(0, 5))
    assert "promise" not in repr(post.summary())
    line = repr(post.contrast(0, 1).summary()).splitlines()[-1]
    assert line.endswith("automatic grids promise 1e-06 and miss it here")


def test_other_quantiles_are_stated_when_asked():
    post = gb.partial_pooling(EFFECTS, **SCHOOLS, grids=SHORT)
    stated = {error.quantity: error for error in post.accuracy.quantile(0.975).errors}
    reference = gb.partial_pooling(EFFECTS, **SCHOOLS)
    assert list(stated) == [label for label, _ in post.rows]
    assert {error.statistic for error in stated.values()} == {"q0.975"}
    for (label, found), (_, exact) in zip(post.rows, reference.rows, strict=True):
        true = abs(found.quantile(0.975) - exact.quantile(0.975)) / exact.sd
        assert true <= stated[label].size <= true + 1e-9
    with pytest.raises(ValueError, match=r"q must lie in \[0, 1\]; q is 97.5"):
        post.accuracy.quantile(97.5)


def test_the_evidence_of_grids_names_the_prior_they_cut():
    grids = {**SHORT, "tau": gb.linspace(0, 30, 50)}
    post = gb.partial_pooling(EFFECTS, **SCHOOLS | {"tau": gb.HalfCauchy(20)}, grids=grids)
    evidence = post.accuracy.errors[-1]
    assert evidence.quantity == "log_evidence"
    assert evidence.source == "tau cut at 30, where 37% of its prior is beyond"


def test_a_contrast_enumerated_on_points_states_the_error_of_its_quantiles():
    post = gb.no_pooling({"M": [30], "E": [-16, -14]}, sigma=15, theta=gb.Normal(0, 20))
    difference = post.contrast("M", "E")
    exact = st.norm(difference.mean(), difference.sd())
    for error in difference.accuracy.errors:
        if error.statistic.startswith("eti"):
            q = 0.055 if error.statistic.endswith("lb") else 0.945
            assert abs(difference.quantile(q) - exact.ppf(q)) / exact.std() <= error.size < 0.1
