"""Asks the service itself who is named in negative texts."""

from dataclasses import dataclass

import httpx

from report.errors import ReportError

PATH = "/v1/opinions/entities"


@dataclass(frozen=True, slots=True)
class MentionedEntity:
    """An entity, and how many negative texts name it; `error` of these are not sure."""

    name: str
    group: str
    count: int
    error: int


def read_entities(client: httpx.Client) -> list[MentionedEntity]:
    """Return those named most, the first first; raise ReportError if the service does not say."""
    try:
        answer = client.get(PATH, params={"limit": 20, "window": "day"})
    except httpx.TransportError as exc:
        raise ReportError(
            f"no service at {client.base_url} ({exc}); start it, or leave --service away"
        ) from exc
    if answer.status_code != 200:
        raise ReportError(
            f"{answer.request.url} answered {answer.status_code}: {answer.text[:200]}; give a key "
            "with --key, or leave --service away"
        )
    return [
        MentionedEntity(one["name"], one["entity_group"], one["count"], one["error"])
        for one in answer.json()["entities"]
    ]
