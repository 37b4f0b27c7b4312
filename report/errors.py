"""The error whose one-line message explains why no report was made."""

from offline.errors import OfflineError


class ReportError(OfflineError):
    """Options, a Prometheus or a service that no report can be made of."""
