"""The service that measures nothing answers as the other does, and its counters stay at 0."""

import re
import sys
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from benchmarks.measures.telemetry import NOTHING, SUBJECTS
from benchmarks.servers.peers.model import Model
from benchmarks.servers.servers import PROBE, serving
from benchmarks.subjects.served_model import ServedModel


def test_it_answers_and_counts_nothing(tiny_store: Path, tmp_path: Path) -> None:
    served = ServedModel("tiny", tiny_store / "mood" / "2", "fp32")
    expected = max(Model(served.environment()).classify([PROBE])[0].values())
    python, log = Path(sys.executable), tmp_path / "log"
    with serving(SUBJECTS[NOTHING].contender, served, python, log, expected) as server:
        url = f"http://127.0.0.1:{server.port}/metrics"
        with build_opener(ProxyHandler({})).open(url, timeout=30) as response:
            text = response.read().decode()
    counted = r"(?m)^classmark_(?:requests|request_s|stage|input|unknown|answer|batch)\S* (\S+)"
    found = re.findall(counted, text)
    assert len(found) > 100
    assert set(found) == {"0.0"}
