"""One true value, five laboratories: the weighted mean, and whether to believe that there is only one value.

Each laboratory reports a measurement with its standard error (made for this example). Complete pooling under a flat
prior is the mean weighted by 1 / error**2. Its evidence against partial pooling, under a prior that both share, asks
whether the laboratories measure the same thing.

    python examples/complete_pooling.py
"""

import gridbayes as gb

MEASURED = {"Oslo": 9.81, "Lima": 9.78, "Kyoto": 9.86, "Turin": 9.79, "Accra": 9.83}
ERRORS = [0.02, 0.03, 0.04, 0.02, 0.05]

if __name__ == "__main__":
    post = gb.complete_pooling(MEASURED, sigma=ERRORS, theta=gb.Flat())
    print(post.summary())

    alike = gb.complete_pooling(MEASURED, sigma=ERRORS, theta=gb.Normal(9.8, 0.1))
    differ = gb.partial_pooling(MEASURED, sigma=ERRORS, mu=gb.Normal(9.8, 0.1), tau=gb.HalfNormal(0.05))
    log_factor = alike.log_evidence - differ.log_evidence
    print(f"\nLog Bayes factor of one value against laboratories that differ: {log_factor:.4f}.")
