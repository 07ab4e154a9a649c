"""Mail to people: invitations and new passwords. To one address at a time, plain text, by the egress guard like every other
connection (threats T12, T28). Without a mail server set, nothing is sent, and whoever asks is told so."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Coroutine
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

import aiosmtplib

from app.settings import EMAIL, Settings
from providers import EgressGuard

SECONDS = 20.0
log = logging.getLogger(__name__)


class Post:
    """The mail server of the settings. Owns no connection: each mail has its own."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.smtp_url
        self._guard = EgressGuard(settings.egress_allow)
        host = urlsplit(settings.public_url).hostname or "localhost"
        self._sender = settings.mail_from or f"baton@{host}"
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def there(self) -> bool:
        """Whether a mail server is set."""
        return self._url is not None

    async def send(self, to: str, subject: str, text: str) -> bool:
        """Whether the mail server took it. Never raises: why not stands in the log, without the text."""
        if self._url is None or not EMAIL.fullmatch(to):
            return False
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, _line(subject)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            async with asyncio.timeout(SECONDS):
                await self._send(message, self._url.get_secret_value())
        except (OSError, aiosmtplib.SMTPException) as error:
            log.error("a mail was not sent", {"why": type(error).__name__}, exc_info=error)
            return False
        return True

    def soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Do that after the answer. What goes wrong stands in the log."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a mail was not sent", exc_info=error)

    async def _send(self, message: EmailMessage, url: str) -> None:
        address = urlsplit(url)
        tls = address.scheme == "smtps"
        host, port = address.hostname or "", address.port or (465 if tls else 587)
        user = unquote(address.username) if address.username else None
        places = await self._guard.resolve(host, port)
        family = socket.AF_INET6 if ":" in places[0] else socket.AF_INET
        connected = socket.socket(family, socket.SOCK_STREAM)
        connected.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connected, (places[0], port))
        except BaseException:
            connected.close()
            raise
        client = aiosmtplib.SMTP(
            hostname=host,
            sock=connected,
            use_tls=tls,
            # A password goes over TLS or not at all; a relay that asks for none may do without.
            start_tls=None if tls or user is None else True,
            username=user,
            password=unquote(address.password) if address.password else None,
            timeout=SECONDS,
        )
        async with client:
            await client.send_message(message)


def _line(text: str) -> str:
    """One line, whatever a workspace is called."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
