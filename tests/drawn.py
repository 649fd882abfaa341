"""What tests of pictures look for on axes."""

import numpy as np

DATA = {"G": [-10, 1, 11], "E": [-16, -15, -14], "M": [30]}


def line_of(ax, label):
    return next(line for line in ax.get_lines() if line.get_label() == label)


def marked(ax, marker):
    """x of single marks of this kind, in the order of drawing."""
    return [
        line.get_xdata()[0] for line in ax.get_lines() if line.get_marker() == marker and len(line.get_xdata()) == 1
    ]


def bars(ax):
    """The ends of all horizontal bars, (bar, bound), in the order of drawing."""
    return np.array([segment[:, 0] for lines in ax.collections for segment in lines.get_segments()])


def marks_of(ax, marker):
    """x of the first line of marks of this kind."""
    return next(line for line in ax.get_lines() if line.get_marker() == marker).get_xdata()
