"""The page: what it says where something is missing, and how it writes numbers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from report.day import Day, ModelAnswers, Service, Topic
from report.entities import MentionedEntity
from report.options import Span
from report.page import MOST_TOPICS, count, mix, points, render, seconds, share, title
from report.plots import shorten
from report.prometheus import Series

NAN = float("nan")
START = datetime(2026, 3, 4, tzinfo=UTC)
SPAN = Span(START, START + timedelta(days=1))
NOTHING = Day(SPAN, Service(NAN, NAN, 1.0, NAN, NAN, NAN), [], [], [], [], [], [], [])


def curve(label: str, value: str) -> Series:
    return Series({label: value}, [START.timestamp(), START.timestamp() + 3600], [0.5, NAN])


def test_a_day_without_opinions_says_so() -> None:
    page = render(NOTHING, None, "http://prometheus")
    assert "No text came to POST /v1/analyze" in page
    assert "<svg" not in page
    assert "Most named" not in page
    assert "nan" not in page.lower().replace("finance", "")


def test_a_baseline_that_no_rule_recorded_is_said_to_be_missing() -> None:
    day = replace(
        NOTHING,
        topics=[Topic("tech", 10, 5, NAN)],
        texts_by_topic=[curve("topic", "tech")],
        texts_by_sentiment=[curve("sentiment", "negative")],
        negative_share=[curve("topic", "tech")],
    )
    page = render(day, [], "http://prometheus")
    assert "opinions.yml are not loaded" in page
    assert "opinions.yml are not loaded" not in render(
        replace(day, baseline=[curve("topic", "tech")]), [], "http://prometheus"
    )


@pytest.mark.parametrize("more", [0, 1])
def test_topics_without_a_panel_of_their_own_are_said_to_be_missing(more: int) -> None:
    topics = [Topic(f"topic {n}", 10, 5, NAN) for n in range(MOST_TOPICS + more)]
    page = render(replace(NOTHING, topics=topics), None, "http://prometheus")
    assert (f"The {MOST_TOPICS} topics with most texts." in page) == bool(more)


def test_what_others_wrote_is_escaped_and_the_page_names_no_other_host() -> None:
    day = replace(NOTHING, models=[ModelAnswers("<b>m", {"<i>x": 1.0}, 0.25)])
    page = render(day, [MentionedEntity("<u>Paris", "LOC", 9, 2)], "http://prometheus")
    for shown in ("&lt;b&gt;m", "&lt;i&gt;x 100.0 %", "&lt;u&gt;Paris", "9 (at least 7)", "25.0 %"):
        assert shown in page
    assert "http" not in page.replace("http://prometheus", "")


def test_numbers_are_written_as_people_read_them() -> None:
    assert [share(0.1234), share(NAN), points(0.05), points(NAN)] == ["12.3 %", "–", "+5.0", "–"]
    assert [count(12345.4), count(NAN)] == ["12,345", "0"]
    assert [seconds(0.00123), seconds(2.5), seconds(NAN)] == ["1.23 ms", "2.5 s", "–"]


def test_many_labels_are_shown_as_the_first_and_the_others_together() -> None:
    shares = mix(dict.fromkeys("abcdefgh", 1.0))
    assert [label for label, _ in shares] == [*"abcdef", "2 others"]
    assert sum(part for _, part in shares) == pytest.approx(1)
    assert mix({}) == []


def test_a_title_names_both_days_where_a_span_has_two() -> None:
    assert title(SPAN) == "2026-03-04 00:00 to 2026-03-05 00:00 UTC"
    morning = Span(START, START + timedelta(hours=9))
    assert title(morning) == "2026-03-04, 00:00 to 09:00 UTC"


def test_a_long_label_is_cut_in_plots() -> None:
    assert shorten("x" * 100) == "x" * 23 + "…"
