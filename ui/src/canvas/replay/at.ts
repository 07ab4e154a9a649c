import { NODE_STATE_OF } from "@/api/events";
import type { LogLine, NodeRun, NodeState, RunDetail, RunState } from "@/api/types";

const OPEN: readonly NodeState[] = ["PENDING", "QUEUED", "RUNNING", "WAITING", "HELD"];
const RUN_STATE_OF: Record<string, RunState> = {
  "run.completed": "COMPLETED",
  "run.failed": "FAILED",
  "run.cancelled": "CANCELLED",
};

export function open(status: NodeState): boolean {
  return OPEN.includes(status);
}

/** From the first line of a run to its last, in milliseconds since 1970; without lines from its creation to its end. */
export function span(run: RunDetail, lines: readonly LogLine[]): { start: number; end: number } {
  const times = moments(lines);
  const start = Math.min(times[0] ?? Number.POSITIVE_INFINITY, Date.parse(run.createdDate));
  const end = Math.max(times.at(-1) ?? start, run.finishedAt ? Date.parse(run.finishedAt) : start);
  return { start, end };
}

/** The moments at which something changed, in order, each once. */
export function moments(lines: readonly LogLine[]): number[] {
  return [...new Set(lines.filter(tells).map((line) => Date.parse(line.at)))].sort((a, b) => a - b);
}

/** The lines that had been written at that time. */
export function until(lines: readonly LogLine[], time: number): LogLine[] {
  return lines.filter((line) => Date.parse(line.at) <= time);
}

/** The run as it was at that time, told by its lines alone: what came later is not in it. */
export function stateAt(run: RunDetail, lines: readonly LogLine[], time: number): RunDetail {
  let status: RunState = "PENDING";
  let startedAt: string | null = null;
  let finishedAt: string | null = null;
  const nodes = new Map<string, NodeRun>(run.nodes.map((node) => [node.id, begun(node)]));
  for (const line of until(lines, time)) {
    const over = RUN_STATE_OF[line.kind];
    if (over) [status, finishedAt] = [over, line.at];
    const node = line.nodeId === null ? undefined : nodes.get(line.nodeId);
    const next = NODE_STATE_OF[line.kind];
    if (!node || !next) continue;
    if (status === "PENDING") [status, startedAt] = ["RUNNING", line.at];
    nodes.set(node.id, told(node, next, line));
  }
  const whole = new Map(run.nodes.map((node) => [node.id, node]));
  return {
    ...run,
    status: waits(status, [...nodes.values()]) ? "WAITING" : status,
    startedAt,
    finishedAt,
    output: finishedAt === null ? null : run.output,
    error: finishedAt === null ? null : run.error,
    waiting: [],
    nodes: [...nodes.values()].map((node) => settled(node, whole.get(node.id), finishedAt, status)),
  };
}

/** With clocks that stand still: what is open has taken until that time, not until now. */
export function frozen(run: RunDetail, time: number): RunDetail {
  const at = new Date(time).toISOString();
  return {
    ...run,
    nodes: run.nodes.map((node) => (node.startedAt && !node.finishedAt ? { ...node, finishedAt: at } : node)),
  };
}

function tells(line: LogLine): boolean {
  return line.kind.startsWith("node.") || line.kind.startsWith("run.");
}

/** A node that nothing has been said about yet. */
function begun(node: NodeRun): NodeRun {
  return {
    ...node,
    status: "PENDING",
    attempt: 0,
    startedAt: null,
    finishedAt: null,
    input: null,
    output: null,
    error: null,
    port: null,
    remote: null,
    attempts: [],
  };
}

function told(node: NodeRun, status: NodeState, line: LogLine): NodeRun {
  const said = line.kind === "node.started" ? (line.data as { attempt?: unknown } | null)?.attempt : null;
  const attempt =
    typeof said === "number" ? said : status === "SKIPPED" ? node.attempt : Math.max(1, node.attempt);
  return {
    ...node,
    status,
    attempt,
    startedAt: node.startedAt ?? (status === "SKIPPED" ? null : line.at),
    finishedAt: open(status) ? null : line.at,
  };
}

/** With what is known of the node by then: its input once it began, its outcome once it is over. */
function settled(node: NodeRun, whole: NodeRun | undefined, end: string | null, run: RunState): NodeRun {
  if (!whole) return node;
  // The end of a run takes its open nodes with it, without a line for each.
  const taken = end !== null && open(node.status) && !open(whole.status) && run !== "RUNNING";
  const now = taken ? { ...node, status: whole.status, finishedAt: whole.finishedAt } : node;
  if (now.status === "PENDING") return now;
  const over = !open(now.status);
  return {
    ...now,
    input: whole.input,
    remote: whole.remote,
    attempts: whole.attempts.filter((each) => each.attempt <= now.attempt),
    ...(over && { output: whole.output, error: whole.error, port: whole.port }),
  };
}

function waits(status: RunState, nodes: readonly NodeRun[]): boolean {
  if (status !== "RUNNING") return false;
  const busy = nodes.filter((node) => open(node.status) && node.status !== "PENDING");
  return busy.length > 0 && busy.every((node) => node.status === "WAITING");
}
