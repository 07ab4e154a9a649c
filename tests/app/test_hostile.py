"""Hostile input to every route: nothing of it opens a file, starts a process or calls anybody (threats T5 to T7), and no
answer is a fault of ours."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import sysconfig
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from providers import JsonObject
from runner.model import Role
from tests.app.test_auth import TABLE, filled
from tests.factories import Site, make_run, waiting_graph

API = "/api/v1/orchestrator"
ROOT = Path(__file__).resolve().parents[2]
PATHS = ("../../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "..%2f..%2fetc%2fpasswd", "C:\\windows\\win.ini",
         "/proc/self/environ", "secret-keys", "http://127.0.0.1:9/", "http://canary.invalid/")  # fmt: skip

# What peers fell over: bodies posing as uploads, definitions that start processes, references that are fetched.
CORPUS: tuple[Any, ...] = (
    {"files": [{"filepath": "/etc/passwd", "originalFilename": "x", "mimetype": "text/plain"}]},
    {"files": {"f0": {"filepath": "/etc/passwd", "newFilename": "x"}}, "data": {}},
    {"file": "/etc/passwd", "path": "/etc/passwd", "filename": "../../x", "url": "file:///etc/passwd"},
    {"command": "sh", "args": ["-c", "id"], "env": {"LD_PRELOAD": "/tmp/x.so"}},
    {"mcpServerConfig": {"command": "npx", "args": ["--yes", "x"]}},
    {"code": "__import__('os').system('id')", "python": "exec", "graph": {}, "nodes": [], "definition": {}},
    {"$ref": "file:///etc/passwd"},
    {"inputs": {"$ref": "http://canary.invalid/x"}, "inputSchema": {"$ref": "file:///etc/passwd"}},
    {"__class__": "os.system", "__reduce__": ["os.system", ["id"]], "py/object": "os.system"},
    {"name": "!!python/object/apply:os.system ['id']", "description": "{{ ''.__class__.__mro__ }}"},
    dict(zip(("name", "id", "path", "message", "value", "text", "file", "url", "email"), PATHS, strict=True)),
    [],
    "x",
    None,
)


def drawings() -> list[JsonObject]:
    """Definitions as they would be imported: every kind with something hostile in it."""
    configs: list[tuple[str, JsonObject]] = [
        ("RemoteWebhook", {"url": "file:///etc/passwd"}),
        ("RemoteWebhook", {"url": "http://canary.invalid/", "headers": {"Host": "x\r\nEvil: 1"}}),
        ("RemoteWebhook", {"provider": "../../etc/passwd", "workflowId": "/etc/passwd"}),
        ("LocalFlow", {"flowId": "../../etc/passwd", "baseURL": "file:///etc"}),
        ("WaitForCallback", {"schema": {"$ref": "file:///etc/passwd"}}),
        ("WaitForCallback", {"schema": {"$ref": "http://canary.invalid/schema"}}),
        ("DataMapper", {"mappings": [{"from": "input.__class__.__mro__", "to": "x"}]}),
        ("Condition", {"rules": [{"left": "{{ cycler.__init__.__globals__.os.popen('id') }}"}]}),
        ("executeCommand", {"command": "id"}),
        ("n8n-nodes-base.readWriteFile", {"fileSelector": "/etc/passwd"}),
        ("Python", {"code": "import os; os.system('id')"}),
    ]
    return [
        {
            "version": 1,
            "nodes": [{"id": "a", "type": kind, "data": {"label": "../a", "config": config}}],
            "edges": [],
            "inputSchema": {"$ref": "file:///etc/passwd"},
        }
        for kind, config in configs
    ]


class Watch:
    """What this process opens, starts and calls while it is on. Audit hooks stay for ever: there is one, and it is off."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[tuple[str, str]] = []
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in ("open", "os.listdir", "os.scandir", "os.rename", "os.remove", "os.mkdir", "os.symlink"):
            self.seen.append(
                (event, os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else "")
            )
        elif event == "socket.connect":
            self.seen.append((event, repr(arguments[1])))
        elif event == "socket.getaddrinfo":
            self.seen.append((event, repr(arguments[0])))
        elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn"):
            self.seen.append((event, repr(arguments[:2])))
        elif event in ("exec", "compile"):
            pass  # Python's own imports and pydantic's; what of ours compiles is told by tests/test_architecture.py

    @contextmanager
    def watching(self) -> Generator[list[tuple[str, str]]]:
        self.seen, self.on = [], True
        try:
            yield self.seen
        finally:
            self.on = False


WATCH = Watch()


def strange(seen: list[tuple[str, str]], site: Site) -> list[tuple[str, str]]:
    """What is not among the few things that serving itself does: reading code, its own screens, talking to its own database
    and to the client of this test."""
    database = make_url(site.store.database.url).query["host"]
    client = f"('127.0.0.1', {site.url.rpartition(':')[2]})"
    ours = ("app", "runner", "providers", "ui", "tests", "migrations")
    code = (*(str(ROOT / each) for each in ours), *(each for each in sys.path if each.endswith(".zip")),
            *(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")))  # fmt: skip

    def usual(event: str, what: str) -> bool:
        if event in ("open", "os.listdir", "os.scandir"):
            return what.startswith(code)
        return event in ("socket.connect", "socket.getaddrinfo") and (
            what == client or str(database) in what or what == "'127.0.0.1'"
        )

    return [each for each in seen if not usual(*each)]


@pytest.mark.timeout(180)
async def test_no_request_opens_a_file_starts_a_process_or_calls_anybody(site: Site) -> None:
    await make_run(site.store, waiting_graph())
    await site.client.post(
        f"{API}/check", json={"definition": drawings()[0]}
    )  # what is loaded once, is loaded
    await site.client.get("/api/v1/openapi.json")
    sent = 0
    with WATCH.watching() as seen:
        for (method, path), least in TABLE.items():
            if path.endswith(("/events", "/presence", "/sandbox")):
                continue
            headers = {} if least is None else site.bearer(Role.ADMIN)
            asked = filled(path)
            for answer in await asyncio.gather(
                *(
                    site.anonymous.request(method, asked, headers=headers, json=body)
                    for body in (CORPUS if method != "GET" else (None,))
                )
            ):
                assert answer.status_code < 500, (method, path, answer.request.content, answer.text)
                sent += 1
            for each in PATHS[:4]:
                odd = path.replace("{id}", each).replace("{runId}", each).replace("{provider}", each)
                odd = (
                    odd.replace("{workflowId:path}", each)
                    .replace("{nodeId}", each)
                    .replace("{rest:path}", each)
                )
                if odd != path and "{" not in odd:
                    answer = await site.anonymous.request(method, odd, headers=headers)
                    assert answer.status_code < 500, (method, odd, answer.text)
                    sent += 1
        for definition in drawings():
            for path, body in (
                ("", {"name": "hostile", "definition": definition}),
                ("/check", {"definition": definition}),
                ("/graph", {"definition": definition, "nodeId": "a"}),
            ):
                answer = await site.client.post(f"{API}{path}", json=body)
                assert answer.status_code < 500, answer.text
                sent += 1
        upload = {"file": ("../../x", b"canary", "text/plain")}
        for path in (API, f"{API}/callback/{uuid4()}", "/sign-in"):
            answer = await site.client.post(path, files=upload)
            assert 400 <= answer.status_code < 500
    assert sent > 400
    assert strange(seen, site) == []
    assert any(event == "socket.connect" for event, _ in seen)  # it does listen


def test_the_watch_sees_what_it_should(tmp_path: Path) -> None:
    with WATCH.watching() as seen:
        (tmp_path / "x").write_text("")
        subprocess.run(["true"], check=True)
    assert {"open", "subprocess.Popen"} <= {event for event, _ in seen}
