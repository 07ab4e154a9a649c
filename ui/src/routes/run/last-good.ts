import { useInfiniteQuery } from "@tanstack/react-query";
import { runsQuery } from "@/api/queries";
import type { RunDetail, RunItem } from "@/api/types";

export type Listed = RunItem;

/** Runs of the same orchestrator to hold this one against; the last good one is the newest that ended well before it, else the
 * newest at all. Tests of single steps are no runs to compare with. */
export function useOthers(run: RunDetail): { good: Listed | null; others: Listed[] } {
  const of = { orchestratorId: run.orchestratorId };
  const good = useInfiniteQuery(runsQuery({ ...of, status: ["COMPLETED"] }, 20));
  const all = useInfiniteQuery(runsQuery(of, 20));
  const real = (found: Listed) => found.id !== run.id && found.trigger.kind !== "test";
  const completed = (good.data?.pages ?? []).flatMap((page) => page.items).filter(real);
  return {
    good: completed.find((each) => each.number < run.number) ?? completed[0] ?? null,
    others: (all.data?.pages ?? []).flatMap((page) => page.items).filter(real),
  };
}

/** The runs that repeat this one, newest first. */
export function useRepeats(run: RunDetail): Listed[] {
  const query = useInfiniteQuery(
    runsQuery({ orchestratorId: run.orchestratorId, trigger: "retry", since: run.createdDate }, 50),
  );
  return (query.data?.pages ?? []).flatMap((page) => page.items).filter((each) => each.retryOf === run.id);
}
