"""Holds a Ray cluster of several nodes on this machine: a command a line, an answer a line.

    add N CPUS      a node, which is called N
    kill N          SIGKILL to a node's own processes
    kill-head       the same to the head's, so that nobody holds the cluster's state

It is run in an environment with Ray. At the end of its input it ends the cluster.
"""

import sys
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

# The least that Ray takes; there are several nodes, and no objects to speak of.
MEMORY = {"object_store_memory": 80_000_000}


def main() -> None:
    Path("/tmp/ray").mkdir(exist_ok=True)
    head = {"num_cpus": 0, "include_dashboard": False, **MEMORY}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes: dict[str, Any] = {}
    say(cluster.address)
    for line in sys.stdin:
        match line.split():
            case ["add", name, cpus]:
                nodes[name] = cluster.add_node(num_cpus=int(cpus), **MEMORY)
            case ["kill", name]:
                cluster.remove_node(nodes.pop(name), allow_graceful=False)
            case ["kill-head"]:
                cluster.remove_node(cluster.head_node, allow_graceful=False)
        say("done")
    cluster.shutdown()


def say(text: str) -> None:
    """Answer, on a line of its own whatever Ray prints."""
    sys.stdout.write(f"> {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
