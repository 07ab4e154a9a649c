"""A chain of three DAGs of a real Airflow: what Baton adds to Airflow's own time.

    .venv/bin/python -m benchmarks.airflow_chain [--rounds 5] [--interval 500]

Airflow's own time is the sum of its three runs, from its own records: from the moment a run was queued to its end. The chain's
time is that of Baton's run. The difference is what the hand-overs cost: the calls, and the wait until the next poll. Beside it
the same chain by hand: trigger, poll every 0.1 s, trigger the next.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import uvloop

from app.postgres import EmbeddedPostgres
from benchmarks._site import site
from tests.live.platforms import Client
from tests.live.platforms import airflow as airflow_platform
from tests.live.platforms.airflow import AirflowPeer

DAG = "quick_conf"
STEPS = ("a", "b", "c")


def drawing(interval: int) -> dict[str, Any]:
    config = {
        "provider": "airflow",
        "workflowId": DAG,
        "pollingInterval": interval,
        "maxPollingAttempts": 500,
        "bodyTemplate": "{}",
    }
    return {
        "version": 1,
        "nodes": [{"id": i, "type": "RemoteWebhook", "data": {"label": i, "config": config}} for i in STEPS],
        "edges": [{"id": "ab", "source": "a", "target": "b"}, {"id": "bc", "source": "b", "target": "c"}],
    }


def own_client(peer: AirflowPeer) -> Client:
    login = {"username": peer.username, "password": peer.password}
    token = Client(peer.base_url).need("POST", "/auth/token", login)["access_token"]
    return Client(f"{peer.base_url}/api/v2", {"Authorization": f"Bearer {token}"})


def seconds_of(airflow: Client, run_id: str) -> float:
    """From queued to ended, by Airflow's own records."""
    run = airflow.need("GET", f"/dags/{DAG}/dagRuns/{run_id}")
    ended, queued = (datetime.fromisoformat(run[name]) for name in ("end_date", "queued_at"))
    return (ended - queued).total_seconds()


def by_hand(airflow: Client) -> tuple[float, float]:
    """The whole chain's seconds, and Airflow's own part of them."""
    began, own = time.perf_counter(), 0.0
    for _ in STEPS:
        made = airflow.need("POST", f"/dags/{DAG}/dagRuns", {"conf": {}, "logical_date": None})
        path = f"/dags/{DAG}/dagRuns/{made['dag_run_id']}"
        while airflow.need("GET", path)["state"] not in ("success", "failed"):
            time.sleep(0.1)
        own += seconds_of(airflow, made["dag_run_id"])
    return time.perf_counter() - began, own


def by_baton(api: Client, airflow: Client, flow: str) -> tuple[float, float]:
    made = api.need("POST", f"/orchestrator/{flow}/run", {})
    while (run := api.need("GET", f"/orchestrator/runs/{made['id']}"))["status"] not in (
        "COMPLETED",
        "FAILED",
    ):
        time.sleep(0.1)
    if run["status"] != "COMPLETED":
        raise RuntimeError(run["error"])
    began, ended = (datetime.fromisoformat(run[name]) for name in ("createdDate", "finishedAt"))
    own = sum(seconds_of(airflow, node["remote"]["executionId"].rpartition("/")[2]) for node in run["nodes"])
    return (ended - began).total_seconds(), own


def measure(url: str, folder: Path, rounds: int, interval: int) -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "baton-live" / "airflow"
    peer = airflow_platform.start(cache)
    try:
        with site(url, folder, BATON_EGRESS_ALLOW="127.0.0.0/8") as made:
            made.serve()
            api, airflow = made.client(), own_client(peer)
            credentials = {"baseUrl": peer.base_url, "username": peer.username, "password": peer.password}
            given = {"name": "airflow", "credentials": credentials, "allowPrivateNetwork": True}
            api.need("POST", "/orchestrator/providers/airflow/connect", given)
            body = {"name": "three DAGs", "definition": drawing(interval)}
            flow = api.need("POST", "/orchestrator", body)["id"]
            by_hand(airflow)  # the first tasks of a new worker are slow
            found: dict[str, list[tuple[float, float]]] = {"by hand, polled every 0.1 s": [], "Baton": []}
            for _ in range(rounds):
                for name, rows in found.items():
                    rows.append(by_baton(api, airflow, flow) if name == "Baton" else by_hand(airflow))
                    print(f"{name}: {rows[-1][0]:.2f} s, {rows[-1][1]:.2f} s Airflow's own", file=sys.stderr)
    finally:
        peer.stop()
    print(
        "| chain of three DAGs | whole, s | Airflow's own, s | added per DAG, s |\n| --- | --- | --- | --- |"
    )
    for name, rows in found.items():
        whole, own = (statistics.median(row[column] for row in rows) for column in (0, 1))
        added = statistics.median((row[0] - row[1]) / len(STEPS) for row in rows)
        print(f"| {name} | {whole:.2f} | {own:.2f} | {added:.2f} |")


async def main(rounds: int, interval: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        async with EmbeddedPostgres(Path(name) / "postgres") as url:
            await asyncio.to_thread(measure, url, Path(name), rounds, interval)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--interval", type=int, default=500)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(given.rounds, given.interval))
