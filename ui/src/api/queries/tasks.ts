import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, data } from "../client";
import { keys } from "./keys";

/** The steps inside the execution a node stands for, asked of the platform. `live`: again every two seconds; once it has
 * ended, once more. */
export function tasksQuery(runId: string, nodeId: string, live: boolean) {
  return queryOptions({
    queryKey: keys.runs.tasks(runId, nodeId, live),
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/orchestrator/runs/{runId}/nodes/{nodeId}/tasks", {
          params: { path: { runId, nodeId } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    staleTime: live ? 1_000 : 300_000,
    refetchInterval: live ? 2_000 : false,
  });
}
