"""Defines what clients of the V2 protocol send, apart from the bytes of tensors."""

from typing import Annotated, Any

from pydantic import FailFast, Field

from app.api.dialects.dialect import ForeignSchema
from app.bundle.base import Activation, AggregationStrategy, LongText
from app.schemas.requests import FiniteShare


class TensorParameters(ForeignSchema):
    binary_data_size: int | None = Field(None, ge=0)


class InputTensor(ForeignSchema):
    """A tensor of texts; `data` is judged where it is read, once for all its elements."""

    name: str
    shape: Annotated[list[int], FailFast(), Field(min_length=1, max_length=8)]
    datatype: str
    data: Any = None
    parameters: TensorParameters = TensorParameters()


class OutputParameters(ForeignSchema):
    binary_data: bool | None = None
    classification: int | None = Field(None, ge=0)


class RequestedOutput(ForeignSchema):
    name: str
    parameters: OutputParameters = OutputParameters()


class RequestParameters(ForeignSchema):
    """Options: the protocol's own, and those of our own routes that are no lists."""

    binary_data_output: bool = False
    timeout: float = Field(0, ge=0, allow_inf_nan=False, description="Microseconds; 0: none.")
    top_k: int | None = Field(None, ge=1)
    threshold: FiniteShare | None = None
    long_text: LongText | None = None
    activation: Activation = "default"
    aggregation_strategy: AggregationStrategy | None = None


class InferBody(ForeignSchema):
    id: str | None = None
    parameters: RequestParameters = RequestParameters()
    inputs: Annotated[list[InputTensor], FailFast(), Field(min_length=1, max_length=2)]
    outputs: Annotated[list[RequestedOutput], FailFast(), Field(max_length=16)] = []
