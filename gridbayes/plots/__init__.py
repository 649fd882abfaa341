"""Pictures, a function each: `ax` in and out. matplotlib is loaded here and nowhere else."""

from gridbayes.plots.pooling import Panel, pooling_comparison, quickstart_figure
from gridbayes.plots.save import figure_format, save_figure

__all__ = ["Panel", "figure_format", "pooling_comparison", "quickstart_figure", "save_figure"]
