"""One line for each event, whatever is in it (threats T25): nobody forges a line by a name, a path or a platform's message."""

from __future__ import annotations

import logging
import sys
import unicodedata

LONGEST = 4096
"""Characters of a line that are kept."""
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSEEN = frozenset(("Cc", "Cs", "Zl", "Zp"))


def one_line(text: str) -> str:
    """`text` with line ends, escape sequences, direction marks and half characters spelled out, and cut where it is too long."""
    cut = text[:LONGEST]
    if not cut.isprintable():
        cut = "".join(
            each.encode("unicode_escape").decode()
            if each in _BIDI or unicodedata.category(each) in _UNSEEN
            else each
            for each in cut
        )
    return cut if len(text) <= LONGEST else f"{cut}… ({len(text)} characters)"


class OneLine(logging.Formatter):
    """A traceback follows its line indented by a bar, so that none of its lines looks like an event."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return one_line(super().formatMessage(record))

    def formatException(self, ei: object) -> str:
        text = super().formatException(ei)  # pyright: ignore[reportArgumentType]
        return "\n".join(f"    | {one_line(line)}" for line in text.split("\n"))

    def formatStack(self, stack_info: str) -> str:
        return "\n".join(f"    | {one_line(line)}" for line in stack_info.split("\n"))


def set_up(level: int) -> None:
    """To stderr, once."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
