import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { api, data } from "../client";
import { PAGES } from "../pages";
import type { LetterFilter, LetterState } from "../types";
import { keys } from "./keys";

/** What could not be finished, newest first, page by page. */
export function lettersQuery(filter: LetterFilter & { state?: LetterState } = {}) {
  return infiniteQueryOptions({
    queryKey: keys.letters.list(filter),
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/api/v1/orchestrator/dead-letters", {
          params: { query: { ...filter, cursor: pageParam } },
          signal,
        }),
      ),
    ...PAGES,
    placeholderData: keepPreviousData,
  });
}

/** One with its payload and cause. */
export function letterQuery(id: string) {
  return queryOptions({
    queryKey: keys.letters.one(id),
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/orchestrator/dead-letters/{letterId}", {
          params: { path: { letterId: id } },
          signal,
        }),
      ),
  });
}

/** How many open ones an act on all that match would be about. Changes nothing. */
export function matchingQuery(filter: LetterFilter) {
  return queryOptions({
    queryKey: keys.letters.matching(filter),
    queryFn: ({ signal }) =>
      data(
        api.POST("/api/v1/orchestrator/dead-letters/replay", { body: { filter, dryRun: true }, signal }),
      ).then((asked) => asked.matching),
    staleTime: 0,
  });
}

/** How far an act on many has come; asked again until it is over. */
export function bulkQuery(id: string) {
  return queryOptions({
    queryKey: keys.letters.bulk(id),
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/orchestrator/dead-letters/bulk/{bulkId}", {
          params: { path: { bulkId: id } },
          signal,
        }),
      ),
    refetchInterval: ({ state }) => (state.data?.finishedDate ? false : 700),
  });
}

type Replay = {
  id: string;
  payload?: unknown;
  revision: "same" | "latest";
  acknowledge: boolean;
  reason: string;
};

/** Take one up again in a new run. */
export function useReplayLetter() {
  return useLetterMutation(({ id, ...body }: Replay) =>
    data(
      api.POST("/api/v1/orchestrator/dead-letters/{letterId}/replay", {
        params: { path: { letterId: id } },
        body,
      }),
    ),
  );
}

/** Be done with one. */
export function useDropLetter() {
  return useLetterMutation(({ id, reason }: { id: string; reason: string }) =>
    data(
      api.POST("/api/v1/orchestrator/dead-letters/{letterId}/drop", {
        params: { path: { letterId: id } },
        body: { reason },
      }),
    ),
  );
}

/** Begin an act on all open ones that match; it goes on in the background. */
export function useLettersMatching() {
  return useLetterMutation(
    ({
      act,
      filter,
      reason,
      acknowledge,
    }: {
      act: "replay" | "drop";
      filter: LetterFilter;
      reason: string;
      acknowledge: boolean;
    }) =>
      act === "replay"
        ? data(
            api.POST("/api/v1/orchestrator/dead-letters/replay", { body: { filter, reason, acknowledge } }),
          )
        : data(api.POST("/api/v1/orchestrator/dead-letters/drop", { body: { filter, reason } })),
  );
}

/** Keep a run for ever, or let it go again. */
export function useKeepRun() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, keep }: { id: string; keep: boolean }) =>
      data(
        api.PUT("/api/v1/orchestrator/runs/{runId}/keep", {
          params: { path: { runId: id } },
          body: { keep },
        }),
      ),
    onSuccess: (run) => client.setQueryData(keys.runs.one(run.id), run),
  });
}

function useLetterMutation<V, T>(mutationFn: (variables: V) => Promise<T>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn,
    // Refused, too: somebody was faster, and the list should say so.
    onSettled: () => {
      void client.invalidateQueries({ queryKey: keys.letters.all });
      void client.invalidateQueries({ queryKey: keys.runs.all });
    },
  });
}
