"""Defines an error as a client reads it."""

from pydantic import Field

from app.schemas.base import Schema


class FieldError(Schema):
    field: str
    problem: str


class Problem(Schema):
    """An error as RFC 9457 describes it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="Names the value, the limit and the remedy.")
    error: str = Field(description="The same, where clients of other APIs look for it.")
    request_id: str | None = None
    trace_id: str | None = Field(None, description="Of a request that is traced.")
    errors: list[FieldError] = []
