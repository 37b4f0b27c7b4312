"""What models say, in six numbers."""

from deploy.grafana.board import Row
from deploy.grafana.panels import stat
from deploy.grafana.predictions.queries import (
    ANGRY,
    ANSWERS,
    BELOW,
    DOUBTFUL,
    INPUTS,
    NEGATIVE,
    OPINIONS,
    READ,
    SCORED,
    STRANGE,
    SURGE,
    TRUNCATED,
    UNKNOWN,
)
from deploy.grafana.promql import share, total

ROW = Row(
    "",
    (
        stat(
            "Answers",
            "Texts by their best label, and entities, a second. None: no model is asked; see "
            "**Requests** (Service).",
            total(ANSWERS),
            "suffix: answers/s",
        ),
        stat(
            "Low confidence",
            "Share of answers whose score is 0.6 or less. Over its usual value: texts unlike "
            "those the model was trained on; label some of them, train, and compare.",
            share(BELOW, SCORED),
            "percentunit",
            (("green", 0), *DOUBTFUL),
        ),
        stat(
            "Unknown tokens",
            "Share of tokens that a tokenizer has no word for. A rise: another language, "
            "another encoding, or markup in the texts.",
            share(UNKNOWN, READ),
            "percentunit",
            (("green", 0), *STRANGE),
        ),
        stat(
            "Truncated",
            "Share of inputs cut to their model's length; their ends were not read. Ask "
            "callers to send long_text=window.",
            share(TRUNCATED, INPUTS),
            "percentunit",
            (("green", 0), *STRANGE),
        ),
        stat(
            "Negative opinions",
            "Share of analyzed texts with a negative sentiment, over all topics. A rise in one "
            "topic shows first in **Negative share and its baseline**.",
            share(NEGATIVE, OPINIONS),
            "percentunit",
            (("green", 0), *ANGRY),
            none="no opinions",
        ),
        stat(
            "Topics that surge",
            "Topics whose negative share surges against their own baseline: the alert "
            "ClassmarkOpinionSurge, see its runbook. **Surges** says which.",
            f"count({SURGE}) or vector(0)",
            "none",
            (("green", 0), ("red", 1)),
        ),
    ),
)  # fmt: skip
