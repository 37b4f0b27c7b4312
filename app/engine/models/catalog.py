"""Lists the models, and finds the servable that a request means."""

from abc import ABC, abstractmethod

from app.bundle.base import Task
from app.engine.models.footprint import predict_process
from app.engine.models.model import Model
from app.engine.models.servable import Servable
from app.errors import AmbiguousModel, InvalidRequest, ModelUnavailable, UnknownModel, brief


class Catalog(ABC):
    """Looks up models for requests; the subclasses load them.

    Attributes:
        base_bytes: memory of the process that runs the models, as it was without them.
    """

    def __init__(self, base_bytes: int | None = None) -> None:
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

    @property
    def predicted_bytes(self) -> int | None:
        """Memory of the process that runs the models once they serve what the store wants."""
        footprints = [model.footprint for model in self.models]
        return predict_process(self.base_bytes, [one for one in footprints if one is not None])

    def model(self, name: str) -> Model:
        """Return a model, serving or not; raise UnknownModel, which lists what exists."""
        try:
            return self._models[name]
        except KeyError:
            there = ", ".join(self._models) or "none"
            raise UnknownModel(
                f"there is no model {brief(name)!r}; the store has: {there}"
            ) from None

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
            ModelUnavailable: the store has it, and no version of it serves.
        """
        if name is not None:
            return self._named(name, task)
        fitting = self._fitting(task)
        if not fitting and (down := [model.name for model in self.models if model.is_down]):
            raise ModelUnavailable(_unavailable(", ".join(down)))
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
            if model is not None and model.is_down:
                raise ModelUnavailable(_unavailable(name))
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


def _unavailable(names: str) -> str:
    return (
        f"no version of {names} serves, though the store has some; GET /v1/models has the reason, "
        "try again once that is mended"
    )
