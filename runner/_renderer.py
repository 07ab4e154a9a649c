"""The process templates are rendered in: no secrets, no files, no sockets, little memory, and killed when it is late.

Started by `template.Templates` as `python -I _renderer.py` with an empty environment. Speaks frames on stdin and stdout: four
bytes of length, big endian, then JSON; a reply has one byte before them, 1 if this process stays for another request. In: `{"sources": [...], "scope": {...}, "known": {...}}`. Out: `{"values": [...]}` or
`{"fault": {"index", "message", "hint", "line", "undefined"}}`. Ends at the end of stdin.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import jinja2

_LOADED = (jinja2,)  # before the project's folder is on the path, so that nothing there can stand in for it
MEMORY = 400 * 1024 * 1024
CPU_SECONDS = 2
WARM_UP = (  # nothing can be opened later, so what Python loads at first use is used once now
    "{% for a in b %}{{ loop.index }}{{ a | tojson ~ '\\u00e9\\N{BULLET}' }}{% endfor %}",
    "{{ 'a' | upper | b64encode | urlencode }}{{ '2026-01-02' | datetime }}{{ b | sort | batch(2) | tojson }}",
    "{{ b.c.d }}",
    "{{ 1 + 'a' }}",
    "{{ 'a",
)
MAX_REPLY = 4 * 1024 * 1024


def _limit(what: int, soft: int, hard: int | None = None) -> None:
    with suppress(ValueError, OSError):  # a platform without this limit, or one already lower
        resource.setrlimit(what, (soft, resource.getrlimit(what)[1] if hard is None else hard))


def _close_the_doors() -> None:
    """No more memory than MEMORY, no file written, no new descriptor: open(), socket() and fork-and-exec all need one."""
    _limit(resource.RLIMIT_AS, MEMORY, MEMORY)
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        _limit(what, 0, 0)


def _answer(renderer: Any, fault: type[Exception], request: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    values: list[Any] = []
    size = 0
    for index, source in enumerate(request["sources"]):
        try:
            value = renderer.render(source, request["scope"], request["known"])
            size += len(value) if isinstance(value, str) else len(json.dumps(value))
            if size > MAX_REPLY:
                raise MemoryError
            values.append(value)
        except fault as error:
            return {"fault": {"index": index, **error.__dict__}}, True
        except MemoryError:
            told = {
                "message": "the template needs too much memory",
                "hint": "",
                "line": 1,
                "undefined": False,
            }
            return {"fault": {"index": index, **told}}, False
    return {"values": values}, True


def serve(incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Answers frames until stdin ends, or until memory ran out once: a fresh process is cheaper than a torn heap."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from runner._sandbox import Fault, Renderer

    del sys.path[0]
    renderer = Renderer()
    for source in WARM_UP:
        with suppress(Fault):
            renderer.render(source, {"b": [1]})
    _close_the_doors()
    healthy = True
    while healthy and len(head := incoming.read(4)) == 4:
        (size,) = struct.unpack(">I", head)
        _limit(resource.RLIMIT_CPU, int(time.process_time()) + 1 + CPU_SECONDS)
        try:
            reply, healthy = _answer(renderer, Fault, json.loads(incoming.read(size)))
            raw = json.dumps(reply).encode()
        except MemoryError:
            healthy = False
            raw = b'{"fault":{"index":0,"message":"the template needs too much memory","hint":"","line":1,"undefined":false}}'
        outgoing.write(struct.pack(">?I", healthy, len(raw)) + raw)
        outgoing.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
