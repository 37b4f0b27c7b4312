"""Serves (`python -m app`) until SIGTERM, then answers what was accepted and exits with 0."""

# Nothing else is imported before signals are heeded: process 1 of a container would ignore them.
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.settings import Settings


def main() -> None:
    """Read the settings and serve, or say in a sentence what is wrong with them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # numpy starts a thread for each CPU of the machine as it is imported, for what nothing here
    # does; a container that may use two has sixty-four of them. Other processes inherit this.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from pydantic import ValidationError
    from pydantic_settings import CliApp

    from app.environment import check_environment
    from app.settings import Settings

    try:
        check_environment(os.environ)
        arguments = sys.argv[1:]
        if arguments[:1] == ["serve"]:  # SageMaker runs images with this argument
            del arguments[0]
        settings = CliApp.run(Settings, cli_args=arguments)
        serve = one_process(settings) if settings.workers == 1 else several_processes(settings)
        code = serve()
    except ValidationError as exc:
        for error in exc.errors(include_url=False, include_input=False):
            name = "_".join(map(str, error["loc"])).upper()
            sys.stderr.write(f"{'CLASSMARK_' + name + ': ' if name else ''}{error['msg']}\n")
        sys.exit(2)
    except (ValueError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(2)
    sys.exit(code)


def one_process(settings: "Settings") -> "Callable[[], int]":
    """Return a function that serves from this process; raise ValueError if that cannot work."""
    from app import python_tuning
    from app.api.connection.server import Server, make_config
    from app.main import create_app, with_middleware
    from app.telemetry.logging import configure_logging

    configure_logging(settings.log_format, settings.log_level)
    app = create_app(settings)
    server = Server(make_config(with_middleware(app), app.state.service), app.state.service)

    def serve() -> int:
        python_tuning.tune()
        server.run()
        return 0

    return serve


def several_processes(settings: "Settings") -> "Callable[[], int]":
    """Return a function that serves from several; this one supervises, and loads no runtime."""
    from app.telemetry.logging import configure_logging
    from app.workers.supervisor.supervisor import Supervisor

    configure_logging(settings.log_format, settings.log_level, role="supervisor")
    return Supervisor(settings).run


if __name__ == "__main__":
    sys.argv[0] = "python -m app"  # as its usage calls it
    main()
