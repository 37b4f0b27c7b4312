"""The error that training raises beside those of its data files."""

from offline.errors import OfflineError


class SettingError(OfflineError):
    """An option whose value is out of its limits."""
