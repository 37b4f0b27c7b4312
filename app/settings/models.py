"""Settings of where models come from, and of what runs them."""

import hashlib
import os
import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from app.bundle.base import Precision
from app.bundle.manifest import NAME_PATTERN

_BUCKETS = ("s3", "gs", "az")


def check_place(store: str) -> str:
    """Return a folder's path, or a bucket's URL without its last slash; raise ValueError else."""
    scheme, separator, rest = store.partition("://")
    if separator and (scheme not in _BUCKETS or not rest.strip("/")):
        raise ValueError(
            f"{store} is no model store; name a folder by its path, or a bucket as "
            "s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
        )
    return store.rstrip("/") if separator else store


class ModelSettings(BaseModel):
    """The model store and the device."""

    model_store: str = Field(
        "models",
        description="Folder of bundles: <store>/<name>/<version>/manifest.json. Or a bucket, which "
        "is kept up with: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix.",
    )
    store_cache: Path | None = Field(
        None,
        description="Folder where the files of a bucket that this device needs are kept. None: one "
        "for each bucket and channel in ~/.cache/classmark.",
    )
    store_channel: str | None = Field(
        None,
        description="Channel whose pin counts first, as canary: desired-version.canary before "
        "desired-version, for a rollout in stages.",
    )
    store_poll_seconds: float = Field(
        10.0,
        ge=1,
        le=3600,
        description="Time between two looks at a bucket, give or take a fifth. Raising it asks the "
        "bucket less often, and new versions come later.",
    )
    watch: bool = Field(
        True,
        description="Load new versions as they appear in the store. Off: only by SIGHUP or the "
        "reload call.",
    )
    wait_for_models: bool = Field(
        False,
        description="Open the port only once the first look at the store has ended. Off: it is "
        "open at once, and requests get 503 until then. On: no probe is answered before, liveness "
        "neither, so give the start that long.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="Where models run; auto takes CUDA where ONNX Runtime has it and finds a GPU.",
    )
    precision: Literal["auto"] | Precision = Field(
        "auto",
        description="Graph to load. auto: fp16 on CUDA, int8 on CPU, else fp32; the first "
        "that the bundle has and that answers correctly on this device.",
    )
    executors: int = Field(
        0,
        ge=0,
        le=1024,
        description="Threads that run batches. 0: one for each CPU this process may use, two on "
        "CUDA, where one prepares while the other runs. More executors than cores slow each "
        "other down. Long texts are read by no more threads than that.",
    )

    @field_validator("model_store", mode="before")
    @classmethod
    def _folder_or_bucket(cls, store: str | Path) -> str:
        return check_place(os.fspath(store))

    @field_validator("store_channel")
    @classmethod
    def _plain_channel(cls, channel: str | None) -> str | None:
        if channel and not re.match(NAME_PATTERN, channel):
            raise ValueError(f"{channel} is no channel; name it in a-z, 0-9, _ and -, as canary")
        return channel

    @property
    def store_url(self) -> str | None:
        """The bucket that the models come from, if it is one."""
        return self.model_store if "://" in self.model_store else None

    @property
    def cache_folder(self) -> Path:
        """Where the files of a bucket are kept: a folder of its own for each thing to follow."""
        if self.store_cache is not None:
            return self.store_cache
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        if not os.path.isabs(base):  # a user without a home
            raise ValueError(
                f"{self.model_store} needs a folder to be kept in; name one by "
                "CLASSMARK_STORE_CACHE"
            )
        plain = re.sub(r"[^A-Za-z0-9.-]+", "-", self.model_store)
        followed = f"{self.model_store} {self.store_channel}".encode()
        return Path(base) / "classmark" / f"{plain[:80]}-{hashlib.sha256(followed).hexdigest()[:8]}"

    @property
    def store_folder(self) -> Path:
        """The folder that models are loaded from."""
        return self.cache_folder / "store" if self.store_url else Path(self.model_store)

    @property
    def wanted_precision(self) -> Precision | None:
        """The graph to load; None for the first that serves."""
        return None if self.precision == "auto" else self.precision
