"""A process that does upkeep and dies on cue: `python -m tests.faults.upkeep ORDER`, ORDER being JSON.

It dies by SIGKILL in piece number `at`, with everything of it written and nothing committed, or else ends when there is no
more to do.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from providers import discover
from runner.database import Database
from runner.model import Policy
from runner.store import Store
from runner.vault import Vault

ROOT = Path(__file__).parents[2]


async def main(order: dict[str, Any]) -> None:
    database = Database(order["url"], size=2, reserve=0)
    store = Store(database, Vault([("test", bytes.fromhex(order["key"]))]), discover())
    piece = 0
    begin = database.begin

    @asynccontextmanager
    async def doomed(*scope: Any, **options: Any) -> AsyncGenerator[Any]:
        async with begin(*scope, **options) as connection:
            yield connection
            if piece == order["at"]:
                os.kill(os.getpid(), signal.SIGKILL)

    database.begin = doomed
    while True:
        piece += 1
        if order["what"] == "bulk":
            if not await store.bulks.step():
                break
        else:
            archive = Path(order["archive"]) if order.get("archive") else None
            stepped = await store.purge.step(Policy(**order["policy"]), archive=archive, pause=0)
            if stepped is None or stepped.over:
                break
    await database.aclose()


async def upkeep(url: str, key: bytes, what: str, at: int = 0, **more: Any) -> int:
    """Run such a process to its end; its exit code, -9 when it died on cue."""
    order = {"url": url, "key": key.hex(), "what": what, "at": at, **more}
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.upkeep", json.dumps(order), cwd=ROOT
    )
    async with asyncio.timeout(60):
        return await made.wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
