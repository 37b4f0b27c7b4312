"""The inputs of one request on their way to an answer, whatever API they came by."""

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from app.bundle import LongText
from app.engine.answer_cache import AnswerKey
from app.engine.interface import RunResult
from app.engine.models.servable import Servable
from app.engine.text.encoding import EncodedInput, Encoding, Logits, TextInput
from app.engine.text.tokenization import SHORT_CHARACTERS
from app.errors import InvalidRequest
from app.schemas import InferenceRequest
from app.service import Service

# Gives an input's result as JSON.
Decode = Callable[[EncodedInput, Sequence[Logits]], str]

# Decoding this many tokens of tagged texts takes some ten milliseconds, and holds the event loop.
SHORT_TOKENS = 2048


@dataclass(frozen=True, slots=True, eq=False)
class DecodeTask:
    """What a route wants of a servable.

    Attributes:
        options: all that `decode` takes from the request.
        per_token: `decode` takes time for each token, not for each input.
    """

    servable: Servable
    decode: Decode = field(repr=False)
    options: Hashable
    per_token: bool = False


class InferenceJob:
    """A request's inputs on their way to an answer; inputs share batches with all others.

    Its steps in their order: `look_up`, then, if anything is missing, `encode`, a run of
    `encodings` and `decode`; then `content` and `timing`; last `remember` and `observe`. `encode`
    and `decode` may run on any thread, one at a time; all else on the event loop.
    """

    def __init__(self, service: Service, task: DecodeTask, body: InferenceRequest) -> None:
        limit = service.settings.max_inputs
        if len(body.inputs) > limit:
            raise InvalidRequest(
                f"inputs: {len(body.inputs)} inputs, the limit is {limit}; send them in several "
                "requests, or raise CLASSMARK_MAX_INPUTS"
            )
        self.abandoned = False
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
        self._missing = list(range(len(self._sources)))
        self._encoded: list[EncodedInput] = []
        self._stages: dict[str, float] = {}

    @property
    def servable(self) -> Servable:
        return self._task.servable

    @property
    def is_answered(self) -> bool:
        """Whether the cache had every result."""
        return not self._missing

    @property
    def characters(self) -> int:
        """What is to be encoded."""
        return sum(self._sources[i].characters for i in self._missing)

    @property
    def encodes_quickly(self) -> bool:
        """Whether `encode` may run on the event loop without holding up other requests."""
        return self.characters <= SHORT_CHARACTERS

    @property
    def tokens(self) -> int:
        """What is to be decoded."""
        return sum(one.tokens for one in self._encoded)

    @property
    def decodes_quickly(self) -> bool:
        """Whether `decode` may run on the event loop without holding up other requests."""
        return not self._task.per_token or self.tokens <= SHORT_TOKENS

    @property
    def encodings(self) -> list[Encoding]:
        return [window for one in self._encoded for window in one.windows]

    def look_up(self) -> None:
        """Take the results that the cache has."""
        if self._cache.enabled:
            for i, source in enumerate(self._sources):
                self._results[i] = self._cache.get(self._task.servable, self._key(source))
            self._missing = [i for i in self._missing if self._results[i] is None]

    def encode(self) -> None:
        """Encode the inputs that have no result; stop early once the job is abandoned."""
        started = time.perf_counter()
        servable = self._task.servable
        for i in self._missing:
            if self.abandoned:
                return
            one = servable.encode(self._sources[i], self._long_text, self._max_windows)
            self._encoded.append(one)
        self._stages["encode"] = time.perf_counter() - started

    def decode(self, run: RunResult) -> None:
        """Read the logits of what was encoded."""
        started = time.perf_counter()
        self._stages["queue"], self._stages["run"] = run.queue_seconds, run.run_seconds
        logits = iter(run.logits)
        for i, one in zip(self._missing, self._encoded, strict=True):
            self._results[i] = self._task.decode(one, [next(logits) for _ in one.windows])
        self._stages["decode"] = time.perf_counter() - started

    def remember(self) -> None:
        """Keep the new results in the cache."""
        if self._cache.enabled:
            for i in self._missing:
                result = self._results[i]
                assert result is not None  # it was decoded
                self._cache.put(self._task.servable, self._key(self._sources[i]), result)

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

    def _key(self, source: TextInput) -> AnswerKey:
        return AnswerKey(source, (self._long_text, self._task.options))
