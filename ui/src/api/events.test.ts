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

test("what arrives between two frames is one change of the cache", async () => {
  const frames: FrameRequestCallback[] = [];
  vi.stubGlobal("requestAnimationFrame", (draw: FrameRequestCallback) => frames.push(draw));
  vi.stubGlobal("cancelAnimationFrame", () => undefined);
  const many = Array.from({ length: 500 }, (_, index) => event(line(index + 1)));
  let send: (text: string | null) => void = () => undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const encoder = new TextEncoder();
      send = (text) => (text === null ? controller.close() : controller.enqueue(encoder.encode(text)));
    },
  });
  vi.stubGlobal("fetch", async () => new Response(body));
  const client = new QueryClient();
  let changes = 0;
  client.getQueryCache().subscribe(({ type, query }) => {
    if (type === "updated" && query.queryHash === JSON.stringify(keys.runs.events("r"))) changes++;
  });
  const stop = follow(client, "r", () => undefined);
  for (const each of many) send(each);
  await vi.waitFor(() => expect(frames).toHaveLength(1));
  await new Promise((done) => setTimeout(done));
  expect(changes).toBe(0);
  frames.shift()?.(0);
  expect(client.getQueryData<LogLine[]>(keys.runs.events("r"))).toHaveLength(500);
  expect(changes).toBe(1);
  stop();
});

test("a connection that has fallen silent is given up, and the next one goes on", async () => {
  vi.useFakeTimers();
  const asked: (string | null)[] = [];
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    asked.push(new Headers(init.headers).get("last-event-id"));
    if (asked.length > 1) return streamed(`${event(line(2))}event: end\ndata: {}\n\n`);
    const dead = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(event(line(1))));
        init.signal?.addEventListener("abort", () => controller.error(new Error("aborted")));
      },
    });
    return new Response(dead);
  });
  const client = new QueryClient();
  const ended = new Promise<void>((done) => {
    follow(client, "r", (state) => state === "ended" && done());
  });
  await vi.advanceTimersByTimeAsync(60_000);
  await ended;
  vi.useRealTimers();
  expect(client.getQueryData<LogLine[]>(keys.runs.events("r"))?.map((each) => each.seq)).toEqual([1, 2]);
  expect(asked).toEqual([null, "1"]);
});

test("a run that is not there is not asked for again", async () => {
  const fetched = vi.fn(async () => new Response("", { status: 404 }));
  vi.stubGlobal("fetch", fetched);
  const state = await new Promise<StreamState>((done) => follow(new QueryClient(), "r", done));
  expect(state).toBe("gone");
  expect(fetched).toHaveBeenCalledTimes(1);
});

test("lines move the nodes they are about, and leave the rest as it was", () => {
  const node = { id: "a", status: "PENDING", startedAt: null, finishedAt: null, output: null };
  const run = { status: "PENDING", nodes: [node, { ...node, id: "b" }] } as unknown as RunDetail;
  const next = advanced(run, [line(1, "node.started", "a"), line(2, "node.completed", "a")]);
  expect(next.nodes[0]).toMatchObject({ status: "COMPLETED", finishedAt: "2026-01-01T00:00:00.000Z" });
  expect(next.nodes[0]?.output).toBeUndefined();
  expect(next.nodes[1]).toBe(run.nodes[1]);
  expect(advanced(run, [line(3)])).toBe(run);
});
