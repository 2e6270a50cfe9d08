"""A browser, a service in a process of its own, and files made for the tests.

Screenshots are in each test's temporary folder, and in the folder of AFFECTSPACE_SCREENSHOTS where that is set.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affectspace.synthetic.faces import render_face, sample_parameters

playwright = pytest.importorskip("playwright.sync_api", reason="the browser's tests need playwright")

COMMANDS = ("chromium", "chromium-browser", "google-chrome")
RATE = 16_000


def tone(seconds: float) -> np.ndarray:
    """A sound with the melody and the syllables of speech, float32."""
    times = np.arange(int(seconds * RATE)) / RATE
    pitch = 160 + 40 * np.sin(2 * np.pi * 0.6 * times) + 20 * np.sin(2 * np.pi * 3 * times)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, 40)) * (0.4 + 0.4 * np.sin(2 * np.pi * 3.5 * times).clip(0))
    return (0.6 * sound / np.abs(sound).max()).astype(np.float32)


def write_wav(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def drawn_face(valence: float, arousal: float, frame: int = 0) -> np.ndarray:
    return render_face(sample_parameters(valence, arousal, person=3, frame=frame), 256)


def write_clip(path: Path, seconds: float, rate: int = 10) -> Path:
    """An mp4 of a drawn face that changes, with a sound."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as file:
        pictures = file.add_stream("h264", rate=rate)
        pictures.width, pictures.height, pictures.pix_fmt = 256, 256, "yuv420p"
        sounds = file.add_stream("aac", rate=RATE)
        sounds.layout = "mono"
        for k in range(int(seconds * rate)):
            image = drawn_face(float(np.sin(k / 8)), 0.6 * float(np.cos(k / 8)), k)
            file.mux(pictures.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(pictures.encode())
        samples = tone(seconds)
        for start in range(0, len(samples) - 1024, 1024):
            piece = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="fltp", layout="mono")
            piece.sample_rate, piece.pts = RATE, start
            file.mux(sounds.encode(piece))
        file.mux(sounds.encode())
    return path


def write_camera(path: Path) -> Path:
    """A Y4M film of a drawn face in the middle of a grey picture, for Chromium's camera."""
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W320 H320 F5:1 Ip A1:1 C420jpeg\n")
        for k in range(6):
            picture = Image.new("RGB", (320, 320), "#777777")
            picture.paste(Image.fromarray(drawn_face(float(np.sin(k)), 0.4, k)), (32, 32))
            planes = picture.convert("YCbCr").split()
            file.write(
                b"FRAME\n" + planes[0].tobytes() + b"".join(one.resize((160, 160)).tobytes() for one in planes[1:])
            )
    return path


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with voice.wav, long.wav, face.png, clip.mp4 and broken.wav."""
    folder = tmp_path_factory.mktemp("media")
    write_wav(folder / "voice.wav", tone(3))
    write_wav(folder / "long.wav", tone(16))
    Image.fromarray(drawn_face(0.8, 0.5)).save(folder / "face.png")
    write_clip(folder / "clip.mp4", 6)
    (folder / "broken.wav").write_bytes(b"this is no sound")
    return folder


def _serve(folder: Path, *options: str) -> tuple[str, subprocess.Popen]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "affectspace", "serve", "--port", str(port), *options],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    for _ in range(600):
        assert process.poll() is None, (folder / "serve.log").read_text()
        try:
            urllib.request.urlopen(f"{address}/healthz", timeout=5).close()
            return address, process
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the service did not start in a minute")


@pytest.fixture(scope="session")
def start_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """``start_service(*options)``: the address of a new `affectspace serve` with these options."""
    processes = []

    def start(*options: str) -> str:
        address, process = _serve(tmp_path_factory.mktemp("serve"), *options)
        processes.append(process)
        return address

    yield start
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:  # it ends what it computes
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def service(start_service: Callable[..., str]) -> str:
    """The address of a service with the models that ship."""
    return start_service()


def _executable() -> str | None:
    own = os.environ.get("AFFECTSPACE_BROWSER")
    return own or next((path for path in map(shutil.which, COMMANDS) if path), None)


@pytest.fixture(scope="module")  # while it is open, an event loop runs, and no other test may start one
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["playwright.Browser"]:
    """Chromium with a microphone that plays a sound and a camera that shows a drawn face."""
    folder = tmp_path_factory.mktemp("devices")
    voice, camera = write_wav(folder / "voice.wav", tone(20)), write_camera(folder / "camera.y4m")
    flags = [
        "--no-sandbox",  # tests may run as root
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={voice}",
        f"--use-file-for-fake-video-capture={camera}",
    ]
    with playwright.sync_playwright() as engine:
        try:
            opened = engine.chromium.launch(executable_path=_executable(), args=flags)
        except playwright.Error as error:
            pytest.skip(f"no Chromium ({', '.join(COMMANDS)}, or playwright's own): {str(error).splitlines()[0]}")
        yield opened
        opened.close()


class Visit:
    """One page of the service in a browser of its own, with what went wrong on it."""

    def __init__(self, browser: "playwright.Browser", address: str, folder: Path, **options) -> None:
        self.address, self.folder = address, folder
        self.context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})
        self.context.set_default_timeout(60_000)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.problems: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._note)

    def _note(self, message: "playwright.ConsoleMessage") -> None:
        refused = "the server responded with a status of 4" in message.text  # the test asserts what the page says then
        if message.type in ("error", "warning") and not refused:
            self.problems.append(message.text)

    def open(self, tab: str = "") -> "playwright.Page":
        self.page.goto(f"{self.address}/{'#' if tab else ''}{tab}")
        self.page.wait_for_load_state("networkidle")
        return self.page

    def wait(self, expression: str) -> None:
        """Wait until an expression holds. Playwright's own way needs `eval`, which the page's policy forbids."""
        for _ in range(600):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"not within a minute: {expression}")

    def shoot(self, name: str) -> None:
        """Keep a screenshot."""
        self.page.wait_for_timeout(200)
        for folder in (self.folder, os.environ.get("AFFECTSPACE_SCREENSHOTS")):
            if folder:
                self.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)

    def close(self) -> None:
        self.context.close()
        assert not self.problems
        local = (self.address, "blob:", "data:")
        assert [url for url in self.requests if not url.startswith(local)] == []


@pytest.fixture
def visit(browser: "playwright.Browser", service: str, tmp_path: Path) -> Iterator[Callable[..., Visit]]:
    """``visit(address=..., **options of a context)``: a page; at the end it had no errors and asked nobody else."""
    visits = []

    def make(address: str = service, **options) -> Visit:
        visits.append(Visit(browser, address, tmp_path, **options))
        return visits[-1]

    yield make
    for one in visits:
        one.close()
