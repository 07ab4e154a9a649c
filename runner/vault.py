"""Seals the secrets that are kept, and finds the keys it does that with (threats T10, T24).

Envelope encryption: every record has a key of its own (AES-256-GCM, used once), and that key is wrapped by a master key
(AES-256-GCM again). Both carry the caller's context (`connection:<workspace>:<id>`) as associated data, so ciphertext that
is moved to another row does not open. Master keys never reach the database; their fingerprints do (`store/keys.py`).

A blob: version (1 byte) · length of the key id (1) · key id · nonce (12) · wrapped record key (32 + 16) · nonce (12) ·
ciphertext with its tag (16).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import itertools
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runner.errors import VaultError

KEY_BYTES = 32
KEY_FILE = "secret-keys"
_VERSION = 1
_NONCE = 12
_TAG = 16
_WRAPPED = _NONCE + KEY_BYTES + _TAG


class Sealed(NamedTuple):
    """What is stored: the blob, and the master key that wraps it (also inside the blob; outside for counting)."""

    blob: bytes
    key_id: str


class MasterKey(NamedTuple):
    id: str
    raw: bytes


class Vault:
    """Seals with the first key, opens with any of them. Safe to share by tasks; holds no state but the keys.

    `reload` gives the keys anew when a blob names an unknown one: a key file that `baton keys rotate` has extended is
    read by running servers this way, without a restart.
    """

    def __init__(
        self,
        keys: Sequence[tuple[str, bytes]],
        *,
        reload: Callable[[], Sequence[tuple[str, bytes]]] | None = None,
        source: str = "BATON_SECRET_KEYS",
    ) -> None:
        self.source = source
        self._reload = reload
        self._keys = self._checked(keys)

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The first seals."""
        return tuple(self._keys)

    def __repr__(self) -> str:
        return f"<Vault {', '.join(self._keys)}>"

    def fingerprint(self, key_id: str) -> bytes:
        """Tells two keys apart without telling anything about them."""
        return hmac.digest(self._keys[key_id], b"baton vault key fingerprint", "sha256")

    def seal(self, plain: bytes, context: str) -> Sealed:
        record_key, nonce = AESGCM.generate_key(8 * KEY_BYTES), os.urandom(_NONCE)
        body = nonce + AESGCM(record_key).encrypt(nonce, plain, _bound("record", context))
        return self._wrap(record_key, body, context)

    def open(self, blob: bytes, context: str) -> bytes:
        """Raises VaultError when the key is missing, or when the blob was changed or belongs to another context."""
        key_id, record_key, body = self._unwrap(blob, context)
        try:
            return AESGCM(record_key).decrypt(body[:_NONCE], body[_NONCE:], _bound("record", context))
        except InvalidTag:
            raise _damaged(key_id) from None

    def rewrap(self, blob: bytes, context: str) -> Sealed:
        """The same secret under the first key. Only the record's key is sealed anew; the secret itself stays closed."""
        _, record_key, body = self._unwrap(blob, context)
        return self._wrap(record_key, body, context)

    def _wrap(self, record_key: bytes, body: bytes, context: str) -> Sealed:
        key_id, master = next(iter(self._keys.items()))
        nonce = os.urandom(_NONCE)
        wrapped = nonce + AESGCM(master).encrypt(nonce, record_key, _bound("key", key_id, context))
        name = key_id.encode()
        return Sealed(bytes((_VERSION, len(name))) + name + wrapped + body, key_id)

    def _unwrap(self, blob: bytes, context: str) -> tuple[str, bytes, bytes]:
        key_id, wrapped, body = _parts(blob)
        if key_id not in self._keys and self._reload is not None:
            self._keys = self._checked(self._reload())
        if (master := self._keys.get(key_id)) is None:
            raise VaultError(
                f"sealed with key {key_id}, which is not among {self.source} (there: {', '.join(self._keys)})",
                hint=f"Add the key {key_id} to {self.source} and start again.",
            )
        try:
            record_key = AESGCM(master).decrypt(
                wrapped[:_NONCE], wrapped[_NONCE:], _bound("key", key_id, context)
            )
        except InvalidTag:
            raise _damaged(key_id) from None
        return key_id, record_key, body

    def _checked(self, keys: Sequence[tuple[str, bytes]]) -> dict[str, bytes]:
        if not keys:
            raise VaultError(f"there is no key in {self.source}")
        for key_id, raw in keys:
            if not 0 < len(key_id.encode()) < 256:
                raise VaultError(f"{self.source}: a key id has between 1 and 255 bytes")
            if len(raw) != KEY_BYTES:
                raise VaultError(
                    f"{self.source}: key {key_id} has {len(raw)} bytes instead of {KEY_BYTES}",
                    hint="`openssl rand -base64 32` makes one.",
                )
        if len(found := dict(keys)) < len(keys):
            raise VaultError(f"{self.source}: two keys have the same id")
        return found


def load_keys(given: Sequence[tuple[str, bytes]], data_dir: Path) -> Vault:
    """The vault of this installation: over the given keys, else over the key file in the data folder, made if missing.

    Raises VaultError, naming the key, for one that anybody could guess, and for one that is there twice.
    """
    if given:
        vault = Vault(given)
    else:
        file = data_dir / KEY_FILE
        if not file.exists():
            _create(file, [_fresh()])
        given = _read(file)
        vault = Vault(given, reload=lambda: _read(file), source=str(file))
    _refuse_guessable(given, vault.source)
    return vault


def add_key(data_dir: Path) -> str:
    """Put a new key first in the key file, atomically; the older ones stay to open what they sealed. Returns its id."""
    file = data_dir / KEY_FILE
    keys = _read(file)
    fresh = _fresh()
    temporary = _written(file, [fresh, *keys])
    temporary.replace(file)
    _flush(file.parent)
    return fresh.id


def _refuse_guessable(keys: Sequence[tuple[str, bytes]], source: str) -> None:
    """A later key may be one that anybody could guess: it only opens, until everything has been moved away from it."""
    names: dict[bytes, str] = {}
    for key_id, raw in keys:
        if raw in names:
            raise VaultError(
                f"{source}: the keys {names[raw]} and {key_id} are one and the same",
                hint="Give the new one bytes of its own: `openssl rand -base64 32` makes them.",
            )
        names[raw] = key_id
    first, raw = keys[0]
    if why := _guessable(raw):
        raise VaultError(
            f"{source}: the key {first} must not seal anything: {why}",
            hint="Put one before it that `openssl rand -base64 32` made, keep it as the second, and run `baton keys rotate`.",
        )


def _guessable(raw: bytes) -> str | None:
    """What shows that these bytes were not drawn at random. A random key is refused less than once in 10¹¹."""
    if len(set(raw)) == 1:
        return "it is one byte over and over"
    if len({(after - before) % 256 for before, after in itertools.pairwise(raw)}) == 1:
        return "its bytes count up or down"
    if all(32 <= byte < 127 for byte in raw):
        return "it is text that somebody typed, or that stands for fewer bytes"
    if len(set(raw)) <= len(raw) // 2:
        return "it repeats itself"
    return None


def _fresh() -> MasterKey:
    raw = secrets.token_bytes(KEY_BYTES)
    return MasterKey(hashlib.sha256(raw).hexdigest()[:8], raw)


def _read(file: Path) -> tuple[MasterKey, ...]:
    """Lines of `id:base64`. Raises VaultError for a file that others can read, or that holds anything else."""
    try:
        if (mode := file.stat().st_mode & 0o777) & 0o077:
            raise VaultError(
                f"{file} has mode {mode:04o}: others may read the keys of all stored credentials",
                hint=f"Run `chmod 600 {file}`, and consider `baton keys rotate`.",
            )
        lines = [line.strip() for line in file.read_text().splitlines() if line.strip()]
    except OSError as error:
        raise VaultError(f"cannot read the key file {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise VaultError(f"{file} is not a key file: it is not text") from None
    keys: list[MasterKey] = []
    for number, line in enumerate(lines, 1):
        key_id, _, text = line.rpartition(":")
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise VaultError(f"{file}, line {number}: the key is not base64") from None
        keys.append(MasterKey(key_id or hashlib.sha256(raw).hexdigest()[:8], raw))
    if not keys:
        raise VaultError(
            f"the key file {file} is empty", hint="Put back the copy you made, or remove it to begin anew."
        )
    return tuple(keys)


def _create(file: Path, keys: Iterable[MasterKey]) -> None:
    """Whole or not at all, and never over a file that another process was faster to make."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = _written(file, keys)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, file)
    finally:
        temporary.unlink()
    _flush(file.parent)


def _written(file: Path, keys: Iterable[MasterKey]) -> Path:
    temporary = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        if os.geteuid() == 0:  # a root command in somebody's folder must not lock them out of it
            held = file.parent.stat()
            os.fchown(handle, held.st_uid, held.st_gid)
        text = "".join(f"{key.id}:{base64.b64encode(key.raw).decode()}\n" for key in keys)
        os.write(handle, text.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    return temporary


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _bound(*parts: str) -> bytes:
    """Associated data: the version and each part with its length, so that no two lists of parts look the same."""
    encoded = [part.encode() for part in parts]
    return bytes((_VERSION,)) + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _parts(blob: bytes) -> tuple[str, bytes, bytes]:
    if len(blob) < 2 or blob[0] != _VERSION:
        raise VaultError("not a sealed secret, or sealed by a newer Baton")
    begin = 2 + blob[1]
    if len(blob) < begin + _WRAPPED + _NONCE + _TAG:
        raise VaultError("a sealed secret is cut off")
    try:
        key_id = blob[2:begin].decode()
    except UnicodeDecodeError:
        raise VaultError("a sealed secret names no readable key") from None
    return key_id, blob[begin : begin + _WRAPPED], blob[begin + _WRAPPED :]


def _damaged(key_id: str) -> VaultError:
    return VaultError(
        f"sealed with key {key_id}, but it does not open: the record was changed, or another key has that id",
        hint="Compare with `baton keys status`; a changed record has to be entered again.",
    )
