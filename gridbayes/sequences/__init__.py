"""Chains of hidden states: exact messages along them, the model with known parameters, and with unknown ones."""
