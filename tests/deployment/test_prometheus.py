"""Scaling speaks only of what the service exports."""

import yaml

from tests.deployment.exported import SERIES, used_series
from tests.deployment.files import KSERVE


def test_every_metric_that_pods_are_scaled_by_is_exported() -> None:
    _, scaled = yaml.safe_load_all(KSERVE.read_text())
    for trigger in scaled["spec"]["triggers"]:
        ((name, _),) = used_series(trigger["metadata"]["query"])
        assert name in SERIES
