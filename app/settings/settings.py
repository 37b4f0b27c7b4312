"""Every setting, read once at start from CLASSMARK_* variables or the command line."""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.settings.interfaces import InterfaceSettings
from app.settings.models import ModelSettings
from app.settings.network import NetworkSettings
from app.settings.opinions import OpinionSettings

# What Vertex AI tells a container, by the settings it is for.
_VERTEX = {
    "port": "AIP_HTTP_PORT",
    "health_route": "AIP_HEALTH_ROUTE",
    "predict_route": "AIP_PREDICT_ROUTE",
}


class Settings(InterfaceSettings, OpinionSettings, ModelSettings, NetworkSettings, BaseSettings):
    """Classmark serves fine-tuned BERT-family classifiers from a folder of bundles."""

    model_config = SettingsConfigDict(
        env_prefix="CLASSMARK_",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        cli_kebab_case=True,
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

    @model_validator(mode="after")
    def _anonymous_only_on_loopback(self) -> Self:
        if not self.on_loopback and self.api_keys_file is None and not self.allow_anonymous:
            raise ValueError(
                f"host is {self.host}, which others can reach, and there are no API keys: set "
                "CLASSMARK_API_KEYS_FILE, or CLASSMARK_ALLOW_ANONYMOUS=true if something in "
                "front of the service guards it, or listen on 127.0.0.1"
            )
        return self
