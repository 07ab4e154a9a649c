"""Flowise, against its sandbox on a real socket."""

from __future__ import annotations

from typing import ClassVar

from providers import JsonObject
from providers.flowise import Flowise
from providers.sandbox._asgi import Sandbox
from providers.sandbox.flowise import FlowiseSandbox
from tests.providers.contract import AnyProvider, ProviderContract


class TestFlowise(ProviderContract):
    provider_class = Flowise
    ref_ok = FlowiseSandbox.QUICK
    start: ClassVar[str] = r"POST /api/v1/prediction/.+"

    def sandbox(self) -> Sandbox:
        return FlowiseSandbox(time_scale=0.02)

    def credentials(self, base_url: str) -> JsonObject:
        return {"baseUrl": base_url, "apiKey": FlowiseSandbox.API_KEY}

    def refused(self, base_url: str) -> JsonObject:
        return {"baseUrl": base_url, "apiKey": "refused-canary-key"}

    async def test_an_object_with_a_question_is_the_whole_body(self, provider: AnyProvider) -> None:
        execution = await provider.execute(
            FlowiseSandbox.QUICK, {"question": "an order", "chatId": "c1"}, key="k"
        )
        assert isinstance(execution.output, dict) and execution.output["chatId"] == "c1"
