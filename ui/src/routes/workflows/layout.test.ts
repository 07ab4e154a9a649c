import { describe, expect, it } from "vitest";
import { BOX, layered } from "./layout";

const ROW = BOX.height + BOX.gapY;
const nodes = (...ids: string[]) =>
  ids.map((id) => ({ id, label: id, type: "t", app: null, position: null, disabled: false }));
const wire = (source: string, target: string) => ({ source, target, label: null, kind: "main" });

describe("layered", () => {
  it("puts a step below all that lead to it", () => {
    const edges = [wire("a", "b"), wire("a", "c"), wire("b", "d"), wire("c", "e"), wire("e", "d")];
    const { boxes, height } = layered({ nodes: nodes("d", "b", "c", "a", "e"), edges });
    expect(["a", "b", "c", "e", "d"].map((id) => (boxes.get(id)?.y ?? -1) / ROW)).toEqual([0, 1, 1, 2, 3]);
    expect(height).toBe(4 * ROW - BOX.gapY);
  });

  it("draws loops, steps alone and wires to nowhere", () => {
    const { boxes } = layered({
      nodes: nodes("a", "b", "alone"),
      edges: [wire("a", "b"), wire("b", "a"), wire("b", "b"), wire("b", "gone")],
    });
    expect(boxes.size).toBe(3);
    expect(boxes.get("b")?.y).toBe(ROW);
    expect(boxes.get("alone")?.y).toBe(0);
  });

  it("lays two of a row beside each other", () => {
    const { boxes, width } = layered({ nodes: nodes("a", "b"), edges: [] });
    expect(boxes.get("b")?.x).toBe(BOX.width + BOX.gapX);
    expect(width).toBe(2 * BOX.width + BOX.gapX);
  });
});
