"""LeVAsa and the classifier that serves as its ceiling."""
