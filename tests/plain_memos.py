"""Memos as a user of memo writes them: plain memo over global grids. tests/test_user_memo.py runs this very text again
with gridbayes' decorator, on grids given at call time, and compares the numbers.

Plain memo starts from float32 ones, also where JAX may use float64, and keeps that type for `wpp=1`, Python floats and
comparisons. Hence `evenly`, `.astype(float)`, and float64 scalars in the calls: with them plain memo computes in float64.
"""

from enum import IntEnum

import jax
import jax.numpy as jnp
import numpy as np
from memo import domain, memo

P = np.linspace(0.005, 0.995, 100)
A = np.linspace(-3, 3, 31)
B = np.linspace(-1, 2, 41)
Rate = np.linspace(0.1, 9.0, 60)
Site = range(8)
Door = range(4)
Floor = domain(row=4, column=3)
Tau = [0.5, 1.0, 2.0, 4.0]


def evenly(x):
    return jnp.ones_like(x, dtype=float)


class Shape(IntEnum):
    DOT = 0
    STAR = 1
    MOON = 2
    RING = 3


class Word(IntEnum):
    ROUND = 3
    BRIGHT = 1
    SHAPE = 2


# 1. a coin, over its bias


@memo
def coin[_p: P](k, n):
    nature: chooses(p in P, wpp=p**k * (1 - p) ** (n - k))
    return Pr[nature.p == _p]


# 2. a straight line: two axes, data in array parameters


@jax.jit
def line_log_density(a, b, sigma, x, y):
    return -0.5 * jnp.sum(((y - a - b * x) / sigma) ** 2) - 0.5 * (a / 5) ** 2


@memo
def line[_a: A, _b: B](sigma, x: ..., y: ...):
    nature: chooses(a in A, b in B, wpp=exp(line_log_density(a, b, sigma, x, y)))
    return Pr[nature.a == _a, nature.b == _b]


# 3. a frog on eight stones, which has hopped t + 1 times: recursion over time


@memo
def frog[_s: Site](t, eagerness=0.7):
    pond: chooses(before in Site, wpp=frog[before](t - 1, eagerness) if t > 0 else hatched(before))
    pond: chooses(s in Site, wpp=hop(before, s, eagerness))
    return Pr[pond.s == _s]


def hop(before, s, eagerness):
    return jnp.where(s == before + 1, eagerness, jnp.where(s == before, 1.0 - eagerness * (before < 7), 0.0)).astype(
        float
    )


def hatched(s):
    return (s == 0).astype(float)


# 4. a reference game: agents within agents, `observes`, enumerations


def true_of(word, shape):
    is_round = (shape == Shape.DOT) | (shape == Shape.RING)
    is_bright = (shape == Shape.STAR) | (shape == Shape.MOON)
    said = jnp.where(word == Word.ROUND, is_round, jnp.where(word == Word.BRIGHT, is_bright, shape != Shape.DOT))
    return said.astype(float)


@memo
def hearer[_w: Word, _s: Shape](sharpness):
    hearer: thinks[
        speaker: chooses(s in Shape, wpp=evenly(s)),
        speaker: chooses(w in Word, wpp=imagine[
            pupil: knows(w),
            pupil: chooses(s in Shape, wpp=true_of(w, s)),
            Pr[pupil.s == s] ** sharpness
        ])
    ]  # fmt: skip
    hearer: observes[speaker.w] is _w
    hearer: chooses(s in Shape, wpp=Pr[speaker.s == s])
    return Pr[hearer.s == _s]


# 5. four doors and a host who opens one that is empty


def opens(prize, picked, opened):
    free = ((opened != prize) & (opened != picked)).astype(float)
    return free / jnp.where(prize == picked, 3, 2)


@memo
def host[_picked: Door, _opened: Door, _prize: Door]():
    guest: knows(_picked, _opened)
    guest: thinks[show: chooses(prize in Door, wpp=evenly(prize))]  # fmt: skip
    guest: observes_event(wpp=opens(show.prize, _picked, _opened))
    guest: chooses(prize in Door, wpp=Pr[show.prize == prize])
    return Pr[guest.prize == _prize]


# 6. a lost key in a house: a product domain and its fields


def row(z):
    return Floor.row(z).astype(float)


def column(z):
    return Floor.column(z).astype(float)


@memo
def key[_z: Floor](warmth, ear):
    house: chooses(z in Floor, wpp=exp(-warmth * abs(row(z) - 1.5) - ear * abs(column(z) - 0.3)))
    return Pr[house.z == _z]


# 7. a memo that calls another over the same axis


@memo
def leaning[_p: P](a, b):
    nature: chooses(p in P, wpp=exp((a - 1) * log(p) + (b - 1) * log(1 - p)))
    return Pr[nature.p == _p]


@memo
def leaning_coin[_p: P](k, n, a, b):
    nature: chooses(p in P, wpp=leaning[p](a, b) * p**k * (1 - p) ** (n - k))
    return Pr[nature.p == _p]


# 8. counts with a rate and a scale: an expectation and a variance by the scale


@memo
def rate_mean[_tau: Tau](count):
    nature: knows(_tau)
    nature: chooses(rate in Rate, wpp=exp(count * log(rate) - rate - rate / _tau))
    return E[nature.rate]


@memo
def rate_var[_tau: Tau](count):
    nature: knows(_tau)
    nature: chooses(rate in Rate, wpp=exp(count * log(rate) - rate - rate / _tau))
    return Var[nature.rate]


# 9. how much one does not know of a word when the thing is seen: entropy


@memo
def doubt[_s: Shape](beta):
    watcher: thinks[
        thing: chooses(s in Shape, wpp=exp(-beta * s * evenly(s))),
        thing: chooses(w in Word, wpp=true_of(w, s) + 0.1)
    ]  # fmt: skip
    watcher: observes[thing.s] is _s
    return watcher[H[thing.w]]


# 10. two opinions apart: a divergence


@memo
def apart(k, n, a, b):
    one: chooses(p in P, wpp=exp(k * log(p) + (n - k) * log(1 - p)))
    other: chooses(p in P, wpp=leaning[p](a, b))
    return KL[one.p | other.p]


# 11. a gambler's wants: expected utility


@memo
def gamble[_s: Shape](beta, k, n):
    gambler: thinks[nature: chooses(p in P, wpp=p**k * (1 - p) ** (n - k))]  # fmt: skip
    gambler: chooses(s in Shape, wpp=exp(beta * E[nature.p * s - 0.4 * s**2]))
    return Pr[gambler.s == _s]


@memo
def worth(stake):
    nature: chooses(p in P, wpp=p * (1 - p))
    gambler: knows(nature.p)
    gambler: chooses(s in Shape, wpp=exp(stake * nature.p * s))
    gambler: wants(gain=s * (nature.p - 0.5))
    return E[gambler[EU[gain]]]
