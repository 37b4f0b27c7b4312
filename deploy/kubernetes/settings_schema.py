"""Writes the service's settings, with types and limits, into the chart's values.schema.json.

Run it after a change of `app/settings.py`: `python -m deploy.kubernetes.settings_schema`.
"""

import json
from pathlib import Path
from typing import Any

from pydantic.alias_generators import to_camel

from app.settings import Settings

SCHEMA = Path(__file__).parent / "classmark" / "values.schema.json"
# What other values of the chart decide, and which.
DECIDED_BY = {"api_keys_file": "apiKeys", "model_store": "store", "store_cache": "store"}
# In a pod 0 would be a port that nobody knows, and an executor for each of the node's CPUs.
LIMITS = {"executors": {"minimum": 1}, "port": {"minimum": 1}}


def settings_schema() -> dict[str, Any]:
    """Return the JSON schema of the chart's `settings`; a name that is none is refused."""
    of_service = Settings.model_json_schema()["properties"]
    properties = {
        to_camel(name): _constraints(schema) | LIMITS.get(name, {})
        for name, schema in of_service.items()
        if name not in DECIDED_BY
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _constraints(schema: dict[str, Any]) -> dict[str, Any]:
    """Keep what limits a value: an optional one is left out of values, never null."""
    if "anyOf" in schema:
        choices = [choice for choice in schema["anyOf"] if choice["type"] != "null"]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}
    return {key: schema[key] for key in schema if key not in ("default", "description", "title")}


def main() -> None:
    schema = json.loads(SCHEMA.read_text())
    schema["properties"]["settings"] = settings_schema()
    SCHEMA.write_text(json.dumps(schema, indent=2) + "\n")


if __name__ == "__main__":
    main()
