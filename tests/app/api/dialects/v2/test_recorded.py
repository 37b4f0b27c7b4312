"""Requests byte for byte as real clients sent them, and the answers these clients understood."""

import http.client
import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.app.api.dialects.conftest import Own
from tests.app.api.dialects.v2.wire import HEAD_LENGTH, read_tensors
from tests.support.server import Server

RECORDED = Path(__file__).parent / "recorded"
# What the scripts that were recorded had asked.
TRITON = ["a great movie", "\u4f60\u597d \U0001f468\u200d\U0001f469\u200d\U0001f467 bad film"]
PAIRS = [{"text": one, "text_pair": two} for one, two in zip(TRITON, TRITON[::-1], strict=True)]
INPUTS: dict[str, list[Any]] = {
    "kserve-json": ["a great movie", "\u4f60\u597d bad film"],
    "kserve-binary": ["a great movie", "\u4f60\u597d bad film"],
    "mlserver-json": ["a great movie"],
    "mlserver-binary": ["bad film", "good plot"],
    "perf-analyzer": ["a great movie", "bad film plot", "the bank rates", "a great movie"],
    "triton-pair": PAIRS,
}
BINARY = (
    "2d", "aio", "binary", "classes", "deflate", "gzip", "json-in-binary-out", "pair", "version",
)  # fmt: skip
ALL_BINARY = {f"triton-{name}" for name in BINARY} | {"perf-analyzer", "mlserver-json"}


def replay(server: Server, name: str) -> tuple[bytes, http.client.HTTPResponse]:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall((RECORDED / f"{name}.http").read_bytes())
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.read(), response


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in RECORDED.glob("*.http") if path.stem != "triton-index")
)
def test_a_recorded_request_is_answered_as_our_own_route_answers(
    dialect_server: Server, own: Own, name: str
) -> None:
    content, response = replay(dialect_server, name)
    assert response.status == 200, content
    head_length = response.headers.get(HEAD_LENGTH)
    head, rows = read_tensors(content, head_length)
    if name in ALL_BINARY:
        assert all("data" not in one for one in head["outputs"])
    expected = own(head["model_name"], INPUTS.get(name, TRITON))
    best = [labels[0] for labels in expected] if head["model_name"] == "mood" else []
    for output, found in rows.items():
        if output == "label":
            assert [row[0] for row in found] == [one["label"] for one in best]
        elif output == "score":
            assert [row[0] for row in found] == pytest.approx([one["score"] for one in best])
        elif output == "scores" and name == "triton-classes":
            assert [len(row) for row in found] == [2] * len(best)
        elif output == "scores":
            assert [max(row) for row in found] == pytest.approx([one["score"] for one in best])
        else:
            assert output in ("entities", "output")
            assert [json.loads(row[0]) for row in found] == (best or expected)


def test_a_request_for_the_index_has_no_body_and_no_type(dialect_server: Server) -> None:
    content, response = replay(dialect_server, "triton-index")
    assert response.status == 200
    assert set(re.findall(rb'"name":"(\w+)"', content)) >= {b"mood", b"names"}
