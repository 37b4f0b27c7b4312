"""docs/bundle.md describes the manifest that the service reads: each field, with its default."""

import json
import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from app.bundle import base
from app.bundle.base import Record
from app.bundle.bundle import MAX_MANIFEST_BYTES
from app.bundle.manifest import SCHEMA_VERSION

PAGE = (Path(__file__).parents[2] / "docs" / "bundle.md").read_text()
SECTIONS = {
    heading: dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", body, re.MULTILINE))
    for heading, body in re.findall(r"^### (\w+): .*\n((?:(?!^#).*\n)*)", PAGE, re.MULTILINE)
}
RECORDS = {record.__name__: record for record in Record.__subclasses__()}


def test_every_record_of_the_manifest_is_described_and_no_other() -> None:
    assert set(SECTIONS) == set(RECORDS)


@pytest.mark.parametrize("name", RECORDS)
def test_every_field_is_described_with_its_default(name: str) -> None:
    fields = RECORDS[name].model_fields
    assert SECTIONS[name] == {field: _shown(info.default) for field, info in fields.items()}


def test_the_page_knows_version_and_limit_of_the_format() -> None:
    assert f"`schema_version` is {SCHEMA_VERSION}." in PAGE
    assert f"at most {MAX_MANIFEST_BYTES >> 20} MiB" in PAGE


def test_every_choice_of_a_field_is_named() -> None:
    kinds = (base.Task, base.ProblemType, base.TagScheme, base.InputKind, base.LongText)
    for kind in (*kinds, base.Precision, base.GraphKind, base.AggregationStrategy):
        for choice in kind.__args__:  # type: ignore[attr-defined]
            assert f"`{choice}`" in PAGE, choice


def _shown(default: object) -> str:
    if default is PydanticUndefined:
        return "required"
    return "its own" if isinstance(default, Record) else f"`{json.dumps(default)}`"
