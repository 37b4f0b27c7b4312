"""Starts, watches and kills one supervised process."""

import asyncio
import itertools
import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from app.background import start_task
from app.workers.metrics_merge import Snapshot
from app.workers.supervisor_link import SPEC, Link, WorkerSpec

logger = logging.getLogger(__name__)

# If a process takes longer than this to report its metrics, its last snapshot counts.
COLLECT_SECONDS = 1.0
# A process that stays silent over this many pauses, pinged in each, hangs. Pauses are counted, not
# timed, so that a machine that was suspended for an hour kills no process.
PAUSES, PAUSE_SECONDS = 6, 5.0


class ChildProcess:
    """One incarnation of a role."""

    def __init__(self, role: str, child: asyncio.subprocess.Process, link: Link) -> None:
        self.role = role
        self.snapshot: Snapshot = []
        self._child = child
        self._link = link
        self._collected = asyncio.Event()
        self._numbers = itertools.count(1)
        self._shares: dict[int, asyncio.Future[Any]] = {}
        self._silent_pauses = 0

    @classmethod
    async def start(
        cls, command: Sequence[str], spec: WorkerSpec, inherited: Sequence[int]
    ) -> "ChildProcess":
        """Start a process that holds the other end of a link to this one.

        Args:
            inherited: file descriptors that it also gets.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            child = await asyncio.create_subprocess_exec(
                *command,
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *inherited),
            )
        link = await Link.open(ours)
        link.send(**SPEC.dump_python(spec, mode="json"))
        return cls(spec.role, child, link)

    @property
    def identity(self) -> dict[str, str | int]:
        """Fields that tell this process from others in a log line."""
        return {"process_role": self.role, "process_pid": self._child.pid}

    async def follow(self, on_event: Callable[["ChildProcess", dict[str, Any]], None]) -> int:
        """Pass on the process's events until it has ended; return its exit code.

        After its first message it must answer pings; a process that hangs is killed.
        """
        watching: asyncio.Task[None] | None = None
        while (message := await self._link.receive()) is not None:
            watching = watching or start_task(
                self._watch(), "watching a process", lambda _: self.kill()
            )
            self._silent_pauses = 0
            if message["event"] == "collected":
                self.snapshot = message["families"]
                self._collected.set()
            elif message["event"] == "shared":
                self._take_share(message["number"], message["share"])
            elif message["event"] != "pong":
                on_event(self, message)
        self._collected.set()
        code = await self._child.wait()
        if watching is not None:
            watching.cancel()
        self._link.close()
        return code

    async def _watch(self) -> None:
        while self._silent_pauses < PAUSES:
            self._silent_pauses += 1
            self.tell("ping")
            await asyncio.sleep(PAUSE_SECONDS)
        seconds = PAUSES * PAUSE_SECONDS
        logger.error("process hangs and is killed", extra=self.identity | {"seconds": seconds})
        self.kill()

    def tell(self, command: str, **fields: Any) -> None:
        """Tell the process to do something."""
        self._link.send(do=command, **fields)

    async def collect(self) -> None:
        """Bring the snapshot up to date, if the process answers in time."""
        self._collected.clear()
        self.tell("collect")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._collected.wait(), COLLECT_SECONDS)

    async def share(self, name: str, asked: dict[str, Any]) -> Any:
        """Return what the process gives under a name; None if it does not answer in time."""
        number = next(self._numbers)
        answer = self._shares[number] = asyncio.get_running_loop().create_future()
        self.tell("share", number=number, name=name, asked=asked)
        try:
            return await asyncio.wait_for(answer, COLLECT_SECONDS)
        except TimeoutError:
            return None
        finally:
            del self._shares[number]

    def _take_share(self, number: int, share: Any) -> None:
        answer = self._shares.get(number)
        if answer is not None:  # not too late
            answer.set_result(share)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._child.kill()
