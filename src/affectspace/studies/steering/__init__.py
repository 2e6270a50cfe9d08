"""Steering of text, evaluated: comparisons on the same language model, independent judges, the paper's table 5."""
