"""`baton people`, and how a start tells people to come in."""

from __future__ import annotations

import re
from pathlib import Path

from app.cli.serve import how_to_sign_in
from app.passwords import Passwords
from runner.model import Role
from runner.store.minted import CODE, INVITATION, RESET, well_formed
from runner.store.sessions import Client
from tests.app.test_cli import Baton, baton
from tests.factories import PUBLIC_URL, open_store, settings_for

__all__ = ["baton"]
URL = "http://127.0.0.1:9"


async def test_people_are_invited_listed_disabled_and_let_in_again(baton: Baton, database_url: str) -> None:
    said = await baton("people", "add", "Bo@Example.org", "--role", "editor")
    assert said.code == 0 and "bo@example.org" in said.err
    token = said.out.removeprefix(f"{URL}/invitation?token=").strip()
    assert well_formed(token, INVITATION)
    async with open_store(database_url) as store:
        secret = await store.invitations.accept(token, Client(), name="Bo", password_hash="x")
        assert secret is not None
        found = await store.sessions.by_secret(secret)
        assert found is not None and (found.subject, found.role) == ("bo@example.org", Role.EDITOR)
        again = await baton("people", "add", "bo@example.org")
        assert again.code == 2 and "already" in again.err
        listed = await baton("people", "list")
        assert listed.out == "bo@example.org\tBo\t-\tdefault (editor)\n"
        assert (await baton("people", "disable", "bo@example.org")).code == 0
        assert await store.sessions.by_secret(secret) is None
        assert "disabled" in (await baton("people", "list")).out
        assert (await baton("people", "reset", "bo@example.org")).code == 2
        assert (await baton("people", "enable", "bo@example.org")).code == 0
        assert await store.sessions.by_secret(secret) is None


async def test_a_link_for_a_new_password_is_alone_on_the_last_line(baton: Baton, database_url: str) -> None:
    async with open_store(database_url) as store:
        scope = await store.access.scope("test")
        await store.accounts.create(
            email="bo@example.org", name="Bo", workspace_id=scope.workspace_id, role=Role.VIEWER
        )
        said = await baton("people", "reset", "bo@example.org")
        assert said.code == 0
        token = said.out.splitlines()[-1].removeprefix(f"{URL}/reset?token=")
        assert well_formed(token, RESET) and await store.resets.email_of(token) == "bo@example.org"


async def test_what_cannot_be_done_is_a_sentence(baton: Baton) -> None:
    for arguments, words in (
        (("add", "no address"), "is not an e-mail address"),
        (("add", "bo@example.org\r\nx"), "is not an e-mail address"),
        (("add", "bo@example.org", "--workspace", "nowhere"), "no workspace"),
        (("reset", "nobody@example.org"), "Nobody"),
        (("disable", "nobody@example.org"), "Nobody"),
    ):
        said = await baton("people", *arguments)
        assert said.code == 2 and words in said.err and "Traceback" not in said.err, said


async def test_a_start_prints_a_code_until_an_owner_has_a_password(database_url: str, tmp_path: Path) -> None:
    here = settings_for(database_url, tmp_path)
    reached = settings_for(database_url, tmp_path, host="0.0.0.0")
    async with open_store(database_url) as store:
        for settings, page in ((here, "sign-in"), (reached, "setup")):
            line = await how_to_sign_in(settings, store)
            code = re.search(rf"{re.escape(PUBLIC_URL)}/{page}\?code=(\S+)$", line)
            assert code and well_formed(code[1], CODE), line
        code = await store.access.create_code()
        hashed = await Passwords().hash("a quiet rotund heron")
        assert await store.accounts.set_up(code, "ann@example.org", "Ann", hashed, Client())
        for settings in (here, reached):
            assert await how_to_sign_in(settings, store) == f"Sign in: {PUBLIC_URL}/sign-in"
