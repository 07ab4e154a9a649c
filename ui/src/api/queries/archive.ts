import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../client";
import { keys } from "./keys";
import type { RunFilter } from "./runs";

/** These runs, or all that match. */
export type WhichRuns = { ids: string[] } | { filter: RunFilter };
export type ArchiveAct = "archive" | "unarchive";

/** How many runs an act would move, and what it leaves; nothing is changed. */
export function archivePreviewQuery(act: ArchiveAct, which: WhichRuns) {
  return queryOptions({
    queryKey: keys.runs.archive(act, which),
    queryFn: ({ signal }) => asked(act, { ...body(which), dryRun: true }, signal),
    gcTime: 0,
  });
}

/** Archive ended runs, or take them out again, piece by piece until none is left. `onMoved` is told how many have been. */
export function useArchiveRuns() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({
      act,
      which,
      onMoved,
    }: {
      act: ArchiveAct;
      which: WhichRuns;
      onMoved?: (sum: number) => void;
    }) => {
      let sum = 0;
      for (;;) {
        const { done, left } = await asked(act, body(which));
        sum += done;
        onMoved?.(sum);
        if (left === 0 || done === 0) return sum;
      }
    },
    // A piece that was done stays done when a later one is not.
    onSettled: () => client.invalidateQueries({ queryKey: keys.runs.all }),
  });
}

type Body = { ids: string[] } | { filter: RunFilter };

function body(which: WhichRuns): Body {
  return "ids" in which ? { ids: which.ids } : { filter: which.filter };
}

function asked(act: ArchiveAct, body: Body & { dryRun?: boolean }, signal?: AbortSignal) {
  return data(
    act === "archive"
      ? api.POST("/api/v1/orchestrator/runs/archive", { body, signal })
      : api.POST("/api/v1/orchestrator/runs/unarchive", { body, signal }),
  );
}
