"""The affective manifold, alone and as an ensemble."""
