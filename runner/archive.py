"""Purged runs as files: gzip of JSON lines, one file for each batch that was purged. The format is docs/how-to/retention.md's.

A file is on the disk, whole, before the transaction that deletes its runs commits. So after a crash a run may stand both in a
file and in the database, and later in a second file: the newest one counts.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from providers import JsonObject

FORMAT = "baton-archive"
VERSION = 1
SUFFIX = ".jsonl.gz"


@dataclass(frozen=True)
class Archived:
    """One run of an archive, without its history. `file` holds the whole."""

    id: UUID
    number: int
    orchestrator_id: UUID
    orchestrator_name: str
    state: str
    created_at: str
    finished_at: str
    file: Path


class Batch:
    """A file being written. It appears under its name, durable, when the block ends well, and else not at all."""

    def __init__(self, folder: Path, orchestrator_id: UUID, name: str, batch_id: UUID, at: str) -> None:
        """`at` is the time of the purge, ISO 8601; `batch_id` makes the name unique."""
        self.file = folder / str(orchestrator_id) / at[:7] / f"{at[:10]}-{batch_id}{SUFFIX}"
        self._unfinished = self.file.with_name(self.file.name + ".part")
        self._header: JsonObject = {
            "format": FORMAT,
            "version": VERSION,
            "purgedAt": at,
            "orchestrator": {"id": str(orchestrator_id), "name": name},
        }

    def __enter__(self) -> Self:
        made = [p for p in (self.file.parent, *self.file.parents) if not p.exists()]
        self.file.parent.mkdir(parents=True, exist_ok=True)
        for folder in made:
            _flush(folder.parent)
        self._raw = open(os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        self._packed = gzip.GzipFile(filename="", fileobj=self._raw, mode="wb", compresslevel=6)
        self.add(json.dumps(self._header))
        return self

    def add(self, line: str) -> None:
        """One JSON document without a line break in it."""
        self._packed.write(line.encode() + b"\n")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._packed.close()
            if kind is None:
                self._raw.flush()
                os.fsync(self._raw.fileno())
        finally:
            self._raw.close()
            if kind is not None:
                self._unfinished.unlink(missing_ok=True)
        if kind is None:
            self._unfinished.replace(self.file)
            _flush(self.file.parent)


def runs(folder: Path) -> Iterator[Archived]:
    """Every archived run, by file in the order of time. One that stands in several files is given once, as of the newest."""
    newest: dict[UUID, Archived] = {}
    for file in sorted(folder.rglob(f"*{SUFFIX}")):
        for header, record in _records(file):
            run: Any = record["run"]
            found = Archived(
                id=UUID(run["id"]),
                number=run["number"],
                orchestrator_id=UUID(run["orchestrator_id"]),
                orchestrator_name=header["orchestrator"]["name"],
                state=run["state"],
                created_at=run["created_at"],
                finished_at=run["finished_at"],
                file=file,
            )
            newest[found.id] = found
    yield from newest.values()


def read(file: Path, run_id: UUID) -> JsonObject | None:
    """The whole record of that run."""
    found = (record for _, record in _records(file) if record["run"]["id"] == str(run_id))
    return next(found, None)


def _records(file: Path) -> Iterator[tuple[Any, Any]]:
    """Raises ValueError for a file that is no archive, or is of a newer Baton."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        header = json.loads(next(lines, "{}"))
        if header.get("format") != FORMAT or header.get("version") != VERSION:
            raise ValueError(f"{file} is not an archive that this Baton reads")
        for line in lines:
            yield header, json.loads(line)


def _flush(folder: Path) -> None:
    """Make what was made in this folder last."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
