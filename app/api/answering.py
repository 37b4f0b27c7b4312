"""From validated inputs to a response: encode, run, decode, or take what the cache has."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field

from fastapi import Request
from starlette.responses import Response

from app.api.deps import Service
from app.api.disconnect import until_disconnected
from app.bundle import LongText
from app.engine.cache import Question, ResultCache
from app.engine.decoding import Logits
from app.engine.servable import Servable
from app.engine.tokenization import SHORT_CHARACTERS, EncodedInput, TextInput
from app.errors import InvalidRequest
from app.metrics import ModelSeries
from app.schemas import InferenceRequest, Result

Decode = Callable[[EncodedInput, Sequence[Logits]], Result]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What an endpoint wants of a servable.

    Attributes:
        options: all that `decode` takes from the request.
        deadline: on the engine's clock.
    """

    servable: Servable
    decode: Decode = field(repr=False)
    options: Hashable
    deadline: float


async def answer(
    service: Service, request: Request, body: InferenceRequest, task: Task
) -> Response:
    """Answer every input, in order; inputs of a request share batches with all others."""
    limit = service.settings.max_inputs
    if len(body.inputs) > limit:
        raise InvalidRequest(
            f"inputs: {len(body.inputs)} inputs, the limit is {limit}; send them in several "
            "requests, or raise CLASSMARK_MAX_INPUTS"
        )
    servable = task.servable
    request.state.model = servable.name
    sources = [
        TextInput(item) if isinstance(item, str) else TextInput(item.text, item.text_pair)
        for item in body.inputs
    ]
    long_text: LongText = body.long_text or servable.manifest.defaults.long_text
    stages: dict[str, float] = {}

    async def infer(wanted: Sequence[TextInput]) -> list[str]:
        return await _infer(service, request, task, wanted, long_text, stages)

    if service.cache.enabled:
        questions = [Question(source, (long_text, task.options)) for source in sources]
        results = await _recall_or(infer, service.cache, servable, questions)
    else:
        results = await infer(sources)
    return _respond(service.metrics.of(servable.name), servable, results, stages)


async def _recall_or(
    infer: Callable[[Sequence[TextInput]], Awaitable[list[str]]],
    cache: ResultCache,
    servable: Servable,
    questions: Sequence[Question],
) -> list[str]:
    """Take what the cache has, infer the rest and keep it; return all in the order asked."""
    results = {i: cache.get(servable, one) for i, one in enumerate(questions)}
    unknown = [i for i, kept in results.items() if kept is None]
    if unknown:
        found = await infer([questions[i].source for i in unknown])
        for i, result in zip(unknown, found, strict=True):
            results[i] = result
            cache.put(servable, questions[i], result)
    return [result for result in results.values() if result is not None]


async def _infer(
    service: Service,
    request: Request,
    task: Task,
    sources: Sequence[TextInput],
    long_text: LongText,
    stages: dict[str, float],
) -> list[str]:
    """Return each input's result as JSON; note the seconds of each stage."""
    servable = task.servable
    service.engine.check_admission(task.deadline)
    started = time.perf_counter()
    encoded = await _encode(servable, sources, long_text, service.settings.max_windows)
    stages["encode"] = time.perf_counter() - started
    windows = [window for one in encoded for window in one.windows]
    run = await until_disconnected(request, service.engine.run(servable, windows, task.deadline))
    stages["queue"], stages["run"] = run.queue_seconds, run.run_seconds
    started = time.perf_counter()
    logits = iter(run.logits)
    results = [
        task.decode(one, [next(logits) for _ in one.windows]).model_dump_json() for one in encoded
    ]
    stages["decode"] = time.perf_counter() - started
    _record(service.metrics.of(servable.name), encoded)
    return results


async def _encode(
    servable: Servable, sources: Sequence[TextInput], long_text: LongText, max_windows: int
) -> list[EncodedInput]:
    """Encode every input, in a thread if there is much to encode."""

    def encode_all() -> list[EncodedInput]:
        return [servable.encode(source, long_text, max_windows) for source in sources]

    if sum(source.characters for source in sources) <= SHORT_CHARACTERS:
        return encode_all()
    return await asyncio.to_thread(encode_all)


def _record(series: ModelSeries, encoded: Sequence[EncodedInput]) -> None:
    for one in encoded:
        series.input_tokens.observe(one.tokens)
        if one.truncated:
            series.truncated_inputs.inc()


def _respond(
    series: ModelSeries,
    servable: Servable,
    results: Sequence[str],
    stages: dict[str, float],
) -> Response:
    """Put the results into one answer, of the schema `Answer`."""
    for stage, seconds in stages.items():
        series.stage_seconds[stage].observe(seconds)
    joined = ",".join(results)
    # A model's name needs no escaping: bundles with any other are refused.
    content = f'{{"model":"{servable.name}","version":{servable.version},"results":[{joined}]}}'
    timing = ", ".join(f"{stage};dur={seconds * 1000:.2f}" for stage, seconds in stages.items())
    headers = {"Server-Timing": timing or "cache;dur=0"}
    return Response(content, headers=headers, media_type="application/json")
