"""Writes the queries that panels share: what the variables select, rates, quantiles, shares."""

# Routes that ask models, in every API that the service speaks; the others describe and operate it.
INFERENCE = 'route=~"/|.*/(classify|ner|analyze|predict|rerank|infer|invocations)|/models/[^/]+"'
INSTANCE = 'instance=~"$instance"'
JOB = f'job="classmark",{INSTANCE}'
MODEL = f'{INSTANCE},model=~"$model"'
VERSION = f'{MODEL},version=~"$version"'
# A refusal has no model and no version, as none answered: choosing one must not hide it.
ASKED = f'{INFERENCE},{INSTANCE},model=~"$model|",version=~"$version|"'
REFUSED = f'{ASKED},status_class!="2xx"'
# A refusal takes a millisecond, so it must not count among the times of answers.
ANSWERED = f'{INFERENCE},{VERSION},status_class="2xx"'


def total(series: str, by: str = "", window: str = "$__rate_interval") -> str:
    """Return the rate of a counter, added up by labels."""
    return f"{_added(by)} (rate({series}[{window}]))"


def increase(series: str, by: str = "", window: str = "$__rate_interval") -> str:
    """Return how much a counter grew within a window, added up by labels."""
    return f"{_added(by)} (increase({series}[{window}]))"


def quantile(q: float, histogram: str, where: str, by: str = "") -> str:
    """Return a quantile of a histogram, by labels."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, {total(f'{histogram}_bucket{{{where}}}', labels)})"


def mean(histogram: str, where: str, by: str = "") -> str:
    """Return the mean of what a histogram observed, by labels."""
    parts = (f"{histogram}_{part}{{{where}}}" for part in ("sum", "count"))
    return " / ".join(total(part, by) for part in parts)


def _added(by: str) -> str:
    return f"sum by ({by})" if by else "sum"


def share(part: str, whole: str, by: str = "", window: str = "$__rate_interval") -> str:
    """Return a part's share of a whole: 0 where no part was counted while there was a whole."""
    of_whole = total(whole, by, window)
    return f"({total(part, by, window)} or 0 * {of_whole}) / {of_whole}"
