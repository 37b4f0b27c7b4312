"""Drives tritonclient[http] against a service, as its users do; prints what it got as JSON.

Runs in an environment that has tritonclient, and not Classmark.

Usage: python drive_tritonclient.py HOST:PORT
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

TEXTS = ("a great movie", "\u4f60\u597d \U0001f468\u200d\U0001f469\u200d\U0001f467 bad film")


def text_input(
    texts: Sequence[str], *, name: str = "text", columns: bool = False, binary: bool = True
) -> triton.InferInput:
    values = np.array([text.encode() for text in texts], dtype=object)
    if columns:
        values = values.reshape(-1, 1)
    given = triton.InferInput(name, list(values.shape), "BYTES")
    given.set_data_from_numpy(values, binary_data=binary)
    return given


def ask_for(name: str, **options: Any) -> triton.InferRequestedOutput:
    return triton.InferRequestedOutput(name, **options)


def show(result: triton.InferResult, *names: str) -> dict[str, Any]:
    arrays = {name: result.as_numpy(name) for name in names}
    return {name: np.vectorize(_plain)(array).tolist() for name, array in arrays.items()}


def _plain(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


def infer(client: triton.InferenceServerClient) -> dict[str, Any]:
    names = ("label", "score", "scores")
    two = [text_input(TEXTS)]
    plain = [text_input(TEXTS, binary=False)]
    in_json = [ask_for(name, binary_data=False) for name in names]
    asked = [ask_for("label"), ask_for("scores", binary_data=False)]
    return {
        "default": show(client.infer("mood", two), *names),
        "kind": type(client.infer("mood", two).as_numpy("label")[0][0]).__name__,
        "json": show(client.infer("mood", plain, outputs=in_json), *names),
        "json in, binary out": show(client.infer("mood", plain), *names),
        "some outputs": show(client.infer("mood", two, outputs=asked), "label", "scores"),
        "2-d": show(client.infer("mood", [text_input(TEXTS, columns=True)]), *names),
        "any name": show(client.infer("mood", [text_input(TEXTS, name="TEXT")]), *names),
        "gzip": show(client.infer("mood", two, request_compression_algorithm="gzip"), *names),
        "deflate": show(
            client.infer(
                "mood",
                two,
                request_compression_algorithm="deflate",
                response_compression_algorithm="gzip",
            ),
            *names,
        ),
        "version": show(client.infer("mood", two, model_version="2"), *names),
        "top_k": show(client.infer("mood", two, parameters={"top_k": 2}), "label", "score"),
        "timeout": show(client.infer("mood", two, timeout=10_000_000), "label"),
        "classes": show(
            client.infer("mood", two, outputs=[ask_for("scores", class_count=2)]), "scores"
        ),
        "pair": show(
            client.infer("mood", [text_input(TEXTS), text_input(TEXTS[::-1], name="text_pair")]),
            *names,
        ),
        "many": show(client.infer("mood", [text_input(["good film"] * 100)]), "scores"),
        "entities": show(client.infer("names", [text_input(TEXTS)]), "entities"),
        "id": client.infer("mood", two, request_id="17").get_response()["id"],
        "async": show(client.async_infer("mood", two).get_result(), *names),
    }


def describe(client: triton.InferenceServerClient) -> dict[str, Any]:
    return {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model ready": client.is_model_ready("mood"),
        "version ready": client.is_model_ready("mood", "2"),
        "other version ready": client.is_model_ready("mood", "1"),
        "extensions": client.get_server_metadata()["extensions"],
        "metadata": client.get_model_metadata("mood"),
        "max_batch_size": client.get_model_config("mood")["max_batch_size"],
        "index": client.get_model_repository_index(),
        "load": client.load_model("mood"),
    }


def fail(client: triton.InferenceServerClient) -> dict[str, str]:
    numbers = triton.InferInput("input_ids", [1, 3], "INT64")
    numbers.set_data_from_numpy(np.array([[1, 2, 3]], dtype=np.int64))
    two = [text_input(TEXTS)]
    return {
        "unknown model": _error(lambda: client.infer("none", two)),
        "unknown version": _error(lambda: client.infer("mood", two, model_version="1")),
        "unknown output": _error(lambda: client.infer("mood", two, outputs=[ask_for("logits")])),
        "numbers": _error(lambda: client.infer("mood", [numbers])),
        "empty text": _error(lambda: client.infer("mood", [text_input(["a", ""])])),
        "unload": _error(lambda: client.unload_model("mood")),
    }


def _error(ask: Any) -> str:
    try:
        ask()
    except InferenceServerException as exc:
        return f"{exc.status()} {exc.message()}"
    return "no error"


async def infer_later(address: str) -> dict[str, Any]:
    async with triton_aio.InferenceServerClient(address) as client:
        result = await client.infer("mood", [text_input(TEXTS)])
        return show(result, "label", "score", "scores")


def main() -> None:
    address = sys.argv[1]
    client = triton.InferenceServerClient(address)
    found = {"describe": describe(client), "infer": infer(client), "errors": fail(client)}
    client.close()
    found["infer"]["aio"] = asyncio.run(infer_later(address))
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
