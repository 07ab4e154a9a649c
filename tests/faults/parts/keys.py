"""A new master key under load (G22, threats T24): the process that moves the secrets dies again and again, workers use them all
the while, and no call fails."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from uuid import UUID

from sqlalchemy import text

from providers import discover
from providers.sandbox._asgi import Ask, Reply
from runner.credentials import parse
from runner.database import Database
from runner.errors import VaultError
from runner.store import Store
from runner.vault import Vault
from tests.faults.bench import BY, drawing, token_of, until
from tests.faults.field import Field, hold
from tests.faults.nursery import Worker

OLD, NEW = "test", "next"
WAITING = 20
"""Runs that wait for a callback all through: the seeds of their tokens are sealed too."""
CALLING = 40

# The key that each blob names itself, beside the one that its row says. A blob: version, length of the key's id, the id.
_TRUTH = text("""
    SELECT key_id AS said, convert_from(substr(sealed, 3, get_byte(sealed, 1)), 'UTF8') AS inside, count(*) AS records
    FROM connection WHERE sealed IS NOT NULL GROUP BY 1, 2
""")


async def rotated(field: Field, *, secrets: int, kills: int, batch: int) -> str:
    """`secrets` sealed secrets move to a new key; the mover is killed at random, within and after its transactions, `kills`
    times. Three workers call with them throughout: every call carries its secret, no run fails. After each death the status
    says what the rows hold. Then the old key is removed under load, and everything opens."""
    fresh = os.urandom(32)
    keys = [(NEW, fresh.hex()), (OLD, field.key.hex())]
    met, wrong = Counter[str](), list[str]()

    async def answer(ask: Ask) -> Reply:
        met[ask.params["flow"]] += 1
        if ask.headers.get("authorization") != f"Bearer {ask.params['flow']}":
            wrong.append(ask.params["flow"])
        return Reply(200, {"text": "ok"})

    field.site.route("POST", "/api/v1/prediction/{flow}", answer)
    made = await _sealed(field, secrets)
    waiting = await _waiting(field)
    calling = [await _calling(field, *each) for each in field.chance.sample(made, min(CALLING, secrets))]
    # As in a rolling restart: one worker still has the old key first.
    workers = [_worker(field, order) for order in (keys, keys, keys[::-1])]
    over = asyncio.Event()

    async def load() -> None:
        while not over.is_set():
            await field.store.runs.create(field.scope, field.chance.choice(calling), {}, trigger=BY)
            await asyncio.sleep(0.02)

    loading = asyncio.create_task(load())
    database = Database(field.url, size=4, reserve=2)
    try:
        both = Store(database, _vault(keys), discover())
        moves = await _killed_movers(field, both, keys, secrets, kills, batch)
        await _replaced(field, workers, keys)
        hold(await field.worker(keys=keys, rotate=batch).end(120) == 0, "the last rotation ended badly")
        uses = {use.key_id: use.records for use in await both.keys.status()}
        hold(uses[OLD]["connections"] == 0 and uses[NEW]["connections"] == secrets, uses)
        # Runs go on being made with the old key by the process that makes them here: it is replaced last.
        over.set()
        await loading
        hold(await field.worker(keys=keys, rotate=batch).end(120) == 0, "the last rotation ended badly")
        await _replaced(field, workers, keys[:1])
        alone = Store(database, _vault(keys[:1]), discover())
        await alone.keys.check()
        for each in waiting:
            token = await token_of(alone, field.scope, each, "w")
            await alone.waits.signal(each, token, {})
        await field.settled(60)
        states = await field.states()
        hold(set(states) == {"COMPLETED"}, states)
        hold(not wrong, "calls with another secret", len(wrong))
        for each, secret in made:
            hold((await alone.connections.open(field.scope, each)).secrets() == (secret,), "not what it was")
        await _refused(field)
    finally:
        over.set()
        await loading
        await database.aclose()
    return f"{secrets} secrets on the new key after {kills} deaths in {moves} moves; 0 of {met.total()} calls failed"


async def _killed_movers(
    field: Field, both: Store, keys: list[tuple[str, str]], secrets: int, kills: int, batch: int
) -> int:
    """Let that many movers die. One that is done before its death came sends the next the other way, so that there is always
    something to move. How many ways were gone to the end."""
    deaths, moves = 0, 1
    while deaths < kills:
        point = field.chance.choice(("never", "rotate:inside", f"commit:{field.chance.randrange(1, 9)}"))
        mover = field.worker(point, keys=keys, rotate=batch)
        if point == "never":
            await asyncio.sleep(field.chance.uniform(0.0, 0.15))
            mover.send(signal.SIGKILL)
        code = await mover.end(60)
        hold(code in (0, -signal.SIGKILL), "a mover ended with", code)
        deaths += code != 0
        if code == 0:
            keys, moves = keys[::-1], moves + 1
        await _true(field, both, secrets)
    return moves


async def _true(field: Field, store: Store, secrets: int) -> None:
    """No row says another key than its blob, and the status counts what the rows hold."""
    said: dict[str, int] = {}

    async def agree() -> bool:
        # The server may still be ending a dead mover's transaction: the two are read one after the other.
        nonlocal said
        rows = await field.rows(_TRUTH)
        hold(all(row.said == row.inside for row in rows), "a row names another key than its blob", rows)
        said = {use.key_id: use.records["connections"] for use in await store.keys.status()}
        hold(sum(said.values()) == secrets, "the status lost some", said)
        return {key: count for key, count in said.items() if count} == {row.said: row.records for row in rows}

    await until(agree, 10)


async def _replaced(field: Field, workers: list[Worker], keys: list[tuple[str, str]]) -> None:
    """Each ends by itself, and another with these keys is in its place."""
    for number, worker in enumerate(workers):
        worker.send(signal.SIGTERM)
        hold(await worker.end(30) == 0, "a worker ended with", worker.code)
        workers[number] = _worker(field, keys)


async def _refused(field: Field) -> None:
    """With the old key alone nothing starts, and the missing one is named."""
    try:
        await field.store.keys.check()
    except VaultError as refused:
        hold(f"sealed with key {NEW}" in refused.message, refused.message)
    else:
        hold(False, "a start without the key in use was not refused")


def _vault(keys: list[tuple[str, str]]) -> Vault:
    return Vault([(name, bytes.fromhex(raw)) for name, raw in keys])


def _worker(field: Field, keys: list[tuple[str, str]]) -> Worker:
    """A lease that no slow machine outlasts: a call that is taken over would be another matter."""
    return field.worker(keys=keys, lease=30.0)


async def _sealed(field: Field, count: int) -> list[tuple[UUID, str]]:
    """So many connections to the receiver, each with a secret of its own under the old key."""
    model = discover()["flowise"].connection_model
    made: list[tuple[UUID, str]] = []
    for number in range(count):
        secret = f"secret-{number:05}-{field.chance.getrandbits(64):016x}"
        given = parse(model, {"baseUrl": field.site.url, "apiKey": secret})
        row = await field.store.connections.create(field.scope, "flowise", f"c{number}", given)
        made.append((row.id, secret))
    return made


async def _waiting(field: Field) -> list[UUID]:
    graph = drawing({"w": ("WaitForCallback", {})})
    made = await field.store.orchestrators.create(field.scope, "waiting", "", graph)
    return [await field.store.runs.create(field.scope, made.id, {}, trigger=BY) for _ in range(WAITING)]


async def _calling(field: Field, connection_id: UUID, secret: str) -> UUID:
    """A chain that calls with that connection; the flow it asks for is the secret that has to come along."""
    config = {
        "provider": "flowise",
        "connectionId": str(connection_id),
        "workflowId": secret,
        "retryAttempts": 0,
    }
    graph = drawing({"t": ("RemoteWebhook", config)})
    return (await field.store.orchestrators.create(field.scope, secret, "", graph)).id
