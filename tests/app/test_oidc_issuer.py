"""How often an issuer is asked: what is kept, what is asked for again, and when."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from app.oidc.configuration import IssuerSettings
from app.oidc.issuer import AGAIN, KEPT, KEYS_AGAIN, Issuer, NoAnswer
from app.oidc.token import Refused
from providers import EgressGuard
from tests.oidc_issuer import MockIssuer, issuing

NONCE = "n" * 43


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def asking(corp: MockIssuer, clock: Clock) -> AsyncGenerator[Issuer]:
    settings = IssuerSettings(title="Corp", issuer=corp.url, client_id=corp.client)
    issuer = Issuer(settings, EgressGuard(["127.0.0.0/8"]), clock=clock)
    try:
        yield issuer
    finally:
        await issuer.aclose()


async def test_documents_are_kept_for_their_time() -> None:
    clock = Clock()
    async with issuing() as corp, asking(corp, clock) as issuer:
        token = corp.id_token({"nonce": NONCE})
        for passed, times in ((0.0, 1), (KEPT - 1, 1), (2.0, 2)):
            clock.now += passed
            assert (await issuer.claims(token, NONCE)).subject == "u-ann"
            assert (corp.hits["discovery"], corp.hits["jwks"]) == (times, times)


async def test_a_document_that_failed_is_asked_for_again_after_a_while() -> None:
    clock = Clock()
    async with issuing() as corp, asking(corp, clock) as issuer:
        for wrong, error in (("discovery-down", NoAnswer), ("discovery-list", Refused)):
            corp.wrong = wrong
            before = corp.hits["discovery"]
            for _ in range(3):
                with pytest.raises(error):
                    await issuer.discovery()
            assert corp.hits["discovery"] == before + 1
            clock.now += AGAIN + 1
        corp.wrong = ""
        assert (await issuer.discovery()).token_endpoint == f"{corp.url}/token"


async def test_an_unknown_key_is_looked_for_once_a_minute() -> None:
    clock = Clock()
    async with issuing() as corp, asking(corp, clock) as issuer:
        corp.wrong = "unknown-kid"
        foreign = corp.id_token({"nonce": NONCE})
        corp.wrong = ""
        for passed, times in ((0.0, 2), (0.0, 2), (KEYS_AGAIN - 1, 2), (2.0, 3)):
            clock.now += passed
            with pytest.raises(Refused):
                await issuer.claims(foreign, NONCE)
            assert corp.hits["jwks"] == times
        corp.rotate()
        with pytest.raises(Refused):
            await issuer.claims(corp.id_token({"nonce": NONCE}), NONCE)
        clock.now += KEYS_AGAIN + 1
        assert (await issuer.claims(corp.id_token({"nonce": NONCE}), NONCE)).subject == "u-ann"


async def test_keys_that_cannot_be_had_now_leave_those_from_before() -> None:
    clock = Clock()
    async with issuing() as corp, asking(corp, clock) as issuer:
        token = corp.id_token({"nonce": NONCE})
        assert (await issuer.claims(token, NONCE)).subject == "u-ann"
        corp.wrong = "unknown-kid"
        foreign = corp.id_token({"nonce": NONCE})
        corp.wrong = "jwks-huge"
        with pytest.raises(NoAnswer):
            await issuer.claims(foreign, NONCE)
        assert (await issuer.claims(token, NONCE)).subject == "u-ann"
