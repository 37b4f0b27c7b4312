"""Command line: fine-tune a base encoder on a data file."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from offline.command import DEBUG, run
from offline.readers.examples import TASKS
from offline.readers.options import add_layout_options, layout_of
from training.runtime import prepare
from training.settings import PRECISIONS, Settings

_DATA_HELP = """\
data of sequence-classification:
  .csv .tsv        a header with text, label and optionally text_pair; comma, semicolon or tab
  .jsonl .ndjson .json   the same names; a list of labels makes it multi-label
data of token-classification:
  .conll .bio .iob .txt .tsv   one token a line, its BIO (or BIOES) tag last, blank line
                               between sentences
  .jsonl .ndjson .json   {"text", "spans": [{"start", "end", "label"}]}, end excluded, in characters
of both: .parquet .arrow, and folders that the library datasets saved (save_to_disk)
Other names of columns: --text-column and so on. Columns that nothing reads do no harm.
A folder holds one train.* and optionally one eval.*, validation.*, dev.* or test.*.
Without evaluation data a stratified share of the training data is held out.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    defaults = Settings()
    cli = argparse.ArgumentParser(
        description="Fine-tune a base encoder to a Hugging Face checkpoint.",
        epilog=_DATA_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def option(name: str, kind: Any, help_text: str) -> None:
        default = getattr(defaults, name.removeprefix("--").replace("-", "_"))
        cli.add_argument(name, type=kind, default=default, help=f"{help_text} ({default})")

    cli.add_argument("--task", required=True, choices=TASKS)
    cli.add_argument("--data", required=True, type=Path, help="data file, or folder of them")
    cli.add_argument("--base", required=True, type=Path, help="folder of the base encoder")
    cli.add_argument("--out", required=True, type=Path, help="checkpoint folder to write")
    cli.add_argument("--eval-data", type=Path, help="file to evaluate on; rows in it leave --data")
    option("--epochs", float, "passes over the training data, at most")
    option("--learning-rate", float, "peak rate of the encoder")
    option("--head-learning-rate", float, "peak rate of the new head; unset: as the encoder")
    option("--batch-size", int, "examples in a step")
    option("--max-length", int, "tokens in a text, also when it is served; the rest is cut off")
    option("--warmup-share", float, "share of the steps in which the rate rises")
    option("--weight-decay", float, "AdamW's decay of weight matrices")
    option("--patience", int, "epochs without a better F1 before stopping; 0: all epochs")
    option("--frozen-layers", int, "lowest encoder layers to leave as they are: faster")
    cli.add_argument(
        "--freeze-embeddings", action="store_true", help="leave the embeddings as they are: faster"
    )
    option("--dropout", float, "dropout of the encoder; unset: as in the base")
    cli.add_argument("--precision", choices=PRECISIONS, default=defaults.precision)
    option("--eval-fraction", float, "share held out without --eval-data")
    option("--limit", int, "rows to train on, and to evaluate on, at most; unset: all")
    option("--seed", int, "seed of the split and of training")
    cli.add_argument(DEBUG, action="store_true", help="show an error's traceback")
    add_layout_options(cli, tags=True)
    return cli


def command(arguments: argparse.Namespace) -> None:
    """Train as the arguments say; raise OfflineError for bad input."""
    names = {field.name for field in fields(Settings)}
    settings = Settings(**{k: v for k, v in vars(arguments).items() if k in names})
    from training.data import read_data
    from training.sources import find_sources

    sources = find_sources(arguments.data, arguments.eval_data)
    data = read_data(sources, arguments.task, layout_of(arguments))
    # The libraries take seconds to import; wrong options and wrong data are refused before.
    from training.run import Run, train
    from training.split import make_split

    split = make_split(
        data, eval_fraction=settings.eval_fraction, seed=settings.seed, limit=settings.limit
    )
    train(Run(arguments.task, arguments.base, arguments.out, settings), split)
    sys.stdout.write((arguments.out / "report.md").read_text(encoding="utf-8"))


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, train, and return the exit code."""
    return run(_train, argv, report="the options and the base encoder's config.json")


def _train(argv: Sequence[str]) -> int:
    arguments = parser().parse_args(argv)
    prepare()
    command(arguments)
    return 0


if __name__ == "__main__":
    sys.argv[0] = "python -m training"  # as its usage calls it
    sys.exit(main())
