"""Scaling speaks only of what the service exports, and all of that is documented."""

import re

import yaml

from tests.deployment.exported import SERIES, used_series
from tests.deployment.files import KSERVE, ROOT


def test_every_metric_that_pods_are_scaled_by_is_exported() -> None:
    _, scaled = yaml.safe_load_all(KSERVE.read_text())
    for trigger in scaled["spec"]["triggers"]:
        ((name, _),) = used_series(trigger["metadata"]["query"])
        assert name in SERIES


def test_every_metric_is_documented() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    names = {name for name in SERIES if name.startswith("classmark_")}
    families = {re.sub("_(total|bucket|sum|count)$", "", name) for name in names}
    assert [name for name in sorted(families) if f"| `{name}` |" not in text] == []
