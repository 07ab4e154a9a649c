import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keys } from "./queries/keys";

type Told = { tab: string; selected: string[] };

/** A server of one drawing: each stream is kept open and can be written to; what is told is answered with `status`. */
function served() {
  const streams: { send: (event: string, data: object) => void; cut: boolean }[] = [];
  const told: Told[] = [];
  const answer = { status: 204 };
  vi.stubGlobal("fetch", async (asked: string | Request, init?: RequestInit) => {
    if (asked instanceof Request) {
      const { selected } = (await asked.json()) as { selected: string[] };
      told.push({ tab: asked.url.split("/").at(-1) ?? "", selected });
      return new Response(null, { status: answer.status });
    }
    const stream = { send: (_: string, __: object) => {}, cut: false };
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const text = new TextEncoder();
        stream.send = (event, data) =>
          controller.enqueue(text.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
        init?.signal?.addEventListener("abort", () => {
          stream.cut = true;
          controller.error(new Error("aborted"));
        });
      },
    });
    streams.push(stream);
    stream.send("joined", { tabId: `tab${streams.length}` });
    return new Response(body);
  });
  return { streams, told, answer };
}

async function followed(client: QueryClient) {
  vi.resetModules();
  const { followDrawing } = await import("./drawing-events");
  return followDrawing(client, "d");
}

function look(away: boolean) {
  Object.defineProperty(document, "hidden", { value: away, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  look(false);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("what the stream says is in the cache, and goes with the drawing", async () => {
  const { streams } = served();
  const client = new QueryClient();
  const drawing = await followed(client);
  await vi.advanceTimersByTimeAsync(0);
  streams[0]?.send("people", { people: [{ subject: "ben", selected: [] }] });
  streams[0]?.send("revision", { revision: 3, createdBy: "ben", createdDate: "2026-01-01T00:00:00.000Z" });
  streams[0]?.send("comments", { changes: 1, open: 1, nodes: { a: 1 }, pins: [] });
  await vi.advanceTimersByTimeAsync(0);
  expect(client.getQueryData(keys.drawing.people("d"))).toEqual([{ subject: "ben", selected: [] }]);
  expect(client.getQueryData(keys.drawing.newest("d"))).toMatchObject({ revision: 3 });
  expect(client.getQueryData(keys.drawing.discussed("d"))).toMatchObject({ nodes: { a: 1 } });
  drawing.stop();
  expect(streams[0]?.cut).toBe(true);
  expect(client.getQueryData(keys.drawing.people("d"))).toBeUndefined();
});

test("many selections are one word, the same again is none, and a ping is answered", async () => {
  const { streams, told } = served();
  const drawing = await followed(new QueryClient());
  await vi.advanceTimersByTimeAsync(0);
  for (const node of ["a", "b", "c"]) drawing.select([node]);
  await vi.advanceTimersByTimeAsync(5_000);
  drawing.select(["c"]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(told).toEqual([{ tab: "tab1", selected: ["c"] }]);
  streams[0]?.send("ping", {});
  await vi.advanceTimersByTimeAsync(0);
  expect(told).toHaveLength(2);
  drawing.stop();
});

test("a tab that counts no more begins again, with what is selected", async () => {
  const { streams, told, answer } = served();
  const drawing = await followed(new QueryClient());
  await vi.advanceTimersByTimeAsync(0);
  answer.status = 404;
  drawing.select(["a"]);
  await vi.advanceTimersByTimeAsync(700);
  expect(streams[0]?.cut).toBe(true);
  answer.status = 204;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(streams).toHaveLength(2);
  expect(told.at(-1)).toEqual({ tab: "tab2", selected: ["a"] });
  drawing.stop();
});

test("a page that nobody looks at gives its connection back, and is there again when it is looked at", async () => {
  const { streams } = served();
  const drawing = await followed(new QueryClient());
  await vi.advanceTimersByTimeAsync(0);
  look(true);
  await vi.advanceTimersByTimeAsync(20_000);
  look(false);
  await vi.advanceTimersByTimeAsync(15_000);
  expect(streams[0]?.cut).toBe(false);
  streams[0]?.send("ping", {});
  look(true);
  await vi.advanceTimersByTimeAsync(31_000);
  expect(streams[0]?.cut).toBe(true);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(streams).toHaveLength(1);
  look(false);
  await vi.advanceTimersByTimeAsync(0);
  expect(streams).toHaveLength(2);
  drawing.stop();
});
