import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { keys } from "./queries/keys";
import { ended } from "./queries/runs";
import { readEvents } from "./sse";
import type { LogLine, NodeState, RunDetail } from "./types";

/** Milliseconds between two fetches of the whole run. */
const RENEWAL = 1000;

/** live: lines arrive as they are written. waiting: cut, trying again. ended: the run is over, all lines are here. */
export type StreamState = "connecting" | "live" | "waiting" | "ended" | "gone";

/** Every line of the run that has arrived, in order, without a gap or a double. Filled by `useRunEvents`. */
export function useRunLines(runId: string | null): LogLine[] {
  const { data } = useQuery<LogLine[]>({
    queryKey: keys.runs.events(runId ?? ""),
    queryFn: () => [],
    initialData: EMPTY,
    enabled: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return data;
}

/** Follow a run: its lines and its nodes' states in the cache are renewed at most once per frame, the whole run at most once
 * per second; at once when a node has ended, so that its output is there. A cut stream goes on after the last line received. Mount it once per run on screen. */
export function useRunEvents(runId: string | null): StreamState {
  const client = useQueryClient();
  const [state, setState] = useState<StreamState>("connecting");
  useEffect(() => {
    if (runId === null) return;
    setState("connecting");
    return follow(client, runId, setState);
  }, [client, runId]);
  return state;
}

/** Follow without React. Returns what stops it. */
export function follow(client: QueryClient, runId: string, tell: (state: StreamState) => void): () => void {
  const stopped = new AbortController();
  const { signal } = stopped;
  let arrived: LogLine[] = [];
  let frame = 0;
  let refetch = 0;
  let due = 0;
  let renewed = 0;

  const last = () => client.getQueryData<LogLine[]>(keys.runs.events(runId))?.at(-1)?.seq ?? 0;

  const renew = (delay: number) => {
    const at = Date.now() + delay;
    if (refetch !== 0 && due <= at) return;
    window.clearTimeout(refetch);
    due = at;
    refetch = window.setTimeout(() => {
      refetch = 0;
      renewed = Date.now();
      void client.invalidateQueries({ queryKey: keys.runs.one(runId), exact: true });
    }, delay);
  };

  const flush = () => {
    frame = 0;
    const batch = arrived.filter((line) => line.seq > last());
    arrived = [];
    if (batch.length === 0) return;
    client.setQueryData<LogLine[]>(keys.runs.events(runId), (lines = []) => [...lines, ...batch]);
    client.setQueryData<RunDetail>(keys.runs.one(runId), (run) => run && advanced(run, batch));
    if (batch.some(({ kind }) => over(NODE_STATE_OF[kind]))) {
      renew(Math.max(0, renewed + RENEWAL - Date.now()));
    } else if (batch.some((line) => line.kind !== "log")) renew(RENEWAL);
  };

  // A hidden tab draws no frames; its lines must arrive all the same.
  const schedule = () => {
    if (frame !== 0) return;
    frame = document.hidden ? window.setTimeout(flush, 250) : window.requestAnimationFrame(flush);
  };

  const read = () => {
    const after = Math.max(last(), arrived.at(-1)?.seq ?? 0);
    return readEvents(`/api/v1/orchestrator/runs/${runId}/events`, {
      headers: after > 0 ? { "Last-Event-ID": String(after) } : {},
      signal,
      opened: () => tell("live"),
      take: (events) => {
        for (const each of events) {
          if (each.event === "end") return true;
          if (each.id !== null) arrived.push(JSON.parse(each.data) as LogLine);
        }
        if (arrived.length > 0) schedule();
        return false;
      },
    });
  };

  const run = async () => {
    for (let tries = 0; !signal.aborted; tries++) {
      const before = last();
      const outcome = await read().catch(() => "cut" as const);
      if (signal.aborted) return;
      if (outcome !== "cut") {
        flush();
        tell(outcome);
        if (outcome === "ended") {
          window.clearTimeout(refetch);
          void client.invalidateQueries({ queryKey: keys.runs.one(runId), exact: true });
          void client.invalidateQueries({ queryKey: ["runs", "list"] });
        }
        return;
      }
      if (last() > before) tries = 0;
      tell("waiting");
      await pause(Math.min(5_000, 300 * 2 ** tries), signal);
    }
  };
  void run();

  return () => {
    stopped.abort();
    window.cancelAnimationFrame(frame);
    window.clearTimeout(refetch);
  };
}

const EMPTY: LogLine[] = [];

/** What a line of the history makes of the node it is about. */
export const NODE_STATE_OF: Record<string, NodeState> = {
  "node.started": "RUNNING",
  "node.retrying": "RUNNING",
  "node.waiting": "WAITING",
  "node.queued": "QUEUED",
  "node.running": "RUNNING",
  "node.held": "HELD",
  "node.released": "QUEUED",
  "node.completed": "COMPLETED",
  "node.reused": "COMPLETED",
  "node.failed": "FAILED",
  "node.timed_out": "TIMED_OUT",
  "node.cancelled": "CANCELLED",
  "node.skipped": "SKIPPED",
};

function over(status: NodeState | undefined): boolean {
  return status !== undefined && !["PENDING", "QUEUED", "RUNNING", "WAITING", "HELD"].includes(status);
}

/** The run after these lines: states at once, everything else with the next fetch. An output that is not here yet is undefined. */
export function advanced(run: RunDetail, lines: readonly LogLine[]): RunDetail {
  const changes = new Map<string, { status: NodeState; at: string }>();
  for (const line of lines) {
    const status = NODE_STATE_OF[line.kind];
    if (status && line.nodeId !== null) changes.set(line.nodeId, { status, at: line.at });
  }
  if (changes.size === 0) return run;
  const nodes = run.nodes.map((node) => {
    const change = changes.get(node.id);
    if (!change || node.status === change.status) return node;
    return {
      ...node,
      status: change.status,
      startedAt: node.startedAt ?? change.at,
      finishedAt: over(change.status) ? (node.finishedAt ?? change.at) : null,
      ...(change.status === "COMPLETED" && { output: undefined as never }),
    };
  });
  const status = run.status === "PENDING" ? "RUNNING" : run.status;
  return { ...run, nodes, status: ended(run.status) ? run.status : status };
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = window.setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      window.clearTimeout(timer);
      resolve();
    });
  });
}
