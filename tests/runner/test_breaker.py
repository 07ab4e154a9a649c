"""The breaker's rules, whatever happens in whatever order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers import Exchange
from runner.breaker import (
    Breaker,
    Policy,
    Word,
    allowance,
    begin_probe,
    closed,
    failed,
    hastened,
    heard,
    probed,
    spent,
    succeeded,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = Policy()
SILENT = Word("silent", cause="no answer")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def broken(times: int, policy: Policy = POLICY, start: Breaker | None = None, at: float = 0.0) -> Breaker:
    breaker = start or Breaker()
    for _ in range(times):
        breaker = failed(breaker, policy, SILENT, later(at), later(at), 0.5)
    return breaker


def exchange(status: int | None = None, code: str | None = None, pause: float = 0.0) -> Exchange:
    return Exchange("GET", "https://x.test", {}, None, NOW, status=status, code=code, pause=pause)


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        (200, None, "answers"),
        (400, None, "answers"),
        (401, None, "answers"),
        (404, None, "answers"),
        (500, None, "answers"),  # a workflow that failed is answered so
        (502, None, "silent"),
        (503, None, "silent"),
        (504, None, "silent"),
        (429, None, "busy"),
        (None, "unreachable", "silent"),
        (None, "tls", "silent"),
        (None, "timeout", "silent"),
        (None, "blocked", None),
        (None, "rejected", None),
    ],
)
def test_what_an_answer_says_of_the_platform(status: int | None, code: str | None, word: str | None) -> None:
    found = heard([exchange(200), exchange(status, code)])
    assert (None if found is None else found.kind) == word


def test_the_last_call_decides_and_none_says_nothing() -> None:
    assert heard([]) is None
    last = heard([exchange(503), exchange(503), exchange(200)])
    assert last is not None and last.kind == "answers"


def test_failures_in_a_row_open_it_and_one_answer_begins_anew() -> None:
    assert broken(2).state == "closed"
    assert broken(3).state == "open"
    assert broken(2, start=succeeded(broken(2), POLICY, NOW)).state == "closed"


def test_a_share_of_the_window_opens_it_though_some_calls_are_answered() -> None:
    breaker = Breaker()
    for number in range(40):
        breaker = (
            succeeded(breaker, POLICY, later(number / 10))
            if number % 2
            else failed(breaker, POLICY, SILENT, later(number / 10), later(number / 10), 0.5)
        )
    assert breaker.state == "open"


def test_a_share_is_of_one_window_only() -> None:
    breaker = Breaker()
    for number in range(40):
        at = later(number * 10)
        breaker = failed(breaker, POLICY, SILENT, at, at, 0.5)
        breaker = succeeded(breaker, POLICY, at)
    assert breaker.state == "closed"


def test_a_call_from_before_the_closing_is_old_news() -> None:
    breaker = closed(broken(3), later(10))
    for _ in range(5):
        breaker = failed(breaker, POLICY, SILENT, later(9), later(20), 0.5)
    assert breaker.state == "closed" and breaker.failures == 0


def test_a_429_pauses_and_counts_only_when_it_was_obeyed() -> None:
    busy = Word("busy", 30.0, "429")
    breaker = Breaker()
    for _ in range(5):
        breaker = failed(breaker, POLICY, busy, NOW, later(1), 0.5)
    assert (breaker.state, breaker.failures, breaker.pause_until) == ("closed", 0, later(31))
    for number in range(1, 4):
        began = later(40 * number)
        breaker = failed(breaker, POLICY, busy, began, began, 0.5)
    assert breaker.state == "open"
    assert breaker.probe_at is not None and breaker.probe_at >= later(120 + 30), (
        "Retry-After was not honoured"
    )
    assert succeeded(replace(Breaker(), pause_until=later(5)), POLICY, later(6)).pause_until is None


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_back_off_doubles_up_to_its_cap(jitters: list[float]) -> None:
    breaker, at = broken(3), NOW
    for number, jitter in enumerate(jitters):
        assert breaker.probe_at is not None
        at = breaker.probe_at
        prober = UUID(int=number + 1)
        begun = begin_probe(breaker, POLICY, prober, at)
        assert begun is not None
        breaker = probed(begun, POLICY, prober, at, answers=False, jitter=jitter)
        assert breaker.probe_at is not None
        wait = (breaker.probe_at - at).total_seconds()
        full = min(5 * 2 ** (number + 1), 300)
        assert 0.8 * full - 1e-6 <= wait <= min(1.2 * full, 300) + 1e-6


def test_opening_again_soon_goes_on_with_the_back_off() -> None:
    once = broken(3)
    again = broken(3, start=closed(once, later(5)), at=10)
    late = broken(3, start=closed(once, later(5)), at=500)
    assert (once.probes, again.probes, late.probes) == (0, 1, 0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["fail", "answer", "begin", "good", "bad", "hasten", "close"]), st.floats(0, 60)
    ),
    max_size=60,
)


@settings(deadline=None)
@given(STEPS)
def test_there_are_never_two_probes_and_success_always_closes(steps: list[tuple[str, float]]) -> None:
    breaker, at = Breaker(), NOW
    given_up: dict[UUID, datetime] = {}
    for number, (what, wait) in enumerate(steps):
        at += timedelta(seconds=wait)
        prober = UUID(int=number + 1)
        match what:
            case "fail":
                breaker = failed(breaker, POLICY, SILENT, at, at, 0.5)
            case "answer":
                before = breaker
                breaker = succeeded(breaker, POLICY, at)
                assert before.state == "closed" or breaker == before, "only the probe closes it"
            case "begin":
                begun = begin_probe(breaker, POLICY, prober, at)
                if begun is not None:
                    assert all(until <= at for until in given_up.values()), "two probes at once"
                    assert begun.probe_until is not None
                    given_up = {prober: begun.probe_until}
                    breaker = begun
            case "good" | "bad" if breaker.state == "half_open":
                assert breaker.prober is not None
                stranger = probed(breaker, POLICY, prober, at, answers=True, jitter=0.5)
                assert stranger == breaker, "a prober that was given up closed it"
                breaker = probed(breaker, POLICY, breaker.prober, at, answers=what == "good", jitter=0.5)
                assert breaker.state == ("closed" if what == "good" else "open")
                given_up = {}
            case "hasten":
                breaker = hastened(breaker, at)
            case "close":
                breaker, given_up = closed(breaker, at), {}
            case _:
                pass
        assert (breaker.prober is None) or breaker.state == "half_open"
        assert breaker.state == "closed" or breaker.probe_at is not None


@settings(deadline=None)
@given(
    st.floats(0.1, 100),
    st.lists(st.tuples(st.floats(0, 3), st.integers(0, 500)), min_size=1, max_size=60),
)
def test_the_pace_is_never_exceeded(per_second: float, asked: list[tuple[float, int]]) -> None:
    """In no second more than the pace, what was saved up in a quarter of a second, and one."""
    at, clock, went = None, NOW, list[datetime]()
    for wait, wanted in asked:
        clock += timedelta(seconds=wait)
        most, start = allowance(at, clock, per_second)
        count = min(most, wanted)
        if count:
            at = spent(start, count, per_second)
            went += [clock] * count
    for number, first in enumerate(went):
        within = sum(1 for other in went[number:] if other - first < timedelta(seconds=1))
        assert within <= per_second * 1.25 + 1 + 1e-3


@settings(deadline=None)
@given(st.floats(0.5, 50), st.integers(1, 200))
def test_the_pace_is_kept_up(per_second: float, steps: int) -> None:
    """Asked often enough, all go in the time that the pace takes."""
    at, clock, went = None, NOW, 0
    while went < steps:
        most, start = allowance(at, clock, per_second)
        count = min(most, steps - went)
        if count:
            at, went = spent(start, count, per_second), went + count
        clock += timedelta(seconds=0.5 / per_second)
    assert (clock - NOW).total_seconds() <= (steps + 2) / per_second
