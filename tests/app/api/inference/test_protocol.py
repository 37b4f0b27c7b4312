"""Plain requests take a shorter way; over the wire nobody can tell."""

import json
import socket
import time
from typing import Any

import httpx
import pytest

from app.schemas import ClassifyAnswer, NerAnswer
from tests.support.server import Server

BODY = {"model": "mood", "inputs": ["a great movie", {"text": "so", "text_pair": "so"}]}
# A request that says how much time it has is answered by the framework.
NOT_PLAIN = {"X-Request-Timeout-Seconds": "20"}


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
def test_a_plain_request_and_any_other_get_the_same_answer(
    server: Server, route: str, model: str
) -> None:
    body = BODY | {"model": model, "inputs": ["paris is a great city", "a"]}
    with server.client() as client:
        plain = client.post(f"/v1/{route}", json=body)
        other = client.post(f"/v1/{route}", json=body, headers=NOT_PLAIN)
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


def test_pipelined_requests_are_answered_in_their_order_whatever_way_they_take(
    server: Server,
) -> None:
    ids = [f"X-Request-Id: number-{n}" for n in range(5)]
    requests = [
        request(BODY, ids[0]),
        request(BODY, ids[1]),
        request({"inputs": []}, ids[2]),
        request(BODY, ids[3], "X-Request-Timeout-Seconds: 20"),
        request(BODY, ids[4]),
    ]
    with connect(server) as connection:
        connection.sendall(b"".join(requests))
        answers = read(connection, len(requests))
    assert [a.headers["x-request-id"] for a in answers] == [f"number-{n}" for n in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 422, 200, 200]


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
