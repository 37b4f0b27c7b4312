"""Errors of single inputs: each names its input's index, and may be reported in its place."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.api.validation import JSON, places, validation_error
from app.bundle import InputKind
from app.engine.text.encoding import EncodedInput, TextInput
from app.errors import ClassmarkError, InvalidRequest
from app.schemas.requests import Input

InputErrors = Mapping[int, ClassmarkError]

_INPUT: TypeAdapter[Any] = TypeAdapter(Input)
# Stands where an input was that cannot be read; it is never encoded.
_PLACEHOLDER = "?"


def check_count(count: int, limit: int) -> None:
    """Raise InvalidRequest for more inputs than a request may have."""
    if count > limit:
        raise InvalidRequest(
            f"inputs: {count} inputs, the limit is {limit}; send them in several requests, or "
            "raise CLASSMARK_MAX_INPUTS"
        )


def check_kind(source: TextInput, reads: InputKind) -> None:
    """Raise InvalidRequest for a pair where the model reads single texts, or the other way."""
    if reads == "any" or (reads == "pair") == (source.text_pair is not None):
        return
    raise InvalidRequest(
        'the model reads pairs and this is a single text; send {"text": …, "text_pair": …}, or '
        "export the bundle again with single texts in --eval too"
        if reads == "pair"
        else "the model reads single texts and this is a pair; send one text, or export the bundle "
        "again with pairs in --eval too"
    )


def check_tokens(encoded: EncodedInput) -> None:
    """Raise InvalidRequest for a text of which the model would read nothing."""
    if not encoded.windows[0].tokens:
        raise InvalidRequest(
            "the text has no token that the model knows, such as one of blanks alone; leave it "
            "out, or send another"
        )


def set_invalid_aside(body: Mapping[str, Any], limit: int) -> tuple[dict[str, Any], InputErrors]:
    """Return the body without the inputs that break the schema, and what is wrong with each.

    Raises:
        InvalidRequest: there are more inputs than the limit.
    """
    if "inputs" not in body:
        return dict(body), {}
    given = body["inputs"]
    inputs = list(given) if isinstance(given, list) else [given]
    check_count(len(inputs), limit)
    errors: dict[int, ClassmarkError] = {}
    for index, item in enumerate(inputs):
        try:
            _INPUT.validate_python(item)
        except ValidationError as exc:
            errors[index] = validation_error(places(exc, "body", "inputs", index), JSON)
            inputs[index] = _PLACEHOLDER
    return {**body, "inputs": inputs}, errors


def name_input(index: int, error: ClassmarkError) -> ClassmarkError:
    """Return an error of the same kind that says which input it is about."""
    named = type(error)(f"inputs.{index}: {error}")
    if isinstance(named, InvalidRequest):
        named.fields = ((f"inputs.{index}", str(error)),)
    return named
