"""Rehearse the surge in real time, and write when what happened: `make opinion-surge`."""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.deployment.surge.rehearsal import Outcome, Play, Scene, perform, scene


def main() -> None:
    """Run it once; the record is surge.json in the folder --out, the report report.html."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--store", type=Path, required=True, help="with the English demo models")
    parser.add_argument("--cache", type=Path, default=Path("build/cache"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=2.0, help="texts a real second")
    parser.add_argument("--surge-rate", type=float, default=1.0, help="negative ones beside them")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    play = Play(options.speed, options.rate, options.surge_rate)
    with (
        TemporaryDirectory() as folder,
        scene(play, options.store, Path(folder), executors=1) as on,
    ):
        outcome = perform(play, on, options.cache)
        record = json.dumps(describe(play, outcome), indent=2)
        (options.out / "surge.json").write_text(f"{record}\n")
        write_report(play, on, options.out / "report.html")
    sys.stdout.write(f"{record}\n")


def describe(play: Play, outcome: Outcome) -> dict[str, Any]:
    """Return the record; minutes are those of the rules, whatever the speed."""

    def minutes(since: float, at: float) -> float:
        return round((at - since) / 60 * play.speed, 2)

    def clock(at: float) -> str:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")

    return {
        "play": asdict(play),
        "began": clock(outcome.began),
        "surge began": clock(outcome.surge_began),
        "surge ended": clock(outcome.surge_ended),
        "ended": clock(outcome.ended),
        "feed": outcome.feed,
        "firing in Prometheus": {
            topic: {
                "first, minutes after the surge began": minutes(outcome.surge_began, moments[0]),
                "last, minutes after the surge ended": minutes(outcome.surge_ended, moments[-1]),
            }
            for topic, moments in outcome.firing.items()
        },
        "told by Alertmanager": [
            {
                "at": clock(one.at),
                "minutes after the surge began": minutes(outcome.surge_began, one.at),
                "status": one.status,
                "labels": one.labels,
                "summary": one.summary,
            }
            for one in outcome.notifications
        ],
    }


def write_report(play: Play, on: Scene, path: Path) -> None:
    hours = play.real_minutes(play.minutes + 5) / 60
    command = [sys.executable, "-m", "report", "--prometheus", on.prometheus.url]
    command += ["--service", on.server.url, "--hours", str(hours), "--out", str(path)]
    subprocess.run(command, check=False)


if __name__ == "__main__":
    main()
