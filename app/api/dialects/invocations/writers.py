"""Writes answers in the shapes of transformers' pipelines, alone or as predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic_core import to_json

from app.api.dialects.dialect import identity
from app.api.inference.writer import LabelledText, Writer, Written, join_json
from app.engine.answer_cache import Parts
from app.engine.answers.entities import EntitySpan
from app.engine.models.servable import Servable
from app.engine.text.encoding import EncodedInput


@dataclass(frozen=True)
class PipelineWriter(Writer):
    """Writes what a pipeline would return.

    Attributes:
        bare: the one input's result is the answer, not a list of it.
        best_alone: of labels, the best without a list around it.
        per_token: entities are tokens, whose tags a pipeline has under another name.
        ignored: entity groups, or tags, that are left out.
    """

    bare: bool
    best_alone: bool = False
    per_token: bool = False
    ignored: frozenset[str] = frozenset()

    @cached_property
    def key(self) -> tuple[object, ...]:  # type: ignore[override]
        return "pipeline", self.best_alone, self.per_token, self.ignored

    def labels(self, text: LabelledText) -> Parts:
        labels = [{"label": one.label, "score": one.score} for one in text.ranked]
        return (to_json(labels[0] if self.best_alone else labels).decode(),)

    def entities(self, encoded: EncodedInput, entities: Sequence[EntitySpan]) -> Parts:
        name = "entity" if self.per_token else "entity_group"
        found = [
            {
                name: one.entity_group,
                "score": one.score,
                "word": one.word,
                "start": one.start,
                "end": one.end,
            }
            for one in entities
            if one.entity_group not in self.ignored
        ]
        return (to_json(found).decode(),)

    def join(
        self, servable: Servable, answers: Sequence[Parts], stages: Mapping[str, float]
    ) -> Written:
        content = join_json(answers) if self.bare else f"[{join_json(answers)}]"
        return Written(content.encode(), identity(servable))


@dataclass(frozen=True)
class PredictionsWriter(Writer):
    """Writes what another writer does as `predictions`."""

    inner: Writer

    @property
    def key(self) -> object:  # type: ignore[override]
        return self.inner.key

    def labels(self, text: LabelledText) -> Parts:
        return self.inner.labels(text)

    def entities(self, encoded: EncodedInput, entities: Sequence[EntitySpan]) -> Parts:
        return self.inner.entities(encoded, entities)

    def join(
        self, servable: Servable, answers: Sequence[Parts], stages: Mapping[str, float]
    ) -> Written:
        body, headers = self.inner.join(servable, answers, stages)
        return Written(b'{"predictions":' + body + b"}", headers)
