"""The error that the demos raise."""

from offline.errors import OfflineError


class DemoError(OfflineError):
    """A demo package, score or check that is not what it must be."""
