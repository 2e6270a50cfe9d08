"""`affectspace steer`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affectspace.cli.options import parse_backbones, refuse_overwrite
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, DataError

if TYPE_CHECKING:
    import numpy as np

    from affectspace.steering import Sampling, SteeredText


def steer(
    run: Annotated[Path, typer.Argument(help="A projector's finished run folder.")],
    text: Annotated[list[str] | None, typer.Option(help="A sentence; repeat at will.")] = None,
    file: Annotated[Path | None, typer.Option(help="A text file with a sentence a line.")] = None,
    valence: Annotated[
        str | None, typer.Option(help="low:high:step, such as -2:2:1, values with commas, or one value.")
    ] = None,
    arousal: Annotated[str | None, typer.Option(help="The same.")] = None,
    dominance: Annotated[str | None, typer.Option(help="The same. Axes that are not named stay as they are.")] = None,
    path: Annotated[
        str | None, typer.Option(help="Instead: corners v,a,d of the cube, such as '-1,0,0;1,1,0'.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Steps along --path.")] = 5,
    units: Annotated[
        str, typer.Option(help="sd: standard deviations of the training corpus; canonical: on [-1, 1].")
    ] = "sd",
    relative: Annotated[bool, typer.Option(help="Values are differences from the sentence's own affect.")] = False,
    candidates: Annotated[int, typer.Option(help="Texts a step, of which the best by our encoder is kept.")] = 6,
    guidance: Annotated[float | None, typer.Option(help="How far beyond neutral; 1: not at all.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of the sampling; 0: the likeliest words.")] = None,
    longest: Annotated[int | None, typer.Option(help="Tokens of a generated sentence.")] = None,
    seed: Annotated[int, typer.Option(help="Of the sampling; the same seed gives the same texts.")] = 0,
    calibrated: Annotated[bool, typer.Option(help="Whether asked values go through the run's calibration.")] = True,
    out: Annotated[Path | None, typer.Option(help="Write the table to this .csv as well.")] = None,
    language_model: Annotated[
        str | None, typer.Option(help="Where the run's language model is now: a folder or hub name.")
    ] = None,
    backbone: Annotated[
        list[str] | None, typer.Option(help="Where a backbone's weights are: text=FOLDER; repeat at will.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps.")] = "cpu",
    force: Annotated[bool, typer.Option(help="Replace --out where it is there.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Write sentences again at asked valence, arousal and dominance, by a frozen language model and a run's projector."""
    points = asked_points(valence, arousal, dominance, path, steps)
    texts = sentences_of(text or [], file)
    if out is not None and out.suffix.lower() != ".csv":
        raise ConfigError(f"--out {out}: the table is written as .csv; give it a name that ends so")
    refuse_overwrite((out,), force)

    import pandas as pd

    from affectspace.features.backbones.text import has_minilm
    from affectspace.steering import Steerer

    given = {"guidance": guidance, "temperature": temperature, "longest": longest}
    sampling = checked_sampling({name: value for name, value in given.items() if value is not None})
    with progress_bar(not json_) as progress:
        steerer = Steerer.of_run(
            run, device=device, language_model=language_model, backbones=parse_backbones(backbone),
            content="minilm" if has_minilm() else None,
        )  # fmt: skip
        found = steerer.steer(
            texts, points, units=units, relative=relative, candidates=candidates, calibrated=calibrated, seed=seed,
            sampling=sampling, progress=progress,
        )  # fmt: skip
    if out is not None:
        from affectspace.files import write_atomic

        table = pd.concat([one.table() for one in found])
        write_atomic(out, lambda partial: table.to_csv(partial, index=False))
    if json_:
        typer.echo(json.dumps([record(one) for one in found], indent=2, ensure_ascii=False))
        return
    for one in found:
        _show(one)
    clipped = sum(one.clipped for one in found)
    if clipped:
        typer.echo(
            f"{clipped} steps ask for more than the projector was trained on; they are at its limit "
            f"({steerer.projector.config.reach:g} sd of input)",
            err=True,
        )


def asked_points(
    valence: str | None, arousal: str | None, dominance: str | None, path: str | None, steps: int
) -> "np.ndarray":
    """Points (steps, 3), NaN for axes that stay. Raises ConfigError."""
    from affectspace.steering.targets import parse_path, parse_steps, target_points

    axes = {"valence": valence, "arousal": arousal, "dominance": dominance}
    given = {name: parse_steps(value, f"--{name}") for name, value in axes.items() if value is not None}
    if path is not None:
        if given:
            raise ConfigError(f"--path and --{next(iter(given))} both say where to go; give one of them")
        return parse_path(path, steps)
    if not given:
        raise ConfigError("nothing is asked for: give --valence, --arousal, --dominance, or --path")
    return target_points(**given)


def sentences_of(texts: list[str], file: Path | None) -> list[str]:
    """The sentences of --text and --file. Raises ConfigError without any, DataError for a file that cannot be read."""
    found = list(texts)
    if file is not None:
        from affectspace.prediction.sample import read_text

        lines = [line.strip() for line in read_text(file).splitlines()]
        if not any(lines):
            raise DataError(f"{file} has no sentence in it; write one a line")
        found += [line for line in lines if line]
    if not found:
        raise ConfigError("no sentence is given: use --text, or --file with a sentence a line")
    return found


def checked_sampling(given: dict[str, float]) -> "Sampling":
    """A Sampling. Raises ConfigError that names the option."""
    from pydantic import ValidationError

    from affectspace.steering.decoding import Sampling

    try:
        return Sampling.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"--{first['loc'][0]} {first['input']}: {first['msg'].lower()}") from None


def record(one: "SteeredText") -> dict[str, object]:
    """What --json says of one sentence; values in sd of the corpus, null for an axis that was left as it is."""
    from affectspace.affect import AXES

    def named(values: "np.ndarray") -> dict[str, float | None]:
        return {
            axis: None if value != value else round(float(value), 4) for axis, value in zip(AXES, values, strict=True)
        }

    written = [
        {
            "target": named(one.targets[step]), "text": text, "encoder": named(one.affect[step]),
            "content": None if one.content[step] != one.content[step] else round(float(one.content[step]), 4),
        }
        for step, text in enumerate(one.texts)
    ]  # fmt: skip
    return {"seed": one.seed, "seed_affect": named(one.seed_affect), "clipped": one.clipped, "steps": written}


def _show(one: "SteeredText") -> None:
    """A table of one sentence."""
    from rich.console import Console
    from rich.table import Table

    from affectspace.affect import AXES

    own = ", ".join(f"{axis} {value:+.2f}" for axis, value in zip(AXES, one.seed_affect, strict=True))
    table = Table(
        "asked", "encoder", "content", "text", title=f"{one.seed}  ({own}; sd of the corpus)", title_justify="left"
    )
    for step, text in enumerate(one.texts):
        asked = " ".join(f"{AXES[axis][0].upper()}{one.targets[step, axis]:+.2f}" for axis in one.target_axes)
        read = " ".join(f"{AXES[axis][0].upper()}{one.affect[step, axis]:+.2f}" for axis in one.target_axes)
        content = "-" if one.content[step] != one.content[step] else f"{one.content[step]:.2f}"
        table.add_row(asked, read, content, text or "(nothing)")
    Console().print(table, highlight=False)
