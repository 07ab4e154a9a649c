"""What the environment says, read once: a frozen `Settings`, and the refusal that every wrong start ends in."""

import base64
import binascii
import difflib
import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from runner import breaker
from runner.model import Policy

PREFIX = "BATON_"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
EMAIL = re.compile(r"(?=.{3,254}\Z)[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
"""An e-mail address as HTML's forms take it, in small letters."""
KEY_BYTES = 32


class StartRefused(Exception):
    """A sentence for the person who starts the program: what is wrong and what to do. Never holds a secret."""


class SecretKey(NamedTuple):
    """A master key by its id; `key` is base64 of 32 bytes."""

    id: str
    key: SecretStr

    def raw(self) -> bytes:
        return _decode(self.key.get_secret_value())


def _decode(text: str) -> bytes:
    """Standard or URL-safe base64, padded or not. Raises ValueError without repeating the text."""
    try:
        standard = text.replace("-", "+").replace("_", "/")
        raw = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except binascii.Error:
        raise ValueError("is not base64") from None
    if len(raw) != KEY_BYTES:
        raise ValueError(f"has {len(raw)} bytes instead of {KEY_BYTES}")
    return raw


def _parts(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _secret_keys(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    keys: list[SecretKey] = []
    for number, part in enumerate(_parts(value), 1):
        name, colon, text = part.rpartition(":")
        if colon and not name:
            raise ValueError("a key has an empty id before its colon")
        try:
            raw = _decode(text)
        except ValueError as error:
            raise ValueError(f"the key {name or f'number {number}'} {error}") from None
        keys.append(SecretKey(name or hashlib.sha256(raw).hexdigest()[:8], SecretStr(text)))
    if len({key.id for key in keys}) < len(keys):
        raise ValueError("two keys have the same id")
    return tuple(keys)


def _secret_env(value: Any) -> Any:
    names = _parts(value)
    for name in names if isinstance(value, str) else ():
        if not _VARIABLE.fullmatch(name):
            raise ValueError("it lists names of variables, separated by commas")
        if name.startswith(PREFIX):
            raise ValueError(f"{name} is a setting of Baton and no secret for connections")
    return names


def _networks(value: Any) -> Any:
    return tuple(ip_network(part) for part in _parts(value)) if isinstance(value, str) else value


def _proxies(value: Any) -> Any:
    networks = _networks(value)
    if any(isinstance(each, IPv4Network | IPv6Network) and not each.prefixlen for each in networks):
        raise ValueError("it would trust everybody; name the addresses of your proxies")
    return networks


def _database_url(value: Any) -> Any:
    """One dialect: whatever a Postgres address is usually called becomes `postgresql+asyncpg`."""
    if not isinstance(value, str):
        return value
    scheme, mark, rest = value.partition("://")
    if not mark or scheme not in ("postgres", "postgresql", "postgresql+asyncpg"):
        raise ValueError("it must begin with postgresql://")
    return SecretStr(f"postgresql+asyncpg://{rest}")


def _public_url(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    address = urlsplit(value)
    if address.scheme not in ("http", "https") or not address.hostname or address.query or address.fragment:
        raise ValueError("it must look like https://baton.example.org, without a query")
    return value.rstrip("/")


def _smtp_url(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    address = urlsplit(value)
    if address.scheme not in ("smtp", "smtps") or not address.hostname or address.path.strip("/"):
        raise ValueError("it must look like smtp://user:password@host:587 or smtps://user:password@host")
    _ = address.port  # raises ValueError for what is no port
    return SecretStr(value)


def _mail_from(value: Any) -> Any:
    if isinstance(value, str) and value and not EMAIL.fullmatch(value.lower()):
        raise ValueError("it must be an e-mail address, as in baton@example.org")
    return value


class Settings(BaseModel):
    """Everything the environment decides. Each field is the variable `BATON_` + its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: Annotated[SecretStr | None, BeforeValidator(_database_url)] = Field(
        default=None,
        description="Address of a Postgres (15 or newer), as in postgresql://user:password@host/name. "
        "Unset: an embedded Postgres in the data folder.",
    )
    data_dir: Path = Field(
        description="Folder of the embedded Postgres and of the key file. "
        "Unset: $XDG_DATA_HOME/baton, or ~/.local/share/baton.",
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Address the web server listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port of the web server; 0 takes a free one.")
    public_url: Annotated[str, BeforeValidator(_public_url)] = Field(
        default="",
        description="Address under which remote platforms and browsers reach this server; callback addresses "
        "begin with it. Unset: http://HOST:PORT.",
    )
    log_format: Literal["text", "json"] | None = Field(
        default=None,
        description="How the log on stderr is written: text or json. Unset: text at a terminal and for short commands, else JSON.",
    )
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_proxies)] = Field(
        default=(),
        description="Networks of the reverse proxies in front of this server, comma-separated, as in 10.0.0.0/8,127.0.0.1. "
        "From these alone X-Forwarded-For says whose address a request has. Unset: none.",
    )
    secret_keys: Annotated[tuple[SecretKey, ...], BeforeValidator(_secret_keys)] = Field(
        default=(),
        description="Master keys of the stored credentials, comma-separated, each `id:key` or `key`, a key being base64 "
        "of 32 bytes. The first seals, all open. Unset: a key file made in the data folder, mode 0600.",
    )
    secret_env: Annotated[tuple[str, ...], BeforeValidator(_secret_env)] = Field(
        default=(),
        description="Names of environment variables that a connection may refer to as env:NAME, comma-separated. Unset: none.",
    )
    secret_files: Path | None = Field(
        default=None,
        description="Folder whose files a connection may refer to as file:NAME. Unset: none.",
    )
    vault_addr: Annotated[str, BeforeValidator(_public_url)] = Field(
        default="",
        description="Address of a HashiCorp Vault that a connection may refer to as vault:mount/path#field (KV version 2). "
        "Unset: none.",
    )
    vault_token: SecretStr | None = Field(
        default=None, description="Token for that Vault; or set the two of AppRole."
    )
    vault_role_id: SecretStr | None = Field(default=None, description="AppRole for that Vault: its role id.")
    vault_secret_id: SecretStr | None = Field(
        default=None, description="AppRole for that Vault: its secret id."
    )
    vault_namespace: str = Field(
        default="", description="Namespace in that Vault, where it has any (Enterprise)."
    )
    oidc_file: Path | None = Field(
        default=None,
        description="File of the OpenID Connect issuers at which people can sign in, in TOML. Unset: none.",
    )
    egress_allow: Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_networks)] = Field(
        default=(),
        description="Networks that may be called besides public ones, comma-separated, as in 10.0.0.0/8,127.0.0.1/32.",
    )
    workers_concurrency: int = Field(
        default=32,
        ge=1,
        le=1000,
        description="How many nodes one process works on at the same time (a count).",
    )
    starts_at_once: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="How many requests that start runs one process has in hand at the same time (a count); one more is "
        "answered 503 with Retry-After, and nothing of it is stored.",
    )
    connections_at_once: int = Field(
        default=2000,
        ge=1,
        le=1_000_000,
        description="How many connections one web process has open at the same time (a count). One more takes the place of the "
        "one that has sent no whole request for longest, or is answered 503.",
    )
    breaker_failures: int = Field(
        default=3,
        ge=1,
        le=1000,
        description="After how many unanswered calls in a row a connection counts as out of order and its steps are held (a "
        "count).",
    )
    breaker_share: int = Field(
        default=50,
        ge=1,
        le=100,
        description="The same for a share of unanswered calls within a minute (percent), of at least 20.",
    )
    breaker_probe_seconds: int = Field(
        default=5,
        ge=1,
        le=3600,
        description="After how many seconds such a platform is tested first; each further test comes after twice as long.",
    )
    breaker_probe_longest: int = Field(
        default=300, ge=1, le=86_400, description="The longest time between two such tests (seconds)."
    )
    breaker_drain: int = Field(
        default=5,
        ge=1,
        le=10_000,
        description="How many held steps of a connection go on per second once it answers again (a count).",
    )

    refusals_per_minute: int = Field(
        default=20,
        ge=2,
        le=1000,
        description="How many refused callbacks within a minute (a count), of one wait or from one address, raise an "
        "incident. More of them are counted and not listed.",
    )

    retention_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="After how many days an ended run is purged (a count), for orchestrators that say nothing else. "
        "Unset: never.",
    )
    retention_runs: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        description="How many ended runs an orchestrator keeps (a count), for those that say nothing else; the oldest are "
        "purged. Unset: all.",
    )
    audit_days: int = Field(
        default=365,
        ge=0,
        le=36_500,
        description="After how many days a line of the audit log is deleted (a count). 0: never.",
    )
    smtp_url: Annotated[SecretStr | None, BeforeValidator(_smtp_url)] = Field(
        default=None,
        description="Mail server for invitations and new passwords, as in smtp://user:password@host:587 (STARTTLS) or "
        "smtps://user:password@host. Unset: their links are shown to whoever makes them.",
    )
    mail_from: Annotated[str, BeforeValidator(_mail_from)] = Field(
        default="",
        description="Sender of these mails, as in baton@example.org. Unset: baton@ and the host of the public URL.",
    )
    archive_dir: Path | None = Field(
        default=None,
        description="Folder that purged runs are written to before they go. Unset: they are gone. Set it wherever nodes "
        "are worked on.",
    )

    @property
    def breaker(self) -> breaker.Policy:
        """When a connection counts as out of order, and how its steps go on."""
        return breaker.Policy(
            failures=self.breaker_failures,
            share=self.breaker_share / 100,
            first=timedelta(seconds=self.breaker_probe_seconds),
            longest=timedelta(seconds=self.breaker_probe_longest),
            pace=self.breaker_drain,
        )

    @property
    def retention(self) -> Policy:
        """What holds for orchestrators that have no policy of their own."""
        return Policy(days=self.retention_days, runs=self.retention_runs)

    @property
    def callback_url(self) -> str:
        """Where callbacks of runs come in; the run's id follows."""
        return f"{self.public_url}/api/v1/orchestrator/callback"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Pure: reads nothing but `environ`. Raises `StartRefused` for an unknown name or a value that cannot be used.

        An empty value counts as unset, as in `docker compose` files that pass `VARIABLE=` on.
        """
        known = {PREFIX + name.upper(): name for name in cls.model_fields}
        values: dict[str, object] = {}
        for name, value in environ.items():
            if not name.startswith(PREFIX):
                continue
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
                raise StartRefused(f"{name} is not a setting; the nearest is {near}.")
            if value.strip():
                values[known[name]] = value.strip()
        values["data_dir"] = _data_dir(environ, values.get("data_dir"))
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            faults = [
                f"{PREFIX}{'_'.join(str(at) for at in e['loc'][:1]).upper()}: {e['msg']}"
                for e in error.errors()
            ]
            raise StartRefused("; ".join(faults) + ".") from None
        settings._refuse_half_a_vault()
        if settings.public_url:
            return settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return settings.model_copy(update={"public_url": f"http://{host}:{settings.port}"})

    def _refuse_half_a_vault(self) -> None:
        role = (self.vault_role_id, self.vault_secret_id)
        given = [self.vault_token is not None, all(role)]
        if self.vault_addr and sum(given) != 1:
            raise StartRefused(
                f"{PREFIX}VAULT_ADDR needs either {PREFIX}VAULT_TOKEN, or {PREFIX}VAULT_ROLE_ID and {PREFIX}VAULT_SECRET_ID."
            )
        if not self.vault_addr and (self.vault_token or any(role) or self.vault_namespace):
            raise StartRefused(f"{PREFIX}VAULT_ADDR is missing: the other settings of a Vault are there.")


def _data_dir(environ: Mapping[str, str], given: object) -> Path:
    home = environ.get("HOME", "")
    if isinstance(given, str):
        if given == "~" or given.startswith("~/"):
            return Path(home + given[1:])
        return Path(given)
    shared = environ.get("XDG_DATA_HOME", "")
    if shared.startswith("/"):  # the XDG specification: a relative path is to be ignored
        return Path(shared, "baton")
    if not home:
        raise StartRefused(f"There is no home folder to keep data in: set {PREFIX}DATA_DIR.")
    return Path(home, ".local", "share", "baton")
