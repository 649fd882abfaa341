"""Bring your own log density: how good are people at harder and harder questions, when some answers are guesses?

Ten people answer 12 questions each, harder and harder. The chance of a right answer falls from 1 to a guess's along a
logistic curve with a location and a width; the chance that a guess is right is not known. Three parameters, no
conjugate prior, one function in `jax.numpy`; quadrature finds the mode, lays out its nodes and says its error.

    python examples/own_quadrature.py
"""

import jax.numpy as jnp
import numpy as np
from jax.nn import log_sigmoid
from scipy.special import expit

import gridbayes as gb

DIFFICULTY = np.arange(1, 13)
RIGHT = [10, 10, 9, 10, 9, 7, 6, 4, 4, 2, 3, 3]  # of 10
PEOPLE = 10


def log_joint(location, width, guess, difficulty, right):
    """log p(location, width, guess, right): Normal(6, 3), LogNormal(0, .7), Beta(2, 6), and a binomial for each question."""
    z = (difficulty - location) / width
    log_wrong = jnp.log1p(-guess) + log_sigmoid(z)  # logs of both from the start: 1 - p would round to 0
    log_right = jnp.logaddexp(jnp.log(guess), jnp.log1p(-guess) + log_sigmoid(-z))
    log_likelihood = jnp.sum(right * log_right + (PEOPLE - right) * log_wrong)
    log_width = -0.5 * (jnp.log(width) / 0.7) ** 2 - jnp.log(width)
    log_prior = -0.5 * ((location - 6) / 3) ** 2 + log_width + jnp.log(guess) + 5 * jnp.log1p(-guess)
    return log_likelihood + log_prior


if __name__ == "__main__":
    post = gb.quadrature(
        log_joint,
        {"location": gb.Normal(6, 3), "width": gb.LogNormal(0, 0.7), "guess": "unit"},
        {"difficulty": DIFFICULTY, "right": RIGHT},
    )
    print(post.summary())

    print(f"\nMore than 1 guess in 4 is right with probability {post.probability('guess', above=0.25):.3f}.")

    values, masses = post.model.weighted()
    p = values["guess"] + (1 - values["guess"]) * expit((values["location"] - 13) / values["width"])
    print(f"A thirteenth question would be answered rightly by {masses @ p:.1%}.")
