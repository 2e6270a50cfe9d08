"""One reader a dataset."""
