"""Describes the inference routes on the OpenAPI page: worked examples and error answers.

The framework answers none of these routes: `protocol` does, before a request reaches it.
"""

from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Body, Depends, Header
from fastapi.openapi.models import Example

from app.api.auth import require
from app.schemas.answers import ClassifyAnswer, NerAnswer
from app.schemas.problems import Problem
from app.schemas.requests import ClassifyRequest, NerRequest

router = APIRouter(prefix="/v1", tags=["inference"], dependencies=[Depends(require("predict"))])
Timeout = Annotated[
    float | None, Header(gt=0, allow_inf_nan=False, description="Answer 504 after this time.")
]

ELSEWHERE = "inference is answered by app.api.connection.protocol: serve with `classmark serve`"

_ERRORS: dict[int, str] = {
    400: "The body is not JSON.",
    401: "An API key is needed, or this one is not known.",
    403: "The key lacks the scope.",
    404: "No such model; the answer lists what serves.",
    409: "The version could not be swapped in; what served still serves.",
    413: "The body is too large.",
    415: "The content type is not JSON.",
    422: "A field breaks its limit.",
    429: "Overloaded: see Retry-After.",
    500: "The model failed on this input, or the service has a bug.",
    503: "Not ready, or shutting down.",
    504: "The request's time ran out.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI responses for the statuses, all of one shape."""
    schema = {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}
    content = {"application/problem+json": schema}
    return {
        status: {"description": _ERRORS[status], "model": Problem, "content": content}
        for status in statuses
    }


CLASSIFY_EXAMPLES: dict[str, Example] = {
    "one text": Example(
        value={"model": "sentiment", "inputs": "A squad of misfits, and still great fun."}
    ),
    "several texts, best label only": Example(
        value={
            "model": "topic",
            "inputs": [
                "The central bank raised interest rates by a quarter point.",
                "The striker scored twice in the final.",
            ],
            "top_k": 1,
        }
    ),
    "many texts, errors reported apart": Example(
        value={
            "model": "topic",
            "inputs": ["Shares fell on Monday.", ""],
            "top_k": 1,
            "on_error": "report",
        }
    ),
    "a long document, read in windows": Example(
        value={"model": "topic", "inputs": "First paragraph … last one.", "long_text": "window"}
    ),
}

NER_EXAMPLES: dict[str, Example] = {
    "one text": Example(value={"inputs": "Tim Cook opened a new Apple store in Berlin."}),
    "only people and places": Example(
        value={
            "model": "ner",
            "inputs": ["Angela Merkel met Emmanuel Macron in Paris."],
            "labels": ["PER", "LOC"],
            "aggregation_strategy": "first",
            "threshold": 0.5,
        }
    ),
}

_CLASSIFY_ANSWER = {
    "model": "sentiment",
    "version": 1,
    "results": [
        {
            "tokens": 13,
            "windows": 1,
            "truncated": False,
            "labels": [
                {"label": "positive", "score": 0.98},
                {"label": "negative", "score": 0.02},
            ],
        }
    ],
}
_REPORTED_ANSWER = {
    "model": "topic",
    "version": 1,
    "results": [
        {
            "tokens": 7,
            "windows": 1,
            "truncated": False,
            "labels": [{"label": "Business", "score": 0.97}],
        },
        {
            "error": {
                "type": "about:blank",
                "title": "Invalid request",
                "status": 422,
                "detail": "inputs.1: String should have at least 1 character; send a text of at "
                "least 1 character",
            }
        },
    ],
}
_NER_ANSWER = {
    "model": "ner",
    "version": 1,
    "results": [
        {
            "tokens": 12,
            "windows": 1,
            "truncated": False,
            "entities": [
                {"entity_group": "PER", "score": 0.97, "word": "Tim Cook", "start": 0, "end": 8}
            ],
        }
    ],
}


def _answer(model: type[ClassifyAnswer | NerAnswer], **examples: object) -> dict[int | str, Any]:
    named = {name.replace("_", " "): {"value": value} for name, value in examples.items()}
    return {200: {"model": model, "content": {"application/json": {"examples": named}}}}


INFERENCE_PROBLEMS = problems(400, 401, 403, 404, 413, 415, 422, 429, 500, 503, 504)
CLASSIFY_RESPONSES = (
    _answer(ClassifyAnswer, one_text=_CLASSIFY_ANSWER, errors_reported_apart=_REPORTED_ANSWER)
    | INFERENCE_PROBLEMS
)
NER_RESPONSES = _answer(NerAnswer, one_text=_NER_ANSWER) | INFERENCE_PROBLEMS


@router.post("/classify", response_model=ClassifyAnswer, responses=CLASSIFY_RESPONSES)
async def classify(
    body: Annotated[ClassifyRequest, Body(openapi_examples=CLASSIFY_EXAMPLES)],
    x_request_timeout_seconds: Timeout = None,
) -> NoReturn:
    """Label texts: sentiment, topic, intent. Every label with its score, the best first."""
    raise NotImplementedError(ELSEWHERE)


@router.post("/ner", response_model=NerAnswer, responses=NER_RESPONSES)
async def ner(
    body: Annotated[NerRequest, Body(openapi_examples=NER_EXAMPLES)],
    x_request_timeout_seconds: Timeout = None,
) -> NoReturn:
    """Find named entities, each with the exact span of the text it stands in."""
    raise NotImplementedError(ELSEWHERE)
