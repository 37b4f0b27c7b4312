"""Several processes share a port; a stranger's port is never shared by mistake."""

import socket

import pytest

from app.ports import listen_too, reserve


def test_a_reserved_port_can_be_listened_on_more_than_once() -> None:
    (kept,) = reserve("127.0.0.1", 0)
    host, port = kept.getsockname()
    with kept, listen_too(host, port) as one, listen_too(host, port) as two:
        one.listen()
        two.listen()
        for _ in range(20):
            socket.create_connection((host, port), 5).close()


def test_a_port_on_which_another_instance_listens_is_refused() -> None:
    (kept,) = reserve("127.0.0.1", 0)
    host, port = kept.getsockname()
    with kept, listen_too(host, port) as other:
        other.listen()
        with pytest.raises(OSError, match="CLASSMARK_PORT"):
            reserve(host, port)
