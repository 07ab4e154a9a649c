"""`baton retention`: how long ended runs are kept, what a purge would do, and doing it now. `baton archive`: what was purged."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID

from app.cli.opening import Commands, opened
from app.parts import open_parts
from app.settings import Settings, StartRefused
from runner import archive
from runner.model import Policy, Scope
from runner.store import Store
from runner.store.purge import PAUSE

PAGE = 200


def add(commands: Commands) -> None:
    group = commands.add_parser("retention", help="how long ended runs are kept")
    actions = group.add_subparsers(metavar="ACTION", required=True)
    show = actions.add_parser("show", help="what holds for each orchestrator")
    show.set_defaults(run=show_policies)
    preview = actions.add_parser("preview", help="what a purge would do now; purges nothing")
    preview.set_defaults(run=preview_purge)
    apply = actions.add_parser("apply", help="purge now, to the end")
    apply.set_defaults(run=apply_policies)
    choose = actions.add_parser("set", help="give an orchestrator a policy of its own, or the default again")
    choose.add_argument("id", type=UUID, metavar="ORCHESTRATOR")
    choose.add_argument("--days", type=int, metavar="N", help="keep ended runs for N days")
    choose.add_argument("--runs", type=int, metavar="N", help="keep the newest N ended runs")
    choose.add_argument("--default", action="store_true", help="the server's default again")
    choose.set_defaults(run=set_policy)
    for name, keep, words in (
        ("keep", True, "keep a run for ever"),
        ("release", False, "let a kept run go again"),
    ):
        pin = actions.add_parser(name, help=words)
        pin.add_argument("id", type=UUID, metavar="RUN")
        pin.set_defaults(run=pin_run, keep=keep)
    shelf = commands.add_parser("archive", help="purged runs, as they stand in BATON_ARCHIVE_DIR")
    actions = shelf.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="every run of the archive")
    listing.set_defaults(run=list_archive)
    one = actions.add_parser("show", help="one run as JSON, whole")
    one.add_argument("id", type=UUID, metavar="RUN")
    one.set_defaults(run=show_archived)


async def show_policies(settings: Settings, arguments: argparse.Namespace) -> int:
    async with _store(settings) as (store, scope):
        print(f"default: {_words(settings.retention)}")
        before = None
        while found := await store.retention.page(scope, settings.retention, limit=PAGE, before=before):
            for item in found:
                policy = Policy(days=item.days, runs=item.runs)
                own = "its own" if item.own else "the default"
                print(f"{item.orchestrator_id}  {item.orchestrator_name}: {_words(policy)} ({own})")
            before = found[-1].orchestrator_id
    return 0


async def preview_purge(settings: Settings, arguments: argparse.Namespace) -> int:
    total = 0
    async with _store(settings) as (store, scope):
        before = None
        while found := await store.retention.preview(scope, settings.retention, limit=PAGE, before=before):
            for item in found:
                total += item.purge
                print(
                    f"{item.orchestrator_id}  {item.orchestrator_name}: {item.purge} of {item.ended} would go; "
                    f"{item.pinned} kept for ever, {item.held} held by dead letters or by runs that go on"
                )
            before = found[-1].orchestrator_id
    print(f"{total} would go")
    return 0


async def apply_policies(settings: Settings, arguments: argparse.Namespace) -> int:
    """Does it here, beside whoever else may be at it, and stays until the pass is over."""
    total = 0
    async with _store(settings) as (store, scope):
        await store.retention.hurry(scope)
        while True:
            step = await store.purge.step(settings.retention, archive=settings.archive_dir)
            if step is None:
                if await store.purge.resting():
                    break
            else:
                total += step.runs
                if step.over:
                    break
            await asyncio.sleep(PAUSE)
    print(f"{total} purged here")
    return 0


async def set_policy(settings: Settings, arguments: argparse.Namespace) -> int:
    """Without a number the orchestrator's runs are kept for ever."""
    if arguments.default and (arguments.days or arguments.runs):
        raise StartRefused("--default is the server's; leave out --days and --runs.")
    if any(n is not None and n < 1 for n in (arguments.days, arguments.runs)):
        raise StartRefused("--days and --runs are numbers from 1 on.")
    policy = None if arguments.default else Policy(days=arguments.days, runs=arguments.runs)
    async with _store(settings) as (store, scope):
        await store.retention.set(scope, arguments.id, policy)
        found = await store.retention.of(scope, settings.retention, arguments.id)
    print(f"{found.orchestrator_name}: {_words(Policy(days=found.days, runs=found.runs))}")
    return 0


async def pin_run(settings: Settings, arguments: argparse.Namespace) -> int:
    async with _store(settings) as (store, scope):
        await store.retention.keep(scope, arguments.id, arguments.keep)
    return 0


async def list_archive(settings: Settings, arguments: argparse.Namespace) -> int:
    for found in _archived(settings):
        print(
            f"{found.id}  #{found.number}  {found.finished_at}  {found.state:<9}  "
            f"{found.orchestrator_name}  {found.file}"
        )
    return 0


async def show_archived(settings: Settings, arguments: argparse.Namespace) -> int:
    for found in _archived(settings):
        if found.id == arguments.id:
            print(json.dumps(archive.read(found.file, found.id), ensure_ascii=False, indent=2))
            return 0
    raise StartRefused(f"There is no run {arguments.id} in {settings.archive_dir}.")


def _archived(settings: Settings) -> Iterator[archive.Archived]:
    if settings.archive_dir is None:
        raise StartRefused("There is no archive: BATON_ARCHIVE_DIR says where it is.")
    try:
        yield from archive.runs(settings.archive_dir)
    except (ValueError, EOFError) as error:
        raise StartRefused(f"The archive cannot be read: {error}.") from error


def _words(policy: Policy) -> str:
    parts = [f"{policy.days} days"] if policy.days else []
    parts += [f"the newest {policy.runs} runs"] if policy.runs else []
    return " and no more than ".join(parts) or "for ever"


@asynccontextmanager
async def _store(settings: Settings) -> AsyncGenerator[tuple[Store, Scope]]:
    async with opened(settings) as database, open_parts(database.settings, engine=False) as parts:
        yield parts.store, await parts.store.access.scope("cli")
