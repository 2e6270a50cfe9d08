"""Frozen configurations that refuse unknown keys, the YAML that they are written in, and what is wrong with one, in words."""

import difflib
import os
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what every source of random numbers takes
Widths = Annotated[
    tuple[Annotated[int, Field(ge=1, lt=2**31)], ...], Field(max_length=32)
]  # of the hidden layers of a network
LONGEST_NAME = 255  # bytes of a file's name that systems allow
MOST_VALUES = 100_000  # of a YAML text, repetitions by aliases included
DEEPEST = 50


class Configuration(BaseModel):
    """Frozen; an unknown key is an error, and so is a number that is not finite or does not fit into 64 bits."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _fits_into_64_bits(cls, value: Any) -> Any:
        if isinstance(value, int) and abs(value) >= 2**63:
            raise ValueError("the number is too large")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_a_path(cls, value: Any) -> Any:
        for path in value.values() if isinstance(value, dict) else [value]:
            if isinstance(path, Path) and any(len(os.fsencode(name)) > LONGEST_NAME for name in path.parts):
                raise ValueError(f"a name in the path has more than {LONGEST_NAME} bytes")
        return value


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text.

    Raises ValueError, with the reason in one line, for other texts, for a key that stands twice in one group, and for values
    that are nested too deeply or repeated too often.
    """
    try:
        value = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError:
        raise ValueError(f"values are nested in more than {DEEPEST} levels") from None
    _count_values(value, {}, 1)
    return value


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which also refuses a key that stands twice in one group."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)  # before << is filled in, which may repeat keys
        lines: dict[Any, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                value, line = self.construct_object(key), key.start_mark.line + 1
                if value in lines:
                    where = f"in line {lines[value]} and again in line {line}"
                    raise yaml.YAMLError(f"the key {key.value!r} stands {where}; keep one")
                lines[value] = line
        return node


def _count_values(value: Any, known: dict[int, int], level: int) -> int:
    """Count the values below one, those below an alias each time. known : id of a container -> its count"""
    if level > DEEPEST:
        raise ValueError(f"values are nested in more than {DEEPEST} levels")
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = 0
        values = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_count_values(inner, known, level + 1) for inner in values)
    elif not known[id(value)]:
        raise ValueError("an alias stands inside the value that it repeats")
    if known[id(value)] > MOST_VALUES:
        raise ValueError(f"aliases repeat values more than {MOST_VALUES:,} times")
    return known[id(value)]


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
    if item["type"] in ("tuple_type", "list_type"):
        text = "give a list"
    elif item["type"] in ("model_type", "model_attributes_type", "dict_type"):
        text = "give keys and values" + ("" if key else f", of {', '.join(root.model_fields)}")
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
