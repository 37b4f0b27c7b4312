"""Declares the container interface of SageMaker and MLflow, and that of Vertex AI.

Bare `inputs` are answered in the shapes of transformers' pipelines, which SageMaker's containers of
Hugging Face return: their clients take a text's best label from a flat list. What comes as
`instances` or as a table is answered under `predictions`.
"""

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from app import __version__
from app.api.auth import ServiceDep
from app.api.dialects.dialect import Dialect, ForeignRoute, GivenInputs, posted
from app.api.dialects.huggingface.routes import ask_text, ask_tokens
from app.api.dialects.huggingface.zero_shot import ask_zero_shot
from app.api.dialects.invocations.schema import InvocationBody, InvocationParameters
from app.api.dialects.invocations.writers import PipelineWriter, PredictionsWriter
from app.api.inference.question import Question
from app.api.inference.reader import RequestReader, parse_json
from app.api.inference.routes import Target
from app.engine.models.servable import Servable
from app.errors import NotReady
from app.service import Service
from app.settings.settings import Settings

EXAMPLE = {"inputs": "The room was clean.", "parameters": {"top_k": 2}}
NAME = "invocations"


def read(reader: RequestReader, target: Target, service: Service) -> Question:
    """Return what a request asks; the model decides which pipeline it is."""
    body, _ = parse_json(InvocationBody, reader.body)
    inputs, arguments = body.inputs, body.parameters
    assert isinstance(inputs, GivenInputs)  # its validator made them so
    question = _ask(service.registry.resolve(arguments.model), inputs, arguments)
    if body.predicts:
        return question._replace(writer=PredictionsWriter(question.writer))
    return question


def _ask(servable: Servable, inputs: GivenInputs, arguments: InvocationParameters) -> Question:
    if servable.manifest.task == "token-classification":
        strategy = arguments.aggregation_strategy or "none"
        tagged = arguments.model_copy(update={"aggregation_strategy": strategy})
        ignored = frozenset(arguments.ignore_labels or ())
        writer = PipelineWriter(inputs.alone, per_token=strategy == "none", ignored=ignored)
        return ask_tokens(servable, inputs, tagged)._replace(writer=writer)
    if arguments.candidate_labels is not None:
        return ask_zero_shot(servable, inputs, arguments, as_dict=True)
    return _ask_text(servable, inputs, arguments)


def _ask_text(servable: Servable, inputs: GivenInputs, arguments: InvocationParameters) -> Question:
    """Return the question with the shape that a pipeline gives its answer.

    Without top_k each text has one label, and a single text still has a list around it.
    """
    chosen = "top_k" in arguments.model_fields_set
    best_alone = not chosen and not arguments.return_all_scores
    listed = not chosen and isinstance(inputs.items[0], str)
    asked = arguments.model_copy(update={"top_k": 1}) if best_alone else arguments
    writer = PipelineWriter(inputs.alone and not listed, best_alone)
    return ask_text(servable, inputs, asked)._replace(writer=writer)


described = APIRouter(route_class=ForeignRoute)


@described.get("/ping")
async def ping(service: ServiceDep) -> Response:
    """Tell whether requests can be answered now; SageMaker and MLflow ask."""
    return _health(service)


@described.get("/version")
async def version() -> Response:
    """Name the version of the service, as MLflow's client asks."""
    return PlainTextResponse(__version__)


def _health(service: Service) -> Response:
    if reason := service.unready_reason():
        raise NotReady(reason)
    return Response()


DIALECT = Dialect(
    NAME,
    (posted("/invocations", read, "Classify, or find entities, as a pipeline", EXAMPLE),),
    described,
)


def make_vertex(settings: Settings) -> Dialect:
    """Return the same at the paths that Vertex AI has told the container."""
    router = APIRouter(route_class=ForeignRoute)
    if settings.health_route:

        @router.get(settings.health_route)
        async def health(service: ServiceDep) -> Response:
            """Tell whether requests can be answered now."""
            return _health(service)

    example = {"instances": ["The room was clean."]}
    path = settings.predict_route
    routes = (posted(path, read, "Predict for instances", example),) if path else ()
    return Dialect("vertex", routes, router)
