import { describe, expect, test } from "vitest";
import type { Graph, GraphNode } from "@/api/types";
import { diff, same, together } from "./diff";

function node(id: string, config: Record<string, unknown> = {}, x = 0): GraphNode {
  return { id, type: "Delay", position: { x, y: 0 }, data: { label: id.toUpperCase(), config } };
}
function graph(nodes: GraphNode[], edges: [string, string, string?][] = []): Graph {
  return {
    version: 1,
    nodes,
    edges: edges.map(([source, target, port], index) => ({
      id: `e${index}`,
      source,
      target,
      sourceHandle: port ?? null,
    })),
  };
}

describe("diff", () => {
  test("the same drawing, and one that only spells out what is usual, do not differ", () => {
    const plain: Graph = { nodes: [{ id: "a", type: "Delay" }], edges: [] };
    const full: Graph = {
      version: 1,
      viewport: { x: 1, y: 2, zoom: 1 },
      nodes: [
        {
          id: "a",
          type: "Delay",
          position: { x: 0, y: 0 },
          data: { label: "", config: {}, disabled: false },
        },
      ],
      edges: [],
    };
    expect(same(diff(plain, full))).toBe(true);
    expect(same(diff(full, plain))).toBe(true);
  });

  test("added, removed, changed and moved nodes", () => {
    const before = graph([node("a", { duration: 1, on: ["x", "y"] }), node("b"), node("c")]);
    const after = graph([node("a", { duration: 2, on: ["x", "z"] }, 80), node("b", {}, 40), node("d")]);
    const { nodes } = diff(before, after);
    expect(nodes.map(({ id, mark }) => [id, mark])).toEqual([
      ["a", "changed"],
      ["b", "moved"],
      ["d", "added"],
      ["c", "removed"],
    ]);
    expect(nodes[0]?.fields).toEqual([
      { path: "config.duration", before: 1, after: 2 },
      { path: "config.on[1]", before: "y", after: "z" },
    ]);
  });

  test("a field that comes, goes or turns from a list into an object is one change", () => {
    const before = graph([node("a", { gone: 1, shape: [1] })]);
    const after = graph([node("a", { come: null, shape: { 0: 1 } })]);
    expect(diff(before, after).nodes[0]?.fields).toEqual([
      { path: "config.gone", before: 1, after: undefined },
      { path: "config.shape", before: [1], after: { 0: 1 } },
      { path: "config.come", before: undefined, after: null },
    ]);
  });

  test("wires are known by their ends and port, not by their id", () => {
    const nodes = [node("a"), node("b"), node("c")];
    const before = graph(nodes, [
      ["a", "b"],
      ["b", "c"],
    ]);
    const after = graph(nodes, [
      ["b", "c", "out"],
      ["a", "c", "true"],
    ]);
    expect(diff(before, after).wires).toEqual([
      { id: "a:true-c", from: "A", to: "C", port: "true", mark: "added" },
      { id: "a:out-b", from: "A", to: "B", port: "out", mark: "removed" },
    ]);
  });

  test("what belongs to no node", () => {
    const before = { ...graph([]), inputs: { type: "object" } } as Graph;
    const after = { ...graph([]), inputs: { type: "array" } } as Graph;
    expect(diff(before, after).settings).toEqual([{ path: "inputs.type", before: "object", after: "array" }]);
  });

  test("together holds what was removed once", () => {
    const before = graph([node("a"), node("b")], [["a", "b"]]);
    const after = graph([node("a"), node("c")], [["a", "c"]]);
    const both = together(before, after);
    expect(both.nodes?.map(({ id }) => id)).toEqual(["a", "c", "b"]);
    expect(both.edges?.map(({ target }) => target)).toEqual(["c", "b"]);
  });

  test("what was removed does not stand on what has come in its place", () => {
    const before = graph([node("a"), node("b", {}, 400), node("far", {}, 900)]);
    const after = graph([node("a"), node("c", {}, 408)]);
    const placed = together(before, after).nodes?.map(({ id, position }) => [id, position]);
    expect(placed).toEqual([
      ["a", { x: 0, y: 0 }],
      ["c", { x: 408, y: 0 }],
      ["b", { x: 400, y: 88 }],
      ["far", { x: 900, y: 0 }],
    ]);
  });
});
