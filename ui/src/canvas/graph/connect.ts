import { t } from "@/lib/text";
import { type Drawing, decoration, type Kinds, labelOf, portOf, portsOf, type Wire, wireId } from "./model";

export type Ends = { source: string; target: string; sourceHandle?: string | null };

/** Why there cannot be such a wire, or null. */
export function refusal({ nodes, edges }: Drawing, kinds: Kinds, ends: Ends): string | null {
  const source = nodes.find((node) => node.id === ends.source);
  const target = nodes.find((node) => node.id === ends.target);
  if (!source || !target) return t("A wire needs a node at both ends.");
  if (decoration(source) || decoration(target)) return t("Notes and groups are not part of a run.");
  if (source === target) return t("{source} cannot follow itself.", { source: labelOf(source) });
  const port = portOf(ends);
  const ports = portsOf(source, kinds);
  if (!ports.includes(port))
    return t("{source} has no port “{port}”; it has {ports}.", {
      source: labelOf(source),
      port,
      ports: ports.map((name) => `“${name}”`).join(", "),
    });
  if (edges.some((edge) => edge.source === source.id && edge.target === target.id && portOf(edge) === port))
    return t("Port “{port}” of {source} leads to {target} already.", {
      port,
      source: labelOf(source),
      target: labelOf(target),
    });
  if (reaches(edges, target.id, source.id))
    return t("That would be a circle: {target} already leads to {source}.", {
      target: labelOf(target),
      source: labelOf(source),
    });
  return null;
}

/** Whether a way along the wires leads from one node to another. */
export function reaches(edges: readonly Wire[], from: string, to: string): boolean {
  const ways = new Map<string, string[]>();
  for (const edge of edges) ways.set(edge.source, [...(ways.get(edge.source) ?? []), edge.target]);
  const seen = new Set<string>();
  const open = [from];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at === to) return true;
    if (seen.has(at)) continue;
    seen.add(at);
    open.push(...(ways.get(at) ?? []));
  }
  return false;
}

/** The drawing with the wire. The caller has asked `refusal`. */
export function connected<D extends Drawing>(drawing: D, ends: Ends): D {
  const port = portOf(ends);
  let id = wireId(ends.source, port, ends.target);
  while (drawing.edges.some((edge) => edge.id === id)) id += "'";
  const wire: Wire = { id, source: ends.source, target: ends.target, sourceHandle: port };
  return { ...drawing, edges: [...drawing.edges, wire] };
}
