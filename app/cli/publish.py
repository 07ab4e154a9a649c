"""`baton publish` and `unpublish`: which revision triggers run."""

from __future__ import annotations

import argparse
import sys
from uuid import UUID

from app import publishing
from app.cli.opening import Commands, number, opened, user
from app.parts import open_parts
from app.settings import Settings
from runner.errors import GraphError


def add(commands: Commands) -> None:
    publish = commands.add_parser(
        "publish", help="let triggers run this revision, whatever is saved after it; prints its number"
    )
    publish.add_argument("id", type=UUID, metavar="ID")
    publish.add_argument("--revision", type=number, metavar="N", help="default: the newest")
    publish.add_argument("--message", metavar="TEXT", default="", help="what has changed, for others")
    publish.set_defaults(run=publish_orchestrator)
    unpublish = commands.add_parser("unpublish", help="let triggers run the newest revision again")
    unpublish.add_argument("id", type=UUID, metavar="ID")
    unpublish.set_defaults(run=unpublish_orchestrator)


async def publish_orchestrator(settings: Settings, arguments: argparse.Namespace) -> int:
    """0: published. 1: the revision has errors, which are listed on stderr."""
    async with opened(settings) as database, open_parts(database.settings, engine=False) as parts:
        scope = await parts.store.access.scope(f"cli:{user()}")
        try:
            done = await publishing.publish(
                parts.store, parts.library, scope, arguments.id, arguments.revision, arguments.message
            )
        except GraphError as error:
            for problem in error.problems:
                where = " ".join(part for part in (problem.node_id, problem.field) if part)
                print(f"baton: {problem.severity}: {where or 'drawing'}: {problem.detail}", file=sys.stderr)
            return 1
    print(done.published_revision, flush=True)
    return 0


async def unpublish_orchestrator(settings: Settings, arguments: argparse.Namespace) -> int:
    async with opened(settings) as database, open_parts(database.settings, engine=False) as parts:
        scope = await parts.store.access.scope(f"cli:{user()}")
        await parts.store.publications.unpublish(scope, arguments.id)
    return 0
