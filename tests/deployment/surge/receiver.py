"""A webhook as an on-call service has it: keeps what Alertmanager tells, and when."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(frozen=True, slots=True)
class Notification:
    """One alert of one message."""

    at: float
    status: str
    labels: dict[str, str]
    summary: str


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where it listens, and what came."""

    url: str
    notifications: list[Notification] = field(default_factory=list)

    def keep(self, message: dict[str, Any]) -> None:
        for alert in message["alerts"]:
            labels, summary = alert["labels"], alert["annotations"]["summary"]
            self.notifications.append(Notification(time.time(), alert["status"], labels, summary))


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.keep(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}/")
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
