"""Demonstration without any data: drawn faces, synthetic people, and one held-out example."""
