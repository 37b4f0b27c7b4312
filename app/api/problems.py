"""Errors as application/problem+json: one helper for every route."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.validation import validation_error
from app.errors import BodyTooLarge, ClassmarkError, InvalidRequest
from app.telemetry.metrics import Metrics

MEDIA_TYPE = "application/problem+json"
REASONS = {
    401: "unauthorized", 403: "unauthorized", 429: "overload", 499: "cancelled",
    503: "not_ready", 504: "deadline",
}  # fmt: skip

# As text-embeddings-inference names them; its clients read no status.
ERROR_TYPES = {
    400: "Validation", 404: "Validation", 413: "Validation", 422: "Validation",
    401: "Unauthorized", 403: "Unauthorized", 429: "Overloaded", 503: "Unhealthy",
}  # fmt: skip


class ProblemAnswer(NamedTuple):
    """A problem as it goes over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    def response(self) -> Response:
        return Response(self.body, self.status, self.headers)


def problem(
    metrics: Metrics,
    ids: Mapping[str, str],
    status: int,
    title: str,
    detail: str,
    fields: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    media_type: str = MEDIA_TYPE,
) -> ProblemAnswer:
    """Build the answer, of the schema `Problem`, and count it as a rejection.

    Clients of other APIs find in it what they look for: `error`, and TEI's its `error_type`.

    Args:
        ids: that the request is found by in the log, and its trace if it is traced.
    """
    metrics.count_rejection(REASONS.get(status, "invalid" if status < 500 else "failed"))
    # Made without the schema: a service that is overloaded has no time for it.
    content: dict[str, Any] = {"title": title, "status": status, "detail": detail}
    content["error"] = detail
    if media_type != MEDIA_TYPE:
        content["error_type"] = ERROR_TYPES.get(status, "Backend")
    content.update(ids)
    if fields:
        content["errors"] = [{"field": field, "problem": found} for field, found in fields]
    return ProblemAnswer(status, {"content-type": media_type, **(headers or {})}, to_json(content))


def error_problem(
    metrics: Metrics, ids: Mapping[str, str], error: Exception, media_type: str = MEDIA_TYPE
) -> ProblemAnswer:
    """Build the answer to a request that ended with an error.

    For one that nobody foresaw the log has the traceback, and the caller its id.
    """
    if not isinstance(error, ClassmarkError):
        detail = "this is a bug in the service; report the request id, the log has more"
        return problem(metrics, ids, 500, "Internal error", detail, media_type=media_type)
    headers = {}
    if error.retry_after_seconds is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after_seconds))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    fields = error.fields if isinstance(error, InvalidRequest) else ()
    what = error.status, error.title, str(error)
    return problem(metrics, ids, *what, fields, headers, media_type)


def _of(request: Request) -> tuple[Metrics, Mapping[str, str]]:
    return request.app.state.service.metrics, request.scope.get("state", {}).get("ids", {})


def _media_type(request: Request) -> str:
    """Return the type of errors where the request was routed to; other APIs have their own."""
    return getattr(request.scope.get("route"), "error_media_type", MEDIA_TYPE)


async def on_error(request: Request, exc: Exception) -> Response:
    return error_problem(*_of(request), exc, _media_type(request)).response()


async def on_http_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    title = HTTPStatus(exc.status_code).phrase
    detail = {
        400: "the body could not be read as JSON in UTF-8; send a JSON object",
        404: f"there is no {request.url.path}; /docs lists what there is",
        405: f"{request.url.path} does not take {request.method}; /docs lists what it takes",
        413: str(BodyTooLarge(request.app.state.service.settings.max_body_bytes)),
    }.get(exc.status_code, str(exc.detail))
    headers = dict(exc.headers) if exc.headers else None
    media_type = _media_type(request)
    answer = problem(*_of(request), exc.status_code, title, detail, (), headers, media_type)
    return answer.response()


async def on_invalid(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    error = validation_error(exc.errors(), request.headers.get("content-type", ""))
    return error_problem(*_of(request), error, _media_type(request)).response()


def install_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ClassmarkError, on_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Exception, on_error)
