"""A site with issuers, and a browser that signs in there: what the tests of single sign-on share."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import httpx
from sqlalchemy import text

from runner.model import Role
from tests.factories import PUBLIC_URL, Site, site_on
from tests.oidc_issuer import SECRET, MockIssuer

HTML = {"Accept": "text/html"}
ANN = "ann@example.org"


class Browser:
    """Keeps cookies as one does for the public address, and follows nothing by itself."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.cookies: dict[str, str] = {}

    async def get(self, address: str, **headers: str) -> httpx.Response:
        url = address.removeprefix(PUBLIC_URL)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self.site.anonymous.get(url, headers={**HTML, "Cookie": cookie, **headers})
        self.keep(answer)
        return answer

    async def post(self, url: str) -> httpx.Response:
        return await self.change("POST", url)

    async def delete(self, url: str) -> httpx.Response:
        return await self.change("DELETE", url)

    async def change(self, method: str, url: str, body: Any = None) -> httpx.Response:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**HTML, "Cookie": cookie, "Origin": PUBLIC_URL, "Sec-Fetch-Site": "same-origin"}
        more = {} if body is None else {"json": body}
        answer = await self.site.anonymous.request(method, url, headers=headers, **more)
        self.keep(answer)
        return answer

    def keep(self, answer: httpx.Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            (morsel,) = SimpleCookie(line).values()
            assert morsel["httponly"] and morsel["samesite"] == "lax"
            if morsel.key.startswith("__Host-"):
                assert morsel["secure"] and morsel["path"] == "/" and not morsel["domain"]
            if morsel["max-age"] == "0":
                self.cookies.pop(morsel.key, None)
            else:
                self.cookies[morsel.key] = morsel.value

    async def go(self, name: str = "corp", query: str = "", **headers: str) -> str:
        """Up to the issuer's answer: the address that it sends back to."""
        begun = await self.get(f"/sign-in/with/{name}{query}", **headers)
        assert begun.status_code == 303, begun.text
        async with httpx.AsyncClient(trust_env=False) as outside:
            answer = await outside.get(begun.headers["location"])
        return answer.headers["location"]

    async def sign_in(self, name: str = "corp", query: str = "") -> httpx.Response:
        return await self.get(await self.go(name, query))

    @property
    def session(self) -> str | None:
        return self.cookies.get("__Host-baton")

    async def me(self) -> dict[str, Any] | None:
        """Who the session is; None: nobody."""
        answer = await self.get("/api/v1/session")
        return answer.json() if answer.status_code == 200 else None


def table(name: str, issuer: MockIssuer, **settings: Any) -> str:
    values = {
        "title": name.title(),
        "issuer": issuer.url,
        "client_id": issuer.client,
        "client_secret": issuer.secret,
        **settings,
    }

    def toml(value: Any) -> str:
        if isinstance(value, dict):
            entries = cast(dict[str, Any], value).items()
            return "{" + ", ".join(f'"{key}" = {toml(each)}' for key, each in entries) + "}"
        return json.dumps(value)

    return f"[{name}]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in values.items())


@asynccontextmanager
async def site_with(database_url: str, folder: Path, *tables: str) -> AsyncGenerator[Site]:
    file = folder / "oidc.toml"
    file.write_text("\n".join(tables))
    loopback = (ip_network("127.0.0.0/8"),)
    async with site_on(database_url, folder, oidc_file=file, egress_allow=loopback) as site:
        yield site


async def state_of(site: Site) -> list[Any]:
    """Whatever a sign-in may leave behind."""
    async with site.store.database.begin() as connection:
        return [
            (await connection.execute(text(f"SELECT * FROM {name} ORDER BY 1, 2"))).all()
            for name in ("session", "account", "membership", "identity")
        ]


async def rows(site: Site, query: str) -> list[Any]:
    async with site.store.database.begin() as connection:
        return list((await connection.execute(text(query))).all())


async def add_account(site: Site, email: str, role: Role, *, disabled: bool = False) -> Any:
    """Somebody with a password, in the first workspace."""
    async with site.store.database.begin() as connection:
        account_id = await connection.scalar(
            text(
                "INSERT INTO account (email, name, password_hash, disabled_at) "
                "VALUES (:email, 'A', 'x', CASE WHEN :disabled THEN now() END) RETURNING id"
            ),
            {"email": email, "disabled": disabled},
        )
        await connection.execute(
            text(
                "INSERT INTO membership (workspace_id, account_id, role) "
                "SELECT id, :account, :role FROM workspace ORDER BY id LIMIT 1"
            ),
            {"account": account_id, "role": role},
        )
    return account_id


def told(answer: httpx.Response) -> str:
    """The code on a page that says clearly what to do."""
    assert answer.headers["content-type"].startswith("text/html") and "<h1>" in answer.text
    assert answer.headers["x-request-id"] in answer.text
    found = re.search(r"Code <code>([a-z-]+)</code>", answer.text)
    assert found is not None, answer.text
    return found[1]


async def refused(browser: Browser, answer: httpx.Response, codes: set[str]) -> None:
    assert 400 <= answer.status_code < 500 or answer.status_code == 502, answer.text
    assert told(answer) in codes
    assert SECRET not in answer.text and "<script>alert" not in answer.text
    assert browser.session is None and await browser.me() is None


async def linked_on_purpose(browser: Browser) -> httpx.Response:
    back = await browser.go(query="?link=true&next=/settings", **{"Sec-Fetch-Site": "same-origin"})
    return await browser.get(back)


async def coded_in(site: Site, subject: str = "owner") -> Browser:
    """Somebody signed in by a code of the machine."""
    browser = Browser(site)
    code = await site.store.access.create_code(subject=subject)
    answer = await site.anonymous.post("/sign-in", data={"code": code})
    browser.keep(answer)
    return browser
