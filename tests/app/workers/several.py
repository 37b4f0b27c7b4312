"""Asks, measures and kills the processes of one service."""

import os
import re
import signal

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.server import Server

# By name and labels.
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def launched(server: Server, role: str) -> int:
    """Return the process id of the latest incarnation of a role."""
    pattern = rf"process launched process_role={role} process_pid=(\d+)"
    return int([found[1] for line in server.log if (found := re.search(pattern, line))][-1])


def kill_front_end(server: Server, role: str) -> int:
    """Kill it, wait until that was noticed, and return its process id."""
    killed = launched(server, role)
    os.kill(killed, signal.SIGKILL)
    server.wait_for_log(f"process died and is replaced.*{role}")
    return killed


def wait_until_replaced(server: Server, role: str, killed: int) -> None:
    server.wait_for_log(rf"front end serves .*{role} process_pid=(?!{killed}\b)")


def ask_anew(server: Server, path: str, body: object = None) -> httpx.Response:
    """Ask over a connection of its own, so that any front end may answer."""
    with server.client() as client:
        return client.post(path, json=body) if body is not None else client.get(path)


def samples(server: Server) -> Samples:
    text = ask_anew(server, "/metrics").text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
