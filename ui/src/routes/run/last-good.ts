import { useInfiniteQuery } from "@tanstack/react-query";
import { runsQuery } from "@/api/queries";
import type { RunDetail, RunItem } from "@/api/types";

export type Listed = RunItem;

/** Runs of the same orchestrator to hold this one against; the last good one is the newest that ended well before it, else the
 * newest at all; in a recorded one nobody was called. Tests of single steps are no runs to compare with. */
export function useOthers(run: RunDetail): { good: Listed | null; others: Listed[] } {
  const of = { orchestratorId: run.orchestratorId };
  const good = useInfiniteQuery(runsQuery({ ...of, status: ["COMPLETED"] }, 20));
  const all = useInfiniteQuery(runsQuery(of, 20));
  const other = (found: Listed) => found.id !== run.id && found.trigger.kind !== "test";
  const real = (found: Listed) => other(found) && found.trigger.kind !== "recorded";
  const completed = (good.data?.pages ?? []).flatMap((page) => page.items).filter(real);
  return {
    good: completed.find((each) => each.number < run.number) ?? completed[0] ?? null,
    others: (all.data?.pages ?? []).flatMap((page) => page.items).filter(other),
  };
}

/** The runs that repeat this one, newest first. */
export function useRepeats(run: RunDetail): Listed[] {
  const since = { orchestratorId: run.orchestratorId, since: run.createdDate };
  const called = useInfiniteQuery(runsQuery({ ...since, trigger: "retry" }, 50));
  const recorded = useInfiniteQuery(runsQuery({ ...since, trigger: "recorded" }, 50));
  return [...(called.data?.pages ?? []), ...(recorded.data?.pages ?? [])]
    .flatMap((page) => page.items)
    .filter((each) => each.retryOf === run.id)
    .sort((a, b) => b.number - a.number);
}
