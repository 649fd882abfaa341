"""Models told as stories: nodes with conditionals, observed, intervened upon, and summed one node after the other."""
