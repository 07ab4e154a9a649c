"""What comes back from a platform, and what its status means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from pydantic import JsonValue

from providers._errors import (
    BadResponse,
    ProviderError,
    RateLimited,
    Rejected,
    RemoteNotFound,
    Unauthorized,
    Unavailable,
)
from providers._json import BadJson, read_json


@dataclass(frozen=True)
class Answer:
    """What came back, whatever its status. `headers` have lower-case names. `body` is decoded and whole."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace").replace("\x00", "\ufffd")

    def json(self) -> JsonValue:
        """The body, strictly read. Raises BadResponse."""
        try:
            return read_json(self.body)
        except BadJson as error:
            kind = self.headers.get("content-type", "no content type")
            raise BadResponse(
                f"the answer ({self.status}, {kind}) is not usable JSON: {error}", status=self.status
            ) from error


@dataclass
class Exchange:
    """One request and its answer as history keeps them: secrets masked, bodies cut to 64 KiB."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None
    started_at: datetime
    status: int | None = None
    answer_headers: dict[str, str] = field(default_factory=dict[str, str])
    answer: str | None = None
    error: str | None = None
    code: str | None = None
    """Of the error, where no answer came."""
    pause: float = 0.0
    """Seconds that a 429, 502, 503 or 504 asks for (Retry-After)."""
    seconds: float = 0.0

    def redact(self, clean: Callable[[str], str]) -> None:
        """Run `clean` over every text again."""
        self.url = clean(self.url)
        self.headers = {name: clean(value) for name, value in self.headers.items()}
        self.answer_headers = {name: clean(value) for name, value in self.answer_headers.items()}
        self.body = None if self.body is None else clean(self.body)
        self.answer = None if self.answer is None else clean(self.answer)
        self.error = None if self.error is None else clean(self.error)


def error_from(answer: Answer, message: str, *, hint: str | None = None) -> ProviderError:
    """The error an unsuccessful status means; `message` is the platform's own text. The caller raises it.

    401 unauthorized, 403 forbidden, 404/410 not-found, 429 rate-limited with seconds, 5xx unavailable, other 4xx rejected,
    a redirect bad-response with the address it points to as the hint.
    """
    status = answer.status
    if status == 401:
        return Unauthorized(message, hint=hint, status=status, sent=False)
    if status == 403:
        return Unauthorized(message, code="forbidden", hint=hint, status=status, sent=False)
    if status in (404, 410):
        return RemoteNotFound(message, hint=hint, status=status, sent=False)
    if status == 429:
        return RateLimited(message, retry_after=retry_after(answer, default=30.0), hint=hint, status=status)
    if status >= 500:
        return Unavailable(message, code="unreachable", hint=hint, status=status, sent=True)
    if status >= 400:
        return Rejected(message, hint=hint, status=status, sent=False)
    if 300 <= status < 400:
        hint = hint or _redirected(answer.headers.get("location", ""))
    return BadResponse(message, hint=hint, status=status, sent=True)


def retry_after(answer: Answer, *, default: float) -> float:
    """Seconds of the Retry-After header, as a number or a date (RFC 9110 §10.2.3), within 0 and one hour."""
    raw = answer.headers.get("retry-after", "").strip()
    try:
        seconds = float(raw)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(raw) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            seconds = default
    return min(max(seconds, 0.0), 3600.0) if seconds == seconds else default


def _redirected(location: str) -> str | None:
    """Only scheme, host and port: what follows may carry a token."""
    try:
        to = urlsplit(location)
        if to.scheme and to.hostname:
            port = f":{to.port}" if to.port else ""
            return f"The platform sends us to {to.scheme}://{to.hostname}{port}: use that address if it is yours."
    except ValueError:
        pass
    return "Redirects are not followed: use the address the platform redirects to."
