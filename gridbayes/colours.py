"""The colours of groups, the same in every picture and explorer."""

__all__ = ["COLOURS"]

# Okabe & Ito (2008), "Color universal design": told apart by every colour vision; markers and dashes differ too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
