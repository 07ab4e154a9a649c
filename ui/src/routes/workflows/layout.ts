import type { Preview } from "@/api/types";

export const BOX = { width: 168, height: 40, gapX: 16, gapY: 30 };

export type Placed = { id: string; x: number; y: number };
export type Layout = { boxes: ReadonlyMap<string, Placed>; width: number; height: number };

/** Layers from the top: a step stands below all that lead to it. Beside each other they keep the platform's own order.
 *
 * Wires back to an earlier step (loops) do not count. Coordinates are of the upper left corner. */
export function layered(preview: Pick<Preview, "nodes" | "edges">): Layout {
  const ids = new Set(preview.nodes.map((node) => node.id));
  const next = new Map<string, string[]>();
  for (const { source, target } of preview.edges) {
    if (source !== target && ids.has(source) && ids.has(target)) {
      next.set(source, [...(next.get(source) ?? []), target]);
    }
  }
  const order = downstream([...ids], next);
  const place = new Map(order.map((id, index) => [id, index]));
  const depth = new Map(order.map((id) => [id, 0]));
  for (const id of order) {
    for (const target of next.get(id) ?? []) {
      if ((place.get(target) ?? 0) <= (place.get(id) ?? 0)) continue;
      depth.set(target, Math.max(depth.get(target) ?? 0, (depth.get(id) ?? 0) + 1));
    }
  }
  const layers: Preview["nodes"][] = [];
  for (const node of preview.nodes) {
    const at = depth.get(node.id) ?? 0;
    layers[at] = [...(layers[at] ?? []), node];
  }
  const widest = Math.max(1, ...layers.map((layer) => layer.length));
  const width = widest * (BOX.width + BOX.gapX) - BOX.gapX;
  const boxes = new Map<string, Placed>();
  layers.forEach((layer, row) => {
    const used = layer.length * (BOX.width + BOX.gapX) - BOX.gapX;
    [...layer]
      .sort((a, b) => (a.position?.y ?? 0) - (b.position?.y ?? 0))
      .forEach((node, column) => {
        const x = (width - used) / 2 + column * (BOX.width + BOX.gapX);
        boxes.set(node.id, { id: node.id, x, y: row * (BOX.height + BOX.gapY) });
      });
  });
  return { boxes, width, height: layers.length * (BOX.height + BOX.gapY) - BOX.gapY };
}

/** An order in which every wire leads on, but for those that close a loop. */
function downstream(ids: readonly string[], next: ReadonlyMap<string, readonly string[]>): string[] {
  const done: string[] = [];
  const seen = new Set<string>();
  const targets = new Set([...next.values()].flat());
  for (const start of [...ids.filter((id) => !targets.has(id)), ...ids]) {
    if (seen.has(start)) continue;
    seen.add(start);
    const open = [{ id: start, at: 0 }];
    for (let top = open.at(-1); top; top = open.at(-1)) {
      const target = next.get(top.id)?.[top.at++];
      if (target === undefined) {
        done.push(top.id);
        open.pop();
      } else if (!seen.has(target)) {
        seen.add(target);
        open.push({ id: target, at: 0 });
      }
    }
  }
  return done.reverse();
}
