"""Defines what the inference routes answer."""

from pydantic import Field

from app.schemas.base import Schema


class Label(Schema):
    label: str
    score: float


class Entity(Schema):
    entity_group: str
    score: float
    word: str = Field(description="Exactly text[start:end].")
    start: int = Field(description="In Unicode code points.")
    end: int = Field(description="In Unicode code points, exclusive.")


class Result(Schema):
    tokens: int = Field(description="Tokens the model read, special tokens included.")
    windows: int = Field(description="Windows the text was read in; 1 unless it is long.")
    truncated: bool = Field(
        description="Part of the text was not read: its end, or its beginning where the checkpoint "
        "truncates there."
    )


class ClassifyResult(Result):
    labels: list[Label] = Field(description="From the highest score down.")


class NerResult(Result):
    entities: list[Entity] = Field(description="In reading order.")


class InputProblem(Schema):
    """Why an input has no result, as RFC 9457 describes an error."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="Names the input, the value, the limit and the remedy.")


class FailedInput(Schema):
    """Stands in a result's place where the request says `on_error: report`."""

    error: InputProblem


class Answer(Schema):
    model: str
    version: int


class ClassifyAnswer(Answer):
    results: list[ClassifyResult | FailedInput] = Field(description="One for each input, in order.")


class NerAnswer(Answer):
    results: list[NerResult | FailedInput] = Field(description="One for each input, in order.")
