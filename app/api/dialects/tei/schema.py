"""Defines what clients of text-embeddings-inference send to a classifier or a reranker."""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, PlainValidator, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from app.api.dialects.dialect import ForeignSchema
from app.bundle.base import Activation, LongText
from app.schemas.requests import Pair, Text

_TEXT: TypeAdapter[str] = TypeAdapter(Text)
_FORMS = "send a text, [text], [text, text] for a pair, or a list of such lists for several"


class Sequences(NamedTuple):
    """Texts and pairs, and whether one came that was not in a batch: it is answered alone."""

    items: list[str | Pair]
    alone: bool


def _read(value: Any) -> Sequences:
    """Read what its own schema allows, and the lone texts in a batch that its client sends."""
    if isinstance(value, list) and any(isinstance(item, list) for item in value):
        return Sequences([_sequence(item) for item in value], alone=False)
    return Sequences([_sequence(value)], alone=True)


def _sequence(value: Any) -> str | Pair:
    texts = value if isinstance(value, list) else [value]
    if not 1 <= len(texts) <= 2:
        raise PydanticCustomError("sequence", f"{len(texts)} texts are no sequence; {_FORMS}")
    try:
        read = [_TEXT.validate_python(text) for text in texts]
    except ValidationError as exc:
        found = exc.errors(include_url=False)[0]["msg"]
        raise PydanticCustomError("sequence", f"{found.replace('{', '{{')}; {_FORMS}") from None
    return read[0] if len(read) == 1 else Pair.model_construct(text=read[0], text_pair=read[1])


class Options(ForeignSchema):
    """What both routes take."""

    truncate: bool | None = None
    truncation_direction: Literal["Left", "Right", "left", "right"] | None = None
    raw_scores: bool = False

    @property
    def long_text(self) -> LongText | None:
        """What to do with texts over the model's length; we cannot cut their beginning off."""
        if self.truncate is False or (self.truncation_direction or "").lower() == "left":
            return "error"
        return "truncate" if self.truncate else None


class PredictBody(Options):
    inputs: Annotated[Sequences, PlainValidator(_read)]

    @property
    def activation(self) -> Activation:
        return "none" if self.raw_scores else "default"


class RerankBody(Options):
    query: Text
    texts: list[Text] = Field(min_length=1)
    return_text: bool = False

    @property
    def activation(self) -> Activation:
        return "none" if self.raw_scores else "sigmoid"
