"""`affectspace serve`: predictions over HTTP, and the web page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectspace.cli.options import Device, existing_run
from affectspace.errors import ConfigError


def serve(
    model: Annotated[
        str | None, typer.Option(help="Model that answers by default, as `affectspace models` lists it. Default: any.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="Folder of a finished run that answers by default instead.")] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on. 0.0.0.0 is every network of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 is any free port.")] = 8000,
    device: Device = "auto",
) -> None:
    """Serve predictions over HTTP, and the web page, until Ctrl-C."""
    if run is not None and model is not None:
        raise ConfigError("--run and --model are different models; give one of them")
    if run is not None:
        existing_run(run)
    try:
        import uvicorn

        from affectspace.app import Settings, create_app
    except ImportError as error:
        raise ConfigError(f"serve needs {error.name}: pip install 'affectspace[serve]'") from error
    settings = Settings(model=model or "any", run=run, host=host, device=device)
    typer.echo(f"affectspace serves http://{host}:{port} (Ctrl-C stops it)")
    uvicorn.run(create_app(settings), host=host, port=port, log_level="warning", server_header=False)
