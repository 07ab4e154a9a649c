"""Connections and their secrets on a real Postgres: sealed, bound to an origin and a workspace, rotated without a gap."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from pydantic import Field, SecretStr
from sqlalchemy import insert, select, text, update

from providers import Account, Connection, Frozen, Http, Provider, Registry, discover
from runner.credentials import SET, BadCredentials, merge, parse, split
from runner.database import Database
from runner.errors import Conflict, NotFound, VaultError
from runner.model import Failure, Role, Scope
from runner.platforms import Platforms
from runner.store import Store
from runner.store.connections import Connections, InUse
from runner.store.keys import Keys
from runner.tables import connection as table
from runner.tables import orchestrator, orchestrator_revision, vault_key, workspace
from runner.vault import Vault
from tests.factories import KEY, make_run, open_store, waiting_graph

OLD, NEW = ("old1", b"o" * 32), ("new2", b"n" * 32)


class Hook(Frozen):
    name: str
    url: SecretStr


class ProbeConnection(Connection):
    base_url: str = Field(min_length=8)
    api_key: SecretStr = Field(min_length=4)
    token_url: str | None = None
    hooks: tuple[Hook, ...] = ()


class Probe(Provider[ProbeConnection]):
    name = "probe"
    title = "Probe"

    async def check(self) -> Account:
        return Account(label="probe")


class Renewing(Provider[Connection]):
    name = "renewing"
    title = "Renewing"
    fields: dict[str, str] | None = None

    async def check(self) -> Account:
        return Account(label="renewing")

    def renewed(self) -> dict[str, str] | None:
        return self.fields


REGISTRY = Registry({"probe": Probe})
HERE: dict[str, Any] = {
    "baseUrl": "https://one.example/api",
    "apiKey": "key-1",
    "hooks": [{"name": "a", "url": "https://h/1"}],
}


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, size=4, reserve=0)
    yield database
    await database.aclose()


@pytest_asyncio.fixture
async def scope(database: Database) -> Scope:
    async with database.begin() as transaction:
        found = (await transaction.execute(select(workspace.c.id))).scalar_one()
    return Scope(found, "test", Role.ADMIN)


@pytest.fixture
def connections(database: Database) -> Connections:
    return Connections(database, Vault([OLD]), REGISTRY)


def probe(**changes: Any) -> Connection:
    return parse(ProbeConnection, {**HERE, **changes})


async def make(connections: Connections, scope: Scope, name: str = "mine", **changes: Any) -> UUID:
    return (await connections.create(scope, "probe", name, probe(**changes))).id


# -- credentials, pure


def test_splitting_keeps_every_secret_out_of_what_is_shown() -> None:
    shown, secret = split(probe())
    assert shown == {
        "baseUrl": "https://one.example/api",
        "apiKey": "***",
        "hooks": [{"name": "a", "url": "***"}],
    }
    assert secret == {"apiKey": "key-1", "hooks": [{"name": "a", "url": "https://h/1"}]}
    assert parse(ProbeConnection, {**shown, **secret}) == probe()


def test_a_form_sent_back_with_its_masks_changes_nothing() -> None:
    shown, secret = split(probe())
    assert merge(ProbeConnection, shown, secret, shown).connection == probe()


def test_a_masked_item_of_a_list_is_found_again_after_others_came_or_went() -> None:
    two = [{"name": "a", "url": "https://h/1"}, {"name": "b", "url": "https://h/2"}]
    shown, secret = split(probe(hooks=two))
    merged = merge(ProbeConnection, shown, secret, {"hooks": [{"name": "b", "url": "***"}]})
    assert merged.secret["hooks"] == [two[1]]


@pytest.mark.parametrize(
    "changes",
    [
        {"baseUrl": "https://two.example/api"},
        {"baseUrl": "http://one.example/api"},
        {"baseUrl": "https://one.example:8443/api"},
        {"base_url": "https://two.example/api"},
        {"tokenUrl": "https://evil.example/token"},
    ],
)
def test_a_changed_origin_takes_no_secret_along(changes: dict[str, Any]) -> None:
    merged = merge(ProbeConnection, *split(probe()), changes)
    assert merged.cleared
    assert merged.secret == {}
    assert "apiKey" not in merged.shown and "hooks" not in merged.shown
    with pytest.raises(BadCredentials, match="address has changed"):
        merge(ProbeConnection, *split(probe()), {**changes, "apiKey": "***"})
    fresh = merge(ProbeConnection, *split(probe()), {**changes, "apiKey": "key-2"})
    assert fresh.secret == {"apiKey": "key-2"}


@pytest.mark.parametrize(
    "same", ["https://ONE.example/api", "https://one.example:443/other", "https://one.example/api/"]
)
def test_the_same_origin_keeps_the_secret(same: str) -> None:
    assert merge(ProbeConnection, *split(probe()), {"baseUrl": same}).secret["apiKey"] == "key-1"


def test_unusable_credentials_are_named_by_pointer_and_never_repeated() -> None:
    with pytest.raises(BadCredentials) as caught:
        parse(ProbeConnection, {"baseUrl": 7, "apiKey": "shh", "hooks": [{"name": "a"}], "extra": "hidden"})
    assert [pointer for pointer, _ in caught.value.faults] == [
        "/baseUrl",
        "/apiKey",
        "/hooks/0/url",
        "/extra",
    ]
    assert "shh" not in str(caught.value) and "hidden" not in str(caught.value)


# -- the store


async def test_a_connection_is_kept_sealed_and_opens_again(
    connections: Connections, scope: Scope, database: Database
) -> None:
    made = await connections.create(
        scope, "probe", "mine", probe(), account=Account(label="Ada", workflows=3)
    )
    assert (made.status, made.account, made.workflow_count) == ("ACTIVE", "Ada", 3)
    assert await connections.open(scope, made.id) == probe()
    async with database.begin() as transaction:
        row = (await transaction.execute(text("select c::text from connection c"))).scalar_one()
    assert "key-1" not in row and "h/1" not in row and b"key-1".hex() not in row


async def test_names_are_unique_per_provider(connections: Connections, scope: Scope) -> None:
    await make(connections, scope)
    other = await make(connections, scope, "other")
    with pytest.raises(Conflict) as caught:
        await make(connections, scope)
    assert caught.value.code == "name-taken"
    with pytest.raises(Conflict):
        await connections.update(scope, other, name="mine")


async def test_another_workspace_sees_nothing(
    connections: Connections, scope: Scope, database: Database
) -> None:
    mine = await make(connections, scope)
    async with database.begin() as transaction:
        made = await transaction.execute(insert(workspace).values(name="other").returning(workspace.c.id))
        stranger = Scope(made.scalar_one(), "eve", Role.ADMIN)
    assert await connections.page(stranger) == await connections.all(stranger) == ()
    for attempt in (
        connections.get(stranger, mine),
        connections.open(stranger, mine),
        connections.resolve(stranger, "probe", mine),
        connections.resolve(stranger, "probe", None),
        connections.update(stranger, mine, name="x"),
        connections.delete(stranger, mine),
        connections.used_by(stranger, mine),
    ):
        with pytest.raises(NotFound):
            await attempt
    await connections.report(stranger, mine, problem=Failure(code="x", message="x"))
    assert (await connections.get(scope, mine)).status == "ACTIVE"


async def test_ciphertext_moved_to_another_row_does_not_open(
    connections: Connections, scope: Scope, database: Database
) -> None:
    first, second = await make(connections, scope, "a"), await make(connections, scope, "b")
    async with database.begin() as transaction:
        sealed = select(table.c.sealed).where(table.c.id == first).scalar_subquery()
        await transaction.execute(update(table).where(table.c.id == second).values(sealed=sealed))
    with pytest.raises(VaultError):
        await connections.open(scope, second)


async def test_pages_list_every_connection_once(connections: Connections, scope: Scope) -> None:
    made = [await make(connections, scope, f"c{number}") for number in range(5)]
    seen: list[UUID] = []
    while page := await connections.page(scope, limit=2, after=seen[-1] if seen else None):
        seen += [row.id for row in page]
    assert seen == made == [row.id for row in await connections.all(scope)]


async def test_the_only_connection_need_not_be_named(connections: Connections, scope: Scope) -> None:
    with pytest.raises(NotFound) as missing:
        await connections.resolve(scope, "probe", None)
    assert missing.value.code == "connection-missing"
    only = await make(connections, scope)
    assert (await connections.resolve(scope, "probe", None)).id == only
    await make(connections, scope, "second")
    with pytest.raises(Conflict) as several:
        await connections.resolve(scope, "probe", None)
    assert several.value.code == "connection-ambiguous"
    assert (await connections.resolve(scope, "probe", only)).id == only


async def test_a_moved_connection_is_cleared_and_says_so(connections: Connections, scope: Scope) -> None:
    row = await connections.get(scope, await make(connections, scope))
    merged = connections.merged(row, {"baseUrl": "https://two.example"})
    moved = await connections.update(scope, row.id, credentials=merged, seen=row.updated_at)
    assert (moved.sealed, moved.status, moved.base_url) == (None, "FAILING", "https://two.example")
    assert moved.last_error is not None and moved.last_error["code"] == "credentials-missing"
    with pytest.raises(Conflict) as caught:
        connections.opened(moved)
    assert caught.value.code == "credentials-missing"
    again = connections.merged(moved, {"apiKey": "key-9"})
    mended = await connections.update(scope, row.id, credentials=again, account=Account(label="Ada"))
    assert (mended.status, mended.last_error) == ("ACTIVE", None)
    assert connections.opened(mended).secrets() == ("key-9",)


async def test_the_age_of_a_key_is_that_of_its_entering(connections: Connections, scope: Scope) -> None:
    made = await connections.create(scope, "probe", "a", parse(ProbeConnection, HERE))
    assert made.secrets_at is not None and made.secrets_expire_at is None
    renamed = await connections.update(scope, made.id, name="b")
    kept = await connections.update(scope, made.id, credentials=connections.merged(renamed, {"apiKey": SET}))
    assert renamed.secrets_at == kept.secrets_at == made.secrets_at
    rotated = await connections.update(
        scope, made.id, credentials=connections.merged(kept, {"apiKey": "key-2"})
    )
    assert rotated.secrets_at is not None and rotated.secrets_at > made.secrets_at
    moved = connections.merged(rotated, {"baseUrl": "https://two.example/api", "hooks": []})
    cleared = await connections.update(scope, made.id, credentials=moved)
    assert cleared.secrets_at is None


def jwt(claims: str) -> str:
    return ".".join(
        base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in ("{}", claims, "x")
    )


@pytest.mark.parametrize(
    ("key", "ends"),
    [
        (jwt('{"exp": 1893456000}'), datetime(2030, 1, 1, tzinfo=UTC)),
        (jwt('{"iat": 1893456000}'), None),
        (jwt('{"exp": 99999999999999999}'), None),
        (jwt('{"exp": "soon"}'), None),
        (jwt("not json"), None),
        ("a.b", None),
        ("ä.ö.ü", None),
        ("plain-key", None),
    ],
)
def test_a_key_that_says_when_it_ends(key: str, ends: datetime | None) -> None:
    registry = discover()
    here: dict[str, Any] = {"baseUrl": "https://one.example"}
    assert parse(registry["n8n"].connection_model, {**here, "apiKey": key}).expires() == ends
    assert parse(registry["airflow"].connection_model, {**here, "token": key}).expires() == ends
    password = {**here, "username": "u", "password": key}
    assert parse(registry["airflow"].connection_model, password).expires() is None


async def test_the_end_of_a_key_is_kept_with_it(store: Store, scope: Scope) -> None:
    fields: dict[str, Any] = {"baseUrl": "https://one.example", "apiKey": jwt('{"exp": 1893456000}')}
    model = discover()["n8n"].connection_model
    made = await store.connections.create(scope, "n8n", "a", parse(model, fields))
    assert made.secrets_expire_at == datetime(2030, 1, 1, tzinfo=UTC)
    changed = store.connections.merged(made, {"apiKey": "without-end"})
    rotated = await store.connections.update(scope, made.id, credentials=changed)
    assert rotated.secrets_expire_at is None


async def test_of_two_changes_made_from_one_state_the_second_is_refused(
    connections: Connections, scope: Scope
) -> None:
    row = await connections.get(scope, await make(connections, scope))
    first, second = (connections.merged(row, {"apiKey": key}) for key in ("key-a", "key-b"))
    await connections.update(scope, row.id, credentials=first, seen=row.updated_at)
    with pytest.raises(Conflict, match="changed meanwhile"):
        await connections.update(scope, row.id, credentials=second, seen=row.updated_at)
    assert (await connections.open(scope, row.id)).secrets()[0] == "key-a"


async def test_reports_move_the_status_but_wake_no_paused_connection(
    connections: Connections, scope: Scope
) -> None:
    made = await make(connections, scope)
    before = (await connections.get(scope, made)).updated_at

    async def status(code: str | None) -> str:
        problem = None if code is None else Failure(code=code, message="said the platform")
        await connections.report(scope, made, problem=problem)
        row = await connections.get(scope, made)
        assert (row.last_error or {}).get("code") == code
        assert row.updated_at == before
        return row.status

    assert await status("unauthorized") == "FAILING"
    assert await status(None) == "ACTIVE"
    assert await status("rate-limited") == "ACTIVE"
    before = (await connections.update(scope, made, status="INACTIVE")).updated_at
    assert await status("unreachable") == "INACTIVE"
    assert await status(None) == "INACTIVE"
    assert (await connections.update(scope, made, status="ACTIVE")).status == "ACTIVE"


async def test_renewed_tokens_are_kept_unless_somebody_was_faster(
    connections: Connections, scope: Scope
) -> None:
    made = await make(connections, scope)
    provider = Renewing(await connections.open(scope, made), Http())

    async def kept() -> str:
        await connections.keep_renewed(scope, made, provider)
        return (await connections.open(scope, made)).secrets()[0]

    assert await kept() == "key-1"
    provider.fields = {"apiKey": "key-2"}
    assert await kept() == "key-2"
    before = (await connections.get(scope, made)).updated_at
    assert await kept() == "key-2"
    assert (await connections.get(scope, made)).updated_at == before
    provider.fields = {"apiKey": "key-3"}
    assert await kept() == "key-3"
    row = await connections.get(scope, made)
    await connections.update(scope, made, credentials=connections.merged(row, {"apiKey": "by hand"}))
    provider.fields = {"apiKey": "key-4"}
    assert await kept() == "by hand"
    await connections.delete(scope, made)
    await connections.keep_renewed(scope, made, provider)
    await provider.http.aclose()


async def draw(database: Database, scope: Scope, name: str, *configs: dict[str, Any]) -> UUID:
    definition = {
        "version": 1,
        "nodes": [{"id": str(n), "data": {"config": c}} for n, c in enumerate(configs)],
    }
    async with database.begin() as transaction:
        values = {"workspace_id": scope.workspace_id, "name": name, "revision": 1, "created_by": "t"}
        made = (
            await transaction.execute(insert(orchestrator).values(values).returning(orchestrator.c.id))
        ).scalar_one()
        await transaction.execute(
            insert(orchestrator_revision).values(
                orchestrator_id=made, revision=1, definition=definition, created_by="t"
            )
        )
    return made


async def test_users_are_those_whose_current_definition_needs_it(
    connections: Connections, scope: Scope, database: Database
) -> None:
    mine = await make(connections, scope)
    by_id = await draw(database, scope, "by id", {}, {"provider": "probe", "connectionId": str(mine)})
    by_key = await draw(database, scope, "by key", {"apiKeyConnectionId": str(mine)})
    left_open = await draw(database, scope, "left open", {"provider": "probe", "workflowId": "1"})
    await draw(
        database, scope, "other", {"provider": "probe", "connectionId": str(uuid4())}, {"provider": "make"}
    )
    assert [user for user, _ in await connections.used_by(scope, mine)] == [by_id, by_key, left_open]
    with pytest.raises(InUse, match=r"by id.*by key.*left open"):
        await connections.delete(scope, mine)
    await make(connections, scope, "second")
    assert [user for user, _ in await connections.used_by(scope, mine)] == [by_id, by_key]
    await connections.delete(scope, mine, force=True)
    with pytest.raises(NotFound):
        await connections.get(scope, mine)


# -- platforms


async def test_one_provider_per_connection_until_it_changes(connections: Connections, scope: Scope) -> None:
    made = await make(connections, scope)
    platforms = Platforms(connections, REGISTRY)
    first, connection_id = await platforms.open(scope, "probe", None)
    assert connection_id == made
    await connections.report(scope, made, problem=Failure(code="timeout", message="slow"))
    assert (await platforms.open(scope, "probe", made))[0] is first
    row = await connections.get(scope, made)
    await connections.update(scope, made, credentials=connections.merged(row, {"apiKey": "key-2"}))
    second, _ = await platforms.open(scope, "probe", made)
    assert second is not first and second.connection.secrets()[0] == "key-2"
    await connections.update(scope, made, status="INACTIVE")
    with pytest.raises(Conflict) as caught:
        await platforms.open(scope, "probe", made)
    assert caught.value.code == "connection-inactive"
    with pytest.raises(NotFound, match="there is no provider nothing"):
        await platforms.open(scope, "nothing", None)
    await platforms.aclose()


# -- keys


async def test_a_missing_key_stops_the_start_by_name(
    connections: Connections, scope: Scope, database: Database
) -> None:
    await Keys(database, Vault([OLD])).check()
    await make(connections, scope)
    await Keys(database, Vault([NEW, OLD])).check()
    with pytest.raises(VaultError, match="1 connections are sealed with key old1, which is not among"):
        await Keys(database, Vault([NEW])).check()


async def test_another_key_under_a_known_id_stops_the_start(database: Database) -> None:
    await Keys(database, Vault([OLD])).check()
    with pytest.raises(VaultError, match=r"old1.*is not the key that this database knows"):
        await Keys(database, Vault([("old1", b"z" * 32)])).check()


async def test_a_refused_start_remembers_nothing(
    connections: Connections, scope: Scope, database: Database
) -> None:
    await make(connections, scope)
    with pytest.raises(VaultError):
        await Keys(database, Vault([NEW])).check()
    async with database.begin() as transaction:
        assert (await transaction.execute(select(vault_key))).all() == []


async def test_rotation_goes_on_where_it_was_cut_off(
    connections: Connections, scope: Scope, database: Database
) -> None:
    made = [await make(connections, scope, f"c{number}") for number in range(7)]
    both = Vault([NEW, OLD])
    keys = Keys(database, both)
    assert await keys.rewrap_some(3) == 3
    readers = Connections(database, both, REGISTRY)
    assert [await readers.open(scope, each) for each in made] == [probe()] * 7
    assert {use.key_id: use.records["connections"] for use in await keys.status()} == {"new2": 3, "old1": 4}
    assert await keys.rewrap_all(3) == 4
    assert await keys.rewrap_all() == 0
    only = Connections(database, Vault([NEW]), REGISTRY)
    assert [await only.open(scope, each) for each in made] == [probe()] * 7
    await Keys(database, Vault([NEW])).check()


async def test_rotation_takes_the_seeds_of_runs_under_way_along(database_url: str) -> None:
    async with open_store(database_url) as store:
        scope = await store.access.scope("test")
        under_way, ended = [await make_run(store, waiting_graph()) for _ in range(2)]
        await store.runs.cancel(scope, ended)
        both = Vault([NEW, (KEY.id, KEY.raw())])
        keys = Keys(store.database, both)
        assert [use.records["runs under way"] for use in await keys.status()] == [0, 1]
        before = await store.history.run(scope, under_way, callback_base="http://x")
        assert await keys.rewrap_all() == 1
        assert [use.records["runs under way"] for use in await keys.status()] == [1, 0]
        only = Store(store.database, Vault([NEW]), REGISTRY)
        assert await only.history.run(scope, under_way, callback_base="http://x") == before
        await Keys(store.database, Vault([NEW])).check()
