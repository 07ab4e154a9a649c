import type { Graph, GraphEdge, GraphNode } from "@/api/types";
import { boxOf, clear, isGroup, opened, portOf, wireId } from "../graph";

export type Mark = "added" | "removed" | "changed" | "moved";
/** One value that differs; undefined: it is not there. */
export type FieldChange = { path: string; before: unknown; after: unknown };
export type NodeChange = { id: string; label: string; type: string; mark: Mark; fields: FieldChange[] };
/** `id` is made of the ends and the port: a wire drawn anew between the same is the same. */
export type WireChange = { id: string; from: string; to: string; port: string; mark: Mark };
export type Difference = { nodes: NodeChange[]; wires: WireChange[]; settings: FieldChange[] };

/** What has to be done to `before` to get `after`. A node that is changed and moved counts as changed. */
export function diff(before: Graph, after: Graph): Difference {
  const old = byId(before);
  const now = byId(after);
  const nodes: NodeChange[] = [];
  for (const node of now.values()) {
    const earlier = old.get(node.id);
    if (!earlier) nodes.push(change(node, "added", []));
    else {
      const fields = differing(content(earlier), content(node));
      if (fields.length) nodes.push(change(node, "changed", fields));
      else if (place(earlier) !== place(node)) nodes.push(change(node, "moved", []));
    }
  }
  for (const node of old.values()) if (!now.has(node.id)) nodes.push(change(node, "removed", []));

  const label = (id: string) => named(now.get(id) ?? old.get(id), id);
  const wire = (edge: GraphEdge, mark: Mark): WireChange => ({
    id: keyOf(edge),
    from: label(edge.source),
    to: label(edge.target),
    port: portOf(edge),
    mark,
  });
  const were = new Map((before.edges ?? []).map((edge) => [keyOf(edge), edge]));
  const are = new Map((after.edges ?? []).map((edge) => [keyOf(edge), edge]));
  return {
    nodes,
    wires: [
      ...[...are].filter(([key]) => !were.has(key)).map(([, edge]) => wire(edge, "added")),
      ...[...were].filter(([key]) => !are.has(key)).map(([, edge]) => wire(edge, "removed")),
    ],
    settings: differing(frame(before), frame(after)),
  };
}

export function same({ nodes, wires, settings }: Difference): boolean {
  return nodes.length + wires.length + settings.length === 0;
}

/** `after` with what was removed still in it, so that it can be drawn: where it stood, or below what has come there since. */
export function together(before: Graph, after: Graph): Graph {
  const here = byId(after);
  const are = new Set((after.edges ?? []).map(keyOf));
  const nodes = [...opened(after).nodes];
  for (const node of opened(before).nodes) {
    if (here.has(node.id)) continue;
    const place = isGroup(node) ? node.position : clear({ nodes, edges: [] }, boxOf(node));
    nodes.push({ ...node, position: { ...node.position, ...place } });
  }
  return {
    ...after,
    nodes,
    edges: [...(after.edges ?? []), ...(before.edges ?? []).filter((edge) => !are.has(keyOf(edge)))],
  };
}

function keyOf(edge: GraphEdge): string {
  return wireId(edge.source, portOf(edge), edge.target);
}

function byId(graph: Graph): Map<string, GraphNode> {
  return new Map((graph.nodes ?? []).map((node) => [node.id, node]));
}

function named(node: GraphNode | undefined, id: string): string {
  return node?.data?.label || id;
}

function change(node: GraphNode, mark: Mark, fields: FieldChange[]): NodeChange {
  return { id: node.id, label: named(node, node.id), type: node.type, mark, fields };
}

function place({ position }: GraphNode): string {
  return `${position?.x ?? 0} ${position?.y ?? 0}`;
}

/** What a node is and does: all but its place, with what is usual filled in. */
function content({ id: _, position: __, data, ...rest }: GraphNode): Record<string, unknown> {
  return { ...rest, label: "", disabled: false, config: {}, ...data };
}

function frame({ nodes: _, edges: __, ...rest }: Graph): Record<string, unknown> {
  return { ...rest, version: rest.version ?? 1, viewport: undefined };
}

function differing(before: unknown, after: unknown, path = ""): FieldChange[] {
  if (Object.is(before, after)) return [];
  if (composed(before) && composed(after) && Array.isArray(before) === Array.isArray(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => {
      const name = Array.isArray(after) ? `${path}[${key}]` : path ? `${path}.${key}` : key;
      return differing(before[key], after[key], name);
    });
  }
  return [{ path, before, after }];
}

function composed(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
