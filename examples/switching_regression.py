"""Heated or not? A regression that switches, and a logbook that names a few of its hours.

While a workshop is heated the power that it draws follows the temperature outside; while it is not, it hardly does. EM finds
both lines, Viterbi's path the hours of each. Which state is the heated one? The fit cannot know. A logbook of six hours can.

    python examples/switching_regression.py
"""

import numpy as np

import gridbayes as gb

NAMES = ("idle", "heated")
LOGGED = [7, 20, 41, 66, 90, 113]  # hours of which the logbook tells
# made for this example: five days, by hour
HOUR = np.arange(120)
OUTSIDE = 8 + 6 * np.sin(2 * np.pi * HOUR / 24) + np.cos(HOUR**2)  # degrees
LINES = gb.RegressionEmissions(slope=[0, -0.3], intercept=[2, 6], sigma=[0.4, 0.6])  # kW
WORKSHOP = gb.HiddenMarkov([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], LINES)

if __name__ == "__main__":
    drawn = WORKSHOP.sample([120], seed=3, x=[OUTSIDE])
    power, states = drawn["y"].values[0], drawn["state"].values[0]

    fit = gb.fit_hidden_markov(power, 2, x=OUTSIDE, emissions=gb.RegressionEmissions())
    given = fit.model.condition(power, OUTSIDE)
    path = given.viterbi.values[0]

    logbook = np.full(120, -1)
    logbook[LOGGED] = states[LOGGED]
    alignment = gb.align_labels(path, logbook)
    slope, intercept = (alignment.values(fit.model.parameters[name]) for name in ("slope", "intercept"))
    stays = np.diag(alignment.transitions(fit.model.transitions))
    for k, name in enumerate(NAMES):
        print(f"{name:6}: {intercept[k]:.3f} kW {slope[k]:+.4f} a degree, {1 / (1 - stays[k]):.1f} hours at a time")
    found = alignment.states(path)
    doubt = given.smoothed.values[0].max(axis=1) < 0.9
    print(f"Heated in {(found == 1).sum()} of 120 hours, {doubt.sum()} hours are in doubt.")
    print(f"Wrong in {(found != states).sum()} hours; as the fit numbers them, in {(path != states).sum()}.")
