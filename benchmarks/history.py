"""A past for a database: many plausible runs with their steps, made by Postgres itself.

    .venv/bin/python -m benchmarks.history [--runs 100000]

Run so, it makes them in a database of its own and prints what the list of runs, its counts and its groups of errors cost.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.migrate import upgrade
from app.postgres import EmbeddedPostgres
from app.serving import keep_what_is_loaded
from providers import discover
from runner.database import Database
from runner.model import Graph, RunState, Scope
from runner.store import Store
from runner.store.run_filter import RunFilter
from runner.vault import Vault

FLOWS = ("Nightly leads", "Order to cash", "Warehouse refresh")
STEPS = (
    ("receive", "DataMapper", "Take the order", None),
    ("price", "RemoteWebhook", "Price the order", "n8n"),
    ("invoice", "RemoteWebhook", "Send the invoice", "make"),
    ("load", "RemoteWebhook", "Load the warehouse", "airflow"),
    ("tell", "RemoteWebhook", "Tell the team", "zapier"),
)
DAYS = 30

# Every id and time from one number, so that ids are in the order of the times. Of 100, 94 end well, 4 fail, 2 are
# cancelled; of the newest thousand 40 wait, for a callback that nobody sends: an engine finds nothing to do with them.
_RUNS = """
    INSERT INTO run (id, workspace_id, orchestrator_id, revision, state, inputs, output, error, trigger_kind, trigger_by,
        labels, providers, event_seq, created_at, updated_at, started_at, finished_at)
    SELECT uuidv7(made.at - clock_timestamp()), made.workspace_id, made.flow, 1, made.state,
        jsonb_build_object('order', made.n, 'customer', 'C-' || made.n % 977),
        CASE WHEN made.state = 'COMPLETED' THEN jsonb_build_object('ok', true) END,
        CASE WHEN made.state = 'FAILED' THEN jsonb_build_object('nodeId', 'load', 'hint', NULL, 'cause', NULL,
            'code', (ARRAY['remote-failed', 'remote-refused', 'unreachable'])[1 + made.n % 3],
            'message', (ARRAY['Task load of run ' || made.n || ' failed: relation "orders_' || made.n || '" does not exist',
                'The platform refused order ' || made.n || ' with status 422',
                'No answer from the platform after ' || made.n % 60 || ' s'])[1 + made.n % 3]) END,
        (ARRAY['api', 'manual', 'webhook', 'schedule', 'retry'])[1 + made.n % 5],
        (ARRAY['token:shop', 'ann', 'ben', 'cron', 'ann'])[1 + made.n % 5],
        CASE WHEN made.n % 4 = 0 THEN jsonb_build_object('team', (ARRAY['sales', 'ops', 'data'])[1 + made.n % 3])
            ELSE '{}'::jsonb END,
        CAST(:providers AS jsonb), 1, made.at, made.at, made.at,
        CASE WHEN made.state <> 'WAITING' THEN made.at + made.took END
    FROM (
        SELECT n, now() - (CAST(:runs AS bigint) - n) * CAST(:apart AS interval) - interval '2 minutes' AS at,
            interval '1 ms' * (800 + (n * 7919) % 40000 * (1 + (n % 50 = 0)::int * 9)) AS took,
            CAST(:workspace AS uuid) AS workspace_id, (CAST(:flows AS uuid[]))[1 + n % CAST(:count AS int)] AS flow,
            CASE WHEN n % 25 = 7 THEN 'FAILED' WHEN n % 50 = 11 THEN 'CANCELLED'
                WHEN n > :runs - 1000 AND n % 25 = 3 THEN 'WAITING' ELSE 'COMPLETED' END AS state
        FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
    ) AS made
    ORDER BY made.n
"""
_NODES = """
    INSERT INTO node_run (id, run_id, node_id, type, label, state, work, attempt, port, output, remote, waiting,
        waiting_since, started_at, finished_at)
    SELECT uuidv7(run.created_at - clock_timestamp() + step.at * interval '1 ms'), run.id, step.node_id, step.type, step.label, now_is.state,
        CASE WHEN now_is.state = 'WAITING' THEN 'parked' WHEN now_is.state = 'PENDING' THEN 'idle' ELSE 'ended' END,
        CASE WHEN now_is.state IN ('PENDING', 'CANCELLED') THEN 0 ELSE 1 END,
        CASE WHEN now_is.state = 'COMPLETED' THEN 'out' END,
        CASE WHEN now_is.state = 'COMPLETED' THEN '{"ok": true}'::jsonb END,
        CASE WHEN step.provider IS NOT NULL AND now_is.state IN ('COMPLETED', 'FAILED')
            THEN jsonb_build_object('provider', step.provider, 'match', 'exact') END,
        CASE WHEN now_is.state = 'WAITING' THEN '{"kind": "callback", "until": null}'::jsonb END,
        CASE WHEN now_is.state = 'WAITING' THEN run.started_at END,
        CASE WHEN now_is.state NOT IN ('PENDING', 'CANCELLED') THEN run.started_at + whole.took * step.at / 5 END,
        CASE WHEN now_is.state NOT IN ('PENDING', 'WAITING') THEN run.started_at + whole.took * (step.at + 1) / 5 END
    FROM run
    CROSS JOIN jsonb_to_recordset(CAST(:steps AS jsonb)) AS step(at int, node_id text, type text, label text, provider text)
    CROSS JOIN LATERAL (SELECT coalesce(run.finished_at - run.started_at, interval '5 s') AS took) AS whole
    CROSS JOIN LATERAL (SELECT CASE
        WHEN run.state = 'COMPLETED' OR step.at < 3 THEN 'COMPLETED'
        WHEN step.at = 3 THEN CASE run.state WHEN 'FAILED' THEN 'FAILED' WHEN 'WAITING' THEN 'WAITING' ELSE 'CANCELLED' END
        WHEN run.state = 'WAITING' THEN 'PENDING' ELSE 'CANCELLED' END AS state) AS now_is
    WHERE run.orchestrator_id = ANY(CAST(:flows AS uuid[])) AND run.number > :after
    ORDER BY run.id, step.at
"""
_LINES = """
    INSERT INTO run_event (run_id, seq, at, kind, message)
    SELECT id, 1, created_at, 'run.created', 'started by ' || trigger_by FROM run
    WHERE orchestrator_id = ANY(CAST(:flows AS uuid[])) AND number > :after
"""


async def fill(database_url: str, runs: int = 100_000, *, batch: int = 20_000) -> None:
    """`runs` runs of five steps each, evenly over the last 30 days, of three orchestrators made for them in the workspace
    that the database has. A database that is migrated; an engine may be at work on it."""
    database = Database(database_url, size=2, reserve=0, answer=None)
    try:
        store = Store(database, Vault([("fill", b"\0" * 32)]), discover())
        scope = await store.access.scope("benchmark")
        flows = [(await store.orchestrators.create(scope, name, "", _graph())).id for name in FLOWS]
        steps = [
            {"at": at, "node_id": node, "type": kind, "label": label, "provider": provider}
            for at, (node, kind, label, provider) in enumerate(STEPS)
        ]
        known: dict[str, Any] = {
            "runs": runs,
            "apart": timedelta(days=DAYS) / runs,
            "workspace": scope.workspace_id,
            "flows": flows,
            "count": len(flows),
            "providers": json.dumps([provider for *_, provider in STEPS if provider]),
            "steps": json.dumps(steps),
        }
        for first in range(1, runs + 1, batch):
            known |= {"first": first, "last": min(runs, first + batch - 1)}
            async with database.begin() as connection:
                after = await connection.scalar(text("SELECT coalesce(max(number), 0) FROM run"))
                for statement in (_RUNS, _NODES, _LINES):
                    await connection.execute(text(statement), {**known, "after": after})
        session = await database.raw()
        try:  # else the database's own housekeeping begins in the middle of what is measured
            await session.execute("VACUUM (ANALYZE) run, node_run, run_event")
        finally:
            await session.close()
    finally:
        await database.aclose()


def _graph() -> Graph:
    nodes: list[dict[str, Any]] = [
        {
            "id": node,
            "type": kind,
            "position": {"x": 300 * at, "y": 0},
            "data": {"label": label, "config": {"provider": provider} if provider else {"mappings": []}},
        }
        for at, (node, kind, label, provider) in enumerate(STEPS)
    ]
    names = [node for node, *_ in STEPS]
    edges = [{"id": a + b, "source": a, "target": b} for a, b in itertools.pairwise(names)]
    return Graph.model_validate({"version": 1, "nodes": nodes, "edges": edges})


async def main(runs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="baton-") as folder:
        async with EmbeddedPostgres(Path(folder)) as url:
            await upgrade(url)
            began = time.perf_counter()
            await fill(url, runs)
            print(f"{runs} runs made in {time.perf_counter() - began:.1f} s")
            database = Database(url)
            try:
                store = Store(database, Vault([("fill", b"\0" * 32)]), discover())
                keep_what_is_loaded()  # as a server does
                await _measure(store, await store.access.scope("benchmark"))
            finally:
                await database.aclose()


async def _measure(store: Store, scope: Scope) -> None:
    async with store.database.begin() as connection:
        now = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    month, day = RunFilter(since=now - timedelta(days=DAYS + 1)), RunFilter(since=now - timedelta(days=1))
    failed = RunFilter(status=(RunState.FAILED,))
    (group, *_) = await store.summary.errors(scope, month, limit=1)
    (some, *_) = await store.history.page(scope, RunFilter(until=now - timedelta(days=DAYS / 2)), limit=1)
    half = some.id
    asked: dict[str, Callable[[], Awaitable[Any]]] = {
        "first page": lambda: store.history.page(scope, limit=51),
        "a page in the middle": lambda: store.history.page(scope, limit=51, before=half),
        "one run": lambda: store.history.run(scope, some.id),
        "failed ones": lambda: store.history.page(scope, failed, limit=51),
        "until 15 days ago": lambda: store.history.page(
            scope, RunFilter(until=now - timedelta(days=15)), limit=51
        ),
        "a word that is nowhere": lambda: store.history.page(scope, RunFilter(q="nowhere"), limit=51),
        "a label": lambda: store.history.page(scope, RunFilter(labels=(("team", "sales"),)), limit=51),
        "one group of errors": lambda: store.history.page(scope, RunFilter(error=group.key), limit=51),
        "counts of a day": lambda: store.summary.summary(scope, day, buckets=60),
        "counts of all": lambda: store.summary.summary(scope, month, buckets=200),
        "errors of a day": lambda: store.summary.errors(scope, day, limit=50),
        "errors of all": lambda: store.summary.errors(scope, month, limit=50),
    }
    for name, ask in asked.items():
        took: list[float] = []
        for _ in range(100):
            began = time.perf_counter()
            await ask()
            took.append(1000 * (time.perf_counter() - began))
        took.sort()
        print(f"| {name} | {took[50]:.1f} | {took[98]:.1f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100_000)
    asyncio.run(main(parser.parse_args().runs))
