import { expect, test } from "vitest";
import type { Graph, RunDetail } from "@/api/types";
import { hasFailed, plan } from "./plan";

const graph: Graph = {
  nodes: [
    { id: "a", type: "RemoteWebhook", data: { config: { provider: "make", workflowId: "7" } } },
    { id: "b", type: "DataMapper" },
    { id: "c", type: "RemoteWebhook", data: { config: { method: "GET", url: "https://example.org" } } },
    { id: "other", type: "DataMapper" },
  ],
  edges: [
    { source: "a", target: "b" },
    { source: "b", target: "c" },
  ],
};

function run(states: Record<string, string>): RunDetail {
  const nodes = Object.entries(states).map(([id, status]) => ({
    id,
    status,
    type: graph.nodes?.find((node) => node.id === id)?.type,
  }));
  return { nodes } as unknown as RunDetail;
}

const kept = (from: string, states: Record<string, string>) =>
  plan(graph, run(states), from)
    ?.filter((step) => step.kept)
    .map((step) => step.id);

test("a completed step is kept when neither it nor anything before it runs again", () => {
  const failed = { a: "COMPLETED", b: "COMPLETED", c: "FAILED", other: "COMPLETED" };
  expect(kept("failed", failed)).toEqual(["a", "b", "other"]);
  expect(kept("b", failed)).toEqual(["a", "other"]);
  expect(kept("start", failed)).toEqual([]);
  expect(kept("gone", failed)).toBeUndefined();
  expect(kept("c", { ...failed, other: "SKIPPED" })).toEqual(["a", "b"]);
  expect(hasFailed(run(failed))).toBe(true);
});

test("calls are told in words, with a warning where repeating may do harm", () => {
  const steps = plan(graph, run({ a: "COMPLETED", b: "COMPLETED", c: "SKIPPED" }), "start");
  expect(steps?.map((step) => [step.call, step.unsafe, step.maybe])).toEqual([
    ["starts workflow 7 on make", true, false],
    [null, false, false],
    ["sends GET to https://example.org", false, true],
    [null, false, false],
  ]);
});
