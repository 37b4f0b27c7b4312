"""Reads an inference request: its head, its body up to the limit, and its schema."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from app.api.inference.input_errors import InputErrors, set_invalid_aside
from app.api.inference.question import EntityOptions, LabelOptions, Question
from app.api.validation import JSON, is_json, not_json, places, unsupported, validation_error
from app.errors import BodyTooLarge, InvalidRequest, brief
from app.schemas.requests import InferenceRequest
from app.service import Service

Schema = TypeVar("Schema", bound=BaseModel)
Body = TypeVar("Body", bound=InferenceRequest)

# More than any route knows; each unknown one would be a problem to describe.
MOST_FIELDS = 64
TIMEOUT_HEADER = "x-request-timeout-seconds"
_TIMEOUT = TypeAdapter(Annotated[float, Field(gt=0, allow_inf_nan=False)])


class RequestReader:
    """What a request says, as it comes in.

    Args:
        headers: by name in small letters.
        max_body_bytes: a longer body is not kept, and refused when it is asked for.

    Attributes:
        body_bytes: of it that have come.
        is_whole: all of the body is here, or as much as shows that it is too long.
    """

    __slots__ = ("_body", "_headers", "_max_body_bytes", "body_bytes", "is_whole")

    def __init__(self, headers: Mapping[bytes, bytes], max_body_bytes: int) -> None:
        self._headers = headers
        self._max_body_bytes = max_body_bytes
        self._body: list[bytes] = []
        self.body_bytes = 0
        self.is_whole = False

    def header(self, name: bytes) -> str:
        """Return a header's value, or nothing."""
        value = self._headers.get(name)
        return "" if value is None else value.decode("latin-1")

    def check_promised(self) -> None:
        """Raise BodyTooLarge where the head promises too much."""
        promised = self.header(b"content-length")
        if promised.isdigit() and int(promised) > self._max_body_bytes:
            raise BodyTooLarge(self._max_body_bytes)

    def check_received(self) -> None:
        """Raise BodyTooLarge where too much has come."""
        if self.body_bytes > self._max_body_bytes:
            raise BodyTooLarge(self._max_body_bytes)

    def receive(self, part: bytes) -> None:
        """Take a part of the body."""
        self.body_bytes += len(part)
        if self.body_bytes <= self._max_body_bytes:
            self._body.append(part)
        else:
            self._body.clear()
            self.is_whole = True

    def timeout_seconds(self, limit: float) -> float:
        """Return how long the client waits, the limit at most; raise InvalidRequest if unclear."""
        asked = self.header(TIMEOUT_HEADER.encode())
        if not asked:
            return limit
        try:
            return min(_TIMEOUT.validate_python(asked), limit)
        except ValidationError as exc:
            raise validation_error(places(exc, "header", TIMEOUT_HEADER), JSON) from None

    @property
    def body(self) -> bytes:
        """What has come of the body."""
        return b"".join(self._body)

    def clear(self) -> None:
        """Forget the body."""
        self._body.clear()


def read_own(
    schema: type[Body],
    options: Callable[[Body], LabelOptions | EntityOptions],
    reader: RequestReader,
    target: object,
    service: Service,
) -> Question:
    """Return what a request to one of our own routes asks.

    Args:
        options: takes the task's own fields from a body.

    Raises:
        NotJson, UnsupportedMediaType, InvalidRequest: what is wrong with it, in a sentence.
    """
    content_type = reader.header(b"content-type")
    if not is_json(content_type):
        raise unsupported(content_type)
    body, errors = parse_json(schema, reader.body, service.settings.max_inputs)
    return Question(
        body.model,
        body.inputs,
        options(body),
        body.long_text,
        errors=errors,
        reports_errors=body.on_error == "report",
    )


def parse_json(
    schema: type[Schema], raw: bytes, max_inputs: int | None = None
) -> tuple[Schema, InputErrors]:
    """Return a body by its schema, and the inputs that its answer will report as invalid.

    Args:
        max_inputs: where a body may ask for such a report.

    Raises:
        NotJson, InvalidRequest: what is wrong with it, in a sentence.
    """
    if not raw:
        raise not_json("it is empty")
    try:
        return schema.model_validate_json(raw), {}
    except ValidationError:
        return _parse_slowly(schema, raw, max_inputs)


def _parse_slowly(
    schema: type[Schema], raw: bytes, max_inputs: int | None
) -> tuple[Schema, InputErrors]:
    """Parse with Python's own parser, which says where JSON ends to be JSON, and judges the same.

    Whatever it takes and the fast one does not, such as UTF-16, is a valid body too.
    """
    try:
        value = json.loads(raw)
        if isinstance(value, dict) and len(value) > MOST_FIELDS:
            raise InvalidRequest(f"the body has {len(value)} fields, the limit is {MOST_FIELDS}")
        errors: InputErrors = {}
        if max_inputs is not None and _wants_report(value):
            value, errors = set_invalid_aside(value, max_inputs)
        return schema.model_validate(value, from_attributes=True), errors
    except ValidationError as exc:
        raise validation_error(places(exc, "body"), JSON) from None
    except json.JSONDecodeError as exc:
        raise not_json(f"{exc.msg} at character {exc.pos}") from None
    except UnicodeDecodeError:
        raise not_json("it is not in UTF-8") from None
    except RecursionError:
        raise not_json("it is nested too deep") from None
    except ValueError as exc:  # such as a number of thousands of digits
        raise not_json(brief(str(exc), 200)) from None


def _wants_report(body: object) -> bool:
    return isinstance(body, dict) and body.get("on_error") == "report"
