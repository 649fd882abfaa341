"""The figures of this project by name, in the order of the lessons: what `gridbayes figures` rebuilds."""

from gridbayes.lessons import first, lifetimes, pooling, sequences, stories, switching
from gridbayes.lessons.registry import FIGURES

__all__ = ["FIGURES", "LESSONS"]

LESSONS = (first, pooling, stories, lifetimes, sequences, switching)
