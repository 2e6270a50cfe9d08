"""`affectspace extract`: one vector per sample and modality, cached in a store."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.cli.progress import progress_bar

if TYPE_CHECKING:
    from affectspace.features import Extraction
    from affectspace.features.extraction import Engine

SHOWN = 5  # rows of a kind on the screen


def extract(
    name: Annotated[str, typer.Argument(help="A reader's name (affectspace corpus list).")],
    path: Annotated[Path, typer.Argument(help="The corpus' folder, or the table.")],
    out: Annotated[Path, typer.Option(help="Folder of the store; the same command continues it.")],
    modality: Annotated[
        str, typer.Option(help="text, words, audio, video; or a name of your own for --vectors.")
    ] = "text",
    backbone: Annotated[
        str | None,
        typer.Option(help="minilm, lexicon, functionals, a model's folder or hub name; default by modality."),
    ] = None,
    video_backbone: Annotated[Path | None, typer.Option(help="A LeVAsa run, whose encoder looks at the faces.")] = None,
    lexicon: Annotated[
        list[str] | None,
        typer.Option(
            help="A lexicon whose statistics are the words, or stand behind the text: glasgow=norms.csv; repeatable."
        ),
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Ready-made vectors: .npz (array=, files), .csv or .parquet with an id column.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the backbone, such as layers=[-1] or pooling=mean.")
    ] = None,
    media: Annotated[Path | None, typer.Option(help="Folder or zip of the media.")] = None,
    columns: Annotated[str, typer.Option(help="Our name of a column = theirs, such as text=sentence,id=key.")] = "",
    where: Annotated[str | None, typer.Option(help="Which rows, such as \"channel == 'speech'\".")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many rows, for a quick look.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows that go through the model at once.")] = 32,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Decoding threads; default one a core, at most 8. ray: of each actor, 1.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="local: this process; ray: actors of a Ray cluster, the same store.")
    ] = "local",
    actors: Annotated[
        int | None, typer.Option(min=1, help="ray: how many hold the model; default as many as there is room for.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="ray: of the cluster, such as auto; default $RAY_ADDRESS, else this machine.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, float16.")] = "float32",
    force: Annotated[bool, typer.Option(help="Make all anew.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Make, continue or add to a store of features: interrupted anywhere, the same command goes on."""
    from affectspace.corpora import parse_columns, read_corpus
    from affectspace.features import Backbone, Item, make_backbone
    from affectspace.features import extract as run
    from affectspace.features.backbones.vectors import read_vectors

    _require_fitting(modality, video_backbone, lexicon)
    corpus = read_corpus(name, path, where=where, media=media, columns=parse_columns(columns) if columns else None)
    if limit is not None and limit < len(corpus):
        corpus = corpus.take(range(limit))
    settings = _settings(set_ or [])
    if video_backbone is not None:
        settings["run"] = str(video_backbone)
    if lexicon:
        settings["lexicons"] = _lexicons(lexicon)
    made: Backbone
    items: list[Item] | None = None
    if vectors is not None:
        made, items = read_vectors(vectors, modality, corpus, **settings)
    else:
        here = "cpu" if engine == "ray" else device  # with Ray the actors have it
        made = make_backbone(modality, backbone, device=here, dtype=dtype, **settings)
    by = _engine(engine, actors, address, workers, device)
    with progress_bar(not as_json) as progress:
        done = run(corpus, made, out, items=items, batch_size=batch_size, engine=by, force=force, progress=progress)
    facts: dict[str, Any] = {
        "store": str(out), "backbone": made.name, "dimension": made.dimension, "licence": made.licence,
        "made": done.made, "kept": done.kept, "failed": done.failed, "failed_before": done.failed_before,
        "without": done.without, "reasons": done.reasons, "remarks": done.remarks,
        "failures": [{"id": name, "file": file, "reason": reason} for name, file, reason in done.failures],
        "seconds": round(done.seconds, 2), "left_out": dict(corpus.report.left_out), "notes": corpus.report.notes,
    }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for line in corpus.report.to_text().splitlines():
        typer.echo(f"{name}: {line}")
    rate = f", {done.made / done.seconds:,.1f} samples/s" if done.made else ""
    typer.echo(f"{done.made:,} vectors made{rate}; {done.kept:,} were there, {done.without:,} rows have no {modality}")
    _tell_failures(done)
    if done.remarks:
        typer.echo("read, with a remark:")
    for remark, count in sorted(done.remarks.items(), key=lambda one: -one[1]):
        typer.echo(f"  {count:,}  {remark}")
    typer.echo(f"{out}: {made.name}, {made.dimension} dimensions; licence of the backbone: {made.licence}")


def _tell_failures(done: "Extraction") -> None:
    """How many rows could not be read, by reason with the first of each, and where all of them stand."""
    if not done.failures:
        return
    count = len(done.failures)
    again = f", {done.failed_before:,} of them in an earlier run (--force tries again)" if done.failed_before else ""
    typer.echo(f"{count:,} row{'s' if count > 1 else ''} could not be read{again}:")
    by_reason: dict[str, list[str]] = {}
    for name, file, reason in done.failures:
        by_reason.setdefault(reason, []).append(f"{name} ({file})" if file else name)
    for reason, rows in sorted(by_reason.items(), key=lambda one: -len(one[1])):
        more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
        typer.echo(f"  {len(rows):,}  {reason}: {', '.join(rows[:SHOWN])}{more}")
    if count > SHOWN:
        typer.echo(f"  all of them with their reasons: {done.store.folder / 'index.parquet'}")


def _require_fitting(modality: str, run: Path | None, lexicon: list[str] | None) -> None:
    """Options of one modality, with that modality; and a run where a run is asked for. Raises ConfigError."""
    from affectspace.errors import ConfigError, RunError

    for option, given, of in (("--video-backbone", run, ("video",)), ("--lexicon", lexicon, ("words", "text"))):
        if given and modality not in of:
            raise ConfigError(f"{option} belongs to --modality {' or '.join(of)}; this is --modality {modality}")
    if run is not None:
        from affectspace.training.runs import open_run

        try:
            open_run(run)
        except RunError as error:
            raise ConfigError(
                f"--video-backbone: {error}; it takes the folder of a finished LeVAsa run, and any other encoder of "
                "pictures or clips goes by --backbone, as a folder or hub name"
            ) from error


def _engine(name: str, actors: int | None, address: str | None, workers: int | None, device: str) -> "Engine":
    """The engine by its name. Raises ConfigError for another name, and for a cluster's options without a cluster."""
    from affectspace.errors import ConfigError
    from affectspace.features import RayEngine
    from affectspace.features.extraction import Threads

    if name == "ray":
        return RayEngine(address, actors, workers or 1, device, gpus=1.0 if device.startswith("cuda") else 0.0)
    if name != "local":
        raise ConfigError(f"--engine {name!r}; there are local and ray")
    if actors is not None or address is not None:
        raise ConfigError("--actors and --address belong to --engine ray")
    return Threads(workers)


def _lexicons(written: list[str]) -> dict[str, str]:
    """NAME=FILE, each. Raises ConfigError for what is not of that form, and for a name that comes twice."""
    from affectspace.errors import ConfigError

    files: dict[str, str] = {}
    for text in written:
        name, equals, path = text.partition("=")
        if not equals or not path or name in files:
            raise ConfigError(f"--lexicon {text!r}: write it as NAME=FILE, such as glasgow=norms.csv, each name once")
        files[name] = path
    return files


def _settings(written: list[str]) -> dict[str, Any]:
    """key=value, values as in YAML. Raises ConfigError for what is not of that form."""
    import yaml

    from affectspace.errors import ConfigError

    settings: dict[str, Any] = {}
    for text in written:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise ConfigError(f"--set {text!r}: write it as key=value, such as layers=[-1]")
        try:
            settings[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {text!r}: {value!r} is not YAML ({' '.join(str(error).split())})") from error
    return settings
