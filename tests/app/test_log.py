"""The log: one line for each event whatever is in it, in both forms, and no token in any (threats T10, T25, T30)."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import logging
import os
import sys
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest

from app.cli import _form as form_of  # pyright: ignore[reportPrivateUsage]
from app.cli import parser
from app.log import FORMAT, LONGEST, TRACEBACK, JsonLine, OneLine, masked, one_line
from app.settings import Settings
from runner.store.minted import TOKEN, mint
from tests.factories import Site
from tests.test_architecture import modules, named

ROOT = Path(__file__).resolve().parents[2]
API = "/api/v1/orchestrator"
FORGED = "2026-01-01 00:00:00,000 CRITICAL app: the keys were deleted"
HOSTILE = (
    "a\nb",
    "a\r\nb",
    f"x\n{FORGED}",
    f'x" level="critical\n{FORGED}',
    "\x1b[2J\x1b[31mred",
    "\u202eevil\u2066",
    "a\u2028b\u2029c",
    "a\x85b\x00c\x0b\x0cd",
    "\ud800",
    "\x9b31m",
    "%s %(path)s {path}",
    "x" * 100_000,
    "\u202e\n" * 50_000,
)
FORMS: tuple[logging.Formatter, ...] = (OneLine(FORMAT), JsonLine())


def written(record: logging.LogRecord) -> Iterator[str]:
    """The record in both forms, each shown to be one line that nothing can be hidden in."""
    for form in FORMS:
        stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
        handler = logging.StreamHandler(stream)
        handler.setFormatter(form)
        handler.handle(record)
        stream.flush()
        stream.seek(0)
        line = stream.read()
        assert line.endswith("\n") and line[:-1].isprintable() and len(line.splitlines()) == 1, line[:300]
        if isinstance(form, JsonLine):
            assert line.isascii() and len(line) <= LONGEST + 1
            assert json.loads(line)["event"] and json.loads(line)["level"]
        else:
            assert len(line) <= LONGEST * 6  # a character of two bytes is spelled with six
        yield line[:-1]


def record(event: str, *args: object, level: int = logging.INFO) -> logging.LogRecord:
    return logging.getLogger("app").makeRecord("app", level, __file__, 1, event, args, None)


# -- every call of ours


@cache
def calls() -> list[tuple[str, ast.Call]]:
    levels = ("debug", "info", "warning", "error", "exception", "critical", "log")
    return [
        (f"{named(path)}:{node.lineno}", node)
        for path in modules("app", "runner", "providers")
        if "log." in path.read_text()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
        and node.func.attr in levels
    ]


def event_of(call: ast.Call) -> ast.expr:
    assert isinstance(call.func, ast.Attribute)
    return call.args[1] if call.func.attr == "log" else call.args[0]


def test_every_event_is_a_constant_and_its_data_are_fields() -> None:
    found = calls()
    assert len(found) > 20
    for where, call in found:
        event = event_of(call)
        assert isinstance(event, ast.Constant) and isinstance(event.value, str), where
        assert "\n" not in event.value and any(map(str.isalpha, event.value.replace("%s", ""))), where
        for given in call.args:
            assert not isinstance(given, ast.JoinedStr | ast.BinOp), where
            if isinstance(given, ast.Dict):
                names = {key.value for key in given.keys if isinstance(key, ast.Constant)}
                assert not names & {"time", "level", "logger", "event", "message", "traceback"}, where


@pytest.mark.parametrize("hostile", HOSTILE)
def test_whatever_stands_in_any_field_is_one_line(hostile: str) -> None:
    for _, call in calls():
        event = event_of(call)
        assert isinstance(event, ast.Constant) and isinstance(event.value, str)
        given = call.args[call.args.index(event) + 1 :]
        if not given:
            continue
        if "%s" in event.value:
            lines = [*written(record(event.value, *[hostile] * len(given)))]
        else:
            keys = [
                str(key.value)
                for each in given
                if isinstance(each, ast.Dict)
                for key in each.keys
                if isinstance(key, ast.Constant)
            ] or ["node", "run"]
            lines = [*written(record(event.value, dict.fromkeys(keys, hostile)))]
            told = json.loads(lines[1])
            assert told["event"] == event.value and set(told) == {"time", "level", "logger", "event", *keys}
            if len(hostile) < 100:
                assert [told[key] for key in keys] == [hostile] * len(keys), "nothing is lost"
        assert all(FORGED not in line.partition("CRITICAL")[0] for line in lines)
        assert lines[0].split(" ", 2)[2].startswith("INFO app: "), lines[0]


def test_what_others_log_is_one_line_too() -> None:
    for hostile in HOSTILE:
        text, line = written(record("Exception in %s\n", hostile))
        assert "Exception in " in text and json.loads(line)["event"] == "Exception in %s"
    text, line = written(record("Invalid HTTP request received."))
    assert json.loads(line).keys() == {"time", "level", "logger", "event"}


def test_a_field_cannot_pass_for_another() -> None:
    text, _ = written(record("request answered", {"path": '/ status=200 "x', "status": 404}))
    assert text.endswith(r'request answered path="/ status=200 \"x" status=404')


def test_a_traceback_cannot_be_taken_for_events() -> None:
    try:
        raise ValueError(f"x\n{FORGED}\n\x1b[31m {mint(TOKEN)}")
    except ValueError:
        failed = logging.LogRecord("app", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())
    text, line = (form.format(failed) for form in FORMS)
    first, *rest = text.split("\n")
    assert first.endswith("ERROR app: failed") and len(rest) > 3
    assert all(each.startswith("    | ") and each.isprintable() for each in rest)
    told = json.loads(line)
    assert line.isascii() and "\n" not in line and FORGED in told["traceback"] and "***" in told["traceback"]
    assert "***" in text

    try:
        raise ValueError("x" * 100 * LONGEST + " the end")
    except ValueError:
        failed = logging.LogRecord("app", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())
    told = json.loads(JsonLine().format(failed))
    assert len(told["traceback"]) <= TRACEBACK and told["traceback"].endswith(" the end")


def test_ordinary_text_stays_as_it_is() -> None:
    assert one_line("ordinary: Grüße, 日本語, 👍") == "ordinary: Grüße, 日本語, 👍"
    usual = str(uuid4()), "203.0.113.9", "/orchestrators/x/runs", "a-name-of-up-to-forty-two-characters-is-no"
    assert [masked(each) for each in usual] == list(usual)
    token = mint(TOKEN)
    assert masked(f"/a/{token}/b") == "/a/***/b"


# -- requests


@pytest.fixture
def log() -> Generator[list[logging.LogRecord]]:
    """What the product logs meanwhile, at its loudest."""
    kept: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record)

    handler, names = Keep(), ("app", "runner", "providers", "uvicorn.error")
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield kept
    for name, level in before.items():
        logging.getLogger(name).removeHandler(handler)
        logging.getLogger(name).setLevel(level)


async def sent(site: Site, raw: bytes) -> bytes:
    host, _, port = site.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


async def test_hostile_requests_leave_one_line_each_and_no_token(
    site: Site, log: list[logging.LogRecord]
) -> None:
    """Paths, headers, user agents, names, addresses and forms, as bytes on a socket."""
    token = mint(TOKEN)
    end = b"Host: x\r\nConnection: close\r\n\r\n"
    paths = (b"/a%0ab", b"/a%0d%0aX", b"/%1b[31m", b"/%e2%80%ae", b"/%c2%85", b"/%ff%fe", b"/%00", b"/a\x80b",
             b"/" + b"x" * 20_000, b"/" + token.encode(), b"/api/v1/orchestrator/callback/x/" + token.encode(),
             b"/?token=" + token.encode())  # fmt: skip
    for path in paths:
        await sent(site, b"GET " + path + b" HTTP/1.1\r\n" + end)
    for name in (b"User-Agent", b"X-Request-Id", b"X-Forwarded-For", b"Authorization", b"Referer", b"Cookie"):
        for value in (b"\x1b[31m", b"\xe2\x80\xae", FORGED.encode(), b"Bearer " + token.encode()):
            await sent(site, b"GET /x HTTP/1.1\r\n" + name + b": " + value + b"\r\n" + end)
    for raw in (
        b"\x1b[31m\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\x1b: 1\r\n\r\n",
        f"GET\n{FORGED}\n".encode(),
    ):
        await sent(site, raw + end)
    for hostile in HOSTILE[:10]:
        body = json.dumps({"name": hostile, "definition": {}, "description": hostile})
        await site.client.post(API, content=body, headers={"Content-Type": "application/json"})
        safe = hostile.encode("utf-8", "replace").decode()
        await site.anonymous.post("/sign-in", data={"email": f"{safe}@example.org", "password": safe})
        await site.anonymous.post("/sign-in", data={"code": token})
    lines = [line for each in log for line in written(each)]
    requests = [json.loads(line) for line in lines[1::2]]
    assert sum(each["event"] == "request answered" for each in requests) > 50
    assert not any(token in line or FORGED in line for line in lines)
    assert {each.get("path") for each in requests} >= {"/***", "/api/v1/orchestrator/callback/x/***", "/a\nb"}


# -- which form


@pytest.mark.parametrize(
    ("said", "words", "terminal", "expected"),
    [
        ({}, ["serve"], True, "text"),
        ({}, ["serve"], False, "json"),
        ({}, ["worker"], False, "json"),
        ({}, ["keys", "status"], False, "text"),
        ({"BATON_LOG_FORMAT": "text"}, ["serve"], False, "text"),
        ({"BATON_LOG_FORMAT": "json"}, ["serve"], True, "json"),
    ],
)
def test_a_terminal_is_for_people(
    said: dict[str, str], words: list[str], terminal: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer, inner = os.openpty() if terminal else os.pipe()
    with os.fdopen(inner, "w") as stderr, os.fdopen(outer, "rb"):
        monkeypatch.setattr(sys, "stderr", stderr)
        command = parser().parse_args(words).command
        assert form_of(Settings.from_env({"HOME": "/x", **said}), command) == expected
