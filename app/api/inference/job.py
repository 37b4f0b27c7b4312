"""The inputs of one request on their way to an answer, whatever API they came by."""

import time
from collections.abc import Callable, Sequence

from app.api.inference.input_errors import check_count, name_input
from app.api.inference.question import Question
from app.api.inference.steps import ModelRun
from app.api.inference.tasks import DecodeTask
from app.api.inference.writer import Written
from app.bundle.base import LongText
from app.engine.answer_cache import AnswerKey, InputAnswer, Parts
from app.engine.interface import Engine, PendingRun, RunResult
from app.engine.models.servable import Servable
from app.engine.text.checks import check_kind, check_tokens
from app.engine.text.encoding import EncodedInput, Encoding, TextInput
from app.engine.text.tokenization import SHORT_CHARACTERS
from app.errors import ClassmarkError, InferenceFailed, InvalidRequest
from app.service import Service
from app.telemetry.series import ModelLabels

# Decoding this many tokens of tagged texts takes some ten milliseconds, and holds the event loop.
SHORT_TOKENS = 2048


class InferenceJob:
    """A request's inputs on their way to one model's answer; they share batches with all others.

    Its steps are those of `Job`.
    """

    def __init__(self, service: Service, task: DecodeTask, question: Question) -> None:
        limit = service.settings.max_inputs
        if not question.in_slices:
            check_count(len(question.inputs), limit)
        self._abandoned = False
        self.waits_for_room = question.in_slices
        self._cache = service.cache
        self._max_windows = service.settings.max_windows
        self._metrics = service.metrics
        self._series = service.metrics.of(task.servable.metric_labels)
        self._task = task
        self._sources = [
            TextInput(item) if isinstance(item, str) else TextInput(item.text, item.text_pair)
            for item in question.inputs
        ]
        self._long_text: LongText = question.long_text or task.servable.manifest.defaults.long_text
        self._reports_errors = question.reports_errors
        self._writer = question.writer
        self._errors = dict(question.errors)
        self._results: list[InputAnswer | None] = [None] * len(self._sources)
        self._slice_inputs = limit
        self._later = [i for i in range(len(self._sources)) if i not in self._errors]
        self._missing: list[int] = []
        self._encoded: list[EncodedInput] = []
        self.stages: dict[str, float] = {}
        self.cost_seconds = 0.0

    @property
    def servable(self) -> Servable:
        return self._task.servable

    @property
    def metric_labels(self) -> ModelLabels:
        return self.servable.metric_labels

    @property
    def per_token(self) -> bool:
        """Whether decoding takes time for each token, not for each input."""
        return self._task.per_token

    @property
    def results(self) -> Sequence[InputAnswer | None]:
        """Of each input, in order; None where there is an error."""
        return self._results

    @property
    def is_answered(self) -> bool:
        return not self._missing

    @property
    def characters(self) -> int:
        return sum(self._sources[i].characters for i in self._missing)

    @property
    def encodes_quickly(self) -> bool:
        return self.characters <= SHORT_CHARACTERS

    @property
    def is_encoded(self) -> bool:
        return bool(self._encoded)

    @property
    def tokens(self) -> int:
        return sum(one.tokens for one in self._encoded)

    @property
    def decodes_quickly(self) -> bool:
        return not self._task.per_token or self.tokens <= SHORT_TOKENS

    @property
    def encodings(self) -> list[Encoding]:
        """What is to be run."""
        return [window for one in self._encoded for window in one.windows]

    def look_up(self) -> None:
        if self._cache.enabled:
            for i in self._later:
                key = self._key(self._sources[i])
                self._results[i] = self._cache.get(self._task.servable, key)
            self._later = [i for i in self._later if self._results[i] is None]
        self._take_slice()

    def _take_slice(self) -> None:
        self._missing = self._later[: self._slice_inputs]
        self._later = self._later[self._slice_inputs :]

    def encode(self) -> None:
        started = time.perf_counter()
        asked, self._missing = self._missing, []
        for i in asked:
            if self._abandoned:
                return
            try:
                self._encoded.append(self._encode(self._sources[i]))
            except InvalidRequest as exc:
                self._fail(i, exc)
            else:
                self._missing.append(i)
        self._spend("encode", time.perf_counter() - started)

    def submit(
        self, engine: Engine, deadline: float, on_done: Callable[[], None], trace: bytes
    ) -> PendingRun:
        return engine.submit(self.servable, self.encodings, deadline, on_done, trace)

    def runs_of(self, run: RunResult) -> list[ModelRun]:
        return [ModelRun(self.metric_labels, self.tokens, run)]

    def decode(self, run: RunResult) -> None:
        started = time.perf_counter()
        self._spend("queue", run.queue_seconds)
        self._spend("run", run.run_seconds)
        self.cost_seconds += run.cost_seconds
        failed = self._failed_inputs(run) if run.failures else {}
        logits = iter(run.logits)
        for i, one in zip(self._missing, self._encoded, strict=True):
            own = [next(logits) for _ in one.windows]
            if i in failed:
                self._fail(i, failed[i])
            else:
                self._results[i] = self._task.decode(one, own)
        self._spend("decode", time.perf_counter() - started)

    def _spend(self, stage: str, seconds: float) -> None:
        self.stages[stage] = self.stages.get(stage, 0.0) + seconds

    def go_on(self) -> bool:
        self._remember()
        if not self._later:
            return False
        self._count_encoded()
        self._take_slice()
        return True

    def _remember(self) -> None:
        if self._cache.enabled:
            for i in self._missing:
                result = self._results[i]
                if result is not None:  # it was decoded, and did not fail
                    self._cache.put(self._task.servable, self._key(self._sources[i]), result)

    def _count_encoded(self) -> None:
        for one in self._encoded:
            self._series.input_tokens.observe(one.tokens)
            if one.unknown_tokens:
                self._series.unknown_tokens.inc(one.unknown_tokens)
            if one.truncated:
                self._series.truncated_inputs.inc()
        self._encoded = []

    def end(self) -> None:
        self._count_encoded()
        for result in self._results:
            if result is not None:
                for label in result.labels:
                    self._series.answers[label].inc()
                for score in result.scores:
                    self._series.answer_score.observe(score)
        for error in self._errors.values():
            self._metrics.count_failed_input(self.servable.name, error.status)
        for stage, seconds in self.stages.items():
            self._series.stage_seconds[stage].observe(seconds)

    def write(self) -> Written:
        return self._writer.join(self._task.servable, self.answers, self.stages)

    @property
    def answers(self) -> list[Parts]:
        """What is written of each input, in order."""
        answers = [result.parts for result in self._results if result is not None]
        if self._errors:
            answers = [
                self._writer.failure(self._errors[i]) if result is None else result.parts
                for i, result in enumerate(self._results)
            ]
        return answers

    def abandon(self) -> None:
        self._abandoned = True

    def _encode(self, source: TextInput) -> EncodedInput:
        check_kind(source, self.servable.manifest.input)
        one = self.servable.encode(source, self._long_text, self._max_windows)
        check_tokens(one)
        return one

    def _failed_inputs(self, run: RunResult) -> dict[int, InferenceFailed]:
        """Return why the model failed on an input: on the first of its windows."""
        at = [i for i, one in zip(self._missing, self._encoded, strict=True) for _ in one.windows]
        return {at[place]: run.failures[place] for place in sorted(run.failures, reverse=True)}

    def _fail(self, index: int, error: ClassmarkError) -> None:
        """Keep an input's error for its place; raise it where one error refuses the request."""
        named = name_input(index, error)
        if not self._reports_errors:
            raise named from error
        self._errors[index] = named

    def _key(self, source: TextInput) -> AnswerKey:
        return AnswerKey(source, (self._long_text, self._task.options))
