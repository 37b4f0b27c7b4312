"""Defines what /v1/analyze takes and answers."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.schemas.answers import ClassifyResult, FailedInput, NerResult
from app.schemas.base import Schema
from app.schemas.requests import (
    AggregationOption,
    Inputs,
    LongTextOption,
    OnErrorOption,
    TopKOption,
)

# Of a service that has more, the operator or the caller has to choose.
MOST_MODELS = 64


def _each_once(names: list[str]) -> list[str]:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise PydanticCustomError(
                "model_twice", "{name} is named twice; name each model once", {"name": name[:60]}
            )
    return names


class AnalyzeRequest(Schema):
    """Texts for several models; an option concerns the models that know it."""

    inputs: Inputs = Field(
        description="One text, one pair, or a list of these. Times the models they may be as many "
        "as CLASSMARK_MAX_INPUTS allows in one request."
    )
    models: (
        Annotated[
            list[str],
            Field(min_length=1, max_length=MOST_MODELS),
            AfterValidator(_each_once),
        ]
        | None
    ) = Field(
        None,
        description="Names of the models to ask. Left out: those of CLASSMARK_ANALYZE_MODELS, or "
        "all that serve.",
    )
    top_k: TopKOption = None
    aggregation_strategy: AggregationOption = None
    long_text: LongTextOption = None
    on_error: OnErrorOption = "fail"


class AnalyzedBy(Schema):
    """A model that has answered."""

    name: str
    version: int


class AnalyzeAnswer(Schema):
    models: list[AnalyzedBy] = Field(description="In the order in which they were asked for.")
    results: list[dict[str, ClassifyResult | NerResult | FailedInput]] = Field(
        description="One for each input, in order: by each model's name what that model's own "
        "route has in its `results`."
    )
