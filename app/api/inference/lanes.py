"""The routes whose plain requests are answered without the framework."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.api.inference.job import Task
from app.api.inference.routes import classifying, finding_entities
from app.engine.models.catalog import Catalog
from app.schemas import ClassifyRequest, InferenceRequest, NerRequest


@dataclass(frozen=True, slots=True)
class Lane:
    """A route, the schema of its body, and what it wants of which servable."""

    path: str
    schema: type[InferenceRequest]
    plan: Callable[[Catalog, Any], Task]


# By what stands in the request line.
LANES = {
    lane.path.encode(): lane
    for lane in (
        Lane("/v1/classify", ClassifyRequest, classifying),
        Lane("/v1/ner", NerRequest, finding_entities),
    )
}
