"""Turns what pydantic finds wrong with a request into an error that says it in a sentence."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from app.errors import ClassmarkError, InvalidRequest, NotJson, UnsupportedMediaType, brief

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
MOST_FIELDS = 20
JSON = "application/json"


def validation_error(errors: Sequence[Mapping[str, Any]], content_type: str) -> ClassmarkError:
    """Return the error to answer with.

    Args:
        errors: as pydantic has them; places begin with `body`, `header`, ...
    """
    first = errors[0]
    if first["type"] == "json_invalid":
        return not_json(f"{first['ctx']['error']} at character {first['loc'][-1]}")
    if first["loc"] == ("body",) and not is_json(content_type):
        return unsupported(content_type)
    fields = [(_field(error["loc"]), _message(error)) for error in errors[:MOST_FIELDS]]
    detail = ": ".join(fields[0])
    if len(errors) > 1:
        detail += f" ({len(errors)} problems in all)"
    return InvalidRequest(detail, fields)


def places(exc: ValidationError, *place: str | int) -> list[dict[str, Any]]:
    """Return pydantic's errors with the part of the request that they are in."""
    errors = exc.errors(include_url=False)
    return [{**error, "loc": (*place, *error["loc"])} for error in errors]


def is_json(content_type: str) -> bool:
    if content_type == JSON:
        return True
    kind = content_type.partition(";")[0].strip().lower()
    return kind == JSON or (kind.startswith("application/") and kind.endswith("+json"))


def unsupported(content_type: str) -> UnsupportedMediaType:
    shown = brief(content_type) or "missing"
    return UnsupportedMediaType(f"the content type is {shown!r}; send application/json")


def not_json(where: str) -> NotJson:
    return NotJson(f"the body is not JSON: {where}; send a JSON object")


def _field(loc: Sequence[str | int]) -> str:
    """Name a field as the caller wrote it: without the union branches pydantic adds."""
    parts = loc[1:]
    kept = [part for i, part in enumerate(parts) if not _is_branch(parts, i)]
    return ".".join(brief(str(part)) for part in kept) or str(loc[0])


def _is_branch(parts: Sequence[str | int], i: int) -> bool:
    return parts[i] in ("text", "pair") and i > 0 and isinstance(parts[i - 1], int)


def _message(error: Mapping[str, Any]) -> str:
    value = error.get("input")
    shown = f"{_brief(value)}: " if isinstance(value, (int, float, bool)) else ""
    remedy = REMEDIES.get(error["type"])
    return f"{shown}{error['msg']}" + (f"; {remedy}" if remedy else "")


def _brief(value: object) -> str:
    return json.dumps(value)[:40]
