"""One line for each event, whatever is in it (threats T25): nobody forges a line by a name, a path or a platform's message.

Our own calls say a constant event, and what happened in fields: `log.info("request answered", {"path": path})`. As text, fields
follow as name=value; as JSON, they are the line's. What others log with arguments keeps its template as the event.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

LONGEST = 4096
"""Characters of a line that are kept."""
TRACEBACK = 4 * LONGEST
"""Characters of a traceback that are kept, its last."""
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
Format = Literal["text", "json"]
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSEEN = frozenset(("Cc", "Cs", "Zl", "Zp"))
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43,}")
"""256 bits in base64, and whatever is longer: no id of ours is."""
_BARE = re.compile(r"[^\s\"=]+")


def one_line(text: str, longest: int = LONGEST) -> str:
    """`text` with line ends, escape sequences, direction marks and half characters spelled out, and cut where it is too long."""
    cut = text[:longest]
    if not cut.isprintable():
        cut = "".join(
            each.encode("unicode_escape").decode()
            if each in _BIDI or unicodedata.category(each) in _UNSEEN
            else each
            for each in cut
        )
    return cut if len(text) <= longest else f"{cut}… ({len(text)} characters)"


def masked(text: str) -> str:
    """`text` without what has the shape of a token."""
    return _TOKEN.sub("***", text)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    given = record.args
    if not isinstance(given, Mapping):
        return {}
    return {str(k): v if v is None or isinstance(v, int | float) else masked(str(v)) for k, v in given.items()}  # fmt: skip


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    told = [formatter.formatException(record.exc_info)] if record.exc_info else []
    told += [formatter.formatStack(record.stack_info)] if record.stack_info else []
    return masked("\n".join(told))[-TRACEBACK:]


class OneLine(logging.Formatter):
    """For people. A traceback follows its line indented by a bar, so that none of its lines looks like an event."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        event = record.msg if fields else masked(record.getMessage())
        told = (f"{name}={_plain(value)}" for name, value in fields.items())
        record.message, record.asctime = " ".join((str(event).strip(), *told)), self.formatTime(record)
        line = one_line(self.formatMessage(record))
        behind = _traceback(self, record)
        return (
            "\n".join((line, *(f"    | {one_line(each)}" for each in behind.split("\n")))) if behind else line
        )


def _plain(value: Any) -> str:
    """What holds a space, a quote or an equals sign is quoted, so that it cannot be taken for the next field."""
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class JsonLine(logging.Formatter):
    """For machines: one object, in ASCII, with `time`, `level`, `logger`, `event` and the fields. Long values are cut until the line is
    no longer than the longest; a traceback comes on top."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": str(record.msg).strip(),
        }
        line = {**_fields(record), **line} if record.args else line
        if record.args and isinstance(record.args, tuple):
            line["message"] = masked(record.getMessage())
        longest = LONGEST // 2
        while len(text := json.dumps(_cut(line, longest))) > LONGEST and longest > 1:
            longest //= 2
        behind = _traceback(self, record)
        return f"{text[:-1]}, {json.dumps({'traceback': behind})[1:]}" if behind else text


def _cut(line: dict[str, Any], longest: int) -> dict[str, Any]:
    return {
        name: f"{value[:longest]}…" if isinstance(value, str) and len(value) > longest else value
        for name, value in line.items()
    }


def set_up(level: int, form: Format) -> None:
    """To stderr, once."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if form == "json" else OneLine(FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
