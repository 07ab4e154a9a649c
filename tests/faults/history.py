"""What clients asked and what they were told. "Unknown" is neither yes nor no, and never counts as a success."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.field import Red


@dataclass
class History:
    """By the asker's own id: `ok` was acknowledged, and with what; `refused` was told to have changed nothing; of `unknown`
    nobody knows."""

    ok: dict[str, Any] = field(default_factory=dict[str, Any])
    refused: set[str] = field(default_factory=set[str])
    unknown: set[str] = field(default_factory=set[str])

    def told(self, asked: str, answer: httpx.Response | None) -> bool:
        """Note an answer, None where the connection broke. True: acknowledged. A 503 may have come from a commit whose end
        nobody saw. Raises Red for an answer that no fault explains."""
        if answer is None or (answer.status_code == 503 and answer.json()["code"] != "overloaded"):
            self.unknown.add(asked)
        elif answer.status_code in (429, 503):
            self.refused.add(asked)
            if "retry-after" not in answer.headers:
                raise Red("refused without Retry-After", answer.text)
        elif answer.is_success:
            self.ok[asked] = answer.json()
        else:
            raise Red(asked, answer.status_code, answer.text)
        return asked in self.ok

    def __str__(self) -> str:
        return f"{len(self.ok)} acknowledged, {len(self.unknown)} unknown"


async def tried(client: httpx.AsyncClient, url: str, **given: Any) -> httpx.Response | None:
    """The answer, None when there was none."""
    try:
        return await client.post(url, **given)
    except httpx.TransportError:
        return None
