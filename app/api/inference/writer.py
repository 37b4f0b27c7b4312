"""Defines how an API writes its answers, and how our own does."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from pydantic_core import to_json

from app.bundle.manifest import Manifest
from app.engine.answer_cache import Parts
from app.engine.answers.decoding import LabelScore
from app.engine.answers.entities import EntitySpan
from app.engine.models.servable import Servable
from app.engine.text.encoding import EncodedInput
from app.errors import ClassmarkError

Headers = list[tuple[bytes, bytes]]
JSON_HEADERS: Headers = [(b"content-type", b"application/json")]


class Written(NamedTuple):
    """The body of an answer, and the headers that belong to it."""

    body: bytes
    headers: Headers


class LabelledText(NamedTuple):
    """What a model says of a text.

    Attributes:
        scores: of all labels, in the manifest's order.
        ranked: the labels to answer with, the best first.
    """

    encoded: EncodedInput
    manifest: Manifest
    scores: Sequence[float]
    ranked: Sequence[LabelScore]


class Writer(ABC):
    """Writes answers as one API has them: each input's parts as it is decoded, then joined.

    Attributes:
        key: equal for writers that write equal parts; what one wrote, the cache gives to another.
    """

    key: Hashable

    def labels(self, text: LabelledText) -> Parts:
        """Return the parts of a labelled text."""
        raise NotImplementedError("models that label texts are refused before")

    def entities(self, encoded: EncodedInput, entities: Sequence[EntitySpan]) -> Parts:
        """Return the parts of a tagged text."""
        raise NotImplementedError("models that tag tokens are refused before")

    def failure(self, error: ClassmarkError) -> Parts:
        """Return the parts of an input that has no result, for requests that survive that."""
        raise NotImplementedError("this API fails a request with its first input")

    @abstractmethod
    def join(
        self, servable: Servable, answers: Sequence[Parts], stages: Mapping[str, float]
    ) -> Written:
        """Return the answer to a request.

        Args:
            answers: the parts of each input, in order.
            stages: seconds that the request spent in each.
        """


class OwnWriter(Writer):
    """Writes the schemas `ClassifyAnswer` and `NerAnswer`; one part, JSON of a result.

    Made without those schemas: what is known to be right need not be validated for every text.
    """

    key = "own"

    def labels(self, text: LabelledText) -> Parts:
        labels = [{"label": item.label, "score": item.score} for item in text.ranked]
        return _result(text.encoded, labels=labels)

    def entities(self, encoded: EncodedInput, entities: Sequence[EntitySpan]) -> Parts:
        return _result(encoded, entities=[asdict(entity) for entity in entities])

    def failure(self, error: ClassmarkError) -> Parts:
        problem = {
            "type": "about:blank",
            "title": error.title,
            "status": int(error.status),
            "detail": str(error),
        }
        return (to_json({"error": problem}).decode(),)

    def join(
        self, servable: Servable, answers: Sequence[Parts], stages: Mapping[str, float]
    ) -> Written:
        # A model's name needs no escaping: bundles with any other are refused.
        head = f'{{"model":"{servable.name}","version":{servable.version},"results":['
        return Written(f"{head}{join_json(answers)}]}}".encode(), JSON_HEADERS)


OWN_WRITER = OwnWriter()


def join_json(answers: Sequence[Parts], part: int = 0) -> str:
    """Return the inputs' parts at one place, which are JSON, as the items of an array."""
    return ",".join([answer[part] for answer in answers])  # type: ignore[misc]


def _result(encoded: EncodedInput, **found: list[dict[str, Any]]) -> Parts:
    reading = {
        "tokens": encoded.tokens,
        "windows": len(encoded.windows),
        "truncated": encoded.truncated,
    }
    return (to_json(reading | found).decode(),)
