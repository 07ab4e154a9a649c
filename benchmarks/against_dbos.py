"""The same durable five-node run (pure, HTTP, callback, pure, pure) on Baton, on DBOS, and on hand-written SQL.

    .venv/bin/python -m benchmarks.against_dbos [--runs 500] [--waits 100] [--rounds 3]

One Postgres (fsync and synchronous_commit on) and one echo for all; each system in a process of its own on a database of its
own, one after the other, in rounds. Prints the medians, and each system's runs/s and transitions/s as parts of Baton's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import URL, make_url

from app.postgres import EmbeddedPostgres
from benchmarks._echo import echo_elsewhere
from tests.live.platforms._cache import installed, locked, run, stamp

PEERS = Path(__file__).parent / "peers"
PINS = ("dbos==3.4.0", "aiohttp==3.14.5", "asyncpg==0.31.0", "uvloop==0.23.0")
FIGURES = {
    "runs_per_second": "runs/s",
    "transitions_per_second": "transitions/s",
    "created_per_second": "created/s",
    "process_cpu_ms_per_run": "CPU ms/run",
    "callback_to_next_node_p50_ms": "callback → next node p50 ms",
    "callback_to_next_node_p99_ms": "p99 ms",
}


@dataclass(frozen=True)
class System:
    name: str
    program: Sequence[str]
    driver: str

    def measure(self, at: URL, echo: str, runs: int, waits: int) -> dict[str, float]:
        url = at.set(drivername=self.driver).render_as_string(hide_password=False)
        command = [*self.program, url, echo, str(runs), str(waits)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])


def peers() -> str:
    """A Python with the peers' packages, made once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "baton-bench"
    with locked(cache):
        return str(installed(cache / f"peers-{stamp(*PINS)}", _fill) / "bin" / "python")


def _fill(folder: Path) -> None:
    log = folder.parent / "install.log"
    run([sys.executable, "-m", "venv", folder], log=log, what="Making an environment for the peers")
    run([folder / "bin" / "pip", "install", "-q", *PINS], log=log, what="Installing the peers")


async def main(runs: int, waits: int, rounds: int) -> None:
    python = peers()
    systems = (
        System("Baton", (sys.executable, "-m", "benchmarks.peers._baton"), "postgresql+asyncpg"),
        System("DBOS 3.4", (python, str(PEERS / "_dbos.py")), "postgresql"),
        System("hand-written SQL", (python, str(PEERS / "_sql.py")), "postgresql"),
    )
    found: dict[str, list[dict[str, float]]] = {system.name: [] for system in systems}
    with tempfile.TemporaryDirectory() as folder, echo_elsewhere() as echo:
        async with EmbeddedPostgres(Path(folder) / "postgres") as url:
            for turn in range(rounds):
                for number, system in enumerate(systems):
                    at = await _database(make_url(url), f"bench_{turn}_{number}")
                    row = await asyncio.to_thread(system.measure, at, echo, runs, waits)
                    found[system.name].append(row)
                    print(f"{system.name}: {row['runs_per_second']:.0f} runs/s", file=sys.stderr, flush=True)
    report(found)


async def _database(at: URL, name: str) -> URL:
    driver: Any = asyncpg
    connection = await driver.connect(host=at.query["host"], user=at.username, database=at.database)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return at.set(database=name)


def report(found: dict[str, list[dict[str, float]]]) -> None:
    print(f"| system | {' | '.join(FIGURES.values())} | Baton is |")
    print("| --- " * (len(FIGURES) + 2) + "|")
    medians = {
        name: {figure: statistics.median(row[figure] for row in rows) for figure in FIGURES}
        for name, rows in found.items()
    }
    ours = medians["Baton"]["transitions_per_second"]
    for name, row in medians.items():
        ratio = "" if name == "Baton" else f"{ours / row['transitions_per_second']:.2f} ×"
        print(f"| {name} | {' | '.join(f'{row[figure]:.1f}' for figure in FIGURES)} | {ratio} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--waits", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    asyncio.run(main(given.runs, given.waits, given.rounds))
