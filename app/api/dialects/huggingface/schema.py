"""Defines what clients of the Hugging Face Inference API send."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from app.api.dialects.dialect import AsGiven, ForeignSchema
from app.bundle.base import AggregationStrategy, LongText
from app.schemas.requests import Text


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
    inputs: AsGiven
    parameters: Parameters | None = None
