"""Run `classmark report`, or `python -m report`: the daily report of a service."""

import sys
from collections.abc import Sequence

from offline.command import run
from report.options import read_options


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a report and return the exit code.

    Returns:
        0 done, 2 bad options or nothing to report of, 70 an error that nobody foresaw, 130 stopped.
    """
    return run(_report, arguments, report="the command line")


def _report(given: list[str]) -> int:
    options = read_options(given)
    # Imported here: help and a wrong option are told at once.
    import httpx

    from report.day import read_day
    from report.entities import read_entities
    from report.errors import ReportError
    from report.page import render
    from report.progress import QueryProgress
    from report.prometheus import SECONDS, PrometheusApi

    with httpx.Client(base_url=options.prometheus, timeout=SECONDS) as client:
        source = str(client.base_url.copy_with(username=None, password=None))
        day = read_day(PrometheusApi(client, options.span, QueryProgress()), options.span)
    entities = None
    if options.service:
        headers = {"Authorization": f"Bearer {options.key}"} if options.key else {}
        with httpx.Client(base_url=options.service, headers=headers, timeout=SECONDS) as client:
            entities = read_entities(client)
    try:
        options.out.write_text(render(day, entities, source), encoding="utf-8")
    except OSError as exc:
        raise ReportError(f"--out {options.out} cannot be written: {exc.strerror}") from exc
    sys.stdout.write(f"{options.out}\n")
    return 0


if __name__ == "__main__":
    sys.argv[0] = "python -m report"  # as its usage calls it
    sys.exit(main())
