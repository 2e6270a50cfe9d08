"""Invented people who speak: text, voice and face of the same moments, with known affect and known rest. Lazy names."""

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "MODALITIES": "make",
    "PLACE": "truth",
    "PRIVATE": "truth",
    "RATE": "voice",
    "Score": "prosody",
    "Speaker": "people",
    "Utterance": "dialogues",
    "frames": "face",
    "make_speakers": "make",
    "plan": "dialogues",
    "read_speakers": "reader",
    "score": "prosody",
    "speak": "voice",
    "speaker": "people",
    "truth_table": "truth",
    "utterance": "dialogues",
    "write_iemocap": "layouts",
    "write_mosei": "layouts",
    "write_mosi": "layouts",
}

__all__ = [
    "MODALITIES",
    "PLACE",
    "PRIVATE",
    "RATE",
    "Score",
    "Speaker",
    "Utterance",
    "frames",
    "make_speakers",
    "plan",
    "read_speakers",
    "score",
    "speak",
    "speaker",
    "truth_table",
    "utterance",
    "write_iemocap",
    "write_mosei",
    "write_mosi",
]

if TYPE_CHECKING:
    from affectspace.corpora.speakers.dialogues import Utterance, plan, utterance
    from affectspace.corpora.speakers.face import frames
    from affectspace.corpora.speakers.layouts import write_iemocap, write_mosei, write_mosi
    from affectspace.corpora.speakers.make import MODALITIES, make_speakers
    from affectspace.corpora.speakers.people import Speaker, speaker
    from affectspace.corpora.speakers.prosody import Score, score
    from affectspace.corpora.speakers.reader import read_speakers
    from affectspace.corpora.speakers.truth import PLACE, PRIVATE, truth_table
    from affectspace.corpora.speakers.voice import RATE, speak


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'affectspace.corpora.speakers' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"affectspace.corpora.speakers.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
