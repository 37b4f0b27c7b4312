"""Defines what Label Studio sends to a machine learning backend.

It sends more: the user's `access_token`, for one, which is not even read here.
"""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from app.api.dialects.dialect import ForeignSchema

# Of characters; one with hundreds of labels has some ten thousand.
LONGEST_CONFIG = 1_000_000
ConfigXml = Annotated[str, Field(max_length=LONGEST_CONFIG)]


class LabelingTask(TypedDict, total=False):
    """A task; there may be a hundred thousand, so that it is no object of its own."""

    data: dict[str, Any]


class SetupBody(ForeignSchema):
    xml: ConfigXml = Field(alias="schema")


class ProjectBody(ForeignSchema):
    tasks: list[LabelingTask]
    label_config: ConfigXml
