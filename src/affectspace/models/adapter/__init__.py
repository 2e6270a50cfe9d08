"""The model of `affectspace adapt`."""
