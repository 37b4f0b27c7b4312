"""Reads a request to /v1/analyze: the same inputs for several models."""

from collections.abc import Sequence
from typing import NamedTuple

from app.api.analyze.schema import AnalyzeRequest
from app.api.inference.input_errors import InputErrors
from app.api.inference.question import EntityOptions, LabelOptions, Question
from app.api.inference.reader import RequestReader, parse_json
from app.api.validation import is_json, unsupported
from app.engine.models.servable import Servable
from app.errors import NotReady
from app.service import Service


class AnalyzeQuestion(NamedTuple):
    """What is asked of several models.

    Attributes:
        models: their names; they need not serve.
        errors: what is wrong with inputs that are reported apart.
    """

    models: Sequence[str]
    body: AnalyzeRequest
    errors: InputErrors
    timeout_seconds: None = None

    @property
    def model(self) -> str:
        """The one that is asked; nothing where there are several."""
        return self.models[0] if len(self.models) == 1 else ""

    def of(self, servable: Servable) -> Question:
        """Return the same, asked of one model."""
        body = self.body
        tags = servable.manifest.task == "token-classification"
        return Question(
            servable.name,
            body.inputs,
            EntityOptions(body.aggregation_strategy) if tags else LabelOptions(body.top_k),
            body.long_text,
            errors=self.errors,
            reports_errors=body.on_error == "report",
        )


def read(reader: RequestReader, target: object, service: Service) -> AnalyzeQuestion:
    """Return what a request asks.

    Raises:
        NotJson, UnsupportedMediaType, InvalidRequest: what is wrong with it, in a sentence.
        NotReady: it names no models, and none serves.
    """
    content_type = reader.header(b"content-type")
    if not is_json(content_type):
        raise unsupported(content_type)
    body, errors = parse_json(AnalyzeRequest, reader.body, service.settings.max_inputs)
    return AnalyzeQuestion(body.models or _all_models(service), body, errors)


def _all_models(service: Service) -> Sequence[str]:
    """Return the models to ask where a request names none."""
    if configured := service.settings.analyzed_by:
        return configured
    serving = [servable.name for servable in service.registry.serving]
    if not serving:
        raise NotReady(str(service.unready_reason()))
    return serving
