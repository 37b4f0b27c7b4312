"""What several rows of this board ask for, and where its values begin to be bad."""

from deploy.grafana.panels import Steps
from deploy.grafana.promql import ASKED

REQUESTS = f"classmark_requests_total{{{ASKED}}}"
SECONDS = "classmark_request_seconds"
SLOW: Steps = (("orange", 0.5), ("red", 1))
