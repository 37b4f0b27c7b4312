"""Names the boards, and the rows that each has from top to bottom."""

from deploy.grafana.board import Board
from deploy.grafana.engine import batches, bucket, executors, gpus, processes, queue
from deploy.grafana.engine import now as engine_now
from deploy.grafana.predictions import inputs, labels, opinions
from deploy.grafana.predictions import now as predictions_now
from deploy.grafana.service import cache, callers, traffic, trouble
from deploy.grafana.service import now as service_now

BOARDS = (
    Board(
        "service",
        "Classmark: service",
        "Is it answering, how fast, and if not, why.",
        (service_now.ROW, trouble.ROW, traffic.ROW, callers.ROW, cache.ROW),
    ),
    Board(
        "engine",
        "Classmark: engine",
        "Is the machine at capacity, and what does it spend its time on.",
        (
            *(engine_now.ROW, queue.ROW, batches.ROW, executors.ROW),
            *(processes.ROW, gpus.ROW, bucket.ROW),
        ),
    ),
    Board(
        "predictions",
        "Classmark: predictions and opinion",
        "What models say, what they read, and what a stream of texts thinks.",
        (predictions_now.ROW, labels.ROW, inputs.ROW, opinions.ROW),
    ),
)
