"""The error of a request: a status, what was found, what to do."""

from pix2pix.errors import UserError


class RequestError(UserError):
    """A request that is answered with an error of 4xx or 5xx.

    `retry_seconds` says when it may be sent again, where that helps.
    """

    def __init__(self, status: int, message: str, hint: str = "", retry_seconds: int | None = None) -> None:
        super().__init__(message, hint)
        self.status, self.retry_seconds = status, retry_seconds
