"""Requests that the service answers alike, whatever server runs it."""

from typing import Any

import httpx

JSON = {"Content-Type": "application/json"}
# Path, content and headers of what is posted.
POSTED: list[tuple[str, str, dict[str, str]]] = [
    ("/v1/classify", '{"model": "mood", "inputs": ["a good film", "the worst"]}', JSON),
    ("/v1/ner", '{"inputs": "Angela Merkel met Tim Cook in Paris."}', JSON),
    ("/tei/mood/predict", '{"inputs": [["a good film"]]}', JSON),
    ("/v1/classify", '{"model": "mood", "inputs": ""}', JSON),
    ("/v1/classify", '{"model": "none", "inputs": "x"}', JSON),
    ("/v1/classify", '{"model": "mood"', JSON),
    ("/v1/classify", "inputs=x", {"Content-Type": "application/x-www-form-urlencoded"}),
    ("/v1/classify", '{"inputs": "%s"}' % ("x" * 1_100_000), JSON),
    ("/v1/nothing", "{}", JSON),
]


def answers(client: httpx.Client) -> list[tuple[int, str, Any]]:
    """Return status, kind and body of every answer, without what is another each time."""
    posted = [client.post(path, content=body, headers=head) for path, body, head in POSTED]
    models = client.get("/v1/models/mood")
    return [
        (one.status_code, one.headers["content-type"], _lasting(one.json()))
        for one in (*posted, models)
    ]


def _lasting(body: Any) -> Any:
    if isinstance(body, dict):
        return {name: value for name, value in body.items() if name not in MOMENTARY}
    return body


MOMENTARY = {"request_id", "loaded_at", "load_seconds", "created"}
