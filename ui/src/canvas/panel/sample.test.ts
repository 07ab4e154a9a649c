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
  example: null,
  missing: ["a"],
  sources: {},
  last: null,
  shortened: false,
};

test("what a platform described, and what is not drawn, goes along where the sample is made from it", () => {
  const base = { version: 1, inputSchema: { type: "object" }, examples: [{ name: "One", inputs: { n: 1 } }] };
  expect(bare(drawing, base)).not.toHaveProperty("examples");
  expect(bare(drawing, base, "example").examples).toEqual(base.examples);
  const described = bare(drawing, base, "schema");
  expect(described.inputSchema).toEqual(base.inputSchema);
  expect(described.nodes?.every((node) => "imported" in (node.data ?? {}))).toBe(true);
});

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
