"""Configuration, batches, the fit loop's module and run folders."""
