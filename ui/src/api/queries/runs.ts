import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { api, data } from "../client";
import { PAGES } from "../pages";
import type { paths } from "../schema";
import type { JsonObject, Level, RunDetail, RunState } from "../types";
import { keys } from "./keys";

type Query = NonNullable<paths["/api/v1/orchestrator/runs"]["get"]["parameters"]["query"]>;

/** What the list of runs can be narrowed by: the API's own parameters. */
export type RunFilter = Omit<Query, "cursor" | "limit">;

/** Runs of all orchestrators, or of `orchestratorId`, newest first, page by page. */
export function runsQuery(filter: RunFilter = {}, limit = 50) {
  return infiniteQueryOptions({
    queryKey: keys.runs.list({ ...filter, limit }),
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/api/v1/orchestrator/runs", {
          params: { query: { ...filter, limit, cursor: pageParam } },
          signal,
        }),
      ),
    ...PAGES,
    placeholderData: keepPreviousData,
  });
}

/** All runs that match, newest first, in pages of 200; begun anew each time and kept nowhere. */
export async function* everyRun(filter: RunFilter, signal: AbortSignal) {
  let cursor: string | undefined;
  do {
    const page = await data(
      api.GET("/api/v1/orchestrator/runs", { params: { query: { ...filter, limit: 200, cursor } }, signal }),
    );
    yield page.items;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

/** How many runs of which state, over time; without `since` of the last 24 hours. */
export function runSummaryQuery(filter: RunFilter = {}, buckets = 60) {
  return queryOptions({
    queryKey: keys.runs.summary({ ...filter, buckets }),
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/orchestrator/runs/summary", { params: { query: { ...filter, buckets } }, signal }),
      ),
    placeholderData: keepPreviousData,
  });
}

/** What fails, each kind of failure once, the newest first; without `since` in the last 24 hours. */
export function runErrorsQuery(filter: RunFilter = {}, limit = 50) {
  return queryOptions({
    queryKey: keys.runs.errors({ ...filter, limit }),
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/orchestrator/runs/errors", { params: { query: { ...filter, limit } }, signal })),
    placeholderData: keepPreviousData,
  });
}

/** A run with its nodes and attempts. `useRunEvents` keeps it fresh while it is under way. */
export function runQuery(id: string) {
  return queryOptions({
    queryKey: keys.runs.one(id),
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/orchestrator/runs/{runId}", { params: { path: { runId: id } }, signal })),
  });
}

/** The run's lines in order, page by page. For a live run prefer `useRunEvents`. */
export function logsQuery(id: string, filter: { nodeId?: string; level?: Level[] } = {}) {
  return infiniteQueryOptions({
    queryKey: keys.runs.logs(id, filter),
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/api/v1/orchestrator/runs/{runId}/logs", {
          params: { path: { runId: id }, query: { ...filter, limit: 200, cursor: pageParam } },
          signal,
        }),
      ),
    ...PAGES,
  });
}

/** Start a run. A second click on the same form does not start a second one: give the form's own `key`. */
export function useStartRun() {
  return useRunMutation(
    ({
      orchestratorId,
      inputs,
      labels,
      key,
      revision,
    }: {
      orchestratorId: string;
      /** What is open; without it, the newest. */
      revision?: number;
      inputs?: JsonObject;
      labels?: Record<string, string>;
      key?: string;
    }) =>
      data(
        api.POST("/api/v1/orchestrator/{id}/run", {
          params: {
            path: { id: orchestratorId },
            header: key === undefined ? {} : { "idempotency-key": key },
          },
          body: { inputs: inputs ?? {}, labels: labels ?? {}, revision },
        }),
      ),
  );
}

export function useCancelRun() {
  return useRunMutation((id: string) =>
    data(api.POST("/api/v1/orchestrator/runs/{runId}/cancel", { params: { path: { runId: id } } })),
  );
}

/** Repeat an ended run as a new one: from "start", "failed" or a node's id. */
export function useRetryRun() {
  return useRunMutation(
    ({
      id,
      key,
      ...body
    }: {
      id: string;
      from: string;
      revision: "same" | "latest";
      inputs?: JsonObject | null;
      recorded?: boolean;
      key?: string;
    }) =>
      data(
        api.POST("/api/v1/orchestrator/runs/{runId}/retry", {
          params: { path: { runId: id }, header: key === undefined ? {} : { "idempotency-key": key } },
          body,
        }),
      ),
  );
}

/** Replace a run's labels. */
export function useLabelRun() {
  return useRunMutation(({ id, labels }: { id: string; labels: Record<string, string> }) =>
    data(
      api.PATCH("/api/v1/orchestrator/runs/{runId}", { params: { path: { runId: id } }, body: { labels } }),
    ),
  );
}

export function ended(status: RunState): boolean {
  return status === "COMPLETED" || status === "FAILED" || status === "CANCELLED";
}

function useRunMutation<V>(mutationFn: (variables: V) => Promise<RunDetail>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn,
    onSuccess: (run) => {
      client.setQueryData(keys.runs.one(run.id), run);
      for (const part of ["list", "summary", "errors"]) {
        void client.invalidateQueries({ queryKey: ["runs", part] });
      }
    },
  });
}
