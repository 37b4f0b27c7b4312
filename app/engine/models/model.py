"""Describes the state of one model: what serves, what the store has and wants, what failed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.engine.models.footprint import Footprint
from app.engine.models.servable import Servable

Signature = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why a version, or the pin (None), failed; retried when its files change.

    Attributes:
        incomplete: its files are not all there, as while they are being copied.
    """

    version: int | None
    reason: str
    signature: Signature
    at: datetime
    incomplete: bool = False


@dataclass(slots=True)
class Model:
    """The state of one model; only the registry changes it.

    Attributes:
        wanted: the version that the store wants; None if that is not known.
        signature: of the files that serve.
        listed: whether its versions were ever listed; until then there may be some.
        footprints: what the version that serves, and the one that was tried last, take.
    """

    name: str
    servable: Servable | None = None
    versions: Sequence[int] = ()
    wanted: int | None = None
    signature: Signature = ()
    listed: bool = False
    failures: dict[int | None, Failure] = field(default_factory=dict)
    footprints: dict[int, Footprint] = field(default_factory=dict)

    @property
    def version(self) -> int | None:
        """The version that serves."""
        return None if self.servable is None else self.servable.version

    @property
    def is_down(self) -> bool:
        """Whether none of its versions serves, for a reason that is known."""
        return self.servable is None and bool(self.failures)

    @property
    def is_loading(self) -> bool:
        """Whether none of its versions serves yet, and none was refused."""
        may_have_some = bool(self.versions) or not self.listed
        return self.servable is None and not self.failures and may_have_some

    @property
    def is_behind(self) -> bool:
        """Whether it does not serve what the store wants."""
        wanted = self.wanted
        return None in self.failures or (
            wanted is not None and (wanted != self.version or wanted in self.failures)
        )

    @property
    def is_refused(self) -> bool:
        """Whether what the store wants cannot be served as it is, and not for want of time."""
        known = [self.failures.get(None), self.failures.get(self.wanted)]
        return any(failure is not None and not failure.incomplete for failure in known)

    def expect(self, version: int, footprint: Footprint) -> None:
        """Note what a version will take; of the others only the one that serves counts still."""
        serving = {one: it for one, it in self.footprints.items() if one == self.version}
        self.footprints = serving | {version: footprint}

    @property
    def footprint(self) -> Footprint | None:
        """What the version takes that the store wants, or else the one that serves."""
        known = [self.footprints.get(one) for one in (self.wanted, self.version) if one is not None]
        return next((one for one in known if one is not None), None)

    @property
    def last_failure(self) -> Failure | None:
        return max(self.failures.values(), key=lambda failure: failure.at, default=None)
