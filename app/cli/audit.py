"""`baton audit`: who changed what, as a table of text, CSV or JSON lines."""

from __future__ import annotations

import argparse
from datetime import datetime

from app.api.audit import written
from app.cli.opening import Commands, opened
from app.parts import database_url
from app.settings import Settings
from runner.database import Database
from runner.store.access import Access
from runner.store.audit import Audit, AuditFilter


def add(commands: Commands) -> None:
    command = commands.add_parser("audit", help="who changed what, newest first")
    command.add_argument(
        "--since", type=_moment, metavar="TIME", help="from then on, as in 2026-01-31T08:00Z"
    )
    command.add_argument("--until", type=_moment, metavar="TIME", help="before then")
    command.add_argument("--by", metavar="NAME", help="only this person or token")
    command.add_argument("--action", metavar="WORD", help='"run.started", or all of a kind: "run"')
    command.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="default: csv")
    command.set_defaults(run=show_audit)


async def show_audit(settings: Settings, arguments: argparse.Namespace) -> int:
    """Needs the database only, as the making of tokens does."""
    wanted = AuditFilter(
        by=arguments.by, action=arguments.action, since=arguments.since, until=arguments.until
    )
    async with opened(settings) as found:
        database = Database(database_url(found.settings), size=1, reserve=0)
        try:
            scope = await Access(database).scope("cli")
            async for text in written(Audit(database).export(scope, wanted), arguments.format):
                print(text, end="")
        finally:
            await database.aclose()
    return 0


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.astimezone()
