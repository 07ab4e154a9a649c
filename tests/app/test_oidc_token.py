"""What an ID token must be: every way to make one that is not, and none of them is believed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import RSAKey

from app.oidc.configuration import read_issuers
from app.oidc.token import LEEWAY, Key, Refused, UnknownKey, read_keys, verify
from app.settings import StartRefused
from runner.identity import Admittance, Claims
from runner.model import Role
from tests.oidc_issuer import CLIENT, MockIssuer, made_key

NONCE = "n" * 43
ISSUER = "https://login.example.org"
WRONG = (
    *("none", "none-with-signature", "hs256-public-key", "hs256-client-secret", "another-algorithm"),
    *("embedded-jwk", "jku", "x5u", "x5c", "unknown-crit", "another-key", "kid-a-list", "not-an-id-token"),
    *("wrong-iss", "iss-with-a-slash", "no-iss", "wrong-aud", "aud-empty", "aud-an-object"),
    *("several-aud-no-azp", "wrong-azp", "wrong-azp-alone", "wrong-nonce", "no-nonce", "nonce-a-list"),
    *("expired", "no-exp", "exp-as-text", "exp-true", "not-yet", "from-the-future", "no-iat"),
    *("no-sub", "sub-empty", "sub-a-number", "sub-endless", "nul-in-sub"),
    *("claims-a-list", "repeated-keys", "deep", "altered", "signature-cut", "signature-padded", "encrypted"),
    "endless",
)
"""Defects of the token itself; `tests/oidc_issuer.py` makes them."""


def issuer(alg: str = "RS256", wrong: str = "") -> MockIssuer:
    made = MockIssuer(alg=alg)
    made.url, made.wrong = ISSUER, wrong
    return made


def keys_of(made: MockIssuer, **more: Any) -> tuple[Key, ...]:
    own = {**made.key.as_dict(private=False), "kid": made.kid, "use": "sig", "alg": made.alg, **more}
    return read_keys({"keys": [own]})


def checked(made: MockIssuer, keys: tuple[Key, ...] | None = None, now: float | None = None) -> Claims:
    return verify(
        made.id_token({"nonce": NONCE}),
        keys_of(made) if keys is None else keys,
        issuer=ISSUER,
        client_id=CLIENT,
        nonce=NONCE,
        now=time.time() if now is None else now,
        groups_claim="groups",
    )


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
def test_a_good_token_says_who_it_is(alg: str) -> None:
    made = issuer(alg)
    made.person["groups"] = ["staff", 7, "ops"]
    assert checked(made) == Claims(
        ISSUER, "u-ann", "ann@example.org", True, "Ann Lee", frozenset({"staff", "ops"})
    )


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_token_is_refused(wrong: str, alg: str) -> None:
    with pytest.raises(Refused) as caught:
        checked(issuer(alg, wrong))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_an_unknown_key_is_told_apart() -> None:
    with pytest.raises(UnknownKey):
        checked(issuer(wrong="unknown-kid"))
    with pytest.raises(UnknownKey):
        checked(issuer(), keys=())


def test_without_a_key_id_only_the_one_key_that_fits_counts() -> None:
    made, other = issuer(), issuer()
    made.kid = None  # type: ignore[assignment]
    keys = keys_of(made, kid="a")
    assert checked(made, keys).subject == "u-ann"
    other.key = made_key("RS256", 5)
    with pytest.raises(Refused, match="could have signed"):
        checked(made, (*keys, *keys_of(other, kid="b")))


def test_clocks_may_differ_by_a_minute() -> None:
    made, now = issuer(), time.time()
    for skew in (-LEEWAY + 2, LEEWAY - 2):
        made.skew = skew
        assert checked(made, now=now).subject == "u-ann"
    made.skew = LEEWAY + 5
    with pytest.raises(Refused):
        checked(made, now=now)
    made.skew = -300 - LEEWAY - 5
    with pytest.raises(Refused):
        checked(made, now=now)


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"alg": 1},
        {"alg": ["RS256"]},
        {"kty": "oct", "k": "AAAA"},
        {"kty": ["RSA"]},
        {"key_ops": ["encrypt"]},
        {"n": "AQAB"},
        {"n": 1},
        {"n": "é"},
        {"e": None},
    ],
)
def test_keys_that_may_not_verify_are_left_out(change: dict[str, Any]) -> None:
    assert keys_of(issuer(), **change) == ()


def test_a_short_key_is_left_out() -> None:
    with pytest.warns(SecurityWarning):
        weak = RSAKey.generate_key(1024)
    published: dict[str, Any] = {"keys": [weak.as_dict(private=False)]}
    assert read_keys(published) == ()


def test_a_key_serves_the_algorithm_it_names() -> None:
    made = issuer("PS256")
    with pytest.raises(UnknownKey):
        checked(made, keys_of(made, alg="RS256"))


NO_SETS: list[dict[str, Any]] = [{}, {"keys": {}}, {"keys": None}, {"keys": [{}] * 101}]


@pytest.mark.parametrize("document", NO_SETS)
def test_what_is_no_key_set_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        read_keys(document)
    assert read_keys({"keys": [1, None, "x", {}, []]}) == ()


def test_only_true_verifies_an_address() -> None:
    for word in ("true", "True", 1, [True], {"a": 1}, None, False):
        made = issuer()
        made.person["email_verified"] = word
        assert checked(made).sure_email is None, word
    made = issuer()
    made.person["email"] = "Ann@Example.ORG"
    assert checked(made).sure_email == "ann@example.org"
    for email in ("", "ann", "@example.org", "a@b@c", "a b@c.org", 7, "a\u202e@c.org", "a@" + "c" * 300):
        made.person["email"] = email
        assert checked(made).sure_email is None, email


def test_domains_are_compared_whole() -> None:
    may = Admittance(domains=("example.org",))
    for email, fits in (
        ("a@example.org", True),
        ("a@EXAMPLE.org", True),
        ("a@evilexample.org", False),
        ("a@example.org.evil", False),
        ("a@sub.example.org", False),
        ("example.org@evil", False),
    ):
        assert may.knows_domain(Claims("i", "s", email, True)) is fits, email
    assert not may.knows_domain(Claims("i", "s", "a@example.org", False))
    assert not may.knows_domain(Claims("i", "s"))


def test_the_highest_role_of_the_groups_counts() -> None:
    may = Admittance(groups={"a": Role.VIEWER, "b": Role.ADMIN, "c": Role.EDITOR})
    assert may.role(Claims("i", "s", groups=frozenset({"a", "b", "z"}))) is Role.ADMIN
    assert may.role(Claims("i", "s", groups=frozenset({"A", "admin"}))) is None
    newcomers = Admittance(newcomers=Role.VIEWER, groups={"c": Role.EDITOR})
    assert newcomers.role(Claims("i", "s")) is Role.VIEWER


# --- the file of issuers

GOOD = """
[corp]
title = "Example Corp"
issuer = "https://login.example.org/realms/corp"
client_id = "baton"
"""


def read(folder: Path, text: str) -> Any:
    (folder / "oidc.toml").write_text(text)
    return read_issuers(folder / "oidc.toml")


def test_the_file_of_issuers(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    found = read(
        tmp_path,
        GOOD
        + f'client_secret = "file:{tmp_path}/secret"\nscopes = ["openid", "email", "groups"]\n'
        + 'email_domains = ["Example.ORG"]\nnewcomers = "viewer"\nworkspace = "main"\nlink_by_email = true\n'
        + 'groups = { "Baton Admins" = "admin" }\n[other]\ntitle = "O"\nissuer = "https://o.example"\nclient_id = "x"\n',
    )
    corp = found["corp"]
    assert list(found) == ["corp", "other"] and corp.client_secret.get_secret_value() == "s3cret"
    assert corp.admittance == Admittance(
        Role.VIEWER, "main", ("example.org",), {"Baton Admins": Role.ADMIN}, True
    )
    assert found["other"].admittance == Admittance() and found["other"].client_secret is None
    assert read_issuers(None) == {} and "s3cret" not in repr(found)
    assert read(tmp_path, GOOD + 'newcomers = "none"\n')["corp"].newcomers is None


@pytest.mark.parametrize(
    "text",
    [
        "no toml",
        'corp = "x"',
        GOOD.replace("[corp]", "[Corp]"),
        GOOD.replace("[corp]", "['../x']"),
        GOOD.replace("https:", "http:"),
        GOOD.replace("https:", "file:"),
        GOOD.replace("login.", "user:hidden@login."),
        GOOD.replace("realms/corp", "?x=1"),
        GOOD.replace("client_id", "clientid"),
        GOOD + 'client_secret = "file:/nowhere/at/all"\n',
        GOOD + 'newcomers = "owner"\n',
        GOOD + 'scopes = ["email"]\n',
        GOOD + 'scopes = ["openid", "a b"]\n',
        GOOD + 'email_domains = ["@example.org"]\n',
        GOOD + 'link_by_email = "maybe"\n',
        GOOD + 'groups = { a = "king" }\n',
        GOOD + GOOD.replace("[corp]", "[again]"),
    ],
)
def test_a_wrong_file_stops_the_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(StartRefused) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith("BATON_OIDC_FILE") and "hidden" not in str(caught.value)


def test_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="cannot be read"):
        read_issuers(tmp_path / "none.toml")
