"""Settings of the APIs and pages that the service answers with beside its own."""

import re

from pydantic import BaseModel, Field, field_validator

# The APIs of others that the service speaks, by the setting's words.
DIALECTS = ("huggingface", "invocations", "label-studio", "presidio", "tei", "v2", "vllm")


def _words(joined: str | None) -> list[str]:
    return [word.strip() for word in (joined or "").split(",") if word.strip()]


class InterfaceSettings(BaseModel):
    """APIs of others, other sites, and the playground."""

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
    playground: bool = Field(True, description="Answer / with the playground, a page for browsers.")

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

    @property
    def spoken_dialects(self) -> frozenset[str]:
        named = frozenset(_words(self.dialects))
        return frozenset(DIALECTS) if "all" in named else named - {"none"}

    @property
    def allowed_origins(self) -> list[str]:
        return _words(self.cors_origins)
