"""What several rows of this board ask for, and where its values begin to be bad."""

from deploy.grafana.panels import Steps
from deploy.grafana.promql import INSTANCE, MODEL

BUSY = f"classmark_executor_busy_seconds_total{{{INSTANCE}}}"
ALIVE = f'(classmark_executors{{{INSTANCE},state="alive"}})'
WAIT = f"classmark_queue_expected_wait_seconds{{{INSTANCE}}}"
TOKENS = f"classmark_batch_tokens_total{{{MODEL}}}"
REAL = f'classmark_batch_tokens_total{{{MODEL},kind="real"}}'
PADDING = f'classmark_batch_tokens_total{{{MODEL},kind="padding"}}'
# Refused at CLASSMARK_MAX_QUEUE_SECONDS, 5 s by default.
WAITS: Steps = (("orange", 0.5), ("red", 2.5))
FULL: Steps = (("orange", 0.7), ("red", 0.9))
