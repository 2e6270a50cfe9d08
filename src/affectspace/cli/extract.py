"""`affectspace extract`: one vector per sample and modality, in a store."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.cli.options import (
    Actors,
    Address,
    AsJson,
    Axes,
    BatchSize,
    Columns,
    CorpusName,
    CorpusPath,
    Device,
    EmotionLabels,
    Force,
    Media,
    OutFolder,
    ScaleName,
    Separator,
    Spelling,
    UnknownEmotions,
    Where,
    parse_pairs,
    print_json,
    table_options,
)
from affectspace.cli.progress import progress_bar
from affectspace.devices import choose_device
from affectspace.errors import ConfigError, RunError, counted

if TYPE_CHECKING:
    from affectspace.corpora import Corpus
    from affectspace.features import Backbone, Extraction
    from affectspace.features.extraction import Engine

OWN_OPTIONS = {"modality": "--modality", "name": "--backbone", "device": "--device", "dtype": "--dtype"}
SHOWN = 5  # failed rows on the screen, per reason
BACKBONE_HELP = (
    "Encoder: minilm (text), lexicon (words), functionals (audio), gradients, expression or levasa (video), or the folder or "
    "hub name of a pretrained model. The default depends on the modality."
)
LEXICON_HELP = "Lexicon, as NAME=FILE. Its statistics are the words, or follow the text vector. Can be repeated."


Modality = Annotated[str, typer.Option(help="text, words, audio, video, or with --vectors a name of your own.")]
ExtractBackbone = Annotated[str | None, typer.Option(help=BACKBONE_HELP)]
VideoBackbone = Annotated[
    Path | None, typer.Option(help="Folder of a LeVAsa run whose encoder becomes the video backbone.")
]
Lexicon = Annotated[list[str] | None, typer.Option(help=LEXICON_HELP)]
Vectors = Annotated[
    Path | None,
    typer.Option(
        help="File with ready-made vectors: .npz, or .csv or .parquet with a column id. Names are ids or paths of the files."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Setting of the backbone, as KEY=VALUE, for example layers=[-1]. Can be repeated."),
]
ExtractFaces = Annotated[
    str,
    typer.Option(
        "--faces",
        help="largest: one vector for each row, of its largest face. all: one for each face, with ids ID#1, ID#2, ... where a "
        "row has several; faces.csv in the store has the place of each.",
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Use only the first rows, for a quick look.")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Number of decoding threads. Default: one per core, at most 8; ray: 1 per actor."),
]
ExtractEngine = Annotated[str, typer.Option(help="local: this process; ray: a Ray cluster. The store is the same.")]
Dtype = Annotated[str, typer.Option(help="Precision of networks: float32, bfloat16 or float16.")]


def extract(
    name: CorpusName,
    path: CorpusPath,
    out: OutFolder,
    modality: Modality = "text",
    backbone: ExtractBackbone = None,
    video_backbone: VideoBackbone = None,
    lexicon: Lexicon = None,
    vectors: Vectors = None,
    settings: Settings = None,
    faces: ExtractFaces = "largest",
    media: Media = None,
    columns: Columns = "",
    scale: ScaleName = None,
    axes: Axes = None,
    spelling: Spelling = None,
    labels: EmotionLabels = None,
    unknown: UnknownEmotions = "error",
    where: Where = None,
    limit: Limit = None,
    separator: Separator = None,
    batch_size: BatchSize = 32,
    workers: Workers = None,
    engine: ExtractEngine = "local",
    actors: Actors = None,
    address: Address = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Compute features of a corpus and store them. The same command continues after an interruption."""
    _check_modality(modality, video_backbone, lexicon)
    if faces not in ("largest", "all"):
        raise ConfigError(f"--faces {faces}: choose largest or all")
    if faces == "all" and (modality != "video" or vectors is not None):
        raise ConfigError("--faces all needs --modality video, without --vectors")
    reading = table_options(columns, scale, axes, spelling, labels, unknown)
    from affectspace.corpora import read_corpus
    from affectspace.features import extract as extract_features
    from affectspace.features import items_of, make_backbone, read_vectors
    from affectspace.features.faces import FILE, face_items
    from affectspace.files import write_atomic
    from affectspace.tables.text import declare_separator

    declare_separator(path, separator)
    if engine == "local":
        device = choose_device(device)
    whole = read_corpus(name, path, media=media, **reading)
    corpus = whole if where is None else whole.where(where)
    if limit is not None and limit < len(corpus):
        corpus = corpus.take(range(limit))
    options = parse_settings(settings or [])
    for setting, option in OWN_OPTIONS.items():
        if setting in options:
            raise ConfigError(f"--set {setting}: this is not a setting of a backbone; use {option}")
    if video_backbone is not None:
        options["run"] = str(video_backbone)
    if lexicon:
        options["lexicons"] = parse_pairs(lexicon, "--lexicon", "NAME=FILE", "glasgow=norms.csv")
    encoder: Backbone
    items = None
    if vectors is not None:
        foreign = sorted(options.keys() - {"array", "names", "pool"})
        if foreign:
            raise ConfigError(f"--set {foreign[0]}: --vectors has the settings array, names and pool only")
        encoder, items = read_vectors(vectors, modality, corpus, **options, among=whole)
    else:
        on = "cpu" if engine == "ray" else device  # the actors hold the model; here it only identifies the store
        encoder = make_backbone(modality, backbone, device=on, dtype=dtype, **options)
    chosen = _engine(engine, actors, address, workers, device)
    with progress_bar(not as_json) as progress:
        places = None
        if faces == "all":
            items, places = face_items(corpus, encoder, workers=workers, progress=progress)
        done = extract_features(
            corpus, encoder, out, items=items, batch_size=batch_size, engine=chosen, force=force, progress=progress
        )
        if places is not None:
            done = replace(done, without=len(corpus) - len(items_of(corpus, modality)))
            write_atomic(out / FILE, lambda partial: places.to_csv(partial, index=False, lineterminator="\n"))
    if as_json:
        _print_facts(corpus, encoder, done)
    else:
        _show(corpus, encoder, done, modality)


def _print_facts(corpus: "Corpus", encoder: "Backbone", done: "Extraction") -> None:
    facts = {key: value for key, value in vars(done).items() if key != "store"}
    print_json({
        "store": str(done.store.folder),
        "backbone": encoder.name,
        "dimension": encoder.dimension,
        "licence": encoder.licence,
        **facts,
        "failures": [{"id": name, "file": file, "reason": reason} for name, file, reason in done.failures],
        "seconds": round(done.seconds, 2),
        "left_out": dict(corpus.report.left_out),
        "notes": [*corpus.report.notes, *getattr(encoder, "notes", ())],
    })  # fmt: skip


def _show(corpus: "Corpus", encoder: "Backbone", done: "Extraction", modality: str) -> None:
    for line in [*corpus.report.to_text().splitlines(), *getattr(encoder, "notes", ())]:
        typer.echo(f"{corpus.name}: {line}")
    rate = f", {done.made / done.seconds:,.1f} samples/s" if done.made else ""
    replaced = f" ({done.changed:,} of them again, as the input of the row has changed)" if done.changed else ""
    typer.echo(
        f"{counted(done.made, 'vector')} computed{rate}{replaced}; {done.kept:,} existed, "
        f"{counted(done.without, 'row', 'has')} no {modality}"
    )
    _show_failures(done)
    if done.remarks:
        typer.echo("remarks on rows that were read:")
    for remark, count in sorted(done.remarks.items(), key=lambda pair: -pair[1]):
        typer.echo(f"  {count:,}  {remark}")
    dimensions = f"{encoder.name}, {encoder.dimension} dimensions"
    typer.echo(f"{done.store.folder}: {dimensions}; licence of the backbone: {encoder.licence}")


def _show_failures(done: "Extraction") -> None:
    """Print how many rows could not be read, by reason with the first rows of each."""
    if not done.failures:
        return
    count = len(done.failures)
    before = f", {done.failed_before:,} of them in an earlier run (--force tries again)" if done.failed_before else ""
    typer.echo(f"{counted(count, 'row')} could not be read{before}:")
    by_reason: dict[str, list[str]] = {}
    for name, file, reason in done.failures:
        by_reason.setdefault(reason, []).append(f"{name} ({file})" if file else name)
    for reason, rows in sorted(by_reason.items(), key=lambda pair: -len(pair[1])):
        more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
        typer.echo(f"  {len(rows):,}  {reason}: {', '.join(rows[:SHOWN])}{more}")
    if count > SHOWN:
        typer.echo(f"  all of them with their reasons: {done.store.folder / 'index.parquet'}")


def _check_modality(modality: str, run: Path | None, lexicon: list[str] | None) -> None:
    """Raise ConfigError for an option of another modality, and if --video-backbone is not a run."""
    for option, value, modalities in (
        ("--video-backbone", run, ("video",)),
        ("--lexicon", lexicon, ("words", "text")),
    ):
        if value and modality not in modalities:
            raise ConfigError(
                f"{option} belongs to --modality {' or '.join(modalities)}; this is --modality {modality}"
            )
    if run is not None:
        from affectspace.training.runs import open_run

        try:
            open_run(run)
        except RunError as error:
            raise ConfigError(
                f"--video-backbone: {error}; pass the folder of a finished LeVAsa run, or any other encoder of pictures or "
                "clips with --backbone, as a folder or hub name"
            ) from error


def _engine(name: str, actors: int | None, address: str | None, workers: int | None, device: str) -> "Engine":
    """Make the engine. Raises ConfigError for an unknown name, and for options of a cluster without a cluster."""
    from affectspace.features import RayEngine
    from affectspace.features.extraction import ThreadEngine

    if name == "ray":
        return RayEngine(
            address,
            actors,
            workers or 1,
            "cpu" if device == "auto" else device,
            gpus=1.0 if device.startswith("cuda") else 0.0,
        )
    if name != "local":
        raise ConfigError(f"--engine {name!r}; choose local or ray")
    if actors is not None or address is not None:
        raise ConfigError("--actors and --address belong to --engine ray")
    return ThreadEngine(workers)


def parse_settings(texts: list[str]) -> dict[str, Any]:
    """Parse KEY=VALUE with values as in YAML. Raises ConfigError for another form."""
    from affectspace.configuration import parse_yaml

    settings: dict[str, Any] = {}
    for key, text in parse_pairs(texts, "--set", "KEY=VALUE", "layers=[-1]").items():
        if not key.isidentifier():
            raise ConfigError(f"--set {key}={text}: {key!r} is not the name of a setting")
        try:
            settings[key] = parse_yaml(text)
        except ValueError as error:
            raise ConfigError(f"--set {key}={text}: {text!r} is not YAML ({error})") from error
    return settings
