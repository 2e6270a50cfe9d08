"""Frozen configurations that refuse unknown keys, and what is wrong with one, in words."""

import difflib
import types
from collections.abc import Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError


class Configuration(BaseModel):
    """Frozen; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Expand dotted keys: {"private.size": 8, "fusion": "mean"} -> {"private": {"size": 8}, "fusion": "mean"}."""
    expanded: dict[str, Any] = {}
    for key, value in fields.items():
        *groups, name = key.split(".")
        inner = expanded
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[name] = value
    return expanded


def explain(error: ValidationError, root: type[BaseModel], prefix: tuple[str, ...] = ()) -> str:
    """All errors of a validation of `root`, which stands at `prefix` in the configuration, in one line."""
    return "; ".join(_explain(dict(item), root, prefix) for item in error.errors())


def _explain(item: dict[str, Any], root: type[BaseModel], prefix: tuple[str, ...]) -> str:
    keys, model = _walk(root, item["loc"])
    location = [*prefix, *keys]
    key = ".".join(location)
    if item["type"] == "extra_forbidden":
        known = list(model.model_fields) if model else []
        near = difflib.get_close_matches(location[-1], known, n=3, cutoff=0.5) or known
        return f"unknown key {key!r}; did you mean {', '.join('.'.join([*location[:-1], name]) for name in near)}?"
    given = "" if isinstance(item.get("input"), dict | BaseModel) else f" (given: {item.get('input')!r})"
    text = item["msg"].removeprefix("Value error, ")
    return f"{key}: {text}{given}" if key else f"{text}{given}"


def _walk(root: type[BaseModel], loc: tuple[Any, ...]) -> tuple[list[str], type[BaseModel] | None]:
    """The keys of a location without the tags of unions, and the model that the last key stands in."""
    keys: list[str] = []
    here: Any = root
    for place, part in enumerate(loc):
        here = _plain(here)
        options = [option for option in get_args(here) if _is_model(option)] if _is_union(here) else []
        tagged = [option for option in options if option.model_fields["kind"].default == part] if options else []
        if tagged:
            here = tagged[0]
            continue
        keys.append(str(part))
        if place == len(loc) - 1:
            break
        if _is_model(here) and part in here.model_fields:
            here = here.model_fields[part].annotation
        elif get_origin(here) is dict:
            here = get_args(here)[1]
        else:
            here = None
    here = _plain(here)
    return keys, here if _is_model(here) else None


def _plain(annotation: Any) -> Any:
    """Without Annotated, and without None beside one type."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if _is_union(annotation):
        rest = [option for option in get_args(annotation) if option is not type(None)]
        if len(rest) == 1:
            return _plain(rest[0])
    return annotation


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
