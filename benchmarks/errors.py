"""The errors that end a benchmark or one of its contenders."""


class BenchmarkError(Exception):
    """The message names what is wrong and what to do."""


class Unavailable(BenchmarkError):
    """A GPU runner cannot run here; the message says why."""
