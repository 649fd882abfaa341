"""Pictures, a function each: `ax` in and out. matplotlib is loaded here and nowhere else."""

from gridbayes.plots.choose import plot
from gridbayes.plots.forest import contrasts, forest, rank_probabilities
from gridbayes.plots.grid import grid_nodes
from gridbayes.plots.joint import joint
from gridbayes.plots.lines import mixture_components, mixture_lines, regression_line
from gridbayes.plots.panels import density, difference, intervals, posterior_panels
from gridbayes.plots.plates import plate_diagram
from gridbayes.plots.pooling import Panel, pooling_comparison, quickstart_figure
from gridbayes.plots.save import figure_format, save_figure

__all__ = [
    "Panel",
    "contrasts",
    "density",
    "difference",
    "figure_format",
    "forest",
    "grid_nodes",
    "intervals",
    "joint",
    "mixture_components",
    "mixture_lines",
    "plate_diagram",
    "plot",
    "pooling_comparison",
    "posterior_panels",
    "quickstart_figure",
    "rank_probabilities",
    "regression_line",
    "save_figure",
]
