"""An issuer of OpenID Connect on a loopback port that really signs, and can be told to do one thing wrong.

It holds clients to the rules as strictly as a good issuer does: a code works once, with the verifier whose S256 challenge was
sent, for the redirect address and the client it was made for.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode

from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.serving import served

CLIENT = "baton"
SECRET = "an-issuers-s3cret & more"
_KINDS: dict[str, Callable[[], Any]] = {
    "RS256": lambda: RSAKey.generate_key(2048),
    "PS256": lambda: RSAKey.generate_key(2048),
    "ES256": lambda: ECKey.generate_key("P-256"),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
}
_MADE: dict[tuple[str, int], Any] = {}


def made_key(alg: str, number: int = 0) -> Any:
    """Keys are slow to make; every test may have the same ones."""
    if (alg, number) not in _MADE:
        _MADE[alg, number] = _KINDS[alg]()
    return _MADE[alg, number]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def encoded(value: Any) -> str:
    return b64(json.dumps(value).encode())


def signed(header: dict[str, Any], payload: str, key: Any, alg: str) -> str:
    """`payload` is a segment already, so that it can be anything."""
    text = f"{encoded(header)}.{payload}"
    return f"{text}.{b64(JWSRegistry.algorithms[alg].sign(text.encode(), key))}"


class MockIssuer:
    """`wrong` names one defect. `person` is who signs in, `asks` shows a page first, `hits` counts calls by path."""

    def __init__(self, *, alg: str = "RS256", groups_claim: str = "groups") -> None:
        self.url = ""
        self.alg = alg
        self.kid = "key-0"
        self.key = made_key(alg)
        self.wrong = ""
        self.asks = False
        self.client, self.secret = CLIENT, SECRET
        self.elsewhere = "http://127.0.0.1:9"
        self.skew = 0.0
        self.person: dict[str, Any] = {
            "sub": "u-ann",
            "email": "ann@example.org",
            "email_verified": True,
            "name": "Ann Lee",
        }
        self.hits: Counter[str] = Counter()
        self.asked: list[dict[str, str]] = []
        """The parameters of every authorization request."""
        self.codes: dict[str, dict[str, str]] = {}
        self.slow = asyncio.Event()
        """A slow endpoint answers when it is set."""
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discovery),
                Route("/jwks", self.jwks),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/logout", self.logout),
            ]
        )

    def rotate(self) -> None:
        """From now on another key signs, and is the only one published."""
        number = int(self.kid.removeprefix("key-")) + 1
        self.kid, self.key = f"key-{number}", made_key(self.alg, number)

    async def discovery(self, request: Request) -> Response:
        self.hits["discovery"] += 1
        if self.wrong == "discovery-redirects":
            return RedirectResponse(f"{self.elsewhere}/.well-known/openid-configuration", 302)
        document: dict[str, Any] = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "end_session_endpoint": f"{self.url}/logout",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["plain", "S256"],
            "id_token_signing_alg_values_supported": [self.alg],
            "authorization_response_iss_parameter_supported": True,
        }
        match self.wrong:
            case "discovery-of-another":
                document["issuer"] = "https://other.example.org"
            case "discovery-with-a-slash":
                document["issuer"] += "/"
            case "discovery-without-keys":
                del document["jwks_uri"]
            case "discovery-to-the-inside":
                document["jwks_uri"] = "http://169.254.169.254/latest/meta-data"
            case "discovery-to-a-file":
                document["jwks_uri"] = "file:///etc/passwd"
            case "discovery-to-a-private-net":
                document["token_endpoint"] = "https://10.1.2.3/token"
            case "no-pkce":
                document["code_challenge_methods_supported"] = ["plain"]
            case "discovery-list":
                return JSONResponse([document])
            case "discovery-repeats":
                text = json.dumps(document)
                return Response(f'{text[:-1]}, "issuer": "{self.url}"}}', media_type="application/json")
            case "discovery-down":
                return Response("", 503)
            case "iss-not-advertised":
                document["authorization_response_iss_parameter_supported"] = False
            case "secret-by-post":
                document["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
            case _:
                pass
        return JSONResponse(document)

    async def jwks(self, request: Request) -> Response:
        self.hits["jwks"] += 1
        own = {**self.key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": self.alg}
        match self.wrong:
            case "jwks-huge":
                return JSONResponse({"keys": [own], "padding": "x" * 1024 * 1024})
            case "jwks-redirects":
                return RedirectResponse(f"{self.elsewhere}/jwks", 307)
            case "jwks-many":
                return JSONResponse({"keys": [{**own, "kid": f"k{n}"} for n in range(101)]})
            case "jwks-twice-the-same-id":
                return JSONResponse({"keys": [own, own]})
            case "jwks-symmetric":
                return JSONResponse(
                    {"keys": [{"kty": "oct", "kid": self.kid, "k": b64(self.secret.encode())}]}
                )
            case "jwks-for-encryption":
                return JSONResponse({"keys": [{**own, "use": "enc"}]})
            case _:
                strange = {"kty": "EC", "crv": "P-521", "kid": "later", "x": "AA", "y": "AA"}
                return JSONResponse({"keys": [strange, own]})

    async def authorize(self, request: Request) -> Response:
        self.hits["authorize"] += 1
        asked = dict(request.query_params)
        if self.asks and "agreed" not in asked:
            again = urlencode({**asked, "agreed": "1"})
            return HTMLResponse(
                f"<!doctype html><html lang=en><title>Mock issuer</title><main><h1>Mock issuer</h1>"
                f'<a href="/authorize?{again.replace("&", "&amp;")}">Continue as {self.person["name"]}</a></main>'
            )
        self.asked.append(asked)
        assert asked["response_type"] == "code" and asked["client_id"] == self.client
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.url}
        match self.wrong:
            case "wrong-state":
                answer["state"] = secrets.token_urlsafe(32)
            case "no-state":
                del answer["state"]
            case "no-code":
                del answer["code"]
            case "no-iss-in-answer" | "iss-not-advertised":
                del answer["iss"]
            case "wrong-iss-in-answer":
                answer["iss"] = "https://other.example.org"
            case "denied":
                answer = {"error": "access_denied", "state": asked["state"], "iss": self.url}
            case "hostile-error":
                answer["error"] = "<script>alert(1)</script>\r\nforged"
            case "twice-the-state":
                return RedirectResponse(
                    f"{asked['redirect_uri']}?{urlencode(answer)}&state={asked['state']}", 303
                )
            case _:
                pass
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 303)

    async def token(self, request: Request) -> Response:
        self.hits["token"] += 1
        fields = {name: values[-1] for name, values in parse_qs((await request.body()).decode()).items()}
        match self.wrong:
            case "token-slow":
                await self.slow.wait()
            case "token-500":
                return Response("oh", 500)
            case "token-redirects":
                return RedirectResponse(f"{self.elsewhere}/token", 307)
            case "token-text":
                return Response("<html>", media_type="text/html")
            case "token-huge":
                return JSONResponse({"id_token": "x" * 1024 * 1024})
            case "token-none":
                return JSONResponse({"access_token": "a", "token_type": "Bearer"})
            case "token-a-number":
                return JSONResponse({"id_token": 1})
            case "token-garbage":
                return JSONResponse({"id_token": "a.b"})
            case _:
                pass
        asked = self.codes.pop(fields.get("code", ""), None)
        if self.wrong == "code-used":
            asked = None
        if (
            asked is None
            or not self._client_is_right(request, fields)
            or not self._proof_is_right(asked, fields)
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": self.id_token(asked)})

    async def logout(self, request: Request) -> Response:
        self.hits["logout"] += 1
        return RedirectResponse(request.query_params["post_logout_redirect_uri"], 303)

    def _client_is_right(self, request: Request, fields: dict[str, str]) -> bool:
        if self.wrong == "secret-by-post":
            return (fields.get("client_id"), fields.get("client_secret")) == (self.client, self.secret)
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        name, _, secret = base64.b64decode(pair).decode().partition(":")
        return scheme == "Basic" and (unquote_plus(name), unquote_plus(secret)) == (self.client, self.secret)

    def _proof_is_right(self, asked: dict[str, str], fields: dict[str, str]) -> bool:
        challenge = b64(hashlib.sha256(fields.get("code_verifier", "").encode()).digest())
        return (
            asked.get("code_challenge_method") == "S256"
            and asked.get("code_challenge") == challenge
            and asked["redirect_uri"] == fields.get("redirect_uri")
            and fields.get("grant_type") == "authorization_code"
        )

    def id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time() + self.skew)
        header: dict[str, Any] = {"alg": self.alg, "kid": self.kid, "typ": "JWT"}
        claims: dict[str, Any] = {
            "iss": self.url,
            "aud": self.client,
            "iat": now,
            "exp": now + 300,
            "nonce": asked.get("nonce"),
            **self.person,
        }
        key, alg = self.key, self.alg
        public = self.key.as_dict(private=False)
        match self.wrong:
            case "none":
                return f"{encoded({**header, 'alg': 'none'})}.{encoded(claims)}."
            case "none-with-signature":
                return f"{encoded({**header, 'alg': 'nOnE'})}.{encoded(claims)}.{b64(b'x' * 32)}"
            case "hs256-public-key":
                text = f"{encoded({**header, 'alg': 'HS256'})}.{encoded(claims)}"
                pem = self.key.as_pem(private=False)
                return f"{text}.{b64(hmac.digest(pem, text.encode(), 'sha256'))}"
            case "hs256-client-secret":
                text = f"{encoded({**header, 'alg': 'HS256'})}.{encoded(claims)}"
                return f"{text}.{b64(hmac.digest(self.secret.encode(), text.encode(), 'sha256'))}"
            case "embedded-jwk":
                key = made_key(self.alg, 99)
                header |= {"jwk": key.as_dict(private=False)}
            case "jku":
                header |= {"jku": f"{self.elsewhere}/jwks"}
            case "x5u":
                header |= {"x5u": f"{self.elsewhere}/cert"}
            case "x5c":
                header |= {"x5c": ["AA"]}
            case "unknown-crit":
                header |= {"crit": ["https://example.org/ext"], "https://example.org/ext": True}
            case "another-key":
                key = made_key(self.alg, 99)
            case "unknown-kid":
                key = made_key(self.alg, 99)
                header["kid"] = "nobody"
            case "kid-a-list":
                header["kid"] = [self.kid]
            case "another-algorithm":
                header["alg"] = alg = "PS256" if self.alg == "RS256" else "RS256"
                key = made_key(alg) if self.alg != "RS256" else key
            case "not-an-id-token":
                header["typ"] = "at+jwt"
            case "wrong-iss":
                claims["iss"] = "https://other.example.org"
            case "iss-with-a-slash":
                claims["iss"] += "/"
            case "no-iss":
                del claims["iss"]
            case "wrong-aud":
                claims["aud"] = "another-client"
            case "aud-empty":
                claims["aud"] = []
            case "aud-an-object":
                claims["aud"] = {self.client: True}
            case "several-aud-no-azp":
                claims["aud"] = [self.client, "another-client"]
            case "wrong-azp":
                claims |= {"aud": [self.client, "another-client"], "azp": "another-client"}
            case "wrong-azp-alone":
                claims["azp"] = "another-client"
            case "wrong-nonce":
                claims["nonce"] = "x" * 43
            case "no-nonce":
                del claims["nonce"]
            case "nonce-a-list":
                claims["nonce"] = [claims["nonce"]]
            case "expired":
                claims |= {"iat": now - 400, "exp": now - 61}
            case "no-exp":
                del claims["exp"]
            case "exp-as-text":
                claims["exp"] = str(now + 300)
            case "exp-true":
                claims["exp"] = True
            case "not-yet":
                claims["nbf"] = now + 120
            case "from-the-future":
                claims["iat"] = now + 120
            case "no-iat":
                del claims["iat"]
            case "no-sub":
                del claims["sub"]
            case "sub-empty":
                claims["sub"] = ""
            case "sub-a-number":
                claims["sub"] = 1
            case "sub-endless":
                claims["sub"] = "x" * 256
            case "claims-a-list":
                return signed(header, encoded([claims]), key, alg)
            case "repeated-keys":
                text = json.dumps(claims)
                return signed(header, b64(f'{{"sub": "u-admin", {text[1:]}'.encode()), key, alg)
            case "nul-in-sub":
                claims["sub"] = "u-ann\x00"
            case "deep":
                claims["deep"] = json.loads("[" * 100 + "]" * 100)
            case "altered":
                head, _, signature = signed(header, encoded(claims), key, alg).split(".")
                return f"{head}.{encoded({**claims, 'sub': 'u-admin'})}.{signature}"
            case "signature-cut":
                return signed(header, encoded(claims), key, alg)[:-4]
            case "signature-padded":
                return signed(header, encoded(claims), key, alg) + "=="
            case "encrypted":
                return ".".join(["e30"] * 5)
            case "endless":
                claims["padding"] = "x" * 70_000
            case _:
                assert public
        return signed(header, encoded(claims), key, alg)


@asynccontextmanager
async def issuing(issuer: MockIssuer | None = None) -> AsyncGenerator[MockIssuer]:
    """An issuer that is up while the block lasts."""
    found = issuer or MockIssuer()
    async with served(found.app) as url:
        found.url = url
        yield found
        found.slow.set()
