"""Two kinds of eruptions? Waiting times that no single normal fits, and which of two components each belongs to.

Minutes between eruptions of a geyser come in two kinds, short and long. Nobody labelled them; a mixture of two normals
learns both means, both standard deviations and the share of each. Asked whether the second kind is needed at all, log
evidences answer.

    python examples/mixture.py
"""

import numpy as np
from scipy.stats import norm

import gridbayes as gb

# made for this example: 24 short waits and 36 long ones
SHORT = [54, 51, 57, 49, 56, 53, 60, 47, 55, 52, 58, 50, 54, 62, 48, 55, 53, 59, 51, 56, 45, 57, 52, 54]
LONG = [80, 76, 84, 79, 88, 73, 82, 77, 85, 81, 78, 90, 75, 83, 79, 86, 80, 72, 84, 77, 81, 92, 78, 82, 74, 80, 87, 79]
LONG += [83, 76, 85, 81, 78, 80, 89, 77]
WAITS = np.array(SHORT + LONG, float)

if __name__ == "__main__":
    mu = gb.Normal(70, 20)
    post = gb.mixture(WAITS, mu=mu, sigma=gb.HalfNormal(10))
    print(post.summary())

    one = gb.normal(WAITS, mu=mu, sigma=gb.HalfNormal(10))
    print(f"\nTwo kinds are better than one by {post.log_evidence - one.log_evidence:.1f} in log evidence.")

    values, masses = post.model.weighted()
    density = values["weight"] * norm.pdf(66, values["mu"], values["sigma"])
    print(
        f"A wait of 66 minutes was a short one with probability {masses @ (density[:, 0] / density.sum(axis=1)):.3f}."
    )
