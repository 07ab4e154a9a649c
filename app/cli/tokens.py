"""`baton token create`: an API token, shown once."""

from __future__ import annotations

import argparse
import sys

from app.cli.opening import Commands, opened
from app.parts import database_url
from app.settings import Settings
from runner.database import Database
from runner.model import Role
from runner.store.access import Access


def add(commands: Commands) -> None:
    group = commands.add_parser("token", help="API tokens").add_subparsers(metavar="ACTION", required=True)
    create = group.add_parser("create", help="make a token; it is shown once, alone on the last line")
    create.add_argument("--name", required=True, help="what it is for")
    roles = [str(role) for role in reversed(Role)]
    create.add_argument("--role", choices=roles, default=str(Role.ADMIN), help="default: admin")
    create.set_defaults(run=create_token)


async def create_token(settings: Settings, arguments: argparse.Namespace) -> int:
    """Needs the database only: it works while a server runs and while none does, and without the secret keys."""
    async with opened(settings) as found:
        database = Database(database_url(found.settings), size=1, reserve=0)
        try:
            token = await Access(database).create_token(arguments.name, Role(arguments.role))
        finally:
            await database.aclose()
    print(f"Keep this token; it is not shown again. Role: {arguments.role}.", file=sys.stderr)
    print(token, flush=True)
    return 0
