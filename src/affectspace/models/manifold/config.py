"""Configuration of the affective manifold. docs/reference/manifold.md explains each key and gives the paper's values."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from affectspace.configuration import Configuration, Widths
from affectspace.models.configuration import FeatureModelConfig

MAX_STACKED = 8  # modalities that fusion: stacked allows


class SkipConfig(Configuration):
    """A linear path from the inputs to z_vad beside the perceptron, which starts at a ridge regression."""

    kind: Literal["none", "linear", "ridge"] = Field("none", description="ridge stays as it is, linear is trained on")
    penalty: float | None = Field(
        None, gt=0, description="of the ridge, as a share of the rows; null: chosen on validation for each axis"
    )


class EncoderConfig(Configuration):
    """The networks of each modality."""

    hidden: Widths = Field((256,), description="widths of the hidden layers; decoders mirror them")
    layout: Literal["separate", "trunk"] = Field(
        "separate", description="two perceptrons per modality, as in the paper; trunk: one with two linear heads"
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="of the hidden layers")
    skip: SkipConfig = SkipConfig()


class InputConfig(Configuration):
    """What training changes in the inputs."""

    dropout: float = Field(0.3, ge=0, lt=1, description="of the inputs of the perceptrons")
    noise: float = Field(0.0, ge=0, description="Gaussian noise on them, in standard deviations")
    modality_dropout: float = Field(
        0.0, ge=0, lt=1, description="probability that a row loses a modality; it always keeps one"
    )


class ReconstructionConfig(Configuration):
    """Weights of the reconstruction terms."""

    self_weight: float = Field(1.0, ge=0, description="of Eq. 5; 0 to train the supervised terms alone")
    cross_weight: float = Field(1.0, ge=0, description="of Eq. 7, lambda_cross")
    joint_weight: float = Field(
        0.0,
        ge=0,
        description="of reconstructions from the product of all modalities' shared posteriors; not in the paper",
    )


class KlConfig(Configuration):
    """The KL term and its prior (Eq. 10)."""

    weight: float = Field(1.0, ge=0, description="lambda_kl")
    beta: float = Field(1.0, ge=0, description="of Eq. 10")
    warmup: float = Field(0.1, ge=0, le=1, description="share of the training over which the weight rises from 0")
    prior: Literal["standard", "labels"] = Field(
        "labels", description="of z_vad: N(0, I) as in the paper, or the mean and covariance of the training labels"
    )


class LexiconConfig(Configuration):
    """The anchor to a lexicon's scores."""

    weight: float = Field(0.1, ge=0, description="lambda_lex, inside lambda_sup")
    modality: str = Field("text", description="the modality that the lexicon anchors")


class AnchorConfig(Configuration):
    """What ties z_vad to valence, arousal and dominance."""

    weight: float = Field(1.0, ge=0, description="lambda_sup")
    loss: Literal["mse", "ccc", "both"] = Field("mse", description="ccc: 1 - concordance over the rows of the batch")
    codes: Literal["mean", "sample"] = Field(
        "mean", description="compare the posterior's mean with the labels, or a sample, as in the paper"
    )
    link: Literal["none", "affine"] = Field(
        "affine",
        description="from z_vad to the labels of each corpus and of the lexicon; a single corpus is not changed",
    )
    label_weighting: Literal["none", "variance"] = Field(
        "variance", description="variance: squared errors in variances of the corpus' own labels, per axis"
    )
    lexicon: LexiconConfig = LexiconConfig()


class IndependenceConfig(Configuration):
    """The penalty on dependence of shared and private latents."""

    kind: Literal["covariance", "correlation", "hsic", "none"] = Field(
        "correlation", description="covariance is Eqs. 8-9"
    )
    codes: Literal["mean", "sample"] = Field("mean", description="of the posteriors; sample in the paper")
    weight: float = Field(10.0, ge=0, description="lambda_dec")
    warmup: float = Field(0.1, ge=0, le=1, description="share of the training over which the weight rises from 0")


class EmotionPenaltyConfig(Configuration):
    """The penalty on emotion in z_priv."""

    kind: Literal["none", "linear", "hsic", "adversarial"] = Field(
        "none", description="correlation with the emotions, HSIC, or a probe that the encoder must fool"
    )
    weight: float = Field(1.0, ge=0)
    warmup: float = Field(0.1, ge=0, le=1, description="share of the training over which the weight rises from 0")


class PrivateConfig(Configuration):
    """The private latent of each modality."""

    size: int = Field(64, ge=1, description="dimensions")
    emotion: EmotionPenaltyConfig = EmotionPenaltyConfig()
    erasure: Literal["none", "emotion", "affect", "both"] = Field(
        "none", description="what is erased from the inputs of the private networks, linearly, in closed form"
    )
    projection: Literal["none", "emotion", "shared", "both"] = Field(
        "none", description="what is removed from the private means, linearly, after training"
    )


class PrototypeConfig(Configuration):
    """Emotions as points in the shared space."""

    weight: float = Field(0.0, ge=0, description="of the cross-entropy of p(e) ~ exp(-|z_vad - centre_e|^2 / tau)")
    heads: tuple[str, ...] = Field(
        (),
        description="modalities whose z_vad is the expectation of the emotions' centres under a softmax; several of them "
        "multiply their probabilities in the fusion",
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="weights of the emotions in this cross-entropy and in that of the adversarial probe"
    )


class ManifoldSettings(FeatureModelConfig):
    """The settings of an affective manifold, by subject (Eq. 11)."""

    encoder: EncoderConfig = EncoderConfig()
    inputs: InputConfig = InputConfig()
    reconstruction: ReconstructionConfig = ReconstructionConfig()
    kl: KlConfig = KlConfig()
    anchors: AnchorConfig = AnchorConfig()
    independence: IndependenceConfig = IndependenceConfig()
    private: PrivateConfig = PrivateConfig()
    prototypes: PrototypeConfig = PrototypeConfig()
    fusion: Literal["mean", "precision", "stacked"] = Field(
        "stacked",
        description="of the modalities' affect: plain mean, weights 1 / variance, or weights for each subset of the "
        "modalities by regression on validation rows",
    )
    uncertainty: Literal["constant", "head"] = Field(
        "head", description="of each row by a head of its own, or one per modality and axis; both set on validation"
    )
    reduction: Literal["default", "paper"] = Field(
        "default", description="sums and means, see docs/reference/manifold.md"
    )

    @classmethod
    def upgraded(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """Move the flat keys of earlier versions, such as `anchor_weight`, to their places, such as `anchors.weight`."""
        earlier = {
            old: fields[old]
            for old in _EARLIER_KEYS
            if old in fields and not isinstance(fields[old], dict | Configuration)
        }
        if not earlier:
            return fields
        upgraded = {
            name: value.model_dump() if isinstance(value, Configuration) else deepcopy(value)
            for name, value in fields.items()
            if name not in earlier
        }
        for old, value in earlier.items():
            for place in _EARLIER_KEYS[old]:
                *groups, key = place.split(".")
                inner = upgraded
                for group in groups:
                    inner = inner.setdefault(group, {})
                if key in inner:
                    raise ValueError(f"{old} and {place} are the same setting: give {place} alone")
                inner[key] = value
        return upgraded

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        private, encoder, prototypes = self.private, self.encoder, self.prototypes
        if self.fusion == "stacked" and len(self.modalities) > MAX_STACKED:
            raise ValueError(f"fusion: stacked has weights for every subset; it allows {MAX_STACKED} modalities")
        if encoder.layout == "trunk" and private.erasure != "none":
            raise ValueError("private.erasure needs encoder.layout: separate; a trunk gives both heads the same inputs")
        if encoder.layout == "trunk" and not encoder.hidden:
            raise ValueError("encoder.layout: trunk needs at least one hidden layer")
        unknown = [name for name in prototypes.heads if name not in self.modalities]
        if unknown:
            raise ValueError(f"prototypes.heads names {unknown[0]!r}; the modalities are {', '.join(self.modalities)}")
        needs_emotions = {
            "prototypes.weight": prototypes.weight > 0,
            "private.emotion": private.emotion.kind != "none",
            "private.erasure": private.erasure in ("emotion", "both"),
            "private.projection": private.projection in ("emotion", "both"),
            "prototypes.heads": bool(prototypes.heads),
        }
        needing = [key for key, active in needs_emotions.items() if active]
        if needing and len(self.categories) < 2:
            raise ValueError(f"{', '.join(needing)} needs at least two names in `categories`")
        return self

    @property
    def erased(self) -> int:
        """Number of directions that are erased from the inputs of the private networks, at most."""
        emotion = len(self.categories) if self.private.erasure in ("emotion", "both") else 0
        return emotion + (3 if self.private.erasure in ("affect", "both") else 0)

    @property
    def projected(self) -> int:
        """Number of directions that are removed from the private means after training, at most."""
        emotion = len(self.categories) if self.private.projection in ("emotion", "both") else 0
        return emotion + (3 if self.private.projection in ("shared", "both") else 0)


class ManifoldConfig(ManifoldSettings):
    """Configuration of one affective manifold.

    >>> ManifoldConfig(modalities={"text": 384}, private={"size": 16}).private.size
    16
    """

    kind: Literal["manifold"] = "manifold"


class EnsembleConfig(ManifoldSettings):
    """Configuration of several manifolds with the same settings and different initial weights."""

    kind: Literal["ensemble"] = "ensemble"
    members: int = Field(5, ge=1, le=1000)

    def member(self) -> ManifoldConfig:
        """Return the configuration of each member."""
        return ManifoldConfig(**self.model_dump(exclude={"kind", "members"}))


_EARLIER_KEYS: dict[str, tuple[str, ...]] = {  # flat key of an earlier version -> where its value belongs
    "encoder": ("encoder.layout",),
    "hidden": ("encoder.hidden",),
    "dropout": ("encoder.dropout",),
    "skip": ("encoder.skip.kind",),
    "skip_penalty": ("encoder.skip.penalty",),
    "feature_dropout": ("inputs.dropout",),
    "feature_noise": ("inputs.noise",),
    "modality_dropout": ("inputs.modality_dropout",),
    "self_weight": ("reconstruction.self_weight",),
    "cross_weight": ("reconstruction.cross_weight",),
    "joint_weight": ("reconstruction.joint_weight",),
    "kl_weight": ("kl.weight",),
    "beta": ("kl.beta",),
    "kl_warmup": ("kl.warmup",),
    "prior": ("kl.prior",),
    "anchor_weight": ("anchors.weight",),
    "anchor_loss": ("anchors.loss",),
    "anchor_on": ("anchors.codes",),
    "link": ("anchors.link",),
    "label_weighting": ("anchors.label_weighting",),
    "lexicon_weight": ("anchors.lexicon.weight",),
    "lexicon_modality": ("anchors.lexicon.modality",),
    "independence": ("independence.kind",),
    "independence_on": ("independence.codes",),
    "independence_weight": ("independence.weight",),
    "penalty_warmup": ("independence.warmup", "private.emotion.warmup"),
    "private": ("private.size",),
    "private_emotion": ("private.emotion.kind",),
    "private_emotion_weight": ("private.emotion.weight",),
    "private_erasure": ("private.erasure",),
    "private_projection": ("private.projection",),
    "prototype_weight": ("prototypes.weight",),
    "prototype_heads": ("prototypes.heads",),
    "class_weights": ("prototypes.class_weights",),
}
