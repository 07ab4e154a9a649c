"""Comments and presence as rows: what races may not break, what outlives what, and what the database's clock ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from runner.errors import Conflict, NotFound, NotYours
from runner.model import Role, Scope
from runner.store import Store, comments, presence
from runner.store.comments import Spot
from tests.factories import make_graph, make_workspace


@pytest.fixture
async def drawing(store: Store, scope: Scope) -> UUID:
    return (await store.orchestrators.create(scope, "x", "", make_graph("A>B"))).id


def other(scope: Scope, name: str = "ben", role: Role = Role.OPERATOR) -> Scope:
    return replace(scope, subject=name, role=role)


async def test_a_thread_is_listed_whole_and_by_state(store: Store, scope: Scope, drawing: UUID) -> None:
    first = await store.comments.create(scope, drawing, "on A", node_id="A")
    second = await store.comments.create(other(scope), drawing, "somewhere", spot=Spot(x=1.5, y=-2))
    answered = await store.comments.create(other(scope), drawing, "an answer", thread_id=first.id)
    nested = await store.comments.create(scope, drawing, "another", thread_id=answered.comments[1].id)
    assert [c.text for c in nested.comments] == ["on A", "an answer", "another"]
    assert (nested.id, nested.node_id, nested.spot) == (first.id, "A", None)
    assert second.spot == Spot(x=1.5, y=-2) and second.node_id is None
    assert [t.id for t in await store.comments.page(scope, drawing, limit=9)] == [second.id, first.id]
    assert await store.comments.page(scope, drawing, limit=9, before=second.id) == (nested,)
    assert [t.id for t in await store.comments.page(scope, drawing, limit=1)] == [second.id]
    resolved = await store.comments.change(scope, drawing, second.id, resolved=True)
    assert resolved.resolved_by == scope.subject and resolved.resolved_date is not None
    assert await store.comments.page(scope, drawing, limit=9, state="resolved") == (resolved,)
    assert await store.comments.page(scope, drawing, limit=9, state="open") == (nested,)
    assert await store.comments.page(scope, drawing, limit=9, node_id="A") == (nested,)
    assert [t.id for t in await store.comments.page(other(scope, "cleo"), drawing, limit=9, mine=True)] == []
    mine = await store.comments.page(other(scope), drawing, limit=9, mine=True)
    assert [t.id for t in mine] == [second.id, first.id]
    opened = await store.comments.change(other(scope), drawing, second.id, resolved=False)
    assert (opened.resolved_by, opened.resolved_date) == (None, None)


async def test_only_the_author_edits_and_only_an_admin_deletes_for_others(
    store: Store, scope: Scope, drawing: UUID
) -> None:
    ann, ben = other(scope, "ann", Role.EDITOR), other(scope)
    thread = await store.comments.create(ann, drawing, "mine")
    answer = (await store.comments.create(ben, drawing, "yours", thread_id=thread.id)).comments[1]
    for someone, role in (("ben", Role.EDITOR), ("root", Role.ADMIN)):
        with pytest.raises(NotYours):
            await store.comments.change(other(scope, someone, role), drawing, thread.id, text="changed")
    edited = await store.comments.change(ann, drawing, thread.id, text="changed")
    assert edited.comments[0].text == "changed" and edited.comments[0].edited_date is not None
    again = await store.comments.change(ann, drawing, thread.id, text="changed")
    assert again.comments[0].edited_date == edited.comments[0].edited_date
    with pytest.raises(NotYours):
        await store.comments.delete(ann, drawing, answer.id)
    with pytest.raises(Conflict) as refused:
        await store.comments.delete(ann, drawing, thread.id)
    assert refused.value.code == "comment-answered"
    await store.comments.delete(ben, drawing, answer.id)
    await store.comments.delete(ann, drawing, thread.id)
    left = await store.comments.create(ann, drawing, "once more")
    await store.comments.create(ben, drawing, "and more", thread_id=left.id)
    await store.comments.delete(scope, drawing, left.id)
    assert await store.comments.page(scope, drawing, limit=9) == ()


async def test_a_comment_is_its_account_s_whoever_has_the_name_later(
    store: Store, scope: Scope, drawing: UUID
) -> None:
    ann = replace(other(scope, "ann@example.org"), account_id=uuid4())
    renamed, heir = replace(ann, subject="ann@example.net"), replace(ann, account_id=uuid4())
    thread = await store.comments.create(ann, drawing, "mine")
    assert thread.comments[0].own
    for someone in (heir, replace(ann, account_id=None)):
        (seen,) = await store.comments.page(someone, drawing, limit=9)
        assert not seen.comments[0].own
        assert await store.comments.page(someone, drawing, limit=9, mine=True) == ()
        with pytest.raises(NotYours):
            await store.comments.change(someone, drawing, thread.id, text="changed")
        with pytest.raises(NotYours):
            await store.comments.delete(someone, drawing, thread.id)
    assert len(await store.comments.page(renamed, drawing, limit=9, mine=True)) == 1
    await store.comments.change(renamed, drawing, thread.id, text="changed")
    await store.comments.create(heir, drawing, "not hers", thread_id=thread.id)
    with pytest.raises(Conflict):
        await store.comments.delete(renamed, drawing, thread.id)


async def test_of_two_who_resolve_the_first_is_named(store: Store, scope: Scope, drawing: UUID) -> None:
    thread = await store.comments.create(scope, drawing, "x")
    names = [f"p{n}" for n in range(8)]
    changed = await asyncio.gather(
        *(store.comments.change(other(scope, n), drawing, thread.id, resolved=True) for n in names)
    )
    assert len({(t.resolved_by, t.resolved_date) for t in changed}) == 1
    assert changed[0].resolved_by in names


async def test_nobody_loses_an_answer_to_the_author_who_deletes(
    store: Store, scope: Scope, drawing: UUID
) -> None:
    """Both at once, again and again: either the answer came first and keeps the thread, or there was no thread to answer."""
    ann, ben = other(scope, "ann"), other(scope)
    for _ in range(10):
        thread = await store.comments.create(ann, drawing, "x")
        deleted, answered = await asyncio.gather(
            store.comments.delete(ann, drawing, thread.id),
            store.comments.create(ben, drawing, "y", thread_id=thread.id),
            return_exceptions=True,
        )
        kept = [t.id for t in await store.comments.page(ann, drawing, limit=99)]
        if isinstance(answered, NotFound):
            assert deleted is None and thread.id not in kept
        else:
            assert isinstance(deleted, Conflict) and thread.id in kept


async def test_the_limit_holds_when_many_write_at_once(
    store: Store, scope: Scope, drawing: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comments, "MOST", 3)
    made = await asyncio.gather(
        *(store.comments.create(scope, drawing, f"{n}") for n in range(9)), return_exceptions=True
    )
    refused = [m for m in made if isinstance(m, Conflict)]
    assert len(refused) == 6 and {r.code for r in refused} == {"comment-limit"}
    assert len(await store.comments.page(scope, drawing, limit=99)) == 3


async def test_comments_outlive_their_node_and_share_the_bin_with_the_orchestrator(
    store: Store, scope: Scope, drawing: UUID
) -> None:
    thread = await store.comments.create(scope, drawing, "on B", node_id="B")
    await store.orchestrators.save(scope, drawing, graph=make_graph("A"))
    assert await store.comments.page(scope, drawing, limit=9) == (thread,)
    await store.orchestrators.delete(scope, drawing)
    for call in (
        store.comments.page(scope, drawing, limit=9),
        store.comments.create(scope, drawing, "x"),
        store.comments.change(scope, drawing, thread.id, resolved=True),
        store.comments.delete(scope, drawing, thread.id),
        store.presence.join(scope, drawing),
        store.presence.look(scope, drawing),
    ):
        with pytest.raises(NotFound):
            await call
    await store.orchestrators.restore(scope, drawing)
    assert await store.comments.page(scope, drawing, limit=9) == (thread,)


async def test_a_stranger_and_a_wrong_place_find_nothing(store: Store, scope: Scope, drawing: UUID) -> None:
    thread = await store.comments.create(scope, drawing, "x")
    tab = await store.presence.join(scope, drawing)
    elsewhere = (await store.orchestrators.create(scope, "y", "", make_graph("A"))).id
    await make_workspace(store, "other")
    stranger = await store.access.scope(scope.subject, workspace_name="other")
    for who, where in ((stranger, drawing), (scope, elsewhere), (scope, uuid4())):
        for call in (
            store.comments.create(who, where, "x", thread_id=thread.id),
            store.comments.change(who, where, thread.id, text="y"),
            store.comments.delete(who, where, thread.id),
            store.presence.stay(who, where, tab, ()),
        ):
            with pytest.raises(NotFound):
                await call
    with pytest.raises(NotFound):
        await store.comments.page(stranger, drawing, limit=9)
    with pytest.raises(NotFound):
        await store.presence.stay(other(scope), drawing, tab, ())
    assert await store.comments.page(scope, drawing, limit=9) == (thread,)


async def test_a_person_with_two_tabs_counts_once(store: Store, scope: Scope, drawing: UUID) -> None:
    one, two = [await store.presence.join(scope, drawing) for _ in range(2)]
    await store.presence.join(other(scope), drawing)
    await store.presence.stay(scope, drawing, one, ("A",))
    await store.presence.stay(scope, drawing, two, ("B", "A"))
    people = (await store.presence.look(scope, drawing)).people
    assert [(p.subject, p.selected) for p in people] == [(scope.subject, ("A", "B")), ("ben", ())]
    await store.presence.leave(scope, drawing, one)
    await store.presence.leave(other(scope), drawing, two)  # not theirs to close
    people = (await store.presence.look(scope, drawing)).people
    assert people[0].selected == ("B", "A")
    await store.presence.leave(scope, drawing, two)
    assert [p.subject for p in (await store.presence.look(scope, drawing)).people] == ["ben"]


async def test_who_falls_silent_is_gone_by_the_clock_of_the_database(
    store: Store, scope: Scope, drawing: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed takes nobody out; the lease does. Whoever speaks again in time is back, else streams anew."""
    monkeypatch.setattr(presence, "LEASE", -1.0)
    tab = await store.presence.join(scope, drawing)
    assert (await store.presence.look(scope, drawing)).people == ()
    monkeypatch.setattr(presence, "LEASE", 35.0)
    await store.presence.stay(scope, drawing, tab, ())
    assert len((await store.presence.look(scope, drawing)).people) == 1
    async with store.database.begin() as connection:
        await connection.execute(text("UPDATE presence SET until = clock_timestamp() - interval '1 hour'"))
    await store.presence.join(other(scope), drawing)
    with pytest.raises(NotFound):
        await store.presence.stay(scope, drawing, tab, ())


async def test_a_heartbeat_without_news_wakes_nobody(store: Store, scope: Scope, drawing: UUID) -> None:
    tab = await store.presence.join(scope, drawing)
    await store.presence.stay(scope, drawing, tab, ("A",))
    with store.bell.watch(drawing) as rung:
        await store.presence.stay(scope, drawing, tab, ("A",))
        assert not rung.is_set()
        await store.presence.stay(scope, drawing, tab, ("B",))
        assert rung.is_set()


async def test_open_threads_are_counted_by_node(store: Store, scope: Scope, drawing: UUID) -> None:
    assert (await store.presence.look(scope, drawing)).changes == 0
    for node in ("A", "A", "B", None):
        thread = await store.comments.create(scope, drawing, "x", node_id=node)
    spot = await store.comments.create(scope, drawing, "x", spot=Spot(x=3, y=4))
    await store.comments.create(scope, drawing, "no thread of its own", thread_id=thread.id)
    await store.comments.change(scope, drawing, thread.id, resolved=True)
    look = await store.presence.look(scope, drawing)
    found = await store.presence.discussed(scope, drawing, look.changes)
    assert (found.open, dict(found.nodes), found.changes) == (4, {"A": 2, "B": 1}, 7)
    assert found.pins == (presence.Pin(thread_id=spot.id, x=3, y=4),)
