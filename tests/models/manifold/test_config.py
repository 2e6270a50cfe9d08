"""Settings of the manifold: nested by subject, checked, and translated from the flat keys of earlier versions."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pydantic import ValidationError

from affectspace.configuration import nested
from affectspace.models import MODELS, EnsembleConfig, Manifold, ManifoldConfig
from affectspace.models.manifold.config import _EARLIER_KEYS

from .small import make_batch, make_model

EARLIER: dict[str, Any] = {  # as a run of an earlier version recorded them
    "modalities": {"text": 7, "audio": 5, "video": 4}, "categories": ["neutral", "anger", "calm"], "corpora": ["x", "y"],
    "fusion": "stacked", "private": 4, "hidden": [6], "encoder": "separate", "skip": "ridge", "skip_penalty": 0.3,
    "prototype_heads": ["text"], "dropout": 0.2, "feature_dropout": 0.1, "feature_noise": 0.4, "modality_dropout": 0.3,
    "prior": "labels", "link": "affine", "label_weighting": "variance", "anchor_loss": "both", "anchor_on": "sample",
    "lexicon_modality": "text", "uncertainty": "head", "independence": "hsic", "independence_on": "sample",
    "private_emotion": "linear", "private_erasure": "both", "private_projection": "shared", "self_weight": 0.9,
    "cross_weight": 0.8, "joint_weight": 0.7, "anchor_weight": 0.6, "lexicon_weight": 0.5, "independence_weight": 0.4,
    "kl_weight": 0.3, "beta": 0.2, "prototype_weight": 0.1, "private_emotion_weight": 2.0, "class_weights": "balanced",
    "kl_warmup": 0.15, "penalty_warmup": 0.25, "reduction": "paper", "kind": "manifold",
}  # fmt: skip


def value_at(settings: dict[str, Any], place: str) -> Any:
    for key in place.split("."):
        settings = settings[key]
    return settings


def test_every_flat_key_of_an_earlier_version_has_its_place() -> None:
    config = ManifoldConfig(**EARLIER).model_dump(mode="json")
    kept = {"modalities", "categories", "corpora", "fusion", "uncertainty", "reduction", "kind"}
    assert set(EARLIER) == set(_EARLIER_KEYS) | kept
    for key, places in _EARLIER_KEYS.items():
        assert [value_at(config, place) for place in places] == [EARLIER[key]] * len(places)
    assert ManifoldConfig(**config) == ManifoldConfig(**EARLIER)


def test_a_model_that_an_earlier_version_saved_is_loaded(tmp_path: Path) -> None:
    model = make_model(**{"private.erasure": "affect", "encoder.skip.kind": "linear"}).eval()
    model.save_pretrained(tmp_path)
    flat = {"private": 4, "hidden": [6], "skip": "linear", "private_erasure": "affect", "kind": "manifold"}
    fields = {"modalities": dict(model.config.modalities), "corpora": ["x", "y"], **flat}
    (tmp_path / "config.json").write_text(json.dumps(fields), encoding="utf-8")
    again, batch = Manifold.from_pretrained(tmp_path), make_batch()
    assert again.config == model.config
    expected = model.represent(batch.features, batch.present).fused
    torch.testing.assert_close(
        again.represent(batch.features, batch.present).fused, expected, rtol=0, atol=0, equal_nan=True
    )


@pytest.mark.parametrize("kind", ["mvae", "misa"])
def test_baselines_of_earlier_versions_recorded_a_fusion(kind: str) -> None:
    config = MODELS[kind].config_class(modalities={"text": 3}, fusion="precision")
    assert "fusion" not in config.model_dump()


def test_settings_survive_yaml() -> None:
    config = ManifoldConfig(
        **nested({"modalities": {"text": 3}, "independence.kind": "hsic", "anchors.lexicon.weight": 0.3})
    )
    again = ManifoldConfig(**yaml.safe_load(yaml.safe_dump(config.model_dump(mode="json"))))
    assert again == config
    member = EnsembleConfig(**{**config.model_dump(exclude={"kind"}), "members": 2}).member()
    assert member == config


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"anchor_wieght": 1}, "anchor_wieght"),
        ({"anchors.wieght": 1}, r"anchors\.wieght"),
        ({"dropout": 0.1, "encoder.dropout": 0.1}, r"dropout and encoder\.dropout are the same setting"),
        ({"prototypes.weight": 0.5}, "prototypes.weight needs at least two names in `categories`"),
        ({"private.emotion.kind": "linear"}, "private.emotion needs at least two names"),
        ({"encoder.layout": "trunk", "private.erasure": "affect"}, "a trunk gives both heads the same inputs"),
        ({"encoder.layout": "trunk", "encoder.hidden": ()}, "needs at least one hidden layer"),
        ({"encoder.hidden": (0,)}, "greater than or equal to 1"),
        ({"modalities": {"action units": 3}}, "plain word"),
        (
            {"prototypes.heads": ("smell",), "categories": ("a", "b")},
            "prototypes.heads names 'smell'; the modalities are",
        ),
        ({"modalities": {f"m{number}": 2 for number in range(9)}}, "fusion: stacked .* allows 8 modalities"),
    ],
)
def test_settings_that_cannot_be_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_model(**fields)
