"""Draws the pictures of docs/dashboards.md, over real services on a busy day: `make dashboards`.

Two services on the demo models are asked for 17 minutes. Meanwhile a nightly job asks for
more than they can do, a version is published, a damaged one too, one service is restarted, and
negative opinion surges in one topic.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from deploy.grafana.pictures.__main__ import draw_all
from deploy.grafana.scene.bodies import Bodies
from deploy.grafana.scene.stack import Service, feeding, make_store, prometheus, publish, services
from deploy.grafana.scene.traffic import callers, send

MINUTES = 17.0
SURGE = ("business", 12.5)  # a topic, and the minute from which it is spoken of badly


def main() -> None:
    """Run the busy day, and draw every board over it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--store", type=Path, required=True, help="the demo models")
    parser.add_argument("--checkpoints", type=Path, required=True, help="theirs, for the texts")
    parser.add_argument("--cache", type=Path, required=True, help="the demos' corpora")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = folder / "store"
        make_store(options.store, store)
        with (
            services(folder, store, 2) as running,
            prometheus(folder, [service.address for service in running]) as address,
            feeding(running[0].address, options.cache, *SURGE),
        ):
            asyncio.run(_busy_day(running[0], running[1], store, options))
            draw_all(address, options.minutes, options.out)


async def _busy_day(
    first: Service, second: Service, store: Path, options: argparse.Namespace
) -> None:
    addresses = [first.address, second.address]
    async with asyncio.TaskGroup() as day:
        events = [
            day.create_task(_at(3, partial(publish, store, "sentiment", 2))),
            day.create_task(_at(8.5, partial(publish, store, "topic", 2, damaged=True))),
            day.create_task(_at(11, second.restart)),
        ]
        await send(addresses, callers(Bodies.of(options.checkpoints)), options.minutes)
        for event in events:
            event.cancel()


async def _at(minute: float, act: Callable[[], None]) -> None:
    await asyncio.sleep(60 * minute)
    await asyncio.to_thread(act)


if __name__ == "__main__":
    main()
