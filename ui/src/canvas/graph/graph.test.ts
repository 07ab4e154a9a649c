import { describe, expect, it } from "vitest";
import type { Graph, Kind } from "@/api/types";
import {
  closed,
  connected,
  copied,
  made,
  moved,
  neighbour,
  opened,
  parsed,
  pasted,
  portsOf,
  refusal,
  tidy,
  without,
} from ".";

const kind = (type: string, ports = ["out"]): Kind => ({
  type,
  title: type,
  description: "",
  group: "Flow",
  ports,
  form: {},
});
const kinds = new Map([kind("Delay"), kind("Condition", ["true", "false"])].map((each) => [each.type, each]));
const graph: Graph = {
  version: 1,
  viewport: { x: 1, y: 2, zoom: 1 },
  nodes: [
    { id: "a", type: "Condition", position: { x: 0, y: 0 }, data: { label: "A" }, style: { color: "red" } },
    {
      id: "b",
      type: "Delay",
      position: { x: 300, y: 0 },
      data: { config: { until: "{{ nodes.a.output + nodes['a'].port }}" } },
    },
    { id: "c", type: "Delay", position: { x: 300, y: 200 } },
  ],
  edges: [
    { id: "", source: "a", target: "b", sourceHandle: "true", data: { own: 1 } },
    { id: "e", source: "b", target: "c" },
  ],
};

describe("opening and closing", () => {
  it("keeps what we do not know and names every wire", () => {
    const again = closed(graph, opened(graph));
    expect(again.viewport).toEqual(graph.viewport);
    expect(again.nodes?.[0]).toMatchObject({ style: { color: "red" } });
    expect(again.edges).toMatchObject([{ id: "a:true-b", data: { own: 1 } }, { id: "e" }]);
  });
});

describe("wires", () => {
  const drawing = opened(graph);
  const why = (source: string, target: string, sourceHandle?: string) =>
    refusal(drawing, kinds, { source, target, sourceHandle });

  it("are refused with the reason", () => {
    expect(why("c", "a")).toMatch(/circle/);
    expect(why("a", "a", "true")).toMatch(/itself/);
    expect(why("a", "b", "true")).toMatch(/already/);
    expect(why("a", "c", "out")).toMatch(/no port “out”; it has “true”, “false”/);
    expect(why("a", "nowhere", "true")).toMatch(/both ends/);
  });

  it("may leave by another port, and by error once errors are routed", () => {
    expect(why("a", "b", "false")).toBeNull();
    const [step] = opened({
      nodes: [{ id: "x", type: "Delay", data: { config: { onError: "route" } } }],
    }).nodes;
    expect(step && portsOf(step, kinds)).toEqual(["out", "error"]);
    expect(connected(drawing, { source: "a", target: "c", sourceHandle: "false" }).edges.at(-1)).toEqual({
      id: "a:false-c",
      source: "a",
      target: "c",
      sourceHandle: "false",
    });
  });
});

describe("editing", () => {
  const drawing = opened(graph);

  it("adds under a free id, in a free place", () => {
    const one = made(kind("Delay"), drawing, { x: 301, y: 1 });
    expect(one).toMatchObject({ id: "delay", position: { x: 304, y: 384 } });
    const two = made(kind("Delay"), { ...drawing, nodes: [...drawing.nodes, one] }, { x: 900, y: 0 });
    expect(two.id).toBe("delay2");
  });

  it("takes the wires of a node away with it", () => {
    expect(without(drawing, new Set(["b"]), new Set()).edges).toEqual([]);
  });

  it("copies as text and pastes under other ids, which templates follow", () => {
    const part = parsed(copied(drawing, new Set(["a", "b"])));
    if (!part) throw new Error("not parsed");
    const result = pasted(drawing, part);
    expect([...result.ids]).toEqual(["a_2", "b_2"]);
    const copy = result.drawing.nodes.find((node) => node.id === "b_2");
    expect(copy?.data.config).toEqual({ until: "{{ nodes.a_2.output + nodes['a_2'].port }}" });
    expect(result.drawing.edges.at(-1)).toMatchObject({ source: "a_2", target: "b_2", sourceHandle: "true" });
    expect(parsed("hello")).toBeNull();
    expect(parsed('{"nodes": [1]}')).toBeNull();
    expect(parsed(JSON.stringify({ name: "x", definition: graph }))?.nodes).toHaveLength(3);
  });

  it("keeps the identity of what has not moved", () => {
    const next = moved(drawing, new Map([["b", { x: 8, y: 8 }]]));
    expect(next.nodes[0]).toBe(drawing.nodes[0]);
    expect(next.nodes[1]?.position).toEqual({ x: 8, y: 8 });
  });

  it("walks along the wires, else to the nearest card", () => {
    expect(neighbour(drawing, "a", "right")).toBe("b");
    expect(neighbour(drawing, "b", "left")).toBe("a");
    expect(neighbour(drawing, "b", "down")).toBe("c");
    expect(neighbour(drawing, "a", "left")).toBeNull();
  });

  it("lays out from left to right", async () => {
    const places = await tidy(drawing);
    const x = (id: string) => places.get(id)?.x ?? Number.NaN;
    expect(x("a")).toBeLessThan(x("b"));
    expect(x("b")).toBeLessThan(x("c"));
  });
});
