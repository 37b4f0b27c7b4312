"""Defines what an API of others is made of, and what all of them have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, NoReturn

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, ValidatorFunctionWrapHandler, WrapValidator

from app.api.auth import require
from app.api.inference.question import Question
from app.api.inference.reader import RequestReader
from app.api.inference.routes import InferenceRoute, Target
from app.api.inference.writer import JSON_HEADERS, Headers
from app.api.validation import JSON
from app.bundle.base import Task
from app.engine.models.servable import Servable
from app.schemas.requests import Inputs, Pair
from app.service import Service

Read = Callable[[RequestReader, Target, Service], Question]


class ForeignSchema(BaseModel):
    """A body in the words of another API; what it says that we do not know is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class GivenInputs(NamedTuple):
    """The inputs, and whether they came without a list around them: some answers differ by that."""

    items: list[str | Pair]
    alone: bool


def _keep_form(value: Any, validate: ValidatorFunctionWrapHandler) -> GivenInputs:
    return GivenInputs(validate(value), not isinstance(value, list))


AsGiven = Annotated[Inputs, WrapValidator(_keep_form)]


class ForeignRoute(APIRoute):
    """A route whose errors are plain JSON: some clients look for `error` in nothing else."""

    error_media_type = JSON


@dataclass(frozen=True, slots=True, eq=False)
class Posted:
    """A route that answers inferences, with what the OpenAPI page says of it."""

    route: InferenceRoute
    summary: str
    example: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """An API of others: what infers, and what describes and checks.

    Attributes:
        described: routes that the framework answers.
    """

    name: str
    posted: Sequence[Posted]
    described: APIRouter | None = None

    @property
    def router(self) -> APIRouter:
        """All that the framework knows of it: it answers some, and shows the others."""
        router = APIRouter(tags=[self.name], route_class=ForeignRoute)
        for one in self.posted:
            body = {"content": {JSON: {"example": one.example, "schema": {"type": "object"}}}}
            router.add_api_route(
                one.route.path,
                _elsewhere,
                methods=["POST"],
                summary=one.summary,
                dependencies=[Depends(require("predict"))],
                openapi_extra={"requestBody": body},
                response_model=None,
            )
        if self.described is not None:
            router.include_router(self.described)
        return router


def posted(
    path: str,
    read: Read,
    summary: str,
    example: dict[str, Any],
    *,
    task: Task | None = None,
    **limits: Any,
) -> Posted:
    """Declare a route that answers inferences; its errors are plain JSON."""
    return Posted(InferenceRoute(path, task, read, JSON, **limits), summary, example)


def identity(servable: Servable) -> Headers:
    """Return headers that say what answered, for APIs whose bodies have no place for it."""
    return [
        *JSON_HEADERS,
        (b"x-classmark-model", servable.name.encode()),
        (b"x-classmark-version", str(servable.version).encode()),
    ]


async def _elsewhere() -> NoReturn:
    raise NotImplementedError("inference requests are answered by the protocol")
