"""`affectspace export`: a run's model as ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectspace.cli.options import AsJson, Force, RunFolder, print_json
from affectspace.cli.progress import progress_bar


def export(
    run: RunFolder,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write, such as model.onnx.")],
    force: Force = False,
    json_: AsJson = False,
) -> None:
    """Write the model of a run as one ONNX file for any batch size.

    The file contains standardisation, masks, fusion and calibration, but not the backbones.
    """
    from affectspace.prediction import export_onnx

    with progress_bar(not json_) as progress:
        done = export_onnx(run, out, force=force, progress=progress)
    facts = done.facts
    if json_:
        files = {"path": str(done.path), "inputs": done.inputs, "outputs": done.outputs, "bytes": done.bytes}
        print_json({**files, **facts})
        return
    typer.echo(f"{done.path}: {done.bytes / 1e6:.1f} MB, {facts['kind']}, affectspace {facts['affectspace']}")
    typer.echo(f"inputs   {', '.join(done.inputs)}")
    typer.echo(f"outputs  {', '.join(done.outputs)}")
    if facts.get("calibrated") is False:
        typer.echo(f"not calibrated and without deviation: {facts['readout']['missing']}")
