"""`affectspace corpus make`: drawn faces, and people who speak."""

from pathlib import Path
from typing import Annotated

import typer

from affectspace.cli.progress import progress_bar

app = typer.Typer(no_args_is_help=True, help="Corpora that are made here.")


@app.callback()
def _kinds() -> None:
    pass


@app.command()
def faces(
    out: Annotated[Path, typer.Argument(help="Folder for index.csv and faces.zip.")],
    n: Annotated[int, typer.Option("--n", min=1, help="How many faces.")] = 2000,
    size: Annotated[int, typer.Option(min=16, max=1024, help="Pixels of a side.")] = 64,
    people: Annotated[int, typer.Option(min=1, help="How many different people.")] = 40,
    seed: Annotated[int, typer.Option(help="The same seed draws the same faces.")] = 0,
    level_labels: Annotated[
        Path | None,
        typer.Option(help="JSON of AFEW-VA's form, NNN_FFFFF -> [valence, arousal]: a face a frame, a person a clip."),
    ] = None,
    force: Annotated[bool, typer.Option(help="Draw over a folder that holds other faces.")] = False,
) -> None:
    """Draw faces whose valence and arousal are known; read them with the reader `faces`."""
    from affectspace.synthetic.faces import labels_from_levels, make_faces

    labels = None if level_labels is None else labels_from_levels(level_labels)
    with progress_bar() as progress:
        corpus = make_faces(
            out, n=n, labels=labels, size=size, people=people, seed=seed, progress=progress, force=force
        )
    typer.echo(f"{len(corpus.table):,} faces of {corpus.table['person'].nunique():,} people: {out}")


@app.command()
def speakers(
    out: Annotated[Path, typer.Argument(help="Folder for index.csv and the texts, recordings and clips.")],
    n: Annotated[int, typer.Option("--n", min=2, help="How many utterances.")] = 400,
    people: Annotated[int, typer.Option(min=2, help="How many different people.")] = 20,
    seed: Annotated[int, typer.Option(help="The same seed makes the same corpus.")] = 0,
    turns: Annotated[int | None, typer.Option(min=2, max=99, help="Utterances of a dialogue.")] = None,
    modalities: Annotated[str, typer.Option(help="Which are made.")] = "text,audio,video",
    missing: Annotated[str, typer.Option(help="Shares of rows without a modality, such as text=.2,video=.3.")] = "",
    size: Annotated[int, typer.Option(min=32, max=512, help="Pixels of a clip's side, even.")] = 64,
    fps: Annotated[float, typer.Option(min=1, max=60, help="Frames of a clip a second.")] = 10.0,
    sound_in_video: Annotated[bool, typer.Option("--sound-in-video", help="The voice in the clips, too.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes (default: one a core).")] = None,
    force: Annotated[bool, typer.Option(help="Make anew in a folder that holds another such corpus.")] = False,
) -> None:
    """Make people who speak, with known valence, arousal and dominance; read them with the reader `speakers`."""
    from affectspace.synthetic.speakers import make_speakers

    with progress_bar() as progress:
        corpus = make_speakers(
            out,
            n=n,
            people=people,
            seed=seed,
            turns=turns,
            modalities=[name.strip() for name in modalities.split(",") if name.strip()],
            missing=_shares(missing),
            size=size,
            fps=fps,
            sound_in_video=sound_in_video,
            workers=workers,
            progress=progress,
            force=force,
        )
    typer.echo(f"{len(corpus.table):,} utterances of {corpus.table['person'].nunique():,} people: {out}")


def _shares(text: str) -> dict[str, float]:
    """``text=.2,video=.3`` -> shares. Raises ConfigError for what is not of that form."""
    from affectspace.errors import ConfigError

    shares = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, share = part.partition("=")
        try:
            shares[name.strip()] = float(share)
        except ValueError as error:
            raise ConfigError(f"--missing {text!r}: {part!r} is not MODALITY=SHARE, such as text=.2") from error
    return shares
