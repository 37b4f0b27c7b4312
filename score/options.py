"""The options of a run."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from app.bundle.base import AggregationStrategy, LongText
from offline.command import DEBUG

OnError = Literal["report", "fail"]
BAD_ROWS = 3


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """What a request to the service may ask for, too; None leaves it to the bundle."""

    top_k: int | None = None
    threshold: float | None = None
    long_text: LongText | None = None
    aggregation_strategy: AggregationStrategy | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns that are read."""

    text: str = "text"
    text_pair: str | None = None
    id: str | None = None

    @property
    def names(self) -> list[str]:
        return [name for name in (self.text, self.text_pair, self.id) if name is not None]


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """One run.

    Attributes:
        version: of the model; None for the one that the store wants.
        url: of a running service that answers instead of this process.
        concurrency: requests to it at the same time.
    """

    source: Path
    out: Path
    model: str
    columns: Columns
    answers: AnswerOptions
    encoding: str
    on_error: OnError
    store: Path
    version: int | None = None
    url: str | None = None
    concurrency: int = 8


def score_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description="Answer for every row of a file: labels or entities, by the model's task.",
        epilog=f"Exit codes: 0 done, 1 the run cannot go on, 2 bad options or input, {BAD_ROWS} "
        "done and some rows have an error instead of an answer, 130 stopped. A run that was "
        "stopped or killed goes on where it was when the same command is given again.",
    )
    parser.add_argument(
        "input", type=Path, metavar="INPUT", help=".csv .tsv .jsonl .ndjson .json .parquet"
    )
    parser.add_argument("--model", required=True, metavar="NAME")
    parser.add_argument("--out", required=True, type=Path, metavar="OUTPUT", help=".jsonl .parquet")
    parser.add_argument("--text-column", default="text", metavar="NAME", help="(%(default)s)")
    parser.add_argument("--text-pair-column", metavar="NAME", help="the second text of pairs")
    parser.add_argument("--id-column", metavar="NAME", help="goes to the output as `id`")
    parser.add_argument(
        "--encoding", default="utf-8", help="of a text file, any that Python knows (%(default)s)"
    )
    parser.add_argument(
        "--on-error", choices=get_args(OnError), default="report",
        help="of a row that cannot be answered: put its error there, or end (%(default)s)",
    )  # fmt: skip
    _add_answer_options(parser)
    _add_places(parser)
    parser.add_argument(DEBUG, action="store_true", help="show an error's traceback")
    return parser


def _add_answer_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("answers, as in the API; the bundle's defaults if left out")
    group.add_argument("--top-k", type=_count, metavar="N", help="labels, at most")
    group.add_argument("--threshold", type=_share, metavar="SHARE", help="lowest score")
    group.add_argument(
        "--long-text", choices=get_args(LongText), help="of texts over the model's length"
    )
    group.add_argument(
        "--aggregation-strategy", choices=get_args(AggregationStrategy),
        help="how tokens become entities",
    )  # fmt: skip


def _add_places(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "who answers", "This process, with the CLASSMARK_* settings of the service; or a service."
    )
    store = Path(os.environ.get("CLASSMARK_MODEL_STORE") or "models")
    group.add_argument("--store", type=Path, default=store, help="(%(default)s)")
    group.add_argument("--version", type=_count, metavar="N", help="default: what the store wants")
    group.add_argument(
        "--url", help="of a running service, such as http://127.0.0.1:8000; its key, if it needs "
        "one, in the variable CLASSMARK_API_KEY",
    )  # fmt: skip
    group.add_argument(
        "--concurrency", type=_count, default=8, metavar="N",
        help="requests to it at once (%(default)s)",
    )  # fmt: skip


def read_options(arguments: list[str]) -> ScoreOptions:
    """Parse a command line; argparse ends the process where it is wrong."""
    given = score_parser().parse_args(arguments)
    return ScoreOptions(
        source=given.input,
        out=given.out,
        model=given.model,
        columns=Columns(given.text_column, given.text_pair_column, given.id_column),
        answers=AnswerOptions(
            given.top_k, given.threshold, given.long_text, given.aggregation_strategy
        ),
        encoding=given.encoding,
        on_error=given.on_error,
        store=given.store,
        version=given.version,
        url=given.url,
        concurrency=given.concurrency,
    )


def _count(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"{value!r} must be a whole number from 1 on")
    return int(value)


def _share(value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError(f"{value!r} must be a number from 0 to 1")
    return share
