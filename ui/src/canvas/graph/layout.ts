import { CARD, GRID, moved, type Point } from "./edit";
import { around, boxOf, isGroup, members, resized } from "./frames";
import { type Drawing, decoration } from "./model";

const AROUND = 3 * GRID;
const TITLE = 5 * GRID;

/** Places for the nodes that run, from left to right in the order of the wires: for all of them, or for `only` these, which
 * then stay where they begin now. Fetches the layout library when first asked. */
export async function tidy(drawing: Drawing, only?: ReadonlySet<string>): Promise<Map<string, Point>> {
  const { Graph, layout } = await import("@dagrejs/dagre");
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", nodesep: 56, ranksep: 80, marginx: 0, marginy: 0 });
  graph.setDefaultEdgeLabel(() => ({}));
  const steps = drawing.nodes.filter((node) => !decoration(node) && (!only || only.has(node.id)));
  for (const step of steps) graph.setNode(step.id, { ...CARD });
  for (const edge of drawing.edges) {
    if (graph.hasNode(edge.source) && graph.hasNode(edge.target))
      graph.setEdge(edge.source, edge.target, {}, edge.id);
  }
  layout(graph);
  const corner = only && steps.length ? around(steps.map((step) => boxOf(step))) : { x: 0, y: 0 };
  const near = (value: number) => Math.round(value / GRID) * GRID;
  return new Map(
    steps.map((step) => {
      const { x = 0, y = 0 } = graph.node(step.id);
      return [
        step.id,
        { x: near(corner.x + x - CARD.width / 2), y: near(corner.y + y - CARD.height / 2) },
      ] as const;
    }),
  );
}

/** The drawing with these places, and every group around the nodes that stood in it. */
export function tidied(drawing: Drawing, places: ReadonlyMap<string, Point>): Drawing {
  let next = moved(drawing, places);
  for (const group of drawing.nodes.filter(isGroup)) {
    const inside = members(drawing, group);
    if (![...inside].some((id) => places.has(id))) continue;
    const box = around(next.nodes.filter((node) => inside.has(node.id)).map((node) => boxOf(node)));
    next = resized(next, group.id, {
      x: box.x - AROUND,
      y: box.y - AROUND - TITLE,
      width: box.width + 2 * AROUND,
      height: box.height + 2 * AROUND + TITLE,
    });
  }
  return next;
}
