"""One client alone: its latency over that of the bare model."""

from collections.abc import Sequence
from statistics import median

from benchmarks.measures.one_client import OneClient
from benchmarks.measures.raw_session import BareModel

# Long enough that each side finds the caches as it leaves them itself, and short enough that both
# find the same neighbours on the machine.
TURN = 20


def measure_alone(
    port: int, requests: Sequence[bytes], texts: Sequence[str], model: BareModel
) -> dict[str, float]:
    """Send one request at a time, and in turns with them run their texts without a server.

    Returns:
        Medians in seconds: `http`, `bare`, and `over`, the difference for the same text.
    """
    encoded = [model.encode(text) for text in texts]
    client = OneClient(port)
    client.ask(requests[0])
    http: list[float] = []
    bare: list[float] = []
    for at in range(0, len(requests), TURN):
        http += [client.ask(request) for request in requests[at : at + TURN]]
        bare += [model.seconds(ids) for ids in encoded[at : at + TURN]]
    client.close()
    over = [own - alone for own, alone in zip(http, bare, strict=True)]
    return {"http": median(http), "bare": median(bare), "over": median(over)}
