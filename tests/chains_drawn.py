"""Chains that tests share: the three states of models.md D1."""

import numpy as np

import gridbayes as gb

INITIAL, TRANSITIONS = np.full(3, 1 / 3), np.full((3, 3), 0.1) + 0.7 * np.eye(3)
MU, SIGMA = np.array([-3.0, 0.0, 4.0]), 0.7**0.5


def three_states():
    return gb.HiddenMarkov(INITIAL, TRANSITIONS, gb.NormalEmissions(mu=MU, sigma=SIGMA))
