"""Settings of what several models say together of a text."""

import json

from pydantic import BaseModel, Field, TypeAdapter, field_validator

_LABELS = TypeAdapter(list[str])


def _read_list(text: str) -> list[str]:
    """Return what is joined by commas, or a JSON list, for labels that have commas themselves."""
    if text.startswith("["):
        return _LABELS.validate_python(json.loads(text))
    return [word.strip() for word in text.split(",") if word.strip()]


class OpinionSettings(BaseModel):
    """The models of /v1/analyze, and what of their answers counts as an opinion."""

    analyze_models: str | None = Field(
        None,
        description="Models that /v1/analyze asks where a request names none, joined by commas. "
        "None: all that serve.",
    )
    opinion_topic_model: str = Field(
        "topic", description="Model whose label is the topic of an opinion."
    )
    opinion_sentiment_model: str = Field(
        "sentiment", description="Model whose label is the sentiment of an opinion."
    )
    opinion_entity_model: str = Field(
        "ner", description="Model that finds the entities named in negative texts."
    )
    negative_labels: str = Field(
        "negative",
        description="Labels of the sentiment model that are negative, joined by commas or as a "
        "JSON list.",
    )

    @field_validator("analyze_models", "negative_labels")
    @classmethod
    def _some(cls, text: str | None) -> str | None:
        if text is not None and not _read_list(text):
            raise ValueError("it names nothing; name at least one, or leave it unset")
        return text

    @property
    def analyzed_by(self) -> list[str]:
        """Names of models; none where all that serve are meant."""
        return _read_list(self.analyze_models or "")

    @property
    def negative(self) -> frozenset[str]:
        return frozenset(_read_list(self.negative_labels))
