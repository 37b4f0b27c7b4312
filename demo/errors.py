"""The error that the demos raise."""

from training.errors import TrainingError


class DemoError(TrainingError):
    """A demo package, score or check that is not what it must be."""
