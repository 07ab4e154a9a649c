"""A run on the terminal: a table that changes where there is one, plain lines where there is not."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runner.model import NodeState
from runner.wire import LogLine, NodeRun, RunDetail

_STYLES = {
    NodeState.COMPLETED: "green",
    NodeState.FAILED: "bold red",
    NodeState.TIMED_OUT: "bold red",
    NodeState.CANCELLED: "red",
    NodeState.RUNNING: "cyan",
    NodeState.QUEUED: "cyan",
    NodeState.WAITING: "yellow",
    NodeState.HELD: "yellow",
}


class Progress(Protocol):
    """What is told of a run while it is watched."""

    def lines(self, lines: Sequence[LogLine]) -> None: ...
    def show(self, run: RunDetail) -> None: ...


class _Silent:
    def lines(self, lines: Sequence[LogLine]) -> None:
        pass

    def show(self, run: RunDetail) -> None:
        pass


class _Plain:
    def lines(self, lines: Sequence[LogLine]) -> None:
        for line in lines:
            if line.level != "debug":
                source = "" if line.source == "baton" else f"[{line.source}] "
                at = line.at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]
                print(f"{at} {line.node_id or '-'} {source}{line.message}", flush=True)

    def show(self, run: RunDetail) -> None:
        pass


class _Table:
    def __init__(self, live: Live) -> None:
        self._live = live

    def lines(self, lines: Sequence[LogLine]) -> None:
        pass

    def show(self, run: RunDetail) -> None:
        table = Table(title=f"{run.orchestrator_name} #{run.number}: {run.status}", title_justify="left")
        for name in ("node", "state", "time", "platform", "what"):
            table.add_column(name, overflow="fold")
        for node in run.nodes:
            state = Text(node.status, style=_STYLES.get(node.status, "dim"))
            table.add_row(Text(node.label), state, _took(node), Text(_where(node)), Text(_what(node)))
        self._live.update(table)


@contextmanager
def progress(wanted: bool) -> Generator[Progress]:
    """Nothing when not `wanted`, so that the output alone is printed."""
    if not wanted:
        yield _Silent()
        return
    console = Console()
    if not console.is_terminal:
        yield _Plain()
        return
    with Live(console=console, refresh_per_second=8) as live:
        yield _Table(live)


def _took(node: NodeRun) -> str:
    if node.started_at is None:
        return ""
    return f"{((node.finished_at or datetime.now(UTC)) - node.started_at).total_seconds():.1f} s"


def _where(node: NodeRun) -> str:
    if node.remote is None:
        return ""
    return " ".join(part for part in (node.remote.provider, node.remote.execution_id) if part)


def _what(node: NodeRun) -> str:
    if node.error is not None:
        return node.error.message
    tries = f"try {node.attempt}" if node.attempt > 1 else ""
    port = f"→ {node.port}" if node.port not in (None, "out") else ""
    return " ".join(part for part in (tries, port) if part)
