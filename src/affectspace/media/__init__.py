"""Sound, clips, photographs and images, decoded once and correctly; face crops."""
