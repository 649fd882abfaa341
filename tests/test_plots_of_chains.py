"""plots/sequences.py: what the pictures of chains show, as numbers."""

import numpy as np
import pytest
import scipy.stats as st
from matplotlib.colors import to_rgba
from pictures import hidden, hidden_rows

import gridbayes as gb
from gridbayes import plots
from gridbayes.plots.style import COLOURS


def test_lines_are_the_densities_of_the_states():
    ax = plots.emission_densities(hidden(), ylabel="minutes")
    for line, mu, sigma in zip(ax.lines, [0, 4], [1, 0.7], strict=True):
        np.testing.assert_allclose(line.get_ydata(), st.norm.pdf(line.get_xdata(), mu, sigma), atol=1e-12)
    assert ax.get_xlabel() == "minutes"


def test_counts_and_categories_are_marked_at_whole_numbers():
    counts = gb.HiddenMarkov([0.5, 0.5], np.eye(2), gb.PoissonEmissions([2, 9]))
    line = plots.emission_densities(counts).lines[1]
    np.testing.assert_allclose(line.get_ydata(), st.poisson.pmf(line.get_xdata(), 9), atol=1e-12)
    categories = gb.HiddenMarkov([0.5, 0.5], np.eye(2), gb.CategoricalEmissions([[0.2, 0.8], [0.7, 0.3]]))
    assert plots.emission_densities(categories).lines[1].get_ydata().tolist() == pytest.approx([0.7, 0.3])


def test_outputs_have_the_colour_of_their_likeliest_state_and_pale_where_it_is_unsure():
    states = hidden().condition(hidden_rows())
    ax = plots.chain_states(hidden_rows(), states)
    likeliest = states.smoothed.values[0].argmax(axis=1)
    for k, marks in enumerate(ax.collections):
        own = np.flatnonzero(likeliest == k)
        np.testing.assert_allclose(marks.get_offsets(), np.column_stack([own, hidden_rows().values[0, own]]))
        np.testing.assert_allclose(marks.get_facecolors()[:, :3], np.tile(to_rgba(COLOURS[k])[:3], (len(own), 1)))
        sure = states.smoothed.values[0, own].max(axis=1)
        np.testing.assert_allclose(marks.get_facecolors()[:, 3], np.clip(2 * sure - 1, 0.15, 1))


def test_known_states_colour_a_chain_and_missing_steps_have_no_mark():
    ax = plots.chain_states([[1.0, np.nan, 3.0]], [[0, 0, 1]])
    assert [marks.get_offsets().tolist() for marks in ax.collections] == [[[0, 1]], [[2, 3]]]


def test_the_trace_of_em_and_the_generators_line():
    fit = gb.fit_hidden_markov(hidden_rows(), restarts=2)
    ax = plots.em_trace(fit, generator=-97.5)
    other, best, generator = ax.lines
    assert np.nanmax(best.get_ydata()) == fit.log_likelihood >= np.nanmax(other.get_ydata())
    assert generator.get_ydata() == [-97.5, -97.5]


def test_bars_and_maps_carry_the_probabilities():
    bars = plots.probability_bars({"true": [0.6, 0.4], "recovered": [0.5, 0.5]})
    assert [bar.get_height() for bar in bars.patches] == [0.6, 0.4, 0.5, 0.5]
    table = plots.transition_map([[0.9, 0.1], [0.25, 0.75]])
    assert table.collections[0].get_array().ravel().tolist() == [0.9, 0.1, 0.25, 0.75]
    assert [text.get_text() for text in table.texts] == ["0.90", "0.10", "0.25", "0.75"]
    assert table.get_ylim() == (2, 0)  # from state 0 on top


def test_lines_on_inputs_have_no_one_density():
    lines = gb.HiddenMarkov([0.5, 0.5], np.eye(2), gb.RegressionEmissions([1, 2], [0, 0], 1))
    with pytest.raises(
        TypeError, match="models must have normal, Poisson or categorical emissions, all alike; they have Regre"
    ):
        plots.emission_densities(lines)
