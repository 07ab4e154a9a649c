import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { api, data } from "../client";
import { PAGES } from "../pages";
import type { RunCallbacks, Verdict } from "../types";
import { keys } from "./keys";

/** Callbacks as they came in, newest first, page by page. Operators and up. */
export function callbacksQuery(filter: { verdict?: Verdict; q?: string } = {}) {
  return infiniteQueryOptions({
    queryKey: keys.callbacks.list(filter),
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/api/v1/orchestrator/callbacks", {
          params: { query: { ...filter, cursor: pageParam } },
          signal,
        }),
      ),
    ...PAGES,
    placeholderData: keepPreviousData,
  });
}

/** One callback with its body. It never changes. Operators and up. */
export function callbackQuery(id: number) {
  return queryOptions({
    queryKey: keys.callbacks.one(id),
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/orchestrator/callbacks/{callbackId}", {
          params: { path: { callbackId: id } },
          signal,
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** The waits of a run, and every attempt to resume them. */
export function runCallbacksQuery(runId: string) {
  return queryOptions({
    queryKey: keys.callbacks.run(runId),
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/orchestrator/runs/{runId}/callbacks", { params: { path: { runId } }, signal })),
  });
}

/** Give a wait its body by hand. */
export function useResumeByHand() {
  return useCallbackMutation(
    ({ runId, nodeId, ...body }: { runId: string; nodeId: string; body: unknown; reason: string }) =>
      data(
        api.POST("/api/v1/orchestrator/runs/{runId}/callbacks/{nodeId}", {
          params: { path: { runId, nodeId } },
          body,
        }),
      ),
  );
}

/** Send a wait a body as its sender would: signed, where the step asks for that. */
export function useTestWait() {
  return useCallbackMutation(
    ({ runId, nodeId, ...body }: { runId: string; nodeId: string; body: unknown; reason: string }) =>
      data(
        api.POST("/api/v1/orchestrator/runs/{runId}/callbacks/{nodeId}/test", {
          params: { path: { runId, nodeId } },
          body,
        }),
      ),
  );
}

/** Bursts of refused callbacks that go on. */
export const burstsQuery = queryOptions({
  queryKey: keys.callbacks.bursts,
  queryFn: ({ signal }) =>
    data(api.GET("/api/v1/orchestrator/incidents", { params: { query: { open: true, limit: 50 } }, signal })),
  select: ({ items }) => items.filter(({ kind }) => kind === "callbacks"),
});

/** Give a received body once more to its own wait, or to the same wait of the run `to`. */
export function useReplayCallback() {
  return useCallbackMutation(
    ({ id, to, reason }: { id: number; runId: string; to?: string; reason: string }) =>
      data(
        api.POST("/api/v1/orchestrator/callbacks/{callbackId}/replay", {
          params: { path: { callbackId: id } },
          body: { reason, runId: to ?? null },
        }),
      ),
  );
}

/** Move the deadline of a wait that is going on. */
export function useExtendWait() {
  return useCallbackMutation(
    ({ runId, nodeId, seconds }: { runId: string; nodeId: string; seconds: number }) =>
      data(
        api.POST("/api/v1/orchestrator/runs/{runId}/callbacks/{nodeId}/extend", {
          params: { path: { runId, nodeId } },
          body: { seconds },
        }),
      ),
  );
}

function useCallbackMutation<V extends { runId: string; to?: string }>(
  mutationFn: (variables: V) => Promise<RunCallbacks>,
) {
  const client = useQueryClient();
  return useMutation({
    mutationFn,
    onSuccess: (answer, { runId, to }) => client.setQueryData(keys.callbacks.run(to ?? runId), answer),
    // Refused, too: somebody was faster, and the lists should say so.
    onSettled: (_answer, _error, { runId, to }) => {
      void client.invalidateQueries({ queryKey: keys.callbacks.all });
      void client.invalidateQueries({ queryKey: keys.runs.one(to ?? runId), exact: true });
    },
  });
}
