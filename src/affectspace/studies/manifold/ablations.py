"""The report's last tables: every model side by side, on the corpus of its training and in transfer."""

from __future__ import annotations

from collections.abc import Mapping

from affectspace.studies.manifold.cross_modal import ALL_PAIRS
from affectspace.studies.manifold.plan import HEADLINE, TITLES
from affectspace.studies.tables import Columns, Section, Table


def ablations() -> Section:
    """Declare every variant across experiments: in its own corpus, in transfer, what leaks, what depends."""

    def cell(experiment: str, task: str, metric: str, **columns: str) -> Mapping[str, str]:
        return {"experiment": experiment, "task": task, "metric": metric, **columns}

    private = {"condition": "linear", "latent": "private"}
    tables: dict[str, Columns] = {
        "Text": (
            ("EmoBank, mean r", cell("text_axes", "axes", "r", target="mean")),
            ("V-reg, r of valence", cell("zero_shot_text", "axes", "r", target="valence")),
            ("debiased CKA, text", cell("text_axes", "independence", "debiased_cka", modality="text")),
            ("HSIC, text", cell("text_axes", "independence", "hsic", modality="text")),
            ("MELD: emotion from private, UAR", cell("text_probes", "emotion", "uar", modality="text", **private)),
        ),
        "Voice and face": (
            ("RAVDESS, arousal with intensity",
             cell("audio_face", "intensity", "difference", target="arousal", modality="all")),
            ("RAVDESS, mean r", cell("audio_face", "axes", "r", target="mean")),
            ("EmoDB, r of arousal", cell("zero_shot_audio", "axes", "r", target="arousal")),
            ("EmoDB, r of valence", cell("zero_shot_audio", "axes", "r", target="valence")),
            ("debiased CKA, audio", cell("audio_face", "independence", "debiased_cka", modality="audio")),
            ("HSIC, audio", cell("audio_face", "independence", "hsic", modality="audio")),
            ("emotion from private audio", cell("audio_face", "emotion", "accuracy", modality="audio", **private)),
            ("emotion from private action units",
             cell("audio_face", "emotion", "accuracy", modality="action_units", **private)),
        ),
        "IEMOCAP and zero-shot sentiment": (
            ("IEMOCAP, mean r", cell("iemocap", "axes", "r", target="mean")),
            *(
                (f"{name}, r with sentiment", cell("zero_shot_sentiment", "axes", "r", target="sentiment", condition=corpus))
                for corpus, name in (("mosi", "MOSI"), ("mosei", "MOSEI"))
            ),
            ("UAR of text against voice", cell("iemocap", "gap", "classifier_uar", modality="text", target="audio")),
            ("debiased CKA, text", cell("iemocap", "independence", "debiased_cka", modality="text")),
            ("emotion from private text", cell("iemocap", "emotion", "accuracy", modality="text", **private)),
        ),
        "Synthetic people": (
            ("people, mean r", cell("trimodal", "axes", "r", target="mean")),
            ("found among ten, all pairs", cell("trimodal", "retrieval", "top_10", modality=ALL_PAIRS)),
            ("UAR of text against voice", cell("trimodal", "gap", "classifier_uar", modality="text", target="audio")),
            ("debiased CKA, audio", cell("trimodal", "independence", "debiased_cka", modality="audio")),
        ),
    }  # fmt: skip
    note = "Each ablation changes one thing and keeps rows, batches, epochs and schedule. Ablations have fewer seeds."
    names = {HEADLINE: f"{TITLES[HEADLINE]} (headline)"}
    parts = [
        Table(caption, {"versus": ""}, columns, order=tuple(TITLES), note=note, names=names, basis=False)
        for caption, columns in tables.items()
    ]
    text = "Baselines, floors and the ablation of each term, on the training's corpus and in transfer."
    return Section("All models side by side", text, parts)
