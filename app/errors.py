"""Everything that can go wrong, as one tree with one HTTP status each.

ClassmarkError
├── InvalidRequest 422          a field that breaks a limit only the loaded model knows
├── NotAuthenticated 401        no key, or an unknown one
├── NotAuthorized 403           a key without the scope
├── UnknownModel 404            lists what exists
├── AmbiguousModel 422          `model` left out where several fit
├── Overloaded 429              expected wait over the limit; carries Retry-After
├── NotReady 503                nothing can serve yet, or the process drains
├── DeadlineExceeded 504        the request's time ran out before its batch ran
├── Cancelled 499               the client went away
├── InferenceFailed 500         the model failed on this input alone
├── ReloadFailed 409            the requested version could not be swapped in
└── BundleError 500             a folder in the store that cannot be trusted or loaded
    └── IncompleteBundle        files missing or short: a copy in progress, or a truncated one
"""

from http import HTTPStatus


class ClassmarkError(Exception):
    """Base of all errors; the message names the value, the limit and the remedy."""

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    title: str = "Internal error"


class InvalidRequest(ClassmarkError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = "Invalid request"


class NotAuthenticated(ClassmarkError):
    status = HTTPStatus.UNAUTHORIZED
    title = "Not authenticated"


class NotAuthorized(ClassmarkError):
    status = HTTPStatus.FORBIDDEN
    title = "Not authorized"


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


class BundleError(ClassmarkError):
    title = "Unusable bundle"


class IncompleteBundle(BundleError):
    title = "Incomplete bundle"
