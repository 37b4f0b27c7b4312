"""Defines what clients of the Hugging Face Inference API send."""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, ValidatorFunctionWrapHandler, WrapValidator

from app.api.dialects.dialect import ForeignSchema
from app.bundle import AggregationStrategy, LongText
from app.schemas.requests import Inputs, Pair, Text


class GivenInputs(NamedTuple):
    """The inputs, and whether they came without a list around them: some answers differ by that."""

    items: list[str | Pair]
    alone: bool


def _keep_form(value: Any, validate: ValidatorFunctionWrapHandler) -> GivenInputs:
    return GivenInputs(validate(value), not isinstance(value, list))


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


CandidateLabels = Annotated[list[Text], BeforeValidator(_split), Field(min_length=1)]


class Parameters(ForeignSchema):
    """Options of all tasks; each task reads its own."""

    top_k: int | None = Field(None, ge=1)
    function_to_apply: Literal["sigmoid", "softmax", "none"] | None = None
    aggregation_strategy: AggregationStrategy | None = None
    ignore_labels: list[str] | None = None
    stride: int | None = None
    long_text: LongText | None = None
    candidate_labels: CandidateLabels | None = None
    multi_label: bool = False
    hypothesis_template: str = "This example is {}."


class InferenceBody(ForeignSchema):
    inputs: Annotated[Inputs, WrapValidator(_keep_form)]
    parameters: Parameters | None = None
