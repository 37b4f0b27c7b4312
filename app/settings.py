"""Every setting, read once at start from CLASSMARK_* variables or the command line."""

import hashlib
import ipaddress
import os
import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.bundle.base import Precision
from app.bundle.manifest import NAME_PATTERN

# The APIs of others that the service speaks, by the setting's words.
DIALECTS = ("huggingface", "invocations", "label-studio", "presidio", "tei", "v2", "vllm")

# What Vertex AI tells a container, by the settings it is for.
_VERTEX = {
    "port": "AIP_HTTP_PORT",
    "health_route": "AIP_HEALTH_ROUTE",
    "predict_route": "AIP_PREDICT_ROUTE",
}


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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


def _words(joined: str | None) -> list[str]:
    return [word.strip() for word in (joined or "").split(",") if word.strip()]


class Settings(BaseSettings):
    """Classmark serves fine-tuned BERT-family classifiers from a folder of bundles."""

    model_config = SettingsConfigDict(
        env_prefix="CLASSMARK_",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        cli_kebab_case=True,
    )

    host: str = Field(
        "127.0.0.1",
        description="Address to listen on. Any except loopback needs API keys or allow_anonymous.",
    )
    port: int = Field(
        8000,
        ge=0,
        le=65_535,
        description="TCP port; 0 takes a free one. AIP_HTTP_PORT, which Vertex AI sets, does the "
        "same.",
    )
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
    workers: int = Field(
        1,
        ge=1,
        le=256,
        description="Processes that answer HTTP. 1: one process does everything. More: all of "
        "them feed one engine process, for machines where HTTP and encoding need more than one "
        "core. Each costs a process's memory and has its own cache; each request costs a hop "
        "between processes.",
    )
    max_inputs: int = Field(
        128,
        ge=1,
        le=65_536,
        description="Inputs in one request. Raising it lets one caller hold the queue for longer.",
    )
    max_windows: int = Field(
        64,
        ge=1,
        le=4096,
        description="Windows of one input with long_text=window. Raising it admits longer "
        "documents, each of which takes that many runs.",
    )
    max_body_bytes: int = Field(
        1_048_576,
        ge=1024,
        description="Bytes of a request body. Raising it costs memory for each request.",
    )
    max_head_bytes: int = Field(
        32_768,
        ge=1024,
        description="Bytes of a request line with its headers. Raising it costs memory for each "
        "connection.",
    )
    max_connections: int = Field(
        10_000,
        ge=1,
        description="Connections at the same time; fewer where the process may open fewer files.",
    )
    head_seconds: float = Field(
        10.0,
        gt=0,
        description="Time for the head of a request to come whole, from its first byte or from the "
        "connection; then the connection is closed.",
    )
    keep_alive_seconds: float = Field(
        75.0,
        gt=0,
        description="Silence between two requests after which a connection is closed. Keep it "
        "longer than that of the proxy in front, or the proxy sends into closed connections.",
    )
    max_connection_seconds: float = Field(
        0.0,
        ge=0,
        description="Age after which a connection is closed with its next answer, spread by 20 % "
        "up and down; 0 keeps connections. Set it where a balancer that spreads connections, not "
        "requests, has to bring load to new replicas.",
    )
    max_queue_seconds: float = Field(
        5.0,
        gt=0,
        description="Expected wait above which a request is refused with 429. Raising it trades "
        "refusals for latency under overload.",
    )
    cache_megabytes: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Memory for answers to texts that repeat exactly; 0 keeps none. Raising it "
        "helps only where texts repeat. With several workers each has its own cache.",
    )
    request_timeout_seconds: float = Field(
        30.0,
        gt=0,
        description="Time after which a request is answered 504 and its entries leave the queue; "
        "a caller may ask for less with the header X-Request-Timeout-Seconds.",
    )
    drain_seconds: float = Field(
        1.0,
        ge=0,
        description="How long new requests are still answered after SIGTERM, while readiness "
        "already says no. Raise it to the time that a load balancer needs to notice.",
    )
    dialects: str = Field(
        "all",
        description="APIs of others to answer too: all, none, or some joined by commas: "
        f"{', '.join(DIALECTS)}.",
    )
    predict_route: str | None = Field(
        None,
        description="Another path of /invocations; AIP_PREDICT_ROUTE, which Vertex AI sets, does "
        "the same.",
    )
    health_route: str | None = Field(
        None,
        description="Another path of /ping; AIP_HEALTH_ROUTE, which Vertex AI sets, does the same.",
    )
    cors_origins: str | None = Field(
        None,
        description="Origins, joined by commas, whose web pages may ask for predictions, such as "
        "https://app.example.com; * for all.",
    )
    api_keys_file: Path | None = Field(
        None,
        description="File of hashed API keys, one per line, made by `classmark keys`. "
        "None: no keys.",
    )
    allow_anonymous: bool = Field(
        False,
        description="Serve predictions without keys on an address that is not loopback; "
        "administration still needs a key.",
    )
    playground: bool = Field(True, description="Answer / with the playground, a page for browsers.")
    log_format: Literal["text", "json"] = Field("text", description="One line for each event.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug adds a line for each request, never with its text."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let what Vertex AI says count least."""
        told = {field: os.environ[name] for field, name in _VERTEX.items() if os.environ.get(name)}
        return init_settings, env_settings, InitSettingsSource(settings_cls, told)

    @field_validator("host")
    @classmethod
    def _plain_host(cls, host: str) -> str:
        return host.strip("[]").lower()

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

    @field_validator("dialects")
    @classmethod
    def _known_dialects(cls, dialects: str) -> str:
        if unknown := set(_words(dialects)) - {"all", "none", *DIALECTS}:
            raise ValueError(
                f"there is no {', '.join(sorted(unknown))}; there are all, none, and "
                f"{', '.join(DIALECTS)}"
            )
        return dialects

    @field_validator("predict_route", "health_route")
    @classmethod
    def _plain_path(cls, path: str | None) -> str | None:
        if path and not re.fullmatch(r"/[^\s?#{}]*", path):
            raise ValueError(f"{path} is no path; write it as /predict")
        return path

    @field_validator("cors_origins")
    @classmethod
    def _plain_origins(cls, origins: str | None) -> str | None:
        for origin in _words(origins):
            if origin != "*" and not re.fullmatch(r"https?://[^/\s*]+", origin):
                raise ValueError(
                    f"{origin} is no origin; write it as https://app.example.com, without a path"
                )
        return origins

    @model_validator(mode="after")
    def _anonymous_only_on_loopback(self) -> Self:
        if not self.on_loopback and self.api_keys_file is None and not self.allow_anonymous:
            raise ValueError(
                f"host is {self.host}, which others can reach, and there are no API keys: set "
                "CLASSMARK_API_KEYS_FILE, or CLASSMARK_ALLOW_ANONYMOUS=true if something in "
                "front of the service guards it, or listen on 127.0.0.1"
            )
        return self

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

    @property
    def spoken_dialects(self) -> frozenset[str]:
        named = frozenset(_words(self.dialects))
        return frozenset(DIALECTS) if "all" in named else named - {"none"}

    @property
    def allowed_origins(self) -> list[str]:
        return _words(self.cors_origins)

    @property
    def on_loopback(self) -> bool:
        return is_loopback(self.host)
