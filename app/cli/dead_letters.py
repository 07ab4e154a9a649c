"""`baton dead-letters`: what could not be finished; look at it, replay it, drop it, one by one or all that match."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from uuid import UUID

from pydantic import JsonValue

from app.cli.opening import Commands, opened, user
from app.parts import open_parts
from app.settings import Settings, StartRefused
from providers import BadJson, read_json
from runner.model import Scope
from runner.store import Store
from runner.store.bulk import Act, Bulk
from runner.store.letters import DeadLetter, LetterFilter, LetterKind, LetterState

PAGE = 200


def add(commands: Commands) -> None:
    group = commands.add_parser("dead-letters", help="what could not be finished: replay it, or drop it")
    actions = group.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="what could not be finished, newest first")
    listing.add_argument(
        "--state", choices=[*get_args(LetterState), "any"], default="open", help="default: open"
    )
    listing.add_argument("--limit", type=int, metavar="N", default=50, help="how many at most; default: 50")
    _filters(listing)
    listing.set_defaults(run=list_letters)
    show = actions.add_parser("show", help="one as JSON, with its payload and cause")
    show.add_argument("id", type=UUID, metavar="ID")
    show.set_defaults(run=show_letter)
    replay = actions.add_parser("replay", help="take one up again in a new run, or all that match")
    _which(replay)
    replay.add_argument(
        "--payload", metavar="JSON", help="the node's input in the place of what it had; @FILE reads a file"
    )
    replay.add_argument(
        "--run-id", type=UUID, metavar="ID", help="of a late callback: the run that shall have it"
    )
    replay.add_argument(
        "--latest", action="store_true", help="with the newest revision instead of the run's own"
    )
    replay.add_argument(
        "--acknowledge", action="store_true", help="calls that change something may be made again"
    )
    replay.add_argument("--reason", metavar="TEXT", default="", help="stands in the history")
    replay.set_defaults(run=replay_letters)
    drop = actions.add_parser("drop", help="be done with one, or with all that match")
    _which(drop)
    drop.add_argument("--reason", metavar="TEXT", required=True, help="stands in the history")
    drop.set_defaults(run=drop_letters)


def _which(command: argparse.ArgumentParser) -> None:
    command.add_argument("id", type=UUID, metavar="ID", nargs="?")
    command.add_argument(
        "--matching", action="store_true", help="all open ones that match the filter, or all"
    )
    command.add_argument(
        "--dry-run", action="store_true", help="with --matching: only say how many there are"
    )
    _filters(command)


def _filters(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--kind", choices=get_args(LetterKind), help="a node that ended its run, or a late callback"
    )
    command.add_argument("--orchestrator", type=UUID, metavar="ID")
    command.add_argument("--node", metavar="ID", help="the node's id in the drawing")
    command.add_argument("--provider", metavar="NAME")
    command.add_argument("--connection", type=UUID, metavar="ID")
    command.add_argument("--code", metavar="WORD", help="the error's code")
    command.add_argument("--text", metavar="TEXT", default="", help="in the message or the node's name")
    command.add_argument(
        "--since", type=_time, metavar="TIME", help="kept at or after this time, as in 2026-03-01T12:00Z"
    )
    command.add_argument("--until", type=_time, metavar="TIME", help="kept before this time")


async def list_letters(settings: Settings, arguments: argparse.Namespace) -> int:
    wanted = _filter(arguments)
    if arguments.state != "any":
        wanted = wanted.model_copy(update={"state": arguments.state})
    left, before = max(1, arguments.limit), None
    async with _store(settings) as (store, scope):
        while left and (
            found := await store.letters.page(scope, wanted, limit=min(left, PAGE), before=before)
        ):
            for letter in found:
                print(_line(letter), flush=True)
            left, before = left - len(found), found[-1].id
    return 0


async def show_letter(settings: Settings, arguments: argparse.Namespace) -> int:
    """With the body of a late callback."""
    async with _store(settings) as (store, scope):
        letter = await store.letters.one(scope, arguments.id)
        shown = letter.model_dump(mode="json", by_alias=True)
        if letter.callback_id is not None:
            shown["payload"] = (await store.inbound.one(scope, letter.callback_id)).body
    print(json.dumps(shown, ensure_ascii=False, indent=2), flush=True)
    return 0


async def replay_letters(settings: Settings, arguments: argparse.Namespace) -> int:
    """0: the new run has begun, or all that match have. 1: some were left open."""
    payload = None if arguments.payload is None else (_payload(arguments.payload),)
    if arguments.matching and (payload is not None or arguments.run_id is not None):
        raise StartRefused("--payload and --run-id are for one dead letter, not for all that match.")
    _one_or_many(arguments)
    async with _store(settings) as (store, scope):
        if arguments.matching:
            return await _bulk(store, scope, "replay", arguments)
        run_id = await store.letters.replay(
            scope,
            arguments.id,
            payload=payload,
            latest=arguments.latest,
            acknowledged=arguments.acknowledge,
            target=arguments.run_id,
            reason=arguments.reason,
        )
    print(run_id, flush=True)
    return 0


async def drop_letters(settings: Settings, arguments: argparse.Namespace) -> int:
    if not arguments.reason.strip():
        raise StartRefused("--reason must say why.")
    _one_or_many(arguments)
    async with _store(settings) as (store, scope):
        if arguments.matching:
            return await _bulk(store, scope, "drop", arguments)
        await store.letters.drop(scope, arguments.id, reason=arguments.reason)
    return 0


async def _bulk(store: Store, scope: Scope, act: Act, arguments: argparse.Namespace) -> int:
    """Ask for it and do it here, beside whoever else is at it. Cut off, it goes on with the next server or worker."""
    wanted = _filter(arguments)
    if arguments.dry_run:
        print(f"{await store.bulks.matching(scope, wanted)} match", flush=True)
        return 0
    latest, acknowledged = getattr(arguments, "latest", False), getattr(arguments, "acknowledge", False)
    asked = await store.bulks.ask(
        scope, act, wanted, latest=latest, acknowledged=acknowledged, reason=arguments.reason
    )
    while (done := await store.bulks.one(scope, asked.id)).finished_date is None:
        await store.bulks.step()
    print(_told(done), flush=True)
    for problem in done.problems:
        print(f"baton: {problem.letter_id} is left open: {problem.message}", file=sys.stderr)
    return 1 if done.left_open else 0


def _told(done: Bulk) -> str:
    word = "replayed" if done.act == "replay" else "dropped"
    return f"{done.matching} matched, {done.done} {word}, {done.left_open} left open"


def _one_or_many(arguments: argparse.Namespace) -> None:
    if (arguments.id is not None) == arguments.matching:
        raise StartRefused("Name one dead letter, or say --matching.")
    if arguments.dry_run and not arguments.matching:
        raise StartRefused("--dry-run counts what --matching would be about.")


def _filter(arguments: argparse.Namespace) -> LetterFilter:
    return LetterFilter(
        kind=arguments.kind,
        orchestrator_id=arguments.orchestrator,
        node_id=arguments.node,
        provider=arguments.provider,
        connection_id=arguments.connection,
        code=arguments.code,
        q=arguments.text,
        since=arguments.since,
        until=arguments.until,
    )


def _line(letter: DeadLetter) -> str:
    at = letter.created_date.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    where = f"{letter.orchestrator_name} #{letter.run_number} {letter.node_label}"
    return f"{letter.id}  {at}  {letter.state:<10}  {where}: {letter.code}: {letter.message}"


def _payload(text: str) -> JsonValue:
    raw = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
    try:
        return read_json(raw)
    except BadJson as error:
        raise StartRefused(f"--payload cannot be read: {error}.") from error


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@asynccontextmanager
async def _store(settings: Settings) -> AsyncGenerator[tuple[Store, Scope]]:
    async with opened(settings) as database, open_parts(database.settings, engine=False) as parts:
        yield parts.store, await parts.store.access.scope(f"cli:{user()}")
