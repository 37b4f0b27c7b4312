"""Drives tritonclient[http]."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from asking import KEY, LONG, PAIR, SEVERAL, SINGLE, URL, run

ADDRESS = URL.removeprefix("http://")
ALL = {"top_k": 99}


def headers() -> dict[str, str]:
    """Return new ones: the client keeps what it adds for one request in what it was given."""
    return {"authorization": f"Bearer {KEY}"}


def tensor(
    texts: Sequence[str], name: str = "text", *, columns: bool = False, binary: bool = True
) -> triton.InferInput:
    values = np.array([text.encode() for text in texts], dtype=object)
    if columns:
        values = values.reshape(-1, 1)
    given = triton.InferInput(name, list(values.shape), "BYTES")
    given.set_data_from_numpy(values, binary_data=binary)
    return given


def outputs(*names: str, **options: Any) -> list[triton.InferRequestedOutput]:
    return [triton.InferRequestedOutput(name, **options) for name in names]


def infer(*inputs: triton.InferInput, model: str = "mood", **options: Any) -> triton.InferResult:
    options = {"parameters": ALL, "headers": headers()} | options
    return triton.InferenceServerClient(ADDRESS).infer(model, list(inputs), **options)


def labels(result: triton.InferResult) -> Any:
    """Return what our own route answers; the scores have the precision of FP32."""
    rows = zip(result.as_numpy("label"), result.as_numpy("score"), strict=True)
    return [
        [
            {"label": _text(label), "score": round(float(score), 6)}
            for label, score in zip(*row, strict=True)
        ]
        for row in rows
    ]


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def ask(*inputs: triton.InferInput, **options: Any) -> Any:
    return labels(infer(*inputs, **options))


def entities() -> Any:
    options = {"parameters": {"aggregation_strategy": "first"}}
    rows = infer(tensor([SINGLE]), model="names", **options).as_numpy("entities")
    return [json.loads(row[0]) for row in rows]


def rows(name: str, **options: Any) -> Any:
    values = infer(tensor(SEVERAL), **options).as_numpy(name)
    return np.vectorize(lambda one: _text(one))(values).tolist()


async def ask_later(texts: Sequence[str]) -> Any:
    async with triton_aio.InferenceServerClient(ADDRESS) as client:
        given = [tensor(texts)]
        return labels(await client.infer("mood", given, parameters=ALL, headers=headers()))


def ask_greenlet() -> Any:
    client = triton.InferenceServerClient(ADDRESS)
    asked = client.async_infer("mood", [tensor(SEVERAL)], parameters=ALL, headers=headers())
    return labels(asked.get_result())


def numbers() -> Any:
    ids = triton.InferInput("input_ids", [1, 3], "INT64")
    ids.set_data_from_numpy(np.array([[1, 2, 3]], dtype=np.int64))
    return ask(ids)


def with_client(call: Callable[[triton.InferenceServerClient], Any]) -> Callable[[], Any]:
    return lambda: call(triton.InferenceServerClient(ADDRESS))


IN_JSON = outputs("label", "score", binary_data=False)

run(
    {
        "single": lambda: ask(tensor([SINGLE])),
        "list": lambda: ask(tensor(SEVERAL)),
        "pair": lambda: ask(
            tensor([PAIR["text"]]), tensor([PAIR["text_pair"]], "text_pair"), model="nli"
        ),
        "async": lambda: asyncio.run(ask_later([SINGLE])),
        "entities": entities,
        "unknown": lambda: ask(tensor([SINGLE]), model="none"),
        "long": lambda: ask(tensor([LONG])),
        "as JSON": lambda: ask(tensor(SEVERAL, binary=False), outputs=IN_JSON),
        "from JSON": lambda: ask(tensor(SEVERAL, binary=False)),
        "named outputs": lambda: ask(tensor(SEVERAL), outputs=outputs("score", "label")),
        "two dimensions": lambda: ask(tensor(SEVERAL, columns=True)),
        "any name": lambda: ask(tensor(SEVERAL, "TEXT")),
        "gzip": lambda: ask(tensor(SEVERAL), request_compression_algorithm="gzip"),
        "deflate": lambda: ask(
            tensor(SEVERAL),
            request_compression_algorithm="deflate",
            response_compression_algorithm="gzip",
        ),
        "version": lambda: ask(tensor(SEVERAL), model_version="2"),
        "timeout": lambda: ask(tensor(SEVERAL), timeout=60_000_000),
        "greenlet": ask_greenlet,
        "classes": lambda: rows("scores", outputs=outputs("scores", class_count=2)),
        "kind": lambda: type(infer(tensor([SINGLE])).as_numpy("label")[0][0]).__name__,
        "id": lambda: infer(tensor([SINGLE]), request_id="17").get_response()["id"],
        "other version": lambda: ask(tensor(SEVERAL), model_version="1"),
        "other output": lambda: rows("logits", outputs=outputs("logits")),
        "numbers": numbers,
        "empty text": lambda: ask(tensor([SINGLE, ""])),
        "live": with_client(lambda client: client.is_server_live()),
        "ready": with_client(lambda client: client.is_server_ready()),
        "model ready": with_client(lambda client: client.is_model_ready("mood", "2")),
        "other version ready": with_client(lambda client: client.is_model_ready("mood", "1")),
        "metadata": with_client(lambda client: client.get_model_metadata("mood")),
        "configuration": with_client(lambda client: client.get_model_config("mood")),
        "extensions": with_client(lambda client: client.get_server_metadata()["extensions"]),
        "index": with_client(lambda client: client.get_model_repository_index()),
        "load": with_client(lambda client: client.load_model("mood")),
        "unload": with_client(lambda client: client.unload_model("mood")),
    }
)
