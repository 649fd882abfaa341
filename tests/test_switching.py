"""Switching regressions: states, fits and the posterior of all 17 parameters, against paths and plain sums."""

import itertools

import numpy as np
import pytest
from paths import Paths
from scipy.stats import norm

import gridbayes as gb
from gridbayes.lessons.switching import CROSSING, TRUTH, fitted, rows

INITIAL = np.array([0.5, 0.3, 0.2])
LINES = {
    "slope": np.array([1.0, -0.8, 0.2]),
    "intercept": np.array([2.0, 0.0, -1.0]),
    "sigma": np.array([1.0, 0.9, 1.2]),
}
X = [[0.4, 1.1, 5.0, 0.8, 1.0, 7.5], [2.0, 9.0, 1.2]]
Y = [[1.2, -0.7, 0.1, np.nan, -0.9, -5.8], [3.1, -6.0, 0.4]]


def normal(k, y, x):
    return norm.pdf(y, LINES["intercept"][k] + LINES["slope"][k] * x, LINES["sigma"][k])


@pytest.fixture(scope="module")
def conditioned():
    """Two chains, 6 and 3 steps, one of them missing, about where lines cross; and all their paths."""
    emission = [
        np.array([[1.0 if np.isnan(y) else normal(k, y, x) for k in range(3)] for x, y in zip(*chain, strict=True)])
        for chain in zip(X, Y, strict=True)
    ]
    model = gb.HiddenMarkov(INITIAL, TRUTH.transitions, gb.RegressionEmissions(**LINES))
    return model.condition(Y, X), [Paths(INITIAL, TRUTH.transitions, each) for each in emission]


def test_states_of_regressions_are_those_of_every_path(conditioned):
    given, paths = conditioned
    assert given.log_evidence == pytest.approx(sum(np.log(each.evidence) for each in paths), rel=1e-12)
    for chain, each in enumerate(paths):
        steps = len(Y[chain])
        np.testing.assert_allclose(given.smoothed.values[chain, :steps], each.smoothed(), atol=1e-12)
        path, p = each.best()
        np.testing.assert_array_equal(given.viterbi.values[chain, :steps], path)
        assert given.viterbi.attrs["log_joint"][chain] == pytest.approx(np.log(p), rel=1e-12)
        pairs = given.pairs().values[chain, : steps - 1]
        np.testing.assert_allclose(pairs, each.pairs(), atol=1e-12)


def test_a_permuted_model_says_the_same_once_aligned(conditioned):
    """States, probabilities and evidence of the model with its states in a cycle of three."""
    given, _ = conditioned
    cycle = gb.Alignment((1, 2, 0))
    own = {name: cycle.values(p) for name, p in LINES.items()}
    model = gb.HiddenMarkov(cycle.values(INITIAL), cycle.transitions(TRUTH.transitions), gb.RegressionEmissions(**own))
    permuted = model.condition(Y, X)
    assert permuted.log_evidence == pytest.approx(given.log_evidence, rel=1e-12)
    alignment = gb.align_labels(permuted.viterbi.values, given.viterbi.values)
    assert alignment.order == cycle.inverse == (2, 0, 1)
    np.testing.assert_array_equal(alignment.states(permuted.viterbi.values), given.viterbi.values)
    np.testing.assert_allclose(alignment.values(permuted.smoothed.values), given.smoothed.values, atol=1e-12)
    assert gb.align_labels(permuted.smoothed.values, given.viterbi.values) == alignment


# --- ten chains of three factories --------------------------------------------------------------------------------------


def test_the_fit_is_at_least_as_likely_as_the_truth_and_its_lines_are_weighted_regressions():
    x, y, _ = rows()
    fit, _, _ = fitted()
    assert fit.converged and fit.log_likelihood > TRUTH.condition(y, x).log_evidence
    given, own = fit.model.condition(y, x), fit.model.parameters
    smoothed = given.smoothed.values
    for k in range(3):
        weight = np.sqrt(smoothed[..., k]).ravel()
        slope, intercept = np.polyfit(x.ravel(), y.ravel(), 1, w=weight)
        rest = y.ravel() - slope * x.ravel() - intercept
        sigma = np.sqrt((weight**2 * rest**2).sum() / (weight**2).sum())
        assert (own["slope"][k], own["intercept"][k], own["sigma"][k]) == pytest.approx(
            (slope, intercept, sigma), abs=1e-4
        )
    counts = given.pairs().values.sum(axis=(0, 1))
    np.testing.assert_allclose(fit.model.transitions, counts / counts.sum(axis=1, keepdims=True), atol=1e-4)
    np.testing.assert_allclose(fit.model.initial, smoothed[:, 0].mean(axis=0), atol=1e-4)


def test_the_fit_numbers_states_by_slope_and_alignment_undoes_the_cycle():
    _, _, states = rows()
    fit, found, alignment = fitted()
    assert alignment.order == (2, 0, 1)  # slopes 1, -0.8, 0.2 are the largest, the least, the middle one
    assert (found != states).mean() > 0.9
    assert (alignment.states(found) != states).mean() < 0.06
    own = {name: fit.model.parameters[name] for name in ("slope", "intercept", "sigma")}
    assert gb.align_labels(own, {name: TRUTH.parameters[name] for name in own}) == alignment
    np.testing.assert_allclose(alignment.transitions(fit.model.transitions), TRUTH.transitions, atol=0.1)


def test_viterbi_errs_as_often_as_the_smoother_expects_and_where_lines_cross():
    """Lines of states 1 and 2 cross at x = 1: intercepts 0 and -1, slopes -0.8 and 0.2."""
    own = TRUTH.parameters
    crossings = {
        (j, k): (own["intercept"][j] - own["intercept"][k]) / (own["slope"][k] - own["slope"][j])
        for j, k in itertools.combinations(range(3), 2)
    }
    assert {pair for pair, at in crossings.items() if 0 < at < 10} == {(1, 2)}
    assert crossings[1, 2] == pytest.approx(CROSSING)
    x, y, states = rows()
    given = TRUTH.condition(y, x)
    path = given.viterbi.values
    wrong = path != states
    doubt = 1 - np.take_along_axis(given.smoothed.values, path[..., None], axis=2)[..., 0]
    assert abs(wrong.sum() - doubt.sum()) < 3 * np.sqrt((doubt * (1 - doubt)).sum())
    near, far = np.abs(x - CROSSING) < 1, x > 5
    assert wrong[near].mean() > 0.1 and doubt[near].mean() > 0.1
    assert wrong[far].mean() < 0.01 and doubt[far].mean() < 0.01
    between = [{j, k} == {1, 2} for j, k in zip(states[wrong], path[wrong], strict=True)]
    assert np.mean(between) > 0.8


# --- the posterior ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def posterior():
    x, y, _ = rows()
    return gb.hidden_markov(y, 3, x=x, emissions=gb.RegressionEmissions(), rule="points", budget=2**13)


def test_all_seventeen_parameters_with_their_effective_sample_size(posterior):
    cloud = posterior.model.resolved.fine
    assert cloud.u.shape == (2**13, 17)
    assert posterior.model.effective == pytest.approx(1 / (cloud.masses**2).sum()) and posterior.model.effective > 3000
    assert "effective" in str(posterior.accuracy)
    order = list(fitted()[2].inverse)
    for name in ("slope", "intercept", "sigma"):
        z = (posterior.mean(name).values - TRUTH.parameters[name][order]) / posterior.sd(name).values
        assert np.abs(z).max() < 3
    # Laplace's approximation: second differences of the likelihood by forward sums in NumPy
    sds_by_laplace = {
        "slope": [0.02114, 0.02982, 0.01879],
        "intercept": [0.1345, 0.1842, 0.1156],
        "sigma": [0.0424, 0.0620, 0.0393],
    }
    for name, expected in sds_by_laplace.items():
        np.testing.assert_allclose(posterior.sd(name).values, expected, rtol=0.05)
    transitions = np.stack([posterior.mean(f"transition_{k}").values for k in range(3)])
    sds = np.stack([posterior.sd(f"transition_{k}").values for k in range(3)])
    aligned = fitted()[2].transitions(transitions)
    assert (np.abs(aligned - TRUTH.transitions) < 3.5 * fitted()[2].transitions(sds)).all()


def test_a_slope_with_the_rest_plugged_in_is_less_than_half_as_wide(posterior):
    """On a grid of its own; about as wide as the covariance of all points says where the other 16 coordinates are held."""
    x, y, _ = rows()
    model, sd = fitted()[0].model, float(posterior.sd("slope", 0))
    plugged = {name: model.parameters[name].copy() for name in ("slope", "intercept", "sigma")}
    grid = plugged["slope"][0] + sd * np.linspace(-3, 3, 41)
    log_p = []
    for plugged["slope"][0] in grid:
        one = gb.HiddenMarkov(model.initial, model.transitions, gb.RegressionEmissions(**plugged))
        log_p.append(one.condition(y, x).log_evidence)
    mass = np.exp(np.array(log_p) - max(log_p))
    mass /= mass.sum()
    narrow = np.sqrt(mass @ (grid - mass @ grid) ** 2)
    values, masses = posterior.model.weighted()
    others = [values[name] for name in ("slope", "intercept", "sigma")]
    others += [values[name][:, :2] for name in ("initial", "transition_0", "transition_1", "transition_2")]
    precision = np.linalg.inv(np.cov(np.hstack(others), rowvar=False, aweights=masses))
    assert narrow == pytest.approx(precision[0, 0] ** -0.5, rel=0.05)
    assert 0.35 * sd < narrow < 0.5 * sd


def test_evidence_and_slopes_of_a_short_chain_are_sums_over_a_grid_and_every_path():
    """Two unknown slopes and six steps: 64 paths in each of 161 x 161 cells, 12 prior sds wide."""
    x, y = np.array([1.0, 4.0, 2.5, 6.0, 3.0, 5.0]), np.array([1.3, -2.9, 2.2, np.nan, -2.0, 5.4])
    rest = {"intercept": [0.5, 0.0], "sigma": [0.8, 1.1]}
    initial, transitions = np.array([0.4, 0.6]), np.array([[0.7, 0.3], [0.2, 0.8]])
    post = gb.hidden_markov(
        y, 2, x=x, emissions=gb.RegressionEmissions([gb.Normal(1, 0.5), gb.Normal(-1, 0.7)], **rest),
        initial=initial, transitions=transitions,
    )  # fmt: skip
    assert post.model.title.endswith("given intercept, sigma, initial and transitions")
    priors = [norm(1, 0.5), norm(-1, 0.7)]
    slopes = [np.linspace(*prior.mean() + 6 * prior.std() * np.array([-1, 1]), 161) for prior in priors]
    emission = [
        np.where(np.isnan(y), 1.0, norm.pdf(y, rest["intercept"][k] + slopes[k][:, None] * x, rest["sigma"][k]))
        for k in range(2)
    ]  # (slope, step) of each state
    density = np.zeros((161, 161))
    for path in itertools.product(range(2), repeat=6):
        steps = np.array(path)
        p = initial[path[0]] * np.prod(transitions[steps[:-1], steps[1:]])
        density += p * np.outer(*(emission[k][:, steps == k].prod(axis=1) for k in range(2)))
    mass = density * np.outer(*(prior.pdf(axis) for prior, axis in zip(priors, slopes, strict=True)))
    cell = np.prod([np.diff(axis)[0] for axis in slopes])
    assert post.log_evidence == pytest.approx(np.log(mass.sum() * cell), abs=1e-6)
    means = [(mass.sum(axis=1 - k) * slopes[k]).sum() / mass.sum() for k in range(2)]
    np.testing.assert_allclose(post.mean("slope").values, means, atol=1e-5)
