"""A log density of 1 to 20 parameters, integrated about its modes by weighted points: `gridbayes.quadrature`."""
