"""The inputs of one request on their way to the answers of several models, side by side."""

from collections.abc import Callable, Sequence
from functools import partial

from app.api.analyze.question import AnalyzeQuestion
from app.api.inference.job import SHORT_TOKENS, InferenceJob
from app.api.inference.routes import make_job
from app.api.inference.steps import ModelRun
from app.api.inference.writer import JSON_HEADERS, Written
from app.engine.interface import Engine, RunResult
from app.engine.joint_run import JointRun
from app.engine.text.tokenization import SHORT_CHARACTERS
from app.errors import InferenceFailed, InvalidRequest
from app.service import ModelAnswers, Service
from app.telemetry.series import ModelLabels

# A request to several models is counted for none of them; what each reads and answers is.
SEVERAL = ModelLabels("", "")
# How a stage's time is that of several models: they are encoded and decoded one after another, and
# queue and run side by side.
_COMBINED: dict[str, Callable[[Sequence[float]], float]] = {
    "encode": sum,
    "queue": max,
    "run": max,
    "decode": sum,
}


class AnalyzeJob:
    """A job for each model, which take each step together: one admission, one submission.

    Its steps are those of `Job`.

    Raises:
        UnknownModel, ModelUnavailable, NotReady: what `Catalog.resolve` raises for one of them.
        InvalidRequest: the inputs, times the models, are more than a request may have.
    """

    waits_for_room = False

    def __init__(self, service: Service, question: AnalyzeQuestion) -> None:
        models, inputs = question.models, question.body.inputs
        _check_runs(len(inputs), len(models), service.settings.max_inputs)
        servables = [service.registry.resolve(name) for name in models]
        self._observers = service.answer_observers
        self._jobs = [make_job(service, question.of(servable)) for servable in servables]
        self._abandoned = False

    @property
    def _open(self) -> list[InferenceJob]:
        """Those that lack an answer."""
        return [job for job in self._jobs if not job.is_answered]

    @property
    def cost_seconds(self) -> float:
        return sum(job.cost_seconds for job in self._jobs)

    @property
    def metric_labels(self) -> ModelLabels:
        return self._jobs[0].metric_labels if len(self._jobs) == 1 else SEVERAL

    @property
    def is_answered(self) -> bool:
        return not self._open

    @property
    def is_encoded(self) -> bool:
        return any(job.is_encoded for job in self._jobs)

    @property
    def characters(self) -> int:
        return sum(job.characters for job in self._jobs)

    @property
    def encodes_quickly(self) -> bool:
        return self.characters <= SHORT_CHARACTERS

    @property
    def tokens(self) -> int:
        return sum(job.tokens for job in self._jobs)

    @property
    def decodes_quickly(self) -> bool:
        return sum(job.tokens for job in self._jobs if job.per_token) <= SHORT_TOKENS

    def look_up(self) -> None:
        for job in self._jobs:
            job.look_up()

    def encode(self) -> None:
        for job in self._open:
            if self._abandoned:
                return
            self._attempt(job, job.encode)

    def submit(
        self, engine: Engine, deadline: float, on_done: Callable[[], None], trace: bytes
    ) -> JointRun:
        wanted = [(job.servable, job.encodings) for job in self._open]
        return JointRun(engine, wanted, deadline, on_done, trace)

    def runs_of(self, runs: Sequence[RunResult]) -> list[ModelRun]:
        pairs = zip(self._open, runs, strict=True)
        return [ModelRun(job.metric_labels, job.tokens, run) for job, run in pairs]

    def decode(self, runs: Sequence[RunResult]) -> None:
        for job, run in zip(self._open, runs, strict=True):
            self._attempt(job, partial(job.decode, run))

    def go_on(self) -> bool:
        for job in self._jobs:
            job.go_on()  # keep the answers; all inputs are in one slice
        return False

    def write(self) -> Written:
        models = [
            f'{{"name":"{job.servable.name}","version":{job.servable.version}}}'
            for job in self._jobs
        ]
        columns = [
            [f'"{job.servable.name}":{answer[0]!s}' for answer in job.answers] for job in self._jobs
        ]
        rows = [f"{{{','.join(row)}}}" for row in zip(*columns, strict=True)]
        body = f'{{"models":[{",".join(models)}],"results":[{",".join(rows)}]}}'
        return Written(body.encode(), JSON_HEADERS)

    @property
    def stages(self) -> dict[str, float]:
        spent = [job.stages for job in self._jobs]
        return {
            stage: combine([one[stage] for one in spent if stage in one])
            for stage, combine in _COMBINED.items()
            if any(stage in one for one in spent)
        }

    def end(self) -> None:
        for job in self._jobs:
            job.end()
        answers = [ModelAnswers(job.servable, job.results) for job in self._jobs]
        for observe in self._observers:
            observe(answers)

    def abandon(self) -> None:
        self._abandoned = True
        for job in self._jobs:
            job.abandon()

    def _attempt(self, job: InferenceJob, step: Callable[[], None]) -> None:
        """Take a model's step; an error says whose it is."""
        try:
            step()
        except InvalidRequest as exc:
            raise InvalidRequest(f"{job.servable.name}: {exc}", exc.fields) from exc
        except InferenceFailed as exc:
            raise InferenceFailed(f"{job.servable.name}: {exc}") from exc


def _check_runs(inputs: int, models: int, limit: int) -> None:
    """Raise InvalidRequest for more inputs, each for every model, than a request may have."""
    if inputs * models > limit:
        raise InvalidRequest(
            f"inputs: {inputs} inputs for {models} models are {inputs * models}, the limit is "
            f"{limit}; send them in several requests, name fewer models, or raise "
            "CLASSMARK_MAX_INPUTS"
        )
