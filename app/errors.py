"""Everything that can go wrong, as one tree with one HTTP status each.

ClassmarkError
├── NotJson 400                 a body that is not JSON
├── MalformedRequest 400        bytes that are not an HTTP request
├── RequestTimeout 408          a head or body that does not come
├── BodyTooLarge 413            a body over the limit
├── UnsupportedMediaType 415    a content type that is not JSON
├── HeadTooLarge 431            a request line and headers over the limit
├── InvalidRequest 422          a field that breaks a limit
├── NotAuthenticated 401        no key, or an unknown one
├── NotAuthorized 403           a key without the scope
├── ForeignOrigin 403           a call from another web page, or meant for another host
├── UnknownModel 404            lists what exists
├── AmbiguousModel 422          `model` left out where several fit
├── Overloaded 429              expected wait over the limit; carries Retry-After
├── NotReady 503                nothing can serve yet, or the process drains
├── TooManyConnections 503      more connections than the limit
├── DeadlineExceeded 504        the request's time ran out before its batch ran
├── Cancelled 499               the client went away
├── InferenceFailed 500         the model failed on this input alone
├── ReloadFailed 409            the requested version could not be swapped in
├── StoreError 503              a bucket, or the cache of one, that cannot be used now
│   └── PinConflict 409         a pin that somebody else has changed meanwhile
└── BundleError 500             a folder in the store that cannot be trusted or loaded
    └── IncompleteBundle        files missing or short: a copy in progress, or a truncated one
"""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Literal


def brief(text: str, most: int = 60) -> str:
    """Return a caller's words as an error may repeat them: enough to know them by."""
    return text if len(text) <= most else f"{text[:most]}…"


# As ONNX Runtime, PyTorch and the C++ library say it.
_NO_MEMORY = re.compile(r"(failed to|can't|cannot) allocate|bad.alloc|out of memory", re.IGNORECASE)


def lacks_memory(exc: BaseException) -> bool:
    """Tell whether a run failed for want of memory, which every runtime says in its own type."""
    return isinstance(exc, MemoryError) or _NO_MEMORY.search(str(exc)) is not None


class ClassmarkError(Exception):
    """Base of all errors; the message names the value, the limit and the remedy.

    Attributes:
        retry_after_seconds: when to try again, where time alone may help.
    """

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    title: str = "Internal error"
    retry_after_seconds: float | None = None


class NotJson(ClassmarkError):
    status = HTTPStatus.BAD_REQUEST
    title = "Not JSON"


class BodyTooLarge(ClassmarkError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE.phrase

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the body is over {limit} bytes; send fewer or shorter inputs a request, or raise "
            "CLASSMARK_MAX_BODY_BYTES"
        )


class MalformedRequest(ClassmarkError):
    status = HTTPStatus.BAD_REQUEST
    title = "Malformed request"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the bytes are not an HTTP/1.1 request ({reason}); speak plain HTTP to this port, and "
            "see what the proxy in between sends"
        )


class RequestTimeout(ClassmarkError):
    status = HTTPStatus.REQUEST_TIMEOUT
    title = "Request timeout"

    def __init__(self, part: str, seconds: float) -> None:
        super().__init__(
            f"the {part} of the request did not come whole within {seconds:g} s; send it faster, "
            "or raise CLASSMARK_HEAD_SECONDS or CLASSMARK_REQUEST_TIMEOUT_SECONDS"
        )


class HeadTooLarge(ClassmarkError):
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    title = "Head too large"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the request line and headers are over {limit} bytes; send fewer or shorter headers, "
            "or raise CLASSMARK_MAX_HEAD_BYTES"
        )


class UnsupportedMediaType(ClassmarkError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    title = "Unsupported media type"


class InvalidRequest(ClassmarkError):
    """A request that breaks a limit.

    Attributes:
        fields: (field, what is wrong with it), where the schema found it.
    """

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = "Invalid request"

    def __init__(self, message: str, fields: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class NotAuthenticated(ClassmarkError):
    status = HTTPStatus.UNAUTHORIZED
    title = "Not authenticated"


class NotAuthorized(ClassmarkError):
    """A key that may do other things.

    Attributes:
        key: its name.
    """

    status = HTTPStatus.FORBIDDEN
    title = "Not authorized"

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class ForeignOrigin(ClassmarkError):
    status = HTTPStatus.FORBIDDEN
    title = "Foreign origin"


class UnknownModel(ClassmarkError):
    status = HTTPStatus.NOT_FOUND
    title = "Unknown model"


class AmbiguousModel(InvalidRequest):
    title = "Ambiguous model"


class Overloaded(ClassmarkError):
    status = HTTPStatus.TOO_MANY_REQUESTS
    title = "Overloaded"

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class NotReady(ClassmarkError):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "Not ready"
    retry_after_seconds = 5.0  # as often the store is looked at, and longer than a process starts


class ModelUnavailable(NotReady):
    """A model that is in the store, and of which no version serves."""

    title = "Model unavailable"


class TooManyConnections(ClassmarkError):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "Too many connections"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"there are {limit} connections and the limit is {limit}; reuse connections, come "
            "back later, or raise CLASSMARK_MAX_CONNECTIONS and the process's descriptors"
        )


class DeadlineExceeded(ClassmarkError):
    status = HTTPStatus.GATEWAY_TIMEOUT
    title = "Deadline exceeded"


class Cancelled(ClassmarkError):
    status = 499  # the de-facto code for "client closed request"; nobody is left to read it
    title = "Cancelled"


class InferenceFailed(ClassmarkError):
    title = "Inference failed"


class ReloadFailed(ClassmarkError):
    status = HTTPStatus.CONFLICT
    title = "Reload failed"


class StoreError(ClassmarkError):
    """A model store in a bucket that cannot be followed now, or in part.

    Attributes:
        kind: for metrics: the bucket is `unreachable`, a version is `refused`, the `disk` is short.
    """

    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "Model store"

    def __init__(
        self, message: str, kind: Literal["unreachable", "refused", "disk"] = "unreachable"
    ) -> None:
        super().__init__(message)
        self.kind = kind


class PinConflict(StoreError):
    status = HTTPStatus.CONFLICT
    title = "Pin conflict"


class BundleError(ClassmarkError):
    title = "Unusable bundle"


class DamagedBundle(BundleError):
    """Files that are not what the manifest says: no other graph of the bundle may stand in."""

    title = "Damaged bundle"


class IncompleteBundle(BundleError):
    title = "Incomplete bundle"
