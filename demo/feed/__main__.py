"""Command line: stream the labelled corpus, until stopped or for --minutes."""

import argparse
import logging
import math
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from demo.errors import DemoError
from offline.command import DEBUG, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    cli = argparse.ArgumentParser(
        prog="python -m demo.feed",
        description="Stream texts of known topic and opinion to POST /v1/analyze of a service.",
    )
    cli.add_argument("--url", default="http://127.0.0.1:8000", help="the service (%(default)s)")
    cli.add_argument("--key", help="its API key, if it asks for one")
    cli.add_argument("--rate", type=positive, default=4.0, help="texts a second (%(default)s)")
    cli.add_argument("--negative", type=share, default=0.2, help="share of these (%(default)s)")
    cli.add_argument("--minutes", type=positive, default=math.inf, help="stop then (never)")
    cli.add_argument("--surge", metavar="TOPIC", help="plant negative texts on this topic")
    cli.add_argument(
        "--surge-rate", type=positive, help="so many of them a second (half of --rate)"
    )
    cli.add_argument("--after", type=positive, default=60.0, help="minutes before it (%(default)s)")
    cli.add_argument(
        "--for", type=positive, default=10.0, dest="lasting", help="its minutes (%(default)s)"
    )
    cli.add_argument("--seed", type=int, default=0, help="of the texts' choice (%(default)s)")
    cli.add_argument("--cache", type=Path, default=Path("build/cache"), help="(%(default)s)")
    cli.add_argument(DEBUG, action="store_true", help="show an error's traceback")
    return cli


def positive(given: str) -> float:
    """Read a number over 0."""
    number = float(given)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{given} is not over 0")
    return number


def share(given: str) -> float:
    """Read a number from 0 to 1."""
    number = float(given)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{given} is no share: give 0 to 1")
    return number


def main(argv: Sequence[str] | None = None) -> int:
    """Stream, and return the exit code."""
    return run(_feed, argv, report="the command line")


def _feed(argv: Sequence[str]) -> int:
    options = parser().parse_args(argv)
    # Imported here: help and a wrong option are told at once.
    import httpx

    from demo.feed.plan import Plan, Surge
    from demo.feed.stream import describe, stream
    from demo.feed.texts import OpinionTexts

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    texts = OpinionTexts.load(options.cache)
    topics = tuple(texts.leads)
    surge = None
    if options.surge:
        if options.surge not in topics:
            raise DemoError(f"no topic {options.surge!r}; --surge takes {', '.join(topics)}")
        surge_rate = options.surge_rate or options.rate / 2
        surge = Surge(options.surge, 60 * options.after, 60 * options.lasting, surge_rate)
    plan = Plan(topics, options.rate, options.negative, surge)
    headers = {"Authorization": f"Bearer {options.key}"} if options.key else {}
    with httpx.Client(base_url=options.url, headers=headers, timeout=30, trust_env=False) as client:
        seconds, rng = 60 * options.minutes, random.Random(options.seed)
        sys.stdout.write(f"{describe(stream(plan, texts, client, seconds, rng))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
