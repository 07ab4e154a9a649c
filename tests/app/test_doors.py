"""How people come in, and what of it nobody can guess, replay or take over (threats T19, T30 to T32)."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.passwords import AT_ONCE, MOST_WAITING, Busy, Passwords, objection
from runner.model import Role
from runner.store.attempts import BURST
from runner.store.minted import INVITATION, RESET, mint
from tests.app.team import API, OTHER, PASSWORD, WRONG, accept, invited, join, knock, sql, status
from tests.factories import Site, browser, make_workspace, site_on


async def test_a_password_signs_in_and_the_session_says_who(site: Site, hashed: str) -> None:
    account_id = await join(site, hashed)
    assert "Sign-in code" in (await site.anonymous.get("/sign-in?by=code")).text
    shown = await site.anonymous.get("/sign-in")
    assert "current-password" in shown.text
    answer = await site.anonymous.post(
        "/sign-in?next=/runs", data={"email": " Ann@Example.org ", "password": PASSWORD}
    )
    assert answer.headers["location"] == "/runs"
    session = (await site.anonymous.get(f"{API}/session", headers=browser(answer))).json()
    assert (session["subject"], session["role"]) == ("ann@example.org", "editor")
    assert session["account"] == {
        "id": str(account_id),
        "email": "ann@example.org",
        "name": "ann",
        "owner": False,
        "hasPassword": True,
    }
    machine = (await site.client.get(f"{API}/session")).json()
    assert machine["account"] is None


async def test_whatever_is_wrong_the_answer_is_the_same(site: Site, hashed: str) -> None:
    await join(site, hashed)
    await join(site, hashed, "out@example.org")
    await sql(
        site,
        "DELETE FROM membership m USING account a WHERE a.id = m.account_id AND a.email = 'out@example.org'",
    )
    await join(site, hashed, "off@example.org")
    await site.store.accounts.disable(await site.store.access.scope("test"), "off@example.org")
    tries = {
        "ann@example.org": OTHER,
        "nobody@example.org": PASSWORD,
        "out@example.org": PASSWORD,
        "off@example.org": PASSWORD,
        "ann": PASSWORD,
        "": "",
        "ann@example.org\x00": PASSWORD,
    }
    bodies: set[str] = set()
    for email, password in tries.items():
        answer = await knock(site, email, password)
        assert answer.status_code == 401 and "set-cookie" not in answer.headers, email
        bodies.add(re.sub(r'value="[^"]*"', "", answer.text))
    assert len(bodies) == 1 and WRONG in bodies.pop()


async def test_a_thousand_wrong_passwords_are_mostly_not_even_checked(site: Site, hashed: str) -> None:
    """At most ten of one account in a minute, and no more hashes at once than the memory is meant for."""
    await join(site, hashed)
    counts: dict[int, int] = {}
    for email in ("ann@example.org", "nobody@example.org"):
        await sql(site, "DELETE FROM sign_in_attempt")
        for _ in range(10):
            answers = await asyncio.gather(*(knock(site, email, f"wrong {n} wrong") for n in range(50)))
            for answer in answers:
                counts[answer.status_code] = counts.get(answer.status_code, 0) + 1
                if answer.status_code == 429:
                    assert 1 <= int(answer.headers["retry-after"]) <= 60
                    assert "Too many tries" in answer.text
        right = await knock(site, email)
        assert right.status_code == 429
    assert set(counts) == {401, 429} and counts[401] <= 2 * 2 * BURST and counts[401] >= 2 * BURST
    kept = (await sql(site, "SELECT encode(key, 'escape') FROM sign_in_attempt")).scalars().all()
    assert kept and not any("ann" in key for key in kept)
    noted = await sql(site, "SELECT count(*) FROM audit WHERE action = 'sign_in.refused'")
    assert 0 < noted.scalar() <= 20


async def test_one_address_cannot_try_everybody(site: Site) -> None:
    answers = [await knock(site, f"n{n}@example.org") for n in range(40)]
    assert [a.status_code for a in answers[:30]] == [401] * 30
    assert 429 in {a.status_code for a in answers[30:]}


async def test_few_hashes_at_once_and_no_endless_queue() -> None:
    passwords = Passwords()
    most = 0

    def work(_: int) -> None:
        nonlocal most
        running.append(1)
        most = max(most, len(running))
        held.wait(10)
        running.pop()

    running: list[int] = []
    held = threading.Event()
    turn: Any = passwords._in_turn  # pyright: ignore[reportPrivateUsage]
    tasks = [asyncio.create_task(turn(work, n)) for n in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await passwords.verify(None, "one more")
    held.set()
    await asyncio.gather(*tasks)
    assert most == AT_ONCE


async def test_what_is_right_costs_no_tries(site: Site, hashed: str) -> None:
    await join(site, hashed)
    for _ in range(3 * BURST):
        assert (await knock(site)).status_code == 303


@pytest.mark.parametrize(
    ("password", "fine"),
    [
        ("a quiet rotund heron", True),
        ("äöüäöüßß漢字漢字 x", True),
        ("only small letters", True),
        ("short one..", False),
        ("x" * 201, False),
        ("aaaaaaaaaaaaaaa", False),
        ("PASSWORD1234", False),
        ("correct horse battery staple", False),
        ("ann@example.org", False),
        ("annannannann", False),
        ("", False),
    ],
)
def test_what_may_be_a_password(password: str, fine: bool) -> None:
    assert (objection(password, "ann@example.org") is None) is fine


# --- invitations and resets


NO_BODIES: tuple[Any, ...] = (None, "", 0, True, [], {})
NO_TOKENS = ("", " ", "null", "0", "true", "[]", "{}", "%00", "undefined")


async def test_an_invitation_works_once_and_for_that_address(site: Site) -> None:
    token = await invited(site, " Bo@Example.org ".strip())
    shown = await site.anonymous.get("/invitation", params={"token": token})
    assert shown.status_code == 200 and "bo@example.org" in shown.text and "set-cookie" not in shown.headers
    listed = await site.client.get(f"{API}/invitations")
    assert token not in listed.text and listed.json()["items"][0]["email"] == "bo@example.org"
    for bad in ({"password": "short"}, {"name": " "}, {"password": "bo@example.org"}):
        assert (await accept(site, token, **bad)).status_code == 422
    answers = await asyncio.gather(
        *(accept(site, token, email="eve@example.org", role="admin") for _ in range(4))
    )
    assert sorted(a.status_code for a in answers) == [303, 404, 404, 404]
    cookie = browser(next(a for a in answers if a.status_code == 303))
    session = (await site.anonymous.get(f"{API}/session", headers=cookie)).json()
    assert (session["subject"], session["role"], session["account"]["name"]) == (
        "bo@example.org",
        "viewer",
        "Bo",
    )
    assert (await site.client.get(f"{API}/invitations")).json()["items"] == []
    again = await site.client.post(f"{API}/invitations", json={"email": "bo@example.org", "role": "admin"})
    assert again.status_code == 409


async def test_a_link_that_is_none_is_refused_alike(site: Site, hashed: str) -> None:
    await join(site, hashed)
    await join(site, hashed, "eve@example.org")
    used, old, gone = [await invited(site, f"{n}@example.org") for n in ("used", "old", "gone")]
    await accept(site, used)
    await sql(site, "UPDATE invitation SET expires_at = clock_timestamp() WHERE email = 'old@example.org'")
    first = (await site.client.get(f"{API}/invitations")).json()["items"]
    of_gone = next(item["id"] for item in first if item["email"] == "gone@example.org")
    assert (await site.client.delete(f"{API}/invitations/{of_gone}")).status_code == 204
    replaced = await site.store.resets.ask("eve@example.org")
    spent = await site.store.resets.ask("eve@example.org")
    aged = await site.store.resets.ask("ann@example.org")
    assert replaced and spent and aged
    done = await site.anonymous.post("/reset", data={"token": spent, "password": OTHER})
    assert done.status_code == 303
    await sql(
        site,
        "UPDATE password_reset r SET expires_at = clock_timestamp() FROM account a "
        "WHERE a.id = r.account_id AND a.email = 'ann@example.org'",
    )
    before = (await sql(site, "SELECT count(*) FROM account")).scalar()
    bodies: set[str] = set()
    for door, wrong in (
        ("invitation", (used, old, gone, mint(INVITATION), mint(RESET), *NO_TOKENS)),
        ("reset", (replaced, spent, aged, mint(RESET), mint(INVITATION), *NO_TOKENS)),
    ):
        for token in wrong:
            for answer in (
                await site.anonymous.get(f"/{door}", params={"token": token}),
                await site.anonymous.post(
                    f"/{door}", data={"token": token, "name": "x", "password": PASSWORD}
                ),
            ):
                assert answer.status_code == 404 and "set-cookie" not in answer.headers, (door, token)
                bodies.add(answer.text)
        for body in NO_BODIES:
            assert (await site.anonymous.post(f"/{door}", json={"token": body})).status_code == 415
        assert (await site.anonymous.post(f"/{door}", data={"token": "\x00"})).status_code == 404
        assert (await site.anonymous.post(f"/{door}")).status_code == 415
        foreign = await site.anonymous.post(
            f"/{door}", data={"token": mint(RESET)}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert foreign.status_code == 403
    assert len(bodies) == 1
    assert (await sql(site, "SELECT count(*) FROM account")).scalar() == before
    assert (await knock(site)).status_code == 303 and (
        await knock(site, "eve@example.org", OTHER)
    ).status_code == 303


async def test_a_reset_ends_every_session_and_is_of_one_person(site: Site, hashed: str) -> None:
    await join(site, hashed)
    await join(site, hashed, "eve@example.org")
    old, eve = browser(await knock(site)), browser(await knock(site, "eve@example.org"))
    token = await site.store.resets.ask("ann@example.org")
    assert token
    shown = await site.anonymous.get("/reset", params={"token": token})
    assert "ann@example.org" in shown.text
    weak = await site.anonymous.post("/reset", data={"token": token, "password": "short"})
    assert weak.status_code == 422
    answers = await asyncio.gather(
        *(
            site.anonymous.post(
                "/reset", data={"token": token, "password": OTHER, "email": "eve@example.org"}
            )
            for _ in range(3)
        )
    )
    assert sorted(a.status_code for a in answers) == [303, 404, 404]
    new = browser(next(a for a in answers if a.status_code == 303))
    assert [await status(site, h) for h in (old, eve, new)] == [401, 200, 200]
    assert (await knock(site, "eve@example.org")).status_code == 303


async def test_without_a_mail_server_nobody_is_told_anything(site: Site, hashed: str) -> None:
    await join(site, hashed)
    answers = [
        await site.anonymous.post("/forgot", data={"email": email})
        for email in ("ann@example.org", "nobody@example.org", "")
    ]
    assert len({(a.status_code, a.text) for a in answers}) == 1 and "baton people reset" in answers[0].text
    assert (await sql(site, "SELECT count(*) FROM password_reset")).scalar() == 0


async def test_an_invitation_of_who_has_an_account_sets_no_password_and_signs_nobody_in(
    site: Site, hashed: str
) -> None:
    """Whoever has the link need not be that person: an admin of one workspace must not get into another."""
    await make_workspace(site.store, "other")
    await join(site, hashed, workspace="other")
    token = await invited(site, "ann@example.org", "operator")
    page = await site.anonymous.get("/invitation", params={"token": token})
    assert "password" not in page.text
    answer = await accept(site, token, password=OTHER)
    assert answer.status_code == 200 and "set-cookie" not in answer.headers
    assert (await knock(site, password=OTHER)).status_code == 401
    cookie = browser(await knock(site))
    listed = (await site.anonymous.get(f"{API}/workspaces", headers=cookie)).json()["items"]
    assert {(w["name"], w["role"]) for w in listed} == {("default", "operator"), ("other", "editor")}


async def test_nothing_that_opens_a_door_is_kept(site: Site, hashed: str) -> None:
    await join(site, hashed)
    invitation = await invited(site)
    reset = await site.store.resets.ask("ann@example.org") or ""
    session = browser(await knock(site))["Cookie"].partition("=")[2]
    tables = ("account", "invitation", "password_reset", "session", "audit")
    for table in tables:
        for row in (await sql(site, f"SELECT t::text FROM {table} t")).scalars():
            for canary in (invitation, reset, session, PASSWORD):
                assert canary not in row and canary.encode().hex() not in row
    nullable = await sql(
        site,
        "SELECT table_name, column_name FROM information_schema.columns WHERE is_nullable = 'YES' AND table_schema = 'public' "
        "AND table_name = ANY(:tables) AND column_name IN ('sha256', 'account_id', 'expires_at', 'workspace_id', 'email', 'role')",
        tables=["invitation", "password_reset", "session", "membership", "sign_in_code"],
    )
    assert nullable.all() == []


# --- the first owner


async def test_the_first_owner_is_made_once_by_the_code_of_the_log(site: Site) -> None:
    store = site.store
    first, second = await store.access.create_code(), await store.access.create_code()
    editor = await store.access.create_code(role=Role.ADMIN, subject="somebody")
    local = browser(await site.anonymous.post("/sign-in", data={"code": await store.access.create_code()}))
    fields = {"name": "Ann", "email": "ann@example.org", "password": PASSWORD}
    assert (await site.anonymous.get("/setup", params={"code": first})).status_code == 200
    for code in ("", "x", editor, mint(RESET), site.tokens[Role.ADMIN]):
        answer = await site.anonymous.post("/setup", data={**fields, "code": code})
        assert answer.status_code in (401, 429) and "set-cookie" not in answer.headers, code
    await sql(site, "DELETE FROM sign_in_attempt")
    weak = await site.anonymous.post("/setup", data={**fields, "code": first, "password": "short"})
    assert weak.status_code == 422 and first in weak.text and "short" not in weak.text
    answers = await asyncio.gather(
        *(site.anonymous.post("/setup", data={**fields, "code": code}) for code in (first, first, second))
    )
    found = sorted(a.status_code for a in answers)
    assert found[0] == 303 and set(found[1:]) <= {401, 404, 422}, found
    owner = browser(next(a for a in answers if a.status_code == 303))
    session = (await site.anonymous.get(f"{API}/session", headers=owner)).json()
    assert (session["role"], session["account"]["owner"]) == ("admin", True)
    assert await status(site, local) == 401
    third = await store.access.create_code()
    for method in ("GET", "POST"):
        again = await site.anonymous.request(method, "/setup", data={**fields, "code": third})
        assert again.status_code == 404
    assert (await knock(site)).status_code == 303


async def test_the_owner_of_this_machine_gives_themselves_a_password(site: Site) -> None:
    here = await site.cookie(subject="owner")
    url = f"{API}/account/password"
    for body in ({"new": PASSWORD}, {"new": PASSWORD, "email": "no address"}):
        assert (await site.anonymous.put(url, json=body, headers=here)).status_code == 422
    body = {"new": PASSWORD, "email": "Ann@Example.org"}
    done = await site.anonymous.put(url, json=body, headers=here)
    assert done.status_code == 204, done.text
    cookie = browser(await knock(site))
    assert (await site.anonymous.get(f"{API}/account", headers=cookie)).json()["owner"] is True
    assert (await site.anonymous.get("/setup")).status_code == 404


async def test_a_second_person_cannot_take_an_address(site: Site, hashed: str) -> None:
    await join(site, hashed)
    here = await site.cookie(subject="owner")
    body = {"new": PASSWORD, "email": "ann@example.org"}
    answer = await site.anonymous.put(f"{API}/account/password", json=body, headers=here)
    assert answer.status_code == 409 and answer.json()["code"] == "email-taken"


@pytest_asyncio.fixture
async def plain(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """At an address without TLS, as on one's own machine."""
    async with site_on(database_url, tmp_path, public_url="http://127.0.0.1:8000") as found:
        yield found


async def test_one_click_still_signs_in_on_ones_own_machine(plain: Site) -> None:
    code = await plain.store.access.create_code()
    page = await plain.anonymous.get("/sign-in", params={"code": code})
    assert f'value="{code}"' in page.text and 'name="email"' not in page.text
    session = await plain.anonymous.get(
        f"{API}/session", headers=browser(await plain.anonymous.post("/sign-in", data={"code": code}))
    )
    found = session.json()
    assert (found["subject"], found["role"], found["account"]["owner"]) == ("owner", "admin", True)
