"""Drawn data with known truth: faces, and people who speak."""
