"""How a connection's fields are kept apart: what anybody may read, what is sealed, and what binds the two. Pure.

A top-level field that holds a secret anywhere inside is sealed whole; its masked copy, with `SET` in the place of each
secret, is what the API shows and what a form sends back for "leave it as it is".

In the place of a secret may stand `{"ref": "vault:secret/app#key"}`: it stands elsewhere (`runner.secret_stores`), and its
value comes in only to be checked and used. What is kept and shown is the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self, cast
from urllib.parse import urlsplit

from pydantic import JsonValue, SecretStr, ValidationError
from pydantic_core import to_jsonable_python

from providers import Connection, JsonObject
from runner.errors import RunnerError

SET = "***"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class BadCredentials(RunnerError):
    """They do not fit the provider's form. `faults` are JSON Pointers into the credentials, with what is wrong there;
    never a value."""

    code = "credentials-invalid"

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        text = "; ".join(f"{pointer or '/'}: {detail}" for pointer, detail in faults)
        super().__init__(f"the credentials are not usable: {text}")
        self.faults = faults


@dataclass(frozen=True)
class Merged:
    """Stored credentials with changes laid over them. `cleared`: they are bound to another address now, or not complete, and
    nothing secret is kept; then `connection` is None and `shown` holds public fields only. `referring`: the fields with
    references in them, as they are kept."""

    shown: JsonObject
    secret: JsonObject
    base_url: str
    connection: Connection | None = None
    referring: JsonObject = field(default_factory=dict[str, JsonValue])

    @classmethod
    def of(cls, connection: Connection, referring: Mapping[str, JsonValue] = MappingProxyType({})) -> Self:
        """`referring`: credentials whose references stay in the place of the values that `connection` has of them."""
        kept = {name: value for name, value in referring.items() if references(value)}
        return cls(*split(connection, kept), connection.base_url, connection, kept)

    @property
    def cleared(self) -> bool:
        return self.connection is None


def parse(model: type[Connection], credentials: Mapping[str, JsonValue]) -> Connection:
    """Raises BadCredentials, one fault per field."""
    try:
        return model.model_validate(dict(credentials))
    except ValidationError as error:
        faults = tuple(
            ("".join(f"/{_escaped(at)}" for at in fault["loc"]), fault["msg"].removeprefix("Value error, "))
            for fault in error.errors(include_input=False, include_url=False, include_context=False)
        )
    raise BadCredentials(faults)


def merge(
    model: type[Connection],
    shown: Mapping[str, JsonValue],
    secret: Mapping[str, JsonValue],
    changes: Mapping[str, JsonValue],
    values: Mapping[str, str] = MappingProxyType({}),
) -> Merged:
    """`changes` over what is stored: null takes a field away, `SET` leaves a secret as it is. Where an origin changes, no
    stored secret goes along (threats T9), and no reference to one: what is not given anew is gone. `values` are those of all
    references in both. Raises BadCredentials."""
    old = {**shown, **secret}
    names = {field: info.alias or field for field, info in model.model_fields.items()}
    given = {names.get(name, name): value for name, value in changes.items()}
    new = _laid(old, {name: unmask(value, old.get(name)) for name, value in given.items()})
    moved = origins(new) != origins(old)
    if moved:
        new = _laid({k: v for k, v in public(shown).items() if not references(v)}, given)
    if masked := [name for name, value in new.items() if still_masked(value)]:
        why = "enter it again: the address has changed" if moved else "enter its value"
        raise BadCredentials(tuple((f"/{_escaped(name)}", why) for name in masked))
    try:
        connection = parse(model, filled(new, values))
    except BadCredentials:
        if not moved:
            raise
        gone = {name: value for name, value in old.items() if references(value)}
        parse(
            model, filled({**gone, **secret, **new}, values)
        )  # raises unless what went is all that is wrong
        default = model.model_fields["base_url"].default
        return Merged(new, {}, str(new.get(names["base_url"], default)))
    return Merged.of(connection, new)


def reveal(connection: Connection) -> JsonObject:
    """Every given field by its wire name, secrets in the clear: what is validated again after opening."""
    return _walk(connection, hide=False)


def split(
    connection: Connection, referring: Mapping[str, JsonValue] = MappingProxyType({})
) -> tuple[JsonObject, JsonObject]:
    """(shown, secret), both by wire name: every field with its secrets masked, and those fields again in the clear that hold
    any. `{**shown, **secret}` gives the connection; `shown` alone holds no secret.

    In both the references in `referring` stand in the place of what they refer to. Raises BadCredentials where one is in the
    place of something that is no secret, or of a token that the platform replaces.
    """
    clear, masked = reveal(connection), _walk(connection, hide=True)
    for name, given in referring.items():
        if not references(given):
            continue
        if name in connection.replaced():
            why = "the platform replaces this token in use, and nothing is written to a secret store: enter it here"
            raise BadCredentials(((f"/{_escaped(name)}", why),))
        clear[name], masked[name] = (
            _referred(kept.get(name), masked.get(name), given, f"/{_escaped(name)}")
            for kept in (clear, masked)
        )
    return masked, {name: value for name, value in clear.items() if still_masked(masked[name])}


def reference_of(value: JsonValue) -> str | None:
    """`env:NAME` of `{"ref": "env:NAME"}`; None for anything else."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(found := value.get("ref"), str):
        return found
    return None


def references(value: JsonValue) -> frozenset[str]:
    """Every reference in it, at any depth."""
    if (found := reference_of(value)) is not None:
        return frozenset({found})
    if isinstance(value, dict):
        return frozenset[str]().union(*map(references, value.values()))
    if isinstance(value, list):
        return frozenset[str]().union(*map(references, value))
    return frozenset()


def filled(credentials: Mapping[str, JsonValue], values: Mapping[str, str]) -> JsonObject:
    """With the value of each reference in its place. One without a value stays, and no form takes it."""

    def put(value: JsonValue) -> JsonValue:
        if (found := reference_of(value)) is not None:
            return values.get(found, value)
        if isinstance(value, dict):
            return {name: put(item) for name, item in value.items()}
        return [put(item) for item in value] if isinstance(value, list) else value

    return {name: put(value) for name, value in credentials.items()}


def public(shown: Mapping[str, JsonValue]) -> JsonObject:
    """The fields of `split`'s first answer that hold no secret at all."""
    return {name: value for name, value in shown.items() if not still_masked(value)}


def unmask(given: JsonValue, kept: JsonValue) -> JsonValue:
    """`given` with each `SET` replaced by what is kept at its place; a list's items are matched by their other fields first,
    then by position. A `SET` without a counterpart stays."""
    if given == SET and (isinstance(kept, str) or reference_of(kept) is not None):
        return kept
    if isinstance(given, dict) and isinstance(kept, dict):
        return {name: unmask(value, kept.get(name)) for name, value in given.items()}
    if isinstance(given, list) and isinstance(kept, list):
        return [unmask(item, _counterpart(item, at, kept)) for at, item in enumerate(given)]
    return given


def still_masked(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return any(still_masked(item) for item in value.values())
    if isinstance(value, list):
        return any(still_masked(item) for item in value)
    return value == SET


def addresses(public: Mapping[str, JsonValue]) -> dict[str, str]:
    """Every address among the public fields: where this connection's secrets are sent."""
    return {
        name: value
        for name, value in public.items()
        if isinstance(value, str) and value and (name == "baseUrl" or name.endswith("Url"))
    }


def origins(public: Mapping[str, JsonValue]) -> dict[str, tuple[str, str, int | None]]:
    """(scheme, host, port) of each address. Secrets belong to these and to no others (threats T9)."""
    found: dict[str, tuple[str, str, int | None]] = {}
    for name, address in addresses(public).items():
        try:
            parts = urlsplit(address.strip())
            scheme = parts.scheme.lower()
            found[name] = scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(scheme)
        except ValueError:  # a port that is no number, a bracket without its twin: equal only to itself
            found[name] = "", address, None
    return found


def _walk(connection: Connection, *, hide: bool) -> JsonObject:
    def told(value: object) -> object:
        if isinstance(value, SecretStr):
            plain = value.get_secret_value()
            return SET if hide and plain else plain
        if isinstance(value, dict):
            return {name: told(item) for name, item in cast(dict[str, object], value).items()}
        if isinstance(value, list | tuple):
            return [told(item) for item in cast(list[object], value)]
        return value

    dumped = connection.model_dump(by_alias=True, exclude_none=True)
    return to_jsonable_python(told(dumped))


def _referred(value: JsonValue, masked: JsonValue, given: JsonValue, at: str) -> JsonValue:
    """`value` with the references of `given` where they stand there; `masked` shows where secrets are."""
    if reference_of(given) is not None:
        if masked != SET:
            raise BadCredentials(((at, "only a secret can stand in a secret store"),))
        return given
    if isinstance(given, dict) and isinstance(value, dict) and isinstance(masked, dict):
        put = {k: _referred(value.get(k), masked.get(k), v, f"{at}/{_escaped(k)}") for k, v in given.items()}
        return {**value, **{k: v for k, v in put.items() if references(v)}}
    if isinstance(given, list) and isinstance(value, list) and isinstance(masked, list):
        both = zip(value, masked, given, strict=True)
        return [_referred(*each, f"{at}/{number}") for number, each in enumerate(both)]
    return value


def _counterpart(item: JsonValue, at: int, kept: list[JsonValue]) -> JsonValue:
    if isinstance(item, dict):
        plain = {name: value for name, value in item.items() if value != SET}
        for old in kept:
            if isinstance(old, dict) and all(old.get(name) == value for name, value in plain.items()):
                return old
    return kept[at] if at < len(kept) else None


def _laid(under: Mapping[str, JsonValue], over: Mapping[str, JsonValue]) -> JsonObject:
    return {name: value for name, value in {**under, **over}.items() if value is not None}


def _escaped(at: str | int) -> str:
    return str(at).replace("~", "~0").replace("/", "~1")
