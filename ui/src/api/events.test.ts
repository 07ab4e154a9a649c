import { QueryClient } from "@tanstack/react-query";
import { afterEach, expect, test, vi } from "vitest";
import { advanced, follow, type StreamState } from "./events";
import { keys } from "./queries/keys";
import type { LogLine, RunDetail } from "./types";

afterEach(() => vi.unstubAllGlobals());

function line(seq: number, kind = "log", nodeId: string | null = null): LogLine {
  return {
    seq,
    kind,
    nodeId,
    at: "2026-01-01T00:00:00.000Z",
    level: "info",
    source: "baton",
    message: kind,
    data: null,
  };
}

function event(each: LogLine): string {
  return `id: ${each.seq}\nevent: ${each.kind}\ndata: ${JSON.stringify(each)}\n\n`;
}

function streamed(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}

test("a cut stream goes on after the last line, without a gap or a double", async () => {
  const asked: (string | null)[] = [];
  const parts = [
    event(line(1)) + event(line(2)).slice(0, 12),
    event(line(1)) + event(line(2)),
    `${event(line(3))}event: end\ndata: {"status":"COMPLETED"}\n\n`,
  ];
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    asked.push(new Headers(init.headers).get("last-event-id"));
    return streamed(parts.shift() ?? "");
  });
  const client = new QueryClient();
  const states: StreamState[] = [];
  await new Promise<void>((done) => {
    follow(client, "r", (state) => {
      states.push(state);
      if (state === "ended") done();
    });
  });
  const lines = client.getQueryData<LogLine[]>(keys.runs.events("r")) ?? [];
  expect(lines.map((each) => each.seq)).toEqual([1, 2, 3]);
  expect(asked[0]).toBeNull();
  expect(asked.at(-1)).toBe("2");
  expect(states.at(-1)).toBe("ended");
});

test("a run that is not there is not asked for again", async () => {
  const fetched = vi.fn(async () => new Response("", { status: 404 }));
  vi.stubGlobal("fetch", fetched);
  const state = await new Promise<StreamState>((done) => follow(new QueryClient(), "r", done));
  expect(state).toBe("gone");
  expect(fetched).toHaveBeenCalledTimes(1);
});

test("lines move the nodes they are about, and leave the rest as it was", () => {
  const node = { id: "a", status: "PENDING", startedAt: null, finishedAt: null };
  const run = { status: "PENDING", nodes: [node, { ...node, id: "b" }] } as unknown as RunDetail;
  const next = advanced(run, [line(1, "node.started", "a"), line(2, "node.completed", "a")]);
  expect(next.nodes[0]).toMatchObject({ status: "COMPLETED", finishedAt: "2026-01-01T00:00:00.000Z" });
  expect(next.nodes[1]).toBe(run.nodes[1]);
  expect(advanced(run, [line(3)])).toBe(run);
});
