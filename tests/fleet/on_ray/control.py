"""A Ray cluster on this machine, in an environment with Ray, seen from ours without it."""

import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Self

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy/ray"
# However a test goes, nothing is left of it after so long.
PROGRAM_SECONDS, DRIVER_SECONDS, END_SECONDS = 900, 300, 60
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    # A machine that is shared starts Ray's own processes slowly.
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
    # Workers, and the servers they start, else give way to everything else on the machine.
    "RAY_worker_niceness": "0",
    # Nor does Ray start a worker for each CPU before any is wanted.
    "RAY_prestart_worker_first_driver": "0",
    "OMP_NUM_THREADS": "1",
    # This checkout's code, before what the environment has installed.
    "PYTHONPATH": f"{DEPLOY}{os.pathsep}{ROOT}",
}


class Driver:
    """A Python program on the cluster; what it prints shows where it fails."""

    def __init__(self, command: Sequence[str | Path], variables: Mapping[str, str]) -> None:
        with NamedTemporaryFile("w", delete=False) as output:
            self._log = Path(output.name)
            self._process = subprocess.Popen(
                command, env=variables, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(END_SECONDS)

    def finish(self) -> None:
        """Wait for its end; raise AssertionError unless that was a good one."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(DRIVER_SECONDS)
        self.kill()
        assert self._process.returncode == 0, self.log()

    def log(self) -> str:
        return self._log.read_text()


class Program:
    """A program of this folder that answers on lines of its own, and ends when its input does."""

    def __init__(self, python: Path, name: str, *arguments: str, **variables: str) -> None:
        self.variables = os.environ | ENVIRONMENT | variables
        path = Path(__file__).with_name(name)
        self._process = subprocess.Popen(
            ["timeout", "-k", "10", str(PROGRAM_SECONDS), python, path, *arguments],
            env=self.variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=END_SECONDS)

    def tell(self, line: str) -> None:
        """Give it a line, and wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        self.answer()

    def answer(self) -> str:
        """Return the next answer."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("> "):
                return line[2:].strip()
        raise AssertionError(f"the program has ended with {self._process.wait(END_SECONDS)}")


class Cluster:
    """A cluster that `cluster.py` holds, and programs that run on it."""

    def __init__(self, python: Path, program: Program) -> None:
        self._python = python
        self._program = program
        self._address = program.answer()

    def tell(self, command: str) -> None:
        """Give a command of `cluster.py`, and wait until it is done."""
        self._program.tell(command)

    def drive(self, *arguments: str) -> None:
        """Run a Python program on the cluster to its end."""
        self.start_driver(*arguments).finish()

    def start_driver(self, *arguments: str) -> Driver:
        variables = self._program.variables | {"RAY_ADDRESS": self._address}
        return Driver([self._python, *arguments], variables)


@contextmanager
def cluster(python: Path, nodes: int, cpus: int = 1, **variables: str) -> Iterator[Cluster]:
    """Run a cluster of a head without CPUs and some nodes, until the block ends."""
    with Program(python, "cluster.py", **variables) as program:
        running = Cluster(python, program)
        for number in range(nodes):
            running.tell(f"add node{number} {cpus}")
        yield running
