"""Secrets that stand elsewhere: only what the operator opened can be read, and what cannot be is said by its name."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from providers import Connection, EgressGuard, Http, JsonObject, discover, recording
from providers.sandbox._asgi import Reply
from runner.credentials import SET, BadCredentials, Merged, filled, merge, parse, references, split
from runner.secret_stores import (
    MAX_BYTES,
    Environment,
    Files,
    SecretMissing,
    SecretStoreDown,
    SecretStores,
    Vault,
)
from tests.serving import served
from tests.vault_peer import VaultPeer

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
async def peer() -> AsyncIterator[tuple[VaultPeer, str]]:
    made = VaultPeer()
    made.kv["secret/app"] = {"key": "from the vault", "number": 7, "empty": ""}
    async with served(made) as url:
        yield made, url


def vault(url: str, **given: Any) -> Vault:
    return Vault(url, Http(EgressGuard(LOOPBACK)), **given)


# -- the environment


async def test_only_listed_names_of_the_environment_are_read() -> None:
    stores = SecretStores(
        {"env": Environment(["A", "GONE"], {"A": "one", "PATH": "/bin", "BATON_SECRET_KEYS": "k"})}
    )
    assert await stores.values(["env:A"]) == {"env:A": "one"}
    for name, why in (
        ("env:PATH", "env:PATH may not be read"),
        ("env:BATON_SECRET_KEYS", "may not be read"),
        ("env:", "env: may not be read"),
        ("env:GONE", "env:GONE is not set"),
        ("file:A", "file:A names a secret store that is not set up on this server"),
        ("A", "A names a secret store"),
        ("", "names a secret store"),
    ):
        with pytest.raises(SecretMissing, match=why):
            await stores.values([name])


# -- files


async def test_a_file_below_the_folder_is_read_without_its_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "key.txt").write_text("a\nb\n")
    # As Kubernetes mounts secrets: a link to a link, all of it inside.
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "token").write_bytes(b"mounted\r\n")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "token").symlink_to("..data/token")
    files = Files(tmp_path)
    assert await files.read("sub/key.txt") == "a\nb"
    assert await files.read("token") == "mounted"


@pytest.mark.parametrize(
    "name",
    ["../out", "a/../../out", "/etc/passwd", "..", ".", "", "a//b", "a/", "out\x00", "%2e%2e/out", "..%2fout",
     "link", "circle", "folder", "pipe", ".hidden", "gone", "binary", "large", "a\\..\\out", "link-folder/out", "x" * 600],
)  # fmt: skip
async def test_nothing_else_is_read_from_the_disk(tmp_path: Path, name: str) -> None:
    (tmp_path / "out").write_text("canary")
    folder = tmp_path / "in"
    (folder / "folder").mkdir(parents=True)
    (folder / "link").symlink_to("../out")
    (folder / "link-folder").symlink_to("..")
    (folder / "circle").symlink_to("circle")
    (folder / ".hidden").write_text("canary")
    (folder / "binary").write_bytes(b"\xff\xfe canary")
    (folder / "large").write_bytes(b"c" * (MAX_BYTES + 1))
    os.mkfifo(folder / "pipe")
    with pytest.raises(SecretMissing) as refused:
        await Files(folder).read(name)
    assert "canary" not in refused.value.message


# -- Vault


async def test_vault_gives_a_field_and_says_what_it_does_not_give(peer: tuple[VaultPeer, str]) -> None:
    there, url = peer
    there.kv["secret/deleted"] = None
    there.kv["secret/deep/er path"] = {"key": "deep"}
    store = vault(url, token=there.root)
    assert await store.read("secret/app#key") == "from the vault"
    assert await store.read("secret/deep/er path#key") == "deep"
    for name, why in (
        ("secret/app#other", "vault:secret/app#other: the field is not there"),
        ("secret/app#number", "is not text"),
        ("secret/none#key", "Vault has nothing there"),
        ("secret/deleted#key", "or it was deleted"),
        ("secret/../sys/seal#key", "is not a place in Vault"),
        ("../sys/x#key", "is not a place in Vault"),
        ("secret/app", "is not a place in Vault"),
        ("secret/app?version=1#key", "is not a place in Vault"),
        ("secret/%2e%2e/x#key", "is not a place in Vault"),
    ):
        with pytest.raises(SecretMissing, match=why):
            await store.read(name)
    await store.aclose()


async def test_vault_by_approle_signs_in_once_and_again_when_its_token_has_ended(
    peer: tuple[VaultPeer, str],
) -> None:
    there, url = peer
    store = vault(url, role=there.role)
    for _ in range(3):
        assert await store.read("secret/app#key") == "from the vault"
    login = "POST /v1/auth/approle/login"
    assert there.calls.count(login) == 1
    there.tokens.clear()
    assert await store.read("secret/app#key") == "from the vault"
    assert there.calls.count(login) == 2
    await store.aclose()


async def test_vault_that_refuses_is_told_from_vault_that_is_down(peer: tuple[VaultPeer, str]) -> None:
    there, url = peer
    refused = vault(url, token="hvs.wrong-token")
    with pytest.raises(SecretMissing, match=r"does not let this server read it \(403\)") as told:
        await refused.read("secret/app#key")
    assert told.value.hint is not None and "secret/data/app" in told.value.hint
    wrong = vault(url, role=(there.role[0], "not the secret id"))
    with pytest.raises(SecretMissing, match=r"refuses the login of this server \(400\)") as login:
        await wrong.read("secret/app#key")
    store = vault(url, token=there.root)
    there.answer = Reply(503, {"errors": ["Vault is sealed"]})
    with pytest.raises(SecretStoreDown, match="it is sealed"):
        await store.read("secret/app#key")
    there.answer = Reply(200, text="<html>")
    with pytest.raises(SecretMissing, match="what answers is not Vault"):
        await store.read("secret/app#key")
    there.answer = Reply(302, {}, headers={"Location": f"{url}/v1/elsewhere"})
    with pytest.raises(SecretMissing, match="answers with 302"):
        await store.read("secret/app#key")
    gone = vault("http://127.0.0.1:9", token=there.root)
    with pytest.raises(SecretStoreDown, match="vault:secret/app#key: cannot reach") as down:
        await gone.read("secret/app#key")
    for each in (told, login, down):
        assert there.root not in str(each.value) and "not the secret id" not in str(each.value)
    for each in (refused, wrong, store, gone):
        await each.aclose()


async def test_a_namespace_goes_along() -> None:
    there = VaultPeer(namespace="team/a")
    there.kv["kv/app"] = {"key": "value"}
    async with served(there) as url:
        store = vault(url, token=there.root, namespace="team/a")
        assert await store.read("kv/app#key") == "value"
        await store.aclose()


async def test_no_recording_holds_what_vault_said(peer: tuple[VaultPeer, str]) -> None:
    there, url = peer
    store = vault(url, role=there.role)
    with recording() as seen:
        await store.read("secret/app#key")
    assert seen == []
    await store.aclose()


# -- the values of a while


async def test_a_value_is_read_once_until_it_is_forgotten(peer: tuple[VaultPeer, str]) -> None:
    there, url = peer
    stores = SecretStores({"vault": vault(url, token=there.root)})
    reference = "vault:secret/app#key"
    assert (
        await stores.values([reference]) == await stores.values([reference]) == {reference: "from the vault"}
    )
    there.kv["secret/app"] = {"key": "newer"}
    assert await stores.values([reference]) == {reference: "from the vault"}
    stores.forget([reference])
    assert await stores.values([reference]) == {reference: "newer"}
    assert len(there.calls) == 2
    with pytest.raises(SecretMissing, match="is empty"):
        there.kv["secret/app"] = {"key": ""}
        stores.forget([reference])
        await stores.values([reference])
    await stores.aclose()


# -- references among credentials, pure

REF: JsonObject = {"ref": "env:KEY"}
VALUES = {"env:KEY": "the-value", "env:HOOK": "https://hooks.zapier.com/hooks/catch/1/x/"}
N8N = discover()["n8n"].connection_model
ZAPIER = discover()["zapier"].connection_model


def kept(model: type[Connection], given: JsonObject) -> tuple[JsonObject, JsonObject]:
    return split(parse(model, filled(given, VALUES)), given)


def test_what_is_kept_is_the_reference_and_never_the_value() -> None:
    given: JsonObject = {"baseUrl": "https://one.example", "apiKey": REF}
    shown, secret = kept(N8N, given)
    assert (shown["apiKey"], secret) == (REF, {})
    hooks: list[JsonValue] = [
        {"name": "a", "url": {"ref": "env:HOOK"}},
        {"name": "b", "url": "https://h.example/b"},
    ]
    shown, secret = kept(ZAPIER, {"hooks": hooks})
    assert shown["hooks"] == [{"name": "a", "url": {"ref": "env:HOOK"}}, {"name": "b", "url": SET}]
    assert secret == {"hooks": hooks}
    assert references(shown) == {"env:HOOK"}
    assert "hooks/catch/1" not in f"{shown}{secret}"


@pytest.mark.parametrize(
    ("model", "given", "where", "why"),
    [
        (N8N, {"baseUrl": {"ref": "env:HOOK"}, "apiKey": "key-1"}, "/baseUrl", "only a secret"),
        (ZAPIER, {"hooks": [{"name": {"ref": "env:KEY"}, "url": "https://h.example/b"}]}, "/hooks/0/name", "only a secret"),
        (ZAPIER, {"accessToken": "tok-1", "refreshToken": REF, "clientId": "i", "clientSecret": "cs-1"}, "/refreshToken", "replaces this token"),
        (ZAPIER, {"accessToken": REF, "refreshToken": "ref-1", "clientId": "i", "clientSecret": "cs-1"}, "/accessToken", "replaces this token"),
        (N8N, {"baseUrl": "https://one.example", "apiKey": {"ref": "env:NONE"}}, "/apiKey", "string"),
        (N8N, {"baseUrl": "https://one.example", "apiKey": {"ref": 7}}, "/apiKey", "string"),
    ],
)  # fmt: skip
def test_a_reference_stands_only_where_a_secret_stays_as_it_is(
    model: type[Connection], given: JsonObject, where: str, why: str
) -> None:
    with pytest.raises(BadCredentials) as refused:
        kept(model, given)
    assert [pointer for pointer, _ in refused.value.faults] == [where]
    assert why in refused.value.message


def test_changes_keep_references_and_another_origin_takes_none_along() -> None:
    given: JsonObject = {"baseUrl": "https://one.example", "apiKey": REF}
    shown, secret = kept(N8N, given)
    for same in ({}, {"apiKey": SET}, {"apiKey": REF}, {"baseUrl": "https://one.example/path"}):
        merged = merge(N8N, shown, secret, same, VALUES)
        assert (merged.shown["apiKey"], merged.secret) == (REF, {})
        assert merged.connection is not None and merged.connection.secrets() == ("the-value",)
    moved = merge(N8N, shown, secret, {"baseUrl": "https://two.example"}, VALUES)
    assert moved.cleared and "apiKey" not in moved.shown
    back = merge(N8N, shown, secret, {"apiKey": "typed-in"}, VALUES)
    assert (back.shown["apiKey"], back.secret) == (SET, {"apiKey": "typed-in"})
    away = merge(N8N, *split(parse(N8N, {**given, "apiKey": "typed-in"})), {"apiKey": REF}, VALUES)
    assert (away.shown["apiKey"], away.secret) == (REF, {})
    again = Merged.of(away.connection, away.referring) if away.connection else None
    assert again == away
