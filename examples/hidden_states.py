"""Quiet and busy hours at a help desk that nobody labelled: which were busy, and what comes next?

Calls an hour are Poisson, with one rate in quiet hours and another in busy ones; an hour is likely to be like the one
before. For three hours nobody counted. Given rates and transitions every hour's state is exact; the likeliest rates are
found by EM, and the posterior of the rates says how sure they are given the transitions.

    python examples/hidden_states.py
"""

import gridbayes as gb

# made for this example; None: nobody counted
CALLS = [1, 2, 0, 3, 2, 8, 11, 9, None, None, 10, 7, 2, 1, 0, 2, 4, 1, None, 9, 12, 8, 10, 6, 1, 3, 2, 1]
STAYS = [[0.8, 0.2], [0.3, 0.7]]

if __name__ == "__main__":
    desk = gb.HiddenMarkov([0.5, 0.5], STAYS, gb.PoissonEmissions(rate=[2, 9]))
    hours = desk.condition(CALLS)
    print(f"log evidence {hours.log_evidence:.6f}")
    busy = hours.smoothed.sel(chain=0, state=1)
    for hour in (8, 16, 18):
        print(f"hour {hour:2d}: {CALLS[hour] or 'unknown'} calls, busy with probability {float(busy[hour]):.4f}")
    print("busy hours:", [int(t) for t in hours.viterbi.step[hours.viterbi[0] == 1]])
    print(f"the next hour is busy with probability {float(hours.predict(1)[0, 0, 1]):.4f}")

    fit = gb.fit_hidden_markov(CALLS, emissions=gb.PoissonEmissions(), transitions=STAYS, initial=[0.5, 0.5])
    print("\nlikeliest rates", fit.model.parameters["rate"].round(4), f"log likelihood {fit.log_likelihood:.6f}")

    rates = gb.PoissonEmissions(rate=[gb.Gamma(2, 1), gb.Gamma(9, 1)])  # priors that tell the two kinds apart
    post = gb.hidden_markov(CALLS, emissions=rates, transitions=STAYS, initial=[0.5, 0.5])
    print(f"\n{post.summary()}")
