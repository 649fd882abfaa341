"""Is there a line in this spectrum? A bump of known shape on a falling background, counted in twenty bins.

python examples/signal_on_background.py
"""

import numpy as np

import gridbayes as gb

# made for this example: counts in bins of energy, from a background 20 exp(-.12 (x - 9.5)) and 18 counts at 7
ENERGY = np.arange(20)
COUNTS = np.array([61, 58, 42, 46, 33, 36, 45, 52, 38, 19, 16, 17, 14, 16, 8, 14, 10, 7, 5, 9])
BACKGROUND = {"intercept": gb.Normal(3, 1), "slope": gb.Normal(0, 0.5)}

if __name__ == "__main__":
    line = gb.signal_and_background(ENERGY, COUNTS, place=7, width=0.9, signal=gb.Exponential(1 / 15), **BACKGROUND)
    print(line.summary())
    none = gb.poisson_regression(ENERGY - 9.5, COUNTS, **BACKGROUND)
    print(f"\nlog evidence without a line {none.log_evidence:.6f}")
    print(f"log Bayes factor for the line {line.log_evidence - none.log_evidence:.4f}")
