"""Damaged and odd inputs of all commands: a clear error or the right value, never a traceback, a kill or a hang.

Each case is a real process with limits of memory and time. A case is a command, with one input replaced by a damaged one.
"""

import io
import os
import shutil
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

SECONDS, GIGABYTES = 60, 8
PROCESS = """
import os, resource, sys
os.chdir(folder)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for number, name in ((0, os.devnull), (1, "out.txt"), (2, "err.txt")):
    os.dup2(os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
sys.argv = ["affectspace", *arguments]
from affectspace.cli import main
main()
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended. status : None where it was killed after SECONDS"""

    status: int | None
    out: str
    error: str


@pytest.fixture(scope="session")
def run() -> Callable[..., Ended]:
    """Run a command in a process of its own: ``run(folder, "corpus", "list")``."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["torch", "pandas", "affectspace.cli.predict", "affectspace.training.fit"])

    def start(folder: Path, *arguments: object) -> Ended:
        names = {"arguments": [str(argument) for argument in arguments], "folder": folder, "limit": GIGABYTES * 2**30}
        process = context.Process(target=exec, args=(PROCESS, names))
        process.start()
        process.join(SECONDS)
        if alive := process.is_alive():
            process.kill()
            process.join()
        texts = [(folder / name).read_text(errors="replace") for name in ("out.txt", "err.txt")]
        return Ended(None if alive else process.exitcode, *texts)

    return start


def sound() -> bytes:
    """Half a second of a tone with noise."""
    time = np.arange(8000) / 16000
    tone = 0.4 * np.sin(2 * np.pi * 180 * time) + 0.02 * np.random.default_rng(0).normal(size=len(time))
    file = io.BytesIO()
    with wave.open(file, "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(16000)
        opened.writeframes((tone * 32767).astype("<i2").tobytes())
    return file.getvalue()


def picture(number: int = 0) -> bytes:
    """A picture of 48 x 48 pixels."""
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def clip() -> bytes:
    """A clip of eight frames."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width = stream.height = 48
        for number in range(8):
            frame = av.VideoFrame.from_ndarray(np.array(Image.open(io.BytesIO(picture(number)))), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def table() -> str:
    """Sixty rows of six people, with texts, emotions, values and times."""
    random = np.random.default_rng(0)
    words = ["good", "happy", "love", "bad", "sad", "awful", "day", "house", "great", "terrible"]
    emotions = ["happiness", "sadness", "anger", "neutral"]
    lines = ["id,text,emotion,valence,arousal,person,seconds,audio,image,video"]
    for row in range(60):
        text = " ".join(random.choice(words, 6))
        values = ",".join(f"{value:.3f}" for value in random.uniform(-0.9, 0.9, 2))
        lines.append(f"r{row:02d},{text},{emotions[row % 4]},{values},p{row % 6},{row}.5,a.wav,a.png,a.mp4")
    return "\n".join(lines) + "\n"


CONFIG = """
data:
  split: {scheme: person}
  corpora:
    own: {corpus: table, path: words.csv, features: {units: store}}
model: {kind: manifold, private: 2}
fit: {epochs: 2, batch_size: 16, checkpoint_seconds: 0}
"""

LEVASA = """
data: {corpus: faces, path: faces}
model: {kind: levasa, image_size: 32, width: 4, chunk: 4}
fit: {epochs: 1, batch_size: 16}
"""


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory, run: Callable[..., Ended]) -> Path:
    """A folder of sound inputs: a table, media, vectors, a store, a lexicon, ellipses, and runs on vectors and on images."""
    folder = tmp_path_factory.mktemp("good")
    (folder / "words.csv").write_text(table())
    (folder / "few.csv").write_text("".join(table().splitlines(keepends=True)[:4]))
    for name, content in (("a.wav", sound()), ("a.png", picture()), ("a.mp4", clip())):
        (folder / name).write_bytes(content)
    ids = np.array([f"r{row:02d}" for row in range(60)])
    vectors = np.random.default_rng(1).normal(size=(60, 8)).astype(np.float32)
    np.savez(folder / "units.npz", ids=ids, vectors=vectors)
    lines = [f"{name},{','.join(f'{value:.4f}' for value in row)}" for name, row in zip(ids, vectors, strict=True)]
    (folder / "units.csv").write_text("\n".join(["id," + ",".join(f"x{k}" for k in range(8)), *lines]) + "\n")
    (folder / "lexicon.csv").write_text("word,v,a\ngood,0.8,0.4\nbad,-0.7,0.5\nhouse,0.1,-0.2\n")
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "levasa.yaml").write_text(LEVASA)
    for command in (
        ("annotate", "fit", "words.csv", "--out", "ellipses.json"),
        ("extract", "table", "words.csv", "--modality", "units", "--vectors", "units.npz", "--out", "store"),
        ("train", "config.yaml", "--out", "run"),
        ("corpus", "make", "faces", "faces", "--n", "60", "--size", "32", "--people", "10"),
        ("train", "levasa.yaml", "--out", "levasa"),
    ):
        ended = run(folder, *command)
        assert ended.status == 0, f"{command}: {ended.error}"
    return folder


Damage = Callable[[Path], None]


def _write(content: bytes | str) -> Damage:
    def damage(path: Path) -> None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return damage


def _changed(change: Callable[[bytes], bytes]) -> Damage:
    return lambda path: _write(change(path.read_bytes()))(path) if path.is_file() else None


def _flipped(content: bytes) -> bytes:
    flipped = bytearray(content)
    for place in np.random.default_rng(0).integers(0, len(content), 12):
        flipped[place] ^= 0xFF
    return bytes(flipped)


def _instead(make: Callable[[Path], object]) -> Damage:
    def damage(path: Path) -> None:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        make(path)

    return damage


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"
ANY_FILE: dict[str, Damage] = {
    "empty": _write(b""),
    "spaces": _write(b"   \n\n"),
    "truncated": _changed(lambda content: content[: len(content) // 2]),
    "flipped": _changed(_flipped),
    "zeros": _changed(lambda content: bytes(len(content))),
    "html": _write("<!DOCTYPE html><html><body>404 not found</body></html>"),
    "pointer": _write(POINTER),
    "picture": _write(picture()),
    "folder": _instead(lambda path: path.mkdir()),
    "missing": _instead(lambda path: None),
    "loop": _instead(lambda path: path.symlink_to(path)),
    "broken link": _instead(lambda path: path.symlink_to("nowhere")),
    "pipe": _instead(os.mkfifo),
    "deep json": _write("[" * 100_000),
    "list": _write("[1, 2, 3]"),
    "latin": _changed(lambda content: content + b"\xe9\xff\xfe"),
}

OF_VECTORS = ("--id-column", "id", "--run", "run", "--prefix", "new_", "--out", "out.csv", "--vectors")

# what is replaced, by which command it is read; {} stands for the damaged file
TEXT_FILES = {
    "words.csv": [
        ("annotate", "sample", "{}", "--prefix", "new_", "--out", "out.csv"),
        ("annotate", "label", "{}", "--prefix", "new_", "--out", "out.csv"),
        ("annotate", "fit", "{}", "--out", "out.json"),
        ("annotate", "evaluate", "{}"),
        ("lexicon", "score", "{}", "--text", "text", "--prefix", "new_", "--out", "out.csv"),
        ("lexicon", "dynamics", "{}", "--speaker", "person", "--text", "text", "--time", "seconds", "--out", "out"),
        ("corpus", "describe", "table", "{}"),
        ("extract", "table", "{}", "--modality", "units", "--vectors", "units.npz", "--out", "out"),
        ("train", "config.yaml", "--out", "out"),
        ("predict", "{}", *OF_VECTORS, "units=units.npz"),
        ("evaluate", "run"),
    ],
    "units.npz": [
        ("extract", "table", "words.csv", "--modality", "units", "--vectors", "{}", "--out", "out"),
        ("predict", "words.csv", *OF_VECTORS, "units={}"),
    ],
    "units.csv": [
        ("extract", "table", "words.csv", "--modality", "units", "--vectors", "{}", "--out", "out"),
        ("predict", "words.csv", *OF_VECTORS, "units={}"),
    ],
    "lexicon.csv": [
        ("lexicon", "score", "words.csv", "--text", "text", "--lexicon", "{}", "--columns", "term=word,valence=v,arousal=a",
         "--prefix", "new_", "--out", "out.csv"),
    ],
    "ellipses.json": [
        ("annotate", "sample", "words.csv", "--transfer", "{}", "--prefix", "new_", "--out", "out.csv"),
        ("annotate", "label", "words.csv", "--transfer", "{}", "--prefix", "new_", "--out", "out.csv"),
        ("annotate", "plot", "--transfer", "{}", "--out", "out.png"),
    ],
    "config.yaml": [("train", "{}", "--out", "out")],
}  # fmt: skip
MEDIA_FILES = {
    "a.wav": [
        ("extract", "table", "few.csv", "--modality", "audio", "--backbone", "functionals", "--media", ".", "--out", "out"),
    ],
    "a.mp4": [
        ("extract", "table", "few.csv", "--modality", "video", "--backbone", "gradients", "--media", ".", "--out", "out"),
    ],
    "a.png": [
        ("predict", "{}", "--run", "levasa", "--no-crop", "--out", "out.csv"),
        ("traverse", "levasa", "--image", "{}", "--crop", "middle", "--out", "out"),
    ],
}  # fmt: skip
FOLDERS = {
    "run": [
        ("predict", "words.csv", *OF_VECTORS, "units=units.npz"),
        ("evaluate", "run"),
        ("export", "run", "--out", "out.onnx"),
    ],
    "levasa": [
        ("predict", "a.png", "--run", "levasa", "--no-crop", "--out", "out.csv"),
        ("traverse", "levasa", "--image", "a.png", "--crop", "middle", "--out", "out"),
    ],
    "store": [
        ("train", "config.yaml", "--out", "out"),
        ("extract", "table", "words.csv", "--modality", "units", "--vectors", "units.npz", "--out", "store"),
    ],
}
OF_A_RUN = ("run.json", "config.yaml", "split.csv", "model/config.json", "model/model.safetensors", "history.csv")
INSIDE = {"run": OF_A_RUN, "levasa": OF_A_RUN, "store": ("*.json", "*.parquet", "*.safetensors")}
IN_FOLDERS = ("empty", "truncated", "flipped", "zeros", "html", "folder", "missing", "deep json", "list", "loop")


def cases() -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Yield (input, file of it or "", damage, command)."""
    for files in (TEXT_FILES, MEDIA_FILES):
        for name, commands in files.items():
            for damage in ANY_FILE:
                yield from ((name, "", damage, command) for command in commands)
    for name, commands in FOLDERS.items():
        for inner in INSIDE[name]:
            for damage in IN_FOLDERS:
                yield from ((name, inner, damage, command) for command in commands)


def named(case: tuple[str, str, str, tuple[str, ...]]) -> str:
    name, inner, damage, command = case
    return f"{inner or name} {damage}: {' '.join(command[:2])}"


@pytest.fixture(scope="session")
def expected(good: Path, run: Callable[..., Ended], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict]:
    """What a command writes from sound inputs, computed once."""
    known: dict[tuple[str, ...], dict[str, bytes]] = {}

    def compute(command: tuple[str, ...], name: str) -> dict[str, bytes]:
        if command not in known:
            folder = shutil.copytree(good, tmp_path_factory.mktemp("sound") / "in", symlinks=True)
            ended = run(folder, *(part.replace("{}", name) for part in command))
            assert ended.status == 0, f"sound inputs are refused: {ended.error}"
            known[command] = written(folder)
        return known[command]

    return compute


def written(folder: Path) -> dict[str, bytes]:
    """Numbers that a command wrote: tables, ellipses, vectors and weights. Reports and records of time are left out."""
    names = ("out*.csv", "out.json", "out/*.safetensors", "out/model/*.safetensors", "out/summary.csv")
    return {str(path.relative_to(folder)): path.read_bytes() for pattern in names for path in folder.glob(pattern)}


def check(ended: Ended) -> None:
    """Assert that a command ended by itself, with success or with an error that it explains."""
    assert ended.status is not None, f"still running after {SECONDS} s"
    assert ended.status >= 0, f"killed by signal {-ended.status}: {ended.error[-500:]}"
    assert "Traceback (most recent call last)" not in ended.out + ended.error, ended.error[-1500:]
    assert ended.status in (0, 1, 2)
    assert ended.status == 0 or ended.error.strip() or ended.out.strip(), "refused without a word"


NUMBERS = ("-1", "nan", "inf", "1e30", "99999999999999999999", "")
OF_NUMBERS = {  # a command that works -> its options that take a number
    "annotate sample words.csv --prefix new_ --levels --out out.csv": "--n-sigma --steps --seed",
    "annotate label words.csv --prefix new_ --out out.csv": "--abstain",
    "annotate plot --out out.png": "--n-sigma --steps",
    "lexicon score words.csv --text text --method contextual --prefix new_ --out out.csv": "--neutral-band",
    "lexicon dynamics words.csv --speaker person --text text --out out": "--window --min-words --width --level --shortest",
    "extract table words.csv --modality units --vectors units.npz --out out": "--limit --batch-size --workers",
    "train config.yaml --out out": "--folds --workers",
    "predict words.csv --text-column text --out out.csv": "--window --step --actors",
    "traverse levasa --image a.png --crop middle --gif --out out": "--frames --strength --valence --arousal",
    "corpus make faces out --n 4 --size 32": "--n --size --people --seed",
    "corpus make speakers out --n 4 --people 2 --modalities text": "--n --people --seed --size --fps",
    "demo --out out": "--workers",
}
ODD_NUMBERS = [
    (command, option, value)
    for command, options in OF_NUMBERS.items()
    for option in options.split()
    for value in NUMBERS
]


@pytest.mark.parametrize("case", ODD_NUMBERS, ids=lambda case: f"{case[0].split(' -')[0]} {case[1]} {case[2]}")
def test_an_odd_number_is_refused_or_used(
    case: tuple[str, str, str], good: Path, run: Callable[..., Ended], tmp_path: Path
) -> None:
    command, option, value = case
    folder = shutil.copytree(good, tmp_path / "in", symlinks=True)
    check(run(folder, *command.split(), option, value))


SETTINGS = (
    *(
        f"fit.{key}={value}"
        for key in ("seed", "threads", "epochs", "batch_size")
        for value in ("-1", "1e30", "[]", "100000000")
    ),
    *(f"fit.learning_rate={value}" for value in ("nan", "inf", "-1", "1e30", "{}")),
    *(
        f"model.{key}={value}"
        for key in ("private", "kind", "modalities", "dropout")
        for value in ("-1", "[a]", "{a: 1}", "1e12")
    ),
    *(
        f"data.corpora.own.{key}={value}"
        for key in ("weight", "path", "features", "split")
        for value in ("nan", "[]", "-1", "''")
    ),
    *(
        "fit.precision=64-true",
        "fit.accelerator=tpu",
        "fit=3",
        "model=[]",
        "data=x",
        "a.b.c=1",
        "=",
        "fit.seed",
        "data.cache=/proc/x",
    ),
)


@pytest.mark.parametrize("setting", SETTINGS)
def test_an_odd_setting_is_refused_or_used(setting: str, good: Path, run: Callable[..., Ended], tmp_path: Path) -> None:
    folder = shutil.copytree(good, tmp_path / "in", symlinks=True)
    check(run(folder, "train", "config.yaml", "--out", "out", "--set", setting))


@pytest.mark.parametrize("case", list(cases()), ids=named)
def test_a_damaged_input_is_refused_or_read_right(
    case: tuple[str, str, str, tuple[str, ...]],
    good: Path,
    run: Callable[..., Ended],
    expected: Callable[..., dict[str, bytes]],
    tmp_path: Path,
) -> None:
    name, inner, damage, command = case
    sound_output = expected(command, name)
    folder = shutil.copytree(good, tmp_path / "in", symlinks=True)
    places = sorted((folder / name).rglob(inner)) if inner else [folder / name]
    if not places:
        pytest.skip(f"a {name} has no {inner}")
    ANY_FILE[damage](places[0])
    ended = run(folder, *(part.replace("{}", name) for part in command))
    check(ended)
    said = ended.out + ended.error
    if ended.status == 0:
        same = written(folder) == sound_output
        noted = places[0].name.split(".")[0] in said or "left out" in said or "note" in said.lower()
        assert same or noted, f"other numbers than from the sound input, without a word:\n{said[-1500:]}"
