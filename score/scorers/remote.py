"""Lets a running service answer, some requests at a time, and comes back when it says so."""

import re
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from app.bundle.base import Task
from score.errors import RunFailed, ScoreError
from score.options import AnswerOptions
from score.readers.rows import Row
from score.scorers.base import Answer, Answers, check_options

# As many texts as a request brings near the offline limit.
REQUEST_ROWS = 32
CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 120.0
# How long a request is sent again: a service restarts, or is busy with others.
PATIENCE_SECONDS = 600.0
PAUSE_SECONDS = 1.0
# What passes by itself: overload, not ready, a proxy without a service, out of time.
TRY_AGAIN = {429, 502, 503, 504}
# A body or a list over the service's limits.
TOO_MUCH = {413, 422}
ROUTES: dict[Task, str] = {
    "sequence-classification": "/v1/classify",
    "token-classification": "/v1/ner",
}


class RemoteScorer:
    """A model of a service.

    Args:
        key: an API key; None sends none.
        concurrency: requests at the same time.

    Raises:
        ScoreError: the service cannot be asked, or does not serve the model.
    """

    def __init__(
        self, url: str, key: str | None, model: str, options: AnswerOptions, concurrency: int
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(
            base_url=url.rstrip("/"),
            headers=headers,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=concurrency),
        )
        self._url = url
        self._stopped = threading.Event()
        self._senders = ThreadPoolExecutor(concurrency, "sender")
        try:
            self.task, self._version = self._find(model)
            check_options(options, self.task, model)
        except ScoreError:
            self.close()
            raise
        self._model = model
        self._fields = {
            name: value
            for name, value in (
                ("top_k", options.top_k),
                ("threshold", options.threshold),
                ("long_text", options.long_text),
                ("aggregation_strategy", options.aggregation_strategy),
            )
            if value is not None
        }

    @property
    def identity(self) -> dict[str, Any]:
        return {"model": f"{self._model}/{self._version}", "graph": "the service's"}

    def start(self, rows: Sequence[Row]) -> Answers:
        # Texts of like length share a request, as they share batches.
        order = sorted(range(len(rows)), key=lambda i: rows[i].characters)
        parts = [order[at : at + REQUEST_ROWS] for at in range(0, len(order), REQUEST_ROWS)]
        sent = [self._senders.submit(self._ask, [rows[i] for i in part]) for part in parts]

        def wait() -> list[Answer]:
            answers: list[Answer] = [{}] * len(rows)
            for part, one in zip(parts, sent, strict=True):
                for position, answer in zip(part, one.result(), strict=True):
                    answers[position] = answer
            return answers

        return wait

    def close(self) -> None:
        self._stopped.set()
        self._senders.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def _find(self, model: str) -> tuple[Task, int]:
        """Return the task and the version of a model that serves."""
        try:
            response = self._client.get("/v1/models")
            if response.status_code in (401, 403):
                raise ScoreError(f"{self._url}: {_detail(response)}; put it in CLASSMARK_API_KEY")
            models = {one["name"]: one for one in response.json()["models"]}
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as exc:
            raise ScoreError(
                f"{self._url} cannot be asked for its models ({type(exc).__name__}: {exc}); name a "
                "running service"
            ) from exc
        found = models.get(model)
        if found is None or found["status"] != "serving":
            there = ", ".join(name for name, one in models.items() if one["status"] == "serving")
            raise ScoreError(f"{self._url} does not serve {model[:60]!r}; it serves: {there}")
        return found["task"], found["version"]

    def _ask(self, rows: list[Row]) -> list[Answer]:
        """Return the answers of rows; in halves where all together are too much."""
        response = self._post(rows)
        if response.status_code in TOO_MUCH and len(rows) > 1:
            half = len(rows) // 2
            return self._ask(rows[:half]) + self._ask(rows[half:])
        if response.status_code == 413:
            return [{"error": _detail(response)}]
        if response.status_code != 200:
            raise RunFailed(f"{self._url} answered {response.status_code}: {_detail(response)}")
        body = response.json()
        if body["version"] != self._version:
            raise RunFailed(
                f"{self._url} serves version {body['version']} of {self._model} now, and the rows "
                f"before are from version {self._version}; begin anew, without the parts"
            )
        return [_plain(result) for result in body["results"]]

    def _post(self, rows: list[Row]) -> httpx.Response:
        """Send rows until they are answered, or refused for good."""
        inputs = [
            row.text if row.text_pair is None else {"text": row.text, "text_pair": row.text_pair}
            for row in rows
        ]
        body = {"model": self._model, "inputs": inputs, "on_error": "report", **self._fields}
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                response = self._client.post(ROUTES[self.task], json=body)
                reason, pause = str(response.status_code), _retry_after(response)
                if response.status_code not in TRY_AGAIN:
                    return response
            except httpx.TransportError as exc:
                reason, pause = str(exc) or type(exc).__name__, PAUSE_SECONDS
            if time.monotonic() + pause > give_up:
                raise RunFailed(
                    f"{self._url} gave no answer in {PATIENCE_SECONDS:g} s ({reason}); run the "
                    "same command when it does"
                )
            if self._stopped.wait(pause):
                raise RunFailed("stopped")


def _retry_after(response: httpx.Response) -> float:
    """Return how long to wait before a refused request is sent again."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", PAUSE_SECONDS)))
    except ValueError:  # a date, from a proxy
        return PAUSE_SECONDS


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200]


def _plain(result: Answer) -> Answer:
    """Return a result; of an error its sentence, without the place in the request."""
    if "error" not in result:
        return result
    return {"error": re.sub(r"^inputs\.\d+: ", "", result["error"]["detail"])}
