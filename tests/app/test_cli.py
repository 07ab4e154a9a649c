"""The command line: exit codes, sentences instead of tracebacks, and the long-running server as a real process."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from app.cli import main
from app.sandbox import connect_sandbox, sandbox_platforms
from providers import discover
from runner.vault import KEY_FILE
from tests.factories import open_store

OLD = "old1:" + base64.b64encode(hashlib.sha256(b"old").digest()).decode()
NEW = "new2:" + base64.b64encode(hashlib.sha256(b"new").digest()).decode()
MAPPER: dict[str, Any] = {
    "id": "map",
    "type": "DataMapper",
    "position": {"x": 0, "y": 0.5},
    "data": {"label": "Grüße", "config": {"mappings": [{"from": "input.n", "to": "twice", "default": 7}]}},
}
CHAIN: dict[str, Any] = {
    "baton": 1,
    "name": "Chain",
    "description": "It maps.",
    "definition": {"version": 1, "nodes": [MAPPER], "edges": []},
}


class Said(NamedTuple):
    code: int
    out: str
    err: str


Baton = Callable[..., Awaitable[Said]]


@pytest.fixture
def baton(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Baton:
    """One command in a thread of this process, on the test's database, with a key file of its own."""
    monkeypatch.setenv("BATON_DATABASE_URL", database_url)
    monkeypatch.setenv("BATON_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("BATON_PUBLIC_URL", "http://127.0.0.1:9")

    async def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = await asyncio.to_thread(main, arguments)
        out, err = capsys.readouterr()
        return Said(code, str(out), str(err))

    return run


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    file = tmp_path / "chain.json"
    file.write_text(json.dumps(CHAIN))
    return file


async def test_a_token_stands_alone_on_the_last_line(baton: Baton, database_url: str) -> None:
    said = await baton("token", "create", "--name", "ci", "--role", "operator")
    assert said.code == 0
    token = said.out.splitlines()[-1]
    async with open_store(database_url) as store:
        scope = await store.access.by_token(token)
    assert scope is not None and (scope.role, scope.subject) == ("operator", "token:ci")


async def test_export_and_import_are_the_same_byte_for_byte(
    baton: Baton, chain: Path, tmp_path: Path
) -> None:
    made = (await baton("import", str(chain))).out.strip()
    first = await baton("export", made)
    again = tmp_path / "again.json"
    again.write_text(first.out, encoding="utf-8")
    second = await baton("export", (await baton("import", str(again))).out.strip())
    assert first == second
    assert json.loads(first.out) == CHAIN
    assert "Grüße" in first.out and first.out.endswith("}\n")


async def test_a_bare_definition_is_named_after_its_file(baton: Baton, tmp_path: Path) -> None:
    file = tmp_path / "nightly.json"
    file.write_text(json.dumps({**CHAIN["definition"], "nodes": [{**MAPPER, "type": "Unheard"}]}))
    said = await baton("import", str(file))
    assert said.code == 0 and "error: map" in said.err
    assert json.loads((await baton("export", said.out.strip())).out)["name"] == "nightly"


async def test_run_prints_the_output_and_nothing_else(baton: Baton, chain: Path) -> None:
    said = await baton("run", str(chain), "--input", '{"n": 21}')
    assert (said.code, json.loads(said.out)) == (0, {"twice": 21})
    inputs = chain.with_name("inputs.json")
    inputs.write_text('{"n": 22}')
    again = await baton("run", str(chain), "--input", f"@{inputs}")
    assert json.loads(again.out) == {"twice": 22}


async def test_what_is_published_is_what_an_id_runs(baton: Baton, chain: Path, tmp_path: Path) -> None:
    made = (await baton("import", str(chain))).out.strip()
    first = await baton("publish", made, "--message", "to begin with")
    assert (first.code, first.out) == (0, "1\n")
    changed = json.loads(chain.read_text())
    changed["definition"]["nodes"][0]["data"]["config"]["mappings"][0]["to"] = "thrice"
    chain.write_text(json.dumps(changed))
    assert "thrice" in (await baton("run", str(chain))).out, "a file runs what it holds"
    assert "twice" in (await baton("run", made)).out
    assert "thrice" in (await baton("run", made, "--revision", "latest")).out
    assert "twice" in (await baton("run", made, "--revision", "1")).out
    with pytest.raises(SystemExit):
        await baton("run", made, "--revision", "newest")
    assert (await baton("unpublish", made)).code == 0
    assert "thrice" in (await baton("run", made)).out
    refused = await baton("run", made, "--revision", "published")
    assert refused.code == 2 and "no revision" in refused.err
    changed["definition"]["nodes"][0]["type"] = "Unheard"
    chain.write_text(json.dumps(changed))
    broken = (await baton("import", str(chain))).out.strip()
    blocked = await baton("publish", broken)
    assert (blocked.code, blocked.out) == (1, "") and "error: map" in blocked.err


async def test_following_prints_plain_lines_where_there_is_no_terminal(baton: Baton, chain: Path) -> None:
    said = await baton("run", str(chain), "--follow")
    assert said.code == 0
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3} map ", said.out, re.M)
    assert "\x1b" not in said.out
    assert said.out.rstrip().endswith("}")


async def test_a_run_that_fails_ends_with_one_and_says_why(baton: Baton, tmp_path: Path) -> None:
    node = {
        **MAPPER,
        "type": "Condition",
        "data": {"label": "c", "config": {"expression": "{{ input.nope }}"}},
    }
    file = tmp_path / "fails.json"
    file.write_text(json.dumps({**CHAIN, "definition": {"version": 1, "nodes": [node], "edges": []}}))
    said = await baton("run", str(file))
    assert (said.code, said.out) == (1, "")
    assert "baton: FAILED at map: " in said.err and "Traceback" not in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "no-such-file"), "neither an orchestrator's id nor a file"),
        (("run", "00000000-0000-4000-8000-000000000000"), "no"),
        (("run", "{chain}", "--input", "[1]"), "must be a JSON object"),
        (("run", "{chain}", "--input", "{"), "--input cannot be read"),
        (("import", "{chain}/missing"), "Not a directory"),
        (("import", "{broken}"), "cannot be read"),
        (("import", "{newer}"), "newer Baton"),
        (("export", "00000000-0000-4000-8000-000000000000"), "no"),
        (("restore", "{chain}"), "is not a backup"),
    ],
)
async def test_what_cannot_be_tried_is_a_sentence(
    baton: Baton, chain: Path, arguments: tuple[str, ...], words: str
) -> None:
    broken, newer = chain.with_name("broken.json"), chain.with_name("newer.json")
    broken.write_text('{"a": 1,}')
    newer.write_text(json.dumps({**CHAIN, "baton": 2}))
    named = {"{chain}": str(chain), "{broken}": str(broken), "{newer}": str(newer)}
    for name, path in named.items():
        arguments = tuple(argument.replace(name, path) for argument in arguments)
    said = await baton(*arguments)
    assert said.code == 2
    assert said.err.startswith("baton: ") or said.err.startswith("run ")
    assert words in said.err and "Traceback" not in said.err


async def test_a_database_that_is_away_and_a_wrong_setting_are_sentences(
    baton: Baton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_DATABASE_URL", "postgresql://u:hunter2@127.0.0.1:9/none")
    away = await baton("migrate")
    assert away.code == 2 and "does not answer" in away.err and "hunter2" not in away.err
    monkeypatch.setenv("BATON_DATABASE", "x")
    assert "the nearest is BATON_DATABASE_URL" in (await baton("migrate")).err


async def sandboxed(database_url: str, data_dir: Path, credentials: Any) -> None:
    from app.cli.keys import vault_of
    from app.settings import Settings
    from runner.database import Database
    from runner.store import Store

    database = Database(database_url, size=2, reserve=0)
    settings = Settings.from_env({"BATON_DATA_DIR": str(data_dir)})
    store = Store(database, vault_of(settings), discover())
    await connect_sandbox(store, discover(), await store.access.scope("test"), credentials)
    await database.aclose()


async def test_check_says_line_by_line_what_is_wrong(baton: Baton, database_url: str, tmp_path: Path) -> None:
    empty = await baton("check")
    assert empty.code == 0, empty
    assert re.search(r"^ok   database: .*newest schema", empty.out, re.M)
    assert re.search(r"^ok   keys: \w{8} seals", empty.out, re.M)
    assert re.search(r"^note public URL http://127.0.0.1:9: does not answer", empty.out, re.M)
    async with sandbox_platforms() as credentials:
        await sandboxed(database_url, tmp_path / "data", credentials)
        full = await baton("check")
        assert full.code == 0, full
        assert len(re.findall(r"^ok   connection Sandbox", full.out, re.M)) == len(credentials)
    gone = await baton("check")
    assert gone.code == 1
    assert len(re.findall(r"^FAIL connection Sandbox .*: (unreachable|not-found)", gone.out, re.M)) >= 4


async def test_keys_of_the_file_rotate_while_everything_stays_readable(
    baton: Baton, database_url: str, tmp_path: Path
) -> None:
    async with sandbox_platforms() as credentials:
        await baton("migrate")
        await sandboxed(database_url, tmp_path / "data", credentials)
        before = await baton("keys", "status")
        old = before.out.splitlines()[1].partition(":")[0]
        rotated = await baton("keys", "rotate")
        assert rotated.code == 0, rotated
        assert f"{len(credentials)} records moved to key" in rotated.out
        after = await baton("keys", "status")
        assert after.code == 0
        assert re.search(rf"^\w{{8}}: seals and opens; {len(credentials)} connections", after.out, re.M)
        assert (
            f"{old}: opens; 0 connections, 0 runs under way, 0 signing secrets; may be removed" in after.out
        )
        assert (await baton("check")).code == 0


async def test_a_missing_key_stops_everything_and_is_named(
    baton: Baton, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_SECRET_KEYS", OLD)
    async with sandbox_platforms() as credentials:
        await baton("migrate")
        async with open_store(database_url) as store:
            store.connections._vault = _vault(OLD)  # pyright: ignore[reportPrivateUsage]
            await connect_sandbox(store, discover(), await store.access.scope("t"), credentials)
        monkeypatch.setenv("BATON_SECRET_KEYS", NEW)
        refused = await baton("check")
        assert (
            refused.code == 2 and "sealed with key old1, which is not among BATON_SECRET_KEYS" in refused.err
        )
        status = await baton("keys", "status")
        assert status.code == 1 and f"old1: MISSING; {len(credentials)} connections" in status.out
        monkeypatch.setenv("BATON_SECRET_KEYS", f"{NEW},{OLD}")
        assert (await baton("keys", "rotate")).code == 0
        monkeypatch.setenv("BATON_SECRET_KEYS", NEW)
        assert (await baton("check")).code == 0


def _vault(keys: str) -> Any:
    from runner.vault import Vault

    key_id, _, text = keys.partition(":")
    return Vault([(key_id, base64.b64decode(text))])


async def test_a_backup_restores_into_an_empty_database_and_needs_its_keys(
    baton: Baton,
    database_url: str,
    empty_database_url: str,
    chain: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = (await baton("import", str(chain))).out.strip()
    async with sandbox_platforms() as credentials:
        await sandboxed(database_url, tmp_path / "data", credentials)
    file = tmp_path / "baton.backup"
    written = await baton("backup", str(file))
    assert written.code == 0, written
    assert file.stat().st_mode & 0o777 == 0o600
    assert KEY_FILE in written.out

    full = await baton("restore", str(file))
    assert full.code == 2 and "There are 1 orchestrators" in full.err
    monkeypatch.setenv("BATON_DATABASE_URL", empty_database_url)
    restored = await baton("restore", str(file))
    assert restored.code == 0, restored
    assert json.loads((await baton("export", made)).out) == CHAIN
    again = await baton("restore", str(file), "--force")
    assert again.code == 0, again

    damaged = tmp_path / "damaged.backup"
    damaged.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    cut = await baton("restore", str(damaged), "--force")
    assert cut.code == 2 and "pg_restore failed" in cut.err
    assert json.loads((await baton("export", made)).out) == CHAIN

    monkeypatch.setenv("BATON_DATA_DIR", str(tmp_path / "elsewhere"))
    lost = await baton("check")
    assert lost.code == 2 and re.search(r"are sealed with key \w{8}, which is not among", lost.err)


# -- the server as a process

PROGRAM = (sys.executable, "-c", "import sys; from app.cli import main; sys.exit(main())")


async def command(data_dir: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *PROGRAM,
        *arguments,
        env={"BATON_DATA_DIR": str(data_dir), "BATON_PORT": "0", "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def said(data_dir: Path, *arguments: str) -> Said:
    process = await command(data_dir, *arguments)
    out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def server(
    data_dir: Path, *arguments: str
) -> AsyncGenerator[tuple[asyncio.subprocess.Process, list[str]]]:
    """A running `baton serve` and what it printed until it was ready."""
    process = await command(data_dir, "serve", *arguments)
    assert process.stdout is not None and process.stderr is not None
    try:
        lines: list[str] = []
        wanted = "Run the sample" if "--sandbox" in arguments else "Sign in"
        while not lines or wanted not in lines[-1]:
            line = (await process.stdout.readline()).decode()
            assert line, (await process.stderr.read()).decode()
            lines.append(line.strip())
        yield process, lines
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


@pytest.mark.timeout(180)
async def test_the_first_tour_from_start_to_stop() -> None:
    with tempfile.TemporaryDirectory(prefix="baton-") as folder:
        data_dir = Path(folder)
        async with server(data_dir, "--sandbox") as (process, lines):
            address = re.search(r"http://127\.0\.0\.1:\d+/sign-in\?code=\S+", "\n".join(lines))
            sample = re.search(r"run ([0-9a-f-]{36}) --follow", lines[-1])
            assert address and sample
            base = address[0].partition("/sign-in")[0]
            async with httpx.AsyncClient(trust_env=False, base_url=base) as client:
                code = address[0].partition("code=")[2]
                signed = await client.post("/sign-in", data={"code": code})
                assert signed.status_code == 303, signed.text
                assert (await client.get("/api/v1/orchestrator")).status_code == 200
                assert (await client.get("/readyz")).status_code == 200
            ran, token = await asyncio.gather(
                said(data_dir, "run", sample[1], "--follow"),
                said(data_dir, "token", "create", "--name", "while"),
            )
            assert ran.code == 0, ran
            assert '"approved": true' in ran.out and " report " in ran.out
            async with httpx.AsyncClient(trust_env=False, base_url=base) as client:
                bearer = {"Authorization": f"Bearer {token.out.splitlines()[-1]}"}
                assert (await client.get("/api/v1/orchestrator/runs", headers=bearer)).status_code == 200
            restore = await said(data_dir, "restore", __file__)
            assert restore.code == 2
            process.send_signal(signal.SIGTERM)
            out, err = await process.communicate()
            assert process.returncode == 0, (out, err)
            assert b"Stopping." in out and b"Traceback" not in err, err
        alone = await said(data_dir, "token", "create", "--name", "after")
        assert alone.code == 0 and alone.out.splitlines()[-1].startswith("baton_")
        async with server(data_dir, "--sandbox") as (_, lines):
            assert sample[1] in lines[-1]
