"""What several commands check alike before they work: outputs that are there already, backbones by modality."""

from pathlib import Path

from affectspace.errors import ConfigError, RunError


def require_free(paths: tuple[Path | None, ...], force: bool) -> None:
    """Raises RunError where something would be overwritten."""
    for path in paths:
        if path is not None and path.exists() and not force:
            raise RunError(f"{path} is there already; --force replaces it")


def backbone_pairs(written: list[str]) -> dict[str, str]:
    """modality -> where its backbone is, of MODALITY=WHERE. Raises ConfigError for another form."""
    pairs = {}
    for text in written:
        name, equals, where = text.partition("=")
        if not (name and equals and where):
            raise ConfigError(f"--backbone {text!r}: write it as MODALITY=WHERE, such as text=models/roberta-base")
        pairs[name] = where
    return pairs
