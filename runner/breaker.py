"""When a platform counts as out of order, who may ask whether it is back, and how fast its steps go on. Pure: no I/O.

    closed --failures in a row, or a share of a window--> open --back-off--> half open --one probe--> closed
                                                            ^                    |  the probe failed
                                                            +--------------------+  twice the back-off

Every function takes the state and gives the next one; `now` is Postgres's clock. Whoever stores the result holds the row's
lock, so what holds here holds over all workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from providers import Exchange

State = Literal["closed", "open", "half_open"]
_OUT = (502, 503, 504)
_SILENT = ("unreachable", "tls", "timeout")


@dataclass(frozen=True)
class Policy:
    """`failures` in a row open it, or a `share` of at least `calls` within `window`. The first probe comes after `first`, each
    later one after twice as long, up to `longest`, all ± 20 %. A prober that has said nothing for `patience` is given up.
    `pace`: how many held steps go on per second."""

    failures: int = 3
    share: float = 0.5
    calls: int = 20
    window: timedelta = timedelta(seconds=60)
    first: timedelta = timedelta(seconds=5)
    longest: timedelta = timedelta(seconds=300)
    patience: timedelta = timedelta(seconds=30)
    pace: float = 5.0


@dataclass(frozen=True)
class Breaker:
    """`failures` in a row; `calls` and `faults` since `window_at`. `probes` failed since it opened, or since it opened soon
    after it had closed. `prober` has the one probe until `probe_until`. `pause_until`: the platform asked for it (429)."""

    state: State = "closed"
    failures: int = 0
    window_at: datetime | None = None
    calls: int = 0
    faults: int = 0
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    probe_at: datetime | None = None
    probes: int = 0
    prober: UUID | None = None
    probe_until: datetime | None = None
    pause_until: datetime | None = None

    @property
    def troubled(self) -> bool:
        """Whether a success is news."""
        return self.state == "closed" and bool(self.failures or self.faults or self.pause_until)


@dataclass(frozen=True)
class Word:
    """What one step's calls say of the platform: it answers, it does not, or it asks for `pause` seconds."""

    kind: Literal["answers", "silent", "busy"]
    pause: float = 0.0
    cause: str = ""


def heard(exchanges: Sequence[Exchange]) -> Word | None:
    """The last call decides. A 4xx is an answer, and so is a 500; a request that never left for our own reasons says nothing."""
    if not exchanges:
        return None
    last = exchanges[-1]
    if last.status == 429:
        return Word("busy", last.pause, "it asks to slow down (429)")
    if last.status in _OUT:
        return Word("silent", last.pause, f"it answered {last.status}")
    if last.status is not None:
        return Word("answers")
    return Word("silent", cause=last.error or "no answer") if last.code in _SILENT else None


def failed(
    breaker: Breaker, policy: Policy, word: Word, began: datetime, now: datetime, jitter: float
) -> Breaker:
    """A call that `began` then got no answer, or a 429. One that began before the breaker closed last is old news. `jitter` is
    within 0 and 1."""
    if breaker.state != "closed" or (breaker.closed_at is not None and began < breaker.closed_at):
        return breaker
    paused = breaker.pause_until
    if word.kind == "busy":
        until = now + timedelta(seconds=word.pause)
        after = replace(breaker, pause_until=until if paused is None else max(paused, until))
        if paused is None or began < paused:  # it has not been obeyed yet
            return after
        breaker = after
    breaker = _windowed(breaker, policy, now)
    counted = replace(
        breaker, failures=breaker.failures + 1, calls=breaker.calls + 1, faults=breaker.faults + 1
    )
    many = counted.calls >= policy.calls and counted.faults >= policy.share * counted.calls
    if counted.failures < policy.failures and not many:
        return counted
    soon = breaker.closed_at is not None and now - breaker.closed_at < policy.window
    opened = replace(
        counted, state="open", opened_at=now, probes=breaker.probes + 1 if soon else 0, window_at=None
    )
    return replace(opened, probe_at=_next_probe(opened, policy, now, jitter, word.pause))


def succeeded(breaker: Breaker, policy: Policy, now: datetime) -> Breaker:
    """A call got an answer. While the breaker is open only the probe counts."""
    if breaker.state != "closed":
        return breaker
    breaker = _windowed(breaker, policy, now)
    over = breaker.pause_until is None or breaker.pause_until <= now
    window = {"window_at": None, "calls": 0} if not breaker.faults else {"calls": breaker.calls + 1}
    return replace(breaker, failures=0, pause_until=None if over else breaker.pause_until, **window)


def due(breaker: Breaker, now: datetime) -> bool:
    """Whether somebody should probe."""
    if breaker.state == "open":
        return breaker.probe_at is None or breaker.probe_at <= now
    return breaker.state == "half_open" and (breaker.probe_until is None or breaker.probe_until <= now)


def begin_probe(breaker: Breaker, policy: Policy, prober: UUID, now: datetime) -> Breaker | None:
    """The probe is `prober`'s; None: it is not due, or somebody has it."""
    if not due(breaker, now):
        return None
    return replace(breaker, state="half_open", prober=prober, probe_until=now + policy.patience)


def probed(
    breaker: Breaker,
    policy: Policy,
    prober: UUID,
    now: datetime,
    *,
    answers: bool,
    jitter: float,
    pause: float = 0.0,
) -> Breaker:
    """What the probe found. A prober that was given up changes nothing any more."""
    if breaker.state != "half_open" or breaker.prober != prober:
        return breaker
    if answers:
        return closed(breaker, now)
    again = replace(breaker, state="open", probes=breaker.probes + 1, prober=None, probe_until=None)
    return replace(again, probe_at=_next_probe(again, policy, now, jitter, pause))


def closed(breaker: Breaker, now: datetime) -> Breaker:
    """Closed: the probe was answered, or a person says so. The back-off is remembered for when it opens again soon."""
    return Breaker(opened_at=breaker.opened_at, closed_at=now, probes=breaker.probes)


def hastened(breaker: Breaker, now: datetime) -> Breaker:
    """The next probe is due now, where none is under way."""
    return replace(breaker, probe_at=now) if breaker.state == "open" else breaker


def allowance(
    at: datetime | None, now: datetime, per_second: float, burst: float = 0.25
) -> tuple[int, datetime]:
    """How many may go now at this pace, when the next may go `at`; and the earliest `at` to count from: what was left unused
    counts for `burst` seconds. After n have gone it is that + n / per_second (`spent`). So no second sees more than
    `per_second * (1 + burst) + 1`."""
    start = max(at, now - timedelta(seconds=burst)) if at is not None else now
    waited = (now - start).total_seconds()
    return (0 if waited < 0 else int(waited * per_second + 1e-6) + 1), start


def spent(start: datetime, count: int, per_second: float) -> datetime:
    return start + timedelta(seconds=count / per_second)


def _windowed(breaker: Breaker, policy: Policy, now: datetime) -> Breaker:
    if breaker.window_at is not None and now - breaker.window_at < policy.window:
        return breaker
    return replace(breaker, window_at=now, calls=0, faults=0)


def _next_probe(breaker: Breaker, policy: Policy, now: datetime, jitter: float, pause: float) -> datetime:
    longest = policy.longest.total_seconds()
    wait = min(policy.first.total_seconds() * 2 ** min(breaker.probes, 30), longest)
    return now + timedelta(seconds=max(min(wait * (0.8 + 0.4 * jitter), longest), pause))


__all__ = ["Breaker", "Policy", "Word", "allowance", "begin_probe", "closed", "due", "failed", "heard"]
__all__ += ["hastened", "probed", "spent", "succeeded"]
