"""Pictures of hidden states show the runs, the differences and the lines that they were given."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from gridbayes import plots
from gridbayes.colours import COLOURS


def bars(ax):
    """(row, first step, steps, colour) of every bar."""
    return [
        (
            round(bar.get_y() + bar.get_height() / 2),
            bar.get_x() + 0.5,
            bar.get_width(),
            to_hex(bar.get_facecolor()).upper(),
        )
        for bar in ax.patches
    ]


def test_strips_have_a_bar_a_run_and_a_mark_where_they_differ():
    ax = plots.states_compared({"true": [0, 0, 2, 2, 2], "found": [1, 1, -1, 2, 0]})
    assert bars(ax) == [
        (0, 0, 2, COLOURS[0]),
        (0, 2, 3, COLOURS[2]),
        (1, 0, 2, COLOURS[1]),
        (1, 3, 1, COLOURS[2]),
        (1, 4, 1, COLOURS[0]),
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["true", "found, 4 of 5 differ"]
    assert [line.get_xdata().tolist() for line in ax.get_lines()] == [[0, 1, 2, 4]]


def test_a_series_has_input_output_and_state():
    x, y, states = np.arange(6.0), np.arange(6.0) ** 2, np.array([1, 1, 0, 0, -1, 1])
    above, middle, below = plots.switching_series(x, y, states)
    np.testing.assert_array_equal(above.get_lines()[0].get_ydata(), x)
    assert [line.get_ydata().tolist() for line in middle.get_lines()] == [y.tolist(), [4, 9], [0, 1, 25]]
    assert [line.get_color() for line in middle.get_lines()[1:]] == list(COLOURS[:2])
    assert bars(below) == [(0, 0, 2, COLOURS[1]), (0, 2, 2, COLOURS[0]), (0, 5, 1, COLOURS[1])]


def test_lines_go_through_intercept_and_slope():
    x, states = np.array([[0.0, 1.0], [4.0, 2.0]]), np.array([[0, 1], [1, 1]])
    ax = plots.switching_lines(x, -x, states, slope=[2, -1], intercept=[1, 0.5])
    rows, lines = ax.get_lines()[::2], ax.get_lines()[1::2]
    assert [line.get_ydata().tolist() for line in lines] == [[1, 9], [0.5, -3.5]]
    assert [line.get_xdata().tolist() for line in rows] == [[0], [1, 4, 2]]


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: plots.states_compared({"true": [0, 1], "found": [0]}), "one length, .* they have true: 2, found: 1"),
        (lambda: plots.states_compared({}), "they have none"),
        (lambda: plots.switching_series([1, 2], [1, 2], [0]), r"their shapes are \(2,\), \(2,\) and \(1,\)"),
        (
            lambda: plots.switching_lines([1, 2], [1, 2], [0, 2], [1, 2], [1, 2]),
            r"each of 3 states; their shapes are \(2,\)",
        ),
    ],
)
def test_chains_that_do_not_fit_are_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
