"""Bad input through the public calls: each error names argument, rule, value and remedy; what has an answer is answered."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import gridbayes as gb

PRIORS = {"mu": gb.Normal(0, 10), "tau": gb.HalfCauchy(5)}
GRIDS = {"mu": gb.linspace(-25, 25, 11), "tau": gb.linspace(1, 30, 11), "theta": gb.linspace(-40, 40, 21)}
DATA = {"A": [1.0, 2.0], "B": [3.0], "C": [5.0]}


def fit(data=None, **options):
    return gb.partial_pooling(DATA if data is None else data, **{"sigma": 15, **PRIORS, **options})


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        ({"A": [1, "abc"], "B": [2]}, {}, TypeError, r'values\["A"\]\[1\] is .abc., not a number'),
        ({"A": [1, float("inf")], "B": [2]}, {}, ValueError, r'values\["A"\]\[1\].*inf'),
        (None, {"sigma": -3.0}, ValueError, "sigma must be positive"),
        (None, {"sigma": 0}, ValueError, "sigma must be positive"),
        (None, {"sigma": {"A": 1.0, "B": 2.0, "C": -3.0}}, ValueError, r'sigma must be positive; sigma\["C"\] is -3'),
        (None, {"sigma": [1.0, 2.0]}, ValueError, "sigma"),
        (None, {"sigma": {"A": 1.0, "B": 2.0, "X": 3.0}}, ValueError, "X"),
        (None, {"sigma": None}, TypeError, "sigma is missing"),
        ({}, {}, ValueError, "empty|no "),
        ([], {}, ValueError, "empty|no "),
        ([[np.nan, np.nan], [np.nan, np.nan]], {}, ValueError, "every value is missing"),
        (None, {"shared_sigma": True}, ValueError, "shared_sigma=True needs a prior for sigma"),
        (None, {"mu_scale": 1}, TypeError, "mu and mu_scale both state the prior of mu"),
        (None, {"mu": 5}, TypeError, "mu must be a prior"),
        (None, {"tau": gb.Normal(0, 1)}, (TypeError, ValueError), "tau"),
        (None, {"tau": stats.norm(0, 1)}, (TypeError, ValueError), "tau"),
        (None, {"tau": -1.0}, ValueError, "tau must be positive; tau is -1"),
        (None, {"sigma": gb.Normal(0, 1)}, (TypeError, ValueError), "sigma"),
        (None, {"grids": {"nu": gb.linspace(0, 1, 3)}}, ValueError, "grids names 'nu'.*mu, tau, theta"),
        (None, {"grids": {**GRIDS, "tau": [1.0]}}, ValueError, r'grids\["tau"\]: a grid needs at least two nodes'),
        (None, {"grids": {**GRIDS, "mu": [0.0, 2.0, 1.0]}}, ValueError, r'grids\["mu"\].*must increase.*node 2 is 1'),
        (None, {"grids": {**GRIDS, "mu": [0.0, np.nan]}}, ValueError, r'grids\["mu"\].*must be finite; node 1 is nan'),
        (None, {"grids": {**GRIDS, "mu": ["a", "b"]}}, TypeError, r'grids\["mu"\].*must be numbers'),
        (None, {"grids": {**GRIDS, "tau": [-1.0, 1.0]}}, ValueError, r'grids\["tau"\].*not be negative.*-1'),
        (
            None,
            {"grids": {**GRIDS, "mu": gb.linspace(90, 99, 5)}},
            ValueError,
            "lies in a tail of less than 1% of the prior Normal",
        ),
        ([1.0, 2.0], {"mu": gb.Flat(), "tau": gb.Flat()}, ValueError, "tau must have a proper prior.*2 groups"),
        (
            {"A": [2.0, 2.0], "B": [1.0, 3.0]},
            {"sigma": gb.HalfCauchy(5)},
            ValueError,
            "'A' cannot be learned.*all the same",
        ),
    ],
)
def test_error_names_what_is_wrong(data, options, error, message):
    with pytest.raises(error, match=message):
        fit(data, **options)


def test_grid_too_large_for_memory_is_refused_before_it_is_made():
    large = {name: gb.linspace(low, high, 3000) for name, (low, high) in
             {"mu": (-25, 25), "tau": (1, 30), "theta": (-40, 40)}.items()}  # fmt: skip
    with pytest.raises(MemoryError, match=r"GiB.*9,000,000 x 3,000 cells.*automatic grids"):
        fit(grids=large)


def test_unknown_columns_and_duplicate_columns_are_named():
    frame = pd.DataFrame({"minutes": [1.0, 2.0], "department": ["A", "B"]})
    with pytest.raises(ValueError, match="minutse.*minutes"):
        fit(frame, value="minutse", group="department")
    frame.columns = ["minutes", "minutes"]
    with pytest.raises(ValueError, match="minutes"):
        fit(frame, value="minutes")


@pytest.mark.parametrize("scale", [-1.0, 0.0, np.nan, "5"])
def test_scales_of_priors_are_checked(scale):
    with pytest.raises((TypeError, ValueError), match="scale"):
        gb.partial_pooling(DATA, sigma=15, mu_scale=scale, tau_scale=1)


def test_one_group_and_one_row_have_an_answer():
    one = gb.partial_pooling([[1.0, 2.0, 3.0]], sigma=1, **PRIORS)
    assert one.groups == (0,)
    row = gb.partial_pooling([5.0], sigma=2, mu=gb.Normal(0, 1e-3), tau=1.5)
    # theta | t is N(5 * 1.5**2 / (1.5**2 + 2**2), ...) with mu known to be 0
    assert row.mean("theta", group=0) == pytest.approx(5 * 1.5**2 / (1.5**2 + 2**2), rel=1e-6)


def test_unknown_parameters_and_groups_are_named():
    post = fit()
    with pytest.raises(ValueError, match="no parameter 'nu'.*mu, tau, theta"):
        post.mean("nu")
    with pytest.raises(ValueError, match="no group 'Z'.*'A', 'B', 'C'"):
        post.mean("theta", group="Z")
    with pytest.raises(ValueError, match="mu is one for all groups"):
        post.mean("mu", group="A")
    with pytest.raises(ValueError, match="two different groups"):
        post.contrast("A", "A")
    with pytest.raises(ValueError, match=r"q must lie in \[0, 1\]; q is 89"):
        post.quantile("mu", 89)
    with pytest.raises(TypeError, match="probability needs a bound"):
        post.probability("mu")
    with pytest.raises(ValueError, match="kind must be 'eti' or 'hdi'"):
        post.summary(kind="hpd")
