"""Declares /v1/analyze, and describes it on the OpenAPI page."""

from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Body, Depends
from fastapi.openapi.models import Example

from app.api.analyze.job import AnalyzeJob
from app.api.analyze.question import read
from app.api.analyze.schema import AnalyzeAnswer, AnalyzeRequest
from app.api.auth import require
from app.api.inference.openapi import ELSEWHERE, INFERENCE_PROBLEMS, Timeout
from app.api.inference.routes import InferenceRoute

ANALYZE = InferenceRoute("/v1/analyze", None, read, make_job=AnalyzeJob)
router = APIRouter(prefix="/v1", tags=["inference"], dependencies=[Depends(require("predict"))])

EXAMPLES: dict[str, Example] = {
    "one text, every model": Example(
        value={"inputs": "Shares of Volkswagen fell after the company warned of lower profits."}
    ),
    "several texts, three models, errors reported apart": Example(
        value={
            "inputs": ["Apple's new store in Berlin is a delight.", ""],
            "models": ["topic", "sentiment", "ner"],
            "top_k": 1,
            "on_error": "report",
        }
    ),
}
_READ = {"tokens": 16, "windows": 1, "truncated": False}
_ANSWER: dict[str, Any] = {
    "models": [
        {"name": "topic", "version": 1},
        {"name": "sentiment", "version": 2},
        {"name": "ner", "version": 1},
    ],
    "results": [
        {
            "topic": {**_READ, "labels": [{"label": "Business", "score": 0.97}]},
            "sentiment": {**_READ, "labels": [{"label": "negative", "score": 0.91}]},
            "ner": {
                **_READ,
                "entities": [
                    {
                        "entity_group": "ORG",
                        "score": 0.98,
                        "word": "Volkswagen",
                        "start": 10,
                        "end": 20,
                    }
                ],
            },
        }
    ],
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": AnalyzeAnswer,
        "content": {"application/json": {"examples": {"one text": {"value": _ANSWER}}}},
    },
    **INFERENCE_PROBLEMS,
}


@router.post("/analyze", response_model=AnalyzeAnswer, responses=RESPONSES)
async def analyze(
    body: Annotated[AnalyzeRequest, Body(openapi_examples=EXAMPLES)],
    x_request_timeout_seconds: Timeout = None,
) -> NoReturn:
    """Ask several models of the same texts at once, and get all answers together."""
    raise NotImplementedError(ELSEWHERE)
