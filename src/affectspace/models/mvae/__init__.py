"""The multimodal VAE of Wu and Goodman (2018)."""
