"""Makes V2 requests and reads V2 answers byte by byte, with nothing of the service's own code."""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import httpx

HEAD_LENGTH = "inference-header-content-length"


class Tensors(NamedTuple):
    """An answer: its JSON, and the rows of each output by name, wherever its values stood."""

    head: dict[str, Any]
    rows: dict[str, list[list[Any]]]


def tensor(texts: Sequence[str], name: str = "text", **other: Any) -> dict[str, Any]:
    """Return an input whose values are JSON."""
    return {"name": name, "shape": [len(texts)], "datatype": "BYTES", "data": texts} | other


def pack(texts: Sequence[str]) -> bytes:
    encoded = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(one)) + one for one in encoded)


def binary_body(columns: Mapping[str, Sequence[str]], **asked: Any) -> tuple[bytes, dict[str, str]]:
    """Return a body whose inputs are bytes behind its JSON, and the header that it needs."""
    packed = {name: pack(texts) for name, texts in columns.items()}
    inputs = [
        {
            "name": name,
            "shape": [len(texts)],
            "datatype": "BYTES",
            "parameters": {"binary_data_size": len(packed[name])},
        }
        for name, texts in columns.items()
    ]
    head = json.dumps({"inputs": inputs, **asked}).encode()
    return head + b"".join(packed.values()), {HEAD_LENGTH: str(len(head))}


def read_tensors(content: bytes, head_length: str | None) -> Tensors:
    """Read an answer of status 200."""
    length = len(content) if head_length is None else int(head_length)
    head, rest = json.loads(content[:length]), content[length:]
    rows: dict[str, list[list[Any]]] = {}
    for output in head["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            values = output["data"]
        else:
            values, rest = _values(output["datatype"], rest[:size]), rest[size:]
        count, width = output["shape"]
        assert len(values) == count * width
        rows[output["name"]] = [values[i * width : (i + 1) * width] for i in range(count)]
    assert rest == b""
    return Tensors(head, rows)


def _values(datatype: str, raw: bytes) -> list[Any]:
    if datatype == "FP32":
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    values = []
    while raw:
        (length,) = struct.unpack_from("<I", raw)
        values.append(raw[4 : 4 + length].decode())
        raw = raw[4 + length :]
    return values


def infer(client: httpx.Client, model: str, content: bytes, **headers: str) -> Tensors:
    """Post a body to a model, and read its answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = client.post(f"/v2/models/{model}/infer", content=content, headers=named)
    assert response.status_code == 200, response.text
    return read_tensors(response.content, response.headers.get(HEAD_LENGTH))


def ask(client: httpx.Client, model: str, *inputs: dict[str, Any], **asked: Any) -> Tensors:
    """Post JSON to a model, and read its answer."""
    return infer(client, model, json.dumps({"inputs": inputs, **asked}).encode())
