"""A log density summed over all cells of a product grid, block by block: `gridbayes.enumerate`."""
