"""A port has one server, also while none listens there yet."""

import os
import socket

from classmark_ray.ports import claim_port, lock_port

from benchmarks.servers.servers import free_ports


def test_a_port_is_claimed_once_until_its_lock_is_closed() -> None:
    ports = free_ports(2)
    one, two = claim_port("127.0.0.1", ports), claim_port("127.0.0.1", ports)
    assert one is not None
    assert two is not None
    assert [one[0], two[0]] == ports
    assert claim_port("127.0.0.1", ports) is None
    assert lock_port(ports[0]) is None
    os.close(one[1])
    again = claim_port("127.0.0.1", ports)
    assert again is not None
    assert again[0] == ports[0]
    os.close(again[1])
    os.close(two[1])


def test_a_port_where_somebody_listens_is_not_claimed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        assert claim_port("127.0.0.1", [port]) is None
    lock = lock_port(port)
    assert lock is not None, "the lock was given up with the claim"
    os.close(lock)
