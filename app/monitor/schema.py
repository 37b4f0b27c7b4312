"""Defines what /v1/opinions/entities answers."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from app.schemas.base import Schema

WindowName = Literal["hour", "day"]


class NamedEntity(Schema):
    """An entity, and how many negative texts name it."""

    name: str = Field(description="As the latest of these texts writes it.")
    entity_group: str
    count: int = Field(description="Negative texts that name it, at most.")
    error: int = Field(description="They may be this many less; 0: the count is exact.")


class NamedEntityList(Schema):
    window: WindowName
    since: datetime = Field(description="Beginning of the hour, or the day, before this one; UTC.")
    entities: list[NamedEntity] = Field(description="Most named first.")
