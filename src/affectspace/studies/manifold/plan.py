"""What `reproduce manifold` trains: every setting of every model of the study stands in this file.

An experiment needs trainings; a training is a set of corpora with a split; each variant is trained in some of them, with the
same rows, batches, epochs and schedule. What is compared differs in what the variant names and in nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from affectspace.configuration import Configuration
from affectspace.studies.manifold.sources import WORDS

HEADLINE = "manifold"
PRIMARY = {  # experiment -> the endpoint that is named beforehand
    "text_axes": "mean r over valence, arousal, dominance on EmoBank's published test part",
    "text_probes": "accuracy of the emotion: shared less private, MELD test",
    "audio_face": "within actor and emotion, predicted arousal of strong less normal intensity, out of fold",
    "zero_shot_text": "r of valence on all V-reg tweets",
    "zero_shot_audio": "r of arousal on EmoDB",
    "union": "no experiment worse than with its own model by more than the interval",
    "trimodal": "share of held-out moments that one modality finds among the first ten of another, mean over all pairs",
    "iemocap": "mean r over valence, arousal, dominance on session 5",
    "zero_shot_sentiment": "r of valence with sentiment",
}
EXPERIMENTS: dict[str, tuple[str, ...]] = {  # experiment -> trainings
    "text_axes": ("emobank", "emobank_documents"),
    "zero_shot_text": ("emobank",),
    "text_probes": ("emobank",),
    "audio_face": ("ravdess",),
    "zero_shot_audio": ("ravdess_audio",),
    "union": ("union", "emobank", "ravdess", "ravdess_audio"),
    "trimodal": ("people",),
    "iemocap": ("iemocap",),
    "zero_shot_sentiment": ("iemocap",),
}
TABLES: dict[int, tuple[str, ...]] = {  # of the paper -> the experiments that stand beside it
    1: ("text_axes", "audio_face", "iemocap"),
    2: ("text_axes", "audio_face", "trimodal", "iemocap"),
    3: ("text_probes", "audio_face", "trimodal", "iemocap"),
    4: ("zero_shot_text", "zero_shot_audio", "zero_shot_sentiment"),
}
CORPORA_OF: dict[str, tuple[str, ...]] = {  # experiment -> corpora without which it cannot be made
    "text_axes": ("emobank",),
    "zero_shot_text": ("emobank", "vreg"),
    "text_probes": ("emobank", "meld"),
    "audio_face": ("ravdess",),
    "zero_shot_audio": ("ravdess", "emodb"),
    "union": ("emobank", "ravdess"),
    "trimodal": ("people",),
    "iemocap": ("iemocap",),
    "zero_shot_sentiment": ("iemocap",),
}


class Budget(Configuration):
    """How much is trained and measured. One budget for all that are compared."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    ablation_seeds: int = Field(2, ge=0, description="so many of the seeds for variants that are no baseline; 0: none")
    folds: int = Field(4, ge=2, description="of RAVDESS' actors")
    people: int = Field(24, ge=6, description="synthetic people")
    utterances: int = Field(1200, ge=24, description="of the synthetic people")
    epochs_factor: float = Field(1.0, gt=0, description="of the epochs below; the same for all")
    limit: int | None = Field(None, ge=50, description="at most so many rows of each corpus, to see that all works")
    probe_seeds: int = Field(2, ge=1, description="so many of the seeds for probes that are not linear")
    permutations: int = Field(200, ge=20, description="of each floor")
    resamples: int = Field(2000, ge=100, description="of each bootstrap")
    perturbations: bool = Field(True, description="audio features are made again under noise, gain and reverberation")
    overrides: tuple[str, ...] = ()
    workers: int = Field(2, ge=1)


def quick_budget(**asked: Any) -> Budget:
    """Enough to see that all works, in less than three minutes."""
    small = {
        "seeds": (0,), "ablation_seeds": 0, "folds": 2, "people": 12, "utterances": 120, "epochs_factor": 0.1, "limit": 400,
        "probe_seeds": 1, "permutations": 40, "resamples": 300, "perturbations": False,
    }  # fmt: skip
    return Budget(**{**small, **asked})


def demo_budget(workers: int) -> Budget:
    """What synthetic people need for a report that tells something, in minutes."""
    return Budget(
        seeds=(0, 1), ablation_seeds=0, people=20, utterances=400, probe_seeds=1, permutations=100, resamples=1000,
        perturbations=False, workers=workers,
    )  # fmt: skip


@dataclass(frozen=True)
class Training:
    """Corpora that are trained on together.

    splits : corpus -> its split; modalities : the only ones that are used, all of the corpora's by default
    epochs : of every variant; model : of every manifold, keys as in `--set`; fit : of every variant
    """

    splits: dict[str, dict[str, Any]]
    epochs: int
    modalities: tuple[str, ...] | None = None
    folds: bool = False
    model: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)


_WHOLE = {"fractions": (0.85, 0.15, 0.0)}  # no test part: another corpus tests
_TEXT = {
    "private.size": 32, "encoder.hidden": (256,), "encoder.dropout": 0.5, "anchors.lexicon.weight": 0.1,
    "private.projection": "shared",
}  # fmt: skip
_TEXT_FIT = {"learning_rate": 1e-3, "weight_decay": 0.2}
_EMOTIONS = {  # of rows that have an emotion; chosen on eight of RAVDESS' actors, in another partition than the study's folds
    "prototypes.heads": ("audio", "action_units"), "prototypes.weight": 1.0, "private.erasure": "both",
    "private.emotion.kind": "hsic", "private.emotion.weight": 3.0, "private.projection": "both",
}  # fmt: skip
_ACTED = {
    **_EMOTIONS, "private.size": 32, "encoder.hidden": (128,), "encoder.skip.kind": "linear", "encoder.dropout": 0.5,
    "inputs.dropout": 0.2, "inputs.noise": 0.5, "independence.weight": 10.0,
}  # fmt: skip
_ACTED_FIT = {"learning_rate": 5e-3, "weight_decay": 0.05}

TRAININGS: dict[str, Training] = {
    "emobank": Training({"emobank": {"scheme": "published"}}, 15, model=_TEXT, fit=_TEXT_FIT),
    "emobank_documents": Training({"emobank": {"scheme": "document"}}, 15, model=_TEXT, fit=_TEXT_FIT),
    "ravdess": Training({"ravdess": {"scheme": "person"}}, 80, folds=True, model=_ACTED, fit=_ACTED_FIT),
    "ravdess_audio": Training(
        {"ravdess": {"scheme": "person", **_WHOLE}}, 80, ("audio",), model=_ACTED, fit=_ACTED_FIT
    ),
    "union": Training(
        {"emobank": {"scheme": "published"}, "ravdess": {"scheme": "person"}},
        30,
        folds=True,
        model={
            **_EMOTIONS,
            "private.size": 32,
            "encoder.hidden": (256,),
            "encoder.dropout": 0.5,
            "inputs.dropout": 0.2,
            "inputs.noise": 0.5,
        },
        fit={"learning_rate": 2e-3},
        weights={"emobank": 0.7, "ravdess": 0.3},
    ),
    "people": Training(
        {"people": {"scheme": "person", "fractions": (0.5, 0.15, 0.35)}},
        60,
        model={"private.size": 32, "encoder.hidden": (256,)},
    ),
    "iemocap": Training({"iemocap": {"scheme": "session5"}}, 30, model={"private.size": 64, "encoder.hidden": (512,)}),
}

FIT: dict[str, Any] = {"batch_size": 256, "learning_rate": 1e-3, "weight_decay": 0.01, "gradient_clip": 1.0}

NO_PRIVATE_TERMS = {"private.erasure": "none", "private.projection": "none", "private.emotion.kind": "none"}
SUPERVISED = {  # L_sup only
    "reconstruction.self_weight": 0.0, "reconstruction.cross_weight": 0.0, "reconstruction.joint_weight": 0.0,
    "kl.weight": 0.0, "anchors.lexicon.weight": 0.0, "independence.kind": "none", **NO_PRIVATE_TERMS,
}  # fmt: skip
LETTER = {  # Eqs. 1-11 as they are written; the weights, which the paper does not state, are ours
    "anchors.weight": 300.0,  # keeps the anchors' balance with a reconstruction that is summed over hundreds of dimensions
    "reduction": "paper", "kl.prior": "standard", "kl.warmup": 0.0, "anchors.link": "none", "anchors.label_weighting": "none",
    "anchors.codes": "sample", "independence.kind": "covariance", "independence.codes": "sample", "independence.warmup": 0.0,
    "uncertainty": "constant", "fusion": "mean", "encoder.skip.kind": "none", "encoder.dropout": 0.0, "inputs.dropout": 0.0,
    "inputs.noise": 0.0, "inputs.modality_dropout": 0.0, "prototypes.heads": (), "prototypes.weight": 0.0,
    "reconstruction.joint_weight": 0.0, "private.emotion.warmup": 0.0, **NO_PRIVATE_TERMS,
}  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """A model of the study, by what sets it apart from the headline.

    group : headline, baseline, ablation; kind : of the model; without : modalities that it does not get
    trainings : those in which it is trained; all of the experiments' by default
    beside : corpora without labels that it learns from besides
    """

    name: str
    title: str
    group: str
    model: dict[str, Any] = field(default_factory=dict)
    kind: str = "manifold"
    fit: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    trainings: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


_ANCHORED = ("emobank", "union")  # where a lexicon scores texts
_EMOTIONAL = ("ravdess", "ravdess_audio")  # where rows have emotions
_SEVERAL = ("ravdess", "people")  # where a row has several modalities
_TRANSFER = ("emobank", "ravdess_audio")  # whose ablations are told on zero-shot transfer
_JUDGED = ("emobank", "ravdess", "ravdess_audio", "people")

_BASELINE_FIT = {"learning_rate": 1e-3, "weight_decay": 0.01}  # as did best on their validation rows

VARIANTS: tuple[Variant, ...] = (
    Variant(HEADLINE, "manifold", "headline"),
    Variant("supervised", "same encoder, L_sup only", "baseline", SUPERVISED),
    Variant("mvae", "MVAE, 16 dimensions", "baseline", {"latent": 16}, kind="mvae", fit=_BASELINE_FIT),
    Variant("misa", "MISA", "baseline", kind="misa", fit=_BASELINE_FIT),
    Variant("letter", "manifold, the equations to the letter", "ablation", LETTER, trainings=_JUDGED),
    Variant(
        "no_cross", "without cross-reconstruction", "ablation", {"reconstruction.cross_weight": 0.0}, trainings=_SEVERAL
    ),
    Variant(
        "no_lexicon", "without the lexicon anchor", "ablation", {"anchors.lexicon.weight": 0.0}, trainings=_ANCHORED
    ),
    Variant("no_words", "without lexicon statistics", "ablation", without=(WORDS,), trainings=("emobank",)),
    Variant("no_kl", "without KL", "ablation", {"kl.weight": 0.0}, trainings=_JUDGED),
    Variant("standard_prior", "prior N(0, I)", "ablation", {"kl.prior": "standard"}, trainings=_JUDGED),
    Variant("no_independence", "without independence", "ablation", {"independence.kind": "none"}, trainings=_JUDGED),
    Variant(
        "covariance",
        "independence: covariance (Eq. 9)",
        "ablation",
        {"independence.kind": "covariance"},
        trainings=_JUDGED,
    ),
    Variant(
        "hsic",
        "independence: HSIC",
        "ablation",
        {"independence.kind": "hsic", "independence.weight": 3.0},
        trainings=_JUDGED,
    ),
    Variant(
        "no_erasure",
        "without erasure",
        "ablation",
        {"private.erasure": "none", "private.projection": "none"},
        trainings=_EMOTIONAL,
    ),
    Variant(
        "adversarial",
        "adversarial probe of the emotion",
        "ablation",
        {**NO_PRIVATE_TERMS, "private.emotion.kind": "adversarial"},
        trainings=("ravdess",),
    ),
    Variant(
        "no_prototypes",
        "without prototypes",
        "ablation",
        {"prototypes.weight": 0.0, "prototypes.heads": ()},
        trainings=_EMOTIONAL,
    ),
    Variant("no_skip", "without the linear skip", "ablation", {"encoder.skip.kind": "none"}, trainings=_TRANSFER),
    Variant(
        "no_dropout",
        "without dropout",
        "ablation",
        {"encoder.dropout": 0.0, "inputs.dropout": 0.0},
        trainings=_TRANSFER,
    ),
    Variant(
        "modality_dropout",
        "modality dropout",
        "ablation",
        {"inputs.modality_dropout": 0.3},
        trainings=("ravdess", "people"),
    ),
    Variant(
        "constant_width",
        "constant deviations",
        "ablation",
        {"uncertainty": "constant"},
        trainings=("emobank", "ravdess"),
    ),
    Variant("sample_anchor", "L_GT on the sample", "ablation", {"anchors.codes": "sample"}, trainings=_TRANSFER),
    Variant(
        "no_link",
        "without label links",
        "ablation",
        {"anchors.link": "none", "anchors.label_weighting": "none"},
        trainings=("union",),
    ),
    Variant("mean_fusion", "fused by the mean", "ablation", {"fusion": "mean"}, trainings=_SEVERAL),
    Variant("mvae_3", "MVAE, 3 dimensions", "ablation", {"latent": 3}, kind="mvae", trainings=_TRANSFER),
    Variant("mvae_32", "MVAE, 32 dimensions", "ablation", {"latent": 32}, kind="mvae", trainings=_TRANSFER),
    Variant(
        "mvae_vad", "MVAE, VAD as a modality", "ablation", {"vad_modality": True}, kind="mvae", trainings=_TRANSFER
    ),
    Variant(
        "misa_dropout", "MISA, modality dropout", "ablation", {"missing": "dropout"}, kind="misa", trainings=_SEVERAL
    ),
)
BASELINES = ("supervised", "mvae", "misa", "ridge", "softmax", "lexicon", "ridge_text")
FITTED_TITLES = {
    "ridge": "ridge on the features",
    "ridge_text": "ridge on the text's vector alone",
    "softmax": "softmax over emotions, expected centre",
    "lexicon": "lexicon's mean of the text",
    "ensemble": "manifold, mean of the seeds",
}
TITLES = {variant.name: variant.title for variant in VARIANTS} | FITTED_TITLES
UNION_VARIANTS = (HEADLINE, "no_link", "no_lexicon")
