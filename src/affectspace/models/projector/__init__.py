"""The projector that steers a language model."""
