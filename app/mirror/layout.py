"""Reads a bucket's listing as a model store.

<prefix>/<name>/<version>/...              files; a version is whole once its manifest is there
<prefix>/<name>/desired-version[.channel]  pins
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from app.bundle.bundle import MANIFEST
from app.bundle.manifest import NAME_PATTERN
from app.store import DESIRED_VERSION, VERSION_PATTERN


class RemoteFile(NamedTuple):
    """An object, as a listing has it; another content has another tag."""

    bytes: int
    tag: str | None


@dataclass(slots=True)
class RemoteModel:
    """What the bucket has of a model.

    Attributes:
        versions: by number, their files by name, whether whole or torn.
        pins: by file name.
    """

    versions: dict[int, dict[str, RemoteFile]] = field(default_factory=lambda: defaultdict(dict))
    pins: dict[str, RemoteFile] = field(default_factory=dict)

    @property
    def whole(self) -> list[int]:
        """The versions whose manifest, which is written last, is there; newest first."""
        return sorted((n for n, files in self.versions.items() if MANIFEST in files), reverse=True)


def read_listing(files: Iterable[tuple[str, RemoteFile]]) -> dict[str, RemoteModel]:
    """Sort objects into models; what belongs to none is no part of the store."""
    models: dict[str, RemoteModel] = defaultdict(RemoteModel)
    for path, file in files:
        name, *rest = path.split("/")
        if not re.match(NAME_PATTERN, name):
            continue
        match rest:
            case [pin] if pin.split(".")[0] == DESIRED_VERSION:
                models[name].pins[pin] = file
            case [version, member] if VERSION_PATTERN.fullmatch(version):
                models[name].versions[int(version)][member] = file
    return dict(models)
