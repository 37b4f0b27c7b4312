"""Lists the models, and finds the servable that a request means."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.bundle import Task
from app.engine.models.servable import Servable
from app.errors import AmbiguousModel, InvalidRequest, UnknownModel, brief

Signature = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why a version, or the pin (None), failed; retried when its files change."""

    version: int | None
    reason: str
    signature: Signature
    at: datetime


@dataclass(slots=True)
class Model:
    """The state of one model; only the registry changes it.

    Attributes:
        signature: of the files that serve; `loaded_signature` of those that were loaded last.
    """

    name: str
    servable: Servable | None = None
    versions: Sequence[int] = ()
    signature: Signature = ()
    loaded_signature: Signature = ()
    failures: dict[int | None, Failure] = field(default_factory=dict)

    @property
    def last_failure(self) -> Failure | None:
        return max(self.failures.values(), key=lambda failure: failure.at, default=None)


class Catalog(ABC):
    """Looks up models for requests; the subclasses load them."""

    def __init__(self) -> None:
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

    def model(self, name: str) -> Model:
        """Return a model, serving or not; raise UnknownModel, which lists what exists."""
        try:
            return self._models[name]
        except KeyError:
            there = ", ".join(self._models) or "none"
            raise UnknownModel(
                f"there is no model {brief(name)!r}; the store has: {there}"
            ) from None

    def resolve(self, name: str | None, task: Task) -> Servable:
        """Return the servable a request means; without a name, the one that fits the task."""
        if name is not None:
            return self._named(name, task)
        fitting = [servable for servable in self.serving if servable.manifest.task == task]
        if len(fitting) != 1:
            names = ", ".join(servable.name for servable in fitting) or "none"
            raise AmbiguousModel(
                f"`model` may be left out where exactly one model does {task}; here do: {names}"
            )
        return fitting[0]

    def _named(self, name: str, task: Task) -> Servable:
        servable = self._models[name].servable if name in self._models else None
        if servable is None:
            names = ", ".join(servable.name for servable in self.serving) or "none"
            raise UnknownModel(f"no model {brief(name)!r} serves; these do: {names}")
        if servable.manifest.task != task:
            route = (
                "/v1/ner" if servable.manifest.task == "token-classification" else "/v1/classify"
            )
            raise InvalidRequest(
                f"the model {brief(name)!r} does {servable.manifest.task}, not {task}; use {route}"
            )
        return servable
