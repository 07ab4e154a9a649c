"""The vault: nothing opens that was moved, changed, or sealed with a key that is gone."""

import base64
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import VaultError
from runner.vault import KEY_FILE, Vault, add_key, load_keys

OLD, NEW = ("old1", b"o" * 32), ("new2", b"n" * 32)
HERE = "connection:w:1"
GOOD = hashlib.sha256(b"a key").digest()


@settings(max_examples=50)
@given(plain=st.binary(max_size=300), context=st.text(max_size=60))
def test_what_is_sealed_opens_again(plain: bytes, context: str) -> None:
    vault = Vault([OLD])
    sealed = vault.seal(plain, context)
    assert vault.open(sealed.blob, context) == plain
    assert sealed.key_id == "old1"


def test_every_changed_bit_every_cut_and_every_other_row_is_refused() -> None:
    vault = Vault([OLD, NEW])
    blob = vault.seal(b"hunter2", HERE).blob
    for at in range(len(blob)):
        for bit in range(8):
            changed = bytearray(blob)
            changed[at] ^= 1 << bit
            with pytest.raises(VaultError):
                vault.open(bytes(changed), HERE)
    for length in range(len(blob)):
        with pytest.raises(VaultError):
            vault.open(blob[:length], HERE)
    for other in ("connection:w:2", "connection:v:1", "run:w:1", ""):
        with pytest.raises(VaultError):
            vault.open(blob, other)
        with pytest.raises(VaultError):
            vault.rewrap(blob, other)


def test_two_records_of_one_secret_look_different_and_show_nothing() -> None:
    vault = Vault([OLD])
    first, second = vault.seal(b"hunter2 hunter2", HERE).blob, vault.seal(b"hunter2 hunter2", HERE).blob
    assert first != second
    assert b"hunter2" not in first
    assert "ooo" not in repr(vault)


def test_a_missing_key_is_named() -> None:
    blob = Vault([OLD]).seal(b"x", HERE).blob
    with pytest.raises(VaultError, match="sealed with key old1, which is not among BATON_SECRET_KEYS"):
        Vault([NEW]).open(blob, HERE)


def test_another_key_of_the_same_name_does_not_open() -> None:
    blob = Vault([OLD]).seal(b"x", HERE).blob
    with pytest.raises(VaultError, match="another key has that id"):
        Vault([("old1", b"z" * 32)]).open(blob, HERE)


def test_rewrapping_moves_a_secret_to_the_first_key() -> None:
    old = Vault([OLD]).seal(b"secret", HERE)
    moved = Vault([NEW, OLD]).rewrap(old.blob, HERE)
    assert moved.key_id == "new2"
    assert Vault([NEW]).open(moved.blob, HERE) == b"secret"


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([], "no key"),
        ([("a", b"short")], "has 5 bytes instead of 32"),
        ([OLD, ("old1", b"q" * 32)], "same id"),
        ([("", b"q" * 32)], "key id"),
    ],
)
def test_unusable_keys_are_refused(keys: list[tuple[str, bytes]], reason: str) -> None:
    with pytest.raises(VaultError, match=reason):
        Vault(keys)


def test_the_key_file_is_made_once_private_and_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "too"
    blob = load_keys([], folder).seal(b"x", HERE).blob
    assert load_keys([], folder).open(blob, HERE) == b"x"
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert [p.name for p in folder.iterdir()] == [KEY_FILE]
    key_id, _, text = (folder / KEY_FILE).read_text().strip().partition(":")
    assert (len(key_id), len(base64.b64decode(text))) == (8, 32)


def test_given_keys_leave_no_file_behind(tmp_path: Path) -> None:
    assert load_keys([("old1", GOOD)], tmp_path).key_ids == ("old1",)
    assert not (tmp_path / KEY_FILE).exists()


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_keys([], tmp_path)
    os.chmod(tmp_path / KEY_FILE, 0o640)
    with pytest.raises(VaultError, match="mode 0640"):
        load_keys([], tmp_path)


def _lines(*lines: str) -> Callable[[Path], object]:
    def write(file: Path) -> None:
        file.write_text("\n".join(lines))
        file.chmod(0o600)

    return write


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (_lines("a:" + base64.b64encode(b"short").decode()), "has 5 bytes"),
        (_lines("a:not base64!"), "line 1: the key is not base64"),
        (_lines(""), "is empty"),
    ],
)
def test_a_broken_key_file_is_refused(tmp_path: Path, write: Callable[[Path], object], reason: str) -> None:
    write(tmp_path / KEY_FILE)
    with pytest.raises(VaultError, match=reason):
        load_keys([], tmp_path)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (bytes(32), "one byte over and over"),
        (b"k" * 32, "one byte over and over"),
        (bytes(range(32)), "count up or down"),
        (bytes(range(200, 168, -1)), "count up or down"),
        (b"correct horse battery staple 123", "somebody typed"),
        (GOOD.hex()[:32].encode(), "somebody typed"),
        (GOOD[:8] * 4, "repeats itself"),
        (GOOD[:16] * 2, "repeats itself"),
    ],
)
def test_a_key_that_anybody_could_guess_seals_nothing(tmp_path: Path, raw: bytes, why: str) -> None:
    with pytest.raises(VaultError, match=f"the key weak must not seal anything: .*{why}"):
        load_keys([("weak", raw)], tmp_path)
    with pytest.raises(VaultError, match="the key weak must not seal"):
        load_keys([("weak", raw), ("good", GOOD)], tmp_path)
    write = _lines(f"weak:{base64.b64encode(raw).decode()}")
    write(tmp_path / KEY_FILE)
    with pytest.raises(VaultError, match=f"{KEY_FILE}: the key weak must not seal"):
        load_keys([], tmp_path)
    assert load_keys([("good", GOOD), ("weak", raw)], tmp_path).key_ids == ("good", "weak")


def test_a_key_by_two_names_is_refused_by_both(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="the keys old and new are one and the same"):
        load_keys([("old", GOOD), ("new", GOOD)], tmp_path)


def test_no_random_key_is_taken_for_one_that_could_be_guessed(tmp_path: Path) -> None:
    for _ in range(2000):
        load_keys([("k", os.urandom(32))], tmp_path)


def test_a_running_server_learns_of_a_key_that_was_added_to_its_file(tmp_path: Path) -> None:
    running = load_keys([], tmp_path)
    old = running.seal(b"before", HERE)
    added = add_key(tmp_path)
    sealed = load_keys([], tmp_path).seal(b"after", HERE)
    assert sealed.key_id == added != old.key_id
    assert running.open(sealed.blob, HERE) == b"after"
    assert running.seal(b"", HERE).key_id == added
    assert running.open(old.blob, HERE) == b"before"
