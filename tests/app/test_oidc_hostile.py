"""Signing in at an issuer, every hostile way (threats T12, T22), against an issuer that really signs.

Of a refused sign-in there is no session, no account and no link, and a clear page with a code, never a 500.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.oidc import issuer as issuer_module
from runner.model import Role
from tests.app.oidc_browser import (
    ANN,
    Browser,
    add_account,
    refused,
    rows,
    site_with,
    state_of,
    table,
    told,
)
from tests.app.test_oidc_token import WRONG
from tests.factories import Site, site_on
from tests.oidc_issuer import SECRET, MockIssuer, issuing

# --- the hostile ways


async def test_nobody_claims_an_address_that_no_issuer_vouches_for(open_site: Site, corp: MockIssuer) -> None:
    """Else an invitation to the claimed address, or a link by it, would lead to whoever claimed it first."""
    corp.person["email_verified"] = False
    browser = Browser(open_site)
    await browser.sign_in()
    body = {"current": None, "new": "a long enough password", "email": "newcomer@example.org"}
    answer = await browser.change("PUT", "/api/v1/account/password", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "email-not-yours")
    assert await rows(open_site, "SELECT 1 FROM account WHERE email = 'newcomer@example.org'") == []
    renamed = await browser.change("PATCH", "/api/v1/account", {"name": "boss@example.org"})
    assert (renamed.status_code, renamed.json()["code"]) == (409, "name-not-yours")


async def test_a_wrong_token_opens_nothing(open_site: Site, corp: MockIssuer) -> None:
    """In one test, for all of them leave the same database behind; `test_oidc_token` has one for each."""
    await add_account(open_site, ANN, Role.ADMIN)
    before = await state_of(open_site)
    for corp.wrong in (*WRONG, "unknown-kid"):
        browser = Browser(open_site)
        answer = await browser.sign_in()
        assert answer.status_code == 403, corp.wrong
        await refused(browser, answer, {"sign-in-refused"})
        assert await state_of(open_site) == before, corp.wrong
    noted = await rows(open_site, "SELECT DISTINCT action, reason FROM audit WHERE by = 'nobody'")
    assert noted == [("sign_in.refused", "what came back from the issuer 'corp' cannot be trusted")]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("token-500", "issuer-unavailable"),
        ("token-redirects", "sign-in-refused"),
        ("token-text", "sign-in-refused"),
        ("token-huge", "issuer-unavailable"),
        ("token-none", "sign-in-refused"),
        ("token-a-number", "sign-in-refused"),
        ("token-garbage", "sign-in-refused"),
        ("code-used", "sign-in-refused"),
        ("wrong-state", "sign-in-over"),
        ("no-state", "sign-in-over"),
        ("twice-the-state", "sign-in-over"),
        ("no-code", "sign-in-refused"),
        ("no-iss-in-answer", "sign-in-refused"),
        ("wrong-iss-in-answer", "sign-in-refused"),
        ("denied", "sign-in-refused"),
        ("hostile-error", "sign-in-refused"),
        ("jwks-huge", "issuer-unavailable"),
        ("jwks-redirects", "sign-in-refused"),
        ("jwks-many", "sign-in-refused"),
        ("jwks-twice-the-same-id", "sign-in-refused"),
        ("jwks-symmetric", "sign-in-refused"),
        ("jwks-for-encryption", "sign-in-refused"),
    ],
)
async def test_a_wrong_answer_opens_nothing(
    open_site: Site, corp: MockIssuer, wrong: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = await state_of(open_site)
    corp.wrong = wrong
    browser = Browser(open_site)
    answer = await browser.sign_in()
    await refused(browser, answer, {code})
    assert await state_of(open_site) == before
    request = answer.headers["x-request-id"]
    lines = [f"{r.msg} {r.args}" for r in caplog.records if request in str(r.args)]
    assert any(line.startswith("sign-in refused ") for line in lines), (
        "why stands in the log under the request's id"
    )
    assert all("\n" not in line and "\r" not in line and SECRET not in line for line in lines)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("discovery-redirects", "sign-in-refused"),
        ("discovery-of-another", "sign-in-refused"),
        ("discovery-with-a-slash", "sign-in-refused"),
        ("discovery-without-keys", "sign-in-refused"),
        ("discovery-to-a-file", "sign-in-refused"),
        ("discovery-to-the-inside", "sign-in-refused"),
        ("discovery-list", "sign-in-refused"),
        ("discovery-repeats", "sign-in-refused"),
        ("discovery-down", "issuer-unavailable"),
        ("no-pkce", "sign-in-refused"),
    ],
)
async def test_a_wrong_discovery_document_begins_nothing(
    open_site: Site, corp: MockIssuer, wrong: str, code: str
) -> None:
    corp.wrong = wrong
    async with issuing() as elsewhere:
        corp.elsewhere = elsewhere.url
        browser = Browser(open_site)
        answer = await browser.get("/sign-in/with/corp")
        await refused(browser, answer, {code})
        assert not elsewhere.hits and not browser.cookies
    assert await rows(open_site, "SELECT count(*) FROM oidc_flow") == [(0,)]


async def test_no_redirect_is_followed_with_a_code_or_the_secret(open_site: Site, corp: MockIssuer) -> None:
    async with issuing() as elsewhere:
        corp.elsewhere, corp.wrong = elsewhere.url, "token-redirects"
        await Browser(open_site).sign_in()
        assert not elsewhere.hits


async def test_every_address_of_the_issuer_passes_the_egress_guard(
    database_url: str, tmp_path: Path, corp: MockIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    corp.wrong = "discovery-to-a-private-net"
    async with site_with(database_url, tmp_path, table("corp", corp, newcomers="viewer")) as site:
        answer = await Browser(site).sign_in()
        assert told(answer) == "issuer-unavailable" and "10.1.2.3" not in answer.text
        assert any("not a public address" in str(record.args) for record in caplog.records)
    file = tmp_path / "oidc.toml"
    async with site_on(database_url, tmp_path, oidc_file=file) as closed:  # nothing is allowed here
        before = corp.hits.copy()
        assert told(await Browser(closed).get("/sign-in/with/corp")) == "issuer-unavailable"
        assert corp.hits == before


async def test_a_slow_token_endpoint_is_not_waited_for(
    open_site: Site, corp: MockIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(open_site)
    back = await browser.go()
    corp.wrong = "token-slow"
    monkeypatch.setattr(issuer_module, "SECONDS", 0.3)
    await refused(browser, await browser.get(back), {"issuer-unavailable"})


async def test_an_answer_works_once(open_site: Site, corp: MockIssuer) -> None:
    browser = Browser(open_site)
    back = await browser.go()
    cookies = dict(browser.cookies)
    assert (await browser.get(back)).status_code == 303
    again = Browser(open_site)
    again.cookies = cookies
    await refused(again, await again.get(back), {"sign-in-over"})
    assert corp.hits["token"] == 1


async def test_of_one_answer_sent_many_times_at_once_one_counts(open_site: Site, corp: MockIssuer) -> None:
    browser = Browser(open_site)
    back = await browser.go()
    twins = [Browser(open_site) for _ in range(6)]
    for twin in twins:
        twin.cookies = dict(browser.cookies)
    answers = await asyncio.gather(*(twin.get(back) for twin in twins))
    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400, 400]
    assert corp.hits["token"] == 1


async def test_an_answer_is_for_the_browser_that_asked(open_site: Site, corp: MockIssuer) -> None:
    attacker, victim = Browser(open_site), Browser(open_site)
    back = await attacker.go()
    await refused(victim, await victim.get(back), {"sign-in-over"})
    await victim.go()  # a way of their own does not help
    await refused(victim, await victim.get(back), {"sign-in-over"})
    name = next(iter(attacker.cookies))
    for forged in ("x" * 43, "", "x", attacker.cookies[name][:-1]):
        victim.cookies[name] = forged
        await refused(victim, await victim.get(back), {"sign-in-over"})
    assert corp.hits["token"] == 0
    assert (await attacker.get(back)).status_code == 303, "nobody else has spent it"


async def test_an_answer_too_late_counts_nothing(open_site: Site) -> None:
    browser = Browser(open_site)
    back = await browser.go()
    await rows(open_site, "UPDATE oidc_flow SET expires_at = clock_timestamp() RETURNING 1")
    await refused(browser, await browser.get(back), {"sign-in-over"})
    await browser.go()
    assert await rows(open_site, "SELECT count(*) FROM oidc_flow") == [(1,)], "the old one is swept out"


async def test_two_issuers_cannot_be_mixed_up(database_url: str, tmp_path: Path, corp: MockIssuer) -> None:
    async with issuing() as evil:
        tables = (table("corp", corp, newcomers="admin"), table("evil", evil, newcomers="viewer"))
        async with site_with(database_url, tmp_path, *tables) as site:
            browser = Browser(site)
            back = await browser.go("evil")
            mixed = back.replace("/sign-in/back/evil", "/sign-in/back/corp")
            await refused(browser, await browser.get(mixed), {"sign-in-over"})
            evil.wrong = "wrong-iss"
            await refused(browser, await browser.sign_in("evil"), {"sign-in-refused"})
            assert corp.hits["token"] == 0
            assert await rows(site, "SELECT count(*) FROM identity") == [(0,)]


@pytest.mark.parametrize("verified", ["true", 1, False, None, ["true"]])
async def test_an_address_is_verified_only_by_true(open_site: Site, corp: MockIssuer, verified: Any) -> None:
    known = await add_account(open_site, ANN, Role.ADMIN)
    corp.person["email_verified"] = verified
    browser = Browser(open_site)
    assert (await browser.sign_in()).status_code == 303
    me = await browser.me()
    assert me is not None and me["role"] == "viewer" and me["subject"] != ANN
    assert await rows(open_site, f"SELECT 1 FROM identity WHERE account_id = '{known}'") == []
    assert await rows(open_site, f"SELECT 1 FROM account WHERE email = '{ANN}' AND id <> '{known}'") == []


async def test_nobody_is_linked_where_the_operator_did_not_allow_it(
    database_url: str, tmp_path: Path, corp: MockIssuer
) -> None:
    async with site_with(database_url, tmp_path, table("corp", corp, newcomers="viewer")) as site:
        await add_account(site, ANN, Role.ADMIN)
        before = await state_of(site)
        browser = Browser(site)
        await refused(browser, await browser.sign_in(), {"not-admitted"})
        assert await state_of(site) == before
        lines = await rows(site, "SELECT reason FROM audit WHERE action = 'sign_in.refused'")
        assert lines == [("an account has this e-mail address, and linking by it is not allowed",)]


async def test_a_disabled_account_stays_out(open_site: Site) -> None:
    await add_account(open_site, ANN, Role.ADMIN, disabled=True)
    browser = Browser(open_site)
    await refused(browser, await browser.sign_in(), {"not-admitted"})
    assert await rows(open_site, "SELECT count(*) FROM identity") == [(0,)]


async def test_who_was_removed_does_not_come_back_by_signing_in(open_site: Site) -> None:
    browser = Browser(open_site)
    await browser.sign_in()
    await rows(
        open_site, "DELETE FROM membership WHERE account_id IN (SELECT account_id FROM identity) RETURNING 1"
    )
    assert await browser.me() is None
    again = Browser(open_site)
    await refused(again, await again.sign_in(), {"not-admitted"})


async def test_a_name_cannot_be_somebody_elses(open_site: Site, corp: MockIssuer) -> None:
    await add_account(open_site, "boss@example.org", Role.ADMIN)
    await open_site.store.access.create_code()
    for number, name in enumerate(
        ("boss@example.org", "owner", "owner", "\u202eowner\n", "x" * 5000, "", None)
    ):
        corp.person = {"sub": f"s{number}", "name": name}
        browser = Browser(open_site)
        assert (await browser.sign_in()).status_code == 303, name
        me = await browser.me()
        assert me is not None and me["role"] == "viewer"
        assert me["subject"].endswith(")") and "@" not in me["subject"] and me["subject"].isprintable()
    assert len(await rows(open_site, "SELECT DISTINCT name FROM account")) == 9


@pytest.mark.parametrize("place", ["//evil.example", "/\\evil.example", "https://evil.example", "/sign-out"])
async def test_the_way_back_leads_to_no_other_site(open_site: Site, place: str) -> None:
    answer = await Browser(open_site).sign_in(query="?" + str(httpx.QueryParams({"next": place})))
    assert answer.headers["location"] == "/"


async def test_another_sites_page_signs_nobody_in(open_site: Site, corp: MockIssuer) -> None:
    answer = await Browser(open_site).get("/sign-in/with/corp?next=/runs", **{"Sec-Fetch-Site": "cross-site"})
    assert answer.headers["location"] == "/sign-in?next=%2Fruns" and not corp.hits
    nobody = await Browser(open_site).get("/sign-in/with/nobody")
    assert (nobody.status_code, told(nobody)) == (404, "not-found")


async def test_what_is_kept_of_a_way_opens_nothing(open_site: Site) -> None:
    browser = Browser(open_site)
    back = await browser.go()
    kept = str(await rows(open_site, "SELECT encode(state_sha256, 'escape'), t::text FROM oidc_flow t"))
    state = parse_qs(urlsplit(back).query)["state"][0]
    assert state not in kept and all(secret not in kept for secret in browser.cookies.values())
