"""The test's end of `tests.faults.worker`: start workers, wait for their end, stop or continue them by pid."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

ROOT = Path(__file__).parents[2]


@dataclass
class Worker:
    """One forked worker. `code` is None while it lives, -9 after a SIGKILL."""

    pid: int
    code: int | None = None

    def send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.code is None:
                os.kill(self.pid, number)

    async def end(self, seconds: float = 20.0) -> int:
        """Wait for its end; its exit code."""
        async with asyncio.timeout(seconds):
            while self.code is None:
                await asyncio.sleep(0.005)
        return self.code


class Nursery:
    """A warm process that forks workers. `order` is what every worker is told: see `tests.faults.worker.serve`.

    One process serves many tests, each in an event loop of its own, so nothing here belongs to a loop. `environ` is added to
    the environment of its workers.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
        )
        self._workers: dict[int, Worker] = {}
        self._born: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stdin.close()
        self._process.wait(20)
        self._reader.join(20)
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def start(self, order: dict[str, Any]) -> Worker:
        self._stdin.write(json.dumps(order).encode() + b"\n")
        self._stdin.flush()
        return self._born.get(timeout=20)

    @contextmanager
    def cleared(self) -> Generator[None]:
        """Whoever is still alive when the block ends is killed and reaped."""
        try:
            yield
        finally:
            deadline = time.monotonic() + 10
            for worker in list(self._workers.values()):
                worker.send(signal.SIGKILL)
            while any(w.code is None for w in self._workers.values()) and time.monotonic() < deadline:
                time.sleep(0.005)
            self._workers.clear()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "code" in told:
                self._workers[told["pid"]].code = told["code"]
            else:
                worker = self._workers[told["pid"]] = Worker(told["pid"])
                self._born.put(worker)
