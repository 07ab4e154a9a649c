"""Flowise in memory: two chatflows that answer a prediction, one of them slowly."""

from __future__ import annotations

import uuid
from typing import ClassVar

from pydantic import JsonValue

from providers._shape import obj, text
from providers.sandbox._asgi import Ask, Reply, Sandbox


class FlowiseSandbox(Sandbox):
    """`POST /api/v1/prediction/{flowId}` and `GET /api/v1/chatflows`, both with a bearer key; 404 for unknown flows."""

    API_KEY: ClassVar[str] = "sandbox-flowise-key"
    QUICK: ClassVar[str] = "0c8f1f5e-6b1d-4f0a-9a55-d2f0a2b7c001"
    SLOW: ClassVar[str] = "0c8f1f5e-6b1d-4f0a-9a55-d2f0a2b7c002"

    def __init__(self, *, time_scale: float = 1.0) -> None:
        super().__init__(time_scale=time_scale)
        self.flows = {self.QUICK: ("Classify a message", 0.1), self.SLOW: ("Summarize (slow)", 3.0)}
        self.route("GET", "/api/v1/chatflows", self._list)
        self.route("POST", "/api/v1/prediction/{flow}", self._predict)

    @classmethod
    def connection(cls, base_url: str) -> dict[str, JsonValue]:
        """What a LocalFlow node needs for the quick flow, beside the key."""
        return {"baseURL": base_url, "flowId": cls.QUICK, "apiKey": cls.API_KEY}

    def _refused(self, ask: Ask) -> bool:
        return ask.headers.get("authorization") != f"Bearer {self.API_KEY}"

    async def _list(self, ask: Ask) -> Reply:
        if self._refused(ask):
            return Reply(401, {"error": "Unauthorized Access"})
        shown: list[JsonValue] = [
            {"id": ref, "name": name, "deployed": True, "isPublic": False, "type": "CHATFLOW"}
            for ref, (name, _) in self.flows.items()
        ]
        return Reply(json=shown)

    async def _predict(self, ask: Ask) -> Reply:
        if self._refused(ask):
            return Reply(401, {"error": "Unauthorized Access"})
        flow = self.flows.get(ask.params["flow"])
        if flow is None:
            message = f"Error: predictionsServices.buildChatflow - Chatflow {ask.params['flow']} not found!"
            return Reply(404, {"statusCode": 404, "success": False, "message": message, "stack": {}})
        try:
            body = obj(ask.json())
        except ValueError:
            return Reply(
                400, {"statusCode": 400, "success": False, "message": "Unexpected token", "stack": {}}
            )
        await self.nap(flow[1])
        question = text(body.get("question")) or ""
        chat = text(body.get("chatId")) or str(uuid.uuid4())
        return Reply(
            json={
                "text": f"{flow[0]}: {question}",
                "json": {"question": question, "label": "order" if "order" in question.lower() else "other"},
                "question": question,
                "chatId": chat,
                "chatMessageId": str(uuid.uuid4()),
                "sessionId": chat,
            }
        )
