"""The file of issuers that `BATON_OIDC_FILE` names: TOML, one table an issuer. Read once, at the start."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from app.settings import StartRefused
from runner.identity import Admittance
from runner.model import Role

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")


def _secret(value: Any) -> Any:
    """The text itself, or what stands in the file that `file:/path` names."""
    if not isinstance(value, str):
        return value
    if not value.startswith("file:"):
        return SecretStr(value)
    path = Path(value.removeprefix("file:"))
    try:
        text = path.read_text().strip()
    except (OSError, ValueError) as error:
        raise ValueError(f"the file {path} cannot be read ({type(error).__name__})") from None
    if not text:
        raise ValueError(f"the file {path} is empty")
    return SecretStr(text)


def web_address(text: str) -> str:
    """`text` if it is an https address without user, query and fragment; http only on this very machine, for trying out.
    Raises ValueError."""
    address = urlsplit(text)
    if not address.hostname or address.username is not None or "?" in text or "#" in text:
        raise ValueError("it must look like https://login.example.org, without a query")
    if address.scheme != "https" and not (address.scheme == "http" and _is_here(address.hostname)):
        raise ValueError("it must begin with https://")
    return text


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _newcomers(value: Any) -> Any:
    return None if value == "none" else value


def _domains(value: tuple[str, ...]) -> tuple[str, ...]:
    lower = tuple(each.lower() for each in value)
    if wrong := [each for each in lower if not _DOMAIN.fullmatch(each)]:
        raise ValueError(f"{wrong[0]!r} is no domain, as in example.org")
    return lower


def _scopes(value: tuple[str, ...]) -> tuple[str, ...]:
    if "openid" not in value or not all(_SCOPE.fullmatch(each) for each in value):
        raise ValueError("scopes are single words, and openid is one of them")
    return value


class IssuerSettings(BaseModel):
    """One issuer. `newcomers` None: only who has an account or an invitation comes in."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    title: str = Field(min_length=1, max_length=60)
    issuer: Annotated[str, AfterValidator(web_address)]
    client_id: str = Field(min_length=1, max_length=500)
    client_secret: Annotated[SecretStr | None, BeforeValidator(_secret)] = None
    scopes: Annotated[tuple[str, ...], AfterValidator(_scopes)] = ("openid", "email", "profile")
    email_domains: Annotated[tuple[str, ...], AfterValidator(_domains)] = ()
    newcomers: Annotated[Role | None, BeforeValidator(_newcomers)] = None
    workspace: str | None = Field(default=None, min_length=1)
    groups_claim: str = Field(default="groups", min_length=1, max_length=200)
    groups: Mapping[str, Role] = {}
    link_by_email: bool = False
    sign_out: bool = True

    @property
    def admittance(self) -> Admittance:
        """What its people may do here."""
        return Admittance(
            newcomers=self.newcomers,
            workspace=self.workspace,
            domains=self.email_domains,
            groups=self.groups,
            link_by_email=self.link_by_email,
        )


def read_issuers(path: Path | None) -> Mapping[str, IssuerSettings]:
    """Every issuer of the file by its short name, in the file's order. Raises StartRefused, which never holds a secret."""
    if path is None:
        return {}
    try:
        tables = tomllib.loads(path.read_text())
    except OSError as error:
        raise StartRefused(f"BATON_OIDC_FILE: {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise StartRefused(f"BATON_OIDC_FILE: {path} is not TOML: {error}.") from None
    found: dict[str, IssuerSettings] = {}
    for name, table in tables.items():
        if not _NAME.fullmatch(name) or not isinstance(table, dict):
            raise StartRefused(
                f"BATON_OIDC_FILE: {name!r} is not the table of an issuer; its name has only a-z, 0-9 and hyphens."
            )
        try:
            found[name] = IssuerSettings.model_validate(table)
        except ValidationError as error:
            faults = [f"{'.'.join(str(at) for at in e['loc'])}: {e['msg']}" for e in error.errors()]
            raise StartRefused(f"BATON_OIDC_FILE: in [{name}]: {'; '.join(faults)}.") from None
    issuers = [each.issuer for each in found.values()]
    if len(set(issuers)) < len(issuers):
        # (iss, sub) is who somebody is: two sets of rules for one issuer would let the weaker one decide.
        raise StartRefused("BATON_OIDC_FILE: two tables have the same issuer.")
    return found
