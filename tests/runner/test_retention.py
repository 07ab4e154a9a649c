"""Retention: what goes and what stays, that each run is whole or gone whatever dies, and that nobody waits for a purge."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError

from providers import discover
from runner import archive
from runner.database import Database
from runner.engine import Engine
from runner.errors import ArchiveUnwritable, NotFound
from runner.model import Policy, Scope
from runner.store import Store
from runner.store.letters import LetterFilter
from runner.store.purge import BATCH, WINDOW
from runner.tables import duty, purge, run
from runner.vault import Vault
from tests.faults.bench import BY, begin, drawing, events, mapper, node_rows, run_row, token_of
from tests.faults.invariants import violations
from tests.faults.upkeep import upkeep

KEY = bytes(range(32))
NEVER = Policy()
PARTS = ("run", "node_run", "node_attempt", "run_event", "wait", "callback", "callback_audit")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """As the conftest's, with a key that other processes know too."""
    database = Database(database_url, size=8)
    yield Store(database, Vault([("test", KEY)]), discover())
    await database.aclose()


async def purged(store: Store, policy: Policy, **more: Any) -> int:
    """A whole pass; how many runs went."""
    count = 0
    await store.retention.hurry(await store.access.scope("tester"))
    while (step := await store.purge.step(policy, pause=0, every=0, **more)) is not None:
        count += step.runs
        if step.over:
            return count
    raise AssertionError("somebody else is purging")


async def ids(store: Store) -> list[UUID]:
    async with store.database.begin() as connection:
        return list(await connection.scalars(select(run.c.id).order_by(run.c.id)))


async def age(store: Store, days: int, *only: UUID) -> None:
    """Make runs older than they are."""
    query = update(run).values(finished_at=run.c.finished_at - text(f"interval '{days} days'"))
    async with store.database.begin() as connection:
        await connection.execute(query.where(run.c.id.in_(only)) if only else query)


async def completed(store: Store, scope: Scope, engine: Engine, count: int) -> UUID:
    """An orchestrator with so many completed runs, which ended in the order they began: by that they are old or new."""
    made = await store.orchestrators.create(scope, "test", "", drawing({"a": mapper("input.n", "n")}))
    for n in range(count):
        await store.runs.create(scope, made.id, {"n": n}, trigger=BY)
        await engine.run_until_idle()
    return made.id


async def many(store: Store, scope: Scope, orchestrator_id: UUID, count: int) -> None:
    """So many ended runs more, each with a wait, an accepted callback and 20 lines, made in the database from the first one."""
    async with store.database.begin() as connection:
        await connection.execute(text(_MANY), {"orchestrator": orchestrator_id, "count": count})


_MANY = """
    WITH made AS (
        INSERT INTO run (workspace_id, orchestrator_id, revision, state, inputs, trigger_kind, trigger_by, event_seq,
            created_at, finished_at)
        SELECT o.workspace_id, o.id, o.revision, 'COMPLETED', '{}', 'api', 'x', 20, clock_timestamp() - interval '9 days',
            clock_timestamp() - interval '8 days'
        FROM orchestrator o, generate_series(1, :count) WHERE o.id = :orchestrator RETURNING id, workspace_id
    ), nodes AS (
        INSERT INTO node_run (run_id, node_id, type, label, state, work)
        SELECT id, 'wait', 'WaitForCallback', 'wait', 'COMPLETED', 'ended' FROM made RETURNING id, run_id
    ), tries AS (
        INSERT INTO node_attempt (node_run_id, attempt, finished_at) SELECT id, 1, clock_timestamp() FROM nodes
    ), waits AS (
        INSERT INTO wait (node_run_id, workspace_id, run_id, token_sha256, state)
        SELECT nodes.id, made.workspace_id, run_id, sha256(nodes.id::text::bytea), 'resumed'
        FROM nodes JOIN made ON made.id = run_id
    ), bodies AS (
        INSERT INTO callback (node_run_id, body) SELECT id, '{"n": 1}' FROM nodes
    ), audits AS (
        INSERT INTO callback_audit (run_id, node_run_id, verdict) SELECT run_id, id, 'accepted' FROM nodes
    )
    INSERT INTO run_event (run_id, seq, kind, message)
    SELECT id, n, 'log', 'line ' || n FROM made, generate_series(1, 20) n
"""


async def halves(store: Store) -> dict[str, int]:
    """Rows whose run is gone, by table, and runs that lost a part: of each there must be none."""
    found: dict[str, int] = {}
    async with store.database.begin() as connection:
        for table in ("node_run", "run_event", "wait", "callback_audit"):
            lost = f"SELECT count(*) FROM {table} t LEFT JOIN run r ON r.id = t.run_id WHERE r.id IS NULL"
            found[table] = await connection.scalar(text(lost)) or 0
        for table in ("node_attempt", "callback"):
            lost = f"SELECT count(*) FROM {table} t LEFT JOIN node_run n ON n.id = t.node_run_id WHERE n.id IS NULL"
            found[table] = await connection.scalar(text(lost)) or 0
        short = """
            SELECT count(*) FROM run r WHERE event_seq <> (SELECT count(*) FROM run_event e WHERE e.run_id = r.id)
                OR NOT EXISTS (SELECT FROM node_run n WHERE n.run_id = r.id)
        """
        found["run"] = await connection.scalar(text(short)) or 0
    return {name: count for name, count in found.items() if count}


async def test_by_age_the_old_go_and_the_young_stay(store: Store, scope: Scope, engine: Engine) -> None:
    await completed(store, scope, engine, 4)
    old, *_ = before = await ids(store)
    await age(store, 31, old)
    assert await purged(store, NEVER) == 0
    assert await purged(store, Policy(days=30)) == 1
    assert await ids(store) == before[1:]
    assert await halves(store) == {} and await violations(store.database) == {}


async def test_by_count_the_newest_stay_of_each_orchestrator(
    store: Store, scope: Scope, engine: Engine
) -> None:
    first = await completed(store, scope, engine, 5)
    await completed(store, scope, engine, 2)
    before = await ids(store)
    assert await purged(store, Policy(runs=3)) == 2
    assert await ids(store) == before[2:]
    (noted,) = await store.retention.purges(scope, limit=10)
    assert (noted.orchestrator_id, noted.runs, noted.archive) == (first, 2, None)
    assert await store.retention.purged(scope) == 2


async def test_an_orchestrators_own_policy_is_the_one_that_counts(
    store: Store, scope: Scope, engine: Engine
) -> None:
    for_ever = await completed(store, scope, engine, 3)
    one = await completed(store, scope, engine, 3)
    await store.retention.set(scope, for_ever, Policy())
    await store.retention.set(scope, one, Policy(runs=1))
    assert await purged(store, Policy(runs=2)) == 2
    assert len(await ids(store)) == 4
    await store.retention.set(scope, for_ever, None)
    assert not (await store.retention.of(scope, NEVER, for_ever)).own
    assert await purged(store, Policy(runs=2)) == 1
    with pytest.raises(NotFound):
        await store.retention.set(scope, UUID(int=1), Policy())


async def test_pinned_live_and_lettered_runs_stay_and_the_preview_says_so(
    store: Store, scope: Scope, engine: Engine
) -> None:
    graph = drawing(
        {"wait": ("WaitForCallback", {}), "a": ("DataMapper", {"mappings": [
            {"from": "data.n", "to": "n", "type": "integer"}]})},
        "wait>a",
    )  # fmt: skip
    made = await store.orchestrators.create(scope, "test", "", graph)
    runs = [await store.runs.create(scope, made.id, {}, trigger=BY) for _ in range(5)]
    await engine.run_until_idle()
    live, kept, lettered, *going = runs
    for run_id in (kept, *going):
        await store.waits.signal(run_id, await token_of(store, scope, run_id, "wait"), {"n": 1})
    await store.waits.signal(lettered, await token_of(store, scope, lettered, "wait"), {"n": "x"})
    await engine.run_until_idle()
    await store.retention.keep(scope, kept, True)
    assert (await events(store, kept))[-1].kind == "run.kept"
    await age(store, 10)
    (preview,) = await store.retention.preview(scope, Policy(days=5), limit=10)
    assert (preview.ended, preview.pinned, preview.held, preview.purge) == (4, 1, 1, 2)
    assert await purged(store, Policy(days=5)) == 2
    assert await ids(store) == [live, kept, lettered]
    # Once it is let go and the letter is dropped, they go.
    await store.retention.keep(scope, kept, False)
    (letter,) = await store.letters.page(scope, LetterFilter(), limit=9)
    await store.letters.drop(scope, letter.id, reason="test")
    assert await purged(store, Policy(days=5)) == 2
    assert await ids(store) == [live]


async def test_a_run_that_another_waits_for_stays_as_long_as_that_goes_on(
    store: Store, scope: Scope, engine: Engine
) -> None:
    inner = await store.orchestrators.create(scope, "inner", "", drawing({"a": mapper("input", "x")}))
    graph = drawing(
        {"flow": ("LocalFlow", {"flowId": str(inner.id)}), "wait": ("WaitForCallback", {})}, "flow>wait"
    )
    outer = await begin(store, scope, graph)
    await engine.run_until_idle()
    await age(store, 10)
    assert len(await ids(store)) == 2
    assert await purged(store, Policy(days=5)) == 0
    await store.runs.cancel(scope, outer)
    assert await purged(store, Policy(days=5)) == 1
    assert await ids(store) == [outer]


async def test_an_archived_run_is_whole_and_holds_no_secret(
    store: Store, scope: Scope, engine: Engine, tmp_path: Path
) -> None:
    graph = drawing({"wait": ("WaitForCallback", {}), "a": mapper("data.n", "n")}, "wait>a")
    run_id = await begin(store, scope, graph, {"order": "Ä\n\u2028"})
    token = await token_of(store, scope, run_id, "wait")
    await engine.run_until_idle()
    await store.waits.signal(run_id, token, {"n": 1}, "192.0.2.1")
    await engine.run_until_idle()
    lines, row = await events(store, run_id), await run_row(store, run_id)
    nodes = await node_rows(store, run_id)
    await age(store, 10)
    assert await purged(store, Policy(days=5), archive=tmp_path) == 1
    (found,) = archive.runs(tmp_path)
    assert (found.id, found.number, found.state, found.orchestrator_name) == (
        run_id,
        row.number,
        "COMPLETED",
        "test",
    )
    whole: Any = archive.read(found.file, run_id)
    assert whole["run"]["inputs"] == {"order": "Ä\n\u2028"} and whole["run"]["output"] == {"n": 1}
    assert [e["message"] for e in whole["events"]] == [e.message for e in lines]
    assert {n["node"]["node_id"] for n in whole["nodes"]} == set(nodes)
    assert all(n["attempts"] for n in whole["nodes"])
    assert [c["body"] for c in whole["callbacks"]] == [{"n": 1}]
    assert [a["sender"] for a in whole["callbackAudit"]] == ["192.0.2.1"]
    text_ = gzip.decompress(found.file.read_bytes()).decode()
    assert token not in text_ and "sealed_seed" not in text_ and "token_sha256" not in text_
    assert len(text_.splitlines() if "\u2028" not in text_ else text_.split("\n")) >= 2
    assert archive.read(found.file, UUID(int=1)) is None
    assert found.file.stat().st_mode & 0o077 == 0


async def test_where_the_archive_cannot_be_written_nothing_goes(
    store: Store, scope: Scope, engine: Engine, tmp_path: Path
) -> None:
    await completed(store, scope, engine, 3)
    (tmp_path / "file").write_text("no folder")
    await age(store, 10)
    with pytest.raises(ArchiveUnwritable, match="file"):
        await purged(store, Policy(days=5), archive=tmp_path / "file")
    assert len(await ids(store)) == 3


async def test_what_changed_after_it_was_archived_stays_until_it_is_archived_again(
    store: Store, scope: Scope, engine: Engine, tmp_path: Path
) -> None:
    """A line that is written between the file and the delete must not be lost with the run."""
    await completed(store, scope, engine, 2)
    first, second = await ids(store)
    await age(store, 10)
    write = store.purge._write  # pyright: ignore[reportPrivateUsage] -- the moment between two steps of one method

    async def interrupted(connection: Any, folder: Path, place: Any, ids: list[UUID], now: str) -> Any:
        written = await write(connection, folder, place, ids, now)
        await store.labels.replace(scope, first, {"late": "yes"})
        return written

    store.purge._write = interrupted  # pyright: ignore[reportPrivateUsage]
    assert await purged(store, Policy(days=5), archive=tmp_path) == 1
    assert await ids(store) == [first]
    store.purge._write = write  # pyright: ignore[reportPrivateUsage]
    assert await purged(store, Policy(days=5), archive=tmp_path) == 1
    kept = {a.id: a for a in archive.runs(tmp_path)}
    assert kept.keys() == {first, second}
    whole: Any = archive.read(kept[first].file, first)
    assert whole["run"]["labels"] == {"late": "yes"}


async def test_a_purge_that_is_killed_leaves_each_run_whole_or_gone(
    store: Store, scope: Scope, engine: Engine, database_url: str, tmp_path: Path
) -> None:
    """Killed in its second and in its third batch, everything written and nothing committed; others finish it."""
    orchestrator_id = await completed(store, scope, engine, 1)
    await many(store, scope, orchestrator_id, BATCH * 5)
    before = set(await ids(store))
    order: dict[str, Any] = {"policy": {"days": 5}, "archive": str(tmp_path)}
    for at in (2, 3):
        await store.retention.hurry(await store.access.scope("tester"))
        assert await upkeep(database_url, KEY, "purge", at=at, **order) == -signal.SIGKILL
        left = set(await ids(store))
        assert left < before and await halves(store) == {}
        archived = {a.id for a in archive.runs(tmp_path)}
        assert before - left <= archived
    await store.retention.hurry(await store.access.scope("tester"))
    ends = await asyncio.gather(*(upkeep(database_url, KEY, "purge", **order) for _ in range(3)))
    assert set(ends) == {0}
    await purged(store, Policy(days=5), archive=tmp_path)
    assert len(await ids(store)) == 1 and await halves(store) == {}
    assert {a.id for a in archive.runs(tmp_path)} == before - set(await ids(store))
    async with store.database.begin() as connection:
        assert await connection.scalar(select(func.sum(purge.c.runs))) == BATCH * 5


async def test_one_process_at_a_time_and_one_pace_for_all(store: Store, scope: Scope, engine: Engine) -> None:
    orchestrator_id = await completed(store, scope, engine, 1)
    await many(store, scope, orchestrator_id, BATCH * 3)
    steps = await asyncio.gather(*(store.purge.step(Policy(days=5), pause=3600) for _ in range(5)))
    assert sum(step is not None for step in steps) == 1
    assert await store.purge.step(Policy(days=5)) is None
    assert len(await ids(store)) == 1 + BATCH * 2


async def test_a_policy_that_changes_during_a_purge_counts_at_once(
    store: Store, scope: Scope, engine: Engine
) -> None:
    orchestrator_id = await completed(store, scope, engine, 1)
    await many(store, scope, orchestrator_id, BATCH * 3)
    step = await store.purge.step(Policy(days=5), pause=0)
    assert step is not None and (step.runs, step.over) == (BATCH, False)
    await store.retention.set(scope, orchestrator_id, Policy())
    step = await store.purge.step(Policy(days=5), pause=0)
    assert step is not None and (step.runs, step.over) == (0, True)
    assert len(await ids(store)) == 1 + BATCH * 2


async def test_a_purge_of_thousands_blocks_no_callback_and_loses_none(
    store: Store, scope: Scope, engine: Engine, database_url: str
) -> None:
    """Callbacks come all the while, on connections that would rather fail than wait 20 ms for a lock."""
    graph = drawing({"wait": ("WaitForCallback", {}), "a": mapper("data.n", "n")}, "wait>a")
    made = await store.orchestrators.create(scope, "test", "", graph)
    waiting = [await store.runs.create(scope, made.id, {}, trigger=BY) for _ in range(150)]
    await engine.run_until_idle()
    tokens = [await token_of(store, scope, run_id, "wait") for run_id in waiting]
    await many(store, scope, made.id, 3000)
    impatient = Database(database_url, size=4, reserve=4)
    begin_ = impatient.begin

    @asynccontextmanager
    async def begin_in_haste(*scope: Any, **options: Any) -> AsyncGenerator[Any]:
        async with begin_(*scope, **options) as connection:
            await connection.execute(text("SET LOCAL lock_timeout = 20"))
            yield connection

    fast = impatient.fast

    @asynccontextmanager
    async def fast_in_haste(*scope: Any, **options: Any) -> AsyncGenerator[Any]:
        async with fast(*scope, **options) as connection:
            await connection.execute("SET lock_timeout = 20")
            yield connection

    impatient.begin, impatient.fast = begin_in_haste, fast_in_haste
    caller = Store(impatient, store.vault, discover())
    async with impatient.begin(reserved=True) as connection:
        assert await connection.scalar(text("SHOW lock_timeout")) == "20ms"
    going = asyncio.create_task(purged(store, Policy(days=5)))
    verdicts: list[str] = []
    try:
        for n, (run_id, token) in enumerate(zip(waiting, tokens, strict=True)):
            verdicts.append((await caller.waits.signal(run_id, token, {"n": n})).kind)
            assert n or not going.done()
        assert await going == 3000
    finally:
        going.cancel()
        await impatient.aclose()
    assert verdicts == ["accepted"] * 150
    await engine.run_until_idle()
    for n, run_id in enumerate(waiting):
        row = await run_row(store, run_id)
        assert (row.state, row.output) == ("COMPLETED", {"n": n})
    assert await halves(store) == {} and await violations(store.database) == {}


async def test_what_goes_is_found_in_the_index_that_is_made_for_it(
    store: Store, scope: Scope, engine: Engine
) -> None:
    orchestrator_id = await completed(store, scope, engine, 1)
    await many(store, scope, orchestrator_id, 2000)
    given = {
        "orchestrator": orchestrator_id,
        "after_at": "-infinity",
        "after_id": UUID(int=0),
        "cut_at": "infinity",
        "cut_id": UUID(int=0),
        "limit": BATCH,
    }
    async with store.database.begin() as connection:
        await connection.execute(text("ANALYZE run"))
        plan = "\n".join(await connection.scalars(text(f"EXPLAIN ANALYZE {WINDOW}"), given))
    assert "ix_run_ended" in plan and "Seq Scan" not in plan and "Sort" not in plan, plan
    rows = re.findall(r"ix_run_ended.*actual.*rows=(\d+)", plan)
    assert [float(n) for n in rows] == [BATCH], plan


async def test_without_the_purges_own_word_history_cannot_go(
    store: Store, scope: Scope, engine: Engine
) -> None:
    await completed(store, scope, engine, 1)
    for table in ("run", "run_event", "node_attempt"):
        with pytest.raises(DBAPIError, match=r"append-only|history"):
            async with store.database.begin() as connection:
                await connection.execute(text(f"DELETE FROM {table}"))
    # The word is one transaction's: a connection that purged is as strict afterwards as any.
    await age(store, 10)
    assert await purged(store, Policy(days=5)) == 1
    assert await completed(store, scope, engine, 1)
    for _ in range(8):
        with pytest.raises(DBAPIError, match="append-only"):
            async with store.database.begin() as connection:
                await connection.execute(text("DELETE FROM run_event"))


async def test_a_pass_that_is_over_rests_until_it_is_asked_for(
    store: Store, scope: Scope, engine: Engine
) -> None:
    await completed(store, scope, engine, 1)
    step = await store.purge.step(Policy(days=1))
    assert step is not None and step.over
    assert await store.purge.step(Policy(days=1)) is None
    await store.retention.hurry(await store.access.scope("tester"))
    assert await store.purge.step(Policy(days=1)) is not None
    async with store.database.begin() as connection:
        later = select(duty.c.due_at > func.clock_timestamp()).where(duty.c.name == "purge")
        assert await connection.scalar(later)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "x.jsonl.gz", "wt") as file:
        file.write(json.dumps({"format": "other"}) + "\n")
    with pytest.raises(ValueError, match="not an archive"):
        list(archive.runs(tmp_path))
