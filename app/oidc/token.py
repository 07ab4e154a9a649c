"""What an ID token must be before a word of it is believed. Pure: no I/O, and no clock but the one given.

The token decides nothing about how it is checked. Algorithms are a fixed list, keys come from the issuer's published set by
their id, and a header that brings a key, names an address or asks for an extension is refused (RFC 8725, threat T22).
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from providers import BadJson, JsonObject, read_json
from runner.identity import Claims

ALGORITHMS: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""Each with the type and curve of the only keys it may be used with. Nothing symmetric, so that no public key is a secret."""
LEEWAY = 60
"""Seconds by which the issuer's clock and ours may differ."""
TOKEN_LIMIT = 64 * 1024
KEYS_MOST = 100
_RSA_LEAST = 2048
_FORBIDDEN = ("crit", "jwk", "jku", "x5u", "x5c", "b64", "zip")
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_SUBJECT_MOST = 255
_KINDS: Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


class Refused(Exception):
    """What came from an issuer, or through a browser, is not to be trusted. The text is for the server's log."""


class UnknownKey(Refused):
    """Signed with a key that the set does not hold: perhaps the issuer has a new one."""


@dataclass(frozen=True)
class Key:
    """A published key that may verify. `alg` None: any that fits its type."""

    kid: str | None
    kind: str
    curve: str | None
    alg: str | None
    key: RSAKey | ECKey | OKPKey

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Those it may be used with."""
        own = (self.kind, self.curve)
        return tuple(name for name, of in ALGORITHMS.items() if of == own and self.alg in (None, name))


def read_keys(document: JsonObject) -> tuple[Key, ...]:
    """The keys of a JWKS that may verify; others, which issuers publish too, are left out. Raises Refused for no set at all
    or one too large."""
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise Refused("the key set holds no list of keys")
    if len(listed) > KEYS_MOST:
        raise Refused(f"the key set holds more than {KEYS_MOST} keys")
    return tuple(key for each in listed if (key := _key(each)) is not None)


def verify(
    token: str,
    keys: Sequence[Key],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    now: float,
    groups_claim: str | None = None,
) -> Claims:
    """The claims of an ID token that this issuer signed for this client in answer to this nonce, at `now` (seconds of the
    epoch, ± LEEWAY). Raises Refused, and UnknownKey when only the key is missing."""
    if len(token) > TOKEN_LIMIT:
        raise Refused("the ID token is too long")
    if (parts := _COMPACT.fullmatch(token)) is None:
        raise Refused("the ID token is no signed token")
    header = _object(parts[1], "header")
    alg = _algorithm(header)
    _check_signature(f"{parts[1]}.{parts[2]}", parts[3], alg, _named(header, alg, keys))
    claims = _object(parts[2], "payload")
    _check_claims(claims, issuer=issuer, client_id=client_id, nonce=nonce, now=int(now))
    email = claims.get("email")
    name = claims.get("name")
    return Claims(
        issuer=issuer,
        subject=str(claims["sub"]),
        email=email if isinstance(email, str) and email else None,
        email_verified=claims.get("email_verified") is True,
        name=name if isinstance(name, str) and name else None,
        groups=_groups(claims.get(groups_claim)) if groups_claim else frozenset(),
    )


def _algorithm(header: Mapping[str, Any]) -> str:
    if found := [name for name in _FORBIDDEN if name in header]:
        raise Refused(f"the ID token's header has {', '.join(found)}")
    alg, kind = header.get("alg"), header.get("typ", "JWT")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise Refused(f"the ID token is signed with {alg!r:.40}, which is not taken")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise Refused(f"a token of the type {kind!r:.40} is no ID token")
    return alg


def _named(header: Mapping[str, Any], alg: str, keys: Sequence[Key]) -> Key:
    """The key that the header names; without a name, the only one that fits."""
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise Refused("the ID token's key id is no text")
    fitting = [key for key in keys if alg in key.algorithms]
    found = fitting if kid is None else [k for k in fitting if k.kid == kid]
    if not found:
        raise UnknownKey(f"no published key {kid!r:.80} for {alg}")
    if len(found) > 1:
        raise Refused(f"{len(found)} published keys could have signed the ID token")
    return found[0]


def _check_signature(signed: str, signature: str, alg: str, key: Key) -> None:
    try:
        # The algorithm by our own table: the library's decoder would take the header's word first.
        good = JWSRegistry.algorithms[alg].verify(signed.encode(), _bytes(signature), key.key)
    except (JoseError, ValueError) as error:
        raise Refused(f"the ID token's signature cannot be checked ({type(error).__name__})") from None
    if not good:
        raise Refused("the ID token's signature is wrong")


def _check_claims(claims: JsonObject, *, issuer: str, client_id: str, nonce: str, now: int) -> None:
    registry = JWTClaimsRegistry(
        now=now,
        leeway=LEEWAY,
        iss={"essential": True, "value": issuer},
        sub={"essential": True},
        aud={"essential": True, "value": client_id},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        registry.validate(claims)
    except JoseError as error:
        raise Refused(f"the ID token's claims are refused: {error}") from None
    audience, party, sent = claims["aud"], claims.get("azp"), claims.get("nonce")
    if isinstance(audience, list) and len(audience) > 1 and party is None:
        raise Refused("the ID token is for several clients and does not say which asked")
    if party is not None and party != client_id:
        raise Refused("the ID token was asked for by another client")
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), nonce.encode()):
        raise Refused("the ID token answers another request (nonce)")
    if len(str(claims["sub"])) > _SUBJECT_MOST:
        raise Refused("the ID token's subject is too long")


def _groups(value: Any) -> frozenset[str]:
    """A list of names, or one name; anything else is no group at all."""
    listed = cast(list[Any], value) if isinstance(value, list) else [value]
    return frozenset(each for each in listed if isinstance(each, str))


def _key(value: Any) -> Key | None:
    if not isinstance(value, dict):
        return None
    jwk = cast(dict[str, Any], value)
    kind, curve, alg, kid = (jwk.get(name) for name in ("kty", "crv", "alg", "kid"))
    wanted = dict(ALGORITHMS.values())
    if (
        not isinstance(kind, str)
        or kind not in wanted
        or (wanted[kind] is not None and wanted[kind] != curve)
    ):
        return None
    if jwk.get("use", "sig") != "sig" or (alg is not None and str(alg) not in ALGORITHMS):
        return None
    operations = jwk.get("key_ops")
    if operations is not None and (not isinstance(operations, list) or "verify" not in operations):
        return None
    # Only the public part is taken over, whatever else an issuer publishes by mistake.
    public = {
        name: jwk[name] for name in ("kty", "crv", "n", "e", "x", "y") if isinstance(jwk.get(name), str)
    }
    try:
        if kind == "RSA" and int.from_bytes(_bytes(public["n"])).bit_length() < _RSA_LEAST:
            return None
        made = _KINDS[kind].import_key(public)
    except (JoseError, ValueError, KeyError, TypeError):
        return None
    return Key(kid if isinstance(kid, str) else None, kind, wanted[kind], alg, made)


def _object(segment: str, what: str) -> JsonObject:
    try:
        found = read_json(_bytes(segment))
    except (BadJson, ValueError) as error:
        raise Refused(f"the ID token's {what} is refused: {error}") from None
    if not isinstance(found, dict):
        raise Refused(f"the ID token's {what} is no object")
    return found


def _bytes(segment: str) -> bytes:
    """base64url in its one spelling: a token cannot be written in two ways. Raises ValueError."""
    raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != segment:
        raise ValueError("not base64url")
    return raw
