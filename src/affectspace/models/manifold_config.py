"""Configuration of the affective manifold. docs/manifold.md tells what each key does and which value is the paper's."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from affectspace.models.affect_model import FeatureModelConfig
from affectspace.models.stacking import MOST_MODALITIES


class ManifoldSettings(FeatureModelConfig):
    """What an affective manifold is and how its terms are weighed (Eq. 11)."""

    private: int = Field(64, ge=1, description="dimensions of each modality's private latent")
    hidden: tuple[int, ...] = Field((256,), description="widths of the hidden layers of heads; decoders mirror them")
    encoder: Literal["separate", "trunk"] = Field(
        "separate", description="two perceptrons a modality, as in the paper; trunk: one, with two linear heads"
    )
    skip: Literal["none", "linear", "ridge"] = Field(
        "none",
        description="linear path to z_vad beside the perceptron, from the training rows' ridge; ridge stays, linear learns on",
    )
    skip_penalty: float | None = Field(
        None, gt=0, description="of that ridge, a share of the rows; null: chosen on validation, an axis each"
    )
    prototype_heads: tuple[str, ...] = Field(
        (),
        description="modalities whose z_vad is the expectation of the emotions' centres under a softmax; several of them "
        "multiply their probabilities where they are fused",
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="of the heads' hidden layers")
    feature_dropout: float = Field(0.3, ge=0, lt=1, description="of the perceptrons' inputs")
    feature_noise: float = Field(0.0, ge=0, description="Gaussian noise on the same, in standard deviations")
    modality_dropout: float = Field(0.0, ge=0, lt=1, description="share of a row's modalities; one always stays")

    prior: Literal["standard", "labels"] = Field(
        "labels", description="of z_vad: N(0, I) as in the paper, or the mean and covariance of the training labels"
    )
    link: Literal["none", "affine"] = Field(
        "affine", description="from z_vad to each corpus' (and the lexicon's) labels; one corpus alone stays as it is"
    )
    label_weighting: Literal["none", "variance"] = Field(
        "variance", description="variance: squared errors in variances of the corpus' own labels, an axis each"
    )
    anchor_loss: Literal["mse", "ccc", "both"] = Field("mse", description="ccc: 1 - concordance over the batch's rows")
    anchor_on: Literal["sample", "mean"] = Field("mean", description="what the anchors see; sample in the paper")
    lexicon_modality: str = Field("text", description="the modality that the lexicon anchors")
    fusion: Literal["mean", "precision", "stacked"] = Field(  # type: ignore[assignment]
        "stacked",
        description="of the modalities' affect: plain mean, weights 1 / variance, or weights of each subset of them "
        "by regression on validation rows",
    )
    uncertainty: Literal["constant", "head"] = Field(
        "head", description="of each row by a head of its own, or one per modality and axis; both set on validation"
    )

    independence: Literal["covariance", "correlation", "hsic", "none"] = Field(
        "correlation", description="penalty on dependence of shared and private; covariance is Eqs. 8-9"
    )
    independence_on: Literal["sample", "mean"] = Field("mean", description="sample in the paper")
    private_emotion: Literal["none", "linear", "hsic", "adversarial"] = Field(
        "none", description="penalty on emotion in z_priv: correlation with the emotions, HSIC, or a probe it must fool"
    )
    private_erasure: Literal["none", "emotion", "affect", "both"] = Field(
        "none", description="what is erased from the private heads' inputs, linearly, in closed form"
    )
    private_projection: Literal["none", "emotion", "shared", "both"] = Field(
        "none", description="what the private means are projected clear of, linearly, after training"
    )

    self_weight: float = Field(1.0, ge=0, description="of Eq. 5; 0 only to leave the supervision alone")
    cross_weight: float = Field(1.0, ge=0, description="lambda_cross")
    joint_weight: float = Field(
        0.0,
        ge=0,
        description="of reconstructions from the product of all modalities' shared posteriors; not the paper's",
    )
    anchor_weight: float = Field(1.0, ge=0, description="lambda_sup")
    lexicon_weight: float = Field(0.1, ge=0, description="lambda_lex, inside lambda_sup")
    independence_weight: float = Field(10.0, ge=0, description="lambda_dec")
    kl_weight: float = Field(1.0, ge=0, description="lambda_kl")
    beta: float = Field(1.0, ge=0, description="of Eq. 10")
    prototype_weight: float = Field(
        0.0, ge=0, description="of the cross-entropy of p(e) ~ exp(-|z_vad - centre_e|^2 / tau)"
    )
    private_emotion_weight: float = Field(1.0, ge=0)
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="of the emotions, wherever they are told apart"
    )
    kl_warmup: float = Field(0.1, ge=0, le=1, description="share of the training over which beta rises")
    penalty_warmup: float = Field(0.1, ge=0, le=1, description="the same of the penalties on z_priv")
    reduction: Literal["default", "paper"] = Field("default", description="see docs/manifold.md, the table of terms")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.fusion == "stacked" and len(self.modalities) > MOST_MODALITIES:
            raise ValueError(f"fusion: stacked keeps weights of every subset; at most {MOST_MODALITIES} modalities")
        if any(width < 1 for width in self.hidden):
            raise ValueError(f"hidden is {self.hidden}; each layer needs at least one unit")
        if self.encoder == "trunk" and self.private_erasure != "none":
            raise ValueError("private_erasure needs encoder: separate; a trunk gives both heads the same inputs")
        if self.encoder == "trunk" and not self.hidden:
            raise ValueError("encoder: trunk needs at least one hidden layer")
        emotional = {
            "prototype_weight": self.prototype_weight > 0,
            "private_emotion": self.private_emotion != "none",
            "private_erasure": self.private_erasure in ("emotion", "both"),
            "private_projection": self.private_projection in ("emotion", "both"),
            "prototype_heads": bool(self.prototype_heads),
        }
        unknown = [name for name in self.prototype_heads if name not in self.modalities]
        if unknown:
            raise ValueError(f"prototype_heads names {unknown[0]!r}, which is none of {', '.join(self.modalities)}")
        asked = [key for key, on in emotional.items() if on]
        if asked and len(self.categories) < 2:
            raise ValueError(f"{', '.join(asked)} needs at least two names in `categories`")
        return self

    @property
    def erased(self) -> int:
        """Directions that are erased from the private heads' inputs, at most."""
        emotion = len(self.categories) if self.private_erasure in ("emotion", "both") else 0
        return emotion + (3 if self.private_erasure in ("affect", "both") else 0)

    @property
    def projected(self) -> int:
        """Directions that the private means are projected clear of after training, at most."""
        emotion = len(self.categories) if self.private_projection in ("emotion", "both") else 0
        return emotion + (3 if self.private_projection in ("shared", "both") else 0)


class ManifoldConfig(ManifoldSettings):
    """One affective manifold."""

    kind: Literal["manifold"] = "manifold"


class EnsembleConfig(ManifoldSettings):
    """Several manifolds with the same settings and other starts."""

    kind: Literal["ensemble"] = "ensemble"
    members: int = Field(5, ge=1)

    def member(self) -> ManifoldConfig:
        """Configuration of each member."""
        return ManifoldConfig(**self.model_dump(exclude={"kind", "members"}))
