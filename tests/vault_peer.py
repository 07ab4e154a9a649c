"""A HashiCorp Vault in memory, as far as its documents say: KV version 2 reads, AppRole logins, namespaces.

developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 and …/auth/approle.
"""

from __future__ import annotations

import secrets
from typing import Any

from pydantic import JsonValue

from providers.sandbox._asgi import Ask, Reply, Sandbox


class VaultPeer(Sandbox):
    """`kv` by "mount/path"; None: the newest version was deleted. `answer` other than None is given to everybody."""

    def __init__(self, *, namespace: str | None = None) -> None:
        super().__init__()
        self.kv: dict[str, dict[str, JsonValue] | None] = {}
        self.role = (f"role-{secrets.token_hex(8)}", f"secret-{secrets.token_hex(8)}")
        self.root = f"hvs.{secrets.token_hex(12)}"
        self.tokens = {self.root}
        self.lease = 1200
        self.answer: Reply | None = None
        self._namespace = namespace
        self.route("GET", "/v1/{mount}/data/{path:path}", self._read)
        self.route("POST", "/v1/auth/approle/login", self._login)

    async def _read(self, ask: Ask) -> Reply:
        if self.answer is not None:
            return self.answer
        if ask.headers.get("x-vault-request") != "true":
            return _errors(412, "required header missing")
        if ask.headers.get("x-vault-namespace") != self._namespace:
            return _errors(404)
        if ask.headers.get("x-vault-token") not in self.tokens:
            return _errors(403, "permission denied")
        place = f"{ask.params['mount']}/{ask.params['path']}"
        metadata: Any = {"created_time": "2026-03-22T02:24:06.945319214Z", "destroyed": False, "version": 2}
        if place not in self.kv:
            return _errors(404)
        held: Any = self.kv[place]
        if held is None:
            metadata = {**metadata, "deletion_time": "2026-03-23T02:24:06.945319214Z"}
        return Reply(404 if held is None else 200, {"data": {"data": held, "metadata": metadata}})

    async def _login(self, ask: Ask) -> Reply:
        if self.answer is not None:
            return self.answer
        given = ask.json()
        if (given.get("role_id"), given.get("secret_id")) != self.role:
            return _errors(400, "invalid role or secret ID")
        token = f"hvs.{secrets.token_hex(12)}"
        self.tokens.add(token)
        auth: Any = {
            "client_token": token,
            "lease_duration": self.lease,
            "renewable": True,
            "policies": ["app"],
        }
        return Reply(200, {"auth": auth, "data": None})


def _errors(status: int, *words: str) -> Reply:
    return Reply(status, {"errors": list(words)})
