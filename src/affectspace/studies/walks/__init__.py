"""Walks before their judges: networks that had no part in the walk say whether the expression moved and who it still is."""
