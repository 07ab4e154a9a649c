"""Signing in at an issuer, against one that really signs: newcomers, those who return, linking, groups, sessions."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from runner.model import Role
from runner.store.sessions import Client
from tests.app.oidc_browser import (
    ANN,
    HTML,
    Browser,
    add_account,
    coded_in,
    linked_on_purpose,
    rows,
    site_with,
    table,
    told,
)
from tests.factories import PUBLIC_URL, Site, make_workspace
from tests.oidc_issuer import CLIENT, SECRET, MockIssuer, issuing

# --- the good ways


async def test_a_newcomer_comes_in_and_is_led_to_the_page_they_wanted(
    open_site: Site, corp: MockIssuer
) -> None:
    shown = await open_site.anonymous.get("/runs/1?node=a", headers=HTML)
    link = re.search(r'href="(/sign-in/with/corp[^"]*)"', shown.text)
    assert link is not None and ">Sign in with Corp<" in shown.text
    browser = Browser(open_site)
    begun = await browser.get(link[1])
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    assert (
        asked["redirect_uri"] == f"{PUBLIC_URL}/sign-in/back/corp"
        and asked["scope"] == "openid email profile"
    )
    assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
    assert len(asked["state"]) == len(asked["nonce"]) == 43 and "verifier" not in begun.headers["location"]
    async with httpx.AsyncClient(trust_env=False) as outside:
        back = (await outside.get(begun.headers["location"])).headers["location"]
    answer = await browser.get(back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/1?node=a")
    assert set(browser.cookies) == {"__Host-baton", "baton_via"}
    me = await browser.me()
    assert me is not None and (me["subject"], me["role"]) == (ANN, "viewer")
    assert await rows(open_site, "SELECT issuer, subject, email FROM identity") == [(corp.url, "u-ann", ANN)]
    assert await rows(open_site, "SELECT count(*) FROM oidc_flow") == [(0,)]
    told_of = await rows(open_site, "SELECT action, by FROM audit ORDER BY id")
    assert {("identity.linked", ANN), ("session.opened", ANN), ("member.added", ANN)} <= set(told_of)


async def test_who_returns_is_the_same_whatever_the_address_says(open_site: Site, corp: MockIssuer) -> None:
    await Browser(open_site).sign_in()
    corp.person |= {"email": "ann.married@example.org", "name": "Ann New"}
    browser = Browser(open_site)
    assert (await browser.sign_in()).status_code == 303
    me = await browser.me()
    assert me is not None and me["subject"] == ANN
    assert await rows(open_site, "SELECT email FROM identity") == [("ann.married@example.org",)]
    corp.person |= {"sub": "u-other", "email": ANN, "email_verified": False}
    other = Browser(open_site)
    assert (await other.sign_in()).status_code == 303, "the address is not who somebody is"
    me = await other.me()
    assert me is not None and me["subject"] == f"Ann New ({urlsplit(corp.url).netloc})"
    assert await rows(open_site, "SELECT count(DISTINCT account_id), count(*) FROM identity") == [(2, 2)]


@pytest.mark.parametrize("alg", ["PS256", "ES256", "EdDSA"])
async def test_every_algorithm_of_the_list(database_url: str, tmp_path: Path, alg: str) -> None:
    async with (
        issuing(MockIssuer(alg=alg)) as corp,
        site_with(database_url, tmp_path, table("corp", corp, newcomers="editor")) as site,
    ):
        browser = Browser(site)
        assert (await browser.sign_in()).status_code == 303
        me = await browser.me()
        assert me is not None and me["role"] == "editor"


async def test_an_account_is_linked_by_a_verified_address(open_site: Site, corp: MockIssuer) -> None:
    known = await add_account(open_site, ANN, Role.ADMIN)
    corp.person["email"] = "Ann@Example.org"
    browser = Browser(open_site)
    assert (await browser.sign_in()).status_code == 303
    me = await browser.me()
    assert me is not None and (me["subject"], me["role"]) == (ANN, "admin")
    assert await rows(open_site, "SELECT account_id FROM identity") == [(known,)]


async def test_who_had_the_account_before_its_address_was_shown_to_be_somebodys_is_out(
    open_site: Site, corp: MockIssuer
) -> None:
    """Somebody accepts an invitation made for another's address, and waits for them."""
    known = await add_account(open_site, ANN, Role.ADMIN)
    early = Browser(open_site)
    secret = await open_site.store.sessions.open(known, Client())
    assert secret is not None
    early.cookies["__Host-baton"] = secret
    assert await early.me() is not None
    made = await early.change("POST", "/api/v1/account/tokens", {"name": "kept", "role": "admin"})
    token = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await open_site.anonymous.get("/api/v1/session", headers=token)).status_code == 200
    corp.person["email"] = ANN
    owner = Browser(open_site)
    assert (await owner.sign_in()).status_code == 303
    assert await owner.me() is not None and await early.me() is None
    assert (await open_site.anonymous.get("/api/v1/session", headers=token)).status_code == 401
    assert await rows(open_site, "SELECT password_hash FROM account WHERE email = 'ann@example.org'") == [
        (None,)
    ]


async def test_two_issuers_know_two_people_of_one_name(
    database_url: str, tmp_path: Path, corp: MockIssuer
) -> None:
    async with issuing() as other:
        tables = (
            table("corp", corp, newcomers="viewer"),
            table("other", other, newcomers="editor", link_by_email=False),
        )
        async with site_with(database_url, tmp_path, *tables) as site:
            page = (await site.anonymous.get("/sign-in", headers=HTML)).text
            assert page.index("Sign in with Corp") < page.index("Sign in with Other")
            first, second, third = Browser(site), Browser(site), Browser(site)
            assert (await first.sign_in("corp")).status_code == 303
            refused = await second.sign_in("other")
            assert told(refused) == "not-admitted", (
                "the same subject and address at another issuer is nobody we know"
            )
            other.person |= {"email": "bo@example.org"}
            assert (await third.sign_in("other")).status_code == 303
            assert [row[0] for row in await rows(site, "SELECT issuer FROM identity ORDER BY id")] == [
                corp.url,
                other.url,
            ]


async def test_a_new_key_of_the_issuer_is_found(open_site: Site, corp: MockIssuer) -> None:
    assert (await Browser(open_site).sign_in()).status_code == 303
    assert (await Browser(open_site).sign_in()).status_code == 303
    assert (corp.hits["discovery"], corp.hits["jwks"]) == (1, 1), "documents are kept"
    corp.rotate()
    assert (await Browser(open_site).sign_in()).status_code == 303
    assert corp.hits["jwks"] == 2


async def test_nobody_makes_us_ask_for_keys_again_and_again(open_site: Site, corp: MockIssuer) -> None:
    assert (await Browser(open_site).sign_in()).status_code == 303
    corp.wrong = "unknown-kid"
    for _ in range(5):
        assert told(await Browser(open_site).sign_in()) == "sign-in-refused"
    assert corp.hits["jwks"] == 2
    corp.wrong = ""
    assert (await Browser(open_site).sign_in()).status_code == 303, "the keys from before are still known"


async def test_nobody_makes_us_ask_a_silent_issuer_again_and_again(
    database_url: str, tmp_path: Path, corp: MockIssuer
) -> None:
    corp.wrong = "discovery-down"
    async with site_with(database_url, tmp_path, table("corp", corp)) as site:
        for _ in range(5):
            answer = await Browser(site).get("/sign-in/with/corp")
            assert (answer.status_code, told(answer)) == (502, "issuer-unavailable")
    assert corp.hits["discovery"] == 1


@pytest.mark.parametrize("skew", [-55, 55])
async def test_the_clocks_may_differ_by_a_minute(open_site: Site, corp: MockIssuer, skew: int) -> None:
    corp.skew = skew
    assert (await Browser(open_site).sign_in()).status_code == 303


async def test_groups_decide_the_role_at_each_sign_in(
    database_url: str, tmp_path: Path, corp: MockIssuer
) -> None:
    settings = {"groups": {"admins": "admin", "staff": "operator"}}
    async with site_with(database_url, tmp_path, table("corp", corp, **settings)) as site:
        await add_account(site, "boss@example.org", Role.ADMIN)
        old = Browser(site)
        assert told(await old.sign_in()) == "not-admitted"
        assert await rows(site, "SELECT count(*) FROM identity") == [(0,)]
        for groups, role in ((["staff"], "operator"), (["staff", "admins"], "admin"), ("staff", "operator")):
            corp.person["groups"] = groups
            browser = Browser(site)
            assert (await browser.sign_in()).status_code == 303
            me = await browser.me()
            assert me is not None and me["role"] == role
            assert await old.me() is None, "another role ends the sessions from before"
            old = browser
        corp.person["groups"] = ["Staff", "administrators"]
        assert told(await Browser(site).sign_in()) == "not-admitted"
        assert await old.me() is None
        assert await rows(site, "SELECT count(*) FROM membership") == [(1,)]


async def test_groups_leave_a_workspace_its_last_admin(
    database_url: str, tmp_path: Path, corp: MockIssuer
) -> None:
    async with site_with(database_url, tmp_path, table("corp", corp, groups={"admins": "admin"})) as site:
        corp.person["groups"] = ["admins"]
        assert (await Browser(site).sign_in()).status_code == 303
        corp.person["groups"] = []
        browser = Browser(site)
        assert (await browser.sign_in()).status_code == 303
        me = await browser.me()
        assert me is not None and me["role"] == "admin"


async def test_only_the_invited_come_in_where_newcomers_do_not(
    database_url: str, tmp_path: Path, corp: MockIssuer
) -> None:
    async with site_with(database_url, tmp_path, table("corp", corp)) as site:
        assert told(await Browser(site).sign_in()) == "not-admitted"
        scope = await site.store.access.scope("boss")
        await site.store.invitations.create(scope, ANN, Role.EDITOR)
        corp.person["email_verified"] = False
        assert told(await Browser(site).sign_in()) == "not-admitted", (
            "anybody could say that it is their address"
        )
        corp.person["email_verified"] = True
        browser = Browser(site)
        assert (await browser.sign_in()).status_code == 303
        me = await browser.me()
        assert me is not None and (me["subject"], me["role"]) == (ANN, "editor")
        assert await rows(site, "SELECT count(*) FROM invitation WHERE used_at IS NULL") == [(0,)]


async def test_domains_hold_for_everybody_each_time(
    database_url: str, tmp_path: Path, corp: MockIssuer
) -> None:
    settings = {"newcomers": "viewer", "email_domains": ["example.org"]}
    async with site_with(database_url, tmp_path, table("corp", corp, **settings)) as site:
        assert (await Browser(site).sign_in()).status_code == 303
        for email, verified in (("ann@example.org.evil", True), ("ann@notexample.org", True), (ANN, False)):
            corp.person |= {"email": email, "email_verified": verified}
            assert told(await Browser(site).sign_in()) == "not-admitted", (email, verified)


async def test_a_workspace_can_be_named(database_url: str, tmp_path: Path, corp: MockIssuer) -> None:
    settings = {"newcomers": "editor", "workspace": "second"}
    async with site_with(database_url, tmp_path, table("corp", corp, **settings)) as site:
        assert told(await Browser(site).sign_in()) == "not-admitted", "there is no such workspace yet"
        await make_workspace(site.store, "second")
        browser = Browser(site)
        assert (await browser.sign_in()).status_code == 303
        me = await browser.me()
        assert me is not None and me["workspaceName"] == "second"


async def test_the_client_secret_goes_as_the_issuer_wants_it(open_site: Site, corp: MockIssuer) -> None:
    corp.wrong = "secret-by-post"
    assert (await Browser(open_site).sign_in()).status_code == 303


async def test_two_first_sign_ins_at_once_are_one_person(open_site: Site) -> None:
    browsers = [Browser(open_site) for _ in range(6)]
    answers = await asyncio.gather(*(browser.sign_in() for browser in browsers))
    assert {answer.status_code for answer in answers} == {303}
    assert await rows(open_site, "SELECT count(*) FROM identity") == [(1,)]
    assert len({browser.session for browser in browsers}) == 6


# --- sessions


async def test_a_session_from_before_ends_and_its_cookie_is_worth_nothing(open_site: Site) -> None:
    browser = Browser(open_site)
    await browser.sign_in()
    before = browser.session
    await browser.sign_in()
    assert browser.session != before
    thief = Browser(open_site)
    thief.cookies["__Host-baton"] = str(before)
    assert await thief.me() is None and await browser.me() is not None


async def test_a_cookie_set_before_is_not_accepted_after(open_site: Site) -> None:
    browser = Browser(open_site)
    browser.cookies["__Host-baton"] = "session_" + "a" * 51
    await browser.sign_in()
    assert browser.session != "session_" + "a" * 51 and await browser.me() is not None


async def test_signing_out_offers_to_sign_out_there(open_site: Site, corp: MockIssuer) -> None:
    browser = Browser(open_site)
    await browser.sign_in()
    out = await browser.post("/sign-out")
    assert out.headers["location"] == "/sign-in?left=corp" and not browser.cookies
    shown = await browser.get(out.headers["location"])
    assert 'href="/sign-out/at/corp"' in shown.text
    there = urlsplit((await browser.get("/sign-out/at/corp")).headers["location"])
    assert f"{there.scheme}://{there.netloc}{there.path}" == f"{corp.url}/logout"
    assert parse_qs(there.query) == {
        "client_id": [CLIENT],
        "post_logout_redirect_uri": [f"{PUBLIC_URL}/sign-in"],
    }
    browser.cookies["baton_via"] = "//evil.example"
    assert (await browser.get("/sign-in?left=evil")).status_code == 200
    assert (await browser.get("/sign-out/at/evil")).status_code == 404


# --- linking, and what admins see


async def test_somebody_signed_in_links_and_unlinks(
    database_url: str, tmp_path: Path, corp: MockIssuer
) -> None:
    async with site_with(database_url, tmp_path, table("corp", corp)) as site:
        browser = await coded_in(site)
        before = browser.session
        listed = (await browser.get("/api/v1/account/identities")).json()
        assert listed == {"items": [], "linkable": [{"name": "corp", "title": "Corp"}]}
        answer = await linked_on_purpose(browser)
        assert answer.headers["location"] == "/settings" and browser.session == before
        listed = (await browser.get("/api/v1/account/identities")).json()
        (item,) = listed["items"]
        assert (item["title"], item["issuer"], item["email"], listed["linkable"]) == (
            "Corp",
            corp.url,
            ANN,
            [],
        )
        assert (await linked_on_purpose(browser)).status_code == 303, "twice is no error"
        again = Browser(site)
        await again.sign_in()
        assert (await again.me() or {})["subject"] == "owner"
        other = await coded_in(site, "somebody else")
        taken = await linked_on_purpose(other)
        assert (taken.status_code, told(taken)) == (409, "identity-taken")
        foreign = await other.delete(f"/api/v1/account/identities/{item['id']}")
        assert foreign.status_code == 404
        last = await browser.delete(f"/api/v1/account/identities/{item['id']}")
        assert (last.status_code, last.json()["code"]) == (409, "last-way-in")
        await rows(site, "UPDATE account SET password_hash = 'x' WHERE owner RETURNING 1")
        assert (await browser.delete(f"/api/v1/account/identities/{item['id']}")).status_code == 204
        assert told(await Browser(site).sign_in()) == "not-admitted"
        actions = [row[0] for row in await rows(site, "SELECT action FROM audit ORDER BY id")]
        assert actions.count("identity.linked") == actions.count("identity.unlinked") == 1


async def test_nobody_is_made_to_link(database_url: str, tmp_path: Path, corp: MockIssuer) -> None:
    async with site_with(database_url, tmp_path, table("corp", corp)) as site:
        browser, other = await coded_in(site), await coded_in(site, "other")
        for headers in ({}, {"Sec-Fetch-Site": "none"}):
            answer = await browser.get("/sign-in/with/corp?link=true", **headers)
            assert (answer.status_code, told(answer)) == (403, "cross-site")
        nobody = await Browser(site).get("/sign-in/with/corp?link=true", **{"Sec-Fetch-Site": "same-origin"})
        assert nobody.status_code == 401
        back = await browser.go(query="?link=true", **{"Sec-Fetch-Site": "same-origin"})
        browser.cookies["__Host-baton"] = str(other.session)
        answer = await browser.get(back)
        assert told(answer) == "sign-in-refused", "somebody else is signed in by now"
        del browser.cookies["__Host-baton"]
        assert told(await browser.get(back)) == "sign-in-over"
        assert await rows(site, "SELECT count(*) FROM identity") == [(0,)]


async def test_a_token_links_and_unlinks_nothing(open_site: Site) -> None:
    assert (await open_site.client.get("/api/v1/account/identities")).status_code == 403
    assert (await open_site.client.delete(f"/api/v1/account/identities/{uuid4()}")).status_code == 403


async def test_admins_see_what_is_set_up_and_no_secret(
    database_url: str, tmp_path: Path, corp: MockIssuer
) -> None:
    settings = {"groups": {"staff": "viewer"}, "email_domains": ["example.org"]}
    async with site_with(database_url, tmp_path, table("corp", corp, **settings)) as site:
        answer = await site.client.get("/api/v1/sign-on/issuers")
        (item,) = answer.json()["items"]
        assert (item["name"], item["clientId"], item["secret"]) == ("corp", CLIENT, True)
        assert item["groups"] == [{"group": "staff", "role": "viewer"}] and item["newcomers"] is None
        assert item["redirectUri"] == f"{PUBLIC_URL}/sign-in/back/corp"
        assert SECRET not in answer.text
        for role in (Role.VIEWER, Role.OPERATOR, Role.EDITOR):
            for method, path in (("GET", ""), ("POST", "/corp/test")):
                url = f"/api/v1/sign-on/issuers{path}"
                assert (
                    await site.anonymous.request(method, url, headers=site.bearer(role))
                ).status_code == 403
        assert (await site.client.post("/api/v1/sign-on/issuers/nobody/test")).status_code == 404


async def test_admins_can_try_whether_an_issuer_answers(open_site: Site, corp: MockIssuer) -> None:
    url = "/api/v1/sign-on/issuers/corp/test"
    good = (await open_site.client.post(url)).json()
    assert (good["ok"], good["keys"], good["algorithms"]) == (True, 1, ["RS256"])
    assert good["tokenEndpoint"] == f"{corp.url}/token"
    for wrong, word in (
        ("discovery-of-another", "discovery document is that of"),
        ("discovery-down", "answered 503"),
        ("jwks-symmetric", "None of the published keys"),
    ):
        corp.wrong = wrong
        bad = (await open_site.client.post(url)).json()
        assert not bad["ok"] and word in bad["problem"]
    corp.wrong = ""
    assert (await open_site.client.post(url)).json()["ok"], "a test asks anew"
