"""A user's own memo, on grids that the call brings: `gridbayes.memo` and `gridbayes.sweep`."""
