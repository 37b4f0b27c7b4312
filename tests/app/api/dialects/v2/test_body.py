"""Bodies of the V2 protocol: framed, compressed, raw, broken, and of any content type."""

import gzip
import json
import random
import struct
import zlib
from typing import Any

import httpx
import pytest

from app.api.dialects.v2.body import read_body
from app.api.dialects.v2.tensors import read_columns
from app.api.inference.reader import RequestReader
from app.errors import ClassmarkError
from tests.app.api.dialects.v2.wire import HEAD_LENGTH, ask, binary_body, infer, tensor

TEXTS = ["a great movie", "bad film \u4f60\u597d"]
URL = "/v2/models/mood/infer"
BODY, HEADER = binary_body({"text": TEXTS}, parameters={"binary_data_output": True})
LENGTH = int(HEADER[HEAD_LENGTH])
MUTATIONS = 4000


def test_a_raw_body_is_one_text_and_is_answered_in_bytes(client: httpx.Client) -> None:
    expected = ask(client, "mood", tensor(TEXTS[1:]), parameters={"binary_data_output": True})
    assert infer(client, "mood", TEXTS[1].encode(), **{HEAD_LENGTH: "0"}) == expected
    for nothing in (b"", b"\xff"):
        refused = client.post(URL, content=nothing, headers={HEAD_LENGTH: "0"})
        assert refused.status_code == 422


def test_content_types_do_not_matter(client: httpx.Client) -> None:
    expected = infer(client, "mood", BODY, **HEADER)
    for kind in ("", "application/octet-stream", "application/json", "text/plain; charset=x"):
        assert infer(client, "mood", BODY, **HEADER, content_type=kind) == expected


def test_compressed_bodies_are_inflated_and_the_length_counts_what_was_compressed(
    client: httpx.Client,
) -> None:
    expected = infer(client, "mood", BODY, **HEADER)
    for encoding, compress in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        packed = compress(BODY)
        assert infer(client, "mood", packed, **HEADER, content_encoding=encoding) == expected
    assert infer(client, "mood", BODY, **HEADER, content_encoding="identity") == expected


def test_a_body_may_not_inflate_beyond_the_limit(client: httpx.Client) -> None:
    bomb = zlib.compress(b"[" * 50_000_000)
    for packed in (gzip.compress(b" " * 1_048_577), bomb):
        refused = client.post(URL, content=packed, headers={"content-encoding": "gzip"})
        assert refused.status_code == 413
        assert "1048576" in refused.json()["error"]


@pytest.mark.parametrize(
    ("encoding", "content", "status"),
    [
        ("gzip", b"not compressed", 422),
        ("gzip", gzip.compress(BODY)[:-9], 422),
        ("gzip", gzip.compress(BODY) * 2, 422),
        ("deflate", b"", 422),
        ("br", BODY, 415),
        ("gzip, gzip", BODY, 415),
    ],
)
def test_what_does_not_inflate_is_refused(
    client: httpx.Client, encoding: str, content: bytes, status: int
) -> None:
    refused = client.post(URL, content=content, headers={"content-encoding": encoding})
    assert refused.status_code == status
    assert "Content-Encoding" in refused.json()["error"]


@pytest.mark.parametrize("given", ["-1", "1.5", "x", "²", "9" * 5000, str(len(BODY) + 1), "1e3"])
def test_a_length_that_is_none_is_refused(client: httpx.Client, given: str) -> None:
    headers = [(HEAD_LENGTH.encode(), given.encode())]
    refused = client.post(URL, content=BODY, headers=headers)
    assert refused.status_code == 422
    assert f"the body has {len(BODY)} bytes" in refused.json()["error"]


def changed(**tensor_fields: Any) -> dict[str, Any]:
    return {"inputs": [tensor(TEXTS, **tensor_fields)]}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (changed(shape=[3]), "2 elements and the shape [3]"),
        (changed(shape=[2, 2]), "[2, 2]"),
        (changed(shape=[-2]), "[-2]"),
        (changed(shape=[0], data=[]), "[0]"),
        (changed(shape=[1, 2]), "[1, 2]"),
        (changed(shape=[]), "at least 1"),
        (changed(shape=[2] * 9), "at most 8"),
        (changed(shape=[10**30]), "the limit is 128"),
        (changed(shape=[129], data=["a"] * 129), "129 inputs, the limit is 128"),
        (changed(data="a great movie"), "`data`"),
        (changed(data=None), "`data`"),
        (changed(data={"a": 1}), "`data`"),
        (changed(data=["a", 1]), "inputs.1: "),
        (changed(data=["a", ""]), "inputs.1: "),
        (changed(data=["a", "b\0"]), "inputs.1: "),
        (changed(data=["a", ["b"]]), "inputs.1: "),
        (changed(data=[[["a"]], [["b"]]]), "inputs.0: "),
        (changed(datatype="INT64", data=[1, 2]), "INT64; send text"),
        (changed(datatype="FP32", data=[1, 2]), "FP32; send text"),
        (changed(parameters={"binary_data_size": -1}), "binary_data_size"),
        (changed(parameters={"binary_data_size": 5}), "has 5 bytes, and the body 0"),
        ({"inputs": []}, "at least 1"),
        ({"inputs": [tensor(TEXTS)] * 3}, "at most 2"),
        ({"inputs": [tensor(TEXTS), tensor(TEXTS[:1])]}, "2 and 1 texts"),
        ({}, "inputs"),
        ([], "JSON object"),
        (changed() | {"outputs": [{"name": "logits"}]}, "label, score, scores, output"),
        (changed() | {"outputs": [{"name": "a"}] * 17}, "at most 16"),
        (
            changed() | {"outputs": [{"name": "label", "parameters": {"classification": 1}}]},
            "ask it of scores",
        ),
        (changed() | {"parameters": {"timeout": -1}}, "timeout"),
        (changed() | {"parameters": {"top_k": 0}}, "top_k"),
        (changed() | {"parameters": {"threshold": 2}}, "threshold"),
        (changed() | {"parameters": {"long_text": "cut"}}, "long_text"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(
    client: httpx.Client, body: object, named: str
) -> None:
    refused = client.post(URL, json=body)
    assert refused.status_code == 422, refused.text
    assert refused.headers["content-type"] == "application/json"
    assert named in refused.json()["error"]


def test_entities_have_no_classification(client: httpx.Client) -> None:
    outputs = [{"name": "entities", "parameters": {"classification": 1}}]
    body = {"inputs": [tensor(TEXTS)], "outputs": outputs}
    assert client.post("/v2/models/names/infer", json=body).status_code == 422


def sized(count: int, tail: bytes, size: int | None = None) -> tuple[bytes, dict[str, str]]:
    """Return a body of one binary tensor, true or not."""
    parameters = {"binary_data_size": len(tail) if size is None else size}
    given = {"name": "text", "shape": [count], "datatype": "BYTES", "parameters": parameters}
    head = json.dumps({"inputs": [given]}).encode()
    return head + tail, {HEAD_LENGTH: str(len(head))}


ONE = struct.pack("<I", 1) + b"a"


@pytest.mark.parametrize(
    ("count", "tail", "size", "named"),
    [
        (1, ONE + b"xyz", None, "3 bytes after the last of 1 elements"),
        (1, ONE + b"xyz", len(ONE), "3 bytes of the body belong to no tensor"),
        (2, ONE, None, "ends before its element 1 of 2"),
        (1, ONE[:3], None, "ends before its element 0"),
        (1, ONE, 2**63, f"has {2**63} bytes, and the body 5 for it"),
        (1, struct.pack("<I", 2**32 - 1) + b"a", None, "ends before the 4294967295 bytes"),
        (128, ONE, None, "ends before its element 1 of 128"),
        (2**62, ONE, None, "the limit is 128"),
        (-1, ONE, None, "[-1]"),
        (1, struct.pack("<I", 1) + b"\xff", None, "not in UTF-8 at its element 0"),
        (1, struct.pack("<I", 0), None, "inputs.0: "),
    ],
)
def test_bytes_that_are_not_what_they_say_are_refused(
    client: httpx.Client, count: int, tail: bytes, size: int | None, named: str
) -> None:
    body, header = sized(count, tail, size)
    refused = client.post(URL, content=body, headers=header)
    assert refused.status_code == 422, refused.text
    assert named in refused.json()["error"]


def mutate(rng: random.Random) -> tuple[bytes, dict[bytes, bytes]]:
    """Return a good body with some bytes changed, lost, doubled or put in, and a length to it."""
    body = bytearray(BODY)
    for _ in range(rng.choice((1, 1, 1, 3))):
        start = rng.randrange(rng.choice((0, min(LENGTH, len(body) - 1))), len(body))
        end = min(len(body), start + rng.choice((1, 1, 4, 40)))
        body[start:end] = rng.choice(
            (rng.randbytes(end - start), b"", bytes(body[start:end]) * 2, b"\xff\xff\xff\xff", b"-")
        )
    length = rng.choice((LENGTH, LENGTH, LENGTH, rng.randint(-2, len(body) + 2)))
    headers = {HEAD_LENGTH.encode(): str(length).encode()}
    if rng.random() < 0.2:
        headers[b"content-encoding"] = rng.choice((b"gzip", b"deflate", b"br"))
        if rng.random() < 0.7:
            body = bytearray(zlib.compress(bytes(body)))
            body[rng.randrange(len(body))] ^= rng.choice((0, 1, 255))
    return bytes(body), headers


def test_random_changes_to_a_request_end_in_texts_or_in_an_error_of_ours() -> None:
    rng, read, errors = random.Random(19), 0, list[str]()
    for _ in range(MUTATIONS):
        body, headers = mutate(rng)
        reader = RequestReader(headers, 1_000_000)
        reader.receive(body)
        try:
            asked, binary = read_body(reader, 1_000_000)
            columns = read_columns(asked.inputs, binary, 128)
        except ClassmarkError as exc:
            errors.append(str(exc))
        else:
            assert all(0 < len(column) <= 128 for column in columns)
            read += 1
    assert read > MUTATIONS / 100
    assert len(errors) > MUTATIONS / 10
    assert max(map(len, errors)) < 1000


def test_the_service_answers_random_changes_and_goes_on(client: httpx.Client) -> None:
    rng = random.Random(91)
    for _ in range(300):
        body, headers = mutate(rng)
        answer = client.post(URL, content=body, headers=list(headers.items()))
        assert answer.status_code in (200, 400, 404, 413, 415, 422), (body, headers)
    assert infer(client, "mood", BODY, **HEADER).rows["label"]
