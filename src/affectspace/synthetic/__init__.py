"""Generated data with known true values: drawn faces, and invented people who speak."""
