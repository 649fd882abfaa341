"""The eight schools: how much did coaching raise test scores, in each school and in the next one?

Effects and standard errors in points of the SAT-V, from Rubin (1981), "Estimation in parallel randomized
experiments", Journal of Educational Statistics 6(4):377-401, table 1. Priors: mu ~ Normal(0, 5) and
tau ~ HalfCauchy(5).

    python examples/eight_schools.py
"""

import gridbayes as gb

EFFECTS = {"A": 28, "B": 8, "C": -3, "D": 7, "E": -1, "F": 1, "G": 18, "H": 12}
STANDARD_ERRORS = [15, 10, 16, 11, 9, 11, 10, 18]

if __name__ == "__main__":
    post = gb.partial_pooling(EFFECTS, sigma=STANDARD_ERRORS, mu=gb.Normal(0, 5), tau=gb.HalfCauchy(5))
    print(post.summary())

    better = post.contrast("A", "C").probability(above=0)
    print(f"\nSchool A's coaching beats school C's with probability {better:.3f}.")
    raised = post.probability("theta", above=0, group="A")
    print(f"It raised the scores of school A with probability {raised:.3f}.")

    alike = gb.complete_pooling(EFFECTS, sigma=STANDARD_ERRORS, theta=gb.Normal(0, 5))
    odds = post.log_evidence - alike.log_evidence
    print(f"Log Bayes factor of schools that differ against schools that are alike: {odds:.3f}.")
