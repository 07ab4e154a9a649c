import type { LogLine, NodeRun } from "@/api/types";

/** A stretch of a step's life in one state; the last is how it ended. `state` is one of the node's states, "RETRYING" among them
 * for the wait before another try. `note`: of how many tries this is one. */
export type Stage = { state: string; at: number; to: number | null; attempt: number | null };

const STATES: Record<string, string> = {
  "node.started": "RUNNING",
  "node.running": "RUNNING",
  "node.queued": "QUEUED",
  "node.waiting": "WAITING",
  "node.held": "HELD",
  "node.retrying": "RETRYING",
  "node.completed": "COMPLETED",
  "node.failed": "FAILED",
  "node.timed_out": "TIMED_OUT",
  "node.cancelled": "CANCELLED",
  "node.skipped": "SKIPPED",
};
const ENDS = new Set(["COMPLETED", "FAILED", "TIMED_OUT", "CANCELLED", "SKIPPED"]);

/** What became of a step, in order, from its lines. The same state again is the same stage, unless a new try began. */
export function stagesOf(node: NodeRun, lines: readonly LogLine[]): Stage[] {
  const found: Stage[] = [];
  for (const line of lines) {
    const state = STATES[line.kind];
    if (!state || line.nodeId !== node.id) continue;
    const at = Date.parse(line.at);
    const last = found.at(-1);
    const attempt = line.kind === "node.started" ? attemptOf(line.data) : (last?.attempt ?? null);
    if (last?.state === state && last.attempt === attempt) continue;
    if (last && last.to === null) last.to = at;
    found.push({ state, at, to: ENDS.has(state) ? at : null, attempt });
  }
  return found;
}

function attemptOf(data: unknown): number | null {
  if (typeof data !== "object" || data === null) return null;
  const { attempt } = data as { attempt?: unknown };
  return typeof attempt === "number" ? attempt : null;
}
