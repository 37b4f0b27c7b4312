"""The alert on opinions, simulated: silent over days of steady opinion, loud at a surge."""

from dataclasses import replace

import numpy as np
import pytest

from docs.false_alarms import DAY, STEPS_PER_MINUTE, Bounds, alarms, false_alarms, fires, traffic

SHIPPED = Bounds.of_rules()


@pytest.mark.parametrize("texts_per_minute", [3, 10, 30, 100])
def test_a_month_of_steady_opinion_in_topics_of_any_share_fires_nothing(
    texts_per_minute: int,
) -> None:
    assert false_alarms(texts_per_minute, 30, SHIPPED) == 0


def test_three_standard_errors_would_fire_every_other_day() -> None:
    assert false_alarms(10, 30, replace(SHIPPED, z=3.0)) > 30


@pytest.mark.parametrize("hours", [1, 24])
def test_a_topic_that_doubles_by_negative_texts_fires_within_5_minutes_and_ends(
    hours: int,
) -> None:
    rng = np.random.default_rng(0)
    start, end = (hours * 60) * STEPS_PER_MINUTE, (hours * 60 + 10) * STEPS_PER_MINUTE
    texts, negative = traffic(20, 0.3, 2 * DAY, rng)
    extra = rng.poisson(20 / STEPS_PER_MINUTE, end - start)
    texts[start:end] += extra
    negative[start:end] += extra
    firing = fires(texts, negative, SHIPPED)
    assert alarms(firing) == 1
    assert not firing[:start].any()
    assert firing[start + 5 * STEPS_PER_MINUTE]
    assert not firing[end + 10 * STEPS_PER_MINUTE :].any()
