"""A service answers what this process would; it is asked again when it says so."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from score.scorers import remote
from tests.conftest import WriteRows
from tests.score.support import Score, answers
from tests.support.server import Server, serving

TEXTS = [f"{'the good film of ' * (i % 40)}angela merkel in berlin" for i in range(150)]
ROWS = [{"text": text} for text in TEXTS] + [
    {"text": ""},
    {"text": "b\0d"},
    {"text": " "},
]  # the last has labels


@pytest.mark.parametrize(
    "options",
    [
        ["--model", "mood"],
        ["--model", "mood", "--top-k", "1", "--threshold", "0.4", "--long-text", "window"],
        ["--model", "mood", "--long-text", "error"],
        ["--model", "names"],
        ["--model", "names", "--aggregation-strategy", "none", "--long-text", "window"],
    ],
)
def test_a_service_gives_the_same_output_as_this_process(
    options: list[str],
    server: Server,
    tiny_store: Path,
    score: Score,
    write_rows: WriteRows,
    tmp_path: Path,
) -> None:
    source = write_rows("in.jsonl", ROWS)
    local, remote = tmp_path / "local.jsonl", tmp_path / "remote.jsonl"
    assert score(source, *options, "--out", local, "--store", tiny_store)[0] == 3
    assert score(source, *options, "--out", remote, "--url", server.url)[0] == 3
    assert [_rounded(row) for row in answers(remote)] == [_rounded(row) for row in answers(local)]


def _rounded(row: dict) -> dict:  # type: ignore[type-arg]
    """Batches differ, and with them the last digit."""
    found = [
        {**one, "score": round(one["score"], 3)}
        for one in row.get("labels", row.get("entities", ()))
    ]
    return {**row, "labels": found, "entities": found}


def test_a_busy_service_is_asked_again_until_it_has_answered_every_row(
    tiny_store: Path, score: Score, write_rows: WriteRows, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    with serving(tiny_store, max_queue_seconds=0.0001) as busy, busy.client() as client:
        code, err = score(
            write_rows("in.jsonl", ROWS), "--model", "mood", "--out", out, "--url", busy.url,
            "--concurrency", 8,
        )  # fmt: skip
        metrics = client.get("/metrics").text
    assert code == 3, err
    assert re.search(r'classmark_requests_total\{.*status="429".*\} [1-9]', metrics)
    rows = answers(out)
    assert [row["row"] for row in rows] == list(range(len(ROWS)))
    assert sum("labels" in row for row in rows) == len(TEXTS) + 1


def test_lists_and_bodies_over_the_services_limits_are_sent_in_halves(
    tiny_store: Path, score: Score, write_rows: WriteRows, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    rows = [*ROWS, {"text": "good " * 500}]
    with serving(tiny_store, max_inputs=10, max_body_bytes=2000) as small:
        code, err = score(
            write_rows("in.jsonl", rows), "--model", "mood", "--out", out, "--url", small.url
        )
    assert code == 3, err
    *most, last = answers(out)
    assert sum("labels" in row for row in most) == len(TEXTS) + 1
    assert "over 2000 bytes" in last["error"]


def test_the_key_comes_from_the_environment(
    tiny_store: Path,
    score: Score,
    write_rows: WriteRows,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = tmp_path / "keys"
    digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of "secret"
    keys.write_text(f"someone predict {digest}\n")
    command = ["--model", "mood", "--out", tmp_path / "out.jsonl", "--url"]
    with serving(tiny_store, api_keys_file=keys) as locked:
        code, err = score(write_rows("in.jsonl", ROWS), *command, locked.url)
        assert code == 2
        assert "CLASSMARK_API_KEY" in err
        monkeypatch.setenv("CLASSMARK_API_KEY", "secret")
        code, err = score(write_rows("in.jsonl", ROWS), *command, locked.url)
    assert code == 3, err


class Stub(BaseHTTPRequestHandler):
    """A service that has other plans after its first answer."""

    version = 1
    status = 200

    def do_GET(self) -> None:
        self._send(200, b'{"models":[{"name":"m","status":"serving","version":1,'
                        b'"task":"sequence-classification"}]}')  # fmt: skip

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        result = b'{"tokens":1,"windows":1,"truncated":false,"labels":[]}'
        body = b'{"detail":"no such thing"}'
        if self.status == 200:
            body = b'{"version":%d,"results":[%s]}' % (self.version, result)
        self._send(self.status, body)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def stub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Stub) as service:
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{service.server_port}"
        service.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": 2}, "serves version 2 of m now"),
        ({"status": 404}, "answered 404: no such thing"),
        ({"status": 422}, "answered 422: no such thing"),
        ({"status": 503}, "gave no answer in 0 s (503)"),
    ],
)
def test_what_will_not_pass_by_itself_ends_the_run(
    changed: dict[str, int],
    said: str,
    stub: str,
    score: Score,
    write_rows: WriteRows,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote, "PATIENCE_SECONDS", 0.0)
    for name, value in changed.items():
        monkeypatch.setattr(Stub, name, value)
    source = write_rows("in.jsonl", [{"text": "good"}])
    code, err = score(source, "--model", "m", "--out", tmp_path / "o.jsonl", "--url", stub)
    assert code == 1
    assert said in err


@pytest.mark.parametrize(("given", "seconds"), [("3", 3.0), ("0.5", 0.5), ("soon", 1.0), ("", 1.0)])
def test_retry_after_is_honoured(given: str, seconds: float) -> None:
    response = httpx.Response(429, headers={"Retry-After": given} if given else {})
    assert remote._retry_after(response) == seconds
