"""Defines what the inference routes take."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    FailFast,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from app.bundle.base import Activation, AggregationStrategy, LongText, Share
from app.schemas.base import Schema


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError(
            "text_nul", "the text has a NUL character at position {at}", {"at": text.index("\0")}
        )
    return text


Text = Annotated[str, StringConstraints(strict=True, min_length=1), AfterValidator(_no_nul)]


class Pair(Schema):
    """One text, or two that the model reads together."""

    text: Text
    text_pair: Text | None = None


def _kind(value: object) -> str | None:
    if isinstance(value, str):
        return "text"
    return "pair" if isinstance(value, (dict, Pair)) else None


Input = Annotated[
    Annotated[Text, Tag("text")] | Annotated[Pair, Tag("pair")],
    Discriminator(
        _kind,
        custom_error_type="input_type",
        custom_error_message="an input is a text or an object with `text` and, if wanted, "
        "`text_pair`",
    ),
]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


_INPUT_JSON_SCHEMA = {
    "oneOf": [{"type": "string", "minLength": 1}, {"$ref": "#/components/schemas/Pair"}]
}
Inputs = Annotated[
    list[Input],
    FailFast(),  # of a list of a million wrong items the first is enough
    BeforeValidator(_as_list),
    Field(min_length=1),
    WithJsonSchema(
        {
            "title": "Inputs",
            "oneOf": [
                *_INPUT_JSON_SCHEMA["oneOf"],
                {"type": "array", "minItems": 1, "items": _INPUT_JSON_SCHEMA},
            ],
        }
    ),
]
FiniteShare = Annotated[Share, Field(allow_inf_nan=False)]


LongTextOption = Annotated[
    LongText | None,
    Field(
        description="For texts over the model's length: cut them, read them in overlapping "
        "windows, or refuse them. The bundle's default if left out."
    ),
]
OnErrorOption = Annotated[
    Literal["fail", "report"],
    Field(
        description="Of an input that cannot be answered: fail refuses the request; report answers "
        "the other inputs, and has that one's error in its place in `results`."
    ),
]
TopKOption = Annotated[
    int | None,
    Field(ge=1, strict=True, description="At most this many labels; all if left out."),
]
AggregationOption = Annotated[
    AggregationStrategy | None,
    Field(description="How tokens become entities, as in transformers' pipeline."),
]


class InferenceRequest(Schema):
    """Fields that both endpoints take."""

    model: str | None = Field(
        None, description="May be left out where one model alone fits the endpoint."
    )
    inputs: Inputs = Field(description="One text, one pair, or a list of these.")
    threshold: FiniteShare | None = Field(
        None,
        description="Lowest score to answer with; if left out, the bundle's default, or each "
        "label's own threshold where the bundle has them.",
    )
    long_text: LongTextOption = None
    on_error: OnErrorOption = "fail"


class ClassifyRequest(InferenceRequest):
    top_k: TopKOption = None
    activation: Activation = Field(
        "default",
        description="What turns logits into scores: the checkpoint's own, another, or none, which "
        "gives the logits. With any but the default, the bundle's thresholds do not apply.",
    )


class NerRequest(InferenceRequest):
    aggregation_strategy: AggregationOption = None
    labels: list[str] | None = Field(
        None, min_length=1, description="Answer with these entity groups only."
    )
