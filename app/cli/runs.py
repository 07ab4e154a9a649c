"""`baton run`: start an orchestrator, by its id or from a file, and stay until it has ended."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from uuid import UUID

from app.cli.files import read_drawing
from app.cli.opening import Commands, number, opened, user
from app.cli.progress import Progress, progress
from app.parts import Parts, open_parts
from app.settings import Settings, StartRefused
from providers import BadJson, JsonObject, read_json
from runner.model import NodeState, RunState, Scope, TriggerInfo
from runner.store.asking import Which
from runner.wire import RunDetail

NOBODY_AFTER = 3.0
"""Seconds without anything being taken in hand, after which this command does the work itself."""
_LOOK = 1.0
_UNTOUCHED = (NodeState.PENDING, NodeState.QUEUED)


def add(commands: Commands) -> None:
    run = commands.add_parser("run", help="run an orchestrator to its end; its output is printed as JSON")
    run.add_argument("what", metavar="FILE|ID", help="an orchestrator's id, or a file as `export` writes it")
    run.add_argument(
        "--input", metavar="JSON", default="{}", help="the run's inputs, an object; @FILE reads a file"
    )
    run.add_argument(
        "--revision",
        type=_revision,
        metavar="N|latest|published",
        help="default: of an id, the published one, or the newest where none is; of a file, what it holds",
    )
    run.add_argument("--follow", action="store_true", help="show the nodes as they go")
    run.set_defaults(run=run_orchestrator)


async def run_orchestrator(settings: Settings, arguments: argparse.Namespace) -> int:
    """0: COMPLETED. 1: FAILED or CANCELLED. Works on the database, so it needs no token; a server or worker that is there
    does the work, else this command does."""
    inputs = _inputs(arguments.input)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opened(settings))
        parts = await stack.enter_async_context(open_parts(database.settings, engine=database.alone))
        scope = await parts.store.access.scope(f"cli:{user()}")
        orchestrator_id, revision = await _orchestrator(parts, scope, arguments.what)
        run_id = await parts.store.runs.create(
            scope,
            orchestrator_id,
            inputs,
            trigger=TriggerInfo(kind="cli", by=scope.subject),
            revision=arguments.revision or revision,
        )
        print(f"run {run_id}", file=sys.stderr, flush=True)
        with progress(arguments.follow) as view:
            run = await _followed(stack, parts, scope, run_id, view)
    if run.status is RunState.COMPLETED:
        print(json.dumps(run.output, ensure_ascii=False, indent=2), flush=True)
        return 0
    where = f" at {run.error.node_id}" if run.error and run.error.node_id else ""
    why = f": {run.error.message}" if run.error else ""
    hint = f" {run.error.hint}" if run.error and run.error.hint else ""
    print(f"baton: {run.status}{where}{why}{hint}", file=sys.stderr, flush=True)
    return 1


async def _followed(
    stack: AsyncExitStack, parts: Parts, scope: Scope, run_id: UUID, view: Progress
) -> RunDetail:
    """The run once it has ended. Starts an engine into `stack` when nobody takes the run in hand."""
    history, seen = parts.store.history, 0
    alone, began = parts.work is not None, time.monotonic()
    with parts.store.bell.watch(run_id) as rung:
        while True:
            rung.clear()
            run = await history.run(scope, run_id)
            while lines := await history.lines(scope, run_id, after=seen, limit=200):
                view.lines(lines)
                seen = lines[-1].seq
            view.show(run)
            if run.status.final:
                return run
            untouched = all(node.status in _UNTOUCHED and node.attempt == 0 for node in run.nodes)
            if not alone and untouched and time.monotonic() - began > NOBODY_AFTER:
                await stack.enter_async_context(open_parts(parts.settings, engine=True))
                alone = True
            with suppress(TimeoutError):
                await asyncio.wait_for(rung.wait(), _LOOK)


async def _orchestrator(parts: Parts, scope: Scope, what: str) -> tuple[UUID, int | None]:
    """The id that was given, or that of the file's drawing and its revision: the newest of its name, saved anew if the file has
    changed."""
    with suppress(ValueError):
        return UUID(what), None
    file = Path(what)
    if not file.exists():
        raise StartRefused(f"{what} is neither an orchestrator's id nor a file.")
    drawn, store = read_drawing(file), parts.store.orchestrators
    for known in await store.page(scope, limit=200, q=drawn.name):
        if known.name == drawn.name:
            if known.definition != drawn.graph.to_json():
                known = await store.save(scope, known.id, graph=drawn.graph)
            return known.id, known.revision
    made = await store.create(scope, drawn.name, drawn.description, drawn.graph)
    return made.id, made.revision


def _revision(text: str) -> Which:
    return text if text == "latest" or text == "published" else number(text)


def _inputs(text: str) -> JsonObject:
    raw = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
    try:
        found = read_json(raw)
    except BadJson as error:
        raise StartRefused(f"--input cannot be read: {error}.") from error
    if not isinstance(found, dict):
        raise StartRefused("--input must be a JSON object, as in --input '{\"order\": 7}'.")
    return found
