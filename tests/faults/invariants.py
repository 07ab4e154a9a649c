"""What must hold of the rows at any quiet moment: each query finds what breaks it, so each must find nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from runner.database import Database

_OPEN = "r.state IN ('PENDING', 'RUNNING', 'WAITING')"
_LIVE = "n.state IN ('QUEUED', 'RUNNING', 'WAITING', 'HELD')"

QUERIES: Mapping[str, str] = {
    # Ready, leased, on a timer, waiting for a callback or for a child run: nothing else may keep a run open (G12).
    "unfinished run without job, lease, timer or wait": f"""
        SELECT r.id FROM run r WHERE {_OPEN} AND NOT EXISTS (
            SELECT 1 FROM node_run n LEFT JOIN wait w ON w.node_run_id = n.id LEFT JOIN run c ON c.parent_node_run_id = n.id
            WHERE n.run_id = r.id AND (n.work IN ('ready', 'leased') OR (n.work = 'parked' AND (
                n.due_at IS NOT NULL OR n.held_for IS NOT NULL OR w.state = 'parked' OR c.state IN ('PENDING', 'RUNNING', 'WAITING')))))
    """,
    "live node that nothing will move": f"""
        SELECT n.id FROM node_run n LEFT JOIN wait w ON w.node_run_id = n.id LEFT JOIN run c ON c.parent_node_run_id = n.id
        WHERE {_LIVE} AND n.work NOT IN ('ready', 'leased') AND NOT (n.work = 'parked' AND (
            n.due_at IS NOT NULL OR n.held_for IS NOT NULL OR w.state = 'parked' OR c.state IN ('PENDING', 'RUNNING', 'WAITING')))
    """,
    "lease that ran out long ago": """
        SELECT id FROM node_run WHERE work IN ('ready', 'leased')
            AND lease_until < clock_timestamp() - make_interval(secs => CAST(:patience AS double precision))
    """,
    "parked wait that has its callback": """
        SELECT w.node_run_id FROM wait w JOIN callback c USING (node_run_id) WHERE w.state <> 'resumed'
    """,
    "accepted callback that its node never got": """
        SELECT c.node_run_id FROM callback c JOIN node_run n ON n.id = c.node_run_id
        WHERE n.signal IS NULL OR n.signal->'body' IS DISTINCT FROM c.body
    """,
    "callback that was answered accepted but not kept": """
        SELECT a.node_run_id FROM callback_audit a LEFT JOIN callback c USING (node_run_id)
        WHERE a.verdict = 'accepted' AND c.node_run_id IS NULL
    """,
    "wait accepted twice": """
        SELECT node_run_id FROM callback_audit WHERE verdict = 'accepted' GROUP BY 1 HAVING count(*) > 1
    """,
    "wait past its deadline": """
        SELECT node_run_id FROM wait WHERE state = 'parked'
            AND deadline_at < clock_timestamp() - make_interval(secs => CAST(:patience AS double precision))
    """,
    "open wait of an ended run": f"""
        SELECT w.node_run_id FROM wait w JOIN run r ON r.id = w.run_id WHERE w.state IN ('armed', 'parked') AND NOT ({_OPEN})
    """,
    "timer that did not fire": """
        SELECT id FROM node_run WHERE work = 'parked'
            AND due_at < clock_timestamp() - make_interval(secs => CAST(:patience AS double precision))
    """,
    # Two outcomes of one node would be two closed attempts that both ended it, or two such events.
    "node with two outcomes": """
        SELECT node_run_id FROM node_attempt WHERE outcome IN ('completed', 'failed', 'timed_out')
        GROUP BY node_run_id HAVING count(*) > 1
    """,
    "node with two outcome events": """
        SELECT run_id, node_id FROM run_event
        WHERE kind IN ('node.completed', 'node.failed', 'node.timed_out', 'node.skipped', 'node.reused')
        GROUP BY run_id, node_id HAVING count(*) > 1
    """,
    "run with two ends": """
        SELECT run_id FROM run_event WHERE kind IN ('run.completed', 'run.failed', 'run.cancelled')
        GROUP BY run_id HAVING count(*) > 1
    """,
    "ended run without its end in the history, or the other way round": f"""
        SELECT r.id FROM run r LEFT JOIN run_event e
            ON e.run_id = r.id AND e.kind IN ('run.completed', 'run.failed', 'run.cancelled')
        WHERE ({_OPEN}) <> (e.run_id IS NULL)
    """,
    "ended node whose outcome is not in its attempts": """
        SELECT n.id FROM node_run n WHERE n.state IN ('COMPLETED', 'FAILED', 'TIMED_OUT') AND NOT n.reused AND NOT EXISTS (
            SELECT 1 FROM node_attempt a WHERE a.node_run_id = n.id AND a.attempt = n.attempt AND a.outcome = lower(n.state))
    """,
    "gap or repeat in a history": """
        SELECT run_id FROM run_event GROUP BY run_id HAVING count(*) <> max(seq) OR min(seq) <> 1
    """,
    "history and its counter differ": """
        SELECT r.id FROM run r WHERE r.event_seq <> (SELECT count(*) FROM run_event e WHERE e.run_id = r.id)
    """,
    "start, outcome or waking after the run ended": """
        SELECT s.run_id, s.kind FROM run_event s JOIN run_event e ON e.run_id = s.run_id AND s.seq > e.seq
        WHERE e.kind IN ('run.completed', 'run.failed', 'run.cancelled') AND s.kind IN (
            'node.started', 'node.taken_over', 'node.completed', 'node.failed', 'node.timed_out', 'node.retrying',
            'node.waiting', 'node.queued', 'node.running', 'node.held', 'callback.accepted', 'callback.expired')
    """,
    "node of an ended run that may still be worked on": f"""
        SELECT n.id FROM node_run n JOIN run r ON r.id = n.run_id
        WHERE NOT ({_OPEN}) AND (n.work NOT IN ('ended', 'stopping') OR n.state = 'PENDING' OR {_LIVE})
    """,
    "callback kept for another workspace": """
        SELECT w.node_run_id FROM wait w JOIN run r ON r.id = w.run_id WHERE w.workspace_id <> r.workspace_id
    """,
}


async def violations(database: Database, *, patience: float = 5.0) -> dict[str, list[Any]]:
    """The queries that found something, with what they found. `patience` is in seconds: how late a timer or a takeover may be."""
    found: dict[str, list[Any]] = {}
    async with database.begin() as connection:
        for name, query in QUERIES.items():
            rows = (
                await connection.execute(text(query), {"patience": patience} if ":patience" in query else {})
            ).all()
            if rows:
                found[name] = [tuple(row) for row in rows[:5]]
    return found
