"""A story of five nodes: to see that a thing is so, and to make it so, are two things.

A root th1 has two effects, and each of them is measured: th1 -> th2 -> y1 and th1 -> th3 -> y2, each a unit normal about its
cause. The second measurement is -0.5. What of th1 if th2 is found to be 2? If it is set to 2, which cuts its arrow? If
instead y1 = 1 is measured? Normal conditioning says 7/10, -1/6 and 1/8.

    python examples/story.py
"""

import gridbayes as gb

GRID = gb.trapezoid(-10, 10, 81)


def story():
    return (
        gb.Graph()
        .node("th1", GRID, gb.Normal(0, 1))
        .node("th2", GRID, lambda th1: gb.Normal(th1, 1))
        .node("th3", GRID, lambda th1: gb.Normal(th1, 1))
        .node("y1", GRID, lambda th2: gb.Normal(th2, 1))
        .node("y2", GRID, lambda th3: gb.Normal(th3, 1))
    )


if __name__ == "__main__":
    seen = story().condition(y2=-0.5)
    for other in (seen.condition(th2=2), seen.do(th2=2), seen.condition(y1=1)):
        print(f"{other.title}: E th1 = {other.marginal('th1').mean():.6f}")

    print(f"\nThe joint has {seen.size:,} cells. What was visited for th1:")
    print(seen.condition(y1=1).plan("th1"))

    print("\nThe same as a memo:")
    print(seen.do(th2=2).marginal("th1").program)

    other = seen.factored(["y2", "th3", "y1", "th2", "th1"])
    print(f"Told from the measurements to the root: {other}")
    print(f"It observes alike, E th1 = {other.marginal('th1').mean():.6f}, and is set otherwise:")
    print(f"do(th2 = 2) gives E th1 = {other.do(th2=2).marginal('th1').mean():.6f}.")
