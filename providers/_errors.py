"""What can go wrong between us and a platform. The class says whether trying again can help.

ProviderError
    NotSupported        the platform has no such verb
    Unavailable         try again: unreachable, tls, timeout, 5xx
        RateLimited     try again after `retry_after` seconds
    Rejected            do not try again: the platform understood and said no
        Unauthorized    the credentials are refused, or lack a permission
        RemoteNotFound  no such workflow, execution or hook
        BadResponse     the answer is not what the platform documents
"""

from __future__ import annotations


class ProviderError(Exception):
    """A call to a platform did not give a usable answer.

    `code` is one of the words of the connection test: unauthorized, forbidden, not-found, unreachable, tls, timeout,
    rate-limited, bad-response; or blocked (the egress guard), rejected, not-supported.
    `sent` is True when the request may have reached the platform: repeating it could start something twice.
    `status` is the HTTP status of the answer, None when there was none. The text never holds a secret.
    """

    code = "bad-response"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        status: int | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.hint = hint
        self.status = status
        self.sent = sent


class NotSupported(ProviderError):
    """The platform cannot do this at all; the message says why and what can be done instead."""

    code = "not-supported"


class Unavailable(ProviderError):
    """No answer, or one that says the fault is passing. Trying again can help."""

    code = "unreachable"


class RateLimited(Unavailable):
    """The platform asks to slow down. `retry_after` is in seconds."""

    code = "rate-limited"

    def __init__(
        self, message: str, *, retry_after: float, hint: str | None = None, status: int | None = 429
    ) -> None:
        super().__init__(message, hint=hint, status=status, sent=False)
        self.retry_after = retry_after


class Rejected(ProviderError):
    """The platform understood the request and refuses it. Trying again unchanged cannot help."""

    code = "rejected"


class Unauthorized(Rejected):
    """The credentials are refused (code unauthorized) or lack a permission (code forbidden)."""

    code = "unauthorized"


class RemoteNotFound(Rejected):
    """The platform does not know, or does not show, what was asked for."""

    code = "not-found"


class BadResponse(Rejected):
    """The answer is not JSON, too large, or not of the documented shape."""

    code = "bad-response"
