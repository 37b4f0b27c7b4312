"""Writes answers as predictions of Label Studio."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from pydantic_core import to_json

from app.api.dialects.label_studio.config import LabelingConfig
from app.api.inference.writer import JSON_HEADERS, LabelledText, Writer, Written
from app.engine.answer_cache import Parts
from app.engine.answers.entities import EntitySpan
from app.engine.models.servable import Servable
from app.engine.text.encoding import EncodedInput
from app.errors import ClassmarkError


@dataclass(frozen=True)
class LabelStudioWriter(Writer):
    """Writes a prediction per task, still open: its version is written last.

    Attributes:
        shown: what the project calls the model's labels; others are left out.
    """

    config: LabelingConfig
    shown: Mapping[str, str]

    @cached_property
    def key(self) -> tuple[object, ...]:  # type: ignore[override]
        return "label studio", self.config.from_name, self.config.to_name, *self.shown.items()

    def labels(self, text: LabelledText) -> Parts:
        known = [one for one in text.ranked if one.label in self.shown]
        if not known:
            return _parts([])
        value = {"choices": [self.shown[one.label] for one in known]}
        return _parts([self._result("choices", value, known[0].score)])

    def entities(self, encoded: EncodedInput, entities: Sequence[EntitySpan]) -> Parts:
        return _parts(
            [
                self._result(
                    "labels",
                    {
                        "start": one.start,
                        "end": one.end,
                        "text": one.word,
                        "labels": [self.shown[one.entity_group]],
                    },
                    one.score,
                )
                for one in entities
                if one.entity_group in self.shown
            ]
        )

    def failure(self, error: ClassmarkError) -> Parts:
        return _parts([])  # a list with a task less would make Label Studio drop them all

    def join(
        self, servable: Servable, answers: Sequence[Parts], stages: Mapping[str, float]
    ) -> Written:
        version = model_version(servable)
        tail = f',"model_version":"{version}"}}'
        results = ",".join([f"{answer[0]!s}{tail}" for answer in answers])
        return Written(f'{{"results":[{results}]}}'.encode(), JSON_HEADERS)

    def _result(self, kind: str, value: dict[str, Any], score: float) -> dict[str, Any]:
        names = {"from_name": self.config.from_name, "to_name": self.config.to_name}
        return {**names, "type": kind, "score": score, "value": value}


def model_version(servable: Servable) -> str:
    """Return what tells predictions apart: Label Studio asks for no task twice with the same."""
    return f"{servable.name}/{servable.version}"


def _parts(results: list[dict[str, Any]]) -> Parts:
    score = round(fmean(one["score"] for one in results), 6) if results else 0.0
    return (to_json({"result": results, "score": score}).decode()[:-1],)
