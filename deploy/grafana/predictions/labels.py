"""Labels and scores."""

from deploy.grafana.board import Row
from deploy.grafana.panels import Query, bars, heatmap, lines
from deploy.grafana.predictions.queries import (
    ANSWERS,
    BELOW,
    DOUBTFUL,
    DRIFT,
    EACH,
    NAME,
    SCORE,
    SCORED,
)
from deploy.grafana.promql import VERSION, increase, mean, share, total

LABELS = f"{EACH}, label"
OF_ALL = f"/ ignoring (label) group_left () {total(ANSWERS, EACH)}"
OVER_RANGE = increase(ANSWERS, LABELS, "$__range")
ROW = Row(
    "What models say",
    (
        lines(
            "Label shares by version",
            "Of a version's answers: texts by their best label (no name: none reached its "
            "threshold), entities by their group. A change at a reload's line: the new "
            "version answers otherwise, compare the two. A change without one: what is sent "
            "has changed.",
            Query(f"{total(ANSWERS, LABELS)} {OF_ALL}", f"{NAME} {{{{label}}}}"),
            unit="percentunit", width=16, most=1,
        ),
        bars(
            "Label shares over the range",
            "As beside it, over the whole range of time: a version's usual shares. Choose one "
            "model to read them.",
            Query(
                f"sort_desc({OVER_RANGE} / ignoring (label) group_left () "
                f"{increase(ANSWERS, EACH, '$__range')})",
                f"{NAME} {{{{label}}}}",
            ),
            "percentunit", 8,
        ),
        heatmap(
            "Scores",
            "How sure models are: the scores of best labels. Bright at the top is healthy. A "
            "band that moves down: texts unlike those of the training; at a reload: a version "
            "less sure, or calibrated otherwise. Choose one model to read it.",
            increase(f"{SCORE}_bucket{{{VERSION}}}", "le"),
            "percentunit", 8,
        ),
        lines(
            "Mean score",
            "By version. Versions differ by their calibration; within one it should be level. "
            "A slow fall is drift.",
            Query(mean(SCORE, VERSION, EACH), NAME),
            unit="percentunit", most=1,
        ),
        lines(
            "Low confidence by version",
            "Share of answers with a score of 0.6 or less. A rise without a reload: the texts "
            "have changed. With one: compare the versions (classmark export compare).",
            Query(share(BELOW, SCORED, EACH), NAME),
            unit="percentunit", limits=DOUBTFUL, most=1,
        ),
        lines(
            "Drift of labels",
            "How far a version's labels of the last hour are from those of the day before: a "
            "population stability index, less what chance makes of it. Over 0.2 the alert "
            "ClassmarkLabelDrift fires, see its runbook. Empty without the recording rules of "
            "docker/prometheus/rules, and until there are some hours to compare.",
            Query(DRIFT, NAME),
            unit="none", width=12, limits=(("red", 0.2),),
        ),
        lines(
            "Answers by version",
            "Texts by their best label, and entities, a second. None for a model that is asked: "
            "it refuses, or its texts have no entities.",
            Query(total(ANSWERS, EACH), NAME),
            unit="suffix: answers/s", width=12,
        ),
    ),
)  # fmt: skip
