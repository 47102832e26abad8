"""The error of a request: a status, what was found, what to do."""

from __future__ import annotations

from pydantic import BaseModel, Field

from pix2pix.errors import UserError


class RequestError(UserError):
    """A request that is answered with an error of 4xx or 5xx.

    `retry_seconds` says when it may be sent again, where that helps.
    """

    def __init__(self, status: int, message: str, hint: str = "", retry_seconds: int | None = None) -> None:
        super().__init__(message, hint)
        self.status, self.retry_seconds = status, retry_seconds


class ErrorBody(BaseModel):
    """The JSON of an error."""

    error: str = Field(description="What was found, and what was wanted.")
    hint: str = Field(description="What to do about it; may be empty.")
