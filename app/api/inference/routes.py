"""Declares the inference routes, and finds the one that a request line means."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import httptools

from app.api.inference.job import InferenceJob
from app.api.inference.question import Asked, EntityOptions, LabelOptions, Question
from app.api.inference.reader import RequestReader, read_own
from app.api.inference.steps import Job
from app.api.inference.tasks import make_task
from app.api.problems import MEDIA_TYPE
from app.bundle.base import Task
from app.schemas.requests import ClassifyRequest, NerRequest
from app.service import Service

# Clients name the same few models; a longer target is looked up anew each time.
MOST_TARGETS, LONGEST_TARGET = 1024, 256


def make_job(service: Service, question: Question) -> InferenceJob:
    """Return the job of a question to one model; raise what `make_task` raises."""
    return InferenceJob(service, make_task(service.registry, question), question)


@dataclass(frozen=True, slots=True)
class InferenceRoute:
    """A path, and how what is posted to it is read.

    Attributes:
        path: may have the variables {name} and {version}.
        task: of the models that may be left unnamed; None where any will do.
        read: gives what a request asks; raises what is wrong with it.
        error_media_type: of the body of errors.
        least_body_bytes: that a body may have, whatever the settings allow.
        least_seconds: that a request may take, whatever the settings allow.
        holds_not_ready: answer late that nothing serves yet, to clients who ask again at once.
        make_job: makes a job of what `read` gave.
    """

    path: str
    task: Task | None
    read: Callable[[RequestReader, "Target", Service], Asked]
    error_media_type: str = MEDIA_TYPE
    least_body_bytes: int = 0
    least_seconds: float = 0.0
    holds_not_ready: bool = False
    make_job: Callable[[Service, Any], Job] = make_job


class Target(NamedTuple):
    """A route, and what its variables stand for in a request."""

    route: InferenceRoute
    model: str | None = None
    version: str | None = None


def label_options(body: ClassifyRequest) -> LabelOptions:
    return LabelOptions(body.top_k, body.threshold, body.activation)


def entity_options(body: NerRequest) -> EntityOptions:
    labels = None if body.labels is None else tuple(body.labels)
    return EntityOptions(body.aggregation_strategy, body.threshold, labels)


OWN_ROUTES = (
    InferenceRoute(
        "/v1/classify",
        "sequence-classification",
        partial(read_own, ClassifyRequest, label_options),
    ),
    InferenceRoute(
        "/v1/ner", "token-classification", partial(read_own, NerRequest, entity_options)
    ),
)


class RouteTable:
    """The inference routes of a service."""

    def __init__(self, routes: Sequence[InferenceRoute]) -> None:
        self._exact = {
            route.path.encode(): Target(route) for route in routes if "{" not in route.path
        }
        self._templates = [(_pattern(route.path), route) for route in routes if "{" in route.path]
        self._known = lru_cache(MOST_TARGETS)(self._search)

    def find(self, target: bytes) -> Target | None:
        """Return what a request target names, whatever query follows it."""
        if (found := self._exact.get(target)) is not None:
            return found
        return self._known(target) if len(target) <= LONGEST_TARGET else self._search(target)

    def _search(self, target: bytes) -> Target | None:
        path = unquote_to_bytes(httptools.parse_url(target).path or b"")
        if path in self._exact:
            return self._exact[path]
        text = path.decode("utf-8", "replace")
        for pattern, route in self._templates:
            if match := pattern.fullmatch(text):
                groups = match.groupdict()
                return Target(route, groups["name"], groups.get("version"))
        return None


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)) + "/?")
