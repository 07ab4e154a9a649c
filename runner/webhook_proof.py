"""Whether a webhook comes from who holds the secret, decided on the bytes as they came (threat T11). Pure: no clock, no database.

Whatever arrives ends in a `Proof` or in `Refused`, never in another error; every comparison takes the same time wherever the two
differ. Times are whole seconds in ASCII digits, within five minutes of ours. The formats, by mode:

standard-webhooks   https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
github              https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
stripe              https://docs.stripe.com/webhooks#verify-manually
slack               https://docs.slack.dev/authentication/verifying-requests-from-slack
bearer, basic       RFC 6750, RFC 7617
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal, get_args

from runner.webhook_auth import (
    BasicAuth,
    BearerAuth,
    GitHubAuth,
    HmacAuth,
    SlackAuth,
    StandardWebhooksAuth,
    StripeAuth,
    TokenAuth,
    WebhookAuth,
)

Refusal = Literal[
    "network", "unsigned", "malformed", "stale", "future", "mismatch", "replayed", "no-secret", "unread"
]
"""Why a call was refused. network: its address is not among those allowed. unsigned: a header that it needs is missing.
malformed: such a header cannot be read. stale, future: signed more than five minutes ago, or ahead. mismatch: no signature fits
any valid secret. replayed: the same message was taken already, by another wait. no-secret: the secret is gone or does not suit the
mode. unread: the stored mode is not one of ours."""
REFUSALS: tuple[Refusal, ...] = get_args(Refusal)

WINDOW = 300
"""Seconds, to either side."""
PREFIX = "whsec_"
KEY_BYTES = 24
"""Of a Standard Webhooks secret, at least."""
_MOST = 32
"""Signatures of one call that are looked at; a sender has one for each of its secrets, so more is no honest sender."""
_SECONDS = re.compile(rb"[0-9]{1,12}")
_VISIBLE = re.compile(rb"[\x21-\x7e]{1,256}")


class Refused(Exception):
    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason: Refusal = reason


@dataclass(frozen=True)
class Call:
    """One call as it came. `headers` are pairs of a lower-case name and a value, repeated ones included, as ASGI has them."""

    raw: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()
    sender: str | None = None
    values: Mapping[bytes, list[bytes]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            found.setdefault(name.lower(), []).append(value)
        object.__setattr__(self, "values", found)

    def one(self, name: str) -> bytes:
        """The one value of a header. Raises Refused: there is none, or there are several, and nobody knows which is meant."""
        found = self.values.get(name.lower().encode(), [])
        if not found:
            raise Refused("unsigned")
        if len(found) > 1:
            raise Refused("malformed")
        return found[0].strip(b" \t")


@dataclass(frozen=True)
class Proof:
    """It is genuine. `message` tells it from any other of the same secret, whatever was not signed; None where nothing is signed."""

    message: bytes | None = None


def prove(auth: WebhookAuth, secrets: Sequence[bytes], call: Call, now: float) -> Proof:
    """`secrets` are the texts that are valid now: two while one takes the other's place. Raises Refused, and nothing else."""
    _from(auth, call)
    if isinstance(auth, TokenAuth):
        return Proof()
    if not secrets:
        raise Refused("no-secret")
    if isinstance(auth, BearerAuth):
        return _equal(_credentials(call, b"bearer"), secrets)
    if isinstance(auth, BasicAuth):
        given = _decoded(_credentials(call, b"basic"))
        return _equal(given, [auth.username.encode() + b":" + secret for secret in secrets])
    if isinstance(auth, StandardWebhooksAuth):
        return _standard(secrets, call, now)
    signed, signatures, digest = _read(auth, call, now)
    expected = [hmac.digest(secret, signed, digest) for secret in secrets]
    if not _any_equal(expected, signatures):
        raise Refused("mismatch")
    return Proof(_digest(signed))


def sign(
    auth: WebhookAuth, secret: bytes, raw: bytes, now: float, message_id: str
) -> list[tuple[bytes, bytes]]:
    """The headers that a sender of these bytes adds. Raises Refused where the secret does not suit the mode."""
    seconds = str(int(now)).encode()
    match auth:
        case TokenAuth():
            return []
        case StandardWebhooksAuth():
            if (key := standard_key(secret)) is None:
                raise Refused("no-secret")
            mac = hmac.digest(key, b".".join((message_id.encode(), seconds, raw)), "sha256")
            return [
                (b"webhook-id", message_id.encode()),
                (b"webhook-timestamp", seconds),
                (b"webhook-signature", b"v1," + base64.b64encode(mac)),
            ]
        case GitHubAuth():
            return [(b"x-hub-signature-256", b"sha256=" + hmac.digest(secret, raw, "sha256").hex().encode())]
        case StripeAuth():
            mac = hmac.digest(secret, seconds + b"." + raw, "sha256")
            return [(b"stripe-signature", b"t=" + seconds + b",v1=" + mac.hex().encode())]
        case SlackAuth():
            mac = hmac.digest(secret, b"v0:" + seconds + b":" + raw, "sha256")
            return [
                (b"x-slack-request-timestamp", seconds),
                (b"x-slack-signature", b"v0=" + mac.hex().encode()),
            ]
        case HmacAuth():
            timed = auth.timestamp_header
            mac = hmac.digest(secret, raw if timed is None else seconds + b"." + raw, auth.algorithm)
            text = mac.hex().encode() if auth.encoding == "hex" else base64.b64encode(mac)
            headers = [(auth.header.lower().encode(), auth.prefix.encode() + text)]
            return headers if timed is None else [*headers, (timed.lower().encode(), seconds)]
        case BearerAuth():
            return [(b"authorization", b"Bearer " + secret)]
        case BasicAuth():
            pair = base64.b64encode(auth.username.encode() + b":" + secret)
            return [(b"authorization", b"Basic " + pair)]


def standard_key(secret: bytes) -> bytes | None:
    """The key of a Standard Webhooks secret: base64 of at least 24 bytes, behind `whsec_` or bare. None: it is no such secret."""
    text = secret.removeprefix(PREFIX.encode())
    try:
        key = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) >= KEY_BYTES else None


def _from(auth: WebhookAuth, call: Call) -> None:
    if not auth.networks:
        return
    try:
        address = ip_address(call.sender or "")
    except ValueError:
        raise Refused("network") from None
    address = getattr(address, "ipv4_mapped", None) or address
    if not any(address in network for network in auth.networks):
        raise Refused("network")


def _standard(secrets: Sequence[bytes], call: Call, now: float) -> Proof:
    """Only `v1` counts; other versions may stand beside it."""
    message_id, seconds = call.one("webhook-id"), call.one("webhook-timestamp")
    given = call.one("webhook-signature")
    if not _VISIBLE.fullmatch(message_id):
        raise Refused("malformed")
    _in_time(seconds, now)
    found = [part.partition(b",") for part in _few(given.split(b" "))]
    signatures = [_base64(text) for version, comma, text in found if comma and version == b"v1"]
    keys = [key for key in map(standard_key, secrets) if key is not None]
    if not keys:
        raise Refused("no-secret")
    signed = b".".join((message_id, seconds, call.raw))
    if not _any_equal([hmac.digest(key, signed, "sha256") for key in keys], signatures):
        raise Refused("mismatch")
    return Proof(_digest(b"id:" + message_id))


def _read(
    auth: GitHubAuth | StripeAuth | SlackAuth | HmacAuth, call: Call, now: float
) -> tuple[bytes, list[bytes], str]:
    """What was signed, the signatures, and the algorithm."""
    match auth:
        case GitHubAuth():
            return call.raw, [_hex(_behind(b"sha256=", call.one("x-hub-signature-256")))], "sha256"
        case SlackAuth():
            given, seconds = call.one("x-slack-signature"), call.one("x-slack-request-timestamp")
            _in_time(seconds, now)
            return b"v0:" + seconds + b":" + call.raw, [_hex(_behind(b"v0=", given))], "sha256"
        case StripeAuth():
            parts = [
                part.strip(b" ").partition(b"=") for part in _few(call.one("stripe-signature").split(b","))
            ]
            times = [value for name, _, value in parts if name == b"t"]
            if len(times) != 1:
                raise Refused("malformed")
            _in_time(times[0], now)
            signatures = [_hex(value) for name, _, value in parts if name == b"v1"]
            return times[0] + b"." + call.raw, signatures, "sha256"
        case HmacAuth():
            text = _behind(auth.prefix.encode(), call.one(auth.header))
            signature = _hex(text) if auth.encoding == "hex" else _base64(text)
            if auth.timestamp_header is None:
                return call.raw, [signature], auth.algorithm
            seconds = call.one(auth.timestamp_header)
            _in_time(seconds, now)
            return seconds + b"." + call.raw, [signature], auth.algorithm


def _in_time(seconds: bytes, now: float) -> None:
    if not _SECONDS.fullmatch(seconds):
        raise Refused("malformed")
    at = int(seconds)
    if at < now - WINDOW:
        raise Refused("stale")
    if at > now + WINDOW:
        raise Refused("future")


def _few(parts: list[bytes]) -> list[bytes]:
    if len(parts) > _MOST:
        raise Refused("malformed")
    return parts


def _behind(prefix: bytes, value: bytes) -> bytes:
    if not value.startswith(prefix):
        raise Refused("malformed")
    return value[len(prefix) :]


def _hex(text: bytes) -> bytes:
    if not re.fullmatch(rb"[0-9a-fA-F]{2,256}", text) or len(text) % 2:
        raise Refused("malformed")
    return bytes.fromhex(text.decode())


def _base64(text: bytes) -> bytes:
    """In its one spelling: loose bits at the end are not passed over."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("malformed") from None
    if base64.b64encode(found) != text:
        raise Refused("malformed")
    return found


def _credentials(call: Call, scheme: bytes) -> bytes:
    given, _, text = call.one("authorization").partition(b" ")
    if given.lower() != scheme:
        raise Refused("unsigned")
    return text.strip(b" ")


def _decoded(text: bytes) -> bytes:
    pair = _base64(text)
    if b":" not in pair:
        raise Refused("malformed")
    return pair


def _equal(given: bytes, expected: Sequence[bytes]) -> Proof:
    """By their hashes, which have one length: not even the secret's length can be timed."""
    if not _any_equal([_digest(each) for each in expected], [_digest(given)]):
        raise Refused("mismatch")
    return Proof()


def _any_equal(expected: Sequence[bytes], given: Sequence[bytes]) -> bool:
    """Every pair is compared, so that the time tells neither which nor where."""
    found = False
    for one in expected:
        for other in given:
            found |= hmac.compare_digest(one, other)
    return found


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
