"""`baton check`: is this installation set up, said line by line."""

from __future__ import annotations

import argparse
import asyncio

from app.cli.opening import Commands, opened
from app.migrate import pending
from app.parts import Parts, database_url, open_parts
from app.row_security import missing
from app.settings import Settings
from providers import EgressGuard, Http, ProviderError
from runner.errors import RunnerError
from runner.model import Scope
from runner.platforms import failure_of
from runner.store.connections import ConnectionRow

_SECONDS = 20.0


def add(commands: Commands) -> None:
    check = commands.add_parser("check", help="look at database, keys, public URL and every connection")
    check.set_defaults(run=run_checks)


async def run_checks(settings: Settings, arguments: argparse.Namespace) -> int:
    """0: all is well. 1: a line begins with FAIL. Asks platforms only what starts nothing."""
    failed = False

    def tell(ok: bool | None, subject: str, words: str) -> None:
        nonlocal failed
        failed = failed or ok is False
        print(f"{ {True: 'ok  ', None: 'note', False: 'FAIL'}[ok] } {subject}: {words}", flush=True)

    async with opened(settings) as database, open_parts(database.settings, engine=False) as parts:
        kind = "given by BATON_DATABASE_URL" if settings.database_url else f"embedded, in {settings.data_dir}"
        old = await pending(database_url(database.settings))
        tell(not old, "database", f"{kind}; " + ("the schema is old" if old else "newest schema, fsync on"))
        lack = await missing(parts.store.database)
        tell(None if lack else True, "workspaces", lack or "apart by row security, too")
        uses = await parts.store.keys.status()
        sealing = next(use.key_id for use in uses if use.seals)
        old_keys = [use.key_id for use in uses if not use.seals and use.used]
        rest = f"; still in use: {', '.join(old_keys)} (`baton keys rotate`)" if old_keys else ""
        tell(True, "keys", f"{sealing} seals, from {parts.store.vault.source}{rest}")
        tell(*await _public(settings))
        scope = await parts.store.access.scope("cli")
        rows = await parts.store.connections.all(scope)
        found = await asyncio.gather(*(_connection(parts, scope, row) for row in rows))
        for row, (ok, words) in zip(rows, found, strict=True):
            tell(ok, f"connection {row.name} ({row.provider})", words)
        if not rows:
            tell(None, "connections", "there is none yet")
    return 1 if failed else 0


async def _public(settings: Settings) -> tuple[bool | None, str, str]:
    subject = f"public URL {settings.public_url}"
    http = Http(EgressGuard(settings.egress_allow).with_private_networks())
    try:
        answer = await http.call("GET", f"{settings.public_url}/healthz", timeout=5)
    except ProviderError as error:
        return None, subject, f"does not answer ({error.message}); callbacks need it while `baton serve` runs"
    finally:
        await http.aclose()
    if answer.ok:
        return True, subject, "answers"
    return False, subject, f"answers with {answer.status}: is something else there?"


async def _connection(parts: Parts, scope: Scope, row: ConnectionRow) -> tuple[bool | None, str]:
    if row.status == "INACTIVE":
        return None, "switched off"
    try:
        async with asyncio.timeout(_SECONDS):
            provider = await parts.platforms.of(scope, row)
            account = await provider.check()
            await parts.store.connections.keep_renewed(scope, row.id, provider)
    except TimeoutError:
        return False, f"no answer within {_SECONDS:.0f} s"
    except (ProviderError, RunnerError) as error:
        failure = failure_of(error)
        if isinstance(error, ProviderError):
            await parts.store.connections.report(scope, row.id, problem=failure)
        return False, f"{failure.code}: {failure.message}"
    await parts.store.connections.report(scope, row.id, account=account)
    count = "" if account.workflows is None else f", {account.workflows} workflows"
    return True, f"{account.label}{count}"
