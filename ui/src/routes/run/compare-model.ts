import type { NodeRun, RunDetail } from "@/api/types";
import { same } from "@/lib/json-diff";
import { elapsed } from "@/lib/time";

export type Pair = {
  id: string;
  label: string;
  mine: NodeRun | null;
  theirs: NodeRun | null;
  /** Milliseconds this run took longer; null where one of them did not run. */
  delta: number | null;
  sameStatus: boolean;
  sameInput: boolean;
  sameOutput: boolean;
};

/** The steps of two runs side by side: in this run's order, then those that only the other has. */
export function pairs(run: RunDetail, other: RunDetail): Pair[] {
  const theirs = new Map(other.nodes.map((node) => [node.id, node]));
  const mine = new Set(run.nodes.map((node) => node.id));
  return [
    ...run.nodes.map((node) => pair(node, theirs.get(node.id) ?? null)),
    ...other.nodes.filter((node) => !mine.has(node.id)).map((node) => pair(null, node)),
  ];
}

/** The first step, in the order in which they began, that did not do the same: what came after may differ because of it. */
export function firstDivergence(found: readonly Pair[]): Pair | null {
  const began = ({ mine, theirs }: Pair) =>
    Date.parse(mine?.startedAt ?? mine?.finishedAt ?? theirs?.startedAt ?? "") || Number.POSITIVE_INFINITY;
  const differ = found.filter((each) => !each.sameStatus || !each.sameInput || !each.sameOutput);
  return [...differ].sort((a, b) => began(a) - began(b))[0] ?? null;
}

function pair(mine: NodeRun | null, theirs: NodeRun | null): Pair {
  const node = mine ?? theirs;
  const took = (each: NodeRun | null) => (each?.finishedAt ? elapsed(each.startedAt, each.finishedAt) : null);
  const [ours, others] = [took(mine), took(theirs)];
  return {
    id: node?.id ?? "",
    label: node?.label || node?.id || "",
    mine,
    theirs,
    delta: ours === null || others === null ? null : ours - others,
    sameStatus: mine?.status === theirs?.status,
    sameInput: same(mine?.input, theirs?.input),
    sameOutput: same(mine?.output, theirs?.output),
  };
}
