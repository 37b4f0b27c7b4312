"""Declares Presidio's analyzer, whose PII recognizer is a model that finds entities."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field
from pydantic_core import to_json

from app.api.auth import ServiceDep, require
from app.api.dialects.dialect import (
    AsGiven,
    Dialect,
    ForeignRoute,
    ForeignSchema,
    GivenInputs,
    identity,
    posted,
)
from app.api.inference.question import EntityOptions, Question
from app.api.inference.reader import RequestReader, parse_json
from app.api.inference.routes import Target
from app.api.inference.writer import Writer, Written, join_json
from app.bundle.base import Task
from app.engine.answer_cache import Parts
from app.engine.answers.entities import EntitySpan
from app.engine.answers.tags import groups
from app.engine.models.servable import Servable
from app.engine.text.encoding import EncodedInput
from app.errors import InvalidRequest, brief
from app.schemas.requests import FiniteShare
from app.service import Service

TASK: Task = "token-classification"
EXAMPLE = {"text": "Angela Merkel visited Paris.", "language": "en"}

# What Presidio calls the entity groups that models have; others keep their names.
NAMES = {
    "PER": "PERSON", "LOC": "LOCATION", "GPE": "LOCATION", "ORG": "ORGANIZATION",
    "DATE": "DATE_TIME", "TIME": "DATE_TIME", "NORP": "NRP", "EMAIL": "EMAIL_ADDRESS",
    "PHONE": "PHONE_NUMBER",
}  # fmt: skip


class AnalyzeBody(ForeignSchema):
    """A text or several, and what to find in them; the language is the model's own."""

    text: AsGiven
    entities: Annotated[list[str], Field(max_length=1000)] | None = None
    score_threshold: FiniteShare | None = None
    ad_hoc_recognizers: list[Any] | None = None


@dataclass(frozen=True)
class PresidioWriter(Writer):
    """Writes a list of findings per text."""

    alone: bool

    key = "presidio"

    def entities(self, encoded: EncodedInput, entities: Sequence[EntitySpan]) -> Parts:
        found = [
            {
                "entity_type": name_of(one.entity_group),
                "start": one.start,
                "end": one.end,
                "score": one.score,
            }
            for one in entities
        ]
        return (to_json(found).decode(),)

    def join(
        self, servable: Servable, answers: Sequence[Parts], stages: Mapping[str, float]
    ) -> Written:
        content = join_json(answers) if self.alone else f"[{join_json(answers)}]"
        return Written(content.encode(), identity(servable))


def name_of(group: str) -> str:
    """Return what Presidio calls an entity group."""
    return NAMES.get(group.upper(), group.upper())


def read(reader: RequestReader, target: Target, service: Service) -> Question:
    """Return what a request asks; the whole text is read, however long."""
    body, _ = parse_json(AnalyzeBody, reader.body)
    servable, texts = service.registry.resolve(target.model, TASK), body.text
    assert isinstance(texts, GivenInputs)  # its validator made them so
    if body.ad_hoc_recognizers:
        raise InvalidRequest(
            "ad_hoc_recognizers cannot run here, and leaving them out would hide what they find; "
            "run Presidio itself with a recognizer that asks this service"
        )
    labels = _groups(servable, body.entities) if body.entities else None
    threshold = -math.inf if body.score_threshold is None else body.score_threshold
    options = EntityOptions(None, threshold, labels)
    return Question(servable.name, texts.items, options, "window", PresidioWriter(texts.alone))


def _groups(servable: Servable, entities: Sequence[str]) -> tuple[str, ...]:
    """Return the model's groups for what is asked; some of it may be for other recognizers."""
    known = groups(servable.tags)
    wanted = tuple(group for group in known if name_of(group) in entities)
    if not wanted:
        raise InvalidRequest(
            f"entities: the model finds {', '.join(map(name_of, known))}, and none of "
            f"{brief(', '.join(entities))}; ask for those, or run Presidio's own recognizers"
        )
    return wanted


described = APIRouter(route_class=ForeignRoute)


@described.get("/supportedentities", dependencies=[Depends(require("predict"))])
@described.get("/presidio/{name}/supportedentities", dependencies=[Depends(require("predict"))])
async def supported_entities(service: ServiceDep, name: str | None = None) -> list[str]:
    """List what the model finds, in Presidio's words."""
    found = groups(service.registry.resolve(name, TASK).tags)
    return sorted({name_of(group) for group in found})


SUMMARY = "Find personal data"
DIALECT = Dialect(
    "presidio",
    (
        posted("/analyze", read, SUMMARY, EXAMPLE, task=TASK),
        posted("/presidio/{name}/analyze", read, SUMMARY, EXAMPLE, task=TASK),
    ),
    described,
)
