"""Reads and writes a model store in a bucket; alone knows obstore."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import from_url

from app.errors import PinConflict, StoreError
from app.mirror.layout import RemoteFile, RemoteModel, read_listing

if TYPE_CHECKING:
    from obstore.store import ObjectStore

# A bucket that says nothing for this long is tried again; a download may take as long as it moves.
CONNECT_SECONDS, SILENT_SECONDS, LONGEST_SECONDS = 5, 20, 3600
RETRIES, RETRY_SECONDS = 2, 15
CHUNK_BYTES = 1024 * 1024
MAX_PIN_BYTES = 64
# Client options in code replace those of the environment, and this is the one people set there.
_ALLOW_HTTP = {"s3": "AWS_ALLOW_HTTP", "gs": "GOOGLE_ALLOW_HTTP", "az": "AZURE_ALLOW_HTTP"}


class RemoteStore:
    """A model store in a bucket; blocks, but never for ever.

    Whatever fails is raised as a StoreError that names the bucket.

    Args:
        url: as in the settings, for messages.
    """

    def __init__(self, store: "ObjectStore", url: str) -> None:
        self._store = store
        self.url = url

    def look(self) -> dict[str, RemoteModel]:
        """List every model."""
        with self._explained(""):
            return read_listing(
                (found["path"], RemoteFile(found["size"], found["e_tag"]))
                for chunk in self._store.list()
                for found in chunk
            )

    def read(self, path: str, limit: int) -> tuple[bytes, str | None]:
        """Return a small object and its tag."""
        with self._explained(path):
            found = self._store.get(path)
            if found.meta["size"] > limit:
                raise StoreError(
                    f"{self.url}/{path} has {found.meta['size']} bytes, the limit is {limit}; "
                    "push the version again, or remove it",
                    "refused",
                )
            return bytes(found.bytes()), found.meta["e_tag"]

    def read_pin(self, name: str, file: str) -> tuple[bytes, str | None] | None:
        """Return what a pin says, and its tag; None without one."""
        path = f"{name}/{file}"
        with self._explained(path):
            try:
                found = self._store.get(path)
            except FileNotFoundError:
                return None
            return bytes(found.bytes())[:MAX_PIN_BYTES], found.meta["e_tag"]

    def stream(self, path: str) -> Iterator[bytes]:
        """Yield an object in pieces."""
        with self._explained(path):
            for piece in self._store.get(path).stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(piece)

    def create(self, path: str, content: Path | bytes) -> bool:
        """Write an object unless there is one; return whether it was written."""
        with self._explained(path):
            try:
                self._store.put(path, content, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def write_pin(self, name: str, file: str, version: int, tag: str | None) -> None:
        """Pin a model if its pin is still the one with this tag, or still absent (None).

        Raises:
            PinConflict: it is not; says what it is now.
        """
        path = f"{name}/{file}"
        with self._explained(path):
            try:
                self._store.put(
                    path, f"{version}\n".encode(), mode={"e_tag": tag} if tag else "create"
                )
            except (AlreadyExistsError, PreconditionError, FileNotFoundError):
                now = self.read_pin(name, file)
                says = f"says {now[0].decode(errors='replace').strip()!r}" if now else "is gone"
                raise PinConflict(
                    f"{self.url}/{path} was changed meanwhile and {says} now; pin again if "
                    f"{version} is still right"
                ) from None

    def remove(self, path: str) -> None:
        with self._explained(path):
            self._store.delete(path)

    @contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            if not path:
                raise StoreError(f"{self.url} cannot be reached: no such bucket") from None
            raise StoreError(
                f"{self.url}/{path} is not there; push the version again, or remove it", "refused"
            ) from None
        except (BaseError, OSError, ValueError) as exc:
            reason = str(exc).strip().split("\n")[0][:300]
            raise StoreError(f"{self.url} cannot be reached: {reason}") from exc


def open_remote(url: str) -> RemoteStore:
    """Return the store of a bucket, whose credentials are in the environment.

    Raises:
        ValueError: the URL or the environment is no bucket's.
    """
    try:
        store = from_url(
            url,
            client_options={
                "allow_http": os.environ.get(_ALLOW_HTTP[url.partition("://")[0]]) == "true",
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                "read_timeout": timedelta(seconds=SILENT_SECONDS),
                "timeout": timedelta(seconds=LONGEST_SECONDS),
            },
            retry_config={
                "max_retries": RETRIES,
                "retry_timeout": timedelta(seconds=RETRY_SECONDS),
            },
        )
    except (BaseError, ValueError) as exc:
        raise ValueError(
            f"the model store {url} cannot be opened: {str(exc).strip()[:300]}; docs/store.md has "
            "the variables of each provider"
        ) from exc
    return RemoteStore(store, url)
