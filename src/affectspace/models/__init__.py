"""Posteriors, networks and losses; each model is an `nn.Module` with a frozen configuration."""

from affectspace.models.classifier import ClassifierConfig, EmotionClassifier
from affectspace.models.levasa import ImageBatch, Levasa, LevasaConfig
from affectspace.models.losses import LossTerms
from affectspace.models.manifold import Manifold, ManifoldConfig
from affectspace.models.posteriors import Posterior
from affectspace.models.pretrained import Pretrained

MODELS: dict[str, type[Pretrained]] = {"levasa": Levasa, "classifier": EmotionClassifier, "manifold": Manifold}

__all__ = [
    "MODELS",
    "ClassifierConfig",
    "EmotionClassifier",
    "ImageBatch",
    "Levasa",
    "LevasaConfig",
    "LossTerms",
    "Manifold",
    "ManifoldConfig",
    "Posterior",
    "Pretrained",
]
