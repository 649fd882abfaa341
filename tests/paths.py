"""Every path of a short chain of hidden states, one by one: what messages must agree with."""

import itertools

import numpy as np


class Paths:
    """All paths of one chain, (path, step), and p(path, y), (path,): states**steps of them.

    `emission` (step, state) is p(y_t | x_t), a row of ones where y_t is missing.
    """

    def __init__(self, initial, transitions, emission):
        initial, transitions = np.asarray(initial), np.asarray(transitions)
        self.states = len(initial)
        self.path = np.array(list(itertools.product(range(self.states), repeat=len(emission))))
        self.p = np.zeros(len(self.path))
        for i, path in enumerate(self.path):
            p = initial[path[0]] * emission[0, path[0]]
            for t in range(1, len(path)):
                p *= transitions[path[t - 1], path[t]] * emission[t, path[t]]
            self.p[i] = p

    @property
    def evidence(self):
        return self.p.sum()

    def smoothed(self):
        """(step, state)."""
        return (
            np.array(
                [[self.p[self.path[:, t] == k].sum() for k in range(self.states)] for t in range(self.path.shape[1])]
            )
            / self.evidence
        )

    def pairs(self):
        """(step - 1, state, state)."""
        found = np.zeros((self.path.shape[1] - 1, self.states, self.states))
        for path, p in zip(self.path, self.p, strict=True):
            for t in range(len(path) - 1):
                found[t, path[t], path[t + 1]] += p
        return found / self.evidence

    def best(self):
        """The most probable path and p(it, y)."""
        i = int(np.argmax(self.p))
        return self.path[i], self.p[i]


def filtered(initial, transitions, emission):
    """p(x_t | y_1 ... y_t), (step, state): of every beginning of the chain, its last step smoothed."""
    return np.array([Paths(initial, transitions, emission[: t + 1]).smoothed()[-1] for t in range(len(emission))])
