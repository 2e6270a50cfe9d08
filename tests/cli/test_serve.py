"""`affectspace serve` as a process: it says where it is, answers, and ends cleanly; and what it refuses."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.errors import AffectspaceError


@contextmanager
def ending(process: subprocess.Popen) -> Iterator[None]:
    """Kill a process that is left by a test that fails."""
    try:
        yield
    finally:
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_ends_with_a_signal(tmp_path: Path, number: int) -> None:
    (tmp_path / "key").write_text("open-sesame\n")
    (tmp_path / "affectspace-serve-999999999-x").mkdir()  # of a service that was killed
    command = [sys.executable, "-m", "affectspace", "serve", "--port", "0", "--api-key-file", str(tmp_path / "key")]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process, ending(process):
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"affectspace serves (http://127\.0\.0\.1:\d+) \(Ctrl-C stops it\)\n", line)
        assert match, line
        with httpx.Client(base_url=match[1], timeout=60) as client:
            assert client.get("/healthz").json()["status"] == "ok"
            assert client.get("/v1/models").status_code == 401
            assert client.get("/v1/models", headers={"X-API-Key": "open-sesame"}).status_code == 200
            assert len(list(tmp_path.glob("affectspace-serve-*"))) == 1
        with socket.create_connection(("127.0.0.1", int(match[1].rpartition(":")[2])), timeout=30) as connection:
            head = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nX-API-Key: open-sesame\r\n"
            connection.sendall(f"{head}Content-Length: {1 << 30}\r\n\r\n".encode())  # and no body
            answer = connection.makefile("rb").read()  # until the service closes the connection
            assert b" 413 " in answer.splitlines()[0]
        process.send_signal(number)
        rest, errors = process.communicate(timeout=60)
    assert (process.returncode, rest, errors) == (0, "", "")
    assert list(tmp_path.glob("affectspace-serve-*")) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "text", "--run", "runs/a"], "--run and --model are different models"),
        (["--model", "large"], "no model 'large'"),
        (["--run", "nowhere"], "nowhere"),
        (["--api-key-file", "nowhere"], "--api-key-file nowhere: cannot be read"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
        (["--host", "no host"], "cannot listen on no host"),
    ],
)
def test_what_cannot_be_served(options: list[str], message: str) -> None:
    with pytest.raises(AffectspaceError, match=re.escape(message)):
        CliRunner().invoke(app, ["serve", *options], catch_exceptions=False)


def test_a_port_that_is_taken_and_bad_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(AffectspaceError, match="Address already in use; choose another --port"):
            CliRunner().invoke(app, ["serve", "--port", port], catch_exceptions=False)
    for content, message in (("", "is empty"), ("two words", "visible ASCII"), ("kl\u00fcssel", "visible ASCII")):
        (tmp_path / "key").write_text(content, encoding="utf-8")
        with pytest.raises(AffectspaceError, match=message):
            CliRunner().invoke(app, ["serve", "--api-key-file", str(tmp_path / "key")], catch_exceptions=False)
