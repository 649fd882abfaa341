"""A line through rows of which one lies far off, with normal errors and with Student-t errors.

python examples/robust_regression.py
"""

import gridbayes as gb

X, Y = [-1.2, -0.4, 0.1, 0.3, 0.9, 1.7], [-2.0, -0.5, 0.4, 8.0, 2.1, 3.3]
MODEL = {"intercept": gb.Normal(0, 2), "slope": gb.Normal(0, 3), "sigma": 1.0}

if __name__ == "__main__":
    normal = gb.linear_regression(X, Y, **MODEL)
    robust = gb.linear_regression(X, Y, likelihood=gb.StudentTErrors(4), **MODEL)
    for name, fit in (("normal", normal), ("t", robust)):
        print(f"With {name} errors the slope is {fit.mean('slope'):.4f} +- {fit.sd('slope'):.4f}.")
    print(f"Log Bayes factor of t errors against normal ones: {robust.log_evidence - normal.log_evidence:.4f}.")
