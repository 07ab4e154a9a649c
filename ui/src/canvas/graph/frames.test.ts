import { describe, expect, it } from "vitest";
import type { Kind } from "@/api/types";
import {
  aligned,
  boxOf,
  bridged,
  copied,
  grouped,
  inserted,
  members,
  noted,
  opened,
  ordered,
  reordered,
  tidied,
  widened,
  withMembers,
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
const drawing = opened({
  version: 1,
  nodes: [
    { id: "a", type: "Condition", position: { x: 0, y: 0 } },
    { id: "b", type: "Delay", position: { x: 312, y: 0 } },
    { id: "c", type: "Delay", position: { x: 624, y: 0 } },
  ],
  edges: [
    { id: "ab", source: "a", target: "b", sourceHandle: "true" },
    { id: "bc", source: "b", target: "c" },
  ],
});
const at = (where: { nodes: readonly { id: string; position: { x: number } }[] }, id: string) =>
  where.nodes.find((node) => node.id === id)?.position.x;

describe("groups and notes", () => {
  const group = grouped(drawing, new Set(["b", "c"]), { x: 0, y: 0 });
  const framed = { ...drawing, nodes: [group, ...drawing.nodes] };

  it("frame what is selected, and hold what stands inside", () => {
    expect(boxOf(group)).toEqual({ x: 288, y: -64, width: 592, height: 160 });
    expect([...members(framed, group)]).toEqual(["b", "c"]);
    expect([...withMembers(framed, [group.id])]).toEqual(["group", "b", "c"]);
    expect(grouped(drawing, new Set(), { x: 5, y: 5 })).toMatchObject({
      position: { x: 8, y: 8 },
      width: 480,
    });
  });

  it("do not hold each other when they are of one size", () => {
    const twin = { ...group, id: "twin" };
    expect(members({ ...framed, nodes: [...framed.nodes, twin] }, group).has("twin")).toBe(false);
  });

  it("follow the nodes in them when those are tidied", () => {
    const next = tidied(framed, new Map([["c", { x: 624, y: 200 }]]));
    const box = next.nodes[0] && boxOf(next.nodes[0]);
    expect(box).toEqual({ x: 288, y: -64, width: 592, height: 360 });
  });

  it("have ids of their own and no ports", () => {
    const note = noted(
      { ...drawing, nodes: [...drawing.nodes, noted(drawing, { x: 0, y: 0 })] },
      { x: 3, y: 3 },
    );
    expect(note).toMatchObject({ id: "note_2", type: "Note", position: { x: 0, y: 248 } });
  });
});

describe("wires", () => {
  it("take a node in their middle", () => {
    const with_ = {
      ...drawing,
      nodes: [...drawing.nodes, { ...noted(drawing, { x: 0, y: 0 }), id: "x", type: "Delay" }],
    };
    const next = inserted(with_, kinds, "ab", "x");
    expect(next.edges.map(({ id }) => id)).toEqual(["bc", "a:true-x", "x:out-b"]);
    expect(inserted(with_, kinds, "gone", "x")).toBe(with_);
  });

  it("make room for it", () => {
    const step = { id: "x", type: "Delay", position: { x: 312, y: 0 }, data: {} };
    const next = widened({ ...drawing, nodes: [...drawing.nodes, step] }, "x", "b");
    expect([at(next, "a"), at(next, "x"), at(next, "b"), at(next, "c")]).toEqual([0, 312, 624, 936]);
    expect(widened(drawing, "b", "c")).toBe(drawing);
  });

  it("join the neighbours of what is deleted", () => {
    expect(bridged(drawing, kinds, new Set(["b"])).edges).toEqual([
      { id: "a:true-c", source: "a", target: "c", sourceHandle: "true" },
    ]);
    expect(bridged(drawing, kinds, new Set(["b", "c"])).edges).toEqual([]);
  });
});

describe("order", () => {
  it("follows the wires", () => {
    expect(ordered([...drawing.nodes].reverse(), drawing.edges)).toEqual(["a", "b", "c"]);
  });

  it("of the drawing can be changed by one, to its ends", () => {
    expect(reordered(drawing, "b", -1).nodes.map(({ id }) => id)).toEqual(["b", "a", "c"]);
    expect(reordered(drawing, "c", 1)).toBe(drawing);
  });
});

describe("alignment", () => {
  const box = { x: 0, y: 0, width: 100, height: 50 };

  it("pulls to an edge or a middle that is near", () => {
    const { dx, dy, guides } = aligned({ ...box, x: 203, y: 398 }, [box, { ...box, x: 200, y: 200 }]);
    expect([dx, dy]).toEqual([-3, 0]);
    expect(guides).toEqual([{ axis: "x", at: 200, from: 200, to: 448 }]);
  });

  it("leaves alone what is farther than four", () => {
    expect(aligned({ ...box, x: 105, y: 305 }, [box])).toEqual({ dx: 0, dy: 0, guides: [] });
    expect(aligned({ ...box, x: 5, y: 300 }, [])).toEqual({ dx: 0, dy: 0, guides: [] });
  });
});

it("copies no secret", () => {
  const secret = opened({
    version: 1,
    nodes: [
      {
        id: "a",
        type: "RemoteWebhook",
        data: {
          config: {
            headers: { Authorization: "Bearer abc", Accept: "text/plain", "X-Api-Key": "{{ input.key }}" },
            items: [{ password: "hunter2" }],
          },
        },
      },
    ],
  });
  const text = copied(secret, new Set(["a"]));
  expect(text).not.toMatch(/abc|hunter2/);
  expect(text).toContain("text/plain");
  expect(text).toContain("{{ input.key }}");
});
