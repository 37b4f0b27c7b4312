"""Errors as application/problem+json: one helper for every route."""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.errors import ClassmarkError, Overloaded
from app.schemas import FieldError
from app.telemetry.metrics import Metrics

MEDIA_TYPE = "application/problem+json"
REASONS = {
    401: "unauthorized", 403: "unauthorized", 429: "overload", 499: "cancelled",
    503: "not_ready", 504: "deadline",
}  # fmt: skip
# What to do about it, where pydantic's own message says only what is wrong.
REMEDIES = {
    "missing": "add the field",
    "extra_forbidden": "remove the field or correct its name",
    "string_unicode": "the text has a lone surrogate; send valid Unicode",
    "string_too_short": "send a text of at least 1 character",
    "text_nul": "remove it",
    "too_short": "send at least 1",
    "model_attributes_type": "send a JSON object",
    "literal_error": "use one of these values",
}


class ProblemAnswer(NamedTuple):
    """A problem as it goes over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    def response(self) -> Response:
        return Response(self.body, self.status, self.headers)


def problem(
    metrics: Metrics,
    request_id: str | None,
    status: int,
    title: str,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> ProblemAnswer:
    """Build the answer, of the schema `Problem`, and count it as a rejection."""
    metrics.count_rejection(REASONS.get(status, "invalid" if status < 500 else "failed"))
    # Made without the schema: a service that is overloaded has no time for it.
    fields: dict[str, Any] = {"title": title, "status": status, "detail": detail}
    if request_id is not None:
        fields["request_id"] = request_id
    if errors:
        fields["errors"] = errors
    return ProblemAnswer(status, {"content-type": MEDIA_TYPE, **(headers or {})}, to_json(fields))


def error_problem(metrics: Metrics, request_id: str | None, error: Exception) -> ProblemAnswer:
    """Build the answer to a request that ended with an error.

    For one that nobody foresaw the log has the traceback, and the caller its id.
    """
    if not isinstance(error, ClassmarkError):
        detail = "this is a bug in the service; report the request id, the log has more"
        return problem(metrics, request_id, 500, "Internal error", detail)
    headers = {}
    if isinstance(error, Overloaded):
        headers["retry-after"] = str(math.ceil(error.retry_after_seconds))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return problem(metrics, request_id, error.status, error.title, str(error), headers=headers)


def _of(request: Request) -> tuple[Metrics, str | None]:
    return request.app.state.service.metrics, request.scope.get("state", {}).get("request_id")


async def on_error(request: Request, exc: Exception) -> Response:
    return error_problem(*_of(request), exc).response()


async def on_http_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    title = HTTPStatus(exc.status_code).phrase
    detail = {
        400: "the body could not be read as JSON in UTF-8; send a JSON object",
        404: f"there is no {request.url.path}; /docs lists what there is",
        405: f"{request.url.path} does not take {request.method}; /docs lists what it takes",
        413: f"the body is over {request.app.state.service.settings.max_body_bytes} bytes; send "
        "fewer or shorter inputs a request, or raise CLASSMARK_MAX_BODY_BYTES",
    }.get(exc.status_code, str(exc.detail))
    headers = dict(exc.headers) if exc.headers else None
    return problem(*_of(request), exc.status_code, title, detail, headers=headers).response()


async def on_invalid(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    errors = exc.errors()
    first = errors[0]
    if first["type"] == "json_invalid":
        where = f"{first['ctx']['error']} at character {first['loc'][-1]}"
        detail = f"the body is not JSON: {where}; send a JSON object"
        return problem(*_of(request), 400, "Not JSON", detail).response()
    content_type = request.headers.get("content-type", "")
    if first["loc"] == ("body",) and "json" not in content_type:
        detail = f"the content type is {content_type or 'missing'!r}; send application/json"
        return problem(*_of(request), 415, "Unsupported media type", detail).response()
    fields = [FieldError(field=_field(e["loc"]), problem=_message(e)) for e in errors[:20]]
    detail = f"{fields[0].field}: {fields[0].problem}"
    if len(errors) > 1:
        detail += f" ({len(errors)} problems in all)"
    return problem(*_of(request), 422, "Invalid request", detail, fields).response()


def _field(loc: Sequence[str | int]) -> str:
    """Name a field as the caller wrote it: without the union branches pydantic adds."""
    parts = loc[1:]
    kept = [part for i, part in enumerate(parts) if not _is_branch(parts, i)]
    return ".".join(map(str, kept)) or str(loc[0])


def _is_branch(parts: Sequence[str | int], i: int) -> bool:
    return parts[i] in ("text", "pair") and i > 0 and isinstance(parts[i - 1], int)


def _message(error: dict[str, Any]) -> str:
    value = error.get("input")
    shown = f"{_brief(value)}: " if isinstance(value, (int, float, bool)) else ""
    remedy = REMEDIES.get(error["type"])
    return f"{shown}{error['msg']}" + (f"; {remedy}" if remedy else "")


def _brief(value: object) -> str:
    return json.dumps(value)[:40]


def install_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ClassmarkError, on_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Exception, on_error)
