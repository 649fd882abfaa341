"""A meta-analysis from a CSV file: effects with their standard errors, a row a study.

Log odds ratios of acute rejection after a liver transplant, in six controlled studies of one class of drugs: Crins et
al. (2014), "Interleukin-2 receptor antagonists for pediatric liver transplant recipients", Pediatric Transplantation
18(8):839-850, as in R's bayesmeta. Below 0 the drug helps. Priors: mu ~ Normal(0, 4) and tau ~ HalfNormal(0.5).

    python examples/meta_analysis.py
"""

from io import StringIO

import pandas as pd

import gridbayes as gb

CSV = """\
study,log_odds_ratio,standard_error
1,-2.30970256076291,0.599476299648217
2,-0.459532329378441,0.556395563777977
3,-2.30258509299405,0.88034084308295
4,-1.75785791755237,0.455868502919453
5,-1.25846098961001,0.641996176709091
6,-2.41789593950504,1.52881074618749
"""

if __name__ == "__main__":
    studies = pd.read_csv(StringIO(CSV))  # or the path of a file
    post = gb.partial_pooling(
        studies,
        value="log_odds_ratio",
        sigma="standard_error",
        group="study",
        mu=gb.Normal(0, 4),
        tau=gb.HalfNormal(0.5),
    )
    print(post.summary(prob=0.95))

    new = post.predict(new_group=True)
    low, high = new.eti("expected", prob=0.95).values
    print(f"\nIn the next study the log odds ratio lies between {low:.4f} and {high:.4f} with probability 95%.")
    print(f"The drug does harm there with probability {new.probability('expected', above=0):.5f}.")
