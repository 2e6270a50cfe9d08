"""`affectspace adapt`: fine-tune an encoder on valence, arousal and dominance."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.cli.options import (
    Axes,
    Columns,
    Media,
    Overrides,
    ScaleName,
    Separator,
    Where,
    print_json,
    table_options,
)
from affectspace.cli.progress import progress_bar
from affectspace.cli.train import describe_corpus, next_step
from affectspace.errors import ConfigError

if TYPE_CHECKING:
    from affectspace.data.configuration import CorpusConfig

LEARNED = 0.1  # concordance on validation, below which an encoder has hardly learned
ENCODERS = {"text": "minilm", "audio": "facebook/wav2vec2-base", "video": "google/vit-base-patch16-224-in21k"}


def adapt(
    modality: Annotated[str, typer.Argument(help="What the encoder reads: text, audio or video.")],
    corpora: Annotated[
        list[str],
        typer.Argument(
            help="A table (.csv, .tsv, .txt, .xlsx, .jsonl, .parquet), or a corpus as READER=FOLDER, for example "
            "emobank=EmoBank. Several are joined, each with its own scale."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the backbone to write. The same command continues it.")
    ],
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Encoder to adapt: minilm, or the folder or hub name of an encoder of transformers. Default: minilm "
            "(text), facebook/wav2vec2-base (audio), google/vit-base-patch16-224-in21k (video)."
        ),
    ] = None,
    text_column: Annotated[str | None, typer.Option(help="Of a table: column with the text.")] = None,
    file_column: Annotated[
        str | None, typer.Option(help="Of a table: column with the path of the sound, clip or picture.")
    ] = None,
    valence: Annotated[str | None, typer.Option(help="Of a table: column with the valence.")] = None,
    arousal: Annotated[str | None, typer.Option(help="Of a table: column with the arousal.")] = None,
    dominance: Annotated[str | None, typer.Option(help="Of a table: column with the dominance.")] = None,
    emotion: Annotated[
        str | None,
        typer.Option(help="Of a table: column with the emotion. Rows without ratings get values that it implies."),
    ] = None,
    person: Annotated[
        str | None, typer.Option(help="Of a table: column with the person, who is then in one part only.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="How rows are split: published, person, document or random. Default: the first that is possible."
        ),
    ] = None,
    columns: Columns = "",
    scale: ScaleName = None,
    axes: Axes = None,
    media: Media = None,
    where: Where = None,
    separator: Separator = None,
    full: Annotated[bool, typer.Option("--full", help="Train all weights, not low-rank changes of them.")] = False,
    rank: Annotated[int, typer.Option(min=1, help="Rank of the low-rank changes.")] = 16,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the training rows. Default: 5.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Largest learning rate. Default: 5e-4, with --full 5e-5.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Random seed; the same seed gives the same result.")
    ] = 0,
    device: Annotated[str, typer.Option(help="Device to train on: auto, cpu, cuda or mps.")] = "auto",
    overrides: Overrides = None,
    force: Annotated[
        bool, typer.Option("--force", help="Delete the backbone in --out and train from the start.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fine-tune an encoder on valence, arousal and dominance. Any of the three is enough.

    The result is a backbone: `extract --backbone FOLDER` computes features with it. The same command continues after an
    interruption, and ends with the same numbers.
    """
    if modality not in ENCODERS:
        raise ConfigError(f"unknown modality {modality!r}; choose one of {', '.join(ENCODERS)}")
    from affectspace.tables.text import declare_separator

    for table in corpora:
        declare_separator(Path(table), separator)
    named = {
        modality: text_column if modality == "text" else file_column,
        "valence": valence, "arousal": arousal, "dominance": dominance, "emotion": emotion, "person": person,
    }  # fmt: skip
    reading = table_options(columns, scale, axes)
    own = {name: column for name, column in named.items() if column} | reading.pop("columns", {})
    options = {**reading, "columns": own, "media": None if media is None else str(media), "where": where}
    fit: dict[str, Any] = {"accelerator": device, "seed": seed}
    fit |= {"epochs": epochs} if epochs else {}
    fit["learning_rate"] = learning_rate or (5e-5 if full else 5e-4)
    chosen = encoder or ENCODERS[modality]
    fields = {
        "data": {"corpora": _corpora(corpora, {name: value for name, value in options.items() if value}, split)},
        "model": {
            "kind": "adapter", "modality": modality, "encoder": chosen, "method": "full" if full else "lora",
            "settings": {"layers": [-1], "marks": True, "tokens": 128} if modality == "text" else {}, "lora": {"rank": rank},
        },
        "fit": fit,
    }  # fmt: skip
    from affectspace.training.configuration import build_config

    config = build_config(fields, where="affectspace adapt", overrides=overrides or [])
    from affectspace.training.fit import fit as train

    with progress_bar(not as_json) as progress:
        run = train(config, out, force=force, progress=progress)
    facts = run.facts
    concordance = 1 - float(run.history["validation_discordance"].iloc[facts["kept_epoch"]])
    if as_json:
        print_json({**facts, "validation_concordance": round(concordance, 4)})
        return
    for name, corpus in facts["corpora"].items():
        labels = " and ".join(corpus["label_kind"])
        typer.echo(f"{name}: labels are {labels}; licence: {corpus.get('licence') or 'not stated'}")
        for line in describe_corpus(corpus):
            typer.echo(f"{name}: {line}")
    trained, kept = facts["encoder"], facts["kept_epoch"] + 1
    typer.echo(
        f"{out}: {chosen}, {trained['trained_parameters']:,} of {trained['parameters']:,} parameters trained, weights of epoch "
        f"{kept} of {facts['epochs']} kept, {facts['seconds']:.0f} s"
    )
    typer.echo(f"concordance on the validation part {concordance:.3f} (a constant has 0)")
    if concordance < LEARNED:
        typer.secho(
            "warning: the encoder has hardly learned from these ratings; give it more rows, more --epochs or a larger "
            "--learning-rate, and check the columns and the scale",
            fg=typer.colors.YELLOW,
            err=True,
        )
    typer.echo(next_step(out, facts))
    for corpus in config.data.corpora.values():
        typer.echo(f"features: {_extract_command(corpus, modality, out)}")


def _extract_command(corpus: "CorpusConfig", modality: str, out: Path) -> str:
    """Return the command that computes features of the same rows."""
    words = ["affectspace", "extract", corpus.corpus, str(corpus.path)]
    options = {
        "--columns": ",".join(f"{ours}={theirs}" for ours, theirs in corpus.columns.items()),
        "--scale": corpus.scale, "--axes": ",".join(corpus.axes or ()), "--media": corpus.media, "--where": corpus.where,
        "--modality": modality, "--backbone": out,
    }  # fmt: skip
    for option, value in options.items():
        words += [option, str(value)] if value else []
    return f"{shlex.join(words)} --out FOLDER"


def _corpora(texts: list[str], options: dict[str, Any], split: str | None) -> dict[str, dict[str, Any]]:
    """Return the fields of each corpus. Raises ConfigError for one that is neither a table nor READER=FOLDER."""
    from affectspace.prediction.inputs import TABLES, is_table

    corpora: dict[str, dict[str, Any]] = {}
    for text in texts:
        reader, equals, place = text.partition("=")
        table = not equals or Path(text).is_file()
        path = Path(text if table else place)
        if table and not is_table(path, columns=True):
            raise ConfigError(
                f"{text}: give a table ({', '.join(TABLES)}), or a corpus as READER=FOLDER, for example emobank={text}"
            )
        if not table:
            from affectspace.corpora.registry import require_reader

            require_reader(reader)
        name = path.stem if table else reader
        if name in corpora:
            raise ConfigError(
                f"{text}: there are two corpora with the name {name}; name them in a configuration instead"
            )
        fields: dict[str, Any] = {"corpus": "table" if table else reader, "path": str(path)}
        if table or len(texts) == 1:
            fields |= options if table else {key: value for key, value in options.items() if key == "where"}
        corpora[name] = {**fields, "split": {"scheme": split or "auto"}}
    return corpora
