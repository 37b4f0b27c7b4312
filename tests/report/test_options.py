"""What a report may be asked for, and how it refuses what cannot be meant."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from report.__main__ import main
from report.errors import ReportError
from report.options import Span, read_options

NOW = datetime(2026, 3, 5, 14, 30, tzinfo=UTC)
PROMETHEUS = ["--prometheus", "http://127.0.0.1:9090"]


@pytest.mark.parametrize(
    ("options", "start", "end"),
    [
        ([], "2026-03-04 14:30", "2026-03-05 14:30"),
        (["--hours", "0.5"], "2026-03-05 14:00", "2026-03-05 14:30"),
        (["--day", "2026-03-04"], "2026-03-04 00:00", "2026-03-05 00:00"),
        (["--day", "2026-03-05"], "2026-03-05 00:00", "2026-03-05 14:30"),
    ],
)
def test_a_span_is_the_last_hours_or_a_day_in_utc_as_far_as_it_is_over(
    options: list[str], start: str, end: str
) -> None:
    span = read_options([*PROMETHEUS, *options], NOW).span
    assert (f"{span.start:%Y-%m-%d %H:%M}", f"{span.end:%Y-%m-%d %H:%M}") == (start, end)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            [*PROMETHEUS, "--day", "5.3.2026"],
            "--day '5.3.2026' is no day; write it like 2026-03-05",
        ),
        ([*PROMETHEUS, "--day", "2026-03-06"], "has not begun; in UTC it is 2026-03-05 14:30"),
        (["--prometheus", "localhost:9090"], "'localhost:9090' is no address; write it like http"),
        ([*PROMETHEUS, "--service", "host"], "--service 'host' is no address"),
        ([*PROMETHEUS, "--out", "no/such/report.html"], "there is no folder no/such; make it"),
    ],
)
def test_what_cannot_be_meant_is_named_with_the_remedy(options: list[str], said: str) -> None:
    with pytest.raises(ReportError, match=said):
        read_options(options, NOW)


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "99999"])
def test_hours_that_are_none_are_refused(hours: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options([*PROMETHEUS, "--hours", hours], NOW)
    assert f"{hours} is not over 0" in capsys.readouterr().err


def test_a_curve_has_as_many_points_whatever_the_span_and_no_window_is_too_small() -> None:
    day = Span(NOW.replace(day=4), NOW)
    assert (day.step, day.window(300), day.window(600)) == (360, "360s", "600s")
    assert Span(NOW, NOW).step == 1


def test_a_prometheus_that_is_not_there_ends_the_command_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    assert main(["--prometheus", "http://127.0.0.1:9", "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: no Prometheus at http://127.0.0.1:9")
    assert "--prometheus" in line
    assert not out.exists()
