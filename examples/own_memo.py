"""Bring your own model: is the coin bent, how far, and how many heads would it take to say so?

A mint strikes fair coins and bent ones, equally often; every bias of a bent coin is as likely as another. The model is a
memo as its author would write it; the grid comes with the call. One who sees 15 heads in 20 tosses believes that the coin
is bent with probability 1 / (1 + 2**-20 / B(16, 6)), and the bias of bent coins follows Beta(16, 6).

    python examples/own_memo.py
"""

from enum import IntEnum

import jax.numpy as jnp

import gridbayes as gb


class Coin(IntEnum):
    FAIR = 0
    BENT = 1


@gb.memo
def belief[_coin: Coin, _p: P](heads, tosses):
    me: knows(_coin, _p)
    me: thinks[
        mint: chooses(coin in Coin, wpp=1),
        mint: chooses(p in P, wpp=1)
    ]  # fmt: skip
    me: observes_event(wpp=likelihood(mint.coin, mint.p, heads, tosses))
    return me[Pr[mint.coin == _coin, mint.p == _p]]


def likelihood(coin, p, heads, tosses):
    q = jnp.where(coin == Coin.BENT, p, 0.5)
    return q**heads * (1 - q) ** (tosses - heads)


if __name__ == "__main__":
    grids = {"P": gb.gauss_legendre(0, 1)}
    post = belief(heads=15, tosses=20, grids=grids)
    print(post.marginal("coin").to_series().round(6).to_string())
    bent = post.joint("coin", "p").sel(coin="BENT")
    print(f"The mean bias of a bent coin is {float((bent * bent.p).sum() / bent.sum()):.6f}.\n")

    by_heads = gb.sweep(belief, heads=range(21), tosses=20, grids=grids).sel(coin="BENT").sum("p")
    fewest = int(by_heads.heads[10:][by_heads[10:] > 0.95][0])
    print(f"It takes {fewest} heads in 20 tosses to be sure at 95%.")
