"""People in tests: joining, knocking, being invited, in one line each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from runner.model import Role
from tests.factories import Site

API = "/api/v1"
PASSWORD = "a quiet rotund heron"
OTHER = "nine lamps in a barn"
SAME = {"Sec-Fetch-Site": "same-origin"}
WRONG = "The e-mail address or the password is wrong."


async def join(
    site: Site,
    hashed: str,
    email: str = "ann@example.org",
    role: Role = Role.EDITOR,
    workspace: str | None = None,
) -> UUID:
    """Somebody with PASSWORD in the first workspace."""
    scope = await site.store.access.scope("test", workspace_name=workspace)
    return await site.store.accounts.create(
        email=email,
        name=email.partition("@")[0],
        workspace_id=scope.workspace_id,
        role=role,
        password_hash=hashed,
    )


async def knock(site: Site, email: str = "ann@example.org", password: str = PASSWORD) -> httpx.Response:
    return await site.anonymous.post("/sign-in", data={"email": email, "password": password})


async def status(site: Site, headers: dict[str, str], path: str = "/session") -> int:
    return (await site.anonymous.get(f"{API}{path}", headers=headers)).status_code


async def invited(site: Site, email: str = "bo@example.org", role: str = "viewer") -> str:
    answer = await site.client.post(f"{API}/invitations", json={"email": email, "role": role})
    assert answer.status_code == 201, answer.text
    link = answer.json()["link"]
    assert link.startswith("https://baton.example.org/invitation?token=invitation_")
    return link.partition("token=")[2]


async def accept(site: Site, token: str, **fields: str) -> httpx.Response:
    return await site.anonymous.post(
        "/invitation", data={"token": token, "name": "Bo", "password": PASSWORD, **fields}
    )


async def sql(site: Site, statement: str, **values: Any) -> Any:
    async with site.store.database.begin() as connection:
        return await connection.execute(text(statement), values)
