"""What cannot be finished is kept, with payload and cause, and is fixed, replayed or dropped, one by one or many at once."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from providers import discover
from runner.database import Database
from runner.engine import Engine
from runner.errors import Conflict, NotFound
from runner.model import Policy, Role, Scope
from runner.store import Store
from runner.store.bulk import PIECE
from runner.store.letters import DeadLetter, LetterFilter
from runner.tables import dead_letter, node_run, run
from runner.vault import Vault
from tests.factories import make_workspace
from tests.faults.bench import BY, begin, drawing, events, mapper, node_rows, run_row, token_of
from tests.faults.invariants import violations
from tests.faults.upkeep import upkeep
from tests.receiver import Receiver

KEY = bytes(range(32))
ALL = LetterFilter()
# With text the node fails, with a number it does not.
PICKY = {
    "before": mapper("input.n", "n"),
    "picky": ("DataMapper", {"mappings": [{"from": "data.n", "to": "next", "type": "integer"}]}),
    "after": mapper("data.next", "end"),
}
WIRES = ("before>picky", "picky>after")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """As the conftest's, with a key that other processes know too."""
    database = Database(database_url, size=8)
    yield Store(database, Vault([("test", KEY)]), discover())
    await database.aclose()


def failing(receiver: Receiver, path: str = "/status/500", **config: Any) -> Any:
    return drawing(
        {
            "first": mapper("input.order", "order"),
            "call": ("RemoteWebhook", {"url": receiver.url + path, "retryAttempts": 0, **config}),
            "last": mapper("data.echo", "done"),
        },
        "first>call",
        "call>last",
    )


async def letters(store: Store, scope: Scope, wanted: LetterFilter = ALL) -> tuple[DeadLetter, ...]:
    return await store.letters.page(scope, wanted, limit=200)


async def only(store: Store, scope: Scope, wanted: LetterFilter = ALL) -> DeadLetter:
    (found,) = await letters(store, scope, wanted)
    return found


async def states(store: Store, scope: Scope) -> Counter[str]:
    return Counter(letter.state for letter in await letters(store, scope))


async def test_a_run_that_cannot_be_finished_leaves_a_letter_with_payload_and_cause(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    run_id = await begin(store, scope, failing(receiver), {"order": 7})
    await engine.run_until_idle()
    letter = await only(store, scope)
    assert (letter.kind, letter.state, letter.run_id, letter.node_id) == ("node", "open", run_id, "call")
    whole = await store.letters.one(scope, letter.id)
    assert whole.payload == {"order": 7}
    assert whole.error is not None and whole.error.message == whole.message
    assert whole.request is not None and whole.request.method == "POST" and "/status/500" in whole.request.url
    assert [e.kind for e in await events(store, run_id)][-2:] == ["run.failed", "run.dead_letter"]
    assert await store.letters.counts(scope) == {"open": 1, "replaying": 0}


async def test_a_node_with_no_retries_and_one_that_runs_out_of_time_leave_one_each(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    await begin(store, scope, failing(receiver, "/status/503"))
    await begin(store, scope, failing(receiver, "/hang", timeout=200))
    await engine.run_until_idle()
    found = await letters(store, scope)
    assert len(found) == 2 and len({letter.code for letter in found}) == 2


async def test_a_node_that_killed_its_workers_is_kept_with_what_it_was_given(
    store: Store, scope: Scope, engine: Engine
) -> None:
    """None of the workers lived to write down the input."""
    run_id = await begin(store, scope, drawing({"a": mapper("input.n", "n")}), {"n": 5})
    async with store.database.begin() as connection:
        await connection.execute(
            update(node_run).values(
                work="leased",
                epoch=3,
                attempt=1,
                takeovers=3,
                fresh=False,
                lease_until=func.clock_timestamp(),
            )
        )
    await engine.run_until_idle()
    letter = await only(store, scope)
    assert (letter.run_id, letter.code) == (run_id, "worker-killer")
    assert (await store.letters.one(scope, letter.id)).payload == {"n": 5}


async def test_success_cancelling_tests_and_handled_errors_leave_none(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    await begin(store, scope, drawing({"a": mapper("input", "x")}))
    handled = drawing(
        {
            "call": (
                "RemoteWebhook",
                {"url": receiver.url + "/status/500", "retryAttempts": 0, "onError": "route"},
            ),
            "mend": mapper("data", "x"),
        },
        "call:error>mend",
    )
    await begin(store, scope, handled)
    waiting = await begin(store, scope, drawing({"wait": ("WaitForCallback", {})}))
    tested = await store.orchestrators.create(scope, "tested", "", drawing(PICKY, *WIRES))
    await engine.run_until_idle()
    await store.runs.cancel(scope, waiting)
    test = await store.trials.test(scope, tested.id, node_id="picky", mode="upTo", inputs={"n": "text"})
    await engine.run_until_idle()
    assert (await run_row(store, test)).state == "FAILED"
    assert await letters(store, scope) == ()


async def test_of_a_flow_that_waits_for_a_flow_the_outer_one_alone_is_kept(
    store: Store, scope: Scope, engine: Engine
) -> None:
    inner = await store.orchestrators.create(scope, "inner", "", drawing(PICKY, *WIRES))
    flow = ("LocalFlow", {"flowId": str(inner.id)})
    outer = await begin(store, scope, drawing({"flow": flow}), {"n": "text"})
    await engine.run_until_idle()
    async with store.database.begin() as connection:
        failed = await connection.scalar(select(func.count()).select_from(run).where(run.c.state == "FAILED"))
    assert failed == 2
    assert (await only(store, scope)).run_id == outer


async def test_a_fixed_payload_is_what_the_node_gets_and_what_was_before_it_is_reused(
    store: Store, scope: Scope, engine: Engine
) -> None:
    old = await begin(store, scope, drawing(PICKY, *WIRES), {"n": "text"})
    await engine.run_until_idle()
    letter = await only(store, scope)
    assert (await store.letters.one(scope, letter.id)).payload == {"n": "text"}
    new = await store.letters.replay(scope, letter.id, payload=({"n": 41},), reason="a number")
    assert (await only(store, scope)).state == "replaying"
    await engine.run_until_idle()
    row = await run_row(store, new)
    assert (row.state, row.output, row.retry_of) == ("COMPLETED", {"end": 41}, old)
    nodes = await node_rows(store, new)
    assert nodes["before"].reused and nodes["picky"].input == {"n": 41}
    after = await only(store, scope)
    assert (after.state, after.replay_run_id, after.by) == ("resolved", new, "tester")
    line = (await events(store, old))[-1]
    assert line.kind == "run.replayed" and line.data["runId"] == str(new)
    assert await violations(store.database) == {}


async def test_a_fix_that_does_not_help_leaves_a_letter_in_the_place_of_the_first(
    store: Store, scope: Scope, engine: Engine
) -> None:
    await begin(store, scope, drawing(PICKY, *WIRES), {"n": "text"})
    await engine.run_until_idle()
    first = await only(store, scope)
    again = await store.letters.replay(scope, first.id, payload=({"n": "other text"},))
    await engine.run_until_idle()
    second, old = await letters(store, scope)
    assert (old.state, old.replay_run_id, second.state, second.run_id) == ("superseded", again, "open", again)
    assert (await store.letters.one(scope, second.id)).payload == {"n": "other text"}
    # Replayed as it is, the person's payload stays.
    third = await store.letters.replay(scope, second.id)
    assert (await run_row(store, third)).node_inputs == {"picky": {"n": "other text"}}


async def test_a_replay_that_is_cancelled_opens_the_letter_again(
    store: Store, scope: Scope, engine: Engine
) -> None:
    await begin(store, scope, drawing(PICKY, *WIRES), {"n": "text"})
    await engine.run_until_idle()
    letter = await only(store, scope)
    new = await store.letters.replay(scope, letter.id)
    await store.runs.cancel(scope, new)
    assert (await only(store, scope)).state == "open"
    await store.letters.replay(scope, letter.id, payload=({"n": 1},))
    await engine.run_until_idle()
    assert (await only(store, scope)).state == "resolved"


async def test_calls_that_change_something_are_acknowledged_first(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    await begin(store, scope, failing(receiver, idempotent=True))
    await engine.run_until_idle()
    letter, calls = await only(store, scope), len(receiver.got)
    with pytest.raises(Conflict) as refused:
        await store.letters.replay(scope, letter.id)
    assert refused.value.code == "unsafe-calls" and "call" in refused.value.message
    assert (await only(store, scope)).state == "open"
    await store.letters.replay(scope, letter.id, acknowledged=True)
    await engine.run_until_idle()
    assert len(receiver.got) > calls


async def test_the_latest_revision_mends_what_the_old_one_could_not(
    store: Store, scope: Scope, engine: Engine
) -> None:
    made = await store.orchestrators.create(scope, "test", "", drawing(PICKY, *WIRES))
    await store.runs.create(scope, made.id, {"n": "text"}, trigger=BY)
    await engine.run_until_idle()
    mended = PICKY | {"picky": mapper("data.n", "next")}
    await store.orchestrators.save(scope, made.id, graph=drawing(mended, *WIRES))
    new = await store.letters.replay(scope, (await only(store, scope)).id, latest=True)
    await engine.run_until_idle()
    assert (await run_row(store, new)).output == {"end": "text"}
    assert (await only(store, scope)).state == "resolved"


async def test_a_plain_retry_of_the_run_takes_its_letter_over(
    store: Store, scope: Scope, engine: Engine
) -> None:
    run_id = await begin(store, scope, drawing(PICKY, *WIRES), {"n": "text"})
    await engine.run_until_idle()
    new = await store.runs.retry(scope, run_id, start="start", latest=False, inputs={"n": 1}, trigger=BY)
    await engine.run_until_idle()
    found = await only(store, scope)
    assert (found.state, found.replay_run_id) == ("resolved", new)


async def test_of_many_who_act_on_one_letter_one_does(store: Store, scope: Scope, engine: Engine) -> None:
    await begin(store, scope, drawing(PICKY, *WIRES), {"n": "text"})
    await engine.run_until_idle()
    letter = await only(store, scope)
    acts = [store.letters.replay(scope, letter.id) for _ in range(5)]
    drops = [store.letters.drop(scope, letter.id, reason="no") for _ in range(3)]
    answers = await asyncio.gather(*acts, *drops, return_exceptions=True)
    refused = [a for a in answers if isinstance(a, Conflict) and a.code == "letter-closed"]
    assert len(refused) == 7
    found = await only(store, scope)
    async with store.database.begin() as connection:
        runs = await connection.scalar(select(func.count()).select_from(run))
    assert (found.state, runs) in (("replaying", 2), ("dropped", 1))


async def test_dropping_says_who_and_why(store: Store, scope: Scope, engine: Engine) -> None:
    run_id = await begin(store, scope, drawing(PICKY, *WIRES), {"n": "text"})
    await engine.run_until_idle()
    await store.letters.drop(scope, (await only(store, scope)).id, reason="an old order")
    found = await only(store, scope)
    assert (found.state, found.by, found.reason) == ("dropped", "tester", "an old order")
    line = (await events(store, run_id))[-1]
    assert line.kind == "run.dead_letter_dropped" and "an old order" in line.message


async def test_a_callback_that_came_too_late_is_a_letter_and_goes_to_the_run_that_repeats(
    store: Store, scope: Scope, engine: Engine
) -> None:
    graph = drawing(
        {"wait": ("WaitForCallback", {"timeout": 50}), "after": mapper("data", "got")}, "wait>after"
    )
    run_id = await begin(store, scope, graph)
    token = await token_of(store, scope, run_id, "wait")
    while (await run_row(store, run_id)).state != "FAILED":
        await engine.run_until_idle()
    assert (await store.waits.signal(run_id, token, {"n": 1}, "192.0.2.1")).kind == "gone"
    late, expired = await letters(store, scope)
    assert (late.kind, expired.kind) == ("callback", "node")
    assert (await store.inbound.one(scope, late.callback_id or 0)).body == {"n": 1}
    with pytest.raises(Conflict) as refused:
        await store.letters.replay(scope, late.id)
    assert refused.value.code == "run-needed"
    # Both at once: the run is repeated, and its wait finds the body that came late.
    await store.bulks.ask(scope, "replay", ALL)
    assert await store.bulks.step()
    await engine.run_until_idle()
    assert await states(store, scope) == {"resolved": 2}
    (node,) = await letters(store, scope, LetterFilter(kind="node"))
    assert node.replay_run_id is not None
    assert (await run_row(store, node.replay_run_id)).output == {"got": {"n": 1}}


async def test_each_filter_finds_its_own(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    run_id = await begin(store, scope, drawing(PICKY, *WIRES), {"n": "text"})
    await begin(store, scope, failing(receiver))
    await engine.run_until_idle()
    picky = await only(store, scope, LetterFilter(node_id="picky"))
    call = await only(store, scope, LetterFilter(node_id="call"))
    for wanted in (
        LetterFilter(run_id=run_id),
        LetterFilter(code=picky.code),
        LetterFilter(orchestrator_id=picky.orchestrator_id),
        LetterFilter(q="PICK"),
        LetterFilter(until=call.created_date),
    ):
        assert (await only(store, scope, wanted)).id == picky.id, wanted
    assert (await only(store, scope, LetterFilter(since=call.created_date))).id == call.id
    assert await letters(store, scope, LetterFilter(state="dropped")) == ()
    assert await letters(store, scope, LetterFilter(provider="n8n")) == ()


async def test_another_workspace_finds_and_moves_nothing(store: Store, scope: Scope, engine: Engine) -> None:
    await begin(store, scope, drawing(PICKY, *WIRES), {"n": "text"})
    await engine.run_until_idle()
    letter = await only(store, scope)
    await make_workspace(store, "other")
    other = Scope(UUID(int=1), "stranger", Role.ADMIN)
    assert await letters(store, other) == ()
    for act in (
        store.letters.one(other, letter.id),
        store.letters.replay(other, letter.id),
        store.letters.drop(other, letter.id, reason="x"),
    ):
        with pytest.raises(NotFound):
            await act
    assert await store.bulks.matching(other, ALL) == 0


async def test_a_bulk_act_leaves_what_it_cannot_do_and_says_why(
    store: Store, scope: Scope, engine: Engine, receiver: Receiver
) -> None:
    await begin(store, scope, drawing(PICKY, *WIRES), {"n": "text"})
    await begin(store, scope, failing(receiver))
    await engine.run_until_idle()
    assert await store.bulks.matching(scope, ALL) == 2
    asked = await store.bulks.ask(scope, "replay", ALL)
    assert (asked.matching, asked.done) == (2, 0)
    assert await store.bulks.step() and not await store.bulks.step()
    done = await store.bulks.one(scope, asked.id)
    assert (done.done, done.left_open, done.problems[0].code) == (1, 1, "unsafe-calls")
    assert done.finished_date is not None
    assert await states(store, scope) == {"open": 1, "replaying": 1}


async def test_a_bulk_replay_that_is_killed_goes_on_and_replays_nothing_twice(
    store: Store, scope: Scope, engine: Engine, database_url: str
) -> None:
    """Killed in its second piece with everything written and nothing committed, twice, and taken up again."""
    made = await store.orchestrators.create(scope, "test", "", drawing(PICKY, *WIRES))
    count = PIECE * 2 + 5
    for _ in range(count):
        await store.runs.create(scope, made.id, {"n": "text"}, trigger=BY)
    await engine.run_until_idle()
    asked = await store.bulks.ask(scope, "replay", ALL, reason="mended")
    for _ in range(2):
        assert await upkeep(database_url, KEY, "bulk", at=2) == -signal.SIGKILL
    seen = await store.bulks.one(scope, asked.id)
    assert seen.finished_date is None and seen.done in (PIECE, 2 * PIECE)
    rival, mine = await asyncio.gather(upkeep(database_url, KEY, "bulk"), upkeep(database_url, KEY, "bulk"))
    assert rival == mine == 0
    while await store.bulks.step():
        pass
    done = await store.bulks.one(scope, asked.id)
    assert (done.done, done.left_open, done.problems) == (count, 0, ())
    async with store.database.begin() as connection:
        repeats = (
            await connection.execute(
                select(run.c.retry_of, func.count())
                .where(run.c.retry_of.is_not(None))
                .group_by(run.c.retry_of)
            )
        ).all()
        open_ = await connection.scalar(
            select(func.count()).select_from(dead_letter).where(dead_letter.c.state != "replaying")
        )
    assert len(repeats) == count and {n for _, n in repeats} == {1} and open_ == 0
    await engine.run_until_idle()
    assert await store.letters.counts(scope) == {"open": count, "replaying": 0}
    assert await violations(store.database) == {}


async def test_many_are_dropped_by_filter_and_their_runs_may_be_purged_then(
    store: Store, scope: Scope, engine: Engine
) -> None:
    made = await store.orchestrators.create(scope, "test", "", drawing(PICKY, *WIRES))
    for _ in range(3):
        await store.runs.create(scope, made.id, {"n": "text"}, trigger=BY)
    await engine.run_until_idle()
    (preview,) = await store.retention.preview(scope, Policy(runs=1), limit=10)
    assert (preview.purge, preview.held) == (0, 2)
    await store.bulks.ask(scope, "drop", LetterFilter(node_id="picky"), reason="of a rehearsal")
    assert await store.bulks.step()
    assert await states(store, scope) == {"dropped": 3}
    (preview,) = await store.retention.preview(scope, Policy(runs=1), limit=10)
    assert (preview.purge, preview.held) == (2, 0)
