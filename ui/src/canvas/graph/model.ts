import type { Graph, GraphEdge, GraphNode, JsonObject, Kind } from "@/api/types";
import { t } from "@/lib/text";

/** A node of the drawing: what the server keeps, with the members that the canvas needs filled in. */
export type Step = GraphNode & {
  position: { x: number; y: number };
  data: { label?: string; config?: JsonObject; disabled?: boolean } & JsonObject;
};
export type Wire = GraphEdge & { id: string };
export type Drawing = { readonly nodes: readonly Step[]; readonly edges: readonly Wire[] };
export type Kinds = ReadonlyMap<string, Kind>;

/** Drawn for people; they never run and have no ports (runner/graph.py, DECORATIONS). */
const DECORATIONS = new Set([t("Note"), t("Group")]);

export function decoration(step: Step): boolean {
  return DECORATIONS.has(step.type);
}

/** The stored definition as a drawing. Members that we do not know stay on their nodes and wires. */
export function opened(graph: Graph): Drawing {
  const nodes = (graph.nodes ?? []).map(
    (node): Step => ({
      ...node,
      position: { ...node.position, x: node.position?.x ?? 0, y: node.position?.y ?? 0 },
      data: { ...node.data },
    }),
  );
  const taken = new Set<string>();
  const edges = (graph.edges ?? []).map((edge): Wire => {
    const id = fresh(edge.id || wireId(edge.source, portOf(edge), edge.target), taken);
    taken.add(id);
    return { ...edge, id };
  });
  return { nodes, edges };
}

/** The definition to store: the drawing, and whatever else the stored one held (viewport, notes of other tools). */
export function closed(base: Graph, drawing: Drawing): Graph {
  return { ...base, version: base.version ?? 1, nodes: [...drawing.nodes], edges: [...drawing.edges] };
}

export function labelOf(step: Step): string {
  return step.data.label || step.id;
}

export function portOf(edge: Pick<GraphEdge, "sourceHandle">): string {
  return edge.sourceHandle || "out";
}

/** The outlets of a node as it is set up: those of its kind, and `error` when errors are routed. */
export function portsOf(step: Step, kinds: Kinds): string[] {
  if (decoration(step)) return [];
  const ports = kinds.get(step.type)?.ports ?? ["out"];
  return step.data.config?.onError === "route" ? [...ports, "error"] : [...ports];
}

/** What the card draws: its ports, and those that only a wire knows, so that a broken wire can be seen and removed. */
export function drawnPorts(step: Step, kinds: Kinds, edges: readonly Wire[]): string[] {
  const used = edges.filter((edge) => edge.source === step.id).map(portOf);
  return [...new Set([...portsOf(step, kinds), ...used])];
}

export function wireId(source: string, port: string, target: string): string {
  return `${source}:${port}-${target}`;
}

/** `wish`, or with a number behind it, so that it is not among `taken`. With `_`, as templates read `nodes.a-2` as a sum. */
export function fresh(wish: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wish)) return wish;
  const stem = wish.replace(/_\d+$/, "");
  for (let number = 2; ; number++) {
    const id = `${stem}_${number}`;
    if (!taken.has(id)) return id;
  }
}
