"""Who sends a webhook, decided on bytes: the vendors' own examples, every way to be wrong, and whatever else may arrive."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from runner.webhook_auth import WebhookAuth, demand, read_auth, secret_of
from runner.webhook_proof import REFUSALS, WINDOW, Call, Proof, Refused, prove, sign, standard_key

ID = "019bb000-0000-7000-8000-000000000001"
NOW = 1_790_000_000.4
KEY = b"whsec_" + base64.b64encode(bytes(range(32)))
OLD = b"whsec_" + base64.b64encode(bytes(range(50, 82)))
BODY = b'{"status": "done", "n": 1}'
MODES: dict[str, dict[str, Any]] = {
    "standard-webhooks": {},
    "github": {},
    "stripe": {},
    "slack": {},
    "hmac": {"header": "X-Sign"},
    "hmac-time": {"mode": "hmac", "header": "X-Sign", "timestampHeader": "X-Time", "prefix": "v1="},
    "hmac-512": {"mode": "hmac", "header": "X-Sign", "algorithm": "sha512", "encoding": "base64"},
    "bearer": {},
    "basic": {"username": "make"},
}
SIGNED = [name for name in MODES if name not in ("bearer", "basic")]
TIMED = ["standard-webhooks", "stripe", "slack", "hmac-time"]
Headers = list[tuple[bytes, bytes]]


NO_MODES: list[Any] = [
    {},
    {"mode": "none"},
    {"mode": None},
    [],
    "token",
    {"mode": "github", "secretId": "x"},
    {"mode": "token", "secret": "x"},
    {"mode": "token", "networks": ["192.0.2.1/24"]},
    {"mode": "token", "networks": [3232235777]},
    {"mode": "basic", "secretId": ID, "username": "a:b"},
    {"mode": "github", "secretId": f"urn:uuid:{ID}"},
    {"mode": "github", "secretId": ID.replace("-", "")},
    {"mode": "hmac", "secretId": ID, "header": "X\r\nY"},
    {"mode": "hmac", "secretId": ID, "header": ""},
]


def auth_of(name: str, **more: Any) -> WebhookAuth:
    return read_auth({"mode": name, **MODES.get(name, {}), "secretId": ID, **more})


def refusal(
    auth: WebhookAuth, call: Call, secrets: tuple[bytes, ...] = (KEY,), now: float = NOW
) -> str | None:
    try:
        prove(auth, secrets, call, now)
    except Refused as refused:
        return refused.reason
    return None


def signed(
    name: str, *, key: bytes = KEY, at: float = NOW, body: bytes = BODY, message: str = "m1"
) -> Headers:
    return sign(auth_of(name), key, body, at, message)


# --- the vendors' own examples ---------------------------------------------------------------------------------------


def test_the_example_of_github() -> None:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries, "Testing the webhook payload validation"."""
    value = b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    call = Call(b"Hello, World!", [(b"X-Hub-Signature-256", value)])
    assert refusal(auth_of("github"), call, (b"It's a Secret to Everybody",)) is None


def test_the_example_of_slack() -> None:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack, "Step-by-step walk-through"."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
        b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = [
        (b"X-Slack-Request-Timestamp", b"1531420618"),
        (b"X-Slack-Signature", b"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
    ]
    key = b"8f742231b10e8888abcd99yyyzzz85a5"
    assert refusal(auth_of("slack"), Call(body, headers), (key,), 1531420618) is None
    assert refusal(auth_of("slack"), Call(body, headers), (key,), 1531420618 + 301) == "stale"


def test_the_steps_of_stripe() -> None:
    """https://docs.stripe.com/webhooks#verify-manually: `t`, a dot, the body; HMAC-SHA256 in hex under the whole secret; `v0` and
    whatever else stands in the header is passed over."""
    seconds = str(int(NOW)).encode()
    mac = hmac.new(KEY, seconds + b"." + BODY, hashlib.sha256).hexdigest().encode()
    fake = b"6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"
    header = b"t=" + seconds + b",v1=" + mac + b",v0=" + fake
    assert refusal(auth_of("stripe"), Call(BODY, [(b"Stripe-Signature", header)])) is None
    only_v0 = b"t=" + seconds + b",v0=" + mac
    assert refusal(auth_of("stripe"), Call(BODY, [(b"Stripe-Signature", only_v0)])) == "mismatch"


def test_the_example_of_standard_webhooks() -> None:
    """https://docs.svix.com/receiving/verifying-payloads/how-manual, by whom the specification was begun."""
    headers = [
        (b"webhook-id", b"msg_p5jXN8AQM9LWM0D4loKWxJek"),
        (b"webhook-timestamp", b"1614265330"),
        (b"webhook-signature", b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ]
    call = Call(b'{"test": 2432232314}', headers)
    key = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert refusal(auth_of("standard-webhooks"), call, (key,), 1614265330) is None


@given(st.text(max_size=200), st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True))
def test_the_package_of_standard_webhooks_signs_what_we_take_and_takes_what_we_sign(
    body: str, message: str
) -> None:
    oracle, raw = Webhook(KEY.decode()), body.encode()
    at = datetime.now(tz=UTC)
    now = at.timestamp()
    headers = {
        "webhook-id": message,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": oracle.sign(message, at, body),
    }
    call = Call(raw, [(name.encode(), value.encode()) for name, value in headers.items()])
    assert refusal(auth_of("standard-webhooks"), call, now=now) is None
    ours = {n.decode(): v.decode() for n, v in signed("standard-webhooks", at=now, body=raw, message=message)}
    oracle.verify(raw, ours, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        oracle.verify(raw + b"x", ours, json_parse=False)


# --- every mode, every way to be wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODES)
def test_what_is_signed_is_genuine_and_another_secret_is_not(name: str) -> None:
    auth, headers = auth_of(name), signed(name)
    assert refusal(auth, Call(BODY, headers)) is None
    assert refusal(auth, Call(BODY, headers), (OLD,)) == "mismatch"
    assert refusal(auth, Call(BODY, headers), ()) == "no-secret"
    assert refusal(auth, Call(BODY)) == "unsigned"
    for left_out in headers:
        assert refusal(auth, Call(BODY, [each for each in headers if each != left_out])) == "unsigned"


@pytest.mark.parametrize("name", SIGNED)
def test_a_changed_byte_is_seen_anywhere(name: str) -> None:
    auth, headers = auth_of(name), signed(name)
    for place in range(len(BODY)):
        changed = bytearray(BODY)
        changed[place] ^= 1
        assert refusal(auth, Call(bytes(changed), headers)) == "mismatch"
    for number, (header, value) in enumerate(headers):
        for place in range(len(value)):
            changed = bytearray(value)
            changed[place] ^= 1
            altered = [*headers[:number], (header, bytes(changed)), *headers[number + 1 :]]
            assert refusal(auth, Call(BODY, altered)) is not None, (header, place)


@pytest.mark.parametrize("name", TIMED)
def test_only_within_five_minutes(name: str) -> None:
    auth = auth_of(name)
    for moved, reason in ((0, None), (-299, None), (299, None), (-302, "stale"), (302, "future")):
        assert refusal(auth, Call(BODY, signed(name, at=NOW + moved))) == reason


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize(
    "seconds",
    [
        b"",
        b" ",
        b"now",
        b"1790000000.0",
        b"1.79e9",
        b"+1790000000",
        b"-1",
        b"0x6AB1",
        b"1_790_000_000",
        b"nan",
        b"inf",
        b"9" * 400,
        "١٧٩٠".encode(),
        b"1790000000\x00",
        b"1790000000 1790000000",
        b"1790000000;",
    ],
)
def test_a_time_is_seconds_in_ascii_digits(name: str, seconds: bytes) -> None:
    """Even where it is signed so: what is lenient here reads two times from one signature somewhere else."""
    auth, at = auth_of(name), str(int(NOW)).encode()
    content = {
        "standard-webhooks": b".".join((b"m1", seconds, BODY)),
        "slack": b"v0:" + seconds + b":" + BODY,
    }.get(name, seconds + b"." + BODY)
    key = standard_key(KEY) if name == "standard-webhooks" else KEY
    assert key is not None
    mac = hmac.digest(key, content, "sha256")
    text = base64.b64encode(mac) if name == "standard-webhooks" else mac.hex().encode()
    headers = [
        (header, value.replace(at, seconds).replace(_text_of(name), text)) for header, value in signed(name)
    ]
    assert refusal(auth, Call(BODY, headers)) in ("malformed", "stale", "mismatch")


def _text_of(name: str) -> bytes:
    """The signature as it stands in the header."""
    last = next(value for header, value in signed(name) if b"sign" in header)
    return (
        last.rpartition(b"," if name == "standard-webhooks" else b"=")[2]
        if name != "standard-webhooks"
        else last[3:]
    )


@pytest.mark.parametrize("name", MODES)
def test_a_header_that_comes_twice_says_nothing(name: str) -> None:
    auth, headers = auth_of(name), signed(name)
    for each in headers:
        assert refusal(auth, Call(BODY, [*headers, each])) == "malformed"
        assert refusal(auth, Call(BODY, [(each[0].upper(), b"x"), *headers])) == "malformed"


@pytest.mark.parametrize("name", MODES)
def test_during_a_rotation_both_secrets_count(name: str) -> None:
    auth = auth_of(name)
    for key in (KEY, OLD):
        assert refusal(auth, Call(BODY, signed(name, key=key)), (KEY, OLD)) is None
    assert refusal(auth, Call(BODY, signed(name, key=OLD)), (KEY,)) == "mismatch"


def test_a_sender_that_rotates_sends_two_signatures() -> None:
    both = dict(signed("standard-webhooks")) | {
        b"webhook-signature": b" ".join(
            dict(signed("standard-webhooks", key=key))[b"webhook-signature"] for key in (OLD, KEY)
        )
        + b" v1a,asymmetric-and-not-read"
    }
    for known in (KEY, OLD):
        assert refusal(auth_of("standard-webhooks"), Call(BODY, list(both.items())), (known,)) is None
    (time, new), (_, old) = (
        dict(signed("stripe", key=key))[b"stripe-signature"].split(b",") for key in (KEY, OLD)
    )
    call = Call(BODY, [(b"stripe-signature", b",".join((time, old, new)))])
    assert refusal(auth_of("stripe"), call) is None


@pytest.mark.parametrize("count", [33, 10_000])
def test_ten_thousand_signatures_are_not_tried(count: int) -> None:
    wrong = b"v1," + base64.b64encode(bytes(32))
    headers = dict(signed("standard-webhooks"))
    headers[b"webhook-signature"] = b" ".join([wrong] * count + [headers[b"webhook-signature"]])
    assert refusal(auth_of("standard-webhooks"), Call(BODY, list(headers.items()))) == "malformed"
    (stripe,) = (value for _, value in signed("stripe"))
    many = [(b"stripe-signature", b"v1=" + b"0" * 64 + (b",v1=" + b"0" * 64) * count + b"," + stripe)]
    assert refusal(auth_of("stripe"), Call(BODY, many)) == "malformed"


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe\x00", b"\xed\xa0\x80", b"a=1&b=2", bytes(range(256)) * 1000]
)
@pytest.mark.parametrize("name", SIGNED)
def test_bodies_are_bytes(name: str, body: bytes) -> None:
    assert refusal(auth_of(name), Call(body, signed(name, body=body))) is None
    assert refusal(auth_of(name), Call(body + b"\n", signed(name, body=body))) == "mismatch"


@pytest.mark.parametrize(
    "signature", [b"v1,", b"v1,!!!", b"v1,====", b"v1,AA", b"v1", b"v1,v1,", b",", b"v2," + b"A" * 44]
)
def test_a_signature_that_is_no_base64_is_no_accident(signature: bytes) -> None:
    headers = dict(signed("standard-webhooks")) | {b"webhook-signature": signature}
    found = refusal(auth_of("standard-webhooks"), Call(BODY, list(headers.items())))
    assert found in ("malformed", "mismatch")


def test_a_secret_of_standard_webhooks_has_24_bytes() -> None:
    assert standard_key(b"whsec_" + base64.b64encode(bytes(23))) is None
    assert standard_key(base64.b64encode(bytes(24))) == bytes(24)
    assert standard_key(b"whsec_" + base64.b64encode(bytes(25)).rstrip(b"=")) == bytes(25)
    assert standard_key(b"whsec_not base64") is None
    call = Call(BODY, signed("standard-webhooks"))
    assert refusal(auth_of("standard-webhooks"), call, (b"whsec_c2hvcnQ=",)) == "no-secret"
    with pytest.raises(Refused):
        sign(auth_of("standard-webhooks"), b"whsec_c2hvcnQ=", BODY, NOW, "m")


# --- what tells messages apart ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIGNED)
def test_a_message_is_the_same_under_either_secret_and_in_any_spelling(name: str) -> None:
    auth = auth_of(name)
    first, second = (
        prove(auth, (KEY, OLD), Call(BODY, signed(name, key=key)), NOW).message for key in (KEY, OLD)
    )
    assert first is not None and first == second
    other = prove(auth, (KEY,), Call(b"other", signed(name, body=b"other", message="m2")), NOW).message
    assert other != first
    if name not in ("standard-webhooks", "hmac-512"):
        spelled = [
            (header, value.upper() if b"sign" in header and name == "hmac" else value)
            for header, value in signed(name)
        ]
        assert prove(auth, (KEY,), Call(BODY, spelled), NOW).message == first


def test_the_id_of_the_sender_counts_where_there_is_one() -> None:
    auth = auth_of("standard-webhooks")
    again = prove(auth, (KEY,), Call(b"x", signed("standard-webhooks", at=NOW + 9, body=b"x")), NOW)
    assert again == prove(auth, (KEY,), Call(BODY, signed("standard-webhooks")), NOW)


def test_a_password_tells_no_message_apart() -> None:
    for name in ("bearer", "basic"):
        assert prove(auth_of(name), (KEY,), Call(BODY, signed(name)), NOW) == Proof(None)


# --- from where ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "reason"),
    [
        ("192.0.2.7", None),
        ("192.0.3.7", "network"),
        ("::ffff:192.0.2.9", None),
        ("2001:db8::1", None),
        ("2001:db9::1", "network"),
        (None, "network"),
        ("", "network"),
        ("not an address", "network"),
    ],
)
def test_only_from_the_networks_that_are_named(sender: str | None, reason: str | None) -> None:
    for mode in ("token", "github"):
        own: dict[str, Any] = {} if mode == "token" else {"secretId": ID}
        auth = read_auth({"mode": mode, "networks": ["192.0.2.0/24", "2001:db8::/32"], **own})
        assert refusal(auth, Call(BODY, signed("github"), sender)) == reason


@pytest.mark.parametrize("wrong", NO_MODES)
def test_what_is_no_mode_is_refused_and_a_wait_that_has_it_takes_nothing(wrong: Any) -> None:
    with pytest.raises(ValueError):
        read_auth(wrong)
    assert demand(wrong) == {"mode": "unread"}


def test_the_token_alone_needs_no_proof() -> None:
    assert demand(None) is None and demand({"mode": "token"}) is None
    assert demand({"mode": "token", "networks": []}) is None
    assert demand({"mode": "token", "networks": ["192.0.2.1"]}) is not None
    assert refusal(read_auth({"mode": "token"}), Call(b"")) is None
    assert str(secret_of(auth_of("github"))) == ID and secret_of(read_auth({"mode": "token"})) is None


# --- whatever else ---------------------------------------------------------------------------------------------------

_NAMES = st.sampled_from(
    [
        b"webhook-id",
        b"webhook-timestamp",
        b"webhook-signature",
        b"x-hub-signature-256",
        b"stripe-signature",
        b"x-slack-signature",
        b"x-slack-request-timestamp",
        b"x-sign",
        b"x-time",
        b"authorization",
    ]
)
_VALUES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [b"v1,", b"t=,v1=", b"sha256=", b"v0=", b"Basic ", b"Basic !", b"Bearer", b"1790000000", b"1e9"]
    ),
    st.from_regex(rb"(v1,|sha256=|v0=|t=1790000000,v1=)[0-9a-fA-F=+/]{0,90}"),
)


@given(
    st.sampled_from(sorted(MODES)),
    st.lists(st.tuples(_NAMES, _VALUES), max_size=8),
    st.binary(max_size=300),
    st.one_of(st.none(), st.text(max_size=20)),
)
def test_whatever_arrives_is_refused_with_a_reason(
    name: str, headers: Headers, raw: bytes, sender: str | None
) -> None:
    assert refusal(auth_of(name), Call(raw, headers, sender)) in REFUSALS


@given(st.binary(max_size=2000), st.sampled_from(SIGNED), st.floats(0, 10**12 - WINDOW - 1))
def test_what_is_signed_is_taken_whatever_the_bytes_and_the_time(raw: bytes, name: str, now: float) -> None:
    assert refusal(auth_of(name), Call(raw, signed(name, body=raw, at=now)), now=now) is None


def test_the_window_is_five_minutes() -> None:
    assert timedelta(seconds=WINDOW) == timedelta(minutes=5)
    assert len(set(cast(tuple[str, ...], REFUSALS))) == len(REFUSALS)
