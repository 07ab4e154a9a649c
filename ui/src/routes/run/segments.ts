import type { LogLine, NodeRun, RemoteTask } from "@/api/types";
import { saidAt } from "@/log";

export type Phase = "queued" | "running" | "waiting" | "held";

/** A stretch of time in which a step, or a remote task, did one thing. `failed`: the try it ends did. */
export type Segment = { from: number; to: number; phase: Phase; attempt: number; failed: boolean };

const PHASES: Record<string, Phase> = {
  "node.started": "running",
  "node.running": "running",
  "node.queued": "queued",
  "node.waiting": "waiting",
  "node.held": "held",
};
const ENDS = new Set([
  "node.retrying",
  "node.completed",
  "node.failed",
  "node.timed_out",
  "node.cancelled",
  "node.skipped",
]);
const NOW: Record<string, Phase> = { QUEUED: "queued", WAITING: "waiting", HELD: "held" };

/** What a step did when, from its lines; from its attempts where the lines are not here (yet). `now` ends what goes on. */
export function segmentsOf(node: NodeRun, lines: readonly LogLine[], now: number): Segment[] {
  const found: Segment[] = [];
  let open: Segment | null = null;
  let attempt = 0;
  const close = (at: number, failed: boolean) => {
    if (open) found.push({ ...open, to: Math.max(at, open.from), failed });
    open = null;
  };
  for (const line of lines) {
    const at = Date.parse(line.at);
    const phase = PHASES[line.kind];
    if (phase) {
      close(at, false);
      if (line.kind === "node.started") attempt = attemptOf(line.data) ?? attempt + 1;
      open = { from: at, to: at, phase, attempt: Math.max(attempt, 1), failed: false };
    } else if (open?.phase === "queued" && line.kind === "log" && line.source !== "baton") {
      // What the platform's own log says is said by something that runs.
      const begun: number = Math.max(Date.parse(saidAt(line)), open.from);
      close(begun, false);
      open = { from: begun, to: begun, phase: "running", attempt: Math.max(attempt, 1), failed: false };
    } else if (ENDS.has(line.kind)) {
      close(at, line.kind !== "node.completed" && line.kind !== "node.cancelled");
    }
  }
  close(node.finishedAt ? Date.parse(node.finishedAt) : now, false);
  return found.length ? found : ofAttempts(node, now);
}

function ofAttempts(node: NodeRun, now: number): Segment[] {
  if (node.startedAt === null) return [];
  const end = node.finishedAt ? Date.parse(node.finishedAt) : now;
  const phase = NOW[node.status] ?? "running";
  if (!node.attempts.length)
    return [{ from: Date.parse(node.startedAt), to: end, phase, attempt: 1, failed: false }];
  return node.attempts.map((each, index) => ({
    from: Date.parse(each.startedAt),
    to: each.finishedAt ? Date.parse(each.finishedAt) : end,
    phase: index === node.attempts.length - 1 ? phase : "running",
    attempt: each.attempt,
    failed: each.error !== null,
  }));
}

/** A remote task's tries, with the time each spent in their queue. */
export function segmentsOfTask(tries: readonly RemoteTask[], now: number): Segment[] {
  return tries.flatMap((each) => {
    const queued = each.queuedAt ? Date.parse(each.queuedAt) : null;
    const started = each.startedAt ? Date.parse(each.startedAt) : null;
    const over = !["PENDING", "QUEUED", "RUNNING", "WAITING"].includes(each.state);
    const end = each.finishedAt ? Date.parse(each.finishedAt) : now;
    const base = { attempt: each.attempt, failed: false };
    const parts: Segment[] = [];
    if (queued !== null && (started === null || started > queued) && !(started === null && over))
      parts.push({ ...base, from: queued, to: started ?? now, phase: "queued" });
    if (started !== null)
      parts.push({
        ...base,
        from: started,
        to: Math.max(end, started),
        phase: each.state === "WAITING" ? "waiting" : "running",
        failed: each.state === "FAILED",
      });
    return parts;
  });
}

export type Task = { id: string; label: string; state: string; tries: RemoteTask[] };

/** The tries of each task together, in the order the tasks began. */
export function byTask(items: readonly RemoteTask[]): Task[] {
  const found = new Map<string, RemoteTask[]>();
  for (const each of items) found.set(each.id, [...(found.get(each.id) ?? []), each]);
  return [...found].map(([id, tries]) => {
    const last = tries.at(-1);
    return { id, label: last?.label ?? id, state: last?.state ?? "UNKNOWN", tries };
  });
}

function attemptOf(data: unknown): number | null {
  if (typeof data !== "object" || data === null) return null;
  const { attempt } = data as { attempt?: unknown };
  return typeof attempt === "number" ? attempt : null;
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400];

/** Round places between two times, counted from `zero`: about five in `span`, of which this may be a part. In milliseconds. */
export function ticks(from: number, to: number, zero: number, span = to - from): number[] {
  const fine = [0.1, 0.2, 0.5];
  const fits = (step: number) => span / (step * 1000) <= 5;
  const size = ([...fine, ...STEPS].find(fits) ?? 86_400 * Math.ceil(span / 5 / 86_400_000)) * 1000;
  const first = Math.ceil((from - zero) / size) * size;
  const found: number[] = [];
  for (let at = zero + first; at < to - span * 0.04; at += size) if (at > from + span * 0.001) found.push(at);
  return found;
}
