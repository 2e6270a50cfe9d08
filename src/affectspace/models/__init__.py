"""Posteriors, networks and losses; each model is an `nn.Module` with a frozen configuration."""

from affectspace.data.batches import ImageBatch
from affectspace.models.classifier import ClassifierConfig, EmotionClassifier
from affectspace.models.ensemble import Ensemble
from affectspace.models.levasa import Levasa, LevasaConfig
from affectspace.models.losses import LossTerms
from affectspace.models.manifold import Manifold
from affectspace.models.manifold_config import EnsembleConfig, ManifoldConfig
from affectspace.models.misa import Misa, MisaConfig
from affectspace.models.mvae import Mvae, MvaeConfig
from affectspace.models.posteriors import Posterior
from affectspace.models.pretrained import Pretrained
from affectspace.models.projector import Projector, ProjectorConfig

MODELS: dict[str, type[Pretrained]] = {
    "levasa": Levasa,
    "classifier": EmotionClassifier,
    "manifold": Manifold,
    "ensemble": Ensemble,
    "mvae": Mvae,
    "misa": Misa,
    "projector": Projector,
}

__all__ = [
    "MODELS",
    "ClassifierConfig",
    "EmotionClassifier",
    "Ensemble",
    "EnsembleConfig",
    "ImageBatch",
    "Levasa",
    "LevasaConfig",
    "LossTerms",
    "Manifold",
    "ManifoldConfig",
    "Misa",
    "MisaConfig",
    "Mvae",
    "MvaeConfig",
    "Posterior",
    "Pretrained",
    "Projector",
    "ProjectorConfig",
]
