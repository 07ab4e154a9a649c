"""Credentials that we make: a prefix, 256 random bits, and a checksum that tells a typing error from a wrong credential without
asking the database (threats T30). Only the SHA-256 of one is ever kept, and it is looked up by that."""

from __future__ import annotations

import hashlib
import secrets
import zlib

from sqlalchemy import ColumnElement, Table, and_, func

TOKEN, CODE, SESSION, INVITATION, RESET = "baton_", "code_", "session_", "invitation_", "reset_"


def mint(prefix: str) -> str:
    """A new credential of 256 random bits."""
    text = secrets.token_urlsafe(32)
    return f"{prefix}{text}{_checksum(text)}"


def well_formed(credential: str, prefix: str) -> bool:
    """Whether `mint(prefix)` can have made it."""
    text = credential.removeprefix(prefix)
    return len(text) == 51 and text != credential and text.isascii() and _checksum(text[:43]) == text[43:]


def hashed(credential: str) -> bytes:
    """What is kept of it."""
    return hashlib.sha256(credential.encode()).digest()


def unspent(table: Table, credential: str) -> ColumnElement[bool]:
    """The row of a credential that works once, while it does: not used, not too old."""
    row = table.c
    return and_(
        row.sha256 == hashed(credential), row.used_at.is_(None), row.expires_at > func.clock_timestamp()
    )


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
