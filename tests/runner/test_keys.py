"""No sealed record is forgotten when the key changes."""

from __future__ import annotations

from sqlalchemy import LargeBinary

from runner.store.keys import PLACES
from runner.tables import metadata

HASHES = ("sha256", "fingerprint")
NOT_SEALED = {("sign_in_attempt", "key")}
"""Binary, and of no use to anybody who reads it."""


def test_every_sealed_column_moves_to_the_new_key() -> None:
    """A new table with sealed records has to be added to `PLACES`, or its secrets would be lost with the old key."""
    sealed = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, LargeBinary) and not column.name.endswith(HASHES)
    }
    assert sealed - NOT_SEALED == {(place.table.name, place.column) for place in PLACES}
    with_key = {table.name for table in metadata.sorted_tables if "key_id" in table.c} - {"vault_key"}
    assert with_key == {place.table.name for place in PLACES}
