"""Pictures, a function each: `ax` in and out. matplotlib is loaded here and nowhere else."""

from gridbayes.plots.checks import elpd_pointwise, pit, predictive
from gridbayes.plots.choose import plot, plot_sweep
from gridbayes.plots.evidence import elpd_comparison, evidence_bars
from gridbayes.plots.forest import contrasts, forest, rank_probabilities
from gridbayes.plots.grid import grid_nodes
from gridbayes.plots.joint import joint
from gridbayes.plots.lines import mixture_components, mixture_lines, regression_line
from gridbayes.plots.panels import density, difference, intervals, posterior_panels
from gridbayes.plots.plates import plate_diagram
from gridbayes.plots.pooling import Panel, pooling_comparison, quickstart_figure
from gridbayes.plots.save import figure_format, save_figure
from gridbayes.plots.sensitivity import sensitivity_map
from gridbayes.plots.sequences import chain_states, em_trace, emission_densities, probability_bars, transition_map
from gridbayes.plots.states import states_compared, switching_lines, switching_series
from gridbayes.plots.stories import story_graph, story_graphs
from gridbayes.plots.survival import survival, timeline

__all__ = [
    "Panel",
    "chain_states",
    "contrasts",
    "density",
    "difference",
    "elpd_comparison",
    "elpd_pointwise",
    "em_trace",
    "emission_densities",
    "evidence_bars",
    "figure_format",
    "forest",
    "grid_nodes",
    "intervals",
    "joint",
    "mixture_components",
    "mixture_lines",
    "pit",
    "plate_diagram",
    "plot",
    "plot_sweep",
    "pooling_comparison",
    "posterior_panels",
    "predictive",
    "probability_bars",
    "quickstart_figure",
    "rank_probabilities",
    "regression_line",
    "save_figure",
    "sensitivity_map",
    "states_compared",
    "story_graph",
    "story_graphs",
    "survival",
    "switching_lines",
    "switching_series",
    "timeline",
    "transition_map",
]
