"""The errors of a run that their one-line message explains.

ScoreError      exit code 2   options or input that cannot be used
└── RunFailed   exit code 1   a run that cannot go on; started again it goes on where it was
"""

from offline.errors import OfflineError


class ScoreError(OfflineError):
    """Options, an input or an output that cannot be used."""


class RunFailed(ScoreError):
    """Something that stopped a run in the middle; what it wrote stays."""

    exit_code = 1
