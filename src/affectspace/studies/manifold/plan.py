"""What `reproduce manifold` trains: every setting of every model stands in this file.

An experiment needs trainings. A training is a set of corpora with a split; each variant is trained in some trainings, with the
same rows, batches, epochs and schedule. Variants differ in what they name and in nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import Field

from affectspace.studies.engine import StudyBudget
from affectspace.studies.manifold.corpora import WORDS

HEADLINE = "manifold"
PAPER_MODEL = "letter"  # published figures stand beside this model
ENSEMBLE = "ensemble"  # the mean of the headline's seeds


@dataclass(frozen=True)
class Experiment:
    """One experiment of the study.

    title : of the rows that are tested; primary : the endpoint, named before the measurements
    trainings : that it needs; the first one's models are measured. corpora : that it needs; the last one is tested
    parts : which rows are tested: the training's test part, the corpus' own test part, or all rows
    groups : column over which intervals are taken; modalities : with latents; tables : of the paper, that it stands beside
    """

    title: str
    primary: str
    trainings: tuple[str, ...]
    corpora: tuple[str, ...]
    protocol: str
    groups: str = "person"
    parts: str = "training"
    modalities: tuple[str, ...] = ()
    tables: tuple[int, ...] = ()


SPLITS = {  # of IEMOCAP -> in words
    "session5": "session 5 held out",
    "loso": "leave one session out",
    "loso_improvised": "leave one session out, improvised dialogues only",
    "script_independent": "leave one session out, no script of the test in train",
}

_ALL_AXES = "mean r over valence, arousal, dominance"
_DIAGNOSIS = "zero-shot; a diagnosis set, not untouched"

EXPERIMENTS: dict[str, Experiment] = {
    "text_axes": Experiment(
        "EmoBank", f"{_ALL_AXES} on EmoBank's published test part", ("emobank", "emobank_documents"), ("emobank",),
        "published (shares documents)", "document", modalities=("text",), tables=(1, 2),
    ),
    "zero_shot_text": Experiment(
        "V-reg", "r of valence on all V-reg tweets", ("emobank",), ("emobank", "vreg"), "zero-shot, all tweets", "id", "all",
        tables=(4,),
    ),
    "text_probes": Experiment(
        "MELD", "accuracy of the emotion: shared minus private latent, MELD's test part", ("emobank",), ("emobank", "meld"),
        "encoder frozen, MELD's own parts", "dialogue", "own", modalities=("text",), tables=(3,),
    ),
    "audio_face": Experiment(
        "RAVDESS", "within actor and emotion, predicted arousal of strong minus normal intensity, out of fold", ("ravdess",),
        ("ravdess",), "out of fold over all actors", modalities=("audio", "action_units"), tables=(1, 2, 3),
    ),
    "zero_shot_audio": Experiment(
        "EmoDB", "r of arousal on EmoDB", ("ravdess_audio",), ("ravdess", "emodb"), _DIAGNOSIS, parts="all",
        modalities=("audio",), tables=(4,),
    ),
    "union": Experiment(
        "", "no experiment is worse than with its own model by more than the interval",
        ("union", "emobank", "ravdess", "ravdess_audio"), ("emobank", "ravdess"), "as each single experiment",
    ),
    "trimodal": Experiment(
        "synthetic people",
        "share of held-out samples that one modality finds among the first ten of another, mean over all pairs", ("people",),
        ("people",), "held-out synthetic people", modalities=("text", "audio", "video"), tables=(2, 3),
    ),
    "iemocap": Experiment(
        "IEMOCAP", f"{_ALL_AXES} on the tested sessions", ("iemocap",), ("iemocap",), "", "dialogue",
        modalities=("text", "audio", "video"), tables=(1, 2, 3),
    ),
    "zero_shot_sentiment": Experiment(
        "", "r of valence with sentiment", ("iemocap",), ("iemocap",), "zero-shot, all segments", tables=(4,)
    ),
}  # fmt: skip
TARGETS = {"union": ("vreg", "emodb"), "zero_shot_sentiment": ("mosi", "mosei")}  # tested, too, where they are there


class Budget(StudyBudget):
    """How much is trained and measured. One budget for all models that are compared."""

    seeds: tuple[int, ...] = Field((0, 1, 2, 3, 4), min_length=1)
    ablation_seeds: int = Field(
        2, ge=0, description="how many of the seeds the ablations are trained with; 0: no ablations"
    )
    folds: int = Field(4, ge=2, description="folds over RAVDESS' actors")
    split: Literal["session5", "loso", "loso_improvised", "script_independent"] = Field(
        "session5", description="split of IEMOCAP; all but session5 test every session in turn"
    )
    people: int = Field(24, ge=6, description="number of synthetic people")
    utterances: int = Field(1200, ge=24, description="number of their utterances")
    epochs_factor: float = Field(1.0, gt=0, description="factor on the epochs of every training")
    limit: int | None = Field(None, ge=50, description="largest number of rows of each corpus")
    probe_seeds: int = Field(2, ge=1, description="how many of the seeds probes that are not linear are fitted on")
    permutations: int = Field(200, ge=20, description="permutations of each test and floor")
    perturbations: bool = Field(True, description="whether sounds are measured under noise, gain and reverberation")


def quick_budget(**settings: Any) -> Budget:
    """Make a budget that shows in less than three minutes that everything works."""
    small = {
        "seeds": (0,), "ablation_seeds": 0, "folds": 2, "people": 12, "utterances": 120, "epochs_factor": 0.1, "limit": 400,
        "probe_seeds": 1, "permutations": 40, "perturbations": False,
    }  # fmt: skip
    return Budget(**{**small, **settings})


def demo_budget(workers: int) -> Budget:
    """Make a budget for synthetic people whose report is informative after a few minutes."""
    return Budget(
        seeds=(0, 1), ablation_seeds=0, people=20, utterances=400, probe_seeds=1, permutations=100,
        perturbations=False, workers=workers,
    )  # fmt: skip


@dataclass(frozen=True)
class Training:
    """Corpora that are trained on together.

    splits : corpus -> its split; modalities : the only ones that are used, all of the corpora's by default
    epochs, fit : of every variant; model : of every manifold, keys as in `--set`
    floors : that are fitted there without a network
    """

    splits: dict[str, dict[str, Any]]
    epochs: int
    modalities: tuple[str, ...] | None = None
    folds: bool = False
    model: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    floors: tuple[str, ...] = ("ridge", "softmax")


_TEXT_FLOORS = ("ridge", "ridge_text", "lexicon")
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
    "emobank": Training({"emobank": {"scheme": "published"}}, 15, model=_TEXT, fit=_TEXT_FIT, floors=_TEXT_FLOORS),
    "emobank_documents": Training(
        {"emobank": {"scheme": "document"}}, 15, model=_TEXT, fit=_TEXT_FIT, floors=_TEXT_FLOORS
    ),
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
        floors=(),
    ),
    "people": Training(
        {"people": {"scheme": "person", "fractions": (0.5, 0.15, 0.35)}},
        60,
        model={"private.size": 32, "encoder.hidden": (256,)},
        floors=("ridge",),
    ),
    "iemocap": Training(  # the split is that of the budget
        {"iemocap": {"scheme": "session5"}},
        30,
        model={"private.size": 64, "encoder.hidden": (512,)},
        floors=("ridge", "softmax", "lexicon"),
    ),
}


def training_of(name: str, budget: Budget) -> Training:
    """Return a training; IEMOCAP's with the split of the budget."""
    if name != "iemocap":
        return TRAININGS[name]
    return replace(TRAININGS[name], splits={"iemocap": {"scheme": budget.split}}, folds=budget.split != "session5")


FIT: dict[str, Any] = {"batch_size": 256, "learning_rate": 1e-3, "weight_decay": 0.01, "gradient_clip": 1.0}

NO_PRIVATE_TERMS = {"private.erasure": "none", "private.projection": "none", "private.emotion.kind": "none"}
SUPERVISED = {  # L_sup only: L_GT and, where a lexicon scores texts, L_lex
    "reconstruction.self_weight": 0.0, "reconstruction.cross_weight": 0.0, "reconstruction.joint_weight": 0.0,
    "kl.weight": 0.0, "independence.kind": "none", **NO_PRIVATE_TERMS,
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
    """A model of the study, by its differences from the headline.

    group : headline, baseline or ablation; kind : of the model; without : modalities that it does not get
    trainings : those in which it is trained; all by default
    """

    name: str
    title: str
    model: dict[str, Any] = field(default_factory=dict)
    group: str = "ablation"
    kind: str = "manifold"
    fit: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    trainings: tuple[str, ...] = ()


_ANCHORED = ("emobank", "union", "iemocap")  # where a lexicon scores texts
_EMOTIONAL = ("ravdess", "ravdess_audio")  # where rows have emotions
_SEVERAL = ("ravdess", "people", "iemocap")  # where a row has several modalities
_TRANSFER = ("emobank", "ravdess_audio")  # whose ablations are measured in zero-shot transfer
_JUDGED = ("emobank", "ravdess", "ravdess_audio", "people")
_PAPERS = (*_JUDGED, "iemocap")

_BASELINE_FIT = {"learning_rate": 1e-3, "weight_decay": 0.01}  # the best ones on their validation rows

VARIANTS: tuple[Variant, ...] = (
    Variant(HEADLINE, "manifold", group="headline"),
    Variant("supervised", "same encoder, L_sup only", SUPERVISED, "baseline"),
    Variant("mvae", "MVAE, 16 dimensions", {"latent": 16}, "baseline", kind="mvae", fit=_BASELINE_FIT),
    Variant("misa", "MISA", group="baseline", kind="misa", fit=_BASELINE_FIT),
    Variant(PAPER_MODEL, "manifold, the equations to the letter", LETTER, "baseline", trainings=_PAPERS),
    Variant("no_cross", "without cross-reconstruction", {"reconstruction.cross_weight": 0.0}, trainings=_SEVERAL),
    Variant("no_lexicon", "without the lexicon anchor", {"anchors.lexicon.weight": 0.0}, trainings=_ANCHORED),
    Variant("no_words", "without lexicon statistics", without=(WORDS,), trainings=("emobank",)),
    Variant("no_kl", "without KL", {"kl.weight": 0.0}, trainings=_JUDGED),
    Variant("standard_prior", "prior N(0, I)", {"kl.prior": "standard"}, trainings=_JUDGED),
    Variant("no_independence", "without independence", {"independence.kind": "none"}, trainings=_PAPERS),
    Variant("covariance", "independence: covariance (Eq. 9)", {"independence.kind": "covariance"}, trainings=_JUDGED),
    Variant("hsic", "independence: HSIC", {"independence.kind": "hsic", "independence.weight": 3.0}, trainings=_PAPERS),
    Variant(
        "no_erasure", "without erasure", {"private.erasure": "none", "private.projection": "none"}, trainings=_EMOTIONAL
    ),
    Variant(
        "adversarial",
        "adversarial probe of the emotion",
        {**NO_PRIVATE_TERMS, "private.emotion.kind": "adversarial"},
        trainings=("ravdess",),
    ),
    Variant(
        "no_prototypes", "without prototypes", {"prototypes.weight": 0.0, "prototypes.heads": ()}, trainings=_EMOTIONAL
    ),
    Variant("no_skip", "without the linear skip", {"encoder.skip.kind": "none"}, trainings=_TRANSFER),
    Variant("no_dropout", "without dropout", {"encoder.dropout": 0.0, "inputs.dropout": 0.0}, trainings=_TRANSFER),
    Variant("modality_dropout", "modality dropout", {"inputs.modality_dropout": 0.3}, trainings=("ravdess", "people")),
    Variant("constant_width", "constant deviations", {"uncertainty": "constant"}, trainings=("emobank", "ravdess")),
    Variant("sample_anchor", "L_GT on the sample", {"anchors.codes": "sample"}, trainings=_TRANSFER),
    Variant(
        "no_link",
        "without label links",
        {"anchors.link": "none", "anchors.label_weighting": "none"},
        trainings=("union",),
    ),
    Variant("mean_fusion", "fused by the mean", {"fusion": "mean"}, trainings=_SEVERAL),
    Variant("mvae_3", "MVAE, 3 dimensions", {"latent": 3}, kind="mvae", trainings=_TRANSFER),
    Variant("mvae_32", "MVAE, 32 dimensions", {"latent": 32}, kind="mvae", trainings=_TRANSFER),
    Variant("mvae_vad", "MVAE, VAD as a modality", {"vad_modality": True}, kind="mvae", trainings=_TRANSFER),
    Variant("misa_dropout", "MISA, modality dropout", {"missing": "dropout"}, kind="misa", trainings=_SEVERAL),
)
UNION_VARIANTS = (HEADLINE, "no_link", "no_lexicon")
TITLES = {variant.name: variant.title for variant in VARIANTS} | {
    "ridge": "ridge on the features",
    "ridge_text": "ridge on the text's vector alone",
    "softmax": "softmax over emotions, expected centre",
    "lexicon": "lexicon's mean of the text",
    ENSEMBLE: "manifold, mean of the seeds",
}
