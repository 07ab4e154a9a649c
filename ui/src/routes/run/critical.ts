import type { NodeRun } from "@/api/types";

/** A wire of the revision that ran. Without a handle it leaves by "out". */
export type Wire = { source: string; target: string; sourceHandle?: string | null };

/** The steps that decided when the run was over, first to last: from the one that ended last, back by that live wire whose step
 * ended last before it began. What is still under way ends now. */
export function criticalPath(nodes: readonly NodeRun[], wires: readonly Wire[]): string[] {
  const ran = new Map(nodes.filter((node) => node.startedAt !== null).map((node) => [node.id, node]));
  const into = Map.groupBy(wires, (wire) => wire.target);
  const path: string[] = [];
  let at = latest([...ran.values()]);
  while (at && !path.includes(at.id)) {
    path.unshift(at.id);
    const began = Date.parse(at.startedAt ?? "");
    const before = (into.get(at.id) ?? []).flatMap((wire) => {
      const source = ran.get(wire.source);
      return source && source.port === (wire.sourceHandle ?? "out") && endOf(source) <= began ? [source] : [];
    });
    at = latest(before);
  }
  return path;
}

/** The one that ended last; of several at the same moment (of a run that was over at once, all), the last in drawing order. */
function latest(nodes: readonly NodeRun[]): NodeRun | undefined {
  return nodes.reduce<NodeRun | undefined>(
    (found, node) => (!found || endOf(node) >= endOf(found) ? node : found),
    undefined,
  );
}

function endOf(node: NodeRun): number {
  return node.finishedAt === null ? Number.POSITIVE_INFINITY : Date.parse(node.finishedAt);
}
