"""A surge of negative opinion, in a real Prometheus and Alertmanager: one alert, none before it."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.deployment.alertmanager import PROGRAM
from tests.deployment.files import ROOT
from tests.deployment.surge.rehearsal import RULES, Play, faster, perform, scene

STORE = ROOT / "models"
# An hour is a minute. Three models answer every text, beside all else on two cores.
PLAY = Play(speed=60, texts_per_second=25, surge_texts_per_second=25)


def test_time_that_runs_faster_divides_every_duration_of_the_rules_and_no_name() -> None:
    shipped = RULES.read_text()
    quick = faster(shipped, 60)
    (group,) = yaml.safe_load(quick)["groups"]
    assert group["interval"] == "500ms"
    durations = re.findall(r"\[(.*?)\](?: offset (\w+))?", quick)
    assert durations == [
        ("10000ms", ""),
        ("10000ms", ""),
        ("360000ms", "10000ms"),
        ("360000ms", "10000ms"),
        ("60000ms", ""),
    ]
    names = re.findall(r"classmark\w*:\w+:\w+", shipped)
    assert re.findall(r"classmark\w*:\w+:\w+", quick) == names


@pytest.mark.fleet
@pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"no {PROGRAM}, which Debian has")
def test_a_planted_surge_fires_the_alert_of_its_topic_alone_and_resolves(tmp_path: Path) -> None:
    with scene(PLAY, STORE, tmp_path) as on:
        outcome = perform(PLAY, on, ROOT / "build/cache")
    assert set(outcome.firing) == {PLAY.topic}
    assert outcome.surge_began < outcome.firing[PLAY.topic][0] < outcome.surge_ended
    assert [(one.status, one.labels["topic"]) for one in outcome.notifications] == [
        ("firing", PLAY.topic),
        ("resolved", PLAY.topic),
    ]
