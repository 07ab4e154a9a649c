"""Mail to people, to a mail server of our own: what is sent, to whom, and what never leaves (threats T12, T19, T28)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_string, policy
from email.message import EmailMessage
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.mail import Post
from app.passwords import Passwords
from app.settings import Settings, StartRefused
from runner.model import Role
from tests.factories import browser, settings_for, site_on

PASSWORD = "a quiet rotund heron"
HERE = ip_network("127.0.0.0/8")


@dataclass
class Mailbox:
    """A mail server that takes everything. `came` is told of each mail."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list[EmailMessage])
    recipients: list[str] = field(default_factory=list[str])
    connections: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)
    serving: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        with suppress(OSError):
            await self._talk(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().strip():
            word = line.upper()
            if word.startswith("RCPT TO:"):
                self.recipients.append(re.findall("<(.*)>", line)[0])
            if word == "DATA":
                writer.write(b"354 go on\r\n")
                raw = (await reader.readuntil(b"\r\n.\r\n")).decode()
                found = message_from_string(raw[:-5], policy=policy.default)
                assert isinstance(found, EmailMessage)
                self.mails.append(found)
                self.came.set()
            writer.write(b"221 bye\r\n" if word == "QUIT" else b"250 fine\r\n")
            if word == "QUIT":
                break

    async def next(self) -> EmailMessage:
        async with asyncio.timeout(15):
            await self.came.wait()
        self.came.clear()
        return self.mails[-1]


@asynccontextmanager
async def mailbox() -> AsyncGenerator[Mailbox]:
    box = Mailbox()
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box
        if box.serving:
            await asyncio.wait(box.serving)


def smtp(box: Mailbox, **more: Any) -> dict[str, Any]:
    return {
        "smtp_url": SecretStr(f"smtp://localhost:{box.port}"),
        "egress_allow": (HERE, ip_network("::1/128")),
        **more,
    }


async def test_a_forgotten_password_goes_by_mail_to_who_has_it_and_nowhere_else(
    database_url: str, tmp_path: Path
) -> None:
    async with mailbox() as box, site_on(database_url, tmp_path, **smtp(box)) as site:
        scope = await site.store.access.scope("test")
        await site.store.accounts.create(
            email="ann@example.org",
            name="Ann",
            workspace_id=scope.workspace_id,
            role=Role.VIEWER,
            password_hash=await Passwords().hash(PASSWORD),
        )
        nobody = await site.anonymous.post("/forgot", data={"email": "nobody@example.org"})
        odd = await site.anonymous.post("/forgot", data={"email": "ann@example.org\r\nBcc: eve@example.org"})
        asked = await site.anonymous.post("/forgot", data={"email": "Ann@example.org"})
        assert nobody.text == odd.text == asked.text and asked.status_code == 200
        mail = await box.next()
        assert mail["To"] == "ann@example.org" and mail["From"] == "baton@baton.example.org"
        link = re.findall(r"https://baton\.example\.org/reset\?token=(\S+)", mail.get_content())
        assert len(link) == 1 and link[0] not in asked.text
        done = await site.anonymous.post(
            "/reset", data={"token": link[0], "password": "nine lamps in a barn"}
        )
        assert browser(done)
        assert box.recipients == ["ann@example.org"] and len(box.mails) == 1


async def test_an_invitation_goes_by_mail_and_a_hostile_name_adds_no_line(
    database_url: str, tmp_path: Path
) -> None:
    async with mailbox() as box, site_on(database_url, tmp_path, **smtp(box)) as site:
        async with site.store.database.begin() as connection:
            await connection.execute(
                text("UPDATE workspace SET name = :name"), {"name": "x\r\nBcc: eve@example.org\r\n\r\nhi"}
            )
        body = {"email": "bo@example.org", "role": "viewer"}
        made = (await site.client.post("/api/v1/invitations", json=body)).json()
        assert made["mailed"] is True
        mail = await box.next()
        assert made["link"] in mail.get_content()
        assert mail["Subject"] == "Invitation to x Bcc: eve@example.org hi" and mail["Bcc"] is None
        assert box.recipients == ["bo@example.org"]


async def test_a_mail_server_that_is_not_allowed_is_not_reached(tmp_path: Path, caplog: Any) -> None:
    """The wall of every other connection stands here too, and a password goes over TLS or not at all."""
    async with mailbox() as box:
        closed = Post(settings_for("postgresql+asyncpg://x/y", tmp_path, **smtp(box, egress_allow=())))
        assert await closed.send("ann@example.org", "x", "secret words") is False
        assert box.connections == 0
        url = SecretStr(f"smtp://user:hunter2@localhost:{box.port}")
        plain = Post(settings_for("postgresql+asyncpg://x/y", tmp_path, **smtp(box, smtp_url=url)))
        assert await plain.send("ann@example.org", "x", "secret words") is False
        assert box.mails == [] and "hunter2" not in caplog.text and "secret words" not in caplog.text
        unset = Post(settings_for("postgresql+asyncpg://x/y", tmp_path))
        assert unset.there is False and await unset.send("ann@example.org", "x", "y") is False
        for to in ("", "ann", "ann@example.org,eve@example.org", "ann@example.org\r\nBcc: x@y.z", "<a@b.c>"):
            assert (
                await Post(settings_for("postgresql+asyncpg://x/y", tmp_path, **smtp(box))).send(to, "x", "y")
                is False
            )
        assert box.mails == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BATON_SMTP_URL", "https://user:hunter2@mail.example.org"),
        ("BATON_SMTP_URL", "smtp://"),
        ("BATON_SMTP_URL", "smtp://user:hunter2@mail.example.org:99999"),
        ("BATON_MAIL_FROM", "Baton <baton@example.org>"),
        ("BATON_MAIL_FROM", "x\r\nBcc: eve@example.org"),
    ],
)
def test_settings_that_cannot_be_used_stop_the_start(name: str, value: str) -> None:
    with pytest.raises(StartRefused) as refused:
        Settings.from_env({"HOME": "/root", name: value})
    assert name in str(refused.value) and "hunter2" not in str(refused.value)
