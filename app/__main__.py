"""`python -m app`: serve until SIGTERM, then answer what was accepted and exit with 0."""

import asyncio
import logging
import socket
import sys
from types import FrameType

import uvicorn
from pydantic import ValidationError
from pydantic_settings import CliApp

from app import interpreter
from app.api.deps import Service
from app.logging import configure_logging
from app.main import create_app, front
from app.settings import Settings

logger = logging.getLogger("app")


class Server(uvicorn.Server):
    """uvicorn that drains first: it goes on answering while it asks clients to leave."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for listener in server.sockets:
                host, port = listener.getsockname()[:2]
                url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
                logger.info("listening", extra={"url": url, "docs": f"{url}/docs"})

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at the first signal; stop at once at the second."""
        assert self._loop is not None  # signals are captured inside serve()
        self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        if self._service.lifecycle.draining:
            self.force_exit = self.should_exit = True
            return
        self._service.lifecycle.draining = True
        seconds = self._service.settings.drain_seconds
        logger.info("draining", extra={"seconds": seconds})
        asyncio.get_running_loop().call_later(seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True


def main() -> None:
    """Read the settings, say in a sentence what is wrong with them, or serve."""
    try:
        settings = CliApp.run(Settings)
        configure_logging(settings.log_format, settings.log_level)
        app = create_app(settings)
    except ValidationError as exc:
        for error in exc.errors(include_url=False, include_input=False):
            name = "_".join(map(str, error["loc"])).upper()
            sys.stderr.write(f"{'CLASSMARK_' + name + ': ' if name else ''}{error['msg']}\n")
        sys.exit(2)
    except (ValueError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(2)
    config = uvicorn.Config(
        front(app),
        settings.host,
        settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    interpreter.tune()
    Server(config, app.state.service).run()


if __name__ == "__main__":
    main()
