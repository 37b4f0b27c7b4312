"""Lists the models, and finds the servable that a request means."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from app.bundle.base import Task
from app.engine.models.footprint import predict_process
from app.engine.models.model import Model
from app.engine.models.servable import Servable
from app.errors import (
    AmbiguousModel,
    InvalidRequest,
    ModelUnavailable,
    NotReady,
    UnknownModel,
    brief,
)

NOT_LISTED = (
    "the model store has not been read yet; send the request again in a few seconds, and if this "
    "lasts, look for 'store cannot be read' in the log"
)


class Catalog(ABC):
    """Looks up models for requests; the subclasses load them.

    Attributes:
        unlisted: why it is not known yet which models there are; None once it is.
        base_bytes: memory of the process that runs the models, as it was without them.
    """

    def __init__(self, unlisted: str = NOT_LISTED, base_bytes: int | None = None) -> None:
        self.unlisted: str | None = unlisted
        self.base_bytes = base_bytes
        self._models: dict[str, Model] = {}

    @abstractmethod
    async def scan(self) -> None:
        """Bring every model to its desired version; failures are kept, logged and counted."""

    @abstractmethod
    async def reload(self, name: str, version: int | None) -> Servable:
        """Swap in a version and pin the model to it; without one, take the newest and unpin it.

        Raises:
            UnknownModel: no such model or version.
            ReloadFailed: the version could not be loaded, or the pin not be recorded; what served
                before still serves.
        """

    @property
    def models(self) -> list[Model]:
        return [self._models[name] for name in sorted(self._models)]

    @property
    def serving(self) -> list[Servable]:
        return [model.servable for model in self.models if model.servable is not None]

    def check_listed(self) -> None:
        """Raise NotReady while it is not known which models there are."""
        if self.unlisted is not None:
            raise NotReady(self.unlisted)

    @property
    def predicted_bytes(self) -> int | None:
        """Memory of the process that runs the models once they serve what the store wants."""
        footprints = [model.footprint for model in self.models]
        return predict_process(self.base_bytes, [one for one in footprints if one is not None])

    def model(self, name: str) -> Model:
        """Return a model, serving or not.

        Raises:
            UnknownModel: the store has no such model; lists those it has.
            NotReady: the store has not been listed yet.
        """
        model = self._models.get(name)
        if model is None:
            self.check_listed()
            there = ", ".join(self._models) or "none"
            raise UnknownModel(f"there is no model {brief(name)!r}; the store has: {there}")
        return model

    def label(self, name: str | None, task: Task | None) -> str:
        """Return the model that a request is about, for its label; nothing if that is not known.

        Args:
            name: as the request gives it; None for one that gives none, or was not read.
        """
        if name is not None:
            return name if name in self._models else ""
        fitting = self._fitting(task) or self.models
        return fitting[0].name if len(fitting) == 1 else ""

    def resolve(self, name: str | None, task: Task | None = None) -> Servable:
        """Return the servable a request means; without a name, the one that fits.

        Args:
            task: that it must do; None for any.

        Raises:
            UnknownModel, AmbiguousModel, InvalidRequest: there is none.
            ModelUnavailable: the store has it, and no version of it serves, or serves yet.
            NotReady: the store has not been listed yet.
        """
        if name is not None:
            return self._named(name, task)
        fitting = self._fitting(task)
        if not fitting:
            self._check_served(self.models)
        if len(fitting) != 1:
            names = ", ".join(servable.name for servable in fitting) or "none"
            raise AmbiguousModel(
                f"`model` may be left out where exactly one model does {task or 'any task'}; "
                f"here do: {names}"
            )
        return fitting[0]

    def _fitting(self, task: Task | None) -> list[Servable]:
        return [one for one in self.serving if task is None or one.manifest.task == task]

    def _named(self, name: str, task: Task | None) -> Servable:
        model = self._models.get(name)
        servable = None if model is None else model.servable
        if servable is None:
            self._check_served([] if model is None else [model])
            names = ", ".join(servable.name for servable in self.serving) or "none"
            raise UnknownModel(f"no model {brief(name)!r} serves; these do: {names}")
        if task is not None and servable.manifest.task != task:
            route = (
                "/v1/ner" if servable.manifest.task == "token-classification" else "/v1/classify"
            )
            raise InvalidRequest(
                f"the model {brief(name)!r} does {servable.manifest.task}, not {task}; use {route}"
            )
        return servable

    def _check_served(self, wanted: Sequence[Model]) -> None:
        """Raise NotReady for what the store has, or may have, of models of which nothing serves."""
        self.check_listed()
        if loading := ", ".join(model.name for model in wanted if model.is_loading):
            raise ModelUnavailable(f"{loading}: being loaded; try again in a few seconds")
        if down := ", ".join(model.name for model in wanted if model.is_down):
            raise ModelUnavailable(
                f"no version of {down} serves, though the store has some; GET /v1/models has the "
                "reason, try again once that is mended"
            )
