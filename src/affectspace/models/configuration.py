"""The settings that every model on feature vectors shares."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from affectspace.configuration import Configuration


class FeatureModelConfig(Configuration):
    """The inputs of a model on feature vectors: its modalities, emotions and training corpora."""

    modalities: dict[str, int] = Field(min_length=1, description="name of each modality -> width of its vectors")
    categories: tuple[str, ...] = Field((), description="emotions, in the order of the batch's indices")
    corpora: tuple[str, ...] = Field(
        ("corpus",), description="names of the training corpora, in the order of the batch's indices"
    )

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, fields: Any) -> Any:
        return cls.upgraded(fields) if isinstance(fields, dict) else fields

    @classmethod
    def upgraded(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """Translate the fields of a model that an earlier version saved to the current layout."""
        if "fusion" in cls.model_fields:
            return fields
        return {name: value for name, value in fields.items() if name != "fusion"}  # it was saved but had no effect

    @field_validator("modalities")
    @classmethod
    def _plain_names(cls, modalities: dict[str, int]) -> dict[str, int]:
        for name, width in modalities.items():
            if not name.isidentifier():
                raise ValueError(f"modality {name!r} must be a plain word, such as audio or action_units")
            if width < 1:
                raise ValueError(f"modality {name!r} has width {width}; a vector has at least one dimension")
        return modalities
