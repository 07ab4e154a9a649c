"""Secrets that stand elsewhere: `env:NAME`, `file:NAME`, `vault:mount/path#field`, read when they are used and never kept.

Nothing can be read unless the operator of this server said so: names of the environment one by one, one folder, one Vault.
Facts: developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 (read a secret version), …/auth/approle (login).
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import quote

from providers import Answer, BadResponse, Http, ProviderError, recording
from runner.errors import Conflict

KEPT = 60.0
"""Seconds that a value is used before it is read again."""
MAX_BYTES = 64 * 1024
_SECONDS = 10.0
_EARLY = 0.8
"""A login is made anew after this share of its time."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_VAULT = re.compile(r"(?P<mount>[^/#?%\x00-\x20]+)/(?P<path>[^#?%\x00-\x1f]+)#(?P<field>[^\x00-\x1f]+)")


class SecretMissing(Conflict):
    """What a reference names is not there, may not be read, or is no usable secret. The message names the reference."""

    code = "secret-missing"


class SecretStoreDown(Conflict):
    """The store does not answer; the same again may do."""

    code = "secret-store-unreachable"


class SecretStore(Protocol):
    """One kind of store. `read` is given what follows the kind's name in a reference, and answers with the secret.

    Raises SecretMissing or SecretStoreDown, whose text never holds a secret. Safe to share by tasks.
    """

    async def read(self, name: str) -> str: ...
    async def aclose(self) -> None: ...


class SecretStores:
    """The stores that are set up on this server, by kind. Values are kept for `KEPT` seconds, in memory only."""

    def __init__(self, stores: Mapping[str, SecretStore] | None = None) -> None:
        self._stores = dict(stores or {})
        self._known: dict[str, tuple[float, str]] = {}

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(self._stores)

    @property
    def names(self) -> tuple[str, ...]:
        """What `env:` may name."""
        environment = self._stores.get("env")
        return environment.names if isinstance(environment, Environment) else ()

    async def values(self, references: Iterable[str]) -> dict[str, str]:
        """The value of each. Raises as `SecretStore.read`, and SecretMissing for a kind that is not set up here."""
        return {each: await self._value(each) for each in references}

    def forget(self, references: Iterable[str]) -> None:
        """Read them anew the next time: somebody was refused with what is known."""
        for each in references:
            self._known.pop(each, None)

    async def aclose(self) -> None:
        self._known.clear()
        for store in self._stores.values():
            await store.aclose()

    async def _value(self, reference: str) -> str:
        read_at, value = self._known.get(reference, (-KEPT, ""))
        if time.monotonic() - read_at < KEPT:
            return value
        kind, colon, name = reference.partition(":")
        if not colon or (store := self._stores.get(kind)) is None:
            there = f"there are: {', '.join(self._stores)}" if self._stores else "none is"
            raise SecretMissing(
                f"{reference[:200]} names a secret store that is not set up on this server ({there})",
                hint="The operator sets up secret stores: BATON_SECRET_ENV, BATON_SECRET_FILES, BATON_VAULT_ADDR.",
            )
        value = await store.read(name)
        if not value:
            raise SecretMissing(f"{reference} is empty")
        self._known[reference] = (time.monotonic(), value)
        return value


class Environment:
    """Variables of this process, those that were listed and no others."""

    def __init__(self, names: Iterable[str], environ: Mapping[str, str] = os.environ) -> None:
        self.names = tuple(names)
        self._environ = environ

    async def read(self, name: str) -> str:
        if name not in self.names:
            raise SecretMissing(
                f"env:{name[:200]} may not be read", hint="The operator lists such names in BATON_SECRET_ENV."
            )
        if (value := self._environ.get(name)) is None:
            raise SecretMissing(
                f"env:{name} is not set where this process runs",
                hint="Every server and every worker needs the variable.",
            )
        return value

    async def aclose(self) -> None:
        pass


class Files:
    """Files below one folder, such as mounted secrets. A link that leads out of it is refused."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, name: str) -> str:
        if len(name) > 500 or not _PATH.fullmatch(name):
            raise SecretMissing(
                f"file:{name[:200]!r} is not a name of a file below BATON_SECRET_FILES",
                hint="Letters, digits, dots, dashes, underscores and slashes; no part begins with a dot.",
            )
        return await asyncio.to_thread(self._read, name)

    async def aclose(self) -> None:
        pass

    def _read(self, name: str) -> str:
        try:
            folder = self._folder.resolve(strict=True)
            found = (folder / name).resolve(strict=True)
            if not found.is_relative_to(folder):
                raise SecretMissing(f"file:{name} leads out of BATON_SECRET_FILES")
            handle = os.open(found, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise SecretMissing(f"file:{name} is not a file")
                raw = os.read(handle, MAX_BYTES + 1)
            finally:
                os.close(handle)
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            why = error.strerror if isinstance(error, OSError) else "links in a circle"
            raise SecretMissing(f"file:{name} cannot be read: {why}") from None
        if len(raw) > MAX_BYTES:
            raise SecretMissing(f"file:{name} is larger than {MAX_BYTES // 1024} KiB")
        try:
            return raw.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise SecretMissing(f"file:{name} is not text") from None


class Vault:
    """HashiCorp Vault, KV version 2, by a token or by AppRole. `http` may call its address; it is closed with this store."""

    def __init__(
        self,
        address: str,
        http: Http,
        *,
        token: str | None = None,
        role: tuple[str, str] | None = None,
        namespace: str | None = None,
    ) -> None:
        self._address = address.rstrip("/")
        self._http = http
        self._role = role
        self._namespace = namespace
        self._token = token
        self._until = float("inf")
        self._login = asyncio.Lock()
        for secret in (token, *(role or ())):
            if secret:
                http.hide(secret)

    async def read(self, name: str) -> str:
        parts = _VAULT.fullmatch(name)
        if parts is None or {"", ".", ".."} & set(parts["path"].split("/")) or parts["mount"] in (".", ".."):
            raise SecretMissing(
                f"vault:{name[:200]!r} is not a place in Vault",
                hint="It looks like vault:secret/app#field: mount, path, and the field after #.",
            )
        where = f"vault:{name}"
        token = await self._signed_in(where)
        answer = await self._get(parts["mount"], parts["path"], token, where)
        if answer.status == 403 and self._role is not None:  # the login was revoked before its time
            answer = await self._get(
                parts["mount"], parts["path"], await self._signed_in(where, instead_of=token), where
            )
        if answer.status == 404:
            raise SecretMissing(f"{where}: Vault has nothing there, or it was deleted")
        if answer.status in (400, 401, 403):
            policy = f"{parts['mount']}/data/{parts['path']}"
            raise SecretMissing(
                f"{where}: Vault does not let this server read it ({answer.status})",
                hint=f"Its policy needs the capability read on {policy}; or its token has ended.",
            )
        return self._field(answer, parts["field"], where)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _get(self, mount: str, path: str, token: str, where: str) -> Answer:
        url = f"{self._address}/v1/{quote(mount, safe='')}/data/{quote(path)}"
        return await self._asked("GET", url, where, token)

    async def _signed_in(self, where: str, *, instead_of: str | None = None) -> str:
        """A token; with AppRole, one of a login that has not ended, and is not `instead_of`."""
        async with self._login:
            if self._token is not None and self._token != instead_of and time.monotonic() < self._until:
                return self._token
            if self._role is None:
                raise SecretMissing(f"{where}: there is no token for Vault", hint="Set BATON_VAULT_TOKEN.")
            body: dict[str, Any] = {"role_id": self._role[0], "secret_id": self._role[1]}
            answer = await self._asked("POST", f"{self._address}/v1/auth/approle/login", where, body=body)
            auth = _object(self._json(answer, where), "auth")
            token, lease = auth.get("client_token"), auth.get("lease_duration")
            if not answer.ok or not isinstance(token, str) or not token:
                raise SecretMissing(
                    f"{where}: Vault refuses the login of this server ({answer.status})",
                    hint="Check BATON_VAULT_ROLE_ID and BATON_VAULT_SECRET_ID.",
                )
            self._http.hide(token)
            lasts = _EARLY * lease if isinstance(lease, int) and lease > 0 else float("inf")
            self._token, self._until = token, time.monotonic() + lasts
            return token

    async def _asked(
        self, method: str, url: str, where: str, token: str | None = None, body: Any = None
    ) -> Answer:
        headers = {"X-Vault-Request": "true"}
        headers |= {"X-Vault-Token": token} if token else {}
        headers |= {"X-Vault-Namespace": self._namespace} if self._namespace else {}
        more: dict[str, Any] = {} if body is None else {"json": body}
        try:
            with recording():  # apart from what the step at work records: the answer is the secret
                answer = await self._http.call(
                    method, url, headers=headers, timeout=_SECONDS, max_bytes=4 * MAX_BYTES, **more
                )
        except ProviderError as error:
            raise SecretStoreDown(f"{where}: {error.message}", hint=error.hint) from None
        if answer.status == 429 or answer.status >= 500 or answer.status in (472, 473):
            sealed = " (it is sealed, or in maintenance)" if answer.status == 503 else ""
            raise SecretStoreDown(f"{where}: Vault answers with {answer.status}{sealed}")
        return answer

    def _field(self, answer: Answer, field: str, where: str) -> str:
        if not answer.ok:
            raise SecretMissing(
                f"{where}: Vault answers with {answer.status}", hint="Check BATON_VAULT_ADDR."
            )
        held = _object(_object(self._json(answer, where), "data"), "data")
        value = held.get(field)
        if not isinstance(value, str):
            why = "is not text" if field in held else "is not there"
            raise SecretMissing(f"{where}: the field {why}")
        if len(value) > MAX_BYTES:
            raise SecretMissing(f"{where} is larger than {MAX_BYTES // 1024} KiB")
        return value

    def _json(self, answer: Answer, where: str) -> dict[str, Any]:
        try:
            return _object({"it": answer.json()}, "it")
        except BadResponse:
            raise SecretMissing(
                f"{where}: what answers is not Vault ({answer.status})", hint="Check BATON_VAULT_ADDR."
            ) from None


def _object(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
