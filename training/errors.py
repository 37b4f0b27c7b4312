"""The errors that training raises beside those of its data files."""

from offline.errors import OfflineError


class TrainingError(OfflineError):
    """A failure that its one-line message explains completely."""


class SettingError(TrainingError):
    """An option whose value is out of its limits."""
