"""What follows from an outcome: decided here, written by `settle`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from runner.graph import advance, run_state
from runner.model import NodeFacts, NodeSpec, NodeState, RunState
from runner.node import Signal
from runner.store.claims import Claim, Outcome, Seen, deadline_of
from runner.store.events import Entry, RunChange, append_values
from runner.store.outcome import Ended, Story, stored


@dataclass(frozen=True)
class Step:
    """A node's outcome, to be recorded."""

    claim: Claim
    ended: Ended
    story: Story

    @cached_property
    def onward(self) -> Plan | None:
        """What follows where one node that becomes ready leads on, as far as the claim has seen the run; None where it has not."""
        return None if self.claim.seen is None else plan_of(self, self.claim.seen, follow=True)


@dataclass(frozen=True)
class Plan:
    """What an outcome leads to: pure. `leading` is the one node that follows, `ready` are those for whoever comes. `output` is
    known when the run ends here with this node as its only leaf."""

    lines: Sequence[Entry]
    facts: Mapping[str, NodeFacts]
    change: RunChange
    leading: str | None = None
    ready: Sequence[str] = ()
    skipped: Sequence[str] = ()
    output_known: bool = True

    @property
    def ends(self) -> bool:
        return self.change.state is not None and self.change.state.final


def planned(steps: Sequence[Step], follow: bool) -> list[tuple[Plan, Seen]]:
    """What follows from each, for as many of the outcomes as can be recorded without a lock taken before."""
    found: list[tuple[Plan, Seen]] = []
    for step in steps:
        seen = step.claim.seen
        if seen is None or step.ended.fatal:
            break
        leads = follow or step is not steps[-1]
        plan = step.onward if leads else plan_of(step, seen, follow=False)
        assert plan is not None
        if not plan.output_known or (plan.ends and (step.claim.child or step.claim.repeats)):
            break
        found.append((plan, seen))
    return found


def outcomes_of(steps: Sequence[Step]) -> dict[str, Outcome]:
    """Output and port of each, by node."""
    return {step.claim.spec.id: (step.ended.output, step.ended.port) for step in steps}


def plan_of(step: Step, seen: Seen, follow: bool) -> Plan:
    """What follows from the outcome where `seen` are the run's nodes; with `follow`, one node that becomes ready leads on."""
    claim, result, story = step.claim, step.ended, step.story
    wiring = claim.definition.wiring
    facts = {**seen.facts, claim.spec.id: NodeFacts(result.state, result.port)}
    lines = [*story.lines, result.line(claim.spec.label, claim.spec.id)]
    if result.fatal:
        lines.append(
            Entry("run.failed", f"failed: {result.failure.message if result.failure else ''}", level="error")
        )
        return Plan(lines, facts, RunChange(RunState.FAILED, error=stored(result.failure)))
    moved = advance(wiring, facts)
    leading = moved.ready[0] if follow and len(moved.ready) == 1 else None
    facts |= {n: NodeFacts(NodeState.QUEUED) for n in moved.ready}
    facts |= {n: NodeFacts(NodeState.SKIPPED) for n in moved.skipped}
    lines += [
        Entry("node.skipped", f"{wiring.nodes[n].label} skipped: no live wire leads to it", n)
        for n in moved.skipped
    ]
    if leading is not None:
        facts[leading] = NodeFacts(NodeState.RUNNING)
        lines.append(started(wiring.nodes[leading]))
    change = RunChange(run_state(facts.values()))
    known = True
    if change.state is RunState.COMPLETED:
        lines.append(Entry("run.completed", "completed"))
        known = wiring.leaves == (claim.spec.id,)
        change = replace(change, output=result.output if known else None)
    ready = () if leading is not None else moved.ready
    return Plan(lines, facts, change, leading, ready, moved.skipped, known)


def started(spec: NodeSpec) -> Entry:
    """The line of a node's first attempt."""
    return Entry("node.started", f"{spec.label} started", spec.id, data={"attempt": 1})


def settled(step: Step, plan: Plan, seen: Seen, lease: float, after: Claim | None = None) -> dict[str, Any]:
    """What the settling statement takes. `after`: the first node of the same transaction, where it is another."""
    claim, result = step.claim, step.ended
    return {
        **told(claim, step.story),
        **append_values(claim.run_id, plan.lines, plan.change),
        "seen": seen.seq,
        "state": result.state,
        "output": result.output,
        "port": result.port,
        "outcome": result.state.lower(),
        "error": stored(result.failure),
        "follow": None if plan.leading is None else seen.ids[plan.leading],
        "lease": lease,
        "limit": None if plan.leading is None else deadline_of(claim.definition.wiring.nodes[plan.leading]),
        "ready": [seen.ids[n] for n in plan.ready],
        "skipped": [seen.ids[n] for n in plan.skipped],
        "after": None if after is None else after.node_run_id,
        "after_epoch": None if after is None else after.epoch,
    }


def following(claim: Claim, plan: Plan, seen: Seen, started_at: datetime, signal: Any) -> Claim:
    """The claim of the node that `plan` leads to."""
    assert plan.leading is not None
    return replace(
        claim,
        node_run_id=seen.ids[plan.leading],
        spec=claim.definition.wiring.nodes[plan.leading],
        epoch=1,
        attempt=1,
        takeovers=0,
        attempt_started_at=started_at,
        started_at=started_at,
        memo=None,
        signal=None if signal is None else Signal(**signal),
        fresh=True,
        interrupted=False,
        seconds_left=deadline_of(claim.definition.wiring.nodes[plan.leading]),
        state="RUNNING",
        outputs={},
        live=(),
        seen=Seen(seen.seq + len(plan.lines), plan.facts, seen.ids),
    )


def told(claim: Claim, story: Story) -> dict[str, Any]:
    """What every statement that closes or parks an attempt takes of it."""
    return {
        "id": claim.node_run_id,
        "run_id": claim.run_id,
        "epoch": claim.epoch,
        "attempt": claim.attempt,
        "exchanges": list(story.exchanges),
        "input": story.input,
        "remote": stored(story.remote),
        "outcome": None,
        "error": None,
    }


def parked_history(claim: Claim, state: NodeState, lines: Sequence[Entry], seen: Seen) -> dict[str, Any]:
    """What the parking statement takes besides, to write lines."""
    facts = {**seen.facts, claim.spec.id: NodeFacts(state)}
    return append_values(claim.run_id, lines, RunChange(run_state(facts.values()))) | {"seen": seen.seq}
