"""The dashboards as files, and what is said of metrics that are on none of them."""

import json
from typing import Any

from deploy.grafana.reading import Asked, queries
from tests.deployment.files import GRAFANA

FOLDER = GRAFANA / "dashboards"
BOARDS: dict[str, Any] = {
    path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))
}
QUERIES: list[Asked] = [asked for board in BOARDS.values() for asked in queries(board)]

# Deliberately on no panel.
ABSENT = {
    "python_info": "the image has one Python; Build says which image",
    "process_virtual_memory_bytes": "says nothing of what is used; Memory has the resident part",
    "classmark_spans": "tells of the collector of traces, which has boards of its own",
}
# What has no data on a machine that runs the tests: a part of a query, and why.
EMPTY = {
    "classmark_gpu_": "the machine has no GPU",
    "classmark:answers:psi": "drift compares hours; its rules have tests",
    "classmark:opinions_negative": "a baseline needs ten minutes of history; its rules have tests",
    'ClassmarkOpinionSurge"})': "nothing surges; the alert has tests",
}
