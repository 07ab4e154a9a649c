import { expect, test } from "vitest";
import type { Sample } from "@/api/types";
import { TypeHint } from "@/forms";
import type { Drawing } from "../graph";
import { bare, before, completed, targetsAfter } from "./sample";

const at = { x: 0, y: 0 };
const drawing: Drawing = {
  nodes: [
    {
      id: "a",
      type: "RemoteWebhook",
      position: at,
      data: {
        config: { url: "x", join: "all" },
        imported: { outputs: { properties: { id: { type: "integer" } } } },
      } as never,
    },
    { id: "b", type: "DataMapper", position: at, data: { pinned: null } as never },
    {
      id: "c",
      type: "RemoteWebhook",
      position: at,
      data: { imported: { inputs: { properties: { email: { type: "string" } } } } } as never,
    },
    { id: "n", type: "Note", position: at, data: {} },
  ],
  edges: [
    { id: "1", source: "a", target: "b" },
    { id: "2", source: "b", target: "c" },
  ],
};
const empty: Sample = {
  context: { input: {}, data: {}, nodes: {}, run: {} },
  from: null,
  missing: ["a"],
  sources: {},
  last: null,
  shortened: false,
};

test("a sample depends on wires, pins and joins, not on settings", () => {
  const nodes = bare(drawing).nodes ?? [];
  expect(nodes.map((node) => node.data)).toEqual([
    { config: { join: "all" } },
    { config: {}, pinned: null },
    { config: {} },
  ]);
});

test("what a platform says stands in for data that is not there", () => {
  expect(completed(empty, drawing, "b")).toEqual({
    input: {},
    data: { id: new TypeHint("integer") },
    nodes: { a: { output: { id: new TypeHint("integer") } } },
    run: {},
  });
  const known = { ...empty, missing: [] };
  expect(completed(known, drawing, "b")).toBe(known.context);
});

test("neighbours, and what the next step takes", () => {
  expect(before(drawing, "b").map((node) => node.id)).toEqual(["a"]);
  expect(targetsAfter(drawing, "b")).toEqual([{ path: "email", type: "string", required: false }]);
});
