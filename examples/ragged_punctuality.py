"""Professors timed unequally often, each with a spread of their own: ragged data, sigma learned.

Minutes late: three times for GOVERNMENT and ENGLISH, once for MATH. A missing row is NaN, or is not there.

    python examples/ragged_punctuality.py
"""

import gridbayes as gb

MINUTES = {"GOVERNMENT": [-10, 1, 11], "ENGLISH": [-16, -15, -14], "MATH": [30]}

if __name__ == "__main__":
    post = gb.partial_pooling(MINUTES, sigma=gb.HalfCauchy(5), mu_scale=1, tau_scale=1)
    print(post.summary())

    late = post.probability("theta", above=0)
    for group in post.groups:
        print(f"{group:<10} is late on average with probability {float(late.sel(group=group)):.3f}")
