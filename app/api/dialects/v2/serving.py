"""Finds the version that a path of the V2 protocol means."""

from app.engine.models.catalog import Catalog
from app.engine.models.servable import Servable
from app.errors import UnknownModel, brief


def find_servable(models: Catalog, name: str | None, version: str | None) -> Servable:
    """Return the servable of this name, if its version is the one that serves.

    Raises:
        UnknownModel: no such model serves, or another version of it.
        NotReady: the store has it, or may have it, and no version of it serves.
    """
    servable = models.resolve(name)
    if version not in (None, str(servable.version)):
        raise UnknownModel(
            f"version {brief(version or '')} of {servable.name} does not serve; version "
            f"{servable.version} does: name that, or none"
        )
    return servable
