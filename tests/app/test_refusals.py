"""What the service does not answer: each bad request has a clear refusal, and leaves nothing on the disk."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from fastapi.testclient import TestClient

Make = Callable[..., TestClient]
JSON = {"content-type": "application/json"}


def bomb(side: int = 30_000) -> bytes:
    """A small PNG that claims side x side pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
        + chunk(b"IEND", b"")
    )


def message_of(answer: Any, status: int, code: str | None = None) -> str:
    """The message of a refusal, whose form is checked."""
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message"}
    assert code in (None, answer.json()["error"]["code"])
    assert "Traceback" not in answer.text
    return answer.json()["error"]["message"]


@pytest.fixture
def service(client: Make) -> Iterator[TestClient]:
    """A service whose folder of uploads must be empty after each test."""
    service = client(files=3, texts=5, characters=1000, json_bytes=100_000, upload_bytes=1_000_000, seconds=60)
    yield service
    assert list(service.app.state.folder.iterdir()) == []
    assert service.app.state.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("name", "content", "status", "message"),
    [
        ("program", b"\x7fELF\x02\x01\x01" + bytes(99), 415, "program: neither a text, a sound"),
        ("paper.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", 415, "paper.pdf: neither"),
        ("page.html", b"<html><script>alert(1)</script></html>", 415, "page.html: neither"),
        ("empty.wav", b"", 422, "empty.wav: the file is empty"),
        ("empty", b"", 422, "empty: the file is empty"),
        ("voice.wav", b"RIFF\x00\x00", 422, "voice.wav: "),
        ("face.jpg", b"\xff\xd8\xff\xe0 cut off", 422, "face.jpg: "),
        ("note.txt", b"caf\xe9 cr\xe8me", 422, "note.txt: not a text in UTF-8"),
        ("long.txt", b"a" * 2000, 413, "long.txt: 2,000 characters; the most are 1,000"),
        ("large.jpg", bomb(), 422, "million pixels"),
        ("../../etc/passwd", b"root:x:0:0\n", 415, "passwd: neither"),
        ("C:\\Windows\\system.txt", b"", 422, "system.txt: the file is empty"),
        ("a\x1b[31m\u202e.txt", b"", 422, "a[31m.txt: the file is empty"),
        (".." + "/" * 300 + "x" * 3000 + ".txt", b"", 422, "x.txt: the file is empty"),
    ],
)
def test_a_bad_file_has_a_clear_answer(
    service: TestClient, name: str, content: bytes, status: int, message: str
) -> None:
    answer = service.post("/v1/predict", files=[("files", (name, content, "image/png"))])
    assert message in message_of(answer, status)
    assert str(service.app.state.folder) not in answer.text
    assert "upload1" not in answer.text


def test_a_clip_that_claims_ten_hours(
    service: TestClient, tone: Callable[..., bytes], clip: Callable[..., bytes]
) -> None:
    long = bytearray(clip(kind="matroska"))
    place = long.index(b"\x44\x89\x88") + 3  # its length in milliseconds
    long[place : place + 8] = struct.pack(">d", 36_000_000.0)
    for path, field in (("/v1/predict", "files"), ("/v1/trajectory", "file")):
        message = message_of(service.post(path, files={field: ("film.mkv", bytes(long))}), 413, "too_long")
        assert "send at most 60 s" in message
    sound = service.post("/v1/predict", files={"files": ("talk.wav", tone(61))})
    assert message_of(sound, 413, "too_long") == "talk.wav: 61 s; send at most 60 s"


def test_a_table_that_grows_when_it_is_unpacked(client: Make) -> None:
    service, file = client(text_bytes=1_000_000), io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("xl/worksheets/sheet1.xml", bytes(5_000_000))
    rows = pyarrow.table({"text": pyarrow.array(["a"] * 600_000).dictionary_encode()})
    parquet = io.BytesIO()
    pyarrow.parquet.write_table(rows, parquet)
    for name, content in (("talk.xlsx", file.getvalue()), ("talk.parquet", parquet.getvalue())):
        assert len(content) < 1_000_000
        message = message_of(service.post("/v1/trajectory", files={"file": (name, content)}), 413)
        assert f"{name}: the table has 5 MB when it is unpacked" in message
    message_of(service.post("/v1/trajectory", files={"file": ("talk.csv", b"text\n" + b"a\n" * 600_000)}), 413)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "not JSON"),
        (b"hello", 400, "not JSON"),
        (b'{"texts": ["a"', 400, "not JSON"),
        (b'{"texts": ["\xff\xfe"]}', 400, "not UTF-8 (byte 12)"),
        (b'{"texts": [NaN]}', 400, "NaN is no JSON number"),
        (b'{"texts": ["a"], "texts": ["b"]}', 400, "'texts' stands twice"),
        (b"[" * 50_000 + b"]" * 40_000, 400, "nested too deeply"),
        (b'["a"]', 422, "give keys and values, of texts, model"),
        (b"null", 422, "give keys and values, of texts, model"),
        (b"{}", 422, "texts: Field required"),
        (b'{"texts": "a"}', 422, "texts: give a list (given: 'a')"),
        (b'{"texts": [1]}', 422, "texts.0: "),
        (b'{"texts": [null]}', 422, "texts.0: "),
        (b'{"texts": ["\\ud800"]}', 400, "half of a character"),
        (b'{"texts": ["a"], "colour": 1}', 422, "unknown key 'colour'"),
        (b'{"texts": []}', 422, "nothing to predict"),
        (b'{"texts": [""]}', 422, "the text is empty"),
        (b'{"texts": ["a"], "model": "large"}', 422, "no model 'large'; choose from any, text"),
        (json.dumps({"texts": ["a"] * 6}).encode(), 413, "6 texts; send at most 5"),
        (json.dumps({"texts": ["a" * 1001]}).encode(), 413, "text 1 has 1,001 characters"),
        (b'{"texts": ["' + b"a" * 100_001 + b'"]}', 413, "larger than 100,000 bytes"),
    ],
)
def test_a_bad_body_has_a_clear_answer(service: TestClient, body: bytes, status: int, message: str) -> None:
    assert message in message_of(service.post("/v1/predict", content=body, headers=JSON), status)


def test_odd_texts_are_only_texts(service: TestClient, point_of: Callable[[str], list[float]]) -> None:
    texts = ["<script>alert('x')</script>", "a\0b", "\u202eevil\u0007", "{{7*7}} ${x} %s", "'; DROP TABLE x; --"]
    answer = service.post("/v1/predict", json={"texts": texts})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for text, prediction in zip(texts, answer.json()["predictions"], strict=True):
        assert prediction["valence"]["mean"] == pytest.approx(point_of(text)[0], abs=1e-4)


def test_a_form_with_too_much(service: TestClient) -> None:
    many = [("files", (f"{number}.txt", b"a")) for number in range(2000)]
    assert "more than 3 files" in message_of(service.post("/v1/predict", files=many), 413, "too_many")
    texts = service.post("/v1/predict", data={"texts": ["a"] * 2000}, files=[("files", ("a.txt", b"a"))])
    assert "fields" in message_of(texts, 413, "too_many")
    long = service.post("/v1/predict", data={"texts": ["a" * 5000]}, files=[("files", ("a.txt", b"a"))])
    assert "more than 1,000 characters" in message_of(long, 413)


@pytest.mark.parametrize(
    ("kind", "body", "status", "message"),
    [
        ("multipart/form-data", b"--x\r\n", 400, "boundary"),
        ("multipart/form-data; boundary=x", b"no form at all", 400, "the form cannot be read"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n",
            400,
            "name",
        ),
        ("text/plain", b"hello", 415, "text/plain; send"),
        ("application/octet-stream", b"\0", 415, "octet-stream"),
        ("", b"hello", 415, "of no type"),
    ],
)
def test_a_body_that_is_no_form(service: TestClient, kind: str, body: bytes, status: int, message: str) -> None:
    assert message in message_of(service.post("/v1/predict", content=body, headers={"content-type": kind}), status)


def test_a_claimed_gigabyte_is_refused_before_it_is_read(service: TestClient) -> None:
    def body() -> Iterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    headers = {"content-length": str(1 << 30), "content-type": "multipart/form-data; boundary=x"}
    answer = service.post("/v1/predict", content=body(), headers=headers)
    assert "larger than 0.9537 MB" in message_of(answer, 413, "too_large")
    assert answer.headers["connection"] == "close"


def test_a_body_that_grows_is_cut_off(service: TestClient) -> None:
    sent = []

    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
        for number in range(10_000):
            sent.append(number)
            yield bytes(10_000)

    answer = service.post("/v1/predict", content=body(), headers={"content-type": "multipart/form-data; boundary=x"})
    message_of(answer, 413, "too_large")


def test_wrong_methods_and_addresses(service: TestClient) -> None:
    assert "does not take this method" in message_of(service.get("/v1/predict"), 405, "wrong_method")
    assert "openapi.json" in message_of(service.get("/v1/nothing"), 404, "not_found")
    for path in (
        "/static/../service.py",
        "/static/%2e%2e/service.py",
        "/static/..%2fservice.py",
        "/static//etc/passwd",
    ):
        assert service.get(path).status_code == 404


def test_an_error_that_nobody_foresaw_tells_nothing(client: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from affectspace.prediction import Predictor

    def failing(*arguments: Any, **options: Any) -> None:
        raise RuntimeError("secret of the inside")

    service = client()
    monkeypatch.setattr(Predictor, "predict_many", failing)
    answer = service.post("/v1/predict", json={"texts": ["a"]})
    assert "its log has the reason" in message_of(answer, 500, "failed")
    assert "secret" not in answer.text


def test_a_key(client: Make) -> None:
    service = client(key="open-sesame")
    for path in ("/", "/healthz", "/static/index.html"):
        assert service.get(path).status_code == 200
    for path in ("/v1/models", "/metrics", "/openapi.json"):
        answer = service.get(path)
        assert "Authorization: Bearer" in message_of(answer, 401, "no_key")
        assert answer.headers["www-authenticate"] == "Bearer"
    ask = {"json": {"texts": ["a"]}}
    for headers in (
        {"x-api-key": "open"},
        {"authorization": "Bearer é".encode()},
        {"authorization": "Basic open-sesame"},
    ):
        message_of(service.post("/v1/predict", headers=headers, **ask), 401, "no_key")
    for headers in ({"x-api-key": "open-sesame"}, {"authorization": "bearer open-sesame"}):
        assert service.post("/v1/predict", headers=headers, **ask).status_code == 200


def test_other_hosts_and_other_sites(client: Make) -> None:
    local = client()
    for host in ("localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"):
        assert local.get("/healthz", headers={"host": host}).status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "", "["):
        message_of(local.get("/healthz", headers={"host": host}), 403, "wrong_host")
    same = {"origin": "http://127.0.0.1:8000"}
    assert local.post("/v1/predict", json={"texts": ["a"]}, headers=same).status_code == 200
    for origin in ("http://evil.example", "http://127.0.0.1:9000", "null"):
        answer = local.post("/v1/predict", json={"texts": ["a"]}, headers={"origin": origin})
        message_of(answer, 403, "wrong_origin")
        assert "access-control-allow-origin" not in answer.headers
    named = client(hosts=("affect.example",))
    assert named.get("/healthz", headers={"host": "affect.example"}).status_code == 200
    assert client(host="0.0.0.0").get("/healthz", headers={"host": "any.example"}).status_code == 200


def test_a_service_that_is_busy_or_slow(client: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading
    import time

    from affectspace.prediction import Predictor

    began, go_on = threading.Event(), threading.Event()

    def slow(self: Any, samples: Any, progress: Any) -> None:
        began.set()
        while not go_on.wait(0.01):
            progress(0, 1, "waiting")

    service = client(waiting=1, timeout=0.6)
    monkeypatch.setattr(Predictor, "predict_many", slow)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(service.post("/v1/predict", data={"texts": ["a"]})))
    thread.start()
    assert began.wait(10)
    busy = service.post("/v1/predict", data={"texts": ["b"]})
    assert "try again" in message_of(busy, 503, "busy")
    assert busy.headers["retry-after"] == "2"
    thread.join(10)
    assert "longer than 0.6 s" in message_of(answers[0], 503, "timeout")
    end = time.monotonic() + 5
    while service.app.state.work.running and time.monotonic() < end:  # the computation has stopped by itself
        time.sleep(0.01)
    assert service.app.state.work.running == 0


def test_metrics(client: Make) -> None:
    service = client()
    service.post("/v1/predict", json={"texts": ["a", "b"]})
    service.post("/v1/predict", json={"texts": []})
    service.get("/nothing/of/the/kind")
    lines = service.get("/metrics").text.splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values['affectspace_requests_total{path="/v1/predict",method="POST",status="200"}'] == "1"
    assert values['affectspace_requests_total{path="/v1/predict",method="POST",status="422"}'] == "1"
    assert values['affectspace_requests_total{path="other",method="GET",status="404"}'] == "1"
    assert values['affectspace_errors_total{status="422"}'] == "1"
    assert values['affectspace_request_seconds_bucket{path="/v1/predict",le="+Inf"}'] == "2"
    assert values['affectspace_request_seconds_count{path="/v1/predict"}'] == "2"
    assert values['affectspace_inputs_total{kind="text"}'] == "2"
    assert values["affectspace_in_flight"] == "1"  # the request for the metrics
    assert int(values["affectspace_memory_bytes"]) > 1e6


def test_workers_share_their_metrics(client: Make, tmp_path: Path) -> None:
    other = {'affectspace_requests_total{path="/healthz",method="GET",status="200"}': 5, "affectspace_workers": 1}
    (tmp_path / "metrics-1.json").write_text(json.dumps(other), encoding="utf-8")
    service = client(folder=tmp_path)
    service.get("/healthz")
    text = service.get("/metrics").text
    assert 'affectspace_requests_total{path="/healthz",method="GET",status="200"} 6' in text
    assert "affectspace_workers 2" in text


def test_a_client_that_goes_away_leaves_nothing(client: Make) -> None:
    import asyncio

    service = client()
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
    messages = [
        {"type": "http.request", "body": head + bytes(3 << 20), "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http", "method": "POST", "path": "/v1/predict", "raw_path": b"/v1/predict", "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=x")],
        "http_version": "1.1", "scheme": "http", "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    sent = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(service.app(scope, receive, send))
    assert list(service.app.state.folder.iterdir()) == []
    assert sent[0]["status"] == 499


def test_the_page_writes_no_html_from_texts() -> None:
    import affectspace.app.service as module

    scripts = sorted(module.PAGE.rglob("*.js"))
    for path in [*scripts, *module.PAGE.rglob("*.html")]:
        content = path.read_text("utf-8")
        for dangerous in (".innerHTML", ".outerHTML", "insertAdjacentHTML", "document.write", "eval(", "https://"):
            assert dangerous not in content, f"{path.name}: {dangerous}"
