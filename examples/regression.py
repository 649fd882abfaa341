"""A dose and its deaths: what is known of the line, and of the next dose.

Twenty animals, five at each of four doses (log g/ml), and how many died: Racine, Grieve, Fluehler & Smith (1986), "Bayesian
methods in practice: experiences in the pharmaceutical industry", Applied Statistics 35(2):93-150; Gelman et al., Bayesian
Data Analysis, 3rd ed., section 3.7. Then a line through rows of which one lies far off, with normal and with t errors.

    python examples/regression.py
"""

import gridbayes as gb

DOSE, DIED = [-0.86, -0.30, -0.05, 0.73], [0, 1, 3, 5]
X, Y = [-1.2, -0.4, 0.1, 0.3, 0.9, 1.7], [-2.0, -0.5, 0.4, 8.0, 2.1, 3.3]
PRIORS = {"intercept": gb.Normal(0, 2), "slope": gb.Normal(0, 3)}

if __name__ == "__main__":
    post = gb.logistic_regression(DOSE, DIED, trials=5, **PRIORS)
    print(post.summary())
    next_dose = post.predict([0.2], trials=5)
    print(f"\nOf five animals at a dose of 0.2, {float(next_dose.mean('expected')[0]):.3f} are expected to die.")
    print(f"All five die with probability {float(next_dose.probability('y', above=4.5)[0]):.4f}.\n")

    normal = gb.linear_regression(X, Y, sigma=1.0, **PRIORS)
    robust = gb.linear_regression(X, Y, sigma=1.0, likelihood=gb.StudentTErrors(4), **PRIORS)
    for name, fit in (("normal", normal), ("t", robust)):
        print(f"With {name} errors the slope is {fit.mean('slope'):.4f} +- {fit.sd('slope'):.4f}.")
    print(f"Log Bayes factor of t errors against normal ones: {robust.log_evidence - normal.log_evidence:.4f}.")
