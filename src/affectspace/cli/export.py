"""`affectspace export`: a run's model as ONNX."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from affectspace.cli.progress import progress_bar


def export(
    run: Annotated[Path, typer.Argument(help="A finished run, on features or on faces.")],
    out: Annotated[Path, typer.Option(help="The file to write, such as model.onnx.")],
    force: Annotated[bool, typer.Option(help="Replace it where it is there.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Write a model with its standardisation, masks, fusion and calibration as one ONNX file, any batch size."""
    from affectspace.prediction import export_onnx

    with progress_bar(not json_) as progress:
        done = export_onnx(run, out, force=force, progress=progress)
    if json_:
        facts = {
            "path": str(done.path),
            "inputs": done.inputs,
            "outputs": done.outputs,
            "bytes": done.bytes,
            **done.facts,
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo(
        f"{done.path}: {done.bytes / 1e6:.1f} MB, a {done.facts['kind']} of affectspace {done.facts['affectspace']}"
    )
    typer.echo(f"inputs   {', '.join(done.inputs)}")
    typer.echo(f"outputs  {', '.join(done.outputs)}")
    if done.facts.get("calibrated") is False:
        typer.echo(f"not calibrated, without deviation: {done.facts['readout']['missing']}")
