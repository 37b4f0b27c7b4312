"""What stops a benchmark or one contender."""


class BenchmarkError(Exception):
    """The message names what is wrong and what to do."""
