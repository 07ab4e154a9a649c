import { CARD, GRID, type Point } from "./edit";
import { type Drawing, decoration } from "./model";

/** Places for every node that runs, from left to right in the order of the wires. Fetches the layout library when first asked. */
export async function tidy(drawing: Drawing): Promise<Map<string, Point>> {
  const { Graph, layout } = await import("@dagrejs/dagre");
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", nodesep: 56, ranksep: 80, marginx: 0, marginy: 0 });
  graph.setDefaultEdgeLabel(() => ({}));
  const steps = drawing.nodes.filter((node) => !decoration(node));
  for (const step of steps) graph.setNode(step.id, { ...CARD });
  for (const edge of drawing.edges) {
    if (graph.hasNode(edge.source) && graph.hasNode(edge.target))
      graph.setEdge(edge.source, edge.target, {}, edge.id);
  }
  layout(graph);
  return new Map(
    steps.map((step) => {
      const { x = 0, y = 0 } = graph.node(step.id);
      const near = (value: number) => Math.round(value / GRID) * GRID;
      return [step.id, { x: near(x - CARD.width / 2), y: near(y - CARD.height / 2) }];
    }),
  );
}
