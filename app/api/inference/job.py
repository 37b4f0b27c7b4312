"""From validated inputs to an answer: encode, run, decode, or take what the cache has."""

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from fastapi import Request
from starlette.responses import Response

from app.api.auth import Service
from app.api.disconnect import until_disconnected
from app.bundle import LongText
from app.engine.answer_cache import Question
from app.engine.answers.decoding import Logits
from app.engine.interface import Run
from app.engine.models.servable import Servable
from app.engine.text.encoding import EncodedInput, Encoding, TextInput
from app.engine.text.tokenization import SHORT_CHARACTERS
from app.errors import InvalidRequest
from app.schemas import InferenceRequest

# Gives an input's result as JSON.
Decode = Callable[[EncodedInput, Sequence[Logits]], str]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What an endpoint wants of a servable.

    Attributes:
        options: all that `decode` takes from the request.
    """

    servable: Servable
    decode: Decode = field(repr=False)
    options: Hashable


class Inference:
    """A request's inputs on their way to an answer; inputs share batches with all others.

    Its steps in their order: `recall`, then, if anything is wanted, `encode`, a run of `encodings`
    and `decode`; then `content` and `timing`; last `observe`.
    """

    def __init__(self, service: Service, task: Task, body: InferenceRequest) -> None:
        limit = service.settings.max_inputs
        if len(body.inputs) > limit:
            raise InvalidRequest(
                f"inputs: {len(body.inputs)} inputs, the limit is {limit}; send them in several "
                "requests, or raise CLASSMARK_MAX_INPUTS"
            )
        self._cache = service.cache
        self._max_windows = service.settings.max_windows
        self._series = service.metrics.of(task.servable.name)
        self._task = task
        self._sources = [
            TextInput(item) if isinstance(item, str) else TextInput(item.text, item.text_pair)
            for item in body.inputs
        ]
        self._long_text: LongText = body.long_text or task.servable.manifest.defaults.long_text
        self._results: list[str | None] = [None] * len(self._sources)
        self._encoded: list[EncodedInput] = []
        self._stages: dict[str, float] = {}

    @property
    def wanted(self) -> list[int]:
        """The inputs that have no result yet."""
        return [i for i, result in enumerate(self._results) if result is None]

    @property
    def is_short(self) -> bool:
        """Whether all can be encoded at once without holding up other requests."""
        return sum(source.characters for source in self._sources) <= SHORT_CHARACTERS

    @property
    def encodings(self) -> list[Encoding]:
        return [window for one in self._encoded for window in one.windows]

    def recall(self) -> None:
        """Take the results that the cache has."""
        if self._cache.enabled:
            for i, source in enumerate(self._sources):
                self._results[i] = self._cache.get(self._task.servable, self._question(source))

    def encode(self) -> None:
        """Encode the inputs that have no result, on any thread."""
        started = time.perf_counter()
        servable = self._task.servable
        self._encoded = [
            servable.encode(self._sources[i], self._long_text, self._max_windows)
            for i in self.wanted
        ]
        self._stages["encode"] = time.perf_counter() - started

    def decode(self, run: Run) -> None:
        """Read the logits of what was encoded; keep the results in the cache."""
        started = time.perf_counter()
        self._stages["queue"], self._stages["run"] = run.queue_seconds, run.run_seconds
        logits = iter(run.logits)
        for i, one in zip(self.wanted, self._encoded, strict=True):
            result = self._task.decode(one, [next(logits) for _ in one.windows])
            self._results[i] = result
            if self._cache.enabled:
                self._cache.put(self._task.servable, self._question(one.source), result)
        self._stages["decode"] = time.perf_counter() - started

    def observe(self) -> None:
        """Count what was encoded and time the stages; the answer need not wait for that."""
        for one in self._encoded:
            self._series.input_tokens.observe(one.tokens)
            if one.truncated:
                self._series.truncated_inputs.inc()
        for stage, seconds in self._stages.items():
            self._series.stage_seconds[stage].observe(seconds)

    @property
    def content(self) -> bytes:
        """The body of the answer, of the schema `Answer`."""
        servable = self._task.servable
        joined = ",".join([result for result in self._results if result is not None])
        # A model's name needs no escaping: bundles with any other are refused.
        head = f'{{"model":"{servable.name}","version":{servable.version},"results":['
        return f"{head}{joined}]}}".encode()

    @property
    def timing(self) -> str:
        """What went where, as the header Server-Timing has it."""
        shown = [f"{stage};dur={seconds * 1000:.2f}" for stage, seconds in self._stages.items()]
        return ", ".join(shown) or "cache;dur=0"

    def _question(self, source: TextInput) -> Question:
        return Question(source, (self._long_text, self._task.options))


async def answer(
    service: Service, request: Request, body: InferenceRequest, task: Task, deadline: float
) -> Response:
    """Answer a request within the framework, until its client leaves.

    Args:
        deadline: on the engine's clock.
    """
    request.state.model = task.servable.name
    inference = Inference(service, task, body)
    inference.recall()
    if inference.wanted:
        service.engine.check_admission(deadline)
        if inference.is_short:
            inference.encode()
        else:
            await asyncio.to_thread(inference.encode)
        work = service.engine.run(task.servable, inference.encodings, deadline)
        inference.decode(await until_disconnected(request, work))
    inference.observe()
    headers = {"Server-Timing": inference.timing}
    return Response(inference.content, headers=headers, media_type="application/json")
