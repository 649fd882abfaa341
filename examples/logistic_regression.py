"""A dose and its deaths: what is known of the curve, and of the next dose.

Twenty animals, five at each of four doses (log g/ml), and how many died: Racine, Grieve, Fluehler & Smith (1986), "Bayesian
methods in practice: experiences in the pharmaceutical industry", Applied Statistics 35(2):93-150; Gelman et al., Bayesian
Data Analysis, 3rd ed., section 3.7.

    python examples/logistic_regression.py
"""

import gridbayes as gb

DOSE, DIED = [-0.86, -0.30, -0.05, 0.73], [0, 1, 3, 5]

if __name__ == "__main__":
    post = gb.logistic_regression(DOSE, DIED, trials=5, intercept=gb.Normal(0, 2), slope=gb.Normal(0, 3))
    print(post.summary())
    next_dose = post.predict([0.2], trials=5)
    print(f"\nOf five animals at a dose of 0.2, {float(next_dose.mean('expected')[0]):.3f} are expected to die.")
    print(f"All five die with probability {float(next_dose.probability('y', above=4.5)[0]):.4f}.")
