"""The error that ends a benchmark or one of its contenders."""


class BenchmarkError(Exception):
    """The message names what is wrong and what to do."""
