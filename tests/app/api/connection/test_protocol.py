"""Every inference request is answered in one way, however it comes over the wire."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.schemas.answers import ClassifyAnswer, NerAnswer
from tests.support.server import Server

BODY = {"model": "mood", "inputs": ["a great movie", {"text": "so", "text_pair": "so"}]}
TIMEOUT = {"X-Request-Timeout-Seconds": "20"}


def request(body: dict[str, Any], *more: str, version: str = "1.1") -> bytes:
    content = json.dumps(body).encode()
    head = [f"POST /v1/classify HTTP/{version}", "Host: x", "Content-Type: application/json"]
    head += [f"Content-Length: {len(content)}", *more]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + content


def connect(server: Server) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def read(connection: socket.socket, answers: int) -> list[httpx.Response]:
    """Read so many answers, each told by its Content-Length."""
    found, data = [], b""
    while len(found) < answers:
        head, separator, rest = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        headers = [tuple(line.split(b": ", 1)) for line in lines[1:]] if separator else []
        length = int(dict(headers).get(b"content-length", 0))
        if separator and len(rest) >= length:
            status = int(lines[0].split()[1])
            found.append(httpx.Response(status, headers=headers, content=rest[:length]))
            data = rest[length:]
            continue
        received = connection.recv(65536)
        assert received, f"the connection ended after {len(found)} answers and {data!r}"
        data += received
    assert data == b""
    return found


@pytest.mark.parametrize(("route", "model"), [("classify", "mood"), ("ner", "names")])
def test_a_request_with_a_timeout_of_its_own_gets_the_same_answer(
    server: Server, route: str, model: str
) -> None:
    body = BODY | {"model": model, "inputs": ["paris is a great city", "a"]}
    with server.client() as client:
        plain = client.post(f"/v1/{route}", json=body)
        other = client.post(f"/v1/{route}", json=body, headers=TIMEOUT)
    assert plain.json() == other.json()
    assert set(plain.headers) == set(other.headers)
    assert plain.headers["content-type"] == other.headers["content-type"] == "application/json"


def test_answers_are_of_the_schema_that_is_described(server: Server) -> None:
    with server.client() as client:
        ClassifyAnswer.model_validate_json(client.post("/v1/classify", json=BODY).content)
        body = {"model": "names", "inputs": "paris is a great city"}
        NerAnswer.model_validate_json(client.post("/v1/ner", json=body).content)


def test_a_body_that_comes_in_pieces_is_read_to_its_end(server: Server) -> None:
    data = request(BODY)
    with connect(server) as connection:
        for part in (data[:10], data[10:-40], data[-40:-1], data[-1:]):
            connection.sendall(part)
            time.sleep(0.01)  # so that the parts leave apart; the answer is right either way
        (answer,) = read(connection, 1)
    assert answer.status_code == 200


def test_pipelined_requests_are_answered_in_their_order_whatever_they_are(
    server: Server,
) -> None:
    ids = [f"X-Request-Id: number-{n}" for n in range(6)]
    requests = [
        request(BODY, ids[0]),
        request(BODY, ids[1]),
        request({"inputs": []}, ids[2]),
        request(BODY, ids[3], "X-Request-Timeout-Seconds: 20"),
        b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: number-4\r\n\r\n",
        request(BODY, ids[5]),
    ]
    with connect(server) as connection:
        connection.sendall(b"".join(requests))
        answers = read(connection, len(requests))
    assert [a.headers["x-request-id"] for a in answers] == [f"number-{n}" for n in range(6)]
    assert [a.status_code for a in answers] == [200, 200, 422, 200, 200, 200]


def test_one_connection_carries_many_requests_until_its_client_asks_to_close(
    server: Server,
) -> None:
    with connect(server) as connection:
        for _ in range(3):
            connection.sendall(request(BODY))
            (answer,) = read(connection, 1)
            assert answer.status_code == 200
            assert "connection" not in answer.headers
        connection.sendall(request(BODY, "Connection: close"))
        (answer,) = read(connection, 1)
        assert answer.headers["connection"] == "close"
        assert connection.recv(1) == b""


def test_old_clients_are_answered_too(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(request(BODY, version="1.0"))
        (answer,) = read(connection, 1)
        assert answer.status_code == 200
        assert connection.recv(1) == b""


def test_a_client_that_waits_to_be_told_to_send_its_body_is_told(server: Server) -> None:
    head, _, content = request(BODY, "Expect: 100-continue").partition(b"\r\n\r\n")
    with connect(server) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(content)
        (answer,) = read(connection, 1)
    assert answer.status_code == 200


def test_a_body_in_chunks_is_read_to_its_end_and_no_further_than_the_limit(
    server: Server,
) -> None:
    content = json.dumps(BODY).encode()

    def chunks() -> Iterator[bytes]:
        yield content[:7]
        yield content[7:]

    def endless() -> Iterator[bytes]:
        yield b'{"model": "mood", "inputs": "'
        for _ in range(40):
            yield b"a" * 65_536
        yield b'"}'

    headers = {"content-type": "application/json"}
    with server.client() as client:
        assert client.post("/v1/classify", content=chunks(), headers=headers).status_code == 200
        refused = client.post("/v1/classify", content=endless(), headers=headers)
    assert refused.status_code == 413
    assert "1048576 bytes" in refused.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/v1/classify?x=1", "/v1/%63lassify", "http://localhost/v1/classify"]
)
def test_a_route_is_found_however_its_address_is_written(server: Server, path: str) -> None:
    with connect(server) as connection:
        connection.sendall(request(BODY).replace(b"/v1/classify", path.encode(), 1))
        (answer,) = read(connection, 1)
    assert answer.status_code == 200
    assert answer.json()["model"] == "mood"


def test_a_body_that_would_be_refused_is_not_asked_for(server: Server) -> None:
    head, _, _ = request(BODY, "Expect: 100-continue").partition(b"\r\n\r\n")
    length = str(len(json.dumps(BODY))).encode()
    with connect(server) as connection:
        connection.sendall(head.replace(length, b"2000000") + b"\r\n\r\n")
        (answer,) = read(connection, 1)
    assert answer.status_code == 413


def test_many_pipelined_refusals_are_answered_one_after_the_other(server: Server) -> None:
    one = request({"inputs": []})
    with connect(server) as connection:
        connection.sendall(one * 400)
        answers = read(connection, 400)
    assert {answer.status_code for answer in answers} == {422}


def test_a_timeout_that_is_none_is_refused_with_its_name(server: Server) -> None:
    with server.client() as client:
        for value in ("-1", "nan", "soon"):
            headers = {"X-Request-Timeout-Seconds": value}
            answer = client.post("/v1/classify", json=BODY, headers=headers)
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["field"] == "x-request-timeout-seconds"
