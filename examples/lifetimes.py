"""Which customers are worth winning: those of the web shop or those of the store, when half of them are still there?

Two years of subscriptions, seen until today. Those who have not left yet have lifetimes of at least what was seen: leaving
them out makes all look short. A customer pays 12 a month; one of the web shop costs 90 to win, one of the store 150.

    python examples/lifetimes.py
"""

import gridbayes as gb

# made for this example: months seen, and whether the customer left
WEB = [(3, 1), (24, 0), (8, 1), (11, 1), (19, 0), (5, 1), (22, 0), (2, 1), (14, 1), (9, 0)]
STORE = [(6, 1), (20, 0), (24, 0), (15, 1), (17, 0), (23, 0), (10, 1), (12, 0)]
MONTHS, LEFT = zip(*WEB, *STORE, strict=True)
SHOP = ["web"] * len(WEB) + ["store"] * len(STORE)
PRIOR = gb.InverseGamma(3, 40)  # of a mean lifetime: about 20 months, give or take 20
FEE, COST = 12, {"web": 90, "store": 150}

if __name__ == "__main__":
    post = gb.lifetimes(MONTHS, LEFT, group=SHOP, mu=PRIOR)
    print(post.summary())

    ended = [row for row in zip(MONTHS, LEFT, SHOP, strict=True) if row[1]]
    short = gb.lifetimes([row[0] for row in ended], group=[row[2] for row in ended], mu=PRIOR)
    print("\nwithout those who are still there:", short.mean("mu").round(4).values)

    difference = post.contrast("store", "web")
    print(f"the store's stay longer with probability {difference.probability(above=0):.6f}")
    for shop, cost in COST.items():
        print(f"{shop}: expected gain {FEE * float(post.mean('mu').sel(group=shop)) - cost:.4f} a customer")
    stays = post.predict(age=12).probability("y", above=12)
    print(f"one who has been there for a year stays another with probability {float(stays[0]):.6f} in the web shop")
