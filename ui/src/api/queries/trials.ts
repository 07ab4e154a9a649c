import { keepPreviousData, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../client";
import type { Schemas } from "../types";
import { keys } from "./keys";
import { runQuery } from "./runs";

export type TestMode = Schemas["TestRequest"]["mode"];
export type TestOrigin = NonNullable<Schemas["TestRequest"]["source"]>;

/** What a run or a test of a drawing would do. `shape` names the drawing and whatever else the answer depends on. */
export function planQuery(orchestrator: string, shape: string, ask: () => Schemas["PlanRequest"]) {
  return queryOptions({
    queryKey: keys.orchestrators.plan(orchestrator, shape),
    queryFn: ({ signal }) =>
      data(
        api.POST("/api/v1/orchestrator/{id}/plan", {
          params: { path: { id: orchestrator } },
          body: ask(),
          signal,
        }),
      ),
    gcTime: 30_000,
    placeholderData: keepPreviousData,
  });
}

/** What a retry would do. */
export function retryPlanQuery(
  runId: string,
  body: { from: string; revision: "same" | "latest"; recorded: boolean },
) {
  return queryOptions({
    queryKey: keys.runs.retryPlan(runId, body),
    queryFn: ({ signal }) =>
      data(
        api.POST("/api/v1/orchestrator/runs/{runId}/retry/plan", {
          params: { path: { runId } },
          body,
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
}

/** Run one node, or all up to it. Give each click its own `key`. */
export function useTest(orchestrator: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ key, ...body }: Schemas["TestRequest"] & { key: string }) =>
      data(
        api.POST("/api/v1/orchestrator/{id}/test", {
          params: { path: { id: orchestrator }, header: { "idempotency-key": key } },
          body,
        }),
      ),
    onSuccess: (run) => {
      client.setQueryData(keys.runs.one(run.id), run);
      // A short step has ended by now: its output is on its way while the screen turns to the run.
      void client.prefetchQuery({ ...runQuery(run.id), staleTime: 0 });
      for (const part of ["list", "summary"]) void client.invalidateQueries({ queryKey: ["runs", part] });
    },
  });
}
