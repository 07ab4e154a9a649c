"""`baton people`: who has an account, invitations, new passwords. They need the database only."""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from app.cli.opening import Commands, opened
from app.parts import database_url
from app.settings import EMAIL, Settings, StartRefused
from runner.database import Database
from runner.model import Role, Scope
from runner.store.access import Access
from runner.store.accounts import Accounts
from runner.store.invitations import Invitations
from runner.store.resets import Resets


def add(commands: Commands) -> None:
    group = commands.add_parser("people", help="accounts, invitations, new passwords").add_subparsers(
        metavar="ACTION", required=True
    )
    listing = group.add_parser("list", help="everybody with an account, and their workspaces")
    listing.set_defaults(run=list_people)
    invite = group.add_parser("add", help="print a link by which somebody makes their account")
    invite.add_argument("email", metavar="EMAIL")
    roles = [str(role) for role in reversed(Role)]
    invite.add_argument("--role", choices=roles, default=str(Role.VIEWER), help="default: viewer")
    invite.add_argument("--workspace", help="its name; default: the first")
    invite.set_defaults(run=add_person)
    reset = group.add_parser("reset", help="print a link by which somebody sets a new password")
    reset.add_argument("email", metavar="EMAIL")
    reset.set_defaults(run=reset_password)
    for name, text in (
        ("disable", "end somebody's sessions, and let them in no more"),
        ("enable", "let them in again"),
    ):
        command = group.add_parser(name, help=text)
        command.add_argument("email", metavar="EMAIL")
        command.set_defaults(run=disable, again=name == "enable")


async def list_people(settings: Settings, arguments: argparse.Namespace) -> int:
    """One line each, oldest first: address, name, what they are, workspaces."""
    async with _database(settings) as (_, database):
        for each in await Accounts(database).everybody():
            marks = (
                ("owner", each.owner),
                ("no password", not each.has_password),
                ("disabled", each.disabled),
            )
            said = ", ".join(word for word, true in marks if true) or "-"
            print("\t".join((each.email or "-", each.name, said, ", ".join(each.workspaces) or "-")))
    return 0


async def add_person(settings: Settings, arguments: argparse.Namespace) -> int:
    """The link is alone on the last line. It works once, for 7 days."""
    email = _email(arguments)
    async with _database(settings) as (settings, database):
        scope = await _scope(database)
        invitations = Invitations(database)
        token = await invitations.create_from_here(scope, email, Role(arguments.role), arguments.workspace)
    print(f"For {email}, once, within 7 days. Role: {arguments.role}.", file=sys.stderr)
    print(f"{settings.public_url}/invitation?token={token}", flush=True)
    return 0


async def reset_password(settings: Settings, arguments: argparse.Namespace) -> int:
    """The link is alone on the last line. It works once, for 30 minutes; the old password works until then."""
    email = _email(arguments)
    async with _database(settings) as (settings, database):
        token = await Resets(database).ask(email)
    if token is None:
        raise StartRefused(f"Nobody who may sign in has the address {email}.")
    print(f"For {email}, once, within 30 minutes.", file=sys.stderr)
    print(f"{settings.public_url}/reset?token={token}", flush=True)
    return 0


async def disable(settings: Settings, arguments: argparse.Namespace) -> int:
    email = _email(arguments)
    async with _database(settings) as (_, database):
        await Accounts(database).disable(await _scope(database), email, again=arguments.again)
    print(f"{email} is {'enabled' if arguments.again else 'disabled'}.")
    return 0


@asynccontextmanager
async def _database(settings: Settings) -> AsyncGenerator[tuple[Settings, Database]]:
    async with opened(settings) as found:
        database = Database(database_url(found.settings), size=1, reserve=0)
        try:
            yield found.settings, database
        finally:
            await database.aclose()


async def _scope(database: Database) -> Scope:
    return await Access(database).scope("cli")


def _email(arguments: argparse.Namespace) -> str:
    email = arguments.email.strip().lower()
    if not EMAIL.fullmatch(email):
        raise StartRefused(f"{arguments.email!r} is not an e-mail address.")
    return email
