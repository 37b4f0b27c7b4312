"""Defines the requests and answers of the HTTP interface."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    FailFast,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from app.bundle import AggregationStrategy, LongText, Precision, Share, Task


class Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


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
    long_text: LongText | None = Field(
        None,
        description="For texts over the model's length: cut them, read them in overlapping "
        "windows, or refuse them. The bundle's default if left out.",
    )


class ClassifyRequest(InferenceRequest):
    top_k: int | None = Field(
        None, ge=1, strict=True, description="At most this many labels; all if left out."
    )


class NerRequest(InferenceRequest):
    aggregation_strategy: AggregationStrategy | None = Field(
        None, description="How tokens become entities, as in transformers' pipeline."
    )
    labels: list[str] | None = Field(
        None, min_length=1, description="Answer with these entity groups only."
    )


class Label(Schema):
    label: str
    score: float


class Entity(Schema):
    entity_group: str
    score: float
    word: str = Field(description="Exactly text[start:end].")
    start: int = Field(description="In Unicode code points.")
    end: int = Field(description="In Unicode code points, exclusive.")


class Result(Schema):
    tokens: int = Field(description="Tokens the model read, special tokens included.")
    windows: int = Field(description="Windows the text was read in; 1 unless it is long.")
    truncated: bool = Field(
        description="Part of the text was not read: its end, or its beginning where the checkpoint "
        "truncates there."
    )


class ClassifyResult(Result):
    labels: list[Label] = Field(description="From the highest score down.")


class NerResult(Result):
    entities: list[Entity] = Field(description="In reading order.")


class Answer(Schema):
    model: str
    version: int


class ClassifyAnswer(Answer):
    results: list[ClassifyResult] = Field(description="One for each input, in order.")


class NerAnswer(Answer):
    results: list[NerResult] = Field(description="One for each input, in order.")


class LoadFailure(Schema):
    version: int | None = Field(description="null: the model's desired-version file itself.")
    reason: str
    at: datetime


class ExecutionStatus(Schema):
    """How batches of a model run."""

    kind: Literal["padded", "packed", "captured"] = Field(
        description="padded: each text filled up to the longest; packed: without padding; "
        "captured: packed, and replayed as CUDA graphs."
    )
    reason: str | None = Field(
        description="Why the backend's better way is not used; null: there is none better."
    )


class ModelStatus(Schema):
    """One model of the store."""

    name: str
    status: Literal["serving", "failed"]
    version: int | None
    versions: list[int] = Field(description="In the store, newest first.")
    task: Task | None = None
    labels: list[str] = []
    max_length: int | None = None
    precision: Precision | None = None
    provider: str | None = None
    execution: ExecutionStatus | None = None
    batch_invariant: bool | None = None
    recipe: str | None = None
    agreement: float | None = Field(
        None, description="Label agreement of the graph with the checkpoint, as export measured it."
    )
    temperature: float | None = Field(
        None, description="Scores are computed from logits / temperature; null: not calibrated."
    )
    label_thresholds: dict[str, float] | None = Field(
        None, description="Lowest score of each label where a request gives no threshold."
    )
    metrics: dict[str, float] = Field({}, description="Of this graph, on the evaluation set.")
    last_failure: LoadFailure | None = None


class ModelList(Schema):
    models: list[ModelStatus]


class ReloadRequest(Schema):
    version: int | None = Field(
        None, ge=1, strict=True, description="Version to pin to; left out: the newest, unpinned."
    )


class Health(Schema):
    status: Literal["ok", "unavailable"]
    reason: str | None = None


class FieldError(Schema):
    field: str
    problem: str


class Problem(Schema):
    """An error as RFC 9457 describes it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="Names the value, the limit and the remedy.")
    request_id: str | None = None
    errors: list[FieldError] = []
