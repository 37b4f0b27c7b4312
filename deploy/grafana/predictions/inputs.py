"""Texts as tokenizers see them."""

from deploy.grafana.board import Row
from deploy.grafana.panels import Query, heatmap, lines
from deploy.grafana.predictions.queries import EACH, INPUTS, NAME, READ, STRANGE, TRUNCATED, UNKNOWN
from deploy.grafana.promql import VERSION, increase, quantile, share

TOKENS = ("classmark_input_tokens", VERSION, EACH)
ROW = Row(
    "What models read",
    (
        lines(
            "Unknown tokens by version",
            "Share of tokens that the tokenizer has no word for. A rise: another language or "
            "encoding, or markup; what such texts are answered means little.",
            Query(share(UNKNOWN, READ, EACH), NAME),
            unit="percentunit", width=6, limits=STRANGE,
        ),
        lines(
            "Length of inputs",
            "In tokens, over all windows. Longer texts cost more than in proportion; a jump "
            "means another kind of text, or a client that sends whole documents.",
            Query(quantile(0.5, *TOKENS), f"{NAME} p50"),
            Query(quantile(0.95, *TOKENS), f"{NAME} p95"),
            unit="none", width=6,
        ),
        heatmap(
            "Lengths",
            "How many inputs are how long, in tokens. Two bands: two kinds of callers; they "
            "pad one another's batches, see **Padding by model** (Engine).",
            increase(f"classmark_input_tokens_bucket{{{VERSION}}}", "le"),
            "none", 6,
        ),
        lines(
            "Truncated by model",
            "Share of inputs cut to their model's length: their ends were not read. Ask "
            "callers to send long_text=window.",
            Query(share(TRUNCATED, INPUTS, "model"), "{{model}}"),
            unit="percentunit", width=6, limits=STRANGE,
        ),
    ),
)  # fmt: skip
