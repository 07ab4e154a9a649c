"""`baton keys`: which master key seals what, and moving everything to a new one."""

from __future__ import annotations

import argparse

from app.cli.opening import Commands, opened
from app.parts import database_url, open_parts
from app.settings import Settings
from runner.database import Database
from runner.store.keys import Keys
from runner.vault import Vault, add_key, load_keys


def add(commands: Commands) -> None:
    group = commands.add_parser("keys", help="master keys of the stored credentials").add_subparsers(
        metavar="ACTION", required=True
    )
    status = group.add_parser("status", help="how many records each key seals")
    status.set_defaults(run=show_status)
    rotate = group.add_parser(
        "rotate", help="seal everything with the first key; safe to interrupt and repeat"
    )
    rotate.set_defaults(run=rotate_keys)


async def show_status(settings: Settings, arguments: argparse.Namespace) -> int:
    """Also where a key is missing, which is when one wants to know. 1: something cannot be opened."""
    vault = vault_of(settings)
    async with opened(settings) as found:
        database = Database(database_url(found.settings), size=1, reserve=0)
        try:
            uses = await Keys(database, vault).status()
        finally:
            await database.aclose()
    print(f"from {vault.source}")
    for use in uses:
        role = "seals and opens" if use.seals else "opens" if use.present else "MISSING"
        idle = "; may be removed" if use.present and not use.seals and not use.used else ""
        records = ", ".join(f"{count} {what}" for what, count in use.records.items())
        print(f"{use.key_id}: {role}; {records}{idle}")
    return 0 if all(use.present for use in uses) else 1


async def rotate_keys(settings: Settings, arguments: argparse.Namespace) -> int:
    """With a key file, a new key is added to it first; running servers read it when they meet it. With BATON_SECRET_KEYS, put
    the new key first there, restart, then rotate."""
    async with opened(settings) as database:
        async with open_parts(database.settings, engine=False) as parts:
            unfinished = any(not use.seals and use.used for use in await parts.store.keys.status())
        if not settings.secret_keys and not unfinished:
            print(f"added key {add_key(settings.data_dir)} to the key file")
        async with open_parts(database.settings, engine=False) as parts:
            moved = await parts.store.keys.rewrap_all()
            first, *others = parts.store.vault.key_ids
            await parts.store.audit.rotated(await parts.store.access.scope("cli"), first)
    print(f"{moved} records moved to key {first}")
    if others:
        print(f"no longer needed to open anything: {', '.join(others)}. Backups made before still need them.")
    return 0


def vault_of(settings: Settings) -> Vault:
    """Raises VaultError."""
    return load_keys([(key.id, key.raw()) for key in settings.secret_keys], settings.data_dir)
