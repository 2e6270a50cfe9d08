"""`affectspace serve`: predictions over HTTP, and the web page."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affectspace.cli.options import Device, existing_run
from affectspace.errors import ConfigError, DataError

if TYPE_CHECKING:
    from affectspace.app import Settings

KEY = "AFFECTSPACE_API_KEY"
GRACE = 20  # seconds that running requests have after Ctrl-C or SIGTERM


def serve(
    model: Annotated[
        str | None, typer.Option(help="Model that answers by default, as `affectspace models` lists it. Default: any.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="Folder of a finished run that answers by default instead.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder with the runs and studies that the page shows.")] = Path("runs"),
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. 127.0.0.1: this machine only; 0.0.0.0: every network of this machine."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 chooses a free one.")] = 8000,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Number of processes. Each loads the models on its own.")
    ] = 1,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help=f"File with the key that every request must send. Default: ${KEY}, or else no key."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Further host name that requests may use, for example behind a proxy. Can be repeated."),
    ] = None,
    max_upload: Annotated[int, typer.Option(min=1, max=100_000, help="Largest request in MB.")] = 200,
    max_seconds: Annotated[float, typer.Option(min=1, help="Longest sound or clip in seconds.")] = 900.0,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that one request may compute.")] = 300.0,
    warm: Annotated[bool, typer.Option("--warm", help="Load the models before the first request.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    device: Device = "auto",
) -> None:
    """Serve predictions over HTTP, and the web page, until Ctrl-C.

    Uploads are removed before the answer is sent. Only this machine reaches the service, unless --host says otherwise.
    """
    if run is not None and model is not None:
        raise ConfigError("--run and --model are different models; give one of them")
    if run is not None:
        existing_run(run)
    elif model not in (None, "any"):
        from affectspace.prediction.pretrained import shipped_model

        if shipped_model(str(model)).walks:
            raise ConfigError(f"{model} moves faces and predicts nothing; the tab Move has it without --model")
    key = read_key(api_key_file)
    try:
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401

        from affectspace.app import Limits, Settings
    except ImportError as error:
        raise ConfigError(f"serve needs {error.name}: pip install 'affectspace[serve]'") from error
    from affectspace.app.models import Models
    from affectspace.app.settings import MEGABYTE

    limits = Limits(upload_bytes=max_upload * MEGABYTE, seconds=max_seconds, timeout=timeout)
    settings = Settings(
        model=model or "any", run=run, runs=runs, device=device, host=host, hosts=tuple(allow_host or ()), key=key, warm=warm,
        limits=limits,
    )  # fmt: skip
    Models(settings)  # refuses the name of a run before any process starts
    listener = _listen(host, port)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listener.getsockname()[1]}"
    typer.echo(f"affectspace serves {url} (Ctrl-C stops it)")
    if not settings.is_local and key is None:
        typer.secho(
            f"note: {host} is reached from other machines, and no key is set: everybody there can use the service; set "
            f"--api-key-file or ${KEY}",
            err=True,
        )
    if open_:
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    _serve(settings, listener, workers)


def _serve(settings: Settings, listener: socket.socket, workers: int) -> None:
    """Run the service in this process, or in several, until a signal ends it; its temporary folder is removed."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from affectspace.app.service import VARIABLE, app_of_environment, new_folder

    folder = new_folder()
    settings = settings.model_copy(update={"folder": folder})
    os.environ[VARIABLE] = settings.model_dump_json()
    signal.signal(signal.SIGTERM, _end)  # the server repeats the signal when it has ended
    try:
        config = uvicorn.Config(
            app_of_environment if workers == 1 else f"{app_of_environment.__module__}:{app_of_environment.__name__}",
            factory=True, workers=workers, log_level="warning", server_header=False, timeout_graceful_shutdown=GRACE,
        )  # fmt: skip
        if workers == 1:
            uvicorn.Server(config).run(sockets=[listener])
        else:
            Multiprocess(config, sockets=[listener]).run()
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()
        shutil.rmtree(folder, ignore_errors=True)


def _end(number: int, frame: object) -> None:
    raise SystemExit(0)


def _listen(host: str, port: int) -> socket.socket:
    """Open the port. Raises ConfigError where it is taken, or the address is not of this machine."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, UnicodeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise ConfigError(
            f"cannot listen on {host} port {port}: {reason}; choose another --port, or another --host"
        ) from error


def read_key(path: Path | None = None) -> str | None:
    """Return the key in a file or in the environment. Raises DataError for a file that cannot be read or has none."""
    if path is None:
        key, place = os.environ.get(KEY, "").strip(), f"${KEY}"
    else:
        try:
            key, place = path.read_text("utf-8").strip(), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"--api-key-file {path}: cannot be read ({getattr(error, 'strerror', None) or error})"
            ) from None
        if not key:
            raise DataError(f"--api-key-file {path}: the file is empty; write the key into it")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise DataError(f"{place}: a key has visible ASCII characters only, without blanks")
    return key or None
