"""Declares a machine learning backend of Label Studio for every model.

What Label Studio sends and accepts was seen with version 1.23. It sends all tasks of a project in
one request and waits 100 s; of an answer with a result too few it drops everything.
"""

import logging
import math

from fastapi import APIRouter, Depends, Request

from app.api.auth import ServiceDep, require
from app.api.dialects.dialect import Dialect, ForeignRoute, posted
from app.api.dialects.label_studio.config import LabelingConfig, read_config
from app.api.dialects.label_studio.schema import ProjectBody, SetupBody
from app.api.dialects.label_studio.writer import LabelStudioWriter, model_version
from app.api.inference.input_errors import set_invalid_aside
from app.api.inference.question import EntityOptions, LabelOptions, Question
from app.api.inference.reader import RequestReader, parse_json
from app.api.inference.routes import Target
from app.bundle.manifest import Manifest
from app.engine.answers.tags import groups
from app.engine.models.servable import Servable
from app.errors import InvalidRequest
from app.service import Service

logger = logging.getLogger(__name__)

PROJECT_BYTES = 32 * 1024 * 1024
PROJECT_SECONDS = 95.0  # Label Studio gives up after 100
# A label of several that a text may have, where the bundle has no thresholds of its own.
LIKELY = 0.5

EXAMPLE = {
    "tasks": [{"id": 1, "data": {"text": "The room was clean."}}],
    "label_config": '<View><Text name="text" value="$text"/><Choices name="mood" toName="text">'
    '<Choice value="positive"/><Choice value="negative"/></Choices></View>',
}


def read(reader: RequestReader, target: Target, service: Service) -> Question:
    """Return the question for all tasks; one without a text is answered with no result."""
    body, _ = parse_json(ProjectBody, reader.body)
    servable = service.registry.resolve(target.model)
    config = read_config(body.label_config, servable.manifest.task)
    texts = [task.get("data", {}).get(config.data_key) for task in body.tasks]
    valid, errors = set_invalid_aside({"inputs": texts}, len(texts))
    writer = LabelStudioWriter(config, config.match(_labels(servable)))
    tags = servable.manifest.task == "token-classification"
    return Question(
        servable.name,
        valid["inputs"],
        EntityOptions(None, -math.inf) if tags else _label_options(servable.manifest, config),
        "window" if tags else None,  # an annotator reads the whole text
        writer,
        errors,
        reports_errors=True,
        in_slices=True,
    )


def _label_options(manifest: Manifest, config: LabelingConfig) -> LabelOptions:
    if config.several and manifest.problem_type == "multi_label":
        return LabelOptions(None, _threshold(manifest))
    return LabelOptions(1, -math.inf)


def _threshold(manifest: Manifest) -> float | None:
    """Return what labels must reach; None for what the bundle says."""
    own = manifest.defaults
    return None if own.label_thresholds or own.threshold else LIKELY


def _labels(servable: Servable) -> list[str]:
    if servable.manifest.task == "token-classification":
        return list(groups(servable.tags))
    return list(servable.manifest.labels)


described = APIRouter(prefix="/label-studio/{name}", route_class=ForeignRoute)
_PREDICT = [Depends(require("predict"))]


@described.get("/health", dependencies=_PREDICT)
async def health(name: str, service: ServiceDep) -> dict[str, str]:
    """Tell whether the model serves."""
    service.registry.resolve(name)
    return {"status": "UP", "model_class": "Classmark"}


@described.post("/setup", dependencies=_PREDICT)
async def setup(name: str, request: Request, service: ServiceDep) -> dict[str, str]:
    """Check that the model fits the project's labeling configuration, and name its version."""
    body, _ = parse_json(SetupBody, await request.body())
    servable = service.registry.resolve(name)
    labels = _labels(servable)
    try:
        shown = read_config(body.xml, servable.manifest.task).match(labels)
    except InvalidRequest as exc:  # of which Label Studio shows no word, and names this log
        logger.warning(
            "a labeling configuration does not fit the model",
            extra={"model": servable.name, "reason": str(exc)},
        )
        raise
    if unknown := [label for label in labels if label not in shown]:
        logger.warning(
            "a labeling configuration lacks labels of the model; name them in predicted_values",
            extra={"model": servable.name, "labels": ", ".join(unknown)},
        )
    return {"model_version": model_version(servable)}


@described.get("/versions", dependencies=_PREDICT)
async def versions(name: str, service: ServiceDep) -> dict[str, list[str]]:
    """Name what serves: no other version can be asked for."""
    return {"versions": [model_version(service.registry.resolve(name))]}


@described.post("/webhook")
async def webhook(name: str) -> dict[str, str]:
    """Take notice of annotations, which change nothing here; it comes without a key."""
    return {}


DIALECT = Dialect(
    "label-studio",
    (
        posted(
            "/label-studio/{name}/predict",
            read,
            "Label the tasks of a project",
            EXAMPLE,
            least_body_bytes=PROJECT_BYTES,
            least_seconds=PROJECT_SECONDS,
        ),
    ),
    described,
)
