"""A platform that is out of order: what its card and Home say, and what can be done about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.ui.conftest import Axe, Shot
from tests.ui.test_connections import card


def broken(page: Page, *, state: str = "open", held: int = 42) -> None:
    """The platform of the first n8n, as the API tells of one that is out of order."""

    def told(route: Route) -> None:
        answer = route.fetch()
        body: dict[str, Any] = answer.json()
        for each in body["items"]:
            if each["name"] == "Sandbox n8n":
                is_open = state != "closed"
                since = datetime.now(UTC) - timedelta(minutes=4)
                probe = datetime.now(UTC) + timedelta(seconds=50)
                each["breaker"] = {
                    "state": state,
                    "since": since.isoformat() if is_open else None,
                    "probeAt": probe.isoformat() if state == "open" else None,
                    "cause": "cannot reach http://127.0.0.1:5678: All connection attempts failed"
                    if is_open
                    else None,
                    "held": held,
                }
        route.fulfill(response=answer, json=body)

    page.route("**/orchestrator/connections?*", told)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_card_says_that_its_platform_is_out_of_order(page: Page, theme: str, axe: Axe, shot: Shot) -> None:
    page.emulate_media(color_scheme=theme)  # pyright: ignore[reportArgumentType]
    broken(page)
    page.goto("/connections")
    found = card(page, "Sandbox n8n")
    expect(found).to_contain_text("Out of order")
    expect(found).to_contain_text("Cannot reach http://127.0.0.1:5678")
    expect(found).to_contain_text("Held since 4 min ago, next test in")
    expect(found).to_contain_text("42 steps held")
    expect(found.get_by_role("button", name="Probe now Sandbox n8n")).to_be_visible()
    axe(page)
    shot(page, f"outage-card-{theme}")
    page.goto("/")
    line = page.get_by_role("link", name="Sandbox n8n")
    expect(line).to_contain_text("Out of order since 4 min ago, 42 steps held")
    line.scroll_into_view_if_needed()
    axe(page)
    shot(page, f"outage-home-{theme}")


def test_a_person_can_probe_and_close(page: Page, shot: Shot) -> None:
    """The server says that it is closed meanwhile: both buttons reach it, and its answer is shown."""
    broken(page)
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto("/connections")
    found = card(page, "Sandbox n8n")
    for button in ("Probe now", "Close by hand"):
        with page.expect_response("**/breaker/*") as answer:
            found.get_by_role("button", name=button).click()
        assert answer.value.status == 409
        expect(page.get_by_text("nothing is held for Sandbox n8n: it answers").first).to_be_visible()
    shot(page, "outage-narrow")


def test_what_is_held_after_the_closing_is_said_too(page: Page) -> None:
    broken(page, state="closed", held=7)
    page.goto("/connections")
    expect(card(page, "Sandbox n8n")).to_contain_text("It answers again")
    expect(card(page, "Sandbox n8n")).to_contain_text("7 steps held. They go on at the set pace.")
